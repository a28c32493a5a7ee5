"""Normal tokens that a detector remembers, and how unlike all of them a token is."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

# Remembered tokens that say together how much normal ones of their look differ.
NEIGHBOURS = 8
# Part of the typical spread that is added to every one: some tokens have a twin by chance.
SPREAD_FLOOR = 0.5
_TINY = 1e-6


class TokenMemory(nn.Module):
    """Distance to the most similar normal token, in units of what is normal there.

    Where a part always looks a little different (a rough edge, a blob of solder), its remembered
    tokens lie far from each other too, and the same distance means less.

    Args:
        size: Tokens remembered.
        dim: Channels C.
    """

    def __init__(self, size: int, dim: int) -> None:
        super().__init__()
        self.register_buffer("directions", torch.zeros(size, dim))
        self.register_buffer("spread", torch.ones(size))

    def remember(self, tokens: Tensor, sources: Tensor) -> None:
        """Take normal tokens, as many as there is room for; fewer are repeated.

        Args:
            tokens: `(T, C)`.
            sources: `(T,)` int, the picture each is of. Spread is the distance to the most
                similar token of another picture.
        """
        size = len(self.directions)
        rows = torch.arange(size, device=tokens.device) % len(tokens)
        # Evenly over all tokens, if there is no room for all.
        if len(tokens) > size:
            rows = torch.arange(size, device=tokens.device) * len(tokens) // size
        directions, sources = F.normalize(tokens[rows], dim=-1), sources[rows]
        similarity = directions @ directions.T
        apart = similarity.masked_fill(sources[:, None] == sources, -1.0).amax(dim=-1)
        alike = similarity.topk(min(NEIGHBOURS, size), dim=-1).indices
        spread = (1 - apart).clamp(min=0)[alike].mean(dim=-1)
        self.directions.copy_(directions)
        self.spread.copy_(spread + SPREAD_FLOOR * spread.median() + _TINY)

    def forward(self, tokens: Tensor) -> Tensor:
        """Return how unlike all remembered tokens each of `(B, N, C)` is: `(B, N)`, at least 0."""
        nearest = (F.normalize(tokens, dim=-1) @ self.directions.T).max(dim=-1)
        return (1 - nearest.values).clamp(min=0) / self.spread[nearest.indices]
