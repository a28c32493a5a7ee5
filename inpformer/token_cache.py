"""Encoder tokens of every view, computed once: the frozen encoder always says the same."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import torch
from torch import Generator, Tensor
from torch.nn.utils.rnn import pad_sequence

from inpformer.memory_limits import free_cache, is_out_of_memory
from inpformer.modeling.model import EncodedImages, INPFormer

ENCODE_BATCH = 4
# Numbers that 16 bits hold to three digits, with room to spare.
_LARGEST_HALF = 1e4


class TokenBatch(NamedTuple):
    """A batch of views for one training step.

    Attributes:
        fused_tokens: Tokens to extract prototypes from, `(B, N, C)`: all of the views, padded
            where grids differ, or as many random ones of each.
        token_mask: `(B, N)` bool, False at padding; None where nothing is padded.
        sampled_groups: Randomly chosen tokens of the encoder groups, `(G, B, T, C)`.
    """

    fused_tokens: Tensor
    token_mask: Tensor | None
    sampled_groups: Tensor


@dataclass
class TokenCache:
    """Encoded views of the shots.

    Attributes:
        groups: Per view, `(G, N, C)`, of 16 or 32 bits.
        grid_sizes: Per view, rows and columns.
        between: Per view, see `EncodedImages.between`, `(N', C)`; None if not known.
    """

    groups: list[Tensor] = field(default_factory=list)
    grid_sizes: list[tuple[int, int]] = field(default_factory=list)
    between: list[Tensor | None] = field(default_factory=list)

    def add(self, encoded: EncodedImages) -> None:
        """Keep a view, a batch of one, in 16 bits where they hold its numbers.

        Tokens that are 0.05% off teach the same (`benchmarks/measured.md`) in half the memory.
        """
        self.groups.append(_shortened(encoded.groups[:, 0]))
        self.between.append(None if encoded.between is None else _shortened(encoded.between[0]))
        self.grid_sizes.append(encoded.grid_size)

    def view(self, index: int) -> EncodedImages:
        """Return one view, a batch of one, in 32 bits."""
        between = self.between[index]
        return EncodedImages(
            self.groups[index].float().unsqueeze(1),
            self.grid_sizes[index],
            None if between is None else between.float()[None],
        )

    def fused(self, index: int) -> Tensor:
        """Return the fused tokens of one view, `(N, C)`."""
        return self.view(index).fused_tokens[0]

    def sample(
        self,
        views: Sequence[int],
        batch_size: int,
        tokens_per_view: int,
        generator: Generator,
        source_tokens: int = 0,
    ) -> TokenBatch:
        """Draw views with replacement only if there are too few, and tokens within each view.

        Args:
            views: Views to draw from.
            batch_size: Views drawn.
            tokens_per_view: Tokens to decode of each; 0 takes all, or as many as the smallest has.
            generator: Source of all randomness, on the CPU.
            source_tokens: Tokens of each to extract prototypes from; 0 takes all.
        """
        count = min(batch_size, len(views))
        order = torch.randperm(len(views), generator=generator)[:count].tolist()
        chosen = [self.groups[views[index]] for index in order]
        return token_batch(chosen, tokens_per_view, source_tokens, [generator] * count)


def _shortened(tokens: Tensor) -> Tensor:
    """Return tokens in 16 bits where those hold all numbers."""
    return tokens.half() if bool(tokens.abs().amax() <= _LARGEST_HALF) else tokens


def token_batch(
    views: Sequence[Tensor],
    tokens_per_view: int,
    source_tokens: int,
    generators: Sequence[Generator],
    shortest: int | None = None,
) -> TokenBatch:
    """Draw tokens of some views.

    Args:
        views: Of each view, all tokens `(G, N, C)`.
        tokens_per_view: Tokens to decode of each; 0 takes all, or as many as the smallest has.
        source_tokens: Tokens of each to extract prototypes from; 0 takes all.
        generators: Per view, source of its randomness, on the CPU.
        shortest: Tokens of the smallest view, where these views are but a part of a batch.
    """
    lengths = [view.shape[1] for view in views]
    shortest = shortest or min(lengths)
    wanted = min(tokens_per_view or shortest, shortest)
    if wanted == max(lengths):
        sampled = torch.stack(list(views), dim=1).float()
    else:
        sampled = _draw(views, wanted, generators)
    if 0 < source_tokens < shortest:
        source = _draw(views, source_tokens, generators)
        return TokenBatch(source.mean(dim=0), None, sampled)
    fused = [view.float().mean(dim=0) for view in views]
    if len(set(lengths)) == 1:
        return TokenBatch(torch.stack(fused), None, sampled)
    tokens = pad_sequence(fused, batch_first=True)
    positions = torch.arange(tokens.shape[1], device=tokens.device)
    mask = positions < torch.tensor(lengths, device=tokens.device)[:, None]
    return TokenBatch(tokens, mask, sampled)


def _draw(views: Sequence[Tensor], count: int, generators: Sequence[Generator]) -> Tensor:
    """Return `count` random tokens of each view `(G, N, C)`: `(G, B, count, C)` of 32 bits."""
    drawn = []
    for view, generator in zip(views, generators, strict=True):
        rows = torch.randperm(view.shape[1], generator=generator)[:count]
        drawn.append(view.index_select(1, rows.to(view.device)))
    return torch.stack(drawn, dim=1).float()


def encode_in_batches(
    model: INPFormer,
    images: Sequence[Tensor],
    on_images: Callable[[int], None],
    batch_size: int = ENCODE_BATCH,
    for_maps: bool = False,
) -> list[EncodedImages]:
    """Encode pictures of any sizes; neighbours of one size go through the encoder together.

    Where the device has too little memory for so many at once, fewer go together from then on.

    Args:
        model: Only its encoder runs.
        images: Pictures `(3, H, W)` in [0, 1].
        on_images: Told how many pictures were just done.
        batch_size: Most pictures at once.
        for_maps: See `INPFormer.encode`.

    Returns:
        One `EncodedImages` of batch size 1 per picture, in order.
    """
    encoded: list[EncodedImages] = []
    start = 0
    while start < len(images):
        stop = start + 1
        while (
            stop < len(images)
            and stop - start < batch_size
            and images[stop].shape == images[start].shape
        ):
            stop += 1
        batch = _encode(model, images[start:stop], for_maps)
        if batch is None:
            batch_size = (stop - start) // 2
            continue
        for index in range(stop - start):
            # A copy, or every view would keep its whole batch alive.
            groups = batch.groups[:, index : index + 1].clone()
            between = None if batch.between is None else batch.between[index : index + 1].clone()
            encoded.append(EncodedImages(groups, batch.grid_size, between))
        on_images(stop - start)
        start = stop
    return encoded


def _encode(model: INPFormer, images: Sequence[Tensor], for_maps: bool) -> EncodedImages | None:
    """Encode pictures of one size; None if fewer of them might fit into memory."""
    try:
        return model.encode(torch.stack(list(images)), for_maps)
    except (RuntimeError, MemoryError) as error:
        if len(images) == 1 or not is_out_of_memory(error):
            raise
    # Out of the `except`: the error holds on to what was computed so far.
    free_cache(images[0].device)
    return None
