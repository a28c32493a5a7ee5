"""A stand-in for the Hugging Face Hub on loopback: model repositories, read only.

The header names are what `huggingface_hub` insists on: without `X-Repo-Commit` and `ETag` it takes
the answer for a broken network, and it tells a missing repository from a missing file by
`X-Error-Code`.
"""

from __future__ import annotations

import hashlib
import re
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

FILE_URL = re.compile(r"/(?P<repo>[^/]+/[^/]+)/resolve/(?P<revision>[^/]+)/(?P<file>[^?]+)")
COMMIT = "0123456789abcdef0123456789abcdef01234567"
PIECE_BYTES = 64 * 1024


class FakeHub:
    """Serve `root/<user>/<name>/<files>` while the `with` block runs.

    Attributes:
        url: What `HF_ENDPOINT` must be.
        requests: Method and path of every request so far.
        silent: Accept connections, but never answer.
        status: Answer every request with this error.
        bytes_before_stall: Send this much of a file, then nothing more.
        pause: Seconds between two pieces of a file.
        is_hub: False answers 200 to everything, without the headers of a hub.
    """

    def __init__(
        self,
        root: Path,
        *,
        silent: bool = False,
        status: int | None = None,
        bytes_before_stall: int | None = None,
        pause: float = 0.0,
        is_hub: bool = True,
    ) -> None:
        self.root = root
        self.silent = silent
        self.status = status
        self.bytes_before_stall = bytes_before_stall
        self.pause = pause
        self.is_hub = is_hub
        self.requests: list[tuple[str, str]] = []
        self.stopped = threading.Event()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
        self._server.daemon_threads = True
        self._server.hub = self
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> FakeHub:
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(self, *_: Any) -> None:
        self.stopped.set()
        self._server.shutdown()
        self._server.server_close()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_HEAD(self) -> None:
        self._answer(with_body=False)

    def do_GET(self) -> None:
        self._answer(with_body=True)

    def log_message(self, *_: Any) -> None:
        pass

    def _answer(self, with_body: bool) -> None:
        hub: FakeHub = self.server.hub
        hub.requests.append((self.command, self.path))
        url = FILE_URL.fullmatch(self.path)
        if hub.silent:
            hub.stopped.wait()
        elif hub.status is not None:
            self._send_headers(hub.status)
        elif not hub.is_hub:
            self._send_headers(200)
        elif url is None or not (hub.root / url["repo"]).is_dir():
            # The real hub answers 401 here, lest it tell that a private repository exists.
            self._send_headers(401, {"X-Error-Code": "RepoNotFound"})
        elif url["revision"] not in ("main", COMMIT):
            self._send_headers(404, {"X-Error-Code": "RevisionNotFound"})
        else:
            self._send_file(hub.root / url["repo"] / url["file"], with_body)

    def _send_file(self, path: Path, with_body: bool) -> None:
        commit = {"X-Repo-Commit": COMMIT}
        if not path.is_file():
            self._send_headers(404, {"X-Error-Code": "EntryNotFound", **commit})
            return
        content = path.read_bytes()
        etag = {"ETag": f'"{hashlib.sha256(content).hexdigest()}"'}
        self._send_headers(200, commit | etag, length=len(content))
        if with_body:
            self._send_content(content)

    def _send_content(self, content: bytes) -> None:
        hub: FakeHub = self.server.hub
        sent = content[: hub.bytes_before_stall]
        for start in range(0, len(sent), PIECE_BYTES):
            self.wfile.write(sent[start : start + PIECE_BYTES])
            hub.stopped.wait(hub.pause)
        if len(sent) < len(content):
            hub.stopped.wait()

    def _send_headers(
        self, status: int, headers: dict[str, str] | None = None, length: int = 0
    ) -> None:
        self.send_response(status)
        for name, value in {**(headers or {}), "Content-Length": str(length)}.items():
            self.send_header(name, value)
        self.end_headers()
