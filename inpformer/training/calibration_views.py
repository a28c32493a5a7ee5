"""How the thresholds of a trained detector are set: which views are looked at, and how."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from inpformer.calibration import ViewMaps
from inpformer.config import ModelConfig
from inpformer.datasets.sample import Sample
from inpformer.modeling.model import INPFormer
from inpformer.scoring import anomaly_maps
from inpformer.training.config import TrainConfig
from inpformer.training.plan import TrainingSet
from inpformer.training.stream import View


def calibration_views(chosen: TrainingSet, config: TrainConfig) -> list[View]:
    """Return normal views that the model was not trained on.

    Pictures that were held out come as they are first, all of them, and then slightly changed
    until there are enough views. Where none was held out, slightly changed trained pictures must
    do: on example parts they score as new normal pictures do, while those of the training score
    lower, and `station` views, which were never shown, far higher.
    """
    if chosen.held_out:
        pictures, first = chosen.held_out, 0
        wanted = max(config.calibration_views, len(pictures))
    else:
        wanted, first = config.calibration_views, 1
        pictures = _evenly(chosen.normal, wanted)
    rounds = -(-wanted // len(pictures))
    views = [
        View(sample.path, index, "slight")
        for index in range(first, first + rounds)
        for sample in pictures
    ]
    return views[:wanted]


def method_of(chosen: TrainingSet) -> str:
    """Say how the views were come by."""
    if chosen.held_out:
        return "normal pictures that were held out of the training"
    return "slightly changed pictures of the training; new pictures may score higher"


@torch.no_grad()
def view_maps(model: INPFormer, config: ModelConfig, image: Tensor) -> ViewMaps:
    """Return the maps of a view `(3, H, W)` that thresholds are set by: all but the fused one."""
    maps = anomaly_maps(model(image[None]), config, None)
    return {name: values[0] for name, values in maps.items() if name != "fused"}


def _evenly(samples: Sequence[Sample], count: int) -> list[Sample]:
    """Return `count` of the samples, or all if there are fewer, evenly over their order."""
    count = min(count, len(samples))
    return [samples[index * len(samples) // count] for index in range(count)]
