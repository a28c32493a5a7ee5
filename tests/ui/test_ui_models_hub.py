"""The Models tab against a stand-in for the Hub that speaks its HTTP."""

import numpy as np
import pytest
from fake_hub_repo import OWNER, TOKEN
from ui_doubles import striped, wait_until, words_of

from inpformer.errors import UserError, WeightsError
from inpformer.presets import ENCODER_PRESETS
from inpformer.ui import transfer
from inpformer.ui.encoders import Encoders
from inpformer.ui.hub_access import HubAccess
from inpformer.ui.pull_handlers import PullHandlers
from inpformer.ui.push_handlers import PushForm, PushHandlers
from inpformer.ui.session import FREE
from inpformer.ui.words import ENGLISH as text

STRANGER, ANN = HubAccess(), HubAccess(TOKEN)
PLATE = f"{OWNER}/plate"


@pytest.fixture
def pulling(handlers, fake_hub, monkeypatch) -> PullHandlers:
    monkeypatch.setattr(transfer, "_REPORT_SECONDS", 0.005)
    return PullHandlers(handlers, Encoders(handlers.shelf))


@pytest.fixture
def plate(fake_hub, plus, tmp_path) -> bytes:
    """A detector on the Hub; returns its file."""
    data = plus.save(tmp_path / "plate.safetensors", bundle_encoder=True).read_bytes()
    fake_hub.put(PLATE, {"detector.safetensors": data})
    return data


def last_of(reports):
    *_, last = reports
    assert not last.is_running
    return last


def test_what_is_pushed_is_pulled_again_with_equal_maps(pulling, plus, fake_hub):
    pushing = PushHandlers(pulling.handlers)
    session = pulling.handlers.sessions.get("Ann")
    session.add_detector("Plate", plus)
    (key,) = session.own
    pushed = last_of(pushing.push("Ann", PushForm(key, PLATE, "mit", title="My plate"), ANN))
    repo = fake_hub.models[PLATE]
    assert repo.private and b"My plate" in repo.files["README.md"]
    origin = session.own[key].origin
    assert str(origin.address) == f"{PLATE}@{repo.head}"
    for fact in (repo.head, origin.sha256, "v1", str(origin.address)):
        assert fact in words_of(pushed.progress)
    last_of(pulling.pull("Ann", PLATE, ANN))
    pulled = session.own[session.detector_key]
    assert pulled.origin == origin and pulled.key != key
    picture = striped(5)
    assert np.array_equal(
        pulled.detector.predict(picture).anomaly_map, plus.predict(picture).anomaly_map
    )


def test_a_private_detector_is_had_by_its_owner_alone_wherever_its_file_lies(
    pulling, plate, fake_hub
):
    fake_hub.models[PLATE].private = True
    report = last_of(pulling.pull("Ann", PLATE, ANN))
    assert text.LOOK_PRIVATE in words_of(report.card)
    for trouble in (None, 429, 503):
        if trouble is not None:
            fake_hub.fail(trouble)
        for action in (pulling.look, pulling.pull):
            for address in (PLATE, f"{PLATE}@{fake_hub.models[PLATE].head}"):
                with pytest.raises(WeightsError, match="Nothing can be had"):
                    list(action("Ben", address, STRANGER))
    ben = pulling.handlers.sessions.get("Ben")
    assert not ben.own and ben.detector_key == FREE and not ben.pulled


def test_a_stranger_never_has_the_login_of_the_server(pulling, plate, fake_hub, monkeypatch):
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    fake_hub.models[PLATE].private = True
    with pytest.raises(WeightsError, match="private"):
        list(pulling.pull("Ben", PLATE, STRANGER))
    assert {request.token for request in fake_hub.requests} == {None}
    mine = HubAccess.of("", None, True, text)
    last_of(pulling.pull("Ann", PLATE, mine))
    assert TOKEN in {request.token for request in fake_hub.requests}


def test_at_ones_own_computer_the_cache_serves_where_the_hub_cannot_be_asked(
    pulling, plate, fake_hub
):
    mine = HubAccess(None, is_own_computer=True)
    last_of(pulling.pull("Ann", PLATE, mine))
    fake_hub.fail(503)
    *_, card = pulling.look("Ann", PLATE, mine)
    assert "503" in words_of(card), "it says that the Hub could not be asked"
    last = last_of(pulling.pull("Ann", PLATE, mine))
    assert text.PULL_CACHED in words_of(last.progress)


def test_a_cancelled_download_leaves_nothing(pulling, plate, fake_hub):
    fake_hub.stall_at = len(plate) // 2
    reports = pulling.pull("Ann", PLATE, STRANGER)
    for report in reports:
        if "%" in words_of(report.progress):
            break
    pulling.cancel("Ann")
    assert text.PULL_CANCELLED in words_of(last_of(reports).progress)
    session = pulling.handlers.sessions.get("Ann")
    assert not session.own and not session.pulled
    fake_hub.stall_at = None
    last_of(pulling.pull("Ann", PLATE, STRANGER))


def test_a_visitor_who_closes_the_page_ends_the_download(pulling, plate, fake_hub):
    fake_hub.stall_at = len(plate) // 2
    reports = pulling.pull("Ann", PLATE, STRANGER)
    next(reports), next(reports)
    session = pulling.handlers.sessions.get("Ann")
    job = session.job
    reports.close()
    assert job.stop.is_set() and session.job is None
    wait_until(lambda: not session.own, "the download to end")


def test_a_pulled_encoder_can_be_chosen_for_a_fit(pulling, plate, fake_hub):
    name = f"timm/{ENCODER_PRESETS['dinov2-small'].timm_name}"
    fake_hub.put(name, {"model.safetensors": plate})
    assert "dinov2-small" not in pulling.encoders.names
    list(pulling.look("Ann", name, STRANGER))
    report = last_of(pulling.pull("Ann", name, STRANGER))
    assert "dinov2-small" in report.encoders and report.encoders == pulling.encoders.names
    assert report.detector.key == FREE


@pytest.mark.parametrize("status", [401, 403, 404, 429, 500])
def test_a_hub_that_says_no_is_one_sentence_and_nothing_is_lost(pulling, plate, fake_hub, status):
    fake_hub.fail(status)
    with pytest.raises(WeightsError) as caught:
        list(pulling.pull("Ann", PLATE, STRANGER))
    assert "\n" not in str(caught.value) and str(caught.value).endswith(".")
    assert pulling.handlers.sessions.get("Ann").job is None


def test_a_push_that_is_refused_says_so_and_where_the_detector_is_stays_as_it_was(
    pulling, plus, fake_hub
):
    session = pulling.handlers.sessions.get("Ann")
    session.add_detector("Plate", plus)
    (key,) = session.own
    pushing = PushHandlers(pulling.handlers)
    for access in (HubAccess("hf_unknown"), HubAccess("not-a-token")):
        with pytest.raises(UserError) as caught:
            list(pushing.push("Ann", PushForm(key, PLATE, "mit"), access))
        assert access.token not in str(caught.value)
    assert PLATE not in fake_hub.models
    assert session.own[key].origin is None and session.job is None
