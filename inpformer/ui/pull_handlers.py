"""What a visitor does to have a detector or an encoder from the Hub, callable without a page."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from functools import partial
from threading import Lock
from typing import NamedTuple

from inpformer.detector import AnomalyDetector
from inpformer.errors import UserError
from inpformer.presets import ENCODER_PRESETS
from inpformer.sharing.look import look_at
from inpformer.sharing.pull import pull
from inpformer.sharing.records import PulledFile, RepoAddress, RepoLook, TransferStep
from inpformer.ui import models_views, views
from inpformer.ui.encoders import Encoders
from inpformer.ui.handlers import DetectorReport, Handlers
from inpformer.ui.hub_access import HubAccess
from inpformer.ui.session import HubOrigin, Session
from inpformer.ui.transfer import byte_words, transfer
from inpformer.ui.words import Words

# The largest encoder of ours has 1.2 GB; a stranger's file must not fill the server.
MAX_PULL_BYTES = 2_000_000_000


class PullReport(NamedTuple):
    """State of a pull as the page shows it; None leaves what is there."""

    progress: str
    is_running: bool
    card: str | None = None
    detector: DetectorReport | None = None
    encoders: list[str] | None = None
    pulled: str | None = None


class PullHandlers:
    """What a visitor pulls from the Hub.

    Args:
        handlers: The actions of the whole page, and with them the visitors.
        encoders: What a fit can build on.
        look_at: Says what a repository holds.
        pull: Brings its file into the cache.
    """

    def __init__(
        self,
        handlers: Handlers,
        encoders: Encoders,
        look_at: Callable[..., RepoLook] = look_at,
        pull: Callable[..., PulledFile] = pull,
    ) -> None:
        self.handlers = handlers
        self.encoders = encoders
        self._look_at = look_at
        self._pull = pull
        self._brought = 0
        self._lock = Lock()

    def look(self, session_id: str, text: str | None, access: HubAccess) -> Iterator[str]:
        """Say what a repository holds before anything large is downloaded.

        Raises:
            UserError: It is no address, or the Hub does not show it with this right.
        """
        session = self.handlers.sessions.get(session_id)
        address = _address(session, text)
        # Not kept while the Hub is asked: if it says no, nothing of another one is shown.
        session.looked = None
        yield views.message(session.words.PULL_LOOKING.format(address=address))
        session.looked = self._look_at(address, token=access.token)
        yield models_views.look_card(session.looked, session.words)

    def pull(self, session_id: str, text: str | None, access: HubAccess) -> Iterator[PullReport]:
        """Bring what a repository holds, and use it; reporting meanwhile.

        A detector becomes one of the visitor's own and is in use; an encoder becomes one that a
        fit can build on.

        Raises:
            UserError: It is no address, the Hub does not give it with this right, it cannot be
                used, or other long work of this visitor is running; nothing has changed then.
        """
        session = self.handlers.sessions.get(session_id)
        words, address = session.words, _address(session, text)
        with session.work(words.A_PULL) as job:
            yield PullReport(views.message(words.PULL_LOOKING.format(address=address)), True)
            # With this visitor's own right, also where the file is here since another's visit.
            look = self._look_at(address, token=access.token)
            if _has_moved(session.looked, look):
                # What the visitor was shown is what comes.
                address = RepoAddress(address.repo_id, session.looked.revision)
                look = self._look_at(address, token=access.token)
            yield PullReport(views.progress(0.0, ""), True, models_views.look_card(look, words))
            _refuse(look, access, session)
            room = partial(self._room_for, look, access, words)
            bring = partial(self._bring, address, access.token, room)
            found = yield from transfer(
                bring, job, words.PULL_OPENING, words, lambda bar: PullReport(bar, True)
            )
            # It may be told to stop after its last step; then, too, nothing may change.
            yield self._ended(session, None if job.stop.is_set() else found)

    def cancel(self, session_id: str) -> None:
        """Ask a visitor's running pull to stop."""
        session = self.handlers.sessions.get(session_id)
        session.stop_job(session.words.A_PULL)

    def pulled(self, session_id: str) -> str:
        """Return the list of what a visitor pulled, as HTML."""
        session = self.handlers.sessions.get(session_id)
        return models_views.pulled_list(session.pulled, session.words)

    @contextmanager
    def _room_for(self, look: RepoLook, access: HubAccess, words: Words) -> Iterator[None]:
        """Keep room in the cache for a download; those of strangers are bounded together."""
        limit = 1_000_000 * self.handlers.sessions.limits.pull_megabytes
        count = 0 if look.is_cached or access.is_own_computer else look.byte_count
        with self._lock:
            if count and self._brought + count > limit:
                raise UserError(words.PULL_NO_ROOM.format(limit=byte_words(limit)))
            self._brought += count
        try:
            yield
        except BaseException:
            # What failed or was stopped leaves nothing in the cache.
            with self._lock:
                self._brought -= count
            raise

    def _bring(
        self,
        address: RepoAddress,
        token: str | None,
        room: Callable[[], AbstractContextManager[None]],
        tell: Callable[[TransferStep | None], None],
        should_stop: Callable[[], bool],
    ) -> tuple[PulledFile, AnomalyDetector | None]:
        with room():
            pulled = self._pull(address, token=token, tell=tell, should_stop=should_stop)
        tell(None)
        return pulled, self._opened(pulled)

    def _opened(self, pulled: PulledFile) -> AnomalyDetector | None:
        if pulled.look.kind == "encoder":
            return None
        start = self.handlers.shelf.start
        detector = AnomalyDetector.load(pulled.path, str(start.device))
        return detector.sharing_encoder(start) if detector.has_encoder_of(start) else detector

    def _ended(
        self, session: Session, found: tuple[PulledFile, AnomalyDetector | None] | None
    ) -> PullReport:
        words = session.words
        if found is None or session.is_forgotten:
            return PullReport(views.message(words.PULL_CANCELLED), False)
        pulled, detector = found
        session.note_pulled(pulled)
        if detector is None:
            said = words.PULL_DONE_ENCODER.format(encoder=pulled.look.encoder)
        else:
            said = _keep(session, pulled, detector)
        if pulled.was_cached:
            said += " " + words.PULL_CACHED
        return PullReport(
            views.message(said),
            False,
            # Once more: what it stands on may be here only now, and the file is.
            models_views.look_card(replace(pulled.look, is_cached=True), words),
            self.handlers.report_detector(session),
            self.encoders.names,
            models_views.pulled_list(session.pulled, words),
        )


def _address(session: Session, text: str | None) -> RepoAddress:
    if not (text or "").strip():
        raise UserError(session.words.PULL_NO_ADDRESS)
    return RepoAddress.parse(text)


def _has_moved(seen: RepoLook | None, now: RepoLook) -> bool:
    """Whether a branch has moved on since the visitor was shown what a detector there is."""
    # Of an encoder the newest is taken, since that is what fits look for.
    is_same = seen is not None and seen.address == now.address and now.kind == "detector"
    return is_same and seen.revision != now.revision


def _refuse(look: RepoLook, access: HubAccess, session: Session) -> None:
    """See that what a repository holds can be used here, before it is downloaded."""
    words = session.words
    if look.byte_count > MAX_PULL_BYTES and not access.is_own_computer:
        size, limit = byte_words(look.byte_count), byte_words(MAX_PULL_BYTES)
        raise UserError(
            words.PULL_TOO_LARGE.format(repo=look.address.repo_id, size=size, limit=limit)
        )
    if look.kind == "encoder" and look.address.revision is not None:
        raise UserError(words.PULL_NEWEST.format(repo=look.address.repo_id))
    if models_views.lacks_encoder(look):
        repo = f"timm/{ENCODER_PRESETS[look.encoder].timm_name}"
        raise UserError(words.PULL_NO_ENCODER.format(encoder=look.encoder, repo=repo))


def _keep(session: Session, pulled: PulledFile, detector: AnomalyDetector) -> str:
    """Give a visitor the detector; return what is to be said of it."""
    words, look = session.words, pulled.look
    name = session.free_name(look.address.repo_id.partition("/")[2])
    origin = HubOrigin(RepoAddress(look.address.repo_id, look.revision), pulled.sha256)
    gone = session.add_detector(name, detector, origin=origin)
    said = words.PULL_DONE.format(name=name)
    if gone is not None:
        said += " " + words.OLDEST_DETECTOR_GONE.format(limit=len(session.own), name=gone.name)
    return said
