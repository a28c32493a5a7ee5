"""The network's layers as ONNX graphs, written from their weights.

Written by hand and not traced: it takes a second instead of a minute, each norm and attention is
one kernel of ONNX Runtime, and what can be worked out beforehand is. The orders of products differ
from torch's; parity is checked whenever a network is made.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor, nn

from inpformer.errors import UserError
from inpformer.modeling.decoder import INPGuidedBlock, INPGuidedDecoder
from inpformer.modeling.encoder import FrozenEncoder
from inpformer.modeling.inp_extractor import INPExtractor
from inpformer.modeling.layers import Mlp, TokenScale
from inpformer.modeling.model import INPFormer
from inpformer.onnx_graph import FUSED, GraphBuilder

if TYPE_CHECKING:
    from timm.models.vision_transformer import Block

# Seven bits: kernels without VNNI add two products in 16 bits, and eight would overflow them.
_INT8_LIMIT = 64
_TINY = 1e-12


def require_plain_blocks(encoder: FrozenEncoder) -> None:
    """See that an encoder's blocks are those that are written here.

    Raises:
        UserError: They are others, such as the ones of DINOv3.
    """
    if not all(_is_plain(block) for block in encoder.vit.blocks):
        raise UserError(
            "ONNX Runtime runs only encoders of plain blocks, such as DINOv2; use the engine torch "
            "for this one."
        )


def _is_plain(block: nn.Module) -> bool:
    if isinstance(block, nn.Identity):
        return True
    # Late, for it takes seconds; blocks that are no identities have imported it already.
    from timm.models.vision_transformer import Block

    return isinstance(block, Block)


def write_network(
    writer: LayerWriter, tokens: str, model: INPFormer, decode: bool
) -> dict[str, str]:
    """Write what follows the patch embedding.

    Args:
        writer: Of the graph to write to.
        tokens: Embedded patches behind the prefix tokens, `(B, T, C)`.
        model: The network.
        decode: Whether to go on to the decoder, if there is one.

    Returns:
        Values by the names of the fields of `INPFormerOutput`: `encoder_groups` always, `inps` and
        `inp_attention_per_head` unless prototypes are found by clustering, which no graph does,
        and `decoder_groups` and `decoder_attention` if decoded.

    Raises:
        UserError: The encoder has blocks that are not plain ones.
    """
    groups = _write_groups(writer, tokens, model)
    parts = {"encoder_groups": writer.stack(groups, 0)}
    if not isinstance(model.inp_extractor, INPExtractor):
        return parts
    fused = writer.graph.add("Mean", *groups)
    inps, looked = writer.extractor(fused, model.inp_extractor)
    parts |= {"inps": inps, "inp_attention_per_head": looked}
    if not decode or model.decoder is None:
        return parts
    outputs, attentions = writer.decoder(fused, inps, model.decoder)
    # The last block answers for the shallowest encoder layer, as in an autoencoder.
    rebuilt = writer.groups(outputs[::-1], model.group_count)
    parts["decoder_groups"] = writer.stack(rebuilt, 0)
    return {**parts, "decoder_attention": writer.stack(attentions, 1)}


def write_fused(writer: LayerWriter, tokens: str, model: INPFormer) -> str:
    """Write the encoder alone; return the mean of its layers, `(B, N, C)`.

    Args:
        writer: Of the graph to write to.
        tokens: Embedded patches behind the prefix tokens, `(B, T, C)`.
        model: The network.
    """
    return writer.graph.add("Mean", *_write_groups(writer, tokens, model))


def _write_groups(writer: LayerWriter, tokens: str, model: INPFormer) -> list[str]:
    encoder = model.encoder
    require_plain_blocks(encoder)
    layers = writer.encoder_blocks(tokens, encoder.vit.blocks)
    prefix = encoder.vit.num_prefix_tokens
    patches = [writer.graph.slice(layers[index], 1, prefix) for index in encoder.layers]
    return writer.groups(patches, model.group_count)


class LayerWriter:
    """Writes layers into a graph.

    Args:
        graph: To write to.
        int8: Whether large products are taken in 8 bits: weights per output channel, tokens with
            one scale per run.
    """

    def __init__(self, graph: GraphBuilder, int8: bool = False) -> None:
        self.graph = graph
        self._int8 = int8

    def encoder_blocks(self, tokens: str, blocks: Sequence[nn.Module]) -> list[str]:
        """Write a ViT's blocks, plain or empty; return the value `(B, T, C)` after each."""
        outputs = []
        for block in blocks:
            if not isinstance(block, nn.Identity):
                tokens = self._encoder_block(tokens, block)
            outputs.append(tokens)
        return outputs

    def extractor(self, fused: str, extractor: INPExtractor) -> tuple[str, str]:
        """Write the extractor; return prototypes `(B, M, C)`, attention `(B, heads, M, N)`."""
        graph, attention = self.graph, extractor.attention
        heads, dim = attention.num_heads, extractor.inp_queries.shape[1]
        queries = extractor.inp_queries
        # The queries are the same for every picture, so what they ask of a token is worked out
        # here. The bias of the keys adds alike to all tokens, which softmax forgets.
        asked = attention.query(extractor.norm1(queries)).unflatten(-1, (heads, -1))
        key_weight, value_weight = attention.key_value.weight.view(2, heads, dim // heads, dim)
        questions = torch.einsum("mhd,hdc->chm", asked, key_weight).flatten(1) * attention.scale
        value_bias = attention.key_value.bias[dim:].view(heads, 1, -1)
        sources = self.graph.norm(self._scaled(fused, extractor.scale), extractor.norm1)
        scores = graph.add("Transpose", graph.add("MatMul", sources, questions), perm=[0, 2, 1])
        looked = graph.add("Softmax", scores, axis=-1)
        gathered = graph.add("MatMul", looked, sources)
        gathered = graph.reshape(gathered, 0, heads, -1, dim)
        values = graph.add("MatMul", gathered, value_weight.transpose(1, 2))
        values = graph.add("Transpose", graph.add("Add", values, value_bias), perm=[0, 2, 1, 3])
        mixed = self._linear(graph.reshape(values, 0, 0, dim), attention.proj)
        inps = graph.add("Add", mixed, queries)
        inps = graph.add(
            "Add", inps, self._mlp(self.graph.norm(inps, extractor.norm2), extractor.mlp)
        )
        looked = graph.add("Reshape", looked, np.array([0, heads, len(queries), -1], np.int64))
        return self._unscaled(inps, extractor.scale), looked

    def decoder(
        self, fused: str, inps: str, decoder: INPGuidedDecoder
    ) -> tuple[list[str], list[str]]:
        """Write the decoder; return per block its output and attention `(B, heads, N, M)`."""
        tokens = self._scaled(fused, decoder.scale)
        inps = self._scaled(inps, decoder.scale)
        tokens = self._mlp(tokens, decoder.bottleneck, is_large=True)
        outputs, attentions = [], []
        for block in decoder.blocks:
            tokens, attention = self._decoder_block(tokens, inps, block)
            outputs.append(self._unscaled(tokens, decoder.scale))
            attentions.append(attention)
        return outputs, attentions

    def groups(self, layers: Sequence[str], count: int) -> list[str]:
        """Average consecutive layers into groups."""
        size = len(layers) // count
        parts = [layers[start : start + size] for start in range(0, len(layers), size)]
        return [self.graph.add("Mean", *part) for part in parts]

    def stack(self, values: Sequence[str], axis: int) -> str:
        """Put values side by side along a new axis."""
        place = np.array([axis], np.int64)
        rows = [self.graph.add("Unsqueeze", value, place) for value in values]
        return self.graph.add("Concat", *rows, axis=axis)

    def _encoder_block(self, tokens: str, block: Block) -> str:
        graph, attention = self.graph, block.attn
        # LayerScale multiplies what a linear layer gives: so does the layer itself, here.
        scales = [getattr(part, "gamma", None) for part in (block.ls1, block.ls2)]
        mixed = self.graph.norm(tokens, block.norm1)
        if self._int8:
            mixed = self._linear(mixed, attention.qkv, is_large=True)
            bias = ""
        else:
            mixed = graph.add("MatMul", mixed, attention.qkv.weight.T)
            bias = graph.constant(attention.qkv.bias)
        parts = graph.add_many("Split", mixed, results=3, axis=-1, num_outputs=3)
        mixed = graph.add(
            "MultiHeadAttention", *parts, bias, domain=FUSED, num_heads=attention.num_heads
        )
        mixed = self._linear(mixed, attention.proj, scales[0], is_large=True)
        tokens = graph.add("Add", tokens, mixed)
        hidden = self._linear(self.graph.norm(tokens, block.norm2), block.mlp.fc1, is_large=True)
        changed = self._linear(graph.add("Gelu", hidden), block.mlp.fc2, scales[1], is_large=True)
        return graph.add("Add", tokens, changed)

    def _decoder_block(self, tokens: str, inps: str, block: INPGuidedBlock) -> tuple[str, str]:
        """Write a block; every mixed token is a weighted sum of one row per head and prototype.

        So the output projection, the second norm and the first layer of the MLP are applied to
        these few rows, and only their sums to the tokens: half the work.
        """
        graph, attention = self.graph, block.attention
        heads, dim = attention.num_heads, block.mlp.fc1.in_features
        width = dim // heads
        # One where a channel belongs to a head: products per head become one without splitting.
        members = torch.eye(heads).repeat_interleave(width, dim=1)
        query = self._linear(self.graph.norm(tokens, block.norm1), attention.query, is_large=True)
        sources = self._linear(self.graph.norm(inps, block.norm1), attention.key_value)
        key, value = graph.add_many("Split", sources, results=2, axis=-1, num_outputs=2)
        key = graph.reshape(key, 0, 0, heads, width)
        key = graph.reshape(graph.add("Div", key, self._length(key)), 0, 0, dim)
        keys = graph.add("Mul", self._unsqueeze(key, 1), members[:, None])  # (B, heads, M, C)
        keys = graph.reshape(keys, 0, -1, dim)
        scores = graph.add("MatMul", query, graph.add("Transpose", keys, perm=[0, 2, 1]))
        scores = graph.reshape(scores, 0, 0, heads, -1)
        length = self._length(graph.reshape(query, 0, 0, heads, width))
        scores = graph.add("Mul", graph.add("Div", scores, length), attention.head_scale[:, 0])
        weights = graph.add("Relu", scores)  # (B, N, heads, M)
        seen = graph.add("Transpose", weights, perm=[0, 2, 1, 3])
        values = graph.add("Mul", self._unsqueeze(value, 1), members[:, None])
        rows = graph.add("MatMul", graph.reshape(values, 0, -1, dim), attention.proj.weight.T)
        return self._rebuild(graph.reshape(weights, 0, 0, -1), rows, block), seen

    def _rebuild(self, weights: str, rows: str, block: INPGuidedBlock) -> str:
        """Return the block's output `(B, N, C)` from weights `(B, N, R)` of rows `(B, R, C)`."""
        graph, norm, fc1, bias = self.graph, block.norm2, block.mlp.fc1, block.attention.proj.bias
        mixed = graph.add("Add", graph.add("MatMul", weights, rows), bias)
        _, _, inverse = graph.add_many(
            "LayerNormalization", mixed, norm.weight, norm.bias, results=3, epsilon=norm.eps
        )
        centred = graph.add("Sub", rows, graph.mean(rows, -1, keepdims=True))
        first = graph.add("MatMul", graph.add("Mul", centred, norm.weight), fc1.weight.T)
        own = nn.functional.linear((bias - bias.mean()) * norm.weight, fc1.weight)
        shift = nn.functional.linear(norm.bias, fc1.weight, fc1.bias)
        hidden = graph.add("Add", graph.add("MatMul", weights, first), own)
        hidden = graph.add("Add", graph.add("Mul", hidden, inverse), shift)
        return graph.add(
            "Add", mixed, self._linear(graph.add("Gelu", hidden), block.mlp.fc2, is_large=True)
        )

    def _length(self, values: str) -> str:
        """Return the length along the last axis, which stays, at least `_TINY`."""
        axis = np.array([-1], np.int64)
        return self.graph.add("Max", self.graph.add("ReduceL2", values, axis), np.float32(_TINY))

    def _mlp(self, tokens: str, mlp: Mlp, is_large: bool = False) -> str:
        hidden = self._linear(tokens, mlp.fc1, is_large=is_large)
        return self._linear(self.graph.add("Gelu", hidden), mlp.fc2, is_large=is_large)

    def _linear(
        self, tokens: str, layer: nn.Linear, scale: Tensor | None = None, is_large: bool = False
    ) -> str:
        weight, bias = layer.weight.T, layer.bias
        if scale is not None:
            weight, bias = weight * scale, bias * scale
        if not (self._int8 and is_large):
            return self.graph.linear(tokens, weight.T, bias)
        steps = weight.abs().amax(dim=0).clamp(min=_TINY) / _INT8_LIMIT
        whole = (weight / steps).round().to(torch.int8)
        return self.graph.add("DynamicQuantizeMatMul", tokens, whole, steps, "", bias, domain=FUSED)

    def _scaled(self, tokens: str, scale: TokenScale | None) -> str:
        if scale is None:
            return tokens
        return self.graph.add("Div", self.graph.add("Sub", tokens, scale.mean), scale.deviation)

    def _unscaled(self, tokens: str, scale: TokenScale | None) -> str:
        if scale is None:
            return tokens
        return self.graph.add("Add", self.graph.add("Mul", tokens, scale.deviation), scale.mean)

    def _unsqueeze(self, value: str, axis: int) -> str:
        return self.graph.add("Unsqueeze", value, np.array([axis], np.int64))
