"""A stamped steel washer with a brushed face, lying on the rubber belt of the station."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.random import Generator

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

SIZE = (512, 512)
LIGHT = (-0.55, -0.65, 1.0)
LIGHT_AZIMUTH = np.arctan2(LIGHT[1], LIGHT[0])
OUTER, INNER = 176.0, 88.0
THICKNESS = 11.0
ROLL_OVER = 7.0  # width of the edge that the punch rounded


@dataclass(frozen=True)
class Pose:
    """Where the washer lies.

    Attributes:
        centre: `(x, y)` of its top face.
        foot: `(x, y)` of its bottom face, which the camera sees shifted.
        degrees: Direction of the brushing.
        outer: Outer radius, pixels.
        inner: Radius of the hole.
    """

    centre: tuple[float, float]
    foot: tuple[float, float]
    degrees: float
    outer: float
    inner: float

    def ring(self, centre: tuple[float, float], grow: float = 0.0) -> np.ndarray:
        """Return the signed distance to the outline, negative in the metal."""
        x, y = part_coordinates(SIZE, centre, 0)
        radius = np.hypot(x, y)
        return np.maximum(radius - self.outer - grow, self.inner - grow - radius)


def draw(rng: Generator, defect: str | None, defect_rng: Generator) -> np.ndarray:
    """Draw the scene, linear RGB `(H, W, 3)`."""
    pose = _random_pose(rng)
    bite = _nick(defect_rng, pose) if defect == "nick" else None
    outline, foot = pose.ring(pose.centre), pose.ring(pose.foot)
    if bite is not None:
        outline, foot = np.maximum(outline, bite), np.maximum(foot, bite)
    scene = _belt(rng) * _shadow(foot)[..., None]
    face = _face(rng, pose)
    if defect in DRAW_DEFECT:
        face = DRAW_DEFECT[defect](defect_rng, pose, face)
    scene = blend(scene, _wall(rng, pose), np.maximum(inside(foot), inside(outline)))
    return blend(scene, _edge(rng, pose, face, outline), inside(outline))


def _random_pose(rng: Generator) -> Pose:
    x, y = rng.uniform(-16, 16, 2) + 256
    # The camera stands a little to one side of the belt: nearer faces are seen further out.
    foot = (x - 0.035 * (x - 256) - 0.8, y - 0.035 * (y - 256) - 5.0)
    outer = OUTER * rng.uniform(0.985, 1.015)
    return Pose(
        centre=(float(x), float(y)),
        foot=(float(foot[0]), float(foot[1])),
        degrees=float(rng.uniform(0, 360)),
        outer=float(outer),
        inner=float(outer * INNER / OUTER + rng.normal(0, 0.4)),
    )


def _belt(rng: Generator) -> np.ndarray:
    """Dark rubber with a fine grain, worn along the way it runs."""
    grain = fractal_noise(rng, SIZE, 0.8)
    height = 0.35 * cv2.GaussianBlur(grain, (0, 0), 1.0) + 0.25 * fractal_noise(rng, SIZE, 1.2)
    wear = fractal_noise(rng, SIZE, 2.4, (14, 1))
    clouds = fractal_noise(rng, SIZE, 2.2)
    tone = 0.055 * (1 + 0.10 * wear + 0.10 * clouds + 0.10 * grain)
    albedo = tone[..., None] * np.array([0.96, 1.0, 1.06], np.float32)
    belt = shade(height, albedo, LIGHT, specular=0.018, shininess=9)
    for _ in range(rng.integers(10, 22)):
        x, y = rng.uniform(0, 512, 2)
        lay_dust(belt, (x, y), rng.uniform(0.5, 1.1), rng.uniform(0.03, 0.10))
    for _ in range(rng.integers(1, 4)):
        start, angle = rng.uniform(0, 512, 2), rng.uniform(0, 360)
        fibre = line_mask(
            SIZE, wandering_line(rng, tuple(start), angle, rng.uniform(14, 40), 9), 0.8
        )
        belt = blend(belt, belt + 0.05, fibre * rng.uniform(0.3, 0.8))
    return np.clip(belt, 0.004, None)


def _shadow(foot: np.ndarray) -> np.ndarray:
    """Light that reaches the belt around and under the metal, `(H, W)` in [0, 1]."""
    metal = inside(foot)
    shift = np.float32([[1, 0, 0.75 * THICKNESS], [0, 1, 0.85 * THICKNESS]])
    cast = cv2.GaussianBlur(cv2.warpAffine(metal, shift, SIZE[::-1]), (0, 0), 3.5)
    near = cv2.GaussianBlur(metal, (0, 0), 5)
    wide = cv2.GaussianBlur(metal, (0, 0), 22)
    return (1 - 0.70 * cast) * (1 - 0.50 * near) * (1 - 0.35 * wide)


def _surroundings(azimuth: np.ndarray) -> np.ndarray:
    """What a steep edge mirrors, by the direction it faces: lamp, window, dark room."""
    lamp = np.exp(5.0 * (np.cos(azimuth - LIGHT_AZIMUTH) - 1))
    window = np.exp(9.0 * (np.cos(azimuth - 0.5) - 1))
    return (0.05 + 0.75 * lamp + 0.22 * window).astype(np.float32)


def _wall(rng: Generator, pose: Pose) -> np.ndarray:
    """The sheared side of the metal, mostly dark, with the streaks of the punch."""
    x, y = part_coordinates(SIZE, pose.foot, 0)
    radius, azimuth = np.hypot(x, y), np.arctan2(y, x)
    outwards = radius > (pose.outer + pose.inner) / 2
    facing = np.where(outwards, azimuth, azimuth + np.pi)
    streaks = fractal_noise(rng, (1, 720), 0.6)[0]
    streak = np.interp(azimuth, np.linspace(-np.pi, np.pi, 720), streaks)
    tone = (0.03 + 0.35 * _surroundings(facing)) * (1 + 0.25 * streak)
    return (tone[..., None] * np.array([1.0, 0.99, 0.97])).astype(np.float32)


def _face(rng: Generator, pose: Pose) -> np.ndarray:
    """The brushed top, linear RGB."""
    u, v = part_coordinates(SIZE, pose.centre, pose.degrees)
    streaks = _brushing(rng, u, v)
    # Brushing smears the lamp's reflection across its lines.
    lamp_x, lamp_y = rng.normal((-40, -50), 25)
    angle = np.deg2rad(pose.degrees)
    lamp_u = np.cos(angle) * lamp_x - np.sin(angle) * lamp_y
    lamp_v = np.sin(angle) * lamp_x + np.cos(angle) * lamp_y
    waves = fractal_noise(rng, SIZE, 3.2)
    glow = np.exp(-(((u - lamp_u + 16 * waves) / 150) ** 2) - ((v - lamp_v) / 420) ** 2)
    tone = (0.19 + 0.42 * glow) * (1 + 0.022 * waves)
    tone *= 1 + (0.07 + 0.06 * glow) * streaks
    tone *= 1 + 0.020 * fractal_noise(rng, SIZE, 0.6)
    face = tone[..., None] * np.array([1.0, 0.985, 0.955], np.float32)
    stain = np.clip(fractal_noise(rng, SIZE, 2.6) - 0.8, 0, 2)
    face *= 1 - stain[..., None] * np.array([0.03, 0.035, 0.045], np.float32)
    return _handling_marks(rng, pose, face.astype(np.float32))


def _brushing(rng: Generator, u: np.ndarray, v: np.ndarray) -> np.ndarray:
    """Fine lines along u, of many lengths and strengths, standard deviation about 1."""
    total = np.zeros(SIZE, np.float32)
    for length, beta, weight in ((90, 0.3, 0.55), (30, 0.5, 0.55), (200, 1.1, 0.6)):
        lines = fractal_noise(rng, (640, 640), beta, (1, length))
        total += weight * cv2.remap(
            lines, u + 320, v + 320, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT
        )
    return total


def _handling_marks(rng: Generator, pose: Pose, face: np.ndarray) -> np.ndarray:
    """Hairlines from lying in a box with others: every good part has some."""
    marks = np.zeros(SIZE, np.float32)
    for _ in range(rng.integers(8, 16)):
        start = np.array(pose.centre) + rng.uniform(-170, 170, 2)
        line = wandering_line(rng, tuple(start), rng.uniform(0, 360), rng.uniform(15, 60), 1.5)
        marks = np.maximum(marks, rng.uniform(0.2, 1.0) * line_mask(SIZE, line, 0.7))
    return face * (1 + 0.05 * marks[..., None])


def _edge(rng: Generator, pose: Pose, face: np.ndarray, outline: np.ndarray) -> np.ndarray:
    """The face with its rounded edges."""
    wobble = cv2.GaussianBlur(fractal_noise(rng, SIZE, 1.6), (0, 0), 2.0)
    steep = np.clip(1 + (outline + 0.5 * wobble) / ROLL_OVER, 0, 1) ** 1.4
    smooth = cv2.GaussianBlur(outline, (0, 0), 2.0)
    dy, dx = np.gradient(smooth)
    mirrored = _surroundings(np.arctan2(dy, dx))[..., None] * np.array([1.0, 0.99, 0.97])
    # The first part of the curve still mirrors the lamp's softbox on one side.
    lean = np.cos(np.arctan2(dy, dx) - LIGHT_AZIMUTH)
    bent = face * (1 + 0.75 * lean * np.sin(np.pi * np.clip(steep, 0, 1)))[..., None]
    return blend(bent, mirrored.astype(np.float32), steep**2).astype(np.float32)


def _place_on_face(rng: Generator, pose: Pose, margin: float) -> tuple[float, float]:
    azimuth = rng.uniform(0, 2 * np.pi)
    radius = rng.uniform(pose.inner + margin, pose.outer - margin)
    return (
        float(pose.centre[0] + radius * np.cos(azimuth)),
        float(pose.centre[1] + radius * np.sin(azimuth)),
    )


def _scratch(rng: Generator, pose: Pose, face: np.ndarray) -> np.ndarray:
    """A hard edge dragged over the face: a furrow with one bright and one dark side."""
    place, degrees = _place_on_face(rng, pose, 20), rng.uniform(0, 360)
    length = rng.uniform(45, 150)
    for number in range(rng.integers(1, 4)):
        start = np.array(place) + rng.normal(0, 6, 2) * (number > 0)
        line = wandering_line(rng, tuple(start), degrees + rng.normal(0, 3), length, 1.8)
        width = rng.uniform(1.6, 2.8)
        side = np.array([0.8, 0.9]) * width * 0.6
        face = blend(face, face * 0.22, line_mask(SIZE, line + side, width))
        face = blend(face, face * 1.2 + 0.40, line_mask(SIZE, line - side / 2, width * 0.8))
        length *= rng.uniform(0.3, 0.7)
    return face


def _dent(rng: Generator, pose: Pose, face: np.ndarray) -> np.ndarray:
    """A knock: a shallow pit with a raised rim."""
    radius = rng.uniform(6, 17)
    pit = blob_mask(rng, SIZE, _place_on_face(rng, pose, radius + 12), radius, 0.35)
    depth = cv2.GaussianBlur(pit, (0, 0), radius * 0.28) * radius * rng.uniform(0.5, 0.8)
    rim = cv2.GaussianBlur(pit, (0, 0), radius * 0.6) * radius * 0.2
    dy, dx = np.gradient(rim - depth)
    towards_light = -(dx * LIGHT[0] + dy * LIGHT[1])
    lit = face * np.clip(1 + 1.6 * towards_light, 0.12, 2.6)[..., None]
    # The pit is crushed smooth and has lost the lines of the brush.
    crushed = lit * 0.86 + 0.02
    return blend(lit, crushed, cv2.GaussianBlur(pit, (0, 0), 1.5))


def _rust(rng: Generator, pose: Pose, face: np.ndarray) -> np.ndarray:
    """Red rust that eats its way out from a few spots."""
    place, radius = _place_on_face(rng, pose, 14), rng.uniform(9, 34)
    x, y = part_coordinates(SIZE, place, 0)
    fall = 1 - np.hypot(x, y) / radius
    eaten = fall + 0.30 * fractal_noise(rng, SIZE, 2.2) + 0.12 * fractal_noise(rng, SIZE, 0.8)
    halo = np.clip(eaten + 0.35, 0, 1) * np.clip(fall + 0.9, 0, 1)
    face = blend(face, face * np.array([0.80, 0.62, 0.42], np.float32), 0.75 * halo)
    cover = np.clip(2.2 * eaten, 0, 1) * np.clip(2 * fall + 0.9, 0, 1)
    age = np.clip(0.5 + 0.3 * fractal_noise(rng, SIZE, 1.0), 0, 1)
    colour = blend(np.array([0.055, 0.022, 0.012]), np.array([0.27, 0.105, 0.035]), age)
    return blend(face, colour.astype(np.float32), 0.93 * cover)


def _crack(rng: Generator, pose: Pose, face: np.ndarray) -> np.ndarray:
    """A crack from the hole or from the outer edge inwards."""
    azimuth, from_hole = rng.uniform(0, 2 * np.pi), rng.random() < 0.5
    radius = pose.inner - 2 if from_hole else pose.outer + 2
    start = np.array(pose.centre) + radius * np.array([np.cos(azimuth), np.sin(azimuth)])
    degrees = np.rad2deg(azimuth) + (0 if from_hole else 180) + rng.normal(0, 12)
    # Not a line that wanders: a crack turns at every grain, yet keeps going where the stress pulls.
    count = int(rng.uniform(35, 84) / 5)
    angles = np.deg2rad(degrees + rng.normal(0, 30, count))
    steps = rng.uniform(3, 7, (count, 1)) * np.stack([np.cos(angles), np.sin(angles)], axis=1)
    line = start + np.vstack([np.zeros(2), np.cumsum(steps, axis=0)])
    for number, width in enumerate(np.linspace(rng.uniform(2.0, 3.4), 1.0, 3)):
        part = line[number * len(line) // 3 : (number + 1) * len(line) // 3 + 1]
        face = blend(face, face * 1.25 + 0.05, line_mask(SIZE, np.add(part, (1.4, 1.6)), width))
        face = blend(face, np.float32(0.012) * np.ones_like(face), line_mask(SIZE, part, width))
    return face


def _nick(rng: Generator, pose: Pose) -> np.ndarray:
    """Return the signed distance from a piece broken off the outer edge, positive in it."""
    azimuth, radius = rng.uniform(0, 2 * np.pi), rng.uniform(7, 22)
    reach = pose.outer + radius * rng.uniform(0.1, 0.5)
    x, y = part_coordinates(SIZE, pose.centre, 0)
    x, y = x - reach * np.cos(azimuth), y - reach * np.sin(azimuth)
    angle = np.arctan2(y, x)
    ragged = sum(
        rng.normal(0, 0.10 / order**0.8) * np.cos(order * angle + rng.uniform(0, 2 * np.pi))
        for order in range(2, 14)
    )
    return (radius * (1 + ragged) - np.hypot(x, y)).astype(np.float32)


DRAW_DEFECT = {"scratch": _scratch, "dent": _dent, "rust": _rust, "crack": _crack}
KIND = PartKind("washer", "Steel washer", ("scratch", "dent", "rust", "crack", "nick"), draw)
