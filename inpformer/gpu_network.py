"""The network on a GPU with 16-bit products, recorded once per size and then played at once."""

from __future__ import annotations

import logging
import threading
from collections import OrderedDict
from typing import NamedTuple

import torch
from torch import Tensor

from inpformer.modeling.model import EncodedImages, INPFormer, INPFormerOutput

# Sizes whose recordings are kept; each holds the memory of one run.
MAX_RECORDINGS = 4
_WARM_UPS = 3
_logger = logging.getLogger(__name__)


class Bf16Network:
    """Runs a network with the products of encoder and decoder in bfloat16.

    What is compared (cosines, distances to remembered tokens, maps) stays in 32 bits: those are
    small differences of large numbers. On CUDA the few hundred calls of a run are recorded as a
    CUDA graph, for with small batches starting them takes longer than the work. A network that
    cannot be recorded runs call by call.

    Args:
        model: On its device; its weights must stay where they are.
        decode: Whether to run the decoder.
        record: Whether to record; False on a device that is not CUDA.
    """

    def __init__(self, model: INPFormer, decode: bool, record: bool = True) -> None:
        self._model, self._decode = model, decode
        self._device_type = model.encoder.mean.device.type
        self._records = record and self._device_type == "cuda"
        self._recordings: OrderedDict[torch.Size, _Recording] = OrderedDict()
        self._lock = threading.Lock()

    @torch.inference_mode()
    def __call__(self, images: Tensor) -> INPFormerOutput:
        """Run pictures `(B, 3, H, W)` in [0, 1] on the network's device."""
        if not self._records:
            return self.run(images)
        # One at a time: a recording has one place for its pictures.
        with self._lock:
            recording = self._recording_for(images)
            return self.run(images) if recording is None else recording.play(images)

    def run(self, images: Tensor) -> INPFormerOutput:
        """Run pictures call by call."""
        model = self._model
        # Nothing is cached across calls, which a recording could not repeat.
        low = torch.autocast(self._device_type, dtype=torch.bfloat16, cache_enabled=False)
        with low:
            encoded = model.encode(images, for_maps=self._decode)
        between = None if encoded.between is None else encoded.between.float()
        encoded = EncodedImages(encoded.groups.float(), encoded.grid_size, between)
        fused = encoded.fused_tokens
        extracted = model.inp_extractor(fused)
        decoded = None
        if self._decode and model.decoder is not None:
            with low:
                groups, attention = model.decode(fused, extracted[0])
            decoded = (groups.float(), attention.float())
        return model.combine(encoded, extracted, decoded, tuple(images.shape[-2:]))

    def _recording_for(self, images: Tensor) -> _Recording | None:
        """Return the recording for a size of batch, made now if need be; None if that fails."""
        shape = images.shape
        if shape not in self._recordings:
            try:
                self._recordings[shape] = self._record(images)
            except RuntimeError:
                _logger.warning("This network cannot be recorded; it runs call by call.")
                self._records = False
                return None
            if len(self._recordings) > MAX_RECORDINGS:
                self._recordings.popitem(last=False)
        self._recordings.move_to_end(shape)
        return self._recordings[shape]

    def _record(self, images: Tensor) -> _Recording:
        pictures = images.clone()
        aside, current = torch.cuda.Stream(), torch.cuda.current_stream()
        # Libraries choose their ways and take their memory in the first runs, not while recorded.
        aside.wait_stream(current)
        with torch.cuda.stream(aside):
            for _ in range(_WARM_UPS):
                self.run(pictures)
        current.wait_stream(aside)
        graph = torch.cuda.CUDAGraph()
        # Other threads may go on using the GPU meanwhile.
        with torch.cuda.graph(graph, capture_error_mode="thread_local"):
            output = self.run(pictures)
        return _Recording(graph, pictures, output)


class _Recording(NamedTuple):
    """The calls of one run, the place its pictures lie in, and where its output appears."""

    graph: torch.cuda.CUDAGraph
    pictures: Tensor
    output: INPFormerOutput

    def play(self, images: Tensor) -> INPFormerOutput:
        """Run other pictures of the same size."""
        self.pictures.copy_(images)
        self.graph.replay()
        # The next run writes over this output.
        return INPFormerOutput(
            *(each.clone() if isinstance(each, Tensor) else each for each in self.output)
        )
