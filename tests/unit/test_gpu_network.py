"""16-bit products on a GPU: near the exact maps, recorded once per size, never where it is slow."""

import numpy as np
import pytest
import torch
from onnx_cases import spotted_picture, varied_detector

from inpformer.engine import engines_on
from inpformer.errors import UserError
from inpformer.gpu_network import MAX_RECORDINGS, Bf16Network
from inpformer.scoring import anomaly_maps

needs_gpu = pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no NVIDIA GPU here")


class PlayedNetwork(Bf16Network):
    """Records nothing, but counts what it is asked to record and to play."""

    def __init__(self, *args, fails: bool = False) -> None:
        super().__init__(*args)
        self._records, self.fails, self.recorded, self.played = True, fails, [], []

    def _record(self, images):
        if self.fails:
            raise RuntimeError("operation not permitted when stream is capturing")
        self.recorded.append(tuple(images.shape))
        return self

    def play(self, images):
        self.played.append(tuple(images.shape))
        return self.run(images)


def pictures(count: int = 2, width: int = 70) -> torch.Tensor:
    return torch.rand(count, 3, 56, width, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("decode", [True, False])
@pytest.mark.parametrize("settings", [{}, {"memory_tokens": 20, "token_scale": "shots"}])
def test_maps_are_near_the_exact_ones_and_in_32_bits(tiny_config, decode, settings):
    detector = varied_detector(tiny_config, **settings)
    images = pictures()
    with torch.inference_mode():
        exact = detector.model(images, decode=decode)
    found = Bf16Network(detector.model, decode)(images)
    assert (found.decoder_groups is None) == (not decode)
    for name, values in found._asdict().items():
        if isinstance(values, torch.Tensor) and values.is_floating_point():
            assert values.dtype == torch.float32, name
    expected, maps = (anomaly_maps(each, detector.config, None) for each in (exact, found))
    assert expected.keys() == maps.keys()
    for name, values in expected.items():
        spread = float(values.max() - values.min())
        assert float((maps[name] - values).abs().max()) <= 0.1 * spread, name
    assert not torch.equal(found.inps, exact.inps)  # the products had 16 bits


def test_every_size_is_recorded_once_and_the_oldest_gives_way(tiny_config):
    network = PlayedNetwork(varied_detector(tiny_config).model, True)
    for count in (1, 2, 1, 1):
        network(pictures(count))
    assert network.recorded == [(1, 3, 56, 70), (2, 3, 56, 70)]
    assert len(network.played) == 4
    for width in range(14, 14 * (MAX_RECORDINGS + 1), 14):
        network(pictures(width=width))
    network(pictures(1))
    assert network.recorded.count((1, 3, 56, 70)) == 2
    assert len(network._recordings) == MAX_RECORDINGS


def test_a_network_that_cannot_be_recorded_runs_call_by_call(tiny_config, caplog):
    model = varied_detector(tiny_config).model
    network = PlayedNetwork(model, True, fails=True)
    first, second = network(pictures()), network(pictures())
    assert torch.equal(first.inp_distance, second.inp_distance)
    assert torch.equal(first.inp_distance, Bf16Network(model, True)(pictures()).inp_distance)
    assert network.recorded == network.played == []
    assert len(caplog.records) == 1


def test_where_it_would_be_slow_it_is_refused_in_one_sentence(tiny_config):
    with pytest.raises(UserError, match=r"is for NVIDIA GPUs.*'cpu'.*use the engine torch"):
        varied_detector(tiny_config).with_engine("torch-bf16")


@pytest.mark.parametrize(
    ("device", "engines"),
    [
        ("cpu", ("torch", "onnx", "onnx-int8")),
        ("cuda", ("torch", "torch-bf16")),
        ("mps", ("torch",)),
    ],
)
def test_every_device_has_its_engines(device, engines):
    assert engines_on(torch.device(device)) == engines


@needs_gpu
def test_a_gpu_plays_what_it_recorded_for_other_pictures(tiny_config):
    detector = varied_detector(tiny_config)
    detector.model.to("cuda")
    fast = detector.with_engine("torch-bf16")
    assert "bf16" in fast.notices[-1]
    for size in ((90, 120), (200, 64), (90, 120)):
        picture = spotted_picture(*size)
        exact, found = detector.predict(picture), fast.predict(picture)
        spread = np.ptp(exact.anomaly_map)
        assert np.abs(exact.anomaly_map - found.anomaly_map).max() <= 0.1 * spread
