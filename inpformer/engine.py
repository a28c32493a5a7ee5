"""What runs a detector's network: torch, or an engine that has shown that it agrees with torch."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import torch
from torch import Tensor

from inpformer.config import ENGINES
from inpformer.errors import ConfigError, UserError
from inpformer.model_input import make_geometry, to_tensor
from inpformer.modeling.model import INPFormer, INPFormerOutput
from inpformer.scoring import anomaly_maps

if TYPE_CHECKING:
    from inpformer.detector import AnomalyDetector

# Largest difference of a map from torch's; of its highest value, where that is above 1.
TOLERANCE = 1e-4
# With fewer bits, the largest difference as a share of the map's range. Beyond it, the map shows
# something else.
LOW_TOLERANCE = 0.15
_TEST_SIDE = 512
_TINY = 1e-12


@dataclass(frozen=True)
class Engine:
    """What runs a network.

    Attributes:
        name: One of `config.ENGINES`.
        run: Pictures `(B, 3, H, W)` in [0, 1] on the network's device to what it says of them.
        notices: What readers of results must know of it.
    """

    name: str
    run: Callable[[Tensor], INPFormerOutput]
    notices: tuple[str, ...] = ()


def torch_engine(model: INPFormer, decode: bool) -> Engine:
    """Return the engine that is the network itself."""
    return Engine("torch", lambda images: model(images, decode=decode))


def make_engine(name: str, detector: AnomalyDetector) -> Engine:
    """Make an engine for a detector, and see that it agrees with torch on a test picture.

    Raises:
        UserError: There is no such engine, ONNX Runtime is not installed, cannot run this
            detector, or differs too much.
    """
    if name not in ENGINES:
        raise ConfigError(f"engine must be one of {ENGINES}, got '{name}'.")
    # The decoder learnt other parts than those a zero-shot detector looks at.
    decode = not detector.provenance.zero_shot
    plain = torch_engine(detector.model, decode)
    if name == "torch":
        return plain
    is_exact = name == "onnx"
    run = _bf16_network(detector, decode) if name == "torch-bf16" else _onnx(detector, decode, name)
    found = _difference(plain.run, run, detector)
    if not (found.size <= TOLERANCE if is_exact else found.share <= LOW_TOLERANCE):
        runner = "With bfloat16, torch" if name == "torch-bf16" else "ONNX Runtime"
        raise UserError(
            f"{runner} gives other maps than torch here: on a test picture they differ by up "
            f"to {found.share:.2%} of their range. Use the engine torch."
        )
    return Engine(name, run, () if is_exact else (low_notice(name, found.share),))


def engines_on(device: torch.device) -> tuple[str, ...]:
    """Return the engines that run on a device."""
    if device.type == "cuda":
        return ("torch", "torch-bf16")
    return ("torch", "onnx", "onnx-int8") if device.type == "cpu" else ("torch",)


def _onnx(
    detector: AnomalyDetector, decode: bool, name: str
) -> Callable[[Tensor], INPFormerOutput]:
    require_onnx()
    require_cpu(detector)
    from inpformer.onnx_network import OnnxNetwork

    return OnnxNetwork(detector.model, decode, int8=name == "onnx-int8")


def _bf16_network(detector: AnomalyDetector, decode: bool) -> Callable[[Tensor], INPFormerOutput]:
    if detector.device.type != "cuda":
        raise UserError(
            f"The engine torch-bf16 is for NVIDIA GPUs, and the detector is on "
            f"'{detector.device}', where it would be slower: use the engine torch."
        )
    from inpformer.gpu_network import Bf16Network

    return Bf16Network(detector.model, decode)


def low_notice(engine: str, difference: float) -> str:
    """Say how far maps of products with few bits are from exact ones, as a share of their range."""
    bits = "bf16" if engine == "torch-bf16" else "int8"
    return f"{bits}: maps of a test picture differ from exact ones by up to {difference:.1%}"


def require_onnx() -> None:
    """See that ONNX Runtime is there.

    Raises:
        UserError: It is not; the message says how to install it.
    """
    missing = [n for n in ("onnx", "onnxruntime") if importlib.util.find_spec(n) is None]
    if missing:
        raise UserError(
            f"This needs the package {missing[0]}, which is not installed: pip install onnx "
            "onnxruntime."
        )


def require_cpu(detector: AnomalyDetector) -> None:
    """See that a detector's weights are where they can be read.

    Raises:
        UserError: It is on another device.
    """
    if detector.device.type != "cpu":
        raise UserError(
            f"ONNX Runtime runs on the CPU here, and the detector is on '{detector.device}': load "
            "it with the device cpu."
        )


def agreement_picture(seed: int = 0) -> np.ndarray:
    """Draw a picture `(512, 512, 3)` uint8 with smooth shades, stripes, a spot and some noise."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:_TEST_SIDE, :_TEST_SIDE] / _TEST_SIDE
    angle = rng.uniform(0, np.pi)
    stripes = np.sin(60 * (x * np.cos(angle) + y * np.sin(angle)))
    shades = 90 + 60 * x + 30 * stripes
    spot = (x - rng.uniform(0.3, 0.7)) ** 2 + (y - rng.uniform(0.3, 0.7)) ** 2 < 0.01
    picture = np.stack([shades, 40 + 0.8 * shades, 220 - shades], axis=-1)
    picture[spot] = (30, 200, 60)
    return (picture + rng.normal(0, 8, picture.shape)).clip(0, 255).astype(np.uint8)


class _Difference(NamedTuple):
    """How far maps are from the expected ones: in their unit, and as a share of their range."""

    size: float
    share: float


def _difference(
    expected: Callable[[Tensor], INPFormerOutput],
    found: Callable[[Tensor], INPFormerOutput],
    detector: AnomalyDetector,
) -> _Difference:
    """Return the largest difference of any map of a test picture."""
    picture = agreement_picture()
    images = to_tensor(picture, make_geometry(picture, "full", detector.config.encoder))[None]
    images = images.to(detector.device)
    with torch.inference_mode():
        exact, other = (
            anomaly_maps(run(images), detector.config, detector.calibration)
            for run in (expected, found)
        )
    sizes, shares = [], []
    for name in detector.map_names:
        size = float((other[name] - exact[name]).abs().max())
        sizes.append(size / max(1.0, float(exact[name].abs().max())))
        shares.append(size / max(float(exact[name].max() - exact[name].min()), _TINY))
    return _Difference(max(sizes), max(shares))
