"""Many pictures at once and the list of results, as plain functions."""

import csv
import io
import json
import zipfile
from pathlib import Path

import pytest
from ui_doubles import fraction_of, give, picture_of, words_of

from inpformer.detector import AnomalyDetector
from inpformer.errors import ImageError, UserError
from inpformer.modeling.model import INPFormer
from inpformer.ui.batch_handlers import BatchHandlers, BatchReport
from inpformer.ui.inspection import ViewSettings
from inpformer.ui.result_list import Filter
from inpformer.ui.words import ENGLISH as text

NAMES = ("normal", "blot", "second")


@pytest.fixture
def batch(inspecting) -> BatchHandlers:
    return BatchHandlers(inspecting)


@pytest.fixture
def inspected(batch, pictures, plus) -> BatchHandlers:
    """Ann has inspected three pictures with a calibrated detector."""
    give(batch.handlers, "ann", plus)
    run(batch, [pictures[name] for name in NAMES])
    return batch


def run(batch: BatchHandlers, paths, visitor: str = "ann") -> list[BatchReport]:
    return list(batch.inspect_all(visitor, [str(path) for path in paths]))


def zipped(path: Path, files: dict[str, Path]) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for name, source in files.items():
            archive.write(source, name)
    return path


def test_the_first_result_opens_at_once_and_every_report_knows_one_more(batch, pictures):
    *running, last = run(batch, [pictures[name] for name in NAMES])
    assert [len(report.listing.cards) for report in running] == [0, 1, 2]
    assert [report.is_running for report in (*running, last)] == [True] * 3 + [False]
    opened = [report.opened for report in (*running, last) if report.opened is not None]
    assert len(opened) == 1 and opened[0].picture["name"] == "normal.png"
    assert running[1].opened is opened[0], "the first result is shown while the others wait"
    shares = [fraction_of(report.progress) for report in running]
    assert shares == pytest.approx([0, 1 / 3, 2 / 3], abs=0.001)
    assert "s left" in words_of(running[1].progress)
    assert "3 pictures inspected" in words_of(last.progress)


def test_results_are_sorted_by_confidence_in_cards_and_table(inspected):
    listing = inspected.list_results("ann")
    session = inspected.handlers.sessions.get("ann")
    confidences = [session.inspections[card["id"]].result.confidence for card in listing.cards]
    assert confidences == sorted(confidences, reverse=True)
    assert [row[1] for row in listing.table] == [card["name"] for card in listing.cards]
    assert [row[0] for row in listing.table] == [1, 2, 3] and listing.count == 3
    for card, confidence in zip(listing.cards, confidences, strict=True):
        assert text.CONFIDENCE.format(value=confidence) == card["line"]
        assert card["verdict"] in text.VERDICTS.values()
        assert max(picture_of(card["picture"]).shape) <= 224


def test_a_zip_and_a_broken_picture_are_inspected_and_named(batch, pictures, tmp_path):
    files = {"line 1/a.png": pictures["normal"], "line 2/a.png": pictures["second"]}
    path = zipped(tmp_path / "parts.zip", files)
    last = run(batch, [pictures["cut"], path, pictures["text"]])[-1]
    assert {card["name"] for card in last.listing.cards} == {"line 1/a.png", "line 2/a.png"}
    words = words_of(last.progress)
    assert "cut.png" in words and "text.png" in words and text.BATCH_PROBLEMS in words
    kept = batch.handlers.sessions.get("ann").folder
    assert len(list(kept.iterdir())) == 2, "copies of broken pictures were left behind"


def test_nothing_to_inspect_is_said_and_no_job_stays_behind(batch, pictures):
    for paths in (None, []):
        with pytest.raises(UserError, match=text.NO_PICTURES):
            list(batch.inspect_all("ann", paths))
    with pytest.raises(ImageError, match="no longer"):
        run(batch, ["/gone/parts.zip"])
    assert batch.handlers.sessions.get("ann").job is None
    assert run(batch, [pictures["text"]])[-1].listing.count == 0


def test_stop_keeps_what_is_done_and_lets_other_work_begin(batch, pictures):
    reports = batch.inspect_all("ann", [str(pictures[name]) for name in NAMES])
    next(reports), next(reports)
    batch.stop("bob")
    next(reports)
    batch.stop("ann")
    rest = list(reports)
    assert words_of(rest[-1].progress) == text.BATCH_STOPPED.format(done=3, count=3) or (
        rest[-1].listing.count < 3
    )
    assert not rest[-1].is_running and batch.handlers.sessions.get("ann").job is None
    assert run(batch, [pictures["normal"]])[-1].listing.count >= 1


def test_a_stop_is_heard_before_the_next_picture(batch, pictures):
    reports = batch.inspect_all("ann", [str(pictures[name]) for name in NAMES])
    next(reports)
    batch.stop("ann")
    *_, last = reports
    assert last.listing.count == 1
    assert words_of(last.progress) == text.BATCH_STOPPED.format(done=1, count=3)


def test_a_second_inspection_of_many_is_refused_while_one_runs(batch, pictures):
    reports = batch.inspect_all("ann", [str(pictures["normal"])])
    next(reports)
    with pytest.raises(UserError, match=text.A_BATCH):
        run(batch, [pictures["blot"]])
    reports.close()
    assert batch.handlers.sessions.get("ann").job is None


def test_who_is_forgotten_meanwhile_leaves_nothing_behind(batch, pictures, tmp_path):
    reports = batch.inspect_all("ann", [str(pictures[name]) for name in NAMES])
    next(reports), next(reports)
    batch.handlers.sessions.forget("ann")
    list(reports)
    assert batch.list_results("ann").count == 0
    assert not list(tmp_path.rglob("*.png"))


def test_the_list_is_filtered_by_verdict_and_name_and_keeps_its_numbers(inspected):
    everything = inspected.list_results("ann")
    by_name = inspected.list_results("ann", Filter(name="BLOT"))
    assert [row[1] for row in by_name.table] == ["blot.png"] and by_name.count == 3
    assert by_name.table[0] in everything.table
    verdicts = [
        inspected.list_results("ann", Filter(verdict)).table for verdict in ("anomalous", "normal")
    ]
    assert sum(map(len, verdicts)) == 3
    assert all(row[2] == text.VERDICTS[True] for row in verdicts[0])
    assert inspected.list_results("ann", Filter("not calibrated")).cards == []
    assert inspected.list_results("ann", Filter("not calibrated")).summary.startswith("0 of 3")


def test_one_threshold_judges_all_results_without_the_model(inspected, monkeypatch):
    monkeypatch.setattr(AnomalyDetector, "predict", None)
    monkeypatch.setattr(INPFormer, "forward", None)
    low = inspected.use_for_all("ann", ViewSettings("distance", 0.0))
    assert {row[2] for row in low.table} == {text.VERDICTS[True]}
    assert {row[8] for row in low.table} == {text.MAP_TITLES["distance"]}
    assert {row[6] for row in low.table} == {"100.00%"}
    high = inspected.use_for_all("ann", ViewSettings("distance", 1000.0))
    assert {row[2] for row in high.table} == {text.VERDICTS[False]}
    assert {row[7] for row in high.table} == {0}


def test_a_row_opens_the_result_of_its_number(inspected):
    for number, name, *_ in inspected.list_results("ann").table:
        assert inspected.open_row("ann", number).picture["name"] == name
    for number in (0, 4):
        with pytest.raises(UserError, match=text.NO_SUCH_RESULT):
            inspected.open_row("ann", number)


def test_downloads_hold_the_list_as_it_is_shown(inspected):
    names = [row[1] for row in inspected.list_results("ann").table]
    inspected.use_for_all("ann", ViewSettings("reconstruction", 1.2, 0.1))
    names = [row[1] for row in inspected.list_results("ann").table]
    lines = inspected.write("ann", "csv").read_text("utf-8-sig").splitlines()
    assert [row["name"] for row in csv.DictReader(io.StringIO("\n".join(lines)))] == names
    rows = json.loads(inspected.write("ann", "json").read_text("utf-8"))
    assert [row["name"] for row in rows] == names
    assert {row["map"] for row in rows} == {"reconstruction"}
    with zipfile.ZipFile(inspected.write("ann", "zip")) as archive:
        card = json.loads(archive.read("run.json"))
        assert json.loads(archive.read("results.json")) == rows
    assert card["cut"] == {"times": 1.2, "min_area": 0.001}
    assert [picture["name"] for picture in card["pictures"]] == names


@pytest.mark.parametrize("kind", ["csv", "json", "zip"])
def test_without_a_result_there_is_nothing_to_download(batch, kind):
    with pytest.raises(UserError, match=text.NO_RESULTS):
        batch.write("ann", kind)


def test_results_of_several_detectors_are_told_apart(inspected, pictures, free):
    give(inspected.handlers, "ann", free)
    run(inspected, [pictures["normal"]])
    with zipfile.ZipFile(inspected.write("ann", "zip")) as archive:
        card = json.loads(archive.read("run.json"))
    assert len(card["detectors"]) == 2
    used = {picture["detector"] for picture in card["pictures"]}
    assert used == {detector["fingerprint"] for detector in card["detectors"]}


def test_a_visitor_sees_and_downloads_only_their_own_results(inspected, pictures):
    assert inspected.list_results("bob").count == 0
    run(inspected, [pictures["third"]], "bob")
    assert [row[1] for row in inspected.list_results("bob").table] == ["third.png"]
    assert inspected.list_results("ann").count == 3


def test_names_of_files_are_never_markup(batch, pictures, tmp_path):
    evil = tmp_path / "<img src=x onerror=alert(1)>.png"
    evil.write_text("no picture")
    last = run(batch, [evil, pictures["normal"]])[-1]
    assert "<img" not in last.progress and "<img" in words_of(last.progress)


def test_no_more_results_than_the_bound_are_kept_and_the_shown_one_is_among_them(
    batch, pictures, monkeypatch
):
    from inpformer.ui import session

    monkeypatch.setattr(session, "MAX_INSPECTIONS", 2)
    run(batch, [pictures[name] for name in NAMES])
    kept = batch.handlers.sessions.get("ann")
    assert [item.name for item in kept.inspections.values()] == ["normal.png", "second.png"]
    assert kept.inspection.name == "normal.png"
    assert len(list(kept.folder.iterdir())) == 2
