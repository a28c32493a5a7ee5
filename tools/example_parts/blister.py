"""A blister pack of two-colour capsules on a conveyor belt."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.random import Generator

from example_parts.blister_capsule import (
    SCALE,
    WINDOW,
    Capsule,
    capsule_grain,
    paint_capsule,
    random_capsule,
    spoil,
)
from example_parts.blister_defects import crush, leave_foreign_body, plan, spill_powder
from example_parts.blister_shape import (
    LAMP,
    PACK,
    POCKET,
    POCKETS,
    pack_shape,
    pocket_window,
    rounded,
)
from example_parts.part import PartKind
from example_parts.station import (
    blend,
    fractal_noise,
    inside,
    line_mask,
    part_coordinates,
    shade,
    wandering_line,
)

SIZE = (400, 640)
_CAPSULE_DEFECTS = ("missing_capsule", "wrong_colour", "dented_capsule", "broken_capsule")


def _belt(rng: Generator) -> np.ndarray:
    """Return the conveyor belt, `(H, W, 3)`."""
    rows, columns = np.mgrid[: SIZE[0], : SIZE[1]].astype(np.float32)
    phase = rng.uniform(0, 2 * np.pi, 2)
    weave = np.sin(columns * 1.25 + phase[0]) * np.sin(rows * 1.25 + phase[1])
    relief = 0.10 * weave + 0.12 * fractal_noise(rng, SIZE, 0.4) + 0.5 * fractal_noise(rng, SIZE, 3)
    colour = np.array([0.050, 0.118, 0.190]) * rng.uniform(0.9, 1.1)
    smudges = fractal_noise(rng, SIZE, 2.2, (1, 4))
    return shade(relief, colour * (1 + 0.07 * smudges)[..., None], (-0.45, -0.6, 0.8), 0.02, 10)


def _foil(rng: Generator, creases: np.ndarray | float) -> np.ndarray:
    """Return the aluminium foil, knurled where it is sealed, smooth in the pockets."""
    distance, knurl, stamp = pack_shape()
    # The roller leaves a plain field round the stamp.
    plain = cv2.GaussianBlur(cv2.dilate(stamp, np.ones((25, 25))), (0, 0), 4)
    sealed = np.clip((distance - 3) / 4, 0, 1) * (1 - plain)
    pressure = 1 + 0.15 * fractal_noise(rng, PACK, 2.6)
    wrinkles = fractal_noise(rng, PACK, 4.0)
    # Equally wrinkled in each picture: it is the slopes that show.
    wrinkles *= rng.uniform(0.10, 0.20) / np.diff(wrinkles, axis=1).std()
    relief = knurl * sealed * pressure + 3.0 * stamp + wrinkles
    relief = relief + 0.05 * fractal_noise(rng, PACK, 0.8) + creases
    # Score lines along which the pack is broken apart.
    columns = np.arange(PACK[1], dtype=np.float32)[None]
    for line in (149, 329):
        off = np.abs(columns - (line + 45 * 1) * SCALE)
        relief = relief - 3.0 * np.exp(-((off / 2.5) ** 2))
    dx = cv2.Sobel(relief.astype(np.float32), cv2.CV_32F, 1, 0, scale=1 / 8)
    dy = cv2.Sobel(relief.astype(np.float32), cv2.CV_32F, 0, 1, scale=1 / 8)
    toward = -(dx * LAMP[0] + dy * LAMP[1])
    # Foil mirrors the room: what it shows depends on where it leans, here broad dark and bright.
    room = np.tanh(fractal_noise(rng, PACK, 3.6, (1.6, 1)))
    bright = 0.33 + 0.10 * room + 0.30 * np.tanh(1.9 * toward) + 0.16 * np.clip(toward, 0, 1) ** 2
    bright *= 1 - 0.10 * np.exp(-((distance / 9) ** 2))
    colour = np.array([0.98, 1.0, 1.03], np.float32)
    return (np.clip(bright, 0.03, 1)[..., None] * colour).astype(np.float32)


def _dome(pocket: np.ndarray, rng: Generator, dent: tuple[np.ndarray, np.ndarray] | None) -> None:
    """Lay the clear film over a pocket: reflections of the lamps, its rim, its unevenness."""
    x = np.arange(WINDOW[1], dtype=np.float32)[None] - WINDOW[1] / 2
    y = np.arange(WINDOW[0], dtype=np.float32)[:, None] - WINDOW[0] / 2
    distance = rounded(x, y, POCKET)
    dy, dx = np.gradient(distance)
    lean = np.clip(1 + distance / (27 * SCALE), 0, 1) ** 1.4
    lean *= distance < 0
    uneven = fractal_noise(rng, WINDOW, 3.2, (3, 1))
    slope_x, slope_y = dx * lean + 0.035 * uneven, dy * lean + 0.03 * np.roll(uneven, 20, 1)
    strength = rng.uniform(0.8, 1.15)
    milky = 0.0
    if dent is not None:
        down, across = np.gradient(dent[0])
        slope_x, slope_y, milky = slope_x - across, slope_y - down, dent[1]
        # What is seen through a crease is bent aside: one flank darkens, the other brightens.
        bent = np.clip(1 - 0.45 * (across * LAMP[0] + down * LAMP[1]), 0.45, 1.25)
        pocket *= blend(np.ones_like(distance), bent, inside(distance, 2))[..., None]
    cover = inside(distance, 2)
    ends = np.clip(1.25 - np.abs(slope_y) * 1.6, 0, 1)
    strips = 0.50 * np.exp(-(((slope_x + 0.50) / 0.05) ** 2)) * ends
    strips += 0.16 * np.exp(-(((slope_x + 0.72) / 0.04) ** 2)) * ends
    strips += 0.20 * np.exp(-(((slope_x - 0.60) / 0.07) ** 2)) * ends
    glint = np.exp(-((slope_x + 0.30) ** 2 + (slope_y + 0.62) ** 2) / 0.10**2)
    glint += 0.4 * np.exp(-((slope_x - 0.25) ** 2 + (slope_y - 0.70) ** 2) / 0.09**2)
    facing = dx * LAMP[0] + dy * LAMP[1]
    rim = np.exp(-((distance / 2.6) ** 2)) * (0.05 + 0.24 * np.clip(facing, -0.6, 1))
    fold = np.exp(-(((distance + 7) / 4) ** 2))
    wall = 1 - cover * (0.10 + 0.20 * fold)
    pocket *= wall[..., None]
    light = cover * (strength * (strips + 0.6 * glint) + 0.010) + rim
    pocket += light[..., None]
    if dent is not None:
        pocket[:] = blend(pocket, np.float32(0.62), np.clip(milky, 0, 0.6) * cover)


def _film(pack: np.ndarray, rng: Generator) -> None:
    """Lay the flat film between the pockets: a broad sheen and hairline scratches."""
    sheen = np.clip(fractal_noise(rng, PACK, 3.4), -1, 2)
    pack += (0.022 + 0.014 * sheen)[..., None]
    for _ in range(7):
        start = tuple(rng.uniform((0, 0), (PACK[1], PACK[0])))
        line = wandering_line(rng, start, rng.uniform(0, 360), rng.uniform(40, 160), 2)
        pack += (rng.uniform(0.01, 0.035) * line_mask(PACK, line, 1.0))[..., None]


def _capsules(rng: Generator) -> list[Capsule]:
    """Return the capsules of one pack: the batch's colours, each lying a little differently."""
    batch = rng.uniform((0.97, 0.98, 0.96), (1.03, 1.02, 1.04))
    return [random_capsule(rng, batch) for _ in POCKETS]


def _pack(rng: Generator, defect: str | None, defect_rng: Generator) -> np.ndarray:
    """Return the filled pack, `(H, W, 3)` at `SCALE`."""
    fault = plan(defect, defect_rng)
    pack = _foil(rng, fault.creases)
    if fault.hole is not None:
        pack = blend(pack, np.array([0.006, 0.012, 0.02], np.float32), fault.hole)
    for number, capsule in enumerate(_capsules(rng)):
        grain, ragged = capsule_grain(rng)
        spoilt: Capsule | None = capsule
        if number == fault.pocket and defect in _CAPSULE_DEFECTS:
            spoilt = spoil(capsule, defect, defect_rng)
        if spoilt is not None:
            paint_capsule(pack[pocket_window(POCKETS[number])], spoilt, grain, ragged)
    if defect == "broken_capsule":
        spill_powder(pack, POCKETS[fault.pocket], defect_rng)
    if defect == "foreign_body":
        leave_foreign_body(pack, fault.place, defect_rng)
    for number, place in enumerate(POCKETS):
        crushed = defect == "crushed_dome" and number == fault.pocket
        _dome(pack[pocket_window(place)], rng, crush(defect_rng) if crushed else None)
    _film(pack, rng)
    return pack


def draw(rng: Generator, defect: str | None, defect_rng: Generator) -> np.ndarray:
    """Return the pack on its belt, linear RGB `(H, W, 3)`; see `PartKind.draw`."""
    belt = _belt(rng)
    turn = np.deg2rad(rng.normal(0, 1.1))
    centre = np.array([SIZE[1] / 2, SIZE[0] / 2]) + rng.uniform(-8, 8, 2)
    pack = _pack(rng, defect, defect_rng)

    x, y = part_coordinates(PACK, (PACK[1] / 2, PACK[0] / 2), 0)
    distance = rounded(x, y, (PACK[1] / 2 - 6, PACK[0] / 2 - 6, 18 * SCALE))
    down, across = np.gradient(distance)
    facing = across * LAMP[0] + down * LAMP[1]
    edge = np.exp(-(((distance + 3) / 3) ** 2)) * (0.04 + 0.20 * facing)
    pack += edge[..., None]
    rotation = np.array([[np.cos(turn), np.sin(turn)], [-np.sin(turn), np.cos(turn)]]) / SCALE
    offset = centre - rotation @ (PACK[1] / 2, PACK[0] / 2)
    stack = cv2.GaussianBlur(np.dstack([pack, inside(distance, 2)]), (0, 0), 0.7)
    matrix = np.column_stack([rotation, offset])
    stack = cv2.warpAffine(stack.astype(np.float32), matrix, SIZE[::-1], flags=cv2.INTER_LINEAR)
    cover = stack[..., 3]
    shadow = np.roll(cv2.GaussianBlur(cover, (0, 0), 5), (4, 3), (0, 1))
    shadow = np.maximum(shadow, cv2.GaussianBlur(cover, (0, 0), 2))
    return blend(belt * (1 - 0.7 * shadow)[..., None], stack[..., :3], cover).astype(np.float32)


KIND = PartKind(
    name="blister",
    title="Blister pack",
    defects=(
        "missing_capsule",
        "wrong_colour",
        "dented_capsule",
        "broken_capsule",
        "punctured_foil",
        "foreign_body",
        "crushed_dome",
    ),
    draw=draw,
)
