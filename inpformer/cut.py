"""Where a map is cut into a mask: the threshold, and the smallest region that counts."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from inpformer.errors import require
from inpformer.pictures import drop_small_regions
from inpformer.result import AnomalyResult


@dataclass(frozen=True)
class Cut:
    """A cut that means the same on every picture and every calibrated map.

    Attributes:
        times: The threshold in multiples of the calibrated one; raw on a map without one.
        min_area: Regions below this share of the picture do not count, 0 to 1.
    """

    times: float = 1.0
    min_area: float = 0.0

    def __post_init__(self) -> None:
        require(self.times >= 0, f"the threshold must be at least 0, not {self.times}")
        require(0 <= self.min_area <= 1, f"the minimum area must be 0 to 1, not {self.min_area}")

    def threshold(self, result: AnomalyResult, name: str | None = None) -> float:
        """Return the cut on a map, raw scale.

        Args:
            result: What the detector said.
            name: Which map; None takes the deciding one.
        """
        scale = result.scales.get(name or result.map_name)
        return self.times if scale is None else self.times * scale.threshold

    def min_pixels(self, shape: tuple[int, ...]) -> int:
        """Return the smallest region that counts in a picture of this shape, in pixels."""
        return round(self.min_area * shape[0] * shape[1])

    def mask(self, anomaly_map: np.ndarray, threshold: float) -> np.ndarray:
        """Return the regions of a map above a raw threshold that are large enough.

        Args:
            anomaly_map: `(H, W)` float.
            threshold: From `threshold`.

        Returns:
            `(H, W)` bool.
        """
        return drop_small_regions(anomaly_map > threshold, self.min_pixels(anomaly_map.shape))
