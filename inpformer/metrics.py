"""How well scores and maps find defects: the seven figures of the field, exact, by sorting.

Every distinct score is a threshold; nothing is binned. Pixel figures hold all pixels at once, with
at most 70 bytes for each: ten million pixels take 0.7 GB.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import cv2
import numpy as np

from inpformer.errors import UserError

AUPRO_LIMIT = 0.3


class AlarmCounts(NamedTuple):
    """True and false alarms at or above each distinct score, the highest score first."""

    true_alarms: np.ndarray
    false_alarms: np.ndarray


def image_auroc(scores: np.ndarray, labels: np.ndarray) -> float:
    """Return the chance that an anomalous picture scores above a normal one; ties count half.

    Args:
        scores: `(n,)`, larger is more anomalous.
        labels: `(n,)`, True for an anomalous picture.

    Raises:
        UserError: Only one kind of picture is there, or a score is no number.
    """
    counts = count_alarms(scores, labels)
    return area_under(_rates(counts.false_alarms), _rates(counts.true_alarms))


def image_ap(scores: np.ndarray, labels: np.ndarray) -> float:
    """Return the average precision of image scores; arguments as for `image_auroc`."""
    return _average_precision(count_alarms(scores, labels))


def image_f1_max(scores: np.ndarray, labels: np.ndarray) -> float:
    """Return the F1 value at the best threshold; arguments as for `image_auroc`."""
    return _best_f1(count_alarms(scores, labels))


def pixel_auroc(maps: Sequence[np.ndarray], masks: Sequence[np.ndarray]) -> float:
    """Return the AUROC over all pixels of all pictures.

    Args:
        maps: Per picture `(H, W)`, larger is more anomalous; sizes may differ.
        masks: Per picture `(H, W)` bool, True on a defect; all False for a normal picture.

    Raises:
        UserError: No pixel is defective, or all are, or a value is no number.
    """
    counts = _count_pixels(maps, masks)
    return area_under(_rates(counts.false_alarms), _rates(counts.true_alarms))


def pixel_ap(maps: Sequence[np.ndarray], masks: Sequence[np.ndarray]) -> float:
    """Return the average precision over all pixels; arguments as for `pixel_auroc`."""
    return _average_precision(_count_pixels(maps, masks))


def pixel_f1_max(maps: Sequence[np.ndarray], masks: Sequence[np.ndarray]) -> float:
    """Return the F1 value of pixels at the best threshold; arguments as for `pixel_auroc`."""
    return _best_f1(_count_pixels(maps, masks))


def aupro(
    maps: Sequence[np.ndarray], masks: Sequence[np.ndarray], limit: float = AUPRO_LIMIT
) -> float:
    """Return the area under the per-region overlap, over false-alarm rates from 0 to `limit`.

    The overlap is the share of a defect region that is found, mean over regions: a small defect
    counts as much as a large one. Pixels that touch by a corner belong to one region.

    Args:
        maps: As for `pixel_auroc`.
        masks: As for `pixel_auroc`.
        limit: Largest share of normal pixels above the threshold, in (0, 1]; the area is divided
            by it, so 1 is perfect.

    Raises:
        UserError: No pixel is defective, or all are, or a value is no number.
    """
    if not 0 < limit <= 1:
        raise ValueError(f"limit must be in (0, 1], got {limit}")
    scores, is_defect = _flatten(maps, masks)
    shares = np.concatenate([_region_shares(mask) for mask in masks])
    _check(scores, is_defect, "pixels")
    order = np.argsort(-scores, kind="stable")
    last = _last_of_each(scores[order])
    overlap = np.cumsum(shares[order], dtype=np.float64)[last]
    false_rate = _rates(np.cumsum(~is_defect[order])[last])
    # The shares are rounded; their sum is the number of regions.
    return area_under(false_rate, overlap / overlap[-1], limit) / limit


def _count_pixels(maps: Sequence[np.ndarray], masks: Sequence[np.ndarray]) -> AlarmCounts:
    return count_alarms(*_flatten(maps, masks), "pixels")


def _flatten(
    maps: Sequence[np.ndarray], masks: Sequence[np.ndarray]
) -> tuple[np.ndarray, np.ndarray]:
    """Lay all pixels out in one row, after a look at the sizes."""
    if [np.shape(item) for item in maps] != [np.shape(item) for item in masks]:
        raise ValueError("maps and masks must be as many and of the same sizes")
    if len(maps) == 0:
        raise UserError("There are no pictures to measure on.")
    scores = _as_floats(np.concatenate([np.ravel(item) for item in maps]))
    return scores, np.concatenate([np.ravel(item).astype(bool) for item in masks])


def count_alarms(scores: np.ndarray, labels: np.ndarray, what: str = "pictures") -> AlarmCounts:
    """Count alarms at each distinct score; arguments and errors as for `image_auroc`.

    Args:
        scores: `(n,)`.
        labels: `(n,)`.
        what: Words for the things that are scored, for errors.
    """
    scores, labels = _as_floats(np.asarray(scores)), np.asarray(labels).astype(bool)
    _check(scores, labels, what)
    order = np.argsort(-scores, kind="stable")
    last = _last_of_each(scores[order])
    found = np.cumsum(labels[order])[last]
    return AlarmCounts(found, 1 + last - found)


def _check(scores: np.ndarray, labels: np.ndarray, what: str) -> None:
    if scores.shape != labels.shape or scores.ndim != 1:
        raise ValueError(f"scores and labels differ: {scores.shape} and {labels.shape}")
    if not np.isfinite(scores).all():
        raise UserError(f"Some scores of the {what} are no finite numbers.")
    if labels.all() or not labels.any():
        kind = "normal" if labels.any() else "anomalous"
        raise UserError(
            f"There are no {kind} {what}; these figures need normal and anomalous ones."
        )


def _as_floats(scores: np.ndarray) -> np.ndarray:
    # Sorting from high to low takes the negative, which whole numbers of a byte do not have.
    return scores if scores.dtype.kind == "f" else scores.astype(np.float64)


def _last_of_each(descending: np.ndarray) -> np.ndarray:
    """Return the index of the last of each run of equal scores: ties share one threshold."""
    return np.append(np.flatnonzero(np.diff(descending)), len(descending) - 1)


def _rates(counts: np.ndarray) -> np.ndarray:
    return counts / counts[-1]


def area_under(x: np.ndarray, y: np.ndarray, limit: float = 1.0) -> float:
    """Return the area under the straight lines from (0, 0) through all points, for x to `limit`.

    Args:
        x: `(n,)`, not falling, its last value at least `limit`.
        y: `(n,)`.
        limit: Where to stop.
    """
    x, y = np.concatenate([[0.0], x]), np.concatenate([[0.0], y])
    end = int(np.searchsorted(x, limit, side="right"))
    area = 0.5 * np.sum(np.diff(x[:end]) * (y[: end - 1] + y[1:end]))
    if end < len(x):
        share = (limit - x[end - 1]) / (x[end] - x[end - 1])
        y_limit = y[end - 1] + share * (y[end] - y[end - 1])
        area += 0.5 * (y[end - 1] + y_limit) * (limit - x[end - 1])
    return float(area)


def _average_precision(counts: AlarmCounts) -> float:
    precision = counts.true_alarms / (counts.true_alarms + counts.false_alarms)
    return float(np.sum(np.diff(_rates(counts.true_alarms), prepend=0.0) * precision))


def _best_f1(counts: AlarmCounts) -> float:
    found, alarms = counts.true_alarms, counts.true_alarms + counts.false_alarms
    return float((2 * found / (alarms + found[-1])).max())


def _region_shares(mask: np.ndarray) -> np.ndarray:
    """Return per pixel, in one row, 1 / the size of its region, or 0 where there is no defect."""
    _, labels, stats, _ = cv2.connectedComponentsWithStats(
        np.asarray(mask).astype(np.uint8), connectivity=8
    )
    share = 1 / stats[:, cv2.CC_STAT_AREA].clip(min=1)
    share[0] = 0.0  # label 0 is the background
    return share[labels.ravel()]
