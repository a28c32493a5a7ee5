"""What counts in bins say of the figures: a value, and how far off it can be at most."""

from __future__ import annotations

import numpy as np

from inpformer.evaluation.records import Figure
from inpformer.metrics import area_under


class BinCounts:
    """Pixels counted in bins of their value, the highest bin first.

    Nothing is known of the order inside a bin, except that its end is a threshold. The best and
    the worst order give bounds; the figure is their middle.

    Args:
        normal: Normal pixels per bin, `(n,)`; there is one at least.
        defect: Defect pixels per bin, `(n,)`; there is one at least.
        overlap: Share of a region that is found at the end of each bin, mean over regions, `(n,)`.
        overlap_error: How far off it is at most.
        is_exact: Whether all pixels of a bin have one and the same value.
    """

    def __init__(
        self,
        normal: np.ndarray,
        defect: np.ndarray,
        overlap: np.ndarray,
        overlap_error: float,
        is_exact: bool,
    ) -> None:
        self.true_alarms, self.false_alarms = np.cumsum(defect), np.cumsum(normal)
        self.overlap = overlap
        self._overlap_error, self._is_exact = overlap_error, is_exact
        self._normal, self._defect = normal.astype(np.float64), defect.astype(np.float64)
        # Where each bin begins.
        self._true_before = self.true_alarms - defect
        self._false_before = self.false_alarms - normal

    def auroc(self) -> Figure:
        """Return the AUROC; equal values count half."""
        pairs = float(self.true_alarms[-1]) * float(self.false_alarms[-1])
        value = float(np.sum(self._normal * (self._true_before + self._defect / 2))) / pairs
        if self._is_exact:
            return Figure(value)
        # Pairs inside a bin count half here; in truth they count 0 to 1.
        return Figure(value, float(np.sum(self._normal * self._defect)) / pairs / 2)

    def ap(self) -> Figure:
        """Return the average precision: each defect pixel counts the precision at its value."""
        true, false, defects = self.true_alarms, self.false_alarms, float(self.true_alarms[-1])
        if self._is_exact:
            return Figure(float(np.sum(self._defect * true / (true + false))) / defects)
        # At best, all defect pixels of a bin are at one threshold, above its normal ones.
        high = np.sum(self._defect * true / np.maximum(true + self._false_before, 1))
        # At worst, they are below them, one by one. Their sum of x / (x + false) is at least the
        # integral from half before the first to half after the last, for this is concave.
        start = self._true_before + false + 0.5
        low = np.sum(self._defect - false * np.log1p(self._defect / start))
        return _between(float(low) / defects, float(high) / defects)

    def f1_max(self) -> Figure:
        """Return the F1 value at the best threshold."""
        low = self._best_f1(self.false_alarms)
        # At best, a threshold parts all defect pixels of a bin from its normal ones.
        return Figure(low) if self._is_exact else _between(low, self._best_f1(self._false_before))

    def aupro(self, limit: float) -> Figure:
        """Return the area under the overlap for false-alarm rates to `limit`, divided by it."""
        rates = self.false_alarms / self.false_alarms[-1]
        if self._is_exact:
            return Figure(area_under(rates, self.overlap, limit) / limit, self._overlap_error)
        widths = np.diff(np.minimum(rates, limit), prepend=0.0)
        # The curve rises, so inside a bin it lies between its ends.
        high = float(np.sum(widths * self.overlap)) / limit
        low = float(np.sum(widths * np.append(0.0, self.overlap[:-1]))) / limit
        return _between(low - self._overlap_error, high + self._overlap_error)

    def _best_f1(self, false_alarms: np.ndarray) -> float:
        alarms = self.true_alarms + false_alarms
        return float((2 * self.true_alarms / (alarms + self.true_alarms[-1])).max())


def _between(low: float, high: float) -> Figure:
    return Figure((low + high) / 2, max(0.0, (high - low) / 2))
