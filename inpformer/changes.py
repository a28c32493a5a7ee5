"""What a retraining changed, picture by picture: what got worse, what got better, and how much."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, NamedTuple

import cv2
import numpy as np

from inpformer import metrics
from inpformer.comparison import mask_iou
from inpformer.errors import UserError
from inpformer.geometry import shrink_mask
from inpformer.result import AnomalyResult

if TYPE_CHECKING:
    from inpformer.detector import AnomalyDetector
    from inpformer.retraining import Retrainer

Kind = Literal["regression", "improvement", "unchanged"]

# Pixel figures are taken at this size: a photo of 12 megapixels says no more.
LONGEST_SIDE = 256
# Less than this is noise of the outline, not a change anybody sees.
MIN_AP_CHANGE = 0.02


@dataclass(frozen=True, eq=False)
class LabelledPicture:
    """A picture whose truth is known.

    Attributes:
        name: For people.
        image: `(H, W, 3)` uint8 RGB.
        mask: `(H, W)` bool, empty for a normal picture.
        is_used: Whether the retraining has seen it, as a correction or a normal picture.
        correction: Its index among the corrections of the retraining, if it is one.
    """

    name: str
    image: np.ndarray
    mask: np.ndarray
    is_used: bool = False
    correction: int | None = None

    @property
    def is_anomalous(self) -> bool:
        """Whether something is marked."""
        return bool(self.mask.any())


class Outcome(NamedTuple):
    """What one detector says about one labelled picture.

    Attributes:
        score: Image score, raw scale.
        confidence: That the picture is anomalous, (0, 1); None if uncalibrated.
        is_anomalous: Verdict; None if uncalibrated.
        mask_iou: Overlap of predicted and true mask, 0 to 1, 1 if both are empty; None if
            uncalibrated.
        pixel_ap: Average precision of the map's pixels; None for a normal picture.
        values: The map, at most 256 pixels on the longer side, `(h, w)` float32.
    """

    score: float
    confidence: float | None
    is_anomalous: bool | None
    mask_iou: float | None
    pixel_ap: float | None
    values: np.ndarray


class PictureChange(NamedTuple):
    """One labelled picture before and after.

    Attributes:
        name: Of the picture.
        label: Whether it is anomalous in truth.
        is_used: Whether the retraining has seen it.
        is_left_out: Whether `after` comes from a detector that was retrained without it.
        kind: What became of it: the verdict counts first, then the pixels.
        before: By the old detector.
        after: By the new one.
    """

    name: str
    label: bool
    is_used: bool
    is_left_out: bool
    kind: Kind
    before: Outcome
    after: Outcome

    @property
    def gain(self) -> float:
        """How much better it is: a verdict weighs 1 each way, the average precision its change."""
        return _gain(self.label, self.before, self.after)


class SetFigures(NamedTuple):
    """How well a set of pictures is judged; None where it lacks normal or anomalous pictures.

    Attributes:
        image_auroc: Chance that an anomalous picture scores above a normal one.
        pixel_ap: Average precision over all pixels.
        aupro: Per-region overlap up to 30% false alarms.
    """

    image_auroc: float | None
    pixel_ap: float | None
    aupro: float | None


@dataclass(frozen=True)
class Changes:
    """Everything a retraining changed on a set of labelled pictures.

    Attributes:
        pictures: Regressions first, the worst one first; then improvements, the best one first;
            then the rest, in the order they were given.
        before: Figures by the old detector, on pictures that were judged by a detector which had
            not seen them.
        after: The same pictures by the new one.
    """

    pictures: tuple[PictureChange, ...]
    before: SetFigures
    after: SetFigures

    def of_kind(self, kind: Kind) -> list[PictureChange]:
        """Return the pictures that got worse, got better, or neither."""
        return [picture for picture in self.pictures if picture.kind == kind]


def what_changed(
    before: AnomalyDetector,
    after: AnomalyDetector,
    pictures: Sequence[LabelledPicture],
    retrainer: Retrainer | None = None,
) -> Changes:
    """Look at labelled pictures with two detectors.

    Args:
        before: The old detector.
        after: The new one.
        pictures: Any number of labelled pictures.
        retrainer: That made `after`: the corrected pictures are then judged by detectors that were
            retrained without them, at a few seconds each. None judges them by `after`, which has
            seen them.

    Raises:
        UserError: There are no pictures, or one cannot be used.
    """
    if not pictures:
        raise UserError("Label at least 1 picture to see what changed.")
    changes = []
    for picture in pictures:
        judge, is_left_out = after, False
        others = _others(picture, retrainer)
        if others:
            judge, is_left_out = retrainer.retrain_with(others), True
        outcomes = [look_at(detector, picture) for detector in (before, judge)]
        kind = kind_of_change(picture.is_anomalous, *outcomes)
        changes.append(
            PictureChange(
                picture.name, picture.is_anomalous, picture.is_used, is_left_out, kind, *outcomes
            )
        )
    fair = [i for i, change in enumerate(changes) if change.is_left_out or not change.is_used]
    masks = [shrink_mask(pictures[i].mask, changes[i].before.values.shape) for i in fair]
    return Changes(
        tuple(_in_order(changes)),
        figures_of([changes[i].before for i in fair], masks),
        figures_of([changes[i].after for i in fair], masks),
    )


def look_at(detector: AnomalyDetector, picture: LabelledPicture) -> Outcome:
    """Return what a detector says about a labelled picture.

    Raises:
        UserError: The picture cannot be used.
    """
    return outcome_of(detector.predict(picture.image), picture.mask)


def outcome_of(result: AnomalyResult, mask: np.ndarray) -> Outcome:
    """Compare a result with the truth.

    Args:
        result: What a detector says about the picture.
        mask: The truth, `(H, W)` bool.
    """
    values = shrink_map(result.anomaly_map)
    small = shrink_mask(mask, values.shape)
    calibrated = result.threshold is not None
    return Outcome(
        score=result.image_score,
        confidence=result.confidence,
        is_anomalous=result.is_anomalous,
        mask_iou=mask_iou([result.mask(), mask]) if calibrated else None,
        pixel_ap=metrics.pixel_ap([values], [small]) if small.any() and not small.all() else None,
        values=values,
    )


def kind_of_change(label: bool, before: Outcome, after: Outcome) -> Kind:
    """Say whether a picture is judged better or worse than before.

    A verdict that became right or wrong decides; if it stayed, the pixels do.
    """
    gain = _gain(label, before, after)
    if abs(gain) < MIN_AP_CHANGE:
        return "unchanged"
    return "improvement" if gain > 0 else "regression"


def figures_of(outcomes: Sequence[Outcome], masks: Sequence[np.ndarray]) -> SetFigures:
    """Measure a set of pictures together.

    Args:
        outcomes: What one detector says about them.
        masks: The truth at the sizes of their maps, `(h, w)` bool.
    """
    labels = np.array([mask.any() for mask in masks], bool)
    maps = [outcome.values for outcome in outcomes]
    auroc = ap = pro = None
    if labels.any() and not labels.all():
        auroc = metrics.image_auroc(np.array([outcome.score for outcome in outcomes]), labels)
    if labels.any() and not all(mask.all() for mask in masks):
        ap, pro = metrics.pixel_ap(maps, masks), metrics.aupro(maps, masks)
    return SetFigures(auroc, ap, pro)


def shrink_map(values: np.ndarray) -> np.ndarray:
    """Return a map of at most 256 pixels on the longer side, by averaging."""
    factor = LONGEST_SIDE / max(values.shape)
    if factor >= 1:
        return values
    height, width = (max(1, round(side * factor)) for side in values.shape)
    return cv2.resize(values, (width, height), interpolation=cv2.INTER_AREA)


def _others(picture: LabelledPicture, retrainer: Retrainer | None) -> list[int]:
    if retrainer is None or picture.correction is None:
        return []
    return [i for i in range(len(retrainer.corrections)) if i != picture.correction]


def _gain(label: bool, before: Outcome, after: Outcome) -> float:
    if None not in (before.is_anomalous, after.is_anomalous):
        verdicts = int(after.is_anomalous == label) - int(before.is_anomalous == label)
        if verdicts:
            return float(verdicts)
    if None in (before.pixel_ap, after.pixel_ap):
        return 0.0
    return after.pixel_ap - before.pixel_ap


def _in_order(changes: Sequence[PictureChange]) -> list[PictureChange]:
    worse = [change for change in changes if change.kind == "regression"]
    better = [change for change in changes if change.kind == "improvement"]
    same = [change for change in changes if change.kind == "unchanged"]
    return (
        sorted(worse, key=lambda change: change.gain)
        + sorted(better, key=lambda change: -change.gain)
        + same
    )
