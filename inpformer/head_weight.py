"""How much a retrained head counts in the fused map: as much as does no harm.

Where normal parts are alike, the reconstruction already outlines defects and a head of a few masks
blurs them; where they differ, the head is what finds them. No weight suits both. Not from the
paper, which adds the maps as they are.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from inpformer import metrics
from inpformer.calibration import ViewMaps
from inpformer.config import ModelConfig
from inpformer.scales import Calibration
from inpformer.scoring import fuse_maps

WEIGHTS = (0.25, 0.5, 1.0, 2.0, 4.0)
# One correction leaves none to check a weight with.
UNCHECKED_WEIGHT = 0.5
# Of the mean average precision: less than this is chance, with so few pictures.
MAX_HARM = 0.015


class CheckedPicture(NamedTuple):
    """A corrected picture as a detector sees it whose head has not seen it.

    Attributes:
        maps: Its maps `(h, w)` by name, `segmentation` too.
        mask: Its defects `(H, W)` bool, not all of it.
    """

    maps: ViewMaps
    mask: Tensor


def choose_head_weight(
    pictures: Sequence[CheckedPicture], config: ModelConfig, calibration: Calibration
) -> float:
    """Return the largest weight whose maps outline defects as well as those of any other.

    How well is the mean of the pictures' pixel AP. Normal pictures have no say: views of the few
    that there are do not tell how the head takes new ones.

    Args:
        pictures: Those whose every pixel is a defect are passed over, as some tiles are.
        config: How maps are fused.
        calibration: Levels of the maps.
    """
    pictures = [each for each in pictures if not each.mask.all()]
    if not pictures:
        return UNCHECKED_WEIGHT
    values = [_precision(pictures, replace(config, head_weight=w), calibration) for w in WEIGHTS]
    least = max(values) - MAX_HARM
    return max(w for w, value in zip(WEIGHTS, values, strict=True) if value >= least)


def _precision(
    pictures: Sequence[CheckedPicture], config: ModelConfig, calibration: Calibration
) -> float:
    found = []
    for picture in pictures:
        fused = fuse_maps(picture.maps, config, calibration)
        mask = _mask_at(picture.mask, fused.shape)
        if mask.all():  # at the map's size
            continue
        found.append(metrics.pixel_ap([fused.numpy(force=True)], [mask]))
    return float(np.mean(found)) if found else 0.0


def _mask_at(mask: Tensor, size: tuple[int, ...]) -> np.ndarray:
    """Return a mask at a map's size; a mark too thin for it is not lost."""
    shares = F.adaptive_avg_pool2d(mask[None].to(torch.float32), size)[0]
    return (shares >= min(0.5, float(shares.max()))).numpy(force=True)
