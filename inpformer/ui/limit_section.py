"""The detection limit on the Evaluate tab: components, then what its events call."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import gradio as gr

from inpformer.ui.evaluate_handlers import EvaluateHandlers
from inpformer.ui.evaluation_data import EvaluationSource
from inpformer.ui.limit_handlers import LimitHandlers
from inpformer.ui.wiring import FIT_TURN, is_local, parts_of, shown_to_visitor, visitor
from inpformer.ui.words import label

_SOURCE = ("evaluate_source", "evaluate_part", "evaluate_zip", "evaluate_folder")
_STATE = ("limit_progress", "limit_result", "limit_run", "limit_cancel")


def build_limit() -> dict[str, Any]:
    """Build the section, closed at first."""
    with gr.Accordion(label("LIMIT_TITLE"), open=False, elem_id="limit"):
        gr.Markdown(label("LIMIT_LEAD"))
        with gr.Row():
            page = {
                "limit_run": gr.Button(label("LIMIT_RUN"), elem_id="limit-run"),
                "limit_cancel": gr.Button(
                    label("CANCEL"), interactive=False, elem_id="limit-cancel"
                ),
            }
        page["limit_progress"] = gr.HTML(elem_id="limit-progress")
        page["limit_result"] = gr.HTML(elem_id="limit-result")
    return page


def wire_limit(evaluating: EvaluateHandlers, page: dict[str, Any]) -> None:
    """Connect the section; it takes its pictures from where the tab takes them."""
    handlers, shared = LimitHandlers(evaluating), evaluating.handlers

    @shown_to_visitor
    def measure(
        kind: str, part: str | None, file: str | None, folder: str | None, request: gr.Request
    ) -> Iterator[tuple[Any, ...]]:
        """Measure how small a mark the detector in use still finds; streams its progress.

        Args:
            kind: Where normal pictures come from: part, annotations, zip or folder.
            part: Name of the example part.
            file: Zip file of a data set.
            folder: Path of a folder, where the page runs on your own computer.
            request: The visitor's.
        """
        source = EvaluationSource(kind, part, file, folder, is_local(request))
        for report in handlers.measure(visitor(shared, request), None, source):
            yield (
                report.progress,
                gr.skip() if report.result is None else report.result,
                gr.update(interactive=not report.is_running),
                gr.update(interactive=report.is_running),
            )

    @shown_to_visitor
    def cancel(request: gr.Request) -> None:
        handlers.cancel(visitor(shared, request))

    hidden = {"api_visibility": "private", "show_progress": "hidden"}
    page["limit_run"].click(
        measure,
        parts_of(page, _SOURCE),
        parts_of(page, _STATE),
        api_name="detection_limit",
        show_progress="hidden",
        **FIT_TURN,
    ).failure(
        # An error leaves the buttons, and a half-filled bar, as the last report set them.
        lambda: ("", gr.update(interactive=True), gr.update(interactive=False)),
        None,
        parts_of(page, ("limit_progress", "limit_run", "limit_cancel")),
        **hidden,
    )
    page["limit_cancel"].click(cancel, None, None, queue=False, **hidden)
    page["forget"].click(
        lambda: ("", ""), None, parts_of(page, ("limit_progress", "limit_result")), **hidden
    )
