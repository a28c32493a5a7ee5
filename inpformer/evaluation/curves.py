"""Curves of alarms at each threshold, with few enough points to keep and to draw."""

from __future__ import annotations

import numpy as np

from inpformer.evaluation.records import Curve

MAX_POINTS = 300


def roc(true_alarms: np.ndarray, false_alarms: np.ndarray, limit: float = 1.0) -> Curve:
    """Return the rate of true alarms over that of false ones.

    Args:
        true_alarms: Count, or share, at or above each threshold, `(n,)`, rising; its last value is
            all there are.
        false_alarms: The same of normal ones.
        limit: Rate of false alarms to stop at, in (0, 1].
    """
    x = np.append(0.0, false_alarms / false_alarms[-1])
    y = np.append(0.0, true_alarms / true_alarms[-1])
    if limit < 1:
        inside = x < limit
        # The last point above the limit's rate lies on the way, as in `metrics.area_under`.
        x, y = np.append(x[inside], limit), np.append(y[inside], np.interp(limit, x, y))
    return _thinned(x, y)


def precision_recall(true_alarms: np.ndarray, false_alarms: np.ndarray) -> Curve:
    """Return the precision over the recall; arguments as for `roc`."""
    is_step = np.diff(true_alarms, prepend=0) > 0
    true, false = true_alarms[is_step], false_alarms[is_step]
    return _thinned(true / true_alarms[-1], true / (true + false))


def _thinned(x: np.ndarray, y: np.ndarray) -> Curve:
    """Keep points at equal lengths along the curve, the ends among them."""
    if len(x) > MAX_POINTS:
        steps = np.abs(np.diff(x)) / max(np.ptp(x), 1e-12) + np.abs(np.diff(y))
        length = np.append(0.0, np.cumsum(steps))
        wanted = np.linspace(0, length[-1], MAX_POINTS)
        kept = np.unique(np.searchsorted(length, wanted).clip(max=len(x) - 1))
        x, y = x[kept], y[kept]
    return Curve(tuple(x.tolist()), tuple(y.tolist()))
