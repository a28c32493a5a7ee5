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
from torch import Tensor

from inpformer import metrics
from inpformer.calibration import ViewMaps
from inpformer.config import ModelConfig
from inpformer.geometry import shrink_mask
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
        pictures: Those that are nothing but defect, as some tiles are, are passed over.
        config: How maps are fused.
        calibration: Levels of the maps.
    """
    sized = [(each.maps, _mask_of(each)) for each in pictures]
    sized = [(maps, mask) for maps, mask in sized if not mask.all()]
    if not sized:
        return UNCHECKED_WEIGHT
    values = []
    for weight in WEIGHTS:
        weighted = replace(config, head_weight=weight)
        fused = (fuse_maps(maps, weighted, calibration).numpy(force=True) for maps, _ in sized)
        found = [metrics.pixel_ap([m], [mask]) for m, (_, mask) in zip(fused, sized, strict=True)]
        values.append(float(np.mean(found)))
    least = max(values) - MAX_HARM
    return max(w for w, value in zip(WEIGHTS, values, strict=True) if value >= least)


def _mask_of(picture: CheckedPicture) -> np.ndarray:
    """Return the mask at the size of the maps."""
    return shrink_mask(picture.mask.numpy(force=True), picture.maps["segmentation"].shape)
