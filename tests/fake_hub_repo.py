"""What the stand-in Hub keeps: repositories, and what it was asked."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, field
from typing import NamedTuple

TOKEN = "hf_testtokenoftheowner"
OWNER = "me"
LARGE = re.compile(r"\.(safetensors|bin|png)$")


class Request(NamedTuple):
    """One request that came in."""

    method: str
    path: str
    token: str | None
    range: str | None


@dataclass
class Fault:
    """What is answered instead, to requests whose method and path match, a number of times."""

    status: int
    pattern: str
    times: float

    def hits(self, request: Request) -> bool:
        if self.times < 1 or not re.search(self.pattern, f"{request.method} {request.path}"):
            return False
        self.times -= 1
        return True


@dataclass
class FakeRepo:
    """A repository.

    Attributes:
        name: `user/name`.
        private: Only its owner may see it.
        gated: Its files are not for everybody.
        commits: Files by path, of each commit, oldest first.
        tags: Commit of each tag.
        messages: Of the commits.
    """

    name: str
    private: bool = False
    gated: bool = False
    commits: dict[str, dict[str, bytes]] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)
    messages: list[str] = field(default_factory=list)

    @property
    def head(self) -> str:
        return next(reversed(self.commits))

    @property
    def files(self) -> dict[str, bytes]:
        return self.commits[self.head]

    def commit(self, files: dict[str, bytes], message: str = "") -> str:
        oid = hashlib.sha1(f"{self.name} {len(self.commits)}".encode()).hexdigest()
        self.commits[oid] = files
        self.messages.append(message)
        return oid

    def resolve(self, revision: str) -> str | None:
        """The commit that a branch, tag or commit stands for."""
        if revision == "main":
            return self.head
        revision = self.tags.get(revision, revision)
        return revision if revision in self.commits else None

    def at(self, revision: str) -> dict[str, bytes]:
        return self.commits[self.resolve(revision)]
