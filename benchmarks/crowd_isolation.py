"""Visitors who do everything the page lets them do, and see whether anything is not theirs."""

from __future__ import annotations

import contextlib
import os
import random
import threading
import time
import traceback
from collections import Counter
from collections.abc import Callable, Set
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from benchmarks.crowd_server import Server
from benchmarks.crowd_visitor import (
    Marks,
    RefusedError,
    Visitor,
    file_value,
    functions_of,
    paths_in,
)

_LOOK = ("full", "fitted")
_VIEWS = ("picture", "mosaic", "distance", "residual")
_FORMATS = ("coco", "labelme", "yolo", "mvtec")


@dataclass
class Report:
    """What came out.

    Attributes:
        lines: To be printed.
        problems: What must not be; empty if all is well.
    """

    lines: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)


class Crowd:
    """All visitors, and what was found out about what they got.

    Args:
        url: Of the page.
        marks: One for each.
        folders: Where the server writes; empty does not look at the disk.
    """

    def __init__(self, url: str, marks: Marks, folders: tuple[Path, ...] = ()) -> None:
        functions = functions_of(url)
        self.marks, self.folders = marks, folders
        self.visitors = [Visitor(url, mark, functions) for mark in marks.all]
        self.done: Counter[str] = Counter()
        self.refused: Counter[str] = Counter()
        self.problems: list[str] = []
        self.pictures = 0
        self.bytes = 0
        self.found_at: set[str] = set()
        self._lock = threading.Lock()

    def problem(self, what: str) -> None:
        """Note what must not be."""
        with self._lock:
            self.problems.append(what)

    def check(self, visitor: Visitor, named: Set[str] = frozenset()) -> None:
        """See that all that came to a visitor since the last time is theirs.

        Args:
            visitor: Who.
            named: What of others they said themselves, for a refusal may repeat it.
        """
        foreign = {other.mark.word for other in self.visitors} - {visitor.mark.word}
        secrets = {
            secret
            for other in self.visitors
            if other is not visitor
            for secret in (other.session, other.pass_key)
            if secret
        }
        for content in visitor.received:
            words, count = self.marks.found(content)
            with self._lock:
                self.pictures += count
                self.bytes += len(content)
            leaked = (words & foreign) | {each for each in secrets if each.encode() in content}
            leaked -= named
            if leaked:
                self.problem(f"{visitor.mark.word} was shown {sorted(leaked)}: {content[:200]!r}")
        visitor.received.clear()

    def left_of(self, visitor: Visitor) -> list[str]:
        """Return what the disk has of a visitor: names, and files in which their word stands."""
        word, found = visitor.mark.word, []
        # Others are being forgotten meanwhile, which `os.walk` does not mind.
        for folder, _, names in (each for root in self.folders for each in os.walk(root)):
            for path in (Path(folder, name) for name in names):
                with contextlib.suppress(FileNotFoundError):
                    if word in str(path) or word.encode() in path.read_bytes():
                        found.append(str(path))
        return found


class Life:
    """What one visitor does, at random."""

    def __init__(self, crowd: Crowd, visitor: Visitor, seed: int) -> None:
        self.crowd, self.visitor, self.random = crowd, visitor, random.Random(seed)
        self.actions: dict[str, Callable[[], Any]] = {
            "inspect": self._inspect,
            "many": self._many,
            "example": self._example,
            "fit": self._fit,
            "rename": self._rename,
            "save and load": self._save_and_load,
            "remove": self._remove,
            "compare": self._compare,
            "annotate": self._annotate,
            "export": self._export,
            "explorer": self._explore,
            "results": self._results,
            "guess": self.guess,
            "reload": self.visitor.arrive,
            "forget": self.forget,
        }

    def live(self, end: float) -> None:
        """Act until the end, and be forgotten then."""
        self.visitor.arrive()
        # First what others can only be shown if it is there.
        names = ["inspect", "fit", "rename", "annotate"]
        while time.monotonic() < end:
            self.do(names.pop(0) if names else self.random.choice(list(self.actions)))
        self.do("forget")

    def do(self, name: str) -> None:
        """Do something and look at all that came back."""
        try:
            self.actions[name]()
            self.crowd.done[name] += 1
        except RefusedError as error:
            self.crowd.refused[f"{name}: {error}"[:110].replace(self.visitor.mark.word, "…")] += 1
        except Exception:
            self.crowd.problem(f"{name}: {traceback.format_exc(limit=3)}")
        self.crowd.check(self.visitor)

    def _inspect(self) -> None:
        self.visitor.act("inspect", self.picture(), *_LOOK)

    def _many(self) -> None:
        self.visitor.act("inspect_all", [self.picture() for _ in range(3)], None, *_LOOK)

    def _example(self) -> None:
        index = self.random.randrange(3)
        self.visitor.act("open_entry", event={"index": index, "value": None})

    def _fit(self) -> None:
        name = f"{self.visitor.mark.word} {self.random.randrange(1000)}"
        settings = ("training-free", 20, 4, False, 0, "", 0.05, None, name, None)
        self.visitor.act("fit", [self.picture(), self.picture()], *settings)

    def own(self) -> tuple[str, list[str]]:
        """Return a detector of theirs, and the paths of its file."""
        answer = self.visitor.act("own_detectors")
        if not answer.data[0].get("value"):
            self._fit()
            answer = self.visitor.act("own_detectors")
        return answer.data[0]["value"], list(paths_in(answer.data))

    def _rename(self) -> None:
        key, _ = self.own()
        self.visitor.act(
            "rename", key, f"{self.visitor.mark.word} called {self.random.random():.4f}"
        )

    def _save_and_load(self) -> None:
        _, paths = self.own()
        content = self.fetch(paths[0])
        name = f"{self.visitor.mark.word}_again.safetensors"
        self.visitor.act("load_detector", self.visitor.upload(name, content))

    def _remove(self) -> None:
        key, _ = self.own()
        self.visitor.act("call_1", key)

    def _compare(self) -> None:
        key, _ = self.own()
        self.visitor.act("compare", [key, "free"], "uploaded", [self.picture()], None)

    def _annotate(self) -> None:
        self.visitor.act("annotate_add", [self.picture()], None)
        entries = self.visitor.act("annotations").data[0]
        self.visitor.act("label_normal", self.random.choice(entries)["name"])
        self.visitor.act("annotate_predict")

    def _export(self) -> None:
        answer = self.visitor.act("annotate_export", self.random.choice(_FORMATS))
        for path in paths_in(answer.data):
            self.fetch(path)

    def _explore(self) -> None:
        self.visitor.act("show_newest", self.random.choice(_VIEWS))
        row, column = (self.random.randrange(1, 5) for _ in range(2))
        self.visitor.act("explain_patch", row, column)

    def _results(self) -> None:
        answer = self.visitor.act(f"results_{self.random.choice(('csv', 'json', 'zip'))}")
        for path in paths_in(answer.data):
            self.fetch(path)

    def guess(self) -> None:
        """Try what only others have; each must be refused, or show nothing of theirs."""
        other = self.random.choice(
            [each for each in self.crowd.visitors if each is not self.visitor]
        )
        with_key = f"own:{other.session}"
        for name, values in (
            ("use_detector", (with_key,)),
            ("call", (with_key,)),
            ("call_1", (with_key,)),
            ("rename", (with_key, "mine")),
            ("show", (other.session, "picture")),
            ("label_normal", (f"{other.mark.word}-1.png",)),
        ):
            self.refused(name, *values)
        secret_paths = _folders_of_visitors(self.crowd)
        # A refusal repeats what was asked for.
        named = self.crowd.marks.found("\n".join(secret_paths).encode())[0]
        named |= {other.session, other.mark.word}
        for path in secret_paths:
            self.refused("inspect", file_value(path, "x.png"), *_LOOK)
            if self.visitor.download(path).status_code == 200:
                self.crowd.problem(f"{path} was served")
        # Near misses of a path of the cache, and of a pass key.
        if other.sent:
            path = self.random.choice(other.sent)
            for near in (path.replace(path.split("/")[-2], "0" * 64), str(Path(path).parent)):
                if self.visitor.download(near).status_code == 200:
                    self.crowd.problem(f"{near} was served")
        if other.pass_key:
            near = other.pass_key[:-1] + ("A" if other.pass_key[-1] != "A" else "B")
            thief = Visitor(self.visitor.url, self.visitor.mark, self.visitor.functions)
            if thief.act("arrive", near).data[0] == other.pass_key:
                self.crowd.problem("a near miss of a pass key was taken")
            self.visitor.received += thief.received
        self.crowd.check(self.visitor, named)

    def refused(self, name: str, *values: Any) -> None:
        """See that the page refuses this."""
        try:
            self.visitor.act(name, *values)
        except RefusedError:
            return
        self.crowd.problem(f"{name}{values} was not refused")

    def forget(self) -> None:
        """Be forgotten, and look for what is left."""
        # What was brought and not used is theirs, too.
        self.visitor.act("forget", self.picture())
        left = self.crowd.left_of(self.visitor)
        if left:
            self.crowd.problem(f"left of a forgotten visitor: {left[:4]} and {len(left)} in all")
        self.visitor.sent.clear()

    def picture(self) -> dict[str, Any]:
        """Bring a new picture."""
        return self.visitor.picture(self.random.randrange(10_000))

    def fetch(self, path: str) -> bytes:
        """Download a file of theirs."""
        answer = self.visitor.download(path)
        if answer.status_code != 200:
            raise RuntimeError(f"{path} cannot be downloaded: {answer.status_code}")
        return answer.content


def _folders_of_visitors(crowd: Crowd) -> list[str]:
    """Return a few real files in folders of visitors, which no page was ever told of."""
    paths = (
        path for folder in crowd.folders for path in folder.glob("inpformer-*/inpformer-*/*/*")
    )
    return [str(path) for path in sorted(paths)[:3]]


def isolate(server: Server, visitors: int, seconds: float, seed: int) -> Report:
    """Let visitors live for some time, and say what was found."""
    crowd = Crowd(server.url, Marks(visitors, seed), server.folders)
    end = time.monotonic() + seconds
    lives = [Life(crowd, visitor, seed + i) for i, visitor in enumerate(crowd.visitors)]
    threads = [threading.Thread(target=life.live, args=(end,), daemon=True) for life in lives]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    answers = httpx.get(server.url, timeout=60).status_code
    lines = [
        f"{visitors} visitors, {seconds / 60:.1f} minutes; the page still answers {answers}",
        f"actions: {dict(sorted(crowd.done.items()))}, {sum(crowd.done.values())} in all",
        f"{crowd.pictures} pictures with the visitor's own mark in {crowd.bytes / 1e6:.0f} MB",
        *(f"refused {count} x {what}" for what, count in crowd.refused.most_common()),
        f"problems: {len(crowd.problems)}",
        *crowd.problems[:20],
    ]
    return Report(lines, crowd.problems)
