"""What the page shows of an inspection: drawings and small pieces of HTML."""

from __future__ import annotations

from html import escape

from inpformer.detector import AnomalyDetector
from inpformer.progress import FitStep
from inpformer.ui.inspection import Inspection
from inpformer.ui.session import HubOrigin
from inpformer.ui.translate import translate
from inpformer.ui.viewer_data import Layer
from inpformer.ui.words import Words


def detector_card(
    detector: AnomalyDetector, title: str, words: Words, origin: HubOrigin | None = None
) -> str:
    """Say what the detector in use is, what its threshold stands for, and what to know about it.

    Args:
        detector: The one in use.
        title: What the page calls it.
        words: The visitor's language.
        origin: Where on the Hub it is, if it is there.
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
    body += hub_line(origin, words)
    return f'<div class="detector-card">{body}</div>'


def hub_line(origin: HubOrigin | None, words: Words) -> str:
    """Return where on the Hub a detector is, as HTML; empty for one that is not there."""
    if origin is None:
        return ""
    line = words.ON_THE_HUB.format(
        repo=origin.address.repo_id, revision=origin.address.revision, sha256=origin.sha256
    )
    return f'<div class="faint hub-line">{escape(line)}</div>'


def progress_bar(step: FitStep, words: Words) -> str:
    """Draw the state of a running fit."""
    line = words.FIT_PROGRESS.format(
        phase=words.PHASES[step.phase], fraction=step.fraction, seconds=step.seconds_left
    )
    losses = ", ".join(f"{name} {value:.3f}" for name, value in step.losses.items())
    below = f"<div class='faint'>{escape(losses) or '&nbsp;'}</div>"
    if step.notice:
        notice = words.NOTICE.format(text=translate(step.notice, words))
        below += f'<div class="notice">{escape(notice)}</div>'
    return progress(step.fraction, line, below)


def progress(fraction: float, line: str, below: str = "") -> str:
    """Draw how far long work is.

    Args:
        fraction: 0 to 1.
        line: What is being done, in words.
        below: HTML under it.
    """
    share = 100 * fraction
    return (
        '<div class="fit-progress" role="progressbar" aria-valuemin="0" aria-valuemax="100" '
        f'aria-valuenow="{share:.0f}"><div class="fit-track">'
        f'<div class="fit-bar" style="width:{share:.1f}%"></div></div>'
        f"<div>{escape(line)}</div>{below}</div>"
    )


def message(words: str) -> str:
    """Return a plain sentence as HTML."""
    return f'<div class="message">{escape(words)}</div>'


def verdict_card(inspection: Inspection, map_name: str, layer: Layer, words: Words) -> str:
    """Say what a map says of a picture at a threshold, and what to know about it."""
    result = inspection.result
    score = result.scores[map_name]
    threshold, is_calibrated = layer.threshold, map_name in result.scales
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
        words.AREA_LINE.format(regions=len(layer.regions), area=layer.area),
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
    variant = variants[detector.config.variant]
    if detector.config.has_memory:
        variant = words.WITH_MEMORY.format(variant=variant)
    return words.FITTED_NAME.format(variant=variant, shots=calibration.shot_count, encoder=encoder)
