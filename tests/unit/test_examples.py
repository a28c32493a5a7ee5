"""The example parts that come with the program, and the tool that draws their gallery."""

import importlib.util
import json
import shutil
import sys
from pathlib import Path

import pytest
from example_tree import PARTS, SHOTS, draw, write_gallery, write_parts
from PIL import Image

from inpformer import examples, places
from inpformer.config import ModelConfig
from inpformer.detector import AnomalyDetector, Provenance
from inpformer.errors import UserError
from inpformer.examples import GOOD, Examples, example_parts, find_examples
from inpformer.fit_config import FitConfig
from inpformer.modeling.build import build_encoder, build_model

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def assets(tmp_path) -> Path:
    write_parts(tmp_path / "assets")
    return tmp_path / "assets"


@pytest.fixture
def detectors(tmp_path) -> Path:
    (tmp_path / "detectors").mkdir()
    return tmp_path / "detectors"


def load_module(path: Path, name: str):
    spec = importlib.util.spec_from_file_location(name, path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


def test_where_nothing_was_installed_there_is_nothing_and_no_complaint(tmp_path):
    assert find_examples(tmp_path / "none", tmp_path / "none") == Examples()
    assert Examples().part("ring") is None


def test_parts_come_in_their_written_order_with_all_that_is_known_of_them(assets, detectors):
    (detectors / "plate.safetensors").touch()
    ring, plate = example_parts(assets, detectors)
    assert [ring.name, plate.name] == list(PARTS)
    assert ring.title == "Striped ring" and len(ring.normal_paths) == SHOTS
    assert ring.detector_path is None and plate.detector_path == detectors / "plate.safetensors"
    defects = [picture.defect for picture in ring.pictures]
    assert defects == ["blot", "blot", "deep_scratch", "deep_scratch", GOOD, GOOD]
    assert ring.pictures[2].title == "deep scratch"


def test_every_defect_has_its_mask_and_a_good_part_none(assets, detectors):
    for part in example_parts(assets, detectors):
        for picture in part.pictures:
            assert (picture.mask_path is None) is (picture.defect == GOOD)
            if picture.mask_path:
                assert picture.mask_path.is_file() and picture.defect in picture.mask_path.parts


def test_a_part_whose_folder_is_gone_is_left_out(assets, detectors):
    shutil.rmtree(assets / "examples" / "ring")
    assert [part.name for part in example_parts(assets, detectors)] == ["plate"]


@pytest.mark.parametrize("name", ["examples/parts.json", "gallery/gallery.json"])
def test_a_damaged_list_is_named_in_one_sentence(assets, detectors, name):
    (assets / name).parent.mkdir(exist_ok=True)
    (assets / name).write_text("{", "utf-8")
    with pytest.raises(UserError, match=Path(name).name):
        find_examples(assets, detectors)


def test_a_result_of_the_gallery_knows_its_picture_and_its_verdict(assets, detectors):
    write_gallery(assets)
    bad, good = find_examples(assets, detectors).gallery
    assert (bad.part, bad.title, bad.defect) == ("ring", "Striped ring", "deep scratch")
    assert bad.is_anomalous and bad.confidence == 0.9 and bad.score > bad.threshold
    assert bad.source_path.is_file() and bad.picture_path.is_file()
    assert good.defect == GOOD and not good.is_anomalous


def test_a_result_without_its_pictures_or_its_part_is_left_out(assets, detectors):
    write_gallery(assets)
    (assets / "gallery" / "ring_good.jpg").unlink()
    (bad,) = find_examples(assets, detectors).gallery
    bad.source_path.unlink()
    assert find_examples(assets, detectors).gallery == ()


def test_the_detector_of_all_parts_is_found_if_it_is_there(detectors):
    assert examples.multi_part_detector_path(detectors) is None
    (detectors / "multi-part.safetensors").touch()
    assert examples.multi_part_detector_path(detectors) == detectors / "multi-part.safetensors"


def test_a_clone_has_its_examples_beside_the_package_and_an_installation_inside(tmp_path):
    assert (examples.ASSETS.parent / "pyproject.toml").is_file()
    package = tmp_path / "site-packages" / "inpformer"
    package.mkdir(parents=True)
    shutil.copy(places.__file__, package)
    installed = load_module(package / "places.py", "installed_places")
    assert package / "assets" == installed.ASSETS
    assert package / "weights" == installed.WEIGHTS
    assert examples.DETECTORS == places.WEIGHTS / "detectors"


# --- the gallery's tool ----------------------------------------------------------------------


@pytest.fixture(scope="module")
def make_gallery():
    return load_module(ROOT / "tools" / "make_gallery.py", "make_gallery")


@pytest.fixture
def fitted(assets, detectors, tiny_config: ModelConfig) -> Path:
    """Detectors of both parts, fitted on all their normal pictures."""
    config = ModelConfig(**{**vars(tiny_config), "variant": "training-free"})
    model = build_model(config, build_encoder(config.encoder))
    start = AnomalyDetector(model, config, Provenance("untrained", "The tiny encoder."))
    shots = [draw(seed) for seed in range(SHOTS)]
    detector = start.fit(shots, FitConfig(variant="training-free", inp_count=4))
    for name in PARTS:
        detector.save(detectors / f"{name}.safetensors")
    return detectors


def run(make_gallery, assets: Path, detectors: Path) -> int:
    return make_gallery.main(["--assets", str(assets), "--detectors", str(detectors)])


def files_in(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_the_gallery_shows_a_defect_of_each_part_and_good_parts_that_look_calm(
    make_gallery, assets, fitted
):
    assert run(make_gallery, assets, fitted) == 0
    entries = find_examples(assets, fitted).gallery
    bad, good = entries[: len(PARTS)], entries[len(PARTS) :]
    assert [entry.part for entry in bad] == list(PARTS) and good
    assert all(entry.defect == GOOD for entry in good) and not good[0].is_anomalous
    for entry in entries:
        assert entry.is_anomalous == (entry.score > entry.threshold)
        width, height = Image.open(entry.picture_path).size
        assert height == make_gallery.HEIGHT and width > 2 * height


def test_the_same_pictures_give_the_same_gallery_and_nothing_else_is_left(
    make_gallery, assets, fitted
):
    assert run(make_gallery, assets, fitted) == 0
    first = files_in(assets / "gallery")
    assert run(make_gallery, assets, fitted) == 0
    assert files_in(assets / "gallery") == first
    assert {path.name for path in assets.iterdir()} == {"examples", "gallery"}


def test_a_run_that_cannot_be_finished_leaves_the_gallery_of_before(
    make_gallery, assets, fitted, capsys
):
    write_gallery(assets)
    before = files_in(assets / "gallery")
    (fitted / "plate.safetensors").unlink()
    assert run(make_gallery, assets, fitted) == 1
    assert "plate" in capsys.readouterr().err and files_in(assets / "gallery") == before


def test_without_parts_there_is_no_gallery(make_gallery, tmp_path, capsys):
    assert run(make_gallery, tmp_path, tmp_path) == 1
    assert "no example parts" in capsys.readouterr().err and not list(tmp_path.iterdir())


def test_a_gallery_that_would_be_too_large_is_not_written(
    make_gallery, assets, fitted, monkeypatch, capsys
):
    monkeypatch.setattr(make_gallery, "MAX_BYTES", 100)
    assert run(make_gallery, assets, fitted) == 1
    assert "100" in capsys.readouterr().err and not (assets / "gallery").exists()


def test_what_the_gallery_says_is_plain_json(make_gallery, assets, fitted):
    assert run(make_gallery, assets, fitted) == 0
    stored = json.loads((assets / "gallery" / "gallery.json").read_text("utf-8"))
    assert all("/" not in entry["picture"] for entry in stored["entries"])
