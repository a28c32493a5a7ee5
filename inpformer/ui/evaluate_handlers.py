"""One function per action of a visitor on the Evaluate tab, callable without a page."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

from inpformer.annotations.archive import pack
from inpformer.datasets.sample import DataSet
from inpformer.detector import AnomalyDetector
from inpformer.errors import FitCancelledError, UserError
from inpformer.evaluation.evaluate import EvaluateConfig, LookedAt, evaluate
from inpformer.evaluation.report import write_report
from inpformer.evaluation.report_pictures import thumbnail
from inpformer.ui import evaluate_views, views
from inpformer.ui.background import Background
from inpformer.ui.evaluation_data import EvaluationData, EvaluationSource, data_line
from inpformer.ui.evaluation_desk import Evaluated, EvaluationDesk
from inpformer.ui.handlers import Handlers, SourceChoices
from inpformer.ui.session import FREE, Job, Session
from inpformer.ui.shelf import PART
from inpformer.ui.translate import translate

MAX_DETECTORS = 4
_REPORT_SECONDS = 0.3


@dataclass(frozen=True)
class EvaluateView:
    """What the page shows of an evaluation.

    Attributes:
        headers: Of the table of figures.
        rows: Of the table.
        facts: What to know about the figures.
        shown: Choices of the detector shown below, by index, and the chosen one.
        cut_range: Ends of the threshold's slider, and where it stands; None without one.
        verdicts: Scores and verdicts at the threshold.
        galleries: What went wrong at the threshold.
        details: Curves, and figures by kind of defect.
        disagreement: Where the detectors disagree.
    """

    headers: list[str]
    rows: list[list[str]]
    facts: str
    shown: tuple[list[tuple[str, int]], int]
    cut_range: tuple[float, float, float] | None
    verdicts: str
    galleries: str
    details: str
    disagreement: str


class EvaluateReport(NamedTuple):
    """State of an evaluation as the page shows it; None leaves what is there."""

    progress: str
    is_running: bool
    view: EvaluateView | None = None


class EvaluateHandlers:
    """What a visitor does to know how good detectors are.

    Args:
        handlers: The actions of the whole page, and with them the visitors.
        allow_folders: Whether folders of this computer may be named.
    """

    def __init__(self, handlers: Handlers, allow_folders: bool = False) -> None:
        self.handlers = handlers
        self.data = EvaluationData(handlers.shelf.examples, allow_folders)

    def choices(self, session_id: str, chosen: Sequence[str] = ()) -> SourceChoices:
        """Return what a visitor can evaluate now; detectors chosen so far stay chosen."""
        session, shelf = self.handlers.sessions.get(session_id), self.handlers.shelf
        words, detectors = session.words, shelf.choices(session)
        keys = [key for _, key in detectors]
        kept = [key for key in chosen if key in keys and key != FREE]
        in_use = session.detector_key
        parts = shelf.examples.parts
        names = [part.name for part in parts]
        if not kept:
            ready = [PART + name for name in names]
            kept = [key for key in (in_use, *session.own, *ready) if key in keys and key != FREE]
        part = (kept[0] if kept else in_use).removeprefix(PART)
        return SourceChoices(
            detectors=detectors,
            chosen=kept[: max(1, len(set(chosen)))] or [FREE],
            sources=self.data.sources(words),
            source="part" if parts else "annotations",
            parts=[(translate(part.title, words), part.name) for part in parts],
            part=part if part in names else next(iter(names), None),
        )

    def evaluate(
        self,
        session_id: str,
        keys: Sequence[str],
        source: EvaluationSource,
        protocol: str = "full-image",
    ) -> Iterator[EvaluateReport]:
        """Let detectors look at pictures whose truth is known, reporting while they do.

        Raises:
            UserError: Too few or many detectors, no data set, or other long work of this visitor
                is running.
        """
        session = self.handlers.sessions.get(session_id)
        words, shelf = session.words, self.handlers.shelf
        keys = list(dict.fromkeys(keys))
        if not 1 <= len(keys) <= MAX_DETECTORS:
            raise UserError(words.EVALUATE_COUNT.format(count=len(keys)))
        detectors = {key: (shelf.title(session, key), shelf.detector(session, key)) for key in keys}
        with session.work(words.AN_EVALUATION) as job, self.data.open(session, source) as dataset:
            line = data_line(source, dataset, protocol)

            def look(tell: Callable[[str], None]) -> list[Evaluated]:
                found = []
                for key, (title, detector) in detectors.items():
                    config = EvaluateConfig(protocol, title=title)
                    one = evaluate_one(title, detector, dataset, config, tell, job)
                    found.append(replace(one, key=key, data=line))
                return found

            work = Background(look, _REPORT_SECONDS)
            count = sum(sample.split == "test" for sample in dataset.samples)
            yield from self._run(session, work, job, count * len(detectors))

    def _run(
        self, session: Session, work: Background, job: Job, count: int
    ) -> Iterator[EvaluateReport]:
        words, started, done = session.words, time.monotonic(), 0
        line = words.EVALUATE_STARTED.format(count=count)
        yield EvaluateReport(views.progress(0.0, line), True)
        for titles in work.steps():
            done += len(titles)
            job.seconds_left = (time.monotonic() - started) / done * max(0, count - done)
            line = words.EVALUATE_PROGRESS.format(
                title=titles[-1], done=done, count=count, seconds=job.seconds_left
            )
            yield EvaluateReport(views.progress(min(1.0, done / count), line), True)
        if isinstance(work.error, FitCancelledError):
            yield EvaluateReport(views.message(words.EVALUATE_CANCELLED), False)
            return
        found = work.result()
        if session.is_forgotten:
            return
        session.evaluation = EvaluationDesk(tuple(found))
        end = words.EVALUATE_DONE.format(
            count=len(found[0].pictures),
            detectors=len(found),
            seconds=time.monotonic() - started,
        )
        yield EvaluateReport(views.message(end), False, self.view(session_desk(session), session))

    def cancel(self, session_id: str) -> None:
        """Ask a visitor's running evaluation to stop after the picture at hand."""
        session = self.handlers.sessions.get(session_id)
        session.stop_job(session.words.AN_EVALUATION)

    def cut(self, session_id: str, threshold: float) -> EvaluateView:
        """Judge the shown detector at another threshold on the image score, raw scale.

        Raises:
            UserError: Nothing was evaluated.
        """
        session = self.handlers.sessions.get(session_id)
        desk = session_desk(session)
        if desk.cut is not None:
            desk.cut = float(threshold)
        return self.view(desk, session)

    def show(self, session_id: str, index: int) -> EvaluateView:
        """Show the pictures of another evaluated detector, at its own threshold.

        Raises:
            UserError: Nothing was evaluated.
        """
        session = self.handlers.sessions.get(session_id)
        desk = session_desk(session)
        desk.choose(min(max(0, int(index or 0)), len(desk.detectors) - 1))
        return self.view(desk, session)

    def report(self, session_id: str) -> Path:
        """Write the report of all evaluated detectors as one zip file; the caller removes it.

        Raises:
            UserError: Nothing was evaluated, or there is no space for it.
        """
        session = self.handlers.sessions.get(session_id)
        desk = session_desk(session)
        path = session.new_path("evaluation.zip")
        folder = path.parent / "evaluation"
        thumbnails = {each.title: each.thumbnails for each in desk.detectors}
        try:
            write_report([each.evaluation for each in desk.detectors], folder, thumbnails)
            pack(folder, path)
        except UserError:
            shutil.rmtree(path.parent, ignore_errors=True)
            raise
        shutil.rmtree(folder, ignore_errors=True)
        return path

    def view(self, desk: EvaluationDesk, session: Session) -> EvaluateView:
        """Return what the page shows of an evaluation."""
        words = session.words
        scores = [each.score for each in desk.shown.pictures]
        cut_range = None
        if desk.cut is not None:
            cut_range = (min(*scores, desk.cut), max(*scores, desk.cut), desk.cut)
        choices = [(each.title, index) for index, each in enumerate(desk.detectors)]
        return EvaluateView(
            headers=evaluate_views.table_headers(words),
            rows=evaluate_views.table_rows(desk.detectors, words),
            facts=evaluate_views.facts(desk, words),
            shown=(choices, desk.chosen),
            cut_range=cut_range,
            verdicts=evaluate_views.verdicts(desk, words),
            galleries=evaluate_views.galleries(desk, words),
            details=evaluate_views.details(desk, words),
            disagreement=evaluate_views.disagreement(desk, words),
        )


def session_desk(session: Session) -> EvaluationDesk:
    """Return a visitor's newest evaluation.

    Raises:
        UserError: There is none.
    """
    if session.evaluation is None:
        raise UserError(session.words.EVALUATE_NOTHING)
    return session.evaluation


def evaluate_one(
    title: str,
    detector: AnomalyDetector,
    dataset: DataSet,
    config: EvaluateConfig,
    tell: Callable[[str], None],
    job: Job,
) -> Evaluated:
    """Evaluate one detector, and keep a small overlay of every picture."""
    thumbnails: dict[str, str] = {}

    def keep(looked: LookedAt) -> None:
        thumbnails[looked.record.name] = thumbnail(looked.image, looked.result, looked.mask)
        tell(title)

    found = evaluate(detector, dataset, config, on_picture=keep, should_stop=job.should_stop)
    return Evaluated(title, found, thumbnails)
