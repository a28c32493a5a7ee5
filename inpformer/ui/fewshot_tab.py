"""The Few-shot tab: normal pictures, the fit and its settings; what its events call."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import gradio as gr

from inpformer.fit_config import FitConfig
from inpformer.ui.fewshot_handlers import FewshotHandlers
from inpformer.ui.lab_section import build_lab, wire_lab
from inpformer.ui.own_section import build_own, wire_own
from inpformer.ui.wiring import (
    DETECTOR,
    FIT_TURN,
    MODEL_TURN,
    cached,
    detector_values,
    parts_of,
    shown_to_visitor,
    visitor,
)
from inpformer.ui.words import ENGLISH, label, words_of

_SETTINGS = ("variant", "steps", "inps", "any_angle", "seed", "tiles", "rate", "encoder")


def build_fewshot_tab(handlers: FewshotHandlers) -> dict[str, Any]:
    """Build the tab."""
    gr.Markdown(label("FEWSHOT_LEAD"))
    with gr.Row():
        with gr.Column(min_width=320):
            page = _build_normals(handlers)
        with gr.Column(min_width=320):
            page |= _build_fit(handlers)
            page |= build_own()
    page |= build_lab(handlers.handlers.shelf.examples)
    return page


def _build_normals(handlers: FewshotHandlers) -> dict[str, Any]:
    parts = handlers.handlers.shelf.examples.parts
    gr.Markdown(f"## {label('STEP_NORMAL')}")
    page: dict[str, Any] = {
        "files": gr.File(
            label=label("NORMAL_LABEL"),
            file_count="multiple",
            file_types=["image"],
            height=140,
            elem_id="normal-files",
        )
    }
    with gr.Row(visible=bool(parts), elem_id="take-part"):
        page["normals_part"] = gr.Dropdown(
            [(part.title, part.name) for part in parts],
            value=parts[0].name if parts else None,
            label=label("FEWSHOT_PART_LABEL"),
            scale=2,
            min_width=220,
            elem_id="normals-part",
        )
        page["take_normals"] = gr.Button(
            label("FEWSHOT_TAKE_NORMALS"),
            size="sm",
            scale=1,
            min_width=180,
            elem_id="take-normals",
        )
    page["doctor"] = gr.HTML(elem_id="doctor")
    page["normal_gallery"] = gr.Gallery(
        label=label("NORMAL_GALLERY"),
        columns=4,
        height="auto",
        format="jpeg",
        interactive=False,
        show_label=False,
        visible=False,
        buttons=[],
        elem_id="normal-gallery",
    )
    # Whether the doctor asks before a fit on the pictures that are there.
    page["asks"] = gr.State(False)
    return page


def _build_fit(handlers: FewshotHandlers) -> dict[str, Any]:
    gr.Markdown(f"## {label('STEP_FIT')}")
    page: dict[str, Any] = {
        "new_name": gr.Textbox(
            "",
            label=label("NEW_NAME_LABEL"),
            placeholder=label("NEW_NAME_HINT"),
            max_lines=1,
            elem_id="new-name",
        )
    }
    with gr.Row():
        page["fit"] = gr.Button(label("FIT"), variant="primary", elem_id="fit")
        page["cancel"] = gr.Button(label("CANCEL"), interactive=False, elem_id="cancel")
    with gr.Column(visible=False, elem_id="fit-question") as page["question"]:
        gr.Markdown(label("DOCTOR_ASKS"))
        with gr.Row():
            page["fit_anyway"] = gr.Button(label("FIT_ANYWAY"), elem_id="fit-anyway")
            page["not_yet"] = gr.Button(label("NOT_YET"), elem_id="not-yet")
    page["progress"] = gr.HTML(elem_id="fit-progress")
    page["curve"] = gr.HTML(elem_id="fit-curve")
    with gr.Accordion(label("SETTINGS"), open=False):
        page |= _build_settings(handlers)
    return page


def _build_settings(handlers: FewshotHandlers) -> dict[str, Any]:
    defaults = FitConfig.for_encoder(handlers.handlers.shelf.start.config.encoder)
    names = handlers.encoders.names
    return {
        "variant": gr.Radio(
            list(ENGLISH.VARIANTS), value=defaults.variant, label=label("VARIANT_LABEL")
        ),
        "steps": gr.Slider(
            20, 2000, value=defaults.steps, step=10, label=label("STEPS_LABEL"), elem_id="steps"
        ),
        "inps": gr.Slider(1, 16, value=defaults.inp_count, step=1, label=label("INPS_LABEL")),
        "any_angle": gr.Checkbox(
            defaults.views == "paper", label=label("ANY_ANGLE_LABEL"), info=label("ANY_ANGLE_INFO")
        ),
        "seed": gr.Number(defaults.seed, precision=0, minimum=0, label=label("SEED_LABEL")),
        "tiles": gr.Dropdown(
            list(ENGLISH.TILE_CHOICES),
            value=defaults.tiles,
            label=label("FIT_TILES_LABEL"),
            info=label("FIT_TILES_INFO"),
        ),
        "rate": gr.Slider(
            0.01,
            0.3,
            value=defaults.false_alarm_rate,
            step=0.01,
            label=label("RATE_LABEL"),
            info=label("RATE_INFO"),
        ),
        "encoder": gr.Dropdown(
            names, value=names[0], label=label("ENCODER_LABEL"), info=label("ENCODER_INFO")
        ),
    }


def wire_fewshot_tab(handlers: FewshotHandlers, page: dict[str, Any]) -> None:
    """Connect the tab."""
    _wire_normals(handlers, page)
    _wire_fit(handlers, page)
    wire_own(handlers.handlers, page)
    wire_lab(handlers.handlers, page)

    def forget() -> tuple[Any, ...]:
        return gr.update(visible=False), "", "", ""

    page["forget"].click(
        forget,
        None,
        parts_of(page, ("question", "doctor", "curve", "new_name")),
        api_visibility="private",
        show_progress="hidden",
    )


def _wire_normals(handlers: FewshotHandlers, page: dict[str, Any]) -> None:
    shared = handlers.handlers

    @shown_to_visitor
    def show_normals(files: list[str] | None, request: gr.Request) -> tuple[Any, ...]:
        pictures = handlers.show_normals(visitor(shared, request), files)
        looks = f'<div class="doctor">{words_of(request).DOCTOR_LOOKS}</div>' if pictures else ""
        gallery = gr.update(value=pictures, visible=bool(pictures))
        return gallery, looks, False, gr.update(visible=False)

    @shown_to_visitor
    def examine(files: list[str] | None, request: gr.Request) -> tuple[Any, ...]:
        """Let the reference-set doctor look at 1 to 16 normal pictures before a fit."""
        report = handlers.examine(visitor(shared, request), files)
        gallery = gr.update(value=report.thumbnails, visible=bool(report.thumbnails))
        return report.words, gallery, report.asks

    @shown_to_visitor
    def take_normals(part: str | None, request: gr.Request) -> tuple[list[str], str]:
        paths, title = handlers.take_normals(visitor(shared, request), part)
        return [cached(page["files"], path) for path in paths], title

    shown = page["files"].change(
        show_normals,
        page["files"],
        parts_of(page, ("normal_gallery", "doctor", "asks", "question")),
        api_visibility="private",
        show_progress="hidden",
    )
    shown.success(
        examine,
        page["files"],
        parts_of(page, ("doctor", "normal_gallery", "asks")),
        api_name="examine_shots",
        show_progress="hidden",
        **MODEL_TURN,
    ).failure(lambda: "", None, page["doctor"], api_visibility="private", show_progress="hidden")
    shown.failure(
        lambda: "", None, page["doctor"], api_visibility="private", show_progress="hidden"
    )
    page["take_normals"].click(
        take_normals,
        page["normals_part"],
        parts_of(page, ("files", "new_name")),
        api_visibility="private",
        show_progress="hidden",
    )


def _wire_fit(handlers: FewshotHandlers, page: dict[str, Any]) -> None:
    shared = handlers.handlers

    @shown_to_visitor
    def begin(asks: bool, request: gr.Request) -> Any:
        # Before the queue: what cannot begin now must not wait there, to begin later.
        handlers.refuse_if_busy(visitor(shared, request))
        return gr.update(visible=asks)

    @shown_to_visitor
    def fit(
        files: list[str] | None,
        variant: str,
        steps: float,
        inps: float,
        any_angle: bool,
        seed: float,
        tiles: str,
        rate: float,
        encoder: str | None,
        name: str,
        asks: bool,
        request: gr.Request,
    ) -> Iterator[tuple]:
        """Fit a detector to 1 to 16 normal pictures; streams its progress."""
        if asks:
            yield (gr.skip(),) * 6
            return
        config = FitConfig.for_encoder(
            handlers.encoders.detector(encoder, words_of(request)).config.encoder,
            variant=variant,
            steps=int(steps),
            inp_count=int(inps),
            views="paper" if any_angle else "station",
            seed=int(seed or 0),
            tiles=tiles or "",
            false_alarm_rate=rate,
        )
        buttons = {True: (False, "FITTING", True), False: (True, "FIT", False)}
        for report in handlers.fit(visitor(shared, request), files, config, name or "", encoder):
            can_fit, title, can_cancel = buttons[report.is_running]
            yield (
                report.progress,
                *detector_values(report.detector),
                gr.update(interactive=can_fit, value=label(title)),
                gr.update(interactive=can_cancel),
                report.curve,
            )

    @shown_to_visitor
    def cancel(request: gr.Request) -> None:
        """Stop the running fit, or shot lab, of this visitor."""
        handlers.cancel(visitor(shared, request))

    for button, asks, api in (
        ("fit", page["asks"], {"api_name": "fit"}),
        ("fit_anyway", gr.State(False), {"api_visibility": "private"}),
    ):
        begun = page[button].click(
            begin,
            asks,
            page["question"],
            api_visibility="private",
            queue=False,
            show_progress="hidden",
        )
        fitting = begun.success(
            fit,
            [*parts_of(page, ("files", *_SETTINGS, "new_name")), asks],
            parts_of(page, ("progress", *DETECTOR, "fit", "cancel", "curve")),
            show_progress_on=page["progress"],
            **api,
            **FIT_TURN,
        )
        # An error leaves the buttons as the last report set them.
        fitting.failure(
            lambda: (gr.update(interactive=True, value=label("FIT")), gr.update(interactive=False)),
            None,
            [page["fit"], page["cancel"]],
            api_visibility="private",
        )
    page["cancel"].click(cancel, None, None, api_name="cancel", queue=False)
    page["not_yet"].click(
        lambda: gr.update(visible=False), None, page["question"], api_visibility="private"
    )
