"""The folder with a store's masks, each written once and never changed."""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from inpformer.annotations.masks import encode_mask, read_class_mask
from inpformer.errors import UserError
from inpformer.files import save_bytes


@dataclass(frozen=True)
class MaskFile:
    """A stored mask.

    Attributes:
        file: Its file.
        sha256: Of that file, so that a damaged one is never taken for a mask.
    """

    file: str
    sha256: str


class MaskFolder:
    """Writes and reads masks; None stands for one that is all background."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def save(self, file: str, mask: np.ndarray) -> MaskFile | None:
        """Write a mask `(H, W)` uint8; it is on the disk when this comes back.

        Raises:
            UserError: It cannot be written.
        """
        if not mask.any():
            return None
        data = encode_mask(mask)
        save_bytes(self.folder / file, data, durable=True)
        return MaskFile(file, hashlib.sha256(data).hexdigest())

    def load(self, mask: MaskFile | None, shape: tuple[int, int]) -> np.ndarray:
        """Read a mask of `shape` `(H, W)`, bit for bit as it was saved.

        Raises:
            UserError: Its file is missing or is not what was saved.
        """
        if mask is None:
            return np.zeros(shape, np.uint8)
        path = self.folder / mask.file
        try:
            data = path.read_bytes()
        except OSError as error:
            raise UserError(f"The mask '{path}' is missing or cannot be opened.") from error
        if hashlib.sha256(data).hexdigest() != mask.sha256:
            raise UserError(
                f"The mask '{path}' is damaged; bring back a copy of it, or restore an earlier "
                "version."
            )
        return read_class_mask(data, f"'{path}'", shape)

    def drop(self, masks: Iterable[MaskFile | None]) -> None:
        """Remove masks that no version has any more."""
        for mask in set(masks) - {None}:
            with contextlib.suppress(OSError):  # somebody may be reading it
                (self.folder / mask.file).unlink()
