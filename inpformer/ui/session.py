"""What the server keeps of a visitor, and nobody else's."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field

import cv2
import numpy as np

from inpformer.detector import AnomalyDetector
from inpformer.examples import ExamplePart
from inpformer.result import AnomalyResult

MAX_SESSIONS = 64
IDLE_SECONDS = 3600.0
# What a browser can show of a large picture; maps are kept at full size.
DISPLAY_SIDE = 1024


@dataclass
class Inspection:
    """One inspected picture and what sliders redraw from; the model is not needed again.

    Attributes:
        result: Raw maps and scores.
        display_image: The picture as shown, `(h, w, 3)` uint8, longer side at most 1024.
        notes: What reading did to the picture, such as "first of 12 frames".
    """

    result: AnomalyResult
    display_image: np.ndarray
    notes: tuple[str, ...] = ()
    _display_maps: dict[str, np.ndarray] = field(default_factory=dict)

    @classmethod
    def of(
        cls, image: np.ndarray, result: AnomalyResult, notes: tuple[str, ...] = ()
    ) -> Inspection:
        """Keep a result with a copy of its picture at display size."""
        scale = min(1.0, DISPLAY_SIDE / max(image.shape[:2]))
        size = (max(1, round(image.shape[1] * scale)), max(1, round(image.shape[0] * scale)))
        return cls(result, cv2.resize(image, size, interpolation=cv2.INTER_AREA), notes)

    def display_map(self, name: str) -> np.ndarray:
        """Return a raw map at display size, `(h, w)` float32."""
        if name not in self._display_maps:
            height, width = self.display_image.shape[:2]
            values = self.result.map(name)
            resized = cv2.resize(values, (width, height), interpolation=cv2.INTER_AREA)
            self._display_maps[name] = resized
        return self._display_maps[name]


@dataclass
class Session:
    """One visitor.

    Attributes:
        detector: The detector in use; None for a start detector.
        part: The example part whose ready detector that is; None for a detector of their own.
        is_zero_shot: Which start detector: the zero-shot one, or the one without training.
        inspection: The picture on the screen.
        stop: Set to cancel the running fit; None if no fit runs.
        last_seen: Monotonic seconds.
    """

    detector: AnomalyDetector | None = None
    part: ExamplePart | None = None
    is_zero_shot: bool = False
    inspection: Inspection | None = None
    stop: threading.Event | None = None
    last_seen: float = 0.0

    def start_over(self) -> None:
        """Go back to how it was when the visitor came; a running fit is told to stop."""
        self.detector = self.part = self.inspection = None
        self.is_zero_shot = False
        if self.stop is not None:
            self.stop.set()


class Sessions:
    """All visitors, by the id of their page. Idle and surplus ones are forgotten, oldest first."""

    def __init__(
        self,
        max_sessions: int = MAX_SESSIONS,
        idle_seconds: float = IDLE_SECONDS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._sessions: OrderedDict[str, Session] = OrderedDict()
        self._lock = threading.Lock()
        self._max_sessions = max_sessions
        self._idle_seconds = idle_seconds
        self._clock = clock

    def get(self, session_id: str) -> Session:
        """Return the visitor's session, a new one if there is none."""
        with self._lock:
            now = self._clock()
            session = self._sessions.pop(session_id, None) or Session()
            session.last_seen = now
            self._sessions[session_id] = session
            for key in list(self._sessions):
                is_idle = now - self._sessions[key].last_seen > self._idle_seconds
                if is_idle or len(self._sessions) > self._max_sessions:
                    self._drop(key)
            return session

    def forget(self, session_id: str) -> None:
        """Drop a visitor's data and stop their fit."""
        with self._lock:
            self._drop(session_id)

    def __len__(self) -> int:
        return len(self._sessions)

    def _drop(self, session_id: str) -> None:
        session = self._sessions.pop(session_id, None)
        if session is not None and session.stop is not None:
            session.stop.set()
