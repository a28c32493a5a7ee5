"""Pulling from the Hub on the Models tab, as plain functions."""

import threading
from pathlib import Path

import numpy as np
import pytest
from hub_double import COMMIT, PLATE, STRANGER, last_of
from ui_doubles import fraction_of, striped, words_of

from inpformer.errors import UserError, WeightsError
from inpformer.presets import ENCODER_PRESETS
from inpformer.sharing.records import RepoAddress
from inpformer.ui import models_views, pull_handlers
from inpformer.ui.hub_access import HubAccess
from inpformer.ui.session import FREE
from inpformer.ui.transfer import byte_words
from inpformer.ui.words import ENGLISH as text

# Look


def test_a_look_says_what_a_repository_holds_before_a_download(pulling, hub):
    first, card = pulling.look("Ann", f" https://huggingface.co/{PLATE} ", STRANGER)
    assert PLATE in words_of(first)
    said = words_of(card)
    for fact in (PLATE, "tiny, inside the file", "INP-Former++", "0.25", "mit", COMMIT):
        assert fact in said
    for fact in ("image AUROC 98.7%", "20 pictures of plates", text.LOOK_PUBLIC):
        assert fact in said
    assert hub.repos[PLATE][1].sha256 in said and text.LOOK_CACHED not in said
    assert [what for what, *_ in hub.asked] == ["look"] and not hub.cached


def test_what_is_not_known_is_said_to_be_so(pulling, hub):
    hub.add("ann/bare", hub.repos[PLATE][0], encoder="tiny", is_encoder_inside=True)
    *_, card = pulling.look("Ann", "ann/bare", STRANGER)
    assert words_of(card).count(text.LOOK_UNKNOWN) >= 3
    assert text.LOOK_NO_LICENCE in words_of(card)


def test_nothing_of_a_strangers_repository_is_taken_for_markup(pulling, hub):
    evil = '<script>alert(1)</script>"'
    facts = dict.fromkeys(("encoder", "variant", "licence", "metrics_on", "sha256"), evil)
    hub.add("ann/evil", hub.repos[PLATE][0], file_name=evil, metrics={evil: 1.0}, **facts)
    *_, card = pulling.look("Ann", "ann/evil", STRANGER)
    assert "<script" not in card and words_of(card).count(evil) >= 6
    hub.add("ann/evil", hub.repos[PLATE][0], encoder="tiny", is_encoder_inside=True)
    report = last_of(pulling.pull("Ann", "ann/evil", STRANGER))
    assert "<script" not in report.pulled


@pytest.mark.parametrize("address", ["", "  ", None])
def test_without_an_address_the_visitor_is_told_to_type_one(pulling, address):
    for action in (pulling.look, pulling.pull):
        with pytest.raises(UserError, match="Type a repository"):
            list(action("Ann", address, STRANGER))


@pytest.mark.parametrize("address", ["plate", "a/b/c", "ann/plate@", "ann/plate@../x", "../etc"])
def test_what_is_no_address_is_refused_and_nothing_is_asked(pulling, hub, address):
    for action in (pulling.look, pulling.pull):
        with pytest.raises(UserError, match="no address on the Hub"):
            list(action("Ann", address, STRANGER))
    assert not hub.asked


# Pull


def test_a_pulled_detector_is_one_of_the_visitors_own_and_says_where_it_is_from(pulling, hub, plus):
    handlers = pulling.handlers
    report = last_of(pulling.pull("Ann", PLATE, STRANGER))
    session = handlers.sessions.get("Ann")
    own = session.own[session.detector_key]
    sha256 = hub.repos[PLATE][1].sha256
    assert own.name == "plate" and own.origin.address == RepoAddress(PLATE, COMMIT)
    assert own.origin.sha256 == sha256
    assert report.detector.key == own.key and text.PULL_CACHED not in report.progress
    for card in (report.detector.card, report.pulled):
        assert PLATE in words_of(card) and COMMIT in words_of(card) and sha256 in words_of(card)
    picture = striped(3)
    assert np.array_equal(
        own.detector.predict(picture).anomaly_map, plus.predict(picture).anomaly_map
    )
    assert own.detector.model.encoder is handlers.shelf.start.model.encoder, "memory has it once"
    again = last_of(pulling.pull("Ann", PLATE, STRANGER))
    assert text.PULL_CACHED in words_of(again.progress)
    assert words_of(again.pulled).count(COMMIT) == 1, "the list names it once"
    assert [each.name for each in session.own.values()] == ["plate", "plate (2)"]


def test_a_pull_reports_its_bytes(pulling, hub):
    hub.may_step = threading.Semaphore(1)
    shares = []
    for report in pulling.pull("Ann", PLATE, STRANGER):
        if "width:" in report.progress:
            shares.append(fraction_of(report.progress))
        if "50%" in report.progress:
            assert byte_words(hub.repos[PLATE][1].byte_count) in words_of(report.progress)
            hub.may_step.release()
    assert shares == sorted(shares) and {0.0, 0.5, 1.0} <= set(shares)


def test_what_was_looked_at_is_what_comes_though_the_branch_moves_on(pulling, hub):
    path = hub.repos[PLATE][0]
    list(pulling.look("Ann", PLATE, STRANGER))
    hub.add(PLATE, path, revision="f" * 40, encoder="tiny", is_encoder_inside=True)
    last_of(pulling.pull("Ann", PLATE, STRANGER))
    assert hub.asked[-1] == ("pull", f"{PLATE}@{COMMIT}", STRANGER.token)
    last_of(pulling.pull("Ben", PLATE, STRANGER))
    assert hub.asked[-1] == ("pull", PLATE, STRANGER.token), "who was shown nothing has the newest"


def test_a_cancelled_pull_changes_nothing_and_stops_nobody_elses(pulling, hub):
    hub.may_step = threading.Semaphore(0)
    ann, ben = (pulling.pull(name, PLATE, STRANGER) for name in ("Ann", "Ben"))
    next(ann), next(ben)
    pulling.cancel("Ann")
    last = last_of(ann)
    assert text.PULL_CANCELLED in words_of(last.progress) and last.detector is None
    session = pulling.handlers.sessions.get("Ann")
    assert not session.own and session.detector_key == FREE and session.job is None
    assert not pulling.handlers.sessions.get("Ben").job.stop.is_set()
    hub.may_step.release(10)
    assert last_of(ben).detector.key in pulling.handlers.sessions.get("Ben").own


def test_a_visitor_who_is_forgotten_during_a_pull_keeps_nothing(pulling, hub):
    hub.may_step = threading.Semaphore(0)
    reports = pulling.pull("Ann", PLATE, STRANGER)
    next(reports)
    session = pulling.handlers.sessions.get("Ann")
    pulling.handlers.forget("Ann")
    assert last_of(reports).detector is None
    assert not session.own and not session.pulled


def test_a_pull_is_long_work_of_which_there_is_one_at_a_time(pulling):
    session = pulling.handlers.sessions.get("Ann")
    with session.work(text.A_FIT), pytest.raises(UserError, match="Your fit is still running"):
        next(pulling.pull("Ann", PLATE, STRANGER))


def test_a_file_that_is_no_detector_is_refused_and_nothing_is_lost(pulling, hub, plus):
    session = pulling.handlers.sessions.get("Ann")
    session.add_detector("mine", plus)
    before = session.detector_key
    broken = hub.folder / "broken.safetensors"
    broken.write_bytes(b"no tensors here")
    hub.add("ann/broken", broken, is_encoder_inside=True)
    with pytest.raises(WeightsError, match="damaged"):
        list(pulling.pull("Ann", "ann/broken", STRANGER))
    assert session.detector_key == before and list(session.own) == [before]
    assert session.job is None and not session.pulled


def test_what_is_too_large_for_a_shared_server_is_refused_before_it_comes(pulling, hub):
    size = pull_handlers.MAX_PULL_BYTES + 1
    hub.add("ann/huge", hub.repos[PLATE][0], byte_count=size, is_encoder_inside=True)
    with pytest.raises(UserError, match=r"2\.0 GB"):
        list(pulling.pull("Ann", "ann/huge", STRANGER))
    assert not hub.cached
    last_of(pulling.pull("Ann", "ann/huge", HubAccess(None, is_own_computer=True)))


def test_a_detector_whose_encoder_is_not_here_is_refused_before_it_comes(pulling, hub, monkeypatch):
    monkeypatch.setattr(models_views, "is_here", lambda name: name != "dinov2-small")
    hub.add("ann/outside", hub.repos[PLATE][0], encoder="dinov2-small")
    *_, card = pulling.look("Ann", "ann/outside", STRANGER)
    assert text.LOOK_NOT_HERE.format(encoder="dinov2-small") in words_of(card)
    name = f"timm/{ENCODER_PRESETS['dinov2-small'].timm_name}"
    with pytest.raises(UserError, match=f"pull {name} first"):
        list(pulling.pull("Ann", "ann/outside", STRANGER))
    assert not hub.cached


def test_a_pulled_encoder_can_be_chosen_for_a_fit_and_the_detector_in_use_stays(pulling, hub):
    name = f"timm/{ENCODER_PRESETS['dinov2-small'].timm_name}"
    path = hub.folder / "model.safetensors"
    path.write_bytes(hub.repos[PLATE][0].read_bytes())
    hub.add(name, path, kind="encoder", encoder="dinov2-small", is_encoder_inside=True)
    list(pulling.look("Ann", name, STRANGER))
    report = last_of(pulling.pull("Ann", name, STRANGER))
    assert text.PULL_DONE_ENCODER.format(encoder="dinov2-small") in words_of(report.progress)
    assert hub.asked[-1][1] == name, "not by its commit, under which no fit looks for it"
    assert report.encoders == pulling.encoders.names and report.detector.key == FREE
    with pytest.raises(UserError, match="without a revision"):
        list(pulling.pull("Ann", f"{name}@{COMMIT}", STRANGER))


def test_a_visitors_list_of_pulls_is_bounded(pulling, hub, monkeypatch):
    monkeypatch.setattr("inpformer.ui.session.MAX_PULLED", 2)
    path: Path = hub.repos[PLATE][0]
    for number in range(3):
        hub.add(f"ann/n{number}", path, encoder="tiny", is_encoder_inside=True)
        last_of(pulling.pull("Ann", f"ann/n{number}", STRANGER))
    listed = words_of(pulling.pulled("Ann"))
    assert "ann/n2" in listed and "ann/n1" in listed and "ann/n0" not in listed
