"""The Models tab: the right to ask the Hub, and pulling; pushing is a section of its own."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import gradio as gr

from inpformer.ui.encoders import Encoders
from inpformer.ui.handlers import Handlers
from inpformer.ui.hub_access import can_sign_in
from inpformer.ui.pull_handlers import PullHandlers, PullReport
from inpformer.ui.push_handlers import PushHandlers
from inpformer.ui.push_section import build_push, wire_push
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
from inpformer.ui.words import label

_PULL_BUTTONS = ("pull_look", "pull", "pull_cancel")
_PULL = ("pull_progress", *_PULL_BUTTONS, "pull_card", *DETECTOR, "encoder", "pulled")


def build_models_tab() -> dict[str, Any]:
    """Build the tab."""
    gr.Markdown(label("MODELS_LEAD"))
    page: dict[str, Any] = {
        "hub_token": gr.Textbox(
            type="password",
            label=label("HUB_TOKEN"),
            info=label("HUB_TOKEN_INFO"),
            max_lines=1,
            html_attributes=gr.InputHTMLAttributes(autocomplete="off", spellcheck=False),
            elem_id="hub-token",
        )
    }
    if can_sign_in():
        gr.Markdown(label("HUB_SIGN_IN"))
        gr.LoginButton(size="sm", elem_id="hub-sign-in")
    with gr.Row():
        with gr.Column(min_width=320):
            page |= _build_pull()
        with gr.Column(min_width=320):
            page |= build_push()
    return page


def _build_pull() -> dict[str, Any]:
    gr.Markdown(f"## {label('PULL_STEP')}")
    page: dict[str, Any] = {
        "pull_address": gr.Textbox(
            label=label("PULL_ADDRESS"),
            placeholder=label("PULL_ADDRESS_HINT"),
            max_lines=1,
            elem_id="pull-address",
        )
    }
    with gr.Row(elem_classes="hub-buttons"):
        page["pull_look"] = gr.Button(label("PULL_LOOK"), elem_id="pull-look")
        page["pull"] = gr.Button(label("PULL_GO"), variant="primary", elem_id="pull")
        page["pull_cancel"] = gr.Button(
            label("PULL_CANCEL"), interactive=False, elem_id="pull-cancel"
        )
    page["pull_progress"] = gr.HTML(elem_id="pull-progress")
    page["pull_card"] = gr.HTML(elem_id="pull-card")
    page["pulled"] = gr.HTML(elem_id="pulled")
    return page


def wire_models_tab(
    shared: Handlers, encoders: Encoders, page: dict[str, Any], is_own_computer: bool
) -> None:
    """Connect the tab.

    Args:
        shared: The actions of the whole page.
        encoders: What a fit can build on.
        page: All components.
        is_own_computer: Whether who sits at this computer may use its login to the Hub.
    """
    handlers = PullHandlers(shared, encoders)

    @shown_to_visitor
    def pulled(request: gr.Request) -> str:
        return handlers.pulled(visitor(shared, request))

    _wire_pull(handlers, page, is_own_computer)
    wire_push(PushHandlers(shared), page, is_own_computer)
    hidden = {"api_visibility": "private", "show_progress": "hidden"}
    page["forget"].click(
        lambda: ("", "", "", "", ""),
        None,
        parts_of(page, ("hub_token", "pull_address", "pull_progress", "pull_card", "pulled")),
        **hidden,
    )
    # A page that was reloaded shows again what was pulled.
    page["models_tab"].select(pulled, None, page["pulled"], **hidden)
    # Others may have pulled encoders since this page was built.
    page["fewshot_tab"].select(
        lambda: gr.update(choices=encoders.names), None, page["encoder"], **hidden
    )
    page["encoder"].preprocess = lambda name: name


def _wire_pull(handlers: PullHandlers, page: dict[str, Any], is_own_computer: bool) -> None:
    shared = handlers.handlers

    @shown_to_visitor
    def look(
        address: str, token: str, login: gr.OAuthToken | None, request: gr.Request
    ) -> Iterator[str]:
        who = visitor(shared, request)
        yield from handlers.look(who, address, hub_access(token, login, request, is_own_computer))

    @shown_to_visitor
    def pull(
        address: str, token: str, login: gr.OAuthToken | None, request: gr.Request
    ) -> Iterator[tuple[Any, ...]]:
        who = visitor(shared, request)
        access = hub_access(token, login, request, is_own_computer)
        for report in handlers.pull(who, address, access):
            yield _pull_values(report)

    @shown_to_visitor
    def cancel(request: gr.Request) -> None:
        handlers.cancel(visitor(shared, request))

    hidden = {"api_visibility": "private", "show_progress": "hidden"}
    asked = parts_of(page, ("pull_address", "hub_token"))
    empty = {"js": EMPTY_TOKEN, **hidden}
    looked = gr.on(
        [page["pull_look"].click, page["pull_address"].submit],
        look,
        asked,
        page["pull_card"],
        **hidden,
        **TRANSFERS,
    )
    looked.failure(lambda: "", None, page["pull_card"], **hidden)
    looked.then(None, None, page["hub_token"], **empty)
    begun = page["pull"].click(refusing_if_busy(shared), None, None, queue=False, **hidden)
    begun.failure(None, None, page["hub_token"], **empty)
    pulled = begun.success(pull, asked, parts_of(page, _PULL), **hidden, **TRANSFERS)
    pulled.then(None, None, page["hub_token"], **empty)
    # An error leaves the buttons, and a half-filled bar, as the last report set them.
    pulled.failure(
        lambda: ("", *_buttons(False)),
        None,
        parts_of(page, ("pull_progress", *_PULL_BUTTONS)),
        **hidden,
    )
    page["pull_cancel"].click(cancel, None, None, queue=False, **hidden)


def _pull_values(report: PullReport) -> tuple[Any, ...]:
    """Return what the components called `_PULL` show."""
    same = gr.skip()
    return (
        report.progress,
        *_buttons(report.is_running),
        same if report.card is None else report.card,
        *((same, same) if report.detector is None else detector_values(report.detector)),
        same if report.encoders is None else gr.update(choices=report.encoders),
        same if report.pulled is None else report.pulled,
    )


def _buttons(is_running: bool) -> tuple[Any, ...]:
    free = gr.update(interactive=not is_running)
    return free, free, gr.update(interactive=is_running)
