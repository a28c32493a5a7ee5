"""From the network's output on one picture to what explains it, in numpy."""

from __future__ import annotations

import numpy as np
import torch.nn.functional as F
from torch import Tensor

from inpformer.geometry import ImageGeometry
from inpformer.modeling.model import INPFormerOutput, cosine_to_inps
from inpformer.patch_reason import PatchTokens
from inpformer.result import Explanation
from inpformer.scoring import cosine_errors, length_errors


def explain(output: INPFormerOutput) -> Explanation:
    """Bring the explanation of the first picture of a batch to numpy."""
    grid = output.grid_size
    decoder_attention = residual = None
    if output.decoder_attention is not None:
        decoder_attention = _first(output.decoder_attention.transpose(-2, -1).unflatten(-1, grid))
        residual = _first(output.residual.mean(dim=-1).unflatten(-1, grid))
    return Explanation(
        inps=_first(output.inps),
        inp_attention=_first(output.inp_attention.unflatten(-1, grid)),
        inp_attention_per_head=_first(output.inp_attention_per_head.unflatten(-1, grid)),
        decoder_attention=decoder_attention,
        inp_distance=_first(output.inp_distance.unflatten(-1, grid)),
        inp_assignment=output.nearest_inp[0].unflatten(-1, grid).cpu().numpy(),
        soft_assignment=_first(output.soft_assignment.unflatten(1, grid)),
        residual=residual,
    )


def patch_tokens(
    output: INPFormerOutput, geometry: ImageGeometry, with_length: bool
) -> PatchTokens:
    """Bring what explains the patches of the first picture of a batch to numpy.

    Args:
        output: What the network said.
        geometry: How the patches lie in the picture.
        with_length: Whether the reconstruction map counts the Euclidean distance too.
    """
    grid, fused = output.grid_size, output.encoder_groups.mean(dim=0)
    cosine = length = residual = None
    if output.decoder_groups is not None:
        cosine = _first(cosine_errors(output).transpose(0, 1).unflatten(-1, grid))
        if with_length:
            length = _first(length_errors(output).transpose(0, 1).unflatten(-1, grid))
        size = output.encoder_groups.abs().mean().clamp(min=1e-12)
        residual = _first((output.residual.mean(dim=-1) / size).unflatten(-1, grid))
    return PatchTokens(
        geometry=geometry,
        directions=_first(F.normalize(fused, dim=-1).unflatten(1, grid)),
        inp_distances=_first((1 - cosine_to_inps(fused, output.inps)).unflatten(1, grid)),
        cosine_errors=cosine,
        length_errors=length,
        residual=residual,
    )


def _first(values: Tensor) -> np.ndarray:
    return values[0].float().cpu().numpy()
