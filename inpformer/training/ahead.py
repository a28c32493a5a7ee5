"""Things made in threads before they are needed, so that a step need not wait for files."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Generic, TypeVar

Key = TypeVar("Key", bound=Hashable)
Made = TypeVar("Made")


class Ahead(Generic[Key, Made]):
    """Makes a thing per key ahead of time.

    Args:
        make: What makes it; the same for the same key, whichever thread it runs in.
        workers: Threads.
    """

    def __init__(self, make: Callable[[Key], Made], workers: int) -> None:
        self._make = make
        self._pool = ThreadPoolExecutor(workers, thread_name_prefix="ahead")
        self._waiting: dict[Key, Future[Made]] = {}

    def plan(self, keys: Iterable[Key]) -> None:
        """Begin to make what will soon be asked for."""
        for key in keys:
            if key not in self._waiting:
                self._waiting[key] = self._pool.submit(self._make, key)

    def get(self, key: Key) -> Made:
        """Return what belongs to a key, at once if it was planned in time; it is then given away.

        Raises:
            UserError: What `make` raises.
        """
        waiting = self._waiting.pop(key, None)
        return self._make(key) if waiting is None else waiting.result()

    def close(self) -> None:
        """Drop what was planned but not asked for."""
        self._waiting.clear()
        self._pool.shutdown(wait=False, cancel_futures=True)
