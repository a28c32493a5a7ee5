"""Picture files in, checked RGB arrays out, and the one mapping between model and picture."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import BinaryIO

import numpy as np
from PIL import Image, ImageFile

from inpformer.errors import ImageError, one_line
from inpformer.pixels import SIDEWAYS, put_on_white, scale_to_uint8, to_rgb, turn_of
from inpformer.settings import MAX_MEGAPIXELS, value_of

IMAGE_SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".tif", ".tiff", ".webp", ".ppm", ".pgm")
MIN_SIDE = 8
MAX_ASPECT = 50

_FORMATS = ("PNG", "JPEG", "BMP", "GIF", "TIFF", "WEBP", "PPM")
_SUFFIXES = {
    "PNG": (".png",),
    "JPEG": (".jpg", ".jpeg"),
    "MPO": (".jpg", ".jpeg"),
    "BMP": (".bmp",),
    "GIF": (".gif",),
    "TIFF": (".tif", ".tiff"),
    "WEBP": (".webp",),
    "PPM": (".ppm", ".pgm"),
}
_logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class LoadedImage:
    """A picture read from a file.

    Attributes:
        image: `(H, W, 3)` uint8 RGB, upright.
        notes: What was done to it, in words for the user; empty for an ordinary picture.
    """

    image: np.ndarray
    notes: tuple[str, ...] = ()


class _StrictDecoding:
    """Keeps Pillow from half-using cut-off files, even if another library asked for that."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._readers = 0
        self._others_setting = False

    def __enter__(self) -> None:
        with self._lock:
            self._readers += 1
            if self._readers == 1:
                self._others_setting = ImageFile.LOAD_TRUNCATED_IMAGES
            ImageFile.LOAD_TRUNCATED_IMAGES = False

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self._readers -= 1
            if self._readers == 0 and self._others_setting:
                ImageFile.LOAD_TRUNCATED_IMAGES = True


_strict_decoding = _StrictDecoding()


def read_image(source: str | Path | BinaryIO) -> LoadedImage:
    """Read a picture file of any common kind, with notes on what was done to it.

    16-bit values are scaled to 8 bits, transparent parts put on white, EXIF rotation is applied
    and the first of several frames taken.

    Args:
        source: Path, or a file open for reading bytes; it is read from its start.

    Raises:
        ImageError: The file is missing, empty, damaged, cut short, no picture, or of a size that
            cannot be used; the message names it and says what to do.
    """
    name = _name_of(source)
    with _damage_named(name), _strict_decoding:
        picture = _open_picture(BytesIO(_read_bytes(source, name)), name)
        _check_size(picture.height, picture.width, name)
        picture.load()
        image, notes = to_rgb(picture, name)
        # Last, as counting moves to another frame. A JPEG with an MPO part is left out: it
        # holds previews or depth, not frames of the same rank.
        frame_count = 1 if picture.format == "MPO" else getattr(picture, "n_frames", 1)
        if frame_count > 1:
            notes.append(f"first of {frame_count} frames")
        return LoadedImage(image, tuple(notes))


def load_image(source: str | Path | BinaryIO) -> np.ndarray:
    """Read a picture file as `(H, W, 3)` uint8 RGB; notes on it go to the log.

    Raises:
        ImageError: See `read_image`.
    """
    loaded = read_image(source)
    if loaded.notes:
        _logger.info("%s: %s", _name_of(source), "; ".join(loaded.notes))
    return loaded.image


def check_image(image: np.ndarray) -> np.ndarray:
    """Return a caller's picture as contiguous `(H, W, 3)` uint8 RGB.

    Args:
        image: `(H, W)` grey, `(H, W, 3)` RGB or `(H, W, 4)` RGBA, put on white; uint8, or
            uint16, scaled by 1/257.

    Raises:
        ImageError: Another type or shape, or a size that cannot be used.
    """
    if not isinstance(image, np.ndarray):
        raise ImageError("Give the picture as a numpy array; load_image makes one from a file.")
    if image.dtype not in (np.uint8, np.uint16):
        raise ImageError(
            f"The picture holds {image.dtype} values; give whole numbers from 0 to 255 as uint8."
        )
    if image.ndim != 2 and not (image.ndim == 3 and image.shape[2] in (3, 4)):
        raise ImageError(
            "The picture must have shape (height, width), (height, width, 3) or "
            f"(height, width, 4), not {image.shape}."
        )
    _check_size(image.shape[0], image.shape[1])
    if image.dtype == np.uint16:
        image = scale_to_uint8(image)
    if image.ndim == 2:
        image = np.repeat(image[:, :, None], 3, axis=2)
    return np.ascontiguousarray(put_on_white(image) if image.shape[2] == 4 else image)


def _check_size(height: int, width: int, name: str = "The picture") -> None:
    """Refuse a picture that is too small, too large or too thin."""
    size = f"{name} is {width} × {height} pixels"
    if min(height, width) < MIN_SIDE:
        raise ImageError(f"{size}; use a picture of at least {MIN_SIDE} pixels on each side.")
    check_pixels(height, width, name)
    if max(height, width) > MAX_ASPECT * min(height, width):
        raise ImageError(
            f"{size}, more than {MAX_ASPECT} times as long as wide; crop it into shorter pieces."
        )


def check_pixels(height: int, width: int, name: str) -> None:
    """Refuse a picture or mask of more pixels than the operator allows.

    Raises:
        ImageError: It has more; `name` is what the message calls it.
    """
    limit = value_of("INPFORMER_MEGAPIXELS") or MAX_MEGAPIXELS
    size = f"{name} is {width} × {height} pixels"
    if height * width > 1_000_000 * limit:
        raise ImageError(f"{size}, above the limit of {limit} million; shrink or crop it first.")


def list_images(paths: Sequence[str | Path]) -> list[Path]:
    """Expand folders into the pictures in them, sorted; files stay as they are given.

    Folders are searched to the bottom for `IMAGE_SUFFIXES`; hidden files and folders are skipped
    and a file named twice is listed once.

    Raises:
        ImageError: A path does not exist, or a folder has no pictures.
    """
    if isinstance(paths, (str, Path)):
        paths = [paths]
    found: list[Path] = []
    for path in map(Path, paths):
        if not path.exists():
            raise ImageError(f"There is no file or folder '{path}'; check the path.")
        if not path.is_dir():
            found.append(path)
            continue
        inside = [item for item in sorted(path.rglob("*")) if _is_listed(item, path)]
        if not inside:
            kinds = ", ".join(IMAGE_SUFFIXES)
            raise ImageError(f"The folder '{path}' has no pictures; put some in it ({kinds}).")
        found.extend(inside)
    return list(dict.fromkeys(found))


def _is_listed(path: Path, folder: Path) -> bool:
    hidden = any(part.startswith(".") for part in path.relative_to(folder).parts)
    return not hidden and path.suffix.lower() in IMAGE_SUFFIXES and path.is_file()


@contextmanager
def _damage_named(name: str) -> Iterator[None]:
    """Say of whatever a decoder raises that the file is damaged."""
    try:
        yield
    except ImageError:
        raise
    except Exception as error:  # Damaged files make decoders raise anything.
        raise ImageError(
            f"{name} is damaged or cut short; copy or export it again, then retry."
        ) from error


def _name_of(source: object) -> str:
    path = source if isinstance(source, (str, Path)) else getattr(source, "name", None)
    # On one line: the name also goes to the log.
    return f"'{one_line(Path(path).name)}'" if isinstance(path, (str, Path)) else "The picture"


def _read_bytes(source: str | Path | BinaryIO, name: str) -> bytes:
    if not isinstance(source, (str, Path)):
        if source.seekable():
            source.seek(0)
        data = source.read()
    elif Path(source).is_dir():
        raise ImageError(f"'{source}' is a folder; choose a picture file in it.")
    elif not Path(source).is_file():
        raise ImageError(f"There is no file '{source}'; check the path.")
    else:
        try:
            data = Path(source).read_bytes()
        except OSError as error:
            raise ImageError(f"{name} cannot be opened; check who may read it.") from error
    if not data:
        raise ImageError(f"{name} is empty (0 bytes); copy or export it again.")
    return data


def _open_picture(stream: BinaryIO, name: str) -> ImageFile.ImageFile:
    """Read the header only.

    Not with `Image.open`, which judges large pictures by a process-wide setting before their size
    is known here, and knows formats that run other programs (EPS).
    """
    Image.init()
    prefix = stream.read(16)
    for kind in _FORMATS:
        factory, accept = Image.OPEN[kind]
        if accept(prefix) is True:
            stream.seek(0)
            return factory(stream, "")
    raise ImageError(f"{name} cannot be read as a picture; use PNG, JPEG, WebP, TIFF, BMP or GIF.")


@dataclass(frozen=True)
class PictureKind:
    """How a picture file is stored.

    Attributes:
        suffixes: Usual ends of such a file's name, the most usual one first.
        is_turned: Whether it lies or is mirrored, and only EXIF says how to turn it.
    """

    suffixes: tuple[str, ...]
    is_turned: bool


def picture_kind(source: str | Path | BinaryIO) -> PictureKind:
    """Look at the header of a picture file.

    Raises:
        ImageError: See `read_image`.
    """
    name = _name_of(source)
    data = _read_bytes(source, name)
    with _damage_named(name):
        picture = _open_picture(BytesIO(data), name)
        # Before a PNG is asked for EXIF, which may come last: all of it is unpacked for that.
        _check_size(picture.height, picture.width, name)
        return PictureKind(_SUFFIXES[picture.format], turn_of(picture) is not None)


def picture_size(path: str | Path) -> tuple[int, int]:
    """Return `(width, height)` of a picture file, upright; only its header is read.

    Raises:
        ImageError: The file cannot be opened, or does not begin like a picture.
    """
    name = _name_of(path)
    try:
        with open(path, "rb") as stream:
            picture = _open_picture(stream, name)
            # Asked for EXIF that is not in its header, a PNG reads all of itself.
            is_plain = picture.format == "PNG" and "exif" not in picture.info
            turn = None if is_plain else turn_of(picture)
    except ImageError:
        raise
    except OSError as error:
        raise ImageError(f"{name} cannot be opened; check who may read it.") from error
    except Exception as error:  # Damaged files make decoders raise anything.
        raise ImageError(
            f"{name} is damaged or cut short; copy or export it again, then retry."
        ) from error
    return picture.size[::-1] if turn in SIDEWAYS else picture.size
