"""One function per action of a visitor, callable without a page."""

from __future__ import annotations

import functools
import inspect
import logging
import queue
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import gradio as gr
import numpy as np

from inpformer.config import FitConfig
from inpformer.detector import AnomalyDetector
from inpformer.errors import FitCancelledError, UserError
from inpformer.images import LoadedImage, read_image
from inpformer.model_input import MAX_SHOTS
from inpformer.progress import FitStep
from inpformer.ui import text, views
from inpformer.ui.session import Inspection, Session, Sessions
from inpformer.ui.views import MapView, PrototypeView, ViewSettings

logger = logging.getLogger(__name__)

_REPORT_SECONDS = 0.25


class FitReport(NamedTuple):
    """State of a fit as the page shows it; `detector_card` changes only at the end."""

    progress: str
    detector_card: str
    is_running: bool


class InspectReport(NamedTuple):
    """A newly inspected picture as the page shows it."""

    map_view: MapView
    prototype_view: PrototypeView
    map_names: tuple[str, ...]
    map_name: str
    cut: float
    most_cut: float
    is_calibrated: bool


class Handlers:
    """The page's actions.

    Args:
        detector: What every fit builds on, and what visitors start with.
        sessions: Where visitors' data is kept.
        zero_shot: Prototypes learnt on other parts, which visitors may choose instead of
            `detector`; None if there are none.
    """

    def __init__(
        self,
        detector: AnomalyDetector,
        sessions: Sessions,
        zero_shot: AnomalyDetector | None = None,
    ) -> None:
        self.detector = detector
        self.sessions = sessions
        self.zero_shot = zero_shot

    def detector_of(self, session: Session) -> AnomalyDetector:
        """Return the detector a visitor uses."""
        if session.detector is not None:
            return session.detector
        return (self.zero_shot if session.is_zero_shot else None) or self.detector

    def card_of(self, session: Session) -> str:
        """Return what the page says of the detector a visitor uses."""
        return views.detector_card(self.detector_of(session), session.part)

    def start_over(self, session_id: str) -> str:
        """Forget all of a visitor, stop their fit, and return the card of the start detector."""
        session = self.sessions.get(session_id)
        session.start_over()
        return self.card_of(session)

    def use_start(
        self,
        session_id: str,
        is_zero_shot: bool,
        path: str | None,
        opacity: float,
        colour_map: str,
    ) -> tuple[str, InspectReport | None]:
        """Go back to a start detector: its card, and what it says of the picture on the page.

        Raises:
            UserError: The picture cannot be read; the detector is then the one from before.
        """
        session = self.sessions.get(session_id)
        start = Session(is_zero_shot=is_zero_shot)
        report = None
        if path:
            report = self.inspect_with(self.detector_of(start), session, path, opacity, colour_map)
        session.detector = session.part = None
        session.is_zero_shot = is_zero_shot
        return self.card_of(session), report

    def show_normals(self, files: Sequence[str] | None) -> list[tuple[np.ndarray, str]]:
        """Read the normal pictures and return them with captions.

        Raises:
            UserError: One cannot be read, or there are too many.
        """
        pictures = _read_all(files or [])
        return [(read.image, " · ".join((name, *read.notes))) for name, read in pictures]

    def fit(
        self, session_id: str, files: Sequence[str] | None, config: FitConfig
    ) -> Iterator[FitReport]:
        """Fit a detector for a visitor, reporting while it runs.

        Raises:
            UserError: There are no pictures, one cannot be used, or a fit already runs.
        """
        if not files:
            raise UserError(text.NO_NORMALS)
        images = [read.image for _, read in _read_all(files)]
        session = self.sessions.get(session_id)
        if session.stop is not None:
            raise UserError(text.BUSY)
        session.stop = stop = threading.Event()
        started = time.monotonic()
        try:
            outcome: dict[str, Any] = {}
            for step in _run_fit(self.detector, images, config, stop, outcome):
                yield FitReport(views.progress_bar(step), self.card_of(session), True)
            # A fit may be told to stop after its last step; then, too, nothing may change.
            is_late = stop.is_set() and "error" not in outcome
            if is_late or isinstance(outcome.get("error"), FitCancelledError):
                yield FitReport(views.message(text.FIT_CANCELLED), self.card_of(session), False)
                return
            if "error" in outcome:
                raise outcome["error"]
            session.detector, session.part = outcome["detector"], None
            done = text.FIT_DONE.format(seconds=time.monotonic() - started)
            used = session.detector.provenance.shot_count
            if used < len(images):
                done += " " + text.IDENTICAL.format(count=len(images), used=used)
            yield FitReport(views.message(done), self.card_of(session), False)
        finally:
            # Also when the visitor has left: the generator is closed and the thread must end.
            stop.set()
            session.stop = None

    def cancel(self, session_id: str) -> None:
        """Ask a visitor's running fit to stop."""
        stop = self.sessions.get(session_id).stop
        if stop is not None:
            stop.set()

    def inspect(
        self, session_id: str, path: str | None, opacity: float, colour_map: str
    ) -> InspectReport:
        """Inspect one picture with the visitor's detector.

        Raises:
            UserError: There is no picture, or it cannot be read.
        """
        if not path:
            raise UserError(text.NO_PICTURE)
        session = self.sessions.get(session_id)
        return self.inspect_with(self.detector_of(session), session, path, opacity, colour_map)

    def inspect_with(
        self,
        detector: AnomalyDetector,
        session: Session,
        path: str | Path,
        opacity: float,
        colour_map: str,
    ) -> InspectReport:
        """Inspect one picture with a detector and keep the result in a session.

        Raises:
            UserError: The picture cannot be read; the session is then as it was.
        """
        picture = _read(path)
        result = detector.predict(picture.image)
        session.inspection = inspection = Inspection.of(picture.image, result, picture.notes)
        cut = views.CutScale.of(result)
        settings = ViewSettings(result.map_name, cut.start, opacity, colour_map)
        return InspectReport(
            map_view=views.draw_map_view(inspection, settings),
            prototype_view=views.draw_prototype_view(inspection, not detector.config.is_trained),
            map_names=tuple(result.score_maps),
            map_name=result.map_name,
            cut=cut.start,
            most_cut=cut.most,
            is_calibrated=result.map_name in result.scales,
        )

    def redraw(self, session_id: str, settings: ViewSettings) -> MapView:
        """Redraw the inspected picture; runs no model.

        Raises:
            UserError: Nothing was inspected yet.
        """
        inspection = self.sessions.get(session_id).inspection
        if inspection is None:
            raise UserError(text.NOTHING_INSPECTED)
        if settings.map_name not in inspection.result.score_maps:
            settings = replace(settings, map_name=inspection.result.map_name)
        return views.draw_map_view(inspection, settings)


def shown_to_visitor(function: Callable) -> Callable:
    """Turn errors into sentences for the visitor; what is not theirs goes to the log."""

    def translate(error: Exception) -> gr.Error:
        if isinstance(error, UserError):
            return gr.Error(str(error), duration=12, print_exception=False)
        logger.exception("A visitor's action failed", exc_info=error)
        return gr.Error(text.LOST, print_exception=False)

    if inspect.isgeneratorfunction(function):

        @functools.wraps(function)
        def stream(*args: Any, **kwargs: Any) -> Iterator[Any]:
            try:
                yield from function(*args, **kwargs)
            except gr.Error:
                raise
            except Exception as error:
                raise translate(error) from error

        return stream

    @functools.wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        try:
            return function(*args, **kwargs)
        except gr.Error:
            raise
        except Exception as error:
            raise translate(error) from error

    return call


def _read_all(files: Sequence[str]) -> list[tuple[str, LoadedImage]]:
    if len(files) > MAX_SHOTS:
        raise UserError(text.TOO_MANY.format(limit=MAX_SHOTS, count=len(files)))
    return [(Path(path).name, _read(path)) for path in files]


def _read(path: str | Path) -> LoadedImage:
    if not Path(path).is_file():
        raise UserError(text.UPLOAD_GONE.format(name=Path(path).name))
    return read_image(path)


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
