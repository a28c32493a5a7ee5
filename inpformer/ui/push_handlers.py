"""What a visitor does to push a detector of theirs to the Hub, callable without a page."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import cv2
import numpy as np

from inpformer.errors import UserError
from inpformer.pictures import draw_overlay
from inpformer.sharing.measured import METRIC_NAMES
from inpformer.sharing.push import push
from inpformer.sharing.records import PushedDetector, PushWish, RepoAddress
from inpformer.ui import models_views, views
from inpformer.ui.evaluation_desk import Evaluated
from inpformer.ui.handlers import DetectorReport, Handlers
from inpformer.ui.hub_access import HubAccess
from inpformer.ui.inspection import Inspection, at_display_size
from inpformer.ui.session import HubOrigin, OwnDetector, Session
from inpformer.ui.transfer import transfer
from inpformer.ui.words import ENGLISH, Words

MAX_PICTURES = 4
# As the Hub names them; those that say nothing of data or code alone, and the two ways out.
LICENCES = (
    "apache-2.0",
    "mit",
    "bsd-3-clause",
    "cc0-1.0",
    "cc-by-4.0",
    "cc-by-sa-4.0",
    "cc-by-nc-4.0",
    "cc-by-nc-sa-4.0",
    "openrail",
    "gpl-3.0",
    "other",
)
_PICTURE_SIDE = 480
_GAP = 8  # pixels between a picture and its map


@dataclass(frozen=True)
class PushForm:
    """What a visitor filled in.

    Attributes:
        key: Which of their detectors.
        repo: Where to.
        licence: One of `LICENCES`.
        is_private: Whether nobody else may see it.
        title: May be empty.
        about: What it is for; may be empty.
        with_metrics: Whether to show the figures of its newest evaluation.
        pictures: Ids of inspections to show.
        has_agreed: Whether the visitor agreed that they are shown.
        bundle_encoder: Whether the encoder goes along.
    """

    key: str | None
    repo: str
    licence: str | None
    is_private: bool = True
    title: str = ""
    about: str = ""
    with_metrics: bool = False
    pictures: tuple[str, ...] = ()
    has_agreed: bool = False
    bundle_encoder: bool = False


class PushFacts(NamedTuple):
    """What can be pushed, and what is known of the chosen detector.

    `figures` is empty if it was not evaluated.
    """

    detectors: list[tuple[str, str]]
    chosen: str | None
    figures: str
    pictures: list[tuple[str, str]]
    encoder: str


class PushReport(NamedTuple):
    """State of a push as the page shows it; None leaves what is there."""

    progress: str
    is_running: bool
    detector: DetectorReport | None = None


class PushHandlers:
    """What a visitor pushes to the Hub.

    Args:
        handlers: The actions of the whole page, and with them the visitors.
        push: Pushes a detector.
    """

    def __init__(self, handlers: Handlers, push: Callable[..., PushedDetector] = push) -> None:
        self.handlers = handlers
        self._push = push

    def facts(self, session_id: str, key: str | None = None) -> PushFacts:
        """Return what a visitor can push; a key that is gone chooses the one in use, or none."""
        session = self.handlers.sessions.get(session_id)
        words, own = session.words, session.own
        fallback = session.detector_key if session.detector_key in own else next(reversed(own), "")
        chosen = own.get(key if key in own else fallback)
        choices = [(each.name, each.key) for each in reversed(own.values())]
        if chosen is None:
            return PushFacts(choices, None, "", [], "")
        encoder = chosen.detector.config.encoder
        licence = encoder.licence or words.PUSH_BUNDLE_OURS
        figures = ""
        if (evaluated := _evaluated(session, chosen.key)) is not None:
            line = models_views.figures_line(_metrics(evaluated))
            figures = words.PUSH_METRICS_INFO.format(figures=line, data=evaluated.data)
        return PushFacts(
            choices,
            chosen.key,
            figures,
            [(each.name, each.id) for each in _inspections(session, chosen.key)],
            words.PUSH_BUNDLE_INFO.format(encoder=encoder.name, licence=licence),
        )

    def preview(self, session_id: str, key: str | None, pictures: Sequence[str]) -> str:
        """Show pictures as they would be published, as HTML.

        Raises:
            UserError: There are too many, or one is gone.
        """
        session = self.handlers.sessions.get(session_id)
        return models_views.preview(_published(session, key, pictures), session.words)

    def push(self, session_id: str, form: PushForm, access: HubAccess) -> Iterator[PushReport]:
        """Push a detector, reporting meanwhile.

        Raises:
            UserError: Something is missing in the form, the Hub refuses, or other long work of
                this visitor is running.
        """
        session = self.handlers.sessions.get(session_id)
        words = session.words
        own = session.own.get(form.key or "")
        if own is None:
            raise UserError(words.PUSH_CHOOSE_ONE)
        wish = _wish(session, form)
        if access.token == "":
            raise UserError(words.PUSH_NO_TOKEN)
        with session.work(words.A_PUSH) as job:
            line = words.PUSH_STARTED.format(repo=wish.repo_id)
            yield PushReport(views.progress(0.0, line), True)
            pushed = yield from transfer(
                lambda tell, should_stop: self._push(
                    own.detector, wish, token=access.token, tell=tell, should_stop=should_stop
                ),
                job,
                line,
                words,
                lambda bar: PushReport(bar, True),
            )
            yield self._ended(session, own, pushed)

    def cancel(self, session_id: str) -> None:
        """Ask a visitor's running push to stop."""
        session = self.handlers.sessions.get(session_id)
        session.stop_job(session.words.A_PUSH)

    def _ended(
        self, session: Session, own: OwnDetector, pushed: PushedDetector | None
    ) -> PushReport:
        if pushed is None:
            return PushReport(views.message(session.words.PUSH_CANCELLED), False)
        # It may have been renamed, or removed, meanwhile.
        if (now := session.own.get(own.key)) is not None:
            origin = HubOrigin(pushed.address, pushed.sha256)
            session.own[own.key] = replace(now, origin=origin)
        card = models_views.pushed_card(pushed, session.words)
        return PushReport(card, False, self.handlers.report_detector(session))


def _wish(session: Session, form: PushForm) -> PushWish:
    """Return what a form asks for.

    Raises:
        UserError: Something is missing, or not agreed to.
    """
    words = session.words
    if not form.repo.strip():
        raise UserError(words.PUSH_NO_REPO)
    address = RepoAddress.parse(form.repo)
    if address.revision is not None:
        raise UserError(words.PUSH_NO_REPO)
    if form.licence not in LICENCES:
        raise UserError(words.PUSH_NO_LICENCE)
    if form.pictures and not form.has_agreed:
        raise UserError(words.PUSH_NOT_AGREED)
    evaluated = _evaluated(session, form.key) if form.with_metrics else None
    return PushWish(
        repo_id=address.repo_id,
        licence=form.licence,
        is_private=form.is_private,
        title=" ".join(form.title.split()),
        about=form.about.strip(),
        metrics=None if evaluated is None else _metrics(evaluated),
        metrics_on="" if evaluated is None else evaluated.data,
        pictures=tuple(_published(session, form.key, form.pictures)),
        bundle_encoder=form.bundle_encoder,
    )


def _evaluated(session: Session, key: str | None) -> Evaluated | None:
    """Return the newest evaluation of a detector."""
    found = session.evaluation.detectors if session.evaluation is not None else ()
    return next((each for each in found if each.key == key), None)


def _metrics(evaluated: Evaluated) -> dict[str, float]:
    mean = evaluated.evaluation.mean
    values = {title: mean[name].value for name, title in METRIC_NAMES.items() if name in mean}
    return {title: value for title, value in values.items() if value is not None}


def _inspections(session: Session, key: str | None) -> list[Inspection]:
    """Return what was inspected with a detector, the newest first."""
    return [each for each in reversed(session.inspections.values()) if each.detector_key == key]


def _published(
    session: Session, key: str | None, ids: Sequence[str]
) -> list[tuple[str, np.ndarray]]:
    words: Words = session.words
    if len(ids) > MAX_PICTURES:
        raise UserError(words.PUSH_TOO_MANY.format(limit=MAX_PICTURES, count=len(ids)))
    known = {each.id: each for each in _inspections(session, key)}
    if any(each not in known or not known[each].path.is_file() for each in ids):
        raise UserError(words.PUSH_PICTURE_GONE)
    drawn = [_drawn(known[each]) for each in ids]
    for each in ids:
        if known[each] is not session.inspection:
            known[each].rest()
    return drawn


def _drawn(inspection: Inspection) -> tuple[str, np.ndarray]:
    """Draw a picture with its map beside; the caption does not tell the name of its file."""
    result = inspection.result
    image = at_display_size(inspection.read(), _PICTURE_SIDE)
    size = image.shape[1::-1]
    values = cv2.resize(result.anomaly_map, size, interpolation=cv2.INTER_AREA)
    overlay = draw_overlay(image, values, result.colour_range())
    gap = np.full((image.shape[0], _GAP, 3), 255, np.uint8)
    caption = ENGLISH.VERDICTS[result.is_anomalous]
    if result.confidence is not None:
        caption += f" · {ENGLISH.CONFIDENCE.format(value=result.confidence)}"
    return caption, np.hstack([image, gap, overlay])
