"""How reports of the Annotate tab become values of its components."""

from __future__ import annotations

from typing import Any

import gradio as gr

from inpformer.ui.annotate_handlers import DeskReport

DESK = ("annotate_queue", "annotate_status", "annotate_painter")
QUIETLY: dict[str, Any] = {"api_visibility": "private", "show_progress": "hidden"}


def desk_values(report: DeskReport) -> tuple[Any, ...]:
    """Return what the components called `DESK` show."""
    if report.said:
        gr.Info(report.said, duration=3)
    queue: dict[str, Any] = {"value": report.rows}
    if report.thumbnails is not None:
        queue["pictures"] = report.thumbnails
    painter = gr.update(**report.painter) if report.painter else gr.skip()
    return gr.update(**queue), report.status, painter
