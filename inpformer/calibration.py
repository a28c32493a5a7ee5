"""Thresholds and colour scales from normal pictures that the scored model has not seen."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from inpformer.config import MapName, MapPart, ModelConfig
from inpformer.scales import Calibration, MapScale
from inpformer.scoring import fuse_maps, image_score

LEVEL_QUANTILE = 0.995
# A typical normal picture gets this confidence of being anomalous.
TYPICAL_CONFIDENCE = 0.05
PARTS: tuple[MapPart, ...] = ("reconstruction", "segmentation", "memory")  # of the fused map
# The head says almost nothing on normal pictures; dividing by that would turn its noise into
# defects. A probability of one half counts as much as the 99.5% level of the reconstruction.
MIN_SEGMENTATION_LEVEL = 0.5
# Chosen on two draws of shots of six kinds of parts (weights/README.md).
ASSUMED_SHOTS, MOST_DEVIATIONS = 2, 2.0
_TINY = 1e-8


# Smoothed maps of one normal view by name, each `(h, w)`, without the fused one. A view that is
# shown to the model in tiles has one such table per tile.
ViewMaps = dict[MapPart, Tensor]


class Shots(NamedTuple):
    """Views that are pictures as they are.

    Attributes:
        rows: Which of the views.
        spread: See `FitConfig.shot_spread`.
    """

    rows: Sequence[int]
    spread: float


class FalseAlarmBound(NamedTuple):
    """A cut on scores and the share of new normal scores expected above it."""

    threshold: float
    rate: float


def calibrate(
    held_out: Sequence[Sequence[ViewMaps]],
    config: ModelConfig,
    false_alarm_rate: float,
    shot_count: int,
    method: str,
    shots: Shots | None = None,
) -> Calibration:
    """Set threshold, confidence unit and colour scale of every map.

    Args:
        held_out: Per normal view the scoring model was not fitted on, the maps of its tiles (or
            of the one whole picture). The score of a view is that of its highest tile.
        config: Which maps the model gives, and how they are balanced.
        false_alarm_rate: Wished share of normal pictures above the threshold.
        shot_count: Shots behind the views.
        method: How the views were held out, in words.
        shots: Which of the views are pictures as they are, to take the thresholds from; None takes
            them from all views.
    """
    tiles = [maps for view in held_out for maps in view]
    levels = {name: _level(tiles, name) for name in PARTS}
    draft = Calibration(
        scales={},
        false_alarm_rate=false_alarm_rate,
        score_count=len(held_out),
        shot_count=shot_count,
        method=method,
        reconstruction_level=max(levels["reconstruction"], _TINY),
        segmentation_level=max(levels["segmentation"], MIN_SEGMENTATION_LEVEL),
        memory_level=max(levels["memory"], _TINY),
    )
    scales = {}
    bound = FalseAlarmBound(0.0, false_alarm_rate)
    for name in config.map_names:
        views = [[_named_map(maps, name, config, draft) for maps in view] for view in held_out]
        counted = config.score_fraction, config.score_border
        scores = torch.stack(
            [max(image_score(tile[None], *counted)[0] for tile in view) for view in views]
        )
        # On normal pictures a head says next to nothing, and that has no logarithm to speak of.
        if shots is None or name == "segmentation":
            bound = false_alarm_bound(scores, false_alarm_rate)
        else:
            scores = scores[torch.tensor(shots.rows)]
            bound = spread_bound(scores, false_alarm_rate, shots.spread)
        scales[name] = _scale(bound.threshold, scores, [tile for view in views for tile in view])
    return Calibration(**{**vars(draft), "scales": scales, "false_alarm_rate": bound.rate})


def false_alarm_bound(scores: Tensor, rate: float) -> FalseAlarmBound:
    """Return the smallest cut at an observed score that keeps false alarms at `rate` or below.

    For exchangeable scores, a new one exceeds the k-th smallest of n with probability
    1 - k / (n + 1) (split conformal prediction). Where n is too small for `rate`, the largest
    score is taken and the rate it stands for is returned.

    Args:
        scores: `(n,)` of normal pictures.
        rate: Wished false-alarm rate, in (0, 1).
    """
    count = len(scores)
    # Less a hair: 25 * 0.56 is 14.000000000000002 in floating point.
    rank = min(count, math.ceil((count + 1) * (1 - rate) - 1e-9))
    return FalseAlarmBound(float(scores.sort().values[rank - 1]), 1 - rank / (count + 1))


def spread_bound(scores: Tensor, rate: float, spread: float) -> FalseAlarmBound:
    """Return the cut above which new normal scores lie at `rate`, if their logarithm is normal.

    Args:
        scores: `(n,)` of normal pictures, above 0. Their median counts: of few, one may be odd.
        rate: Wished false-alarm rate, in (0, 1).
        spread: Assumed standard deviation of the logarithm of scores; see `shot_deviation`.
    """
    quantile = float(torch.special.ndtri(torch.tensor(1.0 - rate)))
    factor = math.exp(quantile * shot_deviation(scores, spread))
    return FalseAlarmBound(float(scores.quantile(0.5)) * factor, rate)


def shot_deviation(scores: Tensor, assumed: float) -> float:
    """Return the standard deviation of the logarithm of normal scores, from few of them.

    What is assumed counts as much as `ASSUMED_SHOTS` pictures: parts that look more alike than
    that get a lower threshold, and parts that differ more a higher one. No picture counts as
    farther from the median than `MOST_DEVIATIONS` times what is assumed: one may be odd.

    Args:
        scores: `(n,)`, above 0.
        assumed: The deviation without any picture.
    """
    logarithms = scores.clamp(min=_TINY).log()
    limit = MOST_DEVIATIONS * assumed
    apart = (logarithms - logarithms.quantile(0.5)).clamp(-limit, limit)
    total = ASSUMED_SHOTS * assumed**2 + float(apart.square().sum())
    return math.sqrt(total / (ASSUMED_SHOTS + len(scores) - 1))


def _scale(threshold: float, scores: Tensor, maps: Sequence[Tensor]) -> MapScale:
    typical_score = float(scores.median())
    odds = math.log((1 - TYPICAL_CONFIDENCE) / TYPICAL_CONFIDENCE)
    spread = max(threshold - typical_score, 0.02 * abs(threshold), _TINY)
    level = float(torch.stack([values.median() for values in maps]).median())
    return MapScale(
        threshold=threshold,
        score_scale=spread / odds,
        normal_level=min(level, threshold - _TINY),
    )


def _named_map(maps: ViewMaps, name: MapName, config: ModelConfig, draft: Calibration) -> Tensor:
    return fuse_maps(maps, config, draft) if name == "fused" else maps[name]


def _level(held_out: Sequence[ViewMaps], name: MapPart) -> float:
    values = [item[name].flatten() for item in held_out if name in item]
    if not values:
        return 1.0
    # Per picture first: torch's quantile refuses very many values at once.
    return float(torch.stack([v.quantile(LEVEL_QUANTILE) for v in values]).median())
