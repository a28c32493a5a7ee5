import errno
import io
import json
import os
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from inpformer import files
from inpformer.detector import AnomalyDetector, Provenance
from inpformer.errors import UserError
from inpformer.fit_config import FitConfig
from inpformer.modeling.build import build_encoder, build_model
from inpformer.report import describe_result, verdict, write_result

SIZE = (75, 104)


@pytest.fixture(scope="module")
def picture() -> np.ndarray:
    rng = np.random.default_rng(0)
    blocks = rng.integers(60, 190, (15, 21, 3)).repeat(5, axis=0).repeat(5, axis=1)
    return blocks[: SIZE[0], : SIZE[1]].astype(np.uint8)


@pytest.fixture(scope="module")
def source(tiny_config) -> AnomalyDetector:
    config = replace(tiny_config, variant="training-free")
    model = build_model(config, build_encoder(config.encoder))
    return AnomalyDetector(model, config, Provenance("untrained", "tiny"))


@pytest.fixture(scope="module")
def uncalibrated(source, picture):
    return source.predict(picture)


@pytest.fixture(scope="module")
def fitted(source, picture) -> AnomalyDetector:
    return source.fit([picture], FitConfig(variant="inp-former", steps=2, inp_count=4))


@pytest.fixture(scope="module")
def calibrated(fitted, picture):
    """A result with a threshold under the highest tenth of its pixels."""
    result = fitted.predict(picture)
    cut = float(np.quantile(result.anomaly_map, 0.9))
    scale = replace(result.scales["reconstruction"], threshold=cut, normal_level=cut / 2)
    return replace(result, scales={**result.scales, "reconstruction": scale})


def read(folder: Path, facts: dict, kind: str) -> np.ndarray:
    return np.asarray(Image.open(folder / facts["files"][kind]))


def test_the_drawings_have_the_size_of_the_picture(calibrated, picture, tmp_path):
    facts = write_result(tmp_path, "part", picture, calibrated)
    assert set(facts["files"]) == {"heatmap", "overlay", "inps", "mask", "map"}
    assert {path.name for path in tmp_path.iterdir()} == set(facts["files"].values())
    assert all(name.startswith("part_") for name in facts["files"].values())
    assert read(tmp_path, facts, "heatmap").shape == (*SIZE, 3)
    assert read(tmp_path, facts, "overlay").shape == (*SIZE, 3)
    assert read(tmp_path, facts, "mask").shape == read(tmp_path, facts, "map").shape == SIZE
    assert read(tmp_path, facts, "inps").ndim == 3
    assert facts["size"] == list(SIZE)


def test_the_mask_file_is_the_mask(calibrated, picture, tmp_path):
    facts = write_result(tmp_path, "part", picture, calibrated)
    mask = read(tmp_path, facts, "mask")
    assert set(np.unique(mask)) == {0, 255}
    np.testing.assert_array_equal(mask == 255, calibrated.mask())


@pytest.mark.parametrize("name", ["calibrated", "uncalibrated"])
def test_the_sixteen_bit_map_holds_the_raw_values_over_its_range(request, picture, tmp_path, name):
    result = request.getfixturevalue(name)
    facts = write_result(tmp_path, "part", picture, result)
    stored = read(tmp_path, facts, "map")
    assert stored.dtype in (np.uint16, np.int32) and 255 < stored.max() <= 65535
    low, high = facts["map_range"]
    values = low + stored.astype(np.float64) / 65535 * (high - low)
    wanted = result.anomaly_map.clip(low, high)
    np.testing.assert_allclose(values, wanted, atol=(high - low) / 65535)


def test_a_map_as_npy_holds_the_map_itself(calibrated, picture, tmp_path):
    facts = write_result(tmp_path, "part", picture, calibrated, maps="npy")
    values = np.load(tmp_path / "part_map.npy")
    assert facts["files"]["map"] == "part_map.npy" and facts["map_range"] is None
    assert values.dtype == np.float32
    np.testing.assert_array_equal(values, calibrated.anomaly_map)


def test_the_benchmark_map_as_npy_has_the_official_size(fitted, picture, tmp_path):
    result = fitted.predict(picture, geometry="benchmark")
    write_result(tmp_path, "part", picture, result, maps="npy")
    values = np.load(tmp_path / "part_map.npy")
    assert values.shape == (256, 256)
    np.testing.assert_array_equal(values, result.score_maps["reconstruction"])


def test_no_map_is_written_when_none_is_asked_for(calibrated, picture, tmp_path):
    facts = write_result(tmp_path, "part", picture, calibrated, maps="none")
    assert "map" not in facts["files"] and facts["map_range"] is None
    assert not list(tmp_path.glob("*_map.*"))


def test_without_a_threshold_there_is_no_mask_and_no_verdict(uncalibrated, picture, tmp_path):
    facts = write_result(tmp_path, "part", picture, uncalibrated)
    assert "mask" not in facts["files"] and not (tmp_path / "part_mask.png").exists()
    assert facts["verdict"] == "not calibrated"
    assert facts["threshold"] is None and facts["confidence"] is None and facts["area"] is None
    assert facts["regions"] == []


def test_the_facts_are_those_of_the_result_and_survive_json(calibrated):
    facts = describe_result(calibrated)
    assert json.loads(json.dumps(facts, allow_nan=False)) == facts
    assert facts["image_score"] == calibrated.image_score
    assert facts["scores"] == calibrated.scores and facts["map"] == "reconstruction"
    assert facts["threshold"] == calibrated.threshold
    assert facts["confidence"] == calibrated.confidence
    assert facts["notices"] == list(calibrated.notices) != []
    assert facts["area"] == pytest.approx(calibrated.mask().mean())


def test_the_regions_make_up_the_mask_and_the_highest_comes_first(calibrated):
    regions = describe_result(calibrated)["regions"]
    mask, values = calibrated.mask(), calibrated.anomaly_map
    assert sum(region["area"] for region in regions) == mask.sum() > 0
    peaks = [region["peak"] for region in regions]
    assert peaks == sorted(peaks, reverse=True)
    assert peaks[0] == pytest.approx(values.max())
    covered = np.zeros(SIZE, bool)
    for left, top, width, height in (region["box"] for region in regions):
        covered[top : top + height, left : left + width] = True
    assert covered[mask].all()


def test_a_verdict_follows_the_threshold(calibrated):
    assert [verdict(value) for value in (True, False)] == ["anomalous", "normal"]
    lowered = replace(calibrated, scores={**calibrated.scores, "reconstruction": -1.0})
    raised = replace(calibrated, scores={**calibrated.scores, "reconstruction": 99.0})
    assert describe_result(lowered)["verdict"] == "normal"
    assert describe_result(raised)["verdict"] == "anomalous"


def test_the_colours_depend_on_the_scale_and_not_on_the_map_at_hand(calibrated, picture, tmp_path):
    """A map that is normal everywhere must not get the bright colours of a defect."""
    facts = write_result(tmp_path, "bright", picture, calibrated)
    bright = read(tmp_path, facts, "heatmap").max()
    scale = calibrated.scales["reconstruction"]
    higher = replace(scale, threshold=20 * float(calibrated.anomaly_map.max()), normal_level=0.0)
    calm = replace(calibrated, scales={"reconstruction": higher})
    facts = write_result(tmp_path, "calm", picture, calm)
    assert read(tmp_path, facts, "heatmap").max() < bright / 2


def test_the_overlay_shows_the_picture_where_the_map_is_low(calibrated, picture, tmp_path):
    facts = write_result(tmp_path, "part", picture, calibrated)
    overlay = read(tmp_path, facts, "overlay")
    low = calibrated.anomaly_map <= calibrated.colour_range()[0]
    high = calibrated.anomaly_map > calibrated.threshold
    difference = np.abs(overlay.astype(int) - picture).mean(axis=-1)
    assert difference[high].mean() > 10
    assert not low.any() or difference[low].max() <= 2


def test_another_colour_map_changes_the_heatmap_alone(calibrated, picture, tmp_path):
    first = write_result(tmp_path, "a", picture, calibrated)
    second = write_result(tmp_path, "b", picture, calibrated, colour_map="viridis")
    for kind in ("mask", "map"):
        np.testing.assert_array_equal(read(tmp_path, first, kind), read(tmp_path, second, kind))
    one, two = read(tmp_path, first, "heatmap"), read(tmp_path, second, "heatmap")
    assert not np.array_equal(one, two)


def test_an_unknown_colour_map_lists_those_there_are_and_writes_nothing(
    calibrated, picture, tmp_path
):
    with pytest.raises(UserError, match=r"inferno.*mud"):
        write_result(tmp_path, "part", picture, calibrated, colour_map="mud")
    assert not list(tmp_path.iterdir())


def test_the_prototype_sheet_of_the_benchmark_shows_only_what_was_seen(fitted, picture, tmp_path):
    """The patch grid covers the crop; drawn over the whole picture it would lie elsewhere."""
    result = fitted.predict(picture, geometry="benchmark")
    framed = picture.copy()
    framed[:2], framed[-2:], framed[:, :2], framed[:, -2:] = 255, 255, 255, 255
    assert not result.inspected_mask[:3].any() and not result.inspected_mask[:, -3:].any()
    first = write_result(tmp_path, "plain", picture, result)
    second = write_result(tmp_path, "framed", framed, result)
    np.testing.assert_array_equal(read(tmp_path, first, "inps"), read(tmp_path, second, "inps"))


@pytest.mark.parametrize("threshold", [0.0, -1e-7, 1e-12])
def test_a_threshold_at_or_under_zero_still_gives_drawings(
    calibrated, picture, tmp_path, threshold
):
    """A fit to flat pictures can put the threshold there."""
    scale = replace(
        calibrated.scales["reconstruction"],
        threshold=threshold,
        normal_level=threshold - 1e-8,
    )
    result = replace(calibrated, scales={"reconstruction": scale})
    facts = write_result(tmp_path, "part", picture, result)
    low, high = facts["map_range"]
    assert low < high
    assert read(tmp_path, facts, "mask").max() == 255


def test_a_second_run_replaces_the_files_of_the_first(calibrated, uncalibrated, picture, tmp_path):
    write_result(tmp_path, "part", picture, uncalibrated)
    facts = write_result(tmp_path, "part", picture, calibrated)
    assert {path.name for path in tmp_path.iterdir()} == set(facts["files"].values())
    fresh = write_result(tmp_path / "fresh", "part", picture, calibrated)
    for kind, name in facts["files"].items():
        assert (tmp_path / name).read_bytes() == (
            tmp_path / "fresh" / fresh["files"][kind]
        ).read_bytes()


def test_a_folder_that_cannot_be_made_is_refused(calibrated, picture, tmp_path):
    (tmp_path / "file").write_text("not a folder")
    for folder in (tmp_path / "file", tmp_path / "file" / "inside"):
        with pytest.raises(UserError, match="choose another"):
            write_result(folder, "part", picture, calibrated)


def test_a_full_disk_is_said_and_leaves_no_half_file(calibrated, picture, tmp_path, monkeypatch):
    def full(*_args, **_kwargs):
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(files.os, "replace", full)
        with pytest.raises(UserError, match="space"):
            write_result(tmp_path, "part", picture, calibrated)
    assert not list(tmp_path.iterdir())


def test_a_full_disk_leaves_an_older_npy_map_as_it_was(calibrated, picture, tmp_path, monkeypatch):
    """Nothing lost: the map of an earlier run outlives a run that could not be written."""
    write_result(tmp_path, "part", picture, calibrated, maps="npy")
    before = (tmp_path / "part_map.npy").read_bytes()

    save, rename = np.save, os.replace

    def half(file, values):
        if isinstance(file, io.BytesIO):
            return save(file, values)
        with open(file, "wb") if isinstance(file, (str, Path)) else nullcontext(file) as opened:
            opened.write(b"\x93NUMPY half")
        raise OSError(errno.ENOSPC, "No space left on device")

    def refuse_npy(old, new):
        if str(new).endswith(".npy"):
            raise OSError(errno.ENOSPC, "No space left on device")
        rename(old, new)

    with monkeypatch.context() as patch:
        patch.setattr(np, "save", half)
        patch.setattr(os, "replace", refuse_npy)
        with pytest.raises(UserError, match="space"):
            write_result(tmp_path, "part", picture, calibrated, maps="npy")
    assert (tmp_path / "part_map.npy").read_bytes() == before
    assert not [path for path in tmp_path.iterdir() if path.name.startswith(".")]
