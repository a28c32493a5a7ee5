"""What goes wrong on the circuit board."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from itertools import pairwise

import cv2
import numpy as np
from numpy.random import Generator

from example_parts.pcb_brush import COPPER, SOLDER, Brush, Coat, Layers
from example_parts.pcb_design import (
    CANVAS,
    HEADER,
    HEIGHT,
    PARTS,
    SCALE,
    SCREW_HOLES,
    TRACES,
    WIDTH,
    canvas_point,
    copper,
    pad_rectangles,
)
from example_parts.pcb_packages import OUTLINES
from example_parts.station import (
    blob_mask,
    fractal_noise,
    inside,
    line_mask,
    part_coordinates,
    wandering_line,
)

_SMALL = ("resistor", "capacitor", "led", "sot", "diode")
_ALL = (slice(None), slice(None))


@cache
def _free_board() -> np.ndarray:
    """Return where the board is bare of parts, `(H, W)` bool on the canvas."""
    free = np.zeros(CANVAS, np.uint8)
    low, high = canvas_point(8, 8), canvas_point(WIDTH - 8, HEIGHT - 8)
    free[low[1] : high[1], low[0] : high[0]] = 1
    for part in PARTS.values():
        wide, tall = OUTLINES.get(part.package, (60, 70))
        if part.degrees == 90:
            wide, tall = tall, wide
        if part.package == "qfp":
            wide, tall = 134, 134
        if part.package == "soic":
            wide = 72
        low = canvas_point(part.x - wide / 2, part.y - tall / 2)
        high = canvas_point(part.x + wide / 2, part.y + tall / 2)
        corners = [tuple(round(value) for value in corner) for corner in (low, high)]
        cv2.rectangle(free, *corners, 0, cv2.FILLED)
    for hole, radius in [(hole, 20) for hole in SCREW_HOLES] + [(hole, 8) for hole in HEADER]:
        centre = tuple(round(value) for value in canvas_point(*hole))
        cv2.circle(free, centre, radius * SCALE, 0, cv2.FILLED)
    return free.astype(bool)


def _free_place(rng: Generator) -> tuple[float, float]:
    """Return a random bare point of the board, canvas pixels."""
    free = _free_board()
    while True:
        column, row = (int(value) for value in rng.integers((CANVAS[1], CANVAS[0])))
        if free[row, column]:
            return float(column), float(row)


def _share_free(line: np.ndarray) -> float:
    """Return the share of the points of a line, canvas pixels, that lie on the bare board."""
    columns, rows = line.round().astype(int).clip(0, (CANVAS[1] - 1, CANVAS[0] - 1)).T
    return float(_free_board()[rows, columns].mean())


def bitten_trace(rng: Generator) -> np.ndarray:
    """Return where the etching ate a trace away, `(H, W)` in [0, 1]."""
    free = _free_board()
    pieces = []
    for width, corners in TRACES:
        for start, end in pairwise(np.array(corners, float)):
            column, row = canvas_point(*((start + end) / 2))
            if np.hypot(*(end - start)) > 14 and free[round(row), round(column)]:
                pieces.append((width, start, end))
    width, start, end = pieces[rng.integers(len(pieces))]
    place = start + (end - start) * rng.uniform(0.4, 0.6)
    radius = (width / 2 + rng.uniform(3.5, 7.5)) * SCALE
    return blob_mask(rng, CANVAS, canvas_point(*place), radius, 0.35)


def misplaced(defect: str | None, rng: Generator) -> dict[str, tuple[float, float, float] | None]:
    """Return which part is off, by x, y and degrees, or missing (None)."""
    if defect not in ("missing_component", "shifted_component"):
        return {}
    small = [reference for reference, part in PARTS.items() if part.package in _SMALL]
    reference = small[rng.integers(len(small))]
    if defect == "missing_component":
        return {reference: None}
    along = rng.uniform(0, 2 * np.pi)
    distance, turn = rng.uniform(2, 8), rng.uniform(14, 50) * rng.choice((-1, 1))
    return {reference: (distance * np.cos(along), distance * np.sin(along), turn)}


def _solder_bridge(layers: Layers, rng: Generator) -> None:
    pads = [pad for pad in pad_rectangles() if PARTS[pad[0]].package in ("qfp", "soic")]
    while True:
        reference, number, x, y, width, height = pads[rng.integers(len(pads) - 1)]
        neighbour = (reference, number + 1)
        other = next((pad for pad in pads if pad[:2] == neighbour), None)
        if other and np.hypot(other[2] - x, other[3] - y) < 15:
            break
    upright = width < height
    pitch = np.hypot(other[2] - x, other[3] - y)
    along = rng.uniform(-3, 5)
    part = PARTS[reference]
    out_x = 0 if upright else along * np.sign(x - part.x)
    out_y = along * np.sign(y - part.y) if upright else 0
    brush = Brush(layers, ((x + other[2]) / 2 + out_x, (y + other[3]) / 2 + out_y))
    thick = rng.uniform(5, 10)
    size = (pitch + 4, thick) if upright else (thick, pitch + 4)
    brush.box((0, 0, *size), SOLDER, 0.30 * thick, thick / 2, 2.5)
    for side in (-1, 1):
        step = (side * pitch / 2, 0) if upright else (0, side * pitch / 2)
        brush.disc(*step, rng.uniform(3.2, 4.5), SOLDER, lift=1.7, bevel=3.5)


def _solder_ball(layers: Layers, rng: Generator) -> None:
    place = np.array(_free_place(rng)) / SCALE - (canvas_point(0, 0)[0] / SCALE)
    for number in range(rng.integers(1, 4)):
        radius = rng.uniform(3.2, 6.5) if number == 0 else rng.uniform(1.6, 3.2)
        step = (0, 0) if number == 0 else rng.normal(0, 12, 2)
        brush = Brush(layers, tuple(place + step))
        brush.cast((0, 0, radius * 1.4, radius * 1.4), radius * 0.9)
        brush.disc(0, 0, radius, SOLDER, lift=radius * 0.8, bevel=radius)


def _scratch(layers: Layers, rng: Generator) -> None:
    length, width = rng.uniform(45, 170) * SCALE, rng.uniform(1.2, 2.6) * SCALE
    lines = [
        wandering_line(rng, _free_place(rng), rng.uniform(0, 360), length, 1.2) for _ in range(40)
    ]
    # The one that crosses the fewest parts, whose bodies stand above the board.
    line = max(lines, key=_share_free)
    traces, plane, _ = copper()
    metal = np.maximum(traces, plane) > 0.5
    skips = np.clip(1.2 + 0.7 * fractal_noise(rng, CANVAS, 1.6), 0, 1)
    free = cv2.GaussianBlur(_free_board().astype(np.float32), (0, 0), 1.0)
    torn = line_mask(CANVAS, line, width + 3, 3) * free
    core = line_mask(CANVAS, line, width, 1.5) * free * skips
    groove = layers.relief - 1.4 * core
    layers.lay(_ALL, torn * 0.7, Coat((0.15, 0.31, 0.18), 0, 0.02), groove)
    layers.lay(_ALL, core * ~metal, Coat((0.36, 0.38, 0.27), 0, 0.02), groove)
    layers.lay(_ALL, core * metal, COPPER._replace(metal=0.7), groove)


def _burn_mark(layers: Layers, rng: Generator) -> None:
    references = list(PARTS)
    part = PARTS[references[rng.integers(len(references))]]
    centre = canvas_point(part.x + rng.normal(0, 14), part.y + rng.normal(0, 14))
    radius = rng.uniform(15, 38) * SCALE
    x, y = part_coordinates(CANVAS, centre, 0)
    ragged = fractal_noise(rng, CANVAS, 2.4)
    far = np.hypot(x, y * rng.uniform(0.75, 1.3)) / radius + 0.22 * ragged
    soot = np.clip(1.25 - far, 0, 1) ** 1.3
    char = inside((far - rng.uniform(0.45, 0.75)) * radius, 0.3 * radius)
    brown = np.array([0.075, 0.042, 0.02], np.float32)
    layers.albedo += (brown - layers.albedo) * (0.75 * soot)[..., None]
    layers.albedo += (np.float32(0.009) - layers.albedo) * (0.9 * char)[..., None]
    layers.metal *= 1 - np.clip(soot, 0, 0.85)
    layers.gloss *= 1 - 0.8 * soot
    layers.relief += char * 1.1 * cv2.GaussianBlur(fractal_noise(rng, CANVAS, 1.2), (0, 0), 1.5)


DAMAGES: dict[str, Callable[[Layers, Generator], None]] = {
    "solder_bridge": _solder_bridge,
    "solder_ball": _solder_ball,
    "scratch": _scratch,
    "burn_mark": _burn_mark,
}
