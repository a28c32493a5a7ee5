"""The Few-shot tab: components, then what its events call."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import gradio as gr

from inpformer.config import FitConfig
from inpformer.detector import AnomalyDetector
from inpformer.ui.fewshot_handlers import FewshotHandlers
from inpformer.ui.wiring import (
    DETECTOR,
    FIT_TURN,
    detector_values,
    parts_of,
    shown_to_visitor,
    visitor,
)
from inpformer.ui.words import ENGLISH, label


def build_fewshot_tab(start: AnomalyDetector) -> dict[str, Any]:
    """Build the normal pictures, the settings and the fit."""
    defaults = FitConfig.for_encoder(start.config.encoder)
    gr.Markdown(f"## {label('STEP_NORMAL')}")
    parts: dict[str, Any] = {
        "files": gr.File(
            label=label("NORMAL_LABEL"),
            file_count="multiple",
            file_types=["image"],
            height=140,
            elem_id="normal-files",
        ),
        "normal_gallery": gr.Gallery(
            label=label("NORMAL_GALLERY"),
            columns=4,
            height=140,
            format="jpeg",
            interactive=False,
            show_label=False,
            visible=False,
            elem_id="normal-gallery",
        ),
    }
    with gr.Accordion(label("SETTINGS"), open=False):
        parts["variant"] = gr.Radio(
            list(ENGLISH.VARIANTS), value=defaults.variant, label=label("VARIANT_LABEL")
        )
        parts["steps"] = gr.Slider(
            20, 2000, value=defaults.steps, step=10, label=label("STEPS_LABEL"), elem_id="steps"
        )
        parts["inps"] = gr.Slider(
            1, 16, value=defaults.inp_count, step=1, label=label("INPS_LABEL")
        )
        parts["any_angle"] = gr.Checkbox(
            defaults.views == "paper", label=label("ANY_ANGLE_LABEL"), info=label("ANY_ANGLE_INFO")
        )
        parts["seed"] = gr.Number(defaults.seed, precision=0, label=label("SEED_LABEL"))
    with gr.Row():
        parts["fit"] = gr.Button(label("FIT"), variant="primary", elem_id="fit")
        parts["cancel"] = gr.Button(label("CANCEL"), interactive=False, elem_id="cancel")
    parts["progress"] = gr.HTML(elem_id="fit-progress")
    return parts


def wire_fewshot_tab(handlers: FewshotHandlers, page: dict[str, Any]) -> None:
    """Connect the normal pictures, the fit and its cancel button."""
    shared = handlers.handlers

    @shown_to_visitor
    def show_normals(files: list[str] | None, request: gr.Request) -> Any:
        pictures = handlers.show_normals(visitor(shared, request), files)
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
            shared.shelf.start.config.encoder,
            variant=variant,
            steps=int(steps),
            inp_count=int(inps),
            views="paper" if any_angle else "station",
            seed=int(seed or 0),
        )
        buttons = {True: (False, "FITTING", True), False: (True, "FIT", False)}
        for report in handlers.fit(visitor(shared, request), files, config):
            can_fit, title, can_cancel = buttons[report.is_running]
            yield (
                report.progress,
                *detector_values(report.detector),
                gr.update(interactive=can_fit, value=label(title)),
                gr.update(interactive=can_cancel),
            )

    @shown_to_visitor
    def cancel(request: gr.Request) -> None:
        """Stop the running fit of this visitor."""
        handlers.cancel(visitor(shared, request))

    page["files"].change(
        show_normals, page["files"], page["normal_gallery"], api_visibility="private"
    )
    fitting = page["fit"].click(
        fit,
        parts_of(page, ("files", "variant", "steps", "inps", "any_angle", "seed")),
        parts_of(page, ("progress", *DETECTOR, "fit", "cancel")),
        api_name="fit",
        show_progress_on=page["progress"],
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
