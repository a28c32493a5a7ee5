"""The Inspect tab: one picture, its result in the viewer, and what redraws it."""

from __future__ import annotations

import time
from typing import Any

import gradio as gr

from inpformer.detector import AnomalyDetector
from inpformer.ui import views
from inpformer.ui.inspect_handlers import InspectHandlers
from inpformer.ui.inspect_values import (
    LOOKING,
    SETTINGS,
    looking_of,
    map_choices,
    report_outputs,
    report_values,
)
from inpformer.ui.inspection import ViewSettings
from inpformer.ui.results_section import build_many, build_results
from inpformer.ui.viewer import viewer, viewer_texts
from inpformer.ui.wiring import MODEL_TURN, parts_of, shown_to_visitor, visitor
from inpformer.ui.words import ENGLISH, label, words_of

_MOST_AREA = 2.0


def build_inspect_tab(start: AnomalyDetector) -> dict[str, Any]:
    """Build the pictures to inspect, the result and the list of results."""
    # On a telephone the style sheet puts the result before its reasons.
    with gr.Row(elem_id="inspect-row"):
        with gr.Column(scale=2, min_width=320, elem_id="picture-column"):
            page = _picture_column()
            with gr.Column(elem_id="why-box"):
                page |= _why()
        with gr.Column(scale=3, min_width=320, elem_id="result-column"):
            page |= _result_column(start)
    return page | build_results()


def wire_inspect_tab(handlers: InspectHandlers, page: dict[str, Any]) -> None:
    """Connect the picture to inspect, and what redraws its result."""
    _wire_inspect(handlers, page)
    _wire_redraw(handlers, page)
    _wire_language(page)
    page["why_more"].click(
        lambda: gr.update(selected="explorer"),
        None,
        page["tabs"],
        api_visibility="private",
        show_progress="hidden",
    )


def _wire_inspect(handlers: InspectHandlers, page: dict[str, Any]) -> None:
    @shown_to_visitor
    def inspect(
        path: str | None, geometry: str, tiles: str, request: gr.Request
    ) -> tuple[Any, ...]:
        """Inspect one picture with this visitor's detector; the verdict comes first.

        Args:
            path: The picture.
            geometry: `full`, or `benchmark` for the middle of the picture.
            tiles: `fitted`, empty for the whole picture, `auto`, or rows x columns such as `2x2`.
            request: The visitor's.
        """
        who = visitor(handlers.handlers, request)
        return report_values(handlers.inspect(who, path, looking_of(geometry, tiles)))

    @shown_to_visitor
    def inspect_again(geometry: str, tiles: str, request: gr.Request) -> tuple[Any, ...]:
        who = visitor(handlers.handlers, request)
        return report_values(handlers.inspect_again(who, looking_of(geometry, tiles)))

    # An error would otherwise stamp "Error" over the result before.
    shared = {"show_progress_on": page["verdict"], **MODEL_TURN}
    page["inspect"].click(
        inspect,
        parts_of(page, ("picture", *LOOKING)),
        report_outputs(page),
        api_name="inspect",
        **shared,
    )
    # `.then` of the page's own event on the detector in use.
    page["inspected_again"] = page["detector_chosen"].success(
        inspect_again,
        parts_of(page, LOOKING),
        report_outputs(page),
        api_visibility="private",
        **shared,
    )


def _wire_redraw(handlers: InspectHandlers, page: dict[str, Any]) -> None:
    shared = handlers.handlers

    @shown_to_visitor
    def redraw(map_name: str, cut: float, min_area: float, request: gr.Request) -> tuple[str, Any]:
        """Cut the inspected picture's map at another threshold; runs no model.

        Args:
            map_name: Which map.
            cut: In multiples of the calibrated threshold; raw on a map without one.
            min_area: Regions below this percentage of the picture do not count.
            request: The visitor's.
        """
        settings = ViewSettings(map_name, cut, min_area)
        verdict, layer = handlers.redraw(visitor(shared, request), settings)
        return verdict, gr.update(layer=layer)

    @shown_to_visitor
    def choose_map(
        map_name: str, cut: float, min_area: float, request: gr.Request
    ) -> tuple[str, Any]:
        settings = ViewSettings(map_name, cut, min_area)
        verdict, heat, layer = handlers.choose_map(visitor(shared, request), settings)
        return verdict, gr.update(heat=heat, layer=layer)

    @shown_to_visitor
    def probe(
        event: gr.EventData, map_name: str, cut: float, min_area: float, request: gr.Request
    ) -> Any:
        settings = ViewSettings(map_name, cut, min_area)
        answer = handlers.value_at(visitor(shared, request), event.x, event.y, settings)
        # The viewer is only told of what differs, and a second click on a pixel is a click.
        return gr.update(answer={**answer, "serial": time.monotonic_ns()})

    @shown_to_visitor
    def value_at(x: int, y: int, map_name: str, cut: float, request: gr.Request) -> dict[str, Any]:
        """Return the map's value at a pixel of the inspected picture, raw and in thresholds."""
        settings = ViewSettings(map_name, cut)
        return handlers.value_at(visitor(shared, request), x, y, settings)

    @shown_to_visitor
    def side_by_side(request: gr.Request) -> str:
        return handlers.side_by_side(visitor(shared, request))

    settings = parts_of(page, SETTINGS)
    quick = {"trigger_mode": "always_last", "show_progress": "hidden"}
    shown = parts_of(page, ("verdict", "viewer"))
    gr.on(
        [page["cut"].input, page["min_area"].input],
        redraw,
        settings,
        shown,
        api_name="redraw",
        **quick,
    )
    page["map"].input(choose_map, settings, shown, api_visibility="private", **quick)
    page["viewer"].probe(probe, settings, page["viewer"], api_visibility="private", **quick)
    gr.api(value_at, api_name="value_at")
    page["side_show"].click(
        side_by_side, None, page["side_by_side"], api_visibility="private", show_progress="minimal"
    )


def _wire_language(page: dict[str, Any]) -> None:
    """Choices and the viewer's words come from the server, so they follow the visitor's arrival."""

    @shown_to_visitor
    def speak(request: gr.Request) -> tuple[Any, ...]:
        words = words_of(request)
        return (
            gr.update(texts=viewer_texts(words)),
            gr.update(choices=list(words.GEOMETRIES)),
            gr.update(choices=list(words.LOOK_TILES)),
            gr.update(choices=list(words.FILTER_CHOICES)),
            gr.update(headers=list(words.TABLE_HEADERS)),
        )

    page["arrived"].success(
        speak,
        None,
        parts_of(page, ("viewer", *LOOKING, "filter_verdict", "table")),
        api_visibility="private",
        show_progress="hidden",
    )


def _picture_column() -> dict[str, Any]:
    gr.Markdown(f"## {label('STEP_INSPECT')}")
    with gr.Tabs():
        with gr.Tab(label("ONE_PICTURE_TAB")):
            picture = gr.Image(
                label=label("PICTURE_LABEL"),
                type="filepath",
                image_mode=None,
                format="png",
                sources=["upload", "clipboard", "webcam"],
                height=300,
                elem_id="picture",
            )
            # gr.Image would open the file itself, which turns a damaged picture into a nameless
            # error and clips 16-bit ones; our own reader does better.
            picture.preprocess = lambda payload: None if payload is None else payload.path
            inspect = gr.Button(label("INSPECT"), variant="primary", elem_id="inspect")
        with gr.Tab(label("MANY_PICTURES_TAB")):
            many = build_many()
    with gr.Accordion(label("HOW_LABEL"), open=False):
        geometry = gr.Dropdown(
            list(ENGLISH.GEOMETRIES),
            value="full",
            label=label("GEOMETRY_LABEL"),
            elem_id="look-geometry",
        )
        tiles = gr.Dropdown(
            list(ENGLISH.LOOK_TILES),
            value="fitted",
            label=label("LOOK_TILES_LABEL"),
            info=label("LOOK_TILES_INFO"),
            elem_id="look-tiles",
        )
    return {
        "picture": picture,
        "inspect": inspect,
        "look_geometry": geometry,
        "look_tiles": tiles,
        **many,
    }


def _why() -> dict[str, Any]:
    gr.Markdown(f"## {label('WHY_TITLE')}")
    return {
        "why": gr.HTML(elem_id="why"),
        "why_more": gr.Button(label("WHY_MORE"), size="sm", elem_id="why-more"),
    }


def _result_column(detector: AnomalyDetector) -> dict[str, Any]:
    gr.Markdown(f"## {label('STEP_RESULT')}")
    parts: dict[str, Any] = {
        "verdict": gr.HTML(views.message(ENGLISH.RESULT_EMPTY), elem_id="verdict")
    }
    # Above the picture, so that both are in sight while a slider moves.
    with gr.Row(elem_id="cut-row"):
        parts["cut"] = gr.Slider(
            0, 2, value=1, step=0.01, label=label("THRESHOLD_LABEL"), elem_id="cut"
        )
        parts["min_area"] = gr.Slider(
            0, _MOST_AREA, value=0, step=0.01, label=label("MIN_AREA_LABEL"), elem_id="min-area"
        )
    names = detector.map_names
    parts["map"] = gr.Dropdown(
        map_choices(names, ENGLISH), value=names[0], label=label("MAP_LABEL"), elem_id="map"
    )
    parts["viewer"] = viewer("viewer")
    with gr.Accordion(label("MAPS_SIDE_BY_SIDE"), open=False):
        parts["side_show"] = gr.Button(label("SIDE_SHOW"), size="sm", elem_id="side-show")
        parts["side_by_side"] = gr.HTML(elem_id="side-by-side")
    return parts
