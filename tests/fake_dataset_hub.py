"""A stand-in for the part of the Hugging Face Hub that data sets are pushed to, on loopback."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

API = re.compile(
    r"/api/datasets/(?P<repo>[^/]+/[^/?]+)(?:/(?P<what>[a-z-]+))?(?:/(?P<rest>[^?]+))?"
)


class FakeDatasetHub:
    """Keep data sets in memory while the `with` block runs.

    Attributes:
        url: What the endpoint must be.
        files: Of each data set, as they are now, by path.
        tags: Of each data set: the files at each tag.
        private: Whether each data set is private.
        commits: Messages, in order.
        status: Answer every request with this error.
    """

    def __init__(self, status: int | None = None) -> None:
        self.status = status
        self.files: dict[str, dict[str, bytes]] = {}
        self.tags: dict[str, dict[str, dict[str, bytes]]] = {}
        self.private: dict[str, bool] = {}
        self.commits: list[str] = []
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
        self._server.daemon_threads = True
        self._server.hub = self
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> FakeDatasetHub:
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(self, *_: Any) -> None:
        self._server.shutdown()
        self._server.server_close()

    def oid(self) -> str:
        """A commit number, as long as the real ones."""
        return hashlib.sha1("".join(self.commits).encode()).hexdigest()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: Any) -> None:
        pass

    def do_GET(self) -> None:
        hub: FakeDatasetHub = self.server.hub
        found = API.match(self.path)
        repo = found["repo"] if found else ""
        if hub.status is not None or repo not in hub.files:
            self._send({}, hub.status or 404)
        elif found["what"] == "refs":
            tags = [
                {"name": tag, "ref": f"refs/tags/{tag}", "targetCommit": hub.oid()}
                for tag in hub.tags[repo]
            ]
            self._send({"branches": [], "converts": [], "tags": tags})
        elif found["what"] == "tree":
            items = [
                {
                    "type": "file",
                    "path": path,
                    "size": len(data),
                    "oid": hashlib.sha1(data).hexdigest(),
                }
                for path, data in hub.files[repo].items()
            ]
            self._send(items)
        else:
            siblings = [{"rfilename": path} for path in hub.files[repo]]
            about = {"id": repo, "private": hub.private[repo], "sha": hub.oid(), "tags": []}
            self._send({**about, "siblings": siblings})

    def do_POST(self) -> None:
        hub: FakeDatasetHub = self.server.hub
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        found = API.match(self.path)
        if hub.status is not None:
            self._send({}, hub.status)
        elif self.path == "/api/repos/create":
            self._create(json.loads(body))
        elif self.path == "/api/validate-yaml":
            self._send({"errors": [], "warnings": []})
        elif found["what"] == "preupload":
            files = [
                {"path": item["path"], "uploadMode": "regular", "shouldIgnore": False}
                for item in json.loads(body)["files"]
            ]
            self._send({"files": files})
        elif found["what"] == "commit":
            self._commit(found["repo"], [json.loads(line) for line in body.splitlines()])
        elif found["what"] == "tag":
            hub.tags[found["repo"]][json.loads(body)["tag"]] = dict(hub.files[found["repo"]])
            self._send({})

    def _create(self, wanted: dict[str, Any]) -> None:
        hub: FakeDatasetHub = self.server.hub
        repo = f"{wanted['organization']}/{wanted['name']}"
        assert wanted["type"] == "dataset"
        is_new = repo not in hub.files
        if is_new:
            hub.files[repo] = {".gitattributes": b"*.png filter=lfs"}
            hub.tags[repo] = {}
            hub.private[repo] = wanted.get("visibility") == "private"
        url = f"{hub.url}/datasets/{repo}"
        self._send({"url": url, "name": repo, "id": repo}, 200 if is_new else 409)

    def _commit(self, repo: str, lines: list[dict[str, Any]]) -> None:
        hub: FakeDatasetHub = self.server.hub
        for line in lines:
            value = line["value"]
            if line["key"] == "header":
                hub.commits.append(value["summary"])
            elif line["key"] == "file":
                hub.files[repo][value["path"]] = base64.b64decode(value["content"])
            elif line["key"] == "deletedFile":
                del hub.files[repo][value["path"]]
        url = f"{hub.url}/datasets/{repo}/commit/{hub.oid()}"
        self._send({"success": True, "commitOid": hub.oid(), "commitUrl": url})

    def _send(self, content: Any, status: int = 200) -> None:
        data = json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)
