"""Keep freed memory in the process: a model asks for the same blocks again with every picture.

By default the C library gives blocks of a few megabytes back to the system at once, and the next
layer pays for every page of its result anew. Only for programs of their own: a library does not
change how its host allocates.
"""

from __future__ import annotations

import ctypes
import os
import sys

# Parameters of glibc's `mallopt`.
_TRIM_THRESHOLD, _MMAP_THRESHOLD, _ARENA_MAX = -1, -3, -8
_KEPT_BYTES = 256 << 20
# The most that glibc takes; larger blocks are still given back at once.
_LARGEST_KEPT_BLOCK = 32 << 20


def keep_freed_memory() -> bool:
    """Let this process keep up to 256 MiB of freed memory; say whether that could be set.

    Nothing is done where the C library is not glibc, or where an environment variable
    (`MALLOC_TRIM_THRESHOLD_` and its like) already says what the user wants.
    """
    if sys.platform != "linux" or any(name.startswith("MALLOC_") for name in os.environ):
        return False
    try:
        set_option = ctypes.CDLL("libc.so.6").mallopt
    except (OSError, AttributeError):
        return False
    # One arena: each thread that ever ran a model would else keep memory of its own.
    wanted = {_MMAP_THRESHOLD: _LARGEST_KEPT_BLOCK, _TRIM_THRESHOLD: _KEPT_BYTES, _ARENA_MAX: 1}
    return all(set_option(option, value) == 1 for option, value in wanted.items())
