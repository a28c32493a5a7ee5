"""How small and how faint a defect may be and still be found: tried with marks of known size."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Literal, NamedTuple

import numpy as np

from inpformer.config import MapName
from inpformer.errors import FitCancelledError, UserError, require
from inpformer.images import check_image
from inpformer.result import AnomalyResult

if TYPE_CHECKING:
    from inpformer.detector import AnomalyDetector

MarkKind = Literal["shift", "texture"]
MARK_KINDS: tuple[MarkKind, ...] = ("shift", "texture")


@dataclass(frozen=True)
class LimitConfig:
    """Which marks are drawn, and how often.

    Attributes:
        kind: `shift` makes a disc lighter or darker; `texture` mixes noise into it.
        sizes: Diameters of the disc, in pixels of the picture, ascending.
        contrasts: Grey levels that it is shifted by, above 0 to 255; with `texture` the share of
            noise, above 0 to 1. Ascending.
        repeats: Marks of each size and contrast on each picture, at places drawn at random; the
            same for all contrasts, and near each other for all sizes.
        needed: Share of marks that must be found, above 0 to 1.
        seed: Of places, of lighter or darker, and of the noise.
        map_name: The map that decides; None takes the detector's default.
    """

    kind: MarkKind = "shift"
    sizes: tuple[int, ...] = (2, 4, 8, 16, 32, 64)
    contrasts: tuple[float, ...] = (10, 20, 40, 80)
    repeats: int = 2
    needed: float = 0.5
    seed: int = 0
    map_name: MapName | None = None

    def __post_init__(self) -> None:
        known = " or ".join(MARK_KINDS)
        require(self.kind in MARK_KINDS, f"the kind of marks must be {known}, not {self.kind}")
        most = 255 if self.kind == "shift" else 1
        _require_rising("sizes", self.sizes, 1, None)
        _require_rising("contrasts", self.contrasts, 0, most)
        require(min(self.contrasts) > 0, "a contrast must be above 0")
        require(self.repeats >= 1, f"repeats must be at least 1, got {self.repeats}")
        require(0 < self.needed <= 1, f"needed must be above 0 and up to 1, got {self.needed}")
        require(self.seed >= 0, f"seed must not be negative, got {self.seed}")


class LimitStep(NamedTuple):
    """Progress: pictures shown to the detector, how many there are, and what the rest takes."""

    done: int
    total: int
    seconds_left: float


class LimitCell(NamedTuple):
    """Marks of one size and contrast.

    Attributes:
        size: Diameter in pixels of the picture.
        contrast: See `LimitConfig`.
        found: Marks that were found.
        tried: Marks that were drawn.
    """

    size: int
    contrast: float
    found: int
    tried: int

    @property
    def share(self) -> float:
        """Share of marks that were found."""
        return self.found / self.tried


@dataclass(frozen=True)
class DetectionLimit:
    """How small and how faint a mark is still found.

    A mark is found if the picture's score lies above the threshold and the map's highest value in
    the mark, or no further from it than the side of a patch, which is what a map can tell apart.

    Attributes:
        config: What was drawn.
        cells: By contrast and size, ascending.
        false_alarms: The same pictures without a mark that are above the threshold.
        pictures: Pictures that were drawn on.
        threshold: On the image score, raw scale.
    """

    config: LimitConfig
    cells: tuple[LimitCell, ...]
    false_alarms: int
    pictures: int
    threshold: float

    @property
    def false_alarm_rate(self) -> float:
        """Share of untouched pictures above the threshold; how little a score alone says."""
        return self.false_alarms / self.pictures

    def shares(self, contrast: float) -> list[tuple[int, float]]:
        """Return the share of marks that is found, by size, for one contrast."""
        return [(cell.size, cell.share) for cell in self.cells if cell.contrast == contrast]

    def smallest(self) -> dict[float, int | None]:
        """Return for each contrast the smallest size from which on enough marks are found.

        None where not even the largest ones are.
        """
        limits: dict[float, int | None] = {}
        for contrast in self.config.contrasts:
            limits[contrast] = None
            for size, share in reversed(self.shares(contrast)):
                if share < self.config.needed:
                    break
                limits[contrast] = size
        return limits


class _Mark(NamedTuple):
    """What is the same for marks of all sizes and contrasts."""

    place: tuple[float, float]
    wants_lighter: bool
    noise: np.ndarray


class _Trial(NamedTuple):
    """One picture to show: with a mark of some contrast and size, or untouched."""

    image: np.ndarray
    mask: np.ndarray | None = None
    cell: tuple[float, int] = (0.0, 0)


def detection_limit(
    detector: AnomalyDetector,
    normal_images: Sequence[np.ndarray],
    config: LimitConfig | None = None,
    on_step: Callable[[LimitStep], None] | None = None,
    should_stop: Callable[[], bool] | None = None,
) -> DetectionLimit:
    """Draw marks of known size and contrast on normal pictures, and see which ones are found.

    Args:
        detector: With a calibrated threshold.
        normal_images: Pictures `(H, W, 3)` uint8 RGB without a defect, better not those that it
            was fitted on.
        config: What to draw; None takes the defaults.
        on_step: Told about every picture that was shown.
        should_stop: Asked before every picture; True stops.

    Raises:
        UserError: There is no picture, no threshold, or no mark that fits on a picture.
        FitCancelledError: `should_stop` answered True.
    """
    config = config or LimitConfig()
    images = [check_image(image) for image in normal_images]
    threshold = _threshold(detector, config)
    fitting = [[size for size in config.sizes if size <= min(i.shape[:2])] for i in images]
    if not any(fitting):
        raise UserError("Add at least 1 normal picture that a mark fits on.")
    marks = len(config.contrasts) * config.repeats
    total, started = sum(1 + marks * len(sizes) for sizes in fitting), time.monotonic()
    found: dict[tuple[float, int], list[bool]] = {}
    false_alarms = 0
    for done, trial in enumerate(_trials(images, fitting, config), 1):
        if should_stop is not None and should_stop():
            raise FitCancelledError("The search for the detection limit was stopped.")
        result = detector.predict(trial.image, map_name=config.map_name)
        if trial.mask is None:
            false_alarms += bool(result.is_anomalous)
        else:
            found.setdefault(trial.cell, []).append(is_found(result, trial.mask))
        if on_step is not None:
            left = (time.monotonic() - started) / done * (total - done)
            on_step(LimitStep(done, total, left))
    cells = (
        LimitCell(size, contrast, sum(hits), len(hits))
        for (contrast, size), hits in sorted(found.items())
    )
    return DetectionLimit(config, tuple(cells), false_alarms, len(images), threshold)


def place_disc(
    image: np.ndarray, size: int, place: tuple[float, float]
) -> tuple[slice, slice, np.ndarray]:
    """Return rows and columns of a disc's box in a picture, and the disc in it, bool.

    Args:
        image: The picture, at least `size` pixels on each side.
        size: Diameter in pixels.
        place: Across and down, 0 to 1; the disc always lies whole in the picture.
    """
    left, top = (
        round(share * (side - size)) for share, side in zip(place, image.shape[1::-1], strict=True)
    )
    offsets = (np.arange(size) + 0.5 - size / 2) ** 2
    disc = offsets[:, None] + offsets <= (size / 2) ** 2
    return slice(top, top + size), slice(left, left + size), disc


def is_found(result: AnomalyResult, mask: np.ndarray) -> bool:
    """Whether a detector has found a mark, see `DetectionLimit`.

    Args:
        result: What it says about the picture.
        mask: Where the mark is, `(H, W)` bool.
    """
    if not result.is_anomalous:
        return False
    row, column = np.unravel_index(int(result.anomaly_map.argmax()), mask.shape)
    top, left, bottom, right = result.geometry.patch_box(0, 0)
    rows, columns = np.nonzero(mask)
    is_near = (abs(rows - row) <= bottom - top) & (abs(columns - column) <= right - left)
    return bool(is_near.any())


def _threshold(detector: AnomalyDetector, config: LimitConfig) -> float:
    name = detector.choose_map(config.map_name)
    if detector.calibration is None or name not in detector.calibration.scales:
        raise UserError("This detector has no threshold, so that it finds nothing; fit it first.")
    return detector.calibration.scales[name].threshold


def _trials(
    images: Sequence[np.ndarray], fitting: Sequence[Sequence[int]], config: LimitConfig
) -> Iterator[_Trial]:
    """Yield each picture untouched, and then with each mark; one is in memory at a time."""
    for number, (image, sizes) in enumerate(zip(images, fitting, strict=True)):
        yield _Trial(image)
        for repeat in range(config.repeats):
            rng = np.random.default_rng([config.seed, number, repeat])
            mark = _Mark(
                place=(rng.random(), rng.random()),
                wants_lighter=bool(rng.random() < 0.5),
                noise=rng.integers(0, 256, (max(config.sizes), max(config.sizes), 3)),
            )
            for contrast in config.contrasts:
                for size in sizes:
                    yield _drawn(image, mark, (contrast, size), config.kind)


def _drawn(image: np.ndarray, mark: _Mark, cell: tuple[float, int], kind: MarkKind) -> _Trial:
    contrast, size = cell
    rows, columns, disc = place_disc(image, size, mark.place)
    under = image[rows, columns].astype(np.float64)
    if kind == "texture":
        changed = under + contrast * (mark.noise[:size, :size] - under)
    else:
        changed = under + _shift(under, contrast, mark.wants_lighter)
    drawn, mask = image.copy(), np.zeros(image.shape[:2], bool)
    drawn[rows, columns][disc] = np.rint(changed[disc]).clip(0, 255)
    mask[rows, columns] = disc
    return _Trial(drawn, mask, cell)


def _shift(under: np.ndarray, contrast: float, wants_lighter: bool) -> float:
    """Return a shift up or down; the other way where the wanted one would run against the end."""
    level = float(under.mean())
    has_room = level + contrast <= 255 if wants_lighter else level - contrast >= 0
    return contrast if wants_lighter == has_room else -contrast


def _require_rising(name: str, values: Sequence[float], low: float, high: float | None) -> None:
    is_rising = all(a < b for a, b in pairwise(values))
    is_inside = all(low <= value and (high is None or value <= high) for value in values)
    span = f"from {low} on" if high is None else f"from {low} to {high}"
    require(
        bool(values) and is_rising and is_inside,
        f"the {name} must be at least one number {span}, each larger than the one before",
    )
