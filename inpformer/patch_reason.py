"""Why a patch looks as it does to a detector: prototypes, reconstruction, rank, patches like it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import cv2
import numpy as np

from inpformer.config import MapName
from inpformer.geometry import ImageGeometry
from inpformer.result import AnomalyResult

# Patches nearer than this share of the grid's longer side show the same place again: the encoder
# looks at more than the patch itself.
SURROUNDINGS = 1 / 12

_SAMPLE = 200


@dataclass(frozen=True)
class PatchTokens:
    """What a detector holds of a picture's patches; enough to explain any of them at once.

    Attributes:
        geometry: How the patches lie in the picture.
        directions: Fused tokens brought to length 1, `(rows, columns, C)` float32.
        inp_distances: 1 - cosine to each prototype, `(rows, columns, M)` in [0, 2].
        cosine_errors: 1 - cosine of encoder and decoder per layer group, shallow group first,
            `(G, rows, columns)` in [0, 2]; None if nothing was decoded.
        length_errors: Euclidean distance of encoder and decoder, `(G, rows, columns)`, at least 0;
            None unless the reconstruction map counts it, as that of INP-Former++ does.
        residual: Mean size of the residual tokens as a share of the mean size of this picture's
            tokens, `(rows, columns)`, at least 0; None if nothing was decoded.
    """

    geometry: ImageGeometry
    directions: np.ndarray
    inp_distances: np.ndarray
    cosine_errors: np.ndarray | None = None
    length_errors: np.ndarray | None = None
    residual: np.ndarray | None = None


class MapStanding(NamedTuple):
    """How one patch stands in one map.

    Attributes:
        value: Mean of the map over the patch, raw scale.
        typical: Median of that over all patches of the picture.
        times_threshold: `value` in multiples of the threshold; None if that is missing or 0.
        rank: 1 for the most anomalous patch of the picture.
        patch_count: Patches that were ranked.
    """

    value: float
    typical: float
    times_threshold: float | None
    rank: int
    patch_count: int


class GroupErrors(NamedTuple):
    """What the decoder could not rebuild of one patch, in one measure.

    Attributes:
        values: Error per layer group, shallow group first.
        typical: Median of each over all patches of the picture.
    """

    values: tuple[float, ...]
    typical: tuple[float, ...]

    @property
    def total(self) -> float:
        """Mean over groups, which is what the reconstruction map shows."""
        return sum(self.values) / len(self.values)

    @property
    def typical_total(self) -> float:
        """Mean over groups of the typical errors."""
        return sum(self.typical) / len(self.typical)


class SimilarPatch(NamedTuple):
    """A patch that the encoder sees much like another.

    Attributes:
        similarity: Cosine of the fused tokens, in [-1, 1].
        row: In the patch grid of its picture.
        column: In the patch grid of its picture.
        box: Top, left, bottom and right edge, in pixels of its picture.
        shot: Index of the normal picture it lies in; None for the inspected picture.
    """

    similarity: float
    row: int
    column: int
    box: tuple[float, float, float, float]
    shot: int | None = None


@dataclass(frozen=True)
class PatchReason:
    """The reason of one patch.

    Attributes:
        row: In the patch grid.
        column: In the patch grid.
        box: Top, left, bottom and right edge, in picture pixels.
        nearest_inp: Index of the nearest prototype.
        distances: 1 - cosine to each prototype, in [0, 2].
        typical_distance: Median over all patches of the distance to their nearest prototype.
        soft_weights: Weight of each prototype, summing to 1.
        cosine_error: 1 - cosine of encoder and decoder; None if nothing was decoded.
        length_error: Euclidean distance of the two; None unless the map counts it.
        standings: How the patch stands in each map of the detector.
        similar_here: Patches of this picture most like it, its own surroundings left out.
        similar_normal: Patches of the normal shots most like it.
    """

    row: int
    column: int
    box: tuple[float, float, float, float]
    nearest_inp: int
    distances: tuple[float, ...]
    typical_distance: float
    soft_weights: tuple[float, ...]
    cosine_error: GroupErrors | None
    length_error: GroupErrors | None
    standings: dict[MapName, MapStanding]
    similar_here: tuple[SimilarPatch, ...]
    similar_normal: tuple[SimilarPatch, ...]

    @property
    def distance(self) -> float:
        """Distance to the nearest prototype, in [0, 2]."""
        return self.distances[self.nearest_inp]


def explain_patch(
    result: AnomalyResult,
    tokens: PatchTokens,
    patch: tuple[int, int],
    shots: Sequence[PatchTokens] = (),
    count: int = 3,
) -> PatchReason:
    """Give the reason of one patch; runs no model.

    Args:
        result: What the detector said of the picture.
        tokens: Of the same picture and detector, see `AnomalyDetector.patch_tokens`.
        patch: Row and column; `ImageGeometry.patch_at` finds those of a pixel.
        shots: Of the normal pictures, by the same encoder; may be made once and passed again.
        count: Most similar patches to find in this picture, and in the normal ones together.

    Raises:
        ValueError: The grid has no such patch, or tokens and result are of different grids.
    """
    if tokens.geometry != result.geometry:
        raise ValueError("the tokens were not made of the picture of this result")
    box = result.geometry.patch_box(*patch)
    direction, explanation = tokens.directions[patch], result.explanation
    similar_here = most_similar(tokens, direction, count, avoid=patch)
    in_shots = [
        found._replace(shot=index)
        for index, shot in enumerate(shots)
        for found in most_similar(shot, direction, count)
    ]
    return PatchReason(
        row=patch[0],
        column=patch[1],
        box=box,
        nearest_inp=int(explanation.inp_assignment[patch]),
        distances=tuple(tokens.inp_distances[patch].tolist()),
        typical_distance=float(np.median(explanation.inp_distance)),
        soft_weights=tuple(explanation.soft_assignment[patch].tolist()),
        cosine_error=_group_errors(tokens.cosine_errors, patch),
        length_error=_group_errors(tokens.length_errors, patch),
        standings={name: map_standing(result, name, patch) for name in result.score_maps},
        similar_here=similar_here,
        similar_normal=tuple(sorted(in_shots, reverse=True)[:count]),
    )


def map_standing(result: AnomalyResult, name: MapName, patch: tuple[int, int]) -> MapStanding:
    """Return how a patch stands in one map among all patches of the picture."""
    values = patch_means(result, name)
    scale = result.scales.get(name)
    has_unit = scale is not None and scale.threshold > 0
    value = float(values[patch])
    return MapStanding(
        value=value,
        typical=float(np.median(values)),
        times_threshold=value / scale.threshold if has_unit else None,
        rank=1 + int((values > values[patch]).sum()),
        patch_count=values.size,
    )


def patch_means(result: AnomalyResult, name: MapName) -> np.ndarray:
    """Return the mean of a map over each patch, `(rows, columns)` float32, raw scale."""
    rows, columns = result.geometry.grid_size
    # Score maps cover exactly what the patches cover, at whatever resolution.
    return cv2.resize(result.score_maps[name], (columns, rows), interpolation=cv2.INTER_AREA)


def most_similar(
    tokens: PatchTokens,
    direction: np.ndarray,
    count: int,
    avoid: tuple[int, int] | None = None,
) -> tuple[SimilarPatch, ...]:
    """Find the patches of a picture most like a token, no two of them from the same place.

    Args:
        tokens: Of the picture.
        direction: The token brought to length 1, `(C,)`.
        count: Patches at most; fewer if the picture has no more places.
        avoid: Row and column of a patch whose surroundings are left out.
    """
    similarity = tokens.directions @ direction
    reach = max(1, round(SURROUNDINGS * max(similarity.shape)))

    def leave_out(row: int, column: int) -> None:
        rows = slice(max(0, row - reach), row + reach + 1)
        similarity[rows, max(0, column - reach) : column + reach + 1] = -np.inf

    if avoid is not None:
        leave_out(*avoid)
    found = []
    for _ in range(count):
        row, column = (int(i) for i in np.unravel_index(similarity.argmax(), similarity.shape))
        best = float(similarity[row, column])
        if not np.isfinite(best):
            break
        # Rounding can lift the cosine of a token with itself a little above 1.
        best = min(1.0, max(-1.0, best))
        found.append(SimilarPatch(best, row, column, tokens.geometry.patch_box(row, column)))
        leave_out(row, column)
    return tuple(found)


def typical_similarity(tokens: PatchTokens, shots: Sequence[PatchTokens]) -> float | None:
    """Return the cosine that a typical patch of a picture finds in the normal shots.

    Args:
        tokens: Of the picture; an even sample of its patches is taken.
        shots: Of the normal pictures.

    Returns:
        Median over patches of the largest cosine, in [-1, 1]; None without shots.
    """
    if not shots:
        return None
    directions = tokens.directions.reshape(-1, tokens.directions.shape[-1])
    sample = directions[:: max(1, len(directions) // _SAMPLE)]
    best = [(sample @ shot.directions.reshape(-1, sample.shape[1]).T).max(1) for shot in shots]
    return float(np.median(np.max(best, axis=0)).clip(-1, 1))


def _group_errors(errors: np.ndarray | None, patch: tuple[int, int]) -> GroupErrors | None:
    if errors is None:
        return None
    typical = np.median(errors, axis=(1, 2))
    return GroupErrors(tuple(errors[:, patch[0], patch[1]].tolist()), tuple(typical.tolist()))
