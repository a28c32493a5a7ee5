"""What the Compare tab shows: rows of overlays on one scale, a table, and sentences."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

import numpy as np

from inpformer.comparison import THRESHOLD_RANGE, Disagreement, ScaledMap
from inpformer.detector import AnomalyDetector
from inpformer.pictures import draw_heatmap, draw_outline, draw_overlay
from inpformer.ui import views
from inpformer.ui.figures import figure, figure_row, png_uri
from inpformer.ui.translate import translate
from inpformer.ui.words import Words

LETTERS = "ABC"
# Not the colours of anomaly maps: a difference is none.
DIFFERENCE_COLOURS = "viridis"
_OPACITY = 0.7
_KINDS = {True: "bad", False: "good", None: "open"}


@dataclass(frozen=True)
class ComparedDetector:
    """A detector of a comparison.

    Attributes:
        title: What the page calls it.
        detector: The detector.
    """

    title: str
    detector: AnomalyDetector

    @property
    def is_calibrated(self) -> bool:
        """Whether it gives verdicts."""
        return self.detector.calibration is not None


@dataclass(frozen=True)
class ComparedPicture:
    """A picture that all detectors of a comparison have looked at.

    Attributes:
        name: As the visitor knows it.
        image: At the size of the rows, `(h, w, 3)` uint8.
        maps: One per detector, of the size of `image`.
        disagreement: Of these maps.
        defect: What is known to be wrong with it, `""` for nothing; None if that is not known.
    """

    name: str
    image: np.ndarray
    maps: tuple[ScaledMap, ...]
    disagreement: Disagreement
    defect: str | None = None


def draw_rows(pictures: Sequence[ComparedPicture], words: Words) -> str:
    """Draw a row per picture: the picture, each detector's overlay, and where they differ."""
    rows = "".join(_row(picture, words) for picture in pictures)
    return f'<div class="compare-rows">{rows}</div>'


def table_headers(detectors: Sequence[ComparedDetector], words: Words) -> list[str]:
    """Return the titles of the table's columns."""
    picture, known, *measures = words.COMPARE_COLUMNS
    letters = [words.COMPARE_VERDICT_COLUMN.format(letter=x) for x in LETTERS[: len(detectors)]]
    return [picture, known, *letters, *measures]


def table_row(picture: ComparedPicture, words: Words) -> list[str]:
    """Return a picture's line of the table; what cannot be said stays empty."""
    found = picture.disagreement
    return [
        picture.name,
        _known(picture, words),
        *(_verdict(item, words) for item in picture.maps),
        "" if found.difference is None else f"{found.difference:.2g}",
        "" if found.mask_iou is None else f"{found.mask_iou:.0%}",
        f"{found.top_overlap:.0%}",
    ]


def legend(detectors: Sequence[ComparedDetector], words: Words) -> str:
    """Say which detector each letter is, which map of it is shown, and what its colours mean."""
    lines = []
    for letter, each in zip(LETTERS, detectors, strict=False):
        title = words.COMPARE_DETECTOR.format(letter=letter, title=each.title)
        facts = [words.COMPARE_MAP.format(name=words.MAP_TITLES[each.detector.map_names[0]])]
        if each.is_calibrated:
            facts.append(words.COMPARE_CALIBRATED)
        else:
            low, high = each.detector.config.encoder.distance_range
            facts.append(words.COMPARE_UNCALIBRATED.format(low=low, high=high))
        facts += [translate(notice, words) for notice in each.detector.notices]
        lines.append(f"<li><b>{escape(title)}</b><br>{escape(' · '.join(facts))}</li>")
    scale = _scale(words) if any(each.is_calibrated for each in detectors) else ""
    return f'<ul class="compare-legend">{"".join(lines)}</ul>{scale}'


def summary(
    pictures: Sequence[ComparedPicture], detectors: Sequence[ComparedDetector], words: Words
) -> list[str]:
    """Say in sentences how far the detectors agree."""
    sentences = []
    letters = [x for x, each in zip(LETTERS, detectors, strict=False) if each.is_calibrated]
    if len(letters) > 1:
        differing = sum(picture.disagreement.verdicts_differ for picture in pictures)
        sentences.append(words.COMPARE_VERDICTS.format(count=len(pictures), differing=differing))
    for letter in letters:
        sentences += _verdict_sentences(pictures, letter, words)
    differences = [picture.disagreement.difference for picture in pictures]
    if None in differences:
        sentences.append(words.COMPARE_NO_SCALE)
    elif pictures[0].disagreement.unit == "threshold":
        sentences.append(words.COMPARE_MEAN.format(difference=np.mean(differences)))
    else:
        compared = ", ".join(LETTERS[index] for index in pictures[0].disagreement.compared)
        mean = np.mean(differences)
        sentences.append(words.COMPARE_MEAN_RAW.format(letters=compared, difference=mean))
    return sentences


def progress(done: int, count: int, seconds_left: float | None, words: Words) -> str:
    """Draw how far a running comparison is; None while the rest cannot be told."""
    line = words.COMPARE_STARTED.format(count=count)
    if seconds_left is not None:
        line = words.COMPARE_PROGRESS.format(done=done, count=count, seconds=seconds_left)
    return views.progress(done / count, line)


def _row(picture: ComparedPicture, words: Words) -> str:
    figures = [figure(picture.image, picture.name, escape(words.COMPARE_PICTURE))]
    for letter, item in zip(LETTERS, picture.maps, strict=False):
        overlay = draw_overlay(picture.image, item.values, item.value_range, _OPACITY)
        if item.mask is not None:
            overlay = draw_outline(overlay, item.mask)
        alt = words.COMPARE_ALT.format(name=picture.name, letter=letter)
        caption = f"{letter} · {words.MAP_TITLES[item.map_name]}"
        verdict = f'<span class="mark {_KINDS[item.is_anomalous]}">{_verdict(item, words)}</span>'
        figures.append(figure(overlay, alt, f"{escape(caption)}<br>{verdict}"))
    found = picture.disagreement
    if found.difference_map is not None:
        low, high = picture.maps[found.compared[0]].value_range
        drawn = draw_heatmap(found.difference_map, (0.0, high - low), DIFFERENCE_COLOURS)
        caption = words.COMPARE_DIFFERENCE_MAP
        if len(found.compared) < len(picture.maps):
            caption += f" ({', '.join(LETTERS[index] for index in found.compared)})"
        figures.append(figure(drawn, caption, escape(caption)))
    kind = "differ" if found.verdicts_differ else "agree"
    return (
        f'<section class="compare-row {kind}"><h4>{_headline(picture, words)}</h4>'
        f"{figure_row(figures)}</section>"
    )


def _headline(picture: ComparedPicture, words: Words) -> str:
    found = picture.disagreement
    facts = []
    if found.mask_iou is not None:
        differ = found.verdicts_differ
        facts.append(words.COMPARE_ROW_DIFFER if differ else words.COMPARE_ROW_AGREE)
    if picture.defect is not None:
        facts.append(words.COMPARE_KNOWN.format(defect=_known(picture, words)))
    if found.difference is not None:
        facts.append(words.COMPARE_DIFFERENCE.format(value=found.difference))
    if found.mask_iou is not None:
        facts.append(words.COMPARE_IOU.format(value=found.mask_iou))
    facts.append(words.COMPARE_TOP.format(value=found.top_overlap))
    return f"<b>{escape(picture.name)}</b> <small>{escape(' · '.join(facts))}</small>"


def _verdict_sentences(pictures: Sequence[ComparedPicture], letter: str, words: Words) -> list[str]:
    index = LETTERS.index(letter)
    verdicts = [picture.maps[index].is_anomalous for picture in pictures]
    sentences = [words.COMPARE_FLAGGED.format(letter=letter, flagged=sum(map(bool, verdicts)))]
    known = [
        verdict == bool(picture.defect)
        for verdict, picture in zip(verdicts, pictures, strict=True)
        if picture.defect is not None
    ]
    if known:
        sentences.append(
            words.COMPARE_RIGHT.format(letter=letter, right=sum(known), count=len(known))
        )
    return sentences


def _verdict(item: ScaledMap, words: Words) -> str:
    if item.confidence is None:
        score = words.COMPARE_NO_VERDICT_SCORE.format(score=item.score)
        return f"{words.COMPARE_NO_VERDICT} · {score}"
    verdict = words.VERDICTS[item.is_anomalous]
    return words.COMPARE_CELL.format(verdict=verdict, confidence=item.confidence)


def _known(picture: ComparedPicture, words: Words) -> str:
    if picture.defect is None:
        return ""
    return translate(picture.defect, words) or words.COMPARE_GOOD


def _scale(words: Words) -> str:
    """Draw the colours of calibrated maps with what their ends and middle mean."""
    ramp = draw_heatmap(np.linspace(*THRESHOLD_RANGE, 256)[None], THRESHOLD_RANGE)
    ends = "".join(f"<span>{escape(end)}</span>" for end in words.COMPARE_SCALE_ENDS)
    return (
        f'<div class="compare-scale"><div>{escape(words.COMPARE_SCALE)}</div>'
        f'<img alt="" src="{png_uri(ramp)}"><div class="ends">{ends}</div></div>'
    )
