"""The pictures of the Learn tab, drawn from real results."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape

import cv2
import numpy as np

from inpformer.comparison import scaled_map
from inpformer.pictures import draw_outline, draw_overlay
from inpformer.prototypes import (
    assignment_shares,
    draw_assignment_mosaic,
    draw_inp_attention,
    share_words,
)
from inpformer.result import AnomalyResult
from inpformer.ui.figures import figure, figure_row
from inpformer.ui.inspection import at_display_size
from inpformer.ui.words import Words

_SIDE = 320
_OPACITY = 0.7
# More would not fit beside the picture; the INP explorer shows all.
_MAX_ATTENTION = 4


@dataclass(frozen=True)
class Sample:
    """A picture with what a detector says about it.

    Attributes:
        name: What to call the picture.
        title: What to call the detector.
        image: `(H, W, 3)` uint8.
        result: Of that detector; its maps may be of a larger picture.
    """

    name: str
    title: str
    image: np.ndarray
    result: AnomalyResult


def inp_figures(sample: Sample, words: Words) -> str:
    """Show the prototypes of a picture: the nearest one per patch, and where each looked."""
    image, explanation = at_display_size(sample.image, _SIDE), sample.result.explanation
    shares = assignment_shares(explanation.inp_assignment, len(explanation.inp_attention))
    mosaic = draw_assignment_mosaic(image, explanation.inp_assignment, len(shares))
    caption = words.LEARN_INPS_FIGURE.format(name=sample.name, title=sample.title)
    figures = [_figure(image, caption), _figure(mosaic, words.LEARN_NEAREST)]
    drawings = draw_inp_attention(image, explanation.inp_attention)
    for index in np.argsort(-shares, kind="stable")[:_MAX_ATTENTION]:
        share = share_words(shares[index])
        caption = words.LEARN_ATTENTION.format(number=index + 1, share=share)
        figures.append(_figure(drawings[index], caption))
    return figure_row(figures)


def map_figures(sample: Sample, words: Words) -> str:
    """Show all maps of a picture, those with a calibration on one scale."""
    figures = []
    for name in sample.result.score_maps:
        verdict = _verdict(sample, words, name)
        caption = words.LEARN_MAP.format(name=words.MAP_TITLES[name], verdict=verdict)
        figures.append(_overlay(sample, caption, name))
    return figure_row(figures)


def calm_figures(good: Sample, defective: Sample, words: Words) -> str:
    """Show a good part, a defective one, and what stretching would make of the good one."""
    values, image = good.result.anomaly_map, at_display_size(good.image, _SIDE)
    extremes = (float(values.min()), float(values.max()))
    stretched = draw_overlay(image, _fitting(values, image), extremes, _OPACITY)
    calm = words.LEARN_GOOD.format(verdict=_verdict(good, words))
    found = words.LEARN_DEFECT.format(defect=defective.name, verdict=_verdict(defective, words))
    figures = [_overlay(good, calm), _overlay(defective, found)]
    return figure_row([*figures, _figure(stretched, words.LEARN_STRETCHED)])


def verdict_figures(samples: list[Sample], words: Words) -> str:
    """Show pictures, each beside its map with the verdict."""
    figures = []
    for sample in samples:
        said = words.LEARN_VERDICT.format(what=sample.name, verdict=_verdict(sample, words))
        figures += [_figure(at_display_size(sample.image, _SIDE), sample.name)]
        figures += [_overlay(sample, said)]
    return figure_row(figures)


def foreign_figures(samples: list[tuple[Sample, np.ndarray]], words: Words) -> str:
    """Show how a foreign area looks to the prototypes of the picture, by its size.

    Args:
        samples: Pictures with the area as `(H, W)` bool.
        words: The visitor's language.
    """
    figures = []
    for sample, mask in samples:
        values = sample.result.distance_map
        said = words.LEARN_FOREIGN.format(
            share=mask.mean(),
            name=words.MAP_TITLES["distance"],
            title=sample.title,
            inside=values[mask].mean(),
            outside=values[~mask].mean(),
        )
        figures.append(_overlay(sample, said, "distance"))
    return figure_row(figures)


def spot_figures(samples: list[tuple[Sample, int]], words: Words) -> str:
    """Show a spot of several sizes.

    Args:
        samples: Pictures with the diameter of the spot in pixels.
        words: The visitor's language.
    """
    figures = []
    for sample, side in samples:
        geometry = sample.result.geometry
        patch = geometry.picture_size[1] / geometry.grid_size[1]
        verdict = _verdict(sample, words)
        said = words.LEARN_SPOT.format(side=side, patch=patch, verdict=verdict)
        figures.append(_overlay(sample, said))
    return figure_row(figures)


def _verdict(sample: Sample, words: Words, map_name: str | None = None) -> str:
    item = scaled_map(sample.result, map_name)
    if item.confidence is None:
        return words.VERDICTS[None]
    confidence = words.CONFIDENCE.format(value=item.confidence)
    return words.LEARN_CONFIDENT.format(
        verdict=words.VERDICTS[item.is_anomalous], confidence=confidence
    )


def _overlay(sample: Sample, caption: str, map_name: str | None = None) -> str:
    image = at_display_size(sample.image, _SIDE)
    name = map_name or sample.result.map_name
    values = _fitting(sample.result.map(name), image)
    drawn = draw_overlay(image, values, sample.result.colour_range(name), _OPACITY)
    scale = sample.result.scales.get(name)
    if scale is not None:
        drawn = draw_outline(drawn, values > scale.threshold)
    return _figure(drawn, caption)


def _fitting(values: np.ndarray, image: np.ndarray) -> np.ndarray:
    return cv2.resize(values, image.shape[1::-1], interpolation=cv2.INTER_AREA)


def _figure(image: np.ndarray, caption: str) -> str:
    return figure(image, caption, escape(caption))
