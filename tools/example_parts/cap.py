"""A moulded screw cap with printed text, on the laminate worktop of the station."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.random import Generator

from example_parts.cap_print import CHANGE_INK, SIZE, print_ink
from example_parts.part import PartKind
from example_parts.station import (
    blend,
    blob_mask,
    fractal_noise,
    inside,
    lay_dust,
    line_mask,
    part_coordinates,
    shade,
    wandering_line,
)

LIGHT = (-0.6, -0.55, 1.0)
OUTER = 188.0  # where the ribs stand on the table
SHOULDER = 166.0  # where the top turns into the ribs
RIM = 136.0  # the printed field lies a step below the rim
RIB_COUNT = 84
PLASTIC = np.float32([0.022, 0.105, 0.27])
INK = np.float32([0.72, 0.73, 0.71])


@dataclass(frozen=True)
class Pose:
    """Where the cap lies.

    Attributes:
        centre: `(x, y)` of its top.
        foot: `(x, y)` of its lower edge, which the camera sees shifted.
        degrees: How far it is turned.
        print_shift: `(x, y)` by which the print misses its place.
        print_degrees: Turn of the print against the cap.
    """

    centre: tuple[float, float]
    foot: tuple[float, float]
    degrees: float
    print_shift: tuple[float, float]
    print_degrees: float


def draw(rng: Generator, defect: str | None, defect_rng: Generator) -> np.ndarray:
    """Draw the scene, linear RGB `(H, W, 3)`."""
    pose = _random_pose(rng)
    table = _table(rng)
    foot = _radius(pose.foot) - OUTER
    bite = _broken_edge(defect_rng, pose) if defect == "broken_edge" else None
    if bite is not None:
        foot = np.maximum(foot, bite)
    place = tuple(np.add(pose.centre, pose.print_shift))
    ink = print_ink(rng, place, pose.degrees + pose.print_degrees)
    if defect in CHANGE_INK:
        ink = CHANGE_INK[defect](defect_rng, ink)
    plastic = _plastic(rng, pose, ink, bite)
    if defect in CHANGE_PLASTIC:
        plastic = CHANGE_PLASTIC[defect](defect_rng, pose, plastic)
    return blend(table * _shadow(foot)[..., None], plastic, inside(foot))


def _random_pose(rng: Generator) -> Pose:
    x, y = rng.uniform(-14, 14, 2) + 256
    # The cap is tall: its top is nearer to the camera and is seen further out.
    foot = (x - 0.07 * (x - 256) + 1.0, y - 0.07 * (y - 256) - 3.5)
    return Pose(
        centre=(float(x), float(y)),
        foot=(float(foot[0]), float(foot[1])),
        degrees=float(rng.uniform(-9, 9)),
        print_shift=tuple(float(value) for value in rng.normal(0, 1.3, 2)),
        print_degrees=float(rng.normal(0, 1.0)),
    )


def _radius(centre: tuple[float, float]) -> np.ndarray:
    x, y = part_coordinates(SIZE, centre, 0)
    return np.hypot(x, y)


def _table(rng: Generator) -> np.ndarray:
    """Pale grey laminate with its printed grain, a little dirty."""
    grain = fractal_noise(rng, SIZE, 0.4)
    clouds = fractal_noise(rng, SIZE, 2.4)
    flecks = np.clip(cv2.GaussianBlur(fractal_noise(rng, SIZE, 0.0), (0, 0), 1.3) - 0.42, 0, 1)
    dark = np.clip(cv2.GaussianBlur(fractal_noise(rng, SIZE, 0.0), (0, 0), 1.0) - 0.55, 0, 1)
    tone = 0.50 * (1 + 0.03 * grain + 0.02 * clouds + 0.5 * flecks - 1.1 * dark)
    albedo = tone[..., None] * np.array([1.0, 0.985, 0.945], np.float32)
    table = shade(0.06 * cv2.GaussianBlur(grain, (0, 0), 0.8), albedo, LIGHT)
    for _ in range(rng.integers(3, 8)):
        start, angle = rng.uniform(0, 512, 2), rng.uniform(0, 360)
        line = wandering_line(rng, tuple(start), angle, rng.uniform(20, 90), 1.2)
        table *= 1 - 0.07 * rng.random() * line_mask(SIZE, line, 1.0)[..., None]
    return table


def _shadow(foot: np.ndarray) -> np.ndarray:
    """Light that reaches the table beside the cap, `(H, W)` in [0, 1]."""
    body = inside(foot)
    cast = np.zeros(SIZE, np.float32)
    # The shadow of a tall thing is that of all its heights together, softer the higher.
    for height in (4, 9, 14, 19):
        shift = np.float32([[1, 0, 1.0 * height], [0, 1, 0.9 * height]])
        layer = cv2.warpAffine(body, shift, SIZE[::-1])
        cast = np.maximum(cast, cv2.GaussianBlur(layer, (0, 0), 1.5 + 0.45 * height))
    near = cv2.GaussianBlur(body, (0, 0), 5)
    wide = cv2.GaussianBlur(body, (0, 0), 30)
    return (1 - 0.50 * cast) * (1 - 0.40 * near) * (1 - 0.30 * wide)


def _relief(rng: Generator, pose: Pose) -> np.ndarray:
    """Return the height of the cap, pixels: field, rim, shoulder, ribs."""
    radius = _radius(pose.centre)
    x, y = part_coordinates(SIZE, pose.centre, pose.degrees)
    azimuth = np.arctan2(y, x)
    rim = 2.0 * np.tanh((radius - RIM) / 2.6)
    outside = np.clip((radius - SHOULDER + 14) / 14, 0, 1)
    shoulder = 14 * (np.sqrt(np.clip(1 - outside**2, 0.012, 1)) - 1)
    flank = -2.0 * np.clip(radius - SHOULDER, 0, None)
    fade = np.clip((radius - SHOULDER + 6) / 8, 0, 1)
    ribs = 5.0 * fade * np.abs(np.sin(RIB_COUNT / 2 * azimuth)) ** 0.8
    gate = -2.2 * np.exp(-((np.hypot(x, y - 40) / 3.2) ** 4)) + 1.4 * np.exp(
        -(((np.hypot(x, y - 40) - 5.5) / 1.4) ** 2)
    )
    texture = 0.10 * cv2.GaussianBlur(fractal_noise(rng, SIZE, 0.2), (0, 0), 0.9)
    sink = 3.0 * cv2.GaussianBlur(fractal_noise(rng, SIZE, 3.6), (0, 0), 14)
    return (rim + shoulder + flank + ribs + gate + texture + sink).astype(np.float32)


def _plastic(rng: Generator, pose: Pose, ink: np.ndarray, bite: np.ndarray | None) -> np.ndarray:
    """The cap itself, printed and lit."""
    height = _relief(rng, pose)
    x, y = part_coordinates(SIZE, pose.centre, pose.degrees)
    # The melt leaves faint rays around the gate where it was injected.
    rays = fractal_noise(rng, (1, 720), 1.2)[0]
    ray = np.interp(np.arctan2(y - 40, x), np.linspace(-np.pi, np.pi, 720), rays)
    batch = 1 + rng.normal(0, 0.03)
    tone = batch * (1 + 0.03 * ray + 0.025 * fractal_noise(rng, SIZE, 2.0))
    albedo = blend(tone[..., None] * PLASTIC, INK, ink).astype(np.float32)
    gloss = 0.50 * (1 + 0.10 * fractal_noise(rng, SIZE, 1.5)) * (1 - 0.4 * ink)
    if bite is not None:
        height, albedo = _with_bite(pose, bite, height, albedo)
    plastic = shade(height, albedo, LIGHT, specular=gloss, shininess=48, ambient=0.42)
    radius = _radius(pose.centre)
    occlusion = 1 - 0.45 * np.clip((radius - SHOULDER) / (OUTER - SHOULDER), 0, 1)
    return _handling_marks(rng, pose, plastic * occlusion[..., None])


def _handling_marks(rng: Generator, pose: Pose, plastic: np.ndarray) -> np.ndarray:
    """Dust and hairlines of the bag the caps came in."""
    for _ in range(rng.integers(6, 14)):
        start = np.add(pose.centre, rng.uniform(-130, 130, 2))
        line = wandering_line(rng, tuple(start), rng.uniform(0, 360), rng.uniform(10, 50), 2)
        coverage = rng.uniform(0.2, 1.0) * line_mask(SIZE, line, 0.7)
        plastic = plastic + (np.float32(0.012) * coverage)[..., None]
    for _ in range(rng.integers(6, 16)):
        place = tuple(np.add(pose.centre, rng.uniform(-150, 150, 2)))
        lay_dust(plastic, place, rng.uniform(0.55, 0.9), rng.uniform(0.02, 0.07))
    return plastic


def _in_field(rng: Generator, pose: Pose, reach: float) -> tuple[float, float]:
    azimuth, radius = rng.uniform(0, 2 * np.pi), reach * np.sqrt(rng.random())
    return (
        float(pose.centre[0] + radius * np.cos(azimuth)),
        float(pose.centre[1] + radius * np.sin(azimuth)),
    )


def _black_spots(rng: Generator, pose: Pose, plastic: np.ndarray) -> np.ndarray:
    """Burnt material from the screw of the moulding machine, under the skin of the part."""
    for number in range(rng.integers(1, 4)):
        radius = rng.uniform(3.2, 7.5) if number == 0 else rng.uniform(1.5, 3.0)
        spot = blob_mask(rng, SIZE, _in_field(rng, pose, 150), radius, 0.5)
        halo = cv2.GaussianBlur(spot, (0, 0), 2.5)
        plastic = blend(plastic, plastic * 0.55, halo)
        plastic = blend(plastic, plastic * 0.10 + 0.003, spot)
    return plastic


def _scratch(rng: Generator, pose: Pose, plastic: np.ndarray) -> np.ndarray:
    """A scratch, whitened as stressed plastic is."""
    place, degrees = _in_field(rng, pose, 110), rng.uniform(0, 360)
    for number in range(rng.integers(1, 4)):
        start = tuple(np.add(place, rng.normal(0, 7, 2) * (number > 0)))
        line = wandering_line(rng, start, degrees + rng.normal(0, 4), rng.uniform(40, 130), 2)
        width = rng.uniform(1.2, 2.4)
        plastic = blend(plastic, plastic * 0.55, line_mask(SIZE, np.add(line, (0.9, 1.0)), width))
        white = plastic * 0.5 + np.float32([0.20, 0.25, 0.33])
        plastic = blend(plastic, white, rng.uniform(0.7, 1.0) * line_mask(SIZE, line, width))
    return plastic


def _broken_edge(rng: Generator, pose: Pose) -> np.ndarray:
    """Return the signed distance from a piece broken off the ribs, positive in it."""
    azimuth, radius = rng.uniform(0, 2 * np.pi), rng.uniform(12, 30)
    reach = OUTER + radius * rng.uniform(0.0, 0.4)
    x, y = part_coordinates(SIZE, pose.foot, 0)
    x, y = x - reach * np.cos(azimuth), y - reach * np.sin(azimuth)
    angle = np.arctan2(y, x)
    ragged = sum(
        rng.normal(0, 0.17 / order**0.8) * np.cos(order * angle + rng.uniform(0, 2 * np.pi))
        for order in range(2, 16)
    )
    return (radius * (1 + ragged) - np.hypot(x, y)).astype(np.float32)


def _with_bite(
    pose: Pose, bite: np.ndarray, height: np.ndarray, albedo: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return relief and colour with a pale, bare edge of break around the missing piece."""
    edge = np.clip(1 + bite / 5.0, 0, 1)
    return height - 5 * edge, blend(albedo, np.float32([0.10, 0.24, 0.42]), 0.8 * edge)


CHANGE_PLASTIC = {"black_spots": _black_spots, "scratch": _scratch}
KIND = PartKind(
    "cap",
    "Printed cap",
    ("smeared_print", "missing_print", "black_spots", "broken_edge", "scratch"),
    draw,
)
