"""The command, from the official checkpoint to the written maps, against the official code."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

from inpformer import cli
from inpformer.detector import AnomalyDetector
from inpformer.official import import_official

RTOL, ATOL = 1e-4, 1e-5


@pytest.fixture(scope="module")
def expected(golden) -> dict[str, np.ndarray]:
    with np.load(golden / "expected.npz") as arrays:
        return {name: arrays[name] for name in arrays if "map_256" in name or "score" in name}


@pytest.fixture(scope="module")
def names(golden) -> list[str]:
    return json.loads((golden / "training.json").read_text())["images"]


@pytest.fixture(scope="module")
def imported(golden, tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("imported") / "official.safetensors"
    arguments = ["import-official", golden / "official_model.pth", "-o", path, "--json"]
    assert cli.main([str(argument) for argument in arguments]) == 0
    return path


def run(capsys, *arguments) -> list[dict]:
    capsys.readouterr()
    assert cli.main([str(argument) for argument in (*arguments, "--json")]) == 0
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


@pytest.mark.parametrize(
    ("options", "map_key", "score_key"),
    [
        ((), "anomaly_map_256", "image_score"),
        (("--map", "reconstruction"), "anomaly_map_256", "image_score"),
        (("--map", "distance"), "zero_shot_map_256", "zero_shot_score"),
    ],
)
def test_predict_writes_the_maps_and_scores_of_the_official_code(
    golden, expected, names, imported, tmp_path, capsys, options, map_key, score_key
):
    pictures = [golden / "images" / name for name in names]
    lines = run(
        capsys,
        *("predict", *pictures, "--model", imported, "-o", tmp_path, *options),
        *("--geometry", "benchmark", "--maps", "npy"),
    )
    assert [Path(line["file"]).name for line in lines] == names
    for index, (name, line) in enumerate(zip(names, lines, strict=True)):
        values = np.load(tmp_path / f"{Path(name).stem}_map.npy")
        assert values.dtype == np.float32
        wanted = expected[map_key][index, 0]
        np.testing.assert_allclose(values, wanted, rtol=RTOL, atol=ATOL, err_msg=name)
        assert line["image_score"] == pytest.approx(expected[score_key][index], rel=RTOL, abs=ATOL)


def test_an_imported_checkpoint_says_where_it_comes_from(imported, capsys):
    (facts,) = run(capsys, "info", imported)
    assert facts["encoder_bundled"] is True and facts["calibration"] is None
    assert facts["provenance"]["source"] == "official_model.pth"
    assert facts["model"]["variant"] == "inp-former"


def test_an_imported_checkpoint_is_bit_equal_to_the_checkpoint_itself(golden, imported):
    _, model = import_official(golden / "official_model.pth")
    state = AnomalyDetector.load(imported, device="cpu").model.state_dict()
    assert state.keys() == model.state_dict().keys()
    assert all(torch.equal(state[key], value) for key, value in model.state_dict().items())


def test_an_encoder_that_no_preset_names_is_saved_with_the_detector_unasked(imported, tmp_path):
    detector = AnomalyDetector.load(imported)
    path = detector.save(tmp_path / "again.safetensors")
    picture = np.random.default_rng(0).integers(0, 256, (80, 100, 3), np.uint8)
    again = AnomalyDetector.load(path).predict(picture).anomaly_map
    np.testing.assert_array_equal(again, detector.predict(picture).anomaly_map)


def test_a_checkpoint_cut_short_is_refused_and_nothing_is_written(golden, tmp_path, capsys):
    path, model = tmp_path / "cut.pth", tmp_path / "d.safetensors"
    data = (golden / "official_model.pth").read_bytes()
    for length in (0, 100, len(data) // 2, len(data) - 1):
        path.write_bytes(data[:length])
        assert cli.main(["import-official", str(path), "-o", str(model)]) == 2
        err = capsys.readouterr().err
        assert "cut.pth" in err and len(err.splitlines()) == 1 and not model.exists()


def test_a_checkpoint_without_the_encoder_is_refused(golden, tmp_path, capsys):
    path = tmp_path / "heads.pth"
    shutil.copy(golden / "official_after_1_step_heads.pth", path)
    assert cli.main(["import-official", str(path), "-o", str(tmp_path / "d.safetensors")]) == 2
    assert "heads.pth" in capsys.readouterr().err
    assert [entry.name for entry in tmp_path.iterdir()] == ["heads.pth"]


LEFT_OUT = (
    "prototype_token",
    "aggregation.0.norm1.weight",
    "bottleneck.0.fc1.weight",
    "decoder.0.attn.learn_scale",
    "decoder.7.mlp.fc2.bias",
    "encoder.cls_token",
    "encoder.register_tokens",
    "encoder.mask_token",
    "encoder.pos_embed",
    "encoder.patch_embed.proj.weight",
    "encoder.patch_embed.proj.bias",
    "encoder.blocks.0.ls1.gamma",
    "encoder.blocks.11.mlp.fc2.weight",
    "encoder.norm.weight",
    "encoder.blocks.",
)


@pytest.mark.parametrize("left_out", LEFT_OUT)
def test_a_checkpoint_with_a_part_missing_is_refused_in_one_line(
    golden, tmp_path, capsys, left_out
):
    state = torch.load(golden / "official_model.pth", weights_only=True)
    kept = {key: value for key, value in state.items() if not key.startswith(left_out)}
    assert len(kept) < len(state), "the recording has no such part"
    path, model = tmp_path / "part.pth", tmp_path / "d.safetensors"
    torch.save(kept, path)
    assert cli.main(["import-official", str(path), "-o", str(model)]) == 2
    err = capsys.readouterr().err
    assert "part.pth" in err and len(err.splitlines()) == 1 and not model.exists()
