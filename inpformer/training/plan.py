"""Which pictures each model of a run is trained on, and which are left out of the test set."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import torch

from inpformer.datasets.draws import draw_anomalies, draw_shots, without
from inpformer.datasets.sample import DataSet, Sample
from inpformer.errors import ImageError, UserError
from inpformer.files import UniqueNames
from inpformer.images import load_image
from inpformer.training.config import TrainConfig
from inpformer.training.processes import Processes
from inpformer.training.schedule import generator_for
from inpformer.training.stream import PictureStream, Size, look_at_all

ALL_CLASSES = "*"


@dataclass(frozen=True)
class TrainingSet:
    """What one model is trained on.

    Attributes:
        name: Of the class; `*` for a model of all classes.
        normal: Pictures it learns from.
        held_out: Normal pictures that only set its thresholds.
        anomalies: Masked ones that its head learns from.
    """

    name: str
    normal: tuple[Sample, ...]
    held_out: tuple[Sample, ...] = ()
    anomalies: tuple[Sample, ...] = ()


@dataclass(frozen=True)
class TrainingPlan:
    """What a run trains, and on what. Pictures are named by their path inside the data set.

    Attributes:
        sets: One per model.
        sizes: `(H, W)` of every picture to train on.
        normal: Names of all pictures to train on.
        shots: Names of the drawn pictures per class (few-shot only).
        held_out: Names of normal training pictures that only set thresholds.
        taken_out: Names of test pictures that a model has learned from.
        left_out: Why a picture is not used, by its name.
    """

    sets: tuple[TrainingSet, ...]
    sizes: dict[Path, Size]
    normal: list[str]
    shots: dict[str, list[str]] = field(default_factory=dict)
    held_out: list[str] = field(default_factory=list)
    taken_out: list[str] = field(default_factory=list)
    left_out: dict[str, str] = field(default_factory=dict)


def make_plan(
    data: Sequence[DataSet],
    classes: Sequence[str],
    config: TrainConfig,
    processes: Processes,
    on_picture: Callable[[int, int], None],
    stream: PictureStream,
) -> TrainingPlan:
    """Choose the pictures of every model.

    Args:
        data: One data set, or several for the setting `super`.
        classes: Their names; none for all.
        config: The settings.
        processes: Who looks for damaged pictures.
        on_picture: Told how many pictures of how many this process has looked at.
        stream: Reads real anomalies.

    Raises:
        UserError: There is nothing to train on, or not as much as asked for.
    """
    return _Planner(data, classes, config, stream).plan(processes, on_picture)


class _Planner:
    """Collects the parts of a plan."""

    def __init__(
        self,
        data: Sequence[DataSet],
        classes: Sequence[str],
        config: TrainConfig,
        stream: PictureStream,
    ) -> None:
        if len(data) > 1 and config.setting != "super":
            raise UserError(
                f"The setting '{config.setting}' trains on one data set; give one folder, or take "
                "the setting 'super' for several."
            )
        self._data, self._config, self._stream = _told_apart(data), config, stream
        self._classes = _chosen_classes(self._data, classes)
        self._left_out: dict[str, str] = {}
        self._sizes: dict[Path, Size] = {}

    def plan(self, processes: Processes, on_picture: Callable[[int, int], None]) -> TrainingPlan:
        config = self._config
        shots: dict[str, list[Sample]] = {}
        if config.setting == "few-shot":
            shots = {name: self._shots(part, name) for part, name in self._classes}
            normal = shots
        else:
            normal = self._readable(processes, on_picture)
        held_out = {name: self._held_out(name, samples) for name, samples in normal.items()}
        trained = {
            name: [sample for sample in samples if sample not in set(held_out[name])]
            for name, samples in normal.items()
        }
        anomalies = {name: self._anomalies(part, name) for part, name in self._classes}
        return TrainingPlan(
            sets=self._sets(trained, held_out, anomalies),
            sizes=self._sizes,
            normal=self._names(sample for part in trained.values() for sample in part),
            shots={name: self._names(samples) for name, samples in shots.items()},
            held_out=self._names(sample for part in held_out.values() for sample in part),
            taken_out=self._names(sample for part in anomalies.values() for sample in part),
            left_out=self._left_out,
        )

    def _sets(self, *by_class: dict[str, list[Sample]]) -> tuple[TrainingSet, ...]:
        names = [name for _, name in self._classes]
        if self._config.is_per_class:
            return tuple(
                # The only class of a data set may have no name.
                TrainingSet(name or ALL_CLASSES, *(tuple(part[name]) for part in by_class))
                for name in names
            )
        together = (tuple(s for name in names for s in part[name]) for part in by_class)
        return (TrainingSet(ALL_CLASSES, *together),)

    def _readable(
        self, processes: Processes, on_picture: Callable[[int, int], None]
    ) -> dict[str, list[Sample]]:
        """Return the normal training pictures of every class that can be read."""
        listed = {name: _normal(part, name) for part, name in self._classes}
        samples = [sample for part in listed.values() for sample in part]
        found = look_at_all(samples, processes, self._config.workers, on_picture)
        self._sizes |= found.sizes
        for sample in samples:
            if sample.path in found.problems:
                self._leave_out(sample, found.problems[sample.path])
        readable = {n: [s for s in part if s.path in found.sizes] for n, part in listed.items()}
        for name, part in readable.items():
            if not part:
                raise UserError(
                    f"The class '{name}' has no picture to train on that can be read; leave it "
                    "out, or bring some."
                )
        return readable

    def _shots(self, data: DataSet, name: str) -> list[Sample]:
        def problem(sample: Sample) -> str:
            self._sizes[sample.path] = load_image(sample.path).shape[:2]
            return ""

        return self._drawn(draw_shots, data, name, self._config.shots, problem)

    def _anomalies(self, data: DataSet, name: str) -> list[Sample]:
        if not self._config.anomalies:
            return []

        def problem(sample: Sample) -> str:
            is_in_sight = self._stream.read_masked(sample).mask.any()
            return "" if is_in_sight else "its defect lies outside of what the model sees"

        return self._drawn(draw_anomalies, data, name, self._config.anomalies, problem)

    def _drawn(
        self,
        draw: Callable[[DataSet, str, int, int], Sequence[Sample]],
        data: DataSet,
        name: str,
        count: int,
        problem: Callable[[Sample], str],
    ) -> list[Sample]:
        """Draw until all that is drawn can be used."""
        while True:
            drawn = list(draw(data, name, count, self._config.seed))
            odd = []
            for sample in drawn:
                try:
                    said = problem(sample)
                except ImageError as error:
                    said = str(error)
                if said:
                    odd.append(sample)
                    self._leave_out(sample, said)
            if not odd:
                return drawn
            data = without(data, odd)

    def _held_out(self, name: str, samples: Sequence[Sample]) -> list[Sample]:
        if not self._config.hold_out:
            return []
        if len(samples) < 2:
            raise UserError(
                f"The class '{name}' has one picture, which cannot be trained on and held out as "
                "well; take hold_out 0."
            )
        count = min(len(samples) - 1, max(1, round(self._config.hold_out * len(samples))))
        generator = generator_for(self._config.seed, "hold-out", name)
        chosen = torch.randperm(len(samples), generator=generator)[:count].tolist()
        return [samples[index] for index in sorted(chosen)]

    def _leave_out(self, sample: Sample, problem: str) -> None:
        (name,) = self._names([sample])
        self._left_out[name] = problem

    def _names(self, samples: Iterable[Sample]) -> list[str]:
        return [_name_inside(sample.path, self._data) for sample in samples]


def _normal(data: DataSet, name: str) -> list[Sample]:
    return [sample for sample in data.of(name, "train") if not sample.is_anomalous]


def _told_apart(data: Sequence[DataSet]) -> list[DataSet]:
    """Give classes of several data sets names that say which one they are of."""
    if len(data) == 1:
        return list(data)
    names = UniqueNames()
    apart = []
    for each in data:
        prefix = names.give(each.root.resolve().name)
        samples = (replace(s, class_name=f"{prefix}/{s.class_name}") for s in each.samples)
        apart.append(replace(each, samples=tuple(samples)))
    return apart


def _chosen_classes(data: Sequence[DataSet], wanted: Sequence[str]) -> list[tuple[DataSet, str]]:
    """Return the classes to train on, each with its data set."""
    known = [(part, name) for part in data for name in part.class_names]
    if not known:
        raise UserError(f"There are no pictures in '{data[0].root}'.")
    if not wanted:
        return known
    names = [name for _, name in known]
    unknown = [name for name in wanted if name not in names]
    if unknown:
        raise UserError(
            f"There is no class '{unknown[0]}' in the data; there are: {', '.join(names)}."
        )
    return [(part, name) for part, name in known if name in wanted]


def _name_inside(path: Path, data: Sequence[DataSet]) -> str:
    for each in data:
        if path.is_relative_to(each.root):
            return path.relative_to(each.root).as_posix()
    return path.as_posix()
