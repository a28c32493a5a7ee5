"""A small builder of ONNX graphs: names are made here, weights are stored once."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from torch import Tensor, nn

OPSET, IR_VERSION = 20, 10
# Operators of ONNX Runtime beside the standard: attention and norms that are one kernel each.
FUSED = "com.microsoft"

# What a node reads: the name of a value, or numbers that become a constant.
Operand = str | np.ndarray | Tensor
# Type and shape of what goes in or out; a side of any length is a word, None leaves all open.
ValueKind = tuple[str, Sequence[int | str] | None]

_TYPES = {"float32": TensorProto.FLOAT, "uint8": TensorProto.UINT8, "bool": TensorProto.BOOL}


class GraphBuilder:
    """Collects the nodes of a graph; every method that adds one returns the name of its value."""

    def __init__(self) -> None:
        self._nodes: list[onnx.NodeProto] = []
        self._constants: dict[tuple[Any, ...], str] = {}
        self._tensors: list[onnx.TensorProto] = []
        self._count = 0

    def add(self, kind: str, *operands: Operand, domain: str = "", **attributes: Any) -> str:
        """Add an operator with one result; an empty name leaves an optional operand out."""
        return self.add_many(kind, *operands, results=1, domain=domain, **attributes)[0]

    def add_many(
        self, kind: str, *operands: Operand, results: int, domain: str = "", **attributes: Any
    ) -> list[str]:
        """Add an operator with several results."""
        names = [item if isinstance(item, str) else self.constant(item) for item in operands]
        outputs = [self._fresh(kind) for _ in range(results)]
        self._nodes.append(helper.make_node(kind, names, outputs, domain=domain, **attributes))
        return outputs

    def name(self, value: str, name: str) -> None:
        """Give a value the name under which it leaves the graph."""
        self._nodes.append(helper.make_node("Identity", [value], [name]))

    def constant(self, values: np.ndarray | Tensor) -> str:
        """Store numbers; equal ones are stored once."""
        array = values.detach().cpu().numpy() if isinstance(values, Tensor) else values
        array = np.asarray(array, order="C")
        key = (array.dtype.str, array.shape, hashlib.sha256(array.data).digest())
        if key not in self._constants:
            self._constants[key] = self._fresh("constant")
            self._tensors.append(numpy_helper.from_array(array, self._constants[key]))
        return self._constants[key]

    def reshape(self, value: str, *shape: int) -> str:
        """Reshape a value; 0 keeps a side, -1 takes what is left."""
        return self.add("Reshape", value, np.array(shape, np.int64))

    def slice(self, value: str, axis: int, start: int, stop: int = 2**31 - 1) -> str:
        """Take a range along an axis."""
        return self.add("Slice", value, *(np.array([n], np.int64) for n in (start, stop, axis)))

    def pad(self, maps: str, before: int, after: int | None = None) -> str:
        """Repeat the border of maps `(B, C, h, w)` on all sides; None takes as much after."""
        after = before if after is None else after
        sides = np.array([0, 0, before, before, 0, 0, after, after], np.int64)
        return self.add("Pad", maps, sides, mode="edge")

    def linear(self, tokens: str, weight: Tensor, bias: Tensor) -> str:
        """Apply a linear layer `(out, in)` along the last axis."""
        return self.add("Add", self.add("MatMul", tokens, weight.T), bias)

    def norm(self, tokens: str, norm: nn.LayerNorm) -> str:
        """Apply a norm along the last axis."""
        return self.add(
            "LayerNormalization", tokens, norm.weight, norm.bias, axis=-1, epsilon=norm.eps
        )

    def mean(self, value: str, *axes: int, keepdims: bool = False) -> str:
        """Average over axes."""
        return self.add("ReduceMean", value, np.array(axes, np.int64), keepdims=int(keepdims))

    def build(
        self,
        inputs: dict[str, ValueKind],
        outputs: dict[str, ValueKind],
        properties: dict[str, str] | None = None,
    ) -> bytes:
        """Return the graph as the content of an ONNX file.

        Args:
            inputs: Type (`float32`, `uint8` or `bool`) and shape by name.
            outputs: The same, of values given a name with `name`.
            properties: What the file says about itself.
        """
        graph = helper.make_graph(
            self._nodes, "inpformer", _described(inputs), _described(outputs), self._tensors
        )
        opsets = [helper.make_opsetid("", OPSET), helper.make_opsetid(FUSED, 1)]
        model = helper.make_model(graph, opset_imports=opsets, ir_version=IR_VERSION)
        helper.set_model_props(model, properties or {})
        return model.SerializeToString()

    def _fresh(self, kind: str) -> str:
        self._count += 1
        return f"{kind.lower()}_{self._count}"


def _described(values: dict[str, ValueKind]) -> list[onnx.ValueInfoProto]:
    return [
        helper.make_tensor_value_info(name, _TYPES[kind], shape)
        for name, (kind, shape) in values.items()
    ]
