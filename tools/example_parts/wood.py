"""The defects of a planed pine board."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
from numpy.random import Generator

from example_parts.part import PartKind
from example_parts.station import (
    blob_mask,
    fractal_noise,
    inside,
    part_coordinates,
    wandering_line,
)
from example_parts.wood_board import BOTTOM, SIZE, TOP, Board, lay_on_belt, saw_board

_KNOT = np.float32([0.150, 0.058, 0.022])
_DEEP = np.float32([0.020, 0.012, 0.008])


def _somewhere(rng: Generator, margin: float) -> tuple[float, float]:
    """Return `(x, y)` on the board, at least `margin` from its long edges and in the picture."""
    return rng.uniform(110, 610), rng.uniform(TOP + margin, BOTTOM - margin)


def _stroke(points: np.ndarray, widths: np.ndarray) -> np.ndarray:
    """Return coverage `(H, W)` of a line whose width changes from point to point."""
    finer = 3
    canvas = np.zeros((SIZE[0] * finer, SIZE[1] * finer), np.uint8)
    places = np.round((points * finer + 1) * 16).astype(int)
    for start, end, width in zip(places[:-1], places[1:], widths, strict=False):
        thickness = max(1, round(float(width) * finer))
        cv2.line(canvas, start.tolist(), end.tolist(), 255, thickness, cv2.LINE_AA, 4)
    small = cv2.resize(canvas, SIZE[::-1], interpolation=cv2.INTER_AREA)
    return small.astype(np.float32) / 255


def _crack(board: Board, rng: Generator) -> None:
    length, widest = rng.uniform(50, 380), rng.uniform(1.2, 4.5)
    x, y = _somewhere(rng, 30)
    heading = rng.normal(0, 1.2)
    points = wandering_line(rng, (x - length / 2, y), heading, length, 0.7)
    points[:, 1] += np.cumsum(rng.normal(0, 0.30, len(points)))
    share = np.linspace(0, 1, len(points))
    widths = widest * np.sin(np.pi * share) ** 0.7 * np.exp(0.25 * rng.normal(0, 1, len(points)))
    gap = _stroke(points, widths)
    for _ in range(int(rng.integers(0, 4))):
        start = points[int(rng.integers(len(points) // 5, len(points)))]
        branch = wandering_line(rng, start, heading + rng.normal(0, 6), length / 4, 2.0)
        fading = 0.35 * widest * np.linspace(1, 0.2, len(branch))
        gap = np.maximum(gap, _stroke(branch, fading))
    board.pit += 2.2 * cv2.GaussianBlur(gap, (0, 0), 0.8)
    board.paint.append((_DEEP, 0.93 * gap))


def _knot_hole(board: Board, rng: Generator) -> None:
    size = rng.uniform(9, 30)
    x, y = _somewhere(rng, 45)
    dx, dy = part_coordinates(SIZE, (x, y), rng.uniform(-12, 12))
    dx /= rng.uniform(1.1, 1.6)
    angle = np.arctan2(dy, dx)
    lumps = sum(
        rng.normal(0, 0.16 / order) * np.cos(order * angle + rng.uniform(0, 6))
        for order in (1, 2, 3, 5)
    )
    distance = np.hypot(dx, dy) / (size * (1 + lumps)) + 0.03 * fractal_noise(rng, SIZE, 1.5)
    # Grain flows around a knot like water around a post.
    row, column = int(y), int(x)
    around = np.clip((2.5 - distance) / 1.5, 0, 1) ** 2 / np.maximum(distance, 1.0) ** 2
    board.grain = board.grain - (board.grain - board.grain[row, column]) * 0.8 * around
    halo = np.clip((1.9 - distance) / 0.9, 0, 1) ** 1.6
    board.tint *= 1 - halo[..., None] * np.float32([0.25, 0.38, 0.50])
    years = np.sin(distance * size * rng.uniform(0.9, 1.3) + 2 * lumps)
    rays = fractal_noise(rng, (1, 720), 1.0)[0][((angle + np.pi) * 114.5).astype(int)]
    knot = _KNOT * (1 + 0.25 * years + 0.22 * rays)[..., None].clip(0.3, 2)
    body = inside((distance - 1) * size, 2.0)
    bark = inside(np.abs(distance - 1) * size - 0.05 * size - 0.8, 1.5)
    hole = inside((distance - rng.uniform(0.35, 0.9) - 0.05 * rays) * size, 2.5)
    board.paint += [(knot.astype(np.float32), body), (0.25 * _KNOT, 0.8 * bark)]
    board.pit += 5 * cv2.GaussianBlur(hole, (0, 0), 1.5) + 0.12 * body * (years + 2 * rays)
    depth = _DEEP * (1 + np.clip(dy / size, 0, 1) * rng.uniform(1, 3))[..., None]
    board.paint.append((depth.astype(np.float32), hole))


def _scratch(board: Board, rng: Generator) -> None:
    length, heading = rng.uniform(40, 230), rng.uniform(20, 160)
    start = np.array(_somewhere(rng, 60))
    start -= 0.35 * length * np.array([np.cos(np.deg2rad(heading)), np.sin(np.deg2rad(heading))])
    pale = rng.random() < 0.5
    for _ in range(int(rng.integers(1, 3))):
        points = wandering_line(rng, start + rng.normal(0, 5, 2), heading, length, 0.8)
        pressure = np.clip(1 + 0.35 * rng.normal(0, 1, len(points)), 0.3, 1.6)
        fading = np.sin(np.pi * np.linspace(0.04, 0.98, len(points))) ** 0.5
        groove = _stroke(points, rng.uniform(1.0, 2.6) * pressure * fading)
        torn = np.clip(groove * (0.85 + 0.35 * board.fibres[1]), 0, 1)
        board.pit += 1.6 * cv2.GaussianBlur(groove, (0, 0), 0.7)
        colour = np.float32([0.80, 0.62, 0.42]) if pale else np.float32([0.13, 0.075, 0.04])
        board.paint.append((colour, 0.65 * torn))


def _blue_stain(board: Board, rng: Generator) -> None:
    breadth = rng.uniform(9, 50)
    length = breadth * rng.uniform(2.0, 5.0)
    x, y = _somewhere(rng, 40)
    dy = (board.grain - board.grain[int(y), int(x)]) / breadth
    dx = (np.arange(SIZE[1], dtype=np.float32)[None] - x) / length
    # The fungus follows the fibres, so it ends in streaks.
    streaks = fractal_noise(rng, SIZE, 1.6, (1, 22)) + 0.5 * board.fibres[0]
    stained = np.clip((1.0 - dx**2 - dy**2 + 0.42 * streaks) / 0.8, 0, 1)
    stained *= np.clip((1.7 - np.hypot(dx, dy)) / 0.4, 0, 1) * (0.85 + 0.12 * board.fibres[1])
    left = np.float32([0.42, 0.53, 0.72]) * rng.uniform(0.9, 1.1)
    amount = rng.uniform(0.55, 1.0) * np.clip(stained, 0, 1)
    board.tint *= 1 + (left - 1) * amount[..., None]


def _chip_edge(board: Board, rng: Generator) -> None:
    length, depth = rng.uniform(18, 140), rng.uniform(7, 30)
    at_top = rng.random() < 0.5
    x0 = rng.uniform(120, 600)
    y, x = np.mgrid[: SIZE[0], : SIZE[1]].astype(np.float32)
    share = np.clip((x[0] - x0) / length + 0.5, 0, 1)
    lean = rng.uniform(0.5, 2.0)
    profile = np.clip(np.sin(np.pi * share**lean), 0, 1) ** 0.8
    # Wood breaks along the grain: the rim goes in steps.
    steps = np.repeat(rng.uniform(0.6, 1.1, 200), rng.integers(3, 16, 200))[: SIZE[1]]
    reach = depth * profile * cv2.GaussianBlur(steps[None], (0, 0), 0.7)[0]
    from_edge = y - TOP if at_top else BOTTOM - y
    torn = inside(from_edge - reach[None], 1.2)
    fibres = fractal_noise(rng, SIZE, 1.0, (1, 14))
    fall = np.clip(reach[None] - from_edge, 0, 40) * torn
    board.pit += 0.55 * fall + torn * (0.7 + 0.35 * fibres)
    fresh = np.float32([0.66, 0.46, 0.26]) * (0.92 + 0.13 * fibres)[..., None]
    board.paint.append((fresh.astype(np.float32), 0.8 * torn))
    lost = rng.uniform(0.25, 0.75) * reach[None] + 1.2 * fibres * (reach[None] > 2)
    board.outline = np.maximum(board.outline, np.where(reach[None] > 0.5, lost - from_edge, -99))


def _worm_holes(board: Board, rng: Generator) -> None:
    x, y = _somewhere(rng, 50)
    spread = rng.uniform(12, 55)
    for _ in range(int(rng.integers(1, 8))):
        centre = (x + rng.normal(0, 1.4 * spread), y + rng.normal(0, 0.5 * spread))
        size = rng.uniform(2.2, 4.6)
        hole = blob_mask(rng, SIZE, centre, size, 0.22)
        rim = cv2.GaussianBlur(hole, (0, 0), 2.5)
        board.tint *= 1 - 0.35 * rim[..., None]
        board.pit += 2.5 * cv2.GaussianBlur(hole, (0, 0), 0.9)
        board.paint.append((_DEEP, 0.96 * hole))


_DEFECTS: dict[str, Callable[[Board, Generator], None]] = {
    "blue_stain": _blue_stain,
    "chipped_edge": _chip_edge,
    "crack": _crack,
    "knot_hole": _knot_hole,
    "scratch": _scratch,
    "worm_holes": _worm_holes,
}


def _draw(rng: Generator, defect: str | None, defect_rng: Generator) -> np.ndarray:
    board = saw_board(rng)
    if defect is not None:
        _DEFECTS[defect](board, defect_rng)
    return lay_on_belt(rng, board)


KIND = PartKind("wood", "Pine board", tuple(_DEFECTS), _draw)
