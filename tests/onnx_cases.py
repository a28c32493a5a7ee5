"""Small detectors with made-up thresholds, whose maps depend on every part of the network."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch

from inpformer.config import ModelConfig
from inpformer.detector import AnomalyDetector, Provenance
from inpformer.modeling.build import build_encoder, build_model
from inpformer.scales import Calibration, MapScale


def varied_detector(config: ModelConfig, **settings) -> AnomalyDetector:
    """A detector of random weights, large enough that a wrong formula shows in the maps."""
    config = replace(config, **settings)
    generator = torch.Generator().manual_seed(0)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = build_model(config, build_encoder(config.encoder))
    for name, values in model.state_dict().items():
        noise = torch.randn(values.shape, generator=generator)
        if name.endswith("input_scale"):
            values.fill_(2.0)
        elif name.endswith(("spread", "deviation")):
            values.copy_(noise.abs() + 0.5)
        elif name.endswith(("bias", "gamma", "head_scale", "mean", "directions")):
            values.add_(0.2 * noise)
        elif values.ndim > 1 and "encoder" not in name:
            values.mul_(5)
    scales = {name: MapScale(0.5, 0.1, 0.2) for name in config.map_names}
    calibration = Calibration(scales, 0.05, 22, 1, "made up", 0.8, 0.5, 1.5)
    return AnomalyDetector(model, config, Provenance("untrained", "a case"), calibration)


def spotted_picture(height: int, width: int, seed: int = 0) -> np.ndarray:
    """A soft picture with a bright square."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:height, :width]
    grey = 110 + 50 * np.sin(x / 9 + seed) + 30 * np.cos(y / 13)
    picture = np.stack([grey, grey / 2 + 60, 200 - grey], axis=-1)
    picture[height // 3 : height // 2, width // 3 : width // 2] = (250, 240, 30)
    return (picture + rng.normal(0, 5, picture.shape)).clip(0, 255).astype(np.uint8)
