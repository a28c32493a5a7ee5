"""What agents can do, callable without a server: inspect a picture, fit, explain a patch."""

from __future__ import annotations

import math
import secrets
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from inpformer.errors import UserError
from inpformer.files import make_folder, save_png
from inpformer.fit_config import FitConfig
from inpformer.ui import agent_answers
from inpformer.ui.explorer_handlers import ExplorerHandlers
from inpformer.ui.explorer_look import VIEWS, Look
from inpformer.ui.fewshot_handlers import RunningFit, read_all
from inpformer.ui.handlers import Handlers
from inpformer.ui.inspect_handlers import InspectHandlers
from inpformer.ui.inspection import Inspection
from inpformer.ui.sent_pictures import SentPictures
from inpformer.ui.session import FREE, OwnDetector, Session
from inpformer.ui.sessions import MAX_AGENT_DETECTORS
from inpformer.ui.shelf import PART
from inpformer.ui.words import ENGLISH, Words

# As many as the page offers.
MAX_STEPS = 2000
_LONGEST_NAME = 80


class Answer(NamedTuple):
    """What an agent is told: plain values, and files of drawings by name."""

    facts: dict[str, Any]
    pictures: dict[str, Path]


class AgentTools:
    """Actions of programs that have no page, and may send every call as somebody else.

    So a call leaves nothing that another could find: its pictures lie under names that nobody can
    guess, and a fitted detector has an id of 192 random bits, which is all one needs to use it.

    Args:
        handlers: The actions of the whole page, and with them visitors and detectors.
        upload_root: The web server's cache, where drawings for agents are served from.
    """

    def __init__(self, handlers: Handlers, upload_root: Path) -> None:
        self._shelf, self._sessions = handlers.shelf, handlers.sessions
        self._inspecting = InspectHandlers(handlers)
        self._exploring = ExplorerHandlers(handlers)
        self._sent = SentPictures(upload_root)
        self._upload_root = upload_root

    def inspect(self, image: Any, detector: Any = "", words: Words = ENGLISH) -> Answer:
        """Inspect a picture.

        Args:
            image: The picture, as `SentPictures.path` takes it.
            detector: Empty for the server's own, a key of `Shelf` such as `part:washer`, the name
                of an example part, or the id that `fit` gave.
            words: The caller's language.

        Raises:
            UserError: The picture cannot be used, or there is no such detector.
        """
        with self._call(words) as session:
            inspection = self._inspected(session, image, detector)
            facts = agent_answers.verdict_facts(inspection, words)
            facts |= agent_answers.region_facts(inspection.result)
            drawings = agent_answers.result_drawings(inspection)
            return self._answer(session, facts, drawings)

    def explain(
        self, image: Any, patch: Any = None, detector: Any = "", words: Words = ENGLISH
    ) -> Answer:
        """Give the reason of a patch of a picture.

        Args:
            image: The picture, as `SentPictures.path` takes it.
            patch: x and y of a pixel in it; None takes the most anomalous patch.
            detector: As `inspect` takes it.
            words: The caller's language.

        Raises:
            UserError: As for `inspect`, or the patch lies outside the picture.
        """
        with self._call(words) as session:
            pixel = _pixel(patch, words)
            inspection = self._inspected(session, image, detector)
            look = self._exploring.look(session, inspection)
            if pixel is not None:
                look.patch = _patch_at(look, *pixel, words)
            facts = agent_answers.verdict_facts(inspection, words)
            facts |= agent_answers.reason_facts(look, words)
            drawings = {view: look.marked(view) for view in VIEWS if view in look.views}
            return self._answer(session, facts, drawings)

    def fit(
        self, normal_images: Any, steps: Any = 0, words: Words = ENGLISH
    ) -> Iterator[dict[str, Any]]:
        """Fit a detector, and say how far that is a few times a second; the last says its id.

        Args:
            normal_images: 1 to 16 pictures, each as `SentPictures.path` takes it.
            steps: Of the decoder; 0 takes what suits the encoder.
            words: The caller's language.

        Raises:
            UserError: A picture cannot be used, or the fit was stopped.
        """
        config = self._fit_config(steps, words)
        is_list = isinstance(normal_images, list)
        limit = self._sessions.limits.shots
        if not is_list or not 1 <= len(normal_images) <= limit:
            raise UserError(words.SENT_PICTURES.format(limit=limit))
        key, session = self._sessions.open("detector", words)
        fit = None
        try:
            paths = [str(self._sent.path(session, sent)) for sent in normal_images]
            images = [read.image for _, read in read_all(session, paths)]
            fit = RunningFit(session, self._shelf.start, images, config)
            name = words.AGENT_SHOTS.format(shots=len(images))
            with closing(fit.steps(name)) as handfuls:
                for handful in handfuls:
                    yield agent_answers.step_facts(handful[-1], words)
        finally:
            if fit is None or fit.own is None:
                self._sessions.forget(key)
        yield self._fitted(key, fit, words)

    @contextmanager
    def _call(self, words: Words) -> Iterator[Session]:
        """Give a session that keeps the files of one call until they are too old."""
        _, session = self._sessions.open("answer", words)
        try:
            yield session
        finally:
            session.inspections.clear()
            session.own.clear()

    def _inspected(self, session: Session, image: Any, detector: Any) -> Inspection:
        key = self._key(session, detector)
        copy = session.keep(self._sent.path(session, image))
        return self._inspecting.predict(session, self._shelf.detector(session, key), key, copy)

    def _key(self, session: Session, detector: Any) -> str:
        """Return the key of a detector, which the session can use from now on."""
        name = "" if detector is None else str(detector).strip()
        shared = [key for _, key in self._shelf.shared_choices(session.words)]
        if not name:
            return FREE
        if name in shared:
            return name
        if PART + name in shared:
            return PART + name
        owner = self._sessions.find(name, "detector")
        own = None if owner is None else owner.own.get(owner.detector_key)
        if own is None:
            raise UserError(
                session.words.SENT_DETECTOR.format(
                    name=name[:_LONGEST_NAME],
                    names=", ".join(shared),
                    minutes=self._sessions.idle_seconds / 60,
                )
            )
        session.own[own.key] = own
        return own.key

    def _fit_config(self, steps: Any, words: Words) -> FitConfig:
        steps = 0 if steps is None else steps
        if type(steps) is not int or not 0 <= steps <= MAX_STEPS:
            raise UserError(words.SENT_STEPS.format(limit=MAX_STEPS))
        settings = {"steps": steps} if steps else {}
        return FitConfig.for_encoder(self._shelf.start.config.encoder, **settings)

    def _fitted(self, key: str, fit: RunningFit, words: Words) -> dict[str, Any]:
        own: OwnDetector | None = fit.own
        if own is None:
            raise UserError(words.FIT_CANCELLED)
        kept = words.AGENT_DETECTOR_KEPT.format(
            minutes=self._sessions.idle_seconds / 60, count=MAX_AGENT_DETECTORS
        )
        return {
            "state": "done",
            "detector": key,
            **agent_answers.fitted_facts(own.detector, words),
            "seconds": round(fit.seconds, 2),
            "kept": kept,
        }

    def _answer(
        self, session: Session, facts: dict[str, Any], drawings: dict[str, np.ndarray]
    ) -> Answer:
        """Write the drawings where the web server can show them, to go with the session."""
        folder = self._upload_root / secrets.token_hex(32)
        make_folder(folder)
        pictures = {name: folder / f"{name}.png" for name in drawings}
        session.uploads |= set(pictures.values())
        for name, drawing in drawings.items():
            save_png(pictures[name], drawing)
        kept = session.words.ANSWER_KEPT.format(minutes=self._sessions.idle_seconds / 60)
        return Answer({**facts, "kept": kept}, pictures)


def _pixel(patch: Any, words: Words) -> tuple[int, int] | None:
    """Return x and y as whole numbers; None if no patch was chosen."""
    if patch is None or patch == []:
        return None
    is_pair = isinstance(patch, (list, tuple)) and len(patch) == 2
    if not is_pair or not all(type(each) in (int, float) for each in patch):
        raise UserError(words.SENT_PATCH)
    if not all(math.isfinite(each) for each in patch):
        raise UserError(words.SENT_PATCH)
    return math.floor(patch[0]), math.floor(patch[1])


def _patch_at(look: Look, x: int, y: int, words: Words) -> tuple[int, int]:
    patch = look.result.geometry.patch_at(x, y)
    if patch is None:
        height, width = look.result.geometry.picture_size
        raise UserError(words.SENT_PATCH_OUTSIDE.format(width=width, height=height))
    return patch
