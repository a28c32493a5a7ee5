"""Maps of different kinds and detectors on one scale, and where they disagree."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Literal

import numpy as np

from inpformer.config import MapName
from inpformer.errors import require
from inpformer.result import AnomalyResult

# 0 is the normal level, 1 the threshold: the colours of `AnomalyResult.colour_range`, so that a
# calm background and the depth of a defect far beyond the threshold weigh nothing.
THRESHOLD_RANGE = (0.0, 2.0)
# As many pixels as the papers' image score looks at.
TOP_FRACTION = 0.01

Unit = Literal["threshold", "raw"]


@dataclass(frozen=True)
class ScaledMap:
    """One map of one result, on the scale that it shares with others.

    Attributes:
        map_name: Which map.
        unit: `threshold` for a calibrated map: 0 at the normal level, 1 at the threshold. An
            uncalibrated map has no such unit and stays `raw`.
        value_range: Values of the first and the last colour; the same for all calibrated maps,
            and fixed for each encoder for raw ones.
        values: `(H, W)` float32 in that unit, larger is more anomalous; NaN where nothing was
            inspected.
        mask: `(H, W)` bool, pixels above the threshold; None if uncalibrated.
        score: Image score in that unit.
        is_anomalous: Verdict by this map; None if uncalibrated.
        confidence: That the picture is anomalous, by this map, (0, 1); None if uncalibrated.
    """

    map_name: MapName
    unit: Unit
    value_range: tuple[float, float]
    values: np.ndarray
    mask: np.ndarray | None
    score: float
    is_anomalous: bool | None
    confidence: float | None


@dataclass(frozen=True)
class Disagreement:
    """How far maps of one picture differ.

    Attributes:
        unit: Scale of the differences; None if no two maps share one.
        compared: Indices of the maps on that scale; the others are left out of the differences.
        difference_map: Per pixel the mean absolute difference of all pairs of those maps, each
            clipped to its colour range, `(H, W)` float32, 0 to the range's width; NaN where one
            of them saw nothing. None without a unit.
        difference: Mean of that map over the picture; None without a unit.
        verdicts_differ: Whether one calibrated map calls the picture anomalous and another not.
        mask_iou: Pixels that all calibrated maps flag, over those that any flags, 0 to 1; 1 if
            none flags any. None with fewer than two calibrated maps.
        top_overlap: The same of each map's highest 1% of pixels, whatever its scale.
    """

    unit: Unit | None
    compared: tuple[int, ...]
    difference_map: np.ndarray | None
    difference: float | None
    verdicts_differ: bool
    mask_iou: float | None
    top_overlap: float

    @property
    def rank(self) -> tuple[bool, float]:
        """Larger where maps disagree more; for pictures that the same detectors looked at.

        Verdicts come first. Maps without a common scale differ by where they are highest.
        """
        amount = 1 - self.top_overlap if self.difference is None else self.difference
        return self.verdicts_differ, amount


def scaled_map(
    result: AnomalyResult, map_name: MapName | None = None, values: np.ndarray | None = None
) -> ScaledMap:
    """Bring a map to the scale it shares with maps of other kinds and detectors.

    Args:
        result: What a detector says about a picture.
        map_name: Which map; None takes the one that decides.
        values: The raw map at another size, `(h, w)`; None takes it at the picture's size.

    Raises:
        UserError: The detector does not give this map; the message lists those it gives.
    """
    name = map_name or result.map_name
    if values is None:
        values = np.where(result.inspected_mask, result.map(name), np.float32(np.nan))
    scale, score = result.scales.get(name), result.scores[name]
    if scale is None:
        span = result.colour_range(name)
        return ScaledMap(name, "raw", span, values.astype(np.float32), None, score, None, None)
    width = scale.threshold - scale.normal_level
    return ScaledMap(
        map_name=name,
        unit="threshold",
        value_range=THRESHOLD_RANGE,
        values=((values - scale.normal_level) / width).astype(np.float32),
        mask=values > scale.threshold,
        score=(score - scale.normal_level) / width,
        is_anomalous=score > scale.threshold,
        confidence=result.confidence_of(name),
    )


def disagreement(maps: Sequence[ScaledMap]) -> Disagreement:
    """Measure how far two or more maps of one picture differ.

    Args:
        maps: Of one picture, all of one size.

    Raises:
        ConfigError: There are fewer than two maps.
        ValueError: Their sizes differ.
    """
    require(len(maps) >= 2, f"a comparison needs at least 2 maps, not {len(maps)}")
    sizes = {item.values.shape for item in maps}
    if len(sizes) > 1:
        raise ValueError(f"sizes differ: {sorted(sizes)}")
    unit, compared = _common_scale(maps)
    difference_map = difference = None
    if unit is not None:
        difference_map = _mean_difference([maps[index] for index in compared])
        if not np.isnan(difference_map).all():
            difference = float(np.nanmean(difference_map))
    masks = [item.mask for item in maps if item.mask is not None]
    verdicts = {item.is_anomalous for item in maps if item.is_anomalous is not None}
    return Disagreement(
        unit=unit,
        compared=compared,
        difference_map=difference_map,
        difference=difference,
        verdicts_differ=len(verdicts) > 1,
        mask_iou=mask_iou(masks) if len(masks) > 1 else None,
        top_overlap=mask_iou([_top_pixels(item.values) for item in maps]),
    )


def order_by_disagreement(disagreements: Sequence[Disagreement]) -> list[int]:
    """Return the indices of pictures, those first about which the same detectors disagree most."""
    ranks = [item.rank for item in disagreements]
    return sorted(range(len(ranks)), key=ranks.__getitem__, reverse=True)


def mask_iou(masks: Sequence[np.ndarray]) -> float:
    """Return the pixels in all masks over those in any, 0 to 1; 1 if all are empty.

    Args:
        masks: `(H, W)` bool, at least one.
    """
    union = np.count_nonzero(np.logical_or.reduce(masks))
    return np.count_nonzero(np.logical_and.reduce(masks)) / union if union else 1.0


def _common_scale(maps: Sequence[ScaledMap]) -> tuple[Unit | None, tuple[int, ...]]:
    """Return the first scale that two maps have, calibrated ones first, and which maps those are.

    Raw distances of two encoders are no more alike than those of two calibrations.
    """
    scales = sorted({(item.unit, item.value_range) for item in maps}, reverse=True)
    for scale in scales:
        indices = tuple(i for i, item in enumerate(maps) if (item.unit, item.value_range) == scale)
        if len(indices) > 1:
            return scale[0], indices
    return None, ()


def _mean_difference(maps: Sequence[ScaledMap]) -> np.ndarray:
    clipped = [np.clip(item.values, *item.value_range) for item in maps]
    pairs = [np.abs(first - second) for first, second in combinations(clipped, 2)]
    return np.mean(pairs, axis=0, dtype=np.float32)


def _top_pixels(values: np.ndarray) -> np.ndarray:
    """Return where a map is highest, `(H, W)` bool: 1% of the picture, at least one pixel."""
    flat = np.nan_to_num(values.ravel(), nan=-np.inf)
    count = max(1, math.floor(flat.size * TOP_FRACTION))
    # Exactly that many, also where values are equal: a flat map has no highest half.
    top = np.zeros(flat.size, bool)
    top[np.argpartition(flat, -count)[-count:]] = True
    return top.reshape(values.shape)
