"""The filter bank, with or without the network trained on it, in the place of a transformer."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from inpformer.modeling.filter_network import FilterNetwork
from inpformer.modeling.filter_stem import FilterStem
from inpformer.presets import EncoderConfig


class FilterBank(nn.Module):
    """Filters whose responses are the tokens, with the names and weights of a timm ViT.

    It is not made of timm's parts because importing them takes longer than all the rest of a start.

    Args:
        config: The encoder; its stem is `filters-only` or `filters-trained`.
    """

    num_prefix_tokens = 1  # a class token, which says nothing, for no block writes to it
    no_embed_class = True
    reg_token = None

    def __init__(self, config: EncoderConfig) -> None:
        super().__init__()
        self.embed_dim = config.embed_dim
        native_size = config.native_grid * config.patch_size
        stem = FilterNetwork if config.stem == "filters-trained" else FilterStem
        self.patch_embed = stem(native_size, config.patch_size, config.embed_dim)
        self.cls_token = nn.Parameter(torch.zeros(1, 1, config.embed_dim))
        self.patch_embed.reset_projection()
        # Textures look the same everywhere; another grid would tell the corners apart.
        grid = torch.zeros(1, config.native_grid**2, config.embed_dim)
        self.pos_embed = nn.Parameter(grid)
        self.pos_drop, self.norm_pre = nn.Identity(), nn.Identity()
        self.blocks = nn.Sequential(*(nn.Identity() for _ in range(config.depth)))
        self.norm = nn.LayerNorm(config.embed_dim, eps=1e-6)

    def forward_intermediates(
        self, images: Tensor, indices: Sequence[int], **_: object
    ) -> list[Tensor]:
        """Return the tokens `(B, N, C)` of normalised pictures, once for each index."""
        tokens = self._pos_embed(self.patch_embed(images))[:, self.num_prefix_tokens :]
        return [tokens for _ in indices]
