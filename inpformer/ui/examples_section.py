"""The part of the page with the precomputed gallery and the example parts."""

from __future__ import annotations

from typing import Any

import gradio as gr
import numpy as np

from inpformer.ui import views
from inpformer.ui.example_handlers import ExampleHandlers, OpenReport, gallery_caption
from inpformer.ui.inspect_values import report_outputs, report_values
from inpformer.ui.wiring import (
    DETECTOR,
    MODEL_TURN,
    SCROLL_TO,
    cached,
    detector_values,
    parts_of,
    shown_to_visitor,
    visitor,
)
from inpformer.ui.words import ENGLISH, label, words_of


def build_examples(handlers: ExampleHandlers) -> dict[str, Any]:
    """Build the gallery and the chooser, hidden where there is nothing to show in them."""
    entries, parts = handlers.examples.gallery, handlers.examples.parts
    with gr.Column(visible=bool(entries)):
        gr.Markdown(label("GALLERY_LEAD"))
        gallery = gr.Gallery(
            [(str(entry.picture_path), gallery_caption(entry, ENGLISH)) for entry in entries],
            label=label("GALLERY_LABEL"),
            show_label=False,
            columns=4,
            height="auto",
            object_fit="contain",
            allow_preview=False,
            interactive=False,
            buttons=[],
            elem_id="results-gallery",
        )
    with gr.Accordion(label("MORE_EXAMPLES"), open=False, visible=bool(parts)):
        with gr.Row():
            part = gr.Dropdown(
                handlers.choices(ENGLISH),
                value=parts[0].name if parts else None,
                label=label("PART_LABEL"),
                scale=2,
                elem_id="part",
            )
            use_normals = gr.Button(label("USE_NORMALS"), size="sm", scale=1, elem_id="use-normals")
        gr.Markdown(label("PART_PICTURES"))
        pictures = gr.Gallery(
            handlers.thumbnails(parts[0].name, ENGLISH) if parts else None,
            label=label("MORE_EXAMPLES"),
            show_label=False,
            format="jpeg",
            columns=6,
            height="auto",
            allow_preview=False,
            interactive=False,
            buttons=[],
            elem_id="part-pictures",
        )
    return {"gallery": gallery, "part": part, "use_normals": use_normals, "part_pictures": pictures}


def wire_examples(handlers: ExampleHandlers, page: dict[str, Any]) -> None:
    """Connect the gallery and the chooser with the rest of the page."""
    shared = handlers.handlers

    def opened(report: OpenReport) -> tuple[Any, ...]:
        shown = cached(page["picture"], report.path)
        values = (*detector_values(report.detector), shown, *report_values(report.inspection))
        # A picture that stays selected could not be clicked again.
        return (report.part.name, gr.update(selected_index=None), *values)

    @shown_to_visitor
    def open_entry(event: gr.SelectData, request: gr.Request) -> Any:
        return opened(handlers.open_gallery_entry(visitor(shared, request), event.index))

    @shown_to_visitor
    def open_picture(event: gr.SelectData, part: str, request: gr.Request) -> Any:
        return opened(handlers.open_picture(visitor(shared, request), part, event.index))

    @shown_to_visitor
    def use_normals(part: str, request: gr.Request) -> tuple[Any, ...]:
        paths, words = handlers.normals(visitor(shared, request), part)
        files = [cached(page["files"], path) for path in paths]
        return files, views.message(words), gr.update(selected="fewshot")

    @shown_to_visitor
    def show_part(part: str, request: gr.Request) -> list[tuple[np.ndarray, str]]:
        return handlers.thumbnails(part, words_of(request))

    @shown_to_visitor
    def arrive(request: gr.Request) -> tuple[Any, ...]:
        words, parts = words_of(request), handlers.examples.parts
        if words is ENGLISH or not parts:  # as it was built
            return gr.skip(), gr.skip()
        choices = gr.update(choices=handlers.choices(words))
        return choices, handlers.thumbnails(parts[0].name, words)

    for name, function, inputs in (
        ("gallery", open_entry, []),
        ("part_pictures", open_picture, [page["part"]]),
    ):
        outputs = parts_of(page, ("part", name, *DETECTOR, "picture"))
        page[name].select(
            function,
            inputs,
            [*outputs, *report_outputs(page)],
            api_visibility="private",
            show_progress_on=[page["card"], page["verdict"]],
            **MODEL_TURN,
        ).success(None, js=SCROLL_TO.format(selector="#verdict"), api_visibility="private")
    page["part"].change(
        show_part,
        page["part"],
        page["part_pictures"],
        api_visibility="private",
        show_progress="hidden",
    )
    # Without a trigger: when the page is loaded.
    gr.on(
        None,
        arrive,
        None,
        parts_of(page, ("part", "part_pictures")),
        api_visibility="private",
        show_progress="hidden",
    )
    page["use_normals"].click(
        use_normals,
        page["part"],
        parts_of(page, ("files", "progress", "tabs")),
        api_visibility="private",
        show_progress="hidden",
    ).success(None, js=SCROLL_TO.format(selector="#normal-files"), api_visibility="private")
