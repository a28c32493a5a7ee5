"""What a labeller asks: has it been worth it, and which picture is next."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from inpformer.changes import LabelledPicture, SetFigures, figures_of, look_at
from inpformer.comparison import disagreement, scaled_map
from inpformer.errors import require
from inpformer.geometry import shrink_mask
from inpformer.result import AnomalyResult

if TYPE_CHECKING:
    from inpformer.detector import AnomalyDetector
    from inpformer.retraining import Retrainer


def learning_curve(
    retrainer: Retrainer, pictures: Sequence[LabelledPicture], counts: Sequence[int]
) -> list[tuple[int, SetFigures]]:
    """Return how figures rise with the number of corrected masks, the first ones first.

    No picture is judged by a detector that has seen it: for a corrected picture, the first ones
    are those of the others, so that it takes a few detectors per number.

    Args:
        retrainer: Its corrections are taken in their order.
        pictures: Normal ones that the retraining has seen are left out.
        counts: Numbers of corrections, 0 for the detector before.

    Raises:
        ConfigError: There are not so many corrections.
    """
    most = len(retrainer.corrections)
    require(all(0 <= count <= most for count in counts), f"there are only {most} corrections")
    fair = [item for item in pictures if not item.is_used or item.correction is not None]
    curve = []
    for count in counts:
        made: dict[tuple[int, ...], AnomalyDetector] = {(): retrainer.source}
        outcomes = []
        for picture in fair:
            others = [index for index in range(most) if index != picture.correction]
            chosen = tuple(others[:count])
            if chosen not in made:
                made[chosen] = retrainer.retrain_with(chosen)
            outcomes.append(look_at(made[chosen], picture))
        masks = [
            shrink_mask(picture.mask, outcome.values.shape)
            for picture, outcome in zip(fair, outcomes, strict=True)
        ]
        curve.append((count, figures_of(outcomes, masks)))
    return curve


def next_to_label(results: Sequence[AnomalyResult]) -> list[int]:
    """Return the indices of unlabelled pictures, those first that teach most.

    A picture teaches where the detector cannot decide: its score is near the threshold, or its
    reconstruction and its segmentation map disagree about where the defect is.

    Args:
        results: What the detector in use says about each.
    """
    doubts = [doubt_of(result) for result in results]
    return sorted(range(len(results)), key=doubts.__getitem__, reverse=True)


def doubt_of(result: AnomalyResult) -> float:
    """Return how little a detector knows of a picture, 0 to 2; a label of it teaches the more."""
    confidence = result.confidence
    undecided = 0.0 if confidence is None else 1 - abs(2 * confidence - 1)
    names = [name for name in ("reconstruction", "segmentation") if name in result.score_maps]
    if len(names) < 2:
        return undecided
    maps = [scaled_map(result, name, result.score_maps[name]) for name in names]
    return undecided + 1 - disagreement(maps).top_overlap
