import shutil
from pathlib import Path

import pytest
from ui_doubles import words_of

from inpformer.detector import AnomalyDetector
from inpformer.errors import UserError
from inpformer.examples import Examples
from inpformer.ui import compare_handlers
from inpformer.ui.compare_handlers import CompareHandlers, CompareReport
from inpformer.ui.handlers import Handlers
from inpformer.ui.inspect_handlers import InspectHandlers
from inpformer.ui.session import FREE
from inpformer.ui.sessions import Sessions
from inpformer.ui.shelf import Shelf
from inpformer.ui.words import CHINESE

RING = "part:ring"


@pytest.fixture
def comparing(source: AnomalyDetector, examples: Examples, tmp_path) -> CompareHandlers:
    shelf = Shelf(source, examples=examples)
    return CompareHandlers(Handlers(Sessions(root=tmp_path / "visitors"), shelf))


@pytest.fixture(autouse=True)
def visitors_folder(tmp_path) -> None:
    (tmp_path / "visitors").mkdir()


@pytest.fixture
def own_key(comparing: CompareHandlers, plus: AnomalyDetector) -> str:
    """A calibrated detector of Ann's own."""
    session = comparing.handlers.sessions.get("Ann")
    session.add_detector("mine", plus)
    return session.detector_key


def last_of(reports) -> CompareReport:
    *running, last = reports
    assert all(report.is_running for report in running)
    assert not last.is_running
    return last


def test_a_visitor_chooses_among_all_detectors_and_their_own_come_first(comparing, own_key):
    choices = comparing.choices("Ann")
    assert [key for _, key in choices.detectors] == [own_key, FREE, RING, "part:plate"]
    assert choices.chosen == [own_key, FREE]
    assert own_key not in dict(map(reversed, comparing.choices("Bob").detectors))


def test_detectors_chosen_before_stay_chosen_while_they_are_there(comparing, own_key):
    assert comparing.choices("Ann", [RING, FREE]).chosen == [RING, FREE]
    assert comparing.choices("Bob", [RING, own_key]).chosen == [RING, FREE]


def test_the_pictures_offered_first_are_those_a_visitor_has_inspected(comparing, pictures):
    assert comparing.choices("Ann").source == "part"
    InspectHandlers(comparing.handlers).inspect("Ann", str(pictures["blot"]))
    assert comparing.choices("Ann").source == "inspected"
    assert comparing.choices("Bob").source == "part"


def test_all_pictures_of_a_part_are_compared_with_verdicts_labels_and_maps(comparing, own_key):
    report = last_of(comparing.compare("Ann", [own_key, RING], "part", part_name="ring"))
    count = len(comparing.handlers.shelf.examples.part("ring").pictures)
    assert len(report.table) == count
    assert report.rows.count("<section") == count
    assert report.rows.count("<img") == 4 * count  # picture, two overlays, difference
    assert all(len(line) == len(report.headers) for line in report.table)
    summary = words_of(report.summary)
    assert f"Of {count} picture(s), verdicts differ on" in summary
    assert f"of the {count} pictures with a known label" in summary
    assert "A: mine" in summary
    assert "Map: Fused" in summary


def test_disagreements_come_first(comparing, own_key):
    report = last_of(comparing.compare("Ann", [own_key, RING], "part", part_name="ring"))
    column = report.headers.index("Difference")
    differing = report.rows.count('class="compare-row differ"')
    amounts = [float(line[column]) for line in report.table]
    assert amounts[:differing] == sorted(amounts[:differing], reverse=True)
    assert amounts[differing:] == sorted(amounts[differing:], reverse=True)
    assert "differ" not in report.rows.partition('class="compare-row agree"')[2].replace(
        "Where they differ", ""
    ).replace("difference", "")


def test_a_detector_without_calibration_has_no_verdict_and_it_is_said(comparing):
    report = last_of(comparing.compare("Ann", [FREE, RING], "part", part_name="ring"))
    summary = words_of(report.summary)
    assert "no threshold and no verdict" in summary
    assert "no common scale" in summary
    assert "A calls" not in summary and "B calls" in summary
    assert "? No verdict" in words_of(report.rows)
    assert "Where they differ" not in report.rows


def test_inspected_pictures_count_once_the_newest_first(comparing, own_key, pictures):
    inspecting = InspectHandlers(comparing.handlers)
    for name in ("normal", "blot", "normal"):
        inspecting.inspect("Ann", str(pictures[name]))
    report = last_of(comparing.compare("Ann", [FREE, own_key], "inspected"))
    assert sorted(line[0] for line in report.table) == ["blot.png", "normal.png"]


def test_one_visitor_never_compares_on_the_pictures_of_another(comparing, pictures):
    InspectHandlers(comparing.handlers).inspect("Ann", str(pictures["blot"]))
    with pytest.raises(UserError, match="not inspected a picture yet"):
        next(comparing.compare("Bob", [FREE, RING], "inspected"))


def test_a_picture_that_cannot_be_read_is_left_out_and_named(
    comparing, own_key, pictures, tmp_path
):
    files = [str(pictures["blot"]), str(pictures["text"]), str(tmp_path / "gone.png")]
    report = last_of(comparing.compare("Ann", [FREE, own_key], "uploaded", files))
    assert [line[0] for line in report.table] == ["blot.png"]
    said = words_of(report.progress)
    assert "text.png" in said and "gone.png is no longer on the server" in said


def test_no_readable_picture_is_an_error_and_leaves_no_job_behind(comparing, own_key, pictures):
    with pytest.raises(UserError, match="cut short"):
        list(comparing.compare("Ann", [FREE, own_key], "uploaded", [str(pictures["cut"])]))
    assert comparing.handlers.sessions.get("Ann").job is None


@pytest.mark.parametrize(
    ("keys", "where", "words"),
    [
        ([FREE], "part", "these are 1"),
        ([FREE, FREE], "part", "these are 1"),
        ([FREE, RING, "own:1", "own:2"], "part", "these are 4"),
        ([FREE, RING], "part", "Choose an example part"),
        ([FREE, RING], "uploaded", "Add at least 1 picture"),
        ([FREE, "own:1"], "part", "no longer on the server"),
        ([FREE, "part:plate"], "part", "missing or damaged"),
    ],
)
def test_what_cannot_be_compared_is_refused_in_a_sentence(comparing, keys, where, words):
    with pytest.raises(UserError, match=words):
        next(comparing.compare("Ann", keys, where))
    assert comparing.handlers.sessions.get("Ann").job is None


def test_a_cancelled_comparison_shows_what_was_done(comparing, own_key):
    reports = comparing.compare("Ann", [own_key, RING], "part", part_name="ring")
    next(reports)
    next(reports)
    comparing.cancel("Ann")
    report = last_of(reports)
    assert "Cancelled: 1 of" in words_of(report.progress)
    assert len(report.table) == 1


def test_cancelling_before_the_first_picture_leaves_the_page_as_it_is(comparing):
    reports = comparing.compare("Ann", [FREE, RING], "part", part_name="ring")
    next(reports)
    comparing.cancel("Ann")
    assert last_of(reports).table is None


def test_cancel_leaves_a_fit_alone(comparing):
    job = comparing.handlers.sessions.get("Ann").start_job("fit")
    comparing.cancel("Ann")
    assert not job.stop.is_set()
    with pytest.raises(UserError, match="fit is still running"):
        next(comparing.compare("Ann", [FREE, RING], "part", part_name="ring"))


def test_leaving_the_page_ends_the_job(comparing):
    reports = comparing.compare("Ann", [FREE, RING], "part", part_name="ring")
    next(reports)
    reports.close()
    assert comparing.handlers.sessions.get("Ann").job is None


def test_more_pictures_than_the_bound_are_left_out_and_it_is_said(
    comparing, own_key, pictures, monkeypatch
):
    monkeypatch.setattr(compare_handlers, "MAX_PICTURES", 2)
    files = [str(pictures[name]) for name in ("normal", "second", "blot")]
    report = last_of(comparing.compare("Ann", [FREE, own_key], "uploaded", files))
    assert len(report.table) == 2
    assert "There are 3 pictures; the first 2 were compared." in words_of(report.progress)


def test_uploads_are_noted_so_that_forget_me_deletes_them(comparing, own_key, pictures, tmp_path):
    upload = Path(shutil.copy(pictures["blot"], tmp_path / "upload.png"))
    last_of(comparing.compare("Ann", [FREE, own_key], "uploaded", [str(upload)]))
    assert upload in comparing.handlers.sessions.get("Ann").uploads


def test_a_chinese_visitor_reads_chinese(comparing, own_key):
    comparing.handlers.sessions.get("Ann", CHINESE)
    assert "我检测过的图片" in dict(map(reversed, comparing.choices("Ann").sources))["inspected"]
    report = last_of(comparing.compare("Ann", [FREE, own_key], "part", part_name="ring"))
    assert "图片" in report.headers
    assert "No verdict" not in report.rows


def test_file_names_cannot_bring_markup_into_the_page(comparing, own_key, pictures, tmp_path):
    odd = Path(shutil.copy(pictures["blot"], tmp_path / "<b onload=x>&.png"))
    report = last_of(comparing.compare("Ann", [FREE, own_key], "uploaded", [str(odd)]))
    assert "<b onload" not in report.rows
    assert "&lt;b onload=x&gt;&amp;.png" in report.rows
