"""What a store keeps of a picture that it is given."""

from __future__ import annotations

import io
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from inpformer.annotations.names import file_key
from inpformer.images import check_image, load_image, picture_kind


@dataclass(frozen=True)
class KeptPicture:
    """A picture file to keep.

    Attributes:
        data: Its bytes.
        size: `(width, height)` in pixels.
        suffixes: Usual ends of its name.
    """

    data: bytes
    size: tuple[int, int]
    suffixes: tuple[str, ...]

    def file_name(self, name: str) -> str:
        """Return the name of the file for a picture that people call `name`."""
        key = file_key(name)
        return key if key.endswith(self.suffixes) else key + self.suffixes[0]


def picture_to_keep(source: str | Path | bytes | np.ndarray) -> KeptPicture:
    """Return what to keep of a picture; see `AnnotationStore.add_picture`.

    Raises:
        ImageError: It cannot be used as a picture.
    """
    if isinstance(source, np.ndarray):
        return _as_png(check_image(source))
    stream = io.BytesIO(source) if isinstance(source, bytes) else source
    image, kind = load_image(stream), picture_kind(stream)
    if kind.is_turned:
        return _as_png(image)
    data = source if isinstance(source, bytes) else Path(source).read_bytes()
    return KeptPicture(data, image.shape[1::-1], kind.suffixes)


def _as_png(image: np.ndarray) -> KeptPicture:
    stream = io.BytesIO()
    Image.fromarray(image).save(stream, "PNG")
    return KeptPicture(stream.getvalue(), image.shape[1::-1], (".png",))
