"""The Inspect tab: components, then what its events call."""

from __future__ import annotations

from typing import Any

import gradio as gr

from inpformer.config import MapName
from inpformer.detector import AnomalyDetector
from inpformer.pictures import COLOUR_MAPS
from inpformer.ui import views
from inpformer.ui.inspect_handlers import InspectHandlers, InspectReport
from inpformer.ui.views import MapView, ViewSettings
from inpformer.ui.wiring import MODEL_TURN, parts_of, shown_to_visitor, visitor
from inpformer.ui.words import ENGLISH, Words, label

_MAP_VIEW = ("verdict", "overlay", "compare", "heatmap", "colour_bar")
_CUT_STEPS = 200
_REPORT = (*_MAP_VIEW, "cut", "map", "lead", "mosaic", "legend", "attention")


def build_inspect_tab(start: AnomalyDetector) -> dict[str, Any]:
    """Build the picture to inspect, its result and its prototypes."""
    with gr.Row():
        with gr.Column(scale=2, min_width=320):
            page = _picture_column()
        with gr.Column(scale=3, min_width=320):
            page |= _result_column(start)
    return page | _explanation_row()


def wire_inspect_tab(handlers: InspectHandlers, page: dict[str, Any]) -> None:
    """Connect the picture to inspect, and what redraws its result."""

    @shown_to_visitor
    def inspect(
        path: str | None, opacity: float, colours: str, request: gr.Request
    ) -> tuple[Any, ...]:
        """Inspect one picture with this visitor's detector."""
        who = visitor(handlers.handlers, request)
        return report_values(handlers.inspect(who, path, opacity, colours))

    @shown_to_visitor
    def inspect_again(opacity: float, colours: str, request: gr.Request) -> tuple[Any, ...]:
        who = visitor(handlers.handlers, request)
        return report_values(handlers.inspect_again(who, opacity, colours))

    @shown_to_visitor
    def redraw(
        map_name: str, cut: float, opacity: float, colours: str, request: gr.Request
    ) -> MapView:
        """Redraw the inspected picture at another threshold; runs no model."""
        settings = ViewSettings(map_name, cut, opacity, colours)
        return tuple(handlers.redraw(visitor(handlers.handlers, request), settings))

    page["inspect"].click(
        inspect,
        parts_of(page, ("picture", "opacity", "colours")),
        report_outputs(page),
        api_name="inspect",
        # An error would otherwise stamp "Error" over every picture of the result before.
        show_progress_on=page["verdict"],
        **MODEL_TURN,
    )
    # `.then` of the page's own event on the detector in use.
    page["inspected_again"] = page["detector_chosen"].success(
        inspect_again,
        parts_of(page, ("opacity", "colours")),
        report_outputs(page),
        api_visibility="private",
        show_progress_on=page["verdict"],
        **MODEL_TURN,
    )
    controls = parts_of(page, ("map", "cut", "opacity", "colours"))
    gr.on(
        [control.input for control in controls],
        redraw,
        controls,
        parts_of(page, _MAP_VIEW),
        api_name="redraw",
        trigger_mode="always_last",
        show_progress="hidden",
    )


def report_outputs(page: dict[str, Any]) -> list[Any]:
    """Return the components that `report_values` fills."""
    return parts_of(page, _REPORT)


def report_values(report: InspectReport | None) -> tuple[Any, ...]:
    """Return what the page shows of an inspection; None leaves all of it as it is."""
    if report is None:
        return (gr.skip(),) * len(_REPORT)
    title = label("THRESHOLD_LABEL" if report.is_calibrated else "CUT_LABEL")
    most = report.most_cut
    cut = gr.update(value=report.cut, label=title, maximum=most, step=most / _CUT_STEPS)
    maps = gr.update(choices=map_choices(report.map_names, ENGLISH), value=report.map_name)
    return (*report.map_view, cut, maps, *report.prototype_view)


def empty_report(names: tuple[MapName, ...], words: Words) -> tuple[Any, ...]:
    """Return the values of `report_outputs` before anything is inspected."""
    cut = gr.update(value=1, label=label("THRESHOLD_LABEL"), maximum=2, step=2 / _CUT_STEPS)
    maps = gr.update(choices=map_choices(names, words), value=names[0])
    pictures = (None,) * (len(_MAP_VIEW) - 1)
    empty = views.message(words.RESULT_EMPTY)
    return (empty, *pictures, cut, maps, words.INPS_LEAD, None, None, None)


def map_choices(names: tuple[MapName, ...], words: Words) -> list[tuple[str, str]]:
    """Return maps as a dropdown takes them."""
    return [(words.MAP_TITLES[name], name) for name in names]


def _picture_column() -> dict[str, Any]:
    gr.Markdown(f"## {label('STEP_INSPECT')}")
    picture = gr.Image(
        label=label("PICTURE_LABEL"),
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
    inspect = gr.Button(label("INSPECT"), variant="primary", elem_id="inspect")
    return {"picture": picture, "inspect": inspect}


def _result_column(detector: AnomalyDetector) -> dict[str, Any]:
    gr.Markdown(f"## {label('STEP_RESULT')}")
    parts: dict[str, Any] = {
        "verdict": gr.HTML(views.message(ENGLISH.RESULT_EMPTY), elem_id="verdict")
    }
    shown = {
        "format": "jpeg",
        "interactive": False,
        "height": 420,
        "buttons": ["download", "fullscreen"],
    }
    with gr.Tabs():
        with gr.Tab(label("OVERLAY_TAB")):
            parts["overlay"] = gr.Image(label=label("OVERLAY_LABEL"), elem_id="overlay", **shown)
        with gr.Tab(label("COMPARE_TAB")):
            parts["compare"] = gr.ImageSlider(
                label=label("COMPARE_LABEL"), elem_id="compare", **shown
            )
        with gr.Tab(label("HEATMAP_TAB")):
            parts["heatmap"] = gr.Image(label=label("HEATMAP_LABEL"), elem_id="heatmap", **shown)
    parts["colour_bar"] = gr.Image(
        label=label("SCALE_LABEL"),
        format="png",
        interactive=False,
        height=90,
        show_label=False,
        buttons=[],
        elem_id="colour-bar",
    )
    parts["cut"] = gr.Slider(
        0, 2, value=1, step=0.01, label=label("THRESHOLD_LABEL"), elem_id="cut"
    )
    parts["opacity"] = gr.Slider(
        0, 1, value=0.6, step=0.05, label=label("OPACITY_LABEL"), elem_id="opacity"
    )
    with gr.Row():
        names = detector.map_names
        parts["map"] = gr.Dropdown(
            map_choices(names, ENGLISH), value=names[0], label=label("MAP_LABEL"), elem_id="map"
        )
        parts["colours"] = gr.Dropdown(
            list(COLOUR_MAPS), value=COLOUR_MAPS[0], label=label("COLOURS_LABEL")
        )
    return parts


def _explanation_row() -> dict[str, Any]:
    gr.Markdown(f"## {label('STEP_INPS')}")
    parts: dict[str, Any] = {"lead": gr.Markdown(label("INPS_LEAD"))}
    with gr.Row():
        with gr.Column(scale=2, min_width=320):
            parts["mosaic"] = gr.Image(
                label=label("MOSAIC_LABEL"),
                format="jpeg",
                interactive=False,
                height=360,
                buttons=["download", "fullscreen"],
                elem_id="mosaic",
            )
            parts["legend"] = gr.Image(
                label=label("LEGEND_LABEL"),
                format="png",
                interactive=False,
                show_label=False,
                buttons=[],
                elem_id="legend",
            )
        with gr.Column(scale=3, min_width=320):
            parts["attention"] = gr.Gallery(
                label=label("ATTENTION_LABEL"),
                columns=3,
                format="jpeg",
                interactive=False,
                object_fit="contain",
                elem_id="attention",
            )
    return parts
