"""The capsules of the blister pack, each drawn in a window of its own."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache

import cv2
import numpy as np
from numpy.random import Generator

from example_parts.station import blend, fractal_noise, inside

# The pack is drawn at twice the size of the picture and reduced; lengths here are of the drawing.
SCALE = 2
RADIUS, HALF_LENGTH = 20.0 * SCALE, 52.0 * SCALE
WINDOW = (150 * SCALE, 80 * SCALE)
_INK = np.array([0.02, 0.018, 0.02], np.float32)
_OTHER_COLOURS = (
    ((0.02, 0.07, 0.33), (0.62, 0.60, 0.54)),
    ((0.03, 0.22, 0.08), (0.60, 0.45, 0.08)),
    ((0.40, 0.022, 0.020), (0.40, 0.022, 0.020)),
    ((0.62, 0.57, 0.44), (0.62, 0.57, 0.44)),
    ((0.50, 0.13, 0.015), (0.62, 0.57, 0.44)),
)


@dataclass(frozen=True)
class Capsule:
    """How one capsule lies in its pocket.

    Attributes:
        shift: Off the middle of the pocket, x and y.
        degrees: Turn in the plane.
        roll: Turn about its own axis, in radians.
        joint: Where the cap ends, along the axis.
        cap: Linear RGB of the cap.
        body: Linear RGB of the body.
        dent: Place across and along, radius and depth of a dent.
        broken: Where along the axis the end is broken off.
    """

    shift: tuple[float, float]
    degrees: float
    roll: float
    joint: float
    cap: np.ndarray
    body: np.ndarray
    dent: tuple[float, float, float, float] | None = None
    broken: float | None = None


def random_capsule(rng: Generator, batch: np.ndarray) -> Capsule:
    """Return a good capsule; `batch` is the batch's factor on the colours."""
    tone = batch * rng.uniform(0.96, 1.04)
    return Capsule(
        shift=(float(rng.normal(0, 2.2)), float(rng.normal(0, 3.5))),
        degrees=float(rng.normal(0, 1.6)),
        roll=float(rng.uniform(-0.55, 0.55)),
        joint=float(rng.normal(10, 1.6)),
        cap=np.array([0.40, 0.022, 0.020], np.float32) * tone,
        body=np.array([0.62, 0.57, 0.44], np.float32) * tone,
    )


def spoil(capsule: Capsule, defect: str, rng: Generator) -> Capsule | None:
    """Return the capsule with a defect of its own; None if it is missing."""
    if defect == "missing_capsule":
        return None
    if defect == "wrong_colour":
        cap, body = _OTHER_COLOURS[rng.integers(len(_OTHER_COLOURS))]
        return replace(capsule, cap=np.array(cap), body=np.array(body))
    if defect == "dented_capsule":
        radius = rng.uniform(17, 36)
        place = rng.uniform(-16, 16), rng.uniform(-72, 72)
        return replace(capsule, dent=(*place, radius, rng.uniform(0.95, 1.5)))
    return replace(capsule, broken=rng.uniform(26, 72))


@cache
def _print() -> np.ndarray:
    """Return the words printed along the capsule, `(H, W)` in [0, 1]."""
    page = np.zeros((96, int(2 * HALF_LENGTH)), np.uint8)
    for words, left in (("INP", 28), ("250", 122)):
        cv2.putText(page, words, (left, 60), cv2.FONT_HERSHEY_SIMPLEX, 0.95, 255, 2, cv2.LINE_AA)
    return cv2.GaussianBlur(page, (0, 0), 0.8).astype(np.float32) / 255


def _dent_slope(
    across: np.ndarray, along: np.ndarray, dent: tuple[float, float, float, float]
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return how a dent tilts the surface, x and y, and how much light its bottom loses."""
    x, y, radius, depth = dent
    dx, dy = (across - x) / radius, (along - y) / (radius * 1.25)
    distance = np.hypot(dx, dy)
    # Steep just inside a sharp rim, as a shell that has snapped inwards.
    steep = depth * distance**2 * np.clip((1.08 - distance) / 0.16, 0, 1)
    loss = 0.36 * np.clip(1 - distance, 0, 1)
    return -steep * dx, -steep * dy, loss


def _light(
    normal_x: np.ndarray, normal_y: np.ndarray, colour: np.ndarray, loss: np.ndarray | float
) -> np.ndarray:
    """Return glossy gelatine under the station's two strip lamps, `(H, W, 3)`."""
    normal_z = np.sqrt(np.clip(1 - normal_x**2 - normal_y**2, 0.02, 1))
    diffuse = np.clip(-0.42 * normal_x - 0.30 * normal_y + 0.86 * normal_z, 0, 1)
    rim = (1 - normal_z) ** 3
    ends = np.clip(1.1 - np.abs(normal_y) * 1.8, 0, 1)
    left = np.exp(-(((normal_x + 0.40) / 0.065) ** 2)) * ends
    right = np.exp(-(((normal_x - 0.56) / 0.10) ** 2)) * ends
    lit = colour * ((0.34 + 0.72 * diffuse - loss) * (1 - 0.45 * rim))[..., None]
    # Light that went through the thin shell comes out warm at the far side.
    lit += colour * (0.10 * np.clip(normal_x + 0.2, 0, 1))[..., None]
    return lit + (0.34 * left + 0.09 * right + 0.05 * rim)[..., None]


def paint_capsule(
    pocket: np.ndarray, capsule: Capsule, grain: np.ndarray, ragged: np.ndarray
) -> None:
    """Paint a capsule and its shadow over the foil of its pocket.

    Args:
        pocket: Foil, linear RGB of the size `WINDOW`, changed in place.
        capsule: How it lies.
        grain: Unevenness of the gelatine, `WINDOW`, standard deviation 1.
        ragged: Outline of a broken edge, one number per column of `WINDOW`.
    """
    angle = np.deg2rad(capsule.degrees)
    x = np.arange(WINDOW[1], dtype=np.float32)[None] - WINDOW[1] / 2 - capsule.shift[0]
    y = np.arange(WINDOW[0], dtype=np.float32)[:, None] - WINDOW[0] / 2 - capsule.shift[1]
    across = np.cos(angle) * x - np.sin(angle) * y
    along = np.sin(angle) * x + np.cos(angle) * y

    radius = np.where(along < capsule.joint, RADIUS, RADIUS - 2.2)
    past = np.maximum(np.abs(along) - (HALF_LENGTH - RADIUS), 0)
    distance = np.hypot(across, past) - radius
    edge = None
    if capsule.broken is not None:
        edge = along - capsule.broken - 7 * ragged[None]
        distance = np.maximum(distance, edge)
    _shadow(pocket, distance, across, capsule)

    normal_x = across / radius
    normal_y = np.sign(along) * past / radius
    loss: np.ndarray | float = 0.0
    if capsule.dent is not None:
        tilt_x, tilt_y, loss = _dent_slope(across, along, capsule.dent)
        normal_x, normal_y = normal_x + tilt_x, normal_y + tilt_y
    normal_x = normal_x + 0.012 * grain
    colour = blend(capsule.body, capsule.cap, inside(along - capsule.joint, 2))
    colour = colour * (1 + 0.025 * grain)[..., None]
    colour = _printed(colour, across, along, capsule.roll)
    lit = _light(normal_x, normal_y, colour, loss)
    lit *= _seams(along, capsule.joint)[..., None]
    if edge is not None:
        # The thickness of the broken shell is pale, the hole behind it dark.
        lit = blend(lit, capsule.body * 1.15, np.exp(-(((edge + 3) / 2.4) ** 2)))
    pocket[:] = blend(pocket, lit, inside(distance, 2))


def _shadow(pocket: np.ndarray, distance: np.ndarray, across: np.ndarray, capsule: Capsule) -> None:
    """Darken the foil round a capsule and let it mirror the capsule's colours."""
    beside = np.maximum(distance, 0)
    moved = np.roll(beside, (6, 8), (0, 1))
    dark = 0.62 * np.exp(-((beside / 5) ** 2)) + 0.38 * np.exp(-((moved / 14) ** 2))
    pocket *= (1 - np.clip(dark, 0, 0.85))[..., None]
    along = np.arange(WINDOW[0], dtype=np.float32)[:, None] - WINDOW[0] / 2
    colour = blend(capsule.body, capsule.cap, inside(along - capsule.joint, 8) + 0 * across)
    pocket += 0.42 * colour * (np.exp(-beside / 9) * (1 - 0.55 * np.exp(-beside / 2)))[..., None]


def _printed(colour: np.ndarray, across: np.ndarray, along: np.ndarray, roll: float) -> np.ndarray:
    """Print the words on the shell, bent round it."""
    page = _print()
    around = np.arcsin(np.clip(across / RADIUS, -1, 1)) * RADIUS
    map_x = (along + HALF_LENGTH).astype(np.float32)
    map_y = (page.shape[0] / 2 - around + roll * RADIUS).astype(np.float32)
    ink = cv2.remap(page, map_x, map_y, cv2.INTER_LINEAR)
    return blend(colour, _INK, 0.78 * ink)


def _seams(along: np.ndarray, joint: float) -> np.ndarray:
    """Return how the light changes along the axis: edge of the cap and its locking rings."""
    below = along - joint
    shade = 1 - 0.38 * np.exp(-(((below - 2) / 2.2) ** 2)) * (below > -1)
    shade = shade + 0.16 * np.exp(-(((below + 2.5) / 1.8) ** 2))
    for ring, depth in ((-22, 0.07), (-62, 0.05)):
        shade = shade - depth * np.exp(-(((below - ring) / 1.8) ** 2))
        shade = shade + depth * np.exp(-(((below - ring - 4) / 1.8) ** 2))
    return shade


def capsule_grain(rng: Generator) -> tuple[np.ndarray, np.ndarray]:
    """Return the unevenness of one capsule's shell and the outline it would break along."""
    coarse, fine = rng.normal(0, 1, (1, 5)), rng.normal(0, 0.3, (1, 40))
    ragged = sum(cv2.resize(part, (WINDOW[1], 1), None, 0, 0, 1)[0] for part in (coarse, fine))
    return fractal_noise(rng, WINDOW, 2.4), np.asarray(ragged, np.float32)
