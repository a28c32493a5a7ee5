"""Encoders that a fit may build on: those whose weights are on this server."""

from __future__ import annotations

import logging
import threading

from inpformer import hub
from inpformer.detector import AnomalyDetector
from inpformer.errors import UserError, WeightsError
from inpformer.presets import ENCODER_PRESETS
from inpformer.ui.shelf import Shelf
from inpformer.ui.words import Words

logger = logging.getLogger(__name__)


class Encoders:
    """The start's encoder, and others, loaded when first asked for.

    Args:
        shelf: Where the detector of the start is.
    """

    def __init__(self, shelf: Shelf) -> None:
        self._shelf = shelf
        self._others: dict[str, AnomalyDetector] = {}
        self._lock = threading.Lock()

    @property
    def names(self) -> list[str]:
        """Names of the encoders to choose from, the start's first."""
        own = self._shelf.start.config.encoder.name
        return [own, *(name for name in ENCODER_PRESETS if name != own and is_here(name))]

    def detector(self, name: str | None, words: Words) -> AnomalyDetector:
        """Return a detector to fit from, by the name of its encoder; None takes the start.

        Raises:
            UserError: Its weights are not on this server.
        """
        start = self._shelf.start
        if name is None or name == start.config.encoder.name:
            return start
        if name not in self.names:
            raise UserError(words.NO_SUCH_ENCODER.format(name=name))
        # One lock for all: two visitors who ask at once must not load it twice.
        with self._lock:
            if name not in self._others:
                self._others[name] = AnomalyDetector.load(name, str(start.device))
            return self._others[name]


def is_here(name: str) -> bool:
    """Whether an encoder of a preset has weights without a download."""
    try:
        found = hub.find_encoder_weights(ENCODER_PRESETS[name], allow_download=False)
    except WeightsError as error:
        logger.debug("Encoder %s: %s", name, error)
        return False
    return found.path is not None
