"""What the Few-shot tab shows: the doctor's findings, marked thumbnails, the loss curve."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from html import escape

import cv2
import numpy as np

from inpformer.charts import line_chart
from inpformer.progress import FitStep
from inpformer.shot_quality import SEVERITIES, Finding, Severity
from inpformer.ui.inspection import at_display_size
from inpformer.ui.words import Words

THUMBNAIL_SIDE = 240
# Vermillion, orange, blue and green of Okabe and Ito, as in the verdicts.
_FRAMES = {
    "stop": (213, 94, 0),
    "warn": (230, 159, 0),
    "info": (86, 180, 233),
    "fine": (0, 158, 115),
}
# Of these the doctor asks before a fit: the detector would learn what should be found.
_ASKED_ABOUT = ("unlike", "unlike_pair", "odd_place")


@dataclass(frozen=True)
class Thumbnail:
    """A normal picture with its name."""

    name: str
    image: np.ndarray


@dataclass
class Curve:
    """The losses of a running fit by name, with the step they belong to."""

    lines: dict[str, list[tuple[float, float]]] = field(default_factory=dict)

    def add(self, steps: Sequence[FitStep]) -> None:
        """Note new steps. Those of models that only set the threshold are not the detector's."""
        for step in steps:
            if step.phase == "calibrate":
                continue
            for name, value in step.losses.items():
                self.lines.setdefault(name, []).append((float(step.step), value))

    def draw(self, words: Words) -> str:
        """Return the curve as HTML; empty before the first loss."""
        lines = {words.LOSSES.get(name, name): points for name, points in self.lines.items()}
        return line_chart(lines, words.CURVE_X, words.CURVE_Y, words.CURVE_TITLE)


def asks(findings: Sequence[Finding]) -> bool:
    """Whether a fit should ask before it goes on."""
    return any(f.severity == "stop" or f.kind in _ASKED_ABOUT for f in findings)


def doctor_card(findings: Sequence[Finding], names: Sequence[str], words: Words) -> str:
    """Return what the reference-set doctor says, as HTML."""
    alone = f'<div class="faint">{escape(words.DOCTOR_ALONE)}</div>' if len(names) == 1 else ""
    if not findings:
        fine = escape(words.DOCTOR_FINE.format(count=len(names)))
        return f'<div class="doctor fine" aria-live="polite"><div>{fine}</div>{alone}</div>'
    lines = []
    for finding in findings:
        what = words.FINDINGS[finding.kind]
        if figure := _figure(finding, words):
            what += f" ({figure})"
        line = words.DOCTOR_LINE.format(
            mark=words.SEVERITY_MARKS[finding.severity],
            who=", ".join(names[shot] for shot in finding.shots),
            what=what,
        )
        lines.append(f'<li class="{finding.severity}">{escape(line)}</li>')
    asked = f"<div>{escape(words.DOCTOR_ASKS)}</div>" if asks(findings) else ""
    worst = findings[0].severity
    return (
        f'<div class="doctor {worst}" aria-live="polite"><b>{escape(words.DOCTOR_FOUND)}</b>'
        f"<ul>{''.join(lines)}</ul>{asked}{alone}</div>"
    )


def mark_thumbnails(
    pictures: Sequence[Thumbnail], findings: Sequence[Finding], words: Words
) -> list[tuple[np.ndarray, str]]:
    """Frame pictures by their gravest finding, with a mark in the caption and a ringed place."""
    marked = []
    for index, picture in enumerate(pictures):
        own = [finding for finding in findings if index in finding.shots]
        severity = min((f.severity for f in own), key=SEVERITIES.index, default=None)
        image = _framed(at_display_size(picture.image, THUMBNAIL_SIDE), severity, own)
        caption = f"{words.SEVERITY_MARKS[severity or 'fine']} {picture.name}"
        marked.append((image, caption))
    return marked


def _framed(
    image: np.ndarray, severity: Severity | None, findings: Sequence[Finding]
) -> np.ndarray:
    image = image.copy()
    height, width = image.shape[:2]
    for finding in findings:
        if finding.kind == "odd_place":
            centre = (round(finding.numbers["x"] * width), round(finding.numbers["y"] * height))
            radius = max(8, round(0.09 * max(width, height)))
            cv2.circle(image, centre, radius, (0, 0, 0), 5, cv2.LINE_AA)
            cv2.circle(image, centre, radius, (255, 255, 255), 2, cv2.LINE_AA)
    colour = _FRAMES[severity or "fine"]
    thickness = 3 if severity is None else 8
    return cv2.copyMakeBorder(image, *(thickness,) * 4, cv2.BORDER_CONSTANT, value=colour)


def _figure(finding: Finding, words: Words) -> str:
    """Return the numbers behind a finding, in a few words; empty where there are none to tell."""
    numbers = finding.numbers
    if finding.kind in ("unlike", "unlike_pair"):
        return words.FIGURE_UNLIKE.format(overall=numbers["overall"])
    if finding.kind == "odd_place":
        return words.FIGURE_ODD.format(local=numbers["local"])
    if finding.kind == "blurred":
        return words.FIGURE_BLUR.format(sharpness=numbers["sharpness"], usual=numbers["usual"])
    if finding.kind == "light":
        return words.FIGURE_LIGHT.format(mean=numbers["mean"], usual=numbers["usual"])
    if finding.kind in ("aspect", "size", "small"):
        return words.FIGURE_SIZE.format(width=numbers["width"], height=numbers["height"])
    if finding.kind == "near_duplicate":
        return words.FIGURE_GRAIN.format(agreement=numbers["agreement"])
    return ""
