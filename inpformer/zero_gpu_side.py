"""What happens in the process that has the borrowed GPU; nothing it keeps comes back."""

from __future__ import annotations

import queue
import threading
import time
from collections import OrderedDict
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from inpformer.errors import UserError

if TYPE_CHECKING:
    from inpformer.config import ModelConfig
    from inpformer.detector import AnomalyDetector
    from inpformer.fit_config import FitConfig
    from inpformer.modeling.encoder import FrozenEncoder
    from inpformer.progress import FitStep
    from inpformer.scales import Calibration

_REPORT_SECONDS = 0.25
# Detectors that a process with the GPU keeps.
_MAX_LOADED = 4


@dataclass(frozen=True)
class Call:
    """What a call of the GPU is about.

    Attributes:
        kind: `run` or `fit`.
        path: The detector file.
        encoder: Name of its encoder.
        work: Pixels to look at, or steps and views of a fit.
    """

    kind: str
    path: str
    encoder: str
    work: int


@dataclass(frozen=True)
class FitReport:
    """What comes back of a fit, some times a second; the rest only at its end.

    Attributes:
        steps: New steps.
        state: What was learnt, by name.
        calibration: The scales of its maps.
        problem: What was wrong with what was given.
        seconds: How long it took.
    """

    steps: tuple[FitStep, ...] = ()
    state: dict[str, np.ndarray] | None = None
    calibration: Calibration | None = None
    problem: str | None = None
    seconds: float = 0.0


class GpuSide:
    """What happens in the process with the GPU; nothing that it keeps comes back.

    Args:
        device: The GPU.
    """

    def __init__(self, device: str) -> None:
        self._device = device
        self._twin: FrozenEncoder | None = None
        self._loaded: OrderedDict[str, AnomalyDetector] = OrderedDict()

    def bring(self, encoder: FrozenEncoder) -> None:
        """Put a copy of an encoder on the GPU, before any process with one begins."""
        self._twin = deepcopy(encoder).to(self._device)

    def run(self, call: Call, images: np.ndarray) -> tuple[list[Any], float]:
        """Return a network's output as arrays, and the seconds it took."""
        import torch

        started = time.monotonic()
        detector = self._detector(call)
        with torch.inference_mode():
            output = detector.run(torch.from_numpy(images).to(self._device))
            values = [_to_array(each) for each in output]
        return values, time.monotonic() - started

    def fit(
        self,
        call: Call,
        model_config: ModelConfig,
        shots: list[list[np.ndarray]],
        config: FitConfig,
        textures: list[np.ndarray],
    ) -> Iterator[FitReport]:
        """Fit a model, telling of its steps; ends when it is closed."""
        import torch

        from inpformer.fitting import fit_model
        from inpformer.modeling.build import trained_state

        started, stop = time.monotonic(), threading.Event()
        steps: queue.SimpleQueue[FitStep] = queue.SimpleQueue()
        encoder = self._detector(call).model.encoder
        images = [[torch.from_numpy(each).to(self._device) for each in shot] for shot in shots]
        drawn = [torch.from_numpy(each) for each in textures]
        with ThreadPoolExecutor(1) as pool:
            fit = pool.submit(
                fit_model, encoder, model_config, images, config, steps.put, stop.is_set, drawn
            )
            try:
                while wait([fit], _REPORT_SECONDS).not_done:
                    yield FitReport(_taken(steps))
            finally:
                stop.set()
        if isinstance(fit.exception(), UserError):
            yield FitReport(problem=str(fit.exception()))
            return
        model, calibration = fit.result()
        state = {name: _to_array(values) for name, values in trained_state(model).items()}
        yield FitReport(_taken(steps), state, calibration, seconds=time.monotonic() - started)

    def _detector(self, call: Call) -> AnomalyDetector:
        from inpformer.detector import AnomalyDetector
        from inpformer.detector_file import choose_device, read_detector

        AnomalyDetector.lender = None  # here, networks run in this process
        if call.path not in self._loaded:
            device = choose_device(self._device)
            self._loaded[call.path] = read_detector(Path(call.path), device, encoder=self._twin)
        self._loaded.move_to_end(call.path)
        while len(self._loaded) > _MAX_LOADED:
            self._loaded.popitem(last=False)
        return self._loaded[call.path]


def _taken(steps: queue.SimpleQueue[FitStep]) -> tuple[FitStep, ...]:
    return tuple(steps.get() for _ in range(steps.qsize()))


def _to_array(value: Any) -> Any:
    return value.detach().cpu().numpy() if hasattr(value, "detach") else value
