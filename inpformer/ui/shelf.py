"""Which detectors a visitor can use: the start, ready ones of example parts, and their own."""

from __future__ import annotations

import logging

import numpy as np

from inpformer.detector import AnomalyDetector
from inpformer.errors import UserError
from inpformer.examples import ExamplePart, Examples
from inpformer.images import load_image
from inpformer.ui.inspection import at_display_size
from inpformer.ui.ready import ReadyDetectors
from inpformer.ui.session import FREE, Session
from inpformer.ui.translate import translate
from inpformer.ui.words import Words

logger = logging.getLogger(__name__)

ZERO_SHOT = "zero-shot"
PART = "part:"
# As many as a ready detector was fitted on; more are slower on a machine without a GPU.
PART_SHOTS = 4


class Shelf:
    """Detectors by key: `free`, `zero-shot`, `part:NAME`, `own:ID`.

    Args:
        start: What every fit builds on, and what visitors start with.
        zero_shot: Prototypes learnt on other parts; None if there are none.
        examples: Parts that may have a ready detector.
        ready: Where ready detectors come from.
    """

    def __init__(
        self,
        start: AnomalyDetector,
        zero_shot: AnomalyDetector | None = None,
        examples: Examples | None = None,
        ready: ReadyDetectors | None = None,
    ) -> None:
        self.start = start
        self.zero_shot = zero_shot
        self.examples = examples or Examples()
        self.ready = ready or ReadyDetectors(start)

    def detector(self, session: Session, key: str | None = None) -> AnomalyDetector:
        """Return a detector by key; None takes the one in use.

        Raises:
            UserError: It is not there, or cannot be used.
        """
        key = session.detector_key if key is None else key
        if key == FREE:
            return self.start
        if key == ZERO_SHOT and self.zero_shot is not None:
            return self.zero_shot
        if key in session.own:
            return session.own[key].detector
        part = self._part(key)
        if part is None:
            raise UserError(session.words.NO_SUCH_DETECTOR)
        try:
            if part.detector_path is not None:
                return self.ready.get(part.detector_path)
        except UserError as error:
            # What is wrong with a file of the server is its owner's business, not the visitor's.
            logger.warning("The ready detector of %s cannot be used: %s", part.name, error)
        title = translate(part.title, session.words)
        raise UserError(session.words.NO_READY_DETECTOR.format(title=title))

    def title(self, session: Session, key: str | None = None) -> str:
        """Return what the page calls a detector, in the visitor's language."""
        key = session.detector_key if key is None else key
        return next((title for title, each in self.choices(session) if each == key), key)

    def choices(self, session: Session) -> list[tuple[str, str]]:
        """Return titles and keys of all the visitor can use, their own first."""
        words = session.words
        own = [(own.name, key) for key, own in reversed(session.own.items())]
        return [*own, *self.shared_choices(words)]

    def shared_choices(self, words: Words) -> list[tuple[str, str]]:
        """Return titles and keys of what every visitor can use."""
        start = words.STARTED_WITH_TITLE if self.start.calibration else words.FREE_TITLE
        choices = [(start, FREE)]
        if self.zero_shot is not None:
            choices.append((words.ZERO_SHOT_TITLE, ZERO_SHOT))
        return choices + [
            (
                words.PART_DETECTOR_TITLE.format(title=translate(part.title, words)),
                PART + part.name,
            )
            for part in self.examples.parts
            if part.detector_path is not None
        ]

    def shots(self, session: Session, key: str | None = None) -> list[np.ndarray]:
        """Return the normal pictures behind a detector at display size; none if not known."""
        key = session.detector_key if key is None else key
        if key in session.own:
            return list(session.own[key].shots)
        part = self._part(key)
        if part is None:
            return []
        return [at_display_size(load_image(path)) for path in part.normal_paths[:PART_SHOTS]]

    def _part(self, key: str) -> ExamplePart | None:
        return self.examples.part(key.removeprefix(PART)) if key.startswith(PART) else None
