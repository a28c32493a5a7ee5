"""The 22 views that few-shot fitting makes of every normal picture.

The `paper` views are INP-Former's; the `station` views are ours.
"""

from __future__ import annotations

import math
import random

import torch
import torch.nn.functional as F
from torch import Tensor

ROTATIONS = tuple(sign * angle for angle in (11.25, 22.5, 33.75, 45.0) for sign in (1, -1))
# Diagonal shifts, in units of half the picture's width and height.
SHIFTS = tuple((x * d, y * d) for d in (0.2, 0.1) for x in (1, -1) for y in (1, -1))
VIEW_NAMES = (
    "identity",
    *(f"rotated {angle:+g}°" for angle in ROTATIONS),
    *(f"shifted {x:+g}, {y:+g}" for x, y in SHIFTS),
    "flipped",
    "grey",
    "turned 90°",
    "turned 180°",
    "turned 270°",
)
VIEW_COUNT = len(VIEW_NAMES)
# How one picture of an inspection station differs from the next, at most: degrees, and parts of
# the picture's sides, of its size, of its brightness and of one colour.
STATION_TURN, STATION_SHIFT, STATION_ZOOM = 4.0, 0.04, 0.03
STATION_LIGHT, STATION_TINT = 0.1, 0.03
# Of a slight view, which a model that saw the picture as it is should hardly find odder.
SLIGHT = 0.1
_GREY_WEIGHTS = (0.299, 0.587, 0.114)


def make_view(image: Tensor, index: int, kind: str = "paper") -> Tensor:
    """Return one view of a picture.

    Args:
        image: `(3, H, W)` in [0, 1].
        index: 0 to `VIEW_COUNT` - 1; for the paper's, in the order of `VIEW_NAMES`. The first
            view is the picture itself. There is a `station` and a `slight` view for
            any index.
        kind: `paper`, or `station`: small turns, shifts, sizes and lights, for parts that lie the
            same way in every picture; `slight` is a tenth of that.

    Returns:
        `(3, H, W)`, or `(3, W, H)` for a quarter turn. What a rotation or a shift uncovers is
        filled by reflection.
    """
    if index == 0:
        return image
    if kind in ("station", "slight"):
        return _station_view(image, index, 1.0 if kind == "station" else SLIGHT)
    index -= 1
    if index < len(ROTATIONS):
        return _warp(image, angle=math.radians(ROTATIONS[index]))
    index -= len(ROTATIONS)
    if index < len(SHIFTS):
        return _warp(image, shift=SHIFTS[index])
    index -= len(SHIFTS)
    if index == 0:
        return image.flip(-1)
    if index == 1:
        weights = torch.tensor(_GREY_WEIGHTS, dtype=image.dtype, device=image.device)
        return (weights[:, None, None] * image).sum(dim=0, keepdim=True).expand_as(image)
    return image.rot90(index - 1, dims=(-2, -1))


def _station_view(image: Tensor, index: int, strength: float) -> Tensor:
    """Return the picture as the station might have taken it; the same one for the same index."""
    rng = random.Random(index)

    def up_to(most: float) -> float:
        return strength * rng.uniform(-most, most)

    shift = (2 * up_to(STATION_SHIFT), 2 * up_to(STATION_SHIFT))  # the sampling grid is 2 wide
    angle, zoom = math.radians(up_to(STATION_TURN)), 1 + up_to(STATION_ZOOM)
    light = [1 + up_to(STATION_TINT) for _ in range(3)]
    gain = image.new_tensor(light).view(3, 1, 1) * (1 + up_to(STATION_LIGHT))
    return (_warp(image, angle, shift, zoom) * gain).clamp(0, 1)


def _warp(
    image: Tensor,
    angle: float = 0.0,
    shift: tuple[float, float] = (0.0, 0.0),
    zoom: float = 1.0,
) -> Tensor:
    """Rotate about the centre (radians), enlarge and shift, at the same aspect."""
    height, width = image.shape[-2:]
    cos, sin = math.cos(angle) / zoom, math.sin(angle) / zoom
    # The sampling grid is in half-widths and half-heights, hence the ratio of the sides.
    matrix = torch.tensor(
        [[cos, -sin * height / width, shift[0]], [sin * width / height, cos, shift[1]]],
        dtype=image.dtype,
        device=image.device,
    )
    grid = F.affine_grid(matrix[None], [1, *image.shape], align_corners=False)
    warped = F.grid_sample(
        image[None], grid, mode="bilinear", padding_mode="reflection", align_corners=False
    )
    return warped[0]
