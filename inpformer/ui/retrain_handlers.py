"""One function per action of a visitor who retrains a detector with corrected pictures."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from inpformer.annotations.corrected import CorrectedSet, corrected_in
from inpformer.changes import Changes, LabelledPicture, SetFigures, what_changed
from inpformer.detector import AnomalyDetector
from inpformer.errors import FitCancelledError, UserError
from inpformer.labelling import learning_curve
from inpformer.retraining import Retrainer
from inpformer.ui import retrain_views, views
from inpformer.ui.annotate_handlers import AnnotateHandlers
from inpformer.ui.background import Background
from inpformer.ui.handlers import DetectorReport
from inpformer.ui.inspection import at_display_size
from inpformer.ui.ledger import ledger, ledger_lines, next_in_doubt
from inpformer.ui.session import Job, Session
from inpformer.ui.words import Words

_REPORT_SECONDS = 0.25
# With more corrections, retraining once without each of them takes minutes.
MOST_LEFT_OUT = 8


class RetrainReport(NamedTuple):
    """State of a retraining as the page shows it; what is None stays as it is."""

    progress: str
    is_running: bool
    detector: DetectorReport | None = None
    changes: str | None = None


class PlanReport(NamedTuple):
    """What a retraining would use, whether it can begin, and what the labels have cost."""

    card: str
    is_ready: bool
    former: str | None
    ledger: str


@dataclass(frozen=True)
class _Task:
    """All that a retraining works from."""

    key: str
    detector: AnomalyDetector
    shots: list[np.ndarray]
    labelled: CorrectedSet
    used_normals: int

    def pictures(self) -> list[LabelledPicture]:
        """Return every labelled picture, and what the retraining has seen of it."""
        found = self.labelled
        marked = [
            LabelledPicture(name, item.image, item.mask, is_used=True, correction=index)
            for index, (name, item) in enumerate(zip(found.names, found.corrections, strict=True))
        ]
        normal = [
            LabelledPicture(
                name, image, np.zeros(image.shape[:2], bool), is_used=index < self.used_normals
            )
            for index, (name, image) in enumerate(
                zip(found.normal_names, found.normal_images, strict=True)
            )
        ]
        return [*marked, *normal]


class _Compared(NamedTuple):
    """What the new version is like; `curve` has figures by number of corrected pictures."""

    changes: Changes
    curve: list[tuple[int, SetFigures]]


class RetrainHandlers:
    """What a visitor does with a detector and the pictures they labelled.

    Args:
        annotating: The actions with pictures to label.
    """

    def __init__(self, annotating: AnnotateHandlers) -> None:
        self.annotating = annotating
        self.handlers = annotating.handlers

    def plan(self, session_id: str, use_normal: bool = False) -> PlanReport:
        """Say what a retraining of the detector in use would work with.

        Args:
            session_id: The visitor.
            use_normal: Whether pictures labelled normal join the normal shots.
        """
        session = self.handlers.sessions.get(session_id)
        desk = self.annotating.desk(session)
        infos = desk.pictures()
        marked = [
            item.name
            for item in infos
            if item.info.label in ("anomalous", "corrected") and item.info.regions
        ]
        normal = sum(item.info.label == "normal" for item in infos)
        shots = len(self.handlers.shelf.shots(session))
        used = min(normal, max(0, session.limits.shots - shots)) if use_normal or not shots else 0
        title = self.handlers.shelf.title(session)
        has_head = "segmentation" in self.handlers.shelf.detector(session).map_names
        card = retrain_views.plan_card(
            retrain_views.Plan(title, marked, shots, normal, used, has_head), session.words
        )
        is_ready = has_head and bool(marked) and shots + used > 0
        lines = ledger_lines(desk)
        costs = ledger(lines, next_in_doubt(desk), session.words)
        return PlanReport(card, is_ready, self._former(session), costs)

    def retrain(self, session_id: str, use_normal: bool = False) -> Iterator[RetrainReport]:
        """Train the next version of the detector in use with what is labelled.

        The result is a detector of the visitor's own; the former one stays. Reports while it runs.

        Args:
            session_id: The visitor.
            use_normal: Whether pictures labelled normal join the normal shots.

        Raises:
            UserError: Something is missing, or other long work of this visitor is running.
        """
        session = self.handlers.sessions.get(session_id)
        words = session.words
        task = self._task(session, use_normal)
        with session.work(words.A_RETRAINING) as job:
            running = Background(partial(_retrain, task, job, words), _REPORT_SECONDS)
            yield from self._follow(session, task, running, job)

    def _follow(
        self, session: Session, task: _Task, running: Background, job: Job
    ) -> Iterator[RetrainReport]:
        """Report a retraining; the new version is in use while it is still compared."""
        words, started, said, after = session.words, time.monotonic(), "", None
        for step in _worth_telling(running.steps()):
            if isinstance(step, AnomalyDetector):
                if job.stop.is_set():
                    continue
                after = step
                said = self._keep(session, task, after, time.monotonic() - started)
                report = self.handlers.report_detector(session)
                yield RetrainReport(views.message(said), True, report, "")
            elif isinstance(step, _Compared):
                html = retrain_views.changes(
                    step.changes, task.detector, after, task.pictures(), words
                )
                html += retrain_views.curve(step.curve, words)
                yield RetrainReport(views.message(said), True, None, html)
            elif isinstance(step, str):
                yield RetrainReport(views.message(f"{said} {step}"), True)
            else:
                yield RetrainReport(views.progress_bar(step, words), True)
        if not isinstance(running.error, FitCancelledError):
            running.result()
        if after is None:
            said = words.RETRAIN_CANCELLED
        elif job.stop.is_set():
            said = f"{said} {words.RETRAIN_STOPPED}"
        yield RetrainReport(views.message(said), False)

    def cancel(self, session_id: str) -> None:
        """Ask a visitor's running retraining to stop."""
        session = self.handlers.sessions.get(session_id)
        session.stop_job(session.words.A_RETRAINING)

    def roll_back(self, session_id: str) -> DetectorReport:
        """Use the detector again that the one in use was retrained from.

        Raises:
            UserError: The one in use was not retrained here, or the former one is gone.
        """
        session = self.handlers.sessions.get(session_id)
        former = self._former(session)
        if former is None:
            raise UserError(session.words.RETRAIN_NO_FORMER)
        desk = self.annotating.desk(session)
        return self.handlers.use_detector(session_id, desk.former[session.detector_key])

    def _task(self, session: Session, use_normal: bool) -> _Task:
        words, shelf = session.words, self.handlers.shelf
        detector = shelf.detector(session)
        if "segmentation" not in detector.map_names:
            raise UserError(words.RETRAIN_NO_HEAD)
        labelled = corrected_in(self.annotating.desk(session).store)
        if not labelled.corrections:
            raise UserError(words.RETRAIN_NOTHING)
        shots = shelf.shots(session)
        used = 0
        if use_normal or not shots:
            extra = labelled.normal_images[: max(0, session.limits.shots - len(shots))]
            shots, used = [*shots, *extra], len(extra)
        if not shots:
            raise UserError(words.RETRAIN_NO_SHOTS)
        return _Task(session.detector_key, detector, shots, labelled, used)

    def _keep(self, session: Session, task: _Task, after: AnomalyDetector, seconds: float) -> str:
        """Make a new version the visitor's own, use it, and return what is said of it."""
        words, desk = session.words, self.annotating.desk(session)
        base = re.sub(r" v\d+$", "", self.handlers.shelf.title(session, task.key))
        name = session.free_name(f"{base} v{after.provenance.version}")
        if task.key in session.own:
            session.own.move_to_end(task.key)  # it must not be the oldest, which makes room
        shots = tuple(at_display_size(image) for image in task.shots)
        session.add_detector(name, after, shots)
        desk.former[session.detector_key] = task.key
        return words.RETRAIN_DONE.format(
            name=name, count=len(task.labelled.corrections), seconds=seconds
        )

    def _former(self, session: Session) -> str | None:
        """Return the title of what the detector in use was retrained from, if that is there."""
        key = self.annotating.desk(session).former.get(session.detector_key)
        keys = [each for _, each in self.handlers.shelf.choices(session)]
        return self.handlers.shelf.title(session, key) if key in keys else None


def _retrain(task: _Task, job: Job, words: Words, tell: Callable[[Any], None]) -> None:
    """Train the next version, compare it with the one before, and see what fewer masks give."""
    corrections = task.labelled.corrections
    retrainer = Retrainer(
        task.detector, task.shots, corrections, on_step=tell, should_stop=job.should_stop
    )
    after = retrainer.retrain()
    tell(after)
    tell(words.RETRAIN_COMPARING)
    most, pictures = len(corrections), task.pictures()
    if not 2 <= most <= MOST_LEFT_OUT:
        tell(_Compared(what_changed(task.detector, after, pictures), []))
        return
    changes = what_changed(task.detector, after, pictures, retrainer)
    tell(_Compared(changes, []))
    tell(words.RETRAIN_CURVE)
    between = learning_curve(retrainer, pictures, [n for n in (1, 2, 4) if n < most - 1])
    curve = [(0, changes.before), *between, (most - 1, changes.after)]
    tell(_Compared(changes, curve))


def _worth_telling(handfuls: Iterator[list[Any]]) -> Iterator[Any]:
    """Yield the newest step of each handful, and every result."""
    for steps in handfuls:
        results = [each for each in steps[:-1] if isinstance(each, (AnomalyDetector, _Compared))]
        yield from (*results, steps[-1])
