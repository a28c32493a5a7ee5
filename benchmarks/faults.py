"""What is left after a kill, a full disk, a disk that may only be read, and a Hub that dies.

    python benchmarks/faults.py [--kills 8]

Prints a table fault x moment x outcome, which `docs/faults.md` repeats, and ends with 1 if
something was lost. Full and read-only disks are file systems in memory, which take root to mount.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from itertools import chain
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from fake_hub import FakeHub
from fake_hub_repo import TOKEN
from huggingface_hub import constants

from benchmarks.faults_worker import ACTIONS, READY
from inpformer.detector import AnomalyDetector
from inpformer.errors import UserError
from inpformer.files import PARTIAL_SUFFIX
from inpformer.images import load_image

_WORKER = Path(__file__).resolve().with_name("faults_worker.py")
_LOST = "LOST"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=8, help="for each moment")
    options = parser.parse_args()
    print("| fault | moment | outcome |\n|---|---|---|", flush=True)
    is_lost = False
    for fault, moment, outcome in chain(killed(options.kills), with_bad_disks(), with_dying_hub()):
        print(f"| {fault} | {moment} | {outcome} |", flush=True)
        is_lost |= _LOST in outcome
    return 1 if is_lost else 0


def killed(kills: int) -> Iterator[tuple[str, str, str]]:
    """Kill processes at random moments, and look at what they said was done."""
    chance = random.Random(0)
    for what in ACTIONS:
        with tempfile.TemporaryDirectory() as place, FakeHub(pause=0.002) as hub:
            folder, confirmed = Path(place), 0
            for _ in range(kills):
                confirmed += _kill_once(what, folder, hub, chance)
            halves = len(list(folder.rglob(f"*{PARTIAL_SUFFIX}")))
            yield (
                "kill -9",
                what,
                f"{kills} kills, {confirmed} confirmed: {_state(what, folder, hub)}; "
                f"{halves} half files, {_halves_after_next(folder)} after the next save",
            )


def _kill_once(what: str, folder: Path, hub: FakeHub, chance: random.Random) -> int:
    """Kill a worker a moment after something it confirmed; return how much that was."""
    worker = subprocess.Popen(
        [sys.executable, str(_WORKER), what, str(folder)],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "HF_ENDPOINT": hub.url, "HF_TOKEN": TOKEN, "HF_HUB_DISABLE_XET": "1"},
    )
    assert worker.stdout is not None and worker.stdout.readline() == "ready\n"
    first = worker.stdout.readline()
    time.sleep(chance.uniform(0, 0.3))
    os.kill(worker.pid, signal.SIGKILL)
    rest = worker.stdout.read().splitlines()
    worker.wait()
    return bool(first) + len(rest)


def _state(what: str, folder: Path, hub: FakeHub) -> str:
    """Open all that has the name of something finished."""
    opened = 0
    try:
        for path in folder.rglob("*"):
            if path.suffix == ".safetensors":
                AnomalyDetector.load(path, "cpu")
            elif path.suffix == ".png" and not path.name.startswith("."):
                load_image(path)
            elif path.suffix == ".json" and not path.name.startswith("."):
                json.loads(path.read_text("utf-8"))
            else:
                continue
            opened += 1
        if what == "push":
            repo = hub.models["me/washer"]
            whole = {frozenset(files) for files in repo.commits.values() if len(files) > 1}
            if any("detector.safetensors" not in names for names in whole):
                return f"{_LOST}: a commit without its detector"
            return f"{len(repo.commits)} commits in the repository, none in part"
    except (UserError, ValueError) as error:
        return f"{_LOST}: {error}"
    return f"all {opened} files open"


def _halves_after_next(folder: Path) -> int:
    """Return how many half files are left once the same names were saved again, an hour later."""
    for half in folder.rglob(f"*{PARTIAL_SUFFIX}"):
        os.utime(half, (time.time() - 7200,) * 2)
    detector = AnomalyDetector.load(READY, "cpu")
    for path in list(folder.rglob("*.safetensors")) or [folder / "detector.safetensors"]:
        detector.save(path)
    return len(list(folder.rglob(f"*{PARTIAL_SUFFIX}")))


def with_bad_disks() -> Iterator[tuple[str, str, str]]:
    """Do everything once where there is no space, and where nothing may be written."""
    detector = AnomalyDetector.load(READY, "cpu")
    for fault in ("disk full", "read-only disk"):
        for what, action in ACTIONS.items():
            if what == "push":
                continue
            with _disk() as folder:
                if folder is None:
                    yield fault, what, "not tried: nothing can be mounted here"
                    continue
                (folder / "before.png").write_bytes(b"kept")
                if fault == "disk full":
                    _fill(folder)
                else:
                    subprocess.run(["mount", "-o", "remount,ro", folder], check=True)
                try:
                    action(detector, folder, 0)
                    said = f"{_LOST}: no word of it"
                except UserError as error:
                    said = f"“{str(error).replace(str(folder), '…')}”"
                except Exception as error:
                    said = f"{_LOST}: {error!r}"
                is_kept = (folder / "before.png").read_bytes() == b"kept"
                yield fault, what, said if is_kept else f"{_LOST}: an older file"


@contextlib.contextmanager
def _disk() -> Iterator[Path | None]:
    """Mount a file system of two megabytes; None where that is not allowed."""
    with tempfile.TemporaryDirectory() as place:
        command = ["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", place]
        if subprocess.run(command, capture_output=True).returncode:
            yield None
            return
        try:
            yield Path(place)
        finally:
            subprocess.run(["umount", place], check=True)


def _fill(folder: Path) -> None:
    with contextlib.suppress(OSError), (folder / "filling").open("wb", buffering=0) as stream:
        while True:
            stream.write(bytes(4096))


def with_dying_hub() -> Iterator[tuple[str, str, str]]:
    """Push to a Hub that stops working at a request, each in turn."""
    detector = AnomalyDetector.load(READY, "cpu")
    for moment, pattern in (("before the upload", "preupload"), ("at the commit", "/commit/")):
        with FakeHub() as hub, tempfile.TemporaryDirectory() as place:
            _point_to(hub)
            ACTIONS["push"](detector, Path(place), 0)
            before = hub.models["me/washer"].head
            hub.fail(503, pattern)
            try:
                ACTIONS["push"](detector.zero_shot(), Path(place), 1)
                said = f"{_LOST}: no word of it"
            except UserError as error:
                said = f"“{error}”"
            same = hub.models["me/washer"].head == before
            outcome = "; the repository is as before" if same else f"; {_LOST}: it changed"
            yield "the Hub dies", f"push, {moment}", said.replace(hub.url, "…") + outcome


def _point_to(hub: FakeHub) -> None:
    # The stand-in speaks the older way of uploading.
    os.environ |= {"HF_ENDPOINT": hub.url, "HF_TOKEN": TOKEN, "HF_HUB_DISABLE_XET": "1"}
    constants.HF_HUB_DISABLE_XET = True
    constants.ENDPOINT = hub.url
    constants.HUGGINGFACE_CO_URL_TEMPLATE = hub.url + "/{repo_id}/resolve/{revision}/{filename}"


if __name__ == "__main__":
    raise SystemExit(main())
