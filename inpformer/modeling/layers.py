"""The parts both the INP extractor and the decoder are made of."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

# The published weights were trained with this epsilon; the usual 1e-6 changes the maps.
NORM_EPS = 1e-8
# Products are taken in another order where that leaves this many times fewer rows.
MIN_SAVING = 2
_MIN_LENGTH = 1e-12


class Mlp(nn.Module):
    """Two linear layers with GELU between them: `(..., C)` to `(..., C)`.

    Args:
        dim: Channels C.
        ratio: Hidden width over C.
    """

    def __init__(self, dim: int, ratio: float = 4.0) -> None:
        super().__init__()
        hidden_dim = max(1, round(ratio * dim))
        self.fc1 = nn.Linear(dim, hidden_dim)
        self.fc2 = nn.Linear(hidden_dim, dim)

    def forward(self, tokens: Tensor) -> Tensor:
        """Transform each token on its own."""
        return self.fc2(F.gelu(self.fc1(tokens)))


class TokenScale(nn.Module):
    """Bring tokens to mean 0 and deviation 1 per channel, and back.

    Small initial weights learn slowly what hides behind a large common mean. The scale is measured
    on the shots once and then belongs to the model.

    Args:
        dim: Channels C.
    """

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(dim))
        self.register_buffer("deviation", torch.ones(dim))

    def measure(self, tokens: Tensor) -> None:
        """Take the scale of tokens `(N, C)`."""
        self.mean.copy_(tokens.mean(dim=0))
        # Half the time of torch's own deviation along the first axis.
        deviation = (tokens - self.mean).square_().mean(dim=0).sqrt()
        # A channel that never changes says nothing; dividing by its rounding would make noise.
        floor = 1e-3 * deviation.max().clamp(min=1e-6)
        self.deviation.copy_(deviation.clamp(min=floor))

    def forward(self, tokens: Tensor) -> Tensor:
        """Scale tokens `(..., C)`."""
        return (tokens - self.mean) / self.deviation

    def undo(self, scaled: Tensor) -> Tensor:
        """Return tokens `(..., C)` on their own scale."""
        return scaled * self.deviation + self.mean


class _CrossAttention(nn.Module):
    """Projections shared by the two attentions."""

    def __init__(self, dim: int, num_heads: int) -> None:
        super().__init__()
        self.num_heads = num_heads
        self.query = nn.Linear(dim, dim)
        self.key_value = nn.Linear(dim, 2 * dim)
        self.proj = nn.Linear(dim, dim)

    def _project(self, targets: Tensor, sources: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return query `(B, heads, T, D)`, key and value `(B, heads, S, D)`."""
        query = self._split_heads(self.query(targets))
        key, value = self.key_value(sources).chunk(2, dim=-1)
        return query, self._split_heads(key), self._split_heads(value)

    def _split_heads(self, tokens: Tensor) -> Tensor:
        batch, count, dim = tokens.shape
        return tokens.view(batch, count, self.num_heads, dim // self.num_heads).transpose(1, 2)

    def _merge_heads(self, tokens: Tensor) -> Tensor:
        return self.proj(tokens.transpose(1, 2).flatten(2))


class SoftmaxCrossAttention(_CrossAttention):
    """Each target gathers from all sources; weights over the sources sum to 1."""

    def __init__(self, dim: int, num_heads: int) -> None:
        super().__init__(dim, num_heads)
        self.scale = (dim // num_heads) ** -0.5

    def forward(
        self, targets: Tensor, sources: Tensor, source_mask: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """Gather from the sources.

        Args:
            targets: `(B, T, C)`.
            sources: `(B, S, C)`.
            source_mask: `(B, S)` bool, False where a source is only padding.

        Returns:
            Gathered tokens `(B, T, C)` and attention `(B, heads, T, S)`.
        """
        if MIN_SAVING * self.num_heads * targets.shape[1] > targets.shape[2]:
            query, key, value = self._project(targets, sources)
            attention = self._attend(query @ key.transpose(-2, -1), source_mask)
            return self._merge_heads(attention @ value), attention
        # Few targets ask: their questions are turned into the sources' own channels, and what they
        # gather is projected after, instead of every source. Only the order of products differs;
        # the bias of the keys adds the same to all scores of a target, which softmax forgets.
        dim, heads = targets.shape[2], self.num_heads
        key_weight, value_weight = self.key_value.weight.view(2, heads, dim // heads, dim)
        questions = self._split_heads(self.query(targets)) @ key_weight
        scores = questions.flatten(1, 2) @ sources.transpose(-2, -1)
        attention = self._attend(scores.unflatten(1, (heads, -1)), source_mask)
        gathered = (attention.flatten(1, 2) @ sources).unflatten(1, (heads, -1))
        value = gathered @ value_weight.transpose(-2, -1)
        value = value + self.key_value.bias[dim:].view(heads, 1, -1)
        return self._merge_heads(value), attention

    def _attend(self, scores: Tensor, source_mask: Tensor | None) -> Tensor:
        scores = scores * self.scale
        if source_mask is not None:
            scores = scores.masked_fill(~source_mask[:, None, None, :], float("-inf"))
        return scores.softmax(dim=-1)


class ReluCrossAttention(_CrossAttention):
    """Each target is a non-negative mix of the sources; sources that point away give nothing."""

    def __init__(self, dim: int, num_heads: int) -> None:
        super().__init__(dim, num_heads)
        self.head_scale = nn.Parameter(torch.ones(num_heads, 1, 1))

    def weigh(self, targets: Tensor, sources: Tensor) -> tuple[Tensor, Tensor]:
        """Say how much of each source goes into each target.

        Args:
            targets: `(B, T, C)`.
            sources: `(B, S, C)`.

        Returns:
            Attention `(B, heads, T, S)`, not normalised, and the sources' values
            `(B, heads, S, C / heads)`.
        """
        query, key, value = self._project(targets, sources)
        # The few scores are divided by the length of a query, not its many channels.
        length = query.norm(dim=-1, keepdim=True).clamp(min=_MIN_LENGTH)
        scores = query @ (F.normalize(key, dim=-1) * self.head_scale).transpose(-2, -1)
        return F.relu(scores / length), value

    def mix(self, attention: Tensor, value: Tensor) -> Tensor:
        """Return the mixed tokens `(B, T, C)` of what `weigh` gives."""
        return self._merge_heads(attention @ value)

    def contributions(self, value: Tensor) -> Tensor:
        """Return what each head of each source adds to a target, `(B, heads * S, C)`.

        A mixed token is the sum of these, weighted by its attention, and the bias.
        """
        heads = self.num_heads
        weight = self.proj.weight.view(-1, heads, value.shape[-1]).permute(1, 2, 0)
        return (value @ weight).flatten(1, 2)


def init_trainable(module: nn.Module, std: float = 0.01) -> None:
    """Initialise linear layers and norms the way the papers do (use with `Module.apply`).

    Args:
        module: One of the layers.
        std: Deviation of the weights, cut at three times that; the papers' is 0.01.
    """
    if isinstance(module, nn.Linear):
        nn.init.trunc_normal_(module.weight, std=std, a=-3 * std, b=3 * std)
        nn.init.zeros_(module.bias)
    elif isinstance(module, nn.LayerNorm):
        nn.init.ones_(module.weight)
        nn.init.zeros_(module.bias)
