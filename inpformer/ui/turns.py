"""Who goes first: a visitor who waits for an answer, or long work, which then pauses."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

# What long work waits at most before it goes on all the same, and for how much of that time then:
# so that visitors who come one after the other do not keep a fit from ending.
PATIENCE_SECONDS, SHARE = 5.0, 0.5

_LOOK_SECONDS = 0.1


@dataclass
class Pace:
    """How patient some long work was.

    Attributes:
        waited: Seconds it gave way since it went on all the same last.
        free_until: Monotonic seconds until which it gives way to nobody.
    """

    waited: float = 0.0
    free_until: float = 0.0


class Turns:
    """Lets long work give way, between its steps, to whoever waits for an answer.

    Two cores that compute for both make the visitor wait twice as long, and longer where threads
    get into each other's way.

    Args:
        patience: Seconds after which long work goes on all the same, for a part of them.
    """

    def __init__(self, patience: float = PATIENCE_SECONDS) -> None:
        self._patience = patience
        self._waiting = 0
        self._changed = threading.Condition()

    @contextmanager
    def answering(self) -> Iterator[None]:
        """Answer a visitor; long work takes no new step meanwhile. May be done in many threads."""
        with self._changed:
            self._waiting += 1
        try:
            yield
        finally:
            with self._changed:
                self._waiting -= 1
                self._changed.notify_all()

    def give_way(self, pace: Pace, is_over: Callable[[], bool] = lambda: False) -> None:
        """Wait until nobody is being answered; called by long work between its steps.

        Args:
            pace: Of that work.
            is_over: Whether the work is to end, which then waits for nobody.
        """
        started = time.monotonic()
        if started < pace.free_until:
            return
        until = started + self._patience - pace.waited
        with self._changed:
            while self._waiting and not is_over() and (left := until - time.monotonic()) > 0:
                self._changed.wait(min(left, _LOOK_SECONDS))
        now = time.monotonic()
        pace.waited += now - started
        if pace.waited >= self._patience:
            pace.waited, pace.free_until = 0.0, now + SHARE * self._patience


# One for all visitors, as the machine is.
TURNS = Turns()
