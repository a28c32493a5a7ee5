"""The prototypes (INPs) of a picture, drawn: attention maps, mosaic, legend, and a sheet of all."""

from __future__ import annotations

import math
from functools import lru_cache
from typing import TYPE_CHECKING

import cv2
import numpy as np

from inpformer.panels import panel, rendered, write_text
from inpformer.pictures import Colour, draw_overlay

if TYPE_CHECKING:
    from matplotlib.axes import Axes


# Not the anomaly maps' default, so that the two kinds of map are told apart at a glance.
ATTENTION_COLOUR_MAP = "viridis"


# Okabe and Ito's palette: these eight differ for colour-blind readers too.
INP_COLOURS: tuple[Colour, ...] = (
    (230, 159, 0),
    (86, 180, 233),
    (0, 158, 115),
    (240, 228, 66),
    (0, 114, 178),
    (213, 94, 0),
    (204, 121, 167),
    (0, 0, 0),
)


DISPLAY_SIZE = 512


ATTENTION_QUANTILE = 0.995


def inp_colour(index: int) -> Colour:
    """Return the colour of prototype `index`, from 0; the first 64 are all different."""
    palette = _inp_palette()
    return palette[index % len(palette)]


def draw_inp_attention(
    image: np.ndarray,
    attention: np.ndarray,
    size: int = DISPLAY_SIZE,
    value_range: tuple[float, float] | None = None,
) -> list[np.ndarray]:
    """Draw where each prototype gathers from, over a dimmed grey copy of the picture.

    Args:
        image: `(H, W, 3)` uint8 RGB, exactly what the patch grid covers.
        attention: `(M, h, w)` float, attention of each prototype to each patch.
        size: Longer side of the results at most, in pixels.
        value_range: Attention of the first and the last colour; `1 / (h * w)` is even attention.
            None for 0 to the 99.5% level over all prototypes together. Either way one scale
            serves all of them: a faint one does attend less.

    Returns:
        M pictures `(H', W', 3)` uint8 RGB.
    """
    small = _fit_within(image, size)
    dimmed = _grey(small) // 2
    high, width = small.shape[:2]
    value_range = value_range or _attention_range(attention)
    return [
        draw_overlay(
            dimmed,
            cv2.resize(each.astype(np.float32), (width, high), interpolation=cv2.INTER_LINEAR),
            value_range,
            opacity=0.85,
            colour_map=ATTENTION_COLOUR_MAP,
        )
        for each in attention
    ]


def draw_assignment_mosaic(
    image: np.ndarray, assignment: np.ndarray, inp_count: int, opacity: float = 0.55
) -> np.ndarray:
    """Tint each patch by its nearest prototype, with lines where the prototype changes.

    Args:
        image: `(H, W, 3)` uint8 RGB, exactly what the patch grid covers.
        assignment: `(h, w)` int, 0 to `inp_count` - 1.
        inp_count: Prototypes.
        opacity: Of the tint, 0 to 1.

    Returns:
        `(H', W', 3)` uint8 RGB, the longer side at most `DISPLAY_SIZE`.
    """
    grey = _grey(_fit_within(image, DISPLAY_SIZE))
    height, width = grey.shape[:2]
    rows = np.arange(height) * assignment.shape[0] // height
    columns = np.arange(width) * assignment.shape[1] // width
    labels = assignment[rows[:, None], columns]
    palette = np.array([inp_colour(index) for index in range(inp_count)], np.uint8)
    mosaic = cv2.addWeighted(grey, 1 - opacity, palette[labels], opacity, 0)
    mosaic[:, 1:][labels[:, 1:] != labels[:, :-1]] = 255
    mosaic[1:][labels[1:] != labels[:-1]] = 255
    return mosaic


def assignment_shares(assignment: np.ndarray, inp_count: int) -> np.ndarray:
    """Return the share of patches nearest to each prototype, `(inp_count,)`, summing to 1."""
    return np.bincount(assignment.ravel(), minlength=inp_count) / assignment.size


def share_words(share: float) -> str:
    """Return a share of a picture, 0 to 1, as people read it; a little is not nothing."""
    return "<1 %" if 0 < share < 0.005 else f"{100 * share:.0f} %"


def draw_inp_sheet(image: np.ndarray, attention: np.ndarray, assignment: np.ndarray) -> np.ndarray:
    """Draw the picture, its mosaic and every prototype's attention on one sheet with captions.

    Args:
        image: `(H, W, 3)` uint8 RGB, exactly what the patch grid covers.
        attention: `(M, h, w)` float, drawn on one scale.
        assignment: `(h, w)` int, nearest prototype of each patch.

    Returns:
        RGB uint8; panels have a longer side of 320 pixels.
    """
    image = _resized(image, 320 / max(image.shape[:2]))
    shares = assignment_shares(assignment, len(attention))
    panels = [image, draw_assignment_mosaic(image, assignment, len(attention))]
    panels += draw_inp_attention(image, attention)
    gap, caption, (height, width) = 12, 24, image.shape[:2]
    cell_height, cell_width = height + caption + gap, max(width, 120) + gap
    columns = round(math.sqrt(1.4 * len(panels) * cell_height / cell_width))
    columns = min(max(columns, 2), len(panels))
    rows = math.ceil(len(panels) / columns)
    axes = panel(columns * cell_width + gap, rows * cell_height + caption + gap)
    sheet_height = axes.get_ylim()[0]
    for number, drawing in enumerate(panels):
        row, column = divmod(number, columns)
        x, y = gap + column * cell_width, gap + row * cell_height
        if number < 2:
            text = ("picture", "nearest INP")[number]
            write_text(axes, x, y + caption / 2, text, va="center")
        else:
            _inp_caption(axes, number - 2, shares[number - 2], x, y + caption / 2)
        y += caption
        axes.imshow(drawing, extent=(x, x + width, y + height, y), interpolation="nearest")
    even = _attention_range(attention)[1] * attention[0].size
    note = f"One scale for all INPs: grey is no attention, yellow {even:.2g} × an even spread."
    write_text(axes, gap, sheet_height - caption / 2, note, va="center")
    return rendered(axes)


@lru_cache
def _inp_palette() -> tuple[Colour, ...]:
    """Return `INP_COLOURS`, then those of tab20 and of their shades that look different."""
    from matplotlib import colormaps

    tab20 = [tuple(round(255 * part) for part in rgb) for rgb in colormaps["tab20"].colors]
    palette: list[Colour] = []
    for towards, share in (
        (0, 0),
        (0, 0.5),
        (255, 0.5),
        (0, 0.25),
        (255, 0.25),
        (0, 0.7),
        (255, 0.7),
    ):
        for colour in (*INP_COLOURS, *tab20):
            shade = tuple(round(part + (towards - part) * share) for part in colour)
            if all(math.dist(shade, other) >= 36 for other in palette):
                palette.append(shade)
    return tuple(palette)


def _fit_within(image: np.ndarray, size: int) -> np.ndarray:
    return _resized(image, min(1.0, size / max(image.shape[:2])))


def _resized(image: np.ndarray, scale: float) -> np.ndarray:
    height, width = (max(1, round(side * scale)) for side in image.shape[:2])
    method = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    return cv2.resize(image, (width, height), interpolation=method)


def _grey(image: np.ndarray) -> np.ndarray:
    return cv2.cvtColor(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB)


def _attention_range(attention: np.ndarray) -> tuple[float, float]:
    return 0.0, max(float(np.quantile(attention, ATTENTION_QUANTILE)), 1e-12)


def _inp_caption(axes: Axes, index: int, share: float, x: float, y: float) -> None:
    """Write a prototype's colour, number and share, centred on height `y`."""
    rim = axes.get_label()
    axes.fill([x, x + 14, x + 14, x], [y - 7, y - 7, y + 7, y + 7], color=rim, linewidth=0)
    colour = [part / 255 for part in inp_colour(index)]
    axes.fill(
        [x + 1, x + 13, x + 13, x + 1], [y - 6, y - 6, y + 6, y + 6], color=colour, linewidth=0
    )
    write_text(axes, x + 20, y, f"INP {index + 1}  {share_words(share)}", va="center")
