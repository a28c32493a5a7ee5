"""The INP explorer: components, then what its events call."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import gradio as gr

from inpformer.attention_views import ALL_HEADS
from inpformer.ui.explorer_handlers import ExplorerHandlers, ExplorerReport
from inpformer.ui.explorer_look import VIEWS
from inpformer.ui.handlers import Handlers
from inpformer.ui.wiring import MODEL_TURN, parts_of, shown_to_visitor, visitor
from inpformer.ui.words import ENGLISH, label

MAX_INP_COUNT = 16

_HIDDEN: dict[str, Any] = {"api_visibility": "private", "show_progress": "hidden"}
_NUMBERS = {"row": "PATCH_ROW", "column": "PATCH_COLUMN"}
_STEPS = {
    "left": ("STEP_LEFT", 0, -1),
    "right": ("STEP_RIGHT", 0, 1),
    "up": ("STEP_UP", -1, 0),
    "down": ("STEP_DOWN", 1, 0),
}
_LOOK = ("explored", "explorer_view")
_PATCH = ("explorer_drawing", "explorer_reason", "explorer_row", "explorer_column")
_REPORT = (
    *("explorer_empty", "explorer_body", *_LOOK, "explorer_note", *_PATCH),
    *("explorer_attention_choice", "explorer_attention", "explorer_health", "explorer_inp_count"),
)


def build_explorer_tab(handlers: Handlers) -> dict[str, Any]:
    """Build the tab; it is empty until a picture was inspected."""
    parts: dict[str, Any] = {}
    gr.Markdown(f"## {label('EXPLORER_TITLE')}")
    gr.Markdown(label("EXPLORER_LEAD"))
    with gr.Column(elem_id="explorer-empty") as parts["explorer_empty"]:
        gr.Markdown(label("EXPLORER_EMPTY"))
        parts["explorer_go"] = gr.Button(label("GO_TO_INSPECT"), size="sm", elem_id="explorer-go")
    with gr.Column(visible=False, elem_id="explorer") as parts["explorer_body"]:
        parts["explored"] = gr.Dropdown(label=label("EXPLORED_LABEL"), elem_id="explored")
        with gr.Row():
            with gr.Column(scale=1, min_width=320):
                parts |= _view_column()
            with gr.Column(scale=1, min_width=320):
                parts["explorer_reason"] = gr.HTML(elem_id="explorer-reason")
        gr.Markdown(f"## {label('HEALTH_TITLE')}")
        parts["explorer_inp_count"] = gr.Slider(
            1,
            MAX_INP_COUNT,
            value=handlers.shelf.start.config.inp_count,
            step=1,
            label=label("INP_COUNT_LABEL"),
            info=label("INP_COUNT_INFO"),
            visible=False,
            elem_id="explorer-inp-count",
        )
        parts["explorer_health"] = gr.HTML(elem_id="explorer-health")
        parts |= _attention_part()
    return parts


def wire_explorer_tab(handlers: Handlers, page: dict[str, Any]) -> None:
    """Connect the tab."""
    exploring = ExplorerHandlers(handlers)
    report = parts_of(page, _REPORT)

    @shown_to_visitor
    def show_newest(view: str, request: gr.Request) -> Any:
        return _report_values(exploring.show(visitor(handlers, request), None, view))

    @shown_to_visitor
    def show(inspection_id: str, view: str, request: gr.Request) -> Any:
        return _report_values(exploring.show(visitor(handlers, request), inspection_id, view))

    @shown_to_visitor
    def count(inspection_id: str, view: str, inp_count: float, request: gr.Request) -> Any:
        who = visitor(handlers, request)
        return _report_values(exploring.show(who, inspection_id, view, int(inp_count)))

    @shown_to_visitor
    def attend(inspection_id: str, name: str, request: gr.Request) -> Any:
        return exploring.attention(visitor(handlers, request), inspection_id, name)

    opening = {**_HIDDEN, **MODEL_TURN}
    page["explorer_tab"].select(show_newest, page["explorer_view"], report, **opening)
    page["inspected_again"].success(show_newest, page["explorer_view"], report, **opening)
    page["explored"].input(show, parts_of(page, _LOOK), report, **opening)
    page["explorer_inp_count"].input(
        count,
        parts_of(page, (*_LOOK, "explorer_inp_count")),
        report,
        trigger_mode="always_last",
        **opening,
    )
    page["explorer_attention_choice"].input(
        attend,
        parts_of(page, ("explored", "explorer_attention_choice")),
        page["explorer_attention"],
        **_HIDDEN,
    )
    # Whatever else is being forgotten: no picture may stay on the page.
    page["forget"].click(_nothing, None, report, **_HIDDEN)
    page["explorer_go"].click(lambda: gr.update(selected="inspect"), None, page["tabs"], **_HIDDEN)
    _wire_patches(handlers, exploring, page)


def _wire_patches(handlers: Handlers, exploring: ExplorerHandlers, page: dict[str, Any]) -> None:
    look, patch = parts_of(page, _LOOK), parts_of(page, _PATCH)

    @shown_to_visitor
    def draw(inspection_id: str, view: str, request: gr.Request) -> Any:
        return tuple(exploring.draw(visitor(handlers, request), inspection_id, view))

    @shown_to_visitor
    def point(event: gr.SelectData, inspection_id: str, view: str, request: gr.Request) -> Any:
        who = visitor(handlers, request)
        return tuple(exploring.point(who, inspection_id, view, *event.index))

    @shown_to_visitor
    def pick(inspection_id: str, view: str, row: float, column: float, request: gr.Request) -> Any:
        who = visitor(handlers, request)
        return tuple(exploring.pick(who, inspection_id, view, row, column))

    def stepping(down: int, right: int) -> Callable[..., Any]:
        @shown_to_visitor
        def step(inspection_id: str, view: str, request: gr.Request) -> Any:
            who = visitor(handlers, request)
            return tuple(exploring.step(who, inspection_id, view, down, right))

        return step

    @shown_to_visitor
    @shown_to_visitor
    def explain_patch(row: int, column: int, request: gr.Request) -> dict[str, Any]:
        """Give the reason of a patch, by row and column from 1, of the picture inspected last."""
        return exploring.explain(visitor(handlers, request), row, column)

    page["explorer_view"].input(
        draw, look, parts_of(page, ("explorer_drawing", "explorer_note")), **_HIDDEN
    )
    page["explorer_drawing"].select(point, look, patch, **_HIDDEN)
    numbers = parts_of(page, ("explorer_row", "explorer_column"))
    gr.on([each.submit for each in numbers], pick, [*look, *numbers], patch, **_HIDDEN)
    for name, (_, down, right) in _STEPS.items():
        page[f"explorer_{name}"].click(stepping(down, right), look, patch, **_HIDDEN)
    gr.api(explain_patch, api_name="explain_patch")


def _view_column() -> dict[str, Any]:
    parts: dict[str, Any] = {
        "explorer_view": gr.Radio(
            [(ENGLISH.VIEWS[view], view) for view in VIEWS],
            value=VIEWS[0],
            label=label("VIEW_LABEL"),
            elem_id="explorer-view",
        ),
        "explorer_drawing": gr.Image(
            label=label("VIEW_LABEL"),
            show_label=False,
            format="jpeg",
            interactive=False,
            buttons=["fullscreen"],
            elem_id="explorer-drawing",
        ),
        "explorer_note": gr.HTML(elem_id="explorer-note"),
    }
    gr.Markdown(label("PATCH_KEYS_NOTE"))
    with gr.Row(elem_id="explorer-place"):
        for name, title in _NUMBERS.items():
            parts[f"explorer_{name}"] = gr.Number(
                precision=0,
                min_width=90,
                label=label(title),
                elem_id=f"explorer-{name}",
            )
    with gr.Row(elem_id="explorer-steps"):
        for name, (title, *_) in _STEPS.items():
            parts[f"explorer_{name}"] = gr.Button(
                label(title),
                size="sm",
                min_width=70,
                elem_id=f"explorer-{name}",
            )
    return parts


def _attention_part() -> dict[str, Any]:
    gr.Markdown(f"## {label('ATTENTION_TITLE')}")
    gr.Markdown(label("ATTENTION_NOTE"))
    choice = gr.Dropdown(label=label("ATTENTION_CHOICE"), elem_id="explorer-attention-choice")
    gallery = gr.Gallery(
        label=label("ATTENTION_LABEL"),
        show_label=False,
        columns=6,
        format="jpeg",
        interactive=False,
        object_fit="contain",
        height="auto",
        elem_id="explorer-attention",
    )
    return {"explorer_attention_choice": choice, "explorer_attention": gallery}


def _report_values(report: ExplorerReport | None) -> tuple[Any, ...]:
    if report is None:
        return _nothing()
    drawing, reason, row, column = report.patch
    return (
        gr.update(visible=False),
        gr.update(visible=True),
        gr.update(choices=report.choices, value=report.inspection_id),
        gr.update(choices=report.views, value=report.view),
        report.note,
        drawing,
        reason,
        row,
        column,
        gr.update(choices=report.attention_choices, value=ALL_HEADS),
        report.attention,
        report.health,
        gr.update(value=report.inp_count, visible=report.can_count),
    )


def _nothing() -> tuple[Any, ...]:
    return (
        gr.update(visible=True),
        gr.update(visible=False),
        gr.update(choices=[], value=None),
        VIEWS[0],
        "",
        *(None, "", 1, 1),
        gr.update(choices=[], value=None),
        *(None, "", gr.skip()),
    )
