"""The part of the Few-shot tab with the visitor's own detectors."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import gradio as gr

from inpformer.ui import views
from inpformer.ui.handlers import Handlers
from inpformer.ui.own_handlers import OwnHandlers, OwnReport
from inpformer.ui.wiring import DETECTOR, detector_values, parts_of, shown_to_visitor, visitor
from inpformer.ui.words import ENGLISH, label, words_of

_OWN = ("own", "own_name", "own_card", "own_file", "own_use", "own_rename", "own_remove")


def build_own() -> dict[str, Any]:
    """Build the list of the visitor's detectors and what can be done with them."""
    gr.Markdown(f"## {label('STEP_OWN')}")
    page: dict[str, Any] = {
        "own_card": gr.HTML(views.message(ENGLISH.OWN_NONE), elem_id="own-card"),
        "own": gr.Dropdown([], label=label("OWN_LABEL"), visible=False, elem_id="own"),
        "own_name": gr.Textbox(
            label=label("OWN_NAME_LABEL"), max_lines=1, visible=False, elem_id="own-name"
        ),
    }
    with gr.Row(elem_id="own-buttons"):
        page["own_use"] = gr.Button(label("OWN_USE"), size="sm", visible=False, elem_id="own-use")
        page["own_rename"] = gr.Button(
            label("OWN_RENAME"), size="sm", visible=False, elem_id="own-rename"
        )
        page["own_file"] = gr.DownloadButton(
            label("OWN_DOWNLOAD"), size="sm", visible=False, elem_id="own-file"
        )
        page["own_remove"] = gr.Button(
            label("OWN_REMOVE"), size="sm", visible=False, elem_id="own-remove"
        )
        # No `file_types`: gradio would refuse other files in words of its own.
        page["own_load"] = gr.UploadButton(label("OWN_LOAD"), size="sm", elem_id="own-load")
    return page


def wire_own(shared: Handlers, page: dict[str, Any]) -> None:
    """Connect the visitor's detectors."""
    handlers = OwnHandlers(shared)

    def shown(report: OwnReport) -> tuple[Any, ...]:
        if report.said:
            gr.Info(report.said)
        return (*detector_values(report.detector), *_own_values(report))

    def action(act: Callable[..., OwnReport]) -> Callable[..., Any]:
        @shown_to_visitor
        def call(key: str | None, request: gr.Request) -> tuple[Any, ...]:
            return shown(act(visitor(shared, request), key))

        return call

    @shown_to_visitor
    def show(request: gr.Request) -> tuple[Any, ...]:
        """List this visitor's own detectors; the file is that of the one in use."""
        return _own_values(handlers.show(visitor(shared, request)))

    @shown_to_visitor
    def rename(key: str | None, name: str, request: gr.Request) -> tuple[Any, ...]:
        return shown(handlers.rename(visitor(shared, request), key, name))

    @shown_to_visitor
    def load(file: str | None, request: gr.Request) -> tuple[Any, ...]:
        """Load a detector from a .safetensors file and use it."""
        return shown(handlers.load(visitor(shared, request), file))

    hidden = {"api_visibility": "private", "show_progress": "hidden"}
    outputs = [*parts_of(page, DETECTOR), *parts_of(page, _OWN)]
    for name, act in (("own_use", handlers.use), ("own_remove", handlers.remove)):
        page[name].click(action(act), page["own"], outputs, **hidden)
    page["own"].input(action(handlers.show), page["own"], outputs, **hidden)
    renaming = [page["own_rename"].click, page["own_name"].submit]
    gr.on(renaming, rename, [page["own"], page["own_name"]], outputs, **hidden)
    page["own_load"].upload(
        load, page["own_load"], outputs, api_name="load_detector", show_progress_on=page["own_card"]
    )
    # The one in use also changes in other places: at the end of a fit, and at the top of the page.
    page["detector"].change(
        show, None, parts_of(page, _OWN), api_name="own_detectors", show_progress="hidden"
    )
    page["forget"].click(_nothing, None, parts_of(page, _OWN), **hidden)


def _own_values(report: OwnReport) -> tuple[Any, ...]:
    """Return what the components called `_OWN` show."""
    is_there = report.chosen is not None
    visible = gr.update(visible=is_there)
    return (
        gr.update(choices=report.choices, value=report.chosen, visible=is_there),
        gr.update(value=report.name, visible=is_there),
        report.card,
        gr.update(value=report.file and str(report.file), visible=is_there),
        gr.update(visible=is_there, interactive=report.detector.key != report.chosen),
        visible,
        visible,
    )


def _nothing(request: gr.Request) -> tuple[Any, ...]:
    gone = gr.update(visible=False)
    return (
        gr.update(choices=[], value=None, visible=False),
        gr.update(value="", visible=False),
        views.message(words_of(request).OWN_NONE),
        gr.update(value=None, visible=False),
        gone,
        gone,
        gone,
    )
