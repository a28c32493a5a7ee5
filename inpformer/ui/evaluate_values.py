"""What the components of the Evaluate tab's result show."""

from __future__ import annotations

import math
from typing import Any

import gradio as gr

from inpformer.ui.evaluate_handlers import EvaluateReport, EvaluateView

AT_CUT = ("evaluate_verdicts", "evaluate_galleries")
VIEW = (
    "evaluate_table",
    "evaluate_facts",
    "evaluate_shown",
    "evaluate_cut",
    *AT_CUT,
    "evaluate_details",
    "evaluate_disagreement",
    "evaluate_report",
)


def report_values(report: EvaluateReport) -> tuple[Any, ...]:
    """Return what the result's components show of a running or finished evaluation."""
    if report.view is None:
        return tuple(gr.skip() for _ in VIEW)
    return view_values(report.view)


def view_values(view: EvaluateView) -> tuple[Any, ...]:
    """Return what the components called `VIEW` show."""
    choices, chosen = view.shown
    slider = gr.update(visible=False)
    if view.cut_range is not None:
        low, high, value, step = slider_steps(*view.cut_range)
        slider = gr.update(minimum=low, maximum=high, step=step, value=value, visible=True)
    return (
        gr.update(value=view.rows, headers=view.headers, visible=True),
        view.facts,
        gr.update(choices=choices, value=chosen, visible=len(choices) > 1),
        slider,
        view.verdicts,
        view.galleries,
        view.details,
        view.disagreement,
        gr.update(visible=True),
    )


def slider_steps(low: float, high: float, value: float) -> tuple[float, float, float, float]:
    """Return ends, place and step of a slider in round numbers, of at least 200 steps."""
    digits = -math.floor(math.log10(max(high - low, 1e-6) / 200))
    step = 10.0**-digits
    ends = (math.floor(low / step) * step, math.ceil(high / step) * step)
    return (*(round(each, digits) for each in (*ends, value)), step)
