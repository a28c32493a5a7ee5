"""Many pictures at once, and the list of all results with its filters and downloads."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from typing import Any

import gradio as gr

from inpformer.ui.batch_handlers import BatchHandlers
from inpformer.ui.inspect_values import (
    FILTERS,
    LIST,
    LOOKING,
    SETTINGS,
    list_values,
    looking_of,
    opened_outputs,
    opened_values,
)
from inpformer.ui.inspection import ViewSettings
from inpformer.ui.result_cards import result_cards
from inpformer.ui.result_list import Filter
from inpformer.ui.wiring import FIT_TURN, SCROLL_TO, cached, parts_of, shown_to_visitor, visitor
from inpformer.ui.words import ENGLISH, label, words_of

_DOWNLOADS = {
    "csv": label("DOWNLOAD_CSV"),
    "json": label("DOWNLOAD_JSON"),
    "zip": label("DOWNLOAD_ZIP"),
}
_SAVE = "() => document.querySelector('#save-{kind}').click()"


def build_many() -> dict[str, Any]:
    """Build where many pictures come in."""
    parts: dict[str, Any] = {
        "many": gr.File(
            label=label("MANY_LABEL"),
            file_count="multiple",
            file_types=["image", ".zip"],
            height=140,
            elem_id="many",
        ),
        "folder": gr.File(
            label=label("FOLDER_LABEL"), file_count="directory", height=120, elem_id="folder"
        ),
    }
    with gr.Row():
        parts["inspect_all"] = gr.Button(
            label("INSPECT_ALL"), variant="primary", elem_id="inspect-all"
        )
        parts["stop_all"] = gr.Button(label("STOP_ALL"), interactive=False, elem_id="stop-all")
    parts["batch_progress"] = gr.HTML(elem_id="batch-progress")
    return parts


def build_results() -> dict[str, Any]:
    """Build the list of results, hidden while there are none."""
    with gr.Column(visible=False) as box:
        gr.Markdown(f"## {label('STEP_RESULTS')}")
        gr.Markdown(label("RESULTS_LEAD"), elem_classes="faint")
        parts = _list() | _downloads()
    return {"results": box, **parts}


def _list() -> dict[str, Any]:
    with gr.Row():
        verdict = gr.Radio(
            list(ENGLISH.FILTER_CHOICES),
            value="all",
            label=label("FILTER_VERDICT"),
            elem_id="filter-verdict",
        )
        name = gr.Textbox(label=label("FILTER_NAME"), elem_id="filter-name")
    summary = gr.Markdown(elem_id="results-summary")
    cards = result_cards("result-cards")
    table = gr.Dataframe(
        headers=list(ENGLISH.TABLE_HEADERS),
        datatype=["number", *["str"] * (len(ENGLISH.TABLE_HEADERS) - 1)],
        label=label("TABLE_LABEL"),
        interactive=False,
        max_height=360,
        elem_id="results-table",
    )
    return {
        "filter_verdict": verdict,
        "filter_name": name,
        "summary": summary,
        "cards": cards,
        "table": table,
    }


def _downloads() -> dict[str, Any]:
    parts: dict[str, Any] = {
        "use_for_all": gr.Button(label("USE_FOR_ALL"), size="sm", elem_id="use-for-all")
    }
    with gr.Row():
        for kind, title in _DOWNLOADS.items():
            parts[f"write_{kind}"] = gr.Button(title, size="sm", elem_id=f"write-{kind}")
            # What is written on a click is handed over by this one, which nobody sees.
            parts[f"save_{kind}"] = gr.DownloadButton(elem_id=f"save-{kind}", elem_classes="unseen")
    return parts


def wire_results(handlers: BatchHandlers, page: dict[str, Any]) -> None:
    """Connect many pictures and the list of results."""
    _wire_many(handlers, page)
    _wire_list(handlers, page)
    for kind in _DOWNLOADS:
        _wire_download(handlers, page, kind)


def _wire_many(handlers: BatchHandlers, page: dict[str, Any]) -> None:
    @shown_to_visitor
    def inspect_all(
        many: list[str] | None,
        folder: list[str] | None,
        geometry: str,
        tiles: str,
        request: gr.Request,
    ) -> Iterator[tuple[Any, ...]]:
        """Inspect many pictures with this visitor's detector; streams the list of results.

        Args:
            many: Pictures and zip files.
            folder: The files of a folder.
            geometry: `full`, or `benchmark` for the middle of each picture.
            tiles: `fitted`, empty for the whole picture, `auto`, or rows x columns such as `2x2`.
            request: The visitor's.
        """
        who = visitor(handlers.handlers, request)
        paths = [*(many or []), *(folder or [])]
        for report in handlers.inspect_all(who, paths, looking_of(geometry, tiles)):
            yield (
                report.progress,
                gr.update(interactive=not report.is_running),
                gr.update(interactive=report.is_running),
                *opened_values(report.opened),
                *list_values(report.listing),
            )

    @shown_to_visitor
    def stop(request: gr.Request) -> None:
        handlers.stop(visitor(handlers.handlers, request))

    buttons = ("inspect_all", "stop_all")
    page["inspect_all"].click(
        inspect_all,
        parts_of(page, ("many", "folder", *LOOKING)),
        [
            *parts_of(page, ("batch_progress", *buttons)),
            *opened_outputs(page),
            *parts_of(page, LIST),
        ],
        api_name="inspect_all",
        show_progress_on=page["batch_progress"],
        **FIT_TURN,
    ).failure(
        # An error leaves the buttons as the last report set them.
        lambda: (gr.update(interactive=True), gr.update(interactive=False)),
        None,
        parts_of(page, buttons),
        api_visibility="private",
    )
    page["stop_all"].click(stop, None, None, api_visibility="private", queue=False)
    page["forget"].click(
        lambda: (None, None, ""),
        None,
        parts_of(page, ("many", "folder", "batch_progress")),
        api_visibility="private",
        show_progress="hidden",
    )


def _wire_list(handlers: BatchHandlers, page: dict[str, Any]) -> None:
    shared = handlers.handlers

    @shown_to_visitor
    def list_results(verdict: str, name: str, request: gr.Request) -> tuple[Any, ...]:
        """List this visitor's results by falling confidence.

        Args:
            verdict: `all`, `anomalous`, `normal` or `not calibrated`.
            name: A part of the names to list; empty for all.
            request: The visitor's.
        """
        wanted = Filter(verdict or "all", name or "")
        return list_values(handlers.list_results(visitor(shared, request), wanted))

    @shown_to_visitor
    def use_for_all(
        map_name: str, cut: float, min_area: float, request: gr.Request
    ) -> tuple[Any, ...]:
        who = visitor(shared, request)
        listing = handlers.use_for_all(who, ViewSettings(map_name, cut, min_area))
        gr.Info(words_of(request).USED_FOR_ALL)
        return (*list_values(listing), "all", "")

    @shown_to_visitor
    def open_card(
        event: gr.EventData, map_name: str, cut: float, min_area: float, request: gr.Request
    ) -> Any:
        settings = ViewSettings(map_name, cut, min_area)
        who = visitor(shared, request)
        return opened_values(handlers.inspecting.show(who, event.id, settings))

    @shown_to_visitor
    def open_row(
        event: gr.SelectData, map_name: str, cut: float, min_area: float, request: gr.Request
    ) -> Any:
        settings, number = ViewSettings(map_name, cut, min_area), int(event.row_value[0])
        return opened_values(handlers.open_row(visitor(shared, request), number, settings))

    private = {"api_visibility": "private", "show_progress": "hidden"}
    shown = parts_of(page, LIST)
    gr.on(
        [page["filter_verdict"].input, page["filter_name"].input],
        list_results,
        parts_of(page, FILTERS),
        shown,
        api_name="list_results",
        trigger_mode="always_last",
        show_progress="hidden",
    )
    settings = parts_of(page, SETTINGS)
    page["use_for_all"].click(use_for_all, settings, [*shown, *parts_of(page, FILTERS)], **private)
    for listen, function in ((page["cards"].open, open_card), (page["table"].select, open_row)):
        listen(function, settings, opened_outputs(page), **private).success(
            None, js=SCROLL_TO.format(selector="#verdict"), api_visibility="private"
        )


def _wire_download(handlers: BatchHandlers, page: dict[str, Any], kind: str) -> None:
    @shown_to_visitor
    def download(request: gr.Request) -> str:
        """Write this visitor's results; the zip holds maps, masks, overlays and the run card."""
        path = handlers.write(visitor(handlers.handlers, request), kind)
        try:
            return cached(page[f"save_{kind}"], path)
        finally:
            shutil.rmtree(path.parent, ignore_errors=True)

    page[f"write_{kind}"].click(
        download,
        None,
        page[f"save_{kind}"],
        api_name=f"results_{kind}",
        show_progress="minimal",
        show_progress_on=page["summary"],
        concurrency_id="write",
        concurrency_limit=2,
    ).success(None, js=_SAVE.format(kind=kind), api_visibility="private")
