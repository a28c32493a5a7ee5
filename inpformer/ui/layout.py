"""The page: components first, wiring at the end. No logic lives here."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import gradio as gr

from inpformer.config import FitConfig
from inpformer.detector import AnomalyDetector
from inpformer.examples import Examples
from inpformer.pictures import COLOUR_MAPS
from inpformer.ui import text, views
from inpformer.ui.example_handlers import ExampleHandlers
from inpformer.ui.examples_section import build_examples, wire_examples
from inpformer.ui.handlers import Handlers
from inpformer.ui.ready import ReadyDetectors
from inpformer.ui.session import Sessions
from inpformer.ui.wiring import map_choices, session_id, wire_fit, wire_inspect, wire_start

CSS_PATH = Path(__file__).with_name("style.css")
MAX_FILE_SIZE = "100mb"
_CACHE_SECONDS = (3600, 4 * 3600)


def build_demo(
    detector: AnomalyDetector,
    sessions: Sessions | None = None,
    examples: Examples | None = None,
) -> gr.Blocks:
    """Build the page around a detector; launching it is the caller's.

    Args:
        detector: What every fit builds on, and what visitors start with.
        sessions: Where visitors' data is kept; None makes a place of its own.
        examples: Parts, gallery and ready detectors to show; None shows none.
    """
    sessions, examples = sessions or Sessions(), examples or Examples()
    ready = ReadyDetectors(detector)
    handlers = Handlers(detector, sessions, ready.zero_shot(examples.multi_part_path))
    example_handlers = ExampleHandlers(handlers, examples, ready)
    with gr.Blocks(title=text.TITLE, delete_cache=_CACHE_SECONDS) as demo:
        gr.Markdown(f"# {text.TITLE}\n{text.LEAD}")
        chooser = build_examples(example_handlers)
        page = _detector_row(detector)
        with gr.Row():
            with gr.Column(scale=2, min_width=320):
                page |= _normal_column(detector)
                page |= _picture_column(has_choice=handlers.zero_shot is not None)
            with gr.Column(scale=3, min_width=320):
                page |= _result_column(detector)
        page |= _explanation_row()
        wire_fit(handlers, page)
        wire_inspect(handlers, page)
        wire_start(handlers, page)
        wire_examples(example_handlers, chooser, page)

        def forget(request: gr.Request) -> None:
            sessions.forget(session_id(request))

        demo.unload(forget)
    demo.queue(default_concurrency_limit=4, max_size=64)
    return demo


def _detector_row(start: AnomalyDetector) -> dict[str, Any]:
    with gr.Row(elem_id="detector-row"):
        card = gr.HTML(views.detector_card(start), elem_id="detector-card")
        start_over = gr.Button(text.START_OVER, size="sm", scale=0, elem_id="start-over")
    return {"card": card, "start_over": start_over}


def _normal_column(start: AnomalyDetector) -> dict[str, Any]:
    defaults = FitConfig.for_encoder(start.config.encoder)
    gr.Markdown(f"## {text.STEP_NORMAL}")
    parts: dict[str, Any] = {
        "files": gr.File(
            label=text.NORMAL_LABEL,
            file_count="multiple",
            file_types=["image"],
            height=140,
            elem_id="normal-files",
        ),
        "normal_gallery": gr.Gallery(
            label=text.NORMAL_GALLERY,
            columns=4,
            height=140,
            format="jpeg",
            interactive=False,
            show_label=False,
            visible=False,
            elem_id="normal-gallery",
        ),
    }
    with gr.Accordion(text.SETTINGS, open=False):
        parts["variant"] = gr.Radio(
            list(text.VARIANTS), value=defaults.variant, label=text.VARIANT_LABEL
        )
        parts["steps"] = gr.Slider(
            20, 1000, value=defaults.steps, step=10, label=text.STEPS_LABEL, elem_id="steps"
        )
        parts["inps"] = gr.Slider(1, 16, value=defaults.inp_count, step=1, label=text.INPS_LABEL)
        parts["any_angle"] = gr.Checkbox(
            defaults.views == "paper", label=text.ANY_ANGLE_LABEL, info=text.ANY_ANGLE_INFO
        )
        parts["seed"] = gr.Number(defaults.seed, precision=0, label=text.SEED_LABEL)
    with gr.Row():
        parts["fit"] = gr.Button(text.FIT, variant="primary", elem_id="fit")
        parts["cancel"] = gr.Button(text.CANCEL, interactive=False, elem_id="cancel")
    parts["progress"] = gr.HTML(elem_id="fit-progress")
    return parts


def _picture_column(has_choice: bool) -> dict[str, Any]:
    gr.Markdown(f"## {text.STEP_INSPECT}")
    picture = gr.Image(
        label=text.PICTURE_LABEL,
        type="filepath",
        image_mode=None,
        format="png",
        sources=["upload", "clipboard", "webcam"],
        height=300,
        elem_id="picture",
    )
    # gr.Image would open the file itself, which turns a damaged picture into a nameless error
    # and clips 16-bit ones; our own reader does better.
    picture.preprocess = lambda payload: None if payload is None else payload.path
    inspect = gr.Button(text.INSPECT, variant="primary", elem_id="inspect")
    with gr.Column(visible=has_choice, elem_id="start-choice"):
        gr.Markdown(f"**{text.START_CHOICE}**")
        with gr.Row():
            zero_shot = gr.Button(text.USE_ZERO_SHOT, size="sm", elem_id="zero-shot")
            free = gr.Button(text.USE_TRAINING_FREE, size="sm", elem_id="training-free")
        gr.Markdown(text.START_WORDS, elem_classes="faint")
    return {"picture": picture, "inspect": inspect, "zero_shot": zero_shot, "free": free}


def _result_column(detector: AnomalyDetector) -> dict[str, Any]:
    gr.Markdown(f"## {text.STEP_RESULT}")
    parts: dict[str, Any] = {
        "verdict": gr.HTML(views.message(text.RESULT_EMPTY), elem_id="verdict")
    }
    shown = {
        "format": "jpeg",
        "interactive": False,
        "height": 420,
        "buttons": ["download", "fullscreen"],
    }
    with gr.Tabs():
        with gr.Tab(text.OVERLAY_TAB):
            parts["overlay"] = gr.Image(label=text.OVERLAY_LABEL, elem_id="overlay", **shown)
        with gr.Tab(text.COMPARE_TAB):
            parts["compare"] = gr.ImageSlider(label=text.COMPARE_LABEL, elem_id="compare", **shown)
        with gr.Tab(text.HEATMAP_TAB):
            parts["heatmap"] = gr.Image(label=text.HEATMAP_LABEL, elem_id="heatmap", **shown)
    parts["colour_bar"] = gr.Image(
        label=text.SCALE_LABEL,
        format="png",
        interactive=False,
        height=90,
        show_label=False,
        buttons=[],
        elem_id="colour-bar",
    )
    parts["cut"] = gr.Slider(0, 2, value=1, step=0.01, label=text.THRESHOLD_LABEL, elem_id="cut")
    parts["opacity"] = gr.Slider(
        0, 1, value=0.6, step=0.05, label=text.OPACITY_LABEL, elem_id="opacity"
    )
    with gr.Row():
        names = detector.map_names
        parts["map"] = gr.Dropdown(
            map_choices(names), value=names[0], label=text.MAP_LABEL, elem_id="map"
        )
        parts["colours"] = gr.Dropdown(
            list(COLOUR_MAPS), value=COLOUR_MAPS[0], label=text.COLOURS_LABEL
        )
    return parts


def _explanation_row() -> dict[str, Any]:
    gr.Markdown(f"## {text.STEP_INPS}")
    parts: dict[str, Any] = {"lead": gr.Markdown(text.INPS_LEAD)}
    with gr.Row():
        with gr.Column(scale=2, min_width=320):
            parts["mosaic"] = gr.Image(
                label=text.MOSAIC_LABEL,
                format="jpeg",
                interactive=False,
                height=360,
                buttons=["download", "fullscreen"],
                elem_id="mosaic",
            )
            parts["legend"] = gr.Image(
                label=text.LEGEND_LABEL,
                format="png",
                interactive=False,
                show_label=False,
                buttons=[],
                elem_id="legend",
            )
        with gr.Column(scale=3, min_width=320):
            parts["attention"] = gr.Gallery(
                label=text.ATTENTION_LABEL,
                columns=3,
                format="jpeg",
                interactive=False,
                object_fit="contain",
                elem_id="attention",
            )
    return parts
