"""What a circuit board is painted with: layers of colour, relief and gloss, and their light."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import cv2
import numpy as np
from numpy.random import Generator

from example_parts.pcb_design import CANVAS, SCALE, canvas_point
from example_parts.station import blend, fractal_noise, inside

LIGHT = np.array([-0.45, -0.6, 1.0], np.float32)


class Coat(NamedTuple):
    """A material: linear RGB, share of mirror-like metal, strength of the highlight."""

    colour: tuple[float, float, float]
    metal: float = 0.0
    gloss: float = 0.05


SOLDER = Coat((0.74, 0.75, 0.77), 0.95, 0.0)
STEEL = Coat((0.62, 0.62, 0.62), 0.9, 0.0)
GOLD = Coat((0.78, 0.53, 0.2), 0.9, 0.0)
COPPER = Coat((0.72, 0.34, 0.17), 0.85, 0.0)
PLASTIC = Coat((0.022, 0.022, 0.025), 0.0, 0.03)
INK = Coat((0.6, 0.61, 0.57), 0.0, 0.02)


@dataclass
class Layers:
    """The board's surface, each `(H, W)` float32 (`albedo` RGB), at `SCALE` times the picture."""

    albedo: np.ndarray
    relief: np.ndarray
    metal: np.ndarray
    gloss: np.ndarray
    shadow: np.ndarray

    def lay(self, window: tuple, coverage: np.ndarray, coat: Coat, relief: np.ndarray) -> None:
        """Put `coat` with its `relief` in pixels where `coverage` is 1, within `window`."""
        colour = np.asarray(coat.colour, np.float32)
        self.albedo[window] = blend(self.albedo[window], colour, coverage)
        self.relief[window] = blend(self.relief[window], relief, coverage)
        self.metal[window] = blend(self.metal[window], np.float32(coat.metal), coverage)
        self.gloss[window] = blend(self.gloss[window], np.float32(coat.gloss), coverage)
        self.shadow[window] = blend(self.shadow[window], np.float32(1), coverage)


def light_layers(layers: Layers, rng: Generator, turn: float) -> np.ndarray:
    """Return linear RGB `(H, W, 3)` of the layers under a ring light and a lamp.

    Args:
        layers: The painted board.
        rng: Where the lamp's sheen falls.
        turn: How far the board is turned, in degrees: the lamp stays where it is.
    """
    dx = cv2.Sobel(layers.relief, cv2.CV_32F, 1, 0, ksize=3, scale=1 / 8)
    dy = cv2.Sobel(layers.relief, cv2.CV_32F, 0, 1, ksize=3, scale=1 / 8)
    angle = np.deg2rad(turn)
    lamp = np.array(
        [
            LIGHT[0] * np.cos(angle) - LIGHT[1] * np.sin(angle),
            LIGHT[0] * np.sin(angle) + LIGHT[1] * np.cos(angle),
            LIGHT[2],
        ],
        np.float32,
    )
    steep = np.sqrt(1 + dx**2 + dy**2)
    toward = (lamp[2] - lamp[0] * dx - lamp[1] * dy) / steep / lamp[2]
    # A lamp near the board: its mirror image is a broad sheen, not the whole board.
    rows, columns = np.mgrid[: CANVAS[0], : CANVAS[1]].astype(np.float32)
    place = rng.uniform((0.15, 0.1), (0.45, 0.4)) * (CANVAS[1], CANVAS[0])
    sheen = np.exp(-(((columns - place[0]) / 620) ** 2) - ((rows - place[1]) / 420) ** 2)
    # Slope along and across the lamp: metal shows it the ring light above, the dark room aside.
    slope = np.hypot(dx, dy)
    along = -(dx * lamp[0] + dy * lamp[1]) / (slope + 0.02)
    ring = np.exp(-(((slope - 0.42) / 0.26) ** 2)) * (1 + 0.55 * along)
    mirror = 0.24 + 0.6 * ring + 0.3 * sheen - 0.22 * np.clip(slope - 0.8, 0, 1)
    sparkle = np.exp(-(((dx + 0.32) / 0.16) ** 2) - ((dy + 0.4) / 0.16) ** 2)
    matte = 0.34 + 0.66 * np.clip(toward, 0, 1.9) * layers.shadow
    mirror = (mirror + 0.8 * sparkle) * (0.45 + 0.55 * layers.shadow)
    body = layers.albedo * (matte * (1 - layers.metal) + mirror * layers.metal)[..., None]
    flat = np.clip(1 - slope * 2, 0, 1)
    shine = layers.gloss * (0.8 * sheen * flat + 2.2 * sparkle) * layers.shadow
    return np.clip(body + shine[..., None], 0, 1.2)


@dataclass
class Brush:
    """Paints in the frame of one part, in picture pixels.

    Attributes:
        layers: Where to paint.
        place: Where the part lies on the board.
        degrees: How far it is turned, counter-clockwise.
        tone: Factor on its colours.
    """

    layers: Layers
    place: tuple[float, float]
    degrees: float = 0.0
    tone: float = 1.0

    def _window(
        self, x: float, y: float, wide: float, tall: float, room: float
    ) -> tuple[tuple, np.ndarray, np.ndarray]:
        """Return the window of the canvas round a box, and its coordinates, canvas pixels."""
        angle = np.deg2rad(self.degrees)
        cosine, sine = np.cos(angle), np.sin(angle)
        centre_x, centre_y = canvas_point(
            self.place[0] + cosine * x + sine * y, self.place[1] - sine * x + cosine * y
        )
        reach_x = (abs(cosine) * wide + abs(sine) * tall) * SCALE / 2 + room
        reach_y = (abs(sine) * wide + abs(cosine) * tall) * SCALE / 2 + room
        left, right = np.clip([centre_x - reach_x, centre_x + reach_x], 0, CANVAS[1]).astype(int)
        top, bottom = np.clip([centre_y - reach_y, centre_y + reach_y], 0, CANVAS[0]).astype(int)
        dx = np.arange(left, right, dtype=np.float32)[None] - np.float32(centre_x)
        dy = np.arange(top, bottom, dtype=np.float32)[:, None] - np.float32(centre_y)
        cosine, sine = np.float32(cosine), np.float32(sine)
        window = (slice(top, bottom), slice(left, right))
        return window, cosine * dx - sine * dy, sine * dx + cosine * dy

    def box(
        self,
        box: tuple[float, float, float, float],
        coat: Coat,
        lift: float = 1.0,
        bevel: float = 1.5,
        corner: float = 1.0,
        slope: tuple[float, float] = (0, 0),
    ) -> None:
        """Paint a rounded box `(x, y, width, height)`.

        Args:
            box: Centre and size.
            coat: Its material.
            lift: How high its top is above its rim.
            bevel: Width of its rounded rim.
            corner: Radius of its corners.
            slope: How its top leans, `(x, y)`.
        """
        x, y, width, height = box
        window, across, down = self._window(x, y, width, height, 3)
        corner *= SCALE
        beyond_x = np.abs(across) - (width * SCALE / 2 - corner)
        beyond_y = np.abs(down) - (height * SCALE / 2 - corner)
        outside = np.hypot(np.maximum(beyond_x, 0), np.maximum(beyond_y, 0))
        distance = outside + np.minimum(np.maximum(beyond_x, beyond_y), 0) - corner
        rim = np.clip(-distance / (bevel * SCALE), 0, 1)
        relief = lift * SCALE * np.sqrt(rim * (2 - rim)) + slope[0] * across + slope[1] * down
        toned = coat._replace(colour=tuple(self.tone * value for value in coat.colour))
        self.layers.lay(window, inside(distance, 1.5), toned, relief)

    def disc(self, x: float, y: float, radius: float, coat: Coat, **shape: float) -> None:
        """Paint a disc; `shape` as for `box`."""
        self.box((x, y, 2 * radius, 2 * radius), coat, corner=radius, **shape)

    def cast(self, box: tuple[float, float, float, float], height: float) -> None:
        """Darken what lies beside a box `height` pixels high."""
        x, y, width, tall = box
        window, across, down = self._window(x, y, width, tall, 5 * height + 2)
        shift = height * SCALE * 0.55
        for offset, soft, depth in ((shift, height * 1.6, 0.6), (shift / 4, height * 2.6, 0.45)):
            beyond_x = np.abs(across - offset) - width * SCALE / 2
            beyond_y = np.abs(down - offset * 1.2) - tall * SCALE / 2
            outside = np.hypot(np.maximum(beyond_x, 0), np.maximum(beyond_y, 0))
            shade = 1 - depth * np.clip(1 - outside / (soft + 1), 0, 1) ** 1.5
            self.layers.shadow[window] *= shade

    def text(self, x: float, y: float, words: str, size: float, coat: Coat, bold: int = 1) -> None:
        """Print `words` centred on `(x, y)`, `size` pixels high, without changing the relief."""
        zoom = 4
        face = cv2.FONT_HERSHEY_SIMPLEX
        scale = size * zoom / 21
        (wide, tall), _ = cv2.getTextSize(words, face, scale, bold * zoom)
        page = np.zeros((tall + 6 * zoom, wide + 6 * zoom), np.uint8)
        origin = (3 * zoom, tall + 3 * zoom)
        cv2.putText(page, words, origin, face, scale, 255, bold * zoom, cv2.LINE_AA)
        window, across, down = self._window(x, y, wide / zoom, tall / zoom, 8)
        map_x = across * (zoom / SCALE) + page.shape[1] / 2
        map_y = down * (zoom / SCALE) + page.shape[0] / 2
        page = cv2.GaussianBlur(page, (0, 0), zoom / SCALE / 2)
        coverage = cv2.remap(page, map_x, map_y, cv2.INTER_LINEAR).astype(np.float32) / 255
        self.layers.lay(window, coverage, coat, self.layers.relief[window])


def roughen(layers: Layers, rng: Generator) -> None:
    """Give every surface its small unevenness: grain on metal, dust and ripples elsewhere."""
    ripple = fractal_noise(rng, CANVAS, 2.2)
    grain = cv2.GaussianBlur(rng.standard_normal(CANVAS).astype(np.float32), (0, 0), 1.2)
    layers.relief += 0.25 * ripple + 0.30 * grain * layers.metal
    layers.albedo *= (1 + 0.05 * fractal_noise(rng, CANVAS, 1.2))[..., None]
