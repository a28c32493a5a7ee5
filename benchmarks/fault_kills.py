"""Kills at random moments, and what is there afterwards."""

from __future__ import annotations

import contextlib
import json
import multiprocessing
import os
import random
import re
import tempfile
import time
from collections.abc import Iterator
from multiprocessing.connection import Connection
from pathlib import Path

from fake_hub import FakeHub
from hub_cases import repository

from benchmarks.faults_worker import ACTIONS, repeat
from inpformer.bundle import check_bundle
from inpformer.detector import AnomalyDetector
from inpformer.errors import UserError
from inpformer.images import load_image
from inpformer.onnx_network import open_session

LOST = "LOST"
Row = tuple[str, str, str]
# Processes of it have imported all they need when they begin, and share nothing with this one.
_PROCESSES = multiprocessing.get_context("forkserver")
_PROCESSES.set_forkserver_preload(["benchmarks.faults_worker"])
_PER_KILL = 100  # numbers that a worker may use before it is killed
_HALVES = (".*.part", "inpformer-scratch-*", "*.incomplete")


def killed(kills: int) -> Iterator[Row]:
    """Kill workers at random moments, and look at what they said was done."""
    chance = random.Random(0)
    for what in ACTIONS:
        with tempfile.TemporaryDirectory() as place, FakeHub(pause=0.01) as hub:
            folder = Path(place)
            (folder / "tmp").mkdir()
            for number in range(_PER_KILL * kills if what == "pull" else 0):
                hub.put(f"me/part{number}", repository())
            confirmed: list[Path] = []
            for kill in range(kills):
                confirmed += _kill_once(what, folder, hub, _PER_KILL * kill, chance)
            state = _state(what, folder, hub, confirmed)
            halves = _halves(folder)
            _make_older(folder)
            _do_again(what, folder, hub, halves)
            left = len(_halves(folder))
            state += f"; {len(halves)} half files, {left} after the same was done again"
            moment = f"{what} ({kills} kills, {len(confirmed)} confirmed)"
            yield "kill -9", moment, state if not left else f"{state}: {LOST}"


def _kill_once(
    what: str, folder: Path, hub: FakeHub, first: int, chance: random.Random
) -> list[Path]:
    """Kill a worker a moment after something it confirmed; return all that it confirmed."""
    worker, heard = _worker(what, folder, hub, range(first, first + _PER_KILL))
    began = time.monotonic()
    done = [heard.recv()]
    # Anywhere in what it does next.
    time.sleep(chance.uniform(0, 1.2 * (time.monotonic() - began)))
    assert worker.is_alive(), f"{what} ended by itself"
    worker.kill()
    worker.join()
    with contextlib.suppress(EOFError):
        while True:
            done.append(heard.recv())
    return done


def _worker(
    what: str, folder: Path, hub: FakeHub, numbers: range
) -> tuple[multiprocessing.Process, Connection]:
    """Start a worker, and wait until it is about to begin."""
    heard, told = _PROCESSES.Pipe(duplex=False)
    worker = _PROCESSES.Process(target=repeat, args=(what, folder, hub.url, numbers, told))
    worker.start()
    told.close()
    assert heard.recv() == "ready"
    return worker, heard


def _state(what: str, folder: Path, hub: FakeHub, confirmed: list[Path]) -> str:
    """Open all that was confirmed, and all that has the name of something finished."""
    gone = [path.name for path in confirmed if not path.exists()]
    if gone:
        return f"{LOST}: {', '.join(gone)}"
    tops = {path for path in folder.glob("*") if not path.name.startswith(".")}
    tops |= set(confirmed)
    files = [f for top in tops for f in (top.rglob("*") if top.is_dir() else (top,))]
    opened = 0
    try:
        for path in files:
            is_ours = not path.is_relative_to(folder / "tmp") and path.is_file()
            opened += is_ours and "incomplete" not in path.name and _opens(path)
    except (UserError, ValueError, RuntimeError) as error:
        return f"{LOST}: {error}"
    if what != "push":
        return f"all {opened} files open"
    commits = hub.models["me/washer"].commits.values()
    whole = {frozenset(names) for names in commits if len(names) > 1}
    if any("detector.safetensors" not in names for names in whole):
        return f"{LOST}: a commit without its detector"
    return f"{len(commits)} commits in the repository, none in part"


def _opens(path: Path) -> bool:
    """Open a file of ours; False for one of another kind."""
    if "program" in path.parts:  # of a bundle, which its manifest tells
        return False
    if path.name == "MANIFEST.sha256":
        wrong = check_bundle(path.parent)
        if wrong:
            raise ValueError(wrong[0])
    elif path.suffix == ".safetensors":
        AnomalyDetector.load(path, "cpu")
    elif path.suffix == ".onnx":
        open_session(path)
    elif path.suffix == ".png" and not path.name.startswith("."):
        load_image(path)
    elif path.suffix == ".json" and not path.name.startswith("."):
        json.loads(path.read_text("utf-8"))
    else:
        return False
    return True


def _halves(folder: Path) -> list[Path]:
    return [path for pattern in _HALVES for path in folder.rglob(pattern)]


def _make_older(folder: Path) -> None:
    """Let two hours pass."""
    before = time.time() - 7200
    for half in _halves(folder):
        for path in (half, *half.rglob("*")):
            os.utime(path, (before, before))


def _do_again(what: str, folder: Path, hub: FakeHub, halves: list[Path]) -> None:
    """Do again what was not finished, each under its name; one more where that has none."""
    numbers = {int(found[0]) for half in halves if (found := re.findall(r"\d+", half.name))}
    if what == "pull":
        numbers = {int(re.findall(r"part(\d+)", str(half))[-1]) for half in halves}
    if what in ("save", "push", "report of an evaluation"):
        numbers = {0}
    for number in sorted(numbers):
        worker, _ = _worker(what, folder, hub, range(number, number + 1))
        worker.join()
        assert worker.exitcode == 0, f"{what} could not be done again"
