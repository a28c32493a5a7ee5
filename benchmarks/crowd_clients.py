"""Clients that are slow or vanish, and visitors who cancel: what becomes of their places."""

from __future__ import annotations

import contextlib
import json
import secrets
import socket
import threading
import time
from collections.abc import Callable, Iterator
from urllib.parse import urlsplit

import httpx

from benchmarks.crowd_server import Server
from benchmarks.crowd_visitor import Mark, Marks, RefusedError, Visitor, functions_of

_FREED_SECONDS = 2.0
_PATIENCE = 120.0
# Long enough for whatever is done to them while they run.
_LONG_FIT = ("inp-former++", 2000, 6, False, 0, "", 0.05, None, "", None)
_UPLOAD = (
    b"POST /gradio_api/upload HTTP/1.1\r\nHost: slow\r\nContent-Length: 4000000\r\n"
    b"Content-Type: multipart/form-data; boundary=line\r\n\r\n"
    b'--line\r\nContent-Disposition: form-data; name="files"; filename="%b.png"\r\n\r\n'
)


class BadClients:
    """Those who are slow or vanish while others work.

    Args:
        url: Of the page.
        mark: Theirs.
        functions: Of the page.
    """

    def __init__(self, url: str, mark: Mark, functions: dict[str, int]) -> None:
        self._url, self._mark, self._functions = url, mark, functions
        self._counts = {"slow uploads": 0, "slow readers": 0, "vanished": 0}

    def jobs(self) -> list[Callable[[threading.Event], None]]:
        """Return what they do, each until it is told that it is over."""
        return [self._upload_slowly, self._read_slowly, self._vanish]

    def lines(self) -> list[str]:
        """Return what to print of them."""
        counts = ", ".join(f"{count} {what}" for what, count in self._counts.items())
        return [f"beside them: {counts}"]

    def _upload_slowly(self, over: threading.Event) -> None:
        """Send 4 kB a second, for half a minute."""
        while not over.is_set():
            with contextlib.suppress(OSError), half_an_upload(self._url) as line:
                for _ in range(30):
                    line.sendall(bytes(4000))
                    if over.wait(1.0):
                        return
            self._counts["slow uploads"] += 1

    def _read_slowly(self, over: threading.Event) -> None:
        """Read the page at 4 kB a second, for half a minute."""
        address = urlsplit(self._url)
        while not over.is_set():
            with contextlib.suppress(OSError), socket.socket() as line:
                line.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
                line.settimeout(_PATIENCE)
                line.connect((address.hostname, address.port))
                line.sendall(b"GET / HTTP/1.1\r\nHost: slow\r\n\r\n")
                for _ in range(30):
                    if not line.recv(4000) or over.wait(1.0):
                        break
            self._counts["slow readers"] += 1

    def _vanish(self, over: threading.Event) -> None:
        """Ask for something long and close the line, in the middle of it or of the upload."""
        visitor = Visitor(self._url, self._mark, self._functions)
        while not over.is_set():
            visitor.session = secrets.token_hex(6)
            with contextlib.suppress(OSError, httpx.HTTPError, RefusedError):
                with half_an_upload(self._url) as line:
                    line.sendall(bytes(4000))
                fit = ("fit", [visitor.picture(1)], *_LONG_FIT)
                look = ("inspect", visitor.picture(2), "full", "fitted")
                for action in (fit, look):
                    gone = Line(visitor, *action)
                    gone.wait_for()
                    gone.close()
            self._counts["vanished"] += 3
            over.wait(5.0)


@contextlib.contextmanager
def half_an_upload(url: str, name: str = "half") -> Iterator[socket.socket]:
    """Begin an upload, and close the line in the middle of it."""
    address = urlsplit(url)
    with socket.create_connection((address.hostname, address.port), timeout=_PATIENCE) as line:
        line.sendall(_UPLOAD % name.encode())
        yield line


class Line:
    """An action of a visitor's with its line to the server, which can be closed at any time.

    Args:
        visitor: Who acts.
        name: Of the function.
        values: What it is given.
    """

    def __init__(self, visitor: Visitor, name: str, *values: object) -> None:
        visitor.join(name, *values)
        self._opened = contextlib.ExitStack()
        self._lines = self._opened.enter_context(
            visitor.http.stream(
                "GET",
                f"{visitor.url}/gradio_api/queue/data",
                params={"session_hash": visitor.session},
            )
        ).iter_lines()

    def wait_for(self, kind: str = "") -> float:
        """Wait for a message of a kind, or any, and return when it came.

        Raises:
            RefusedError: The action ended before.
        """
        for line in self._lines:
            found = json.loads(line[5:])["msg"] if line.startswith("data:") else ""
            if found and kind in ("", found):
                return time.monotonic()
            if found == "process_completed":
                break
        raise RefusedError(f"It ended before '{kind}' came: {line[:300]}")

    def close(self) -> None:
        """Go away."""
        self._opened.close()


class Places:
    """How soon a place is free again, where nobody else is there.

    Args:
        server: The app.
    """

    def __init__(self, server: Server) -> None:
        functions = functions_of(server.url)
        self._server = server
        marks = Marks(3).all
        self._ann, self._bob, self._eve = (Visitor(server.url, mark, functions) for mark in marks)
        for visitor in (self._ann, self._bob, self._eve):
            visitor.arrive()

    def measure(self, times: int) -> tuple[list[str], list[str]]:
        """Return a table of so many times each, and what is wrong in it."""
        cases = {
            "a fit is cancelled": (self._fit, self._cancel, False),
            "an inspection of many is cancelled": (self._many, self._cancel, False),
            "a client vanishes in a fit": (self._fit, Line.close, False),
            "a client vanishes in an inspection of many": (self._many, Line.close, False),
            "a fit is cancelled, and who was next has vanished": (self._fit, self._cancel, True),
        }
        lines, problems = ["| the place is free again when | after seconds |", "|---|---|"], []
        # The very first ones load what is needed for fits and for many pictures.
        for begin in (self._fit, self._many):
            self._freed(begin, self._cancel, False)
        for what, case in cases.items():
            seconds = [self._freed(*case) for _ in range(times)]
            lines.append(f"| {what} | {', '.join(f'{each:.2f}' for each in seconds)} |")
            if max(seconds) > _FREED_SECONDS:
                problems.append(f"{what}: the place was free after {max(seconds):.1f} s")
        return lines, problems

    def _freed(
        self, begin: Callable[[Visitor], Line], end: Callable[[Line], None], has_next: bool
    ) -> float:
        """Return seconds from the end of Ann's work to the beginning of Bob's."""
        line = begin(self._ann)
        line.wait_for("process_generating")
        if has_next:
            gone = self._fit(self._eve)
            gone.wait_for("estimation")
            gone.close()
        bob = self._fit(self._bob)
        bob.wait_for("estimation")
        ended = time.monotonic()
        end(line)
        seconds = bob.wait_for("process_starts") - ended
        bob.wait_for("process_generating")
        self._bob.now("cancel")
        bob.wait_for("process_completed")
        bob.close()
        line.close()
        _wait_until_idle(self._server)
        return seconds

    def _fit(self, visitor: Visitor) -> Line:
        return Line(visitor, "fit", [visitor.picture(seed) for seed in range(4)], *_LONG_FIT)

    def _many(self, visitor: Visitor) -> Line:
        pictures = [visitor.picture(seed) for seed in range(40)]
        return Line(visitor, "inspect_all", pictures, None, "full", "fitted")

    def _cancel(self, _: Line) -> None:
        self._ann.now("cancel")


def _wait_until_idle(server: Server) -> None:
    end = time.monotonic() + _PATIENCE
    while time.monotonic() < end:
        state = server.health()
        if not state["running"] and not state["waiting"] and not state["jobs"]:
            return
        time.sleep(0.05)
    raise RuntimeError(f"The server does not come to rest: {state}")
