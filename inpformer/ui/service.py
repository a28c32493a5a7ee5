"""What runs on the server right now: each action with an id, its line in the log, and the end."""

from __future__ import annotations

import json
import logging
import threading
import time
import traceback
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field

logger = logging.getLogger("inpformer.actions")

_LAST_SECONDS = 5.0


@dataclass(frozen=True)
class Action:
    """One thing a visitor asked for.

    Attributes:
        name: Of the function that does it; nothing of the visitor's.
        id: In the log, and in what the visitor is told where it fails.
        began: Monotonic seconds.
    """

    name: str
    id: str = field(default_factory=lambda: uuid.uuid4().hex[:12])
    began: float = field(default_factory=time.monotonic)


class Service:
    """Counts what runs, writes one JSON line for each action, and knows whether the end is near.

    No line has anything in it that came from a visitor: no picture, no name, no token.
    """

    def __init__(self) -> None:
        self.started = time.monotonic()
        self._running: set[str] = set()
        self._changed = threading.Condition()
        self._stopping = False

    @property
    def is_stopping(self) -> bool:
        """Whether no new action is taken."""
        return self._stopping

    @property
    def running(self) -> int:
        """How many actions run."""
        return len(self._running)

    def begin(self, name: str) -> Action:
        """Note that an action begins; whoever begins it ends it with `end`."""
        action = Action(name)
        with self._changed:
            self._running.add(action.id)
        return action

    def end(self, action: Action, outcome: str, error: BaseException | None = None) -> None:
        """Note that an action ended, and write its line.

        Args:
            action: From `begin`.
            outcome: `done`, `refused`, `left` by its visitor, or `failed`.
            error: Why, for the last two kinds.
        """
        with self._changed:
            self._running.discard(action.id)
            self._changed.notify_all()
        said: dict[str, object] = {
            "time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
            "request": action.id,
            "action": action.name,
            "seconds": round(time.monotonic() - action.began, 3),
            "outcome": outcome,
        }
        if error is not None:
            said["error"] = type(error).__name__
        if outcome == "failed" and error is not None:
            said["at"] = places(error)
        level = logging.ERROR if outcome == "failed" else logging.INFO
        logger.log(level, "%s", json.dumps(said))

    def stop(self, seconds: float, end_jobs: Callable[[], None]) -> bool:
        """Take no new action, and let what runs end.

        Args:
            seconds: What running actions are given before they are told to end, and 5 more after.
            end_jobs: Tells them.

        Returns:
            Whether all ended.
        """
        with self._changed:
            self._stopping = True
            if self._changed.wait_for(lambda: not self._running, seconds):
                return True
        end_jobs()
        with self._changed:
            return self._changed.wait_for(lambda: not self._running, _LAST_SECONDS)

    def resume(self) -> None:
        """Take actions again, as a page that is launched once more does."""
        self._stopping = False


def places(error: BaseException) -> list[str]:
    """Return where an exception, and those that led to it, were raised; not what they say."""
    found: list[str] = []
    cause: BaseException | None = error
    while cause is not None:
        frames = traceback.extract_tb(cause.__traceback__)
        found.append(type(cause).__name__)
        found += [f"{_short(frame.filename)}:{frame.lineno} {frame.name}" for frame in frames]
        cause = cause.__cause__ or cause.__context__
    return found


def _short(path: str) -> str:
    return "/".join(path.replace("\\", "/").split("/")[-2:])


# One for all visitors, as the process is.
SERVICE = Service()
