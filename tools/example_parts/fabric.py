"""The defects of a woven fabric."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
from numpy.random import Generator

from example_parts.fabric_cloth import (
    COUNT,
    SIZE,
    WARP_COLOUR,
    WEFT_COLOUR,
    Cloth,
    Strand,
    Yarns,
    render_cloth,
    weave_cloth,
)
from example_parts.part import PartKind
from example_parts.station import blob_mask, inside


def _somewhere(rng: Generator, margin: int = 130) -> tuple[int, int]:
    """Return a pixel `(x, y)` of the cloth, away from the edges of the picture."""
    x, y = rng.integers(margin, SIZE[0] - margin, 2)
    return int(x), int(y)


def _lane_at(cloth: Cloth, pixel: tuple[int, int]) -> tuple[float, float]:
    x, y = pixel
    return float(cloth.lanes[0][y, x]), float(cloth.lanes[1][y, x])


def _pick_direction(cloth: Cloth, rng: Generator) -> tuple[Yarns, int, float, int]:
    """Return the threads of one way, a thread among them, a place on it and which way (0 warp)."""
    lane = _lane_at(cloth, _somewhere(rng))
    way = int(rng.integers(2))
    return (cloth.warp, cloth.weft)[way], int(lane[way]), lane[1 - way], way


def _break_thread(cloth: Cloth, rng: Generator) -> None:
    yarns, thread, place, way = _pick_direction(cloth, rng)
    half = rng.choice([rng.uniform(3, 9), rng.uniform(10, 25), 200.0])
    yarns.cut[thread] = place - half, place + half
    # The neighbours move into the empty lane.
    lanes = list(cloth.lanes)
    from_middle = lanes[way] - (thread + 0.5)
    beyond = np.abs(lanes[1 - way] - place) - half
    pull = 0.30 * inside(beyond, 6.0) * np.exp(-np.abs(from_middle) / 0.9)
    lanes[way] = (lanes[way] + np.clip(from_middle, -0.5, 0.5) * 2 * pull).astype(np.float32)
    cloth.lanes = (lanes[0], lanes[1])


def _tear_hole(cloth: Cloth, rng: Generator) -> None:
    warp_lane, weft_lane = _lane_at(cloth, _somewhere(rng))
    radius = rng.uniform(1.2, 4.5)
    ratio = rng.uniform(0.7, 1.6)
    for yarns, middle, place in (
        (cloth.warp, warp_lane, weft_lane),
        (cloth.weft, weft_lane, warp_lane),
    ):
        for thread in range(COUNT):
            off = (thread + 0.5 - middle) / radius
            if abs(off) < 1:
                ends = radius * ratio * np.sqrt(1 - off**2) * np.array([-1, 1])
                yarns.cut[thread] = place + ends + rng.normal(0, 0.25 * radius**0.5, 2)
        ratio = 1 / ratio
    x, y = cloth.lanes[0] - warp_lane, cloth.lanes[1] - weft_lane
    # The threads around are pushed outwards.
    distance = np.hypot(x, y) / radius
    push = 1 - 0.09 * np.exp(-((distance - 0.9) ** 2) / 0.08)
    cloth.lanes = (
        (warp_lane + x * push).astype(np.float32),
        (weft_lane + y * push).astype(np.float32),
    )
    _fray(cloth, rng, np.argwhere(np.abs(distance - 0.95) < 0.06), radius)


def _fray(cloth: Cloth, rng: Generator, rim: np.ndarray, radius: float) -> None:
    """Let single fibres hang into a hole from the pixels `rim` `(n, 2)` (row, column)."""
    middle = rim.mean(axis=0)
    for row, column in rim[rng.integers(0, len(rim), int(4 + 3 * radius))]:
        inwards = np.arctan2(middle[0] - row, middle[1] - column) + rng.normal(0, 0.6)
        bend = inwards + np.cumsum(rng.normal(0, 0.4, 8))
        step = rng.uniform(0.5, 1.1) * radius * np.stack([np.cos(bend), np.sin(bend)], 1)
        points = np.array([column, row]) + np.cumsum(step, 0)
        colour = np.float32(WARP_COLOUR if rng.random() < 0.5 else WEFT_COLOUR)
        cloth.strands.append(Strand(points, rng.uniform(1.2, 2.2), 0.6 * colour))


def _stain(cloth: Cloth, rng: Generator) -> None:
    radius = rng.uniform(13, 70)
    spot = blob_mask(rng, SIZE, _somewhere(rng), radius, 0.45)
    soft = cv2.GaussianBlur(spot, (0, 0), radius * rng.uniform(0.03, 0.13) + 1)
    # The yarns suck the liquid outwards, some farther than others.
    wicked = np.clip(soft + 0.16 * cloth.fibre[0] * soft * (1 - soft) * 2, 0, 1)
    rim = 4 * wicked * (1 - wicked)
    left = np.float32([(0.42, 0.40, 0.34), (0.62, 0.45, 0.28), (0.50, 0.48, 0.46)][rng.integers(3)])
    amount = rng.uniform(0.75, 1.0) * np.clip(0.9 * wicked + rng.uniform(0, 0.35) * rim, 0, 1)
    cloth.dirt = (1 + (left - 1) * amount[..., None]).astype(np.float32)


def _drop_thread(cloth: Cloth, rng: Generator) -> None:
    """Let a loose piece of yarn lie on the cloth."""
    steps = int(rng.uniform(16, 70))
    turn = rng.normal(0, 0.02) + cv2.GaussianBlur(rng.normal(0, 0.32, (steps, 1)), (0, 0), 3)[:, 0]
    angle = rng.uniform(0, 2 * np.pi) + np.cumsum(turn)
    path = np.cumsum(6 * np.stack([np.cos(angle), np.sin(angle)], 1), 0)
    points = path - path.mean(axis=0) + np.array(_somewhere(rng, 200))
    colour = np.float32(WARP_COLOUR if rng.random() < 0.4 else WEFT_COLOUR)
    cloth.strands.append(Strand(points, rng.uniform(4.5, 8.0), colour * rng.uniform(0.9, 1.2)))


def _weave_in_foreign(cloth: Cloth, rng: Generator) -> None:
    """Give one or two threads another colour for a while."""
    yarns, thread, place, _ = _pick_direction(cloth, rng)
    colours = [(0.30, 0.03, 0.03), (0.012, 0.012, 0.014), (0.62, 0.60, 0.55), (0.34, 0.20, 0.03)]
    colour = np.float32(colours[rng.integers(len(colours))])
    half = rng.uniform(1.5, 14)
    run = slice(max(0, int(place - half)), int(place + half) + 1)
    for lane in range(thread, thread + int(rng.integers(1, 3))):
        yarns.colour[lane, run] = colour * rng.uniform(0.85, 1.15)
        yarns.width[lane, run] += rng.uniform(0.0, 0.15)


def _misweave(cloth: Cloth, rng: Generator) -> None:
    """Let threads cross wrongly: a patch of floats, or picks that repeat."""
    warp_lane, weft_lane = (int(lane) for lane in _lane_at(cloth, _somewhere(rng)))
    if rng.random() < 0.35:
        start, end = warp_lane - int(rng.uniform(6, 60)), warp_lane + int(rng.uniform(6, 60))
        rows = slice(max(0, start), end)
        for lane in range(weft_lane, weft_lane + int(rng.integers(1, 3))):
            cloth.warp_on_top[rows, lane] = cloth.warp_on_top[rows, weft_lane - 1]
        return
    thread = np.arange(COUNT) + 0.5
    ratio = rng.uniform(0.5, 2.0)
    x = (thread[:, None] - warp_lane) / ratio**0.5
    y = (thread[None] - weft_lane) * ratio**0.5
    reach = rng.uniform(2.0, 6.0) + rng.normal(0, 0.7, (2, COUNT))
    wrong = rng.choice([-1.0, 1.0])
    # Some threads float over the whole patch; the ones between them still bind the cloth.
    floats = rng.random(COUNT) < 0.7
    patch = np.hypot(x, y) < (reach[0][:, None] if wrong > 0 else reach[1][None])
    patch &= floats[:, None] if wrong > 0 else floats[None]
    cloth.warp_on_top[patch] = wrong


_DEFECTS: dict[str, Callable[[Cloth, Generator], None]] = {
    "broken_thread": _break_thread,
    "foreign_yarn": _weave_in_foreign,
    "hole": _tear_hole,
    "loose_thread": _drop_thread,
    "misweave": _misweave,
    "stain": _stain,
}


def _draw(rng: Generator, defect: str | None, defect_rng: Generator) -> np.ndarray:
    cloth = weave_cloth(rng)
    if defect is not None:
        _DEFECTS[defect](cloth, defect_rng)
    return render_cloth(cloth)


KIND = PartKind("fabric", "Woven fabric", tuple(_DEFECTS), _draw)
