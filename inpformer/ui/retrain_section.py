"""The part of the Annotate tab that retrains the detector in use with what was labelled."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import gradio as gr

from inpformer.ui.annotate_values import QUIETLY
from inpformer.ui.retrain_handlers import PlanReport, RetrainHandlers
from inpformer.ui.wiring import (
    DETECTOR,
    FIT_TURN,
    detector_values,
    parts_of,
    shown_to_visitor,
    visitor,
)
from inpformer.ui.words import label, words_of

_PLAN = ("retrain_plan", "retrain_run", "retrain_back", "retrain_ledger")
_RUNS = ("retrain_progress", "retrain_run", "retrain_cancel")


def build_retrain() -> dict[str, Any]:
    """Build the section."""
    gr.Markdown(f"## {label('RETRAIN_TITLE')}")
    gr.Markdown(label("RETRAIN_LEAD"), elem_classes="faint")
    page: dict[str, Any] = {
        "retrain_ledger": gr.HTML(elem_id="retrain-ledger"),
        "retrain_plan": gr.HTML(elem_id="retrain-plan"),
        "retrain_normal": gr.Checkbox(
            False, label=label("RETRAIN_USE_NORMAL"), elem_id="retrain-normal"
        ),
    }
    with gr.Row():
        page["retrain_run"] = gr.Button(
            label("RETRAIN_RUN"), variant="primary", interactive=False, elem_id="retrain-run"
        )
        page["retrain_cancel"] = gr.Button(
            label("RETRAIN_CANCEL"), interactive=False, elem_id="retrain-cancel"
        )
        page["retrain_back"] = gr.Button(
            label("RETRAIN_BACK"), visible=False, elem_id="retrain-back"
        )
    page["retrain_progress"] = gr.HTML(elem_id="retrain-progress")
    page["retrain_changes"] = gr.HTML(elem_id="retrain-changes")
    return page


def wire_retrain(handlers: RetrainHandlers, page: dict[str, Any]) -> None:
    """Connect the section."""
    shared = handlers.handlers

    @shown_to_visitor
    def plan(use_normal: bool, request: gr.Request) -> tuple[Any, ...]:
        report = handlers.plan(visitor(shared, request), use_normal)
        return plan_values(report, words_of(request))

    @shown_to_visitor
    def retrain(use_normal: bool, request: gr.Request) -> Iterator[tuple[Any, ...]]:
        """Retrain the detector in use with this visitor's labelled pictures; streams progress.

        The new version becomes the detector in use; the former one stays.

        Args:
            use_normal: Whether pictures labelled normal join the normal shots.
            request: The visitor's.
        """
        for report in handlers.retrain(visitor(shared, request), use_normal):
            idle = not report.is_running
            detector = (gr.skip(),) * 2
            if report.detector is not None:
                detector = detector_values(report.detector)
            changes = gr.skip() if report.changes is None else report.changes
            yield (
                report.progress,
                gr.update(interactive=idle),
                gr.update(interactive=not idle),
                changes,
                *detector,
            )

    @shown_to_visitor
    def cancel(request: gr.Request) -> None:
        """Stop the running retraining of this visitor; nothing changes then."""
        handlers.cancel(visitor(shared, request))

    @shown_to_visitor
    def roll_back(request: gr.Request) -> tuple[Any, ...]:
        """Use the detector again that the one in use was retrained from."""
        return detector_values(handlers.roll_back(visitor(shared, request)))

    shown = parts_of(page, _PLAN)
    # The one in use changes in other places; what is labelled, with every answer of this tab.
    for event in (
        page["annotate_tab"].select,
        page["annotate_queue"].change,
        page["retrain_normal"].input,
        page["detector"].change,
    ):
        event(plan, page["retrain_normal"], shown, trigger_mode="always_last", **QUIETLY)
    page["retrain_run"].click(
        retrain,
        page["retrain_normal"],
        [*parts_of(page, (*_RUNS, "retrain_changes")), *parts_of(page, DETECTOR)],
        api_name="retrain",
        show_progress="hidden",
        **FIT_TURN,
    ).failure(
        # An error leaves the buttons as the last report set them.
        lambda: ("", gr.update(interactive=True), gr.update(interactive=False)),
        None,
        parts_of(page, _RUNS),
        **QUIETLY,
    )
    page["retrain_cancel"].click(cancel, None, None, api_name="cancel_retrain", queue=False)
    page["retrain_back"].click(
        roll_back, None, parts_of(page, DETECTOR), api_name="roll_back", show_progress="hidden"
    )
    drawn = parts_of(page, ("retrain_progress", "retrain_changes"))
    page["forgotten"].then(lambda: ("", ""), None, drawn, **QUIETLY)


def plan_values(report: PlanReport, words: Any) -> tuple[Any, ...]:
    """Return what the components called `_PLAN` show."""
    back = gr.update(visible=False)
    if report.former is not None:
        back = gr.update(visible=True, value=words.RETRAIN_BACK_TO.format(title=report.former))
    return report.card, gr.update(interactive=report.is_ready), back, report.ledger
