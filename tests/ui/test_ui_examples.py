"""Example parts, ready detectors and the ways back, as plain functions."""

import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from example_tree import SHOTS
from ui_doubles import words_of

from inpformer.config import FitConfig
from inpformer.detector import ZERO_SHOT_NOTICE
from inpformer.errors import UserError, WeightsError
from inpformer.ui import text
from inpformer.ui.example_handlers import ExampleHandlers, gallery_caption
from inpformer.ui.handlers import Handlers
from inpformer.ui.ready import ReadyDetectors
from inpformer.ui.session import Sessions

LOOK = (0.6, "inferno")
DEEP_SCRATCH = 2  # of the ring's pictures


@pytest.fixture
def ready(source) -> ReadyDetectors:
    return ReadyDetectors(source)


@pytest.fixture
def shelf(handlers, examples, ready) -> ExampleHandlers:
    """The actions with the example parts."""
    return ExampleHandlers(handlers, examples, ready)


@pytest.fixture
def zero_shot(plus):
    return plus.zero_shot()


@pytest.fixture
def zero_handlers(source, zero_shot) -> Handlers:
    """The actions where visitors may choose zero-shot prototypes."""
    return Handlers(source, Sessions(), zero_shot)


# Opening


def test_a_click_on_the_gallery_gives_the_ready_detector_and_its_result(shelf, examples):
    report = shelf.open_gallery_entry("ann", 0, *LOOK)
    assert report.part.name == "ring" and report.path == examples.gallery[0].source_path
    card = words_of(report.detector_card)
    assert "ready detector of Striped ring" in card and "1 normal picture" in card
    assert "tiny" in card and report.inspection.is_calibrated
    words = words_of(report.inspection.map_view.verdict)
    assert "confidence" in words and text.VERDICTS[None] not in words
    session = shelf.handlers.sessions.get("ann")
    assert session.part is report.part and session.inspection is not None
    assert len(report.inspection.prototype_view.attention) == 4


def test_every_picture_of_a_part_can_be_opened(shelf, examples):
    part = examples.part("ring")
    thumbnails = shelf.thumbnails("ring")
    assert len(thumbnails) == len(part.pictures)
    assert thumbnails[DEEP_SCRATCH][1] == "deep scratch"
    for index, picture in enumerate(part.pictures):
        assert max(thumbnails[index][0].shape) <= 192
        assert shelf.open_picture("ann", "ring", index, *LOOK).path == picture.path


def test_what_was_opened_is_what_the_next_picture_is_inspected_with(shelf, pictures):
    shelf.open_gallery_entry("ann", 0, *LOOK)
    report = shelf.handlers.inspect("ann", str(pictures["blot"]), *LOOK)
    assert report.is_calibrated


def test_visitors_share_one_ready_detector_and_it_shares_the_encoder_of_the_start(shelf, source):
    for visitor in ("ann", "bob"):
        shelf.open_gallery_entry(visitor, 0, *LOOK)
    ann, bob = (shelf.handlers.sessions.get(visitor) for visitor in ("ann", "bob"))
    assert ann.detector is bob.detector and ann.inspection is not bob.inspection
    assert ann.detector.model.encoder is source.model.encoder


def test_what_one_visitor_opens_changes_nothing_for_another(shelf, source, pictures):
    shelf.open_gallery_entry("ann", 0, *LOOK)
    bob = shelf.handlers.sessions.get("bob")
    assert shelf.handlers.detector_of(bob) is source and bob.inspection is None
    assert not shelf.handlers.inspect("bob", str(pictures["blot"]), *LOOK).is_calibrated


@pytest.mark.parametrize("is_missing", [True, False], ids=["missing", "damaged"])
def test_a_ready_detector_that_cannot_be_used_is_one_sentence_and_nothing_is_lost(
    shelf, examples, is_missing, monkeypatch, caplog
):
    shelf.open_gallery_entry("ann", 0, *LOOK)
    session = shelf.handlers.sessions.get("ann")
    before = vars(session).copy()
    if is_missing:
        object.__setattr__(part := examples.part("plate"), "detector_path", None)
        assert part.detector_path is None
    with pytest.raises(UserError) as caught:
        shelf.open_picture("ann", "plate", 0, *LOOK)
    assert "Striped plate" in str(caught.value) and "/" not in str(caught.value)
    after = vars(session).copy()
    assert {**before, "last_seen": 0} == {**after, "last_seen": 0}


@pytest.mark.parametrize(("part", "index"), [("ring", 99), ("ring", -1), ("nut", 0), (None, 0)])
def test_a_picture_that_is_not_there_is_one_sentence(shelf, part, index):
    with pytest.raises(UserError, match=text.NO_SUCH_EXAMPLE):
        shelf.open_picture("ann", part, index, *LOOK)


@pytest.mark.parametrize("index", [2, -1])
def test_a_result_that_is_not_in_the_gallery_is_one_sentence(shelf, index):
    with pytest.raises(UserError, match=text.NO_SUCH_EXAMPLE):
        shelf.open_gallery_entry("ann", index, *LOOK)


def test_a_caption_names_the_part_what_is_known_and_what_was_found(examples):
    bad, good = map(gallery_caption, examples.gallery)
    assert "Striped ring" in bad and "deep scratch" in bad
    assert text.VERDICTS[True] in bad and "90%" in bad
    assert text.GALLERY_GOOD in good and text.VERDICTS[False] in good


def test_a_fit_on_the_normal_pictures_of_a_part_replaces_its_ready_detector(shelf):
    shelf.open_gallery_entry("ann", 0, *LOOK)
    paths, words = shelf.normals("ring")
    assert len(paths) == SHOTS - 1 and "4 normal pictures of the Striped ring" in words
    quick = FitConfig(variant="training-free", inp_count=4)
    *_, last = shelf.handlers.fit("ann", [str(path) for path in paths], quick)
    card = words_of(last.detector_card)
    assert "from 4 normal picture(s)" in card and "ready detector" not in card


# The way back


def test_starting_over_forgets_the_detector_and_the_result(shelf, source):
    shelf.open_gallery_entry("ann", 0, *LOOK)
    card = shelf.handlers.start_over("ann")
    session = shelf.handlers.sessions.get("ann")
    assert shelf.handlers.detector_of(session) is source and "ready" not in words_of(card)
    assert session.part is None and session.inspection is None


def test_starting_over_stops_the_fit_and_keeps_its_detector_out(
    scripted_handlers, scripted, pictures
):
    stream = scripted_handlers.fit("ann", [str(pictures["normal"])], FitConfig())
    scripted.may_step.release()
    assert next(stream).is_running
    scripted_handlers.start_over("ann")
    *_, last = stream
    assert words_of(last.progress) == text.FIT_CANCELLED
    assert scripted_handlers.sessions.get("ann").detector is None


def test_a_fit_that_runs_says_which_detector_is_in_use_by_now(
    scripted_handlers, scripted, pictures, examples, plus
):
    stream = scripted_handlers.fit("ann", [str(pictures["normal"])], FitConfig())
    scripted.may_step.release()
    assert "ready" not in next(stream).detector_card
    session = scripted_handlers.sessions.get("ann")
    session.detector, session.part = plus, examples.part("ring")
    scripted.may_step.release()
    assert "ready detector of Striped ring" in next(stream).detector_card
    scripted.let_go()
    assert "ready" not in list(stream)[-1].detector_card


def test_a_newcomer_starts_without_training(zero_handlers, pictures):
    zero_handlers.inspect("ann", str(pictures["blot"]), *LOOK)
    card = words_of(zero_handlers.card_of(zero_handlers.sessions.get("ann")))
    assert "no normal pictures yet" in card and "zero-shot" not in card


def test_zero_shot_prototypes_give_a_map_and_no_verdict(zero_handlers, pictures):
    _, report = zero_handlers.use_start("ann", True, str(pictures["blot"]), *LOOK)
    words = words_of(report.map_view.verdict)
    assert text.VERDICTS[None] in words and ZERO_SHOT_NOTICE in words
    assert report.map_names == ("distance",) and not report.is_calibrated
    assert text.MAP_TITLES["distance"] in words
    assert "zero-shot" in words_of(zero_handlers.card_of(zero_handlers.sessions.get("ann")))


def test_both_starts_look_at_the_picture_of_the_page_at_once(zero_handlers, pictures, plus):
    zero_handlers.sessions.get("ann").detector = plus
    path = str(pictures["blot"])
    card, free = zero_handlers.use_start("ann", False, path, *LOOK)
    assert "no normal pictures yet" in words_of(card) and not free.is_calibrated
    card, zero = zero_handlers.use_start("ann", True, path, *LOOK)
    assert "zero-shot" in words_of(card)
    assert not np.array_equal(free.map_view.heatmap, zero.map_view.heatmap)
    card, nothing = zero_handlers.use_start("ann", False, None, *LOOK)
    assert nothing is None and "no normal pictures yet" in words_of(card)


def test_a_start_that_cannot_read_the_picture_changes_nothing(zero_handlers, pictures, plus):
    session = zero_handlers.sessions.get("ann")
    session.detector = plus
    with pytest.raises(UserError, match=r"cut\.png"):
        zero_handlers.use_start("ann", True, str(pictures["cut"]), *LOOK)
    assert session.detector is plus and not session.is_zero_shot


def test_a_fit_builds_on_the_encoder_alone_also_after_a_zero_shot_start(zero_handlers, pictures):
    quick = FitConfig(variant="inp-former", steps=2, tokens_per_view=8, inp_count=4)
    *_, last = zero_handlers.fit("ann", [str(pictures["normal"])], quick)
    assert "zero-shot" not in last.detector_card
    assert zero_handlers.inspect("ann", str(pictures["blot"]), *LOOK).is_calibrated


# Where ready detectors come from


def test_a_file_is_read_once_however_many_ask_at_once(source, free):
    reads, together = [], threading.Barrier(6)

    def load(path, device):
        reads.append((path, device))
        return free

    ready = ReadyDetectors(source, load=load)

    def ask(_: int):
        together.wait(10)
        return ready.get(Path("ring"))

    with ThreadPoolExecutor(6) as pool:
        found = list(pool.map(ask, range(6)))
    assert reads == [(Path("ring"), "cpu")] and len({id(one) for one in found}) == 1


def test_the_detector_unused_for_longest_makes_room(source, free):
    reads = []

    def load(path, _):
        reads.append(path.name)
        return free

    ready = ReadyDetectors(source, max_ready=2, load=load)
    for name in ("a", "b", "a", "c", "a", "b"):
        ready.get(Path(name))
    assert reads == ["a", "b", "c", "b"]


def test_a_file_that_was_damaged_is_tried_again(source, free):
    answers = [WeightsError("Damaged."), free]

    def load(*_):
        answer = answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    ready = ReadyDetectors(source, load=load)
    with pytest.raises(WeightsError):
        ready.get(Path("ring"))
    assert ready.get(Path("ring")).calibration is free.calibration


def test_zero_shot_is_offered_only_on_the_encoder_that_was_found(source, plus, other_encoder):
    def ready(start, answer):
        return ReadyDetectors(start, load=lambda *_: answer)

    path = Path("multi-part")
    assert ready(source, plus).zero_shot(None) is None
    found = ready(source, plus).zero_shot(path)
    assert found.provenance.zero_shot and found.model.encoder is source.model.encoder
    assert ready(other_encoder, plus).zero_shot(path) is None
    # Who starts the page with a fitted detector wants that one.
    assert ready(plus, plus).zero_shot(path) is None


def test_a_damaged_multi_part_detector_does_not_keep_the_page_from_starting(source, examples):
    damaged = examples.part("plate").detector_path
    assert damaged.is_file() and ReadyDetectors(source).zero_shot(damaged) is None
