"""The list of a visitor's results: cards and a table, sorted by confidence, and what is written."""

from __future__ import annotations

from html import escape
from pathlib import Path
from typing import Any, NamedTuple

from inpformer.errors import UserError
from inpformer.files import save_bytes
from inpformer.result_archive import ArchiveEntry, write_archive
from inpformer.result_table import ResultRow, rank, to_csv, to_json
from inpformer.ui.inspection import Inspection
from inpformer.ui.session import Session
from inpformer.ui.words import Words

_VERDICTS = {"anomalous": True, "normal": False, "not calibrated": None}
_KINDS = {"anomalous": "bad", "normal": "good", "not calibrated": "open"}


class Filter(NamedTuple):
    """Which results a visitor wants to see: a verdict or `all`, and a part of the name."""

    verdict: str = "all"
    name: str = ""


class Listing(NamedTuple):
    """The results as the page shows them; `count` is that of all, whatever the filter."""

    cards: list[dict[str, str]]
    table: list[list[Any]]
    summary: str
    count: int


def ranked(session: Session) -> list[tuple[Inspection, ResultRow]]:
    """Return all kept results with their rows, by falling confidence."""
    pairs = [(each, each.row(session.list_view)) for each in list(session.inspections.values())]
    return sorted(pairs, key=lambda pair: rank(pair[1]), reverse=True)


def list_results(session: Session, wanted: Filter | None = None) -> Listing:
    """Return the results that a visitor wants to see; numbers are places in the whole list."""
    wanted, words = wanted or Filter(), session.words
    pairs = ranked(session)
    shown = [
        (number, inspection, row)
        for number, (inspection, row) in enumerate(pairs, 1)
        if wanted.verdict in ("all", row.verdict) and wanted.name.lower() in row.name.lower()
    ]
    summary = words.RESULTS_COUNT.format(
        shown=len(shown),
        count=len(pairs),
        anomalous=sum(row.verdict == "anomalous" for _, row in pairs),
    )
    return Listing(
        cards=[_card(inspection, row, session) for _, inspection, row in shown],
        table=[_cells(number, row, words) for number, _, row in shown],
        summary=summary,
        count=len(pairs),
    )


def write_table(session: Session, kind: str) -> Path:
    """Write the results as `csv` or `json` into the visitor's folder.

    Raises:
        UserError: There are none, or the disk is full.
    """
    rows = [row for _, row in _some(session)]
    path = session.new_path(f"results.{kind}")
    save_bytes(path, to_csv(rows) if kind == "csv" else to_json(rows))
    return path


def write_zip(session: Session) -> Path:
    """Write maps, masks, overlays, tables and the run card of all results as one zip.

    Raises:
        UserError: There are none, or the zip cannot be written.
    """
    view = session.list_view
    entries = [
        ArchiveEntry(
            name=inspection.name,
            path=inspection.path,
            result=inspection.deciding_by(view.map_name if view else None),
            detector=inspection.detector,
            title=inspection.detector_title,
        )
        for inspection, _ in _some(session)
    ]
    return write_archive(session.new_path("results.zip"), entries, view and view.cut)


def ending(line: str, problems: list[str], words: Words) -> str:
    """Say how the inspection of many pictures ended, and what was left out."""
    html = f'<div class="message">{escape(line)}</div>'
    if problems:
        items = "".join(f"<li>{escape(problem)}</li>" for problem in problems)
        html += f'<div class="notice">{escape(words.BATCH_PROBLEMS)}<ul>{items}</ul></div>'
    return html


def _some(session: Session) -> list[tuple[Inspection, ResultRow]]:
    pairs = ranked(session)
    if not pairs:
        raise UserError(session.words.NO_RESULTS)
    return pairs


def _card(inspection: Inspection, row: ResultRow, session: Session) -> dict[str, str]:
    words = session.words
    if row.confidence is None:
        line = words.CARD_SCORE.format(score=row.score)
    else:
        line = words.CONFIDENCE.format(value=row.confidence)
    return {
        "id": inspection.id,
        "name": row.name,
        "picture": inspection.thumbnail,
        "kind": _KINDS[row.verdict],
        "verdict": words.VERDICTS[_VERDICTS[row.verdict]],
        "line": line,
    }


def _cells(number: int, row: ResultRow, words: Words) -> list[Any]:
    def shown(value: float | None, form: str) -> str:
        return "" if value is None else format(value, form)

    return [
        number,
        row.name,
        words.VERDICTS[_VERDICTS[row.verdict]],
        shown(row.confidence, ".0%"),
        shown(row.score, ".4g"),
        shown(row.threshold, ".4g"),
        shown(row.area, ".2%"),
        row.regions,
        words.MAP_TITLES[row.map],
        shown(row.seconds, ".2f"),
        row.detector,
    ]
