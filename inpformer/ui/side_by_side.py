"""All maps of one picture beside each other, on one scale, with where they disagree."""

from __future__ import annotations

from html import escape

import cv2
import numpy as np

from inpformer.comparison import Disagreement, ScaledMap, disagreement, scaled_map
from inpformer.pictures import draw_heatmap, draw_outline
from inpformer.ui.figures import figure
from inpformer.ui.inspection import Inspection, at_display_size
from inpformer.ui.views import message
from inpformer.ui.words import Words

_SIDE, _QUALITY = 360, 85
# Not the colours of anomaly maps: a difference is none.
_DIFFERENCE_COLOURS = "viridis"


def draw_side_by_side(inspection: Inspection, words: Words) -> str:
    """Return the maps of a picture as HTML; runs no model."""
    result, names = inspection.result, tuple(inspection.result.score_maps)
    if len(names) < 2:
        return message(words.SIDE_ONE_MAP.format(name=words.MAP_TITLES[names[0]]))
    image = at_display_size(inspection.display_image, _SIDE)
    seen = cv2.resize(result.inspected_mask.astype(np.uint8), image.shape[1::-1]) > 0
    maps = []
    for name in names:
        small = cv2.resize(
            inspection.display_map(name), image.shape[1::-1], interpolation=cv2.INTER_AREA
        )
        values = np.where(seen, small, np.float32(np.nan))
        maps.append(scaled_map(result, name, values))
    found = disagreement(maps)
    figures = [_map_figure(item, words) for item in maps]
    if found.difference_map is not None:
        figures.append(_difference_figure(found, maps, words))
    lead = words.SIDE_LEAD if found.unit == "threshold" else words.SIDE_RAW
    return (
        f'<p class="side-lead">{escape(lead)}</p>'
        f'<div class="side-by-side">{"".join(figures)}</div>'
        f'<p class="side-lead">{escape(_agreement(found, words))}</p>'
    )


def _map_figure(item: ScaledMap, words: Words) -> str:
    drawn = draw_heatmap(item.values, item.value_range)
    if item.mask is not None:
        drawn = draw_outline(drawn, item.mask)
    title = words.MAP_TITLES[item.map_name]
    facts = [words.VERDICTS[item.is_anomalous]]
    if item.confidence is not None:
        facts.append(words.CONFIDENCE.format(value=item.confidence))
    return _figure(drawn, title, " · ".join(facts))


def _difference_figure(found: Disagreement, maps: list[ScaledMap], words: Words) -> str:
    low, high = maps[found.compared[0]].value_range
    drawn = draw_heatmap(found.difference_map, (0.0, high - low), _DIFFERENCE_COLOURS)
    facts = words.DISAGREEMENT_LINE.format(
        mean=found.difference or 0.0, most=float(np.nanmax(found.difference_map))
    )
    return _figure(drawn, words.DISAGREEMENT, facts)


def _agreement(found: Disagreement, words: Words) -> str:
    sentence = words.SIDE_DIFFER if found.verdicts_differ else words.SIDE_AGREE
    if found.mask_iou is None:
        return words.SIDE_TOP.format(share=found.top_overlap)
    return sentence + " " + words.SIDE_OVERLAP.format(share=found.mask_iou)


def _figure(image: np.ndarray, title: str, facts: str) -> str:
    return figure(image, title, f"<b>{escape(title)}</b><br>{escape(facts)}", _QUALITY)
