"""From a picture of any size to embedded patches, as an ONNX graph."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from inpformer.geometry import ImageGeometry
from inpformer.modeling import filter_stem
from inpformer.modeling.encoder import EVEN_LEVEL, LEAST_DEVIATION, FrozenEncoder
from inpformer.modeling.filter_network import FilterNetwork
from inpformer.modeling.filter_stem import FilterStem, opponent_colours
from inpformer.onnx_filter_network import write_refined
from inpformer.onnx_graph import GraphBuilder
from inpformer.onnx_layers import require_plain_blocks

_FLOAT = 1  # ONNX's number for float32
_BLUR = filter_stem.outer(*filter_stem.BINOMIAL)


def write_input(graph: GraphBuilder, image: str, geometry: ImageGeometry) -> str:
    """Write what `ImageGeometry.to_input` does; return `(1, 3, h, w)` float32 in [0, 1].

    Args:
        graph: To write to.
        image: `(H, W, 3)` uint8 RGB of any size.
        geometry: How the picture is seen; only its own size may differ.
    """
    top, left, height, width = geometry.crop_box
    rows = graph.add("Unsqueeze", image, np.array([0], np.int64))
    # As Pillow does it: an average where it shrinks, over what lies inside the picture.
    resized = graph.add(
        "Resize",
        rows,
        "",
        "",
        np.array(geometry.resized_size, np.int64),
        mode="linear",
        antialias=1,
        exclude_outside=1,
        axes=[1, 2],
    )
    seen = graph.slice(graph.slice(resized, 1, top, top + height), 2, left, left + width)
    pixels = graph.add("Cast", graph.add("Transpose", seen, perm=[0, 3, 1, 2]), to=_FLOAT)
    return graph.add("Div", pixels, np.float32(255))


def write_normalised(graph: GraphBuilder, images: str, encoder: FrozenEncoder) -> str:
    """Write what `FrozenEncoder.normalise` does with `(1, 3, h, w)` in [0, 1]."""
    if encoder.contrast is not None:
        images = _write_even_exposure(graph, images, encoder.contrast)
    return graph.add("Div", graph.add("Sub", images, encoder.mean), encoder.std)


def write_tokens(
    graph: GraphBuilder, scaled: str, encoder: FrozenEncoder, grid_size: tuple[int, int]
) -> str:
    """Write the patch embedding; return tokens `(1, T, C)`, those of the prefix first.

    Args:
        graph: To write to.
        scaled: Normalised picture, `(1, 3, h, w)`.
        encoder: The encoder.
        grid_size: Rows and columns of patches.

    Raises:
        UserError: The encoder has blocks that are not plain ones.
    """
    require_plain_blocks(encoder)  # others have positions that are no tokens
    vit, dim = encoder.vit, encoder.vit.embed_dim
    stem = vit.patch_embed
    if isinstance(stem, FilterNetwork):
        described = _write_filters(graph, scaled, stem, grid_size)
        patches = write_refined(graph, scaled, described, stem)
    elif isinstance(stem, FilterStem):
        patches = _write_filters(graph, scaled, stem, grid_size)
    else:
        size = list(stem.proj.kernel_size)
        patches = graph.add(
            "Conv", scaled, stem.proj.weight, stem.proj.bias, kernel_shape=size, strides=size
        )
        patches = graph.add("Transpose", patches, perm=[0, 2, 3, 1])
    # What is added to empty patches: prefix tokens and positions, which no picture changes.
    added = vit._pos_embed(torch.zeros(1, *grid_size, dim))
    prefix = vit.num_prefix_tokens
    tokens = graph.add("Add", graph.reshape(patches, 1, -1, dim), added[:, prefix:])
    return graph.add("Concat", added[:, :prefix], tokens, axis=1) if prefix else tokens


def _write_even_exposure(graph: GraphBuilder, images: str, contrast: float) -> str:
    """Write `even_exposure`; return pictures of the same shape."""
    apart = graph.add("Sub", images, graph.mean(images, 1, 2, 3, keepdims=True))
    variance = graph.mean(graph.add("Mul", apart, apart), 1, 2, 3, keepdims=True)
    spread = graph.add("Max", graph.add("Sqrt", variance), np.float32(LEAST_DEVIATION))
    even = graph.add("Mul", apart, graph.add("Div", np.float32(contrast), spread))
    return graph.add("Add", even, np.float32(EVEN_LEVEL))


def _write_filters(
    graph: GraphBuilder, images: str, stem: FilterStem, grid_size: tuple[int, int]
) -> str:
    """Write `FilterStem.forward`; return tokens on their grid, `(1, rows, columns, C)`."""
    patch = stem.patch_size[0]
    half = [side * patch // 2 for side in grid_size]
    # What becomes of pure red, green and blue are the weights of that mix.
    mix = opponent_colours(torch.eye(3)[None, :, :, None])[0, :, :, None]
    level = graph.add("Conv", images, mix, kernel_shape=[1, 1])
    colour = _pool(graph, "AveragePool", level, patch, patch)
    side = filter_stem.SURROUNDINGS
    around = _pool(graph, "AveragePool", graph.pad(colour, side // 2), side, 1)
    contrast = graph.add("Sub", colour, around)
    pooled = []
    for index in range(filter_stem.LEVELS):
        blurred = _blur(graph, level, _BLUR, 3)
        maps = _write_responses(graph, level, blurred, stem)
        if index > 1:
            size = np.array(half, np.int64)
            maps = graph.add("Resize", maps, "", "", size, mode="linear", axes=[2, 3])
        window = patch if index == 0 else patch // 2
        pooled += [_pool(graph, kind, maps, window, window) for kind in ("AveragePool", "MaxPool")]
        steps = [np.array(numbers, np.int64) for numbers in ([0, 0], [2**31 - 1] * 2, [2, 3])]
        level = graph.add("Slice", blurred, *steps, np.array([2, 2], np.int64))
    channels = 2 * filter_stem.LEVELS * filter_stem.MAPS_PER_LEVEL
    maps = graph.add("Concat", *pooled, colour, contrast, axis=1)
    maps = _blur(graph, maps, stem.triangle, channels + 6)
    responses = graph.add("Div", graph.slice(maps, 1, 0, channels), np.float32(filter_stem.KNEE))
    responses = graph.add("Log", graph.add("Add", responses, np.float32(1)))
    constants = torch.full((1, filter_stem.CONSTANTS, *grid_size), filter_stem.CONSTANT)
    maps = graph.add("Concat", responses, graph.slice(maps, 1, channels), constants, axis=1)
    described = graph.add("Transpose", maps, perm=[0, 2, 3, 1])
    described = graph.add("Sub", described, stem.descriptor_mean)
    described = graph.add("Div", described, stem.descriptor_scale)
    if isinstance(stem.proj, nn.Identity):
        return described
    return graph.linear(described, stem.proj.weight, stem.proj.bias)


def _write_responses(graph: GraphBuilder, level: str, blurred: str, stem: FilterStem) -> str:
    """Write the filters of one pyramid level `(1, 3, h, w)`; return `(1, maps, h, w)`."""
    size = stem.quadrature_pairs.shape[-1]
    grey = graph.pad(graph.slice(level, 1, 0, 1), size // 2)
    pairs = graph.add("Conv", grey, stem.quadrature_pairs, kernel_shape=[size, size])
    halves = graph.add_many("Split", pairs, results=2, axis=1, num_outputs=2)
    even, odd = (graph.add("Mul", each, each) for each in halves)
    energy = graph.add("Sqrt", graph.add("Add", even, odd))
    spots = graph.add("Sub", level, _blur(graph, blurred, _BLUR, 3))
    grey_spots, colour_spots = graph.slice(spots, 1, 0, 1), graph.slice(spots, 1, 1)
    bright = graph.add("Relu", grey_spots)
    dark = graph.add("Relu", graph.add("Neg", grey_spots))
    return graph.add("Concat", energy, bright, dark, graph.add("Abs", colour_spots), axis=1)


def _blur(graph: GraphBuilder, maps: str, kernel: Tensor, channels: int) -> str:
    size = kernel.shape[-1]
    return graph.add(
        "Conv",
        graph.pad(maps, size // 2),
        kernel.expand(channels, 1, -1, -1),
        kernel_shape=[size, size],
        group=channels,
    )


def _pool(graph: GraphBuilder, kind: str, maps: str, window: int, stride: int) -> str:
    return graph.add(kind, maps, kernel_shape=[window, window], strides=[stride, stride])
