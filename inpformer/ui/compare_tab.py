"""The Compare tab: components, then what its events call."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import gradio as gr

from inpformer.ui.compare_handlers import CompareHandlers, CompareReport
from inpformer.ui.handlers import Handlers
from inpformer.ui.session import FREE
from inpformer.ui.wiring import COMPARE_TURN, parts_of, shown_to_visitor, visitor
from inpformer.ui.words import ENGLISH, label

_CHOICES = ("compare_detectors", "compare_source", "compare_files", "compare_part")
_REPORT = ("compare_progress", "compare_summary", "compare_table", "compare_rows")
_BUTTONS = ("compare_run", "compare_cancel")


def build_compare_tab(handlers: Handlers) -> dict[str, Any]:
    """Build the choice of detectors and pictures, and the place of the result."""
    shelf = handlers.shelf
    gr.Markdown(label("COMPARE_LEAD"))
    page: dict[str, Any] = {
        "compare_detectors": gr.Dropdown(
            shelf.shared_choices(ENGLISH),
            value=[FREE],
            multiselect=True,
            max_choices=3,
            label=label("COMPARE_DETECTORS"),
            elem_id="compare-detectors",
        ),
        "compare_source": gr.Radio(
            [(title, key) for key, title in ENGLISH.COMPARE_SOURCES.items()],
            value="inspected",
            label=label("COMPARE_SOURCE"),
            elem_id="compare-source",
        ),
        "compare_files": gr.File(
            label=label("COMPARE_FILES"),
            file_count="multiple",
            file_types=["image"],
            height=140,
            visible=False,
            elem_id="compare-files",
        ),
        "compare_part": gr.Dropdown(
            [(part.title, part.name) for part in shelf.examples.parts],
            label=label("COMPARE_PART"),
            visible=False,
            elem_id="compare-part",
        ),
    }
    # Programs name detectors of their own that the page's list does not have; `Shelf` checks.
    page["compare_detectors"].preprocess = lambda keys: keys
    with gr.Row():
        page["compare_run"] = gr.Button(
            label("COMPARE_RUN"), variant="primary", elem_id="compare-run"
        )
        page["compare_cancel"] = gr.Button(
            label("COMPARE_CANCEL"), interactive=False, elem_id="compare-cancel"
        )
    page["compare_progress"] = gr.HTML(elem_id="compare-progress")
    page["compare_summary"] = gr.HTML(elem_id="compare-summary")
    page["compare_rows"] = gr.HTML(elem_id="compare-rows")
    page["compare_table"] = gr.Dataframe(
        label=label("COMPARE_TABLE"),
        interactive=False,
        wrap=True,
        visible=False,
        elem_id="compare-table",
    )
    return page


def wire_compare_tab(handlers: Handlers, page: dict[str, Any]) -> None:
    """Connect the tab."""
    comparing = CompareHandlers(handlers)

    @shown_to_visitor
    def arrive(chosen: list[str] | None, request: gr.Request) -> tuple[Any, ...]:
        choices = comparing.choices(visitor(handlers, request), chosen or ())
        return (
            gr.update(choices=choices.detectors, value=choices.chosen),
            gr.update(choices=choices.sources, value=choices.source),
            gr.update(visible=choices.source == "uploaded"),
            gr.update(choices=choices.parts, value=choices.part, visible=choices.source == "part"),
        )

    @shown_to_visitor
    def compare(
        detectors: list[str],
        source: str,
        files: list[str] | None,
        part: str | None,
        request: gr.Request,
    ) -> Iterator[tuple[Any, ...]]:
        """Compare two or three detectors on the same pictures; streams its progress.

        Give keys of detectors; where the pictures come from (inspected, uploaded or part); the
        uploaded pictures; and the example part.
        """
        who = visitor(handlers, request)
        for report in comparing.compare(who, detectors or [], source, files, part):
            yield (
                *report_values(report),
                gr.update(interactive=not report.is_running),
                gr.update(interactive=report.is_running),
            )

    @shown_to_visitor
    def cancel(request: gr.Request) -> None:
        """Stop the running comparison of this visitor after the picture at hand."""
        comparing.cancel(visitor(handlers, request))

    hidden = {"api_visibility": "private", "show_progress": "hidden"}
    page["compare_tab"].select(
        arrive, page["compare_detectors"], parts_of(page, _CHOICES), **hidden
    )
    page["compare_source"].input(
        lambda source: (
            gr.update(visible=source == "uploaded"),
            gr.update(visible=source == "part"),
        ),
        page["compare_source"],
        parts_of(page, ("compare_files", "compare_part")),
        **hidden,
    )
    running = page["compare_run"].click(
        compare,
        parts_of(page, _CHOICES),
        parts_of(page, (*_REPORT, *_BUTTONS)),
        api_name="compare",
        show_progress="hidden",
        **COMPARE_TURN,
    )
    # An error leaves the buttons, and a half-filled bar, as the last report set them.
    running.failure(
        lambda: ("", gr.update(interactive=True), gr.update(interactive=False)),
        None,
        parts_of(page, ("compare_progress", *_BUTTONS)),
        **hidden,
    )
    page["compare_cancel"].click(cancel, None, None, api_name="cancel_compare", queue=False)


def report_values(report: CompareReport) -> tuple[Any, ...]:
    """Return what the page shows of a comparison."""
    if report.table is None:
        return report.progress, gr.skip(), gr.skip(), gr.skip()
    # Verdicts need more room than figures. In pixels, so that a narrow page scrolls the table.
    count = len(report.headers) - 5
    verdict = max(170, 480 // count)
    widths = [f"{width}px" for width in (180, 140, *[verdict] * count, 110, 110, 110)]
    table = gr.update(
        value=report.table, headers=report.headers, column_widths=widths, visible=True
    )
    return report.progress, report.summary, table, report.rows
