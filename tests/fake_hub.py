"""A stand-in for the Hugging Face Hub on loopback: models and data sets, to read and to write.

Like the real one it keeps large files apart: their address on a second server is given in a
redirect, and they are uploaded there before a commit names them. `fake_hub_server` has its HTTP.
"""

from __future__ import annotations

import hashlib
import sys
import threading
from http.server import ThreadingHTTPServer
from typing import Any

from fake_hub_repo import LARGE, OWNER, TOKEN, FakeRepo, Fault, Request
from fake_hub_server import CdnHandler, HubHandler


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_: Any) -> None:
        if not isinstance(sys.exc_info()[1], ConnectionError):  # a client may leave
            super().handle_error(*_)


class FakeHub:
    """Run while the `with` block does.

    Attributes:
        url: What `HF_ENDPOINT` must be.
        requests: Every request to the Hub so far; `cdn_requests`, those for large files.
        models: Repositories by name; `datasets`, those of data sets.
        moved: New names by old ones.
        tokens: Users by token.
        objects: Large files by their hash.
        uploads: Hashes that were uploaded, in order.
        faults: See `fail`.
        silent: Accept connections, but never answer.
        is_hub: False answers 200 to everything, without the headers of a hub.
        stall_at: Send this much of a large file, then nothing more.
        cut_at: Break the connection after this much of a large file; `cuts` times.
        pause: Seconds between two pieces of a large file, down or up.
        ignores_range: Send large files from the beginning whatever is asked for.
    """

    def __init__(self, *, silent: bool = False, is_hub: bool = True, pause: float = 0.0) -> None:
        self.silent, self.is_hub, self.pause = silent, is_hub, pause
        self.stall_at: int | None = None
        self.cut_at: int | None = None
        self.cuts = 0.0
        self.ignores_range = False
        self.requests: list[Request] = []
        self.cdn_requests: list[Request] = []
        self.models: dict[str, FakeRepo] = {}
        self.datasets: dict[str, FakeRepo] = {}
        self.moved: dict[str, str] = {}
        self.tokens = {TOKEN: OWNER}
        self.objects: dict[str, bytes] = {}
        self.uploads: list[str] = []
        self.faults: list[Fault] = []
        self.stopped = threading.Event()
        self._servers = [self._serve(handler) for handler in (HubHandler, CdnHandler)]
        self.url, self.cdn_url = (
            f"http://127.0.0.1:{server.server_address[1]}" for server in self._servers
        )

    def _serve(self, handler: type) -> _Server:
        server = _Server(("127.0.0.1", 0), handler)
        server.hub = self
        return server

    def __enter__(self) -> FakeHub:
        for server in self._servers:
            threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(self, *_: Any) -> None:
        self.stopped.set()
        for server in self._servers:
            server.shutdown()
            server.server_close()

    def put(self, name: str, files: dict[str, bytes], **facts: bool) -> FakeRepo:
        """Commit files to a model, beside those it has; it is made if it is not there."""
        repo = self.models.setdefault(name, FakeRepo(name))
        for fact, value in facts.items():
            setattr(repo, fact, value)
        repo.commit({**(repo.files if repo.commits else {}), **files})
        for path, data in files.items():
            if LARGE.search(path):
                self.objects[hashlib.sha256(data).hexdigest()] = data
        return repo

    def fail(self, status: int, pattern: str = "", times: float = float("inf")) -> None:
        """Answer with an error from now on."""
        self.faults.append(Fault(status, pattern, times))

    def paths(self) -> list[str]:
        """What was asked for, without the questions after the path."""
        return [request.path.partition("?")[0] for request in self.requests]
