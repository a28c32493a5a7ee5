"""A crowd that inspects while a few fit: an hour of visits squeezed into minutes."""

from __future__ import annotations

import io
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field

import httpx
import numpy as np
from PIL import Image

from benchmarks.crowd_clients import BadClients, Places
from benchmarks.crowd_isolation import Report
from benchmarks.crowd_server import Server
from benchmarks.crowd_visitor import Marks, RefusedError, Visitor, functions_of
from inpformer.fit_config import FitConfig
from inpformer.presets import encoder_preset
from inpformer.ui.words import ENGLISH

_LOOK = ("full", "fitted")
_SAMPLE_SECONDS, _GOAL_SECONDS, _WARM_UP = 1.0, 2.0, 1 / 3
_SIZE = (800, 600)
# How the server says that it has too much to do; anything else that it says is an error here.
_POLITE = (ENGLISH.QUEUE_FULL, "of your actions are waiting")


@dataclass(frozen=True)
class Plan:
    """What the crowd does.

    Attributes:
        visitors: How many inspect.
        fitting: How many fit, one fit after the other.
        seconds: How long.
        every: Minutes between two pictures of a visitor, in the hour that is squeezed.
    """

    visitors: int
    fitting: int
    seconds: float
    every: float = 2.0

    @property
    def actions_each(self) -> int:
        """How many pictures each brings in an hour."""
        return max(1, round(60 / self.every))


@dataclass
class Seen:
    """What was seen, by kind of action.

    Attributes:
        seconds: How long each took.
        turns: When each look was asked for, and when its turn came.
        waits: How long each look waited for its turn.
        done: Looks of each visitor.
        refused: What the server said where it had too much to do.
        errors: Everything else that was not done.
        memory: Time and megabytes of the server.
    """

    seconds: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    turns: list[tuple[float, float]] = field(default_factory=list)
    waits: list[float] = field(default_factory=list)
    done: Counter[int] = field(default_factory=Counter)
    refused: Counter[str] = field(default_factory=Counter)
    errors: Counter[str] = field(default_factory=Counter)
    memory: list[tuple[float, float]] = field(default_factory=list)

    def time(self, kind: str, action: Callable[[], object]) -> bool:
        """Do something, note how long it took or why it was not done, and say whether it was."""
        started = time.monotonic()
        try:
            action()
        except RefusedError as error:
            is_polite = any(words in str(error) for words in _POLITE)
            (self.refused if is_polite else self.errors)[f"{kind}: {error}"[:160]] += 1
        except Exception as error:
            self.errors[f"{kind}: {error!r}"[:160]] += 1
        else:
            self.seconds[kind].append(time.monotonic() - started)
            return True
        return False


class Crowd:
    """All of them at work.

    Args:
        server: The app.
        plan: What they do.
    """

    def __init__(self, server: Server, plan: Plan) -> None:
        self.server, self.plan, self.seen = server, plan, Seen()
        functions = functions_of(server.url)
        marks = Marks(min(20, plan.visitors)).all
        crowd = [
            Visitor(server.url, marks[number % len(marks)], functions)
            for number in range(plan.visitors + plan.fitting)
        ]
        self.inspecting, self.fitting = crowd[: plan.visitors], crowd[plan.visitors :]
        self.bad = BadClients(server.url, marks[0], functions)
        self.began = time.monotonic()
        self._over = threading.Event()

    def work(self) -> None:
        """Let all work until the time is over, and be forgotten."""
        jobs = [(self._inspect, (number,)) for number in range(len(self.inspecting))]
        jobs += [(self._fit, (visitor,)) for visitor in self.fitting]
        jobs += [(self._watch, ()), *((job, (self._over,)) for job in self.bad.jobs())]
        threads = [threading.Thread(target=job, args=given, daemon=True) for job, given in jobs]
        for thread in threads:
            thread.start()
        self._over.wait(self.plan.seconds)
        self._over.set()
        # Those who still fit, or wait for it, are told to stop.
        while any(thread.is_alive() for thread in threads):
            for visitor in self.fitting:
                visitor.now("cancel")
            threads[0].join(0.5)
            threads = [thread for thread in threads if thread.is_alive()]

    def forget(self) -> None:
        """Let all press *Forget me*."""
        for visitor in (*self.inspecting, *self.fitting):
            self.seen.time("forget", lambda visitor=visitor: visitor.act("forget"))

    def _inspect(self, number: int) -> None:
        """Bring a picture every now and then, look at it and move the threshold once."""
        visitor, seen, plan = self.inspecting[number], self.seen, self.plan
        pace = plan.seconds / plan.actions_each
        due = self.began + number * pace / plan.visitors
        self._over.wait(max(0.0, due - time.monotonic()))
        seen.time("arrive", visitor.arrive)
        for turn in range(plan.actions_each):
            self._over.wait(max(0.0, due + turn * pace - time.monotonic()))
            if self._over.is_set():
                return
            seed = 1000 * number + turn
            content = picture(visitor, seed)
            brought: list[dict] = []

            def bring(seed: int = seed, content: bytes = content, to: list = brought) -> None:
                to.append(visitor.upload(f"{visitor.mark.word}-{seed}.jpg", content))

            if not seen.time("upload", bring):
                continue
            if seen.time("inspect", lambda what=brought[0]: self._look(visitor, what)):
                seen.done[number] += 1
                seen.time("redraw", lambda: visitor.act("redraw", "distance", 0.05, 0.1))

    def _look(self, visitor: Visitor, what: dict) -> None:
        asked = time.monotonic()
        answer = visitor.act("inspect", what, *_LOOK)
        self.seen.waits.append(answer.waited)
        self.seen.turns.append((asked, asked + answer.waited))

    def _fit(self, visitor: Visitor) -> None:
        visitor.arrive()
        settings = fit_settings()
        while not self._over.is_set():
            shots = [
                visitor.upload(f"{visitor.mark.word}-{seed}.jpg", picture(visitor, seed))
                for seed in range(4)
            ]
            self.seen.time("fit", lambda shots=shots: visitor.act("fit", shots, *settings))

    def _watch(self) -> None:
        """Open the page once a second, and see how much memory the server holds."""
        with httpx.Client(timeout=60) as http:
            while not self._over.is_set():
                for kind, path in (("page", "/"), ("config", "/config"), ("health", "/health")):
                    address = f"{self.server.url}{path}"
                    self.seen.time(kind, lambda at=address: http.get(at).raise_for_status())
                self.seen.memory.append((time.monotonic(), self.server.megabytes()))
                self._over.wait(_SAMPLE_SECONDS)


def fit_settings(**others: int) -> tuple:
    """Return what the page sends with a fit when nobody touched its settings."""
    usual = FitConfig.for_encoder(encoder_preset("embedded"), **others)
    return (
        usual.variant,
        usual.steps,
        usual.inp_count,
        usual.views == "paper",
        usual.seed,
        usual.tiles,
        usual.false_alarm_rate,
        None,
        "",
        None,
    )


def picture(visitor: Visitor, seed: int) -> bytes:
    """Return a new picture of a visitor's, of a camera's kind and size."""
    stream = io.BytesIO()
    Image.fromarray(visitor.mark.picture(seed)).resize(_SIZE).save(stream, "JPEG", quality=90)
    return stream.getvalue()


def load(server: Server, plan: Plan, times: int = 3) -> Report:
    """Let a crowd work for some time, and say how it went.

    Args:
        server: The app.
        plan: Of the crowd.
        times: How often each case of `Places` is measured before.
    """
    at_start = server.megabytes()
    quiet, problems = Places(server).measure(times)
    crowd = Crowd(server, plan)
    crowd.work()
    crowd.forget()
    lines = [
        *_table(crowd),
        *_waiting(crowd),
        *_memory(crowd, at_start),
        *quiet,
        *crowd.bad.lines(),
    ]
    seen = crowd.seen
    lines += [f"refused {count} x {what}" for what, count in seen.refused.items()]
    problems += [f"{count} x {what}" for what, count in seen.errors.items()]
    slow = [kind for kind in ("page", "config") if _late(seen.seconds[kind]) > _GOAL_SECONDS]
    problems += [f"{kind} is slower than {_GOAL_SECONDS:.0f} s at 95%" for kind in slow]
    return Report([*lines, f"problems: {len(problems)}", *problems], problems)


def _late(values: list[float]) -> float:
    return float(np.percentile(values, 95)) if values else 0.0


def _table(crowd: Crowd) -> list[str]:
    plan, seen = crowd.plan, crowd.seen
    wanted = plan.visitors * plan.actions_each
    done = sum(seen.done.values())
    rows = [
        f"{plan.visitors} visitors inspect, {plan.fitting} fit; {plan.seconds / 60:.1f} minutes",
        f"an hour of work: each visitor brings a picture every {plan.every:g} minutes, {wanted} "
        f"pictures in all, here squeezed {3600 / plan.seconds:.1f} times; {done} were inspected, "
        f"{100 * done / wanted:.0f}% of that hour",
        "| | done | median s | 95% s | most s |",
        "|---|---|---|---|---|",
    ]
    for kind, values in seen.seconds.items():
        cells = (np.median(values), _late(values), max(values))
        rows.append(f"| {kind} | {len(values)} | {' | '.join(f'{cell:.2f}' for cell in cells)} |")
    return rows


def _waiting(crowd: Crowd) -> list[str]:
    seen = crowd.seen
    if not seen.waits:
        return []
    counts = [seen.done[number] for number in range(crowd.plan.visitors)]
    # Half a second, for two who ask at once arrive in any order.
    asked, begun = np.array(seen.turns).T
    passed = (asked[:, None] < asked - 0.5) & (begun[:, None] > begun)
    return [
        f"wait for a turn: median {np.median(seen.waits):.2f} s, 95% {_late(seen.waits):.2f} s, "
        f"most {max(seen.waits):.2f} s",
        f"inspected by each visitor: {min(counts)} to {max(counts)}, middle {np.median(counts):g}; "
        f"{passed.any(0).sum()} of {len(begun)} had their turn before one who had asked earlier",
    ]


def _memory(crowd: Crowd, at_start: float) -> list[str]:
    times, sizes = np.array(crowd.seen.memory).T
    minutes = (times - crowd.began) / 60
    each = [f"{sizes[minutes >= minute][0]:.0f}" for minute in range(int(minutes[-1]) + 1)]
    late = minutes > _WARM_UP * crowd.plan.seconds / 60
    slope = np.polyfit(minutes[late], sizes[late], 1)[0] * crowd.plan.seconds / 60
    server = crowd.server
    return [
        f"memory at each minute, MB: {', '.join(each)}",
        f"memory: {at_start:.0f} MB when started, {sizes[0]:.0f} when the crowd comes, "
        f"{sizes[late][0]:.0f} after a third of the time, {sizes[-1]:.0f} at the end, "
        f"{server.megabytes('VmHWM'):.0f} at most ever; by the slope after that third "
        f"{slope:+.0f} MB over the hour of work; {server.megabytes():.0f} MB after *Forget me*",
    ]
