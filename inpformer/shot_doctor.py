"""The reference-set doctor: a look at normal pictures before a detector is fitted on them.

One picture among the shots that is not normal, or not of this part, teaches the detector that
such a thing is normal. The doctor cannot know what is normal; it says what does not fit in.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import cv2
import numpy as np
import torch
from torch import Tensor

from inpformer.errors import UserError
from inpformer.images import check_image
from inpformer.model_input import MAX_SHOTS, make_geometry
from inpformer.shot_quality import (
    SEVERITIES,
    Finding,
    blur_findings,
    duplicate_findings,
    light_findings,
    size_findings,
)

if TYPE_CHECKING:
    from inpformer.detector import AnomalyDetector

# Each shot is compared with so many others at most, which bounds the time.
MAX_PARTNERS = 6
# Part of the tokens whose distances make a shot's score: a small defect covers as little.
TOP_SHARE = 0.01
WHITENING_FLOOR = 0.02


# Strangeness beside the median of the other shots, from which on it is told: of a place, and of a
# whole shot. Of 48 clean sets of 4 from the example parts, 2 reached the first and none the last.
LOCAL_SHARE = 1.36
OVERALL_SHARE = 1.3
FOREIGN_SHARE = 1.6
# With two shots: distance to the other shot beside that within each shot.
PAIR_SHARE = 1.3
_NEARBY_CELLS = 3


class ShotScores(NamedTuple):
    """How unlike the others each shot is, `(k,)` each; larger is more unlike.

    Attributes:
        local: Of its strangest place, beside an ordinary place of the same shot.
        overall: Of the whole shot.
        places: Where the strangest place is, `(k, 2)`: x and y as shares of the sides.
    """

    local: np.ndarray
    overall: np.ndarray
    places: np.ndarray


def leave_one_out_scores(tokens: Sequence[Tensor], grids: Sequence[tuple[int, int]]) -> ShotScores:
    """Score each shot by the distances of its tokens to the nearest ones in the other shots.

    A distance counts in units of how far the matched token itself is from the tokens of the other
    shots: what varies from part to part, such as print or an edge, is not strange. With two shots
    there are no such units.

    Args:
        tokens: Per shot `(N, C)`; two shots at least.
        grids: Per shot, rows and columns.
    """
    matches = _match(_whiten(tokens))
    local, overall, places = [], [], []
    for index, grid in enumerate(grids):
        partners = [j for i, j in matches if i == index]
        distances = torch.stack([matches[index, j][0] for j in partners])
        nearest, owner = distances.min(dim=0)
        overall.append(float(nearest.mean()))
        units = torch.full_like(nearest, float(nearest.median()))
        for place, partner in enumerate(partners):
            others = [matches[partner, o][0] for i, o in matches if i == partner and o != index]
            if others:
                own = torch.stack(others).min(dim=0).values
                mine = owner == place
                units[mine] = own[matches[index, partner][1][mine]]
        # Less a hair, or a token that is there again exactly would make others infinitely strange.
        ratio = nearest / (units + 0.5 * nearest.median() + 1e-6)
        blurred = cv2.blur(ratio.reshape(grid).numpy(), (3, 3))
        row, column = np.unravel_index(blurred.argmax(), grid)
        places.append(((column + 0.5) / grid[1], (row + 0.5) / grid[0]))
        values = blurred.ravel()
        count = max(1, round(TOP_SHARE * values.size))
        highest = np.sort(values)[-count:].mean()
        local.append(float(highest / max(np.median(values), 1e-6)))
    return ShotScores(np.array(local), np.array(overall), np.array(places))


def _whiten(tokens: Sequence[Tensor]) -> list[Tensor]:
    """Give all directions of token space the same spread; strong channels would drown defects."""
    pooled = torch.cat(list(tokens))
    mean, deviation = pooled.mean(dim=0), pooled.std(dim=0).clamp(min=1e-6)
    spread, directions = torch.linalg.eigh(((pooled - mean) / deviation).T.cov())
    rotate = directions / (spread.clamp(min=0) + WHITENING_FLOOR).sqrt()
    return [((each - mean) / deviation) @ rotate for each in tokens]


def _match(tokens: Sequence[Tensor]) -> dict[tuple[int, int], tuple[Tensor, Tensor]]:
    """Return per ordered pair of shots the distance of each token to its nearest, and which."""
    count = len(tokens)
    matches = {}
    for step in range(1, min(count // 2, MAX_PARTNERS // 2) + 1):
        for first in range(count):
            second = (first + step) % count
            if (first, second) in matches:
                continue
            # One product serves both directions.
            product = tokens[first] @ tokens[second].T
            lengths = [tokens[index].square().sum(dim=1) for index in (first, second)]
            for key, dim in (((first, second), 1), ((second, first), 0)):
                squares = lengths[dim].unsqueeze(1 - dim) - 2 * product
                nearest = squares.min(dim=dim)
                distance = (nearest.values + lengths[1 - dim]).clamp(min=0).sqrt()
                matches[key] = distance, nearest.indices
    return matches


def examine_shots(detector: AnomalyDetector, images: Sequence[np.ndarray]) -> list[Finding]:
    """Look at normal pictures before a fit.

    Args:
        detector: Whose encoder looks; nothing of it needs to be trained.
        images: 1 to 16 pictures `(H, W, 3)` uint8 RGB.

    Returns:
        Findings, the gravest first; none if nothing is out of place.

    Raises:
        UserError: There are no pictures, too many, or one that cannot be used.
    """
    if not 1 <= len(images) <= MAX_SHOTS:
        raise UserError(f"Choose 1 to {MAX_SHOTS} normal pictures; these are {len(images)}.")
    images = [check_image(image) for image in images]
    encoder = detector.config.encoder
    seen = [make_geometry(image, "full", encoder).to_input(image) for image in images]
    findings = [
        *light_findings(seen),
        *duplicate_findings(images),
        *size_findings(images, encoder.token_budget * encoder.patch_size**2),
        *blur_findings(seen),
    ]
    findings += _unlike_findings(detector, seen, _worth_comparing(len(images), findings))
    return sorted(findings, key=lambda finding: SEVERITIES.index(finding.severity))


def _worth_comparing(count: int, findings: Sequence[Finding]) -> list[int]:
    """Leave out flat pictures and repeats: beside its copy, nothing looks strange."""
    left_out: set[int] = set()
    for finding in findings:
        if finding.kind in ("identical", "near_duplicate"):
            left_out.update(finding.shots[1:])
        elif finding.kind == "flat":
            left_out.update(finding.shots)
    return [index for index in range(count) if index not in left_out]


def _unlike_findings(
    detector: AnomalyDetector, seen: Sequence[np.ndarray], shots: Sequence[int]
) -> list[Finding]:
    """Find the shots among `shots` that the others do not explain."""
    if len(shots) < 2:
        return []
    tokens, grids = [], []
    with torch.inference_mode():
        for shot in shots:
            image = torch.from_numpy(seen[shot].transpose(2, 0, 1).copy()).float() / 255
            encoded = detector.model.encode(image[None].to(detector.device))
            tokens.append(encoded.fused_tokens[0].float().cpu())
            grids.append(encoded.grid_size)
        if len(shots) == 2:
            return _unlike_pair(tokens, grids, shots)
        scores = leave_one_out_scores(tokens, grids)
    findings = []
    for place, shot in enumerate(shots):
        local, overall = (
            float(values[place] / np.median(np.delete(values, place)))
            for values in (scores.local, scores.overall)
        )
        x, y = map(float, scores.places[place])
        numbers = {"local": local, "overall": overall}
        if overall > FOREIGN_SHARE:
            findings.append(Finding("unlike", (shot,), "stop", numbers))
        elif overall > OVERALL_SHARE:
            findings.append(Finding("unlike", (shot,), "warn", numbers))
        elif local > LOCAL_SHARE:
            findings.append(Finding("odd_place", (shot,), "warn", {**numbers, "x": x, "y": y}))
    return findings


def pair_unlikeness(tokens: Sequence[Tensor], grids: Sequence[tuple[int, int]]) -> float:
    """Return how far two shots are apart in units of how far each is from itself.

    Args:
        tokens: Of two shots, `(N, C)` each.
        grids: Rows and columns of each.
    """
    white = _whiten(tokens)
    matches = _match(white)
    across = (matches[0, 1][0].mean() + matches[1, 0][0].mean()) / 2
    within = sum(_distance_within(each, grid) for each, grid in zip(white, grids, strict=True)) / 2
    return float(across / max(within, 1e-6))


def _distance_within(tokens: Tensor, grid: tuple[int, int]) -> float:
    """Return the mean distance of a token to the nearest one elsewhere in the same shot."""
    rows, columns = (
        axis.flatten() for axis in torch.meshgrid(*map(torch.arange, grid), indexing="ij")
    )
    # Neighbours share pixels with a token, so that they are alike for no reason.
    apart = torch.maximum((rows[:, None] - rows).abs(), (columns[:, None] - columns).abs())
    lengths = tokens.square().sum(dim=1)
    squares = lengths - 2 * tokens @ tokens.T
    squares[apart <= _NEARBY_CELLS] = torch.inf
    nearest = (squares.min(dim=1).values + lengths).clamp(min=0).sqrt()
    return float(nearest[nearest.isfinite()].mean()) if nearest.isfinite().any() else 0.0


def _unlike_pair(
    tokens: Sequence[Tensor], grids: Sequence[tuple[int, int]], shots: Sequence[int]
) -> list[Finding]:
    """Of two shots nobody can say which is the odd one; say so of both."""
    ratio = pair_unlikeness(tokens, grids)
    if ratio <= PAIR_SHARE:
        return []
    return [Finding("unlike_pair", (shots[0], shots[1]), "warn", {"overall": ratio})]
