"""The Models tab, as plain functions: pulls, pushes, and with whose right."""

import logging
import threading
from dataclasses import fields, is_dataclass
from pathlib import Path

import numpy as np
import pytest
from hub_double import COMMIT, HubDouble
from ui_doubles import fraction_of, striped, words_of

from inpformer.errors import UserError, WeightsError
from inpformer.presets import ENCODER_PRESETS
from inpformer.sharing.records import PushedDetector, RepoAddress
from inpformer.ui import evaluate_handlers, models_views, pull_handlers, transfer
from inpformer.ui.encoders import Encoders
from inpformer.ui.evaluate_handlers import EvaluateHandlers
from inpformer.ui.evaluation_data import EvaluationSource
from inpformer.ui.handlers import Handlers
from inpformer.ui.hub_access import HubAccess, can_sign_in
from inpformer.ui.inspect_handlers import InspectHandlers
from inpformer.ui.layout import build_demo
from inpformer.ui.pull_handlers import PullHandlers, PullReport
from inpformer.ui.push_handlers import LICENCES, PushForm, PushHandlers, PushReport
from inpformer.ui.session import FREE
from inpformer.ui.sessions import Sessions
from inpformer.ui.shelf import Shelf
from inpformer.ui.transfer import byte_words
from inpformer.ui.wiring import EMPTY_TOKEN
from inpformer.ui.words import CHINESE
from inpformer.ui.words import ENGLISH as text

STRANGER, OWNER = HubAccess(), HubAccess("hf_of_ann")
PLATE = "ann/plate"


@pytest.fixture
def hub(tmp_path, plus) -> HubDouble:
    (tmp_path / "hub").mkdir()
    double = HubDouble(tmp_path / "hub")
    path = plus.save(double.folder / "detector.safetensors", bundle_encoder=True)
    double.add(
        PLATE,
        path,
        encoder="tiny",
        is_encoder_inside=True,
        variant="INP-Former++",
        shot_count=1,
        threshold=0.25,
        licence="mit",
        metrics={"image AUROC": 0.987},
        metrics_on="20 pictures of plates",
    )
    return double


@pytest.fixture
def pulling(handlers, hub, monkeypatch) -> PullHandlers:
    monkeypatch.setattr(transfer, "_REPORT_SECONDS", 0.005)
    return PullHandlers(handlers, Encoders(handlers.shelf), hub.look_at, hub.pull)


@pytest.fixture
def pushing(handlers, hub, plus, monkeypatch) -> PushHandlers:
    """The actions of a visitor called Ann, who has a detector."""
    monkeypatch.setattr(transfer, "_REPORT_SECONDS", 0.005)
    handlers.sessions.get("Ann").add_detector("Plate", plus)
    return PushHandlers(handlers, hub.push)


def key_of(handlers) -> str:
    return next(iter(handlers.sessions.get("Ann").own))


def last_of(reports) -> PullReport | PushReport:
    *running, last = reports
    assert running and all(each.is_running for each in running) and not last.is_running
    return last


def everything_in(value, seen: set[int] | None = None) -> str:
    """Write down all that can be reached from a value of ours, at any depth."""
    seen = set() if seen is None else seen
    if id(value) in seen:
        return ""
    seen.add(id(value))
    if isinstance(value, (str, bytes)):
        return str(value)
    if isinstance(value, dict):
        return " ".join(everything_in(each, seen) for pair in value.items() for each in pair)
    if isinstance(value, (list, tuple, set)):
        return " ".join(everything_in(each, seen) for each in value)
    parts = dict(getattr(value, "__dict__", {}))
    if is_dataclass(value):
        parts |= {each.name: getattr(value, each.name) for each in fields(value)}
    return f"{value!r} {everything_in(parts, seen)}"


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


# Whose right it is


def test_a_private_file_in_the_cache_is_not_for_who_may_not_see_it(pulling, hub):
    hub.tokens[PLATE] = OWNER.token
    last_of(pulling.pull("Ann", PLATE, OWNER))
    assert PLATE in hub.cached, "the double hands it to whoever comes as far as asking for it"
    for access in (STRANGER, HubAccess("hf_of_ben")):
        for action in (pulling.look, pulling.pull):
            with pytest.raises(WeightsError, match="or it is private"):
                list(action("Ben", PLATE, access))
    ben = pulling.handlers.sessions.get("Ben")
    assert not ben.own and not ben.pulled and ben.looked is None
    assert PLATE not in words_of(pulling.pulled("Ben"))


def test_who_was_let_in_once_is_asked_again(pulling, hub):
    hub.tokens[PLATE] = OWNER.token
    last_of(pulling.pull("Ann", PLATE, OWNER))
    with pytest.raises(WeightsError, match="or it is private"):
        list(pulling.pull("Ann", PLATE, STRANGER))


def test_only_who_sits_at_the_computer_has_its_login():
    def token(*values) -> str | None:
        return HubAccess.of(*values, words=text).token

    assert token("", None, True) is None, "the library then takes the login of this computer"
    assert token("", None, False) == "" and token(None, None, False) == ""
    assert token("", "hf_signed_in", False) == token("", "hf_signed_in", True) == "hf_signed_in"
    assert token(" hf_typed\n", "hf_signed_in", True) == "hf_typed"


@pytest.mark.parametrize("typed", ["my pass word", "hf_日本", "a\nb", "x" * 301])
def test_what_can_be_no_token_is_refused_without_being_repeated(typed):
    with pytest.raises(UserError, match="no access token") as caught:
        HubAccess.of(typed, None, False, text)
    assert typed not in str(caught.value)


def test_a_token_is_in_no_log_no_session_and_nothing_that_is_returned(
    pulling, pushing, hub, caplog
):
    token = "hf_thisIsSecret42"
    access = HubAccess.of(token, None, False, text)
    hub.tokens[PLATE] = token
    said = [repr(access), f"{access}"]
    with caplog.at_level(logging.DEBUG):
        said += [*pulling.look("Ann", PLATE, access)]
        said += [*pulling.pull("Ann", PLATE, access)]
        form = PushForm(key_of(pushing.handlers), "ann/new", "mit")
        said += [*pushing.push("Ann", form, access)]
        for action in (
            lambda: [*pulling.pull("Ann", "ann/none", access)],
            lambda: [*pushing.push("Ann", PushForm(form.key, "no name", "mit"), access)],
        ):
            with pytest.raises(UserError) as caught:
                action()
            said.append(str(caught.value))
    assert token in {used for *_, used in hub.asked}
    assert token not in everything_in(said)
    session = pulling.handlers.sessions.get("Ann")
    assert token not in everything_in(session) and token not in everything_in(pulling.handlers)
    assert COMMIT in everything_in(session), "what is kept is found"
    assert token not in caplog.text


def test_signing_in_is_offered_only_in_a_space_that_is_set_up_for_it(monkeypatch):
    for name in ("SYSTEM", "SPACE_ID"):
        monkeypatch.delenv(name, raising=False)
    names = ("OAUTH_CLIENT_ID", "OAUTH_CLIENT_SECRET", "OAUTH_SCOPES", "OPENID_PROVIDER_URL")
    for name in names:
        monkeypatch.setenv(name, "of the space")
    monkeypatch.setattr("importlib.util.find_spec", lambda name: object())
    assert not can_sign_in(), "this is no Space"
    monkeypatch.setenv("SYSTEM", "spaces")
    monkeypatch.setenv("SPACE_ID", "ann/space")
    assert can_sign_in()
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    assert not can_sign_in(), "gradio's extra packages are missing"
    monkeypatch.setattr("importlib.util.find_spec", lambda name: object())
    for name in names:
        with monkeypatch.context() as less:
            less.delenv(name)
            assert not can_sign_in(), "gradio would not start"


# Push


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


def test_the_tab_speaks_chinese(pulling, pushing, hub):
    session = pulling.handlers.sessions.get("Ann", CHINESE)
    hub.add("ann/bare", hub.repos[PLATE][0], encoder="tiny", is_encoder_inside=True)
    *_, card = pulling.look("Ann", "ann/bare", STRANGER)
    report = last_of(pulling.pull("Ann", PLATE, STRANGER))
    pushed = last_of(pushing.push("Ann", PushForm(key_of(pushing.handlers), "a/b", "mit"), OWNER))
    assert session.words is CHINESE
    for html in (card, report.card, report.pulled, report.progress, pushed.progress):
        assert any("\u4e00" <= sign <= "\u9fff" for sign in words_of(html))
        assert not {"Encoder", "Licence", "Revision", "Pushed", "in use"} & set(
            words_of(html).split()
        )


@pytest.mark.parametrize(
    ("count", "said"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (12_345, "12.3 kB"),
        (86_000_000, "86.0 MB"),
        (1.2e12, "1200.0 GB"),
    ],
)
def test_bytes_are_written_as_people_write_them(count, said):
    assert byte_words(count) == said


def test_a_visitors_list_of_pulls_is_bounded(pulling, hub, monkeypatch):
    monkeypatch.setattr("inpformer.ui.session.MAX_PULLED", 2)
    path: Path = hub.repos[PLATE][0]
    for number in range(3):
        hub.add(f"ann/n{number}", path, encoder="tiny", is_encoder_inside=True)
        last_of(pulling.pull("Ann", f"ann/n{number}", STRANGER))
    listed = words_of(pulling.pulled("Ann"))
    assert "ann/n2" in listed and "ann/n1" in listed and "ann/n0" not in listed


# The page


def names_of(config: dict) -> dict[int, str]:
    return {part["id"]: part["props"].get("elem_id") for part in config["components"]}


def test_no_program_is_offered_what_takes_a_token_and_no_answer_holds_one(source):
    config = build_demo(source).get_config_file()
    names = names_of(config)
    taking = [
        each
        for each in config["dependencies"]
        if "hub-token" in (names.get(number) for number in each["inputs"])
    ]
    assert len(taking) == 3, "look, pull and push"
    assert all(each["api_visibility"] == "private" for each in taking)
    for each in config["dependencies"]:
        if "hub-token" in (names.get(number) for number in each["outputs"]):
            by_browser = each["js"] == EMPTY_TOKEN and not each["backend_fn"]
            assert by_browser or [event for _, event in each["targets"]] == ["click"]
    token = next(part for part in config["components"] if names[part["id"]] == "hub-token")
    assert token["props"]["type"] == "password"


@pytest.mark.parametrize("is_offered", [True, False])
def test_the_page_is_built_with_and_without_a_way_to_sign_in(source, monkeypatch, is_offered):
    monkeypatch.setattr("inpformer.ui.models_tab.can_sign_in", lambda: is_offered)
    attached = []
    monkeypatch.setattr("gradio.routes.attach_oauth", attached.append)
    demo = build_demo(source)
    assert ("hub-sign-in" in names_of(demo.get_config_file()).values()) is is_offered
    assert bool(attached) is is_offered, "gradio asks for its extra packages only then"


def test_the_browser_keeps_no_history_of_what_was_typed(page):
    assert page.options["run_history"] is False
