"""The Models tab: with whose right the Hub is asked, the languages, the page itself."""

import logging
from dataclasses import fields, is_dataclass

import pytest
from hub_double import COMMIT, OWNER, PLATE, STRANGER, key_of, last_of
from ui_doubles import words_of

from inpformer.errors import UserError, WeightsError
from inpformer.ui.hub_access import HubAccess, can_sign_in
from inpformer.ui.layout import build_demo
from inpformer.ui.push_handlers import PushForm
from inpformer.ui.transfer import byte_words
from inpformer.ui.wiring import EMPTY_TOKEN
from inpformer.ui.words import CHINESE
from inpformer.ui.words import ENGLISH as text


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
