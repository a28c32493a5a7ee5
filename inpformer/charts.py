"""Small charts as SVG: they follow the page's colours, light or dark, and need no script.

A curve that is drawn anew four times a second must be small; these are a few kilobytes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape

# Narrow, so that its text can still be read at the width of a telephone.
WIDTH, HEIGHT = 400, 190
_LEFT, _RIGHT, _TOP, _BOTTOM = 52, 12, 14, 34
_MOST_POINTS = 160
# Told apart by dashes too.
_DASHES = ("", "7 4", "2 4")


def line_chart(
    lines: Mapping[str, Sequence[tuple[float, float]]], x_label: str, y_label: str, title: str
) -> str:
    """Draw lines over one axis; of many points a part is drawn.

    Args:
        lines: Points `(x, y)` by name, x ascending.
        x_label: What x is.
        y_label: What y is.
        title: For those who cannot see it.

    Returns:
        HTML, with a legend; empty where there is no point.
    """
    lines = {name: points for name, points in lines.items() if points}
    if not lines:
        return ""
    everything = [point for points in lines.values() for point in points]
    axes = _Axes(
        (0.0, max(x for x, _ in everything) or 1.0), (0.0, max(y for _, y in everything) or 1.0)
    )
    drawn, legend = [], []
    for index, (name, points) in enumerate(lines.items()):
        step = -(-len(points) // _MOST_POINTS)
        # The newest point is always there.
        chosen = [*points[:-1:step], points[-1]]
        path = " ".join(f"{axes.x(x):.1f},{axes.y(y):.1f}" for x, y in chosen)
        style = f'class="line line-{index}" stroke-dasharray="{_DASHES[index % len(_DASHES)]}"'
        drawn.append(f'<polyline {style} points="{path}"/>')
        legend.append(_legend_entry(index, f"{name} {points[-1][1]:.3f}"))
    return _framed(axes.frame(x_label, y_label) + "".join(drawn), title, "".join(legend))


def dot_chart(
    groups: Mapping[str, Sequence[float]],
    x_label: str,
    y_label: str,
    title: str,
    y_range: tuple[float, float] | None = None,
) -> str:
    """Draw a column of dots per group, and a bar at their mean.

    Args:
        groups: Values by name of the group, drawn from left to right.
        x_label: What the groups are.
        y_label: What the values are.
        title: For those who cannot see it.
        y_range: Ends of the axis; None for 0 to the largest value.

    Returns:
        HTML; empty where there is no value.
    """
    values = [value for group in groups.values() for value in group]
    if not values:
        return ""
    axes = _Axes((0.0, float(len(groups))), y_range or (0.0, max(values) or 1.0))
    drawn = []
    for place, (name, group) in enumerate(groups.items()):
        x = axes.x(place + 0.5)
        drawn.append(f'<text class="tick" x="{x:.1f}" y="{axes.bottom + 15}">{escape(name)}</text>')
        for index, value in enumerate(group):
            # Equal values side by side, or several would look like one.
            shift = 5 * (index - (len(group) - 1) / 2)
            drawn.append(
                f'<circle class="dot" cx="{x + shift:.1f}" cy="{axes.y(value):.1f}" r="4"/>'
            )
        if group:
            y = f"{axes.y(sum(group) / len(group)):.1f}"
            drawn.append(
                f'<line class="mean" x1="{x - 18:.1f}" x2="{x + 18:.1f}" y1="{y}" y2="{y}"/>'
            )
    return _framed(axes.frame(x_label, y_label, x_ticks=False) + "".join(drawn), title)


class _Axes:
    """Where values lie in the picture."""

    bottom = HEIGHT - _BOTTOM

    def __init__(self, x_range: tuple[float, float], y_range: tuple[float, float]) -> None:
        self.x_range, self.y_range = x_range, y_range

    def x(self, value: float) -> float:
        low, high = self.x_range
        return _LEFT + (value - low) / (high - low) * (WIDTH - _LEFT - _RIGHT)

    def y(self, value: float) -> float:
        low, high = self.y_range
        return self.bottom - (value - low) / (high - low) * (self.bottom - _TOP)

    def frame(self, x_label: str, y_label: str, x_ticks: bool = True) -> str:
        """Return both axes with their labels, and lines at three heights."""
        parts = []
        low, high = self.y_range
        for share in (0.0, 0.5, 1.0):
            value = low + share * (high - low)
            y = self.y(value)
            parts.append(
                f'<line class="grid" x1="{_LEFT}" x2="{WIDTH - _RIGHT}" y1="{y}" y2="{y}"/>'
            )
            parts.append(f'<text class="tick left" x="{_LEFT - 6}" y="{y + 4}">{value:.2g}</text>')
        if x_ticks:
            for value in (self.x_range[1] / 2, self.x_range[1]):
                x = self.x(value) - 8
                parts.append(
                    f'<text class="tick" x="{x}" y="{self.bottom + 15}">{value:.0f}</text>'
                )
        middle = (_LEFT + WIDTH - _RIGHT) / 2
        parts.append(f'<text class="tick" x="{middle}" y="{HEIGHT - 4}">{escape(x_label)}</text>')
        parts.append(
            f'<text class="tick" transform="translate(11 {HEIGHT / 2 - 8}) rotate(-90)">'
            f"{escape(y_label)}</text>"
        )
        return "".join(parts)


def _legend_entry(index: int, words: str) -> str:
    dash = _DASHES[index % len(_DASHES)]
    return (
        f'<span class="key"><svg width="26" height="8" aria-hidden="true"><line class="line '
        f'line-{index}" stroke-dasharray="{dash}" x1="0" x2="26" y1="4" y2="4"/></svg> '
        f"{escape(words)}</span>"
    )


def _framed(content: str, title: str, legend: str = "") -> str:
    legend = f'<div class="legend">{legend}</div>' if legend else ""
    return (
        f'<div class="chart"><svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" '
        f'aria-label="{escape(title)}">{content}</svg>{legend}</div>'
    )
