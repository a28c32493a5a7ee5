"""A populated circuit board on an antistatic mat."""

from __future__ import annotations

from functools import cache

import cv2
import numpy as np
from numpy.random import Generator

from example_parts.part import PartKind
from example_parts.pcb_brush import (
    GOLD,
    INK,
    PLASTIC,
    SOLDER,
    Brush,
    Coat,
    Layers,
    light_layers,
    roughen,
)
from example_parts.pcb_defects import DAMAGES, bitten_trace, misplaced
from example_parts.pcb_design import (
    CANVAS,
    FIDUCIALS,
    HEADER,
    HEIGHT,
    PARTS,
    SCALE,
    SCREW_HOLES,
    WIDTH,
    WORDS,
    canvas_point,
    copper,
    pad_rectangles,
)
from example_parts.pcb_packages import OUTLINES, PAINTERS
from example_parts.station import (
    blend,
    fractal_noise,
    inside,
    line_mask,
    part_coordinates,
    shade,
    wandering_line,
)

SIZE = (448, 640)
_MASK_ON_LAMINATE = np.array([0.008, 0.046, 0.024], np.float32)
_MASK_ON_COPPER = np.array([0.020, 0.112, 0.046], np.float32)
_LAMINATE = Coat((0.34, 0.29, 0.15), 0.0, 0.01)
_HAND_SOLDERED = ("J4", "C10", "S1")


def _mat(rng: Generator) -> np.ndarray:
    """Return the antistatic mat under the board, `(H, W, 3)`."""
    relief = 0.22 * fractal_noise(rng, SIZE, 0.3) + 0.5 * fractal_noise(rng, SIZE, 3)
    colour = np.array([0.075, 0.088, 0.105]) * rng.uniform(0.9, 1.1)
    albedo = colour * (1 + 0.06 * fractal_noise(rng, SIZE, 2))[..., None]
    mat = shade(relief, albedo, (-0.45, -0.6, 0.8), 0.03, 12)
    for _ in range(5):
        start = tuple(rng.uniform((0, 0), (SIZE[1], SIZE[0])))
        line = wandering_line(rng, start, rng.uniform(0, 360), rng.uniform(20, 90), 3)
        mat *= 1 + (rng.uniform(0.05, 0.16) * line_mask(SIZE, line, 0.5))[..., None]
    return mat


def _bare_board(rng: Generator, bite: np.ndarray | float) -> Layers:
    """Return the board with its traces under the green mask; `bite` is where copper is gone."""
    traces, plane, _ = copper()
    metal = np.maximum(plane, traces * (1 - bite))
    tint = rng.uniform((0.8, 0.93, 0.8), (1.2, 1.07, 1.2)) * rng.uniform(0.88, 1.08)
    rows, columns = np.mgrid[: CANVAS[0], : CANVAS[1]].astype(np.float32)
    # Glass cloth under the mask, seen where there is no copper.
    cloth = np.sin(columns * 0.42) * np.sin(rows * 0.42 + 2.5 * np.sin(columns * 0.012))
    laminate = _MASK_ON_LAMINATE * (1 + 0.13 * cloth)[..., None]
    albedo = blend(laminate, _MASK_ON_COPPER, metal) * tint
    albedo *= (1 + 0.07 * fractal_noise(rng, CANVAS, 2.6))[..., None]
    relief = 1.7 * cv2.GaussianBlur(metal, (0, 0), 1.7)
    ones = np.ones(CANVAS, np.float32)
    return Layers(albedo.astype(np.float32), relief, 0 * ones, 0.12 * ones, ones.copy())


def _outline(brush: Brush, wide: float, high: float, ink: Coat) -> None:
    """Print the frame around a part: whole for small ones, corners only for large ones."""
    arm = min(wide, high) * (0.5 if wide < 40 else 0.18)
    for side_x in (-1, 1):
        for side_y in (-1, 1):
            x, y = side_x * wide / 2, side_y * high / 2
            brush.box((x - side_x * arm / 2, y, arm, 1.2), ink, 0.15, 0.5, 0.5)
            brush.box((x, y - side_y * arm / 2, 1.2, arm), ink, 0.15, 0.5, 0.5)


def _silkscreen(layers: Layers, rng: Generator) -> None:
    """Print outlines, references and words, a little off their place as on real boards."""
    dx, dy = rng.normal(0, 0.6, 2)
    ink = INK._replace(colour=tuple(rng.uniform(0.85, 1.05) * value for value in INK.colour))
    for reference, part in PARTS.items():
        upright = Brush(layers, (part.x + dx, part.y + dy))
        if part.package not in OUTLINES:
            continue
        wide, high = OUTLINES[part.package]
        _outline(Brush(layers, upright.place, part.degrees), wide, high, ink)
        if part.package in ("resistor", "capacitor", "led", "sot"):
            aside = (0, 24) if part.degrees else (wide / 2 + 8, 0)
            upright.text(*aside, reference, 6.5, ink)
        elif part.package == "qfp":
            upright.text(-58, -58, reference, 7.5, ink)
        else:
            upright.text(0, -high / 2 - 6, reference, 7.5, ink)
    for words, x, y, size in WORDS:
        Brush(layers, (x + dx, y + dy)).text(0, 0, words, size, ink)


def _holes(layers: Layers, rng: Generator) -> None:
    """Paint what goes through the board: vias, the empty header, rings of the screw holes."""
    dx, dy = rng.normal(0, 0.3, 2)
    tented = Coat((0.016, 0.10, 0.042), 0.0, 0.09)
    for x, y in copper()[2]:
        brush = Brush(layers, (x, y))
        brush.disc(0, 0, 4.2, tented, lift=0.7, bevel=1.2)
        brush.disc(dx, dy, 1.9, Coat((0.006, 0.03, 0.014), 0.0, 0.1), lift=-1.0, bevel=1.5)
    for x, y in HEADER:
        brush = Brush(layers, (x, y))
        brush.disc(0, 0, 7.4, GOLD, lift=0.5, bevel=1.2)
        brush.disc(dx, dy, 4.2, PLASTIC._replace(colour=(0.008, 0.008, 0.009)), lift=-1, bevel=1.5)
    for x, y in SCREW_HOLES:
        Brush(layers, (x, y)).disc(0, 0, 18, GOLD, lift=0.5, bevel=1.5)
    for x, y in FIDUCIALS:
        brush = Brush(layers, (x, y))
        brush.disc(0, 0, 9, _LAMINATE._replace(colour=(0.16, 0.15, 0.075)), lift=-0.3)
        brush.disc(0, 0, 4, GOLD, lift=0.4)


def _solder(layers: Layers, rng: Generator) -> None:
    """Paint the pads with their solder, no two joints alike, and the flux around some."""
    for reference, _, x, y, width, height in pad_rectangles():
        amount, residue = rng.uniform(0.8, 1.35), rng.uniform(0, 1)
        brush = Brush(layers, (x, y), tone=rng.uniform(0.92, 1.05))
        if reference in _HAND_SOLDERED and residue > 0.4:
            flux = Coat((0.045, 0.12, 0.04), 0.0, 0.12)
            brush.box((1, 1, width + 6, height + 6), flux, 0.3, 3, 4)
        brush.box((0, 0, width + 1.5, height + 1.5), _LAMINATE._replace(colour=(0.06, 0.1, 0.04)))
        bevel = min(width, height) / 2
        brush.box((0, 0, width, height), SOLDER, 0.42 * bevel * amount, bevel, 1.2)


def _place_parts(
    layers: Layers, rng: Generator, moved: dict[str, tuple[float, float, float] | None]
) -> None:
    """Put the parts on; `moved` says which is off (x, y, degrees) or missing (None)."""
    for reference, part in PARTS.items():
        dx, dy, turn = rng.normal(0, (0.45, 0.45, 0.7))
        tone = rng.uniform(0.9, 1.1)
        off = moved.get(reference, (0, 0, 0))
        if off is None:
            continue
        place = (part.x + dx + off[0], part.y + dy + off[1])
        brush = Brush(layers, place, part.degrees + turn + off[2], tone)
        PAINTERS[part.package](brush, part.marking)


@cache
def _coverage() -> np.ndarray:
    """Return where the board is, `(H, W)` on the canvas in [0, 1]."""
    centre = canvas_point(WIDTH / 2, HEIGHT / 2)
    x, y = part_coordinates(CANVAS, centre, 0)
    corner = 8 * SCALE
    beyond_x = np.maximum(np.abs(x) - WIDTH * SCALE / 2 + corner, 0)
    beyond_y = np.maximum(np.abs(y) - HEIGHT * SCALE / 2 + corner, 0)
    board = inside(np.hypot(beyond_x, beyond_y) - corner, 1.5)
    for hole in SCREW_HOLES:
        x, y = part_coordinates(CANVAS, canvas_point(*hole), 0)
        board *= 1 - inside(np.hypot(x, y) - 11 * SCALE, 1.5)
    socket = PARTS["J4"]
    left, top = (round(value) for value in canvas_point(socket.x - 24, socket.y - 24))
    board[top : top + 48 * SCALE, left : left + 20 * SCALE] = 1
    return board


def _dust(picture: np.ndarray, rng: Generator) -> None:
    """Lay a few pale specks and fibres on the board, too faint to be a fault."""
    for _ in range(8):
        place = tuple(rng.uniform((60, 60), (SIZE[1] - 60, SIZE[0] - 60)))
        line = wandering_line(rng, place, rng.uniform(0, 360), rng.uniform(4, 12), 20)
        picture += (rng.uniform(0.01, 0.03) * line_mask(SIZE, line, 0.4))[..., None]


def draw(rng: Generator, defect: str | None, defect_rng: Generator) -> np.ndarray:
    """Return the board on its mat, linear RGB `(H, W, 3)`; see `PartKind.draw`."""
    mat = _mat(rng)
    turn = float(rng.normal(0, 0.9))
    centre = np.array([SIZE[1] / 2, SIZE[0] / 2]) + rng.uniform(-7, 7, 2)
    layers = _bare_board(rng, bitten_trace(defect_rng) if defect == "open_trace" else 0.0)
    _silkscreen(layers, rng)
    _holes(layers, rng)
    _solder(layers, rng)
    _place_parts(layers, rng, misplaced(defect, defect_rng))
    if defect in DAMAGES:
        DAMAGES[defect](layers, defect_rng)
    roughen(layers, rng)
    lit = light_layers(layers, rng, turn)

    coverage = _coverage()
    edge = np.clip(cv2.GaussianBlur(coverage, (0, 0), 2.5) * 2 - 1, 0, 1)
    lit *= (0.55 + 0.45 * edge)[..., None]
    angle = np.deg2rad(turn)
    rotation = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]]) / SCALE
    offset = centre - rotation @ (CANVAS[1] / 2, CANVAS[0] / 2)
    matrix = np.column_stack([rotation, offset])
    stack = cv2.GaussianBlur(np.dstack([lit, coverage]).astype(np.float32), (0, 0), 0.7)
    stack = cv2.warpAffine(stack, matrix, SIZE[::-1], flags=cv2.INTER_LINEAR)
    board, alpha = stack[..., :3], stack[..., 3]
    shadow = np.roll(cv2.GaussianBlur(alpha, (0, 0), 6), (5, 4), (0, 1))
    shadow = np.maximum(shadow, cv2.GaussianBlur(alpha, (0, 0), 2.5))
    picture = blend(mat * (1 - 0.72 * shadow)[..., None], board, alpha)
    _dust(picture, rng)
    return picture.astype(np.float32)


KIND = PartKind(
    name="pcb",
    title="Circuit board",
    defects=(
        "missing_component",
        "shifted_component",
        "solder_bridge",
        "solder_ball",
        "scratch",
        "open_trace",
        "burn_mark",
    ),
    draw=draw,
)
