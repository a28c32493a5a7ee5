"""The losses of a run as a page that opens in any browser, without scripts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from inpformer.charts import line_chart

PHASE_WORDS = {
    "look": "looking at the pictures",
    "encode": "encoding normal pictures",
    "train": "learning to rebuild them",
    "head": "learning to outline defects",
    "calibrate": "setting the thresholds",
}
LOSS_NAMES = ("reconstruction", "coherence", "segmentation")
_STYLE = """
:root { color-scheme: light dark; }
body { font-family: system-ui, sans-serif; max-width: 640px; margin: 24px auto; padding: 0 16px; }
h2 { font-size: 1.05em; margin: 24px 0 8px; }
.chart svg { width: 100%; height: auto; display: block; }
.chart .legend { display: flex; flex-wrap: wrap; gap: 4px 16px; font-size: 0.9em; }
.chart .legend svg { width: 26px; height: 8px; display: inline-block; }
.chart .line { fill: none; stroke-width: 2.5; }
.chart .line-0 { stroke: #3b8fc4; }
.chart .line-1 { stroke: #d55e00; }
.chart .grid { stroke: #8886; stroke-width: 1; }
.chart .tick { fill: currentColor; font-size: 12px; text-anchor: middle; }
.chart .tick.left { text-anchor: end; }
"""


def curve_page(lines: Sequence[Mapping[str, Any]]) -> str:
    """Draw the losses of every model and phase.

    Args:
        lines: Of the run's log, in order.

    Returns:
        A whole HTML page.
    """
    charts: dict[tuple[str, str], dict[str, list[tuple[float, float]]]] = {}
    for line in lines:
        chart = charts.setdefault((line["model"], line["phase"]), {})
        for name in LOSS_NAMES:
            if name in line:
                chart.setdefault(name, []).append((line["step"], line[name]))
    parts = []
    for (model, phase), losses in charts.items():
        title = f"{'All classes' if model == '*' else model}: {PHASE_WORDS.get(phase, phase)}"
        parts.append(f"<h2>{escape(title)}</h2>{line_chart(losses, 'step', 'loss', title)}")
    return (
        '<!doctype html><html lang="en"><meta charset="utf-8"><title>Training curves</title>'
        f"<style>{_STYLE}</style><h1>Training curves</h1>{''.join(parts)}</html>\n"
    )
