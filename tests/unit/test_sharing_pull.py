"""Detectors and encoders fetched from a stand-in for the Hub."""

import hashlib
import json
import logging
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest
from fake_hub_repo import TOKEN
from file_limits import largest_file
from hub_cases import READY, REPO, large_files, repository, table

from inpformer import hub, hub_calls
from inpformer.detector import AnomalyDetector
from inpformer.errors import TransferStoppedError, UserError, WeightsError
from inpformer.presets import ENCODER_PRESETS
from inpformer.sharing import look
from inpformer.sharing.look import look_at
from inpformer.sharing.pull import pull
from inpformer.sharing.records import RepoAddress

SHA256 = hashlib.sha256(READY.read_bytes()).hexdigest()
SMALL = ENCODER_PRESETS["dinov2-small"]
ENCODER_REPO = f"timm/{SMALL.timm_name}"


def address(text: str = REPO) -> RepoAddress:
    return RepoAddress.parse(text)


@pytest.fixture
def online(fake_hub):
    fake_hub.put(REPO, repository())
    return fake_hub


@pytest.fixture
def gone(online, monkeypatch):
    """Take the Hub away; what is returned brings a hub that nobody runs into its place."""

    def go() -> None:
        monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")

    return go


@pytest.fixture
def home(tmp_path) -> Path:
    return tmp_path / "home"


def refusal(text: str = REPO, **options) -> str:
    with pytest.raises(WeightsError) as caught:
        pull(address(text), **options)
    message = str(caught.value)
    assert message.endswith(".") and "\n" not in message and message.count(". ") == 0, message
    return message


# Looking


def test_what_a_repository_holds_is_known_before_its_large_file_comes(online):
    found = look_at(address())
    assert (found.kind, found.file_name, found.sha256) == (
        "detector",
        "detector.safetensors",
        SHA256,
    )
    assert found.byte_count == READY.stat().st_size
    assert found.revision == online.models[REPO].head
    assert (found.encoder, found.variant, found.licence) == (
        "embedded",
        "INP-Former++",
        "apache-2.0",
    )
    assert found.shot_count == AnomalyDetector.load(READY, "cpu").provenance.shot_count
    assert found.threshold > 0 and not found.is_encoder_inside
    assert (dict(found.metrics), found.metrics_on) == ({"image AUROC": 0.98}, "drawn washers")
    assert not found.is_cached and not found.is_private and found.note == ""
    assert online.cdn_requests == []


def test_without_a_description_the_beginning_of_the_file_tells(online):
    files = repository()
    online.put("anna/bare", {"detector.safetensors": files["detector.safetensors"]})
    bare, whole = look_at(address("anna/bare")), look_at(address())
    for name in ("encoder", "variant", "shot_count", "threshold", "byte_count", "sha256"):
        assert getattr(bare, name) == getattr(whole, name)
    assert bare.metrics == {}
    (request,) = online.cdn_requests
    assert request.range is not None


def test_no_more_of_a_file_is_read_than_its_header_says(online):
    data = table(values=20_000_000)  # 80 MB
    online.put("anna/large", {"detector.safetensors": data})
    online.ignores_range = True
    began = time.monotonic()
    assert "no detector" in refusal("anna/large")
    assert time.monotonic() - began < 3


def test_the_only_other_safetensors_file_is_taken_but_none_of_two(online):
    online.put("anna/named", {"washer.safetensors": READY.read_bytes()})
    assert look_at(address("anna/named")).file_name == "washer.safetensors"
    online.put("anna/named", {"other.safetensors": table()})
    assert "several safetensors files" in refusal("anna/named")


# A Hub and processes that die


def test_what_a_killed_download_left_goes_with_the_next_one_an_hour_later(online):
    path = pull(address()).path
    blob = path.resolve()
    names = ("abc.1.incomplete", "def.2.incomplete", "abc.3.incomplete")
    old, future, fresh = (blob.with_name(name) for name in names)
    for half, hours in ((old, -2), (future, 2), (fresh, 0)):
        half.write_bytes(b"half")
        os.utime(half, (time.time() + 3600 * hours,) * 2)
    for each in (path, blob):
        each.unlink()
    pull(address())
    assert not old.exists() and not future.exists() and fresh.read_bytes() == b"half"


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda data: data[:-100], "not as long as the Hub says; try again later"),
        (lambda data: data[:-100] + bytes(100), "damaged, and was thrown away"),
    ],
    ids=["shorter", "other bytes"],
)
def test_a_file_that_is_not_what_the_hub_says_is_not_kept(online, home, spoil, said):
    whole = dict(online.objects)
    online.objects = {name: spoil(data) for name, data in whole.items()}
    assert said in refusal()
    assert not list(home.rglob("*.incomplete")) and not large_files(home)
    online.objects = whole
    assert pull(address()).sha256 == SHA256


# Pulling


def test_a_pull_leaves_no_thread_behind(online, home):
    before = set(threading.enumerate())
    pull(address())
    # The stand-in has one for each connection that is still open.
    left = [each for each in set(threading.enumerate()) - before if "request" not in each.name]
    assert not left, left


def test_a_pulled_detector_is_the_pushed_one_and_known_by_commit_and_hash(online, home):
    pulled = pull(address())
    assert pulled.path.read_bytes() == READY.read_bytes()
    assert (pulled.sha256, pulled.was_cached) == (SHA256, False)
    assert pulled.look.revision == online.models[REPO].head and pulled.look.is_cached
    assert home in pulled.path.parents


def test_a_loaded_detector_sees_what_the_file_sees(online):
    image = np.random.default_rng(0).integers(0, 255, (96, 96, 3), dtype=np.uint8)
    here, there = AnomalyDetector.load(READY, "cpu"), AnomalyDetector.load(REPO, "cpu")
    assert np.array_equal(here.predict(image).anomaly_map, there.predict(image).anomaly_map)


def test_a_second_pull_asks_for_nothing_large_and_of_a_commit_for_nothing(online):
    commit = pull(address()).look.revision
    large = len(online.cdn_requests)
    again = pull(address())
    assert again.was_cached and again.sha256 == SHA256 and len(online.cdn_requests) == large
    asked = len(online.requests)
    pinned = pull(address(f"{REPO}@{commit}"))
    assert pinned.was_cached and pinned.look.metrics == {"image AUROC": 0.98}
    assert len(online.requests) == asked


def test_a_revision_is_what_it_was(online):
    repo = online.models[REPO]
    first = repo.head
    repo.tags["v1"] = first
    online.put(REPO, {"detector.safetensors": (READY.parent / "cap.safetensors").read_bytes()})
    for revision in ("v1", first):
        assert pull(address(f"{REPO}@{revision}")).sha256 == SHA256
    newest = pull(address())
    assert newest.sha256 != SHA256 and newest.look.revision == repo.head
    assert AnomalyDetector.load(f"{REPO}@v1", "cpu").provenance.shot_count > 0


def test_a_renamed_repository_is_found_under_its_old_name(online):
    online.moved["anna/old-name"] = REPO
    assert pull(address("anna/old-name")).sha256 == SHA256
    assert look_at(address("anna/old-name")).encoder == "embedded"


def test_a_copy_in_the_cache_that_was_changed_is_fetched_anew(online, caplog):
    path = pull(address()).path
    changed = bytearray(READY.read_bytes())
    changed[-1] ^= 1
    path.resolve().write_bytes(changed)
    again = pull(address())
    assert (again.sha256, again.was_cached) == (SHA256, False)
    assert again.path.read_bytes() == READY.read_bytes()
    assert "not what the Hub has" in caplog.text


def test_a_file_that_is_not_the_stated_one_is_thrown_away(online, home):
    changed = bytearray(READY.read_bytes())
    changed[-1] ^= 1
    online.objects[SHA256] = bytes(changed)  # the Hub states one hash and gives another file
    assert "is damaged, and was thrown away" in refusal()
    assert large_files(home) == []


def test_only_safetensors_and_json_are_ever_fetched(online):
    online.put(REPO, {"pytorch_model.bin": b"x", "model.py": b"x", "detector.pth": b"x"})
    pull(address())
    asked = {path.rpartition("/")[2] for path in online.paths() if "/resolve/" in path}
    assert asked == {"detector.safetensors", "config.json"}


def test_encoders_come_by_their_ids_at_timm(online, monkeypatch, tmp_path):
    monkeypatch.setattr(hub, "PACKAGE_WEIGHTS", tmp_path)
    monkeypatch.chdir(tmp_path)
    online.put(ENCODER_REPO, {"model.safetensors": table(), "config.json": b'{"architecture": 1}'})
    pulled = pull(address(ENCODER_REPO))
    assert (pulled.look.kind, pulled.look.encoder) == ("encoder", "dinov2-small")
    assert pulled.look.licence == SMALL.licence and pulled.look.file_name == "model.safetensors"
    found = hub.find_encoder_weights(SMALL, allow_download=False)
    assert (found.path, found.origin) == (pulled.path, "cache")
    with pytest.raises(WeightsError, match="belong to the encoder 'dinov2-small'"):
        AnomalyDetector.load(ENCODER_REPO, "cpu")  # as the preset, whose weights these are not


# Failures


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (401, "does not accept the token"),
        (403, "the token may not"),
        (404, "error 404"),
        (429, "error 429, too many requests"),
        (500, "error 500; try again later"),
    ],
)
def test_an_answer_of_the_hub_is_said_in_one_sentence(online, status, words):
    online.fail(status, "/api/" if status != 401 else "/resolve/")
    assert words in refusal()


def test_trouble_that_passes_is_waited_for_also_in_the_middle(online):
    online.fail(500, "/api/models", times=2)
    online.fail(503, "GET .*/detector", times=1)
    assert pull(address()).sha256 == SHA256


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("anna/nothing", "the Hub has no anna/nothing, or it is private"),
        (f"{REPO}@v9", "no branch, tag or commit"),
        ("anna/secret", "the Hub has no anna/secret, or it is private"),
        ("anna/gated", "asks for an accepted licence and a login"),
        ("anna/pickled", "pickles such as pytorch_model.bin are refused"),
        ("anna/other", "holds no detector of this program"),
        ("anna/empty", "has no detector.safetensors"),
    ],
)
def test_what_cannot_be_had_is_said_in_one_sentence(online, text, words):
    files = repository()
    online.put("anna/secret", files, private=True)
    online.put("anna/gated", files, gated=True)
    online.put("anna/pickled", {"pytorch_model.bin": b"x", "model.pth": b"x"})
    online.put("anna/other", {"model.safetensors": table(), "config.json": b'{"format": "x"}'})
    online.put("anna/empty", {"README.md": b"nothing"})
    assert words in refusal(text)
    assert online.cdn_requests == [] or text == "anna/other"


@pytest.mark.parametrize("change", ["is_hub", "silent"])
def test_a_login_page_and_silence_are_told_from_the_hub(online, change, monkeypatch):
    setattr(online, change, change == "silent")
    monkeypatch.setattr(look, "LOOK_SECONDS", 0.5)
    words = {"is_hub": "is not the Hub", "silent": "did not answer within 0.5 seconds"}[change]
    assert words in refusal()


def test_a_look_at_a_silent_hub_can_be_stopped(online):
    online.silent = True
    began = time.monotonic()
    with pytest.raises(TransferStoppedError):
        pull(address(), should_stop=lambda: time.monotonic() - began > 0.2)
    assert time.monotonic() - began < 5


@pytest.mark.parametrize("ignores_range", [False, True])
def test_a_cut_connection_is_taken_up_again(online, ignores_range):
    online.cut_at, online.cuts, online.ignores_range = 130_000, 1, ignores_range
    pulled = pull(address())
    assert pulled.path.read_bytes() == READY.read_bytes()
    second = online.cdn_requests[-1]
    assert second.range is not None and len(online.cdn_requests) == 2


def test_a_connection_that_always_breaks_ends_and_leaves_nothing(online, home):
    online.cut_at, online.cuts, online.ignores_range = 200_000, float("inf"), True
    assert "broke off" in refusal()
    assert large_files(home) == []


def test_a_stalled_download_ends_and_leaves_nothing(online, home, monkeypatch):
    online.stall_at = 100_000
    for name in ("ANSWER_SECONDS", "SILENCE_SECONDS"):
        monkeypatch.setattr(hub_calls, name, 0.5)
    assert "sent nothing for 0.5 seconds" in refusal()
    assert large_files(home) == []


def test_a_full_disk_is_said_in_one_sentence(online, home):
    ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    try:
        with largest_file(100_000):
            assert "no space left" in refusal()
    finally:
        signal.signal(signal.SIGXFSZ, ignored)
    assert large_files(home) == []


def test_a_cache_that_cannot_be_written_to_is_said_in_one_sentence(online, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("no folder")
    monkeypatch.setenv("HF_HOME", str(tmp_path / "file"))
    assert "name another one in HF_HOME" in refusal()


# Without the Hub


def test_what_is_here_works_without_the_hub_and_says_so(online, gone):
    commit = pull(address()).look.revision
    gone()
    pulled = pull(address())
    assert pulled.was_cached and pulled.sha256 == SHA256 and pulled.look.revision == commit
    assert "From the Hub cache, because 127.0.0.1 cannot be reached" in pulled.look.note
    assert pulled.look.metrics == {"image AUROC": 0.98} and pulled.look.threshold > 0
    assert AnomalyDetector.load(REPO, "cpu").config.variant == "inp-former++"


def test_offline_mode_asks_nobody(online, monkeypatch):
    assert "cannot be reached" not in pull(address()).look.note
    asked = len(online.requests)
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    assert "offline mode is on" in pull(address()).look.note
    assert "offline mode is on" in refusal("anna/nothing")
    assert len(online.requests) == asked


def test_what_is_here_is_checked_without_the_hub_too(online, gone):
    path = pull(address()).path.resolve()
    changed = bytearray(READY.read_bytes())
    changed[-1] ^= 1
    path.write_bytes(changed)
    gone()
    assert "cannot be reached" in refusal()


# Tokens and strangers


def test_a_private_repository_opens_for_its_owner_and_nobody_else(fake_hub, caplog, home):
    caplog.set_level(logging.DEBUG)
    fake_hub.put("me/secret", repository(), private=True)
    assert "private" in refusal("me/secret")
    pulled = pull(address("me/secret"), token=TOKEN)
    assert pulled.look.is_private and pulled.sha256 == SHA256
    # What the owner fetched lies in the cache, and still is not for strangers.
    assert "private" in refusal("me/secret", token="")
    assert "not accept the token" in refusal("me/secret", token="hf_wrong")
    assert all(request.token is None for request in fake_hub.cdn_requests)
    assert TOKEN not in caplog.text and "hf_wrong" not in caplog.text
    kept = b"".join(path.read_bytes() for path in home.rglob("*") if path.is_file())
    assert TOKEN.encode() not in kept


def test_the_token_of_the_machine_is_used_unless_a_stranger_asks(fake_hub, monkeypatch, gone):
    fake_hub.put("me/secret", repository(), private=True)
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    commit = pull(address("me/secret")).look.revision
    assert "private" in refusal("me/secret", token="")
    gone()
    for text in ("me/secret", f"me/secret@{commit}"):
        assert pull(address(text)).was_cached
        assert "cannot be reached" in refusal(text, token="")


@pytest.mark.parametrize("token", ["hf_a\nX-Evil: 1", "hf_ä", "two words"])
def test_nonsense_is_no_token_and_is_not_repeated(online, token):
    with pytest.raises(UserError) as caught:
        pull(address(), token=token)
    assert token not in str(caught.value) and online.requests == []


# Progress and stopping


def test_a_slow_download_tells_how_far_it_is(online):
    online.pause = 0.05
    steps, threads = [], set()

    def tell(step):
        steps.append(step)
        threads.add(threading.current_thread())

    pull(address(), tell=tell)
    counts = [step.byte_count for step in steps]
    assert counts == sorted(counts) and counts[-1] == READY.stat().st_size and len(counts) > 3
    assert {step.byte_total for step in steps} == {READY.stat().st_size}
    assert threads == {threading.current_thread()}


def test_a_stopped_download_leaves_nothing_half_made(online, home):
    online.pause = 0.1
    steps = []
    with pytest.raises(TransferStoppedError):
        pull(address(), tell=steps.append, should_stop=lambda: len(steps) > 1)
    assert large_files(home) == []
    online.pause = 0
    assert not pull(address()).was_cached


def test_ctrl_c_leaves_nothing_half_made(online, home):
    online.pause = 0.5
    command = [sys.executable, "-m", "inpformer", "pull", REPO, "--json"]
    environment = {**os.environ, "PYTHONPATH": str(READY.parents[2])}
    with subprocess.Popen(
        command,
        env=environment,
        stderr=subprocess.PIPE,
        text=True,
        cwd=home.parent,
        # Whoever started the tests in the background had Ctrl-C ignored.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    ) as process:
        deadline = time.monotonic() + 60
        while not online.cdn_requests and time.monotonic() < deadline:
            time.sleep(0.05)
        process.send_signal(signal.SIGINT)
        said = process.communicate(timeout=30)[1]
    assert process.returncode == 130
    assert json.loads(said)["error"] == "Stopped; nothing was written."
    assert large_files(home) == []


@pytest.mark.parametrize("name", ["\x1b[2J\x1b[31mERROR", "a\nb", "\u202egnp", "n" * 250])
def test_a_file_whose_name_could_play_tricks_is_not_taken(online, name):
    files = repository()
    files[f"{name}.safetensors"] = files.pop("detector.safetensors")
    online.put("eve/trick", files)
    words = refusal("eve/trick")
    assert "has no detector.safetensors" in words and words.isprintable()
