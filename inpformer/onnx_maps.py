"""From a network's tokens to the deciding map, its score and the verdict, as an ONNX graph."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from inpformer.config import MapName, ModelConfig
from inpformer.geometry import ImageGeometry
from inpformer.modeling.encoder import border_between
from inpformer.modeling.model import INPFormer
from inpformer.modeling.token_memory import TokenMemory
from inpformer.onnx_graph import GraphBuilder
from inpformer.scales import Calibration, MapScale
from inpformer.scoring import KERNEL_SIZE, score_size, smooth

_TINY = 1e-8


class MapWriter:
    """Writes maps of one picture into a graph, as `scoring` makes them.

    Args:
        graph: To write to.
        model: The network.
        config: Its configuration.
        calibration: Levels of the fused map's parts.
        geometry: How the picture is seen.
    """

    def __init__(
        self,
        graph: GraphBuilder,
        model: INPFormer,
        config: ModelConfig,
        calibration: Calibration,
        geometry: ImageGeometry,
    ) -> None:
        self._graph = graph
        self._model = model
        self._config = config
        self._calibration = calibration
        self._geometry = geometry

    def write(self, name: MapName, parts: dict[str, str]) -> str:
        """Write one map; return it smoothed at the score size, `(1, 1, h, w)`.

        Args:
            name: Which one.
            parts: What the network gave, see `onnx_layers.write_network`.
        """
        fused = self._graph.mean(parts["encoder_groups"], 0)
        if name == "distance":
            return self._smooth(self._upsample(self._distance(fused, parts["inps"])))
        if name == "reconstruction":
            return self._smooth(self._reconstruction(parts))
        if name == "segmentation":
            return self._smooth(self._segmentation(parts))
        levels = self._calibration
        is_balanced = self._config.map_balance == "calibrated"
        weight = self._config.head_weight
        # Resizing and smoothing are linear: they come once, after the sum.
        weighed = [
            (self._reconstruction(parts), 1.0, levels.reconstruction_level),
            (self._segmentation(parts), weight, levels.segmentation_level),
        ]
        if self._model.memory is not None:
            strange = self._memory_map(fused, parts.get("between"), self._model.memory)
            weighed.append((strange, self._config.memory_weight, levels.memory_level))
        total = sum(share for _, share, _ in weighed)
        scaled = [
            self._graph.add("Mul", each, np.float32(s / total / (level if is_balanced else 1)))
            for each, s, level in weighed
        ]
        return self._smooth(self._graph.add("Sum", *scaled))

    def _reconstruction(self, parts: dict[str, str]) -> str:
        graph, cosine = self._graph, self._cosine_errors(parts)
        if self._config.counts_length:
            difference = graph.add("Sub", parts["encoder_groups"], parts["decoder_groups"])
            length = graph.add("ReduceL2", difference, np.array([-1], np.int64), keepdims=0)
            cosine = graph.add("Mul", graph.add("Add", cosine, length), np.float32(0.5))
        return self._upsample(graph.mean(cosine, 0))

    def _segmentation(self, parts: dict[str, str]) -> str:
        graph, head = self._graph, self._model.segmentation_head
        difference = graph.add("Sub", parts["encoder_groups"], parts["decoder_groups"])
        error = graph.add("Relu", self._cosine_errors(parts))
        error = graph.add("Unsqueeze", error, np.array([-1], np.int64))
        residual = graph.mean(graph.add("Mul", error, graph.add("Abs", difference)), 0)
        maps = graph.add("Transpose", residual, perm=[0, 2, 1])
        maps = graph.reshape(maps, 1, -1, *self._geometry.grid_size)
        maps = graph.add("Mul", maps, head.input_scale)
        for layer in head.layers:
            maps = self._convolve(maps, layer)
        return graph.add("Sigmoid", self._resize(maps, self._geometry.input_size, "half_pixel"))

    def _convolve(self, maps: str, layer: nn.Module) -> str:
        if isinstance(layer, nn.ReLU):
            return self._graph.add("Relu", maps)
        kind = "ConvTranspose" if isinstance(layer, nn.ConvTranspose2d) else "Conv"
        return self._graph.add(
            kind,
            maps,
            layer.weight,
            layer.bias,
            kernel_shape=list(layer.kernel_size),
            strides=list(layer.stride),
            pads=list(layer.padding) * 2,
        )

    def _distance(self, fused: str, inps: str) -> str:
        graph = self._graph
        inps = graph.add("Transpose", self._direction(inps), perm=[0, 2, 1])
        similarity = graph.add("MatMul", self._direction(fused), inps)
        nearest = graph.add("ReduceMax", similarity, np.array([-1], np.int64), keepdims=0)
        return graph.add("Sub", np.float32(1), nearest)

    def _memory_map(self, fused: str, between: str | None, memory: TokenMemory) -> str:
        """Write what `scoring.memory_map` does."""
        on_grid = self._upsample(self._strangeness(fused, memory))
        if between is None:
            return on_grid
        graph, (height, width) = self._graph, self._geometry.input_size
        rows, columns = self._geometry.grid_size
        patch, values = height // rows, self._strangeness(between, memory)
        grid = graph.reshape(values, 1, 1, rows + 1, columns + 1)
        maps = self._resize(grid, (height + patch, width + patch), "align_corners")
        before, _ = border_between(patch)
        for axis, side in ((2, height), (3, width)):
            maps = graph.slice(maps, axis, before, before + side)
        return graph.mean(graph.add("Concat", on_grid, maps, axis=1), 1, keepdims=True)

    def _strangeness(self, fused: str, memory: TokenMemory) -> str:
        graph = self._graph
        similarity = graph.add("MatMul", self._direction(fused), memory.directions.T)
        nearest = graph.add("ReduceMax", similarity, np.array([-1], np.int64), keepdims=0)
        which = graph.add("ArgMax", similarity, axis=-1, keepdims=0)
        spread = graph.add("Gather", memory.spread, which, axis=0)
        unlike = graph.add("Relu", graph.add("Sub", np.float32(1), nearest))
        return graph.add("Div", unlike, spread)

    def _cosine_errors(self, parts: dict[str, str]) -> str:
        """Return 1 - cosine of encoder and decoder, `(G, 1, N)`."""
        graph = self._graph
        pair = [self._direction(parts[name]) for name in ("encoder_groups", "decoder_groups")]
        product = graph.add("Mul", *pair)
        cosine = graph.add("ReduceSum", product, np.array([-1], np.int64), keepdims=0)
        return graph.add("Sub", np.float32(1), cosine)

    def _direction(self, tokens: str) -> str:
        graph = self._graph
        length = graph.add("ReduceL2", tokens, np.array([-1], np.int64))
        return graph.add("Div", tokens, graph.add("Max", length, np.float32(_TINY)))

    def _upsample(self, values: str) -> str:
        """Bring one value per token `(1, N)` to the input's size, `(1, 1, H, W)`."""
        grid = self._graph.reshape(values, 1, 1, *self._geometry.grid_size)
        return self._resize(grid, self._geometry.input_size, "align_corners")

    def _resize(self, maps: str, size: tuple[int, int], places: str) -> str:
        return self._graph.add(
            "Resize",
            maps,
            "",
            "",
            np.array(size, np.int64),
            mode="linear",
            axes=[2, 3],
            coordinate_transformation_mode=places,
        )

    def _smooth(self, maps: str) -> str:
        small = self._resize(maps, score_size(self._geometry.input_size), "half_pixel")
        # What becomes of a single bright pixel is the kernel, whatever it is.
        spot = torch.zeros(1, KERNEL_SIZE, KERNEL_SIZE)
        spot[0, KERNEL_SIZE // 2, KERNEL_SIZE // 2] = 1
        return self._graph.add(
            "Conv",
            small,
            smooth(spot)[None],
            kernel_shape=[KERNEL_SIZE, KERNEL_SIZE],
            pads=[KERNEL_SIZE // 2] * 4,
        )


def write_verdict(
    graph: GraphBuilder, anomaly_map: str, weights: Tensor | None, count: int, scale: MapScale
) -> dict[str, str]:
    """Write score, threshold, verdict and confidence of a map, as `AnomalyResult` has them.

    Args:
        graph: To write to.
        anomaly_map: The deciding map, `(1, 1, h, w)`.
        weights: What each of its pixels counts, `(h, w)`; None if all count the same.
        count: How many of its highest pixels the score is the mean of.
        scale: Of the map.

    Returns:
        Values by name, each a single number.
    """
    counted = anomaly_map if weights is None else graph.add("Mul", anomaly_map, weights)
    pixels = graph.reshape(counted, -1)
    highest, _ = graph.add_many("TopK", pixels, np.array([count], np.int64), results=2)
    score = graph.mean(highest, 0)
    threshold = graph.constant(np.float32(scale.threshold))
    above = graph.add("Div", graph.add("Sub", score, threshold), np.float32(scale.score_scale))
    return {
        "image_score": score,
        "threshold": threshold,
        "is_anomalous": graph.add("Greater", score, threshold),
        "confidence": graph.add("Sigmoid", above),
    }
