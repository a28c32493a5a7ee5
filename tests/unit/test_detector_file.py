import errno
import json
import os
import pickle
import stat
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from file_limits import largest_file
from onnx_cases import spotted_picture, varied_detector
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from inpformer import detector_file, hub, tensor_files
from inpformer.config import VARIANTS
from inpformer.detector import AnomalyDetector, Provenance
from inpformer.detector_file import import_official_detector, read_header
from inpformer.errors import UserError, WeightsError
from inpformer.fit_config import FitConfig
from inpformer.modeling.build import (
    build_encoder,
    build_model,
    encoder_fingerprint,
    read_state_dict,
)
from inpformer.places import WEIGHTS
from inpformer.presets import ENCODER_PRESETS

QUICK = FitConfig(
    steps=4, head_steps=2, pseudo_anomalies=2, batch_size=2, tokens_per_view=8, inp_count=4
)


@pytest.fixture(scope="module")
def picture() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (60, 80, 3), dtype=np.uint8)


@pytest.fixture(scope="module")
def source(tiny_config) -> AnomalyDetector:
    config = replace(tiny_config, variant="training-free")
    model = build_model(config, build_encoder(config.encoder))
    return AnomalyDetector(model, config, Provenance("untrained", "tiny"))


@pytest.fixture(scope="module")
def fitted(source, picture) -> dict[str, AnomalyDetector]:
    return {name: source.fit([picture], replace(QUICK, variant=name)) for name in VARIANTS}


@pytest.fixture(scope="module")
def detector(fitted) -> AnomalyDetector:
    return fitted["inp-former++"]


@pytest.fixture
def saved(detector, tmp_path) -> Path:
    return detector.save(tmp_path / "detector.safetensors")


@pytest.fixture
def other_encoder_detector(tiny_config, picture) -> AnomalyDetector:
    """Fitted with an encoder whose weights are of another training run."""
    encoder = build_encoder(tiny_config.encoder)
    with torch.no_grad():
        encoder.vit.blocks[0].attn.qkv.weight.mul_(1.5)
    model = build_model(replace(tiny_config, variant="training-free"), encoder)
    config = replace(tiny_config, variant="training-free")
    source = AnomalyDetector(model, config, Provenance("path", "my own weights"))
    return source.fit([picture], replace(QUICK, variant="inp-former"))


def header_of(path: Path) -> dict:
    with safe_open(path, framework="pt") as file:
        return json.loads(file.metadata()["inpformer"])


def rewrite(path: Path, change: Callable[[dict, dict], None]) -> None:
    """Save a detector file again after `change(header, tensors)`."""
    header, tensors = header_of(path), load_file(path)
    change(header, tensors)
    path.unlink()  # older releases keep the file of tensors in use
    save_file(tensors, path, metadata={"inpformer": json.dumps(header)})


def assert_refused(load: Callable[[], object], *words: str) -> None:
    """It must be refused in one line for people that holds `words`."""
    with pytest.raises(WeightsError) as caught:
        load()
    message = str(caught.value)
    assert all(word in message for word in words), message
    assert "\n" not in message and "Traceback" not in message
    assert message[0].isupper() or message[0] == "'"
    assert message.endswith(".") and len(message) < 500


def assert_same_maps(first: AnomalyDetector, second: AnomalyDetector, picture: np.ndarray) -> None:
    one, two = first.predict(picture), second.predict(picture)
    assert one.scores == two.scores and one.confidence == two.confidence
    assert one.score_maps.keys() == two.score_maps.keys()
    for name, values in one.score_maps.items():
        np.testing.assert_array_equal(values, two.score_maps[name])


# Save and load


@pytest.mark.parametrize("bundle", [False, True])
@pytest.mark.parametrize("variant", VARIANTS)
def test_a_loaded_detector_is_bit_equal_to_the_saved_one(
    fitted, picture, tmp_path, variant, bundle
):
    original = fitted[variant]
    path = original.save(tmp_path / "new" / "folder" / "d.safetensors", bundle_encoder=bundle)
    loaded = AnomalyDetector.load(path, device="cpu")
    assert loaded.config == original.config
    assert loaded.calibration == original.calibration
    kept = replace(loaded.provenance, encoder_reason=original.provenance.encoder_reason)
    assert kept == original.provenance
    assert loaded.notices == original.notices
    assert_same_maps(original, loaded, picture)
    state = loaded.model.state_dict()
    assert all(torch.equal(v, state[k]) for k, v in original.model.state_dict().items())


def test_a_detector_that_was_never_fitted_can_be_saved_and_loaded(source, picture, tmp_path):
    path = source.save(tmp_path / "d.safetensors")
    loaded = AnomalyDetector.load(path)
    assert loaded.calibration is None and loaded.provenance.shot_count == 0
    assert_same_maps(source, loaded, picture)


def test_tiles_are_remembered(source, picture, tmp_path):
    tiled = source.fit([picture], replace(QUICK, variant="training-free", tiles="2x2"))
    loaded = AnomalyDetector.load(tiled.save(tmp_path / "d.safetensors"))
    assert loaded.predict(picture).tiles == (2, 2)
    assert_same_maps(tiled, loaded, picture)


def test_a_loaded_detector_can_be_fitted_like_its_source(source, saved, picture):
    again = AnomalyDetector.load(saved).fit([picture], replace(QUICK, variant="inp-former"))
    direct = source.fit([picture], replace(QUICK, variant="inp-former"))
    assert_same_maps(again, direct, picture)


def test_saving_the_loaded_detector_gives_the_same_file(saved, tmp_path):
    again = AnomalyDetector.load(saved).save(tmp_path / "again.safetensors")
    first, second = load_file(saved), load_file(again)
    assert first.keys() == second.keys()
    assert all(torch.equal(first[key], second[key]) for key in first)
    assert header_of(saved)["calibration"] == header_of(again)["calibration"]
    assert header_of(saved)["encoder_fingerprint"] == header_of(again)["encoder_fingerprint"]


def test_only_a_bundled_file_holds_the_encoder(detector, tmp_path):
    plain = detector.save(tmp_path / "plain.safetensors")
    bundled = detector.save(tmp_path / "bundled.safetensors", bundle_encoder=True)
    assert not any(key.startswith("encoder") for key in load_file(plain))
    assert any(key.startswith("encoder") for key in load_file(bundled))
    assert bundled.stat().st_size > plain.stat().st_size
    assert header_of(plain)["encoder_bundled"] is False
    assert header_of(bundled)["encoder_bundled"] is True


def test_a_bundled_file_loads_without_looking_for_weights(
    other_encoder_detector, picture, tmp_path, monkeypatch
):
    path = other_encoder_detector.save(tmp_path / "d.safetensors", bundle_encoder=True)

    def never(*_args, **_kwargs):
        raise AssertionError("weights were looked for")

    for name in ("find_encoder_weights", "find_auto_encoder"):
        monkeypatch.setattr(hub, name, never)
    loaded = AnomalyDetector.load(path)
    assert_same_maps(other_encoder_detector, loaded, picture)
    assert "from the detector file" in loaded.provenance.encoder_reason


def test_an_untrained_encoder_stays_untrained_when_it_is_bundled(detector, tmp_path):
    path = detector.save(tmp_path / "d.safetensors", bundle_encoder=True)
    assert AnomalyDetector.load(path).notices == detector.notices != ()


def test_a_saved_file_may_be_read_by_whom_the_umask_allows(detector, tmp_path):
    previous = os.umask(0o022)
    try:
        path = detector.save(tmp_path / "d.safetensors")
    finally:
        os.umask(previous)
    assert stat.S_IMODE(path.stat().st_mode) == 0o644


def test_a_file_from_before_exposures_were_evened_judges_as_it_did(tmp_path):
    path = AnomalyDetector.load("embedded", device="cpu").save(tmp_path / "free.safetensors")
    plain = replace(ENCODER_PRESETS["embedded"], contrast=None)
    weights = read_state_dict(WEIGHTS / plain.file_names[0])
    fingerprint = encoder_fingerprint(build_encoder(plain, weights))
    assert read_header(path)["encoder_fingerprint"] != fingerprint
    rewrite(path, lambda header, _: header["model"]["encoder"].pop("contrast"))
    rewrite(path, lambda header, _: header.update(encoder_fingerprint=fingerprint))
    before, now = (AnomalyDetector.load(each, device="cpu") for each in (path, "embedded"))
    assert before.config.encoder == replace(now.config.encoder, contrast=None)
    assert not before.has_encoder_of(now)
    assert before.model.encoder.contrast is None and now.model.encoder.contrast is not None


def test_a_file_from_before_there_were_two_grids_has_one(tiny_config, tmp_path):
    config = replace(tiny_config, memory_tokens=20, memory_grids=2)
    path = varied_detector(config).save(tmp_path / "part.safetensors", bundle_encoder=True)
    assert AnomalyDetector.load(path, device="cpu").model.looks_between
    rewrite(path, lambda header, _: header["model"].pop("memory_grids"))
    before = AnomalyDetector.load(path, device="cpu")
    assert before.config == replace(config, memory_grids=1)
    assert not before.model.looks_between


def test_a_file_from_before_borders_counted_less_scores_them_as_it_did(tiny_config, tmp_path):
    config = replace(tiny_config, score_border=0.5)
    path = varied_detector(config).save(tmp_path / "part.safetensors", bundle_encoder=True)
    image = spotted_picture(60, 80)
    now = AnomalyDetector.load(path, device="cpu").predict(image)
    rewrite(path, lambda header, _: header["model"].pop("score_border"))
    loaded = AnomalyDetector.load(path, device="cpu")
    before = loaded.predict(image)
    assert loaded.config.score_border == 0 and before.image_score > now.image_score
    np.testing.assert_array_equal(before.anomaly_map, now.anomaly_map)


def test_a_file_from_before_there_was_a_colour_range_takes_that_of_its_encoder(tmp_path):
    path = AnomalyDetector.load("embedded", device="cpu").save(tmp_path / "free.safetensors")
    kept = read_header(path)["model"]["encoder"]["distance_range"]
    rewrite(path, lambda header, _: header["model"]["encoder"].pop("distance_range"))
    loaded = AnomalyDetector.load(path, device="cpu").config.encoder
    assert loaded == ENCODER_PRESETS["embedded"] and list(loaded.distance_range) == kept
    own = [0.1, 0.2]
    rewrite(path, lambda header, _: header["model"]["encoder"].update(distance_range=own))
    assert list(AnomalyDetector.load(path, device="cpu").config.encoder.distance_range) == own


def test_the_header_says_what_the_file_holds(detector, saved):
    header = read_header(saved)
    assert header["model"]["variant"] == "inp-former++"
    assert header["model"]["encoder"]["name"] == "tiny"
    assert header["calibration"]["shot_count"] == 1
    assert header["bytes"] == saved.stat().st_size
    assert header["stored_parameters"] == sum(v.numel() for v in load_file(saved).values())


# Another encoder


def test_weights_of_another_encoder_are_refused_by_fingerprint(other_encoder_detector, tmp_path):
    path = other_encoder_detector.save(tmp_path / "d.safetensors")
    assert_refused(lambda: AnomalyDetector.load(path), "'d.safetensors'", "'tiny'", "bundled")


def test_the_right_weights_can_be_given_as_a_file(other_encoder_detector, picture, tmp_path):
    path = other_encoder_detector.save(tmp_path / "d.safetensors")
    weights = tmp_path / "encoder.safetensors"
    # A whole encoder: the blocks after the last one read are not used, but belong to it.
    vit = build_encoder(replace(other_encoder_detector.config.encoder, layers=(1, 2))).vit
    state = {**vit.state_dict(), **other_encoder_detector.model.encoder.vit.state_dict()}
    width = other_encoder_detector.config.encoder.embed_dim
    state |= {"norm.weight": torch.ones(width), "norm.bias": torch.zeros(width)}
    save_file(state, weights)
    loaded = AnomalyDetector.load(path, weights=weights)
    assert loaded.provenance.encoder_origin == "path"
    assert_same_maps(other_encoder_detector, loaded, picture)


def test_a_bundled_encoder_that_was_changed_is_refused(detector, tmp_path):
    path = detector.save(tmp_path / "d.safetensors", bundle_encoder=True)

    def change(_header, tensors):
        tensors["encoder.vit.blocks.0.attn.qkv.weight"] += 1

    rewrite(path, change)
    assert_refused(lambda: AnomalyDetector.load(path), "'d.safetensors'")


def test_a_bundled_encoder_with_a_part_missing_is_refused_by_name(detector, tmp_path):
    path = detector.save(tmp_path / "d.safetensors", bundle_encoder=True)
    rewrite(path, lambda _, tensors: tensors.pop("encoder.vit.blocks.1.norm1.bias"))
    assert_refused(lambda: AnomalyDetector.load(path), "lacks blocks.1.norm1.bias")


def test_encoder_weights_that_do_not_fit_are_refused(saved, tmp_path):
    weights = tmp_path / "encoder.safetensors"
    save_file({"something.weight": torch.zeros(3)}, weights)
    assert_refused(lambda: AnomalyDetector.load(saved, weights=weights), "encoder.safetensors")
    absent = tmp_path / "absent.safetensors"
    assert_refused(lambda: AnomalyDetector.load(saved, weights=absent), "absent.safetensors")


# Damaged files


@pytest.mark.parametrize("variant", ["inp-former", "inp-former++"])
def test_a_missing_tensor_is_named_whichever_it_is(fitted, tmp_path, variant):
    path = fitted[variant].save(tmp_path / "d.safetensors")
    header, tensors = header_of(path), load_file(path)
    for name in tensors:
        rest = {key: value for key, value in tensors.items() if key != name}
        path.unlink()
        save_file(rest, path, metadata={"inpformer": json.dumps(header)})
        assert_refused(lambda: AnomalyDetector.load(path), f"lacks {name}", "'d.safetensors'")


def test_many_missing_tensors_are_counted(saved):
    def keep_one(_header, tensors):
        for name in list(tensors)[1:]:
            del tensors[name]

    rewrite(saved, keep_one)
    assert_refused(lambda: AnomalyDetector.load(saved), "lacks", "more")


def test_an_unknown_tensor_is_named(saved):
    rewrite(saved, lambda _, tensors: tensors.update({"decoder.extra": torch.zeros(2)}))
    assert_refused(lambda: AnomalyDetector.load(saved), "unknown decoder.extra")


def test_a_tensor_of_another_shape_is_named_with_both_shapes(saved):
    rewrite(saved, lambda _, tensors: tensors.update({"inp_extractor.inp_queries": torch.zeros(2)}))
    assert_refused(
        lambda: AnomalyDetector.load(saved), "inp_extractor.inp_queries", "(2,)", "(4, 32)"
    )


def test_a_file_cut_short_anywhere_is_refused(saved):
    data = saved.read_bytes()
    header_end = 8 + int.from_bytes(data[:8], "little")
    lengths = {0, 1, 7, 8, 9, header_end - 1, header_end, header_end + 1, len(data) - 1}
    lengths |= {len(data) * part // 12 for part in range(1, 12)}
    for length in sorted(lengths):
        saved.write_bytes(data[:length])
        assert_refused(lambda: AnomalyDetector.load(saved), "'detector.safetensors'")
        assert_refused(lambda: read_header(saved), "'detector.safetensors'")


def test_a_file_with_more_at_its_end_is_refused(saved):
    saved.write_bytes(saved.read_bytes() + b"more")
    assert_refused(lambda: AnomalyDetector.load(saved), "'detector.safetensors'")


@pytest.mark.parametrize("data", [b"\x89PNG\r\n\x1a\n" * 40, b"\xff" * 500, b"{}", b"\0" * 64])
def test_a_file_of_another_kind_is_refused(tmp_path, data):
    path = tmp_path / "d.safetensors"
    path.write_bytes(data)
    assert_refused(lambda: AnomalyDetector.load(path), "'d.safetensors'")


class Exploit:
    """Leaves a file when it is unpickled by an unsafe reader."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self):
        return (Path.touch, (self.path,))


@pytest.mark.parametrize("name", ["d.safetensors", "d.pth", "d.pt", "d.ckpt"])
def test_a_pickle_is_refused_and_never_run(tmp_path, name):
    path, trace = tmp_path / name, tmp_path / "trace"
    path.write_bytes(pickle.dumps({"a": Exploit(trace)}, protocol=2))
    assert_refused(lambda: AnomalyDetector.load(path), name)
    assert_refused(lambda: import_official_detector(path), name)
    torch.save({"a": Exploit(trace)}, path)
    assert_refused(lambda: AnomalyDetector.load(path), name)
    assert_refused(lambda: import_official_detector(path), name)
    assert not trace.exists()


def test_an_official_checkpoint_given_as_a_detector_says_how_to_convert_it(tmp_path):
    path = tmp_path / "model.pth"
    torch.save({"weight": torch.zeros(2)}, path)
    assert_refused(lambda: AnomalyDetector.load(path), "import-official")


def test_safetensors_of_something_else_are_refused(tmp_path):
    path = tmp_path / "d.safetensors"
    for metadata in (None, {"format": "pt"}, {"inpformer": "[1]"}, {"inpformer": "null"}):
        save_file({"weight": torch.zeros(2)}, path, metadata=metadata)
        assert_refused(lambda: AnomalyDetector.load(path), "no detector")
    save_file({"weight": torch.zeros(2)}, path, metadata={"inpformer": "{not json"})
    assert_refused(lambda: AnomalyDetector.load(path), "'d.safetensors'")


def test_a_file_of_a_later_format_is_refused(saved):
    rewrite(saved, lambda header, _: header.update(format="inpformer-detector-2"))
    assert_refused(lambda: AnomalyDetector.load(saved), "'detector.safetensors'")


HEADER_PARTS = ("model", "calibration", "provenance", "encoder_fingerprint", "encoder_bundled")


@pytest.mark.parametrize("part", HEADER_PARTS)
def test_a_header_of_another_version_is_refused_with_both_versions(saved, part):
    def change(header, _tensors):
        del header[part]
        header["version"] = "9.8.7"

    rewrite(saved, change)
    assert_refused(lambda: AnomalyDetector.load(saved), "another version", "9.8.7", part)


@pytest.mark.parametrize("part", ["model", "calibration", "provenance"])
def test_an_unknown_setting_is_refused_by_name(saved, part):
    rewrite(saved, lambda header, _: header[part].update(colour_of_the_sky="blue"))
    assert_refused(lambda: AnomalyDetector.load(saved), "colour_of_the_sky")


@pytest.mark.parametrize("nested", [("model", "encoder"), ("calibration", "scales", "fused")])
def test_an_unknown_nested_setting_is_refused_by_name(saved, nested):
    def change(header, _tensors):
        for key in nested:
            header = header[key]
        header["sparkle"] = 1

    rewrite(saved, change)
    assert_refused(lambda: AnomalyDetector.load(saved), "sparkle")


@pytest.mark.parametrize(
    ("part", "value"),
    [
        ("model", None),
        ("model", "inp-former"),
        ("model", {"variant": "inp-former+++"}),
        ("model", {"inp_count": "six"}),
        ("model", {"encoder": 3}),
        ("calibration", [1, 2]),
        ("calibration", {"scales": [1, 2]}),
        ("calibration", {"scales": {"fused": 3}}),
        ("provenance", None),
        ("provenance", {}),
    ],
)
def test_a_header_with_nonsense_in_it_is_refused(saved, part, value):
    def change(header, _tensors):
        if isinstance(value, dict) and isinstance(header[part], dict):
            header[part] = {**header[part], **value} if value else {}
        else:
            header[part] = value

    rewrite(saved, change)
    assert_refused(lambda: AnomalyDetector.load(saved), "'detector.safetensors'")


def test_a_file_or_folder_that_is_not_there_is_refused_by_name(tmp_path):
    assert_refused(lambda: AnomalyDetector.load(tmp_path / "no.safetensors"), "no.safetensors")
    folder = tmp_path / "folder.safetensors"
    folder.mkdir()
    assert_refused(lambda: AnomalyDetector.load(folder), "folder.safetensors")
    assert_refused(lambda: read_header(folder), "folder.safetensors")


def test_a_file_that_may_not_be_read_is_refused(saved, monkeypatch):
    def denied(*_args, **_kwargs):
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(detector_file, "safe_open", denied)
    assert_refused(lambda: AnomalyDetector.load(saved), "'detector.safetensors'")


# A full disk


def raise_full(*_args, **_kwargs):
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def assert_only_the_old_file_is_there(path: Path, data: bytes | None) -> None:
    assert sorted(path.parent.iterdir()) == ([] if data is None else [path])
    if data is not None:
        assert path.read_bytes() == data


@pytest.mark.parametrize("existing", [False, True])
@pytest.mark.parametrize("where", ["save_file", "replace", "touch"])
def test_a_full_disk_leaves_the_old_file_as_it_was_and_nothing_else(
    source, detector, tmp_path, monkeypatch, where, existing
):
    path = tmp_path / "d.safetensors"
    data = source.save(path).read_bytes() if existing else None
    with monkeypatch.context() as patch:
        module = {
            "save_file": tensor_files,
            "replace": os,
            "touch": Path,
        }[where]
        patch.setattr(module, where, raise_full)
        with pytest.raises(UserError, match=r"no space left|Nothing can be written") as caught:
            detector.save(path)
    assert "\n" not in str(caught.value) and str(path.parent) in str(caught.value)
    assert_only_the_old_file_is_there(path, data)


@pytest.mark.parametrize("existing", [False, True])
def test_a_disk_that_fills_up_in_the_middle_leaves_no_half_file(
    source, detector, tmp_path, existing
):
    path = tmp_path / "d.safetensors"
    data = source.save(path).read_bytes() if existing else None
    with largest_file(20_000), pytest.raises(UserError):
        detector.save(path, bundle_encoder=True)
    assert_only_the_old_file_is_there(path, data)
    detector.save(path, bundle_encoder=True)
    assert path.stat().st_size > 20_000


def test_ctrl_c_while_saving_leaves_the_old_file_and_nothing_else(
    source, detector, tmp_path, monkeypatch
):
    path = tmp_path / "d.safetensors"
    data = source.save(path).read_bytes()

    def interrupted(tensors, filename, metadata):
        Path(filename).write_bytes(b"half")
        raise KeyboardInterrupt

    monkeypatch.setattr(tensor_files, "save_file", interrupted)
    with pytest.raises(KeyboardInterrupt):
        detector.save(path)
    assert_only_the_old_file_is_there(path, data)


def test_a_file_takes_the_place_of_the_old_one(source, detector, picture, tmp_path):
    path = source.save(tmp_path / "d.safetensors")
    detector.save(path)
    assert_same_maps(AnomalyDetector.load(path), detector, picture)
    assert_only_the_old_file_is_there(path, path.read_bytes())


def test_a_folder_that_cannot_be_written_is_refused(detector, tmp_path):
    (tmp_path / "file").write_text("not a folder")
    with pytest.raises(UserError, match="choose another"):
        detector.save(tmp_path / "file" / "d.safetensors")


@pytest.mark.parametrize("name", ["d.pth", "d", "d.safetensors.bak"])
def test_another_ending_is_refused(detector, tmp_path, name):
    with pytest.raises(UserError, match=r"\.safetensors"):
        detector.save(tmp_path / name)
    assert not list(tmp_path.iterdir())


# Half the size


@pytest.mark.parametrize("bundle", [False, True])
@pytest.mark.parametrize("variant", VARIANTS)
def test_a_half_file_gives_nearly_the_same_maps(fitted, picture, tmp_path, variant, bundle):
    original = fitted[variant]
    path = original.save(tmp_path / "d.safetensors", bundle_encoder=bundle, half=True)
    loaded = AnomalyDetector.load(path, device="cpu")
    floats = [value for value in loaded.model.state_dict().values() if value.is_floating_point()]
    assert floats and all(value.dtype == torch.float32 for value in floats)
    before, after = original.predict(picture), loaded.predict(picture)
    assert before.score_maps.keys() == after.score_maps.keys()
    for name, values in before.score_maps.items():
        # Numbers of 16 bits have a relative step of 2 ** -11; a few layers add some of them up.
        tolerance = 5e-3 * np.abs(values).max()
        np.testing.assert_allclose(after.score_maps[name], values, rtol=0, atol=tolerance)


@pytest.mark.parametrize("bundle", [False, True])
def test_saving_half_again_gives_the_same_numbers(detector, picture, tmp_path, bundle):
    first = detector.save(tmp_path / "a.safetensors", bundle_encoder=bundle, half=True)
    loaded = AnomalyDetector.load(first)
    second = loaded.save(tmp_path / "b.safetensors", bundle_encoder=bundle, half=True)
    one, two = load_file(first), load_file(second)
    assert one.keys() == two.keys()
    assert all(torch.equal(one[key], two[key]) for key in one)
    assert all(value.dtype != torch.float32 for value in one.values())
    assert header_of(first)["encoder_fingerprint"] == header_of(second)["encoder_fingerprint"]
    assert_same_maps(loaded, AnomalyDetector.load(second), picture)


def test_a_half_file_is_half_the_size_and_says_so(detector, saved, tmp_path):
    path = detector.save(tmp_path / "half.safetensors", half=True)
    sizes = [sum(v.nbytes for v in load_file(file).values()) for file in (saved, path)]
    assert sizes[0] == 2 * sizes[1]
    assert (read_header(saved)["half"], read_header(path)["half"]) == (False, True)
    assert read_header(saved)["stored_parameters"] == read_header(path)["stored_parameters"]


def test_a_number_too_large_for_16_bits_is_kept_as_it_is(detector, tmp_path):
    head = detector.model.segmentation_head
    before = head.input_scale.clone()
    head.input_scale.fill_(1e6)
    try:
        path = detector.save(tmp_path / "d.safetensors", half=True)
    finally:
        head.input_scale.copy_(before)
    assert AnomalyDetector.load(path).model.segmentation_head.input_scale == 1e6


def test_a_half_file_is_checked_like_any_other(detector, tmp_path):
    path = detector.save(tmp_path / "d.safetensors", half=True)
    rewrite(path, lambda _, tensors: tensors.pop("inp_extractor.inp_queries"))
    assert_refused(lambda: AnomalyDetector.load(path), "lacks inp_extractor.inp_queries")


def test_a_file_from_before_smaller_decoders_has_the_usual_one(saved):
    def forget(header, _tensors):
        del header["model"]["mlp_ratio"], header["half"]

    rewrite(saved, forget)
    assert AnomalyDetector.load(saved).config.mlp_ratio == 4


def test_a_detector_with_a_smaller_decoder_comes_back_as_it_was(source, picture, tmp_path):
    small = source.fit([picture], replace(QUICK, decoder_depth=4, mlp_ratio=1.5))
    assert (small.config.decoder_depth, small.config.mlp_ratio) == (4, 1.5)
    path = small.save(tmp_path / "d.safetensors")
    assert_same_maps(small, AnomalyDetector.load(path), picture)
    again = AnomalyDetector.load(path).fit([picture], QUICK)
    assert again.config.decoder_depth == 2, "the settings of the new fit count"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("file_names", ["/etc/weights.safetensors"]),
        ("file_names", ["../../weights.safetensors"]),
        ("file_names", ["C:\\weights.safetensors"]),
        ("timm_name", "hf-hub:somebody/encoder"),
        ("timm_name", "local-dir:/srv"),
    ],
)
def test_a_strangers_file_cannot_send_us_to_other_folders_or_to_the_hub(saved, name, value):
    rewrite(saved, lambda header, _: header["model"]["encoder"].update({name: value}))
    assert_refused(lambda: AnomalyDetector.load(saved, "cpu"), name, "plain name")
