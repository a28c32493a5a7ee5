"""What a visitor does in the shot lab, callable without a page."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np

from inpformer.errors import FitCancelledError, UserError
from inpformer.examples import GOOD
from inpformer.fit_config import FitConfig
from inpformer.shot_lab import LabConfig, LabStep, run_shot_lab
from inpformer.shot_lab_report import LabReport
from inpformer.ui import lab_views, views
from inpformer.ui.background import Background
from inpformer.ui.fewshot_handlers import read_all, read_one
from inpformer.ui.handlers import Handlers
from inpformer.ui.session import Session
from inpformer.ui.words import Words

_REPORT_SECONDS = 0.5


@dataclass(frozen=True)
class LabFiles:
    """Paths of what the lab is given.

    Attributes:
        shots: Normal pictures to draw from.
        normal: Test pictures known to be normal.
        anomalous: Test pictures known to have a defect.
        unknown: Test pictures not known to be either.
    """

    shots: Sequence[str]
    normal: Sequence[str] = ()
    anomalous: Sequence[str] = ()
    unknown: Sequence[str] = ()

    @property
    def tests(self) -> list[tuple[str, bool | None]]:
        """All test pictures with what is known of them."""
        groups = ((self.normal, False), (self.anomalous, True), (self.unknown, None))
        return [(path, label) for paths, label in groups for path in paths]


class LabView(NamedTuple):
    """State of the lab as the page shows it."""

    progress: str
    rows: list[list[str]]
    chart: str
    sentences: str
    is_running: bool


class LabHandlers:
    """What a visitor does in the shot lab.

    Args:
        handlers: The actions of the whole page, and with them the visitors.
    """

    def __init__(self, handlers: Handlers) -> None:
        self.handlers = handlers

    def take_tests(self, session_id: str, part_name: str | None) -> tuple[list[Path], list[Path]]:
        """Return the test pictures of an example part: normal ones, and those with a defect.

        Raises:
            UserError: There is no such part.
        """
        session = self.handlers.sessions.get(session_id)
        part = self.handlers.shelf.examples.part(part_name)
        if part is None:
            raise UserError(session.words.NO_SUCH_EXAMPLE)
        normal = [picture.path for picture in part.pictures if picture.defect == GOOD]
        anomalous = [picture.path for picture in part.pictures if picture.defect != GOOD]
        return normal, anomalous

    def config(
        self, variant: str, shot_counts: Sequence[int], draws: int, fit: FitConfig
    ) -> LabConfig:
        """Return the lab's settings: its short schedule, with the views and the seed of a fit.

        Raises:
            ConfigError: A setting is outside its allowed values.
        """
        encoder = self.handlers.shelf.start.config.encoder
        quick = {"inp_count": fit.inp_count, "views": fit.views, "seed": fit.seed}
        return LabConfig.quick(
            encoder, variant, fit=quick, shot_counts=tuple(shot_counts), draws=draws, seed=fit.seed
        )

    def run(self, session_id: str, files: LabFiles, config: LabConfig) -> Iterator[LabView]:
        """Run the lab for a visitor, reporting while it runs.

        Raises:
            UserError: There are too few pictures, one cannot be used, or long work already runs.
        """
        session = self.handlers.sessions.get(session_id)
        words = session.words
        if len(files.shots) < 2:
            raise UserError(words.LAB_NO_NORMALS)
        if not files.tests:
            raise UserError(words.LAB_NO_TESTS)
        shots = _unique(read_all(session, files.shots))
        tests = [(*read_one(session, path), label) for path, label in files.tests]
        started = time.monotonic()
        names = [name for name, _ in shots], [_named(name, kind, words) for name, _, kind in tests]
        newest: LabStep | None = None
        with session.work(words.A_LAB) as job:
            work = Background(
                lambda tell: run_shot_lab(
                    self.handlers.shelf.start,
                    [image for _, image in shots],
                    [read.image for _, read, _ in tests],
                    config,
                    [label for _, _, label in tests],
                    tell,
                    job.should_stop,
                ),
                _REPORT_SECONDS,
            )
            for steps in work.steps():
                newest = steps[-1]
                job.seconds_left = newest.seconds_left
                bar = lab_views.lab_progress(newest, words)
                yield _view(session, bar, newest.report, names, config, True)
            if isinstance(work.error, FitCancelledError):
                report = newest.report if newest else LabReport(len(shots), ())
                said = words.LAB_CANCELLED.format(draws=len(report.draws))
            else:
                report = work.result()
                seconds = time.monotonic() - started
                said = words.LAB_DONE.format(seconds=seconds, draws=len(report.draws))
            yield _view(session, views.message(said), report, names, config, False)


def _named(name: str, label: bool | None, words: Words) -> str:
    """Tell pictures of one name apart by what is known of them."""
    return name if label is None else f"{name} ({words.LAB_KINDS[label]})"


def _unique(pictures: Sequence[tuple[str, object]]) -> list[tuple[str, np.ndarray]]:
    """Leave out identical pictures, which the lab counts once; names stay with their pictures."""
    unique: list[tuple[str, np.ndarray]] = []
    for name, read in pictures:
        if not any(np.array_equal(read.image, image) for _, image in unique):
            unique.append((name, read.image))
    return unique


def _view(
    session: Session,
    progress: str,
    report: LabReport,
    names: tuple[list[str], list[str]],
    config: LabConfig,
    is_running: bool,
) -> LabView:
    is_trained = config.fit.variant != "training-free"
    return LabView(
        progress=progress,
        rows=lab_views.lab_rows(report),
        chart=lab_views.lab_chart(report, session.words),
        sentences=lab_views.lab_sentences(report, *names, is_trained, session.words),
        is_running=is_running,
    )
