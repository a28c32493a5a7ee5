"""Intrinsic normal prototypes (INPs): learned queries gather them from the picture itself."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from inpformer.modeling.layers import NORM_EPS, Mlp, SoftmaxCrossAttention, TokenScale


class INPExtractor(nn.Module):
    """Extract M prototypes from one picture's patch tokens (INP-Former Eq. 1).

    Args:
        dim: Channels C.
        num_heads: Attention heads.
        inp_count: Prototypes M.
        mlp_ratio: Hidden width of the MLP over C.
        scale: Scale of the tokens it works on; None takes them as they are.
    """

    def __init__(
        self,
        dim: int,
        num_heads: int,
        inp_count: int,
        mlp_ratio: float = 4.0,
        scale: TokenScale | None = None,
    ) -> None:
        super().__init__()
        self.scale = scale
        self.inp_queries = nn.Parameter(torch.randn(inp_count, dim))
        self.norm1 = nn.LayerNorm(dim, eps=NORM_EPS)
        self.attention = SoftmaxCrossAttention(dim, num_heads)
        self.norm2 = nn.LayerNorm(dim, eps=NORM_EPS)
        self.mlp = Mlp(dim, mlp_ratio)

    def forward(
        self, fused_tokens: Tensor, token_mask: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """Return the picture's prototypes and where each of them looked.

        Args:
            fused_tokens: `(B, N, C)`, mean of the encoder layers.
            token_mask: `(B, N)` bool, False where a token is only padding.

        Returns:
            INPs `(B, M, C)` and attention `(B, heads, M, N)`, which sums to 1 over N.
        """
        if self.scale is not None:
            fused_tokens = self.scale(fused_tokens)
        queries = self.inp_queries.expand(len(fused_tokens), -1, -1)
        # One norm serves queries and tokens because the published weights were trained that way.
        gathered, attention = self.attention(
            self.norm1(queries), self.norm1(fused_tokens), token_mask
        )
        inps = queries + gathered
        inps = inps + self.mlp(self.norm2(inps))
        return inps if self.scale is None else self.scale.undo(inps), attention
