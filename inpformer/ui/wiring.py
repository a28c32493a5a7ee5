"""Which event of the page calls which action, and how reports become values of components."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from typing import Any

import gradio as gr

from inpformer.config import FitConfig, MapName
from inpformer.ui import text, views
from inpformer.ui.handlers import Handlers, InspectReport, shown_to_visitor
from inpformer.ui.views import MapView, ViewSettings

# Runs of the model take turns, whatever asks for them.
MODEL_TURN: dict[str, Any] = {"concurrency_id": "inspect", "concurrency_limit": 1}

_MAP_VIEW = ("verdict", "overlay", "compare", "heatmap", "colour_bar")
_CUT_STEPS = 200
_REPORT = (*_MAP_VIEW, "cut", "map", "lead", "mosaic", "legend", "attention")


def wire_fit(handlers: Handlers, page: dict[str, Any]) -> None:
    """Connect the normal pictures, the fit and its cancel button."""

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
        any_angle: bool,
        seed: float,
        request: gr.Request,
    ) -> Iterator[tuple]:
        """Fit a detector to 1 to 16 normal pictures; streams its progress."""
        config = FitConfig.for_encoder(
            handlers.detector.config.encoder,
            variant=variant,
            steps=int(steps),
            inp_count=int(inps),
            views="paper" if any_angle else "station",
            seed=int(seed or 0),
        )
        buttons = {True: (False, text.FITTING, True), False: (True, text.FIT, False)}
        for report in handlers.fit(session_id(request), files, config):
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
        handlers.cancel(session_id(request))

    page["files"].change(
        show_normals, page["files"], page["normal_gallery"], api_visibility="private"
    )
    fitting = page["fit"].click(
        fit,
        parts_of(page, ("files", "variant", "steps", "inps", "any_angle", "seed")),
        parts_of(page, ("progress", "card", "fit", "cancel")),
        api_name="fit",
        show_progress_on=page["progress"],
        concurrency_id="fit",
        concurrency_limit=1,
    )
    # An error leaves the buttons as the last report set them.
    fitting.failure(
        lambda: (gr.update(interactive=True, value=text.FIT), gr.update(interactive=False)),
        None,
        [page["fit"], page["cancel"]],
        api_visibility="private",
    )
    page["cancel"].click(cancel, None, None, api_name="cancel", queue=False)


def wire_inspect(handlers: Handlers, page: dict[str, Any]) -> None:
    """Connect the picture to inspect, and what redraws its result."""

    @shown_to_visitor
    def inspect(
        path: str | None, opacity: float, colours: str, request: gr.Request
    ) -> tuple[Any, ...]:
        """Inspect one picture with this visitor's detector."""
        return report_values(handlers.inspect(session_id(request), path, opacity, colours))

    @shown_to_visitor
    def redraw(
        map_name: str, cut: float, opacity: float, colours: str, request: gr.Request
    ) -> MapView:
        """Redraw the inspected picture at another threshold; runs no model."""
        settings = ViewSettings(map_name, cut, opacity, colours)
        return tuple(handlers.redraw(session_id(request), settings))

    page["inspect"].click(
        inspect,
        parts_of(page, ("picture", "opacity", "colours")),
        report_outputs(page),
        api_name="inspect",
        # An error would otherwise stamp "Error" over every picture of the result before.
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


def wire_start(handlers: Handlers, page: dict[str, Any]) -> None:
    """Connect the ways back to a detector of the start."""

    @shown_to_visitor
    def start_over(request: gr.Request) -> tuple[Any, ...]:
        card = handlers.start_over(session_id(request))
        return (card, None, None, "", *_empty_result(handlers.detector.map_names))

    def use_start(is_zero_shot: bool) -> Callable[..., Any]:
        @shown_to_visitor
        def look(path: str | None, opacity: float, colours: str, request: gr.Request) -> Any:
            visitor = session_id(request)
            card, report = handlers.use_start(visitor, is_zero_shot, path, opacity, colours)
            return card, *report_values(report)

        return look

    page["start_over"].click(
        start_over,
        None,
        [*parts_of(page, ("card", "picture", "files", "progress")), *report_outputs(page)],
        api_visibility="private",
        show_progress="hidden",
    )
    for name, is_zero_shot in (("zero_shot", True), ("free", False)):
        page[name].click(
            use_start(is_zero_shot),
            parts_of(page, ("picture", "opacity", "colours")),
            [page["card"], *report_outputs(page)],
            api_visibility="private",
            show_progress_on=page["verdict"],
            **MODEL_TURN,
        )


def parts_of(page: dict[str, Any], names: tuple[str, ...]) -> list[Any]:
    """Return components by name."""
    return [page[name] for name in names]


def report_outputs(page: dict[str, Any]) -> list[Any]:
    """Return the components that `report_values` fills."""
    return parts_of(page, _REPORT)


def report_values(report: InspectReport | None) -> tuple[Any, ...]:
    """Return what the page shows of an inspection; None leaves all of it as it is."""
    if report is None:
        return (gr.skip(),) * len(_REPORT)
    label = text.THRESHOLD_LABEL if report.is_calibrated else text.CUT_LABEL
    most = report.most_cut
    cut = gr.update(value=report.cut, label=label, maximum=most, step=most / _CUT_STEPS)
    maps = gr.update(choices=map_choices(report.map_names), value=report.map_name)
    return (*report.map_view, cut, maps, *report.prototype_view)


def map_choices(names: tuple[MapName, ...]) -> list[tuple[str, str]]:
    """Return maps as a dropdown takes them."""
    return [(text.MAP_TITLES[name], name) for name in names]


def session_id(request: gr.Request) -> str:
    """Return what tells this visitor from others."""
    # Callers of the API may have no session: each call then stands alone, or all would share one.
    return request.session_hash or uuid.uuid4().hex


def _empty_result(names: tuple[MapName, ...]) -> tuple[Any, ...]:
    cut = gr.update(value=1, label=text.THRESHOLD_LABEL, maximum=2, step=2 / _CUT_STEPS)
    maps = gr.update(choices=map_choices(names), value=names[0])
    pictures = (None,) * (len(_MAP_VIEW) - 1)
    empty = views.message(text.RESULT_EMPTY)
    return (empty, *pictures, cut, maps, text.INPS_LEAD, None, None, None)
