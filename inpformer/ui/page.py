"""The page that remembers which files of the web server's cache were made for whom."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import Any

import gradio as gr
from gradio.block_function import BlockFunction
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse
from starlette.routing import Route

from inpformer.files import DISK_ERRORS
from inpformer.settings import Settings
from inpformer.ui.health import health
from inpformer.ui.service import SERVICE
from inpformer.ui.sessions import Sessions
from inpformer.ui.words import words_of


class Page(gr.Blocks):
    """Blocks whose drawings can be deleted with the visitor they were drawn for.

    Gradio writes every picture it shows to a cache that knows no visitors.

    Args:
        sessions: The visitors.
        upload_root: The cache.
        serves: What `/health` says of the model.
        stop_seconds: What running actions are given when the process is asked to end.
        options: What `gr.Blocks` takes.

    Attributes:
        takes_as_sent: Names of functions in the API that are given what was sent, and None for
            what was not: gradio would fetch whatever address is given for a picture.
    """

    def __init__(
        self,
        sessions: Sessions,
        upload_root: Path,
        serves: dict[str, str] | None = None,
        stop_seconds: float = Settings.stop_seconds,
        **options: Any,
    ) -> None:
        super().__init__(**options)
        self._serves = serves or {}
        self._stop_seconds = stop_seconds
        self.takes_as_sent: set[str] = set()
        self._visitors = sessions
        self._upload_root = upload_root.resolve()

    def launch(self, **options: Any) -> Any:
        """Serve the page as gradio does, and `/health` beside it."""

        async def answer(_: Request) -> JSONResponse:
            status = 503 if SERVICE.is_stopping else 200
            found = health(self._serves, self._visitors, len(self._queue))
            return JSONResponse(found, status, {"Cache-Control": "no-store"})

        SERVICE.resume()
        served = {"routes": [Route("/health", answer)], "exception_handlers": {OSError: _no_disk}}
        return super().launch(**options, app_kwargs=served)

    def block_thread(self) -> None:
        """Serve until the process is asked to end; then let what runs end, and delete all."""
        asked = threading.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: asked.set())
        # In pieces, for on Windows a wait without end cannot be interrupted.
        while self.is_running and not asked.wait(0.5):
            pass
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, signal.SIG_DFL)  # whoever asks twice is in a hurry
        SERVICE.stop(self._stop_seconds, self._visitors.stop_jobs)
        self._visitors.forget_all()
        self.close(verbose=False)

    async def process_api(self, *args: Any, **kwargs: Any) -> dict[str, Any]:
        """Answer an event as gradio does, and note the files of question and answer."""
        self._visitors.of_everybody = self._of_everybody
        request = kwargs.get("request")
        session_id = getattr(request, "session_hash", None)
        # Before the answer: it may be that to *Forget me*, which names what was never used.
        self._note(session_id, kwargs.get("inputs"))
        answer = await super().process_api(*args, **kwargs)
        self._note(session_id, answer.get("data"))
        return answer

    def _note(self, session_id: str | None, values: Any) -> None:
        if session_id:
            files = {path.resolve() for path in _files_in(values, self._upload_root)}
            self._visitors.note_files(session_id, files - self._of_everybody)

    async def preprocess_data(
        self, block_fn: BlockFunction, inputs: list[Any], *args: Any, **kwargs: Any
    ) -> list[Any]:
        """Return what a function is given: as gradio does it, or as it was sent."""
        if block_fn.api_name in self.takes_as_sent:
            wanted = len(block_fn.inputs)
            return [*inputs, *[None] * wanted][:wanted]
        return await super().preprocess_data(block_fn, inputs, *args, **kwargs)

    @cached_property
    def _of_everybody(self) -> set[Path]:
        """Files that the page shows from the beginning."""
        shown = _files_in(self.get_config_file()["components"], self._upload_root)
        return {path.resolve() for path in shown}


async def _no_disk(request: Request, error: Exception) -> PlainTextResponse:
    """Answer an upload that the disk does not take, which the browser shows."""
    if not (isinstance(error, OSError) and error.errno in DISK_ERRORS):
        raise error
    words = words_of(request)
    return PlainTextResponse(words.NO_DISK.format(name=words.YOUR_FILES), 507)


def _files_in(value: Any, root: Path) -> Iterator[Path]:
    """Yield the files below a folder that are named somewhere in a value for the browser."""
    if isinstance(value, dict):
        path = value.get("path")
        if isinstance(path, str) and Path(path).is_relative_to(root):
            yield Path(path)
        value = list(value.values())
    if isinstance(value, (list, tuple)):
        for item in value:
            yield from _files_in(item, root)
