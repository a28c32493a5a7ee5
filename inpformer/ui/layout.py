"""The page: its head, its tabs, and what belongs to all of them. No logic lives here."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import gradio as gr
from gradio.utils import get_upload_folder

from inpformer.detector import AnomalyDetector
from inpformer.examples import Examples
from inpformer.scratch import remove_abandoned_scratch
from inpformer.settings import Settings
from inpformer.ui import views
from inpformer.ui.agent_api import wire_agents
from inpformer.ui.agent_tools import AgentTools
from inpformer.ui.annotate_tab import build_annotate_tab, wire_annotate_tab
from inpformer.ui.batch_handlers import BatchHandlers
from inpformer.ui.compare_tab import build_compare_tab, wire_compare_tab
from inpformer.ui.evaluate_handlers import EvaluateHandlers
from inpformer.ui.evaluate_tab import build_evaluate_tab, wire_evaluate_tab
from inpformer.ui.example_handlers import ExampleHandlers, gallery_caption
from inpformer.ui.examples_section import build_examples, wire_examples
from inpformer.ui.explorer_tab import build_explorer_tab, wire_explorer_tab
from inpformer.ui.fewshot_handlers import FewshotHandlers
from inpformer.ui.fewshot_tab import build_fewshot_tab, wire_fewshot_tab
from inpformer.ui.handlers import Handlers
from inpformer.ui.inspect_handlers import InspectHandlers
from inpformer.ui.inspect_handlers import report as inspect_report
from inpformer.ui.inspect_tab import build_inspect_tab, wire_inspect_tab
from inpformer.ui.inspect_values import empty_report, report_outputs, report_values
from inpformer.ui.learn_tab import build_learn_tab, wire_learn_tab
from inpformer.ui.models_tab import build_models_tab, wire_models_tab
from inpformer.ui.page import Page
from inpformer.ui.ready import ReadyDetectors
from inpformer.ui.result_list import list_results
from inpformer.ui.results_section import wire_results
from inpformer.ui.server_folder import ServerFolder, remove_leftovers
from inpformer.ui.session import FREE
from inpformer.ui.sessions import Sessions
from inpformer.ui.shelf import Shelf
from inpformer.ui.wiring import (
    DETECTOR,
    detector_values,
    parts_of,
    shown_to_visitor,
    visitor,
)
from inpformer.ui.words import ENGLISH, label, words_of

CSS_PATH = Path(__file__).with_name("style.css")
_READ_PASS_KEY = "() => [sessionStorage.getItem('inpformer-visitor') || '']"
_KEEP_PASS_KEY = "(key) => { sessionStorage.setItem('inpformer-visitor', key); }"
# `Page.uploads` tidies up meanwhile; this is for the rest when the server ends.
_CACHE_SECONDS = (10 * 365 * 86_400, 10 * 365 * 86_400)
# Where files lie that a visitor brought, used or not.
_BROUGHT = (
    *("picture", "many", "folder", "files", "own_load", "lab_normal", "lab_anomalous"),
    *("lab_unknown", "compare_files", "annotate_files", "annotate_folder", "import_file"),
    "evaluate_zip",
)


def build_demo(
    detector: AnomalyDetector,
    sessions: Sessions | None = None,
    examples: Examples | None = None,
    allow_folders: bool = False,
    settings: Settings | None = None,
) -> gr.Blocks:
    """Build the page around a detector; launching it is the caller's.

    Args:
        detector: What every fit builds on, and what visitors start with.
        sessions: Where visitors' data is kept; None makes a place of its own.
        examples: Parts, gallery and ready detectors to show; None shows none.
        allow_folders: Whether visitors may name folders of this computer, since it is theirs.
        settings: Bounds of the queue and of the visitors; None takes the defaults.
    """
    settings = settings or Settings()
    upload_root = Path(get_upload_folder())
    if sessions is None:
        remove_leftovers(upload_root)
        remove_abandoned_scratch()
        sessions = Sessions(
            settings.visitors,
            60.0 * settings.idle_minutes,
            upload_root=upload_root,
            server=ServerFolder(),
            limits=settings,
        )
    examples, ready = examples or Examples(), ReadyDetectors(detector)
    zero_shot = ready.zero_shot(examples.multi_part_path)
    handlers = Handlers(sessions, Shelf(detector, zero_shot, examples, ready))
    inspecting = InspectHandlers(handlers)
    example_handlers = ExampleHandlers(handlers, inspecting)
    fitting = FewshotHandlers(handlers)
    evaluating = EvaluateHandlers(handlers, allow_folders)
    serves = {"name": detector.config.variant, "encoder": detector.config.encoder.name}
    with Page(
        sessions,
        upload_root,
        serves,
        settings.stop_seconds,
        settings.queue_each,
        settings.uploads_megabytes,
        title=ENGLISH.TITLE,
        delete_cache=_CACHE_SECONDS,
    ) as demo:
        page = _head(handlers)
        with gr.Tabs(elem_id="tabs") as page["tabs"]:
            with gr.Tab(label("TAB_INSPECT"), id="inspect") as page["inspect_tab"]:
                page |= build_examples(example_handlers)
                page |= build_inspect_tab(detector)
            with gr.Tab(label("TAB_FEWSHOT"), id="fewshot") as page["fewshot_tab"]:
                page |= build_fewshot_tab(fitting)
            with gr.Tab(label("TAB_EXPLORER"), id="explorer") as page["explorer_tab"]:
                page |= build_explorer_tab(handlers)
            with gr.Tab(label("TAB_COMPARE"), id="compare") as page["compare_tab"]:
                page |= build_compare_tab(handlers)
            with gr.Tab(label("TAB_ANNOTATE"), id="annotate") as page["annotate_tab"]:
                page |= build_annotate_tab(handlers)
            with gr.Tab(label("TAB_EVALUATE"), id="evaluate") as page["evaluate_tab"]:
                page |= build_evaluate_tab(evaluating)
            with gr.Tab(label("TAB_MODELS"), id="models") as page["models_tab"]:
                page |= build_models_tab()
            with gr.Tab(label("TAB_LEARN"), id="learn") as page["learn_tab"]:
                page |= build_learn_tab(handlers)
        _wire_head(handlers, demo, page)
        wire_inspect_tab(inspecting, page)
        wire_results(BatchHandlers(inspecting), page)
        wire_examples(example_handlers, page)
        wire_fewshot_tab(fitting, page)
        wire_explorer_tab(handlers, page)
        wire_compare_tab(handlers, page)
        wire_annotate_tab(handlers, page)
        wire_evaluate_tab(evaluating, page)
        wire_models_tab(handlers, fitting.encoders, page, allow_folders)
        wire_learn_tab(handlers, page)
        wire_agents(AgentTools(handlers, upload_root), demo)
    demo.queue(default_concurrency_limit=4, max_size=settings.queue)
    return demo


def _head(handlers: Handlers) -> dict[str, Any]:
    shelf = handlers.shelf
    gr.Markdown(f"# {ENGLISH.TITLE}\n")
    gr.Markdown(label("LEAD"))
    with gr.Row(elem_id="detector-row"):
        chooser = gr.Dropdown(
            shelf.shared_choices(ENGLISH),
            value=FREE,
            label=label("DETECTOR_LABEL"),
            elem_id="detector",
            # Until the page knows the visitor: its answer would undo what they chose meanwhile.
            interactive=False,
        )
        forget = gr.Button(label("FORGET_ME"), size="sm", scale=0, elem_id="forget-me")
    title = shelf.shared_choices(ENGLISH)[0][0]
    card = gr.HTML(views.detector_card(shelf.start, title, ENGLISH), elem_id="detector-card")
    return {"detector": chooser, "card": card, "forget": forget}


def _wire_head(handlers: Handlers, demo: gr.Blocks, page: dict[str, Any]) -> None:
    @shown_to_visitor
    def arrive(pass_key: str, request: gr.Request) -> tuple[Any, ...]:
        who, words = visitor(handlers, request), words_of(request)
        report = handlers.arrive(who, pass_key or "")
        session = handlers.sessions.get(who, words)
        if pass_key and pass_key != session.pass_key:
            gr.Info(words.WORK_GONE, duration=12)
        entries = handlers.shelf.examples.gallery
        gallery = [(str(entry.picture_path), gallery_caption(entry, words)) for entry in entries]
        if session.inspection is None:
            shown = empty_report(handlers.shelf.start.map_names, words)
        else:
            again = inspect_report(session.inspection, session.list_view, words)
            shown = report_values(again._replace(listing=list_results(session)))
        return (session.pass_key, *detector_values(report), gallery, *shown)

    @shown_to_visitor
    def use_detector(key: str, request: gr.Request) -> tuple[Any, ...]:
        return detector_values(handlers.use_detector(visitor(handlers, request), key))

    @shown_to_visitor
    def forget(request: gr.Request, *brought: Any) -> tuple[Any, ...]:
        # `Page` has noted the files of what was brought, and they go with the rest.
        words = words_of(request)
        report = handlers.forget(visitor(handlers, request))
        gr.Info(words.FORGOTTEN)
        empty = empty_report(handlers.shelf.start.map_names, words)
        return (*detector_values(report), None, None, "", *empty)

    def leave(request: gr.Request) -> None:
        handlers.sessions.leave(request.session_hash or "")

    # A file that has gone meanwhile must not keep anybody from being forgotten.
    demo.takes_as_sent.add(forget.__name__)
    hidden = {"api_visibility": "private", "show_progress": "hidden"}
    # The browser tab keeps it, so that a reload of the page finds the visitor's work again.
    pass_key = gr.Textbox(visible=False)
    outputs = [pass_key, *parts_of(page, (*DETECTOR, "gallery")), *report_outputs(page)]
    page["arrived"] = demo.load(arrive, pass_key, outputs, js=_READ_PASS_KEY, **hidden)
    page["arrived"].success(None, pass_key, None, js=_KEEP_PASS_KEY, **hidden)
    page["detector_chosen"] = page["detector"].input(
        use_detector, page["detector"], parts_of(page, DETECTOR), **hidden
    )
    page["forgotten"] = page["forget"].click(
        forget,
        parts_of(page, _BROUGHT),
        [*parts_of(page, (*DETECTOR, "picture", "files", "progress")), *report_outputs(page)],
        **hidden,
    )
    demo.unload(leave)
