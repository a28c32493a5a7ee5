"""A stand-in for what the library does with the Hub, in memory: looks, pulls and pushes."""

from __future__ import annotations

import hashlib
import threading
from dataclasses import dataclass, field, replace
from pathlib import Path

from ui_doubles import SECONDS

from inpformer.errors import TransferStoppedError, WeightsError
from inpformer.sharing.records import (
    PulledFile,
    PushedDetector,
    PushWish,
    RepoAddress,
    RepoLook,
    TransferStep,
)
from inpformer.ui.hub_access import HubAccess
from inpformer.ui.pull_handlers import PullReport
from inpformer.ui.push_handlers import PushReport

STRANGER, OWNER = HubAccess(), HubAccess("hf_of_ann")
PLATE = "ann/plate"
COMMIT = "0123456789abcdef0123456789abcdef01234567"


@dataclass
class HubDouble:
    """Repositories by name, and a cache that all share and that asks nobody for a token.

    Attributes:
        folder: Where files lie.
        tokens: Who may see a private repository, by its name.
        asked: Every call: what, of what, and with which token.
        may_step: A transfer goes one step per release, if there is one.
    """

    folder: Path
    repos: dict[str, tuple[Path, RepoLook]] = field(default_factory=dict)
    tokens: dict[str, str] = field(default_factory=dict)
    cached: set[str] = field(default_factory=set)
    asked: list[tuple[str, str, str | None]] = field(default_factory=list)
    pushed: list[PushWish] = field(default_factory=list)
    may_step: threading.Semaphore | None = None

    def add(self, repo_id: str, path: Path, **facts) -> RepoLook:
        look = RepoLook(
            address=RepoAddress(repo_id),
            kind=facts.pop("kind", "detector"),
            revision=COMMIT,
            file_name=path.name,
            byte_count=path.stat().st_size,
            sha256=hashlib.sha256(path.read_bytes()).hexdigest(),
            is_private=repo_id in self.tokens,
        )
        look = replace(look, **facts)
        self.repos[repo_id] = (path, look)
        return look

    def look_at(self, address: RepoAddress, *, token: str | None = None) -> RepoLook:
        self.asked.append(("look", str(address), token))
        repo_id = address.repo_id
        if repo_id not in self.repos or self.tokens.get(repo_id, token) != token:
            raise WeightsError(
                f"Nothing can be had from {address}: the Hub has no {repo_id}, or it is private."
            )
        look = self.repos[repo_id][1]
        return replace(look, address=address, is_cached=repo_id in self.cached)

    def pull(self, address: RepoAddress, *, token=None, tell=None, should_stop=None) -> PulledFile:
        self.asked.append(("pull", str(address), token))
        path, look = self.repos[address.repo_id]
        was_cached = address.repo_id in self.cached
        for count in (look.byte_count // 2, look.byte_count) if not was_cached else ():
            self._step(TransferStep(count, look.byte_count), tell, should_stop)
        self.cached.add(address.repo_id)
        sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
        return PulledFile(path, replace(look, address=address), sha256, was_cached)

    def push(self, detector, wish: PushWish, *, token=None, tell=None, should_stop=None):
        self.asked.append(("push", wish.repo_id, token))
        path = detector.save(self.folder / f"{wish.repo_id.replace('/', '-')}.safetensors")
        size = path.stat().st_size
        self._step(TransferStep(size, size), tell, should_stop)
        self.pushed.append(wish)
        look = self.add(wish.repo_id, path)
        url = f"https://hub.example/{wish.repo_id}/tree/{COMMIT}"
        address = RepoAddress(wish.repo_id, COMMIT)
        return PushedDetector(url, address, look.sha256, wish.is_private, "v1")

    def _step(self, step: TransferStep, tell, should_stop) -> None:
        waited = threading.Event()
        for _ in range(int(SECONDS / 0.005)):
            if should_stop():
                raise TransferStoppedError
            if self.may_step is None or self.may_step.acquire(blocking=False):
                tell(step)
                return
            waited.wait(0.005)
        raise AssertionError("the test forgot this transfer")


def last_of(reports) -> PullReport | PushReport:
    """Return the last report of a transfer, having seen that it alone says that it is over."""
    *running, last = reports
    assert running and all(each.is_running for each in running) and not last.is_running
    return last


def key_of(handlers) -> str:
    """Return the key of Ann's oldest detector."""
    return next(iter(handlers.sessions.get("Ann").own))
