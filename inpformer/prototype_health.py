"""What can be wrong with the prototypes of one picture, in numbers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import cv2
import numpy as np

from inpformer.result import AnomalyResult, Explanation

# Prototypes above this cosine coincide. Measured on the six example parts: prototypes of a fit
# reach 0.92 (fabric), those of other parts 0.98, and six clusters of even fabric 0.999.
COINCIDENT_COSINE = 0.99

# An even share of the patches would be 1/M; with less than this part of it a prototype is nearest
# to almost no patch.
UNUSED_PART = 0.05

# A prototype is drawn to a region that holds this share of its attention, and is looked at this
# many times as much as its area accounts for. Measured on the example parts: 0.24 and 4 times for
# a hole of 6% of a fabric, at most 0.07 elsewhere.
DRAWN_SHARE = 0.15
DRAWN_FACTOR = 2.5


class DrawnINP(NamedTuple):
    """A prototype that attends to the flagged region far more than its area accounts for.

    Attributes:
        inp: Its index.
        attention_share: Share of its attention inside the region, 0 to 1.
        factor: That share over the region's share of the patches.
    """

    inp: int
    attention_share: float
    factor: float


class CoincidentINPs(NamedTuple):
    """Prototypes that say the same, joined through pairs above the limit.

    Attributes:
        inps: Their indices, rising.
        cosine: The smallest cosine of the pairs above the limit.
    """

    inps: tuple[int, ...]
    cosine: float


class UnusedINP(NamedTuple):
    """A prototype that is nearest to almost no patch.

    Attributes:
        inp: Its index.
        share: Share of the patches nearest to it, 0 to 1.
    """

    inp: int
    share: float


@dataclass(frozen=True)
class PrototypeHealth:
    """What is suspicious about the prototypes of a picture; three empty lists if nothing is.

    Attributes:
        inp_count: Prototypes.
        flagged_share: Share of the patches' area above the threshold; None without a threshold,
            where no prototype can be found drawn to it.
        drawn: Prototypes drawn to the flagged region, the most drawn first.
        coincident: Groups of prototypes that coincide, the largest first.
        unused: Prototypes that are nearest to almost no patch.
    """

    inp_count: int
    flagged_share: float | None
    drawn: tuple[DrawnINP, ...]
    coincident: tuple[CoincidentINPs, ...]
    unused: tuple[UnusedINP, ...]


def prototype_health(result: AnomalyResult, threshold: float | None = None) -> PrototypeHealth:
    """Look for prototypes that may mislead.

    Args:
        result: Of one picture.
        threshold: Cut of the deciding map, raw scale; None takes the calibrated one, if any.
    """
    explanation = result.explanation
    has_cut = threshold is not None or result.threshold is not None
    flagged = _flagged_area(result, threshold) if has_cut else None
    return PrototypeHealth(
        inp_count=len(explanation.inps),
        flagged_share=None if flagged is None else float(flagged.mean()),
        drawn=() if flagged is None else _drawn(explanation.inp_attention, flagged),
        coincident=_coincident(explanation.inps),
        unused=_unused(explanation),
    )


def _flagged_area(result: AnomalyResult, threshold: float | None) -> np.ndarray:
    """Return the share of each patch that lies above the cut, `(rows, columns)` in [0, 1]."""
    cut = result.threshold if threshold is None else threshold
    rows, columns = result.geometry.grid_size
    mask = (result.score_maps[result.map_name] > cut).astype(np.float32)
    return cv2.resize(mask, (columns, rows), interpolation=cv2.INTER_AREA)


def _drawn(attention: np.ndarray, flagged: np.ndarray) -> tuple[DrawnINP, ...]:
    area = float(flagged.mean())
    if area == 0:
        return ()
    shares = (attention * flagged).sum(axis=(1, 2)) / attention.sum(axis=(1, 2)).clip(1e-12)
    found = [
        DrawnINP(index, float(share), float(share) / area)
        for index, share in enumerate(shares)
        if share >= DRAWN_SHARE and share >= DRAWN_FACTOR * area
    ]
    return tuple(sorted(found, key=lambda item: item.attention_share, reverse=True))


def _coincident(inps: np.ndarray) -> tuple[CoincidentINPs, ...]:
    directions = inps / np.linalg.norm(inps, axis=1, keepdims=True).clip(1e-12)
    cosines = (directions @ directions.T).astype(np.float64)
    np.fill_diagonal(cosines, 1)
    close = cosines >= COINCIDENT_COSINE
    # As many steps as there are prototypes reach whatever can be reached from pair to pair.
    linked = np.linalg.matrix_power(close.astype(np.float64), len(inps)) > 0
    groups = []
    for members in np.unique(linked, axis=0)[::-1]:
        indices = np.flatnonzero(members)
        if len(indices) > 1:
            within = np.ix_(indices, indices)
            groups.append(
                CoincidentINPs(tuple(indices.tolist()), float(cosines[within][close[within]].min()))
            )
    return tuple(sorted(groups, key=lambda group: len(group.inps), reverse=True))


def _unused(explanation: Explanation) -> tuple[UnusedINP, ...]:
    count = len(explanation.inps)
    shares = np.bincount(explanation.inp_assignment.ravel(), minlength=count)
    shares = shares / explanation.inp_assignment.size
    limit = UNUSED_PART / count
    return tuple(
        UnusedINP(index, float(share)) for index, share in enumerate(shares) if share < limit
    )
