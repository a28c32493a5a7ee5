"""The detection limit of a detector, measured for a visitor; callable without a page."""

from __future__ import annotations

import time
from collections.abc import Iterator
from html import escape
from typing import NamedTuple

import numpy as np

from inpformer.charts import line_chart
from inpformer.datasets.sample import DataSet
from inpformer.errors import FitCancelledError, UserError
from inpformer.evaluation.detection_limit import DetectionLimit, LimitConfig, detection_limit
from inpformer.images import load_image
from inpformer.ui import views
from inpformer.ui.background import Background
from inpformer.ui.evaluate_handlers import EvaluateHandlers
from inpformer.ui.evaluation_data import EvaluationSource
from inpformer.ui.session import Session
from inpformer.ui.words import Words

# With every size and contrast, each picture is looked at 25 times: a few seconds.
MAX_PICTURES = 4
_CONFIG = LimitConfig(repeats=1)
_REPORT_SECONDS = 0.3


class LimitReport(NamedTuple):
    """State of a measurement as the page shows it; None leaves what is there."""

    progress: str
    is_running: bool
    result: str | None = None


class LimitHandlers:
    """What a visitor does to know how small a defect may be.

    Args:
        evaluating: The actions of the tab, which know where pictures come from.
    """

    def __init__(self, evaluating: EvaluateHandlers) -> None:
        self.handlers = evaluating.handlers
        self.data = evaluating.data

    def measure(
        self, session_id: str, key: str | None, source: EvaluationSource
    ) -> Iterator[LimitReport]:
        """Draw marks on normal pictures and see which a detector finds, reporting meanwhile.

        Args:
            session_id: The visitor.
            key: The detector, as the shelf knows it; None takes the one in use.
            source: Where the normal pictures come from.

        Raises:
            UserError: The detector has no threshold, there is no normal picture, or other long
                work of this visitor is running.
        """
        session = self.handlers.sessions.get(session_id)
        words, shelf = session.words, self.handlers.shelf
        detector, title = shelf.detector(session, key), shelf.title(session, key)
        if detector.calibration is None:
            raise UserError(words.LIMIT_NO_THRESHOLD)
        with session.work(words.A_LIMIT) as job:
            with self.data.open(session, source) as dataset:
                images = normal_pictures(dataset, words)
            work = Background(
                lambda tell: detection_limit(detector, images, _CONFIG, tell, job.should_stop),
                _REPORT_SECONDS,
            )
            yield from self._follow(session, work, title)

    def _follow(self, session: Session, work: Background, title: str) -> Iterator[LimitReport]:
        words, started, total = session.words, time.monotonic(), 0
        for steps in work.steps():
            step = steps[-1]
            total = step.total
            line = words.LIMIT_PROGRESS.format(
                done=step.done, count=total, seconds=step.seconds_left
            )
            yield LimitReport(views.progress(step.done / total, line), True)
        if isinstance(work.error, FitCancelledError):
            yield LimitReport(views.message(words.LIMIT_CANCELLED), False)
            return
        found = work.result()
        said = words.LIMIT_DONE.format(count=total, seconds=time.monotonic() - started, title=title)
        yield LimitReport(views.message(said), False, draw_limit(found, words))

    def cancel(self, session_id: str) -> None:
        """Ask a visitor's running measurement to stop after the picture at hand."""
        session = self.handlers.sessions.get(session_id)
        session.stop_job(session.words.A_LIMIT)


def normal_pictures(dataset: DataSet, words: Words) -> list[np.ndarray]:
    """Read a few normal pictures, those first that detectors are not fitted on.

    Raises:
        UserError: There is none.
    """
    normal = [each for each in dataset.samples if not each.is_anomalous]
    normal.sort(key=lambda sample: sample.split == "train")
    if not normal:
        raise UserError(words.LIMIT_NO_NORMALS)
    return [load_image(sample.path) for sample in normal[:MAX_PICTURES]]


def draw_limit(found: DetectionLimit, words: Words) -> str:
    """Draw how many marks are found by their size, and say which are too small."""
    lines = {
        words.LIMIT_CONTRAST.format(value=contrast): found.shares(contrast)
        for contrast in found.config.contrasts
    }
    chart = line_chart(
        lines, words.LIMIT_SIZE, words.LIMIT_FOUND, words.LIMIT_CHART, last_values=False
    )
    said = [
        words.LIMIT_NONE.format(contrast=contrast)
        if size is None
        else words.LIMIT_SMALLEST.format(contrast=contrast, size=size)
        for contrast, size in found.smallest().items()
    ]
    said.append(words.LIMIT_ALARMS.format(alarms=found.false_alarms, count=found.pictures))
    items = "".join(f"<li>{escape(line)}</li>" for line in said)
    return f'<div class="evaluate-scores">{chart}<ul class="evaluate-confusion">{items}</ul></div>'
