"""What goes wrong with the blister pack, apart from the capsules themselves."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.random import Generator

from example_parts.blister_capsule import WINDOW
from example_parts.blister_shape import PACK, POCKETS, pack_shape, pocket_window
from example_parts.station import (
    blend,
    blob_mask,
    fractal_noise,
    inside,
    line_mask,
    part_coordinates,
    shade,
    wandering_line,
)


@dataclass
class Fault:
    """What a defect changes in the pack: which pocket, and where in the drawing."""

    pocket: int
    place: tuple[float, float]
    creases: np.ndarray | float = 0.0
    hole: np.ndarray | None = None


def plan(defect: str | None, rng: Generator) -> Fault:
    """Choose where the defect is, and tear the foil if it is torn."""
    pocket = int(rng.integers(len(POCKETS)))
    x, y = POCKETS[pocket]
    fault = Fault(pocket, (x + rng.uniform(-12, 12), y + rng.uniform(-75, 75)))
    if defect != "punctured_foil":
        return fault
    # Beside a pocket, or in the foil at its ends, which no capsule hides.
    place = (x + rng.choice((-1, 1)) * rng.uniform(62, 88), y + rng.uniform(-110, 110))
    radius = rng.uniform(7, 22)
    hole = blob_mask(rng, PACK, place, radius, 0.6)
    far = np.hypot(*part_coordinates(PACK, place, 0))
    creases = 5 * np.exp(-(((far - radius) / 6) ** 2))
    for _ in range(rng.integers(3, 7)):
        length = radius * rng.uniform(1.5, 4.5)
        line = wandering_line(rng, place, rng.uniform(0, 360), length, 6)
        creases += rng.uniform(1.5, 3.5) * line_mask(PACK, line, 2, 5) * np.exp(-far / 60)
    return Fault(pocket, place, creases, hole)


def spill_powder(pack: np.ndarray, place: tuple[float, float], rng: Generator) -> None:
    """Spill the filling of a broken capsule near `place`."""
    distance = pack_shape()[0]
    window = pocket_window(place)
    x, y = part_coordinates(PACK, (place[0], place[1] + 108 + rng.uniform(-6, 4)), 0)
    heap = 1.1 - np.hypot(x / 36, y / rng.uniform(24, 42)) + 0.35 * fractal_noise(rng, PACK, 2)
    grains = np.clip(heap * 2.6 + 0.6 * rng.standard_normal(PACK), 0, 1) * inside(distance + 6, 6)
    relief = 5 * np.clip(heap, 0, 1) + 0.8 * fractal_noise(rng, PACK, 0.6)
    powder = shade(relief, np.array([0.78, 0.75, 0.66]), (-0.5, -0.6, 0.8))
    grains = cv2.GaussianBlur(grains.astype(np.float32), (0, 0), 1.0)
    pack[window] = blend(pack[window], powder[window], grains[window])


def leave_foreign_body(pack: np.ndarray, place: tuple[float, float], rng: Generator) -> None:
    """Leave a hair or crumbs in a pocket."""
    inside_pocket = inside(pack_shape()[0] + 5, 4)
    if rng.random() < 0.5:
        length = rng.uniform(50, 120)
        start = (place[0] + rng.uniform(-20, 20), place[1] - length / 3)
        line = wandering_line(rng, start, rng.uniform(30, 150), length, 8)
        for moved, strength in ((line + np.array([4, 5]), 0.3), (line, 0.92)):
            cover = line_mask(PACK, moved, rng.uniform(2.4, 3.6)) * inside_pocket
            pack[:] = blend(pack, np.float32(0.012), strength * cover)
        return
    for number in range(rng.integers(1, 5)):
        radius = rng.uniform(6, 13) if number == 0 else rng.uniform(2.5, 6)
        step = (0, 0) if number == 0 else rng.normal(0, 22, 2)
        spot = (place[0] + step[0], place[1] + step[1])
        shadow = blob_mask(rng, PACK, (spot[0] + 4, spot[1] + 5), radius, 0.3) * inside_pocket
        pack *= 1 - 0.45 * cv2.GaussianBlur(shadow, (0, 0), 3)[..., None]
        crumb = blob_mask(rng, PACK, spot, radius, 0.7) * inside_pocket
        bumps = 2.2 * cv2.GaussianBlur(crumb, (0, 0), radius / 3) * radius / 4
        lit = shade(bumps, rng.uniform((0.02, 0.015, 0.01), (0.10, 0.06, 0.03)), (-0.5, -0.6, 0.8))
        pack[:] = blend(pack, lit, crumb)


def crush(rng: Generator) -> tuple[np.ndarray, np.ndarray]:
    """Return the relief of a dome pressed in, `WINDOW`, and how milky the film has become."""
    place = (WINDOW[1] / 2 + rng.uniform(-18, 18), WINDOW[0] / 2 + rng.uniform(-80, 80))
    radius = rng.uniform(22, 46)
    x, y = part_coordinates(WINDOW, place, rng.uniform(0, 180))
    far = np.hypot(x, y * rng.uniform(0.7, 1.0)) / radius + 0.13 * fractal_noise(rng, WINDOW, 4.5)
    relief = -0.55 * radius * np.clip(1 - far, 0, 1) ** 1.5
    milky = 0.30 * np.exp(-(((far - 0.95) / 0.08) ** 2)) + 0.08 * (far < 0.95)
    for _ in range(rng.integers(3, 7)):
        length = radius * rng.uniform(0.8, 1.7)
        line = wandering_line(rng, place, rng.uniform(0, 360), length, 9)
        fold = line_mask(WINDOW, line, 2, 4)
        relief += rng.uniform(-4, 4) * cv2.GaussianBlur(fold, (0, 0), 2.5)
        milky += 0.28 * fold
    return relief.astype(np.float32), milky.astype(np.float32)
