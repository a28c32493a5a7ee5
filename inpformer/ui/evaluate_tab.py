"""The Evaluate tab: components, then what its events call."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from typing import Any

import gradio as gr

from inpformer.examples import Examples
from inpformer.ui.evaluate_handlers import (
    MAX_DETECTORS,
    EvaluateHandlers,
)
from inpformer.ui.evaluate_values import AT_CUT, VIEW, report_values, view_values
from inpformer.ui.evaluation_data import EvaluationSource
from inpformer.ui.limit_section import build_limit, wire_limit
from inpformer.ui.session import FREE
from inpformer.ui.wiring import (
    FIT_TURN,
    cached,
    is_local,
    parts_of,
    refusing_if_busy,
    shown_to_visitor,
    visitor,
)
from inpformer.ui.words import ENGLISH, label

_CHOICES = ("evaluate_detectors", "evaluate_source", "evaluate_part")
_FILES = ("evaluate_zip", "evaluate_folder")
_BUTTONS = ("evaluate_run", "evaluate_cancel")
_SAVE = "() => document.querySelector('#evaluate-report-file').click()"
_COLUMN_WIDTHS = ("190px", "110px", *["92px"] * 7, "100px", "90px")


def build_evaluate_tab(handlers: EvaluateHandlers) -> dict[str, Any]:
    """Build the choice of detectors and pictures, and the places of the result."""
    shelf = handlers.handlers.shelf
    gr.Markdown(label("EVALUATE_LEAD"))
    page: dict[str, Any] = {
        "evaluate_detectors": gr.Dropdown(
            shelf.shared_choices(ENGLISH),
            value=[FREE],
            multiselect=True,
            max_choices=MAX_DETECTORS,
            label=label("EVALUATE_DETECTORS"),
            elem_id="evaluate-detectors",
        )
    }
    # Programs name detectors of their own that the page's list does not have; `Shelf` checks.
    page["evaluate_detectors"].preprocess = lambda keys: keys
    page |= _build_source(handlers, shelf.examples)
    with gr.Row():
        page["evaluate_run"] = gr.Button(
            label("EVALUATE_RUN"), variant="primary", elem_id="evaluate-run"
        )
        page["evaluate_cancel"] = gr.Button(
            label("EVALUATE_CANCEL"), interactive=False, elem_id="evaluate-cancel"
        )
    page["evaluate_progress"] = gr.HTML(elem_id="evaluate-progress")
    page |= _build_result()
    return page | build_limit()


def _build_source(handlers: EvaluateHandlers, examples: Examples) -> dict[str, Any]:
    parts = [(part.title, part.name) for part in examples.parts]
    first = "part" if parts else "annotations"
    with gr.Row():
        page: dict[str, Any] = {
            "evaluate_source": gr.Radio(
                handlers.data.sources(ENGLISH),
                value=first,
                label=label("EVALUATE_SOURCE"),
                elem_id="evaluate-source",
            ),
            "evaluate_protocol": gr.Radio(
                [(title, key) for key, title in ENGLISH.EVALUATE_PROTOCOLS.items()],
                value="full-image",
                label=label("EVALUATE_PROTOCOL"),
                elem_id="evaluate-protocol",
            ),
        }
    page["evaluate_part"] = gr.Dropdown(
        parts,
        value=parts[0][1] if parts else None,
        label=label("EVALUATE_PART"),
        visible=first == "part",
        elem_id="evaluate-part",
    )
    page["evaluate_zip"] = gr.File(
        label=label("EVALUATE_ZIP"),
        file_types=[".zip"],
        height=120,
        visible=False,
        elem_id="evaluate-zip",
    )
    page["evaluate_folder"] = gr.Textbox(
        label=label("EVALUATE_FOLDER"), max_lines=1, visible=False, elem_id="evaluate-folder"
    )
    return page


def _build_result() -> dict[str, Any]:
    page: dict[str, Any] = {
        "evaluate_table": gr.Dataframe(
            label=label("EVALUATE_FIGURES"),
            interactive=False,
            wrap=True,
            column_widths=list(_COLUMN_WIDTHS),
            visible=False,
            elem_id="evaluate-table",
        ),
        "evaluate_facts": gr.HTML(elem_id="evaluate-facts"),
        "evaluate_report": gr.Button(
            label("EVALUATE_REPORT"), size="sm", visible=False, elem_id="evaluate-report"
        ),
        # What is written on a click is handed over by this one, which nobody sees.
        "evaluate_report_file": gr.DownloadButton(
            elem_id="evaluate-report-file", elem_classes="unseen"
        ),
        "evaluate_disagreement": gr.HTML(elem_id="evaluate-disagreement"),
        "evaluate_shown": gr.Radio(
            [], label=label("EVALUATE_SHOWN"), visible=False, elem_id="evaluate-shown"
        ),
        "evaluate_cut": gr.Slider(
            0, 1, label=label("EVALUATE_THRESHOLD"), visible=False, elem_id="evaluate-cut"
        ),
        "evaluate_verdicts": gr.HTML(elem_id="evaluate-verdicts"),
        "evaluate_galleries": gr.HTML(elem_id="evaluate-galleries"),
        "evaluate_details": gr.HTML(elem_id="evaluate-details"),
    }
    # The ends of the slider are those of the scores, which the server alone knows.
    page["evaluate_cut"].preprocess = lambda value: value
    page["evaluate_shown"].preprocess = lambda value: value
    return page


def wire_evaluate_tab(handlers: EvaluateHandlers, page: dict[str, Any]) -> None:
    """Connect the tab."""
    _wire_choices(handlers, page)
    _wire_run(handlers, page)
    _wire_result(handlers, page)
    wire_limit(handlers, page)


def _wire_choices(handlers: EvaluateHandlers, page: dict[str, Any]) -> None:
    shared = handlers.handlers

    @shown_to_visitor
    def arrive(chosen: list[str] | None, request: gr.Request) -> tuple[Any, ...]:
        choices = handlers.choices(visitor(shared, request), chosen or ())
        return (
            gr.update(choices=choices.detectors, value=choices.chosen),
            gr.update(choices=choices.sources),
            gr.update(choices=choices.parts, value=choices.part),
        )

    def choose(source: str) -> tuple[Any, ...]:
        return tuple(gr.update(visible=source == kind) for kind in ("part", "zip", "folder"))

    hidden = {"api_visibility": "private", "show_progress": "hidden"}
    page["evaluate_tab"].select(
        arrive, page["evaluate_detectors"], parts_of(page, _CHOICES), **hidden
    )
    page["evaluate_source"].input(
        choose, page["evaluate_source"], parts_of(page, ("evaluate_part", *_FILES)), **hidden
    )


def _wire_run(handlers: EvaluateHandlers, page: dict[str, Any]) -> None:
    shared = handlers.handlers

    @shown_to_visitor
    def evaluate(
        detectors: list[str] | None,
        kind: str,
        part: str | None,
        file: str | None,
        folder: str | None,
        protocol: str,
        request: gr.Request,
    ) -> Iterator[tuple[Any, ...]]:
        """Measure how good detectors are on pictures whose truth is known; streams its progress.

        Args:
            detectors: Keys of 1 to 4 detectors.
            kind: Where the pictures come from: part, annotations, zip or folder.
            part: Name of the example part.
            file: Zip file of a data set.
            folder: Path of a folder, where the page runs on your own computer.
            protocol: full-image, or paper for the crop and the maps of the papers.
            request: The visitor's.
        """
        source = EvaluationSource(kind, part, file, folder, is_local(request))
        who = visitor(shared, request)
        for report in handlers.evaluate(who, detectors or [], source, protocol):
            yield (
                report.progress,
                *report_values(report),
                gr.update(interactive=not report.is_running),
                gr.update(interactive=report.is_running),
            )

    @shown_to_visitor
    def cancel(request: gr.Request) -> None:
        """Stop the running evaluation of this visitor after the picture at hand."""
        handlers.cancel(visitor(shared, request))

    hidden = {"api_visibility": "private", "show_progress": "hidden"}
    running = (
        page["evaluate_run"]
        .click(refusing_if_busy(shared), None, None, queue=False, **hidden)
        .success(
            evaluate,
            parts_of(page, (*_CHOICES, *_FILES, "evaluate_protocol")),
            parts_of(page, ("evaluate_progress", *VIEW, *_BUTTONS)),
            api_name="evaluate",
            show_progress="hidden",
            **FIT_TURN,
        )
    )
    # An error leaves the buttons, and a half-filled bar, as the last report set them.
    running.failure(
        lambda: ("", gr.update(interactive=True), gr.update(interactive=False)),
        None,
        parts_of(page, ("evaluate_progress", *_BUTTONS)),
        **hidden,
    )
    page["evaluate_cancel"].click(cancel, None, None, api_name="cancel_evaluation", queue=False)


def _wire_result(handlers: EvaluateHandlers, page: dict[str, Any]) -> None:
    shared = handlers.handlers

    @shown_to_visitor
    def cut(threshold: float, request: gr.Request) -> tuple[str, str]:
        """Judge the shown detector's pictures at another threshold on the image score."""
        view = handlers.cut(visitor(shared, request), threshold)
        return view.verdicts, view.galleries

    @shown_to_visitor
    def show(index: int | None, request: gr.Request) -> tuple[Any, ...]:
        return view_values(handlers.show(visitor(shared, request), index or 0))

    @shown_to_visitor
    def report(request: gr.Request) -> str:
        """Write the report of the newest evaluation as one zip file."""
        path = handlers.report(visitor(shared, request))
        try:
            return cached(page["evaluate_report_file"], path)
        finally:
            shutil.rmtree(path.parent, ignore_errors=True)

    def forget() -> tuple[Any, ...]:
        gone = gr.update(visible=False)
        table = gr.update(value=None, visible=False)
        return ("", table, "", gone, gone, "", "", "", "", gone, None)

    hidden = {"api_visibility": "private", "show_progress": "hidden"}
    page["evaluate_cut"].input(
        cut,
        page["evaluate_cut"],
        parts_of(page, AT_CUT),
        api_name="evaluate_threshold",
        show_progress="hidden",
        trigger_mode="always_last",
    )
    page["evaluate_shown"].input(show, page["evaluate_shown"], parts_of(page, VIEW), **hidden)
    page["evaluate_report"].click(
        report,
        None,
        page["evaluate_report_file"],
        api_name="evaluation_report",
        show_progress_on=page["evaluate_report"],
        concurrency_id="write",
        concurrency_limit=2,
    ).success(None, js=_SAVE, api_visibility="private")
    page["forget"].click(
        forget,
        None,
        parts_of(page, ("evaluate_progress", *VIEW, "evaluate_zip")),
        **hidden,
    )
