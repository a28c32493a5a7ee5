"""Verdicts of an evaluation at any threshold: what is flagged, wrongly, and what is missed."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from inpformer.evaluation.records import Confusion, PictureRecord


def confusion_at(pictures: Sequence[PictureRecord], threshold: float) -> Confusion:
    """Count verdicts; a picture is flagged if its score lies above the threshold, raw scale."""
    flagged = [picture.score > threshold for picture in pictures]
    truth = [picture.is_anomalous for picture in pictures]
    pairs = list(zip(truth, flagged, strict=True))
    return Confusion(
        found=pairs.count((True, True)),
        missed=pairs.count((True, False)),
        false_alarms=pairs.count((False, True)),
        passed=pairs.count((False, False)),
    )


def false_alarms(pictures: Sequence[PictureRecord], threshold: float) -> list[PictureRecord]:
    """Return the normal pictures that are flagged, the highest score first."""
    found = [each for each in pictures if not each.is_anomalous and each.score > threshold]
    return sorted(found, key=lambda each: each.score, reverse=True)


def misses(pictures: Sequence[PictureRecord], threshold: float) -> list[PictureRecord]:
    """Return the anomalous pictures that are not flagged, the lowest score first."""
    found = [each for each in pictures if each.is_anomalous and each.score <= threshold]
    return sorted(found, key=lambda each: each.score)


def best_threshold(pictures: Sequence[PictureRecord]) -> float | None:
    """Return the threshold with the highest F1, halfway to the next lower score.

    It was chosen on the pictures it is then judged on, so it flatters; it is for detectors that
    have no threshold of their own. None where only one kind of picture is there.
    """
    truth = np.array([each.is_anomalous for each in pictures], bool)
    if not truth.any() or truth.all():
        return None
    scores = np.array([each.score for each in pictures], float)
    order = np.argsort(-scores, kind="stable")
    descending = scores[order]
    # Equal scores are flagged together: only the last of them ends a choice.
    last = np.append(np.flatnonzero(np.diff(descending)), len(descending) - 1)
    found = np.cumsum(truth[order])[last]
    # Of equally good ones the first, which raises the fewest false alarms.
    best = last[int(np.argmax(2 * found / (last + 1 + truth.sum())))]
    if best + 1 < len(descending):
        return float((descending[best] + descending[best + 1]) / 2)
    return float(np.nextafter(descending[best], -np.inf))
