"""The INP-guided decoder: rebuild patch tokens out of the picture's own prototypes."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from inpformer.modeling.layers import MIN_SAVING, NORM_EPS, Mlp, ReluCrossAttention, TokenScale


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
        attention, value = self.attention.weigh(self.norm1(tokens), self.norm1(inps))
        if self._is_small(attention):
            return self._rebuild_from_few(attention, value), attention
        rebuilt = self.attention.mix(attention, value)
        return rebuilt + self.mlp(self.norm2(rebuilt)), attention

    def _is_small(self, attention: Tensor) -> bool:
        """Say whether the rows of `_rebuild_from_few` are few beside tokens and channels."""
        _, heads, tokens, inps = attention.shape
        return MIN_SAVING * heads * inps <= min(tokens, self.mlp.fc1.in_features)

    def _rebuild_from_few(self, attention: Tensor, value: Tensor) -> Tensor:
        """Return what the block returns, by other products of the same matrices.

        Every mixed token is a weighted sum of a few rows, one per head and prototype. So the output
        projection, the norm's centring and scaling by channel, and the first layer of the MLP are
        applied to these rows, and only their sums to the tokens: half the work of a block.
        """
        norm, fc1 = self.norm2, self.mlp.fc1
        weights = attention.transpose(1, 2).flatten(2)
        weights = F.pad(weights, (0, 1), value=1.0)
        rows = self.attention.contributions(value)
        bias = self.attention.proj.bias.expand(len(rows), 1, -1)
        rows = torch.cat([rows, bias], dim=1)
        mixed = weights @ rows
        centred = rows - rows.mean(dim=-1, keepdim=True)
        deviation = (_variance_of_sums(weights, centred) + norm.eps).sqrt()
        shift = F.linear(norm.bias, fc1.weight, fc1.bias).expand(len(rows), 1, -1)
        rows = torch.cat([F.linear(centred * norm.weight, fc1.weight), shift], dim=1)
        hidden = F.pad(weights / deviation, (0, 1), value=1.0) @ rows
        return mixed + self.mlp.fc2(F.gelu(hidden))


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

    def forward(self, fused_tokens: Tensor, inps: Tensor) -> tuple[list[Tensor], Tensor]:
        """Rebuild the tokens.

        Args:
            fused_tokens: `(B, N, C)`; any subset of a picture's tokens, in any order.
            inps: `(B, M, C)`.

        Returns:
            Output of every block, each `(B, N, C)`, and attention `(B, L, heads, N, M)`.
        """
        if self.scale is not None:
            fused_tokens, inps = self.scale(fused_tokens), self.scale(inps)
        tokens = self.bottleneck(fused_tokens)
        outputs, attentions = [], []
        for block in self.blocks:
            tokens, attention = block(tokens, inps)
            outputs.append(tokens if self.scale is None else self.scale.undo(tokens))
            attentions.append(attention)
        return outputs, torch.stack(attentions, dim=1)


def _variance_of_sums(weights: Tensor, rows: Tensor) -> Tensor:
    """Return the variance over channels of weighted sums of a few centred rows.

    Args:
        weights: `(B, N, R)`.
        rows: `(B, R, C)`, each of mean 0.

    Returns:
        `(B, N, 1)`.
    """
    # Sums of products that may cancel, so in 64 bits, where there are such.
    wide = torch.float64 if rows.device.type != "mps" else rows.dtype
    products = rows.to(wide) @ rows.to(wide).transpose(-2, -1) / rows.shape[-1]
    wide_weights = weights.to(wide)
    variance = ((wide_weights @ products) * wide_weights).sum(dim=-1, keepdim=True)
    return variance.clamp(min=0).to(weights.dtype)
