"""What the Learn tab shows, callable without a page."""

from __future__ import annotations

import hashlib
import threading
from typing import NamedTuple

import cv2
import numpy as np

from inpformer.errors import UserError
from inpformer.examples import GOOD, ExamplePart, ExamplePicture
from inpformer.images import load_image
from inpformer.result import AnomalyResult
from inpformer.ui import learn_views, views
from inpformer.ui.handlers import Handlers
from inpformer.ui.learn_views import Sample
from inpformer.ui.session import FREE, Session
from inpformer.ui.shelf import PART
from inpformer.ui.translate import translate
from inpformer.ui.words import CHINESE, ENGLISH, Words

# Parts on which a limit shows; where they are not installed, others take their place.
_MISPLACED_PART = "pcb"
_PLAIN_PART, _FOREIGN_PART = "fabric", "wood"
_FOREIGN_SHARES = (0.1, 0.6)
_SPOTS = (4, 16)
# So faint that the smaller one is missed: the sentence above the pictures says so.
_SPOT_COLOUR = (80, 75, 70)


class LearnFigures(NamedTuple):
    """HTML per section; "" for nothing to show."""

    inps: str
    maps: str
    calm: str = ""
    misplaced: str = ""
    large: str = ""
    small: str = ""


class _Nobody(NamedTuple):
    """A visitor of no page, with what was computed so far by detector and picture."""

    session: Session
    results: dict[tuple[str, bytes], AnomalyResult]


class LearnHandlers:
    """Draws the pictures of the Learn tab.

    Args:
        handlers: The actions of the whole page, and with them the visitors.
    """

    def __init__(self, handlers: Handlers) -> None:
        self.handlers = handlers
        self._drawn: dict[str, LearnFigures] = {}
        self._lock = threading.Lock()

    def examples(self, session_id: str) -> LearnFigures:
        """Return the pictures from the example parts; computed once, for all.

        Raises:
            UserError: A ready detector of the server cannot be used.
        """
        language = self.handlers.sessions.get(session_id).words.language
        with self._lock:
            if not self._drawn:
                results: dict[tuple[str, bytes], AnomalyResult] = {}
                self._drawn = {
                    words.language: self._draw(words, results) for words in (ENGLISH, CHINESE)
                }
            return self._drawn[language]

    def mine(self, session_id: str) -> LearnFigures:
        """Return the first two sections with the visitor's picture; runs no model.

        Raises:
            UserError: Nothing is on the screen of the Inspect tab.
        """
        session = self.handlers.sessions.get(session_id)
        shown = session.inspection
        if shown is None:
            raise UserError(session.words.LEARN_NO_PICTURE)
        sample = Sample(shown.name, shown.detector_title, shown.display_image, shown.result)
        return LearnFigures(
            inps=learn_views.inp_figures(sample, session.words),
            maps=learn_views.map_figures(sample, session.words),
        )

    def _draw(self, words: Words, results: dict[tuple[str, bytes], AnomalyResult]) -> LearnFigures:
        # A visitor of nobody's: what is shown to all must not depend on who came first.
        nobody, parts = _Nobody(Session(words=words), results), self._parts()
        if not parts:
            return LearnFigures(views.message(words.LEARN_NO_EXAMPLES), "")
        first = next(iter(parts.values()))
        defective = self._sample(nobody, first, _first_of(first, is_good=False))
        good = self._sample(nobody, first, _first_of(first, is_good=True))
        misplaced = parts.get(_MISPLACED_PART)
        plain = parts.get(_PLAIN_PART, first)
        foreign = parts.get(_FOREIGN_PART, list(parts.values())[-1])
        return LearnFigures(
            inps=learn_views.inp_figures(defective, words),
            maps=learn_views.map_figures(defective, words),
            calm=learn_views.calm_figures(good, defective, words),
            misplaced=self._misplaced(nobody, misplaced) if misplaced else "",
            large=self._large(nobody, plain, foreign),
            small=self._small(nobody, plain),
        )

    def _parts(self) -> dict[str, ExamplePart]:
        """Return the parts with a ready detector by name."""
        parts = self.handlers.shelf.examples.parts
        return {part.name: part for part in parts if part.detector_path is not None}

    def _sample(
        self, nobody: _Nobody, part: ExamplePart, picture: ExamplePicture, name: str = ""
    ) -> Sample:
        image = load_image(picture.path)
        name = name or translate(picture.title, nobody.session.words)
        return self._seen(nobody, PART + part.name, image, name)

    def _seen(self, nobody: _Nobody, key: str, image: np.ndarray, name: str) -> Sample:
        shelf, asked = self.handlers.shelf, (key, hashlib.sha256(image).digest())
        if asked not in nobody.results:
            nobody.results[asked] = shelf.detector(nobody.session, key).predict(image)
        return Sample(name, shelf.title(nobody.session, key), image, nobody.results[asked])

    def _misplaced(self, nobody: _Nobody, part: ExamplePart) -> str:
        pictures = [picture for picture in part.pictures if picture.defect != GOOD][:2]
        samples = [self._sample(nobody, part, picture) for picture in pictures]
        return learn_views.verdict_figures(samples, nobody.session.words)

    def _large(self, nobody: _Nobody, plain: ExamplePart, foreign: ExamplePart) -> str:
        image = load_image(_first_of(plain, is_good=True).path)
        other = _middle(load_image(_first_of(foreign, is_good=True).path))
        samples = []
        for share in _FOREIGN_SHARES:
            picture, mask = paste_foreign(image, other, share)
            samples.append((self._seen(nobody, FREE, picture, ""), mask))
        return learn_views.foreign_figures(samples, nobody.session.words)

    def _small(self, nobody: _Nobody, part: ExamplePart) -> str:
        image = load_image(_first_of(part, is_good=True).path)
        samples = []
        for side in _SPOTS:
            picture = image.copy()
            centre = (round(0.45 * image.shape[1]), round(0.4 * image.shape[0]))
            cv2.circle(picture, centre, side // 2, _SPOT_COLOUR, thickness=-1)
            samples.append((self._seen(nobody, PART + part.name, picture, ""), side))
        return learn_views.spot_figures(samples, nobody.session.words)


def paste_foreign(
    image: np.ndarray, other: np.ndarray, share: float
) -> tuple[np.ndarray, np.ndarray]:
    """Cover a share of a picture, from its top left, with another one; return it and the mask.

    Args:
        image: `(H, W, 3)` uint8.
        other: `(h, w, 3)` uint8, resized to what it covers.
        share: In (0, 1).
    """
    height, width = (round(side * share**0.5) for side in image.shape[:2])
    picture, mask = image.copy(), np.zeros(image.shape[:2], bool)
    picture[:height, :width] = cv2.resize(other, (width, height), interpolation=cv2.INTER_AREA)
    mask[:height, :width] = True
    return picture, mask


def _first_of(part: ExamplePart, is_good: bool) -> ExamplePicture:
    return next(picture for picture in part.pictures if (picture.defect == GOOD) == is_good)


def _middle(image: np.ndarray) -> np.ndarray:
    """Return the middle of a picture, where the part is and no background."""
    height, width = image.shape[:2]
    return image[height // 3 : 2 * height // 3, width // 4 : 3 * width // 4]
