"""A full disk and one that may only be read, as file systems in memory; mounting takes root."""

from __future__ import annotations

import contextlib
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

from fake_hub import FakeHub
from hub_cases import repository

from benchmarks.fault_hub import said_of
from benchmarks.fault_kills import LOST, Row
from benchmarks.faults_worker import ACTIONS, make_detector, point_to, training
from inpformer.detector import AnomalyDetector
from inpformer.training.checkpoint import read_checkpoint

FAULTS = ("disk full", "read-only disk")
_OLDER = b"kept"


def with_bad_disks() -> Iterator[Row]:
    """Do everything once where there is no space, and where nothing may be written."""
    detector = make_detector()
    for fault in FAULTS:
        for what, action in ACTIONS.items():
            with disk() as folder, FakeHub() as hub, tempfile.TemporaryDirectory() as safe:
                if folder is None:
                    yield fault, what, "not tried: nothing can be mounted here"
                    continue
                hub.put("me/part0", repository())
                older = _older_files(folder, what)
                spoil(folder, fault)
                # What has no folder of its own fails in the Hub's cache, or among temporary files.
                point_to(hub.url, folder if what == "pull" else Path(safe))
                tempfile.tempdir = str(folder) if what == "push" else safe
                said = said_of(lambda do=action, at=folder: do(detector, at, 0))
                said = said.replace(str(folder), "…")
                tempfile.tempdir = None
                lost = [path.name for path, data in older.items() if path.read_bytes() != data]
                halves = [path for path in folder.rglob("*.part") if path.name.startswith(".")]
                halves += folder.rglob("*.incomplete")
                said += f"; {LOST}: {lost}" if lost else "; older files stay"
                yield fault, what, f"{said}; {LOST}: half files" if halves else said
        yield fault, "training, at a checkpoint", _training_without_space(fault)


def _older_files(folder: Path, what: str) -> dict[Path, bytes]:
    """Write what is there before, under the names that are to be written."""
    names = {"inspect": "0.png", "save": "detector.safetensors", "export to ONNX": "0.onnx"}
    paths = [folder / "before.png", folder / names.get(what, "0.safetensors")]
    for path in paths:
        path.write_bytes(_OLDER)
    return dict.fromkeys(paths, _OLDER)


def _training_without_space(fault: str) -> str:
    """Train, spoil the disk in the middle, mend it, and go on."""
    with disk() as place, tempfile.TemporaryDirectory() as safe:
        if place is None:
            return "not tried: nothing can be mounted here"
        data, folder = Path(safe), place / "run"

        def spoil_in_the_middle(progress: object) -> None:
            if (progress.phase, progress.step) == ("train", 6):
                spoil(place, fault)

        said = said_of(lambda: training(data, folder, spoil_in_the_middle))
        said = said.replace(str(place), "…")
        kept = read_checkpoint(folder / "checkpoint" / "state.safetensors")
        mend(place, fault)
        if kept is None:
            return f"{said}; {LOST}: the older checkpoint"
        training(data, folder, resume=True)
        (made,) = folder.rglob("*.safetensors")
        AnomalyDetector.load(made, "cpu")
        return f"{said}; the checkpoint of step {kept.position.step} stays, `--resume` ends the run"


@contextlib.contextmanager
def disk(megabytes: int = 4) -> Iterator[Path | None]:
    """Mount a small file system in memory; None where that is not allowed."""
    with tempfile.TemporaryDirectory() as place:
        command = ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "tmpfs", place]
        if shutil.which("mount") is None or subprocess.run(command, capture_output=True).returncode:
            yield None
            return
        try:
            yield Path(place)
        finally:
            subprocess.run(["umount", "-l", place], check=True)


def spoil(place: Path, fault: str) -> None:
    """Fill a mounted disk, or let it only be read."""
    if fault == "read-only disk":
        subprocess.run(["mount", "-o", "remount,ro", place], check=True)
        return
    with contextlib.suppress(OSError), (place / "filling").open("wb", buffering=0) as stream:
        while True:
            stream.write(bytes(4096))


def mend(place: Path, fault: str) -> None:
    """Undo `spoil`."""
    if fault == "read-only disk":
        subprocess.run(["mount", "-o", "remount,rw", place], check=True)
    else:
        (place / "filling").unlink()
