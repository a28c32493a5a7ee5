"""What a fit does where a device has too little memory, and where numbers are none any more."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, TypeVar

import torch

from inpformer.errors import UserError
from inpformer.memory_limits import free_cache, is_out_of_memory
from inpformer.modeling.build import trained_state
from inpformer.optimizer import NO_NUMBERS
from inpformer.progress import FitStep

if TYPE_CHECKING:
    from inpformer.detector import AnomalyDetector

T = TypeVar("T")

FIT_ON_CPU_NOTICE = "the GPU had too little memory for this fit, so the CPU does it, more slowly"
NO_MEMORY_TO_FIT = (
    "This computer has too little memory for this fit; use fewer normal pictures, or no tiles."
)


def with_room(work: Callable[[], T], on_cpu: Callable[[], T], device: torch.device) -> T:
    """Return what work gives on a device; where that has too little memory, do it on the CPU.

    Args:
        work: Uses the device.
        on_cpu: Does the same without it.
        device: The device.

    Raises:
        UserError: The CPU, too, has too little memory.
    """
    for is_last, do in ((device.type == "cpu", work), (True, on_cpu)):
        try:
            return do()
        except (RuntimeError, MemoryError) as error:
            if not is_out_of_memory(error):
                raise
        # Out of the `except`: the error holds on to what was computed so far.
        free_cache(device)
        if is_last:
            break
    raise UserError(NO_MEMORY_TO_FIT)


def noting_cpu(on_step: Callable[[FitStep], None] | None) -> Callable[[FitStep], None] | None:
    """Return a callback for steps that adds to each that the CPU had to do it."""
    if on_step is None:
        return None
    return lambda step: on_step(replace(step, notice=FIT_ON_CPU_NOTICE))


def brought_back(fitted: AnomalyDetector, source: AnomalyDetector) -> AnomalyDetector:
    """Return a detector that the CPU made, on the device and the encoder of its source.

    What was learnt takes little room; where even that is missing, the detector stays on the CPU.
    """
    try:
        shared = fitted.sharing_encoder(source)
        shared.model.to(source.model.encoder.mean.device)
        return shared
    except RuntimeError as error:
        if not is_out_of_memory(error):
            raise
    fitted.model.to("cpu")
    return fitted


def require_numbers(detector: AnomalyDetector) -> AnomalyDetector:
    """Return a detector that was just made, if all it learnt are numbers.

    Raises:
        UserError: Some are none, so its verdicts would be wrong.
    """
    learnt = trained_state(detector.model).values()
    scales = () if detector.calibration is None else detector.calibration.scales.values()
    levels = (level for scale in scales for level in vars(scale).values())
    if not (all(value.isfinite().all() for value in learnt) and all(map(math.isfinite, levels))):
        raise UserError(NO_NUMBERS)
    return detector
