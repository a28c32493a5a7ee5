"""The part of the page with the precomputed gallery and the example parts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import gradio as gr
from gradio.processing_utils import save_file_to_cache

from inpformer.ui import text, views
from inpformer.ui.example_handlers import ExampleHandlers, OpenReport, gallery_caption
from inpformer.ui.handlers import shown_to_visitor
from inpformer.ui.wiring import MODEL_TURN, parts_of, report_outputs, report_values, session_id

_SHOW = "() => document.querySelector('{selector}').scrollIntoView({{block: 'start'}})"


def build_examples(handlers: ExampleHandlers) -> dict[str, Any]:
    """Build the gallery and the chooser, hidden where there is nothing to show in them."""
    entries, parts = handlers.examples.gallery, handlers.examples.parts
    with gr.Column(visible=bool(entries)):
        gr.Markdown(text.GALLERY_LEAD)
        gallery = gr.Gallery(
            [(str(entry.picture_path), gallery_caption(entry)) for entry in entries],
            label=text.GALLERY_LABEL,
            show_label=False,
            columns=4,
            height="auto",
            object_fit="contain",
            allow_preview=False,
            interactive=False,
            buttons=[],
            elem_id="results-gallery",
        )
    with gr.Accordion(text.MORE_EXAMPLES, open=False, visible=bool(parts)):
        with gr.Row():
            part = gr.Dropdown(
                [(part.title, part.name) for part in parts],
                value=parts[0].name if parts else None,
                label=text.PART_LABEL,
                scale=2,
                elem_id="part",
            )
            use_normals = gr.Button(text.USE_NORMALS, size="sm", scale=1, elem_id="use-normals")
        gr.Markdown(text.PART_PICTURES)
        pictures = gr.Gallery(
            handlers.thumbnails(parts[0].name) if parts else None,
            label=text.MORE_EXAMPLES,
            show_label=False,
            format="jpeg",
            columns=6,
            height="auto",
            allow_preview=False,
            interactive=False,
            buttons=[],
            elem_id="part-pictures",
        )
    return {"gallery": gallery, "part": part, "use_normals": use_normals, "pictures": pictures}


def wire_examples(handlers: ExampleHandlers, chooser: dict[str, Any], page: dict[str, Any]) -> None:
    """Connect the gallery and the chooser with the rest of the page."""

    def opened(report: OpenReport) -> tuple[Any, ...]:
        shown = cached(page["picture"], report.path)
        values = (report.detector_card, shown, *report_values(report.inspection))
        # A picture that stays selected could not be clicked again.
        return (report.part.name, gr.update(selected_index=None), *values)

    @shown_to_visitor
    def open_entry(event: gr.SelectData, opacity: float, colours: str, request: gr.Request) -> Any:
        visitor = session_id(request)
        return opened(handlers.open_gallery_entry(visitor, event.index, opacity, colours))

    @shown_to_visitor
    def open_picture(
        event: gr.SelectData, part: str, opacity: float, colours: str, request: gr.Request
    ) -> Any:
        visitor = session_id(request)
        return opened(handlers.open_picture(visitor, part, event.index, opacity, colours))

    @shown_to_visitor
    def use_normals(part: str) -> tuple[list[str], str]:
        paths, words = handlers.normals(part)
        return [cached(page["files"], path) for path in paths], views.message(words)

    look = parts_of(page, ("opacity", "colours"))
    for name, function, inputs in (
        ("gallery", open_entry, look),
        ("pictures", open_picture, [chooser["part"], *look]),
    ):
        chooser[name].select(
            function,
            inputs,
            [chooser["part"], chooser[name], page["card"], page["picture"], *report_outputs(page)],
            api_visibility="private",
            show_progress_on=[page["card"], page["verdict"]],
            **MODEL_TURN,
        ).success(None, js=_SHOW.format(selector="#verdict"), api_visibility="private")
    chooser["part"].change(
        shown_to_visitor(handlers.thumbnails),
        chooser["part"],
        chooser["pictures"],
        api_visibility="private",
        show_progress="hidden",
    )
    chooser["use_normals"].click(
        use_normals,
        chooser["part"],
        [page["files"], page["progress"]],
        api_visibility="private",
        show_progress="hidden",
    ).success(None, js=_SHOW.format(selector="#normal-files"), api_visibility="private")


def cached(component: Any, path: Path) -> str:
    """Return a copy of one of our files where the page may show it, and take it back, from."""
    return save_file_to_cache(path, component.GRADIO_CACHE)
