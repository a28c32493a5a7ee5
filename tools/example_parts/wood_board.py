"""A planed pine board on a dark conveyor belt, without its defects.

The board is drawn in its own frame, `x` along the grain, and then laid on the belt. Its rings are
cones around the middle of the tree, which the saw cut at a small angle.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.random import Generator

from example_parts.station import (
    blend,
    fractal_noise,
    inside,
    shade,
)

_PICTURE = (448, 640)
# Of the board's own frame, a little larger than the picture.
SIZE = (480, 720)
TOP, BOTTOM = 78, 402
_EARLY_WOOD = np.float32([0.680, 0.445, 0.225])
_LATE_WOOD = np.float32([0.370, 0.155, 0.050])
_LIGHT = (-0.55, -0.75, 1.0)


@dataclass
class Board:
    """All that is drawn; fields are `(H, W)` in the frame of the board.

    Attributes:
        grain: Distance across the grain; grain runs where it is constant.
        middle: Grain line below which the middle of the tree runs, and its depth at every `x`.
        rings: Radius at which each ring ends.
        ring_tone: Darkness of the late wood of each ring.
        fibres: Noise that the grain carries: broad streaks, fine streaks, resin canals.
        ripple: Marks of the planer and the slow change of tone.
        outline: Signed distance to the edge of the board, negative inside.
        pit: Depth of damage, pixels.
        tint: Factors on the colour, `(H, W, 3)`.
        paint: Colours `(3,)` or `(H, W, 3)` that cover the wood, each with its coverage.
    """

    grain: np.ndarray
    middle: tuple[float, np.ndarray]
    rings: np.ndarray
    ring_tone: np.ndarray
    fibres: tuple[np.ndarray, np.ndarray, np.ndarray]
    ripple: tuple[np.ndarray, np.ndarray]
    outline: np.ndarray
    pit: np.ndarray
    tint: np.ndarray
    paint: list[tuple[np.ndarray, np.ndarray]]


def _slow_line(rng: Generator, count: int, knots: int) -> np.ndarray:
    """Return a smooth random curve of `count` values, standard deviation near 1."""
    values = rng.normal(0, 1, (1, knots)).astype(np.float32)
    return cv2.resize(values, (count, 1), None, 0, 0, cv2.INTER_CUBIC)[0]


def _draw_canals(rng: Generator, count: int) -> np.ndarray:
    """Return coverage `(H, W)` of the resin canals: short dark dashes along the grain."""
    canals = np.zeros(SIZE, np.uint8)
    x, y = rng.uniform(0, SIZE[1], count), rng.uniform(0, SIZE[0], count)
    length, slope = rng.uniform(4, 26, count), rng.normal(0, 0.01, count)
    strength = rng.integers(40, 190, count)
    ends = np.stack([x, y, x + length, y + slope * length], 1)
    for line, shade_of_grey in zip(np.round(ends * 16).astype(int), strength, strict=True):
        start, end = (int(line[0]), int(line[1])), (int(line[2]), int(line[3]))
        cv2.line(canals, start, end, int(shade_of_grey), 1, cv2.LINE_AA, 4)
    return canals.astype(np.float32) / 255


def saw_board(rng: Generator) -> Board:
    """Return a board without a defect."""
    height, width = SIZE
    y, x = np.mgrid[:height, :width].astype(np.float32)
    slope = rng.normal(0, 0.008) * (x[0] - width / 2)
    curve = slope + rng.uniform(2, 5) * _slow_line(rng, width, 5)
    wobble = 1.5 * fractal_noise(rng, SIZE, 2.6, (1, 12))
    taper = rng.choice([-1, 1]) * rng.uniform(0.12, 0.24)
    depth = rng.uniform(170, 280) + taper * (x[0] - width / 2) + 2.2 * _slow_line(rng, width, 6)
    widths = 11 * np.exp(0.30 * rng.normal(0, 1, 80))
    fine = fractal_noise(rng, SIZE, 0.9, (1, 70))
    ripple = np.sin(2 * np.pi * x / rng.uniform(5.5, 7.5) + 0.6 * _slow_line(rng, width, 20))
    edges = [0.22 * _slow_line(rng, width, 40) + 0.30 * _slow_line(rng, width, 4) for _ in range(2)]
    return Board(
        grain=y - curve + wobble,
        middle=(rng.uniform(60, 420), depth),
        rings=np.cumsum(widths),
        ring_tone=rng.uniform(0.55, 1.0, 81),
        fibres=(fractal_noise(rng, SIZE, 1.5, (1, 40)), fine, _draw_canals(rng, 900)),
        ripple=(
            ripple * (1 + 0.5 * fractal_noise(rng, SIZE, 2.5, (2, 1))),
            fractal_noise(rng, SIZE, 2.8, (1, 3)),
        ),
        outline=np.maximum(TOP + edges[0] - y, y - BOTTOM - edges[1]),
        pit=np.zeros(SIZE, np.float32),
        tint=np.ones((*SIZE, 3), np.float32),
        paint=[],
    )


def _late_wood(board: Board) -> np.ndarray:
    """Return how far every pixel is late wood, the dark end of a ring, 0 to 1."""
    across, depth = board.middle
    radius = np.hypot(board.grain - across, depth[None])
    ring = np.interp(radius, board.rings, np.arange(1, len(board.rings) + 1))
    number = ring.astype(np.int32)
    share = (ring - number).astype(np.float32)
    # Late wood comes slowly and stops at once; that stop is softened against jagged edges.
    late = np.clip((share - 0.30) / 0.58, 0, 1) ** 2.2 * np.clip((1 - share) / 0.08, 0, 1)
    return (late * board.ring_tone[number]).astype(np.float32)


def _render_wood(board: Board) -> np.ndarray:
    """Return the lit board, linear RGB."""
    late = _late_wood(board)
    x = np.broadcast_to(np.arange(SIZE[1], dtype=np.float32), SIZE)
    rows = np.clip(board.grain, 0, SIZE[0] - 1).astype(np.float32)
    broad, fine, canals = (
        cv2.remap(field, x, rows, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT)
        for field in board.fibres
    )
    planed, slow = board.ripple
    colour = blend(_EARLY_WOOD, _LATE_WOOD, (late * (0.85 + 0.12 * broad)).clip(0, 1))
    tone = 1 + 0.040 * broad + 0.055 * fine + 0.035 * slow + 0.008 * planed
    colour = (
        colour
        * (tone)[..., None]
        * board.tint
        * (1 - canals[..., None] * np.float32([0.28, 0.38, 0.46]))
    )
    # Slow changes of tone are changes of warmth too.
    colour = colour * (1 + 0.02 * (slow + broad)[..., None] * np.float32([0.0, -0.5, -1.6]))
    for paint, coverage in board.paint:
        colour = blend(colour, paint, coverage)
    height = 0.40 * late + 0.11 * fine + 0.035 * planed - board.pit
    height -= 0.30 * np.clip(board.outline + 5, 0, None) ** 1.6
    gloss = 0.035 * np.clip(1 - board.pit, 0, 1)
    return shade(height, colour, _LIGHT, gloss, 12, 0.45)


def _render_belt(rng: Generator) -> np.ndarray:
    """Return the conveyor belt, linear RGB `(H, W, 3)` in the frame of the picture."""
    height, width = _PICTURE
    y, x = np.mgrid[:height, :width].astype(np.float32)
    x += rng.uniform(0, 9)
    weave = np.sin(2 * np.pi * (x + y) / 5.2) * np.sin(2 * np.pi * (x - y) / 5.2)
    worn = fractal_noise(rng, _PICTURE, 2.0, (1, 8))
    grit = fractal_noise(rng, _PICTURE, 0.6)
    tone = 0.026 * (1 + 0.20 * worn + 0.18 * grit + 0.22 * weave)
    belt = tone.clip(0.006, None)[..., None] * np.float32([1.0, 1.0, 1.03])
    dust = np.zeros(_PICTURE, np.uint8)
    for _ in range(110):
        start = rng.uniform(0, (width, height))
        end = start + rng.normal(0, 2.2, 2)
        points = np.round(np.array([start, end]) * 16).astype(int).tolist()
        cv2.line(dust, points[0], points[1], int(rng.integers(40, 230)), 1, cv2.LINE_AA, 4)
    return blend(belt, 0.6 * _EARLY_WOOD, 0.5 * dust.astype(np.float32) / 255)


def lay_on_belt(rng: Generator, board: Board) -> np.ndarray:
    """Return the scene: the board on the belt, a little shifted and turned."""
    turn = rng.uniform(-1.2, 1.2)
    matrix = cv2.getRotationMatrix2D((SIZE[1] / 2, SIZE[0] / 2), turn, 1.0)
    matrix[:, 2] += (_PICTURE[1] - SIZE[1]) / 2, (_PICTURE[0] - SIZE[0]) / 2
    matrix[:, 2] += rng.uniform(-6, 6), rng.uniform(-11, 11)

    def place(picture: np.ndarray) -> np.ndarray:
        return cv2.warpAffine(
            picture, matrix, _PICTURE[::-1], None, cv2.INTER_CUBIC, cv2.BORDER_REPLICATE
        )

    belt = _render_belt(rng)
    coverage = np.clip(place(inside(board.outline, 1.3)), 0, 1)
    cast = np.roll(cv2.GaussianBlur(coverage, (0, 0), 7), 7, 0)
    touch = cv2.GaussianBlur(coverage, (0, 0), 2)
    belt = belt * ((1 - 0.6 * cast) * (1 - 0.5 * touch))[..., None]
    return np.clip(blend(belt, place(_render_wood(board)), coverage), 0, None)
