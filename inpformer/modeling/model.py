"""INP-Former and INP-Former++: the figure of the papers in code."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from inpformer.modeling.decoder import INPGuidedDecoder
from inpformer.modeling.encoder import FrozenEncoder
from inpformer.modeling.inp_extractor import INPExtractor
from inpformer.modeling.segmentation_head import SegmentationHead
from inpformer.modeling.token_memory import TokenMemory
from inpformer.modeling.training_free import TrainingFreeExtractor


class EncodedImages(NamedTuple):
    """What the frozen encoder says about pictures; all that fitting needs to keep of them.

    Attributes:
        groups: Mean of each layer group, `(G, B, N, C)`, shallow group first.
        grid_size: Rows and columns of patches; N = rows * columns.
        between: Mean of all layers where four patches meet, `(B, (rows + 1) * (columns + 1), C)`;
            None unless it was asked for.
    """

    groups: Tensor
    grid_size: tuple[int, int]
    between: Tensor | None = None

    @property
    def fused_tokens(self) -> Tensor:
        """Mean of all layers, `(B, N, C)` (groups are of equal size)."""
        return self.groups.mean(dim=0)


class INPFormerOutput(NamedTuple):
    """Everything a map, a score and an explanation are made of. Fields may be None as stated.

    Attributes:
        encoder_groups: `(G, B, N, C)`.
        decoder_groups: `(G, B, N, C)`; None if not decoded.
        inps: Prototypes of each picture, `(B, M, C)`.
        inp_attention: Where each prototype looked, heads averaged, `(B, M, N)`, sums to 1 over N.
        inp_attention_per_head: `(B, heads, M, N)`.
        decoder_attention: Per decoder layer, `(B, L, heads, N, M)`; None if not decoded.
        inp_distance: 1 - cosine to the nearest prototype, `(B, N)` in [0, 2].
        nearest_inp: Its index, `(B, N)`.
        soft_assignment: Softmax over prototypes of the cosine (++ Eq. 3), `(B, N, M)`.
        residual: ++ Eq. 7, `(B, N, C)`, at least 0; None if not decoded.
        segmentation_map: Head output, `(B, H, W)` in [0, 1]; None without a head.
        strangeness: How unlike all remembered normal tokens each is, `(B, N)`, at least 0; None
            without a memory.
        strangeness_between: The same where four patches meet, one row and one column more; None
            unless the memory is asked there too.
        grid_size: Rows and columns of patches.
        input_size: Height and width of the input, pixels.
    """

    encoder_groups: Tensor
    decoder_groups: Tensor | None
    inps: Tensor
    inp_attention: Tensor
    inp_attention_per_head: Tensor
    decoder_attention: Tensor | None
    inp_distance: Tensor
    nearest_inp: Tensor
    soft_assignment: Tensor
    residual: Tensor | None
    segmentation_map: Tensor | None
    strangeness: Tensor | None
    strangeness_between: Tensor | None
    grid_size: tuple[int, int]
    input_size: tuple[int, int]


class INPFormer(nn.Module):
    """One network for all variants; a part that a variant lacks is None.

    Args:
        encoder: Frozen encoder, may be shared by many models.
        inp_extractor: Learned queries, or clustering in the training-free variant.
        decoder: INP-guided decoder; None in the training-free variant.
        segmentation_head: Only in INP-Former++.
        group_count: Layer groups compared.
        memory: Only where the configuration asks for one.
    """

    def __init__(
        self,
        encoder: FrozenEncoder,
        inp_extractor: INPExtractor | TrainingFreeExtractor,
        decoder: INPGuidedDecoder | None = None,
        segmentation_head: SegmentationHead | None = None,
        group_count: int = 2,
        memory: TokenMemory | None = None,
    ) -> None:
        super().__init__()
        self.encoder = encoder
        self.inp_extractor = inp_extractor
        self.decoder = decoder
        self.segmentation_head = segmentation_head
        self.group_count = group_count
        self.memory = memory

    @property
    def looks_between(self) -> bool:
        """Whether maps need to know what lies where four patches meet."""
        return self.memory is not None and self.memory.grids == 2

    def encode(self, images: Tensor, for_maps: bool = False) -> EncodedImages:
        """Encode pictures `(B, 3, H, W)` in [0, 1] with the frozen encoder.

        Args:
            images: The pictures.
            for_maps: Whether `combine` will follow, which may need more than the patches.
        """
        groups = self._group(self.encoder(images))
        between = self.encode_between(images) if for_maps else None
        return EncodedImages(groups, self.encoder.grid_size(images), between)

    def encode_between(self, images: Tensor) -> Tensor | None:
        """Return fused tokens of the places where four patches meet, if maps need them."""
        if not self.looks_between:
            return None
        return self._group(self.encoder(images, between=True)).mean(dim=0)

    def decode(self, fused_tokens: Tensor, inps: Tensor) -> tuple[Tensor, Tensor]:
        """Rebuild tokens `(B, N, C)` from `inps` `(B, M, C)`.

        Returns:
            Decoder groups `(G, B, N, C)`, paired with the encoder's, and attention
            `(B, L, heads, N, M)` in the order in which the blocks run.
        """
        outputs, attention = self.decoder(fused_tokens, inps)
        # The last block answers for the shallowest encoder layer, as in an autoencoder.
        return self._group(outputs[::-1]), attention

    def forward(self, images: Tensor, decode: bool = True) -> INPFormerOutput:
        """Run the whole network.

        Args:
            images: `(B, 3, H, W)` in [0, 1]; H and W are multiples of the patch size.
            decode: False stops after the prototypes: all that the zero-shot map needs.
        """
        encoded = self.encode(images, for_maps=decode)
        return self.explain(encoded, tuple(images.shape[-2:]), decode)

    def explain(
        self, encoded: EncodedImages, input_size: tuple[int, int], decode: bool = True
    ) -> INPFormerOutput:
        """Run all that follows the encoder; see `forward`."""
        fused_tokens = encoded.fused_tokens
        extracted = self.inp_extractor(fused_tokens)
        decoded = None
        if decode and self.decoder is not None:
            decoded = self.decode(fused_tokens, extracted[0])
        return self.combine(encoded, extracted, decoded, input_size)

    def residual(self, encoded: EncodedImages) -> Tensor:
        """Return what cannot be rebuilt of pictures, as `explain` does and nothing else."""
        fused_tokens = encoded.fused_tokens
        decoded, _ = self.decode(fused_tokens, self.inp_extractor(fused_tokens)[0])
        return residual_tokens(encoded.groups, decoded)

    def combine(
        self,
        encoded: EncodedImages,
        extracted: tuple[Tensor, Tensor],
        decoded: tuple[Tensor, Tensor] | None,
        input_size: tuple[int, int],
        memory: TokenMemory | None = None,
    ) -> INPFormerOutput:
        """Put together what encoder, extractor and decoder gave, and run what reads it.

        Args:
            encoded: Of the encoder.
            extracted: Prototypes and attention, as the extractor gives them.
            decoded: Groups and attention, as `decode` gives them; None if nothing was decoded.
            input_size: Height and width of the input, pixels.
            memory: To ask in place of the model's own.
        """
        fused_tokens = encoded.fused_tokens
        inps, attention = extracted
        similarity = cosine_to_inps(fused_tokens, inps)
        nearest = similarity.max(dim=-1)
        decoder_groups, decoder_attention = decoded or (None, None)
        residual = segmentation_map = strangeness = strangeness_between = None
        if decoder_groups is not None:
            residual = residual_tokens(encoded.groups, decoder_groups)
            if self.segmentation_head is not None:
                residual_grid = to_grid(residual, encoded.grid_size)
                segmentation_map = self.segmentation_head(residual_grid, input_size)
            if self.memory is not None:
                memory = memory or self.memory
                strangeness = memory(fused_tokens)
                if self.looks_between:
                    strangeness_between = memory(encoded.between)
        return INPFormerOutput(
            encoder_groups=encoded.groups,
            decoder_groups=decoder_groups,
            inps=inps,
            inp_attention=attention.mean(dim=1),
            inp_attention_per_head=attention,
            decoder_attention=decoder_attention,
            inp_distance=1 - nearest.values,
            nearest_inp=nearest.indices,
            soft_assignment=similarity.softmax(dim=-1),
            residual=residual,
            segmentation_map=segmentation_map,
            strangeness=strangeness,
            strangeness_between=strangeness_between,
            grid_size=encoded.grid_size,
            input_size=input_size,
        )

    def _group(self, layers: Sequence[Tensor]) -> Tensor:
        """Average consecutive layers, each `(B, N, C)`, into groups `(G, B, N, C)`."""
        size = len(layers) // self.group_count
        parts = [layers[start : start + size] for start in range(0, len(layers), size)]
        # Added up one by one: stacking all layers first would only copy them.
        return torch.stack([functools.reduce(torch.add, part) / size for part in parts])


def cosine_to_inps(tokens: Tensor, inps: Tensor) -> Tensor:
    """Return the cosine of each token `(B, N, C)` with each prototype `(B, M, C)`: `(B, N, M)`."""
    return F.normalize(tokens, dim=-1) @ F.normalize(inps, dim=-1).transpose(-2, -1)


def residual_tokens(encoder_groups: Tensor, decoder_groups: Tensor) -> Tensor:
    """Return what the decoder could not rebuild (++ Eq. 7).

    The residual carries no gradient: the segmentation head never trains the rest.

    Args:
        encoder_groups: `(G, B, N, C)`.
        decoder_groups: `(G, B, N, C)`.

    Returns:
        Mean over groups of (1 - cosine) * absolute difference, `(B, N, C)`, at least 0.
    """
    encoder_groups, decoder_groups = encoder_groups.detach(), decoder_groups.detach()
    distance = 1 - F.cosine_similarity(encoder_groups, decoder_groups, dim=-1)
    difference = (encoder_groups - decoder_groups).abs()
    return (distance.clamp(min=0).unsqueeze(-1) * difference).mean(dim=0)


def to_grid(tokens: Tensor, grid_size: tuple[int, int]) -> Tensor:
    """Lay tokens `(B, N, C)` out as a picture `(B, C, rows, columns)`."""
    return tokens.transpose(1, 2).unflatten(2, grid_size)
