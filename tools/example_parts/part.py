"""What a kind of example part is, and how one picture of it is made."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.random import Generator, default_rng

from example_parts.station import develop, difference_mask, expose, random_shot

_TRIES = 20
_SMALLEST_DEFECT = 30


@dataclass(frozen=True)
class PartKind:
    """A kind of part.

    Attributes:
        name: Folder name, such as `washer`.
        title: What people call it.
        defects: Names of its defects, folder names.
        draw: `draw(rng, defect, defect_rng)` returns the scene, linear RGB `(H, W, 3)`. All but
            the defect comes from `rng`, in the same order with and without one; a defect, if
            `defect` is not None, draws its own numbers from `defect_rng`.
    """

    name: str
    title: str
    defects: tuple[str, ...]
    draw: Callable[[Generator, str | None, Generator], np.ndarray]


def make_picture(
    kind: PartKind, seed: int, index: int, defect: str | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Take one picture.

    The mask of a defect is exact: the part is drawn with and without it, and the mask is where
    the two pictures differ before the sensor adds its noise.

    Args:
        kind: What stands at the station.
        seed: Picks the series.
        index: Picks the picture of the series.
        defect: One of the kind's defects; None for a good part.

    Returns:
        Picture `(H, W, 3)` uint8 RGB and mask `(H, W)` bool, empty for a good part.
    """
    # Not `hash`, which differs from one run of Python to the next.
    key = [seed, zlib.crc32(f"{kind.name}/{defect}".encode()), index]
    scene_rng = default_rng([*key, 0])
    shot = random_shot(scene_rng)
    state = scene_rng.bit_generator.state
    clean = expose(kind.draw(scene_rng, None, default_rng(0)), shot)
    if defect is None:
        return develop(default_rng([*key, 1]), clean, shot), np.zeros(clean.shape[:2], bool)
    for attempt in range(_TRIES):
        scene_rng.bit_generator.state = state
        broken = expose(kind.draw(scene_rng, defect, default_rng([*key, 2, attempt])), shot)
        mask = difference_mask(clean, broken)
        if mask.sum() >= _SMALLEST_DEFECT:
            return develop(default_rng([*key, 1]), broken, shot), mask
    raise RuntimeError(f"{kind.name}: '{defect}' changed nothing in {_TRIES} tries")
