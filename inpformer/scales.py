"""What a detector knows of normal pictures: thresholds, and the scales of its maps."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class MapScale:
    """What the held-out normal pictures say about the scale of one map.

    Attributes:
        threshold: Cut on the raw map and on the image score alike; above it is anomalous.
        score_scale: Unit of confidence: confidence = sigmoid((score - threshold) / score_scale).
        normal_level: Median pixel of held-out normal maps; where the colour scale begins.
    """

    threshold: float
    score_scale: float
    normal_level: float

    @property
    def colour_range(self) -> tuple[float, float]:
        """Map values at the two ends of the colour scale; the threshold lies in its middle."""
        return self.normal_level, 2 * self.threshold - self.normal_level


@dataclass(frozen=True)
class Calibration:
    """Scales of all maps of a detector, from its normal shots.

    Attributes:
        scales: One `MapScale` for each map the detector gives.
        false_alarm_rate: Expected share of views of left-out normal pictures above the threshold.
        score_count: Held-out scores behind each threshold.
        shot_count: Shots they come from.
        method: How the scores were held out, in words.
        reconstruction_level: 99.5% level of the reconstruction map on the normal shots.
        segmentation_level: The same of the segmentation map.
        memory_level: The same of the distance to remembered tokens.
    """

    scales: dict[str, MapScale]
    false_alarm_rate: float
    score_count: int
    shot_count: int
    method: str
    reconstruction_level: float = 1.0
    segmentation_level: float = 1.0
    memory_level: float = 1.0

    @property
    def part_alarm_rate(self) -> float:
        """Expected share of new normal parts above the threshold, as far as the shots can tell.

        Views of one part are alike. Of n exchangeable parts none tells what one part in n + 1
        looks like, however many views are made of them.
        """
        return max(self.false_alarm_rate, 1 / (self.shot_count + 1))
