"""A visitor retrains a detector with what they labelled, without a page."""

from dataclasses import replace
from functools import partial

import numpy as np
import pytest
from test_ui_annotate import ANN
from ui_doubles import quick_plus, untrained_source

from inpformer.corrections import RetrainConfig
from inpformer.detector import AnomalyDetector
from inpformer.errors import UserError
from inpformer.retraining import Retrainer
from inpformer.ui import retrain_handlers
from inpformer.ui.annotate_handlers import AnnotateHandlers
from inpformer.ui.annotation_set_handlers import AnnotationSetHandlers
from inpformer.ui.ledger import ledger_lines, next_in_doubt
from inpformer.ui.retrain_handlers import RetrainHandlers
from inpformer.ui.session import FREE
from inpformer.ui.words import ENGLISH as text

QUICK = RetrainConfig(steps=3, own_views=1, pasted=1)


@pytest.fixture(scope="module")
def source(one_thread, tiny_config) -> AnomalyDetector:
    """What visitors start with, of an encoder that sees few patches: a retraining encodes many."""
    encoder = replace(tiny_config.encoder, token_budget=100)
    return untrained_source(replace(tiny_config, encoder=encoder))


@pytest.fixture(scope="module")
def plus(source: AnomalyDetector) -> AnomalyDetector:
    return quick_plus(source)


@pytest.fixture
def retraining(handlers, plus, pictures, monkeypatch) -> RetrainHandlers:
    """Ann has a detector with a head, two pictures with marks and a normal one."""
    monkeypatch.setattr(retrain_handlers, "Retrainer", partial(Retrainer, config=QUICK))
    monkeypatch.setattr(retrain_handlers, "_REPORT_SECONDS", 0.005)
    annotating = AnnotateHandlers(handlers)
    session = handlers.sessions.get(ANN)
    session.add_detector("part", plus, (np.full((90, 120, 3), 120, np.uint8),))
    sets = AnnotationSetHandlers(annotating)
    list(sets.add(ANN, [pictures[name] for name in ("normal", "second", "third", "blot")]))
    desk = annotating.desk(session)
    mask = np.zeros((90, 120), np.uint8)
    mask[30:60, 40:80] = 1
    for name in ("blot.png", "second.png"):
        desk.set_mask(name, mask)
    desk.say_normal("normal.png")
    return RetrainHandlers(annotating)


def test_the_plan_says_what_would_be_used_and_what_is_missing(retraining):
    plan = retraining.plan(ANN)
    assert plan.is_ready and "Pictures with a marked defect: 2" in plan.card
    assert (
        "1 behind the detector, 0 of 1" in plan.card and "1 of 1" in retraining.plan(ANN, True).card
    )
    retraining.handlers.sessions.get(ANN).detector_key = FREE
    plan = retraining.plan(ANN)
    assert not plan.is_ready and text.RETRAIN_NO_HEAD in plan.card
    with pytest.raises(UserError, match="no segmentation head"):
        next(retraining.retrain(ANN))
    assert text.RETRAIN_NOTHING in retraining.plan("bob").card


def test_a_retraining_makes_a_new_version_and_one_click_brings_the_former_back(retraining):
    session = retraining.handlers.sessions.get(ANN)
    former = session.detector_key
    *running, last = retraining.retrain(ANN)
    assert running and all(report.is_running for report in running) and not last.is_running
    new = session.own[session.detector_key]
    assert new.name == "part v2" and new.detector.provenance.version == 2
    assert session.own[former].detector.provenance.version == 1 and len(new.shots) == 1
    assert retraining.plan(ANN).former == "part"
    assert retraining.roll_back(ANN).key == former == session.detector_key
    with pytest.raises(UserError, match="no former version"):
        retraining.roll_back(ANN)
    assert session.job is None


def test_versions_are_counted_up(retraining):
    for name in ("part v2", "part v3"):
        list(retraining.retrain(ANN))
        session = retraining.handlers.sessions.get(ANN)
        assert session.own[session.detector_key].name == name


def test_what_changed_shows_every_labelled_picture_and_what_was_trained_with(retraining):
    *_, compared, _ = retraining.retrain(ANN)
    cards = compared.changes.split('class="change-card')[1:]
    assert len(cards) == 3
    assert sum(text.CHANGES_LEFT_OUT in card for card in cards) == 2
    assert text.CHANGES_NO_FIGURES not in compared.changes and "regression" not in compared.changes
    assert text.CHANGES_FIGURES["pixel_ap"] in compared.changes.split("change-cards")[0]


def test_what_changed_ends_with_what_more_corrections_gave(retraining):
    desk = retraining.annotating.desk(retraining.handlers.sessions.get(ANN))
    mask = np.zeros((90, 120), np.uint8)
    mask[10:30, 10:30] = 1
    desk.set_mask("third.png", mask)
    *running, compared, _ = retraining.retrain(ANN)
    _, curve = compared.changes.split(text.MASKS_CURVE, 1)
    assert curve.count("<polyline") == 3
    first = curve.split('points="')[1].split('"')[0]
    assert len(first.split()) == 3, "by none, by one and by two others"
    assert any(text.RETRAIN_CURVE in report.progress for report in running)
    desk.say_normal("second.png")
    desk.say_normal("third.png")
    *_, compared, _ = retraining.retrain(ANN)
    assert text.MASKS_CURVE not in compared.changes
    assert text.CHANGES_NO_FIGURES in compared.changes


def test_the_ledger_says_what_labels_cost_and_which_picture_is_next(retraining, plus):
    annotating, sessions = retraining.annotating, retraining.handlers.sessions
    assert retraining.plan("bob").ledger == ""
    desk = annotating.desk(sessions.get(ANN))
    ledger = retraining.plan(ANN).ledger
    assert text.LEDGER_COUNT.format(count=3, masks=2) in ledger
    assert "blot.png" in ledger and "third.png" not in ledger.split("<details>")[1]
    annotating.accept(ANN, "blot.png")
    assert text.LEDGER_OVERLAP.format(overlap=1.0).split("by")[0] in retraining.plan(ANN).ledger
    lines = {line.name: line for line in ledger_lines(desk)}
    assert lines["blot.png"].overlap == 1, "the prediction was accepted as it was"
    assert 0 <= lines["second.png"].overlap < 1
    assert next_in_doubt(desk) == "third.png"
    assert "third.png" in retraining.plan(ANN).ledger.split("<details>")[0]


def test_normal_pictures_that_join_the_shots_are_marked_as_trained_with(retraining):
    *_, compared, _ = retraining.retrain(ANN, use_normal=True)
    session = retraining.handlers.sessions.get(ANN)
    assert len(session.own[session.detector_key].shots) == 2
    (card,) = [
        each for each in compared.changes.split('class="change-card')[1:] if "normal.png" in each
    ]
    assert text.CHANGES_USED in card


def test_a_cancelled_retraining_changes_nothing(retraining):
    session = retraining.handlers.sessions.get(ANN)
    before = session.detector_key
    reports = retraining.retrain(ANN)
    next(reports)
    retraining.cancel(ANN)
    *_, last = reports
    assert text.RETRAIN_CANCELLED in last.progress and last.changes is None
    assert session.detector_key == before and len(session.own) == 1 and session.job is None


def test_the_new_version_is_in_use_before_it_is_compared_and_stays_if_that_is_cancelled(retraining):
    session = retraining.handlers.sessions.get(ANN)
    before = session.detector_key
    reports = retraining.retrain(ANN)
    kept = next(report for report in reports if report.detector is not None)
    assert kept.is_running and kept.detector.key == session.detector_key != before
    retraining.cancel(ANN)
    *_, last = reports
    assert text.RETRAIN_STOPPED in last.progress and "part v2" in last.progress
    assert not last.is_running and session.detector_key == kept.detector.key


def test_the_former_version_is_not_the_one_that_makes_room(retraining, plus):
    session = retraining.handlers.sessions.get(ANN)
    first = session.detector_key
    for number in range(5):
        session.add_detector(f"other {number}", plus)
    session.detector_key = first
    list(retraining.retrain(ANN))
    assert first in session.own and retraining.roll_back(ANN).key == first


def test_a_detector_without_its_normal_pictures_takes_those_labelled_normal(retraining, plus):
    session = retraining.handlers.sessions.get(ANN)
    session.add_detector("from a file", plus)
    assert retraining.plan(ANN).is_ready
    retraining.annotating.desk(session).skip("normal.png")
    plan = retraining.plan(ANN)
    assert not plan.is_ready and text.RETRAIN_NO_SHOTS in plan.card
    with pytest.raises(UserError, match="not here"):
        next(retraining.retrain(ANN))
