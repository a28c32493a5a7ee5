"""What a detector says about one picture: maps, scores, and prototypes that explain them."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np

from inpformer.config import MapName
from inpformer.errors import UserError
from inpformer.geometry import ImageGeometry
from inpformer.scales import MapScale


@dataclass(frozen=True)
class Explanation:
    """How the prototypes of one picture see it; grids have `(rows, columns)` of patches.

    Attributes:
        inps: The prototypes, `(M, C)` float32.
        inp_attention: Where each prototype looked, `(M, rows, columns)`, each sums to 1.
        inp_attention_per_head: `(heads, M, rows, columns)`.
        decoder_attention: Per decoder layer and head, `(L, heads, M, rows, columns)`, at least 0;
            None if nothing was decoded.
        inp_distance: 1 - cosine to the nearest prototype, `(rows, columns)` in [0, 2].
        inp_assignment: Index of the nearest prototype, `(rows, columns)` int.
        soft_assignment: Weight of each prototype per patch, `(rows, columns, M)`, sums to 1.
        residual: Mean size of what the decoder could not rebuild, `(rows, columns)`; None if
            nothing was decoded.
    """

    inps: np.ndarray
    inp_attention: np.ndarray
    inp_attention_per_head: np.ndarray
    decoder_attention: np.ndarray | None
    inp_distance: np.ndarray
    inp_assignment: np.ndarray
    soft_assignment: np.ndarray
    residual: np.ndarray | None


@dataclass(frozen=True)
class AnomalyResult:
    """The verdict on one picture. Larger values are more anomalous everywhere.

    Attributes:
        map_name: The map that decides: its score, threshold and mask are the default ones.
        score_maps: Every map of the model by name, `(h, w)` float32 at the resolution scores are
            taken from (or at the picture's size, if it was seen in tiles).
        scores: Image score per map.
        scales: Calibrated scale per map; empty if the detector was never calibrated.
        geometry: How model pixels lie in the picture.
        explanation: The prototypes' view; of the whole picture, also if maps come from tiles.
        tiles: Rows and columns of tiles, or None for the whole picture at once.
        seconds: Time the model took.
        notices: What a reader must know, such as that weights are untrained.
        uncalibrated_range: Colour range of maps without a scale, fixed for each encoder.
    """

    map_name: MapName
    score_maps: dict[MapName, np.ndarray]
    scores: dict[MapName, float]
    scales: dict[MapName, MapScale]
    geometry: ImageGeometry
    explanation: Explanation
    tiles: tuple[int, int] | None = None
    seconds: float = 0.0
    notices: tuple[str, ...] = ()
    uncalibrated_range: tuple[float, float] = (0.0, 1.0)
    _pictures: dict[str, np.ndarray] = field(default_factory=dict, repr=False, compare=False)

    @property
    def image_score(self) -> float:
        """Mean of the highest pixels of the deciding map, raw scale: 1% unless configured."""
        return self.scores[self.map_name]

    @property
    def threshold(self) -> float | None:
        """Calibrated cut of the deciding map, same unit as `image_score`; None if uncalibrated."""
        scale = self.scales.get(self.map_name)
        return None if scale is None else scale.threshold

    @property
    def confidence(self) -> float | None:
        """Confidence that the picture is anomalous, (0, 1); 0.5 at the threshold."""
        return self.confidence_of(self.map_name)

    @property
    def is_anomalous(self) -> bool | None:
        """Whether the score lies above the calibrated threshold; None if uncalibrated."""
        return None if self.threshold is None else self.image_score > self.threshold

    @cached_property
    def anomaly_map(self) -> np.ndarray:
        """The deciding map, `(H, W)` float32 at the picture's size, raw scale."""
        return self.map(self.map_name)

    @property
    def reconstruction_map(self) -> np.ndarray:
        """What the decoder could not rebuild, `(H, W)` float32."""
        return self.map("reconstruction")

    @property
    def segmentation_map(self) -> np.ndarray:
        """Probability by the segmentation head, `(H, W)` float32 in [0, 1]."""
        return self.map("segmentation")

    @property
    def distance_map(self) -> np.ndarray:
        """Distance to the nearest prototype (zero-shot map), `(H, W)` float32 in [0, 2]."""
        return self.map("distance")

    @property
    def inp_attention(self) -> np.ndarray:
        """Where each prototype looked, `(M, rows, columns)`."""
        return self.explanation.inp_attention

    @property
    def inp_distance(self) -> np.ndarray:
        """Distance to the nearest prototype per patch, `(rows, columns)`."""
        return self.explanation.inp_distance

    @property
    def inp_assignment(self) -> np.ndarray:
        """Nearest prototype per patch, `(rows, columns)` int."""
        return self.explanation.inp_assignment

    @cached_property
    def inspected_mask(self) -> np.ndarray:
        """Pixels the model has seen, `(H, W)` bool."""
        return self.geometry.inspected_mask()

    def map(self, name: MapName) -> np.ndarray:
        """Return a map by name, `(H, W)` float32 at the picture's size.

        Raises:
            UserError: The detector does not give this map; the message lists those it gives.
        """
        if name not in self.score_maps:
            raise UserError(
                f"This detector gives no '{name}' map. Choose one of: {', '.join(self.score_maps)}."
            )
        if name not in self._pictures:
            self._pictures[name] = self.geometry.to_picture(self.score_maps[name])
        return self._pictures[name]

    def forget_pictures(self) -> None:
        """Drop maps at the picture's size; they are made again when asked for."""
        self._pictures.clear()
        for name in ("anomaly_map", "inspected_mask"):
            self.__dict__.pop(name, None)

    def deciding_by(self, name: MapName) -> AnomalyResult:
        """Return this result with another map as the deciding one.

        Raises:
            UserError: The detector does not give this map.
        """
        if name not in self.score_maps:
            self.map(name)
        return replace(self, map_name=name)

    def mask(self, threshold: float | None = None) -> np.ndarray:
        """Return the predicted mask, `(H, W)` bool: pixels of the deciding map above a cut.

        Args:
            threshold: Raw scale; None takes the calibrated one.

        Raises:
            UserError: There is neither.
        """
        threshold = self.threshold if threshold is None else threshold
        if threshold is None:
            raise UserError(
                "This detector has no calibrated threshold yet: give one, or fit it with normal "
                "pictures."
            )
        return self.anomaly_map > threshold

    def colour_range(self, name: MapName | None = None) -> tuple[float, float]:
        """Return the map values at the two ends of the colour scale; never the map's own extremes.

        Calibrated, the threshold lies in the middle. Uncalibrated maps are cosine distances and
        get a fixed scale that suits the encoder.
        """
        scale = self.scales.get(name or self.map_name)
        return self.uncalibrated_range if scale is None else scale.colour_range

    def confidence_of(self, name: MapName, threshold: float | None = None) -> float | None:
        """Return sigmoid((score - threshold) / scale) of a map; None if uncalibrated.

        Args:
            name: Which map.
            threshold: A cut to use instead of the calibrated one, raw scale.
        """
        scale = self.scales.get(name)
        if scale is None:
            return None
        cut = scale.threshold if threshold is None else threshold
        ratio = (self.scores[name] - cut) / scale.score_scale
        return 1 / (1 + math.exp(-max(-500.0, min(500.0, ratio))))
