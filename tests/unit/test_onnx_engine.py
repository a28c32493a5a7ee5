"""One switch between torch and ONNX Runtime: the same results, or a sentence that says why not."""

import importlib.util
import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest
import torch
from onnx_cases import spotted_picture, varied_detector

from inpformer import cli
from inpformer.config import ModelConfig
from inpformer.detector import AnomalyDetector
from inpformer.errors import ConfigError, UserError
from inpformer.modeling.filter_stem import DESCRIPTOR_DIM
from inpformer.places import ASSETS, WEIGHTS
from inpformer.presets import EncoderConfig

needs_runtime = pytest.mark.skipif(
    any(importlib.util.find_spec(name) is None for name in ("onnx", "onnxruntime")),
    reason="ONNX Runtime is not installed: pip install -r requirements-onnx.txt",
)
SIZES = [(90, 120), (200, 64), (56, 56)]
CASES = {
    "plus": {},
    "plain": {"variant": "inp-former"},
    "remembering": {"memory_tokens": 20, "token_scale": "shots", "head_weight": 2.0},
    "many-prototypes": {"inp_count": 40, "decoder_depth": 4, "mlp_ratio": 2.0},
    "one-group": {"group_count": 1},
    "clustering": {"variant": "training-free"},
}


def assert_same(found, expected, tolerance: float = 1e-4) -> None:
    """Two results say the same, up to rounding."""
    assert found.map_name == expected.map_name
    assert found.scores == pytest.approx(expected.scores, abs=tolerance)
    for name, values in expected.score_maps.items():
        np.testing.assert_allclose(found.score_maps[name], values, atol=tolerance)
    for name, values in vars(expected.explanation).items():
        other = getattr(found.explanation, name)
        if values is None or name == "inp_assignment":  # of two alike, rounding picks one
            assert (other is None) == (values is None)
        else:
            np.testing.assert_allclose(other, values, atol=tolerance, err_msg=name)


@needs_runtime
@pytest.mark.parametrize("case", CASES)
def test_onnx_says_of_every_picture_what_torch_says(tiny_config, case):
    detector = varied_detector(tiny_config, **CASES[case])
    onnx = detector.with_engine("onnx")
    assert (onnx.engine, detector.engine) == ("onnx", "torch")
    for size in SIZES:
        picture = spotted_picture(*size)
        assert_same(onnx.predict(picture), detector.predict(picture))
        assert onnx.predict(picture).notices == detector.predict(picture).notices


@needs_runtime
def test_onnx_runs_the_filter_bank_too():
    encoder = EncoderConfig(
        name="filters",
        patch_size=8,
        embed_dim=DESCRIPTOR_DIM,
        depth=1,
        num_heads=6,
        layers=(0,),
        native_grid=1,
        token_budget=100,
        register_tokens=0,
        stem="filters-only",
    )
    detector = varied_detector(ModelConfig.for_encoder(encoder, memory_tokens=10))
    picture = spotted_picture(90, 120)
    assert_same(detector.with_engine("onnx").predict(picture), detector.predict(picture))


@needs_runtime
def test_onnx_serves_tiles_crops_and_the_explanation_of_patches(tiny_config):
    detector = varied_detector(tiny_config)
    onnx, picture = detector.with_engine("onnx"), spotted_picture(120, 150)
    assert_same(onnx.predict(picture, tiles="2x3"), detector.predict(picture, tiles="2x3"))
    cropped = detector.predict(picture, geometry="benchmark")
    assert_same(onnx.predict(picture, geometry="benchmark"), cropped)
    found, expected = onnx.patch_tokens(picture), detector.patch_tokens(picture)
    np.testing.assert_allclose(found.directions, expected.directions, atol=1e-5)
    np.testing.assert_allclose(found.cosine_errors, expected.cosine_errors, atol=1e-4)


@needs_runtime
def test_zero_shot_keeps_its_engine_and_runs_no_decoder(tiny_config):
    detector = varied_detector(tiny_config)
    picture = spotted_picture(90, 120)
    decoded = detector.with_engine("onnx").predict(picture)
    assert decoded.explanation.decoder_attention is not None
    # A decoder that cannot be run shows that none is.
    detector.model.decoder = torch.nn.Identity()
    onnx = detector.zero_shot().with_engine("onnx")
    assert onnx.engine == "onnx"
    found = onnx.predict(picture)
    assert_same(found, detector.zero_shot().predict(picture))
    assert found.explanation.decoder_attention is None and list(found.scores) == ["distance"]


@needs_runtime
def test_detectors_made_of_one_keep_the_engine_unless_they_are_fitted(tiny_config):
    onnx = varied_detector(tiny_config).with_engine("onnx")
    assert onnx.zero_shot().engine == "onnx"
    assert onnx.sharing_encoder(varied_detector(tiny_config)).engine == "onnx"
    free = varied_detector(tiny_config, variant="training-free").with_engine("onnx")
    assert free.with_inp_count(3).engine == "onnx"
    assert onnx.with_engine("onnx") is onnx and onnx.with_engine("torch").engine == "torch"


@needs_runtime
def test_eight_bits_are_near_and_every_result_says_so(tiny_config):
    detector = varied_detector(tiny_config)
    int8, picture = detector.with_engine("onnx-int8"), spotted_picture(90, 120)
    found, expected = int8.predict(picture), detector.predict(picture)
    assert [n for n in found.notices if n not in expected.notices] == list(int8.notices[-1:])
    assert int8.notices[-1].startswith("int8: maps of a test picture differ")
    difference = np.abs(found.anomaly_map - expected.anomaly_map).max()
    assert 1e-4 < difference < 0.25 * np.ptp(expected.anomaly_map)


@needs_runtime
def test_many_may_look_at_once(tiny_config):
    detector = varied_detector(tiny_config)
    onnx = detector.with_engine("onnx")
    pictures = [spotted_picture(60 + 14 * seed, 90, seed) for seed in range(6)]
    with ThreadPoolExecutor(3) as pool:
        found = list(pool.map(onnx.predict, pictures))
    for result, picture in zip(found, pictures, strict=True):
        assert_same(result, detector.predict(picture))


@needs_runtime
@pytest.mark.parametrize("engine", ["onnx", "onnx-int8"])
def test_an_engine_that_does_not_agree_is_refused(tiny_config, monkeypatch, engine):
    from inpformer import onnx_network

    embed = onnx_network.embed_patches
    monkeypatch.setattr(onnx_network, "embed_patches", lambda e, images: embed(e, 1 - images))
    detector = varied_detector(tiny_config)
    with pytest.raises(UserError, match=r"other maps than torch.*Use the engine torch\.$"):
        detector.with_engine(engine)


@needs_runtime
def test_a_detector_with_damaged_numbers_gets_no_engine(tiny_config):
    detector = varied_detector(tiny_config)
    with torch.no_grad():
        detector.model.decoder.blocks[0].mlp.fc2.weight[0, 0] = float("nan")
    with pytest.raises(UserError, match="Use the engine torch"):
        detector.with_engine("onnx")


@needs_runtime
def test_blocks_that_are_not_plain_ones_are_refused(tiny_config):
    detector = varied_detector(tiny_config)
    detector.model.encoder.vit.blocks[1] = torch.nn.Sequential(torch.nn.Identity())
    with pytest.raises(UserError, match="encoders of plain blocks"):
        detector.with_engine("onnx")


@pytest.mark.parametrize("missing", ["onnx", "onnxruntime"])
def test_a_missing_package_is_named_with_what_to_type(tiny_config, monkeypatch, missing):
    find = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name: None if name == missing else find(name)
    )
    with pytest.raises(UserError, match=rf"package {missing}, .*pip install onnx onnxruntime\.$"):
        varied_detector(tiny_config).with_engine("onnx")


def test_an_unknown_engine_is_refused_with_those_there_are(tiny_config):
    with pytest.raises(ConfigError, match="'torch', 'torch-bf16', 'onnx', 'onnx-int8'"):
        varied_detector(tiny_config).with_engine("tensorrt")


def test_a_detector_elsewhere_than_on_the_cpu_is_refused(tiny_config, monkeypatch):
    pytest.importorskip("onnxruntime", reason="ONNX Runtime is not installed")
    monkeypatch.setattr(AnomalyDetector, "device", torch.device("cuda:0"))
    with pytest.raises(UserError, match="on 'cuda:0': load it with the device cpu"):
        varied_detector(tiny_config).with_engine("onnx")


@needs_runtime
def test_an_evaluation_does_not_go_on_with_another_engine(tiny_config):
    from inpformer.evaluation.plan import _detector_facts

    detector = varied_detector(tiny_config)
    facts = [_detector_facts(detector.with_engine(name)) for name in ("torch", "onnx")]
    assert facts[0]["fingerprint"] != facts[1]["fingerprint"]
    assert replace(detector.provenance) == detector.with_engine("onnx").provenance


@needs_runtime
def test_the_command_predicts_with_an_engine_and_says_what_it_costs(tmp_path, capsys):
    model = WEIGHTS / "detectors" / "cap.safetensors"
    pictures = sorted((ASSETS / "examples" / "cap").glob("test/*/*.*"))
    if not model.is_file() or not pictures:
        pytest.skip("the example parts are not installed")
    options = ["predict", pictures[0], "--model", model, "--maps", "none", "--device", "cpu"]
    for engine in ("torch", "onnx-int8"):
        given = [*options, "-o", tmp_path / engine, "--engine", engine, "--json"]
        assert cli.main([str(item) for item in given]) == 0
    captured = capsys.readouterr()
    plain, int8 = (json.loads(line) for line in captured.out.splitlines() if line[0] == "{")
    assert "Note: int8: maps of a test picture differ" in captured.err
    assert plain["verdict"] == int8["verdict"]
    assert plain["image_score"] != int8["image_score"]
