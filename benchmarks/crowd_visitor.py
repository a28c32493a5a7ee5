"""Simulated visitors of a running page: they speak to its queue as a browser does.

Each has a mark: a word in the names of their files and detectors, and a pattern of 4 x 4 squares in
their pictures that survives resizing, JPEG and a coloured overlay. `Marks.foreign` finds whose
marks an answer carries.
"""

from __future__ import annotations

import base64
import contextlib
import io
import json
import re
import secrets
import time
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import httpx
import numpy as np
from PIL import Image

_SQUARES, _SIDE, _LEAST_DISTANCE = 4, 160, 5
_DATA_PICTURE = re.compile(rb"data:image/(?:png|jpeg|webp);base64,([A-Za-z0-9+/=]+)")
_TIMEOUT = 600.0
_SIGNATURES = (b"\x89PNG", b"\xff\xd8\xff", b"RIFF")


@dataclass(frozen=True)
class Mark:
    """What tells a visitor's things from others'.

    Attributes:
        word: In names of files and detectors.
        squares: `(4, 4)` bool, drawn in every picture.
    """

    word: str
    squares: np.ndarray

    def picture(self, seed: int) -> np.ndarray:
        """Draw a picture `(160, 160, 3)` uint8 of this visitor's."""
        rng = np.random.default_rng(seed)
        levels = np.where(self.squares, 205.0, 55.0)
        side = _SIDE // _SQUARES
        image = np.kron(levels, np.ones((side, side)))[..., None]
        image = image + rng.normal(0, 5, (_SIDE, _SIDE, 3))
        return image.clip(0, 255).astype(np.uint8)


class Marks:
    """All visitors' marks.

    Args:
        count: How many visitors.
        seed: Of the patterns; the words are always new.
    """

    def __init__(self, count: int, seed: int = 0) -> None:
        rng = np.random.default_rng(seed)
        patterns: list[np.ndarray] = []
        while len(patterns) < count:
            new = np.zeros(_SQUARES**2, bool)
            new[rng.permutation(_SQUARES**2)[: _SQUARES**2 // 2]] = True
            if all((new != old).sum() >= _LEAST_DISTANCE for old in patterns):
                patterns.append(new)
        self.all = [
            Mark(f"crowd{secrets.token_hex(6)}", squares.reshape(_SQUARES, _SQUARES))
            for squares in patterns
        ]

    def owner(self, image: np.ndarray) -> Mark | None:
        """Return whose picture this is; None if it shows nobody's mark clearly."""
        grey = Image.fromarray(image).convert("L").resize((32, 32), Image.Resampling.BOX)
        # The middle of each square: its edges may be blurred.
        values = np.asarray(grey, float).reshape(_SQUARES, 8, _SQUARES, 8)[:, 2:6, :, 2:6]
        means = values.mean(axis=(1, 3))
        for mark in self.all:
            gap = means[mark.squares].min() - means[~mark.squares].max()
            if gap > 0.35 * np.ptp(means) and np.ptp(means) > 25:
                return mark
        return None

    def found(self, content: bytes) -> tuple[set[str], int]:
        """Return the words of all whose marks are in an answer or a file, and marked pictures."""
        words = {word.decode() for word in re.findall(rb"crowd[0-9a-f]{12}", content)}
        count = 0
        for picture in _pictures_in(content):
            owner = self.owner(picture)
            if owner is not None:
                words.add(owner.word)
                count += 1
        if content[:2] == b"PK":
            with zipfile.ZipFile(io.BytesIO(content)) as archive:
                for name in archive.namelist():
                    inner, pictures = self.found(name.encode() + b"\n" + archive.read(name))
                    words |= inner
                    count += pictures
        return words, count


def _pictures_in(content: bytes) -> Iterator[np.ndarray]:
    """Yield the pictures in an answer: inside its text, or the file that it is."""
    sources = [base64.b64decode(found) for found in _DATA_PICTURE.findall(content)]
    starts = [content.find(each) for each in _SIGNATURES]
    # A member of a zip comes with its name before it.
    sources += [content[start:] for start in starts if 0 <= start < 300]
    for source in sources:
        with contextlib.suppress(OSError, ValueError, SyntaxError):
            yield np.asarray(Image.open(io.BytesIO(source)).convert("RGB"))


def encoded(image: np.ndarray) -> bytes:
    """Return a picture as a PNG file."""
    stream = io.BytesIO()
    Image.fromarray(image).save(stream, "PNG")
    return stream.getvalue()


class RefusedError(Exception):
    """The page says no, in a sentence."""


@dataclass
class Answer:
    """What the page answers to an action.

    Attributes:
        data: The values of the last answer.
        raw: Everything that came, progress and messages, too.
        waited: Seconds until the action began to run; NaN where that was not told.
        seconds: Seconds until the end.
    """

    data: list[Any]
    raw: bytes
    waited: float
    seconds: float


@dataclass
class Visitor:
    """A browser tab without a browser.

    Attributes:
        url: Of the page.
        mark: Theirs.
        functions: Number of each function of the page, by name.
        session: Their session hash.
        pass_key: What the page gave them when they arrived.
        sent: Paths on the server of all that they uploaded.
        received: Everything that came to them since it was taken away last.
    """

    url: str
    mark: Mark
    functions: dict[str, int]
    session: str = field(default_factory=lambda: secrets.token_hex(6))
    pass_key: str = ""
    sent: list[str] = field(default_factory=list)
    received: list[bytes] = field(default_factory=list)
    http: httpx.Client = field(default_factory=lambda: httpx.Client(timeout=_TIMEOUT))

    def arrive(self) -> Answer:
        """Open the page."""
        answer = self.act("arrive", self.pass_key)
        self.pass_key = answer.data[0]
        return answer

    def act(self, name: str, *values: Any, event: Any = None) -> Answer:
        """Do something as a click does, and wait for the end of it.

        Raises:
            RefusedError: The page refuses, or its queue is full.
        """
        started = time.monotonic()
        event_id = self.join(name, *values, event=event)
        lines: list[bytes] = []
        begun = float("nan")
        address = f"{self.url}/gradio_api/queue/data"
        with self.http.stream("GET", address, params={"session_hash": self.session}) as stream:
            for line in stream.iter_lines():
                if not line.startswith("data:"):
                    continue
                lines.append(line.encode())
                message = json.loads(line[5:])
                if message.get("event_id") not in (event_id, None):
                    continue
                if message["msg"] == "process_starts":
                    begun = time.monotonic() - started
                if message["msg"] == "process_completed":
                    break
            else:
                raise RefusedError("The stream ended before the answer.")
        self.received.append(b"\n".join(lines))
        output = message["output"]
        if not message["success"]:
            raise RefusedError(str(output.get("error")))
        seconds = time.monotonic() - started
        return Answer(output.get("data", []), self.received[-1], begun, seconds)

    def join(self, name: str, *values: Any, event: Any = None) -> str:
        """Put an action into the queue and return its id.

        Raises:
            RefusedError: The queue is full.
        """
        body = {
            "data": list(values),
            "fn_index": self.functions[name],
            "session_hash": self.session,
            "event_data": event,
        }
        answer = self.http.post(f"{self.url}/gradio_api/queue/join", json=body)
        self.received.append(answer.content)
        if answer.status_code != 200:
            raise RefusedError(f"{answer.status_code}: {answer.text[:300]}")
        return answer.json()["event_id"]

    def now(self, name: str, *values: Any) -> httpx.Response:
        """Do what needs no turn, such as to cancel."""
        body = {
            "data": list(values),
            "fn_index": self.functions[name],
            "session_hash": self.session,
        }
        answer = self.http.post(f"{self.url}/gradio_api/run/predict", json=body)
        self.received.append(answer.content)
        return answer

    def upload(self, name: str, content: bytes) -> dict[str, Any]:
        """Bring a file, and return the value of an input for it."""
        address = f"{self.url}/gradio_api/upload"
        answer = self.http.post(address, files={"files": (name, content)})
        answer.raise_for_status()
        (path,) = answer.json()
        self.sent.append(path)
        return file_value(path, name)

    def picture(self, seed: int) -> dict[str, Any]:
        """Bring a new picture with this visitor's mark."""
        name = f"{self.mark.word}-{seed}.png"
        return self.upload(name, encoded(self.mark.picture(seed)))

    def download(self, path: str) -> httpx.Response:
        """Ask for a file by its path on the server."""
        answer = self.http.get(f"{self.url}/gradio_api/file={path}")
        self.received.append(answer.content)
        return answer


def file_value(path: str, name: str = "") -> dict[str, Any]:
    """Return the value of an input for a file on the server."""
    return {"path": path, "orig_name": name, "meta": {"_type": "gradio.FileData"}}


def functions_of(url: str) -> dict[str, int]:
    """Return the number of each function of a page by its name."""
    config = httpx.get(f"{url}/config", timeout=60).json()
    return {each["api_name"]: each["id"] for each in config["dependencies"] if each["api_name"]}


def paths_in(value: Any) -> Iterator[str]:
    """Yield the paths of all files in an answer."""
    if isinstance(value, dict):
        if isinstance(value.get("path"), str):
            yield value["path"]
        value = list(value.values())
    if isinstance(value, (list, tuple)):
        for item in value:
            yield from paths_in(item)
