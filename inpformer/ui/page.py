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
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse
from starlette.routing import Route

from inpformer.files import DISK_ERRORS
from inpformer.settings import Settings
from inpformer.ui.health import health
from inpformer.ui.service import SERVICE
from inpformer.ui.sessions import Sessions
from inpformer.ui.uploads import UploadGate, Uploads
from inpformer.ui.visitor_queue import VisitorQueue
from inpformer.ui.words import as_toast, words_of

# Beside the visitors, callers without a page have a state each, which is of no use after the call.
_SPARE_STATES = 64


class Page(gr.Blocks):
    """Blocks whose drawings can be deleted with the visitor they were drawn for.

    Gradio writes every picture it shows to a cache that knows no visitors.

    Args:
        sessions: The visitors.
        upload_root: The cache.
        serves: What `/health` says of the model.
        stop_seconds: What running actions are given when the process is asked to end.
        most_waiting: Most actions of one visitor that may wait.
        uploads_megabytes: Most that uploads and drawings may take together.
        options: What `gr.Blocks` takes.

    Attributes:
        uploads: Files of that cache, bounded.
        takes_as_sent: Names of functions in the API that are given what was sent, and None for
            what was not: gradio would fetch whatever address is given for a picture.
    """

    def __init__(
        self,
        sessions: Sessions,
        upload_root: Path,
        serves: dict[str, str] | None = None,
        stop_seconds: float = Settings.stop_seconds,
        most_waiting: int = Settings.queue_each,
        uploads_megabytes: int = Settings.uploads_megabytes,
        **options: Any,
    ) -> None:
        self._most_waiting = most_waiting  # first, for gradio makes a queue at once
        super().__init__(**options)
        self._serves = serves or {}
        self._stop_seconds = stop_seconds
        self.takes_as_sent: set[str] = set()
        self._visitors = sessions
        self._upload_root = upload_root.resolve()
        self.uploads = Uploads(
            sessions, lambda: self.temp_file_sets, lambda: self._of_everybody, uploads_megabytes
        )
        sessions.on_drop = self._drop_state
        sessions.in_line = lambda: self._queue.visitors()

    def queue(self, *args: Any, **options: Any) -> Page:
        """Set the bounds of the queue as gradio does; what needs a turn is done in no other way."""
        super().queue(*args, api_open=False, **options)
        self._queue = VisitorQueue(self._queue, self._most_waiting)
        return self

    def launch(self, **options: Any) -> Any:
        """Serve the page as gradio does, and `/health` beside it."""

        async def answer(_: Request) -> JSONResponse:
            status = 503 if SERVICE.is_stopping else 200
            found = health(self._serves, self._visitors, len(self._queue))
            return JSONResponse(found, status, {"Cache-Control": "no-store"})

        SERVICE.resume()
        self.uploads.watch()
        return super().launch(
            **options,
            app_kwargs={
                "routes": [Route("/health", answer)],
                "exception_handlers": {OSError: _no_disk},
                "middleware": [Middleware(UploadGate, uploads=self.uploads)],
            },
            state_session_capacity=self._visitors.most + _SPARE_STATES,
        )

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

    def close(self, *args: Any, **options: Any) -> None:
        """Serve no more."""
        self.uploads.end()
        super().close(*args, **options)

    async def process_api(self, *args: Any, **kwargs: Any) -> dict[str, Any]:
        """Answer an event as gradio does, and note the files of question and answer."""
        self._visitors.of_everybody = self._of_everybody
        request = kwargs.get("request")
        session_id = getattr(request, "session_hash", None)
        # Before the answer: it may be that to *Forget me*, which names what was never used.
        self._note(session_id, kwargs.get("inputs"))
        try:
            answer = await super().process_api(*args, **kwargs)
        except Exception as error:
            said = _said(error, args[0] if args else kwargs["block_fn"], request)
            if said is error:
                raise
            raise said from error
        self._note(session_id, answer.get("data"))
        if (state := kwargs.get("state")) is not None:
            # A copy of all that the visitor is shown, for links to it, which this page has none of.
            state.config_values.clear()
        return answer

    def _drop_state(self, session_ids: list[str]) -> None:
        """Forget what gradio keeps of visitors: the choices that components offer them."""
        holder = self.app.state_holder
        with holder.lock:
            for each in session_ids:
                holder.session_data.pop(each, None)
                holder.time_last_used.pop(each, None)

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


def _said(error: Exception, block_fn: BlockFunction | int, request: gr.Request | None) -> gr.Error:
    """Return an error as the visitor is told it; gradio would print it with all that it says."""
    if isinstance(error, gr.Error) and not error.print_exception:
        return error  # one of ours, which is in the log
    is_refused = isinstance(error, gr.Error)  # of values that a component does not take
    action = SERVICE.begin(f"page.{getattr(block_fn, 'api_name', '')}")
    SERVICE.end(action, "refused" if is_refused else "failed", error)
    if is_refused:
        error.print_exception = False
        return error
    return as_toast(words_of(request).LOST.format(request=action.id), words_of(request))


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
