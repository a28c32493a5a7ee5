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


def explain(output: INPFormerOutput) -> list[Explanation]:
    """Bring the explanation of each picture of a batch to numpy."""
    grid = output.grid_size
    fields = {
        "inps": output.inps,
        "inp_attention": output.inp_attention.unflatten(-1, grid),
        "inp_attention_per_head": output.inp_attention_per_head.unflatten(-1, grid),
        "inp_distance": output.inp_distance.unflatten(-1, grid),
        "soft_assignment": output.soft_assignment.unflatten(1, grid),
    }
    if output.decoder_attention is not None:
        attention = output.decoder_attention.transpose(-2, -1)
        fields["decoder_attention"] = attention.unflatten(-1, grid)
        fields["residual"] = output.residual.mean(dim=-1).unflatten(-1, grid)
    arrays = {name: values.float().cpu().numpy() for name, values in fields.items()}
    arrays["inp_assignment"] = output.nearest_inp.unflatten(-1, grid).cpu().numpy()
    missing = dict.fromkeys({"decoder_attention", "residual"} - arrays.keys())
    # Copies: a view would keep the whole batch for as long as one explanation is kept.
    return [
        Explanation(**{name: values[index].copy() for name, values in arrays.items()}, **missing)
        for index in range(len(output.inps))
    ]


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
