"""The report of an evaluation: complete, safe against any name, and readable without a network."""

import base64
import csv
import io
import json
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import cv2
import numpy as np
import pytest
from evaluation_doubles import THRESHOLD, GreyDetector, add_class, make_dataset

from inpformer.datasets.sample import DataSet
from inpformer.evaluation.evaluate import evaluate
from inpformer.evaluation.look import EvaluateConfig
from inpformer.evaluation.records import METRICS, Evaluation, Figure
from inpformer.evaluation.report import write_report
from inpformer.evaluation.report_page import report_page
from inpformer.evaluation.report_parts import TITLES, percent
from inpformer.evaluation.report_pictures import (
    MOST_SHOWN,
    THUMBNAIL_SIDE,
    draw_thumbnails,
    shown_pictures,
)

HOSTILE = "<img src=x onerror=alert(1)>\"'&=HYPERLINK(1)"
HARMLESS = {
    *("html", "head", "meta", "title", "style", "body", "header", "main", "section", "nav", "a"),
    *("h1", "h2", "h3", "h4", "p", "ul", "li", "div", "span", "b", "br", "details", "summary"),
    *("table", "thead", "tbody", "tr", "th", "td", "dl", "dt", "dd", "figure", "figcaption"),
    *("img", "svg", "line", "polyline", "rect", "text"),
}


class Page(HTMLParser):
    """Collects tags, attributes and text as a browser would see them."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: list[tuple[str, str]] = []
        self.text = ""
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        self.attributes += [(name, value or "") for name, value in attrs]

    def handle_data(self, data):
        self.text += data + " "


@pytest.fixture(scope="module")
def dataset(tmp_path_factory) -> DataSet:
    return make_dataset(tmp_path_factory.mktemp("data"), "cap", "nut")


@pytest.fixture(scope="module")
def detector(tiny_config) -> GreyDetector:
    return GreyDetector(tiny_config)


@pytest.fixture(scope="module")
def evaluation(dataset, detector) -> Evaluation:
    return evaluate(detector, dataset, EvaluateConfig(title="grey"))


def rows_of(path: Path) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(path.read_bytes().decode("utf-8-sig"))))


def rename(evaluation: Evaluation, name: str) -> Evaluation:
    """Give every name that comes from outside another one."""
    classes = tuple(
        replace(report, class_name=name, by_defect={name: report.figures, "b": report.figures})
        for report in evaluation.classes[:1]
    )
    pictures = tuple(
        replace(record, name=f"{name}{index}", class_name=name, defect=name)
        for index, record in enumerate(evaluation.pictures)
        if record.class_name == evaluation.classes[0].class_name
    )
    return replace(
        evaluation,
        title=name,
        data=name,
        classes=classes,
        pictures=pictures,
        problems=(name,),
        settings={name: {name: name}},
        versions={name: name},
    )


def test_all_files_are_written_and_hold_what_was_found(evaluation, tmp_path):
    page = write_report(evaluation, tmp_path / "new" / "report")
    assert page.name == "report.html" and page.is_file()
    stored = json.loads((page.parent / "evaluation.json").read_text("utf-8"))
    assert stored["evaluations"] == [json.loads(json.dumps(evaluation.to_dict()))]
    rows = rows_of(page.parent / "figures.csv")
    assert [(row["class"], row["defect"]) for row in rows] == [
        *[(name, kind) for name in ("cap", "nut") for kind in ("", "dent", "scratch")],
        ("(mean)", ""),
    ]
    for row, report in zip(rows[::3], evaluation.classes, strict=False):
        for name in METRICS:
            assert float(row[name]) == report.figures[name].value
            assert float(row[f"{name}_error"]) == report.figures[name].error
    assert (rows[1]["normal"], rows[1]["anomalous"]) == ("4", "3")
    assert float(rows[-1]["aupro"]) == evaluation.mean["aupro"].value
    pictures = rows_of(page.parent / "pictures.csv")
    assert len(pictures) == len(evaluation.pictures)
    for row, record in zip(pictures, evaluation.pictures, strict=True):
        assert row["name"] == record.name and float(row["score"]) == record.score
        assert row["peak"] == f"{record.peak[0]} {record.peak[1]}"


def test_no_name_is_a_formula_in_a_spreadsheet(evaluation, tmp_path):
    write_report(rename(evaluation, "=cmd|' /C calc'!A0"), tmp_path)
    for name in ("figures.csv", "pictures.csv"):
        cells = [cell for row in rows_of(tmp_path / name) for cell in row.values()]
        assert any(cell.startswith("'=cmd") for cell in cells)
        assert not any(cell.startswith("=") for cell in cells)


def test_names_of_any_kind_stay_text(evaluation, tmp_path):
    hostile = rename(evaluation, HOSTILE)
    addresses = {record.name: 'x" onload="alert(1)' for record in hostile.pictures}
    page = Page(report_page([hostile, replace(hostile, title="b")], {HOSTILE: addresses}))
    assert page.tags <= HARMLESS
    assert not [name for name, _ in page.attributes if name.startswith("on")]
    assert page.text.count(HOSTILE) >= 10
    assert ("alt", f"{HOSTILE}0: anomaly map over the picture") in page.attributes


def test_the_page_loads_nothing_and_runs_nothing(evaluation, dataset, detector):
    thumbnails = {"grey": draw_thumbnails(evaluation, dataset, detector)}
    html = report_page([evaluation], thumbnails)
    page = Page(html)
    sources = [value for name, value in page.attributes if name in ("src", "href")]
    assert sources and all(value.startswith(("data:image/jpeg;base64,", "#")) for value in sources)
    assert page.tags <= HARMLESS, "no script, no link"
    assert "url(" not in html and "@import" not in html
    assert "prefers-color-scheme: dark" in html and "width=device-width" in html
    targets = {value for name, value in page.attributes if name == "id"}
    assert {v[1:] for n, v in page.attributes if n == "href"} == targets


def test_the_page_shows_every_figure_in_percent(evaluation):
    text = Page(report_page([evaluation], {})).text
    for report in evaluation.classes:
        for figures in (report.figures, *report.by_defect.values()):
            for figure in figures.values():
                assert f"{100 * figure.value:.1f}" in text
    for title in (*TITLES.values(), "Mean", "Hits", "cap", "nut", "dent", "scratch"):
        assert title in text
    counts = evaluation.classes[0].confusion
    row = f"Anomalous {counts.found} {counts.missed} "
    assert row in re.sub(r"\s+", " ", text)


def test_the_page_draws_scores_with_the_threshold_and_all_curves(evaluation):
    html = report_page([evaluation], {})
    assert html.count('class="cut"') == len(evaluation.classes)
    for title in ("Image scores", "ROC", "Precision and recall", "Per-region overlap (PRO)"):
        assert html.count(f"<h4>{title}</h4>") == len(evaluation.classes)


def test_a_missing_figure_is_a_dash_and_its_reason_is_said(dataset, detector):
    only = tuple(s for s in dataset.samples if s.class_name == "cap" or s.defect == "good")
    evaluation = evaluate(detector, replace(dataset, samples=only))
    text = re.sub(r"\s+", " ", Page(report_page([evaluation], {})).text)
    assert "nut – – – – – – – – 4 + 0" in text
    assert "nut: no P-AUROC, P-AP, P-F1, AUPRO. No pixel is marked as defect." in text
    assert "nut: no I-AUROC, I-AP, I-F1. There are no anomalous pictures" in text
    assert "Means are over the classes that have the figure" in text


def test_without_a_threshold_verdicts_are_missing_and_the_choice_of_pictures_is_explained(
    dataset, tiny_config
):
    evaluation = evaluate(GreyDetector(tiny_config, threshold=None), dataset)
    text = Page(report_page([evaluation], {})).text
    assert "Verdicts" not in text and "which flatters it" in text


def test_a_figure_says_how_far_off_it_can_be_only_where_one_sees_it():
    assert percent(Figure(0.9734, 0.0004)) == "97.3"
    assert percent(Figure(0.9734, 0.0123)) == "97.3 ± 1.2"
    assert percent(Figure(None, reason="x")) == "–"


def test_several_evaluations_are_compared_and_the_best_stands_out(evaluation, tmp_path):
    low = {name: Figure(figure.value / 2) for name, figure in evaluation.mean.items()}
    other = replace(evaluation, title="worse", mean=low)
    page = write_report([other, evaluation], tmp_path).read_text("utf-8")
    table = page[page.index("Means over classes") : page.index("</table>")]
    rows = re.findall(r"<tr>(.*?)</tr>", table)[1:]
    assert ["best" in row for row in rows] == [False, True]
    assert [("worse" in row, "grey" in row) for row in rows] == [(True, False), (False, True)]
    titles = {row["evaluation"] for row in rows_of(tmp_path / "pictures.csv")}
    assert titles == {"grey", "worse"}
    assert page.count("<h2>") == 3


def test_the_worst_and_the_best_pictures_are_shown(evaluation):
    for report in evaluation.classes:
        shown = shown_pictures(evaluation, report.class_name)
        assert shown.threshold == THRESHOLD and shown.is_calibrated
        scores = [record.score for record in shown.misses]
        assert scores == sorted(scores) and max(scores) <= THRESHOLD
        of_class = [r for r in evaluation.pictures if r.class_name == report.class_name]
        assert scores[0] == min(r.score for r in of_class if r.is_anomalous)
        assert all(r.is_anomalous and r.score > THRESHOLD for r in shown.found)
        assert all(not r.is_anomalous and r.score > THRESHOLD for r in shown.false_alarms)
        assert max(map(len, shown[:3])) <= MOST_SHOWN
        first = [record.is_hit is not False for record in shown.found]
        assert first == sorted(first, reverse=True), "hits come first"


def test_false_alarms_are_shown_the_highest_score_first(dataset, tiny_config):
    evaluation = evaluate(GreyDetector(tiny_config, threshold=100.0), dataset)
    shown = shown_pictures(evaluation, "cap")
    scores = [record.score for record in shown.false_alarms]
    assert len(scores) == MOST_SHOWN and scores == sorted(scores, reverse=True)
    assert shown.misses == []


@pytest.mark.parametrize("protocol", ["full-image", "paper"])
def test_thumbnails_are_small_overlays_of_what_is_shown(dataset, detector, protocol):
    evaluation = evaluate(detector, dataset, EvaluateConfig(protocol=protocol))
    before = detector.seen
    drawn = draw_thumbnails(evaluation, dataset, detector)
    wanted = set()
    for report in evaluation.classes:
        wanted |= {
            r.name for part in shown_pictures(evaluation, report.class_name)[:3] for r in part
        }
    assert set(drawn) == wanted and detector.seen == before + len(wanted)
    for address in drawn.values():
        data = base64.b64decode(address.removeprefix("data:image/jpeg;base64,"))
        picture = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
        assert 8 <= max(picture.shape[:2]) <= THUMBNAIL_SIDE
        colours = picture.astype(int).max(axis=2) - picture.min(axis=2)
        assert colours.max() > 60, "the grey picture has a coloured map or outline"


def test_a_picture_that_is_gone_is_named_without_a_drawing(tmp_path, detector):
    dataset = DataSet(tmp_path, "one", tuple(add_class(tmp_path, "cap")))
    evaluation = evaluate(detector, dataset)
    gone = shown_pictures(evaluation, "cap").misses[0].name
    (tmp_path / gone).unlink()
    drawn = draw_thumbnails(evaluation, dataset, {"*": detector})
    assert gone not in drawn and drawn
    page = Page(report_page([evaluation], {evaluation.title: drawn}))
    assert gone in page.text
