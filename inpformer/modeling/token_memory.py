"""Normal tokens that a detector remembers, and how unlike all of them a token is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

# Remembered tokens that say together how much normal ones of their look differ.
NEIGHBOURS = 8
# Typical spreads that are added to every one: some tokens have a twin by chance.
SPREAD_FLOOR = 2.0
_TINY = 1e-6
_CHUNK = 512  # remembered tokens that are compared with all others at once


class NormalTokens(NamedTuple):
    """Tokens that a memory chooses from.

    Attributes:
        tokens: `(T, C)`.
        sources: `(T,)` int, the picture each is of.
    """

    tokens: Tensor
    sources: Tensor


class TokenMemory(nn.Module):
    """Distance to the most similar normal token, in units of what is normal there.

    Where a part always looks a little different (a rough edge, a blob of solder), its remembered
    tokens lie far from each other too, and the same distance means less.

    Args:
        size: Tokens remembered.
        dim: Channels C.
        grids: See `ModelConfig.memory_grids`.

    Attributes:
        sources: `(size,)` int, the picture each remembered token is of; unknown, and 0, in a
            memory that was loaded.
    """

    def __init__(self, size: int, dim: int, grids: int = 1) -> None:
        super().__init__()
        self.grids = grids
        self.register_buffer("sources", torch.zeros(size, dtype=torch.long), persistent=False)
        self.register_buffer("directions", torch.zeros(size, dim))
        self.register_buffer("spread", torch.ones(size))

    def remember(self, normal: NormalTokens) -> None:
        """Take as many normal tokens as there is room for, as unlike each other as can be.

        Args:
            normal: If there are too few, some are taken more than once. Spread is the distance to
                the most similar token of another picture, among all of them.
        """
        size = len(self.directions)
        candidates, sources = F.normalize(normal.tokens, dim=-1), normal.sources
        rows = spread_out(candidates, size)
        directions = candidates[rows]
        apart = torch.cat([_nearest_of_others(candidates, sources, c) for c in rows.split(_CHUNK)])
        similarity = directions @ directions.T
        alike = similarity.topk(min(NEIGHBOURS, size), dim=-1).indices
        spread = (1 - apart).clamp(min=0)[alike].mean(dim=-1)
        self.directions.copy_(directions)
        self.sources.copy_(sources[rows])
        self.spread.copy_(spread + SPREAD_FLOOR * spread.median() + _TINY)

    def without(self, pictures: Sequence[int], normal: NormalTokens) -> TokenMemory:
        """Return a memory that has not seen some of the pictures, in the units of this one.

        Their tokens alone are not enough to leave out: each stands for others like it, also of
        pictures that stay, which were not chosen because of it. Those are chosen now.

        Args:
            pictures: Not all of them.
            normal: What this memory has chosen from.
        """
        left_out = self.sources.new_tensor(pictures)
        kept = ~torch.isin(self.sources, left_out)
        stay = ~torch.isin(normal.sources, left_out)
        candidates = F.normalize(normal.tokens[stay], dim=-1)
        size, known = len(self.directions), self.directions[kept]
        rows = spread_out(candidates, size - len(known), known)
        other = TokenMemory(size, self.directions.shape[1], self.grids).to(self.directions)
        other.directions.copy_(torch.cat([known, candidates[rows]]))
        other.sources.copy_(torch.cat([self.sources[kept], normal.sources[stay][rows]]))
        alike = (other.directions @ self.directions.T).argmax(dim=-1)
        other.spread.copy_(self.spread[alike])
        return other

    def forward(self, tokens: Tensor) -> Tensor:
        """Return how unlike all remembered tokens each of `(B, N, C)` is: `(B, N)`, at least 0."""
        similarity = F.normalize(tokens, dim=-1) @ self.directions.T
        nearest = similarity.max(dim=-1)
        return (1 - nearest.values).clamp(min=0) / self.spread[nearest.indices]


def spread_out(directions: Tensor, count: int, known: Tensor | None = None) -> Tensor:
    """Choose tokens so that none is far from a chosen one (greedy k-centre, as in PatchCore).

    A random choice has many of what is everywhere and misses what is seldom and normal.

    Args:
        directions: Unit vectors `(T, C)`.
        count: Tokens to choose.
        known: Unit vectors `(K, C)` that were chosen before these; None or none begins with the
            first token.

    Returns:
        Their rows, `(count,)`; if there are fewer, each is there and some more than once.
    """
    total = len(directions)
    if total <= count:
        return torch.arange(count, device=directions.device) % total
    chosen = torch.zeros(count, dtype=torch.long, device=directions.device)
    is_first = known is None or not len(known)
    known = directions[:1] if is_first else known
    nearest = torch.cat([(part @ known.T).amax(dim=-1) for part in directions.split(_CHUNK)])
    for index in range(int(is_first), count):
        # Stays on the device: asking for the number would wait for it each time.
        farthest = nearest.argmin()
        chosen[index] = farthest
        torch.maximum(nearest, directions @ directions[farthest], out=nearest)
    return chosen


def _nearest_of_others(candidates: Tensor, sources: Tensor, rows: Tensor) -> Tensor:
    """Return the cosine of some candidates to the most similar one of another picture."""
    is_own = sources[rows][:, None] == sources
    return (candidates[rows] @ candidates.T).masked_fill(is_own, -1.0).amax(dim=-1)
