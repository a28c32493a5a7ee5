"""The Learn tab: components, then what its events call."""

from __future__ import annotations

from typing import Any

import gradio as gr

from inpformer.ui.handlers import Handlers
from inpformer.ui.learn_handlers import LearnHandlers
from inpformer.ui.wiring import MODEL_TURN, parts_of, shown_to_visitor, visitor
from inpformer.ui.words import label

# Sections of text, each with the name of the figures under it, if there are any.
_SECTIONS = (
    ("LEARN_INPS", "learn_inps"),
    ("LEARN_MAPS", "learn_maps"),
    ("LEARN_THRESHOLD", "learn_calm"),
    ("LEARN_FEWSHOT", "learn_misplaced"),
    ("LEARN_LARGE", "learn_large"),
    ("LEARN_SMALL", "learn_small"),
    ("LEARN_LIMITS", ""),
    ("LEARN_LICENCE", ""),
    ("LEARN_PRIVACY", ""),
)
_FIGURES = tuple(name for _, name in _SECTIONS if name)


def build_learn_tab(handlers: Handlers) -> dict[str, Any]:
    """Build the text, with places for its figures."""
    page: dict[str, Any] = {}
    gr.Markdown(label("LEARN_LEAD"))
    with gr.Row():
        page["learn_mine"] = gr.Button(label("LEARN_USE_MINE"), size="sm", elem_id="learn-mine")
        page["learn_example"] = gr.Button(
            label("LEARN_USE_EXAMPLE"), size="sm", elem_id="learn-example"
        )
    for text, name in _SECTIONS:
        gr.Markdown(label(text), elem_classes="learn-text")
        if name:
            page[name] = gr.HTML(elem_id=name.replace("_", "-"), elem_classes="learn-figures")
    return page


def wire_learn_tab(handlers: Handlers, page: dict[str, Any]) -> None:
    """Connect the tab."""
    learning = LearnHandlers(handlers)

    @shown_to_visitor
    def show_examples(request: gr.Request) -> tuple[str, ...]:
        return tuple(learning.examples(visitor(handlers, request)))

    @shown_to_visitor
    def show_mine(request: gr.Request) -> tuple[str, ...]:
        figures = learning.mine(visitor(handlers, request))
        return figures.inps, figures.maps

    options = {"api_visibility": "private", "show_progress": "minimal"}
    # Both the tab and the button: after a picture of one's own, the example can come back.
    gr.on(
        [page["learn_tab"].select, page["learn_example"].click],
        show_examples,
        None,
        parts_of(page, _FIGURES),
        **options,
        **MODEL_TURN,
    )
    page["learn_mine"].click(
        show_mine, None, parts_of(page, ("learn_inps", "learn_maps")), **options
    )
