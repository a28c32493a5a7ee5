"""Overlapping tiles, for pictures whose defects are small beside the whole."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Sequence
from itertools import zip_longest
from typing import Literal

import numpy as np

from inpformer.errors import ConfigError, require
from inpformer.images import MIN_SIDE

MAX_TILES = 16
MAX_AUTO_TILES = 8
MAX_REDUCTION = 2.0
DEFAULT_OVERLAP = 0.25

TileBox = tuple[int, int, int, int]


def parse_tiles(text: str) -> tuple[int, int] | Literal["auto"] | None:
    """Read a tile setting.

    Args:
        text: `""` or `none` for the whole picture, `auto`, or rows x columns such as `2x3`, in
            capitals or not.

    Returns:
        Rows and columns, `auto`, or None for the whole picture.

    Raises:
        ConfigError: Anything else, or more than `MAX_TILES` rows or columns.
    """
    setting = text.strip().lower()
    if setting in ("", "none"):
        return None
    if setting == "auto":
        return "auto"
    match = re.fullmatch(r"([0-9]{1,3})\s*[x×]\s*([0-9]{1,3})", setting)
    counts = tuple(int(part) for part in match.groups()) if match else ()
    if not counts or not all(1 <= count <= MAX_TILES for count in counts):
        raise ConfigError(
            f"Tiles must be 'none', 'auto', or rows x columns from 1 to {MAX_TILES} such as "
            f"'2x3', not '{text}'."
        )
    return counts[0], counts[1]


def tile_boxes(
    picture_size: tuple[int, int], tiles: tuple[int, int], overlap: float = DEFAULT_OVERLAP
) -> list[TileBox]:
    """Cover a picture with overlapping tiles of one size, row by row.

    Args:
        picture_size: `(H, W)` in pixels.
        tiles: Rows and columns of tiles.
        overlap: Share of a tile's side that it has in common with the next one, in `[0, 0.9]`;
            at least one pixel is.

    Returns:
        Top, left, height and width of each tile, in pixels.

    Raises:
        ConfigError: A count is below 1, `overlap` is out of range, or the tiles would be under
            `MIN_SIDE` pixels.
    """
    require(min(tiles) >= 1, f"there must be at least 1 row and 1 column of tiles, got {tiles}")
    require(0 <= overlap <= 0.9, f"overlap must be 0 to 0.9, got {overlap}")
    height, width = (
        _tile_side(length, count, overlap)
        for length, count in zip(picture_size, tiles, strict=True)
    )
    rows, columns = tiles
    require(
        min(height, width) >= MIN_SIDE,
        f"{rows}x{columns} tiles of a picture of {picture_size[1]} × {picture_size[0]} pixels "
        f"would be under {MIN_SIDE} pixels; choose fewer tiles, such as 1x1",
    )
    tops = _tile_starts(picture_size[0], height, rows)
    lefts = _tile_starts(picture_size[1], width, columns)
    return [(top, left, height, width) for top in tops for left in lefts]


def auto_tiles(picture_size: tuple[int, int], token_pixels: int) -> tuple[int, int]:
    """Choose tiles that the model sees reduced to no less than half their size.

    The longer side of the tile is divided further until that holds, so tiles stay near square.

    Args:
        picture_size: `(H, W)` in pixels.
        token_pixels: Pixels of one model input, such as 392 * 392.

    Returns:
        Rows and columns, at most `MAX_AUTO_TILES` each, with tiles of at least `MIN_SIDE` pixels,
        even if a tile is then reduced further; `(1, 1)` for a small picture.

    Raises:
        ConfigError: `token_pixels` is below 1.
    """
    require(token_pixels >= 1, f"token_pixels must be at least 1, got {token_pixels}")
    counts = [1, 1]
    while True:
        sides = [_tile_side(*axis) for axis in zip(picture_size, counts, strict=True)]
        divisible = [
            axis
            for axis in (0, 1)
            if counts[axis] < MAX_AUTO_TILES
            and _tile_side(picture_size[axis], counts[axis] + 1) >= MIN_SIDE
        ]
        if sides[0] * sides[1] <= token_pixels * MAX_REDUCTION**2 or not divisible:
            return counts[0], counts[1]
        longest = max(sides[axis] for axis in divisible)
        # Both at once if equal: turning the picture must turn the tiles.
        for axis in divisible:
            counts[axis] += sides[axis] == longest


def blend_tiles(
    picture_size: tuple[int, int], boxes: Sequence[TileBox], maps: Iterable[np.ndarray]
) -> np.ndarray:
    """Put the maps of overlapping tiles together, without seams.

    Each tile counts most in its middle and falls smoothly to its edges, where it saw least around.

    Args:
        picture_size: `(H, W)` in pixels.
        boxes: As `tile_boxes` gives them; every pixel lies in one at least.
        maps: One `(height, width)` map for each box; taken one by one, so that those of a large
            picture need not be in memory together.

    Returns:
        `(H, W)` float32, on the scale of `maps`.

    Raises:
        ValueError: Boxes and maps do not match, or a pixel lies in no box.
    """
    total = np.zeros(picture_size, np.float32)
    weight_sum = np.zeros(picture_size, np.float32)
    for box, values in zip_longest(boxes, maps):
        if box is None or values is None:
            raise ValueError(f"{len(boxes)} boxes need as many maps, one for each")
        top, left, height, width = box
        if values.shape != (height, width):
            raise ValueError(f"a map of a {(height, width)} box has shape {values.shape}")
        weight = np.outer(_raised_cosine(height), _raised_cosine(width)).astype(np.float32)
        part = (slice(top, top + height), slice(left, left + width))
        total[part] += weight * values
        weight_sum[part] += weight
    if weight_sum.min() <= 0:
        raise ValueError("the boxes do not cover the picture")
    total /= weight_sum
    return total


def _tile_side(length: int, count: int, overlap: float = DEFAULT_OVERLAP) -> int:
    """Return the side of `count` overlapping tiles that cover `length` pixels."""
    wanted = math.ceil(length / (count - (count - 1) * overlap))
    one_pixel_shared = math.ceil((length + count - 1) / count)
    return min(length, max(wanted, one_pixel_shared))


def _tile_starts(length: int, side: int, count: int) -> list[int]:
    steps = max(count - 1, 1)
    return [index * (length - side) // steps for index in range(count)]


def _raised_cosine(size: int) -> np.ndarray:
    """Return weights above 0 at the centres of `size` pixels; 1 in the middle."""
    return 0.5 - 0.5 * np.cos(2 * np.pi * (np.arange(size) + 0.5) / size)
