"""One function per action of a visitor on the Few-shot tab, callable without a page."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from inpformer.config import FitConfig
from inpformer.detector import AnomalyDetector
from inpformer.errors import FitCancelledError, UserError
from inpformer.images import LoadedImage, read_image
from inpformer.model_input import MAX_SHOTS
from inpformer.progress import FitStep
from inpformer.ui import views
from inpformer.ui.handlers import DetectorReport, Handlers
from inpformer.ui.inspection import at_display_size
from inpformer.ui.session import Session

_REPORT_SECONDS = 0.25


class FitReport(NamedTuple):
    """State of a fit as the page shows it; `detector` changes only at the end."""

    progress: str
    detector: DetectorReport
    is_running: bool


class FewshotHandlers:
    """What a visitor does with normal pictures.

    Args:
        handlers: The actions of the whole page, and with them the visitors.
    """

    def __init__(self, handlers: Handlers) -> None:
        self.handlers = handlers

    def show_normals(
        self, session_id: str, files: Sequence[str] | None
    ) -> list[tuple[np.ndarray, str]]:
        """Read the normal pictures and return them with captions.

        Raises:
            UserError: One cannot be read, or there are too many.
        """
        pictures = _read_all(self.handlers.sessions.get(session_id), files or [])
        return [(read.image, " · ".join((name, *read.notes))) for name, read in pictures]

    def fit(
        self, session_id: str, files: Sequence[str] | None, config: FitConfig
    ) -> Iterator[FitReport]:
        """Fit a detector for a visitor, reporting while it runs.

        Raises:
            UserError: There are no pictures, one cannot be used, or a fit already runs.
        """
        session = self.handlers.sessions.get(session_id)
        words = session.words
        if not files:
            raise UserError(words.NO_NORMALS)
        images = [read.image for _, read in _read_all(session, files)]
        job = session.start_job(words.A_FIT)
        started = time.monotonic()
        try:
            outcome: dict[str, Any] = {}
            for step in _run_fit(self.handlers.shelf.start, images, config, job.stop, outcome):
                yield self._report(session, views.progress_bar(step, words), True)
            # A fit may be told to stop after its last step; then, too, nothing may change.
            is_late = job.stop.is_set() and "error" not in outcome
            if is_late or isinstance(outcome.get("error"), FitCancelledError):
                yield self._report(session, views.message(words.FIT_CANCELLED), False)
                return
            if "error" in outcome:
                raise outcome["error"]
            done = words.FIT_DONE.format(seconds=time.monotonic() - started)
            done += _keep(session, outcome["detector"], images)
            yield self._report(session, views.message(done), False)
        finally:
            # Also when the visitor has left: the generator is closed and the thread must end.
            session.end_job(job)

    def cancel(self, session_id: str) -> None:
        """Ask a visitor's running fit to stop."""
        job = self.handlers.sessions.get(session_id).job
        if job is not None:
            job.stop.set()

    def _report(self, session: Session, progress: str, is_running: bool) -> FitReport:
        return FitReport(progress, self.handlers.report_detector(session), is_running)


def _keep(session: Session, detector: AnomalyDetector, images: list[np.ndarray]) -> str:
    """Give a visitor their new detector; return what is to be said of it."""
    words, used = session.words, detector.provenance.shot_count
    name = views.detector_name(detector, words)
    shots = tuple(at_display_size(image) for image in images)
    gone = session.add_detector(name, detector, shots)
    said = ""
    if used < len(images):
        said += " " + words.IDENTICAL.format(count=len(images), used=used)
    if gone is not None:
        limit = len(session.own)
        said += " " + words.OLDEST_DETECTOR_GONE.format(limit=limit, name=gone.name)
    return said


def _read_all(session: Session, files: Sequence[str]) -> list[tuple[str, LoadedImage]]:
    words = session.words
    if len(files) > MAX_SHOTS:
        raise UserError(words.TOO_MANY.format(limit=MAX_SHOTS, count=len(files)))
    pictures = []
    for path in map(Path, files):
        if not path.is_file():
            raise UserError(words.UPLOAD_GONE.format(name=path.name))
        session.uploads.add(path)
        pictures.append((path.name, read_image(path)))
    return pictures


def _run_fit(
    detector: AnomalyDetector,
    images: list[np.ndarray],
    config: FitConfig,
    stop: threading.Event,
    outcome: dict[str, Any],
) -> Iterator[FitStep]:
    """Fit in a thread and yield the newest step a few times a second.

    A page that is told about every step lags behind; a thread lets the fit go on meanwhile.
    """
    steps: queue.SimpleQueue[FitStep] = queue.SimpleQueue()

    def work() -> None:
        try:
            outcome["detector"] = detector.fit(images, config, steps.put, stop.is_set)
        except Exception as error:
            outcome["error"] = error

    thread = threading.Thread(target=work, daemon=True, name="fit")
    thread.start()
    while thread.is_alive():
        thread.join(_REPORT_SECONDS)
        newest = None
        while not steps.empty():
            newest = steps.get()
        if newest is not None:
            yield newest
