"""Who goes first: a visitor who waits for an answer, or long work, which then pauses."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

# So that visitors who come one after the other do not keep a fit from ending.
PATIENCE_SECONDS = 5.0


class Turns:
    """Lets long work give way, between its steps, to whoever waits for an answer.

    Two cores that compute for both make the visitor wait twice as long, and longer where threads
    get into each other's way.

    Args:
        patience: Seconds after which long work takes one step all the same.
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

    def give_way(self) -> None:
        """Wait until nobody is being answered; called by long work between its steps."""
        with self._changed:
            self._changed.wait_for(lambda: self._waiting == 0, self._patience)


# One for all visitors, as the machine is.
TURNS = Turns()
