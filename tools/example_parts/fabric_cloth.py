"""Woven cloth without its defects: a 2/2 twill of blue warp and undyed weft.

The cloth is drawn larger than the picture and reduced. Along a thread, places are counted in
crossings: 3.5 is the middle of the fourth thread that it meets.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import cv2
import numpy as np
from numpy.random import Generator

from example_parts.station import blend, fractal_noise, inside, part_coordinates, shade

_PICTURE = (512, 512)
SIZE = (768, 768)
COUNT = 100  # Threads each way; enough for every angle and pitch.
WARP_COLOUR = (0.060, 0.105, 0.185)
WEFT_COLOUR = (0.400, 0.365, 0.300)
_TABLE_COLOUR = (0.024, 0.024, 0.026)


@dataclass
class Yarns:
    """The threads that run one way; tables are `(thread, crossing)`.

    Attributes:
        colour: `(thread, crossing, 3)`, linear.
        width: Share of its lane that a thread fills.
        shift: How far it lies off the middle of its lane, in lanes.
        twist: Where the twist of each thread starts, `(thread,)`.
        cut: From where to where each thread is missing, `(thread, 2)`.
    """

    colour: np.ndarray
    width: np.ndarray
    shift: np.ndarray
    twist: np.ndarray
    cut: np.ndarray


@dataclass
class Strand:
    """A yarn that lies on the cloth: points `(n, 2)` (x, y), width in pixels and colour."""

    points: np.ndarray
    width: float
    colour: np.ndarray


@dataclass
class Cloth:
    """All that is drawn; fields are `(H, W)`.

    Attributes:
        warp: The threads that run down the picture.
        weft: The threads that run across it.
        warp_on_top: `(warp thread, weft thread)`, 1 where the warp is on top and -1 where not.
        lanes: Place of every pixel across the warp and across the weft, in threads.
        fibre: Noise along the warp and along the weft.
        fuzz: Coverage of the short fibres that stand off.
        folds: Slow change of the light.
        light: Direction to the light.
        dirt: Factors on the colour, `(H, W, 3)`.
        strands: Yarns that lie on the cloth.
    """

    warp: Yarns
    weft: Yarns
    warp_on_top: np.ndarray
    lanes: tuple[np.ndarray, np.ndarray]
    fibre: tuple[np.ndarray, np.ndarray]
    fuzz: np.ndarray
    folds: np.ndarray
    light: tuple[float, float, float]
    dirt: np.ndarray
    strands: list[Strand] = field(default_factory=list)


def _unevenness(rng: Generator, amount: float) -> np.ndarray:
    """Return how every thread varies along its length, `(thread, crossing)`."""
    values = rng.normal(0, 1, (COUNT, COUNT)).astype(np.float32)
    slow = cv2.GaussianBlur(values, (0, 0), sigmaX=2.5, sigmaY=0.01) * 2.0
    return amount * (0.5 * values + slow + 0.5 * rng.normal(0, 1, (COUNT, 1)))


def _spin(rng: Generator, colour: tuple[float, float, float], width: float) -> Yarns:
    tone = 1 + _unevenness(rng, 0.045) + 0.035 * rng.normal(0, 1, (COUNT, 1))
    tint = 1 + 0.007 * rng.normal(0, 1, (COUNT, 1, 3))
    return Yarns(
        colour=(np.asarray(colour) * tone[..., None] * tint).astype(np.float32),
        width=(width + _unevenness(rng, 0.035)).astype(np.float32),
        shift=_unevenness(rng, 0.03).astype(np.float32),
        twist=rng.uniform(0, 2 * np.pi, COUNT).astype(np.float32),
        cut=np.full((COUNT, 2), np.inf, np.float32),
    )


def _soft_field(rng: Generator, cells: int) -> np.ndarray:
    """Return a smooth random field over the cloth, mean 0 and standard deviation near 1."""
    return cv2.resize(
        rng.normal(0, 1, (cells, cells)).astype(np.float32), SIZE[::-1], None, 0, 0, 2
    )


def _draw_fuzz(rng: Generator, count: int) -> np.ndarray:
    """Return coverage `(H, W)` of the short fibres that stand off the yarns."""
    fuzz = np.zeros(SIZE, np.uint8)
    start = rng.uniform(0, SIZE[0], (count, 1, 2))
    angle = rng.uniform(0, 2 * np.pi, (count, 1)) + np.cumsum(rng.normal(0, 0.35, (count, 7)), 1)
    step = rng.uniform(1.5, 5.0, (count, 1, 1)) * np.stack([np.cos(angle), np.sin(angle)], 2)
    lines = np.round((start + np.cumsum(step, 1)) * 16).astype(np.int32)
    for line, strength in zip(lines, rng.integers(40, 200, count).tolist(), strict=True):
        cv2.polylines(fuzz, [line], False, strength, 1, cv2.LINE_AA, 4)
    return fuzz.astype(np.float32) / 255


def weave_cloth(rng: Generator) -> Cloth:
    """Return cloth without a defect."""
    centre = (384 + rng.uniform(-20, 20), 384 + rng.uniform(-20, 20))
    x, y = part_coordinates(SIZE, centre, rng.uniform(-3.0, 3.0))
    pitch = np.array([13.2, 14.6]) * rng.uniform(0.98, 1.02, 2)
    x = x + 0.012 * y * rng.uniform(-1, 1) + 1.6 * _soft_field(rng, 6)
    y = y + 2.2 * _soft_field(rng, 5)
    thread = np.arange(COUNT)
    over = (thread[:, None] + thread[None]) % 4 < 2
    middle = COUNT // 2
    return Cloth(
        warp=_spin(rng, WARP_COLOUR, 0.98),
        weft=_spin(rng, WEFT_COLOUR, 0.98),
        warp_on_top=np.where(over, 1.0, -1.0).astype(np.float32),
        lanes=(
            (x / pitch[0] + middle).astype(np.float32),
            (y / pitch[1] + middle).astype(np.float32),
        ),
        fibre=(
            fractal_noise(rng, SIZE, 1.0, (7, 1)),
            fractal_noise(rng, SIZE, 1.0, (1, 7)),
        ),
        fuzz=_draw_fuzz(rng, 1500),
        folds=_soft_field(rng, 5),
        light=(-0.75 + rng.uniform(-0.1, 0.1), -0.55 + rng.uniform(-0.1, 0.1), 1.0),
        dirt=np.ones((*SIZE, 3), np.float32),
    )


def _lay(
    yarns: Yarns, across: np.ndarray, along: np.ndarray, lift: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return height `(H, W)`, in pixels, and colour `(H, W, 3)` of the threads of one direction.

    Args:
        yarns: The threads.
        across: Lane of every pixel.
        along: Place of every pixel along its thread, in crossings.
        lift: `(thread, crossing)`, 1 where a thread is on top and -1 where it is below.
    """
    thread = np.clip(np.floor(across), 0, COUNT - 1)
    place = (along - 0.5).astype(np.float32)
    lane = thread.astype(np.int32)

    def read(table: np.ndarray, how: int = cv2.INTER_LINEAR) -> np.ndarray:
        return cv2.remap(table, place, thread, how, borderMode=cv2.BORDER_REPLICATE)

    # The cubic overshoots between two equal neighbours: there the thread arches.
    rise = read(np.ascontiguousarray(lift), cv2.INTER_CUBIC)
    from_cut = np.maximum(yarns.cut[lane, 0] - along, along - yarns.cut[lane, 1])
    from_cut = np.where(np.isfinite(from_cut), from_cut, 9).astype(np.float32)
    # A broken end thins out before it stops.
    width = read(yarns.width) * (1 + 0.07 * rise) * np.clip(0.55 + 0.7 * from_cut, 0.3, 1)
    side = (across - thread - 0.5 - read(yarns.shift)) / (0.5 * width)
    ragged = from_cut + 0.25 * np.sin(4 * side + 3 * yarns.twist[lane])
    roundness = np.sqrt(np.clip(1 - side**2, 0, 1))
    turn = np.arcsin(np.clip(side, -1, 1)) + 2 * np.pi * 0.62 * along + yarns.twist[lane]
    ply = np.sin(2 * turn)
    height = 2.7 * rise + 4.4 * roundness + 0.55 * ply * roundness
    colour = read(yarns.colour) * (1 + 0.16 * ply * roundness)[..., None]
    bare = (np.abs(side) > 1) | (ragged < 0)
    return np.where(bare, -12, height).astype(np.float32), colour


def _lay_strand(
    height: np.ndarray, colour: np.ndarray, strand: Strand, uneven: np.ndarray
) -> np.ndarray:
    """Put a loose yarn on top, in place; return how much light it leaves to the cloth below."""
    far = np.ones(SIZE, np.uint8)
    cv2.polylines(
        far, [np.round(strand.points * 16).astype(np.int32)[:, None]], False, 0, 1, cv2.LINE_8, 4
    )
    distance = cv2.distanceTransform(far, cv2.DIST_L2, 5)
    rows, columns = np.mgrid[: SIZE[0], : SIZE[1]].astype(np.float32)
    # Strands of a yarn lie askew; a fixed diagonal is near enough on a bent one.
    ply = np.sin(1.15 * rows + 0.75 * columns + 1.5 * uneven)
    distance = distance * (1 + 0.12 * uneven + 0.10 * ply)
    side = np.clip(distance / (strand.width / 2), 0, 1)
    roundness = np.sqrt(1 - side**2)
    coverage = inside(distance - strand.width / 2)
    bed = cv2.GaussianBlur(height, (0, 0), 6) + 3
    height += (bed + strand.width * (0.5 * roundness + 0.10 * ply) - height) * coverage
    colour += (strand.colour * (1 + 0.22 * ply + 0.10 * uneven)[..., None] - colour) * coverage[
        ..., None
    ]
    shadow = np.roll(coverage, (3, 4), (0, 1))
    return 1 - 0.65 * cv2.GaussianBlur(shadow, (0, 0), 2.5) * (1 - coverage)


def render_cloth(cloth: Cloth) -> np.ndarray:
    """Return the scene, linear RGB."""
    across, along = cloth.lanes
    warp, warp_colour = _lay(cloth.warp, across, along, cloth.warp_on_top)
    weft, weft_colour = _lay(cloth.weft, along, across, -cloth.warp_on_top.T)
    warp_is_top = warp > weft
    height = np.maximum(warp, weft)
    colour = np.where(warp_is_top[..., None], warp_colour, weft_colour)
    fibre = np.where(warp_is_top, *cloth.fibre)
    colour *= (1 + 0.16 * fibre)[..., None].clip(0.4, 1.8)
    height += 0.30 * fibre
    bare = height < -10
    colour[bare] = np.float32(_TABLE_COLOUR) * (1 + 0.3 * cloth.fibre[0][bare, None])
    light = np.ones(SIZE, np.float32)
    for strand in cloth.strands:
        light *= _lay_strand(height, colour, strand, cloth.fibre[0])
    around = cv2.GaussianBlur(height, (0, 0), 4)
    light *= np.clip(1 + 0.075 * (height - around), 0.35, 1.2) * (1 + 0.035 * cloth.folds)
    colour = blend(colour, np.float32([0.30, 0.30, 0.30]), 0.28 * cloth.fuzz * ~bare)
    gloss = np.where(bare, 0.0, 0.03).astype(np.float32)
    lit = shade(0.6 * height, colour * cloth.dirt, cloth.light, gloss, 10, 0.40)
    return cv2.resize(lit * light[..., None], _PICTURE[::-1], interpolation=cv2.INTER_AREA)
