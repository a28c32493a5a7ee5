"""What the fuzzer, and reading the code as a stranger would, found; smallest inputs as code."""

import csv
import io
import json
import zipfile
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest
import torch
from annotation_cases import new_store
from PIL import Image
from safetensors.torch import load_file, save_file

from inpformer import images
from inpformer.annotations import archive
from inpformer.annotations.coco import _expand
from inpformer.annotations.exchange import export_annotations, import_annotations
from inpformer.annotations.store import AnnotationStore
from inpformer.config import ModelConfig
from inpformer.detector import AnomalyDetector, Provenance
from inpformer.errors import ConfigError, ImageError, UserError, WeightsError, one_line
from inpformer.evaluation.subjects import read_subjects
from inpformer.images import picture_kind
from inpformer.modeling.build import build_encoder, build_model
from inpformer.pixels import put_on_white
from inpformer.scales import Calibration, MapScale
from inpformer.training.run_folder import RunFolder
from inpformer.training.run_log import PlannedPhase, RunLog

PICTURE = np.random.default_rng(0).integers(0, 256, (24, 32, 3), dtype=np.uint8)


@pytest.fixture
def saved(tiny_config, tmp_path) -> Path:
    model = build_model(tiny_config, build_encoder(tiny_config.encoder))
    scales = {name: MapScale(1.0, 0.1, 0.2) for name in tiny_config.map_names}
    calibration = Calibration(scales, 0.05, 9, 3, "views")
    detector = AnomalyDetector(model, tiny_config, Provenance("untrained", "tiny"), calibration)
    return detector.save(tmp_path / "d.safetensors", bundle_encoder=True)


def changed(path: Path, change) -> Path:
    from safetensors import safe_open

    with safe_open(path, framework="pt") as file:
        header = json.loads(file.metadata()["inpformer"])
    tensors = load_file(path)
    change(header, tensors)
    path.unlink()  # older releases keep the file of tensors in use
    save_file(tensors, path, metadata={"inpformer": json.dumps(header)})
    return path


def refusal(path: Path) -> str:
    with pytest.raises(UserError) as caught:
        AnomalyDetector.load(path, "cpu")
    return str(caught.value)


@pytest.mark.parametrize(
    "sizes",
    [
        {"embed_dim": 4096, "num_heads": 64, "depth": 60, "layers": [58, 59]},
        {"embed_dim": 10**12, "num_heads": 1},
        {"depth": 10**9},
        {"native_grid": 10**9},
        {"native_grid": 256, "embed_dim": 4096},
        {"register_tokens": 10**12},
        {"patch_size": 10**6},
    ],
)
def test_a_detector_file_builds_no_encoder_larger_than_what_it_holds(saved, monkeypatch, sizes):
    built = []
    monkeypatch.setattr("inpformer.detector_file.build_encoder", built.append)
    refusal(changed(saved, lambda header, _: header["model"]["encoder"].update(sizes)))
    assert not built


def test_a_detector_file_names_no_other_network_of_timm(saved):
    name = {"timm_name": "vit_giant_patch14_reg4_dinov2.lvd142m"}
    words = refusal(changed(saved, lambda header, _: header["model"]["encoder"].update(name)))
    assert "does not know" in words


@pytest.mark.parametrize(
    "settings", [{"memory_tokens": 100_000}, {"head_widths": [4096, 4096]}, {"decoder_depth": 64}]
)
def test_a_detector_file_builds_no_model_larger_than_what_it_holds(saved, monkeypatch, settings):
    """Shapes are compared on a device without memory, before anything is built."""
    devices = []

    def watched(config, encoder):
        devices.append(torch.empty(0).device.type)
        return build_model(config, encoder)

    monkeypatch.setattr("inpformer.modeling.build.build_model", watched)
    monkeypatch.setattr("inpformer.detector_file.build_model", watched)
    assert "does not fit" in refusal(
        changed(saved, lambda header, _: header["model"].update(settings))
    )
    assert devices == ["meta"]


def test_an_encoder_without_weights_is_not_built_however_large(tiny_encoder_config):
    from inpformer.detector_file import _build_found
    from inpformer.hub import FoundWeights

    large = replace(tiny_encoder_config, embed_dim=2048, depth=20, layers=(19,))
    with pytest.raises(WeightsError, match="too large"):
        _build_found(large, FoundWeights(None, "untrained", "none"))


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_detector_of_no_numbers_is_damaged(saved, value):
    def spoil(_, tensors):
        name = next(key for key in tensors if not key.startswith("encoder."))
        tensors[name].view(-1)[0] = value

    assert "weights that are no numbers" in refusal(changed(saved, spoil))


def test_a_detector_without_a_threshold_of_its_map_is_damaged(saved):
    words = refusal(changed(saved, lambda header, _: header["calibration"]["scales"].clear()))
    assert "thresholds" in words


def test_a_detector_with_a_threshold_that_is_no_number_is_damaged(saved):
    def spoil(header, _):
        header["calibration"]["scales"]["fused"]["threshold"] = float("nan")

    assert "thresholds" in refusal(changed(saved, spoil))


@pytest.mark.parametrize("value", [0, -1])
def test_a_detector_whose_confidence_has_no_unit_is_damaged(saved, value):
    def spoil(header, _):
        header["calibration"]["scales"]["fused"]["score_scale"] = value

    assert "thresholds" in refusal(changed(saved, spoil))


def test_deep_json_in_a_detector_file_is_damage(saved):
    tensors = load_file(saved)
    saved.unlink()
    save_file(tensors, saved, metadata={"inpformer": "[" * 100_000})
    assert "damaged" in refusal(saved)


def test_a_sentence_stays_one_short_line_whatever_it_quotes():
    words = str(ConfigError("There is no 'a\nTraceback\r\u202e\0' " + "x" * 100_000))
    assert words.isprintable() and len(words) <= 1000
    assert one_line("划痕 größe") == "划痕 größe"


def test_a_name_cannot_add_a_line_to_the_log(caplog, tmp_path):
    path = tmp_path / "a\nERROR forged.png"
    Image.new("RGBA", (9, 9), (0, 0, 0, 0)).save(path)
    with caplog.at_level("INFO", logger="inpformer.images"):
        images.load_image(path)
    (record,) = caplog.records
    assert "\n" not in record.getMessage()


def test_the_kind_of_a_damaged_picture_is_one_sentence():
    stream = io.BytesIO()
    Image.fromarray(PICTURE).save(stream, "PNG")
    with pytest.raises(ImageError, match="damaged"):
        picture_kind(io.BytesIO(stream.getvalue()[:12]))


@pytest.mark.parametrize("rows", [1, 7, 3000])
def test_pictures_in_bands_are_as_pictures_as_a_whole(rows):
    rgba = np.random.default_rng(1).integers(0, 256, (rows, 700, 4), dtype=np.uint8)
    alpha = rgba[..., 3:].astype(np.uint16)
    whole = (rgba[..., :3] * alpha + 255 * (255 - alpha) + 127) // 255
    assert (images.check_image(rgba[: max(rows, 20)]) == whole).all() if rows >= 20 else True
    assert (put_on_white(rgba) == whole).all()


# --- annotations


def test_a_run_length_of_a_million_digits_is_refused_at_once():
    with pytest.raises(ValueError, match="no picture needs"):
        _expand("o" * 1_000_000)


def yolo_set(root: Path, names: str) -> Path:
    for folder in ("images", "labels"):
        (root / folder).mkdir(parents=True)
    Image.fromarray(PICTURE).save(root / "images" / "a.png")
    (root / "labels" / "a.txt").write_text("0 0.1 0.1 0.5 0.1 0.5 0.5")
    (root / "data.yaml").write_text(names)
    return root


def laughs() -> str:
    """Lists that hold each other: a kilobyte of YAML, gigabytes when it is written out."""
    lines = ["l0: &l0 [ha, ha]"]
    lines += [f"l{n}: &l{n} [{', '.join([f'*l{n - 1}'] * 9)}]" for n in range(1, 12)]
    return "\n".join([*lines, "names: [*l11]"])


@pytest.mark.parametrize("names", [laughs(), "[" * 20_000, "names: [" + "a, " * 400_000 + "]"])
def test_hostile_yaml_is_one_sentence(tmp_path, names):
    source = yolo_set(tmp_path / "set", names)
    with pytest.raises(UserError, match=r"data\.yaml"):
        import_annotations(AnnotationStore(tmp_path / "store"), source)


@pytest.mark.parametrize(
    "value", [{"name": ["a"]}, {"name": 7}, {"detector_id": {}}, {"seconds": float("nan")}]
)
def test_names_and_times_in_a_coco_file_are_checked(tmp_path, value):
    store = new_store(tmp_path / "store")
    store.add_picture(PICTURE, "a.png")
    export_annotations(store, "coco", tmp_path / "set")
    path = tmp_path / "set" / "annotations.json"
    content = json.loads(path.read_text("utf-8"))
    content["images"][0].update(value)
    path.write_text(json.dumps(content), "utf-8")
    with pytest.raises(UserError, match=r"annotations\.json"):
        import_annotations(AnnotationStore(tmp_path / "other"), tmp_path / "set")


@pytest.mark.parametrize("column", ["file_name", "mask_file_name"])
def test_a_table_may_name_a_file_longer_than_any(tmp_path, column):
    store = new_store(tmp_path / "store")
    store.add_picture(PICTURE, "a.png")
    export_annotations(store, "png", tmp_path / "set")
    path = tmp_path / "set" / "metadata.csv"
    head, row = path.read_text("utf-8").splitlines()
    cells = dict(zip(head.split(","), row.split(","), strict=True)) | {column: "n" * 5000}
    path.write_text(f"{head}\n{','.join(cells.values())}\n", "utf-8")
    with pytest.raises(UserError, match=r"metadata\.csv names the picture"):
        import_annotations(AnnotationStore(tmp_path / "other"), tmp_path / "set")


@pytest.mark.parametrize("name", ["=1+1", "'=1+1", "@x", "'' -1", " +1"])
def test_no_class_is_a_formula_in_an_exported_table_and_all_come_back(tmp_path, name):
    store = AnnotationStore(tmp_path / "store")
    store.add_class(name)
    store.add_picture(PICTURE, name)
    export_annotations(store, "png", tmp_path / "set")
    for file in ("classes.csv", "metadata.csv"):
        with (tmp_path / "set" / file).open(encoding="utf-8", newline="") as stream:
            cells = [cell for row in csv.reader(stream) for cell in row]
        assert not [cell for cell in cells if cell.lstrip(" ").startswith(("=", "+", "-", "@"))]
    other = AnnotationStore(tmp_path / "other")
    import_annotations(other, tmp_path / "set")
    assert [item.name for item in other.classes] == [item.name for item in store.classes]
    assert [item.name for item in other.pictures()] == [item.name for item in store.pictures()]


def test_a_zip_made_to_fill_the_disk_is_refused_before_a_byte_is_written(tmp_path, monkeypatch):
    monkeypatch.setattr(archive, "_SMALL_BYTES", 1 << 20)
    packed, folder = tmp_path / "bomb.zip", tmp_path / "out"
    folder.mkdir()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("a.bmp", bytes(8 << 20))
    with pytest.raises(UserError, match="too large"):
        archive.unpack(packed, folder)
    assert not list(folder.iterdir())


def test_a_zip_with_a_damaged_stream_is_one_sentence(tmp_path):
    packed, folder = tmp_path / "a.zip", tmp_path / "out"
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("a.txt", b"many words " * 1000)
    data = bytearray(packed.read_bytes())
    data[35:60] = b"\xff" * 25
    packed.write_bytes(data)
    with pytest.raises(UserError, match="no zip file that can be read"):
        archive.unpack(packed, folder)


def test_deep_json_in_a_record_of_a_store_is_damage(tmp_path):
    store = AnnotationStore(tmp_path)
    store.add_picture(PICTURE, "a.png")
    (record,) = (path for path in tmp_path.rglob("*.json") if "a.png" in path.read_text("utf-8"))
    record.write_text("[" * 100_000)
    with pytest.raises(UserError, match="damaged"):
        AnnotationStore.open(tmp_path).load("a.png")


# --- runs


@pytest.mark.parametrize(
    "line", ["[1]", "7", '{"model": "a"}', "[" * 100_000, '{"model": [], "phase": 1, "step": "x"}']
)
def test_lines_of_a_log_that_say_something_else_are_passed_over(tmp_path, line):
    folder = RunFolder(tmp_path)
    good = {"model": "a", "phase": "train", "step": 1, "seconds": 1.0, "loss": 0.5}
    folder.log_file.write_text(f"{line}\n{json.dumps(good)}\n", "utf-8")
    log = RunLog(folder, [PlannedPhase("a", "train", 9)], None, True)
    log.draw()
    log.go_on_from(None, ["a"])
    assert json.loads(folder.log_file.read_text("utf-8")) == good


@pytest.mark.parametrize("text", ["[" * 100_000, '{"format": "inpformer-run-1", "config": []}'])
def test_a_damaged_record_of_a_run_is_one_sentence(tmp_path, text):
    (tmp_path / "run.json").write_text(text)
    with pytest.raises(UserError, match="damaged"):
        RunFolder(tmp_path).read()


@pytest.mark.parametrize("file", ["../d.safetensors", "/d.safetensors", "user/repo", "d.pth"])
def test_a_strangers_run_names_no_detector_outside_of_its_folder(tmp_path, file):
    (tmp_path / "run").mkdir()
    (tmp_path / "d.safetensors").touch()
    (tmp_path / "run" / "run.json").write_text(json.dumps({"detectors": {"*": file}}))
    with pytest.raises(UserError, match="does not say which detectors"):
        read_subjects([str(tmp_path / "run")])


def test_a_run_folder_of_deep_json_is_one_sentence(tmp_path):
    (tmp_path / "run.json").write_text("[" * 100_000)
    with pytest.raises(UserError, match="does not say which detectors"):
        read_subjects([str(tmp_path)])


def test_settings_of_a_model_are_bounded(tiny_config):
    with pytest.raises(ConfigError, match="head_widths"):
        ModelConfig(
            **{**asdict(tiny_config), "encoder": tiny_config.encoder, "head_widths": (9**9, 1)}
        )
