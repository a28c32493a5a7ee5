"""The parts of the Annotate tab that concern all pictures: add, classes, export and import."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from typing import Any

import gradio as gr

from inpformer.examples import Examples
from inpformer.ui.annotate_values import DESK, QUIETLY, desk_values
from inpformer.ui.annotation_set_handlers import AnnotationSetHandlers, PredictReport
from inpformer.ui.wiring import FIT_TURN, cached, parts_of, shown_to_visitor, visitor
from inpformer.ui.words import ENGLISH, label, words_of

_RUNS = ("annotate_add", "annotate_add_part", "annotate_predict", "annotate_stop")
_SAVE = "() => document.querySelector('#annotate-export-file').click()"


def build_sets(examples: Examples) -> dict[str, Any]:
    """Build the folded sections below the painter."""
    with gr.Accordion(label("ANNOTATE_ADD_TITLE"), open=False, elem_id="annotate-add-box"):
        page = _build_add(examples)
    with gr.Accordion(label("CLASSES_TITLE"), open=False, elem_id="annotate-class-box"):
        page |= _build_classes()
    with gr.Accordion(label("EXCHANGE_TITLE"), open=False, elem_id="annotate-exchange"):
        page |= _build_exchange()
    return page


def _build_add(examples: Examples) -> dict[str, Any]:
    page: dict[str, Any] = {}
    parts = [(part.title, part.name) for part in examples.parts]
    with gr.Row():
        with gr.Column(min_width=260):
            page["annotate_files"] = gr.File(
                label=label("ANNOTATE_FILES"),
                file_count="multiple",
                file_types=["image", ".zip"],
                height=140,
                elem_id="annotate-files",
            )
            page["annotate_folder"] = gr.File(
                label=label("FOLDER_LABEL"),
                file_count="directory",
                height=120,
                elem_id="annotate-folder",
            )
            page["annotate_add"] = gr.Button(
                label("ANNOTATE_ADD"), variant="primary", elem_id="annotate-add"
            )
        with gr.Column(min_width=260):
            page["annotate_part"] = gr.Dropdown(
                parts,
                value=parts[0][1] if parts else None,
                label=label("ANNOTATE_PART"),
                visible=bool(parts),
                elem_id="annotate-part",
            )
            page["annotate_add_part"] = gr.Button(
                label("ANNOTATE_ADD_PART"), visible=bool(parts), elem_id="annotate-add-part"
            )
            page["annotate_predict"] = gr.Button(
                label("ANNOTATE_PREDICT"), elem_id="annotate-predict"
            )
            page["annotate_stop"] = gr.Button(
                label("ANNOTATE_STOP"), interactive=False, elem_id="annotate-stop"
            )
            page["annotate_remove"] = gr.Button(
                label("ANNOTATE_REMOVE"), variant="stop", size="sm", elem_id="annotate-remove"
            )
    page["annotate_progress"] = gr.HTML(elem_id="annotate-progress")
    return page


def _build_classes() -> dict[str, Any]:
    page: dict[str, Any] = {}
    with gr.Row():
        page["class_choice"] = gr.Dropdown(
            [(ENGLISH.CLASS_NEW, 0)], value=0, label=label("CLASS_CHOICE"), elem_id="class-choice"
        )
        page["class_name"] = gr.Textbox(
            label=label("CLASS_NAME"), max_lines=1, elem_id="class-name"
        )
        page["class_colour"] = gr.ColorPicker(
            "#56b4e9", label=label("CLASS_COLOUR"), elem_id="class-colour"
        )
        page["class_save"] = gr.Button(label("CLASS_SAVE"), elem_id="class-save")
    return page


def _build_exchange() -> dict[str, Any]:
    page: dict[str, Any] = {}
    with gr.Row():
        with gr.Column(min_width=260):
            page["export_kind"] = gr.Dropdown(
                [(title, kind) for kind, title in ENGLISH.EXPORT_KINDS.items()],
                value="zip",
                label=label("EXPORT_KIND"),
                elem_id="export-kind",
            )
            page["export_run"] = gr.Button(
                label("EXPORT_RUN"), variant="primary", elem_id="export-run"
            )
            # What is written on a click is handed over by this one, which nobody sees.
            page["export_file"] = gr.DownloadButton(
                elem_id="annotate-export-file", elem_classes="unseen"
            )
        with gr.Column(min_width=260):
            page["import_file"] = gr.File(
                label=label("IMPORT_FILE"), file_types=[".zip"], height=120, elem_id="import-file"
            )
            page["import_kind"] = gr.Dropdown(
                [(title, kind) for kind, title in ENGLISH.IMPORT_KINDS.items()],
                value="auto",
                label=label("IMPORT_KIND"),
                elem_id="import-kind",
            )
            page["import_run"] = gr.Button(label("IMPORT_RUN"), elem_id="import-run")
    return page


def wire_sets(handlers: AnnotationSetHandlers, page: dict[str, Any]) -> None:
    """Connect the folded sections."""
    _wire_add(handlers, page)
    _wire_classes(handlers, page)
    _wire_export(handlers, page)
    _wire_import(handlers, page)


def _wire_add(handlers: AnnotationSetHandlers, page: dict[str, Any]) -> None:
    shared = handlers.handlers

    def shown(reports: Iterator[PredictReport]) -> Iterator[tuple[Any, ...]]:
        for report in reports:
            idle = gr.update(interactive=not report.is_running)
            stop = gr.update(interactive=report.is_running)
            desk = (gr.skip(),) * 3 if report.desk is None else desk_values(report.desk)
            yield (report.progress, idle, idle, idle, stop, *desk)

    @shown_to_visitor
    def add(
        files: list[str] | None, folder: list[str] | None, request: gr.Request
    ) -> Iterator[tuple[Any, ...]]:
        """Put pictures, those of zip files and those of a folder into the queue, and predict them.

        Args:
            files: Pictures and zip files.
            folder: The files of a folder.
            request: The visitor's.
        """
        paths = [*(files or []), *(folder or [])]
        yield from shown(handlers.add(visitor(shared, request), paths))

    @shown_to_visitor
    def add_part(part: str | None, request: gr.Request) -> Iterator[tuple[Any, ...]]:
        """Put the test pictures of an example part into the queue, and predict them."""
        yield from shown(handlers.add_part(visitor(shared, request), part))

    @shown_to_visitor
    def predict(request: gr.Request) -> Iterator[tuple[Any, ...]]:
        """Predict the pictures of the queue with the detector in use."""
        yield from shown(handlers.predict(visitor(shared, request)))

    @shown_to_visitor
    def stop(request: gr.Request) -> None:
        handlers.stop(visitor(shared, request))

    outputs = parts_of(page, ("annotate_progress", *_RUNS, *DESK))
    for button, function, inputs in (
        ("annotate_add", add, parts_of(page, ("annotate_files", "annotate_folder"))),
        ("annotate_add_part", add_part, page["annotate_part"]),
        ("annotate_predict", predict, None),
    ):
        page[button].click(
            function,
            inputs,
            outputs,
            api_name=button,
            show_progress_on=page["annotate_progress"],
            **FIT_TURN,
        ).failure(
            # An error leaves the buttons as the last report set them.
            lambda: ("", *[gr.update(interactive=True)] * 3, gr.update(interactive=False)),
            None,
            parts_of(page, ("annotate_progress", *_RUNS)),
            **QUIETLY,
        )
    page["annotate_stop"].click(stop, None, None, queue=False, **QUIETLY)


def _wire_classes(handlers: AnnotationSetHandlers, page: dict[str, Any]) -> None:
    shared = handlers.handlers

    def choices(who: str, request: gr.Request, chosen: int) -> tuple[Any, ...]:
        known = handlers.class_choices(who)
        new = (words_of(request).CLASS_NEW, 0)
        return gr.update(choices=[new, *known], value=chosen), gr.update(choices=known)

    @shown_to_visitor
    def save(value: int, name: str, colour: str, request: gr.Request) -> tuple[Any, ...]:
        """Change a kind of defect, or add one.

        Args:
            value: Of the class; 0 adds one.
            name: What it is called.
            colour: `#rrggbb`.
            request: The visitor's.
        """
        who = visitor(shared, request)
        desk = desk_values(handlers.save_class(who, int(value or 0), name or "", colour))
        return (*desk, *choices(who, request, 0), "")

    @shown_to_visitor
    def choose(value: int, request: gr.Request) -> tuple[str, str]:
        return handlers.class_of(visitor(shared, request), int(value or 0))

    @shown_to_visitor
    def arrive(request: gr.Request) -> tuple[Any, ...]:
        return choices(visitor(shared, request), request, 0)

    chosen = parts_of(page, ("class_choice", "annotate_value"))
    page["class_save"].click(
        save,
        parts_of(page, ("class_choice", "class_name", "class_colour")),
        [*parts_of(page, DESK), *chosen, page["class_name"]],
        api_name="save_class",
        show_progress="hidden",
    )
    page["class_choice"].input(
        choose,
        page["class_choice"],
        parts_of(page, ("class_name", "class_colour")),
        **QUIETLY,
    )
    page["annotate_tab"].select(arrive, None, chosen, **QUIETLY)


def _wire_export(handlers: AnnotationSetHandlers, page: dict[str, Any]) -> None:
    @shown_to_visitor
    def export(kind: str, request: gr.Request) -> str:
        """Write this visitor's annotations as one zip file.

        Args:
            kind: `zip`, `mvtec`, `png`, `coco`, `labelme`, `label-studio` or `yolo`.
            request: The visitor's.
        """
        report = handlers.export(visitor(handlers.handlers, request), kind)
        try:
            gr.Info(report.said)
            return cached(page["export_file"], report.path)
        finally:
            shutil.rmtree(report.path.parent, ignore_errors=True)

    page["export_run"].click(
        export,
        page["export_kind"],
        page["export_file"],
        api_name="annotate_export",
        show_progress_on=page["export_kind"],
        concurrency_id="write",
        concurrency_limit=2,
    ).success(None, js=_SAVE, api_visibility="private")


def _wire_import(handlers: AnnotationSetHandlers, page: dict[str, Any]) -> None:
    @shown_to_visitor
    def import_set(file: str | None, kind: str, request: gr.Request) -> tuple[Any, ...]:
        """Take over the pictures and masks of a data set in a zip file.

        Args:
            file: The zip file.
            kind: `auto` finds out the format.
            request: The visitor's.
        """
        return desk_values(handlers.import_set(visitor(handlers.handlers, request), file, kind))

    page["import_run"].click(
        import_set,
        parts_of(page, ("import_file", "import_kind")),
        parts_of(page, DESK),
        api_name="annotate_import",
        show_progress_on=page["import_kind"],
    )
