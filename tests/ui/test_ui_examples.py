"""Example parts, ready detectors and the ways back, as plain functions."""

import re
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from example_tree import SHOTS
from ui_doubles import give, words_of

from inpformer.detector import ZERO_SHOT_NOTICE
from inpformer.errors import UserError, WeightsError
from inpformer.fit_config import FitConfig
from inpformer.ui.example_handlers import gallery_caption
from inpformer.ui.fewshot_handlers import FewshotHandlers
from inpformer.ui.handlers import Handlers
from inpformer.ui.inspect_handlers import InspectHandlers
from inpformer.ui.ready import ReadyDetectors
from inpformer.ui.sessions import Sessions
from inpformer.ui.shelf import ZERO_SHOT, Shelf
from inpformer.ui.words import ENGLISH as text

DEEP_SCRATCH = 2  # of the ring's pictures


@pytest.fixture
def zero_shot(plus):
    return plus.zero_shot()


@pytest.fixture
def choosing(source, zero_shot, tmp_path) -> InspectHandlers:
    """The actions where visitors may choose zero-shot prototypes."""
    return InspectHandlers(Handlers(Sessions(root=tmp_path), Shelf(source, zero_shot)))


# Opening


def test_a_click_on_the_gallery_gives_the_ready_detector_and_its_result(opening, examples):
    report = opening.open_gallery_entry("ann", 0)
    assert report.part.name == "ring" and report.path == examples.gallery[0].source_path
    card = words_of(report.detector.card)
    assert "Ready detector: Striped ring" in card and "1 normal picture" in card
    assert report.detector.key == "part:ring"
    assert "tiny" in card and report.inspection.is_calibrated
    words = words_of(report.inspection.verdict)
    assert "confidence" in words and text.VERDICTS[None] not in words
    session = opening.handlers.sessions.get("ann")
    assert session.detector_key == "part:ring" and session.inspection is not None


def test_every_picture_of_a_part_can_be_opened(opening, examples):
    part = examples.part("ring")
    thumbnails = opening.thumbnails("ring", text)
    assert len(thumbnails) == len(part.pictures)
    assert thumbnails[DEEP_SCRATCH][1] == "deep scratch"
    for index, picture in enumerate(part.pictures):
        assert max(thumbnails[index][0].shape) <= 192
        assert opening.open_picture("ann", "ring", index).path == picture.path


def test_what_was_opened_is_what_the_next_picture_is_inspected_with(opening, pictures):
    opening.open_gallery_entry("ann", 0)
    report = opening.inspecting.inspect("ann", str(pictures["blot"]))
    assert report.is_calibrated


def test_visitors_share_one_ready_detector_and_it_shares_the_encoder_of_the_start(opening, source):
    for visitor in ("ann", "bob"):
        opening.open_gallery_entry(visitor, 0)
    ann, bob = (opening.handlers.sessions.get(visitor) for visitor in ("ann", "bob"))
    detector = opening.handlers.detector_of(ann)
    assert detector is opening.handlers.detector_of(bob) and ann.inspection is not bob.inspection
    assert detector.model.encoder is source.model.encoder


def test_what_one_visitor_opens_changes_nothing_for_another(opening, source, pictures):
    opening.open_gallery_entry("ann", 0)
    bob = opening.handlers.sessions.get("bob")
    assert opening.handlers.detector_of(bob) is source and bob.inspection is None
    assert not opening.inspecting.inspect("bob", str(pictures["blot"])).is_calibrated


@pytest.mark.parametrize("is_missing", [True, False], ids=["missing", "damaged"])
def test_a_ready_detector_that_cannot_be_used_is_one_sentence_and_nothing_is_lost(
    opening, examples, is_missing, monkeypatch, caplog
):
    opening.open_gallery_entry("ann", 0)
    session = opening.handlers.sessions.get("ann")
    before = vars(session).copy()
    if is_missing:
        object.__setattr__(part := examples.part("plate"), "detector_path", None)
        assert part.detector_path is None
    with pytest.raises(UserError) as caught:
        opening.open_picture("ann", "plate", 0)
    assert "Striped plate" in str(caught.value) and "/" not in str(caught.value)
    after = vars(session).copy()
    assert {**before, "last_seen": 0} == {**after, "last_seen": 0}


@pytest.mark.parametrize(("part", "index"), [("ring", 99), ("ring", -1), ("nut", 0), (None, 0)])
def test_a_picture_that_is_not_there_is_one_sentence(opening, part, index):
    with pytest.raises(UserError, match=text.NO_SUCH_EXAMPLE):
        opening.open_picture("ann", part, index)


@pytest.mark.parametrize("index", [2, -1])
def test_a_result_that_is_not_in_the_gallery_is_one_sentence(opening, index):
    with pytest.raises(UserError, match=text.NO_SUCH_EXAMPLE):
        opening.open_gallery_entry("ann", index)


def test_a_caption_names_the_part_what_is_known_and_what_was_found(examples):
    bad, good = (gallery_caption(entry, text) for entry in examples.gallery)
    assert "Striped ring" in bad and "deep scratch" in bad
    assert text.VERDICTS[True] in bad and "90%" in bad
    assert text.GALLERY_GOOD in good and text.VERDICTS[False] in good


def test_a_fit_on_the_normal_pictures_of_a_part_replaces_its_ready_detector(opening):
    opening.open_gallery_entry("ann", 0)
    paths, words = opening.normals("ann", "ring")
    assert len(paths) == SHOTS - 1 and "4 normal pictures of the Striped ring" in words
    quick = FitConfig(variant="training-free", inp_count=4)
    fitting = FewshotHandlers(opening.handlers)
    *_, last = fitting.fit("ann", [str(path) for path in paths], quick)
    card = words_of(last.detector.card)
    assert "from 4 normal picture(s)" in card and "Ready detector" not in card


# Choosing


def test_forgetting_brings_a_visitor_back_to_the_start(opening, source):
    opening.open_gallery_entry("ann", 0)
    report = opening.handlers.forget("ann")
    session = opening.handlers.sessions.get("ann")
    assert opening.handlers.detector_of(session) is source and report.key == "free"
    assert session.inspection is None and not session.inspections


def test_forgetting_stops_the_fit_and_keeps_its_detector_out(scripted_fitting, scripted, pictures):
    stream = scripted_fitting.fit("ann", [str(pictures["normal"])], FitConfig())
    scripted.may_step.release()
    assert next(stream).is_running
    scripted_fitting.handlers.forget("ann")
    *_, last = stream
    assert words_of(last.progress) == text.FIT_CANCELLED
    assert not scripted_fitting.handlers.sessions.get("ann").own


def test_a_fit_that_runs_says_which_detector_is_in_use_by_now(
    scripted_fitting, scripted, pictures, plus
):
    stream = scripted_fitting.fit("ann", [str(pictures["normal"])], FitConfig())
    scripted.may_step.release()
    assert next(stream).detector.key == "free"
    session = give(scripted_fitting.handlers, "ann", plus)
    scripted.may_step.release()
    assert next(stream).detector.key == session.detector_key
    scripted.let_go()
    assert list(stream)[-1].detector.key == list(session.own)[-1]


def test_a_newcomer_starts_without_training(choosing, pictures):
    choosing.inspect("ann", str(pictures["blot"]))
    card = words_of(choosing.handlers.arrive("ann").card)
    assert "no normal pictures yet" in card and "zero-shot" not in card


def test_zero_shot_prototypes_give_a_map_and_no_verdict(choosing, pictures):
    card = words_of(choosing.handlers.use_detector("ann", ZERO_SHOT).card)
    report = choosing.inspect("ann", str(pictures["blot"]))
    words = words_of(report.verdict)
    assert text.VERDICTS[None] in words and ZERO_SHOT_NOTICE in words
    assert report.settings.map_name == "distance" and not report.is_calibrated
    assert text.MAP_TITLES["distance"] in words and "zero-shot" in card


def test_the_picture_on_the_screen_is_looked_at_anew_with_another_detector(choosing, pictures):
    assert choosing.inspect_again("ann") is None
    free = choosing.inspect("ann", str(pictures["blot"]))
    assert choosing.inspect_again("ann") is None
    choosing.handlers.use_detector("ann", ZERO_SHOT)
    zero = choosing.inspect_again("ann")
    assert free.heat["steps"] != zero.heat["steps"]
    assert free.picture["picture"] == zero.picture["picture"]
    assert choosing.handlers.sessions.get("ann").inspection.name == "blot.png"


@pytest.mark.parametrize("key", ["own:none", "part:nut", "part:", "", "mud"])
def test_a_detector_that_is_not_there_is_one_sentence_and_the_one_before_stays(choosing, key):
    choosing.handlers.use_detector("ann", ZERO_SHOT)
    with pytest.raises(UserError, match=re.escape(text.NO_SUCH_DETECTOR)):
        choosing.handlers.use_detector("ann", key)
    assert choosing.handlers.arrive("ann").key == ZERO_SHOT


def test_a_visitors_own_detector_is_nobody_elses(handlers, plus):
    key = give(handlers, "ann", plus).detector_key
    assert key in [each for _, each in handlers.arrive("ann").choices]
    assert key not in [each for _, each in handlers.arrive("bob").choices]
    with pytest.raises(UserError):
        handlers.use_detector("bob", key)


def test_a_fit_builds_on_the_encoder_alone_also_after_a_zero_shot_start(choosing, pictures):
    choosing.handlers.use_detector("ann", ZERO_SHOT)
    quick = FitConfig(variant="inp-former", steps=2, tokens_per_view=8, inp_count=4)
    *_, last = FewshotHandlers(choosing.handlers).fit("ann", [str(pictures["normal"])], quick)
    assert "zero-shot" not in last.detector.card
    assert choosing.inspect("ann", str(pictures["blot"])).is_calibrated


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
