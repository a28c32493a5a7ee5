"""The Evaluate tab, as plain functions."""

import re
import shutil
import zipfile
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from ui_doubles import words_of

from inpformer.detector import AnomalyDetector
from inpformer.errors import UserError
from inpformer.evaluation.records import PictureRecord
from inpformer.evaluation.verdicts import best_threshold, confusion_at, false_alarms, misses
from inpformer.examples import Examples
from inpformer.images import load_image
from inpformer.ui import evaluation_data
from inpformer.ui.annotate_handlers import AnnotateHandlers
from inpformer.ui.evaluate_handlers import EvaluateHandlers, EvaluateReport
from inpformer.ui.evaluate_values import slider_steps
from inpformer.ui.evaluation_data import EvaluationSource
from inpformer.ui.handlers import Handlers
from inpformer.ui.limit_handlers import LimitHandlers, normal_pictures
from inpformer.ui.session import FREE
from inpformer.ui.sessions import Sessions
from inpformer.ui.shelf import Shelf
from inpformer.ui.wiring import is_local
from inpformer.ui.words import CHINESE
from inpformer.ui.words import ENGLISH as text

RING, OF_RING = "part:ring", EvaluationSource("part", part="ring")


@pytest.fixture
def evaluating(source: AnomalyDetector, examples: Examples, tmp_path) -> EvaluateHandlers:
    (tmp_path / "visitors").mkdir()
    shelf = Shelf(source, examples=examples)
    return EvaluateHandlers(Handlers(Sessions(root=tmp_path / "visitors"), shelf))


def last_of(reports) -> EvaluateReport:
    *running, last = reports
    assert running and all(report.is_running for report in running)
    assert not last.is_running
    return last


def record(name: str, score: float, is_anomalous: bool) -> PictureRecord:
    defect = "dent" if is_anomalous else "good"
    return PictureRecord(name, "", defect, is_anomalous, score, None, None, (0, 0), None, 8, 8, 0.1)


def test_an_example_part_gives_figures_curves_and_verdicts(evaluating):
    view = last_of(evaluating.evaluate("Ann", [RING], OF_RING)).view
    part = evaluating.handlers.shelf.examples.part("ring")
    anomalous = sum(picture.defect != "good" for picture in part.pictures)
    (row,) = view.rows
    assert len(row) == len(view.headers) == 11 and row[1] == "ring"
    figures = [float(cell) for cell in row[2:9] if cell != "–"]
    assert figures and all(0 <= value <= 100 for value in figures)
    assert f"of {anomalous} anomalous pictures found" in words_of(view.verdicts)
    assert view.verdicts.count('class="cut"') == 1
    assert view.details.count("<svg") >= 4
    low, high, cut = view.cut_range
    assert low <= cut <= high
    assert view.disagreement == ""


def test_the_threshold_decides_what_is_a_false_alarm_and_what_is_missed(evaluating):
    view = last_of(evaluating.evaluate("Ann", [RING], OF_RING)).view
    low, high, _ = view.cut_range
    pictures = evaluating.handlers.shelf.examples.part("ring").pictures
    normal = sum(picture.defect == "good" for picture in pictures)
    everything = evaluating.cut("Ann", low - 1)
    assert f"{text.EVALUATE_FALSE_ALARMS} ({normal})" in everything.galleries
    assert f"{text.EVALUATE_MISSES} (0)" in everything.galleries
    nothing = evaluating.cut("Ann", high + 1)
    assert f"{text.EVALUATE_FALSE_ALARMS} (0)" in nothing.galleries
    assert f"{text.EVALUATE_MISSES} ({len(pictures) - normal})" in nothing.galleries
    assert nothing.galleries.count('src="data:image/jpeg') == len(pictures) - normal


def test_several_detectors_have_rows_and_curves_of_their_own(evaluating, plus):
    session = evaluating.handlers.sessions.get("Ann")
    session.add_detector("mine", plus)
    keys = [session.detector_key, RING, FREE]
    view = last_of(evaluating.evaluate("Ann", keys, OF_RING)).view
    assert view.rows[0][0] == "mine" and len(view.rows) == 3
    assert "A: mine" in view.details
    assert view.disagreement, "two of them give verdicts"
    assert [index for _, index in view.shown[0]] == [0, 1, 2]
    free = evaluating.show("Ann", 2)
    assert free.shown[1] == 2
    assert text.EVALUATE_BEST_CUT in words_of(free.verdicts), "it has no threshold of its own"


@pytest.mark.parametrize("keys", [[], [RING, FREE, "part:plate", "zero-shot", "own:1"]])
def test_none_and_too_many_detectors_are_refused(evaluating, keys):
    with pytest.raises(UserError, match="Choose 1 to 4"):
        next(evaluating.evaluate("Ann", keys, OF_RING))


@pytest.mark.parametrize(
    ("place", "said"),
    [
        (EvaluationSource("part", part="nothing"), "Choose an example part"),
        (EvaluationSource("annotations"), "not labelled a picture"),
        (EvaluationSource("zip"), "Add the zip file"),
        (EvaluationSource("zip", file="/nowhere/set.zip"), "no longer on the server"),
        (EvaluationSource("folder", folder="/"), "your own computer"),
    ],
)
def test_a_source_that_is_not_there_is_said_in_one_sentence(evaluating, place, said):
    with pytest.raises(UserError, match=said):
        list(evaluating.evaluate("Ann", [FREE], place))
    assert evaluating.handlers.sessions.get("Ann").job is None


def test_a_folder_may_be_named_by_who_sits_at_the_computer_of_the_page(evaluating):
    part = evaluating.handlers.shelf.examples.part("ring")
    own = EvaluateHandlers(evaluating.handlers, allow_folders=True)
    assert "folder" in dict(map(reversed, own.data.sources(text)))
    assert "folder" not in dict(map(reversed, evaluating.data.sources(text)))
    folder = str(part.pictures[0].path.parents[2])
    there = EvaluationSource("folder", folder=f" {folder} ", is_local=True)
    report = last_of(own.evaluate("Ann", [RING], there))
    assert f"{len(part.pictures)} pictures" in words_of(report.progress)
    assert len(report.view.rows) == 1
    with pytest.raises(UserError, match="Type the path"):
        list(own.evaluate("Ann", [RING], replace(there, folder=" ")))
    for handlers, source in ((own, replace(there, is_local=False)), (evaluating, there)):
        with pytest.raises(UserError, match="your own computer"):
            list(handlers.evaluate("Ann", [RING], source))


@pytest.mark.parametrize(
    ("host", "headers", "expected"),
    [
        ("127.0.0.1", {}, True),
        ("::1", {}, True),
        ("192.168.0.7", {}, False),
        ("127.0.0.1", {"x-forwarded-for": "203.0.113.9"}, False),
        ("127.0.0.1", {"forwarded": "for=203.0.113.9"}, False),
    ],
)
def test_a_visitor_behind_a_proxy_is_not_local(host, headers, expected):
    request = SimpleNamespace(client=SimpleNamespace(host=host), headers=headers)
    assert is_local(request) is expected


def zip_of(folder: Path, target: Path) -> Path:
    with zipfile.ZipFile(target, "w") as archive:
        for path in sorted(folder.rglob("*")):
            if path.is_file():
                archive.write(path, path.relative_to(folder.parent).as_posix())
    return target


def test_a_zip_file_is_unpacked_looked_at_and_removed(evaluating, tmp_path):
    part = evaluating.handlers.shelf.examples.part("ring")
    upload = zip_of(part.pictures[0].path.parents[2], tmp_path / "set.zip")
    source = EvaluationSource("zip", file=str(upload))
    by_zip = last_of(evaluating.evaluate("Ann", [RING], source)).view
    by_part = last_of(evaluating.evaluate("Ann", [RING], OF_RING)).view
    assert by_zip.rows[0][2:9] == by_part.rows[0][2:9]
    session = evaluating.handlers.sessions.get("Ann")
    assert not list(session.folder.rglob("*.png")) and upload in session.uploads


def test_what_is_labelled_can_be_evaluated_on(evaluating, pictures):
    desk = AnnotateHandlers(evaluating.handlers).desk(evaluating.handlers.sessions.get("Ann"))
    for name in ("normal", "blot", "second"):
        desk.add(pictures[name], f"{name}.png")
    mask = np.zeros((90, 120), np.uint8)
    mask[30:60, 40:80] = 1
    desk.set_mask("blot.png", mask)
    desk.say_normal("normal.png")
    view = last_of(evaluating.evaluate("Ann", [RING], EvaluationSource("annotations"))).view
    assert "of 1 anomalous pictures found" in words_of(view.verdicts)
    assert "of 1 normal pictures flagged" in words_of(view.verdicts)


def test_of_very_many_pictures_an_even_part_is_looked_at_and_it_is_said(evaluating, monkeypatch):
    monkeypatch.setattr(evaluation_data, "MAX_PICTURES", 2)
    report = last_of(evaluating.evaluate("Ann", [RING], OF_RING))
    assert "2 pictures" in words_of(report.progress)
    assert "2 of them, evenly chosen" in words_of(report.view.facts)


def test_a_cancelled_evaluation_leaves_what_was_there(evaluating):
    last_of(evaluating.evaluate("Ann", [RING], OF_RING))
    before = evaluating.handlers.sessions.get("Ann").evaluation
    reports = evaluating.evaluate("Ann", [RING], OF_RING)
    next(reports)
    evaluating.cancel("Ann")
    *_, last = reports
    session = evaluating.handlers.sessions.get("Ann")
    assert last.view is None and text.EVALUATE_CANCELLED in last.progress
    assert session.evaluation is before and session.job is None


def test_one_visitor_sees_nothing_of_the_evaluation_of_another(evaluating):
    last_of(evaluating.evaluate("Ann", [RING], OF_RING))
    for action in (lambda: evaluating.cut("Bob", 1.0), lambda: evaluating.report("Bob")):
        with pytest.raises(UserError, match="nothing to show yet"):
            action()
    session = evaluating.handlers.sessions.get("Ann")
    session.clear()
    with pytest.raises(UserError, match="nothing to show yet"):
        evaluating.show("Ann", 0)


def test_the_report_is_one_zip_file_with_page_tables_and_values(evaluating):
    last_of(evaluating.evaluate("Ann", [RING, FREE], OF_RING))
    path = evaluating.report("Ann")
    with zipfile.ZipFile(path) as archive:
        names = archive.namelist()
        page = archive.read("report.html").decode()
    assert {"report.html", "figures.csv", "pictures.csv"} <= set(names)
    assert not re.search(r"(src|href)=[\"']https?:", page), "it needs no network"
    assert sorted(item.name for item in path.parent.iterdir()) == ["evaluation.zip"]
    shutil.rmtree(path.parent)


def test_the_tab_speaks_chinese(evaluating):
    evaluating.handlers.sessions.get("李", CHINESE)
    view = last_of(evaluating.evaluate("李", [RING], OF_RING)).view
    assert "误报" in view.galleries and "张异常图片中找到" in view.verdicts
    with pytest.raises(UserError, match="1 到 4"):
        next(evaluating.evaluate("李", [], OF_RING))


def test_verdicts_at_a_threshold_are_counted_and_sorted():
    pictures = [record("a", 1, False), record("b", 3, False), record("c", 2, True)]
    pictures += [record("d", 4, True), record("e", 5, False)]
    assert confusion_at(pictures, 2) == (1, 1, 2, 1)
    assert [each.name for each in false_alarms(pictures, 2)] == ["e", "b"]
    assert [each.name for each in misses(pictures, 4)] == ["c", "d"]


def test_the_best_threshold_parts_what_can_be_parted_and_is_none_for_one_kind():
    pictures = [record("a", 1, False), record("b", 2, False), record("c", 4, True)]
    assert best_threshold(pictures) == 3
    assert best_threshold(pictures[:2]) is None and best_threshold(pictures[2:]) is None
    equal = [record("a", 1, False), record("b", 1, True)]
    assert confusion_at(equal, best_threshold(equal)) == (1, 0, 1, 0)


@pytest.mark.parametrize("ends", [(0.5654768, 2.9626, 0.7569), (-3, 1e4, 7)])
def test_the_slider_has_round_ends_that_hold_every_score(ends):
    low, high, value, step = slider_steps(*ends)
    assert low <= ends[0] and ends[1] <= high and abs(value - ends[2]) <= step
    assert high - low <= 1.1 * (ends[1] - ends[0])
    assert len(f"{low:.10g}") <= 8


@pytest.fixture
def limits(evaluating) -> LimitHandlers:
    return LimitHandlers(evaluating)


def test_the_detection_limit_is_drawn_and_said_for_every_contrast(limits):
    *running, last = limits.measure("Ann", RING, OF_RING)
    assert running and all(report.is_running for report in running) and not last.is_running
    assert "100 drawn pictures" in words_of(last.progress), "4 pictures, bare and with 24 marks"
    assert last.result.count("<polyline") == 4
    said = words_of(last.result)
    assert said.count("of 255 lighter or darker") == 4
    assert "of these 4 pictures are flagged" in said


def test_a_detector_without_a_threshold_has_no_limit_and_it_is_said(limits):
    with pytest.raises(UserError, match="calibrated threshold"):
        next(limits.measure("Ann", FREE, OF_RING))
    with pytest.raises(UserError, match="Choose an example part"):
        next(limits.measure("Ann", RING, EvaluationSource("part", part="nothing")))
    assert limits.handlers.sessions.get("Ann").job is None


def test_a_measurement_can_be_cancelled(limits):
    reports = limits.measure("Ann", RING, OF_RING)
    next(reports)
    limits.cancel("Ann")
    *_, last = reports
    assert text.LIMIT_CANCELLED in last.progress and last.result is None


def test_marks_are_drawn_on_normal_pictures_that_were_not_trained_on_if_there_are_any(limits):
    part = limits.handlers.shelf.examples.part("ring")
    with limits.data.open(limits.handlers.sessions.get("Ann"), OF_RING) as dataset:
        images = normal_pictures(dataset, text)
    tests = [load_image(each.path) for each in part.pictures if each.defect == "good"]
    assert len(images) == 4
    assert all(np.array_equal(a, b) for a, b in zip(images, tests, strict=False))
