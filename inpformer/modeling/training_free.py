"""Prototypes without training: robust spherical k-means over the picture's own tokens.

These are not the paper's INPs and are never named so: they need no trained extractor, which
makes them the honest fallback where none exists.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

# A token whose neighbourhood is thinner than this share of the picture is not taken for normal.
DENSITY_NEIGHBOURS = 0.10
# Share of the densest tokens that may shape the prototypes.
KEPT_SHARE = 0.80
ITERATIONS = 20
# Softness of the attention shown for a prototype, in units of cosine similarity.
ATTENTION_TEMPERATURE = 0.05


class TrainingFreeExtractor(nn.Module):
    """Cluster the dense majority of one picture's tokens; a drop-in for `INPExtractor`.

    Anomalies are taken to be a minority: tokens in thinly populated regions of feature space
    do not take part in the clustering, so a small defect cannot become a prototype.

    Args:
        inp_count: Prototypes M.
    """

    def __init__(self, inp_count: int) -> None:
        super().__init__()
        self.inp_count = inp_count

    @torch.no_grad()
    def forward(
        self, fused_tokens: Tensor, token_mask: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """Return prototypes `(B, M, C)` and attention `(B, 1, M, N)`, which sums to 1 over N.

        Args:
            fused_tokens: `(B, N, C)`.
            token_mask: `(B, N)` bool, False where a token is only padding.
        """
        inps, attentions = [], []
        for index, tokens in enumerate(fused_tokens):
            valid = slice(None) if token_mask is None else token_mask[index]
            prototypes = cluster_tokens(tokens[valid], self.inp_count)
            similarity = F.normalize(prototypes, dim=-1) @ F.normalize(tokens, dim=-1).T
            if token_mask is not None:
                similarity = similarity.masked_fill(~token_mask[index], float("-inf"))
            inps.append(prototypes)
            attentions.append((similarity / ATTENTION_TEMPERATURE).softmax(dim=-1))
        return torch.stack(inps), torch.stack(attentions).unsqueeze(1)


def cluster_tokens(tokens: Tensor, count: int) -> Tensor:
    """Return `count` prototypes `(count, C)` of `tokens` `(N, C)`, the same ones every time."""
    directions = F.normalize(tokens.float(), dim=-1)
    similarity = directions @ directions.T
    total = len(tokens)
    neighbours = min(total, max(1, round(DENSITY_NEIGHBOURS * total)))
    density = similarity.topk(neighbours, dim=-1).values[:, -1]
    kept = density.topk(max(min(count, total), round(KEPT_SHARE * total))).indices
    members, member_tokens = directions[kept], tokens[kept]
    centres = members[_spread_seeds(similarity[kept][:, kept], count)]
    for _ in range(ITERATIONS):
        owner = (members @ centres.T).argmax(dim=-1)
        updated = centres.clone()
        for index in range(count):
            owned = members[owner == index]
            if len(owned):
                updated[index] = F.normalize(owned.mean(dim=0), dim=-1)
        if torch.equal(updated, centres):
            break
        centres = updated
    # Directions decide the distance; the length of a typical token keeps the scale of tokens.
    return (centres * member_tokens.float().norm(dim=-1).median()).to(tokens.dtype)


def _spread_seeds(similarity: Tensor, count: int) -> Tensor:
    """Pick the most central token, then again and again the one least like those picked."""
    seeds = [int(similarity.sum(dim=-1).argmax())]
    nearest = similarity[seeds[0]].clone()
    while len(seeds) < count:
        seeds.append(int(nearest.argmin()))
        nearest = torch.maximum(nearest, similarity[seeds[-1]])
    return torch.tensor(seeds, device=similarity.device)
