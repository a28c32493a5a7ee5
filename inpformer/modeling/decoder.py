"""The INP-guided decoder: rebuild patch tokens out of the picture's own prototypes."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from inpformer.modeling.layers import NORM_EPS, Mlp, ReluCrossAttention, TokenScale


class INPGuidedBlock(nn.Module):
    """Rebuild patch tokens `(B, N, C)` out of one picture's prototypes `(B, M, C)`."""

    def __init__(self, dim: int, num_heads: int, mlp_ratio: float = 4.0) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(dim, eps=NORM_EPS)
        self.attention = ReluCrossAttention(dim, num_heads)
        self.norm2 = nn.LayerNorm(dim, eps=NORM_EPS)
        self.mlp = Mlp(dim, mlp_ratio)

    def forward(self, tokens: Tensor, inps: Tensor) -> tuple[Tensor, Tensor]:
        """Return rebuilt tokens `(B, N, C)` and attention `(B, heads, N, M)`."""
        # No skip connection around the attention, unlike a usual block: it would carry
        # anomalous tokens past the prototypes, and the decoder could then rebuild them.
        rebuilt, attention = self.attention(self.norm1(tokens), self.norm1(inps))
        return rebuilt + self.mlp(self.norm2(rebuilt)), attention


class INPGuidedDecoder(nn.Module):
    """A bottleneck and a stack of INP-guided blocks, all guided by the same prototypes.

    Patch tokens never attend to each other here: each is decoded on its own given the
    prototypes, which is why a training step may decode any part of a picture's tokens.
    """

    def __init__(
        self,
        dim: int,
        num_heads: int,
        depth: int,
        mlp_ratio: float = 4.0,
        scale: TokenScale | None = None,
    ) -> None:
        super().__init__()
        self.scale = scale
        self.bottleneck = Mlp(dim, mlp_ratio)
        self.blocks = nn.ModuleList(INPGuidedBlock(dim, num_heads, mlp_ratio) for _ in range(depth))

    def forward(self, fused_tokens: Tensor, inps: Tensor) -> tuple[Tensor, Tensor]:
        """Rebuild the tokens.

        Args:
            fused_tokens: `(B, N, C)`; any subset of a picture's tokens, in any order.
            inps: `(B, M, C)`.

        Returns:
            Output of every block, `(L, B, N, C)`, and attention `(B, L, heads, N, M)`.
        """
        if self.scale is not None:
            fused_tokens, inps = self.scale(fused_tokens), self.scale(inps)
        tokens = self.bottleneck(fused_tokens)
        outputs, attentions = [], []
        for block in self.blocks:
            tokens, attention = block(tokens, inps)
            outputs.append(tokens)
            attentions.append(attention)
        rebuilt = torch.stack(outputs)
        rebuilt = rebuilt if self.scale is None else self.scale.undo(rebuilt)
        return rebuilt, torch.stack(attentions, dim=1)
