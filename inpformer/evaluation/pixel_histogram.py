"""Pixel figures of any number of pictures, in bounded memory and with a bound on their error.

Sorting all pixels of a data set takes gigabytes. Here they are counted in bins, and no range of the
maps need be known: a bin is a run of neighbouring float32 numbers. At first it is a single one and
the figures are exact. When there are too many, bins are joined two by two, in step with the bits of
the number, so that they stay narrow beside the values in them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import cv2
import numpy as np

from inpformer.errors import UserError
from inpformer.evaluation.bin_figures import BinCounts
from inpformer.evaluation.curves import precision_recall, roc
from inpformer.evaluation.records import Curve, Figure
from inpformer.metrics import AUPRO_LIMIT

# Measured on 13 million pixels of maps that overlap much: every figure is then known to 0.00002,
# and the bins take 4 MB.
MAX_BINS = 1 << 17
# A region is counted in shares of this size, one for each of its pixels, rounded. Whole numbers
# have the same sum in any order, so that parts of a data set together are the whole, to the bit.
SHARES_PER_REGION = 1 << 40
_SIGN = np.uint32(1 << 31)
_COLUMNS = ("keys", "normal", "defect", "shares")


class _Bins(NamedTuple):
    """Bins by ascending value, `(n,)` each.

    Attributes:
        keys: Upper bits of the values, in the order of the values; uint32.
        normal: Normal pixels in a bin; int64.
        defect: Defect pixels; int64.
        shares: Sum of the region shares of those; int64.
    """

    keys: np.ndarray
    normal: np.ndarray
    defect: np.ndarray
    shares: np.ndarray


class PixelHistogram:
    """Counts pixels by the value of the anomaly map, and tells the pixel figures.

    However pictures are spread over histograms that are merged in the end, the result is the same
    to the bit.

    Args:
        max_bins: Most bins to keep, at 28 bytes each; more make the figures more exact.
    """

    def __init__(self, max_bins: int = MAX_BINS) -> None:
        if max_bins < 2:
            raise ValueError(f"max_bins must be at least 2, got {max_bins}")
        self.max_bins = max_bins
        self.regions = 0
        # Bits of the value that are left out; 0 as long as every value has a bin of its own.
        self._shift = 0
        self._bins = _Bins(np.empty(0, np.uint32), *(np.empty(0, np.int64) for _ in range(3)))

    def __len__(self) -> int:
        return len(self._bins.keys)

    @property
    def is_exact(self) -> bool:
        """Whether every distinct value has a bin of its own, so that nothing is lost."""
        return self._shift == 0

    @property
    def pixels(self) -> int:
        """Pixels counted so far."""
        return self.defect_pixels + int(self._bins.normal.sum())

    @property
    def defect_pixels(self) -> int:
        """Those of them that are defect."""
        return int(self._bins.defect.sum())

    def add(self, anomaly_map: np.ndarray, mask: np.ndarray) -> None:
        """Count the pixels of one picture.

        Args:
            anomaly_map: `(H, W)` float32, larger is more anomalous; other kinds are rounded to it.
            mask: `(H, W)` bool, True on a defect; all False for a normal picture.

        Raises:
            UserError: A value is no finite number.
        """
        if anomaly_map.shape != mask.shape or mask.ndim != 2:
            raise ValueError(f"map and mask differ: {anomaly_map.shape} and {mask.shape}")
        with np.errstate(over="ignore"):  # what is too large for it is refused below
            values = np.asarray(anomaly_map, np.float32)
        if not np.isfinite(values).all():
            raise UserError("The anomaly map holds values that are no finite numbers.")
        mask = mask.astype(bool)
        keys = _ordered_keys(values) >> np.uint32(self._shift)
        found, shares = _region_shares(mask)
        self.regions += found
        self._take(_normal_bins(keys[~mask]), _defect_bins(keys[mask], shares))

    def merge(self, other: PixelHistogram) -> None:
        """Count all that another histogram has counted, too; that one stays as it is.

        Raises:
            ValueError: It keeps another number of bins.
        """
        if other.max_bins != self.max_bins:
            raise ValueError(f"histograms of {self.max_bins} and {other.max_bins} bins differ")
        shift = max(self._shift, other._shift)
        mine, theirs = (_coarser(h._bins, shift - h._shift) for h in (self, other))
        self._bins, self._shift = mine, shift
        self.regions += other.regions
        self._take(theirs)

    def to_arrays(self) -> dict[str, np.ndarray]:
        """Return everything as arrays for an `.npz` file; `from_arrays` reads them."""
        size = np.array([self.max_bins, self._shift, self.regions], np.int64)
        return {"size": size, **self._bins._asdict()}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, np.ndarray]) -> PixelHistogram:
        """Return the histogram that `to_arrays` made arrays of.

        Raises:
            ValueError: These are not such arrays.
        """
        try:
            max_bins, shift, regions = (int(value) for value in arrays["size"])
            bins = _Bins(*(np.asarray(arrays[name]) for name in _COLUMNS))
        except (KeyError, TypeError) as error:
            raise ValueError(f"no histogram: {error}") from error
        if {column.shape for column in bins} != {(len(bins.keys),)}:
            raise ValueError("no histogram: its columns differ in length")
        histogram = cls(max_bins)
        histogram.regions, histogram._shift, histogram._bins = regions, shift, bins
        return histogram

    def auroc(self) -> Figure:
        """Return the AUROC over all pixels."""
        return self._missing() or self._counts().auroc()

    def ap(self) -> Figure:
        """Return the average precision over all pixels."""
        return self._missing() or self._counts().ap()

    def f1_max(self) -> Figure:
        """Return the F1 value of pixels at the best threshold."""
        return self._missing() or self._counts().f1_max()

    def aupro(self, limit: float = AUPRO_LIMIT) -> Figure:
        """Return the area under the per-region overlap, see `metrics.aupro`."""
        if not 0 < limit <= 1:
            raise ValueError(f"limit must be in (0, 1], got {limit}")
        return self._missing() or self._counts().aupro(limit)

    def figures(self) -> dict[str, Figure]:
        """Return the four pixel figures by their names in `METRICS`."""
        return {
            "pixel_auroc": self.auroc(),
            "pixel_ap": self.ap(),
            "pixel_f1_max": self.f1_max(),
            "aupro": self.aupro(),
        }

    def curves(self, limit: float = AUPRO_LIMIT) -> dict[str, Curve]:
        """Return `pixel_roc`, `pixel_pr` and `pro`, the last up to `limit`; none if missing."""
        if self._missing() is not None:
            return {}
        counts = self._counts()
        return {
            "pixel_roc": roc(counts.true_alarms, counts.false_alarms),
            "pixel_pr": precision_recall(counts.true_alarms, counts.false_alarms),
            "pro": roc(counts.overlap, counts.false_alarms, limit),
        }

    def _take(self, *more: _Bins) -> None:
        """Add bins of the same width, and join bins if they have become too many."""
        columns = zip(self._bins, *more, strict=True)
        bins = _joined(_Bins(*(np.concatenate(column) for column in columns)))
        step = _needed_step(bins.keys, self.max_bins)
        self._bins, self._shift = _coarser(bins, step), self._shift + step

    def _missing(self) -> Figure | None:
        if self.pixels == 0:
            return Figure(None, reason="No picture whose defects are known was looked at.")
        if self.defect_pixels == 0:
            return Figure(None, reason="No pixel is marked as defect.")
        if self.defect_pixels == self.pixels:
            return Figure(None, reason="Every pixel is marked as defect.")
        return None

    def _counts(self) -> BinCounts:
        normal, defect, shares = (column[::-1] for column in self._bins[1:])
        # Each share was rounded by half a unit at most.
        error = self.defect_pixels / (2 * self.regions * SHARES_PER_REGION)
        overlap = np.cumsum(shares) / (self.regions * SHARES_PER_REGION)
        return BinCounts(normal, defect, overlap, error, self.is_exact)


def _ordered_keys(values: np.ndarray) -> np.ndarray:
    """Return uint32 that are ordered as the float32 values are."""
    bits = (values + np.float32(0)).view(np.uint32)  # the sum makes -0 the 0 that it equals
    # Numbers below 0 have the sign bit set and grow away from 0.
    return np.where(bits & _SIGN, ~bits, bits | _SIGN)


def _region_shares(mask: np.ndarray) -> tuple[int, np.ndarray]:
    """Return how many regions a mask has, and per defect pixel, row by row, its region's share."""
    count, labels, stats, _ = cv2.connectedComponentsWithStats(
        mask.astype(np.uint8), connectivity=8
    )
    per_region = np.rint(SHARES_PER_REGION / stats[:, cv2.CC_STAT_AREA].clip(min=1))
    return count - 1, per_region.astype(np.int64)[labels[mask]]


def _normal_bins(keys: np.ndarray) -> _Bins:
    # Not by `_joined`: nearly all pixels are normal, and columns of their own would be large.
    found, counts = np.unique(keys, return_counts=True)
    return _Bins(found, counts.astype(np.int64), *np.zeros((2, len(found)), np.int64))


def _defect_bins(keys: np.ndarray, shares: np.ndarray) -> _Bins:
    ones = np.ones(len(keys), np.int64)
    return _joined(_Bins(keys, np.zeros_like(ones), ones, shares))


def _joined(bins: _Bins) -> _Bins:
    """Sort bins by key and add up those of the same key."""
    # Stable sorting finds the runs that are sorted already.
    order = np.argsort(bins.keys, kind="stable")
    keys = bins.keys[order]
    starts = np.flatnonzero(np.diff(keys, prepend=keys[:1] + np.uint32(1)))
    if len(starts) == 0:
        return bins
    return _Bins(keys[starts], *(np.add.reduceat(c[order], starts) for c in bins[1:]))


def _coarser(bins: _Bins, step: int) -> _Bins:
    """Leave out `step` more bits of the keys, and add up the bins that become one."""
    return bins if step == 0 else _joined(bins._replace(keys=bins.keys >> np.uint32(step)))


def _needed_step(keys: np.ndarray, max_bins: int) -> int:
    """Return how many bits must be left out so that at most `max_bins` different keys remain."""
    if len(keys) <= max_bins:
        return 0
    # Neighbours become one once all bits in which they differ are left out.
    _, different_bits = np.frexp((keys[1:] ^ keys[:-1]).astype(np.float64))
    still_apart = np.bincount(different_bits, minlength=33)[::-1].cumsum()[::-1]
    return int(np.argmax(1 + np.append(still_apart[1:], 0) <= max_bins))
