import csv
import io
import json
from dataclasses import asdict, replace

import pytest

from inpformer.result_table import ResultRow, sort_rows, to_csv, to_json

ROW = ResultRow("a.png", "normal", 0.2, 0.5, 0.7, "fused", 0.0, 0, 0.1, "washer")


def read_csv(data: bytes) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(data.decode("utf-8-sig"), newline="")))


def test_rows_fall_by_confidence_and_those_without_come_last_by_score():
    rows = [
        replace(ROW, name="low"),
        replace(ROW, name="raw", confidence=None, score=0.3),
        replace(ROW, name="high", confidence=0.9),
        replace(ROW, name="raw high", confidence=None, score=0.9),
    ]
    assert [row.name for row in sort_rows(rows)] == ["high", "low", "raw high", "raw"]


def test_csv_holds_every_field_and_starts_with_the_mark_that_excel_needs():
    data = to_csv([replace(ROW, name="垫圈.png", confidence=None)])
    assert data.startswith(b"\xef\xbb\xbf")
    (row,) = read_csv(data)
    assert list(row) == list(asdict(ROW))
    assert row["name"] == "垫圈.png" and row["confidence"] == "" and float(row["score"]) == 0.5


@pytest.mark.parametrize(
    "name", ["=1+1.png", "+1.png", "-1.png", "@sum.png", "\tx.png", " =HYPERLINK(1)"]
)
def test_a_name_is_never_a_formula_of_a_spreadsheet(name):
    (row,) = read_csv(to_csv([replace(ROW, name=name)]))
    assert row["name"] == f"'{name}"


def test_commas_quotes_and_line_ends_in_a_name_survive_csv():
    name = 'a,"b"\nc.png'
    assert read_csv(to_csv([replace(ROW, name=name)]))[0]["name"] == name


def test_json_gives_the_rows_back():
    rows = [ROW, replace(ROW, name="=垫圈", confidence=None)]
    assert [ResultRow(**values) for values in json.loads(to_json(rows))] == rows
