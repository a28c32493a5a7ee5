"""One function per action of a visitor with normal pictures, callable without a page."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

import numpy as np

from inpformer.detector import AnomalyDetector
from inpformer.errors import FitCancelledError, UserError
from inpformer.fit_config import FitConfig
from inpformer.images import LoadedImage, read_image
from inpformer.progress import FitStep
from inpformer.shot_doctor import examine_shots
from inpformer.ui import fewshot_views, views
from inpformer.ui.background import Background
from inpformer.ui.encoders import Encoders
from inpformer.ui.handlers import DetectorReport, Handlers
from inpformer.ui.inspection import at_display_size
from inpformer.ui.session import OwnDetector, Session
from inpformer.ui.shelf import PART_SHOTS
from inpformer.ui.translate import translate

_REPORT_SECONDS = 0.25


class DoctorReport(NamedTuple):
    """What the reference-set doctor says: in words, on the thumbnails, and whether to ask."""

    words: str
    thumbnails: list[tuple[np.ndarray, str]]
    asks: bool


class FitReport(NamedTuple):
    """State of a fit as the page shows it; `detector` changes only at the end."""

    progress: str
    curve: str
    detector: DetectorReport
    is_running: bool


class FewshotHandlers:
    """What a visitor does with normal pictures.

    Args:
        handlers: The actions of the whole page, and with them the visitors.
    """

    def __init__(self, handlers: Handlers) -> None:
        self.handlers = handlers
        self.encoders = Encoders(handlers.shelf)

    def show_normals(
        self, session_id: str, files: Sequence[str] | None
    ) -> list[tuple[np.ndarray, str]]:
        """Read the normal pictures and return them with captions.

        Raises:
            UserError: One cannot be read, or there are too many.
        """
        pictures = read_all(self.handlers.sessions.get(session_id), files or [])
        return [(read.image, " · ".join((name, *read.notes))) for name, read in pictures]

    def examine(self, session_id: str, files: Sequence[str] | None) -> DoctorReport:
        """Let the reference-set doctor look at the normal pictures.

        Raises:
            UserError: One cannot be read, or there are too many.
        """
        if not files:
            return DoctorReport("", [], False)
        session = self.handlers.sessions.get(session_id)
        pictures = read_all(session, files)
        findings = examine_shots(self.handlers.shelf.start, [read.image for _, read in pictures])
        names = [name for name, _ in pictures]
        small = [fewshot_views.Thumbnail(name, read.image) for name, read in pictures]
        return DoctorReport(
            words=fewshot_views.doctor_card(findings, names, session.words),
            thumbnails=fewshot_views.mark_thumbnails(small, findings, session.words),
            asks=fewshot_views.asks(findings),
        )

    def take_normals(self, session_id: str, part_name: str | None) -> tuple[list[Path], str]:
        """Return a few normal pictures of an example part to fit on, and what it is called.

        Raises:
            UserError: There is no such part.
        """
        session = self.handlers.sessions.get(session_id)
        part = self.handlers.shelf.examples.part(part_name)
        if part is None:
            raise UserError(session.words.NO_SUCH_EXAMPLE)
        return list(part.normal_paths[:PART_SHOTS]), part.title

    def refuse_if_busy(self, session_id: str) -> None:
        """See that long work may begin, before it waits for its turn.

        Raises:
            UserError: Long work of this visitor is running; the sentence says for how long.
        """
        self.handlers.sessions.get(session_id).refuse_if_busy()

    def fit(
        self,
        session_id: str,
        files: Sequence[str] | None,
        config: FitConfig,
        name: str = "",
        encoder: str | None = None,
    ) -> Iterator[FitReport]:
        """Fit a detector for a visitor, reporting while it runs.

        Args:
            session_id: The visitor.
            files: Paths of the normal pictures.
            config: The settings.
            name: What to call the detector; may be empty.
            encoder: One of `encoders.names`; None takes the start's.

        Raises:
            UserError: There are no pictures, one cannot be used, or long work already runs.
        """
        session = self.handlers.sessions.get(session_id)
        words = session.words
        if not files:
            raise UserError(words.NO_NORMALS)
        images = [read.image for _, read in read_all(session, files)]
        fit = RunningFit(session, self.encoders.detector(encoder, words), images, config)
        curve = fewshot_views.Curve()
        with closing(fit.steps(name)) as handfuls:
            for steps in handfuls:
                curve.add(steps)
                bar = views.progress_bar(steps[-1], words)
                yield self._report(session, bar, curve.draw(words), True)
        said = views.message(fit.said or words.FIT_CANCELLED)
        yield self._report(session, said, curve.draw(words), False)

    def cancel(self, session_id: str) -> None:
        """Ask a visitor's running fit, or other long work, to stop."""
        self.handlers.sessions.get(session_id).stop_job()

    def _report(self, session: Session, progress: str, curve: str, is_running: bool) -> FitReport:
        return FitReport(progress, curve, self.handlers.report_detector(session), is_running)


class RunningFit:
    """A fit for somebody, in a thread, with what they are told at its end.

    Args:
        session: Theirs; it keeps the detector.
        start: What the fit builds on.
        images: The normal pictures.
        config: The settings.

    Attributes:
        own: What it gave; None before its end, and if it was cancelled.
        said: What is to be said of it then.
        seconds: How long it took.
    """

    def __init__(
        self,
        session: Session,
        start: AnomalyDetector,
        images: list[np.ndarray],
        config: FitConfig,
    ) -> None:
        self.own: OwnDetector | None = None
        self.said = ""
        self.seconds = 0.0
        self._notice = ""
        self._session = session
        self._start = start
        self._images = images
        self._config = config

    def steps(self, name: str = "") -> Iterator[list[FitStep]]:
        """Fit, and yield new steps a few times a second; closing this ends the fit.

        Args:
            name: What to call the detector; may be empty.

        Raises:
            UserError: A picture cannot be used, or long work already runs.
        """
        started = time.monotonic()
        with self._session.work(self._session.words.A_FIT) as job:
            fit = Background(
                lambda tell: self._start.fit(self._images, self._config, tell, job.should_stop),
                _REPORT_SECONDS,
            )
            for steps in fit.steps():
                job.seconds_left = steps[-1].seconds_left
                self._notice = steps[-1].notice
                yield steps
            # A fit may be told to stop after its last step; then, too, nothing may change.
            is_late = job.stop.is_set() and fit.error is None
            if is_late or isinstance(fit.error, FitCancelledError):
                return
            self.seconds = time.monotonic() - started
            self._keep(fit.result(), name)

    def _keep(self, detector: AnomalyDetector, name: str) -> None:
        session, words = self._session, self._session.words
        count, used = len(self._images), detector.provenance.shot_count
        name = session.free_name(name.strip() or words.NEW_NAME.format(shots=used))
        shots = tuple(at_display_size(image) for image in self._images)
        gone = session.add_detector(name, detector, shots)
        self.own = session.own[session.detector_key]
        said = words.FIT_DONE.format(seconds=self.seconds, name=name)
        if used < count:
            said += " " + words.IDENTICAL.format(count=count, used=used)
        if self._notice:
            said += " " + words.NOTICE.format(text=translate(self._notice, words))
        if gone is not None:
            limit = len(session.own)
            said += " " + words.OLDEST_DETECTOR_GONE.format(limit=limit, name=gone.name)
        self.said = said


def read_all(session: Session, files: Sequence[str]) -> list[tuple[str, LoadedImage]]:
    """Read pictures that a visitor brought, with their names.

    Raises:
        UserError: One cannot be read, or there are more than a fit takes.
    """
    words = session.words
    if len(files) > (limit := session.limits.shots):
        raise UserError(words.TOO_MANY.format(limit=limit, count=len(files)))
    return [read_one(session, path) for path in files]


def read_one(session: Session, path: str) -> tuple[str, LoadedImage]:
    """Read a picture that a visitor brought, with its name, and remember to delete it.

    Raises:
        UserError: It is gone, or cannot be read.
    """
    upload = Path(path)
    if not upload.is_file():
        raise UserError(session.words.UPLOAD_GONE.format(name=upload.name))
    session.uploads.add(upload)
    return upload.name, read_image(upload)
