"""What a model takes from its training tokens without steps: their scale, and some to remember."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import torch
from torch import Generator, Tensor

from inpformer.modeling.model import INPFormer
from inpformer.modeling.token_memory import NormalTokens

# Tokens to choose from for each that is remembered.
CANDIDATES = 8


def set_token_scale(model: INPFormer, views: Iterable[Tensor]) -> None:
    """Give a model whose `token_scale` is `shots` the scale of fused tokens, each `(N, C)`."""
    model.inp_extractor.scale.measure(torch.cat(list(views)))
    model.decoder.scale.load_state_dict(model.inp_extractor.scale.state_dict())


def fill_memory(
    model: INPFormer, views: Sequence[Tensor], sources: Sequence[int], seed: int
) -> NormalTokens:
    """Have a model with a memory choose from random tokens of each view, and return those.

    Args:
        model: Its memory is changed.
        views: Fused tokens `(N, C)` of each view.
        sources: The picture each view is of.
        seed: Picks the tokens.
    """
    generator = Generator().manual_seed(seed)
    each = -(-CANDIDATES * len(model.memory.directions) // len(views))
    tokens, rows_of = [], []
    for view, source in zip(views, sources, strict=True):
        order = torch.randperm(len(view), generator=generator)[:each]
        tokens.append(view[order.to(view.device)])
        rows_of += [source] * len(order)
    normal = NormalTokens(torch.cat(tokens), torch.tensor(rows_of, device=tokens[0].device))
    model.memory.remember(normal)
    return normal
