"""The network on the filters of the embedded encoder, as an ONNX graph."""

from __future__ import annotations

from torch import nn

from inpformer.modeling.filter_network import Block, FilterNetwork
from inpformer.onnx_graph import GraphBuilder

_TO_TOKENS, _TO_GRID = [0, 2, 3, 1], [0, 3, 1, 2]


def write_refined(graph: GraphBuilder, images: str, described: str, stem: FilterNetwork) -> str:
    """Write `FilterNetwork.refine`; return tokens `(1, rows, columns, C)`.

    Args:
        graph: To write to.
        images: Normalised pictures `(1, 3, h, w)`.
        described: What the filters say of them, `(1, rows, columns, D)`.
        stem: The network.
    """
    fine = graph.add("Gelu", _convolve(graph, images, stem.at_half))
    fine = graph.add("Gelu", _convolve(graph, fine, stem.at_quarter))
    grid = _convolve(graph, _write_block(graph, fine, stem.detail), stem.at_eighth)
    mixed = graph.add(
        "Transpose", graph.linear(described, stem.mixed.weight, stem.mixed.bias), perm=_TO_GRID
    )
    grid = graph.add("Add", grid, mixed)
    for block in stem.trunk:
        grid = _write_block(graph, grid, block)
    tokens = graph.norm(graph.add("Transpose", grid, perm=_TO_TOKENS), stem.last_norm)
    learnt = graph.linear(tokens, stem.learnt.weight, stem.learnt.bias)
    return graph.add("Add", graph.linear(described, stem.filters.weight, stem.filters.bias), learnt)


def _write_block(graph: GraphBuilder, grid: str, block: Block) -> str:
    around = graph.add("Transpose", _convolve(graph, grid, block.around), perm=_TO_TOKENS)
    hidden = graph.add(
        "Gelu", graph.linear(graph.norm(around, block.norm), block.fc1.weight, block.fc1.bias)
    )
    added = graph.add("Mul", graph.linear(hidden, block.fc2.weight, block.fc2.bias), block.scale)
    return graph.add("Add", grid, graph.add("Transpose", added, perm=_TO_GRID))


def _convolve(graph: GraphBuilder, maps: str, layer: nn.Conv2d) -> str:
    return graph.add(
        "Conv",
        graph.pad(maps, layer.padding[0]),
        layer.weight,
        layer.bias,
        kernel_shape=list(layer.kernel_size),
        strides=list(layer.stride),
        dilations=list(layer.dilation),
    )
