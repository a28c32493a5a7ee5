"""What the page shows of an inspection: drawings and small pieces of HTML."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from typing import NamedTuple

import numpy as np

from inpformer.detector import AnomalyDetector
from inpformer.panels import draw_colour_bar
from inpformer.pictures import (
    draw_heatmap,
    draw_outline,
    draw_overlay,
    find_regions,
)
from inpformer.progress import FitStep
from inpformer.prototypes import (
    assignment_shares,
    draw_assignment_mosaic,
    draw_inp_attention,
    draw_mosaic_legend,
    share_words,
)
from inpformer.result import AnomalyResult
from inpformer.ui.inspection import Inspection
from inpformer.ui.translate import translate
from inpformer.ui.words import Words


@dataclass(frozen=True)
class ViewSettings:
    """What the visitor chose to see.

    Attributes:
        map_name: Which map.
        cut: In multiples of the calibrated threshold; raw where there is none.
        opacity: Of the overlay, 0 to 1.
        colour_map: Name of the colours.
    """

    map_name: str
    cut: float
    opacity: float
    colour_map: str


class CutScale(NamedTuple):
    """Where the threshold slider starts, and its end, in the unit of `ViewSettings.cut`."""

    start: float
    most: float

    @classmethod
    def of(cls, result: AnomalyResult) -> CutScale:
        """Start at the threshold or, uncalibrated, in the middle of the fixed colours."""
        if result.map_name in result.scales:
            return cls(1.0, 2.0)
        low, high = result.colour_range()
        return cls((low + high) / 2, high)


class MapView(NamedTuple):
    """Everything that the sliders change."""

    verdict: str
    overlay: np.ndarray
    compare: tuple[np.ndarray, np.ndarray]
    heatmap: np.ndarray
    colour_bar: np.ndarray


class PrototypeView(NamedTuple):
    """The explanation, which no slider changes."""

    lead: str
    mosaic: np.ndarray
    legend: np.ndarray
    attention: list[tuple[np.ndarray, str]]


def draw_map_view(inspection: Inspection, settings: ViewSettings, words: Words) -> MapView:
    """Draw one map of an inspected picture at a threshold; runs no model."""
    result, image = inspection.result, inspection.display_image
    values = inspection.display_map(settings.map_name)
    scale = result.scales.get(settings.map_name)
    threshold = settings.cut if scale is None else settings.cut * scale.threshold
    colours = result.colour_range(settings.map_name)
    mask = values > threshold
    overlay = draw_overlay(image, values, colours, settings.opacity, settings.colour_map)
    overlay = draw_outline(overlay, mask)
    regions = find_regions(mask, values)
    calibrated = None if scale is None else scale.threshold
    return MapView(
        verdict=_verdict_card(
            inspection, settings.map_name, threshold, len(regions), mask.mean(), words
        ),
        overlay=overlay,
        compare=(image, overlay),
        heatmap=draw_heatmap(values, colours, settings.colour_map),
        colour_bar=draw_colour_bar(colours, calibrated, settings.colour_map),
    )


def draw_prototype_view(inspection: Inspection, words: Words) -> PrototypeView:
    """Draw what the prototypes of an inspected picture are."""
    explanation, image = inspection.result.explanation, inspection.display_image
    count, is_trained = len(explanation.inp_attention), inspection.detector.config.is_trained
    shares = assignment_shares(explanation.inp_assignment, count)
    drawings = draw_inp_attention(image, explanation.inp_attention)
    captions = [f"INP {index + 1} · {share_words(share)}" for index, share in enumerate(shares)]
    return PrototypeView(
        lead=words.INPS_LEAD if is_trained else words.TRAINING_FREE_INPS_LEAD,
        mosaic=draw_assignment_mosaic(image, explanation.inp_assignment, count),
        legend=draw_mosaic_legend(shares),
        attention=list(zip(drawings, captions, strict=True)),
    )


def detector_card(detector: AnomalyDetector, title: str, words: Words) -> str:
    """Say what the detector in use is, what its threshold stands for, and what to know about it.

    Args:
        detector: The one in use.
        title: What the page calls it.
        words: The visitor's language.
    """
    name = detector_name(detector, words)
    lines = [words.READY.format(name=name if name == title else f"{title}: {name}")]
    calibration = detector.calibration
    if calibration is not None:
        calibrated = words.CALIBRATED.format(
            method=translate(calibration.method, words),
            rate=calibration.false_alarm_rate,
            part_rate=calibration.part_alarm_rate,
        )
        lines.append(calibrated)
    lines.append(translate(detector.provenance.encoder_reason, words))
    notices = [words.NOTICE.format(text=translate(notice, words)) for notice in detector.notices]
    body = "".join(f"<div>{escape(line)}</div>" for line in lines)
    body += "".join(f'<div class="notice">{escape(line)}</div>' for line in notices)
    return f'<div class="detector-card">{body}</div>'


def progress_bar(step: FitStep, words: Words) -> str:
    """Draw the state of a running fit."""
    line = words.FIT_PROGRESS.format(
        phase=words.PHASES[step.phase], fraction=step.fraction, seconds=step.seconds_left
    )
    losses = ", ".join(f"{name} {value:.3f}" for name, value in step.losses.items())
    return (
        '<div class="fit-progress" role="progressbar" aria-valuemin="0" aria-valuemax="100" '
        f'aria-valuenow="{step.fraction * 100:.0f}"><div class="fit-track">'
        f'<div class="fit-bar" style="width:{step.fraction * 100:.1f}%"></div></div>'
        f"<div>{escape(line)}</div><div class='faint'>{escape(losses) or '&nbsp;'}</div></div>"
    )


def message(words: str) -> str:
    """Return a plain sentence as HTML."""
    return f'<div class="message">{escape(words)}</div>'


def _verdict_card(
    inspection: Inspection,
    map_name: str,
    threshold: float,
    regions: int,
    area: float,
    words: Words,
) -> str:
    result = inspection.result
    score = result.scores[map_name]
    is_calibrated = map_name in result.scales
    verdict = score > threshold if is_calibrated else None
    confidence = result.confidence_of(map_name, threshold)
    headline = f"<b>{escape(words.VERDICTS[verdict])}</b>"
    if confidence is not None:
        headline += f" · {escape(words.CONFIDENCE.format(value=confidence))}"
    if is_calibrated:
        score_line = words.SCORE_LINE.format(score=score, threshold=threshold)
    else:
        score_line = words.RAW_SCORE_LINE.format(score=score, threshold=threshold)
    facts = (
        score_line,
        words.AREA_LINE.format(regions=regions, area=area),
        words.MAP_LINE.format(name=words.MAP_TITLES[map_name]),
        words.TIME_LINE.format(seconds=result.seconds),
    )
    kind = {True: "bad", False: "good", None: "open"}[verdict]
    lines = [f'<div class="headline">{headline}</div>', f"<div>{escape(' · '.join(facts))}</div>"]
    if not is_calibrated:
        lines.append(f"<div>{escape(words.NOT_CALIBRATED)}</div>")
    for notice in (*inspection.notes, *result.notices):
        line = words.NOTICE.format(text=translate(notice, words))
        lines.append(f'<div class="notice">{escape(line)}</div>')
    return f'<div class="verdict {kind}" aria-live="polite">{"".join(lines)}</div>'


def detector_name(detector: AnomalyDetector, words: Words) -> str:
    """Return what a detector is, in a few words."""
    encoder, calibration = detector.config.encoder.name, detector.calibration
    if detector.provenance.zero_shot:
        return words.ZERO_SHOT_NAME.format(encoder=encoder)
    if calibration is None:
        return words.UNFITTED_NAME.format(encoder=encoder)
    variants = {value: label for label, value in words.VARIANTS}
    return words.FITTED_NAME.format(
        variant=variants[detector.config.variant], shots=calibration.shot_count, encoder=encoder
    )
