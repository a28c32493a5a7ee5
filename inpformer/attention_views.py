"""The attention that a result holds, by name: heads of the extractor, layers of the decoder."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from inpformer.prototypes import ATTENTION_QUANTILE
from inpformer.result import Explanation

ALL_HEADS = "heads"


class AttentionView(NamedTuple):
    """One attention of every prototype.

    Attributes:
        maps: `(M, rows, columns)`, at least 0.
        value_range: Attention of the first and the last colour: one range for the single heads of
            the extractor, one for their mean, and one for all layers of the decoder, so that a
            faint one does attend less.
    """

    maps: np.ndarray
    value_range: tuple[float, float]


def attention_view_names(explanation: Explanation) -> tuple[str, ...]:
    """Return what `attention_view` can show: `heads`, `head:1` ..., `layer:1` ..."""
    heads = len(explanation.inp_attention_per_head)
    decoder = explanation.decoder_attention
    layers = 0 if decoder is None else len(decoder)
    return (
        ALL_HEADS,
        # One head is all heads.
        *(f"head:{number + 1}" for number in range(heads if heads > 1 else 0)),
        *(f"layer:{number + 1}" for number in range(layers)),
    )


def attention_view(explanation: Explanation, name: str) -> AttentionView:
    """Return one attention of every prototype.

    Args:
        explanation: Of one picture.
        name: `heads` for the extractor's heads together, `head:2` for one of them, `layer:3` for
            a layer of the decoder, its heads together.

    Raises:
        ValueError: This result holds no such attention.
    """
    if name not in attention_view_names(explanation):
        raise ValueError(f"no attention called '{name}'")
    kind, _, number = name.partition(":")
    if kind == "layer":
        layers = explanation.decoder_attention.mean(axis=1)
        return AttentionView(layers[int(number) - 1], _common_range(layers))
    if not number:
        # Each head looks at places of its own, so their mean is fainter than any of them.
        return AttentionView(explanation.inp_attention, _common_range(explanation.inp_attention))
    per_head = explanation.inp_attention_per_head
    return AttentionView(per_head[int(number) - 1], _common_range(per_head))


def _common_range(attention: np.ndarray) -> tuple[float, float]:
    return 0.0, max(float(np.quantile(attention, ATTENTION_QUANTILE)), 1e-12)
