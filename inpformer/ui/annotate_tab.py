"""The Annotate tab: its queue and painter, then what their events call."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable
from typing import Any

import gradio as gr

from inpformer.errors import UserError
from inpformer.proposal import MAX_SMOOTHING
from inpformer.ui import views
from inpformer.ui.annotate_handlers import AnnotateHandlers, DeskReport
from inpformer.ui.annotate_queue import annotate_queue
from inpformer.ui.annotate_sets import build_sets, wire_sets
from inpformer.ui.annotate_values import DESK, QUIETLY, desk_values
from inpformer.ui.annotation_set_handlers import AnnotationSetHandlers
from inpformer.ui.handlers import Handlers
from inpformer.ui.painter import build_painter, listen, painter_texts
from inpformer.ui.painter_data import LabelClass
from inpformer.ui.retrain_handlers import RetrainHandlers
from inpformer.ui.retrain_section import build_retrain, wire_retrain
from inpformer.ui.scripts import read_script
from inpformer.ui.wiring import parts_of, shown_to_visitor, visitor
from inpformer.ui.words import ENGLISH, label, words_of

# What is being drawn is stored before something else is done with the picture.
_WHEN_SAVED = """async (...values) => {
  const state = () => document.querySelector('#annotate-painter .painter')?.dataset.state;
  const pause = () => new Promise((go) => setTimeout(go, 50));
  for (let i = 0; i < 100 && state() === 'saving'; i++) await pause();
  return values;
}"""


def build_annotate_tab(handlers: Handlers) -> dict[str, Any]:
    """Build the tab."""
    with gr.Column(elem_classes="annotate-tab"):
        gr.Markdown(label("ANNOTATE_LEAD"))
        with gr.Row():
            with gr.Column(scale=1, min_width=260):
                page = _build_queue()
            with gr.Column(scale=3, min_width=320):
                page |= _build_desk()
        page |= build_sets(handlers.shelf.examples)
        page |= build_retrain()
    return page


def _build_queue() -> dict[str, Any]:
    gr.Markdown(f"## {label('QUEUE_TITLE')}")
    order = gr.Dropdown(
        [(title, key) for key, title in ENGLISH.QUEUE_ORDERS.items()],
        value="next",
        label=label("QUEUE_ORDER"),
        info=label("QUEUE_ORDER_INFO"),
        elem_id="annotate-order",
    )
    return {"annotate_order": order, "annotate_queue": annotate_queue("annotate-queue")}


def _build_desk() -> dict[str, Any]:
    page: dict[str, Any] = {
        "annotate_status": gr.HTML(views.message(ENGLISH.ANNOTATE_EMPTY), elem_id="annotate-status")
    }
    with gr.Row(elem_id="annotate-actions"):
        for name, text, variant in (
            ("previous", "ANNOTATE_PREVIOUS", "secondary"),
            ("accept", "ANNOTATE_ACCEPT", "primary"),
            ("normal", "ANNOTATE_SAY_NORMAL", "secondary"),
            ("skip", "ANNOTATE_SKIP", "secondary"),
            ("next", "ANNOTATE_NEXT", "secondary"),
        ):
            page[f"annotate_{name}"] = gr.Button(
                label(text), variant=variant, size="sm", min_width=110, elem_id=f"annotate-{name}"
            )
    page["annotate_painter"] = build_painter("annotate-painter", [LabelClass("defect", "#d55e00")])
    gr.HTML(
        html_template='<span class="annotate-keys"></span>',
        js_on_load=read_script("annotate_keys.js"),
        apply_default_css=False,
        elem_classes="unseen-keys",
    )
    gr.Markdown(label("ANNOTATE_KEYS"), elem_classes="faint")
    gr.Markdown(f"### {label('ANNOTATE_SLIDERS')}")
    with gr.Row():
        page["annotate_times"] = gr.Slider(
            0.1, 3, 1, step=0.05, label=label("ANNOTATE_TIMES"), elem_id="annotate-times"
        )
        page["annotate_smoothing"] = gr.Slider(
            0, MAX_SMOOTHING, 0, step=0.5, label=label("ANNOTATE_SMOOTHING"),
            elem_id="annotate-smoothing",
        )  # fmt: skip
        page["annotate_value"] = gr.Dropdown(
            [("defect", 1)], value=1, label=label("ANNOTATE_VALUE"), elem_id="annotate-value"
        )
    gr.Markdown(label("ANNOTATE_SLIDERS_INFO"), elem_classes="faint")
    return page


def wire_annotate_tab(shared: Handlers, page: dict[str, Any]) -> None:
    """Connect the tab."""
    handlers = AnnotateHandlers(shared)
    sets = AnnotationSetHandlers(handlers)
    _wire_queue(handlers, sets, page)
    _wire_painter(handlers, page)
    _wire_api(handlers)
    wire_sets(sets, page)
    wire_retrain(RetrainHandlers(handlers), page)


def _wire_queue(
    handlers: AnnotateHandlers, sets: AnnotationSetHandlers, page: dict[str, Any]
) -> None:
    shared, desk = handlers.handlers, parts_of(page, DESK)

    @shown_to_visitor
    def arrive(request: gr.Request) -> tuple[Any, ...]:
        who, words = visitor(shared, request), words_of(request)
        queue, status, painter = desk_values(handlers.arrive(who))
        order = handlers.desk(shared.sessions.get(who)).order
        orders = [(title, key) for key, title in words.QUEUE_ORDERS.items()]
        painter = {**painter, "texts": painter_texts(words)}
        classes = gr.update(choices=sets.class_choices(who))
        return queue, status, painter, gr.update(choices=orders, value=order), classes

    @shown_to_visitor
    def pick(event: gr.EventData, request: gr.Request) -> tuple[Any, ...]:
        return desk_values(handlers.open(visitor(shared, request), event.id))

    @shown_to_visitor
    def sort(order: str, request: gr.Request) -> tuple[Any, ...]:
        return desk_values(handlers.sort(visitor(shared, request), order))

    def action(act: Callable[[str], DeskReport]) -> Callable[..., Any]:
        @shown_to_visitor
        def call(request: gr.Request) -> tuple[Any, ...]:
            return desk_values(act(visitor(shared, request)))

        return call

    page["annotate_tab"].select(
        arrive, None, [*desk, page["annotate_order"], page["annotate_value"]], **QUIETLY
    )
    page["annotate_queue"].pick(pick, None, desk, **QUIETLY)
    page["annotate_order"].input(sort, page["annotate_order"], desk, **QUIETLY)
    for name, act in (
        ("accept", handlers.accept),
        ("normal", handlers.say_normal),
        ("skip", handlers.skip),
        ("remove", handlers.remove),
        ("next", lambda who: handlers.step(who, 1)),
        ("previous", lambda who: handlers.step(who, -1)),
    ):
        page[f"annotate_{name}"].click(action(act), None, desk, js=_WHEN_SAVED, **QUIETLY)

    @shown_to_visitor
    def forgotten(request: gr.Request) -> tuple[Any, ...]:
        return desk_values(handlers.arrive(visitor(shared, request)))

    page["forgotten"].then(forgotten, None, desk, **QUIETLY)


def _wire_painter(handlers: AnnotateHandlers, page: dict[str, Any]) -> None:
    shared, desk = handlers.handlers, parts_of(page, DESK)

    @shown_to_visitor
    def draw(request: gr.Request, name: str, patch: Any) -> dict[str, Any]:
        return handlers.draw(visitor(shared, request), name, patch)

    @shown_to_visitor
    def resync(request: gr.Request, name: str) -> dict[str, Any]:
        return handlers.resync(visitor(shared, request), name)

    @shown_to_visitor
    def after_drawing(request: gr.Request) -> tuple[Any, ...]:
        return desk_values(handlers.after_drawing(visitor(shared, request)))

    @shown_to_visitor
    def propose(times: float, smoothing: float, value: int, request: gr.Request) -> tuple[Any, ...]:
        who = visitor(shared, request)
        return desk_values(handlers.propose(who, times, smoothing, int(value or 1)))

    drawn = listen(page["annotate_painter"], draw, resync)
    drawn.then(after_drawing, None, desk, **QUIETLY)
    sliders = parts_of(page, ("annotate_times", "annotate_smoothing", "annotate_value"))
    gr.on(
        [each.input for each in sliders],
        propose,
        sliders,
        desk,
        trigger_mode="always_last",
        **QUIETLY,
    )


def _wire_api(handlers: AnnotateHandlers) -> None:
    shared = handlers.handlers

    @shown_to_visitor
    def annotations(request: gr.Request) -> list[dict]:
        """List what is said of each picture of this visitor's queue, without the masks."""
        who = visitor(shared, request)
        names = [item.name for item in handlers.desk(shared.sessions.get(who)).pictures()]
        return [handlers.annotation(who, name) for name in names]

    @shown_to_visitor
    def accept_prediction(
        name: str, threshold: float, smoothing: float, defect_class: int, request: gr.Request
    ) -> dict:
        """Store the predicted mask of a picture as its annotation.

        Args:
            name: The picture, as `annotations` lists it.
            threshold: In multiples of the usual one; 1 takes that.
            smoothing: Gaussian blur before the cut, in pixels of the map; 0 takes none.
            defect_class: Value that the regions get; 1 is the first class.
            request: The visitor's.
        """
        who = visitor(shared, request)
        handlers.open(who, name)
        handlers.propose(who, threshold, smoothing, int(defect_class))
        handlers.accept(who, name)
        return handlers.annotation(who, name)

    @shown_to_visitor
    def label_normal(name: str, request: gr.Request) -> dict:
        """Say that nothing is wrong with a picture; its mask becomes empty."""
        who = visitor(shared, request)
        handlers.say_normal(who, name)
        return handlers.annotation(who, name)

    @shown_to_visitor
    def set_mask(name: str, mask: str, request: gr.Request) -> dict:
        """Store a mask of one's own.

        Args:
            name: The picture, as `annotations` lists it.
            mask: Base64 of a grey 8-bit PNG file of the picture's size; 0 is background, other
                values are classes.
            request: The visitor's.
        """
        who = visitor(shared, request)
        try:
            png = base64.b64decode(mask, validate=True)
        except (binascii.Error, ValueError) as error:
            raise UserError(words_of(request).MASK_NO_BASE64) from error
        return handlers.set_mask(who, name, png)

    gr.api(annotations, api_name="annotations")
    gr.api(accept_prediction, api_name="accept_prediction")
    gr.api(label_normal, api_name="label_normal")
    gr.api(set_mask, api_name="set_mask")
