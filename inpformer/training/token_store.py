"""Encoder tokens of the training pictures: computed once and kept while there is room."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from inpformer.errors import UserError
from inpformer.modeling.model import INPFormer
from inpformer.token_cache import encode_in_batches
from inpformer.training.ahead import Ahead
from inpformer.training.config import TrainConfig
from inpformer.training.processes import Processes

ENCODED_TOGETHER = 8
_FLOAT_BYTES = 4


class TokenStore:
    """Gives the tokens of items; the encoder is frozen, so they are the same in every epoch.

    The first items, as many as there is room for, are encoded in one fixed order when the training
    begins or goes on, and the others in every step anew. So it does not matter to the last bit of
    a result when a run was interrupted.

    Args:
        model: Only its encoder runs.
        read: Gives the picture of an item, `(3, H, W)` in [0, 1].
        token_counts: Tokens of every item.
        config: Caching, and threads to read with.
        processes: Where to compute.

    Raises:
        UserError: All tokens are to be kept, and there is no room for them.
    """

    def __init__(
        self,
        model: INPFormer,
        read: Callable[[int], Tensor],
        token_counts: Sequence[int],
        config: TrainConfig,
        processes: Processes,
    ) -> None:
        self.token_counts = token_counts
        self._model, self._processes = model, processes
        self._pictures = Ahead(read, config.workers)
        self._kept: list[Tensor] = []
        dim = model.inp_extractor.inp_queries.shape[-1]
        self.room = _room(token_counts, model.group_count * dim * _FLOAT_BYTES, config)

    def fill(self, on_items: Callable[[int], None]) -> None:
        """Encode what is kept.

        Args:
            on_items: Told how many items were just encoded; may raise to stop.
        """
        chunks = [
            range(start, min(start + ENCODED_TOGETHER, self.room))
            for start in range(0, self.room, ENCODED_TOGETHER)
        ]
        for place, chunk in enumerate(chunks):
            for planned in chunks[place : place + 2]:
                self._pictures.plan(planned)
            self._kept += [groups.cpu() for groups in self._encode(chunk)]
            on_items(len(chunk))

    def plan(self, items: Sequence[int]) -> None:
        """Begin to read the pictures of items whose tokens will soon be asked for."""
        self._pictures.plan(item for item in items if item >= len(self._kept))

    def groups(self, items: Sequence[int]) -> list[Tensor]:
        """Return the tokens of each item, `(G, N, C)` float32, on the device."""
        missing = [item for item in items if item >= len(self._kept)]
        encoded = dict(zip(missing, self._encode(missing), strict=True))
        device = self._processes.device
        return [encoded[i] if i in encoded else self._kept[i].to(device) for i in items]

    def close(self) -> None:
        """Forget everything."""
        self._kept.clear()
        self._pictures.close()

    @torch.no_grad()
    def _encode(self, items: Sequence[int]) -> list[Tensor]:
        images = [self._pictures.get(item).to(self._processes.device) for item in items]
        with self._processes.autocast():
            encoded = encode_in_batches(self._model, images, lambda count: None, ENCODED_TOGETHER)
        return [item.groups[:, 0].float() for item in encoded]


def _room(token_counts: Sequence[int], token_bytes: int, config: TrainConfig) -> int:
    """Return how many items are kept."""
    if config.cache == "none":
        return 0
    used = 0
    for item, count in enumerate(token_counts):
        used += count * token_bytes
        if used > config.cache_bytes:
            if config.cache == "memory":
                needed = sum(token_counts) * token_bytes
                raise UserError(
                    f"The tokens of all pictures need {needed / 2**30:.1f} GB, more than the "
                    f"{config.cache_bytes / 2**30:.1f} GB of cache_bytes; raise it, or take "
                    "cache 'auto'."
                )
            return item
    return len(token_counts)
