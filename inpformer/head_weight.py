"""How much a retrained head counts in the fused map: as it helps on pictures it has not seen.

Where normal parts are alike, the reconstruction already finds defects and a head of a few masks
adds false alarms; where they differ, the head is what finds them. No weight suits both. Not from
the paper, which adds the maps as they are.
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
from inpformer.scoring import fuse_maps, image_score

WEIGHTS = (0.25, 0.5, 1.0, 2.0, 4.0)
# One correction leaves none to check a weight with.
UNCHECKED_WEIGHT = 0.5
# More must be worth so much; else the map stays nearer to what it was.
MIN_GAIN = 0.01
_SHRINK = 2


class CheckedPicture(NamedTuple):
    """A picture as a detector sees it whose head has not seen it.

    Attributes:
        maps: Its maps `(h, w)` by name, `segmentation` too.
        mask: Its defects `(H, W)` bool; None for a normal picture.
    """

    maps: ViewMaps
    mask: Tensor | None


def choose_head_weight(
    pictures: Sequence[CheckedPicture], config: ModelConfig, calibration: Calibration
) -> float:
    """Return the smallest weight whose fused maps are as good as any, by pixel AP and image AUROC.

    Args:
        pictures: Some with a defect and some without.
        config: How maps are fused.
        calibration: Levels of the maps.
    """
    values = [_usefulness(pictures, replace(config, head_weight=w), calibration) for w in WEIGHTS]
    best = max(values)
    return next(w for w, v in zip(WEIGHTS, values, strict=True) if v >= best - MIN_GAIN)


def _usefulness(
    pictures: Sequence[CheckedPicture], config: ModelConfig, calibration: Calibration
) -> float:
    scores, labels, maps, masks = [], [], [], []
    for picture in pictures:
        fused = fuse_maps(picture.maps, config, calibration)
        scores.append(float(image_score(fused[None], config.score_fraction)[0]))
        labels.append(picture.mask is not None)
        small = F.avg_pool2d(fused[None], _SHRINK)[0]
        maps.append(small.numpy(force=True))
        masks.append(_mask_at(picture.mask, small.shape))
    auroc = metrics.image_auroc(np.array(scores), np.array(labels))
    return auroc + metrics.pixel_ap(maps, masks)


def _mask_at(mask: Tensor | None, size: tuple[int, ...]) -> np.ndarray:
    """Return a mask at a map's size; a mark too thin for it is not lost."""
    if mask is None:
        return np.zeros(size, bool)
    shares = F.adaptive_avg_pool2d(mask[None].to(torch.float32), size)[0]
    return (shares >= min(0.5, float(shares.max()))).numpy(force=True)
