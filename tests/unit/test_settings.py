"""Settings by environment: the documented table is the module's, and each does something."""

import logging
import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import gradio as gr
import huggingface_hub
import numpy as np
import pytest
from gradio.utils import get_upload_folder

import app
from inpformer import examples, hub, hub_calls, images, settings
from inpformer.annotations.masks import encode_mask, read_class_mask
from inpformer.detector import AnomalyDetector, Provenance
from inpformer.errors import ConfigError, ImageError
from inpformer.examples import Examples
from inpformer.hub_problems import HubProblemError
from inpformer.settings import SETTINGS, Settings
from inpformer.ui import layout
from inpformer.ui.sessions import Sessions

ROOT = Path(__file__).resolve().parents[2]
DEPLOY = (ROOT / "docs" / "deploy.md").read_text("utf-8")
NAMES = [each.name for each in SETTINGS]


@pytest.fixture(autouse=True)
def nothing_set(monkeypatch) -> None:
    for name in NAMES:
        monkeypatch.delenv(name, raising=False)


class Launched:
    """What `build_demo` gives app.py where no page is needed."""

    def __init__(self, found: dict) -> None:
        self.launch = lambda **options: found.update(launch=options)


@pytest.fixture
def start(monkeypatch, tiny_model, tiny_config) -> Iterator[Callable[..., dict]]:
    """Run app.py up to the launch; what it would load, build and launch with."""
    detector = AnomalyDetector(tiny_model, tiny_config, Provenance("untrained", "tiny"))
    build = layout.build_demo
    monkeypatch.setattr(examples, "find_examples", Examples)
    monkeypatch.setattr(logging, "basicConfig", lambda **_: None)
    monkeypatch.setattr(logging, "captureWarnings", lambda _: None)
    level = logging.getLogger("inpformer").level

    def run(*arguments: str, builds: bool = False) -> dict:
        found: dict = {}

        def load(*given: object) -> AnomalyDetector:
            found["load"] = given
            return detector

        def built(*given: object) -> gr.Blocks | Launched:
            found["build"] = given
            found["demo"] = build(*given) if builds else Launched(found)
            return found["demo"]

        monkeypatch.setattr(AnomalyDetector, "load", load)
        monkeypatch.setattr(layout, "build_demo", built)
        monkeypatch.setattr(gr.Blocks, "launch", lambda _, **options: found.update(launch=options))
        monkeypatch.setattr(sys, "argv", ["app.py", *arguments])
        assert app.main() == 0
        return found

    yield run
    logging.getLogger("inpformer").setLevel(level)


def test_the_table_in_the_documentation_is_the_one_of_the_module():
    assert settings.table() in DEPLOY
    assert re.findall(r"^\| `([A-Z_]+)` \|", DEPLOY, re.M) == NAMES


def test_no_other_module_of_ours_reads_a_setting_that_the_table_does_not_have():
    read = {
        name
        for path in [ROOT / "app.py", *(ROOT / "inpformer").rglob("*.py")]
        if path.name != "settings.py"
        for name in re.findall(r'"((?:INPFORMER|GRADIO)_[A-Z_]+)"', path.read_text("utf-8"))
    }
    # Set by app.py and read by nobody else of ours.
    assert read - {"GRADIO_ANALYTICS_ENABLED"} <= set(NAMES)


def test_nothing_set_gives_the_defaults():
    assert Settings.from_environment({}) == Settings.from_environment() == Settings()
    assert Settings.from_environment({name: " " for name in NAMES}) == Settings()


@pytest.mark.parametrize(
    ("name", "value", "wanted"),
    [
        ("INPFORMER_UPLOAD_MB", "0", "1 to 10000"),
        ("INPFORMER_UPLOAD_MB", "1e3", "1 to 10000"),
        ("INPFORMER_VISITORS", "-1", "1 to 10000"),
        ("INPFORMER_IDLE_MINUTES", "241", "1 to 240"),
        ("INPFORMER_QUEUE", "many", "1 to 10000"),
        ("INPFORMER_SHOTS", "17", "1 to 16"),
        ("INPFORMER_LOG", "loud", "debug, info, warning, error"),
        ("INPFORMER_FOLDERS", "perhaps", "on or off"),
        ("GRADIO_SERVER_PORT", "99999", "1 to 65535"),
    ],
)
def test_a_bad_value_is_said_in_one_sentence(monkeypatch, capsys, name, value, wanted):
    with pytest.raises(ConfigError, match=name) as caught:
        Settings.from_environment({name: value})
    assert f"'{value}'" in str(caught.value) and wanted in str(caught.value)
    monkeypatch.setenv(name, value)
    assert app.main() == 2
    assert capsys.readouterr().err == f"app.py: {caught.value}\n"


# Per setting of the page: its value, and what shows that it was used.
EFFECTS: dict[str, tuple[str, Callable[[dict], object], object]] = {
    "INPFORMER_MODEL": ("user/part", lambda found: found["load"][0], "user/part"),
    "INPFORMER_DEVICE": ("mps", lambda found: found["load"][1], "mps"),
    "INPFORMER_UPLOAD_MB": ("7", lambda found: found["launch"]["max_file_size"], "7mb"),
    "INPFORMER_VISITORS": ("3", lambda found: sessions_of(found)._most["page"], 3),
    "INPFORMER_IDLE_MINUTES": ("5", lambda found: sessions_of(found).idle_seconds, 300),
    "INPFORMER_QUEUE": ("2", lambda found: found["demo"]._queue.max_size, 2),
    "INPFORMER_QUEUE_EACH": ("3", lambda found: found["demo"]._queue.most_each, 3),
    "INPFORMER_PICTURES": ("3", lambda found: sessions_of(found).limits.pictures, 3),
    "INPFORMER_SHOTS": ("4", lambda found: sessions_of(found).limits.shots, 4),
    "INPFORMER_DETECTORS": ("2", lambda found: sessions_of(found).limits.detectors, 2),
    "INPFORMER_VISITOR_MB": ("10", lambda found: sessions_of(found).limits.visitor_megabytes, 10),
    "INPFORMER_UPLOADS_MB": ("100", lambda found: found["demo"].uploads._most, 10**8),
    "INPFORMER_PULL_MB": ("5", lambda found: sessions_of(found).limits.pull_megabytes, 5),
    "INPFORMER_STOP_SECONDS": ("1", lambda found: found["demo"]._stop_seconds, 1),
    "INPFORMER_LOG": ("debug", lambda _: logging.getLogger("inpformer").level, logging.DEBUG),
    "INPFORMER_FOLDERS": ("off", lambda found: found["build"][3], False),
    "INPFORMER_MCP": ("on", lambda found: found["launch"]["mcp_server"], True),
    "GRADIO_SERVER_NAME": ("0.0.0.0", lambda found: found["launch"]["server_name"], "0.0.0.0"),
    "GRADIO_SERVER_PORT": ("8123", lambda found: found["launch"]["server_port"], 8123),
    "GRADIO_ROOT_PATH": ("/lab", lambda found: found["demo"].root_path, "/lab"),
}


def sessions_of(found: dict) -> Sessions:
    return found["demo"]._visitors


def test_each_setting_of_the_page_does_something(monkeypatch, start):
    plain = start(builds=True)
    before = {name: shown(plain) for name, (_, shown, _) in EFFECTS.items()}
    for name, (value, _, _) in EFFECTS.items():
        monkeypatch.setenv(name, value)
    changed = start(builds=True)
    for name, (_, shown, expected) in EFFECTS.items():
        assert before[name] != expected == shown(changed), name


def test_a_picture_of_more_pixels_than_the_setting_allows_is_refused(monkeypatch):
    picture = np.zeros((1000, 1001, 3), np.uint8)
    checked = images.check_image(picture)
    assert checked.shape == picture.shape
    monkeypatch.setenv("INPFORMER_MEGAPIXELS", "1")
    with pytest.raises(ImageError, match="1001 × 1000 pixels, above the limit of 1 million"):
        images.check_image(picture)


def test_a_mask_of_more_pixels_than_the_setting_allows_is_refused(monkeypatch):
    packed = encode_mask(np.zeros((1000, 1001), np.uint8))
    assert read_class_mask(packed, "'a.png'", (1000, 1001)).shape == (1000, 1001)
    monkeypatch.setenv("INPFORMER_MEGAPIXELS", "1")
    with pytest.raises(ImageError, match="is 1001 × 1000 pixels, above the limit of 1 million"):
        read_class_mask(packed, "'a.png'", (1000, 1001))


def test_the_weights_folder_is_searched_first(monkeypatch, tmp_path):
    monkeypatch.setenv("INPFORMER_WEIGHTS", str(tmp_path))
    assert hub.weights_folders()[0] == tmp_path.resolve()


def test_the_folder_for_uploads_is_where_gradio_puts_them(monkeypatch, tmp_path):
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path))
    assert get_upload_folder() == str(tmp_path)


def test_the_settings_of_the_hub_are_heeded(monkeypatch, tmp_path):
    monkeypatch.setenv("HF_ENDPOINT", "http://mirror/")
    assert hub_calls.endpoint() == "http://mirror"
    monkeypatch.setenv("HF_HOME", str(tmp_path))
    assert hub_calls.cache_folder() == tmp_path / "hub"
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "cache"))
    assert hub_calls.cache_folder() == tmp_path / "cache"
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(HubProblemError, match="HF_HUB_OFFLINE"):
        hub_calls.require_online()
    monkeypatch.setenv("HF_TOKEN", "hf_secret")
    assert huggingface_hub.get_token() == "hf_secret"


def test_every_setting_is_tested_here():
    others = ("INPFORMER_WEIGHTS", "INPFORMER_MEGAPIXELS", "GRADIO_TEMP_DIR", "HF_HUB_OFFLINE")
    hub = ("HF_ENDPOINT", "HF_HOME", "HF_HUB_CACHE", "HF_TOKEN")
    assert {*EFFECTS, *others, *hub} == set(NAMES)


def test_options_win_over_the_environment(monkeypatch, start):
    monkeypatch.setenv("INPFORMER_MODEL", "embedded")
    monkeypatch.setenv("GRADIO_SERVER_PORT", "8123")
    found = start("--model", "part.safetensors", "--port", "8124")
    assert found["load"][0] == "part.safetensors" and found["launch"]["server_port"] == 8124


def test_a_page_for_others_or_a_space_never_names_folders(monkeypatch, start):
    monkeypatch.setenv("INPFORMER_FOLDERS", "on")
    assert start()["build"][3] is True
    assert start("--host", "0.0.0.0")["build"][3] is False
    monkeypatch.setenv("SPACE_ID", "user/lab")
    assert start()["build"][3] is False
