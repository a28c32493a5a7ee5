"""Small panels with text: the legend of a heatmap, and what other legends are made of."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from inpformer.pictures import COLOUR_MAPS, draw_heatmap

if TYPE_CHECKING:
    from matplotlib.axes import Axes


_LIGHT_PANEL = ("#ffffff", "#1f2937")


_DARK_PANEL = ("#1f2937", "#f3f4f6")


def draw_colour_bar(
    value_range: tuple[float, float],
    threshold: float | None,
    colour_map: str = COLOUR_MAPS[0],
    width: int = 480,
    height: int = 64,
    dark: bool = False,
) -> np.ndarray:
    """Draw the legend of a heatmap, in multiples of the threshold.

    Args:
        value_range: Values of the first and the last colour.
        threshold: Where pixels count as anomalous, marked in the bar. None for a map that is not
            calibrated; the ticks are then raw values, as they are for a threshold of 0 or less.
        colour_map: One of `COLOUR_MAPS`.
        width: Pixels, from 240 for readable text.
        height: Pixels, from 52 for readable text.
        dark: Light text on an opaque dark panel rather than dark text on a white one.

    Returns:
        `(height, width, 3)` uint8 RGB.
    """
    axes = panel(width, height, dark)
    (low, high), length, left, top, bottom = value_range, width - 48, 24, 22, height - 22
    ramp = draw_heatmap(np.linspace(low, high, length)[None], value_range, colour_map)
    axes.imshow(ramp, extent=(left, left + length, bottom, top), aspect="auto")

    def line(value: float, start: float, colour: str, thickness: float) -> float:
        x = left + (value - low) / (high - low) * length
        axes.plot([x, x], [start, bottom + 4], color=colour, linewidth=thickness)
        return x

    for value, label in scale_ticks(value_range, threshold, length):
        x = line(value, bottom, axes.get_label(), 1)
        write_text(axes, x, bottom + 5, label, ha="center", va="top")
    if threshold is not None and low <= threshold <= high:
        line(threshold, top - 3, "black", 4)
        x = line(threshold, top - 3, "white", 2)
        x = min(max(x, left + 55), width - left - 55)
        write_text(axes, x, top - 6, f"threshold {threshold:.3g}", ha="center")
    else:
        beyond = f"threshold {threshold:.3g}, beyond this scale" if threshold is not None else ""
        write_text(axes, left, top - 6, beyond or "not calibrated: raw values")
    return rendered(axes)


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


def panel(width: int, height: int, dark: bool) -> Axes:
    """Return axes in pixels, the origin top left, whose label is the colour of the text."""
    # Not pyplot: its global state is not made for several visitors at once.
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    paper, ink = _DARK_PANEL if dark else _LIGHT_PANEL
    # At 72 dots per inch a point is a pixel, in fonts and lines too.
    figure = Figure(figsize=(width / 72, height / 72), dpi=72, facecolor=paper)
    FigureCanvasAgg(figure)
    axes = figure.add_axes((0, 0, 1, 1), label=ink)
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
