"""The report of an evaluation as files: a page to read, tables for spreadsheets, all values."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, fields
from pathlib import Path

from inpformer.evaluation.records import METRICS, Evaluation, Figure, PictureRecord
from inpformer.evaluation.report_page import report_page
from inpformer.files import make_folder, save_bytes
from inpformer.result_table import csv_file

FORMAT = "inpformer-evaluation-1"
_FIGURE_COLUMNS = ("evaluation", "protocol", "class", "defect", "normal", "anomalous", "hit_rate")


def write_report(
    evaluations: Evaluation | Sequence[Evaluation],
    folder: Path,
    thumbnails: Mapping[str, Mapping[str, str]] | None = None,
) -> Path:
    """Write `report.html`, `figures.csv`, `pictures.csv` and `evaluation.json`.

    The page needs no network, no script and no other file.

    Args:
        evaluations: One, or several to compare, with titles that differ.
        folder: Made if it is not there; files of these names are replaced.
        thumbnails: By title of the evaluation and name of the picture, the address of a small
            overlay, see `report_pictures.draw_thumbnails`; pictures without one are named only.

    Returns:
        The path of `report.html`.

    Raises:
        UserError: The folder cannot be written to.
    """
    if isinstance(evaluations, Evaluation):
        evaluations = [evaluations]
    make_folder(folder)
    values = {"format": FORMAT, "evaluations": [each.to_dict() for each in evaluations]}
    text = json.dumps(values, ensure_ascii=False, indent=1, allow_nan=False)
    save_bytes(folder / "evaluation.json", text.encode())
    errors = [f"{name}_error" for name in METRICS]
    header = [*_FIGURE_COLUMNS, *METRICS, *errors]
    save_bytes(folder / "figures.csv", csv_file(header, _figure_rows(evaluations)))
    columns = [item.name for item in fields(PictureRecord)]
    save_bytes(
        folder / "pictures.csv", csv_file(["evaluation", *columns], _picture_rows(evaluations))
    )
    page = folder / "report.html"
    save_bytes(page, report_page(evaluations, thumbnails or {}).encode())
    return page


def _figure_rows(evaluations: Sequence[Evaluation]) -> Iterator[list[object]]:
    """Yield a row for each class, for each kind of defect in it, and for the mean."""
    for each in evaluations:
        start = [each.title, each.protocol]
        for report in each.classes:
            counts = [report.normal, report.anomalous, report.hit_rate]
            yield [*start, report.class_name, "", *counts, *_cells(report.figures)]
            for kind, figures in report.by_defect.items():
                count = sum(
                    record.class_name == report.class_name and record.defect == kind
                    for record in each.pictures
                )
                row = [*start, report.class_name, kind, report.normal, count, None]
                yield [*row, *_cells(figures)]
        normal, anomalous = (
            sum(getattr(report, name) for report in each.classes)
            for name in ("normal", "anomalous")
        )
        yield [*start, "(mean)", "", normal, anomalous, None, *_cells(each.mean)]


def _cells(figures: Mapping[str, Figure]) -> list[object]:
    chosen = [figures[name] for name in METRICS]
    errors = [None if figure.value is None else figure.error for figure in chosen]
    return [*(figure.value for figure in chosen), *errors]


def _picture_rows(evaluations: Sequence[Evaluation]) -> Iterator[list[object]]:
    for each in evaluations:
        for record in each.pictures:
            values = {**asdict(record), "peak": "{} {}".format(*record.peak)}
            yield [each.title, *values.values()]
