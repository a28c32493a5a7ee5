"""The heavy part of a network in ONNX Runtime: blocks, prototypes and decoder, on the CPU."""

from __future__ import annotations

from pathlib import Path

import onnxruntime
import torch
from torch import Tensor

from inpformer.modeling.encoder import FrozenEncoder
from inpformer.modeling.model import EncodedImages, INPFormer, INPFormerOutput
from inpformer.onnx_graph import GraphBuilder
from inpformer.onnx_layers import LayerWriter, write_network


class OnnxNetwork:
    """Runs a network as `INPFormer.forward` does, most of it in ONNX Runtime.

    Torch embeds the patches, whose grid may be any, and reads what ONNX Runtime gives: residual,
    segmentation head and memory are a small part of the time.

    Args:
        model: The network, on the CPU; its weights are copied.
        decode: Whether to decode; without, the graph ends at the prototypes.
        int8: Whether large products are taken in 8 bits.

    Raises:
        UserError: The encoder has blocks that are not plain ones.
    """

    def __init__(self, model: INPFormer, decode: bool, int8: bool) -> None:
        self._model = model
        graph = GraphBuilder()
        with torch.no_grad():
            parts = write_network(LayerWriter(graph, int8), "tokens", model, decode)
        for name, value in parts.items():
            graph.name(value, name)
        self._names = list(parts)
        shape = ("batch", "tokens", model.encoder.vit.embed_dim)
        outputs = {name: ("float32", None) for name in parts}
        self._session = open_session(graph.build({"tokens": ("float32", shape)}, outputs))

    def __call__(self, images: Tensor) -> INPFormerOutput:
        """Run the network on `(B, 3, H, W)` in [0, 1]; H and W are multiples of the patch size."""
        encoder = self._model.encoder
        tokens = embed_patches(encoder, images)
        arrays = self._session.run(self._names, {"tokens": tokens.numpy()})
        found = dict(zip(self._names, map(torch.from_numpy, arrays), strict=True))
        between = self._model.encode_between(images) if "decoder_groups" in found else None
        encoded = EncodedImages(found["encoder_groups"], encoder.grid_size(images), between)
        if "inps" in found:
            extracted = found["inps"], found["inp_attention_per_head"]
        else:
            extracted = self._model.inp_extractor(encoded.fused_tokens)
        decoded = None
        if "decoder_groups" in found:
            decoded = found["decoder_groups"], found["decoder_attention"]
        return self._model.combine(encoded, extracted, decoded, tuple(images.shape[-2:]))


def embed_patches(encoder: FrozenEncoder, images: Tensor) -> Tensor:
    """Return patches of pictures `(B, 3, H, W)` in [0, 1] as tokens `(B, T, C)`, prefix first."""
    vit = encoder.vit
    tokens = vit._pos_embed(vit.patch_embed(encoder.normalise(images)))
    return vit.norm_pre(tokens)


def open_session(model: bytes | Path) -> onnxruntime.InferenceSession:
    """Open the content of an ONNX file, or a file, with as many threads as torch uses."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    # Threads that wait by spinning would take the cores from torch, which runs in between.
    options.add_session_config_entry("session.force_spinning_stop", "1")
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
