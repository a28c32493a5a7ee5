"""Long work in a thread, whose steps come in handfuls a few times a second."""

from __future__ import annotations

import contextvars
import queue
import threading
from collections.abc import Callable, Iterator
from typing import Any


class Background:
    """Work in a thread of its own.

    A page that is told about every step lags behind; a thread lets the work go on meanwhile.

    Args:
        work: Is given what it tells its steps to, and returns the result.
        seconds: Between two handfuls of steps.

    Attributes:
        error: What the work ended with, if it did.
    """

    def __init__(self, work: Callable[[Callable[[Any], None]], Any], seconds: float) -> None:
        self.error: Exception | None = None
        self._result: Any = None
        self._steps: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self._seconds = seconds
        # Whom the work is for: on ZeroGPU it counts on that visitor's minutes.
        context = contextvars.copy_context()
        self._thread = threading.Thread(
            target=context.run, args=(self._run, work), daemon=True, name="fit"
        )

    def steps(self) -> Iterator[list[Any]]:
        """Start the work and yield new steps, at least one at a time, until it ends."""
        self._thread.start()
        while self._thread.is_alive():
            self._thread.join(self._seconds)
            if new := self._taken():
                yield new
        if new := self._taken():
            yield new

    def result(self) -> Any:
        """Return what the work returned, or raise what it ended with."""
        if self.error is not None:
            raise self.error
        return self._result

    def _run(self, work: Callable[[Callable[[Any], None]], Any]) -> None:
        try:
            self._result = work(self._steps.put)
        except Exception as error:
            self.error = error

    def _taken(self) -> list[Any]:
        taken = []
        while not self._steps.empty():
            taken.append(self._steps.get())
        return taken
