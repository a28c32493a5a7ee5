"""What each step looks at: a function of seed and step alone, whoever computes it and when."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise

import torch
from torch import Generator


def generator_for(seed: int, *place: str | int) -> Generator:
    """Return the source of randomness of one place in a run, on the CPU.

    Args:
        seed: Of the run.
        place: What tells it from all others, such as the phase, the step and the picture.
    """
    digest = hashlib.sha256("/".join(map(str, (seed, *place))).encode()).digest()
    return Generator().manual_seed(int.from_bytes(digest[:8], "big") >> 1)


@dataclass(frozen=True)
class Batches:
    """Which items each step of a phase takes.

    Attributes:
        item_count: Items there are.
        batch_size: Items per step; where there are fewer, a step takes all.
        epochs: Times that all are seen.
        seed: Of the run.
        phase: Name of the phase; each has an order of its own.
    """

    item_count: int
    batch_size: int
    epochs: int
    seed: int
    phase: str

    @property
    def per_epoch(self) -> int:
        """Steps of an epoch; what is left of a last batch that is not full is not seen in it."""
        return max(1, self.item_count // self.batch_size)

    @property
    def steps(self) -> int:
        """Steps of the whole phase."""
        return self.epochs * self.per_epoch

    def of(self, step: int) -> tuple[int, ...]:
        """Return the items of a step, by their index."""
        epoch, place = divmod(step, self.per_epoch)
        start = place * self.batch_size
        return _order(self, epoch)[start : start + self.batch_size]


@lru_cache(maxsize=4)
def _order(batches: Batches, epoch: int) -> tuple[int, ...]:
    generator = generator_for(batches.seed, batches.phase, "epoch", epoch)
    return tuple(torch.randperm(batches.item_count, generator=generator).tolist())


def split(count: int, parts: int) -> list[range]:
    """Divide `count` things into `parts` runs of nearly one length; some may be empty."""
    ends = [part * count // parts for part in range(parts + 1)]
    return [range(start, end) for start, end in pairwise(ends)]
