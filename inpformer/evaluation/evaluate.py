"""A detector over a data set: one picture at a time, resumable, in one process or several."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from inpformer.datasets.sample import DataSet
from inpformer.errors import FitCancelledError, UserError
from inpformer.evaluation.class_report import class_report, mean_figures
from inpformer.evaluation.class_state import ClassState, StateFolder
from inpformer.evaluation.look import EvaluateConfig, Look, look_through
from inpformer.evaluation.plan import ClassPlan, Plan, make_plan
from inpformer.evaluation.records import Evaluation, PictureRecord
from inpformer.result import AnomalyResult
from inpformer.version import versions

if TYPE_CHECKING:
    from inpformer.detector import AnomalyDetector


class EvaluationStoppedError(FitCancelledError):
    """The caller asked a running evaluation to stop; what is done is kept, if there is a folder."""


class LookedAt(NamedTuple):
    """One picture of a running evaluation.

    Attributes:
        record: What was found.
        image: The picture, `(H, W, 3)` uint8 RGB.
        result: All that the detector said.
        mask: Where the defects are, at the size of the map that was compared; None if unknown.
        done: Pictures that are done, of all classes; those of an earlier run count.
        total: Pictures there are for this process.
        seconds_left: Estimate for the rest.
    """

    record: PictureRecord
    image: np.ndarray
    result: AnomalyResult
    mask: np.ndarray | None
    done: int
    total: int
    seconds_left: float


def evaluate(
    detectors: AnomalyDetector | Mapping[str, AnomalyDetector],
    dataset: DataSet,
    config: EvaluateConfig | None = None,
    *,
    folder: Path | None = None,
    on_picture: Callable[[LookedAt], None] | None = None,
    should_stop: Callable[[], bool] | None = None,
    share: tuple[int, int] = (0, 1),
) -> Evaluation:
    """Show the test pictures of a data set to a detector, and say how good it is.

    One picture is in memory at a time, and pixels are counted in bins. With a folder the state is
    kept: called again after a stop or a kill, the evaluation goes on and gives the same result.

    Args:
        detectors: One for all classes, or by class; `*` stands for all others.
        dataset: The data set.
        config: How to evaluate; None takes the defaults.
        folder: Where to keep the state; made if it is not there.
        on_picture: Told about every picture that could be used.
        should_stop: Asked before every picture; True stops.
        share: Rank of this process and number of processes. Each looks at its part of every class
            and keeps its state in `folder`; `collect` makes one evaluation of them.

    Returns:
        The evaluation, of this process's part.

    Raises:
        UserError: There is nothing to look at, or the folder holds another evaluation.
        EvaluationStoppedError: `should_stop` answered True.
    """
    rank, world = share
    if not 0 <= rank < world:
        raise ValueError(f"share must be a rank below a number of processes, got {share}")
    if world > 1 and folder is None:
        raise ValueError("several processes need a folder to keep their states in")
    config = config or EvaluateConfig()
    plan = make_plan(detectors, dataset, config)
    kept = None if folder is None else StateFolder(folder, plan.identity, share)
    watch = _Watch(sum(len(_part(each, share)) for each in plan.classes), on_picture, should_stop)
    run = _Run(config, share, kept, watch)
    states = (run.look_through(index, each) for index, each in enumerate(plan.classes))
    return _evaluation(plan, dataset, config, states)


def collect(
    detectors: AnomalyDetector | Mapping[str, AnomalyDetector],
    dataset: DataSet,
    config: EvaluateConfig | None,
    folder: Path,
    world: int,
) -> Evaluation:
    """Make one evaluation of what several processes have found.

    Args:
        detectors: As given to `evaluate`.
        dataset: As given to `evaluate`.
        config: As given to `evaluate`.
        folder: Where they kept their states.
        world: Number of processes.

    Returns:
        What one process would have found, to the bit but for the time it took.

    Raises:
        UserError: A process has not finished, or the folder holds another evaluation.
    """
    config = config or EvaluateConfig()
    plan = make_plan(detectors, dataset, config)
    kept = StateFolder(folder, plan.identity, (0, world))
    return _evaluation(plan, dataset, config, _collected(plan, kept, world))


@dataclass
class _Watch:
    """Counts pictures, tells of them, and knows when to stop."""

    total: int
    on_picture: Callable[[LookedAt], None] | None
    should_stop: Callable[[], bool] | None
    done: int = 0
    _looked: int = 0
    _started: float = field(default_factory=time.monotonic)

    def tell(self, look: Look | None) -> None:
        """Count a picture, and tell of it unless it could not be used."""
        self.done, self._looked = self.done + 1, self._looked + 1
        if self.on_picture is not None and look is not None:
            left = (time.monotonic() - self._started) / self._looked * (self.total - self.done)
            progress = self.done, self.total, left
            self.on_picture(LookedAt(look.record, look.image, look.result, look.mask, *progress))

    @property
    def is_over(self) -> bool:
        return self.should_stop is not None and self.should_stop()


@dataclass
class _Run:
    """One process that evaluates."""

    config: EvaluateConfig
    share: tuple[int, int]
    kept: StateFolder | None
    watch: _Watch

    def look_through(self, index: int, plan: ClassPlan) -> ClassState:
        """Look at the pictures of class number `index` that are not done yet."""
        state = ClassState() if self.kept is None else self.kept.load(index)
        before, saved = len(state.entries), time.monotonic()
        self.watch.done += before
        names = _part(plan, self.share)[before:]
        with closing(
            look_through(plan.detector, [(n, plan.samples[n]) for n in names], self.config)
        ) as looks:
            for _ in names:
                if self.watch.is_over:
                    self._save(index, state)
                    raise EvaluationStoppedError(
                        f"Stopped after {self.watch.done} of {self.watch.total} pictures."
                    )
                look = _count(state, *next(looks))
                if time.monotonic() - saved >= self.config.save_seconds:
                    self._save(index, state)
                    saved = time.monotonic()
                self.watch.tell(look)
        if len(state.entries) > before:
            self._save(index, state)
        return state

    def _save(self, index: int, state: ClassState) -> None:
        if self.kept is not None:
            self.kept.save(index, state)


def _count(state: ClassState, name: str, look: Look | UserError) -> Look | None:
    """Count a picture; None for one that cannot be used."""
    try:
        if isinstance(look, UserError):
            raise look
        state.add(look)
        return look
    except UserError as error:
        state.add_problem(name, f"'{name}' is left out: {error}")
        return None


def _part(plan: ClassPlan, share: tuple[int, int]) -> list[str]:
    """Return the names of the pictures that are this process's."""
    return list(islice(plan.samples, share[0], None, share[1]))


def _collected(plan: Plan, kept: StateFolder, world: int) -> Iterator[ClassState]:
    for index, each in enumerate(plan.classes):
        whole = ClassState()
        for rank in range(world):
            whole.merge(kept.load(index, rank))
        if len(whole.entries) < len(each.samples):
            missing = len(each.samples) - len(whole.entries)
            raise UserError(
                f"{missing} pictures of the class '{each.name}' are not done yet. Run the same "
                "evaluation again to go on with it."
            )
        yield whole


def _evaluation(
    plan: Plan, dataset: DataSet, config: EvaluateConfig, states: Iterable[ClassState]
) -> Evaluation:
    """Measure one class after the other, so that the pixels of one are in memory."""
    reports, pictures, problems = [], [], list(plan.problems)
    for each, state in zip(plan.classes, states, strict=True):
        # Processes take turns with the pictures; by name they are in order again.
        state.entries.sort(key=lambda entry: entry.name)
        reports.append(class_report(each.name, state, each.threshold))
        pictures += [entry.record for entry in state.entries if entry.record is not None]
        problems += [problem for entry in state.entries for problem in entry.problems]
    return Evaluation(
        title=plan.title,
        data=dataset.summary(),
        protocol=config.protocol,
        settings=plan.settings,
        versions=versions(),
        classes=tuple(reports),
        mean=mean_figures(reports),
        pictures=tuple(pictures),
        problems=tuple(problems),
    )
