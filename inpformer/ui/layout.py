"""The page: components first, wiring at the end. No logic lives here."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import gradio as gr

from inpformer.config import FitConfig
from inpformer.detector import AnomalyDetector
from inpformer.pictures import COLOUR_MAPS
from inpformer.ui import text, views
from inpformer.ui.handlers import Handlers, InspectReport, shown_to_visitor
from inpformer.ui.session import Sessions
from inpformer.ui.views import MapView, ViewSettings

CSS_PATH = Path(__file__).with_name("style.css")
MAX_FILE_SIZE = "100mb"
_CACHE_SECONDS = (3600, 4 * 3600)


def build_demo(detector: AnomalyDetector, sessions: Sessions | None = None) -> gr.Blocks:
    """Build the page around a detector; launching it is the caller's.

    Args:
        detector: What every visitor starts with.
        sessions: Where visitors' data is kept; None makes a place of its own.
    """
    sessions = sessions or Sessions()
    handlers = Handlers(detector, sessions)
    with gr.Blocks(title=text.TITLE, delete_cache=_CACHE_SECONDS) as demo:
        gr.Markdown(f"# {text.TITLE}\n{text.LEAD}")
        card = gr.HTML(views.detector_card(detector), elem_id="detector-card")
        with gr.Row():
            with gr.Column(scale=2, min_width=320):
                normal = _normal_column()
                picture = _picture_column()
            with gr.Column(scale=3, min_width=320):
                result = _result_column(detector)
        explanation = _explanation_row()
        _wire_fit(handlers, normal, card)
        _wire_inspect(handlers, picture, result, explanation)

        def forget(request: gr.Request) -> None:
            sessions.forget(_session_id(request))

        demo.unload(forget)
    demo.queue(default_concurrency_limit=4, max_size=64)
    return demo


def _normal_column() -> dict[str, Any]:
    defaults = FitConfig()
    gr.Markdown(f"## {text.STEP_NORMAL}")
    parts: dict[str, Any] = {
        "files": gr.File(
            label=text.NORMAL_LABEL,
            file_count="multiple",
            file_types=["image"],
            height=140,
            elem_id="normal-files",
        ),
        "gallery": gr.Gallery(
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
        parts["seed"] = gr.Number(defaults.seed, precision=0, label=text.SEED_LABEL)
    with gr.Row():
        parts["fit"] = gr.Button(text.FIT, variant="primary", elem_id="fit")
        parts["cancel"] = gr.Button(text.CANCEL, interactive=False, elem_id="cancel")
    parts["progress"] = gr.HTML(elem_id="fit-progress")
    return parts


def _picture_column() -> dict[str, Any]:
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
    return {
        "picture": picture,
        "inspect": gr.Button(text.INSPECT, variant="primary", elem_id="inspect"),
    }


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
        names = detector.config.map_names
        parts["map"] = gr.Dropdown(
            _map_choices(names), value=names[0], label=text.MAP_LABEL, elem_id="map"
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


def _wire_fit(handlers: Handlers, normal: dict[str, Any], card: gr.HTML) -> None:
    @shown_to_visitor
    def show_normals(files: list[str] | None) -> Any:
        pictures = handlers.show_normals(files)
        return gr.update(value=pictures, visible=bool(pictures))

    @shown_to_visitor
    def fit(
        files: list[str] | None,
        variant: str,
        steps: float,
        inps: float,
        seed: float,
        request: gr.Request,
    ) -> Iterator[tuple]:
        """Fit a detector to 1 to 16 normal pictures; streams its progress."""
        config = FitConfig(
            variant=variant, steps=int(steps), inp_count=int(inps), seed=int(seed or 0)
        )
        buttons = {True: (False, text.FITTING, True), False: (True, text.FIT, False)}
        for report in handlers.fit(_session_id(request), files, config):
            can_fit, label, can_cancel = buttons[report.is_running]
            yield (
                report.progress,
                report.detector_card,
                gr.update(interactive=can_fit, value=label),
                gr.update(interactive=can_cancel),
            )

    @shown_to_visitor
    def cancel(request: gr.Request) -> None:
        """Stop the running fit of this visitor."""
        handlers.cancel(_session_id(request))

    normal["files"].change(
        show_normals, normal["files"], normal["gallery"], api_visibility="private"
    )
    inputs = [normal[name] for name in ("files", "variant", "steps", "inps", "seed")]
    outputs = [normal["progress"], card, normal["fit"], normal["cancel"]]
    fitting = normal["fit"].click(
        fit,
        inputs,
        outputs,
        api_name="fit",
        show_progress_on=normal["progress"],
        concurrency_id="fit",
        concurrency_limit=1,
    )
    # An error leaves the buttons as the last report set them.
    fitting.failure(
        lambda: (gr.update(interactive=True, value=text.FIT), gr.update(interactive=False)),
        None,
        [normal["fit"], normal["cancel"]],
        api_visibility="private",
    )
    normal["cancel"].click(cancel, None, None, api_name="cancel", queue=False)


def _wire_inspect(
    handlers: Handlers,
    picture: dict[str, Any],
    result: dict[str, Any],
    explanation: dict[str, Any],
) -> None:
    map_view = [result[name] for name in ("verdict", "overlay", "compare", "heatmap", "colour_bar")]

    @shown_to_visitor
    def inspect(
        path: str | None, opacity: float, colours: str, request: gr.Request
    ) -> tuple[Any, ...]:
        """Inspect one picture with this visitor's detector."""
        report = handlers.inspect(_session_id(request), path, opacity, colours)
        view = report.prototype_view
        prototypes = (view.lead, view.mosaic, view.legend, view.attention)
        return (*report.map_view, *_slider_updates(report), *prototypes)

    @shown_to_visitor
    def redraw(
        map_name: str, cut: float, opacity: float, colours: str, request: gr.Request
    ) -> MapView:
        """Redraw the inspected picture at another threshold; runs no model."""
        settings = ViewSettings(map_name, cut, opacity, colours)
        return tuple(handlers.redraw(_session_id(request), settings))

    prototypes = [explanation[name] for name in ("lead", "mosaic", "legend", "attention")]
    inputs = [picture["picture"], result["opacity"], result["colours"]]
    picture["inspect"].click(
        inspect,
        inputs,
        [*map_view, result["cut"], result["map"], *prototypes],
        api_name="inspect",
        # An error would otherwise stamp "Error" over every picture of the result before.
        show_progress_on=result["verdict"],
        concurrency_id="inspect",
        concurrency_limit=1,
    )
    controls = [result[name] for name in ("map", "cut", "opacity", "colours")]
    gr.on(
        [control.input for control in controls],
        redraw,
        controls,
        map_view,
        api_name="redraw",
        trigger_mode="always_last",
        show_progress="hidden",
    )


def _slider_updates(report: InspectReport) -> tuple[Any, Any]:
    label = text.THRESHOLD_LABEL if report.is_calibrated else text.CUT_LABEL
    cut = gr.update(value=report.cut, label=label, maximum=2 if report.is_calibrated else 1)
    return cut, gr.update(choices=_map_choices(report.map_names), value=report.map_name)


def _map_choices(names: tuple[str, ...]) -> list[tuple[str, str]]:
    return [(text.MAP_TITLES[name], name) for name in names]


def _session_id(request: gr.Request) -> str:
    # Callers of the API may have no session: each call then stands alone, or all would share one.
    return request.session_hash or uuid.uuid4().hex
