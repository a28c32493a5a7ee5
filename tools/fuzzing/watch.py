"""Sees what a case does to the machine: files it changes, programs it starts, lines it logs."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

# The first is the ordinary unpickler's, which runs what a pickle says.
_RUNS = ("pickle.find_class", "subprocess.Popen", "os.system", "os.exec", "os.posix_spawn")
_LINKS = ("os.link", "os.symlink")
_CHANGES = ("os.mkdir", "os.rename", "os.remove", "os.rmdir", "os.chmod", *_LINKS)
_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC
_watches: list[Watch] = []


class Watch(logging.Handler):
    """What was seen of one case.

    Attributes:
        wrongs: What no case may do, in words.
        lines: What the program logged.

    Args:
        box: The only folder in which files may be changed.
    """

    def __init__(self, box: Path) -> None:
        super().__init__()
        self._box = str(box.resolve()) + os.sep
        self.wrongs: list[str] = []
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Keep a line of the log."""
        self.lines.append(record.getMessage())

    def note(self, event: str, values: tuple) -> None:
        """Look at one thing that the interpreter is about to do."""
        if event in _RUNS:
            self.wrongs.append(f"{event} {values[:2]!r:.300}")
        elif event == "socket.connect" and not _is_here(values[1]):
            self.wrongs.append(f"{event} {values[1]!r:.300}")
        elif event in _CHANGES or (event == "open" and _is_writing(*values[1:3])):
            # A link is made at its second name; the first may be any words.
            paths = values[1:2] if event in _LINKS else values[: 1 + (event == "os.rename")]
            self.wrongs += [f"{event} {path!r:.300}" for path in paths if not self._is_ours(path)]

    def _is_ours(self, path: Any) -> bool:
        if isinstance(path, int):  # of a file that is open already
            return True
        full = os.path.realpath(os.fsdecode(path))
        if full == os.devnull or "__pycache__" in full:  # what Python keeps of modules
            return True
        return f"{full}{os.sep}".startswith(self._box)


def _is_here(address: Any) -> bool:
    return not isinstance(address, tuple) or address[0] in ("127.0.0.1", "::1", "localhost")


def _is_writing(mode: Any, flags: Any) -> bool:
    named = isinstance(mode, str) and any(sign in mode for sign in "wax+")
    return named or (isinstance(flags, int) and bool(flags & _WRITING))


def _hook(event: str, values: tuple) -> None:
    for watch in _watches:
        watch.note(event, values)


@contextmanager
def watching(box: Path) -> Iterator[Watch]:
    """Watch this process until the block ends."""
    if not getattr(sys, "_fuzzing_is_watched", False):  # a hook stays until the process ends
        sys.addaudithook(_hook)
        sys._fuzzing_is_watched = True
    watch, logger = Watch(box), logging.getLogger("inpformer")
    level = logger.level
    logger.addHandler(watch)
    logger.setLevel(logging.DEBUG)
    _watches.append(watch)
    try:
        yield watch
    finally:
        _watches.remove(watch)
        logger.setLevel(level)
        logger.removeHandler(watch)
