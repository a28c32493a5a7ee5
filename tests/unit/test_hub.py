import json
import os
import struct
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from fake_hub import FakeHub

from inpformer import hub, hub_calls
from inpformer.config import UNTRAINED_NOTICE
from inpformer.errors import ConfigError, WeightsError
from inpformer.presets import ENCODER_PRESETS

SMALL = ENCODER_PRESETS["dinov2-small"]
EMBEDDED = ENCODER_PRESETS["embedded"]
REPO = f"timm/{SMALL.timm_name}"
PAGE = f"https://huggingface.co/{REPO}"
REFUSED = "http://127.0.0.1:9"  # the port where by custom nobody answers
REPOSITORY = Path(hub.__file__).resolve().parents[1]
SHIPPED_WEIGHTS = hub.PACKAGE_WEIGHTS  # before the tests hide it


def whole_file(values: int = 4) -> bytes:
    """The bytes of a safetensors file with one tensor."""
    entry = {"dtype": "F32", "shape": [values], "data_offsets": [0, 4 * values]}
    header = json.dumps({"__metadata__": {"format": "pt"}, "tensor": entry}).encode()
    return struct.pack("<Q", len(header)) + header + bytes(4 * values)


def put(path: Path, content: bytes | None = None) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(whole_file() if content is None else content)
    return path


@pytest.fixture(autouse=True)
def empty_machine(lonely_machine, tmp_path, monkeypatch):
    """An empty current directory, no cached files, and a hub that nobody runs."""
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    monkeypatch.setattr(hub, "PACKAGE_WEIGHTS", tmp_path / "beside_package" / "weights")


def stocked(server: FakeHub) -> FakeHub:
    """A hub with the weights of an encoder."""
    server.put(REPO, {"model.safetensors": whole_file()})
    return server


@pytest.fixture
def online(fake_hub):
    return stocked(fake_hub)


# Places and their order


def test_the_given_path_comes_first(tmp_path):
    put(Path("weights") / SMALL.file_names[0])
    given = put(tmp_path / "mine.safetensors")
    found = hub.find_encoder_weights(SMALL, given)
    assert (found.path, found.origin) == (given, "path")
    assert "DINOv2 small" in found.reason and "mine.safetensors" in found.reason


def test_a_path_that_is_missing_is_an_error_even_when_other_weights_exist():
    put(Path("weights") / SMALL.file_names[0])
    with pytest.raises(WeightsError, match=r"no weights file at 'gone\.safetensors'"):
        hub.find_encoder_weights(SMALL, "gone.safetensors")


def test_folders_are_searched_in_order_and_before_the_hub(tmp_path, monkeypatch, online):
    name = SMALL.file_names[0]
    named = tmp_path / "named"
    monkeypatch.setenv("INPFORMER_WEIGHTS", str(named))
    folders = [named, Path.cwd() / "weights", hub.PACKAGE_WEIGHTS]
    assert hub.weights_folders() == folders
    for folder in reversed(folders):
        path = put(folder / name)
        found = hub.find_encoder_weights(SMALL)
        assert (found.path, found.origin) == (path, "weights")
    assert online.requests == []


def test_every_file_name_of_a_preset_is_found():
    for name in SMALL.file_names:
        path = put(Path.cwd() / "weights" / name)
        assert hub.find_encoder_weights(SMALL).path == path
        path.unlink()


def test_a_folder_that_is_named_twice_is_searched_once(monkeypatch):
    monkeypatch.setenv("INPFORMER_WEIGHTS", "weights")
    assert hub.weights_folders() == [Path.cwd() / "weights", hub.PACKAGE_WEIGHTS]


def test_the_reason_names_the_folder():
    put(Path("weights") / SMALL.file_names[0])
    reason = hub.find_encoder_weights(SMALL).reason
    assert reason == "DINOv2 small, from the folder weights/."


@pytest.mark.parametrize(
    "content", [b"", whole_file()[:-3], b"<html>sign in</html>", b"version https://git-lfs"]
)
def test_a_damaged_file_is_refused(content):
    put(Path("weights") / SMALL.file_names[0], content)
    with pytest.raises(WeightsError, match="damaged"):
        hub.find_encoder_weights(SMALL)


# The Hub and its cache


def test_a_download_lands_in_the_cache_and_needs_the_hub_only_once(online, monkeypatch):
    first = hub.find_encoder_weights(SMALL)
    assert first.origin == "hub" and REPO in first.reason
    assert first.path.read_bytes() == whole_file()
    monkeypatch.setenv("HF_ENDPOINT", REFUSED)
    asked = len(online.requests)
    second = hub.find_encoder_weights(SMALL, allow_download=False)
    assert (second.path, second.origin) == (first.path, "cache")
    assert len(online.requests) == asked


def test_only_the_file_is_asked_for(online):
    hub.find_encoder_weights(SMALL)
    assert set(online.paths()) == {f"/{REPO}/resolve/main/model.safetensors"}


def test_a_damaged_copy_in_the_cache_is_replaced(online):
    path = hub.find_encoder_weights(SMALL).path
    path.resolve().write_bytes(whole_file()[:-1])
    found = hub.find_encoder_weights(SMALL)
    assert found.origin == "hub"
    assert found.path.read_bytes() == whole_file()


def test_a_damaged_copy_in_the_cache_is_not_used_without_the_hub(online, monkeypatch):
    hub.find_encoder_weights(SMALL).path.resolve().write_bytes(b"cut")
    monkeypatch.setenv("HF_ENDPOINT", REFUSED)
    with pytest.raises(WeightsError, match="cannot be reached"):
        hub.find_encoder_weights(SMALL)


def test_a_damaged_file_on_the_hub_is_refused(online):
    online.put(REPO, {"model.safetensors": b"not weights"})
    with pytest.raises(WeightsError, match=r"the model\.safetensors of timm/.* is damaged"):
        hub.find_encoder_weights(SMALL)


def test_a_stalled_download_ends_and_leaves_nothing_that_looks_like_weights(
    online, monkeypatch, tmp_path
):
    online.put(REPO, {"model.safetensors": whole_file(100_000)})
    online.stall_at = 200_000
    monkeypatch.setattr(hub_calls, "ANSWER_SECONDS", 0.5)
    monkeypatch.setattr(hub_calls, "SILENCE_SECONDS", 0.5)
    with pytest.raises(WeightsError, match=r"127\.0\.0\.1 sent nothing for 0\.5 seconds"):
        hub.find_encoder_weights(SMALL)
    left = [path for path in (tmp_path / "home").rglob("*") if path.is_file()]
    assert not [path for path in left if path.stat().st_size > 1000]
    monkeypatch.setenv("HF_ENDPOINT", REFUSED)
    with pytest.raises(WeightsError):
        hub.find_encoder_weights(SMALL)


def test_a_slow_download_is_waited_for(online, monkeypatch):
    # 13 pieces, 0.12 s each: together longer than the silence that is allowed.
    online.put(REPO, {"model.safetensors": whole_file(200_000)})
    online.pause = 0.12
    monkeypatch.setattr(hub_calls, "ANSWER_SECONDS", 1.0)
    monkeypatch.setattr(hub_calls, "SILENCE_SECONDS", 1.0)
    assert hub.find_encoder_weights(SMALL).origin == "hub"


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (None, "the Hub has no timm/vit_unheard_of"),
        (503, "127.0.0.1 answered with error 503"),
        (429, "127.0.0.1 answered with error 429"),
        (401, "the Hub does not accept the token"),
        (403, "the token may not"),
    ],
)
def test_the_error_says_in_plain_words_why_the_hub_failed(online, status, words):
    if status is not None:
        online.fail(status)
    with pytest.raises(WeightsError) as caught:
        hub.find_encoder_weights(replace(SMALL, timm_name="vit_unheard_of"))
    assert words in str(caught.value)


def test_a_login_page_is_not_taken_for_the_hub(online):
    online.is_hub = False
    with pytest.raises(WeightsError, match="not the Hub"):
        hub.find_encoder_weights(SMALL)


def test_trouble_of_the_hub_that_passes_is_waited_for(online):
    online.fail(500, times=2)
    assert hub.find_encoder_weights(SMALL).origin == "hub"


def test_pickles_on_the_hub_are_refused(fake_hub):
    fake_hub.put(REPO, {"pytorch_model.bin": whole_file()})
    with pytest.raises(WeightsError, match=r"no model\.safetensors, and pickles .* are refused"):
        hub.find_encoder_weights(SMALL)
    assert not any("pytorch_model" in path for path in fake_hub.paths())


def test_the_error_says_how_to_bring_the_file():
    with pytest.raises(WeightsError) as caught:
        hub.find_encoder_weights(SMALL, allow_download=False)
    message = str(caught.value)
    for part in (
        "DINOv2 small",
        "weights/, ",
        str(hub.PACKAGE_WEIGHTS),
        "downloads are switched off",
        f"download model.safetensors from {PAGE} ",
        "weights/dinov2-small.safetensors",
        "INPFORMER_WEIGHTS",
    ):
        assert part in message


# The embedded encoder, and the choice


def test_the_embedded_encoder_is_untrained_without_a_file_and_asks_no_hub(online):
    found = hub.find_encoder_weights(EMBEDDED)
    assert (found.path, found.origin) == (None, "untrained")
    assert UNTRAINED_NOTICE in found.reason
    assert online.requests == []


def test_the_embedded_encoder_takes_its_file():
    path = put(Path.cwd() / "weights" / EMBEDDED.file_names[0])
    found = hub.find_encoder_weights(EMBEDDED)
    assert (found.path, found.origin) == (path, "weights")


def test_the_shipped_weights_of_the_embedded_encoder_are_found_from_anywhere(monkeypatch, online):
    monkeypatch.setattr(hub, "PACKAGE_WEIGHTS", SHIPPED_WEIGHTS)
    found = hub.find_encoder_weights(EMBEDDED)
    assert (found.path, found.origin) == (SHIPPED_WEIGHTS / EMBEDDED.file_names[0], "weights")
    assert UNTRAINED_NOTICE not in found.reason
    assert online.requests == []


def test_auto_falls_back_to_the_shipped_weights(monkeypatch):
    monkeypatch.setattr(hub, "PACKAGE_WEIGHTS", SHIPPED_WEIGHTS)
    preset, found = hub.find_auto_encoder("dinov2-small")
    assert (preset, found.origin) == (EMBEDDED, "weights")
    assert "cannot be reached" in found.reason


def test_auto_takes_what_is_preferred(online, caplog):
    caplog.set_level("INFO", logger=hub.__name__)
    preset, found = hub.find_auto_encoder("dinov2-small")
    assert (preset, found.origin) == (SMALL, "hub")
    assert found.reason in caplog.text


def test_auto_falls_back_to_the_embedded_encoder_and_says_why(caplog):
    caplog.set_level("INFO", logger=hub.__name__)
    preset, found = hub.find_auto_encoder("dinov2-small")
    assert (preset, found.origin) == (EMBEDDED, "untrained")
    for part in (UNTRAINED_NOTICE, "cannot be reached", PAGE, "weights/dinov2-small.safetensors"):
        assert part in found.reason
    assert found.reason in caplog.text


def test_auto_falls_back_from_a_damaged_file():
    put(Path("weights") / SMALL.file_names[0], b"cut")
    preset, found = hub.find_auto_encoder("dinov2-small")
    assert preset == EMBEDDED
    assert "damaged" in found.reason


def test_auto_refuses_a_name_that_no_preset_has():
    with pytest.raises(ConfigError, match="no encoder called 'resnet'"):
        hub.find_auto_encoder("resnet")


# Names


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("anna/tiles", True),
        ("Anna-1/tiles_4.shot", True),
        ("tiles", False),
        ("a/b/c", False),
        ("./tiles", False),
        ("../tiles", False),
        ("~/tiles", False),
        ("/tiles", False),
        ("anna/", False),
        ("anna/..", False),
        ("anna/a--b", False),
        ("anna/two words", False),
        ("anna\\tiles", False),
        ("weights/tiles.safetensors", False),
        ("weights/tiles.PTH", False),
        ("https://huggingface.co/anna/tiles", False),
        ("anna/tiles\n", False),
        ("", False),
    ],
)
def test_hub_ids_are_told_from_paths(text, expected):
    assert hub.looks_like_hub_id(text) is expected


# The promise: without a network, an answer within 5 seconds. A fresh process for each, because
# the library reads its environment when it is imported, and its import is part of the time.

SCENARIO = """
import json, os, socket, time
from pathlib import Path
if "BLOCK_DNS" in os.environ:
    socket.getaddrinfo = lambda *_, **__: time.sleep(60)
from inpformer import hub, hub_download
hub.PACKAGE_WEIGHTS = Path("nowhere")
start = time.monotonic()
preset, found = hub.find_auto_encoder("dinov2-small")
seconds = time.monotonic() - start
print(json.dumps([seconds, preset.name, found.origin, found.reason]))
"""


def run_scenario(**environment: str) -> tuple[str, str, str]:
    result = subprocess.run(
        [sys.executable, "-c", SCENARIO],
        env={**os.environ, "PYTHONPATH": str(REPOSITORY), **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    seconds, *answer = json.loads(result.stdout)
    print(f"{seconds:.2f} s: {answer[-1]}")  # pytest -rP shows it
    assert seconds < 5
    return tuple(answer)


@pytest.mark.parametrize(
    ("environment", "words"),
    [
        ({}, "127.0.0.1 cannot be reached"),
        ({"HF_ENDPOINT": "http://hub.invalid"}, "hub.invalid cannot be reached"),
        ({"HF_ENDPOINT": "http://hub.invalid", "BLOCK_DNS": "1"}, "hub.invalid did not answer"),
        ({"HF_HUB_OFFLINE": "1"}, "offline mode is on"),
        ({"HTTPS_PROXY": "{refused}", "HF_ENDPOINT": ""}, "huggingface.co cannot be reached"),
    ],
    ids=["refused", "unknown host", "blocked name look-up", "offline mode", "dead proxy"],
)
def test_without_a_network_the_answer_comes_within_five_seconds(environment, words):
    environment = {key: value.format(refused=REFUSED) for key, value in environment.items()}
    name, origin, reason = run_scenario(**environment)
    assert (name, origin) == ("embedded", "untrained")
    assert words in reason


def test_a_server_that_never_answers_is_left_within_five_seconds():
    with FakeHub(silent=True) as server:
        name, _, reason = run_scenario(HF_ENDPOINT=server.url)
    assert name == "embedded"
    assert "127.0.0.1 did not answer within 3 seconds" in reason


def test_a_fresh_process_finds_what_another_one_downloaded():
    with stocked(FakeHub()) as server:
        assert run_scenario(HF_ENDPOINT=server.url)[:2] == ("dinov2-small", "hub")
    assert run_scenario()[:2] == ("dinov2-small", "cache")
    assert run_scenario(HF_HUB_OFFLINE="1")[:2] == ("dinov2-small", "cache")
