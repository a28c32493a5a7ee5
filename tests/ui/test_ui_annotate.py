"""What a visitor does on the Annotate tab, without a page."""

import base64
import zipfile
from pathlib import Path

import cv2
import numpy as np
import pytest
from ui_doubles import striped

from inpformer.annotations.exchange import EXPORT_FORMATS
from inpformer.annotations.masks import encode_mask
from inpformer.errors import UserError
from inpformer.ui.annotate_handlers import AnnotateHandlers
from inpformer.ui.annotation_set_handlers import AnnotationSetHandlers
from inpformer.ui.handlers import Handlers
from inpformer.ui.inspect_handlers import InspectHandlers
from inpformer.ui.sessions import RELOAD_SECONDS, Sessions
from inpformer.ui.words import ENGLISH as text

ANN = "ann"


@pytest.fixture
def annotating(handlers: Handlers, free) -> AnnotateHandlers:
    """With a calibrated detector, so that there are thresholds."""
    handlers.shelf.start = free
    return AnnotateHandlers(handlers)


@pytest.fixture
def sets(annotating: AnnotateHandlers) -> AnnotationSetHandlers:
    return AnnotationSetHandlers(annotating)


@pytest.fixture
def desk(annotating: AnnotateHandlers, sets: AnnotationSetHandlers, pictures):
    """Three pictures of Ann's in the queue, one with a blot."""
    *_, last = sets.add(ANN, [pictures[name] for name in ("normal", "second", "blot")])
    assert not last.is_running and len(last.desk.rows) == 3
    return annotating.desk(annotating.handlers.sessions.get(ANN))


def a_patch(
    revision: int, labels: np.ndarray, left: int = 0, top: int = 0, number: int = 1
) -> dict:
    height, width = labels.shape
    png = base64.b64encode(cv2.imencode(".png", labels)[1].tobytes()).decode()
    box = [left, top, width, height]
    return {"id": "patch", "revision": revision, "box": box, "png": png}


def label_of(desk, name: str) -> str:
    return desk.store.load(name).label


def test_what_was_inspected_waits_in_the_queue_with_its_prediction(annotating, pictures):
    InspectHandlers(annotating.handlers).inspect(ANN, str(pictures["blot"]))
    report = annotating.arrive(ANN)
    (row,) = report.rows
    assert row["id"] == "blot.png" and row["label"] == "unlabelled" and "%" in row["line"]
    assert report.painter["value"]["size"] == [120, 90] and report.thumbnails.keys() == {"blot.png"}
    assert len(annotating.arrive(ANN).rows) == 1


def test_an_empty_tab_says_what_to_do(annotating):
    report = annotating.arrive(ANN)
    assert not report.rows and "Inspect tab" in report.status and report.painter["value"] is None
    for act in (annotating.accept, annotating.say_normal, annotating.skip):
        with pytest.raises(UserError, match="Choose a picture"):
            act(ANN)


def test_the_proposal_is_shown_but_not_stored(annotating, desk):
    annotating.open(ANN, "blot.png")
    work = desk.work_of("blot.png")
    assert work.is_proposal and work.painted.labels.any()
    assert desk.store.load("blot.png").version == 0
    assert np.array_equal(
        work.painted.labels > 0, desk.predicted["blot.png"].prediction.mask(desk.cut)
    )


def test_accepting_stores_exactly_the_proposal_and_goes_on(annotating, desk):
    annotating.open(ANN, "blot.png")
    proposed = desk.work_of("blot.png").painted.labels
    report = annotating.accept(ANN)
    said = desk.store.load("blot.png")
    assert np.array_equal(said.mask, proposed) and said.label == "anomalous"
    assert set(said.sources) == {"predicted"} and said.detector_id
    assert desk.current != "blot.png" and report.painter["value"]["id"] == desk.current


def test_sliders_change_the_proposal_but_no_stored_mask(annotating, desk):
    annotating.open(ANN, "blot.png")
    before = np.count_nonzero(desk.work_of("blot.png").painted.labels)
    report = annotating.propose(ANN, 0.8, 0.0, 1)
    after = np.count_nonzero(desk.work_of("blot.png").painted.labels)
    assert after > before > 0 and report.painter["mask"]["id"] == "blot.png"
    annotating.accept(ANN, "blot.png")
    annotating.open(ANN, "blot.png")
    assert not annotating.propose(ANN, 0.5, 2.0, 1).painter
    assert np.count_nonzero(desk.store.load("blot.png").mask) == after


def test_a_stroke_on_a_proposal_stores_both_as_a_correction(annotating, desk):
    annotating.open(ANN, "blot.png")
    work = desk.work_of("blot.png")
    expected = work.painted.labels.copy()
    expected[2:6, 3:9] = 1
    answer = annotating.draw(
        ANN, "blot.png", a_patch(work.painted.revision, np.ones((4, 6), np.uint8), 3, 2)
    )
    said = desk.store.load("blot.png")
    assert answer["state"] == "saved" and np.array_equal(said.mask, expected)
    assert said.label == "corrected" and {"human", "predicted"} <= set(said.sources)
    row = next(row for row in annotating.after_drawing(ANN).rows if row["id"] == "blot.png")
    assert row["label"] == "corrected"


def test_a_stroke_that_is_sent_twice_counts_once(annotating, desk):
    annotating.open(ANN, "blot.png")
    patch = a_patch(desk.work_of("blot.png").painted.revision, np.ones((2, 2), np.uint8))
    first, second = (annotating.draw(ANN, "blot.png", patch) for _ in range(2))
    assert first["revision"] == second["revision"] and second["state"] == "saved"
    assert desk.store.load("blot.png").version == 1


def test_a_stroke_on_an_older_mask_is_refused_and_nothing_is_lost(annotating, desk):
    annotating.open(ANN, "blot.png")
    old = desk.work_of("blot.png").painted.revision
    annotating.say_normal(ANN, "blot.png")
    answer = annotating.draw(ANN, "blot.png", a_patch(old, np.ones((2, 2), np.uint8)))
    assert answer["state"] == "stale" and label_of(desk, "blot.png") == "normal"
    again = annotating.resync(ANN, "blot.png")
    patch = a_patch(again["revision"], np.ones((2, 2), np.uint8))
    assert annotating.draw(ANN, "blot.png", patch)["state"] == "saved"
    assert label_of(desk, "blot.png") == "corrected"


def test_what_another_program_saved_is_not_written_over(annotating, desk):
    annotating.open(ANN, "blot.png")
    work = desk.work_of("blot.png")
    theirs = np.zeros((90, 120), np.uint8)
    theirs[:5, :5] = 1
    desk.store.save(type(work.annotation)("blot.png", theirs, "anomalous"))
    patch = a_patch(work.painted.revision, np.ones((2, 2), np.uint8), 50, 50)
    answer = annotating.draw(ANN, "blot.png", patch)
    assert answer["state"] == "stale" and answer["revision"] != work.painted.revision
    assert np.array_equal(desk.store.load("blot.png").mask, theirs)


@pytest.mark.parametrize("patch", [None, {}, {"id": "x", "revision": -1}, "stroke"])
def test_a_damaged_stroke_is_refused_with_a_sentence(annotating, desk, patch):
    annotating.open(ANN, "blot.png")
    answer = annotating.draw(ANN, "blot.png", patch)
    assert answer["state"] == "refused" and answer["reason"].endswith(".")
    assert annotating.draw(ANN, "nowhere.png", patch)["reason"] == text.PAINTER_UNKNOWN


def test_normal_and_skip_lead_through_the_queue_to_its_end(annotating, desk):
    annotating.open(ANN, "blot.png")
    annotating.accept(ANN)
    annotating.say_normal(ANN)
    report = annotating.skip(ANN)
    assert {row["label"] for row in report.rows} == {"anomalous", "normal", "skipped"}
    assert text.ANNOTATE_ALL_DONE in report.said or desk.current
    report = annotating.say_normal(ANN)
    assert text.ANNOTATE_ALL_DONE in report.said


def test_a_picture_is_taken_out_with_its_mask_and_the_next_one_is_shown(annotating, desk):
    names = {row["id"] for row in annotating.sort(ANN, "name").rows}
    annotating.open(ANN, "blot.png")
    annotating.accept(ANN)
    annotating.open(ANN, "blot.png")
    report = annotating.remove(ANN)
    assert text.ANNOTATE_REMOVED.format(name="blot.png") == report.said
    assert {row["id"] for row in report.rows} == names - {"blot.png"} == set(report.thumbnails)
    assert desk.current in names - {"blot.png"}
    with pytest.raises(UserError):
        annotating.annotation(ANN, "blot.png")
    for _ in range(len(names) - 1):
        report = annotating.remove(ANN)
    assert report.rows == [] and desk.current is None and report.painter["value"] is None
    with pytest.raises(UserError, match="Choose a picture"):
        annotating.remove(ANN)


def test_steps_go_along_the_shown_order_and_stop_at_its_ends(annotating, desk):
    names = [row["id"] for row in annotating.sort(ANN, "name").rows]
    assert names == sorted(names)
    annotating.open(ANN, names[0])
    seen = [annotating.step(ANN, 1).painter["value"]["id"] for _ in range(3)]
    assert seen == [names[1], names[2], names[2]]
    assert annotating.step(ANN, -1).painter["value"]["id"] == names[1]


def test_the_most_anomalous_picture_is_first_by_confidence(annotating, desk):
    assert annotating.sort(ANN, "confidence").rows[0]["id"] == "blot.png"
    assert {row["id"] for row in annotating.sort(ANN, "disagreement").rows} == set(desk.predicted)


def test_a_class_of_ones_own_can_be_drawn_and_named(annotating, sets, desk):
    report = sets.save_class(ANN, 0, "scratch", "rgba(0, 114, 178, 1)")
    assert [item["name"] for item in report.painter["classes"]] == ["defect", "scratch"]
    assert report.painter["classes"][1]["colour"] == "#0072b2"
    sets.save_class(ANN, 1, "dent", "#123456")
    assert sets.class_choices(ANN) == [("dent", 1), ("scratch", 2)]
    annotating.open(ANN, "blot.png")
    annotating.propose(ANN, 1.0, 0.0, 2)
    annotating.accept(ANN)
    assert set(np.unique(desk.store.load("blot.png").mask)) == {0, 2}
    with pytest.raises(UserError, match="colour"):
        sets.save_class(ANN, 0, "x", "red")


@pytest.mark.parametrize("kind", EXPORT_FORMATS)
def test_every_format_is_exported_as_a_zip_and_comes_back(annotating, sets, desk, kind):
    annotating.accept(ANN, "blot.png")
    annotating.say_normal(ANN, "normal.png")
    report = sets.export(ANN, kind)
    assert zipfile.is_zipfile(report.path) and "3 pictures" in report.said
    sets.import_set("bob", str(report.path), "auto")
    theirs = annotating.desk(annotating.handlers.sessions.get("bob")).store
    masks = {item.name: theirs.load(item.name).mask for item in theirs.pictures()}
    blot = next(mask for name, mask in masks.items() if "blot" in name)
    if EXPORT_FORMATS[kind].is_lossless:
        assert np.array_equal(blot, desk.store.load("blot.png").mask)
    else:
        assert text.EXPORT_LOSSY in report.said and blot.any()


def test_an_import_that_is_too_large_or_no_zip_adds_nothing(annotating, sets, desk, tmp_path):
    bad = tmp_path / "bad.zip"
    bad.write_bytes(b"no zip")
    with pytest.raises(UserError, match="zip"):
        sets.import_set(ANN, str(bad), "auto")
    many = tmp_path / "many.zip"
    with zipfile.ZipFile(many, "w") as archive:
        for number in range(500):
            archive.writestr(f"normal/{number}.png", b"x")
    with pytest.raises(UserError, match="more than 93 pictures"):
        sets.import_set(ANN, str(many), "auto")
    assert len(desk.pictures()) == 3


def test_a_mask_from_elsewhere_is_stored_bit_for_bit(annotating, desk):
    mask = np.zeros((90, 120), np.uint8)
    mask[10:20, 10:30] = 1
    said = annotating.set_mask(ANN, "normal.png", encode_mask(mask))
    assert said["label"] == "anomalous" and said["regions"][0]["area"] == 200
    assert np.array_equal(desk.store.load("normal.png").mask, mask)
    with pytest.raises(UserError, match="pixels"):
        annotating.set_mask(ANN, "normal.png", encode_mask(mask[1:]))
    with pytest.raises(UserError, match="class"):
        annotating.set_mask(ANN, "normal.png", encode_mask(mask * 7))


def test_two_visitors_have_queues_of_their_own(annotating, sets, desk):
    assert annotating.arrive("bob").rows == []
    assert annotating.draw("bob", "blot.png", {"id": "p"})["state"] == "refused"
    with pytest.raises(UserError):
        annotating.open("bob", "blot.png")


def test_time_is_counted_while_somebody_works(annotating, sets, desk):
    now = [0.0]
    desk._clock = lambda: now[0]
    annotating.open(ANN, "blot.png")
    now[0] = 12.0
    annotating.accept(ANN, "blot.png")
    now[0] = 5000.0
    annotating.open(ANN, "blot.png")
    now[0] = 9000.0
    annotating.say_normal(ANN, "blot.png")
    assert desk.store.load("blot.png").seconds == 12.0 + 60.0


def test_only_what_another_detector_predicted_is_predicted_again(annotating, sets, desk, plus):
    with pytest.raises(UserError, match="already"):
        list(sets.predict(ANN))
    annotating.accept(ANN, "blot.png")
    mask = desk.store.load("blot.png").mask
    session = annotating.handlers.sessions.get(ANN)
    session.add_detector("better", plus)
    *_, last = sets.predict(ANN)
    assert "3 pictures" in last.progress
    assert {each.detector_title for each in desk.predicted.values()} == {"better"}
    assert np.array_equal(desk.store.load("blot.png").mask, mask)


def test_a_stopped_prediction_keeps_what_is_done(annotating, sets, pictures):
    reports = sets.add(ANN, [pictures["normal"], pictures["second"]])
    next(reports)
    next(reports)
    sets.stop(ANN)
    *_, last = reports
    assert "Stopped after" in last.progress and len(last.desk.rows) in (1, 2)
    assert annotating.handlers.sessions.get(ANN).job is None


def test_bad_files_are_named_and_the_others_come_in(sets, annotating, pictures):
    *_, last = sets.add(ANN, [pictures["cut"], pictures["normal"]])
    assert "cut.png" in last.progress and [row["id"] for row in last.desk.rows] == ["normal.png"]


def test_a_reloaded_page_finds_everything_and_another_key_finds_nothing(tmp_path, source, pictures):
    clock = [0.0]
    sessions = Sessions(root=tmp_path, clock=lambda: clock[0])
    session = sessions.resume("first", "")
    session.add_detector("hers", source)
    sessions.get("second")
    assert sessions.resume("second", session.pass_key) is session  # the page is faster than its end
    sessions.leave("first")
    sessions.leave("second")
    assert sessions.resume("third", "guess") is not session
    clock[0] += RELOAD_SECONDS - 1
    sessions.sweep()
    assert sessions.resume("fourth", session.pass_key) is session and session.own


def test_a_closed_page_is_forgotten_after_a_while_and_its_work_stops_at_once(tmp_path):
    clock = [0.0]
    sessions = Sessions(root=tmp_path, clock=lambda: clock[0])
    session = sessions.resume("ann", "")
    folder, job = session.folder, session.start_job("fit")
    sessions.leave("ann")
    assert job.stop.is_set() and folder.is_dir()
    clock[0] += RELOAD_SECONDS + 1
    sessions.sweep()
    assert not folder.exists() and sessions.resume("bob", session.pass_key) is not session


def test_a_caller_that_is_no_page_is_forgotten_when_it_leaves(tmp_path):
    sessions = Sessions(root=tmp_path)
    folder = Path(sessions.get("client").folder)
    sessions.leave("client")
    assert not folder.exists() and len(sessions) == 0


def test_whoever_forgets_keeps_the_key_but_nothing_else(handlers, pictures):
    handlers.arrive("ann")
    session = handlers.sessions.get("ann")
    session.keep(pictures["normal"])
    handlers.forget("ann")
    again = handlers.sessions.get("ann")
    assert again is not session and again.pass_key == session.pass_key and session.is_forgotten
    assert handlers.sessions.resume("reloaded", session.pass_key) is again


def test_striped_pictures_of_other_sizes_keep_theirs(annotating, sets, tmp_path):
    odd = tmp_path / "odd.png"
    cv2.imwrite(str(odd), striped(3, 57, 133))
    *_, last = sets.add(ANN, [odd])
    assert last.desk.painter["value"]["size"] == [133, 57]
    annotating.accept(ANN)
    desk = annotating.desk(annotating.handlers.sessions.get(ANN))
    assert desk.store.load("odd.png").mask.shape == (57, 133)
