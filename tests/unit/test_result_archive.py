import hashlib
import json
import zipfile
from dataclasses import replace
from io import BytesIO

import numpy as np
import pytest
from PIL import Image

from inpformer.cut import Cut
from inpformer.detector import AnomalyDetector, Provenance
from inpformer.detector_file import fingerprint
from inpformer.errors import UserError
from inpformer.fit_config import FitConfig
from inpformer.images import read_image
from inpformer.modeling.build import build_encoder, build_model
from inpformer.result_archive import ArchiveEntry, write_archive
from inpformer.result_table import ResultRow

SIZE = (60, 84)


@pytest.fixture(scope="module")
def detector(tiny_config) -> AnomalyDetector:
    config = replace(tiny_config, variant="training-free")
    source = AnomalyDetector(
        build_model(config, build_encoder(config.encoder)), config, Provenance("untrained", "here")
    )
    picture = np.random.default_rng(0).integers(60, 190, (*SIZE, 3)).astype(np.uint8)
    return source.fit([picture], FitConfig(variant="inp-former", steps=2, inp_count=4))


@pytest.fixture(scope="module")
def entries(detector, tmp_path_factory) -> list[ArchiveEntry]:
    folder = tmp_path_factory.mktemp("pictures")
    entries = []
    for seed, name in enumerate(("line/a.png", "垫圈 b.png"), 1):
        image = np.random.default_rng(seed).integers(0, 256, (*SIZE, 3)).astype(np.uint8)
        path = folder / f"{seed}.png"
        Image.fromarray(image).save(path)
        result = detector.predict(image)
        entries.append(ArchiveEntry(name, path, result, detector, "my washer"))
    return entries


@pytest.fixture(scope="module")
def cut(entries) -> Cut:
    """A cut under the highest tenth of the first picture's pixels."""
    result = entries[0].result
    return Cut(float(np.quantile(result.anomaly_map, 0.9)) / result.threshold, 0.002)


@pytest.fixture(scope="module")
def archive(entries, cut, tmp_path_factory) -> zipfile.ZipFile:
    path = tmp_path_factory.mktemp("archive") / "run.zip"
    return zipfile.ZipFile(write_archive(path, entries, cut))


def read(archive: zipfile.ZipFile, name: str) -> np.ndarray:
    return np.asarray(Image.open(BytesIO(archive.read(name))))


def test_every_picture_has_its_map_mask_and_overlay_at_its_own_size(archive, entries):
    card = json.loads(archive.read("run.json"))
    listed = {name for picture in card["pictures"] for name in picture["files"].values()}
    assert listed | {"results.csv", "results.json", "run.json"} == set(archive.namelist())
    for picture in card["pictures"]:
        assert {read(archive, name).shape[:2] for name in picture["files"].values()} == {SIZE}
    assert not any(name.startswith(("/", ".")) or ".." in name for name in archive.namelist())


def test_map_and_mask_are_those_of_the_result_at_the_cut(archive, entries, cut):
    picture = json.loads(archive.read("run.json"))["pictures"][0]
    result = entries[0].result
    low, high = picture["map_range"]
    stored = read(archive, picture["files"]["map"])
    values = low + stored.astype(np.float64) / 65535 * (high - low)
    np.testing.assert_allclose(values, result.anomaly_map.clip(low, high), atol=high / 65535)
    mask = read(archive, picture["files"]["mask"]) == 255
    np.testing.assert_array_equal(mask, cut.mask(result.anomaly_map, cut.threshold(result)))
    assert mask.any() and not mask.all()
    assert sum(region["area"] for region in picture["regions"]) == mask.sum()


def test_the_run_card_names_detector_cut_versions_and_every_picture(
    archive, entries, detector, cut
):
    card = json.loads(archive.read("run.json"))
    (described,) = card["detectors"]
    assert described["title"] == "my washer"
    assert described["model"]["encoder"]["name"] == "tiny"
    assert described["calibration"]["scales"].keys() == detector.calibration.scales.keys()
    assert card["cut"] == {"times": cut.times, "min_area": cut.min_area}
    assert {"inpformer", "torch", "numpy", "python"} <= card["versions"].keys()
    for picture, entry in zip(card["pictures"], entries, strict=True):
        assert picture["name"] == entry.name
        assert picture["sha256"] == hashlib.sha256(entry.path.read_bytes()).hexdigest()


def test_a_run_repeated_from_its_card_gives_the_same_scores(archive, entries, detector):
    card = json.loads(archive.read("run.json"))
    assert card["pictures"][0]["detector"] == fingerprint(detector)
    for picture, entry in zip(card["pictures"], entries, strict=True):
        again = detector.predict(
            read_image(entry.path).image,
            geometry=picture["geometry"],
            tiles=picture["tiles"],
            map_name=picture["map"],
        )
        assert again.scores == picture["scores"]


def test_another_fit_has_another_fingerprint(detector):
    picture = np.random.default_rng(5).integers(0, 256, (*SIZE, 3)).astype(np.uint8)
    other = detector.fit([picture], FitConfig(variant="inp-former", steps=2, inp_count=4, seed=1))
    assert fingerprint(other) != fingerprint(detector)


def test_the_tables_in_the_zip_are_sorted_and_equal(archive):
    rows = [ResultRow(**row) for row in json.loads(archive.read("results.json"))]
    assert [row.confidence for row in rows] == sorted((r.confidence for r in rows), reverse=True)
    assert len(archive.read("results.csv").decode("utf-8-sig").splitlines()) == 1 + len(rows)


def test_no_map_at_picture_size_stays_in_memory(archive, entries):
    assert not entries[1].result._pictures and "anomaly_map" not in vars(entries[1].result)


def test_without_a_cut_and_a_threshold_the_mask_is_empty(entries, tmp_path):
    raw = replace(entries[0], result=replace(entries[0].result, scales={}))
    with zipfile.ZipFile(write_archive(tmp_path / "run.zip", [raw])) as archive:
        (picture,) = json.loads(archive.read("run.json"))["pictures"]
        assert picture["verdict"] == "not calibrated" and picture["regions"] == []
        assert not read(archive, picture["files"]["mask"]).any()


def test_a_picture_that_is_gone_leaves_no_half_zip(entries, tmp_path):
    lost = replace(entries[1], path=tmp_path / "gone.png")
    with pytest.raises(UserError, match=r"gone\.png"):
        write_archive(tmp_path / "run.zip", [entries[0], lost])
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", [".", "..", "", "/", "...", "a/..", "../../out.png", "x" * 300])
def test_names_that_are_no_names_still_give_files_in_the_archive(entries, tmp_path, name):
    path = write_archive(tmp_path / "run.zip", [replace(entries[0], name=name)])
    with zipfile.ZipFile(path) as archive:
        for member in archive.namelist():
            assert ".." not in member.split("/") and len(member) < 120
        assert json.loads(archive.read("run.json"))["pictures"][0]["name"] == name
