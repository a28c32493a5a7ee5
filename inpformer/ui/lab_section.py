"""The shot lab on the Few-shot tab: components, then what its events call."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import gradio as gr

from inpformer.examples import Examples
from inpformer.fit_config import FitConfig
from inpformer.shot_lab import MAX_DRAWS, SHOT_COUNTS
from inpformer.ui.handlers import Handlers
from inpformer.ui.lab_handlers import LabFiles, LabHandlers
from inpformer.ui.wiring import (
    FIT_TURN,
    cached,
    parts_of,
    refusing_if_busy,
    shown_to_visitor,
    visitor,
)
from inpformer.ui.words import ENGLISH, label, words_of

_TESTS = ("lab_normal", "lab_anomalous", "lab_unknown")
_SETTINGS = ("lab_variant", "lab_counts", "lab_draws", "inps", "any_angle", "seed")
_COLUMN_WIDTHS = ("92px", "80px", "190px", "92px", "92px", "100px", "100px", "100px")
_VIEW = ("lab_progress", "lab_table", "lab_chart", "lab_says")


def build_lab(examples: Examples) -> dict[str, Any]:
    """Build the lab, closed at first."""
    page: dict[str, Any] = {}
    with gr.Accordion(label("LAB_TITLE"), open=False, elem_id="lab"):
        gr.Markdown(label("LAB_LEAD"))
        page |= _build_tests(examples)
        with gr.Row():
            page["lab_counts"] = gr.CheckboxGroup(
                [(str(count), count) for count in SHOT_COUNTS],
                value=[1, 2, 4],
                label=label("LAB_COUNTS"),
                elem_id="lab-counts",
            )
            page["lab_draws"] = gr.Slider(
                1, MAX_DRAWS, value=3, step=1, label=label("LAB_DRAWS"), elem_id="lab-draws"
            )
            page["lab_variant"] = gr.Radio(
                list(ENGLISH.VARIANTS), value="inp-former", label=label("LAB_VARIANT")
            )
        with gr.Row():
            page["lab_start"] = gr.Button(
                label("LAB_START"), variant="primary", elem_id="lab-start"
            )
            page["lab_cancel"] = gr.Button(label("CANCEL"), interactive=False, elem_id="lab-cancel")
        page["lab_progress"] = gr.HTML(elem_id="lab-progress")
        page["lab_says"] = gr.HTML(elem_id="lab-says")
        page["lab_chart"] = gr.HTML(elem_id="lab-chart")
        page["lab_table"] = gr.Dataframe(
            headers=list(ENGLISH.LAB_HEADERS),
            label=label("LAB_TABLE"),
            interactive=False,
            wrap=True,
            column_widths=list(_COLUMN_WIDTHS),
            visible=False,
            elem_id="lab-table",
        )
    return page


def _build_tests(examples: Examples) -> dict[str, Any]:
    page: dict[str, Any] = {}
    with gr.Row():
        for name, title in zip(_TESTS, ("LAB_NORMAL", "LAB_ANOMALOUS", "LAB_UNKNOWN"), strict=True):
            page[name] = gr.File(
                label=label(title),
                file_count="multiple",
                file_types=["image"],
                height=140,
                elem_id=name.replace("_", "-"),
            )
    page["lab_take"] = gr.Button(
        label("LAB_TAKE_PART"), size="sm", visible=bool(examples.parts), elem_id="lab-take"
    )
    return page


def wire_lab(shared: Handlers, page: dict[str, Any]) -> None:
    """Connect the lab."""
    handlers = LabHandlers(shared)

    @shown_to_visitor
    def take(part: str | None, request: gr.Request) -> tuple[Any, ...]:
        tests = handlers.take_tests(visitor(shared, request), part)
        return tuple([cached(page["lab_normal"], path) for path in paths] for paths in tests)

    @shown_to_visitor
    def run(
        shots: list[str] | None,
        normal: list[str] | None,
        anomalous: list[str] | None,
        unknown: list[str] | None,
        variant: str,
        counts: list[int],
        draws: float,
        inps: float,
        any_angle: bool,
        seed: float,
        request: gr.Request,
    ) -> Iterator[tuple]:
        """Fit on several draws of 1, 2, 4, 8 normal pictures and compare; streams its progress."""
        kind = "paper" if any_angle else "station"
        fit = FitConfig(inp_count=int(inps), views=kind, seed=int(seed or 0))
        config = handlers.config(variant, counts, int(draws), fit)
        files = LabFiles(shots or (), normal or (), anomalous or (), unknown or ())
        buttons = {True: (False, "LAB_RUNNING", True), False: (True, "LAB_START", False)}
        headers = list(words_of(request).LAB_HEADERS)
        for view in handlers.run(visitor(shared, request), files, config):
            can_start, title, can_cancel = buttons[view.is_running]
            yield (
                view.progress,
                gr.update(value=view.rows, headers=headers, visible=bool(view.rows)),
                view.chart,
                view.sentences,
                gr.update(interactive=can_start, value=label(title)),
                gr.update(interactive=can_cancel),
            )

    @shown_to_visitor
    def cancel(request: gr.Request) -> None:
        shared.sessions.get(visitor(shared, request)).stop_job()

    def forget() -> tuple[Any, ...]:
        return None, None, None, "", gr.update(value=None, visible=False), "", ""

    hidden = {"api_visibility": "private", "show_progress": "hidden"}
    page["lab_take"].click(
        take, page["normals_part"], parts_of(page, ("lab_normal", "lab_anomalous")), **hidden
    )
    running = (
        page["lab_start"]
        .click(refusing_if_busy(shared), None, None, queue=False, **hidden)
        .success(
            run,
            parts_of(page, ("files", *_TESTS, *_SETTINGS)),
            parts_of(page, (*_VIEW, "lab_start", "lab_cancel")),
            api_name="shot_lab",
            show_progress_on=page["lab_progress"],
            **FIT_TURN,
        )
    )
    running.failure(
        lambda: (
            gr.update(interactive=True, value=label("LAB_START")),
            gr.update(interactive=False),
        ),
        None,
        parts_of(page, ("lab_start", "lab_cancel")),
        api_visibility="private",
    )
    page["lab_cancel"].click(cancel, None, None, api_visibility="private", queue=False)
    page["forget"].click(forget, None, parts_of(page, (*_TESTS, *_VIEW)), **hidden)
