"""A visitor's own detectors, as plain functions."""

import pytest
import torch
from ui_doubles import words_of

from inpformer.detector import AnomalyDetector
from inpformer.errors import UserError
from inpformer.settings import Settings
from inpformer.ui.own_handlers import OwnHandlers
from inpformer.ui.session import FREE
from inpformer.ui.words import ENGLISH as text


@pytest.fixture
def own(handlers) -> OwnHandlers:
    return OwnHandlers(handlers)


@pytest.fixture
def ann(handlers, plus):
    """A visitor with one detector, which is in use."""
    session = handlers.sessions.get("ann")
    session.add_detector("Ring", plus)
    return session


def test_a_visitor_without_detectors_is_told_how_to_get_one(own):
    report = own.show("ann")
    assert report.chosen is None and report.choices == [] and report.file is None
    assert words_of(report.card) == text.OWN_NONE


def test_the_file_of_a_detector_is_named_as_it_is_and_loads_as_the_same(own, ann, plus):
    report = own.show("ann")
    assert report.chosen == ann.detector_key and text.OWN_IN_USE in words_of(report.card)
    assert report.file.name == "Ring.safetensors" and report.file.is_relative_to(ann.folder)
    loaded = AnomalyDetector.load(report.file, "cpu")
    assert loaded.calibration == plus.calibration


def test_a_name_of_another_script_and_odd_signs_make_a_file_name(own, handlers, plus):
    session = handlers.sessions.get("ann")
    session.add_detector("../垫圈 / <b> " + "长" * 90, plus)
    file = own.show("ann").file
    assert file.is_file() and file.is_relative_to(session.folder / "detectors")
    assert "垫圈" in file.name and not set("/<> ") & set(file.name)
    assert "<b>" not in own.show("ann").card


def test_a_renamed_detector_is_the_same_one_under_its_new_name(own, ann, plus, handlers):
    key = ann.detector_key
    report = own.rename("ann", key, "  Line 3 ")
    assert report.name == "Line 3" and report.file.name == "Line_3.safetensors"
    assert ann.own[key].detector is plus and ann.detector_key == key
    assert ("Line 3", key) in report.detector.choices and "Line 3" in report.said
    assert handlers.shelf.title(ann) == "Line 3"
    with pytest.raises(UserError, match=text.OWN_NAME_EMPTY):
        own.rename("ann", key, " ")


def test_two_detectors_never_have_one_name(own, ann, free):
    first = ann.detector_key
    ann.add_detector("Plate", free)
    report = own.rename("ann", ann.detector_key, "Ring")
    assert report.name == "Ring (2)"
    assert own.rename("ann", first, "Ring").name == "Ring"


def test_a_removed_detector_is_gone_with_its_file_and_another_one_decides(own, ann):
    file = own.show("ann").file
    report = own.remove("ann", ann.detector_key)
    assert not ann.own and ann.detector_key == FREE and report.detector.key == FREE
    assert not file.exists() and "Ring" in report.said
    with pytest.raises(UserError, match=text.OWN_CHOOSE):
        own.remove("ann", report.chosen)


def test_any_of_ones_detectors_can_be_used_again(own, ann, free):
    first = ann.detector_key
    ann.add_detector("Plate", free)
    assert own.use("ann", first).detector.key == first == ann.detector_key


def test_a_saved_detector_is_loaded_again_and_used(own, ann, handlers, source):
    file = own.show("ann").file
    report = own.load("bob", str(file))
    bob = handlers.sessions.get("bob")
    assert report.name == "Ring" and bob.detector_key == report.chosen
    assert "Ring" in report.said and file in bob.uploads
    # Memory has the encoder once.
    assert handlers.detector_of(bob).model.encoder is source.model.encoder
    assert handlers.shelf.shots(bob) == []


def test_a_loaded_detector_with_another_encoder_keeps_it(own, other_encoder, tmp_path, handlers):
    path = other_encoder.save(tmp_path / "other.safetensors", bundle_encoder=True)
    own.load("ann", str(path))
    loaded = handlers.detector_of(handlers.sessions.get("ann"))
    assert loaded.has_encoder_of(other_encoder)


@pytest.mark.parametrize("case", ["pickle", "renamed", "cut", "picture", "none", "gone"])
def test_what_is_no_detector_is_refused_in_one_sentence(own, ann, pictures, tmp_path, case):
    whole = own.show("ann").file.read_bytes()
    path = tmp_path / ("detector.pth" if case == "pickle" else "detector.safetensors")
    if case in ("pickle", "renamed"):
        torch.save({"weight": torch.zeros(2)}, path)
    elif case == "cut":
        path.write_bytes(whole[: len(whole) // 2])
    elif case == "picture":
        path = pictures["normal"]
    with pytest.raises(UserError) as caught:
        own.load("ann", None if case == "none" else str(path))
    assert str(caught.value).endswith(".") and "Traceback" not in str(caught.value)
    assert len(ann.own) == 1 and own.show("ann").name == "Ring"


def test_a_pickle_is_never_opened(own, tmp_path, monkeypatch):
    path = tmp_path / "evil.pkl"
    path.write_bytes(b"cos\nsystem\n(S'false'\ntR.")
    monkeypatch.setattr(AnomalyDetector, "load", lambda *_: pytest.fail("it was opened"))
    with pytest.raises(UserError, match=r"evil\.pkl"):
        own.load("ann", str(path))


def test_beyond_the_bound_the_oldest_goes_first_with_its_file_and_it_is_said(own, ann, free):
    first = own.show("ann").file
    for number in range(Settings.detectors - 1):
        ann.add_detector(f"Plate {number}", free)
    report = own.load("ann", str(own.show("ann").file))
    assert "'Ring'" in report.said and str(Settings.detectors) in report.said
    assert len(ann.own) == Settings.detectors and not first.exists()


def test_one_visitor_cannot_touch_the_detectors_of_another(own, ann):
    for act in (own.use, own.remove):
        with pytest.raises(UserError, match=text.OWN_CHOOSE):
            act("bob", ann.detector_key)
    assert own.show("bob", ann.detector_key).chosen is None and len(ann.own) == 1
