"""What the speed benchmarks share: alternating runs, medians, counted work, the matrix peak."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from typing import NamedTuple

import torch
from torch.utils.flop_counter import FlopCounterMode

PEAK_SIDE = 2048


class Timing(NamedTuple):
    """Seconds of several runs."""

    runs: tuple[float, ...]

    @property
    def median(self) -> float:
        """The middle run."""
        return statistics.median(self.runs)

    @property
    def spread(self) -> str:
        """The fastest and the slowest run, in milliseconds."""
        return f"{1000 * min(self.runs):.0f} to {1000 * max(self.runs):.0f}"


def alternate(
    tasks: dict[str, Callable[[], object]],
    rounds: int,
    clock: Callable[[], float] = time.perf_counter,
) -> dict[str, Timing]:
    """Run every task once per round, in turn, so that a busy moment of the machine meets all."""
    for task in tasks.values():
        task()
    runs: dict[str, list[float]] = {name: [] for name in tasks}
    for _ in range(rounds):
        for name, task in tasks.items():
            started = clock()
            task()
            runs[name].append(clock() - started)
    return {name: Timing(tuple(times)) for name, times in runs.items()}


def ratios(timings: dict[str, Timing], name: str, to: str) -> list[float]:
    """Return, per round, a task's time over that of another in the same round."""
    pairs = zip(timings[name].runs, timings[to].runs, strict=True)
    return [mine / other for mine, other in pairs]


def ratio(timings: dict[str, Timing], name: str, to: str) -> float:
    """Return the median of `ratios`."""
    return statistics.median(ratios(timings, name, to))


def giga_operations(task: Callable[[], object]) -> float:
    """Return the matrix work of a task as torch counts it, GFLOP (a product and a sum are two)."""
    with FlopCounterMode(display=False) as counter:
        task()
    return counter.get_total_flops() / 1e9


def matrix_task(device: str = "cpu", dtype: torch.dtype = torch.float32) -> Callable[[], object]:
    """Return a large matrix product: what the machine can do at best, see `PEAK_OPERATIONS`."""
    first, second = (torch.rand(PEAK_SIDE, PEAK_SIDE, device=device).to(dtype) for _ in range(2))
    return lambda: first @ second


PEAK_OPERATIONS = 2 * PEAK_SIDE**3 / 1e9
