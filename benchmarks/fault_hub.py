"""A stand-in of the Hub that stops working at a request, each in turn."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

from fake_hub import FakeHub
from hub_cases import repository

from benchmarks.fault_kills import LOST, Row
from benchmarks.faults_worker import make_detector, point_to, pull_it, push_it
from inpformer.detector import AnomalyDetector
from inpformer.errors import UserError

_PUSHES = {
    "before anything": "",
    "before the upload": "preupload",
    "at the upload": "info/lfs/objects/batch",
    "at the commit": "/commit/",
    "at the tag": "/tag/",
}


def with_dying_hub() -> Iterator[Row]:
    """Push to and pull from a Hub that stops working."""
    detector = make_detector()
    for moment, pattern in _PUSHES.items():
        yield "the Hub dies (503)", f"push, {moment}", _push(detector, pattern)
    for moment, spoil in _PULLS.items():
        yield "the Hub dies", f"pull, {moment}", _pull(detector, spoil)


def _push(detector: AnomalyDetector, pattern: str) -> str:
    with FakeHub() as hub, tempfile.TemporaryDirectory() as place:
        point_to(hub.url, Path(place) / "home")
        push_it(detector, Path(place), 0)
        before = hub.models["me/washer"].head
        hub.fail(503, pattern)
        said = said_of(lambda: push_it(detector.zero_shot(), Path(place), 1))
        is_same = hub.models["me/washer"].head == before
        if "could not be marked" in said:
            return f"{said}; the commit is whole" if not is_same else f"{said}; {LOST}"
        return f"{said}; the repository is as before" if is_same else f"{said}; {LOST}: it changed"


def _dead(hub: FakeHub) -> None:
    hub.fail(503)


def _dead_at_file(hub: FakeHub) -> None:
    hub.fail(503, "detector.safetensors")


def _cut_once(hub: FakeHub) -> None:
    hub.cut_at, hub.cuts = 100_000, 1


def _cut_always(hub: FakeHub) -> None:
    hub.cut_at, hub.cuts = 20_000, float("inf")


def _wrong_length(hub: FakeHub) -> None:
    for key, data in hub.objects.items():
        hub.objects[key] = data[:-1000]


def _other_content(hub: FakeHub) -> None:
    for key, data in hub.objects.items():
        hub.objects[key] = data[:-1000] + bytes(1000)


_PULLS: dict[str, Callable[[FakeHub], None]] = {
    "before anything (503)": _dead,
    "at the file (503)": _dead_at_file,
    "cut in the middle of the file, once": _cut_once,
    "cut in the middle of the file, always": _cut_always,
    "the file is shorter than said": _wrong_length,
    "the file has other bytes than said": _other_content,
}


def _pull(detector: AnomalyDetector, spoil: Callable[[FakeHub], None]) -> str:
    with FakeHub() as hub, tempfile.TemporaryDirectory() as place:
        point_to(hub.url, Path(place) / "home")
        hub.put("me/part0", repository())
        whole = dict(hub.objects)
        spoil(hub)
        paths: list[Path] = []
        said = said_of(lambda: paths.append(pull_it(detector, Path(place), 0)))
        if paths:
            said = "taken up again; the file is whole and opens"
            AnomalyDetector.load(paths[0], "cpu")
        halves = list(Path(place).rglob("*.incomplete"))
        said += f"; {LOST}: {len(halves)} half files" if halves else "; no half file"
        hub.faults.clear()
        hub.objects, hub.cut_at = whole, None
        AnomalyDetector.load(pull_it(detector, Path(place), 0), "cpu")
        return f"{said}; the next pull is whole"


def said_of(work: Callable[[], object]) -> str:
    """Return the sentence with which some work fails."""
    try:
        work()
    except UserError as error:
        return f"“{error}”"
    except Exception as error:
        return f"{LOST}: {error!r}"
    return f"{LOST}: no word of it"
