"""A GPU borrowed for seconds at a time, as ZeroGPU Spaces lend it; all that knows of ZeroGPU.

There, the page runs without a GPU, and a function under `spaces.GPU` runs in another process,
forked from it, that has one. What such a function changes stays in that process, which may be
used again, and what is passed to it and back is pickled. So the page keeps all its detectors on
the CPU, and across the border go the path of a detector file, arrays, settings, and steps of a
fit. What was learnt comes back as arrays.
"""

from __future__ import annotations

import atexit
import importlib
import math
import os
import shutil
import tempfile
import threading
import uuid
import weakref
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from inpformer.errors import FitCancelledError, UserError
from inpformer.zero_gpu_side import Call, GpuSide

if TYPE_CHECKING:
    from torch import Tensor

    from inpformer.config import ModelConfig
    from inpformer.detector import AnomalyDetector
    from inpformer.fit_config import FitConfig
    from inpformer.modeling.encoder import FrozenEncoder
    from inpformer.modeling.model import INPFormer, INPFormerOutput
    from inpformer.progress import FitStep
    from inpformer.scales import Calibration


def is_on() -> bool:
    """Whether this is a Space with ZeroGPU."""
    return os.environ.get("SPACES_ZERO_GPU", "").lower() in ("1", "t", "true")


def make_lender() -> Lender | None:
    """Return what lends the GPU on ZeroGPU, None elsewhere; before anything else uses torch."""
    return Lender(importlib.import_module("spaces").GPU) if is_on() else None


class Durations:
    """How many seconds to ask the GPU for: by what calls have taken, with something to spare.

    A visitor of a Space has minutes a day, and a call that asks for few seconds waits less; one
    that takes longer than it asked for may be ended.

    Args:
        first_rates: Seconds per unit of work before any call, by kind.
    """

    START = 3.0  # a new process first brings the network to the GPU
    SPARE = 1.5
    MOST = 110.0
    _KEPT = 20

    def __init__(self, first_rates: dict[str, float]) -> None:
        self._first = first_rates
        self._seen: dict[tuple[str, str], deque[tuple[int, float]]] = {}

    def ask(self, call: Call) -> int:
        """Return whole seconds to ask for."""
        rate = self._first[call.kind]
        if seen := self._seen.get((call.kind, call.encoder)):
            # Together, since a call has seconds of its own, however little there is to do.
            rate = sum(seconds for _, seconds in seen) / sum(work for work, _ in seen)
        return math.ceil(min(self.START + self.SPARE * rate * call.work, self.MOST))

    def note(self, call: Call, seconds: float) -> None:
        """Remember how long a call took, or must have wanted."""
        seen = self._seen.setdefault((call.kind, call.encoder), deque(maxlen=self._KEPT))
        seen.append((call.work, seconds))


# Measured on 2 CPU cores (README): a picture of 392 × 392 pixels with `dinov2-small`, and a fit of
# 400 steps on the 22 views of 4 pictures with `embedded`. On a GPU nothing has been measured.
_FIRST_RATES = {"run": 0.56 / 392**2, "fit": 40.0 / (400 + 22 * 4)}


class Lender:
    """Runs networks and fits of detectors on a borrowed GPU.

    Args:
        borrow: `spaces.GPU`, or a stand-in: with `duration`, a decorator.
        device: What the process with the GPU calls it.
    """

    def __init__(self, borrow: Callable[..., Callable], device: str = "cuda") -> None:
        self.durations = Durations(_FIRST_RATES)
        self._there = GpuSide(device)
        self._start_encoder: FrozenEncoder | None = None
        self._paths: weakref.WeakKeyDictionary[AnomalyDetector, str] = weakref.WeakKeyDictionary()
        self._lock = threading.Lock()
        self._folder = Path(tempfile.mkdtemp(prefix="inpformer-gpu-"))
        atexit.register(shutil.rmtree, self._folder, ignore_errors=True)
        ask = self.durations.ask
        self._borrowed_run = borrow(duration=lambda call, *_: ask(call))(self._there.run)
        self._borrowed_fit = borrow(duration=lambda call, *_: ask(call))(self._there.fit)

    def serve(self, start: AnomalyDetector) -> None:
        """Run all detectors of this process there, from now on.

        Args:
            start: The one on whose encoder most stand. A copy of that is put on the GPU now, which
                ZeroGPU notes, and does whenever it starts a process with one.
        """
        from inpformer.detector import AnomalyDetector

        self._start_encoder = start.model.encoder
        self._there.bring(start.model.encoder)
        AnomalyDetector.lender = self

    def run(self, detector: AnomalyDetector, images: Tensor) -> INPFormerOutput:
        """Run a network on pictures `(B, 3, H, W)` in [0, 1]; its output is on the CPU."""
        import torch

        from inpformer.modeling.model import INPFormerOutput

        call = self._call("run", detector, images.numel() // 3)
        try:
            values, seconds = self._borrowed_run(call, images.numpy())
        except Exception as error:
            self._note_end(call, error)
            raise
        self.durations.note(call, seconds)
        return INPFormerOutput(
            *(torch.from_numpy(each) if isinstance(each, np.ndarray) else each for each in values)
        )

    def fit(
        self,
        detector: AnomalyDetector,
        model_config: ModelConfig,
        shots: Sequence[Sequence[Tensor]],
        config: FitConfig,
        on_step: Callable[[FitStep], None] | None,
        should_stop: Callable[[], bool] | None,
        textures: Sequence[Tensor],
    ) -> tuple[INPFormer, Calibration]:
        """Do what `fitting.fit_model` does, on a detector's encoder; the model is on the CPU.

        Raises:
            UserError: As `fit_model` does.
            FitCancelledError: `should_stop` answered True.
        """
        from inpformer.augmentation import VIEW_COUNT

        views = VIEW_COUNT * sum(map(len, shots))
        call = self._call("fit", detector, config.steps + views)
        given = [[image.numpy() for image in shot] for shot in shots]
        drawn = [texture.numpy() for texture in textures]
        try:
            with closing(self._borrowed_fit(call, model_config, given, config, drawn)) as reports:
                for report in reports:
                    for step in report.steps:
                        if on_step is not None:
                            on_step(step)
                    if should_stop is not None and should_stop():
                        raise FitCancelledError("The fit was cancelled; nothing was changed.")
        except FitCancelledError:
            raise
        except Exception as error:
            self._note_end(call, error)
            raise
        if report.problem is not None:
            raise UserError(report.problem)
        self.durations.note(call, report.seconds)
        return _rebuild(report.state, model_config, detector), report.calibration

    def _call(self, kind: str, detector: AnomalyDetector, work: int) -> Call:
        return Call(kind, self._path_of(detector), detector.config.encoder.name, work)

    def _path_of(self, detector: AnomalyDetector) -> str:
        """Return a file of a detector, written when first asked for and deleted with it."""
        with self._lock:
            path = self._paths.get(detector)
            if path is None:
                file = self._folder / f"{uuid.uuid4().hex}.safetensors"
                is_known = detector.model.encoder is self._start_encoder
                detector.save(file, bundle_encoder=not is_known)
                weakref.finalize(detector, file.unlink, missing_ok=True)
                path = self._paths[detector] = str(file)
            return path

    def _note_end(self, call: Call, error: Exception) -> None:
        # ZeroGPU says only so that it has ended a call, such as one that took longer than asked.
        if "aborted" in str(error):
            self.durations.note(call, 2.0 * self.durations.ask(call))


def _rebuild(
    state: dict[str, np.ndarray], config: ModelConfig, source: AnomalyDetector
) -> INPFormer:
    import torch

    from inpformer.modeling.build import build_model, load_trained_state

    model = build_model(config, source.model.encoder)
    tensors = {name: torch.from_numpy(values) for name, values in state.items()}
    load_trained_state(model, tensors, "what the GPU learnt")
    return model.eval()
