"""The page's server is killed in the middle of a visitor's work, or its disk is full."""

from __future__ import annotations

import base64
import contextlib
import re
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import numpy as np

from benchmarks.crowd_server import start
from benchmarks.crowd_visitor import (
    Answer,
    Marks,
    RefusedError,
    Visitor,
    encoded,
    functions_of,
    paths_in,
)
from benchmarks.fault_disks import disk, spoil
from benchmarks.fault_kills import LOST, Row

_SHORT, _LONG = ("inp-former++", 20), ("inp-former++", 2000)
_REST = (4, False, 0, "", 0.05, None)


def with_killed_page() -> Iterator[Row]:
    """Kill a server while a visitor's fit and retraining run, start it again, and come back."""
    for moment in ("fit", "retrain"):
        with tempfile.TemporaryDirectory() as place:
            yield "kill -9 of the page's server", f"a visitor's {moment}", _killed(moment, place)
    with disk(24) as place:
        if place is None:
            yield "disk full", "the page", "not tried: nothing can be mounted here"
        else:
            yield from _page_without_space(place)


@dataclass
class Server:
    """`app.py` with all that it writes below a folder.

    Attributes:
        folder: The folder.
        url: Where it is while it runs.
    """

    folder: Path
    url: str = ""
    _processes: list[subprocess.Popen] = field(default_factory=list)

    def start(self) -> None:
        """Start it, and wait until it answers."""
        process, running = start(self.folder)
        self._processes.append(process)
        self.url = running.url

    def kill(self) -> None:
        """End it as `kill -9` does."""
        for process in self._processes:
            process.kill()
            process.wait()

    def files_of(self, word: str) -> list[Path]:
        """Return the files whose name or content has a visitor's word."""
        files = [path for path in self.folder.rglob("*") if path.is_file()]
        return [p for p in files if word in str(p) or word.encode() in p.read_bytes()]

    def __enter__(self) -> Server:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()


def _killed(moment: str, place: str) -> str:
    (mark,) = Marks(1).all
    with Server(Path(place)) as server:
        visitor = Visitor(server.url, mark, functions_of(server.url))
        visitor.arrive()
        detector = _fitted(visitor)
        annotations = _annotated(visitor)
        pictures = [visitor.picture(seed) for seed in (1, 2)]
        last = ("retrain", False) if moment == "retrain" else ("fit", pictures, *_LONG, *_REST, "")
        values = (*last[1:], None) if moment == "fit" else last[1:]
        running = threading.Thread(target=_until_the_end, args=(visitor, last[0], *values))
        running.start()
        time.sleep(2.0)
        if not running.is_alive():
            return f"{LOST}: the {moment} was over before the kill"
        server.kill()
        running.join()
        left = len(server.files_of(mark.word))
        server.start()
        after = len(server.files_of(mark.word))
        again = Visitor(server.url, mark, functions_of(server.url), pass_key=visitor.pass_key)
        said = "; the reloaded page says that it is gone" if "is gone" in _said(again) else ""
        if after or not said:
            return f"{LOST}: {after} of their {left} files are left, said {said!r}"
        again.act("load_detector", again.upload(f"{mark.word}.safetensors", detector))
        again.act("annotate_import", again.upload(f"{mark.word}.zip", annotations), "auto")
        count = len(again.act("annotations").data[0])
        again.act("inspect", again.picture(9), "full", "fitted")
        if count != 2:
            return f"{LOST}: {count} of 2 annotations"
        return (
            f"all {left} files of theirs on the server go at its next start{said}, and what to "
            "bring back: the detector and the annotations they had downloaded open and work"
        )


def _fitted(visitor: Visitor) -> bytes:
    """Fit a detector, and return its file as it is downloaded."""
    pictures = [visitor.picture(seed) for seed in (1, 2)]
    visitor.act("fit", pictures, *_SHORT, *_REST, visitor.mark.word, None)
    (path,) = list(paths_in(visitor.act("own_detectors").data))
    return visitor.download(path).content


def _annotated(visitor: Visitor) -> bytes:
    """Mark a defect in two pictures, and return the export as it is downloaded."""
    visitor.act("annotate_add", [visitor.picture(seed) for seed in (3, 4)], None)
    mask = np.zeros(visitor.mark.picture(3).shape[:2], np.uint8)
    mask[20:60, 30:70] = 1
    png = base64.b64encode(encoded(mask)).decode()
    for entry in visitor.act("annotations").data[0]:
        visitor.act("set_mask", entry["name"], png)
    (path,) = list(paths_in(visitor.act("annotate_export", "zip").data))
    return visitor.download(path).content


def _until_the_end(visitor: Visitor, name: str, *values: object) -> None:
    with contextlib.suppress(RefusedError, httpx.HTTPError, AssertionError):
        visitor.act(name, *values)


def _said(visitor: Visitor) -> str:
    visitor.arrive()
    return b"\n".join(visitor.received).decode()


def _page_without_space(place: Path) -> Iterator[Row]:
    """Fill the server's disk under a visitor, and do everything that writes."""
    (mark,) = Marks(1).all
    with Server(place) as server:
        visitor = Visitor(server.url, mark, functions_of(server.url))
        visitor.arrive()
        _fitted(visitor)
        _annotated(visitor)
        picture = visitor.picture(5)
        visitor.act("inspect", visitor.picture(6), "full", "fitted")
        spoil(place, "disk full")
        actions = {
            "upload": lambda: visitor.picture(7),
            "inspect": lambda: visitor.act("inspect", picture, "full", "fitted"),
            "inspect many": lambda: visitor.act("inspect_all", [picture], None, "full", "fitted"),
            "results as a zip": lambda: visitor.act("results_zip"),
            "export of annotations": lambda: visitor.act("annotate_export", "coco"),
            "fit": lambda: visitor.act("fit", [picture], *_SHORT, *_REST, "b", None),
            "list of detectors": lambda: visitor.act("own_detectors"),
        }
        for what, act in actions.items():
            visitor.http = httpx.Client(timeout=60)  # a server that fails leaves no connection
            said = _answer(act)
            if str(place) in said or "Traceback" in said:
                said = f"{LOST}: {said}"
            yield "disk full", f"the page: {what}", said


def _answer(act: Callable[[], object]) -> str:
    """Return what the page says of something that it may not be able to do."""
    try:
        done = act()
    except RefusedError as error:
        return f"“{error}”"
    except httpx.HTTPStatusError as error:
        return f"“{error.response.text[:200]}”"
    raw = done.raw.decode() if isinstance(done, Answer) else ""
    named = re.search(r"The server cannot keep [^.]*?\.png: its disk is full", raw)
    return f"goes on, and reports “{named[0]} …”" if named else "is done all the same"
