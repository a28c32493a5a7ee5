"""Pictures with a defect for the segmentation head: made up, or cut from real ones."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import torch
from torch import Generator, Tensor

from inpformer.head_training import MaskedPicture
from inpformer.pseudo_anomalies import make_pseudo_anomaly
from inpformer.real_anomalies import RealAnomaly, paste_real_anomaly


class DefectMaker:
    """Puts a defect on the picture of an item.

    Args:
        read: Gives the picture of an item, `(3, H, W)` in [0, 1].
        class_names: Of every item.
        regions: Real defects per class; those of one class go on its own pictures only.
        real_share: Share of the pictures that get a real one, where their class has some.
        textures: See `make_pseudo_anomaly`.
    """

    def __init__(
        self,
        read: Callable[[int], Tensor],
        class_names: Sequence[str],
        regions: Mapping[str, Sequence[RealAnomaly]],
        real_share: float,
        textures: Sequence[Tensor] = (),
    ) -> None:
        self._read, self._class_names = read, class_names
        self._regions, self._real_share, self._textures = regions, real_share, textures

    def __call__(self, item: int, generator: Generator) -> MaskedPicture:
        """Return the picture of an item with a defect; the mask is never empty."""
        image = self._read(item)
        regions = self._regions.get(self._class_names[item])
        if regions and torch.rand((), generator=generator).item() < self._real_share:
            return MaskedPicture(*paste_real_anomaly(image, regions, generator))
        return MaskedPicture(*make_pseudo_anomaly(image, generator, self._textures))
