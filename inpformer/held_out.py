"""Models that know all views but some, to say how a fitted model would see new normal pictures."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from inpformer.modeling.model import EncodedImages, INPFormer, INPFormerOutput
from inpformer.modeling.token_memory import TokenMemory
from inpformer.token_cache import TokenBatch
from inpformer.training.step import rebuild

_TINY = 1e-12


@dataclass(frozen=True)
class HeldOutModel:
    """A model that was trained without some views, in fewer steps than the one it stands for.

    Fewer steps leave larger errors everywhere, also where it knows the views; a threshold taken
    from them would be too high. So its errors are shortened by what the whole model does better
    on views that both know (assumption).

    Attributes:
        model: The network.
        shortening: What the difference of decoder and encoder is multiplied with, in (0, 1].
    """

    model: INPFormer
    shortening: float

    @classmethod
    def beside(cls, whole: INPFormer, model: INPFormer, known: TokenBatch) -> HeldOutModel:
        """Measure the shortening.

        Args:
            whole: The model that it stands for.
            model: The one trained without some views.
            known: Tokens of views that both were trained on.
        """
        share = rebuild_error(whole, known) / max(rebuild_error(model, known), _TINY)
        return cls(model, min(1.0, max(share, _TINY)))

    def explain(
        self,
        encoded: EncodedImages,
        input_size: tuple[int, int],
        memory: TokenMemory | None = None,
    ) -> INPFormerOutput:
        """Run all that follows the encoder, as `INPFormer.explain` does, with shorter errors.

        Args:
            encoded: Pictures behind the encoder.
            input_size: Height and width of the input, pixels.
            memory: One without the pictures that are held out; None where there is no memory.
        """
        fused_tokens = encoded.fused_tokens
        extracted = self.model.inp_extractor(fused_tokens)
        groups, attention = self.model.decode(fused_tokens, extracted[0])
        groups = torch.lerp(encoded.groups, groups, self.shortening)
        return self.model.combine(encoded, extracted, (groups, attention), input_size, memory)


@torch.no_grad()
def rebuild_error(model: INPFormer, batch: TokenBatch) -> float:
    """Return the root mean square of what is left of a batch when it is rebuilt, per channel."""
    rebuilt = rebuild(model, batch)
    return float((rebuilt.encoder_groups - rebuilt.decoder_groups).square().mean().sqrt())
