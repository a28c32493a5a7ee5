"""The folder of a running server; what one that was killed left behind goes at the next start."""

from __future__ import annotations

import atexit
import contextlib
import shutil
import tempfile
import threading
from pathlib import Path

from filelock import FileLock, Timeout

_PREFIX, _LOCK, _UPLOADS = "inpformer-server-", "in-use.lock", "uploads.txt"


class ServerFolder:
    """A folder that is a server's for as long as its process lives, which a lock shows.

    Visitors' folders lie in it, and a list of their files in the web server's cache.

    Args:
        root: Where it is made; None for the place of temporary files.

    Attributes:
        path: The folder.
    """

    def __init__(self, root: Path | None = None) -> None:
        self.path = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=root))
        self._lock = FileLock(self.path / _LOCK)
        self._lock.acquire()
        self._noted: set[Path] = set()
        self._writing = threading.Lock()
        atexit.register(self.remove)

    def note(self, uploads: set[Path]) -> None:
        """Write down files that are to be deleted should this process be killed."""
        with self._writing:
            if not uploads <= self._noted:  # most answers show what was noted before
                self._noted |= uploads
                self._write()

    def cross_out(self, uploads: list[Path]) -> None:
        """Take files of a visitor who is forgotten from the list, which has their names."""
        with self._writing:
            self._noted -= {path.resolve() for path in uploads} | set(uploads)
            self._write()

    def remove(self) -> None:
        """Delete it, as the server ends."""
        self._lock.release()
        shutil.rmtree(self.path, ignore_errors=True)

    def _write(self) -> None:
        # A line of a name would name another file.
        lines = [f"{path}\n" for path in self._noted if "\n" not in str(path)]
        # With a full disk the visitor still gets their answer.
        with contextlib.suppress(OSError):
            (self.path / _UPLOADS).write_text("".join(lines), "utf-8")


def remove_leftovers(upload_root: Path, root: Path | None = None) -> None:
    """Delete what servers that were killed have left of their visitors.

    Args:
        upload_root: The web server's cache; nothing of their lists outside it is deleted.
        root: Where their folders lie; None for the place of temporary files.
    """
    for folder in Path(root or tempfile.gettempdir()).glob(f"{_PREFIX}*"):
        lock = FileLock(folder / _LOCK)
        # Another user's, or one that is in use.
        with contextlib.suppress(OSError, Timeout):
            if not (folder / _LOCK).is_file():
                continue
            lock.acquire(timeout=0)
            _delete_uploads(folder / _UPLOADS, upload_root.resolve())
            lock.release()
            shutil.rmtree(folder, ignore_errors=True)


def _delete_uploads(listed: Path, upload_root: Path) -> None:
    lines = listed.read_text("utf-8").splitlines() if listed.is_file() else []
    for path in (Path(line).resolve() for line in lines):
        if not path.is_relative_to(upload_root):
            continue
        with contextlib.suppress(OSError):
            path.unlink(missing_ok=True)
            if path.parent != upload_root:
                path.parent.rmdir()
