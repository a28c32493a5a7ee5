"""Masks with one value per class: their regions, and their PNG files."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from inpformer.datasets.sample import load_mask
from inpformer.errors import UserError
from inpformer.images import check_pixels


@dataclass(frozen=True, eq=False)
class MaskRegion:
    """Connected pixels of one class; those that touch by a corner are connected.

    Attributes:
        value: The class, 1 to 255.
        box: `(left, top, width, height)` in pixels.
        pixels: `(height, width)` bool, the region inside its box.
        area: Pixels in it.
    """

    value: int
    box: tuple[int, int, int, int]
    pixels: np.ndarray
    area: int

    @property
    def slices(self) -> tuple[slice, slice]:
        """Rows and columns of the box."""
        left, top, width, height = self.box
        return slice(top, top + height), slice(left, left + width)

    def full(self, shape: tuple[int, int]) -> np.ndarray:
        """Return the region in a picture of `shape` `(H, W)`, bool."""
        whole = np.zeros(shape, bool)
        whole[self.slices] = self.pixels
        return whole


def find_mask_regions(mask: np.ndarray) -> list[MaskRegion]:
    """Find the regions of a mask.

    Args:
        mask: `(H, W)` uint8, 0 is background.

    Returns:
        By class, then by the row and column of the first pixel.
    """
    counts = np.bincount(mask.ravel(), minlength=256)
    values = [int(value) for value in np.flatnonzero(counts[1:]) + 1]
    return [region for value in values for region in _regions_of(mask, value)]


def _regions_of(mask: np.ndarray, value: int) -> list[MaskRegion]:
    left, top, width, height = cv2.boundingRect((mask == value).view(np.uint8))
    inside = (mask[top : top + height, left : left + width] == value).view(np.uint8)
    count, labels, stats, _ = cv2.connectedComponentsWithStats(inside, connectivity=8)
    found = []
    for label in range(1, count):
        x, y, w, h, area = (int(number) for number in stats[label])
        pixels = labels[y : y + h, x : x + w] == label
        region = MaskRegion(value, (left + x, top + y, w, h), pixels, area)
        found.append((top + y, left + x + int(pixels[0].argmax()), region))
    return [region for _, _, region in sorted(found, key=lambda item: item[:2])]


def encode_mask(mask: np.ndarray) -> bytes:
    """Return a mask `(H, W)` uint8 as a grey PNG file of 8 bits."""
    return cv2.imencode(".png", mask)[1].tobytes()


def read_class_mask(source: Path | bytes, name: str, shape: tuple[int, int]) -> np.ndarray:
    """Read a PNG file whose values, or palette numbers, are classes.

    Args:
        source: The file, or what is in it.
        name: What a message calls it.
        shape: `(H, W)` that it must have.

    Returns:
        `(H, W)` uint8, bit for bit as in the file.

    Raises:
        UserError: It is missing, damaged, of another size, or holds more than classes.
    """
    try:
        data = source if isinstance(source, bytes) else source.read_bytes()
    except OSError as error:
        raise UserError(f"The mask {name} is missing or cannot be opened.") from error
    values = _read_grey(data, name)
    if values.shape != shape:
        raise UserError(_size_problem(name, values.shape, shape))
    return values


def read_binary_mask(path: Path, shape: tuple[int, int]) -> np.ndarray:
    """Read a mask file that knows no classes, see `load_mask`.

    Args:
        path: A picture file.
        shape: `(H, W)` that it must have.

    Returns:
        `(H, W)` bool.

    Raises:
        UserError: It is missing, damaged, or of another size.
    """
    mask = load_mask(path)
    if mask.shape != shape:
        raise UserError(_size_problem(f"'{path.name}'", mask.shape, shape))
    return mask


def _read_grey(data: bytes, name: str) -> np.ndarray:
    Image.init()
    factory, accept = Image.OPEN["PNG"]
    if not accept(data[:16]):
        raise UserError(f"The mask {name} is no PNG file; save it as PNG.")
    try:
        picture = factory(BytesIO(data), "")
        check_pixels(picture.height, picture.width, f"The mask {name}")
        picture.load()
    except UserError:
        raise
    except Exception as error:  # damaged files make decoders raise anything
        raise UserError(
            f"The mask {name} is damaged or cut short; copy or export it again."
        ) from error
    if picture.mode == "1":
        return np.array(picture, np.uint8)
    values = np.array(picture)
    if values.ndim == 3 and (values[..., :3] == values[..., :1]).all():
        values = values[..., 0]
    if values.ndim != 2 or values.max(initial=0) > 255:
        raise UserError(
            f"The mask {name} is in colour; save it as a grey PNG with one value per class."
        )
    return values.astype(np.uint8)


def _size_problem(name: str, actual: tuple[int, ...], wanted: tuple[int, int]) -> str:
    return (
        f"The mask {name} is {actual[1]} × {actual[0]} pixels, but its picture is "
        f"{wanted[1]} × {wanted[0]}; both must have one size."
    )


class MaskCanvas:
    """A mask that is put together from pieces, each of a class and a source.

    Attributes:
        mask: `(H, W)` uint8.
        overlaps: Whether a piece covered another class.
    """

    def __init__(self, shape: tuple[int, int]) -> None:
        self.mask = np.zeros(shape, np.uint8)
        self.overlaps = False
        self._origins = np.zeros(shape, np.uint8)
        self._sources: list[str] = []

    def paint(
        self, pixels: np.ndarray, value: int, source: str, at: tuple[int, int] = (0, 0)
    ) -> None:
        """Set pixels to a class; a later piece lies above an earlier one.

        Args:
            pixels: `(h, w)` bool; what lies outside of the picture is left out.
            value: Class, 1 to 255.
            source: Who drew it.
            at: `(x, y)` of its upper left corner in the picture.
        """
        if source not in self._sources:
            self._sources.append(source)
        left, top = at
        pixels = pixels[max(0, -top) :, max(0, -left) :]
        rows = slice(max(0, top), max(0, top) + pixels.shape[0])
        columns = slice(max(0, left), max(0, left) + pixels.shape[1])
        mask, origins = self.mask[rows, columns], self._origins[rows, columns]
        inside = pixels[: mask.shape[0], : mask.shape[1]]
        self.overlaps |= bool(((mask != 0) & (mask != value) & inside).any())
        mask[inside] = value
        origins[inside] = self._sources.index(source)

    def sources(self) -> tuple[str, ...]:
        """Return the source of each region: its pieces', or `edited` where they differ."""
        return tuple(self._region_sources())

    def _region_sources(self) -> Iterator[str]:
        for region in find_mask_regions(self.mask):
            origins = np.unique(self._origins[region.slices][region.pixels])
            yield self._sources[origins[0]] if len(origins) == 1 else "edited"
