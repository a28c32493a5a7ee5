"""Real defects on normal pictures: a region is cut out, changed a little, and pasted elsewhere."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import torch
from torch import Generator, Tensor

from inpformer.corrections import OWN_VIEWS
from inpformer.errors import UserError

# Room around a region, in pixels: enough to tell how bright the place was it comes from.
_MARGIN = 6
SCALE_RANGE = (0.75, 1.33)
# Parts of the full range: how much a pasted region may differ in brightness, and in one colour.
MAX_LIGHT, MAX_TINT = 0.08, 0.03
MAX_GAIN = 0.15
MAX_FEATHER = 3.0
MATCHED_SHARE = 0.5


@dataclass(frozen=True)
class RealAnomaly:
    """One region of a picture, with a little of what is around it.

    Attributes:
        pixels: `(h, w, 3)` float32 in [0, 1].
        mask: `(h, w)` bool, the region; never empty.
    """

    pixels: np.ndarray
    mask: np.ndarray


def own_view(image: Tensor, mask: Tensor, index: int) -> tuple[Tensor, Tensor]:
    """Return a view of a corrected picture with its mask, moved alike, pixel by pixel.

    Args:
        image: `(3, H, W)`.
        mask: `(H, W)`.
        index: 0 to `OWN_VIEWS` - 1: the picture itself, mirrored, upside down, both, and turned
            by a quarter.
    """
    if index == OWN_VIEWS - 1:
        return image.rot90(1, dims=(-2, -1)), mask.rot90(1, dims=(-2, -1))
    axes = [axis for axis, bit in ((-1, 1), (-2, 2)) if index & bit]
    return image.flip(axes), mask.flip(axes)


def cut_regions(image: Tensor, mask: Tensor) -> list[RealAnomaly]:
    """Cut the connected regions out of a corrected picture.

    Args:
        image: `(3, H, W)` in [0, 1].
        mask: `(H, W)` bool.

    Returns:
        One item per region, pixels that touch by a corner being one; none for an empty mask.
    """
    pixels = np.ascontiguousarray(image.cpu().numpy().transpose(1, 2, 0))
    flags = mask.cpu().numpy().astype(np.uint8)
    _, labels, stats, _ = cv2.connectedComponentsWithStats(flags, connectivity=8)
    regions = []
    for label, (left, top, width, height, _) in enumerate(stats[1:], start=1):
        rows = slice(max(0, top - _MARGIN), top + height + _MARGIN)
        columns = slice(max(0, left - _MARGIN), left + width + _MARGIN)
        regions.append(RealAnomaly(pixels[rows, columns].copy(), labels[rows, columns] == label))
    return regions


def paste_real_anomaly(
    image: Tensor, regions: Sequence[RealAnomaly], generator: Generator
) -> tuple[Tensor, Tensor]:
    """Paste one of the regions, changed a little, on a normal picture.

    It is turned, mirrored, scaled, given a slightly other light, and put wherever it fits, with a
    hard or a soft edge. Nothing outside the returned mask is changed.

    Args:
        image: `(3, H, W)` in [0, 1].
        regions: At least one.
        generator: Source of all randomness, on the CPU.

    Returns:
        Picture `(3, H, W)` in [0, 1] and its mask `(H, W)` bool, never empty.

    Raises:
        UserError: There is no region.
    """
    if not regions:
        raise UserError("Mark a defect in at least one picture to learn from.")
    size = (image.shape[-2], image.shape[-1])
    region = regions[_randint(generator, len(regions))]
    pixels, mask = _turned(region, size, generator)
    height, width = mask.shape
    top = _randint(generator, size[0] - height + 1)
    left = _randint(generator, size[1] - width + 1)
    place = (slice(top, top + height), slice(left, left + width))
    target = image[:, place[0], place[1]].cpu().numpy().transpose(1, 2, 0)
    pixels = _relit(pixels, mask, target, generator)
    opacity = _edge(mask, generator)[:, :, None]
    blended = (opacity * pixels + (1 - opacity) * target).clip(0, 1).astype(np.float32)
    pasted, whole_mask = image.clone(), torch.zeros(size, dtype=torch.bool, device=image.device)
    pasted[:, place[0], place[1]] = torch.from_numpy(blended.transpose(2, 0, 1)).to(image)
    whole_mask[place[0], place[1]] = torch.from_numpy(mask).to(image.device)
    return pasted, whole_mask


def _turned(
    region: RealAnomaly, size: tuple[int, int], generator: Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Turn, mirror and scale a region so that it fits into `size`; return pixels and mask."""
    angle = _uniform(generator, 0.0, 360.0)
    scale = math.exp(_uniform(generator, *map(math.log, SCALE_RANGE)))
    mirrored = _randint(generator, 2) == 1
    pixels, mask = region.pixels, region.mask
    if mirrored:
        pixels, mask = pixels[:, ::-1], mask[:, ::-1]
    # A large region that fits one way only, such as one as wide as the picture, is not turned.
    for turn, factor in ((angle, scale), (0.0, min(1.0, scale)), (0.0, _fitting(mask, size))):
        turned, turned_mask = _warp(np.ascontiguousarray(pixels), mask, turn, factor)
        if turned_mask.any() and all(
            inner <= outer for inner, outer in zip(turned_mask.shape, size, strict=True)
        ):
            return turned, turned_mask
    # Scaling lost it: what fits of it as it is.
    top, left = np.argwhere(mask)[0]
    place = (slice(top, top + size[0]), slice(left, left + size[1]))
    return pixels[place].copy(), mask[place].copy()


def _fitting(mask: np.ndarray, size: tuple[int, int]) -> float:
    rows, columns = _bounds(mask)
    return min(
        1.0,
        0.95 * size[0] / (rows.stop - rows.start),
        0.95 * size[1] / (columns.stop - columns.start),
    )


def _warp(
    pixels: np.ndarray, mask: np.ndarray, angle: float, scale: float
) -> tuple[np.ndarray, np.ndarray]:
    """Turn and scale about the middle; return the smallest box that holds the mask."""
    height, width = mask.shape
    side = math.ceil(math.hypot(height, width) * max(1.0, scale)) + 2
    matrix = cv2.getRotationMatrix2D(((width - 1) / 2, (height - 1) / 2), angle, scale)
    matrix[:, 2] += (side - 1) / 2 - np.array([(width - 1) / 2, (height - 1) / 2])
    warped = cv2.warpAffine(
        pixels, matrix, (side, side), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )
    share = cv2.warpAffine(mask.astype(np.float32), matrix, (side, side), flags=cv2.INTER_LINEAR)
    if share.max() == 0:
        return warped, share > 0
    # Half covered; a line of a pixel, spread over two, is covered less.
    turned = share >= 0.5 * share.max()
    rows, columns = _bounds(turned)
    return warped[rows, columns], turned[rows, columns]


def _bounds(mask: np.ndarray) -> tuple[slice, slice]:
    left, top, width, height = cv2.boundingRect(mask.astype(np.uint8))
    return slice(top, top + height), slice(left, left + width)


def _relit(
    pixels: np.ndarray, mask: np.ndarray, target: np.ndarray, generator: Generator
) -> np.ndarray:
    """Change light and colour a little; half the time, as bright as the place it comes to."""
    if _uniform(generator, 0.0, 1.0) < MATCHED_SHARE and not mask.all():
        pixels = pixels + (np.median(target, axis=(0, 1)) - np.median(pixels[~mask], axis=0))
    middle = pixels[mask].mean(axis=0)
    gain = 1 + _uniform(generator, -MAX_GAIN, MAX_GAIN)
    light = _uniform(generator, -MAX_LIGHT, MAX_LIGHT)
    tint = [_uniform(generator, -MAX_TINT, MAX_TINT) for _ in range(3)]
    return (pixels - middle) * gain + middle + light + np.array(tint, np.float32)


def _edge(mask: np.ndarray, generator: Generator) -> np.ndarray:
    """Return how opaque a region is, `(h, w)` in [0, 1]: full inside, soft at the edge or not."""
    inside = cv2.distanceTransform(np.pad(mask, 1).astype(np.uint8), cv2.DIST_L2, 3)[1:-1, 1:-1]
    # A thin scratch has no inside that a soft edge would leave.
    feather = min(_uniform(generator, 0.0, MAX_FEATHER), float(inside.max()) / 2)
    soft = _randint(generator, 2) == 1
    return (inside / (feather + 1)).clip(0, 1) * mask if soft else mask.astype(np.float32)


def _uniform(generator: Generator, low: float, high: float) -> float:
    return low + (high - low) * torch.rand((), generator=generator).item()


def _randint(generator: Generator, count: int) -> int:
    return int(torch.randint(count, (), generator=generator))
