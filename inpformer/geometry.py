"""Which pixels of a picture the model sees, and where its maps lie in the picture."""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np
from PIL import Image

from inpformer.errors import ImageError, require


@dataclass(frozen=True)
class ImageGeometry:
    """Which pixels of a picture the model sees, and where its maps lie in the picture.

    The picture is resized to `resized_size`, of which the model sees `crop_box`. Pixel centres
    lie at half-integers in every frame.

    Attributes:
        picture_size: `(H, W)` in picture pixels.
        resized_size: `(H, W)` in model pixels.
        crop_box: Top, left, height and width in model pixels; whole patches.
        patch_size: Side of a patch in model pixels.
        name: `full` or `benchmark`.
    """

    picture_size: tuple[int, int]
    resized_size: tuple[int, int]
    crop_box: tuple[int, int, int, int]
    patch_size: int
    name: str

    @classmethod
    def full(
        cls, picture_size: tuple[int, int], patch_size: int, token_budget: int = 784
    ) -> ImageGeometry:
        """Show the whole picture, on the patch grid that keeps its aspect best.

        Args:
            picture_size: `(H, W)` in pixels.
            patch_size: Side of a patch in model pixels.
            token_budget: Most patches in the grid; at least 90% of them are used wherever a
                square grid of whole patches allows it.

        Raises:
            ConfigError: A size or the budget is below 1.
        """
        _require_positive(*picture_size, patch_size, token_budget)
        height, width = picture_size
        rows, columns = _choose_grid(min(height, width), max(height, width), token_budget)
        if height > width:
            rows, columns = columns, rows
        size = (rows * patch_size, columns * patch_size)
        return cls((height, width), size, (0, 0, *size), patch_size, "full")

    @classmethod
    def benchmark(
        cls, picture_size: tuple[int, int], patch_size: int, token_budget: int = 784
    ) -> ImageGeometry:
        """Show the middle of the squeezed picture, as the papers do: 448, cropped to 392.

        The grid is the largest square within the budget: 28 x 28 patches by default, so that a
        patch of 16 makes it 512, cropped to 448.

        Raises:
            ConfigError: A size or the budget is below 1.
        """
        _require_positive(*picture_size, patch_size, token_budget)
        crop = math.isqrt(token_budget) * patch_size
        border = crop // 14
        side = crop + 2 * border
        box = (border, border, crop, crop)
        return cls(tuple(picture_size), (side, side), box, patch_size, "benchmark")

    @property
    def input_size(self) -> tuple[int, int]:
        """`(h, w)` of what the model sees, in model pixels."""
        return self.crop_box[2:]

    @property
    def grid_size(self) -> tuple[int, int]:
        """Rows and columns of patches."""
        return self.crop_box[2] // self.patch_size, self.crop_box[3] // self.patch_size

    def to_input(self, image: np.ndarray) -> np.ndarray:
        """Return what the model sees, `(h, w, 3)` uint8.

        Args:
            image: `(H, W, 3)` uint8 RGB of size `picture_size`.

        Raises:
            ImageError: The picture has another size.
        """
        if image.shape[:2] != self.picture_size:
            raise ImageError(
                f"The picture has {image.shape[:2]} rows and columns where {self.picture_size} "
                "were expected; make a geometry for each size."
            )
        # Pillow's filter, as in the official preprocessing: it averages when it shrinks.
        size = self.resized_size[::-1]
        resized = Image.fromarray(image).resize(size, Image.Resampling.BILINEAR)
        top, left, height, width = self.crop_box
        return np.asarray(resized)[top : top + height, left : left + width].copy()

    def to_picture(self, values: np.ndarray, nearest: bool = False) -> np.ndarray:
        """Bring a map of what the model sees to the picture's size.

        Args:
            values: `(h', w')` of any resolution, covering `crop_box` exactly.
            nearest: Take the nearest value instead of mixing; for labels, whose type is kept.

        Returns:
            `(H, W)` float32, or the type of `values` if nearest; 0 where nothing was seen.

        Raises:
            ValueError: `values` is not a map of two dimensions.
        """
        if values.ndim != 2 or values.size == 0:
            raise ValueError(f"values must have shape (h, w), got {values.shape}")
        if not nearest:
            values = np.ascontiguousarray(values, dtype=np.float32)
            if self.input_size == self.resized_size:
                size = self.picture_size[::-1]
                return cv2.resize(values, size, interpolation=cv2.INTER_LINEAR)
        picture = np.zeros(self.picture_size, values.dtype)
        picture[self._seen(0), self._seen(1)] = self._sample(
            self._sample(values, 0, nearest), 1, nearest
        )
        return picture

    def mask_to_map(self, mask: np.ndarray, size: tuple[int, int]) -> np.ndarray:
        """Bring a mask to a map of what the model sees, as the official evaluator does.

        It is resized and cropped as the picture is, and then read at the nearest place.

        Args:
            mask: `(H, W)` bool of size `picture_size`.
            size: `(h, w)` of the map.

        Returns:
            `(h, w)` bool: where more than half is marked. A thin mark can be lost.

        Raises:
            ImageError: The mask has another size than the picture.
        """
        if mask.shape != self.picture_size:
            raise ImageError(
                f"The mask has {mask.shape} rows and columns where {self.picture_size} were "
                "expected; save it at the size of its picture."
            )
        grey = Image.fromarray(mask.astype(np.uint8) * 255)
        resized = np.asarray(grey.resize(self.resized_size[::-1], Image.Resampling.BILINEAR))
        top, left, height, width = self.crop_box
        # Whole numbers give the pixels that torch's mode "nearest" takes.
        rows = top + np.arange(size[0]) * height // size[0]
        columns = left + np.arange(size[1]) * width // size[1]
        return resized[np.ix_(rows, columns)] > 127

    def map_to_pixel(self, row: int, column: int, size: tuple[int, int]) -> tuple[int, int]:
        """Return column and row of the picture's pixel under the centre of a map's value.

        Args:
            row: Of the value.
            column: Of the value.
            size: `(h, w)` of the map.
        """
        pixel = []
        for axis, index in enumerate((row, column)):
            start, length = self.crop_box[axis], self.crop_box[axis + 2]
            total, resized = self.picture_size[axis], self.resized_size[axis]
            # (start + (index + 1/2) / size * length) / resized * total, in whole numbers.
            ahead = 2 * size[axis] * start + (2 * index + 1) * length
            pixel.append(ahead * total // (2 * size[axis] * resized))
        return pixel[1], pixel[0]

    def inspected_mask(self) -> np.ndarray:
        """Return `(H, W)` bool: the pixels whose centre the model sees."""
        mask = np.zeros(self.picture_size, bool)
        mask[self._seen(0), self._seen(1)] = True
        return mask

    def crop_to_inspected(self, image: np.ndarray) -> np.ndarray:
        """Return the part of a picture `(H, W, ...)` that the model sees, as a view."""
        return image[self._seen(0), self._seen(1)]

    def patch_at(self, x: int, y: int) -> tuple[int, int] | None:
        """Return row and column of the patch over the centre of a pixel; None if there is none.

        Args:
            x: Picture pixels from the left.
            y: Picture pixels from the top.
        """
        cell = []
        for axis, pixel in enumerate((int(y), int(x))):
            seen = self._seen(axis)
            if not seen.start <= pixel < seen.stop:
                return None
            total, resized = self.picture_size[axis], self.resized_size[axis]
            offset = (2 * pixel + 1) * resized - 2 * total * self.crop_box[axis]
            cell.append(offset // (2 * total * self.patch_size))
        return cell[0], cell[1]

    def patch_box(self, row: int, column: int) -> tuple[float, float, float, float]:
        """Return top, left, bottom and right edge of a patch, in picture pixels.

        Raises:
            ValueError: The grid has no such patch.
        """
        rows, columns = self.grid_size
        if not (0 <= row < rows and 0 <= column < columns):
            raise ValueError(f"no patch ({row}, {column}) in a grid of {rows} x {columns}")
        y_scale = self.picture_size[0] / self.resized_size[0]
        x_scale = self.picture_size[1] / self.resized_size[1]
        top = self.crop_box[0] + row * self.patch_size
        left = self.crop_box[1] + column * self.patch_size
        bottom, right = top + self.patch_size, left + self.patch_size
        return top * y_scale, left * x_scale, bottom * y_scale, right * x_scale

    def _seen(self, axis: int) -> slice:
        """Return the picture pixels on `axis` whose centre the model sees."""
        total, resized = self.picture_size[axis], self.resized_size[axis]
        start, size = self.crop_box[axis], self.crop_box[axis + 2]
        # Whole numbers, so that a centre on the very edge is decided alike everywhere.
        centres = (2 * np.arange(total) + 1) * resized
        low, high = np.searchsorted(centres, [2 * total * start, 2 * total * (start + size)])
        return slice(int(low), int(high))

    def _sample(self, values: np.ndarray, axis: int, nearest: bool) -> np.ndarray:
        """Read `values` along `axis` at the centres of the picture pixels that are seen."""
        seen, count = self._seen(axis), values.shape[axis]
        centres = (np.arange(seen.start, seen.stop) + 0.5) / self.picture_size[axis]
        inside = (centres * self.resized_size[axis] - self.crop_box[axis]) / self.crop_box[axis + 2]
        if nearest:
            cells = (inside * count).astype(np.intp).clip(0, count - 1)
            return values.take(cells, axis)
        places = (inside * count - 0.5).clip(0, count - 1)
        before = np.floor(places).astype(np.intp)
        after = np.minimum(before + 1, count - 1)
        share = (places - before).astype(np.float32)
        share = share[:, None] if axis == 0 else share
        return values.take(before, axis) * (1 - share) + values.take(after, axis) * share


def _require_positive(*numbers: int) -> None:
    require(min(numbers) >= 1, f"sizes and the token budget must be at least 1, got {numbers}")


def _choose_grid(short: int, long: int, token_budget: int) -> tuple[int, int]:
    """Return the patches along the short and the long side whose ratio is nearest."""
    # A square picture must have a square grid, even where that takes fewer tokens.
    fewest = min(math.ceil(0.9 * token_budget), math.isqrt(token_budget) ** 2)
    grids = (
        (rows, columns)
        for rows in range(1, math.isqrt(token_budget) + 1)
        for columns in range(max(rows, math.ceil(fewest / rows)), token_budget // rows + 1)
    )
    ratio = long / short
    return min(grids, key=lambda g: (abs(math.log(g[1] / g[0] / ratio)), -g[0] * g[1]))


def shrink_mask(mask: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Return a mask `(H, W)` bool at another size; a mark too thin for it is not lost.

    Args:
        mask: True in a defect.
        size: `(h, w)`. Of a mark thinner than half a pixel of it, what is nearest to one is kept.
    """
    if mask.shape == tuple(size):
        return mask
    if not mask.any():
        return np.zeros(size, bool)
    shares = cv2.resize(mask.astype(np.float32), size[::-1], interpolation=cv2.INTER_AREA)
    return shares >= min(0.5, float(shares.max()))
