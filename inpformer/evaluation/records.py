"""What an evaluation found, as plain values: for the report, the command and the page alike."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any, NamedTuple

# The seven figures of the field, in the order of the papers.
METRICS = (
    "image_auroc",
    "image_ap",
    "image_f1_max",
    "pixel_auroc",
    "pixel_ap",
    "pixel_f1_max",
    "aupro",
)


@dataclass(frozen=True)
class Figure:
    """One figure of merit.

    Attributes:
        value: In [0, 1]; None if it cannot be measured.
        error: The true value lies at most this far from `value`, since pixels are counted in bins.
        reason: Why there is none, in a sentence; empty otherwise.
    """

    value: float | None
    error: float = 0.0
    reason: str = ""


@dataclass(frozen=True)
class PictureRecord:
    """What a detector said about one picture, and what is true.

    Attributes:
        name: Path of the picture inside the data set.
        class_name: Its class.
        defect: Kind of defect; `good` for a normal picture.
        is_anomalous: What is true.
        score: Image score, raw scale.
        confidence: That it is anomalous, (0, 1); None if the detector is not calibrated.
        verdict: Whether the score lies above the threshold; None if not calibrated.
        peak: Column and row of the map's highest value, in pixels of the picture.
        is_hit: Whether the peak lies in a defect; None for normal and unmarked pictures.
        height: Of the picture, in pixels.
        width: Of the picture, in pixels.
        seconds: That the model took.
    """

    name: str
    class_name: str
    defect: str
    is_anomalous: bool
    score: float
    confidence: float | None
    verdict: bool | None
    peak: tuple[int, int]
    is_hit: bool | None
    height: int
    width: int
    seconds: float


class Confusion(NamedTuple):
    """Verdicts at the calibrated threshold: pictures counted by truth and verdict."""

    found: int
    missed: int
    false_alarms: int
    passed: int


class Curve(NamedTuple):
    """Points of a curve, x ascending; at most a few hundred."""

    x: tuple[float, ...]
    y: tuple[float, ...]


@dataclass(frozen=True)
class ClassReport:
    """How good a detector is on one class.

    Attributes:
        class_name: The class.
        figures: A `Figure` for each of `METRICS`.
        normal: Normal pictures looked at.
        anomalous: Anomalous ones.
        pixels: Pixels that the pixel figures count.
        defect_pixels: Those of them that are defect.
        regions: Defects, by connected pixels.
        threshold: Calibrated threshold on the image score, raw scale; None if there is none.
        confusion: Verdicts; None without a threshold.
        hit_rate: Share of marked anomalous pictures whose peak lies in a defect; None without one.
        seconds: Median time per picture.
        by_defect: For each kind of defect, its figures against all normal pictures of the class.
        curves: `image_roc`, `image_pr`, `pixel_roc`, `pixel_pr`, `pro`; those that exist.
    """

    class_name: str
    figures: dict[str, Figure]
    normal: int
    anomalous: int
    pixels: int
    defect_pixels: int
    regions: int
    threshold: float | None
    confusion: Confusion | None
    hit_rate: float | None
    seconds: float
    by_defect: dict[str, dict[str, Figure]] = field(default_factory=dict)
    curves: dict[str, Curve] = field(default_factory=dict)


@dataclass(frozen=True)
class Evaluation:
    """How good one detector, or one detector per class, is on a data set.

    Attributes:
        title: What was evaluated, for people.
        data: The data set in one line.
        protocol: `full-image` or `paper`.
        settings: Everything needed to do it again.
        versions: Of the program and what it stands on.
        classes: Per class.
        mean: Mean of each figure over the classes that have it.
        pictures: Every picture, by class and name.
        problems: One sentence for each thing that was left out, and why.
    """

    title: str
    data: str
    protocol: str
    settings: dict[str, Any]
    versions: dict[str, str]
    classes: tuple[ClassReport, ...]
    mean: dict[str, Figure]
    pictures: tuple[PictureRecord, ...]
    problems: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for a JSON file."""
        return asdict(self)
