"""Every verb of the command, in a process that notes each address it looks up or connects to."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from annotation_cases import fill, new_store
from annotation_writers import picture
from fake_hub import FakeHub
from official_file import official_checkpoint
from training_data import source, write_data

from inpformer import cli
from inpformer.annotations.annotation import Annotation

ROOT = Path(__file__).resolve().parents[2]
# `runs` holds lists of words; what became of each, and who was asked meanwhile, is printed.
WATCHED = """
import contextlib, io, json, sys

asked, told = [], []

def watch(event, values):
    if event in ("socket.connect", "socket.sendto"):
        host = values[1][0] if isinstance(values[1], tuple) else "a local socket"
    elif event in ("socket.getaddrinfo", "socket.gethostbyname"):
        host = values[0]
    else:
        return
    asked.append(str(host))
    if host not in ("127.0.0.1", "localhost"):
        raise OSError("no network")

sys.addaudithook(watch)
from inpformer import cli

for words in json.loads(sys.argv[1]):
    said = io.StringIO()
    with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
        code = cli.main(words)
    told.append([words[0], code, said.getvalue()[-500:], asked[:]])
    asked.clear()
print(json.dumps(told))
"""
QUICK = ("--epochs", 1, "--head-epochs", 1, "--batch-size", 4, "--inps", 3)
QUICK += ("--set", "calibration_views=3", "head_widths=[4,2]")


def run(folder: Path, *runs: tuple, **set_: str) -> list[list]:
    """Run verbs in a fresh process, without the settings of this one for the Hub."""
    lines = json.dumps([[str(word) for word in words] for words in runs])
    kept = {name: value for name, value in os.environ.items() if not name.startswith("HF_")}
    kept |= {"HF_HOME": str(folder / "hub"), "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, "-c", WATCHED, lines], cwd=folder, env=kept | set_, text=True,
        capture_output=True, timeout=300,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


@pytest.fixture
def work(tmp_path) -> Path:
    write_data(tmp_path / "parts", ("bolt",))
    source().save(tmp_path / "tiny.safetensors", bundle_encoder=True)
    store, mask = new_store(tmp_path / "store"), np.zeros((60, 70), np.uint8)
    mask[20:40, 10:30] = 1
    fill(store, [(picture(60, 70), Annotation("a.png", mask, "corrected"))])
    official_checkpoint(tmp_path / "official.pth")
    return tmp_path


def test_no_verb_connects_to_anybody_unless_it_is_about_the_hub(work):
    shots, detector = work / "parts/bolt/train/good", work / "d.safetensors"
    fit = ("fit", shots, "-o", detector, "--encoder", work / "tiny.safetensors", "--steps", 2)
    retrain = ("retrain", detector, "--normal", shots, "--masks", work / "store", "--steps", 2)
    told = run(
        work,
        ("dataset", work / "parts"),
        (*fit, "--bundle-encoder"),
        ("predict", shots, "--model", detector, "-o", work / "results"),
        ("predict", shots / "0.png", "--model", "embedded", "-o", work / "free"),
        ("info", detector),
        ("evaluate", work / "parts", "--model", detector, "-o", work / "report"),
        (*retrain, "-o", work / "v2.safetensors", "--bundle-encoder"),
        ("annotate-export", work / "store", "--format", "coco", "-o", work / "coco"),
        ("train", work / "parts", "-o", work / "run", "--encoder", work / "tiny.safetensors",
         "--bundle-encoder", *QUICK),
        ("import-official", work / "official.pth", "-o", work / "o.safetensors"),
        ("export", detector, "-o", work / "d.onnx"),
        ("bundle", "-o", work / "bundle"),
    )  # fmt: skip
    assert [line[:2] for line in told if line[1] != 0] == [], told
    assert {name: hosts for name, _, _, hosts in told if hosts} == {}
    verbs = {name for each in cli._parser()._actions for name in each.choices or ()}
    assert {line[0] for line in told} == verbs - {"pull", "push"}


def test_auto_asks_the_hub_for_the_weights_of_an_encoder_and_nothing_else(work):
    """Weights that are not here yet are a Hub action; where it says no, the embedded ones serve."""
    shot = work / "parts/bolt/train/good/0.png"
    with FakeHub() as hub:
        (line,) = run(work, ("predict", shot, "-o", work / "out"), HF_ENDPOINT=hub.url)
        asked = hub.paths()
    assert line[1] == 0, line
    assert set(line[3]) == {"127.0.0.1"}
    assert asked and all("/timm/" in path or path.startswith("/api/") for path in asked), asked
    assert {request.token for request in hub.requests} == {None}
