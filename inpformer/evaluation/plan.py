"""What is to be looked at in an evaluation, with what, and what its results depend on."""

from __future__ import annotations

import hashlib
import json
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from inpformer.datasets.sample import DataSet, Sample
from inpformer.errors import UserError
from inpformer.evaluation.look import EvaluateConfig
from inpformer.version import __version__

if TYPE_CHECKING:
    from inpformer.detector import AnomalyDetector

# Stands for every class that has no detector of its own.
ANY_CLASS = "*"


@dataclass(frozen=True)
class ClassPlan:
    """One class of an evaluation.

    Attributes:
        name: The class.
        detector: That looks at it.
        samples: Its test pictures by name, in order.
        threshold: Of the detector on the image score; None if it was never calibrated.
    """

    name: str
    detector: AnomalyDetector
    samples: dict[str, Sample]
    threshold: float | None


@dataclass(frozen=True)
class Plan:
    """All of an evaluation.

    Attributes:
        classes: In order.
        title: What is evaluated, for people.
        settings: All that is needed to do it again, in plain values.
        identity: What the results depend on, in plain values.
        problems: What is left out, in sentences.
    """

    classes: tuple[ClassPlan, ...]
    title: str
    settings: dict[str, Any]
    identity: dict[str, Any]
    problems: tuple[str, ...]


def make_plan(
    detectors: AnomalyDetector | Mapping[str, AnomalyDetector],
    dataset: DataSet,
    config: EvaluateConfig,
) -> Plan:
    """Match test pictures and detectors.

    Args:
        detectors: One for all classes, or by class; `*` stands for all others.
        dataset: The data set.
        config: What to take of it.

    Raises:
        UserError: There is nothing to look at, or a detector does not give the map.
    """
    if not isinstance(detectors, Mapping):
        detectors = {ANY_CLASS: detectors}
    classes, problems = [], list(dataset.problems)
    for name in dataset.class_names:
        test = _drawn(dataset.of(name, "test"), config)
        detector = detectors.get(name, detectors.get(ANY_CLASS))
        if not test:
            problems.append(f"The class '{name}' has no test pictures; it is left out.")
        elif detector is None:
            problems.append(f"There is no detector for the class '{name}'; it is left out.")
        else:
            samples = {picture_name(sample.path, dataset.root): sample for sample in test}
            map_name = detector.choose_map(config.map_name)
            scales = detector.calibration.scales if detector.calibration else {}
            threshold = scales[map_name].threshold if map_name in scales else None
            classes.append(ClassPlan(name, detector, dict(sorted(samples.items())), threshold))
    if config.limit is not None:
        problems.append(
            f"At most {config.limit} normal and as many anomalous pictures of each class were "
            f"drawn, with the seed {config.seed}."
        )
    if not classes:
        raise UserError(
            "There is nothing to evaluate: no class has both test pictures and a detector."
        )
    facts = {id(plan.detector): _detector_facts(plan.detector) for plan in classes}
    by_class = {plan.name: facts[id(plan.detector)] for plan in classes}
    return Plan(
        classes=tuple(classes),
        title=config.title or _title(list(facts.values())),
        settings=_settings(dataset, config, by_class),
        identity=_identity(classes, dataset.root, config, by_class),
        problems=tuple(problems),
    )


def picture_name(path: Path, root: Path) -> str:
    """Return the place of a picture in its data set, or its whole path if it lies elsewhere."""
    return (path.relative_to(root) if path.is_relative_to(root) else path).as_posix()


def _drawn(test: Sequence[Sample], config: EvaluateConfig) -> list[Sample]:
    """Return at most as many normal and anomalous pictures as are wanted."""
    if config.limit is None:
        return list(test)
    draw = random.Random(config.seed)
    chosen = []
    for is_anomalous in (False, True):
        of_kind = [sample for sample in test if sample.is_anomalous == is_anomalous]
        chosen += draw.sample(of_kind, min(config.limit, len(of_kind)))
    return chosen


def _detector_facts(detector: AnomalyDetector) -> dict[str, Any]:
    # Late, for it brings torch, which data sets and pictures do without.
    from inpformer.detector_file import describe_detector, fingerprint

    described = describe_detector(detector)
    provenance = detector.provenance
    # Where the encoder was found does not matter.
    described["provenance"] = {**described["provenance"], "encoder_origin": ""}
    return {
        "variant": detector.config.variant,
        "encoder": detector.config.encoder.name,
        "normal pictures": provenance.shot_count,
        "corrected pictures": provenance.correction_count,
        "zero-shot": provenance.zero_shot,
        "engine": detector.engine,
        "fingerprint": _digest([fingerprint(detector), described, detector.engine]),
    }


def _title(facts: Sequence[dict[str, Any]]) -> str:
    first = facts[0]
    words = f"{first['variant']} on the encoder {first['encoder']}"
    return words if len(facts) == 1 else f"{len(facts)} detectors, such as {words}"


def _settings(
    dataset: DataSet, config: EvaluateConfig, by_class: Mapping[str, Any]
) -> dict[str, Any]:
    alike = {facts["fingerprint"] for facts in by_class.values()}
    one = {ANY_CLASS: next(iter(by_class.values()))} if len(alike) == 1 else dict(by_class)
    return {
        "protocol": config.protocol,
        "map": config.map_name,
        "limit": config.limit,
        "seed": config.seed,
        "folder": str(dataset.root),
        "layout": dataset.layout,
        "detectors": one,
    }


def _identity(
    classes: Sequence[ClassPlan], root: Path, config: EvaluateConfig, by_class: Mapping[str, Any]
) -> dict[str, Any]:
    pictures = []
    for plan in classes:
        for name, sample in plan.samples.items():
            mask = sample.mask_path and picture_name(sample.mask_path, root)
            pictures.append([plan.name, name, sample.defect, mask, sample.mask_level])
    return {
        "program": __version__,
        "protocol": config.protocol,
        "map": config.map_name,
        "pictures": _digest(pictures),
        "detectors": _digest([facts["fingerprint"] for facts in by_class.values()]),
    }


def _digest(values: Any) -> str:
    return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()[:16]
