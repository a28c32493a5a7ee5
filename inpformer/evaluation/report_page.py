"""The report as one page of HTML that needs no network, no script and no other file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from inpformer.evaluation.records import ClassReport, Evaluation
from inpformer.evaluation.report_parts import (
    charts_of,
    confusion_table,
    defect_table,
    figure_table,
    galleries_of,
    mean_table,
    name_of,
)
from inpformer.evaluation.report_style import STYLE

# Nothing may be loaded from anywhere, whatever a name in the data set says.
_POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"
_PROTOCOLS = {
    "full-image": "Each picture was looked at whole, and its map compared with the mask at the "
    "size of the picture.",
    "paper": "As the official evaluator does: each picture was squeezed to a square, of which the "
    "middle was looked at (448 and 392 pixels with patches of 14), and its map compared with the "
    "mask at the size of the map (256 × 256). What lies outside the middle was not looked at.",
}
_READING = (
    "Figures are in percent. I: of pictures, by their image score; P: of pixels, by the map. "
    "AUROC is the chance that something anomalous scores above something normal; AP the average "
    "precision; F1 the F1 value at the best threshold. AUPRO is the share of each defect that is "
    "found, up to 30% false alarms, mean over defects. Hits: anomalous pictures whose highest "
    "value lies in a defect. Pictures: normal + anomalous ones. Where a figure is not certain to "
    "its last digit, ± says how far off it can be."
)


def report_page(
    evaluations: Sequence[Evaluation], thumbnails: Mapping[str, Mapping[str, str]]
) -> str:
    """Return the page.

    Args:
        evaluations: One or more, with titles that differ.
        thumbnails: By title and name of the picture, the address of a small picture.
    """
    count = len(evaluations)
    title = f"{count} evaluations" if count > 1 else f"Evaluation: {evaluations[0].title}"
    sections = [
        (f"<h2>{escape(each.title)}</h2>" if count > 1 else "")
        + _section(number, each, thumbnails.get(each.title, {}))
        for number, each in enumerate(evaluations)
    ]
    overview = mean_table(evaluations) if count > 1 else ""
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(title)}</title><style>{STYLE}</style></head><body>"
        f"<header><h1>{escape(title)}</h1></header><main>{overview}"
        f"{''.join(sections)}<h2>How to read this</h2><p>{_READING}</p></main></body></html>\n"
    )


def _section(number: int, evaluation: Evaluation, thumbnails: Mapping[str, str]) -> str:
    classes = [
        _class_section(f"class-{number}-{index}", report, evaluation, thumbnails)
        for index, report in enumerate(evaluation.classes)
    ]
    links = ""
    if len(classes) > 1:
        links = "".join(
            f'<a href="#class-{number}-{index}">{escape(name_of(report))}</a>'
            for index, report in enumerate(evaluation.classes)
        )
        links = f'<nav aria-label="Classes">{links}</nav>'
    return (
        f"<section><p>{escape(evaluation.data)}.</p>"
        f'<p class="faint">{_PROTOCOLS[evaluation.protocol]}</p>{_problems(evaluation)}'
        f"{figure_table(evaluation)}{links}{''.join(classes)}"
        f"{_facts('Settings', evaluation.settings)}{_facts('Versions', evaluation.versions)}"
        "</section>"
    )


def _class_section(
    place: str, report: ClassReport, evaluation: Evaluation, thumbnails: Mapping[str, str]
) -> str:
    counts = (
        f"{report.normal} normal and {report.anomalous} anomalous pictures, {report.regions} "
        f"marked defects, {report.seconds:.2g} s per picture."
    )
    return (
        f'<h3 id="{place}">{escape(name_of(report))}</h3><p>{counts}</p>'
        f"{confusion_table(report)}{charts_of(report, evaluation)}{defect_table(report)}"
        f"{galleries_of(report, evaluation, thumbnails)}"
    )


def _problems(evaluation: Evaluation) -> str:
    if not evaluation.problems:
        return ""
    items = "".join(f"<li>{escape(problem)}</li>" for problem in evaluation.problems)
    count = len(evaluation.problems)
    title = f"{count} thing{'' if count == 1 else 's'} to know about the data"
    return f'<details class="problems"><summary>{title}</summary><ul>{items}</ul></details>'


def _facts(title: str, values: Mapping[str, Any]) -> str:
    items = "".join(
        f"<dt>{escape(name)}</dt><dd>{escape(str(value))}</dd>" for name, value in _flat(values)
    )
    return f"<details><summary>{title}</summary><dl>{items}</dl></details>"


def _flat(values: Mapping[str, Any], before: str = "") -> list[tuple[str, Any]]:
    """Return nested tables as one; what was left to the default is left out."""
    found = []
    for name, value in values.items():
        path = f"{before} {name}".strip()
        if isinstance(value, Mapping):
            found += _flat(value, path)
        elif value is not None:
            found.append((path, value))
    return found
