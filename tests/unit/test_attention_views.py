"""Attention by head and by decoder layer, on one scale each."""

import numpy as np
import pytest

from inpformer.attention_views import attention_view, attention_view_names
from inpformer.result import Explanation


def explanation(heads: int = 3, layers: int = 2, seed: int = 0) -> Explanation:
    rng = np.random.default_rng(seed)
    per_head = rng.random((heads, 4, 5, 6)).astype(np.float32)
    decoder = rng.random((layers, heads, 4, 5, 6)).astype(np.float32) if layers else None
    return Explanation(
        inps=np.eye(4, dtype=np.float32),
        inp_attention=per_head.mean(axis=0),
        inp_attention_per_head=per_head,
        decoder_attention=decoder,
        inp_distance=np.zeros((5, 6)),
        inp_assignment=np.zeros((5, 6), int),
        soft_assignment=np.full((5, 6, 4), 0.25),
        residual=None,
    )


def test_every_head_and_layer_can_be_shown_by_name():
    given = explanation()
    names = attention_view_names(given)
    assert names == ("heads", "head:1", "head:2", "head:3", "layer:1", "layer:2")
    np.testing.assert_array_equal(attention_view(given, "heads").maps, given.inp_attention)
    np.testing.assert_array_equal(
        attention_view(given, "head:2").maps, given.inp_attention_per_head[1]
    )
    np.testing.assert_allclose(
        attention_view(given, "layer:2").maps, given.decoder_attention[1].mean(axis=0)
    )


def test_one_head_is_all_heads_and_without_a_decoder_there_are_no_layers():
    assert attention_view_names(explanation(heads=1, layers=0)) == ("heads",)


def test_heads_share_one_scale_and_layers_another():
    given = explanation()
    given.decoder_attention[:] *= 7
    ranges = {name: attention_view(given, name).value_range for name in attention_view_names(given)}
    heads = {ranges[name] for name in ("head:1", "head:2", "head:3")}
    layers = {ranges["layer:1"], ranges["layer:2"]}
    assert len(heads) == len(layers) == 1 and heads != layers
    assert all(low == 0 < high for low, high in ranges.values())
    assert ranges["heads"] < heads.pop(), "the mean of heads that look at different places"


def test_attention_of_none_still_has_a_scale():
    given = explanation()
    given.decoder_attention[:] = 0
    low, high = attention_view(given, "layer:1").value_range
    assert low < high


@pytest.mark.parametrize("name", ["head:4", "head:0", "layer:3", "", "head", "layer:-1"])
def test_an_attention_that_is_not_there_is_refused(name):
    with pytest.raises(ValueError, match="no attention"):
        attention_view(explanation(), name)
