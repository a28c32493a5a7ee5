"""Pushing to the Hub on the Models tab, as plain functions."""

import threading

import numpy as np
import pytest
from hub_double import COMMIT, OWNER, STRANGER, key_of, last_of
from ui_doubles import words_of

from inpformer.errors import UserError
from inpformer.sharing.records import PushedDetector, RepoAddress
from inpformer.ui import evaluate_handlers, models_views
from inpformer.ui.evaluate_handlers import EvaluateHandlers
from inpformer.ui.evaluation_data import EvaluationSource
from inpformer.ui.handlers import Handlers
from inpformer.ui.hub_access import HubAccess
from inpformer.ui.inspect_handlers import InspectHandlers
from inpformer.ui.push_handlers import LICENCES, PushForm, PushHandlers
from inpformer.ui.session import FREE
from inpformer.ui.sessions import Sessions
from inpformer.ui.shelf import Shelf
from inpformer.ui.words import ENGLISH as text


def test_a_pushed_detector_says_where_it_is_and_how_to_load_it(pushing, pulling, hub):
    key = key_of(pushing.handlers)
    form = PushForm(key, " ann/new ", "apache-2.0", True, "  My  plate ", " For plates. ")
    report = last_of(pushing.push("Ann", form, OWNER))
    (wish,) = hub.pushed
    assert (wish.repo_id, wish.licence, wish.is_private) == ("ann/new", "apache-2.0", True)
    assert (wish.title, wish.about) == ("My plate", "For plates.")
    assert wish.metrics is None and wish.pictures == () and not wish.bundle_encoder
    said = words_of(report.progress)
    assert f'AnomalyDetector.load("ann/new@{COMMIT}")' in said
    assert hub.repos["ann/new"][1].sha256 in said and text.PUSH_DONE_PRIVATE in said
    assert f'href="https://hub.example/ann/new/tree/{COMMIT}"' in report.progress
    assert "ann/new" in words_of(report.detector.card), "it is on the Hub now"
    assert hub.asked[-1] == ("push", "ann/new", OWNER.token)


def test_the_link_of_what_was_pushed_is_one_to_a_page():
    pushed = PushedDetector("javascript:alert(1)", RepoAddress("a/b", COMMIT), "00", False)
    card = models_views.pushed_card(pushed, text)
    assert "href" not in card and "javascript" not in card
    assert text.PUSH_DONE_PUBLIC in words_of(card)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"key": None}, "Choose one of your detectors"),
        ({"key": "own:gone"}, "Choose one of your detectors"),
        ({"key": "free"}, "Choose one of your detectors"),
        ({"repo": " "}, "Say where to push"),
        ({"repo": "ann/new@main"}, "without a revision"),
        ({"repo": "new"}, "no address"),
        ({"licence": None}, "Choose a licence"),
        ({"licence": "my own"}, "Choose a licence"),
        ({"pictures": ("gone",)}, "Agree that the pictures"),
        ({"pictures": ("gone",), "has_agreed": True}, "no longer on the server"),
        ({"pictures": tuple("abcde"), "has_agreed": True}, "At most 4 pictures"),
    ],
)
def test_a_form_that_is_not_complete_pushes_nothing(pushing, hub, change, said):
    form = {"key": key_of(pushing.handlers), "repo": "ann/new", "licence": "mit", **change}
    with pytest.raises(UserError, match=said):
        list(pushing.push("Ann", PushForm(**form), OWNER))
    assert not hub.asked and pushing.handlers.sessions.get("Ann").job is None


def test_nobody_pushes_with_the_login_of_the_server(pushing, hub):
    form = PushForm(key_of(pushing.handlers), "ann/new", "mit")
    with pytest.raises(UserError, match="give an access token"):
        list(pushing.push("Ann", form, STRANGER))
    assert not hub.asked
    last_of(pushing.push("Ann", form, HubAccess(None, is_own_computer=True)))


def test_nobody_pushes_the_detector_of_another(pushing, hub):
    form = PushForm(key_of(pushing.handlers), "ben/stolen", "mit")
    with pytest.raises(UserError, match="Choose one of your detectors"):
        list(pushing.push("Ben", form, HubAccess("hf_of_ben")))
    assert not hub.asked


def test_a_cancelled_push_says_so(pushing, hub):
    hub.may_step = threading.Semaphore(0)
    reports = pushing.push("Ann", PushForm(key_of(pushing.handlers), "ann/new", "mit"), OWNER)
    next(reports)
    pushing.cancel("Ann")
    *_, last = reports
    assert text.PUSH_CANCELLED in words_of(last.progress) and not last.is_running
    assert not hub.pushed
    session = pushing.handlers.sessions.get("Ann")
    assert session.job is None and next(iter(session.own.values())).origin is None


def test_what_was_pushed_before_it_could_be_stopped_is_said_to_be_there(pushing, hub):
    def push_then_stop(*values, **options):
        done = hub.push(*values, **options)
        pushing.cancel("Ann")
        return done

    late = PushHandlers(pushing.handlers, push_then_stop)
    form = PushForm(key_of(pushing.handlers), "ann/new", "mit")
    last = last_of(late.push("Ann", form, OWNER))
    assert text.PUSH_DONE.format(repo="ann/new") in words_of(last.progress)


def test_a_licence_is_never_filled_in():
    assert PushForm("own:1", "a/b", None).licence is None and None not in LICENCES


def test_figures_are_those_of_the_newest_evaluation_of_this_very_detector(
    source, examples, plus, free, hub, tmp_path, monkeypatch
):
    monkeypatch.setattr(evaluate_handlers, "_REPORT_SECONDS", 0.005)
    handlers = Handlers(Sessions(root=tmp_path), Shelf(source, examples=examples))
    session = handlers.sessions.get("Ann")
    session.add_detector("Ring", plus)
    session.add_detector("Other", free)
    ring, other = session.own
    pushing = PushHandlers(handlers, hub.push)
    assert pushing.facts("Ann", ring).figures == ""
    evaluating = EvaluateHandlers(handlers)
    list(evaluating.evaluate("Ann", [ring], EvaluationSource("part", part="ring")))
    said = pushing.facts("Ann", ring).figures
    assert "image AUROC" in said and "example part 'ring'" in said
    assert pushing.facts("Ann", other).figures == "", "another one of the same visitor"
    form = PushForm(ring, "ann/new", "mit", with_metrics=True)
    last_of(pushing.push("Ann", form, OWNER))
    mean = session.evaluation.detectors[0].evaluation.mean
    assert hub.pushed[-1].metrics["image AUROC"] == mean["image_auroc"].value
    assert "full-image" in hub.pushed[-1].metrics_on and str(tmp_path) not in repr(hub.pushed[-1])
    last_of(pushing.push("Ann", PushForm(ring, "ann/new", "mit"), OWNER))
    assert hub.pushed[-1].metrics is None


def test_pictures_are_shown_before_they_are_published_and_their_names_are_not(
    pushing, hub, pictures
):
    handlers, key = pushing.handlers, key_of(pushing.handlers)
    assert pushing.facts("Ann", key).pictures == []
    inspecting = InspectHandlers(handlers)
    inspecting.inspect("Ann", str(pictures["blot"]))
    session = handlers.sessions.get("Ann")
    session.detector_key = FREE
    inspecting.inspect("Ann", str(pictures["normal"]))
    ((name, picture),) = pushing.facts("Ann", key).pictures
    assert name == "blot.png", "what another detector looked at is not offered"
    preview = pushing.preview("Ann", key, [picture])
    assert preview.count("<img") == 1 and text.PUSH_PREVIEW in words_of(preview)
    assert "blot" not in preview
    form = PushForm(key, "ann/new", "mit", pictures=(picture,), has_agreed=True)
    last_of(pushing.push("Ann", form, OWNER))
    ((caption, image),) = hub.pushed[-1].pictures
    assert caption in words_of(preview) and image.dtype == np.uint8
    assert image.shape == (90, 2 * 120 + 8, 3)
    ben = handlers.sessions.get("Ben")
    ben.add_detector("His", next(iter(session.own.values())).detector)
    with pytest.raises(UserError, match="no longer on the server"):
        pushing.preview("Ben", next(iter(ben.own)), [picture])


def test_the_encoders_licence_is_named_before_it_is_put_in(pushing, hub):
    key = key_of(pushing.handlers)
    assert "tiny" in pushing.facts("Ann", key).encoder
    assert text.PUSH_BUNDLE_OURS in pushing.facts("Ann", key).encoder
    last_of(pushing.push("Ann", PushForm(key, "a/b", "mit", bundle_encoder=True), OWNER))
    assert hub.pushed[-1].bundle_encoder


def test_without_own_detectors_there_is_nothing_to_push(pushing):
    assert pushing.facts("Ben").chosen is None and pushing.facts("Ben").detectors == []
    session = pushing.handlers.sessions.get("Ann")
    assert pushing.facts("Ann", "own:gone").chosen == session.detector_key
    session.detector_key = FREE
    assert pushing.facts("Ann").chosen == key_of(pushing.handlers)
