"""Ticks of a colour bar, and panels with text."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from matplotlib.axes import Axes


_PAPER, _INK = "#ffffff", "#1f2937"


def scale_ticks(
    value_range: tuple[float, float], threshold: float | None, length: int
) -> list[tuple[float, str]]:
    """Return values to mark on a colour bar with their labels, none too near the threshold.

    Args:
        value_range: Values of the first and the last colour.
        threshold: Labels are multiples of it; None, 0 or less for raw values.
        length: Pixels of the bar.
    """
    unit, sign = (threshold, "×") if threshold is not None and threshold > 0 else (1.0, "")
    low, high = (value / unit for value in value_range)
    smallest = (high - low) / max(2, length // 60)
    power = 10.0 ** math.floor(math.log10(smallest))
    step = next(s * power for s in (1, 2, 2.5, 5, 10, 20) if s * power >= smallest)
    first, last = math.ceil(low / step - 1e-6), math.floor(high / step + 1e-6)
    marks = {float(f"{number * step:.9g}") for number in range(first, last + 1)}
    if threshold is not None and low <= threshold / unit <= high:
        own, clear = threshold / unit, 36 / length * (high - low)
        marks = {mark for mark in marks if abs(mark - own) > clear} | {own}
    return [(mark * unit, f"{mark:.4g}{sign}") for mark in sorted(marks)]


def panel(width: int, height: int) -> Axes:
    """Return axes in pixels, the origin top left, whose label is the colour of the text."""
    # Not pyplot: its global state is not made for several visitors at once.
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    # At 72 dots per inch a point is a pixel, in fonts and lines too.
    figure = Figure(figsize=(width / 72, height / 72), dpi=72, facecolor=_PAPER)
    FigureCanvasAgg(figure)
    axes = figure.add_axes((0, 0, 1, 1), label=_INK)
    axes.set(xlim=(0, width), ylim=(height, 0), autoscale_on=False)
    axes.set_axis_off()
    return axes


def rendered(axes: Axes) -> np.ndarray:
    """Return what was drawn on a panel, `(height, width, 3)` uint8 RGB."""
    canvas = axes.figure.canvas
    canvas.draw()
    return np.asarray(canvas.buffer_rgba())[..., :3].copy()


def write_text(axes: Axes, x: float, y: float, text: str, **placing: str) -> None:
    """Write on a panel, `x` and `y` in pixels from its top left."""
    axes.text(x, y, text, color=axes.get_label(), fontsize=12, **placing)
