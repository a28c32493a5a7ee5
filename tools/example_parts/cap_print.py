"""The print on the cap: what the pad leaves, and how that goes wrong."""

from __future__ import annotations

from functools import cache

import cv2
import numpy as np
from numpy.random import Generator
from PIL import Image, ImageDraw, ImageFont

from example_parts.station import blob_mask, fractal_noise, inside, part_coordinates

SIZE = (512, 512)


@cache
def _text_strip(text: str, height: int, stroke: int, spacing: int) -> np.ndarray:
    """Return a line of text as coverage in [0, 1], letters spaced out."""
    font = ImageFont.load_default(height)
    widths = [font.getlength(letter) + spacing for letter in text]
    strip = Image.new("L", (int(sum(widths)) + 2 * stroke, int(1.3 * height)), 0)
    pen = ImageDraw.Draw(strip)
    for letter, left in zip(text, np.cumsum([stroke, *widths]), strict=False):
        pen.text((left, 0), letter, 255, font, stroke_width=stroke)
    return np.asarray(strip, np.float32) / 255


def _arc_text(
    radius: np.ndarray, azimuth: np.ndarray, text: str, baseline: float, below: bool
) -> np.ndarray:
    """Return coverage of text on a circle, above the centre or below it."""
    scale = 4
    strip = _text_strip(text, 25 * scale, 2, 4 * scale)
    if below:
        along, down = (np.pi / 2 - azimuth), radius - baseline
    else:
        along, down = _wrap(azimuth + np.pi / 2), baseline - radius
    x = (_wrap(along) * baseline * scale + strip.shape[1] / 2).astype(np.float32)
    y = (down * scale + strip.shape[0] / 2).astype(np.float32)
    soft = cv2.GaussianBlur(strip, (0, 0), scale / 2.5)
    return cv2.remap(soft, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT)


def _wrap(angle: np.ndarray) -> np.ndarray:
    return (angle + np.pi) % (2 * np.pi) - np.pi


def _straight_text(x: np.ndarray, y: np.ndarray, text: str, height: int) -> np.ndarray:
    """Return coverage of text in the middle of the coordinates."""
    scale = 4
    strip = cv2.GaussianBlur(_text_strip(text, height * scale, 9, 4 * scale), (0, 0), scale / 2.5)
    x = (x * scale + strip.shape[1] / 2).astype(np.float32)
    y = (y * scale + strip.shape[0] / 2).astype(np.float32)
    return cv2.remap(strip, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT)


def print_ink(rng: Generator, place: tuple[float, float], degrees: float) -> np.ndarray:
    """Print the cap.

    Args:
        rng: Source of randomness.
        place: Middle of the print, `(x, y)`.
        degrees: How far it is turned.

    Returns:
        How much ink lies where, `(H, W)` in [0, 1].
    """
    x, y = part_coordinates(SIZE, place, degrees)
    radius, azimuth = np.hypot(x, y), np.arctan2(y, x)
    ink = _arc_text(radius, azimuth, "PUSH DOWN WHILE", 104, below=False)
    ink = np.maximum(ink, _arc_text(radius, azimuth, "TURNING", 104, below=True))
    ink = np.maximum(ink, _straight_text(x, y - 4, "OPEN", 52))
    ink = np.maximum(ink, _arrow(x, y))
    # A pad leaves less ink where it lifts off, and a rough edge.
    patchy = 0.90 + 0.035 * fractal_noise(rng, SIZE, 1.6) + 0.03 * fractal_noise(rng, SIZE, 0.3)
    edge = np.clip((ink - 0.5 + 0.03 * fractal_noise(rng, SIZE, 0.8)) * 1.8 + 0.5, 0, 1)
    return np.clip(edge * patchy, 0, 1)


def _arrow(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Return coverage of the two bent arrows that say which way it opens."""
    total = np.zeros(SIZE, np.float32)
    for turn in (0.0, np.pi):
        azimuth = _wrap(np.arctan2(y, x) - turn)
        radius = np.hypot(x, y)
        bar = np.maximum(np.abs(radius - 68) - 2.6, (np.abs(azimuth + np.pi / 2) - 0.50) * 68)
        ahead = (azimuth + np.pi / 2 - 0.48) * 68
        head = np.maximum(-ahead, np.abs(radius - 68) - 8.5 + 0.62 * ahead)
        total = np.maximum(total, inside(np.minimum(bar, head), 1.2))
    return total


def _on_ink(rng: Generator, ink: np.ndarray) -> tuple[float, float]:
    rows, columns = np.nonzero(ink > 0.6)
    number = rng.integers(len(rows))
    return float(columns[number]), float(rows[number])


def _missing_print(rng: Generator, ink: np.ndarray) -> np.ndarray:
    """Dirt on the pad: a spot of the print is not there."""
    gap = np.zeros(SIZE, np.float32)
    place, radius = _on_ink(rng, ink), rng.uniform(9, 34)
    for _ in range(rng.integers(1, 4)):
        near = tuple(np.add(place, rng.normal(0, radius * 0.7, 2)))
        gap = np.maximum(gap, blob_mask(rng, SIZE, near, radius, 0.5))
    ragged = np.clip(gap * 1.5 - 0.25 + 0.25 * fractal_noise(rng, SIZE, 0.8), 0, 1)
    return ink * (1 - 0.96 * ragged * (gap > 0.02))


def _smeared_print(rng: Generator, ink: np.ndarray) -> np.ndarray:
    """Wet ink that something wiped over."""
    place, radius = _on_ink(rng, ink), rng.uniform(34, 80)
    degrees, length = np.deg2rad(rng.uniform(0, 360)), rng.uniform(12, 34)
    wiped = cv2.GaussianBlur(blob_mask(rng, SIZE, place, radius, 0.3), (0, 0), 5)
    trail = np.zeros(SIZE, np.float32)
    for step in np.linspace(0, length, int(length)):
        shift = np.float32([[1, 0, step * np.cos(degrees)], [0, 1, step * np.sin(degrees)]])
        trail = np.maximum(trail, (0.8 - 0.6 * step / length) * cv2.warpAffine(ink, shift, SIZE))
    streaks = np.clip(0.8 + 0.25 * fractal_noise(rng, SIZE, 1.4), 0, 1)
    return np.clip(ink * (1 - 0.35 * wiped) + wiped * trail * streaks * (1 - 0.5 * ink), 0, 1)


CHANGE_INK = {"missing_print": _missing_print, "smeared_print": _smeared_print}
