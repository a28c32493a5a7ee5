"""What is evaluated: a detector for all classes, or those that a training made for each."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from inpformer.datasets.sample import DataSet
from inpformer.errors import UserError
from inpformer.evaluation.plan import ANY_CLASS, picture_name
from inpformer.files import UniqueNames

if TYPE_CHECKING:
    from inpformer.detector import AnomalyDetector

RUN_FILE = "run.json"


@dataclass(frozen=True)
class Subject:
    """One thing to evaluate.

    Attributes:
        title: For people; no two have the same.
        sources: What to load by class, see `AnomalyDetector.load`; `*` stands for all others.
        taken_out: Names of pictures of the data set that it has learnt from.
    """

    title: str
    sources: dict[str, str]
    taken_out: frozenset[str] = frozenset()

    def unseen(self, dataset: DataSet) -> DataSet:
        """Return a data set without the test pictures that were learnt from, and say so."""
        kept = tuple(
            sample
            for sample in dataset.samples
            if sample.split != "test"
            or picture_name(sample.path, dataset.root) not in self.taken_out
        )
        count = len(dataset.samples) - len(kept)
        if count == 0:
            return dataset
        problems = list(dataset.problems)
        problems.append(f"Test pictures left out, for the detector has learnt from them: {count}.")
        return replace(dataset, samples=kept, problems=tuple(problems))

    def load(
        self, class_names: Sequence[str], device: str, weights: Path | None = None
    ) -> dict[str, AnomalyDetector]:
        """Load the detectors of some classes; they share an encoder where they can.

        Args:
            class_names: The classes there are.
            device: As for `AnomalyDetector.load`.
            weights: As for `AnomalyDetector.load`.

        Raises:
            UserError: A detector cannot be loaded.
        """
        from inpformer.detector import AnomalyDetector

        detectors: dict[str, AnomalyDetector] = {}
        for name, source in self.sources.items():
            if name not in (ANY_CLASS, *class_names):
                continue
            detector = AnomalyDetector.load(source, device, weights)
            first = next(iter(detectors.values()), None)
            if first is not None and detector.has_encoder_of(first):
                detector = detector.sharing_encoder(first)
            detectors[name] = detector
        return detectors


def read_subjects(models: Sequence[str]) -> list[Subject]:
    """Find out what people mean by a model.

    Args:
        models: Each a detector file, a Hub id, an encoder, or the folder of a training, whose
            `run.json` names the detectors by class and the test pictures they have learnt from.

    Raises:
        UserError: A folder is not that of a finished training.
    """
    titles = UniqueNames("{stem} ({count})")
    subjects = []
    for model in models:
        path = Path(model)
        if not path.is_dir():
            title = titles.give(path.stem if path.is_file() else model)
            subjects.append(Subject(title, {ANY_CLASS: model}))
            continue
        record = _read_run(path)
        sources = {name: str(path / file) for name, file in record["detectors"].items()}
        taken_out = frozenset(record.get("taken_out", ()))
        subjects.append(Subject(titles.give(path.resolve().name), sources, taken_out))
    return subjects


def _read_run(folder: Path) -> dict[str, Any]:
    path = folder / RUN_FILE
    if not path.is_file():
        raise UserError(
            f"The folder '{folder}' has no {RUN_FILE}, so it is of no finished training. Give the "
            "folder of one, or a detector file."
        )
    try:
        record = json.loads(path.read_text("utf-8"))
        files = record["detectors"].values()
        names = [*record["detectors"], *files, *record.get("taken_out", ())]
        if all(isinstance(name, str) for name in names) and all(
            _is_inside(f, folder) for f in files
        ):
            return record
    except (OSError, ValueError, LookupError, TypeError, AttributeError, RecursionError):
        pass
    raise UserError(f"'{path}' does not say which detectors the training made; train again.")


def _is_inside(file: str, folder: Path) -> bool:
    """Whether a detector of a run, which may be a stranger's, is a file of its own folder."""
    path = (folder / file).resolve()
    return path.is_relative_to(folder.resolve()) and path.suffix == ".safetensors"
