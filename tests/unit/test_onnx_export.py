"""An exported file: the same verdicts as the detector, on its own, or no file."""

import importlib.util
import json
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from onnx_cases import spotted_picture, varied_detector
from PIL import Image

from inpformer import cli
from inpformer.detector import AnomalyDetector
from inpformer.errors import UserError
from inpformer.examples import ExamplePart, find_examples
from inpformer.export_command import parse_picture_size
from inpformer.images import load_image
from inpformer.onnx_export import export_onnx

pytestmark = pytest.mark.skipif(
    any(importlib.util.find_spec(name) is None for name in ("onnx", "onnxruntime")),
    reason="ONNX Runtime is not installed: pip install -r requirements-onnx.txt",
)
DOC = Path(__file__).resolve().parents[2] / "docs" / "export.md"
PARTS = {part.name: part for part in find_examples().parts if part.detector_path is not None}
SIZE = (90, 120)


def open_file(path: Path):
    import onnxruntime

    return onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])


def look(path: Path, image: np.ndarray) -> dict[str, np.ndarray]:
    session = open_file(path)
    names = [output.name for output in session.get_outputs()]
    return dict(zip(names, session.run(None, {"image": image}), strict=True))


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"variant": "inp-former"},
        {"memory_tokens": 20, "token_scale": "shots", "head_weight": 2.0, "memory_weight": 0.5},
        {"memory_tokens": 20, "memory_grids": 2, "memory_weight": 0.5},
        {"score_border": 0.3, "score_fraction": 0.002},
        {"map_balance": "paper", "group_count": 1},
    ],
)
def test_the_file_says_what_the_detector_says(tiny_config, tmp_path, settings):
    detector = varied_detector(tiny_config, **settings)
    path = tmp_path / "part.onnx"
    export_onnx(detector, path, SIZE)
    image = spotted_picture(*SIZE)
    found, expected = look(path, image), detector.predict(image)
    tolerance = 0.01 * float(np.ptp(expected.score_maps[expected.map_name]))
    np.testing.assert_allclose(
        found["anomaly_map"], expected.score_maps[expected.map_name], atol=tolerance
    )
    assert found["image_score"] == pytest.approx(expected.image_score, abs=tolerance)
    assert found["threshold"] == pytest.approx(expected.threshold)
    assert found["is_anomalous"] == expected.is_anomalous
    assert found["confidence"] == pytest.approx(expected.confidence, abs=0.01)


def test_exposures_are_evened_in_the_file_as_in_the_detector(tiny_config, tmp_path):
    encoder = replace(tiny_config.encoder, contrast=0.12)
    detector = varied_detector(tiny_config, encoder=encoder)
    path = tmp_path / "part.onnx"
    export_onnx(detector, path, SIZE)
    image = spotted_picture(*SIZE)
    bright, dark = look(path, image // 2 + 120), look(path, image // 2 + 20)
    expected = detector.predict(image // 2 + 120).score_maps[detector.map_names[0]]
    tolerance = 0.01 * float(np.ptp(expected))
    np.testing.assert_allclose(bright["anomaly_map"], expected, atol=tolerance)
    np.testing.assert_allclose(bright["anomaly_map"], dark["anomaly_map"], atol=tolerance)


def check_part(part: ExamplePart, path: Path, int8: bool) -> None:
    """Export a ready detector; every picture of its part gets the verdict that predict gives."""
    detector = AnomalyDetector.load(part.detector_path, "cpu")
    images = [load_image(picture.path) for picture in part.pictures]
    export_onnx(detector, path, images[0].shape[:2], int8)
    for image in images:
        found, expected = look(path, image), detector.predict(image)
        assert found["is_anomalous"] == expected.is_anomalous
        allowed = 0.05 if int8 else 0.005
        assert found["image_score"] == pytest.approx(expected.image_score, rel=allowed)


@pytest.mark.skipif("pcb" not in PARTS, reason="the example parts are not installed")
@pytest.mark.parametrize("name", ["cap", "pcb"])
def test_a_ready_detector_gives_the_same_verdicts_as_a_file(tmp_path, name):
    # The board's map jumps in single pixels: a rounded pixel changes the nearest remembered token.
    check_part(PARTS[name], tmp_path / "part.onnx", int8=False)


@pytest.mark.slow
@pytest.mark.parametrize("int8", [False, True])
@pytest.mark.parametrize("name", PARTS)
def test_every_ready_detector_gives_the_same_verdicts_as_a_file(tmp_path, name, int8):
    check_part(PARTS[name], tmp_path / "part.onnx", int8)


def test_eight_bits_keep_the_verdict_and_make_the_file_smaller(tiny_config, tmp_path):
    detector, image = varied_detector(tiny_config), spotted_picture(*SIZE)
    for name, int8 in (("exact", False), ("int8", True)):
        export_onnx(detector, tmp_path / f"{name}.onnx", SIZE, int8)
    assert (
        look(tmp_path / "int8.onnx", image)["is_anomalous"] == detector.predict(image).is_anomalous
    )
    assert (tmp_path / "int8.onnx").stat().st_size < (tmp_path / "exact.onnx").stat().st_size


def test_a_picture_of_another_size_is_squeezed(tiny_config, tmp_path):
    path = tmp_path / "part.onnx"
    export_onnx(varied_detector(tiny_config), path, SIZE)
    shapes = {look(path, spotted_picture(*size))["anomaly_map"].shape for size in (SIZE, (300, 70))}
    assert len(shapes) == 1


def test_the_papers_crop_is_kept(tiny_config, tmp_path):
    detector = varied_detector(tiny_config)
    provenance = type(detector.provenance)("untrained", "a case", geometry="benchmark")
    detector = AnomalyDetector(detector.model, detector.config, provenance, detector.calibration)
    export_onnx(detector, tmp_path / "part.onnx", SIZE)
    image = spotted_picture(*SIZE)
    expected = detector.predict(image, geometry="benchmark")
    found = look(tmp_path / "part.onnx", image)["anomaly_map"]
    values = expected.score_maps[expected.map_name]
    np.testing.assert_allclose(found, values, atol=0.01 * np.ptp(values))


def test_the_file_says_what_it_is(tiny_config, tmp_path):
    detector = varied_detector(tiny_config)
    export_onnx(detector, tmp_path / "part.onnx", SIZE)
    session = open_file(tmp_path / "part.onnx")
    facts = json.loads(session.get_modelmeta().custom_metadata_map["inpformer"])
    assert facts["method"] == "inp-former++" and facts["map"] == "fused"
    assert facts["threshold"] == 0.5 and facts["notices"] == list(detector.notices)
    assert facts["geometry"]["picture_size"] == list(SIZE)


@pytest.mark.parametrize("fault", ["map", "score", "verdict"])
def test_a_file_that_does_not_agree_is_not_kept_and_an_older_one_stays(
    tiny_config, tmp_path, monkeypatch, fault
):
    from inpformer import onnx_maps, onnx_tokens

    path = tmp_path / "part.onnx"
    path.write_bytes(b"older")
    write_input, write_verdict = onnx_tokens.write_input, onnx_maps.write_verdict

    def negative(graph, *given):
        return graph.add("Sub", np.float32(1), write_input(graph, *given))

    def swapped(graph, *given):
        values = write_verdict(graph, *given)
        return {**values, "is_anomalous": graph.add("Not", values["is_anomalous"])}

    def higher(graph, *given):
        values = write_verdict(graph, *given)
        return {**values, "image_score": graph.add("Add", values["image_score"], np.float32(1))}

    if fault == "map":
        monkeypatch.setattr(onnx_tokens, "write_input", negative)
    elif fault == "score":
        monkeypatch.setattr(onnx_maps, "write_verdict", higher)
    else:
        monkeypatch.setattr(onnx_maps, "write_verdict", swapped)
    with pytest.raises(UserError, match="The ONNX file was not kept") as caught:
        export_onnx(varied_detector(tiny_config), path, SIZE)
    assert ("another verdict" in str(caught.value)) or fault in ("map", "score")
    assert path.read_bytes() == b"older" and list(tmp_path.iterdir()) == [path]


def test_what_a_file_cannot_hold_is_refused_before_anything_is_written(tiny_config, tmp_path):
    path = tmp_path / "part.onnx"
    good, other = varied_detector(tiny_config), varied_detector(tiny_config)
    other.model.encoder.vit.blocks[1] = torch.nn.Sequential(torch.nn.Identity())
    tiled = type(good.provenance)("untrained", "a case", tiles="2x2")
    cases = {
        "has no threshold": good.zero_shot(),
        "found by clustering": varied_detector(tiny_config, variant="training-free"),
        "encoders of plain blocks": other,
        "tiles of 2x2": AnomalyDetector(good.model, good.config, tiled, good.calibration),
    }
    for words, detector in cases.items():
        with pytest.raises(UserError, match=words):
            export_onnx(detector, path, SIZE)
    with pytest.raises(UserError, match=r"must end in \.onnx"):
        export_onnx(good, tmp_path / "part.pt", SIZE)
    assert not list(tmp_path.iterdir())


def test_the_lines_of_the_documentation_run_without_torch_and_this_program(tiny_config, tmp_path):
    (lines,) = re.findall(r"```python\n(.*?)```", DOC.read_text("utf-8"), re.DOTALL)
    detector, image = varied_detector(tiny_config), spotted_picture(*SIZE)
    export_onnx(detector, tmp_path / "part.onnx", SIZE)
    Image.fromarray(image).save(tmp_path / "picture.png")
    guard = "import sys\nsys.modules.update(torch=None, inpformer=None, cv2=None)\n"
    command = [sys.executable, "-c", guard + lines]
    told = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True).stdout
    expected = detector.predict(image)
    verdict = "anomalous" if expected.is_anomalous else "normal"
    assert told.startswith(verdict) and f"threshold {expected.threshold:.3f}" in told
    score = float(re.search(r"score ([\d.]+)", told).group(1))
    assert score == pytest.approx(expected.image_score, rel=0.01)


def test_the_command_exports_for_the_size_of_the_pictures_it_checks_on(tmp_path, capsys):
    if "cap" not in PARTS:
        pytest.skip("the example parts are not installed")
    part = PARTS["cap"]
    options = ["export", part.detector_path, "-o", tmp_path / "cap.onnx", "--json", "--check"]
    assert cli.main([str(item) for item in (*options, part.pictures[0].path)]) == 0
    told = json.loads(capsys.readouterr().out)
    height, width = load_image(part.pictures[0].path).shape[:2]
    assert told["picture_size"] == f"{width}x{height}" and told["checked_on"] == 1
    assert told["bytes"] == (tmp_path / "cap.onnx").stat().st_size
    assert 0 <= told["map_difference"] < 0.05 and 0 <= told["score_difference"] < 0.01


@pytest.mark.parametrize("text", ["", "1024", "1024x", "7x900", "0x0", "1024*768", "-5x9"])
def test_a_picture_size_that_cannot_be_read_is_refused(text):
    with pytest.raises(UserError, match="such as 1024x768"):
        parse_picture_size(text)


def test_a_picture_size_is_width_by_height():
    assert parse_picture_size("1024x768") == (768, 1024)
