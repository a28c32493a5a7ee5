"""The HTTP of the stand-in Hub.

The header names are what `huggingface_hub` insists on: without `X-Repo-Commit` and `ETag` it takes
the answer for a broken network, and it tells a missing repository from a missing file by
`X-Error-Code`.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
import socket
from http.server import BaseHTTPRequestHandler
from typing import Any
from urllib.parse import unquote

import yaml
from fake_hub_repo import LARGE, FakeRepo, Request

FILE = re.compile(r"/(?P<kind>datasets/)?(?P<repo>[^/]+/[^/]+)/resolve/(?P<rev>[^/]+)/(?P<file>.+)")
API = re.compile(r"/api/(?P<kind>models|datasets)/(?P<repo>[^/]+/[^/]+)(?:/(?P<rest>.+))?")
BATCH = re.compile(r"/(?P<kind>datasets/)?(?P<repo>[^/]+/[^/]+)\.git/info/lfs/objects/batch")
LICENCES = {"apache-2.0", "mit", "cc-by-4.0", "cc-by-nc-4.0", "other"}
PIECE_BYTES = 64 * 1024


def git_hash(data: bytes) -> str:
    return hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()


class Answer(Exception):
    """An answer that is not 200."""

    def __init__(self, status: int, content: Any = None, **headers: str) -> None:
        super().__init__(status)
        self.status, self.content = status, {"error": str(status)} if content is None else content
        self.headers = {name.replace("_", "-"): value for name, value in headers.items()}


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: Any) -> None:
        pass

    def _note(self, requests: list[Any]) -> Any:
        token = (self.headers.get("Authorization") or "").removeprefix("Bearer ") or None
        request = Request(self.command, self.path, token, self.headers.get("Range"))
        requests.append(request)
        return request

    def _body(self) -> bytes:
        if "chunked" not in (self.headers.get("Transfer-Encoding") or ""):
            return self._read(int(self.headers.get("Content-Length", 0)))
        data = b""
        while size := int(self.rfile.readline(), 16):
            data += self._read(size)
            self.rfile.readline()
        self.rfile.readline()
        return data

    def _read(self, size: int) -> bytes:
        hub, data = self.server.hub, b""
        while len(data) < size:
            data += self.rfile.read(min(PIECE_BYTES, size - len(data)))
            if size > PIECE_BYTES:
                hub.stopped.wait(hub.pause)
        return data

    def _send(self, content: Any, status: int = 200, headers: dict[str, str] | None = None) -> None:
        data = json.dumps(content).encode()
        self._send_head(status, {"Content-Type": "application/json", **(headers or {})}, len(data))
        if self.command != "HEAD":
            self.wfile.write(data)

    def _send_head(self, status: int, headers: dict[str, str], length: int) -> None:
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(length)}.items():
            self.send_header(name, value)
        self.end_headers()


class HubHandler(_Handler):
    """Answers what the Hub is asked."""

    def do_HEAD(self) -> None:
        self._answer()

    do_GET = do_POST = do_HEAD

    def _answer(self) -> None:
        hub = self.server.hub
        request = self._note(hub.requests)
        if hub.silent:
            hub.stopped.wait()
            return
        body = self._body()
        path = unquote(self.path.partition("?")[0])
        try:
            if not hub.is_hub:
                self._send_head(200, {}, 0)
                return
            for fault in hub.faults:
                if fault.hits(request):
                    raise Answer(fault.status)
            if request.token is not None and request.token not in hub.tokens:
                raise Answer(401, X_Error_Message="Invalid credentials in Authorization header")
            self._route(path, body, hub.tokens.get(request.token))
        except Answer as answer:
            self._send(answer.content, answer.status, answer.headers)

    def _route(self, path: str, body: bytes, user: str | None) -> None:
        if found := FILE.fullmatch(path):
            repo = self._repo(found["kind"] or "models", found["repo"], user)
            self._file(repo, found["rev"], found["file"], user)
        elif found := BATCH.fullmatch(path):
            repo = self._repo(found["kind"] or "models", found["repo"], user, to_write=True)
            self._batch(json.loads(body))
        elif path == "/api/whoami-v2":
            self._send({"name": user, "type": "user"} if user else {}, 200 if user else 401)
        elif path == "/api/repos/create":
            self._create(json.loads(body), user)
        elif path == "/api/validate-yaml":
            self._validate(json.loads(body)["content"])
        elif found := API.fullmatch(path):
            what, _, rest = (found["rest"] or "").partition("/")
            to_write = self.command == "POST"
            repo = self._repo(found["kind"], found["repo"], user, to_write)
            self._api(repo, what, rest, body)
        else:
            raise Answer(404)

    def _repo(self, kind: str, name: str, user: str | None, to_write: bool = False) -> Any:
        hub = self.server.hub
        if name in hub.moved:
            raise Answer(307, Location=self.path.replace(name, hub.moved[name]))
        repo = (hub.datasets if kind.startswith("datasets") else hub.models).get(name)
        is_owner = user is not None and user == name.partition("/")[0]
        if repo is None or (repo.private and not is_owner):
            # The real hub answers 401 here, lest it tell that a private repository exists.
            raise Answer(401 if user is None else 404, X_Error_Code="RepoNotFound")
        if to_write and not is_owner:
            raise Answer(403, X_Error_Message="You don't have the rights to do this")
        return repo

    def _commit_of(self, repo: Any, revision: str) -> str:
        commit = repo.resolve(revision)
        if commit is None:
            raise Answer(404, X_Error_Code="RevisionNotFound")
        return commit

    def _file(self, repo: Any, revision: str, path: str, user: str | None) -> None:
        hub, commit = self.server.hub, self._commit_of(repo, revision)
        if repo.gated and user is None:
            raise Answer(401, X_Error_Code="GatedRepo")
        data = repo.commits[commit].get(path)
        if data is None:
            raise Answer(404, X_Error_Code="EntryNotFound", X_Repo_Commit=commit)
        if LARGE.search(path):
            oid = hashlib.sha256(data).hexdigest()
            raise Answer(
                302,
                Location=f"{hub.cdn_url}/{oid}",
                X_Repo_Commit=commit,
                X_Linked_ETag=f'"{oid}"',
                X_Linked_Size=str(len(data)),
                ETag=f'"{git_hash(oid.encode())}"',
            )
        self._send_head(200, {"X-Repo-Commit": commit, "ETag": f'"{git_hash(data)}"'}, len(data))
        if self.command == "GET":
            self.wfile.write(data)

    def _api(self, repo: Any, what: str, rest: str, body: bytes) -> None:
        if what in ("", "revision"):
            self._info(repo, self._commit_of(repo, rest or "main"))
        elif what == "tree":
            files = repo.commits[self._commit_of(repo, rest)]
            self._send([{"type": "file", "path": p, **_facts(p, d)} for p, d in files.items()])
        elif what == "refs":
            tags = [
                {"name": name, "ref": f"refs/tags/{name}", "targetCommit": commit}
                for name, commit in repo.tags.items()
            ]
            self._send({"branches": [], "converts": [], "tags": tags})
        elif what == "tag":
            name = json.loads(body)["tag"]
            if name in repo.tags:
                raise Answer(409)
            repo.tags[name] = self._commit_of(repo, rest)
            self._send({})
        elif what == "preupload":
            self._preupload(repo, json.loads(body)["files"])
        elif what == "commit":
            self._commit(repo, [json.loads(line) for line in body.splitlines()])
        else:
            raise Answer(404)

    def _info(self, repo: Any, commit: str) -> None:
        siblings = [
            {"rfilename": path, "blobId": facts.pop("oid"), **facts}
            for path, facts in ((p, _facts(p, d)) for p, d in repo.commits[commit].items())
        ]
        about = {"id": repo.name, "sha": commit, "private": repo.private, "tags": []}
        card = _front_matter(repo.commits[commit].get("README.md", b"").decode())
        self._send({**about, "gated": repo.gated, "siblings": siblings, "cardData": card})

    def _create(self, wanted: dict[str, Any], user: str | None) -> None:
        hub, name = self.server.hub, f"{wanted['organization']}/{wanted['name']}"
        if user != wanted["organization"]:
            raise Answer(401 if user is None else 403)
        repos = hub.datasets if wanted.get("type") == "dataset" else hub.models
        url = {"url": f"{hub.url}/{name}", "name": name, "id": name}
        if name in repos:
            raise Answer(409, url)
        repos[name] = repo = FakeRepo(name, private=wanted.get("visibility") == "private")
        repo.commit({".gitattributes": b"*.safetensors filter=lfs"}, "initial commit")
        self._send(url)

    def _validate(self, content: str) -> None:
        try:
            licence = _front_matter(content).get("license")
        except yaml.YAMLError as error:
            raise Answer(400, {"errors": [{"message": str(error)}], "warnings": []}) from error
        if licence is not None and licence not in LICENCES:
            message = '"license" must be one of [apache-2.0, mit, ...]'
            raise Answer(400, {"errors": [{"message": message}], "warnings": []})
        self._send({"errors": [], "warnings": []})

    def _preupload(self, repo: Any, items: list[dict[str, Any]]) -> None:
        files = []
        for item in items:
            path = item["path"]
            mode = "lfs" if LARGE.search(path) else "regular"
            known = repo.files.get(path)
            oid = None
            if known is not None:
                oid = hashlib.sha256(known).hexdigest() if mode == "lfs" else git_hash(known)
            files.append({"path": path, "uploadMode": mode, "shouldIgnore": False, "oid": oid})
        self._send({"files": files})

    def _batch(self, wanted: dict[str, Any]) -> None:
        hub, objects = self.server.hub, []
        for item in wanted["objects"]:
            actions = {}
            if item["oid"] not in hub.objects:
                upload = {"href": f"{hub.cdn_url}/{item['oid']}"}
                actions = {"actions": {"upload": upload}}
            objects.append({**item, **actions})
        self._send({"transfer": "basic", "objects": objects})

    def _commit(self, repo: Any, lines: list[dict[str, Any]]) -> None:
        hub, files, message = self.server.hub, dict(repo.files), ""
        for line in lines:
            value = line["value"]
            if line["key"] == "header":
                message = value["summary"]
                if value.get("parentCommit") not in (None, repo.head):
                    raise Answer(412)
            elif line["key"] == "file":
                files[value["path"]] = base64.b64decode(value["content"])
            elif line["key"] == "lfsFile":
                if value["oid"] not in hub.objects:
                    raise Answer(400)
                files[value["path"]] = hub.objects[value["oid"]]
            elif line["key"] == "deletedFile":
                del files[value["path"]]
        oid = repo.commit(files, message)
        url = f"{hub.url}/{repo.name}/commit/{oid}"
        self._send({"success": True, "commitOid": oid, "commitUrl": url})


class CdnHandler(_Handler):
    """Keeps and gives large files."""

    def do_PUT(self) -> None:
        hub = self.server.hub
        self._note(hub.cdn_requests)
        data = self._body()
        oid = self.path.strip("/")
        if hashlib.sha256(data).hexdigest() != oid:
            self._send({}, 400)
            return
        hub.objects[oid] = data
        hub.uploads.append(oid)
        self._send({})

    def do_GET(self) -> None:
        hub = self.server.hub
        request = self._note(hub.cdn_requests)
        data = hub.objects[self.path.strip("/")]
        start, end = 0, len(data)
        if request.range and not hub.ignores_range:
            first, last = re.fullmatch(r"bytes=(\d+)-(\d*)", request.range).groups()
            start, end = int(first), min(int(last or len(data)) + 1, len(data))
            place = {"Content-Range": f"bytes {start}-{end - 1}/{len(data)}"}
            self._send_head(206, place, end - start)
        else:
            self._send_head(200, {}, len(data))
        self._send_pieces(data[start:end])

    def _send_pieces(self, data: bytes) -> None:
        hub = self.server.hub
        is_cut = hub.cut_at is not None and hub.cuts >= 1 and len(data) > hub.cut_at
        limit = hub.cut_at if is_cut else hub.stall_at
        sent = data[:limit]
        for start in range(0, len(sent), PIECE_BYTES):
            self.wfile.write(sent[start : start + PIECE_BYTES])
            hub.stopped.wait(hub.pause)
        if is_cut:
            hub.cuts -= 1
            self.wfile.flush()
            self.connection.shutdown(socket.SHUT_RDWR)
            self.close_connection = True
        elif len(sent) < len(data):
            hub.stopped.wait()


def _facts(path: str, data: bytes) -> dict[str, Any]:
    facts: dict[str, Any] = {"size": len(data), "oid": git_hash(data)}
    if LARGE.search(path):
        sha256 = hashlib.sha256(data).hexdigest()
        facts["lfs"] = {"size": len(data), "sha256": sha256, "oid": sha256, "pointerSize": 134}
    return facts


def _front_matter(text: str) -> dict[str, Any]:
    match = re.match(r"---\n(.*?)\n---\n", text, re.S)
    found = yaml.safe_load(match[1]) if match else None
    return found if isinstance(found, dict) else {}
