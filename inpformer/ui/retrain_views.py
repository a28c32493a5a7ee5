"""What a retraining works with and what it changed, as HTML."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import NamedTuple

import cv2
import numpy as np

from inpformer.changes import Changes, LabelledPicture, Outcome, PictureChange, SetFigures
from inpformer.charts import line_chart
from inpformer.detector import AnomalyDetector
from inpformer.pictures import draw_overlay
from inpformer.ui.figures import jpeg_uri
from inpformer.ui.inspection import at_display_size
from inpformer.ui.words import Words

_SIDE = 360
_MOST_PICTURES = 24
_MARKS = {"regression": "▼", "improvement": "▲", "unchanged": "="}
_KINDS = {"regression": "bad", "improvement": "good", "unchanged": "open"}


class Plan(NamedTuple):
    """What a retraining would use.

    Attributes:
        title: Of the detector.
        marked: Names of pictures with a defect.
        shots: Normal pictures behind the detector.
        normal: Pictures labelled normal.
        used: Of these, how many join the shots.
        has_head: Whether the detector has a segmentation head.
    """

    title: str
    marked: Sequence[str]
    shots: int
    normal: int
    used: int
    has_head: bool


def plan_card(plan: Plan, words: Words) -> str:
    """Say what a retraining would use, and what is missing."""
    lines = [
        words.RETRAIN_DETECTOR.format(title=plan.title),
        words.RETRAIN_MARKED.format(count=len(plan.marked)),
        words.RETRAIN_SHOTS.format(shots=plan.shots, used=plan.used, normal=plan.normal),
    ]
    missing = []
    if not plan.has_head:
        missing.append(words.RETRAIN_NO_HEAD)
    if not plan.marked:
        missing.append(words.RETRAIN_NOTHING)
    if not plan.shots + plan.used:
        missing.append(words.RETRAIN_NO_SHOTS)
    items = "".join(f"<li>{escape(line)}</li>" for line in lines)
    names = ", ".join(plan.marked[:12]) + (" …" if len(plan.marked) > 12 else "")
    notes = "".join(f'<div class="notice">{escape(note)}</div>' for note in missing)
    names = f'<div class="faint">{escape(names)}</div>'
    return f'<div class="message"><ul>{items}</ul>{names}{notes}</div>'


def changes(
    found: Changes,
    before: AnomalyDetector,
    after: AnomalyDetector,
    pictures: Sequence[LabelledPicture],
    words: Words,
) -> str:
    """Draw what a retraining changed: figures, then pictures, those that got worse first.

    Args:
        found: The changes.
        before: The old detector.
        after: The new one.
        pictures: What was compared on, by name.
        words: The visitor's language.
    """
    images = {picture.name: picture.image for picture in pictures}
    ranges = [_colour_range(detector) for detector in (before, after)]
    counts = words.CHANGES_COUNTS.format(
        worse=len(found.of_kind("regression")),
        better=len(found.of_kind("improvement")),
        same=len(found.of_kind("unchanged")),
    )
    cards = [
        _card(change, images[change.name], ranges, words)
        for change in found.pictures[:_MOST_PICTURES]
    ]
    return (
        f"<div class='compare-summary'>{escape(counts)}</div>{_figures(found, words)}"
        f"<div class='change-cards'>{''.join(cards)}</div>"
    )


def curve(points: Sequence[tuple[int, SetFigures]], words: Words) -> str:
    """Draw figures of merit against the number of corrected pictures; empty without figures."""
    lines = {
        title: [(count, getattr(each, name)) for count, each in points]
        for name, title in words.CHANGES_FIGURES.items()
        if all(getattr(each, name) is not None for _, each in points)
    }
    chart = line_chart(lines, words.MASKS_CURVE_X, words.MASKS_CURVE_Y, words.MASKS_CURVE)
    if not chart:
        return ""
    title, note = escape(words.MASKS_CURVE), escape(words.MASKS_CURVE_NOTE)
    return f'<h3>{title}</h3>{chart}<p class="faint">{note}</p>'


def _figures(found: Changes, words: Words) -> str:
    rows = []
    for name, title in words.CHANGES_FIGURES.items():
        old, new = getattr(found.before, name), getattr(found.after, name)
        if old is not None and new is not None:
            cells = (title, f"{old:.3f}", f"{new:.3f}", f"{new - old:+.3f}")
            rows.append("<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in cells) + "</tr>")
    if not rows:
        return f'<p class="faint">{escape(words.CHANGES_NO_FIGURES)}</p>'
    head = "".join(f"<th>{escape(each)}</th>" for each in words.CHANGES_HEADERS)
    return f'<table class="changes"><tr>{head}</tr>{"".join(rows)}</table>'


def _card(
    change: PictureChange,
    image: np.ndarray,
    ranges: Sequence[tuple[float, float]],
    words: Words,
) -> str:
    small = at_display_size(image, _SIDE)
    old, new = (
        jpeg_uri(_overlay(small, outcome, span))
        for outcome, span in zip((change.before, change.after), ranges, strict=True)
    )
    facts = [words.CHANGES_KINDS[change.kind]]
    if change.before.pixel_ap is not None and change.after.pixel_ap is not None:
        facts.append(
            words.CHANGES_AP.format(before=change.before.pixel_ap, after=change.after.pixel_ap)
        )
    facts.append(
        words.CHANGES_VERDICTS.format(
            before=words.CHANGES_SAID[change.before.is_anomalous],
            after=words.CHANGES_SAID[change.after.is_anomalous],
        )
    )
    if change.is_left_out:
        facts.append(words.CHANGES_LEFT_OUT)
    elif change.is_used:
        facts.append(words.CHANGES_USED)
    truth = words.ANNOTATE_LABELS["anomalous" if change.label else "normal"]
    slide = "this.parentNode.style.setProperty('--cut', this.value + '%')"
    height, width = small.shape[:2]
    return (
        f'<div class="change-card {_KINDS[change.kind]}"><b>{_MARKS[change.kind]} '
        f"{escape(change.name)}</b> <span>({escape(truth)})</span>"
        f'<div class="slide" style="aspect-ratio: {width} / {height}">'
        f'<img alt="{escape(words.CHANGES_BEFORE)}" src="{old}">'
        f'<img class="after" alt="{escape(words.CHANGES_AFTER)}" src="{new}">'
        f'<input type="range" min="0" max="100" value="50" oninput="{slide}" '
        f'aria-label="{escape(words.CHANGES_SLIDE)}"></div>'
        f'<div class="ends"><span>{escape(words.CHANGES_BEFORE)}</span>'
        f"<span>{escape(words.CHANGES_AFTER)}</span></div>"
        f"<div>{escape(' · '.join(facts))}</div></div>"
    )


def _overlay(image: np.ndarray, outcome: Outcome, span: tuple[float, float]) -> np.ndarray:
    size = image.shape[1::-1]
    values = cv2.resize(outcome.values, size, interpolation=cv2.INTER_LINEAR)
    return draw_overlay(image, values, span)


def _colour_range(detector: AnomalyDetector) -> tuple[float, float]:
    """Return the fixed colours of the map that decides, its threshold in the middle."""
    scale = detector.calibration and detector.calibration.scales.get(detector.choose_map(None))
    return scale.colour_range if scale else (0.0, 1.0)
