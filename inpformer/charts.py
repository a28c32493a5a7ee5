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
_BINS = 32
# Told apart by dashes too.
_DASHES = ("", "7 4", "2 4", "9 3 2 3")


def line_chart(
    lines: Mapping[str, Sequence[tuple[float, float]]],
    x_label: str,
    y_label: str,
    title: str,
    last_values: bool = True,
) -> str:
    """Draw lines over one axis; of many points a part is drawn.

    Args:
        lines: Points `(x, y)` by name, x ascending.
        x_label: What x is.
        y_label: What y is.
        title: For those who cannot see it.
        last_values: Whether the legend says where each line ends.

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
        dashes = _DASHES[index % len(_DASHES)]
        style = f'class="line line-{index % len(_DASHES)}" stroke-dasharray="{dashes}"'
        drawn.append(f'<polyline {style} points="{path}"/>')
        end = f" {points[-1][1]:.3f}" if last_values else ""
        legend.append(_legend_entry(index % len(_DASHES), name + end))
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


def histogram_chart(
    groups: Mapping[str, Sequence[float]],
    cut: tuple[str, float] | None,
    x_label: str,
    y_label: str,
    title: str,
) -> str:
    """Draw how often values occur, a row of bars per group before one another, and a cut.

    Args:
        groups: Values by name of the group; two at most can be told apart.
        cut: Name and place of a line across, such as a threshold.
        x_label: What the values are.
        y_label: What is counted.
        title: For those who cannot see it.

    Returns:
        HTML, with a legend; empty where there is no value.
    """
    values = [value for group in groups.values() for value in group]
    if not values:
        return ""
    ends = [*values, cut[1]] if cut else values
    low, high = min(ends), max(ends)
    # A little room, so that no bar and no line lies on an axis; equal values need some, too.
    room = 0.04 * (high - low) or 0.5 * abs(high) or 0.5
    low, high = low - room, high + room
    width = (high - low) / _BINS
    counts = {name: [0] * _BINS for name in groups}
    for name, group in groups.items():
        for value in group:
            counts[name][min(_BINS - 1, int((value - low) / width))] += 1
    most = max(count for group in counts.values() for count in group)
    axes = _Axes((low, high), (0.0, float(most)))
    drawn, legend = [], []
    for index, (name, group) in enumerate(counts.items()):
        for place, count in enumerate(group):
            if count:
                x, right = axes.x(low + place * width), axes.x(low + (place + 1) * width)
                drawn.append(
                    f'<rect class="bar bar-{index}" x="{x:.1f}" width="{right - x:.1f}" '
                    f'y="{axes.y(count):.1f}" height="{axes.bottom - axes.y(count):.1f}"/>'
                )
        legend.append(_bar_entry(index, f"{name} ({len(groups[name])})"))
    if cut:
        x = axes.x(cut[1])
        drawn.append(
            f'<line class="cut" x1="{x:.1f}" x2="{x:.1f}" y1="{_TOP}" y2="{axes.bottom}"/>'
        )
        legend.append(f'<span class="key"><b class="cut-key">|</b> {escape(cut[0])}</span>')
    frame = axes.frame(x_label, y_label)
    return _framed(frame + "".join(drawn), title, "".join(legend))


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
            left, right = self.x_range
            for value in ((left + right) / 2, right):
                x = self.x(value) - 8
                shown = f"{value:.0f}" if abs(value) >= 10 else f"{value:.2g}"
                parts.append(f'<text class="tick" x="{x}" y="{self.bottom + 15}">{shown}</text>')
        middle = (_LEFT + WIDTH - _RIGHT) / 2
        parts.append(f'<text class="tick" x="{middle}" y="{HEIGHT - 4}">{escape(x_label)}</text>')
        parts.append(
            f'<text class="tick" transform="translate(11 {HEIGHT / 2 - 8}) rotate(-90)">'
            f"{escape(y_label)}</text>"
        )
        return "".join(parts)


def _legend_entry(index: int, words: str) -> str:
    dash = _DASHES[index]
    return (
        f'<span class="key"><svg width="26" height="8" aria-hidden="true"><line class="line '
        f'line-{index}" stroke-dasharray="{dash}" x1="0" x2="26" y1="4" y2="4"/></svg> '
        f"{escape(words)}</span>"
    )


def _bar_entry(index: int, words: str) -> str:
    return (
        f'<span class="key"><svg width="14" height="12" aria-hidden="true"><rect class="bar '
        f'bar-{index}" x="1" y="1" width="12" height="10"/></svg> {escape(words)}</span>'
    )


def _framed(content: str, title: str, legend: str = "") -> str:
    legend = f'<div class="legend">{legend}</div>' if legend else ""
    return (
        f'<div class="chart"><svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" '
        f'aria-label="{escape(title)}">{content}</svg>{legend}</div>'
    )
