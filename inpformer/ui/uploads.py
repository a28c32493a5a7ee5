"""The web server's cache of uploads and drawings: bounded, and rid of what nobody uses."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

import gradio as gr
from anyio.to_thread import run_sync
from starlette.formparsers import MultiPartException
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from inpformer.ui.sessions import Sessions
from inpformer.ui.words import words_of

_ROUTE = "/gradio_api/upload"
_TIDY_SECONDS = 60.0
# Room is made for more than what comes, or it would have to be made again at once.
_FULL_AFTER_TIDYING = 0.9


class _File(NamedTuple):
    born: float
    size: int
    path: Path


class Uploads:
    """Files that gradio keeps for visitors, whoever they are.

    An upload comes without a name of its visitor, and is somebody's only when an action uses it.
    Until then it is loose: deleted when it is old, and before others where room is needed. What
    somebody uses beyond the bytes that a visitor may have is loose, too.

    Args:
        sessions: The visitors.
        name_sets: Where gradio writes down the files it made.
        of_everybody: Files that the page shows to all.
        most_megabytes: Of all files together.
        clock: Seconds, as files have them.
    """

    def __init__(
        self,
        sessions: Sessions,
        name_sets: Callable[[], Iterable[set[str]]],
        of_everybody: Callable[[], set[Path]],
        most_megabytes: int,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._sessions, self._name_sets = sessions, name_sets
        self._of_everybody, self._clock = of_everybody, clock
        self._most = 1_000_000 * most_megabytes
        # Bytes of the files there are, and of uploads that are still coming.
        self._here = self._coming = 0
        self._lock, self._ended = threading.Lock(), threading.Event()

    def tidy(self) -> None:
        """Delete what is loose and old, and the oldest of what is loose where room is needed."""
        with self._lock:
            files = sorted(self._files())
            used = self._used(files)
            here = sum(file.size for file in files)
            room = self._most - self._coming
            most = room if here <= room else _FULL_AFTER_TIDYING * room
            for file in files:
                is_old = self._clock() - file.born > self._sessions.idle_seconds
                if file.path not in used and (is_old or here > most):
                    file.path.unlink(missing_ok=True)
                    with contextlib.suppress(OSError):
                        file.path.parent.rmdir()
                    here -= file.size
            self._here = here

    def watch(self) -> None:
        """Tidy every minute, in a thread, until `end`."""
        self.end()
        self._ended = ended = threading.Event()

        def run() -> None:
            while not ended.wait(_TIDY_SECONDS):
                self.tidy()

        threading.Thread(target=run, daemon=True, name="tidy").start()

    def end(self) -> None:
        """Tidy no more."""
        self._ended.set()

    async def take(self, byte_count: int) -> bool:
        """Count bytes that come, make room for them, and say whether there is any."""
        self._coming += byte_count
        if self._here + self._coming > self._most:
            await run_sync(self.tidy)
        return self._here + self._coming <= self._most

    def arrived(self, byte_count: int) -> None:
        """Note that an upload has ended, of which so many bytes came."""
        self._coming -= byte_count
        self._here += byte_count

    def _files(self) -> Iterator[_File]:
        """Yield the files there are, and let gradio forget the names of those that went."""
        for names in self._name_sets():
            for name in list(names):
                try:
                    state = Path(name).stat()
                except OSError:
                    names.discard(name)
                else:
                    # When it came to this place: what is in it may be older.
                    yield _File(state.st_ctime, state.st_size, Path(name).resolve())

    def _used(self, files: list[_File]) -> set[Path]:
        used = set(self._of_everybody())
        for theirs in self._sessions.uploads():
            left = 1_000_000 * self._sessions.limits.visitor_megabytes
            for file in reversed(files):
                if file.path in theirs and (left := left - file.size) >= 0:
                    used.add(file.path)
        return used


class UploadGate:
    """Lets uploads in while there is room, and nothing of those stay that end in the middle.

    Args:
        app: What answers.
        uploads: Where they go.
    """

    def __init__(self, app: ASGIApp, uploads: Uploads) -> None:
        self._app, self._uploads = app, uploads

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        if scope["type"] != "http" or not scope["path"].rstrip("/").endswith(_ROUTE):
            await self._app(scope, receive, send)
            return
        words, came = words_of(gr.Request(Request(scope))), 0

        async def counted() -> Message:
            nonlocal came
            message = await receive()
            # At this exception alone, gradio deletes what it has written of an upload.
            if message["type"] == "http.disconnect":
                raise MultiPartException("The client went away.")
            came += (size := len(message.get("body", b"")))
            if not await self._uploads.take(size):
                raise MultiPartException(words.NO_ROOM)
            return message

        try:
            await self._app(scope, counted, send)
        finally:
            self._uploads.arrived(came)
