"""From pictures to what the model is shown: geometry, tiles, tensors. The one preprocessing."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from inpformer.errors import ConfigError, UserError
from inpformer.geometry import ImageGeometry, shrink_mask
from inpformer.images import check_image
from inpformer.presets import EncoderConfig
from inpformer.tiling import auto_tiles, parse_tiles, tile_boxes

MAX_SHOTS = 16
GEOMETRIES = ("full", "benchmark")


def make_geometry(image: np.ndarray, name: str, encoder: EncoderConfig) -> ImageGeometry:
    """Return how the model sees a picture `(H, W, 3)`.

    Raises:
        ConfigError: There is no geometry called `name`.
    """
    return geometry_of_size(image.shape[:2], name, encoder)


def geometry_of_size(size: tuple[int, int], name: str, encoder: EncoderConfig) -> ImageGeometry:
    """Return how the model sees pictures of a size `(H, W)`; see `make_geometry`."""
    if name not in GEOMETRIES:
        raise ConfigError(f"geometry must be one of {GEOMETRIES}, got '{name}'.")
    make = ImageGeometry.benchmark if name == "benchmark" else ImageGeometry.full
    return make(size, encoder.patch_size, encoder.token_budget)


def tile_layout(image: np.ndarray, tiles: str, encoder: EncoderConfig) -> tuple[int, int] | None:
    """Return rows and columns of tiles for a picture; None where it is seen whole.

    Raises:
        ConfigError: `tiles` cannot be read.
    """
    layout = parse_tiles(tiles)
    if layout == "auto":
        rows, columns = make_geometry(image, "full", encoder).input_size
        layout = auto_tiles(image.shape[:2], rows * columns)
    return None if layout in (None, (1, 1)) else layout


def to_tensor(image: np.ndarray, geometry: ImageGeometry) -> Tensor:
    """Return the model's input `(3, h, w)` float32 in [0, 1]."""
    return pixels_tensor(geometry.to_input(image))


def mask_tensor(mask: np.ndarray, geometry: ImageGeometry) -> Tensor:
    """Return what of a mask `(H, W)` bool the model sees, `(h, w)` bool; may be empty."""
    top, left, height, width = geometry.crop_box
    shrunk = shrink_mask(mask, geometry.resized_size)
    return torch.from_numpy(shrunk[top : top + height, left : left + width].copy())


def pixels_tensor(pixels: np.ndarray) -> Tensor:
    """Return pixels `(h, w, 3)` uint8 as `(3, h, w)` float32 in [0, 1]."""
    return batch_tensor([pixels])[0]


def batch_tensor(pixels: Sequence[np.ndarray], device: torch.device | str = "cpu") -> Tensor:
    """Return pictures of one size, each `(h, w, 3)` uint8, as `(B, 3, h, w)` float32 in [0, 1]."""
    device, images = torch.device(device), torch.from_numpy(np.stack(pixels))
    if device.type == "cuda":
        images = images.pin_memory()
    # Bytes travel, a quarter of what the numbers made of them would be.
    images = images.to(device, non_blocking=True)
    return images.permute(0, 3, 1, 2).contiguous().float() / 255


def texture_tensor(image: np.ndarray) -> Tensor:
    """Return a picture of any size as `(3, H, W)` float32 in [0, 1].

    Raises:
        ImageError: It cannot be used.
    """
    return pixels_tensor(check_image(image))


def unique_images(images: Sequence[np.ndarray]) -> list[np.ndarray]:
    """Check pictures and return them without repeats; identical ones teach nothing twice.

    Raises:
        UserError: One cannot be used, there are none, or more than 16 different ones.
    """
    unique: list[np.ndarray] = []
    for image in images:
        checked = check_image(image)
        if not any(np.array_equal(checked, other) for other in unique):
            unique.append(checked)
    if not unique:
        raise UserError("Add at least 1 normal picture to fit a detector.")
    if len(unique) > MAX_SHOTS:
        raise UserError(
            f"A few-shot fit takes at most {MAX_SHOTS} normal pictures, and these are "
            f"{len(unique)}. Choose the {MAX_SHOTS} that differ most."
        )
    return unique


def shot_tensors(image: np.ndarray, tiles: str, encoder: EncoderConfig) -> list[Tensor]:
    """Return what the model sees of a shot: the whole picture, or one tensor per tile."""
    crops = [image[part] for part in _parts(image, tiles, encoder)]
    return [to_tensor(crop, make_geometry(crop, "full", encoder)) for crop in crops]


def masked_tensors(
    image: np.ndarray, mask: np.ndarray, tiles: str, encoder: EncoderConfig
) -> list[tuple[Tensor, Tensor]]:
    """Return what the model sees of a picture and its mask, without tiles that show no defect.

    Args:
        image: `(H, W, 3)` uint8 RGB.
        mask: `(H, W)` bool.
        tiles: As `AnomalyDetector.predict` takes them.
        encoder: Of the model.

    Returns:
        Per tile, or once for the whole picture, `(3, h, w)` in [0, 1] and `(h, w)` bool.
    """
    seen = []
    for part in _parts(image, tiles, encoder):
        if mask[part].any():
            geometry = make_geometry(image[part], "full", encoder)
            seen.append((to_tensor(image[part], geometry), mask_tensor(mask[part], geometry)))
    return seen


def _parts(image: np.ndarray, tiles: str, encoder: EncoderConfig) -> list[tuple[slice, slice]]:
    """Return where the model looks: once at the whole picture, or at each tile."""
    layout = tile_layout(image, tiles, encoder)
    boxes = [(0, 0, *image.shape[:2])] if layout is None else tile_boxes(image.shape[:2], layout)
    return [(slice(y, y + height), slice(x, x + width)) for y, x, height, width in boxes]
