"""What one training step computes: tokens rebuilt, and the losses of that. The fit's step too."""

from __future__ import annotations

from typing import NamedTuple

from torch import Tensor

from inpformer.config import LossConfig
from inpformer.losses import inp_coherence_loss, soft_mining_loss
from inpformer.modeling.model import INPFormer
from inpformer.token_cache import TokenBatch


class Rebuilt(NamedTuple):
    """Tokens of a batch, and what the model made of them.

    Attributes:
        encoder_groups: `(G, B, T, C)`.
        decoder_groups: `(G, B, T, C)`.
        inps: Prototypes of each picture, `(B, M, C)`.
    """

    encoder_groups: Tensor
    decoder_groups: Tensor
    inps: Tensor


class StepLosses(NamedTuple):
    """Losses of a batch, each a scalar: the weighted sum, and what it is made of."""

    total: Tensor
    reconstruction: Tensor
    coherence: Tensor


def rebuild(model: INPFormer, batch: TokenBatch) -> Rebuilt:
    """Extract prototypes, and rebuild the sampled tokens from them."""
    inps, _ = model.inp_extractor(batch.fused_tokens, batch.token_mask)
    decoded, _ = model.decode(batch.sampled_groups.mean(dim=0), inps)
    return Rebuilt(batch.sampled_groups, decoded, inps)


def step_losses(
    rebuilt: Rebuilt, config: LossConfig, mean_errors: Tensor | None = None
) -> StepLosses:
    """Return the losses that train the INP extractor and the decoder.

    Args:
        rebuilt: All of a batch, or a part of it.
        config: Forms and weights.
        mean_errors: See `soft_mining_loss`.
    """
    encoder, decoder, inps = rebuilt
    mining = soft_mining_loss(encoder, decoder, config, mean_errors)
    coherence = inp_coherence_loss(encoder.mean(dim=0), inps, config)
    return StepLosses(mining + config.coherence_weight * coherence, mining, coherence)
