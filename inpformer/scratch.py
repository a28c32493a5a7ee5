"""Folders for files that go nowhere else; what a process that was killed left in one goes later."""

from __future__ import annotations

import contextlib
import shutil
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from filelock import FileLock, Timeout

from inpformer.errors import DiskError
from inpformer.files import DISK_ERRORS, disk_problem

_PREFIX, _LOCK = "inpformer-scratch-", "in-use.lock"
# Whoever makes a folder has locked it by then.
_UNLOCKED_SECONDS = 60.0


@contextlib.contextmanager
def scratch_folder(name: str) -> Iterator[Path]:
    """Give an empty folder that is deleted at the end, and after a kill by whoever asks next.

    Args:
        name: What is made in it, for the words of a problem.

    Raises:
        DiskError: It cannot be made, or there is no space left in it.
    """
    remove_abandoned_scratch()
    with contextlib.ExitStack() as stack:
        try:
            made = tempfile.TemporaryDirectory(prefix=_PREFIX, ignore_cleanup_errors=True)
            folder = Path(stack.enter_context(made)) / "files"
            stack.enter_context(FileLock(folder.with_name(_LOCK)))
            folder.mkdir()
        except OSError as error:
            raise _problem(name, error) from error
        try:
            yield folder
        except OSError as error:
            if error.errno not in DISK_ERRORS:
                raise
            raise _problem(name, error) from error


def remove_abandoned_scratch() -> None:
    """Delete the folders of processes that do not run any more."""
    with contextlib.suppress(OSError):
        for folder in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*"):
            _remove_if_abandoned(folder)


def _remove_if_abandoned(folder: Path) -> None:
    # Another user's, or one that is in use.
    with contextlib.suppress(OSError, Timeout):
        lock = folder / _LOCK
        if lock.is_file() and abs(time.time() - lock.stat().st_mtime) > _UNLOCKED_SECONDS:
            with FileLock(lock, timeout=0):
                shutil.rmtree(folder / "files", ignore_errors=True)
            shutil.rmtree(folder, ignore_errors=True)


def _problem(name: str, error: OSError) -> DiskError:
    try:
        return disk_problem(Path(tempfile.gettempdir()) / name, error)
    except FileNotFoundError:  # Python has tried all places it knows
        return DiskError(
            f"There is no folder for temporary files to make {name} in; free some space, or name "
            "a folder in TMPDIR.",
            name,
        )
