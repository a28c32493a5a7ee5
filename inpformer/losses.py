"""The training losses, as functions of tensors."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from inpformer.config import LossConfig
from inpformer.modeling.model import cosine_to_inps

# Of lengths, as torch's cosine similarity has it.
_TINY = 1e-8


def hard_coherence_loss(fused_tokens: Tensor, inps: Tensor) -> Tensor:
    """Mean distance of each token to its nearest prototype (INP-Former Eq. 3).

    Only the nearest prototype of a token is pulled, which lets all tokens end on one.

    Args:
        fused_tokens: `(B, N, C)`.
        inps: `(B, M, C)`.

    Returns:
        Scalar in [0, 2].
    """
    return (1 - cosine_to_inps(fused_tokens, inps).amax(dim=-1)).mean()


def soft_coherence_loss(fused_tokens: Tensor, inps: Tensor) -> Tensor:
    """Distance between a picture and its soft rebuild from the prototypes (++ Eq. 3).

    Args:
        fused_tokens: `(B, N, C)`.
        inps: `(B, M, C)`; used as they are, without normalisation, in the rebuild.

    Returns:
        Scalar in [0, 2]: mean over pictures of 1 - cosine of the flattened tokens.
    """
    weights = cosine_to_inps(fused_tokens, inps).softmax(dim=-1)
    return _global_cosine_distance(fused_tokens, weights @ inps)


def inp_coherence_loss(fused_tokens: Tensor, inps: Tensor, config: LossConfig) -> Tensor:
    """The coherence loss that `config` names."""
    loss = hard_coherence_loss if config.coherence == "hard" else soft_coherence_loss
    return loss(fused_tokens, inps)


def soft_mining_loss(
    encoder_groups: Tensor,
    decoder_groups: Tensor,
    config: LossConfig,
    mean_errors: Tensor | None = None,
) -> Tensor:
    """Reconstruction loss whose gradient is stronger at tokens that are hard (++ Eq. 5).

    The weights change only the gradient that reaches the decoder, never the value.

    Args:
        encoder_groups: `(G, B, N, C)`; no gradient is sent here.
        decoder_groups: `(G, B, N, C)`.
        config: Branches, exponent and reduction.
        mean_errors: What `mean_mining_errors` gives for the whole batch, where this is but a part
            of it; None where it is all.

    Returns:
        Scalar: mean over groups of the global cosine distance, plus, with two branches, of the
        squared error.
    """
    means = [None] * len(encoder_groups) if mean_errors is None else list(mean_errors)
    losses = [
        _SoftMining.apply(decoder, encoder.detach(), config, mean)
        for encoder, decoder, mean in zip(encoder_groups, decoder_groups, means, strict=True)
    ]
    return torch.stack(losses).mean()


def mean_mining_errors(
    encoder_groups: Tensor, decoder_groups: Tensor, config: LossConfig
) -> Tensor:
    """Return the mean error per group and branch, `(G, branches)`, which mining divides by.

    Args:
        encoder_groups: `(G, B, N, C)`.
        decoder_groups: `(G, B, N, C)`.
        config: Branches and reduction.
    """
    encoder_groups, decoder_groups = encoder_groups.detach(), decoder_groups.detach()
    errors = [1 - F.cosine_similarity(encoder_groups, decoder_groups, dim=-1)]
    if config.mining_branches != "cosine":
        errors.append(_squared_error(encoder_groups - decoder_groups, config))
    return torch.stack([error.clamp(min=0).mean(dim=(1, 2)) for error in errors], dim=1)


class _SoftMining(torch.autograd.Function):
    """Loss of one group, with its weighted gradient written out.

    Both branches are short formulas of the same few sums over channels, so value and gradient are
    computed together: a third of the operations that automatic differentiation would need, and each
    branch plainly has its own weight.
    """

    @staticmethod
    def forward(
        ctx, decoder: Tensor, encoder: Tensor, config: LossConfig, means: Tensor | None
    ) -> Tensor:
        cosine_mean, squared_mean = (None, None) if means is None else (means[0], means[-1])
        pictures = len(decoder)
        product, own, other = (
            (first * second).sum(dim=-1)
            for first, second in ((encoder, decoder), (decoder, decoder), (encoder, encoder))
        )
        lengths = (own * other).sqrt().clamp(min=_TINY)
        weight = mining_weight(1 - product / lengths, config.mining_gamma, cosine_mean)
        # The global distance: all tokens of a picture laid end to end.
        total, own, other = (values.sum(dim=1) for values in (product, own, other))
        length = (own * other).sqrt().clamp(min=_TINY)
        cosine = total / length
        value = (1 - cosine).mean()
        toward = (weight / (length * pictures)[:, None])[..., None]
        away = (weight * (cosine / (own.clamp(min=_TINY) * pictures))[:, None])[..., None]
        gradient = away * decoder - toward * encoder
        if config.mining_branches != "cosine":
            difference = decoder - encoder
            error = _squared_error(difference, config)
            value = value + error.mean()
            weight = mining_weight(error, config.mining_gamma, squared_mean)
            parts = error.numel() * (decoder.shape[-1] if config.mse_reduction == "mean" else 1)
            gradient = gradient.addcmul_(difference, (weight * (2 / parts))[..., None])
        ctx.save_for_backward(gradient)
        return value

    @staticmethod
    def backward(ctx, gradient: Tensor) -> tuple[Tensor, None, None, None]:
        (own,) = ctx.saved_tensors
        return gradient * own, None, None, None


def _squared_error(difference: Tensor, config: LossConfig) -> Tensor:
    """Squared error per token, reduced over channels as configured."""
    squared = difference.square()
    return squared.mean(dim=-1) if config.mse_reduction == "mean" else squared.sum(dim=-1)


def mining_weight(error: Tensor, gamma: float, mean: Tensor | None = None) -> Tensor:
    """Return `(error / mean error)^gamma` per token `(B, N)`.

    Args:
        error: `(B, N)`.
        gamma: Exponent.
        mean: Mean over the whole batch; None takes that of `error`.
    """
    # Rounding puts 1 - cosine of equal tokens a little below 0, which no real power may meet.
    error = error.clamp(min=0)
    mean = error.mean() if mean is None else mean
    return (error / mean.clamp(min=torch.finfo(error.dtype).tiny)).pow(gamma)


def dice_loss(probability: Tensor, mask: Tensor) -> Tensor:
    """Dice loss of the segmentation head (++ Eq. 8), over pictures that have an anomaly.

    Args:
        probability: `(B, H, W)` in [0, 1].
        mask: `(B, H, W)` of 0 and 1; pictures without any 1 do not count.

    Returns:
        Scalar in [0, 1]; 0 if no picture has an anomaly.
    """
    probability, mask = probability.flatten(1), mask.flatten(1).to(probability.dtype)
    anomalous = mask.sum(dim=1) > 0
    if not anomalous.any():
        return probability.sum() * 0.0
    if not anomalous.all():
        probability, mask = probability[anomalous], mask[anomalous]
    overlap = 2 * (probability * mask).sum(dim=1) + 1e-6
    total = probability.sum(dim=1) + mask.sum(dim=1) + 1e-6
    return (1 - overlap / total).mean()


def _global_cosine_distance(first: Tensor, second: Tensor) -> Tensor:
    """Mean over pictures of 1 - cosine of all their tokens laid end to end."""
    return (1 - F.cosine_similarity(first.flatten(1), second.flatten(1), dim=-1)).mean()
