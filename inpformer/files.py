"""Files of ours, written whole or not at all: a reader never sees half of one."""

from __future__ import annotations

import contextlib
import errno
import glob
import io
import os
import shutil
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np

from inpformer.errors import DiskError
from inpformer.pictures import stretch

PARTIAL_SUFFIX = ".part"
# Of these it is sure that they are about the disk: what the Hub answers is an OSError, too.
DISK_ERRORS = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS)
_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n")
_RENAME_PAUSES = (0.01, 0.03, 0.1, 0.3)  # seconds
# Nobody writes one file for so long: whoever began it was killed.
_ABANDONED_SECONDS = 3600.0


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
    """Write a PNG file; a file of that name is replaced.

    Args:
        path: In a folder that exists.
        array: `(H, W, 3)` uint8 RGB, or `(H, W)` uint8 or uint16 grey.

    Raises:
        DiskError: The disk is full or the folder cannot be written to.
    """
    save_bytes(path, to_png(array))


def to_png(array: np.ndarray) -> bytes:
    """Return the content of a PNG file of `(H, W, 3)` uint8 RGB or `(H, W)` uint8 or uint16."""
    ordered = cv2.cvtColor(array, cv2.COLOR_RGB2BGR) if array.ndim == 3 else array
    return cv2.imencode(".png", ordered)[1].tobytes()


def to_jpeg(image: np.ndarray, quality: int = 85) -> bytes:
    """Return the content of a JPEG file of `(H, W, 3)` uint8 RGB."""
    ordered = cv2.cvtColor(image, cv2.COLOR_RGB2BGR)
    return cv2.imencode(".jpg", ordered, [cv2.IMWRITE_JPEG_QUALITY, quality])[1].tobytes()


def save_npy(path: Path, array: np.ndarray) -> None:
    """Write an array in numpy's format; a file of that name is replaced.

    Raises:
        DiskError: The disk is full or the folder cannot be written to.
    """
    stream = io.BytesIO()
    np.save(stream, array)
    save_bytes(path, stream.getvalue())


def save_bytes(path: Path, data: bytes, *, durable: bool = False) -> None:
    """Write a file; one of that name is replaced.

    Args:
        path: In a folder that exists.
        data: All of the file.
        durable: See `replacing`.

    Raises:
        DiskError: The disk is full or the folder cannot be written to.
    """
    with replacing(path, durable=durable) as partial:
        partial.write_bytes(data)


@contextlib.contextmanager
def replacing(path: Path, *, durable: bool = False) -> Iterator[Path]:
    """Give a name beside `path` to write to, and rename it to `path` once that went well.

    Args:
        path: The file to be.
        durable: Come back only when the disk has the file, so that a power cut does not lose it.

    Raises:
        DiskError: The disk is full or the folder cannot be written to; an older file stays.
    """
    # By a fresh name and not with `tempfile`, whose files only their owner may read.
    partial = path.with_name(f".{path.name}.{uuid.uuid4().hex}{PARTIAL_SUFFIX}")
    try:
        yield partial
        if durable:
            _flush_file(partial)
        _rename(partial, path)
        if durable:
            _flush_folder(path.parent)
        remove_abandoned(path)
    except OSError as error:
        raise disk_problem(path, error) from error
    finally:
        with contextlib.suppress(OSError):
            partial.unlink()


def make_folder(folder: Path) -> None:
    """Make a folder for results, unless it is there.

    Raises:
        DiskError: It cannot be made.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DiskError(
            f"The folder '{folder}' cannot be made; choose another one.", folder.name
        ) from error


def check_folder(folder: Path) -> None:
    """See that files can be written to a folder, or that it can be made; nothing is left there.

    For the beginning of long work: better now than after it.

    Raises:
        DiskError: Neither is possible.
    """
    existing = next(path for path in (folder, *folder.absolute().parents) if path.exists())
    probe = existing / f".{uuid.uuid4().hex}.part"
    try:
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise DiskError(
            f"Nothing can be written to '{folder}'; choose another folder, or free some space.",
            folder.name,
        ) from error


def _flush_file(path: Path) -> None:
    with path.open("r+b") as stream:  # Windows flushes only what is open for writing
        os.fsync(stream.fileno())


def _flush_folder(folder: Path) -> None:
    """Have the disk note the new name; Windows does that by itself and opens no folders."""
    if os.name == "nt":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def is_formula(text: str) -> bool:
    """Whether a spreadsheet takes a text for a formula, and runs it."""
    return text.lstrip(" ").startswith(_FORMULA_STARTS)


def remove_abandoned(path: Path) -> None:
    """Delete what writers of this very file or folder left half-written when they were killed."""
    for partial in path.parent.glob(f".{glob.escape(path.name)}.*{PARTIAL_SUFFIX}"):
        with contextlib.suppress(OSError):  # somebody else was faster
            if not is_abandoned(partial):
                continue
            if partial.is_dir():
                shutil.rmtree(partial, ignore_errors=True)
            else:
                partial.unlink()


def is_abandoned(path: Path) -> bool:
    """Whether nobody has written to a half-written file, or one in a folder, for an hour."""
    # By how far apart they are: a clock that was set back must not keep it for ever.
    now = time.time()
    ages = [abs(now - each.stat().st_mtime) for each in (path, *path.rglob("*"))]
    return min(ages) > _ABANDONED_SECONDS


def _rename(partial: Path, path: Path) -> None:
    for pause in _RENAME_PAUSES if os.name == "nt" else ():
        try:
            os.replace(partial, path)
            return
        except PermissionError:  # somebody is reading the old file, which Windows minds
            time.sleep(pause)
    os.replace(partial, path)


def disk_problem(path: Path, error: OSError) -> DiskError:
    """Return what to say where a file could not be saved at `path`."""
    return DiskError(_save_problem(path, error), path.name)


def _save_problem(path: Path, error: OSError) -> str:
    if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        return f"There is no space left to save {path.name}; free some space in {path.parent}."
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return f"{path.name} may not be written in {path.parent}; choose another folder."
    if path.is_dir():
        return f"There is a folder called {path.name} in {path.parent}; choose another name."
    if not path.parent.is_dir():
        return f"There is no folder {path.parent} to save {path.name} in."
    return f"{path.name} could not be saved in {path.parent}: {error.strerror or error}."


class UniqueNames:
    """Gives names that differ by more than capitals.

    Args:
        numbered: What a name becomes that was given before; `count` starts at 2.
    """

    def __init__(self, numbered: str = "{stem}-{count}{suffix}") -> None:
        self._numbered = numbered
        self._taken: set[str] = set()

    def give(self, stem: str, suffix: str = "") -> str:
        """Return `stem + suffix`, or the next numbered form of it that is free."""
        name, count = stem + suffix, 1
        while name.casefold() in self._taken:
            count += 1
            name = self._numbered.format(stem=stem, count=count, suffix=suffix)
        self._taken.add(name.casefold())
        return name
