"""One row per inspected picture, and the table as CSV and JSON."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, fields

from inpformer.cut import Cut
from inpformer.files import is_formula
from inpformer.report import describe_result
from inpformer.result import AnomalyResult


@dataclass(frozen=True)
class ResultRow:
    """The facts of one inspected picture.

    Attributes:
        name: Of the picture.
        verdict: `anomalous`, `normal` or `not calibrated`.
        confidence: That it is anomalous, 0 to 1; None if not calibrated.
        score: Image score of the map, raw scale.
        threshold: What it was compared with, raw scale; None if not calibrated.
        map: Name of the map.
        area: Share of the picture in regions above the threshold, 0 to 1; None without one.
        regions: How many there are.
        seconds: That the model took.
        detector: Which detector, in words.
    """

    name: str
    verdict: str
    confidence: float | None
    score: float
    threshold: float | None
    map: str
    area: float | None
    regions: int
    seconds: float
    detector: str


def result_row(
    name: str, result: AnomalyResult, detector: str, cut: Cut | None = None
) -> ResultRow:
    """Return the row of a picture.

    Args:
        name: Of the picture.
        result: What the detector said; its deciding map is the one in the row.
        detector: Its title.
        cut: Where verdict and regions begin; None takes the calibrated threshold.
    """
    facts = describe_result(result, cut)
    return ResultRow(
        name=name,
        verdict=facts["verdict"],
        confidence=facts["confidence"],
        score=facts["image_score"],
        threshold=facts["threshold"],
        map=facts["map"],
        area=facts["area"],
        regions=len(facts["regions"]),
        seconds=facts["seconds"],
        detector=detector,
    )


def sort_rows(rows: Iterable[ResultRow]) -> list[ResultRow]:
    """Return rows by falling confidence; those without one come last, by falling score."""
    return sorted(rows, key=rank, reverse=True)


def rank(row: ResultRow) -> tuple[float, float, str]:
    """Return what rows are sorted by, falling; see `sort_rows`."""
    return (-1.0 if row.confidence is None else row.confidence), row.score, row.name


def to_csv(rows: Sequence[ResultRow]) -> bytes:
    """Return a CSV file of rows, see `csv_file`."""
    header = [item.name for item in fields(ResultRow)]
    return csv_file(header, [list(asdict(row).values()) for row in rows])


def csv_file(header: Sequence[str], rows: Iterable[Sequence[object]]) -> bytes:
    """Return a CSV file that Excel reads in any language, and in which no name is a formula.

    Args:
        header: Names of the columns.
        rows: Their values; None leaves a cell empty.
    """
    stream = io.StringIO(newline="")
    writer = csv.writer(stream, lineterminator="\r\n")
    writer.writerow(header)
    for row in rows:
        writer.writerow([_cell(value) for value in row])
    # Without the mark at its start, Excel takes the file for one of the local code page.
    return stream.getvalue().encode("utf-8-sig")


def to_json(rows: Sequence[ResultRow]) -> bytes:
    """Return a JSON file: a list of tables, one per row."""
    values = [asdict(row) for row in rows]
    return json.dumps(values, ensure_ascii=False, indent=2, allow_nan=False).encode()


def _cell(value: object) -> object:
    return f"'{value}" if isinstance(value, str) and is_formula(value) else value
