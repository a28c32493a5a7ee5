"""All visitors of the page, and agents beside it: who is who, and when each is forgotten."""

from __future__ import annotations

import contextlib
import secrets
import threading
import time
from collections import Counter, OrderedDict
from collections.abc import Callable
from pathlib import Path

from inpformer.settings import Settings
from inpformer.ui.server_folder import ServerFolder
from inpformer.ui.session import Session, SessionKind
from inpformer.ui.words import Words

# Beside the visitors, so that no program can push them out: answers to agents, which are files,
# and detectors fitted for agents, which are in memory.
MAX_ANSWERS, MAX_AGENT_DETECTORS = 64, 8
# A reload of the page is a leaving and a coming back; this is how long the coming back may take.
RELOAD_SECONDS = 120.0

_SWEEP_SECONDS = 60.0


class Sessions:
    """All visitors, by the id of their page. Idle and surplus ones are forgotten, oldest first.

    Whoever has long work running or waits for a turn is not idle, and surplus last of all.

    Agents have no page: what is kept of their calls has ids made here, which nobody can guess.

    Args:
        max_sessions: How many visitors are kept.
        idle_seconds: How long nothing may be heard of one.
        clock: Monotonic seconds.
        root: Where visitors' folders are made; None for the place of temporary files.
        limits: What each visitor may have; None takes the defaults.
        upload_root: The web server's cache of uploads, of which visitors' files are deleted too;
            None leaves them to the web server.
        server: Where visitors' folders are made instead of `root`, with a list of their files for
            the start after a crash; None keeps none.

    Attributes:
        limits: What each visitor may have.
        of_everybody: Files of that cache which the page shows to all; never deleted with a visitor
            who named one of them.
        on_drop: Told the ids of a visitor who is forgotten.
        in_line: Says the ids of those whose actions run or wait for their turn.
    """

    def __init__(
        self,
        max_sessions: int = Settings.visitors,
        idle_seconds: float = 60.0 * Settings.idle_minutes,
        clock: Callable[[], float] = time.monotonic,
        root: Path | None = None,
        upload_root: Path | None = None,
        server: ServerFolder | None = None,
        limits: Settings | None = None,
    ) -> None:
        self._sessions: OrderedDict[str, Session] = OrderedDict()
        self._lock = threading.Lock()
        self._most: dict[SessionKind, int] = {
            "page": max_sessions,
            "answer": MAX_ANSWERS,
            "detector": MAX_AGENT_DETECTORS,
        }
        self.idle_seconds = idle_seconds
        self._clock = clock
        self._root = root if server is None else server.path
        self._server = server
        self.limits = limits or Settings()
        self._upload_root = upload_root and upload_root.resolve()
        self._sweeper: threading.Thread | None = None
        self.of_everybody: set[Path] = set()
        self.on_drop: Callable[[list[str]], None] = lambda _: None
        self.in_line: Callable[[], set[str]] = set

    @property
    def most(self) -> int:
        """How many visitors are kept."""
        return self._most["page"]

    def get(self, session_id: str, words: Words | None = None) -> Session:
        """Return the visitor's session, a new one if there is none."""
        with self._lock:
            return self._get(session_id, words)

    def open(self, kind: SessionKind, words: Words) -> tuple[str, Session]:
        """Return a new session that is no page's, with the id that is the only key to it."""
        session_id = secrets.token_urlsafe(24)
        with self._lock:
            self._sessions[session_id] = Session(kind=kind, root=self._root, limits=self.limits)
            return session_id, self._get(session_id, words)

    def find(self, session_id: str, kind: SessionKind) -> Session | None:
        """Return a session that is there, and of this kind; None otherwise."""
        with self._lock:
            session = self._sessions.get(session_id)
            if session is None or session.kind != kind:
                return None
            return self._get(session_id)

    def resume(self, session_id: str, pass_key: str) -> Session:
        """Return what a page that was reloaded had, or a new session, with a pass key either way.

        Args:
            session_id: The new id of the page.
            pass_key: What its browser tab was given before; empty or unknown if nothing.
        """
        with self._lock:
            old = self._of_pass_key(pass_key)
            if old is not None and self._sessions.get(session_id) is not old:
                self._drop(session_id, is_reload=True)
                # The former id stays until the web server says that it has gone.
                self._sessions[session_id] = old
            session = self._get(session_id)
            session.pass_key = session.pass_key or secrets.token_urlsafe(24)
            return session

    def leave(self, session_id: str) -> None:
        """Note that a page was closed; its visitor is forgotten unless it comes back soon."""
        with self._lock:
            session = self._sessions.get(session_id)
            if session is None:
                return
            if any(key != session_id for key in self._ids_of(session)):
                del self._sessions[session_id]
                self.on_drop([session_id])
            elif not session.pass_key:
                self._drop(session_id)
            else:
                session.left_at = self._clock()
                session.stop_job()

    def note_files(self, session_id: str, files: set[Path]) -> None:
        """Remember files of the web server's cache that show a visitor's data."""
        if files and self._server is not None:
            self._server.note(files)
        with self._lock:
            if files and (session := self._sessions.get(session_id)) is not None:
                session.uploads |= files

    def uploads(self) -> list[set[Path]]:
        """Return the files of the web server's cache of each visitor."""
        with self._lock:
            sessions = {id(session): session for session in self._sessions.values()}.values()
            return [{path.resolve() for path in set(session.uploads)} for session in sessions]

    def forget(self, session_id: str) -> None:
        """Drop a visitor's data, files too, and stop their work."""
        with self._lock:
            self._drop(session_id)

    def stop_jobs(self) -> None:
        """Tell all long work to stop."""
        with self._lock:
            for session in self._sessions.values():
                session.stop_job()

    def forget_all(self) -> None:
        """Drop everybody's data, files too."""
        with self._lock:
            for key in list(self._sessions):
                self._drop(key)

    def jobs(self) -> int:
        """Return how many visitors have long work running."""
        with self._lock:
            return sum(session.job is not None for session in self._sessions.values())

    def sweep(self) -> None:
        """Drop idle visitors."""
        with self._lock:
            self._drop_surplus()

    def __len__(self) -> int:
        return len(self._sessions)

    def _watch(self) -> None:
        pause = threading.Event()
        while True:
            pause.wait(_SWEEP_SECONDS)
            with self._lock:
                self._drop_surplus()
                if not self._sessions:
                    self._sweeper = None
                    return

    def _get(self, session_id: str, words: Words | None = None) -> Session:
        session = self._sessions.pop(session_id, None)
        session = session or Session(root=self._root, limits=self.limits)
        session.last_seen, session.left_at = self._clock(), None
        if words is not None:
            session.words = words
        self._sessions[session_id] = session
        self._drop_surplus()
        if self._sweeper is None:
            self._sweeper = threading.Thread(target=self._watch, daemon=True, name="sweep")
            self._sweeper.start()
        return session

    def _of_pass_key(self, pass_key: str) -> Session | None:
        wanted = pass_key.encode()
        return next(
            (
                session
                for session in self._sessions.values()
                if session.pass_key and secrets.compare_digest(session.pass_key.encode(), wanted)
            ),
            None,
        )

    def _ids_of(self, session: Session) -> list[str]:
        return [key for key, other in self._sessions.items() if other is session]

    def _drop_surplus(self) -> None:
        now, in_line = self._clock(), self.in_line()
        surplus = Counter(session.kind for session in self._sessions.values())
        surplus.subtract(self._most)
        # A page that was reloaded has two ids for a while.
        working = {id(each) for key, each in self._sessions.items() if each.job or key in in_line}
        at_work = {key for key, each in self._sessions.items() if id(each) in working}
        # The last one is who asks.
        *others, newest = self._sessions or [""]
        in_order = sorted(others, key=at_work.__contains__)
        for key in [*in_order, newest]:
            session = self._sessions.get(key)
            if session is None:
                continue
            is_idle = key not in at_work and now - session.last_seen > self.idle_seconds
            has_left = session.left_at is not None and now - session.left_at > RELOAD_SECONDS
            if is_idle or has_left or surplus[session.kind] > 0:
                surplus[session.kind] -= len(self._ids_of(session))
                self._drop(key)

    def _drop(self, session_id: str, is_reload: bool = False) -> None:
        session = self._sessions.get(session_id)
        if session is None:
            return
        ids = self._ids_of(session)
        for key in ids:
            del self._sessions[key]
        # What a page that was reloaded is just being told stands in that state, too.
        if not is_reload:
            self.on_drop(ids)
        uploads = session.clear()
        if self._server is not None:
            self._server.cross_out(uploads)
        for upload in uploads:
            self._delete_upload(upload)

    def _delete_upload(self, upload: Path) -> None:
        # The same picture brought by two visitors is one file of the cache.
        if any(upload in other.uploads for other in self._sessions.values()):
            return
        path, root = upload.resolve(), self._upload_root
        if root is None or not path.is_relative_to(root) or path in self.of_everybody:
            return
        path.unlink(missing_ok=True)
        # Most files of the cache have a folder of their own.
        if path.parent != root:
            with contextlib.suppress(OSError):
                path.parent.rmdir()
