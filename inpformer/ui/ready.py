"""Ready detectors: loaded when first asked for, kept, and shared by all visitors."""

from __future__ import annotations

import logging
import threading
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path

from inpformer.detector import AnomalyDetector
from inpformer.errors import UserError

logger = logging.getLogger(__name__)

MAX_READY = 8


class ReadyDetectors:
    """Detector files of the server by their path; the one unused for longest makes room.

    Args:
        start: What every visitor starts with; its encoder is shared where the weights agree.
        max_ready: How many are kept.
        load: Reads a detector file for a device.
    """

    def __init__(
        self,
        start: AnomalyDetector,
        max_ready: int = MAX_READY,
        load: Callable[[Path, str], AnomalyDetector] = AnomalyDetector.load,
    ) -> None:
        self._start = start
        self._max_ready = max_ready
        self._load = load
        self._ready: OrderedDict[Path, AnomalyDetector] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, path: Path) -> AnomalyDetector:
        """Return the detector of a file.

        Raises:
            UserError: It is missing, damaged, or its encoder cannot be found.
        """
        # One lock for all: two visitors who ask at once must not load a file twice.
        with self._lock:
            detector = self._ready.pop(path, None)
            if detector is None:
                detector = self._share(self._load(path, str(self._start.device)))
            self._ready[path] = detector
            while len(self._ready) > self._max_ready:
                self._ready.popitem(last=False)
            return detector

    def zero_shot(self, path: Path | None) -> AnomalyDetector | None:
        """Return the zero-shot use of a detector file, if it suits the detector of the start.

        It is a choice beside a start without trained parts, on the encoder found for that one.
        """
        if path is None or self._start.config.is_trained:
            return None
        try:
            detector = self._load(path, str(self._start.device))
        except UserError as error:
            logger.warning("No zero-shot prototypes: %s", error)
            return None
        if not detector.has_encoder_of(self._start):
            return None
        return detector.sharing_encoder(self._start).zero_shot()

    def _share(self, detector: AnomalyDetector) -> AnomalyDetector:
        for other in (self._start, *self._ready.values()):
            if detector.has_encoder_of(other):
                return detector.sharing_encoder(other)
        return detector
