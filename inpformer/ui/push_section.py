"""The part of the Models tab that pushes a detector to the Hub."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import gradio as gr

from inpformer.ui import views
from inpformer.ui.push_handlers import LICENCES, MAX_PICTURES, PushForm, PushHandlers
from inpformer.ui.wiring import (
    DETECTOR,
    EMPTY_TOKEN,
    TRANSFERS,
    detector_values,
    hub_access,
    parts_of,
    refusing_if_busy,
    shown_to_visitor,
    visitor,
)
from inpformer.ui.words import ENGLISH, label

_FORM = ("push_detector", "push_repo", "push_licence", "push_private", "push_title", "push_about")
_FORM += ("push_metrics", "push_pictures", "push_choice", "push_agree", "push_bundle")
_FACTS = ("push_none", "push_form", "push_detector", "push_metrics", "push_choice", "push_bundle")
_PICTURES = ("push_choice", "push_preview", "push_agree")
_BUTTONS = ("push", "push_cancel")


def build_push() -> dict[str, Any]:
    """Build the form."""
    gr.Markdown(f"## {label('PUSH_STEP')}")
    page: dict[str, Any] = {
        "push_none": gr.HTML(views.message(ENGLISH.PUSH_NONE), elem_id="push-none")
    }
    with gr.Column(visible=False, elem_id="push-form") as page["push_form"]:
        page |= _build_what()
        page |= _build_shown()
        # Their choices are the visitor's own, which the server alone knows; `PushHandlers` checks.
        for name in ("push_detector", "push_choice"):
            page[name].preprocess = lambda value: value
        with gr.Row(elem_classes="hub-buttons"):
            page["push"] = gr.Button(label("PUSH_GO"), variant="primary", elem_id="push")
            page["push_cancel"] = gr.Button(
                label("PUSH_CANCEL"), interactive=False, elem_id="push-cancel"
            )
    page["push_progress"] = gr.HTML(elem_id="push-progress")
    return page


def _build_what() -> dict[str, Any]:
    page: dict[str, Any] = {
        "push_detector": gr.Dropdown([], label=label("PUSH_DETECTOR"), elem_id="push-detector"),
        "push_repo": gr.Textbox(
            label=label("PUSH_REPO"),
            placeholder=label("PUSH_REPO_HINT"),
            max_lines=1,
            elem_id="push-repo",
        ),
        "push_licence": gr.Dropdown(
            list(LICENCES),
            value=None,
            label=label("PUSH_LICENCE"),
            info=label("PUSH_LICENCE_INFO"),
            elem_id="push-licence",
        ),
        "push_private": gr.Checkbox(
            True,
            label=label("PUSH_PRIVATE"),
            info=label("PUSH_PRIVATE_INFO"),
            elem_id="push-private",
        ),
        "push_title": gr.Textbox(
            label=label("PUSH_TITLE"),
            placeholder=label("PUSH_TITLE_HINT"),
            max_lines=1,
            elem_id="push-title",
        ),
        "push_about": gr.Textbox(
            label=label("PUSH_ABOUT"),
            placeholder=label("PUSH_ABOUT_HINT"),
            lines=2,
            elem_id="push-about",
        ),
    }
    return page


def _build_shown() -> dict[str, Any]:
    page: dict[str, Any] = {
        "push_metrics": gr.Checkbox(
            True, label=label("PUSH_METRICS"), visible=False, elem_id="push-metrics"
        ),
        "push_bundle": gr.Checkbox(False, label=label("PUSH_BUNDLE"), elem_id="push-bundle"),
        "push_pictures": gr.Checkbox(
            False,
            label=label("PUSH_PICTURES"),
            info=label("PUSH_PICTURES_INFO"),
            elem_id="push-pictures",
        ),
    }
    with gr.Column(visible=False, elem_id="push-shown") as page["push_shown"]:
        page["push_choice"] = gr.Dropdown(
            [],
            multiselect=True,
            max_choices=MAX_PICTURES,
            label=label("PUSH_CHOOSE"),
            elem_id="push-choice",
        )
        page["push_preview"] = gr.HTML(elem_id="push-preview")
        page["push_agree"] = gr.Checkbox(
            False, label=label("PUSH_AGREE"), visible=False, elem_id="push-agree"
        )
    return page


def wire_push(handlers: PushHandlers, page: dict[str, Any], is_own_computer: bool) -> None:
    """Connect the form."""
    _wire_form(handlers, page)
    _wire_push(handlers, page, is_own_computer)


def _wire_form(handlers: PushHandlers, page: dict[str, Any]) -> None:
    shared = handlers.handlers

    @shown_to_visitor
    def facts(key: str | None, pictures: list[str] | None, request: gr.Request) -> tuple[Any, ...]:
        known = handlers.facts(visitor(shared, request), key)
        words = shared.sessions.get(visitor(shared, request)).words
        ids = [each for _, each in known.pictures]
        kept = [each for each in pictures or [] if each in ids]
        return (
            gr.update(value=views.message(words.PUSH_NONE), visible=known.chosen is None),
            gr.update(visible=known.chosen is not None),
            gr.update(choices=known.detectors, value=known.chosen),
            gr.update(visible=bool(known.figures), info=known.figures),
            gr.update(
                choices=known.pictures, value=kept, info="" if ids else words.PUSH_NO_PICTURES
            ),
            gr.update(info=known.encoder),
        )

    @shown_to_visitor
    def preview(
        key: str | None, pictures: list[str] | None, request: gr.Request
    ) -> tuple[Any, ...]:
        shown = handlers.preview(visitor(shared, request), key, pictures or [])
        # Agreed to were those that were shown before.
        return shown, gr.update(value=False, visible=bool(shown))

    hidden = {"api_visibility": "private", "show_progress": "hidden"}
    chosen = parts_of(page, ("push_detector", "push_choice"))
    gr.on(
        [page["models_tab"].select, page["detector"].change, page["push_detector"].input],
        facts,
        chosen,
        parts_of(page, _FACTS),
        **hidden,
    )
    page["push_choice"].change(
        preview, chosen, parts_of(page, ("push_preview", "push_agree")), **hidden
    )
    page["push_pictures"].input(
        lambda is_on: gr.update(visible=is_on), page["push_pictures"], page["push_shown"], **hidden
    )
    page["forget"].click(
        lambda: ("", None, True, "", "", False, gr.update(visible=False), [], ""),
        None,
        parts_of(
            page,
            (
                *("push_repo", "push_licence", "push_private", "push_title", "push_about"),
                *("push_pictures", "push_shown", "push_choice", "push_progress"),
            ),
        ),
        **hidden,
    )


def _wire_push(handlers: PushHandlers, page: dict[str, Any], is_own_computer: bool) -> None:
    shared = handlers.handlers

    @shown_to_visitor
    def push(
        key: str | None,
        repo: str,
        licence: str | None,
        private: bool,
        title: str,
        about: str,
        metrics: bool,
        pictures: bool,
        choice: list[str] | None,
        agree: bool,
        bundle: bool,
        token: str,
        login: gr.OAuthToken | None,
        request: gr.Request,
    ) -> Iterator[tuple[Any, ...]]:
        ids = tuple(choice or ()) if pictures else ()
        form = PushForm(
            key, repo or "", licence, private, title or "", about or "", metrics, ids, agree, bundle
        )
        who = visitor(shared, request)
        access = hub_access(token, login, request, is_own_computer)
        for report in handlers.push(who, form, access):
            same = (gr.skip(), gr.skip())
            yield (
                report.progress,
                *(same if report.detector is None else detector_values(report.detector)),
                gr.update(interactive=not report.is_running),
                gr.update(interactive=report.is_running),
            )

    @shown_to_visitor
    def cancel(request: gr.Request) -> None:
        handlers.cancel(visitor(shared, request))

    hidden = {"api_visibility": "private", "show_progress": "hidden"}
    empty = {"js": EMPTY_TOKEN, **hidden}
    begun = page["push"].click(refusing_if_busy(shared), None, None, queue=False, **hidden)
    begun.failure(None, None, page["hub_token"], **empty)
    pushed = begun.success(
        push,
        parts_of(page, (*_FORM, "hub_token")),
        parts_of(page, ("push_progress", *DETECTOR, *_BUTTONS)),
        **hidden,
        **TRANSFERS,
    )
    pushed.then(None, None, page["hub_token"], **empty)
    pushed.failure(
        lambda: ("", gr.update(interactive=True), gr.update(interactive=False)),
        None,
        parts_of(page, ("push_progress", *_BUTTONS)),
        **hidden,
    )
    page["push_cancel"].click(cancel, None, None, queue=False, **hidden)
