"""Arrays as PNG files, written whole or not at all."""

from __future__ import annotations

import contextlib
import errno
import os
import uuid
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np

from inpformer.errors import UserError
from inpformer.pictures import stretch

if TYPE_CHECKING:
    pass


def to_uint16(anomaly_map: np.ndarray, value_range: tuple[float, float]) -> np.ndarray:
    """Return a map for a 16-bit picture.

    Args:
        anomaly_map: `(H, W)` float.
        value_range: Values that become 0 and 65535; values beyond are clipped, NaN becomes 0.

    Returns:
        `(H, W)` uint16, linear between the ends.
    """
    steps = np.rint(stretch(anomaly_map, value_range, 65535))
    return np.nan_to_num(steps, copy=False).astype(np.uint16)


def save_png(path: Path, array: np.ndarray) -> None:
    """Write a PNG file, whole or not at all; a file of that name is replaced.

    Args:
        path: In a folder that exists.
        array: `(H, W, 3)` uint8 RGB, or `(H, W)` uint8 or uint16 grey.

    Raises:
        UserError: The disk is full or the folder cannot be written to.
    """
    ordered = cv2.cvtColor(array, cv2.COLOR_RGB2BGR) if array.ndim == 3 else array
    data = cv2.imencode(".png", ordered)[1]
    partial = path.with_name(f".{uuid.uuid4().hex}.part")
    try:
        partial.write_bytes(data)
        os.replace(partial, path)
    except OSError as error:
        raise UserError(_save_problem(path, error)) from error
    finally:
        with contextlib.suppress(OSError):
            partial.unlink()


def _save_problem(path: Path, error: OSError) -> str:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return f"There is no space left to save {path.name}; free some space in {path.parent}."
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return f"{path.name} may not be written in {path.parent}; choose another folder."
    if not path.parent.is_dir():
        return f"There is no folder {path.parent} to save {path.name} in."
    return f"{path.name} could not be saved in {path.parent}: {error.strerror}."
