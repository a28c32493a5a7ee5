"""The 22 views that few-shot fitting makes of every normal picture (INP-Former, few-shot)."""

from __future__ import annotations

import math

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
_GREY_WEIGHTS = (0.299, 0.587, 0.114)


def make_view(image: Tensor, index: int) -> Tensor:
    """Return one view of a picture.

    Args:
        image: `(3, H, W)`.
        index: 0 to `VIEW_COUNT` - 1, in the order of `VIEW_NAMES`.

    Returns:
        `(3, H, W)`, or `(3, W, H)` for a quarter turn. What a rotation or a shift uncovers is
        filled by reflection.
    """
    if index == 0:
        return image
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


def _warp(image: Tensor, angle: float = 0.0, shift: tuple[float, float] = (0.0, 0.0)) -> Tensor:
    """Rotate about the centre (radians) and shift, without changing lengths in pixels."""
    height, width = image.shape[-2:]
    cos, sin = math.cos(angle), math.sin(angle)
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
