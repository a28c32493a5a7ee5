"""The pixels of a decoded picture as RGB of 8 bits, upright, a band of rows at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
from PIL import ExifTags, Image

from inpformer.errors import ImageError

BAND_PIXELS = 1 << 20  # that are converted at a time
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
SIDEWAYS = tuple(_TURNS[number] for number in (5, 6, 7, 8))
# A picture that was turned, seen as it lay before.
_LYING: dict[Image.Transpose | None, Callable[[np.ndarray], np.ndarray]] = {
    None: lambda image: image,
    Image.Transpose.FLIP_LEFT_RIGHT: np.fliplr,
    Image.Transpose.FLIP_TOP_BOTTOM: np.flipud,
    Image.Transpose.ROTATE_180: lambda image: np.rot90(image, 2),
    Image.Transpose.ROTATE_90: lambda image: np.rot90(image, -1),
    Image.Transpose.ROTATE_270: np.rot90,
    Image.Transpose.TRANSPOSE: lambda image: image.swapaxes(0, 1),
    Image.Transpose.TRANSVERSE: lambda image: np.rot90(image, 2).swapaxes(0, 1),
}


def to_rgb(picture: Image.Image, name: str) -> tuple[np.ndarray, list[str]]:
    """Return `(H, W, 3)` uint8, upright, and notes.

    Band by band, into the one array that is returned: a whole picture in a second form, at the
    limit of pixels, would take most of a gigabyte, and turning it as much again.
    """
    turn = turn_of(picture)
    size = (picture.width, picture.height) if turn in SIDEWAYS else (picture.height, picture.width)
    image = np.empty((*size, 3), np.uint8)
    lying, is_transparent = _LYING[turn](image), False
    is_deep = picture.mode.startswith("I") or picture.mode == "F"
    scale = _deep_scale(picture, name) if is_deep else None
    for rows in _bands(picture.height, picture.width):
        band = _part(picture, rows)
        if scale is not None:
            lying[rows] = scale(np.asarray(band))[:, :, None]
        elif not picture.has_transparency_data:
            lying[rows] = np.asarray(_in_mode(band, "RGB"))
        else:
            rgba = np.asarray(_in_mode(band, "RGBA"))
            is_transparent |= rgba[:, :, 3].min() < 255
            lying[rows] = put_on_white(rgba)
    notes = ["transparent parts put on white"] if is_transparent else []
    return image, notes


def _part(picture: Image.Image, rows: slice) -> Image.Image:
    return picture.crop((0, rows.start, picture.width, min(rows.stop, picture.height)))


def _in_mode(picture: Image.Image, mode: str) -> Image.Image:
    # Pillow copies what is in the mode already, and these may be hundreds of megabytes.
    return picture if picture.mode == mode else picture.convert(mode)


def _deep_scale(picture: Image.Image, name: str) -> Callable[[np.ndarray], np.ndarray]:
    """Return what scales 16-bit whole numbers, or fractions from 0 to 1, to 8 bits.

    Raises:
        ImageError: The picture holds other values, of which nobody knows what white is.
    """
    bands = _bands(picture.height, picture.width)
    ranges = [(part.min(), part.max()) for part in (np.asarray(_part(picture, b)) for b in bands)]
    low, high = min(pair[0] for pair in ranges), max(pair[1] for pair in ranges)
    is_fraction = picture.mode == "F"
    if is_fraction and low >= 0 and high <= 1:
        return _fractions_to_uint8
    if not is_fraction and low >= 0 and high <= 65535:
        return scale_to_uint8
    allowed = "0 to 1" if is_fraction else "0 to 65535"
    raise ImageError(
        f"{name} holds values outside {allowed}; save it as a picture of 8 or 16 bits."
    )


def _fractions_to_uint8(values: np.ndarray) -> np.ndarray:
    return np.rint(values * 255).astype(np.uint8)


def scale_to_uint8(values: np.ndarray) -> np.ndarray:
    """Return whole numbers from 0 to 65535 `(H, W)` or `(H, W, C)` as uint8."""
    # 257 is odd, so adding 128 rounds to the nearest and no value lies half-way.
    scaled = np.empty(values.shape, np.uint8)
    for rows in _bands(*values.shape[:2]):
        scaled[rows] = (values[rows].astype(np.uint32) + 128) // 257
    return scaled


def put_on_white(rgba: np.ndarray) -> np.ndarray:
    """Return `(H, W, 3)` uint8 of `(H, W, 4)` uint8 with opacity."""
    image = np.empty((*rgba.shape[:2], 3), np.uint8)
    for rows in _bands(*rgba.shape[:2]):
        alpha = rgba[rows, :, 3:].astype(np.uint16)
        image[rows] = (rgba[rows, :, :3] * alpha + 255 * (255 - alpha) + 127) // 255
    return image


def _bands(height: int, width: int) -> Iterator[slice]:
    """Give some rows at a time: wide numbers of all pixels together take gigabytes."""
    step = max(1, BAND_PIXELS // max(1, width))
    return (slice(start, start + step) for start in range(0, height, step))


def turn_of(picture: Image.Image) -> Image.Transpose | None:
    """Return how to turn a picture, if its EXIF says so and can be read."""
    # Not ImageOps.exif_transpose: it also writes EXIF anew, which fails on odd but legible data.
    try:
        return _TURNS.get(picture.getexif().get(ExifTags.Base.Orientation))
    except Exception:
        return None
