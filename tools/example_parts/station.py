"""The inspection station: surfaces, light and camera that all example parts share.

Scenes are linear RGB `(H, W, 3)` float32, 0 black and 1 white. Every random number comes from a
generator that is passed in.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.random import Generator

# A defect is where the picture visibly differs from the same picture without it.
VISIBLE_DIFFERENCE = 0.02


def fractal_noise(
    rng: Generator, size: tuple[int, int], beta: float = 2.0, stretch: tuple[float, float] = (1, 1)
) -> np.ndarray:
    """Return 1/f noise `(H, W)` float32 of mean 0 and standard deviation 1.

    Args:
        rng: Source of randomness.
        size: Height and width.
        beta: Fall of the power spectrum: 0 white, 2 cloudy, 3 smooth.
        stretch: How much longer structures are along y and along x.
    """
    height, width = size
    y = np.fft.fftfreq(height)[:, None] * stretch[0]
    x = np.fft.rfftfreq(width)[None] * stretch[1]
    radius = np.hypot(y, x)
    radius[0, 0] = 1.0
    spectrum = np.fft.rfft2(rng.standard_normal(size)) * radius ** (-beta / 2)
    spectrum[0, 0] = 0.0
    noise = np.fft.irfft2(spectrum, s=size)
    return (noise / (noise.std() + 1e-9)).astype(np.float32)


def part_coordinates(
    size: tuple[int, int], centre: tuple[float, float], degrees: float
) -> tuple[np.ndarray, np.ndarray]:
    """Return x and y of every pixel in the frame of a part, in pixels, `(H, W)` float32.

    Args:
        size: Height and width of the picture.
        centre: Where the part's origin lies, `(x, y)` in pixels.
        degrees: How far the part is turned, counter-clockwise.
    """
    rows, columns = np.mgrid[: size[0], : size[1]].astype(np.float32)
    dx, dy = columns - centre[0], rows - centre[1]
    angle = np.deg2rad(degrees)
    cosine, sine = np.float32(np.cos(angle)), np.float32(np.sin(angle))
    return cosine * dx - sine * dy, sine * dx + cosine * dy


def inside(signed_distance: np.ndarray, softness: float = 1.0) -> np.ndarray:
    """Return coverage in [0, 1] of a shape given by its signed distance (negative inside)."""
    return np.clip(0.5 - signed_distance / softness, 0, 1).astype(np.float32)


def blend(below: np.ndarray, above: np.ndarray, coverage: np.ndarray) -> np.ndarray:
    """Lay `above` over `below`, each `(H, W[, 3])` or a colour `(3,)`, by `coverage` `(H, W)`."""
    if {np.ndim(below), np.ndim(above)} & {1, 3}:
        coverage = coverage[..., None]
    return below + (above - below) * coverage


def shade(
    height: np.ndarray,
    albedo: np.ndarray,
    light: tuple[float, float, float],
    specular: float | np.ndarray = 0.0,
    shininess: float = 20.0,
    ambient: float = 0.35,
) -> np.ndarray:
    """Light a surface (Blinn-Phong) and return its linear RGB `(H, W, 3)`.

    Args:
        height: Relief `(H, W)` in pixels, larger is nearer to the camera.
        albedo: Colour `(H, W, 3)` or `(3,)`, linear.
        light: Direction to the light; x right, y down, z to the camera.
        specular: Strength of the highlight, a number or `(H, W)`.
        shininess: Sharpness of the highlight.
        ambient: Share of light that comes from everywhere.
    """
    dy, dx = np.gradient(height.astype(np.float32))
    normal = np.dstack([-dx, -dy, np.ones_like(dx)])
    normal /= np.linalg.norm(normal, axis=2, keepdims=True)
    to_light = np.asarray(light, np.float32) / np.linalg.norm(light)
    halfway = to_light + np.array([0, 0, 1], np.float32)
    halfway /= np.linalg.norm(halfway)
    diffuse = np.clip(normal @ to_light, 0, None) / max(float(to_light[2]), 0.2)
    highlight = np.clip(normal @ halfway, 0, None) ** shininess
    lit = (ambient + (1 - ambient) * diffuse)[..., None] * np.asarray(albedo, np.float32)
    return (lit + (specular * highlight)[..., None]).astype(np.float32)


def line_mask(
    size: tuple[int, int], points: np.ndarray, width: float, softness: float = 1.0
) -> np.ndarray:
    """Return coverage `(H, W)` of a polyline through `points` `(n, 2)` (x, y), `width` pixels."""
    # Drawn four times larger, or thin lines would be stairs; only around the line, to be quick.
    scale, margin = 4, int(width / 2 + softness) + 2
    low = np.maximum(np.floor(points.min(axis=0)).astype(int) - margin, 0)
    high = np.minimum(np.ceil(points.max(axis=0)).astype(int) + margin + 1, (size[1], size[0]))
    coverage = np.zeros(size, np.float32)
    columns, rows = high - low
    if columns <= 0 or rows <= 0:
        return coverage
    far = np.ones((rows * scale, columns * scale), np.uint8)
    enlarged = (points - low + 0.5) * scale - 0.5
    cv2.polylines(
        far, [np.round(enlarged * 16).astype(np.int32)[:, None]], False, 0, 1, cv2.LINE_8, 4
    )
    distance = cv2.distanceTransform(far, cv2.DIST_L2, 5) / scale
    fine = inside(distance - width / 2, softness)
    coverage[low[1] : high[1], low[0] : high[0]] = cv2.resize(
        fine, (int(columns), int(rows)), interpolation=cv2.INTER_AREA
    )
    return coverage


def lay_dust(scene: np.ndarray, place: tuple[float, float], radius: float, light: float) -> None:
    """Add a grain of dust to `scene` `(H, W, 3)`.

    Args:
        scene: Changed in place.
        place: `(x, y)`.
        radius: Standard deviation of its spot, pixels.
        light: What it adds in its middle.
    """
    reach = int(4 * radius) + 1
    left, top = (max(int(value) - reach, 0) for value in place)
    right, bottom = (max(int(value) + reach + 2, 0) for value in place)
    patch = scene[top:bottom, left:right]
    rows, columns = np.mgrid[: patch.shape[0], : patch.shape[1]]
    squared = (columns + left - place[0]) ** 2 + (rows + top - place[1]) ** 2
    patch += (light * np.exp(-squared / (2 * radius**2)))[..., None].astype(np.float32)


def wandering_line(
    rng: Generator, start: tuple[float, float], degrees: float, length: float, wobble: float
) -> np.ndarray:
    """Return points `(n, 2)` of a line that wanders, for cracks and scratches.

    Args:
        rng: Source of randomness.
        start: First point, `(x, y)`.
        degrees: Direction at the start.
        length: Pixels.
        wobble: Change of direction per step in degrees: 2 a scratch, 25 a crack.
    """
    count = max(2, int(length / 4))
    angles = np.deg2rad(degrees + np.cumsum(rng.normal(0, wobble, count)))
    steps = 4 * np.stack([np.cos(angles), np.sin(angles)], axis=1)
    return np.asarray(start, np.float64) + np.vstack([np.zeros(2), np.cumsum(steps, axis=0)])


def blob_mask(
    rng: Generator,
    size: tuple[int, int],
    centre: tuple[float, float],
    radius: float,
    roughness: float = 0.3,
) -> np.ndarray:
    """Return coverage `(H, W)` of an irregular spot, for stains, chips and holes."""
    x, y = part_coordinates(size, centre, 0)
    angle = np.arctan2(y, x)
    outline = np.full(size, radius, np.float32)
    for order in range(2, 7):
        amount = radius * roughness * rng.normal() / order
        outline += amount * np.cos(order * angle + rng.uniform(0, 2 * np.pi))
    return inside(np.hypot(x, y) - np.maximum(outline, 1.0), 1.5)


@dataclass(frozen=True)
class Shot:
    """How one picture is taken; the same with and without a defect.

    Attributes:
        exposure: Factor on the light.
        white_balance: Factors on red, green and blue.
        light_slope: Change of the light from one side to the other, `(x, y)`.
        vignette: Loss of light in the corners, 0 to 1.
        blur: Standard deviation of the lens blur, pixels.
        noise: Standard deviation of the sensor noise at mid-grey.
    """

    exposure: float
    white_balance: tuple[float, float, float]
    light_slope: tuple[float, float]
    vignette: float
    blur: float
    noise: float


def random_shot(rng: Generator) -> Shot:
    """Draw the small differences between one picture of a station and the next."""
    return Shot(
        exposure=float(rng.uniform(0.92, 1.08)),
        white_balance=tuple(float(value) for value in rng.uniform(0.985, 1.015, 3)),
        light_slope=tuple(float(value) for value in rng.uniform(-0.08, 0.08, 2)),
        vignette=float(rng.uniform(0.08, 0.16)),
        blur=float(rng.uniform(0.6, 0.9)),
        noise=float(rng.uniform(0.006, 0.010)),
    )


def expose(scene: np.ndarray, shot: Shot) -> np.ndarray:
    """Return what falls on the sensor: `scene` through light and lens, without noise."""
    height, width = scene.shape[:2]
    y, x = np.meshgrid(np.linspace(-1, 1, height), np.linspace(-1, 1, width), indexing="ij")
    light = 1 + shot.light_slope[0] * x + shot.light_slope[1] * y
    light *= 1 - shot.vignette * (x**2 + y**2) / 2
    seen = scene * light[..., None] * shot.exposure * np.asarray(shot.white_balance)
    return cv2.GaussianBlur(seen.astype(np.float32), (0, 0), shot.blur)


def develop(rng: Generator, exposed: np.ndarray, shot: Shot) -> np.ndarray:
    """Return the picture `(H, W, 3)` uint8 RGB: sensor noise, tone curve, 8 bits."""
    clipped = np.clip(exposed, 0, 1)
    # Shot noise grows with the light; its grain is about one and a half pixels after demosaicing.
    grain = cv2.GaussianBlur(rng.standard_normal(exposed.shape).astype(np.float32), (0, 0), 0.6)
    noisy = clipped + grain * 2.0 * shot.noise * np.sqrt(clipped + 0.02)
    encoded = np.clip(noisy, 0, 1) ** (1 / 2.2)
    return np.round(encoded * 255).astype(np.uint8)


def difference_mask(clean: np.ndarray, broken: np.ndarray) -> np.ndarray:
    """Return where two exposed pictures visibly differ, `(H, W)` bool, small gaps closed."""
    # Compared as they are seen: the eye and the tone curve stretch the dark.
    difference = np.abs(np.clip(clean, 0, 1) ** (1 / 2.2) - np.clip(broken, 0, 1) ** (1 / 2.2))
    mask = (difference.max(axis=2) > VISIBLE_DIFFERENCE).astype(np.uint8)
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (5, 5))
    mask = cv2.morphologyEx(mask, cv2.MORPH_CLOSE, kernel)
    contours, _ = cv2.findContours(mask, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    kept = [contour for contour in contours if cv2.contourArea(contour) >= 6]
    filled = cv2.drawContours(np.zeros_like(mask), kept, -1, 1, cv2.FILLED)
    return (mask & filled).astype(bool)
