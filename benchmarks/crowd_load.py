"""A crowd that inspects while a few fit: errors, times, fairness, memory, and bad clients."""

from __future__ import annotations

import itertools
import socket
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import numpy as np

from benchmarks.crowd_isolation import Report
from benchmarks.crowd_visitor import Marks, RefusedError, Visitor, functions_of

_LOOK = ("full", "fitted")
_THINK_SECONDS, _SAMPLE_SECONDS = 4.0, 1.0
# What the queue itself says when it is full.
_POLITE = ("Queue is full", "queue is full", "503")
_WARM_UP = 0.3
_GOAL_SECONDS = 2.0


class Load:
    """What was measured, by kind of action.

    Attributes:
        seconds: Of each action, by its kind.
        waits: Mean wait for a turn, by visitor.
        memory: Megabytes of the server, with the time.
    """

    def __init__(self, end: float) -> None:
        self.end = end
        self.seconds: dict[str, list[float]] = defaultdict(list)
        self.waits: dict[int, list[float]] = defaultdict(list)
        self.refused: Counter[str] = Counter()
        self.errors: Counter[str] = Counter()
        self.memory: list[tuple[float, float]] = []

    def is_on(self) -> bool:
        """Whether there is time left."""
        return time.monotonic() < self.end

    def time(self, kind: str, action: Callable[[], object]) -> None:
        """Do something and note how long it took, or why it was not done."""
        started = time.monotonic()
        try:
            action()
        except RefusedError as error:
            polite = any(words in str(error) for words in _POLITE)
            (self.refused if polite else self.errors)[f"{kind}: {error}"[:120]] += 1
        except Exception as error:
            self.errors[f"{kind}: {error!r}"[:120]] += 1
        else:
            self.seconds[kind].append(time.monotonic() - started)


def load(url: str, process: int, visitors: int, fits: int, seconds: float) -> Report:
    """Let a crowd work for some time, and say how it went."""
    functions = functions_of(url)
    marks = Marks(visitors + fits + 1)
    crowd = [Visitor(url, mark, functions) for mark in marks.all]
    *inspecting, last = crowd[:-fits] if fits else crowd
    run = Load(time.monotonic() + seconds)
    pause = threading.Event()

    def inspect(number: int, visitor: Visitor) -> None:
        pause.wait(number * _THINK_SECONDS / len(inspecting))
        run.time("arrive", visitor.arrive)
        for seed in itertools.count():
            if not run.is_on():
                return
            picture = visitor.picture(seed)

            def look(picture=picture) -> None:
                run.waits[number].append(visitor.act("inspect", picture, *_LOOK).waited)

            run.time("inspect", look)
            run.time("redraw", lambda: visitor.act("redraw", "distance", 1.0, 0.1))
            pause.wait(_THINK_SECONDS)

    def fit(visitor: Visitor) -> None:
        visitor.arrive()
        settings = ("inp-former++", 60, 6, False, 0, "", 0.05, None, "", None)
        while run.is_on():
            shots = [visitor.picture(seed) for seed in range(4)]
            run.time("fit", lambda shots=shots: visitor.act("fit", shots, *settings))

    def watch() -> None:
        while run.is_on():
            run.time("page", lambda: httpx.get(url, timeout=60).raise_for_status())
            run.memory.append((time.monotonic(), _megabytes(process)))
            pause.wait(_SAMPLE_SECONDS)

    jobs = [(inspect, (number, each)) for number, each in enumerate(inspecting)]
    jobs += [(fit, (each,)) for each in crowd[len(inspecting) + 1 :]]
    jobs += [(watch, ()), (_be_slow, (url, run)), (_vanish, (run, last))]
    threads = [threading.Thread(target=job, args=values, daemon=True) for job, values in jobs]
    for thread in threads:
        thread.start()
    # Those who fit are told to stop at the end, which is measured.
    pause.wait(max(0.0, run.end - time.monotonic()))
    cancelled = _seconds_to_cancel(crowd[len(inspecting) + 1 :], threads[len(inspecting) :])
    for thread in threads:
        thread.join(300)
    return _report(run, len(inspecting), fits, seconds, cancelled)


def _seconds_to_cancel(fitting: list[Visitor], threads: list[threading.Thread]) -> float:
    """Cancel all fits; return how long until nobody of them waits any more."""
    if not fitting:
        return float("nan")
    started = time.monotonic()
    for visitor in fitting:
        visitor.now("cancel")
    for thread in threads[: len(fitting)]:
        # Those in the line begin first, and then have to be told, too.
        while thread.is_alive():
            for visitor in fitting:
                visitor.now("cancel")
            thread.join(0.2)
    return time.monotonic() - started


def _be_slow(url: str, run: Load) -> None:
    """Read the page byte by byte, as somebody with a bad line does."""
    address = urlsplit(url)
    while run.is_on():
        with socket.create_connection((address.hostname, address.port), timeout=60) as line:
            line.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
            line.sendall(b"GET / HTTP/1.1\r\nHost: slow\r\n\r\n")
            while run.is_on() and line.recv(1):
                time.sleep(0.02)


def _vanish(run: Load, visitor: Visitor) -> None:
    """Ask for long work and close the line, again and again."""
    settings = ("inp-former++", 400, 6, False, 0, "", 0.05, None, "", None)
    while run.is_on():
        visitor.session = f"{time.monotonic_ns():x}"
        visitor.join("fit", [visitor.picture(1)], *settings)
        address = f"{visitor.url}/gradio_api/queue/data"
        asked = {"session_hash": visitor.session}
        with visitor.http.stream("GET", address, params=asked) as stream:
            next(stream.iter_lines())
        time.sleep(10)


def _megabytes(process: int) -> float:
    """Return what a process has in memory, from `/proc`."""
    for line in Path(f"/proc/{process}/status").read_text().splitlines():
        if line.startswith("VmRSS"):
            return int(line.split()[1]) / 1024
    return float("nan")


def _report(run: Load, visitors: int, fits: int, seconds: float, cancelled: float) -> Report:
    lines = [
        f"{visitors} visitors inspect and {fits} fit, {seconds / 60:.1f} minutes, think time "
        f"{_THINK_SECONDS:.0f} s; one client is slow and one vanishes",
        "| | done | median s | 95% s | most s |",
        "|---|---|---|---|---|",
    ]
    for kind, values in run.seconds.items():
        middle, late = np.percentile(values, (50, 95))
        lines.append(f"| {kind} | {len(values)} | {middle:.2f} | {late:.2f} | {max(values):.2f} |")
    means = [float(np.nanmean(values)) for values in run.waits.values() if values]
    if means:
        lines.append(
            f"wait for a turn, mean per visitor: {min(means):.2f} to {max(means):.2f} s, "
            f"ratio {max(means) / max(min(means), 1e-9):.2f}; inspections per visitor "
            f"{min(map(len, run.waits.values()))} to {max(map(len, run.waits.values()))}"
        )
    lines.append(f"cancel: all fits had ended after {cancelled:.1f} s")
    late = [each for each in run.memory if each[0] > run.memory[0][0] + _WARM_UP * seconds]
    if len(late) > 2:
        slope = np.polyfit(*np.transpose(late), 1)[0] * 3600
        sizes = [size for _, size in run.memory]
        lines.append(
            f"memory: {sizes[0]:.0f} MB at first, {late[0][1]:.0f} after warm-up, {sizes[-1]:.0f} "
            f"at the end, {max(sizes):.0f} at most; slope {slope:+.0f} MB an hour"
        )
    lines += [f"the queue was full {count} x {what}" for what, count in run.refused.items()]
    problems = [f"{count} x {what}" for what, count in run.errors.items()]
    lines += [f"errors: {len(problems)}", *problems]
    page = run.seconds.get("page")
    if page and np.percentile(page, 95) > _GOAL_SECONDS:
        lines.append(f"the page is slower than the goal of {_GOAL_SECONDS:.0f} s at 95%")
    return Report(lines, problems)
