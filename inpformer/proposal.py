"""The mask that a detector proposes to a labeller, and how sure it is of it."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from inpformer.comparison import disagreement, scaled_map
from inpformer.errors import require
from inpformer.geometry import ImageGeometry
from inpformer.labelling import doubt_of
from inpformer.pictures import drop_small_regions, stretch
from inpformer.result import AnomalyResult

MAX_SMOOTHING = 10.0


@dataclass(frozen=True)
class ProposalCut:
    """How much of a map becomes the mask.

    Attributes:
        times: The threshold in multiples of the usual one: the calibrated one, or the middle of
            the colour scale where there is none.
        smoothing: Width of the Gaussian blur before the cut, in pixels of the map; a region's
            edge becomes calmer, and a narrow peak may sink below the threshold.
        min_area: Regions below this share of the picture are left out, 0 to 1.

    Raises:
        ConfigError: A value is outside what is allowed.
    """

    times: float = 1.0
    smoothing: float = 0.0
    min_area: float = 0.0

    def __post_init__(self) -> None:
        require(0 <= self.times <= 100, f"the threshold must be 0 to 100, not {self.times}")
        require(
            0 <= self.smoothing <= MAX_SMOOTHING,
            f"the smoothing must be 0 to {MAX_SMOOTHING:g}, not {self.smoothing}",
        )
        require(0 <= self.min_area <= 1, f"the minimum area must be 0 to 1, not {self.min_area}")


@dataclass(frozen=True)
class Prediction:
    """What is kept of a result to propose masks from.

    Attributes:
        anomaly_map: The deciding map `(h, w)` float32 at its own resolution, raw.
        geometry: How it lies in the picture.
        threshold: The usual cut, raw.
        value_range: Values of the first and the last colour.
        score: Image score, raw.
        confidence: That the picture is anomalous, (0, 1); None if uncalibrated.
        disagreement: Of the maps, larger is more: whether verdicts differ, and by how much; None
            for a single map.
        doubt: How little the detector knows of the picture, 0 to 2; see `labelling.doubt_of`.
    """

    anomaly_map: np.ndarray
    geometry: ImageGeometry
    threshold: float
    value_range: tuple[float, float]
    score: float
    confidence: float | None
    disagreement: tuple[bool, float] | None
    doubt: float

    @classmethod
    def of(cls, result: AnomalyResult) -> Prediction:
        """Keep what is needed of a result."""
        low, high = result.colour_range()
        maps = [
            scaled_map(result, name, values=values) for name, values in result.score_maps.items()
        ]
        return cls(
            anomaly_map=result.score_maps[result.map_name],
            geometry=result.geometry,
            threshold=(low + high) / 2 if result.threshold is None else result.threshold,
            value_range=(low, high),
            score=result.image_score,
            confidence=result.confidence,
            disagreement=disagreement(maps).rank if len(maps) > 1 else None,
            doubt=doubt_of(result),
        )

    def mask(self, cut: ProposalCut) -> np.ndarray:
        """Return the proposed mask, `(H, W)` bool at the picture's size."""
        values = self.anomaly_map
        if cut.smoothing > 0:
            values = cv2.GaussianBlur(values, (0, 0), cut.smoothing)
        found = self.geometry.to_picture(values) > self.threshold * cut.times
        return drop_small_regions(found, round(cut.min_area * found.size))

    def levels(self, side: int = 512) -> np.ndarray:
        """Return the map as grey levels, `(h, w)` uint8 on the colour scale.

        Args:
            side: The longer side is at most this.
        """
        picture = self.geometry.to_picture(self.anomaly_map)
        scale = min(1.0, side / max(picture.shape))
        size = [max(1, round(length * scale)) for length in picture.shape[::-1]]
        small = cv2.resize(picture, size, interpolation=cv2.INTER_AREA)
        return stretch(small, self.value_range, 255.0).astype(np.uint8)
