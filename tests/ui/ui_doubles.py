"""Stand-ins and readers shared by the tests of the page."""

from __future__ import annotations

import base64
import contextlib
import json
import re
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import replace
from html.parser import HTMLParser
from io import BytesIO
from pathlib import Path
from typing import Any, NamedTuple

import gradio as gr
import httpx
import numpy as np
import torch
from PIL import Image

from inpformer.config import ModelConfig
from inpformer.detector import AnomalyDetector, Provenance
from inpformer.errors import FitCancelledError
from inpformer.fit_config import FitConfig
from inpformer.modeling.build import build_encoder, build_model
from inpformer.progress import FitStep
from inpformer.ui.fewshot_handlers import FitReport
from inpformer.ui.handlers import Handlers
from inpformer.ui.session import Session

SECONDS = 20.0  # after which a test gives up waiting


def striped(seed: int = 0, height: int = 90, width: int = 120) -> np.ndarray:
    """Return a picture `(height, width, 3)` uint8 of soft stripes and a little noise."""
    rng = np.random.default_rng(seed)
    stripes = 120 + 40 * np.sin((np.arange(width) + seed) / 5.0)
    picture = stripes[None, :, None] + rng.normal(0, 6, (height, width, 3))
    return picture.clip(0, 255).astype(np.uint8)


def untrained_source(config: ModelConfig) -> AnomalyDetector:
    """Return a training-free detector that is not calibrated, on an encoder of `config`."""
    torch.manual_seed(0)
    free = replace(config, variant="training-free")
    model = build_model(free, build_encoder(free.encoder))
    return AnomalyDetector(model, free, Provenance("untrained", "The tiny encoder."))


def quick_plus(source: AnomalyDetector) -> AnomalyDetector:
    """Return a calibrated detector with all four maps, fitted in a moment."""
    quick = FitConfig(steps=2, head_steps=2, pseudo_anomalies=2, tokens_per_view=8, inp_count=4)
    return source.fit([striped()], quick)


def wait_until(is_true: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + SECONDS
    pause = threading.Event()
    while not is_true():
        assert time.monotonic() < deadline, f"waited {SECONDS} s for {what}"
        pause.wait(0.01)


class ScriptedDetector(AnomalyDetector):
    """A detector whose fit goes one step per `may_step.release()`.

    Attributes:
        fitted: What a fit returns.
        error: Raised at the end of a fit instead.
        ended: Set when a fit has ended, however it did.
        image_counts: How many pictures each fit so far was given.
    """

    def __init__(
        self, source: AnomalyDetector, fitted: AnomalyDetector, step_count: int = 4
    ) -> None:
        super().__init__(source.model, source.config, source.provenance, source.calibration)
        self.fitted = fitted
        self.step_count = step_count
        self.may_step = threading.Semaphore(0)
        self.ended = threading.Event()
        self.error: Exception | None = None
        self.image_counts: list[int] = []

    def let_go(self) -> None:
        """Let every fit run to its end."""
        self.may_step.release(1000)

    def fit(self, normal_images, config=None, on_step=None, should_stop=None):
        self.image_counts.append(len(normal_images))
        self.ended.clear()
        try:
            for step in range(1, self.step_count + 1):
                waiting_since = time.monotonic()
                while not self.may_step.acquire(timeout=0.005):
                    self._check(should_stop)
                    assert time.monotonic() < waiting_since + SECONDS, "the test forgot this fit"
                fraction = step / self.step_count
                on_step(FitStep("train", step, self.step_count, {"total": 0.5}, fraction, 1.0))
                self._check(should_stop)
            if self.error is not None:
                raise self.error
            return self.fitted
        finally:
            self.ended.set()

    @staticmethod
    def _check(should_stop: Callable[[], bool]) -> None:
        if should_stop():
            raise FitCancelledError("Stopped.")


class Page(NamedTuple):
    """A live server and the options it was launched with."""

    demo: gr.Blocks
    url: str
    options: dict[str, Any]

    def call(self, name: str, *values: Any, session: str) -> httpx.Response:
        """Call an endpoint as a program does that knows nothing of gradio's client."""
        number = next(each._id for each in self.demo.fns.values() if each.api_name == name)
        body = {"data": list(values), "fn_index": number, "session_hash": session}
        address = f"{self.url}/gradio_api/queue"
        asked = httpx.post(f"{address}/join", json=body, timeout=SECONDS)
        if asked.status_code != 200:
            return asked
        data = httpx.get(f"{address}/data?session_hash={session}", timeout=SECONDS).text
        told = [json.loads(line[5:]) for line in data.splitlines() if line.startswith("data:")]
        last = next(each for each in told if each["msg"] == "process_completed")
        return httpx.Response(200 if last["success"] else 500, json=last["output"])

    def call_alone(self, name: str, *values: Any) -> str:
        """Call an endpoint without a session, and return all that is told."""
        address = f"{self.url}/gradio_api/call/{name}"
        asked = httpx.post(address, json={"data": list(values)}, timeout=SECONDS).json()
        told = ""
        # What cannot be written for such a caller ends the line.
        with (
            contextlib.suppress(httpx.RemoteProtocolError),
            httpx.stream("GET", f"{address}/{asked['event_id']}", timeout=SECONDS) as stream,
        ):
            for line in stream.iter_lines():
                told += f"{line}\n"
        return told

    def upload(self, name: str, content: bytes) -> httpx.Response:
        files = {"files": (name, content)}
        return httpx.post(f"{self.url}/gradio_api/upload", files=files, timeout=SECONDS)

    def uploaded(self, path: Path) -> dict[str, Any]:
        """Upload a picture and return the value of an input for it."""
        (stored,) = self.upload(path.name, path.read_bytes()).json()
        return file_value(stored)


def file_value(path: str) -> dict[str, Any]:
    return {"path": path, "meta": {"_type": "gradio.FileData"}}


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.words.append(data)


def elements_of(html: str) -> list[tuple[str, dict[str, str | None]]]:
    """Return every tag of a piece of HTML with its attributes, as a browser would see it."""
    reader = _Reader()
    reader.feed(html)
    return reader.elements


def words_of(html: str) -> str:
    """Return what a person reads of a piece of HTML."""
    reader = _Reader()
    reader.feed(html)
    return " ".join(reader.words)


def fraction_of(html: str) -> float:
    """Return the state of a progress bar, 0 to 1."""
    return float(re.search(r"width:([\d.]+)%", html)[1]) / 100


def picture_of(address: str) -> np.ndarray:
    """Return the pixels behind the data address of an `<img>`."""
    return np.asarray(Image.open(BytesIO(base64.b64decode(address.split(",", 1)[1]))))


def give(handlers: Handlers, visitor: str, detector: AnomalyDetector | None) -> Session:
    """Make a detector the visitor's own and use it; None leaves them with the start."""
    session = handlers.sessions.get(visitor)
    if detector is not None:
        session.add_detector("given", detector)
    return session


def percentages(reports: Iterable[FitReport]) -> list[float]:
    return [fraction_of(report.progress) for report in reports if report.is_running]
