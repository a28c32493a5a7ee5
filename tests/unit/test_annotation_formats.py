"""Every format out and back again; and what other programs and hands do to the files."""

import json
import shutil
import tempfile
import zipfile
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from annotation_cases import annotations, classes, content, fill, new_store, picture
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image
from pycocotools import mask as coco_mask
from pycocotools.coco import COCO

from inpformer.annotations.annotation import Annotation
from inpformer.annotations.exchange import (
    EXPORT_FORMATS,
    export_annotations,
    import_annotations,
)
from inpformer.annotations.store import AnnotationStore
from inpformer.datasets.mvtec import read_mvtec_folder
from inpformer.datasets.sample import load_mask
from inpformer.errors import UserError

LOSSLESS = [name for name, item in EXPORT_FORMATS.items() if item.is_lossless]
FEW = settings(max_examples=8, deadline=None, suppress_health_check=list(HealthCheck))


def target_of(folder: Path, kind: str) -> Path:
    return folder / ("out.zip" if kind == "zip" else "out")


def round_trip(store: AnnotationStore, kind: str, folder: Path) -> AnnotationStore:
    report = export_annotations(store, kind, target_of(folder, kind))
    back = AnnotationStore(folder / "back")
    import_annotations(back, report.path)
    return back


@pytest.mark.parametrize("kind", LOSSLESS)
@FEW
@given(
    st.integers(1, 8).flatmap(
        lambda n: st.tuples(st.just(n), st.lists(annotations(n), min_size=1, max_size=3))
    )
)
def test_a_lossless_format_gives_back_every_bit(kind, case):
    count, cases = case
    with tempfile.TemporaryDirectory() as temporary:
        store = new_store(Path(temporary) / "store", count)
        fill(store, cases)
        back = round_trip(store, kind, Path(temporary))
        assert content(back) == content(store)
        assert back.classes == store.classes


@pytest.mark.parametrize("kind", LOSSLESS)
def test_255_classes_in_one_mask_come_back(kind, tmp_path):
    store = new_store(tmp_path / "store", 255)
    mask = np.arange(256, dtype=np.uint8).reshape(16, 16)
    fill(store, [(picture(16, 16), Annotation("all.png", mask, "corrected"))])
    back = round_trip(store, kind, tmp_path)
    assert content(back) == content(store)
    assert back.classes == store.classes


@FEW
@given(st.lists(annotations(3), min_size=1, max_size=3))
def test_yolo_keeps_the_outline_of_every_region(cases):
    with tempfile.TemporaryDirectory() as temporary:
        store = new_store(Path(temporary) / "store", 3)
        fill(store, [(image, replace(item, label="corrected")) for image, item in cases])
        back = round_trip(store, "yolo", Path(temporary))
        pairs = zip(
            sorted(store.pictures(), key=lambda item: store.picture_path(item.name).name),
            sorted(back.pictures(), key=lambda item: item.name),
            strict=True,
        )
        for before, after in pairs:
            old, new = store.load(before.name).mask, back.load(after.name).mask
            assert ((new != 0) >= (old != 0)).all(), "a marked pixel was lost"
            filled = np.zeros_like(old)
            for region in store.load(before.name).regions:
                pixels = region.full(old.shape).astype(np.uint8)
                contours, _ = cv2.findContours(pixels, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
                cv2.drawContours(filled, contours, -1, 1, cv2.FILLED)
            assert np.array_equal(new != 0, filled != 0)


def test_yolo_says_that_it_is_lossy(tmp_path):
    store = new_store(tmp_path / "store")
    fill(store, [(picture(9, 9), Annotation("a.png", np.ones((9, 9), np.uint8), "anomalous"))])
    report = export_annotations(store, "yolo", tmp_path / "out")
    assert not report.is_lossless
    assert "holes" in report.notes[0]


@pytest.fixture
def three(tmp_path) -> AnnotationStore:
    """A normal picture, a scratch, and a picture with a scratch and a dent with a hole."""
    store = new_store(tmp_path / "three", 2)
    one = np.zeros((20, 30), np.uint8)
    one[3:9, 4:20] = 1
    two = one.copy()
    two[10:18, 5:12] = 2
    two[12:14, 7:9] = 0
    fill(
        store,
        [
            (picture(20, 30, 1), Annotation("n.png", np.zeros((20, 30), np.uint8), "normal")),
            (picture(20, 30, 2), Annotation("s.png", one, "anomalous", ("predicted",))),
            (picture(20, 30, 3), Annotation("b.png", two, "corrected", ("edited", "human"))),
        ],
    )
    return store


def test_the_mvtec_layout_is_read_by_the_reader_of_mvtec_data_sets(three, tmp_path):
    export_annotations(three, "mvtec", tmp_path / "out")
    samples = read_mvtec_folder(tmp_path / "out")
    assert {(sample.split, sample.defect, sample.path.name) for sample in samples} == {
        ("train", "good", "n.png"),
        ("test", "scratch", "s.png"),
        ("test", "combined", "b.png"),
    }
    for sample in samples:
        if sample.mask_path:
            stored = three.load(sample.path.name).mask
            assert np.array_equal(load_mask(sample.mask_path), stored != 0)


def test_the_coco_file_is_read_by_pycocotools(three, tmp_path, capsys):
    export_annotations(three, "coco", tmp_path / "out")
    coco = COCO(str(tmp_path / "out" / "annotations.json"))
    for image in coco.loadImgs(coco.getImgIds()):
        mask = np.zeros((image["height"], image["width"]), np.uint8)
        for item in coco.loadAnns(coco.getAnnIds(image["id"])):
            pixels = coco.annToMask(item).astype(bool)
            assert pixels.sum() == item["area"]
            assert coco_mask.toBbox(item["segmentation"]).tolist() == item["bbox"]
            mask[pixels] = item["category_id"]
        assert np.array_equal(mask, three.load(image["name"]).mask)


def test_the_zip_file_has_a_card_with_valid_front_matter(three, tmp_path):
    from huggingface_hub import DatasetCard

    export_annotations(three, "zip", tmp_path / "out.zip")
    with zipfile.ZipFile(tmp_path / "out.zip") as archive:
        card = DatasetCard(archive.read("README.md").decode())
    assert card.data.task_categories == ["image-segmentation"]
    assert "| corrected | 1 |" in card.text
    assert "| 1 | scratch |" in card.text


def test_an_export_never_writes_into_a_folder_with_files(three, tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "mine.txt").write_text("mine")
    with pytest.raises(UserError, match="not empty"):
        export_annotations(three, "coco", tmp_path / "out")
    assert [item.name for item in (tmp_path / "out").iterdir()] == ["mine.txt"]


def test_a_failed_export_leaves_nothing(three, tmp_path):
    three.picture_path("s.png").unlink()
    with pytest.raises(UserError):
        export_annotations(three, "png", tmp_path / "out")
    assert not list(tmp_path.glob("*out*"))


def test_an_import_into_a_store_in_use_matches_classes_by_name(three, tmp_path):
    export_annotations(three, "png", tmp_path / "out")
    other = AnnotationStore(tmp_path / "other")
    other.change_class(1, "stain", "#000000")
    other.add_picture(picture(9, 9), "old.png")
    other.add_class("DENT & HOLE", "#111111")
    import_annotations(other, tmp_path / "out")
    names = {item.value: item.name.casefold() for item in other.classes}
    old = {item.value: item.name.casefold() for item in three.classes}
    mine, theirs = other.load("b.png"), three.load("b.png")
    to_name = np.vectorize(lambda value, table: table.get(value, ""), otypes=[object])
    assert (to_name(mine.mask, names) == to_name(theirs.mask, old)).all()
    by_name = {
        names[region.value]: source
        for region, source in zip(mine.regions, mine.sources, strict=True)
    }
    assert by_name == {"scratch": "edited", "dent & hole": "human"}


def test_importing_the_same_again_changes_nothing(three, tmp_path):
    export_annotations(three, "coco", tmp_path / "out")
    before = [item.info.version for item in three.pictures()]
    report = import_annotations(three, tmp_path / "out")
    assert sorted(report.names) == ["b.png", "n.png", "s.png"]
    assert [item.info.version for item in three.pictures()] == before


@pytest.mark.parametrize("kind", ["png", "mvtec"])
def test_a_mask_that_was_painted_on_in_the_export_comes_back_as_painted(three, tmp_path, kind):
    export_annotations(three, kind, tmp_path / "out")
    path = {
        "png": tmp_path / "out" / "masks" / "s.png",
        "mvtec": tmp_path / "out" / "ground_truth" / "scratch" / "s_mask.png",
    }[kind]
    mask = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    mask[15:18, 25:28] = mask.max()
    cv2.imwrite(str(path), mask)
    back = AnnotationStore(tmp_path / "back")
    import_annotations(back, tmp_path / "out")
    expected = three.load("s.png").mask.copy()
    expected[15:18, 25:28] = 1
    assert np.array_equal(back.load("s.png").mask, expected)


def test_a_picture_that_was_normal_and_is_marked_now_is_corrected(three, tmp_path):
    export_annotations(three, "coco", tmp_path / "out")
    path = tmp_path / "out" / "annotations.json"
    data = json.loads(path.read_text())
    image = next(item for item in data["images"] if item["name"] == "n.png")
    data["annotations"][0]["image_id"] = image["id"]
    path.write_text(json.dumps(data))
    back = AnnotationStore(tmp_path / "back")
    import_annotations(back, tmp_path / "out")
    assert back.load("n.png").label == "corrected"


# --- data sets of others


def save_picture(path: Path, seed: int = 0, size: tuple[int, int] = (20, 30)) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(picture(*size, seed=seed)).save(path)
    return path


def imported(tmp_path: Path, source: Path) -> AnnotationStore:
    store = AnnotationStore(tmp_path / "imported")
    import_annotations(store, source)
    return store


def test_plain_folders_are_imported_with_their_masks(tmp_path):
    save_picture(tmp_path / "in" / "Normal" / "1.png", 1)
    save_picture(tmp_path / "in" / "defect" / "1.png", 2)
    save_picture(tmp_path / "in" / "defect" / "2.png", 3)
    mask = np.zeros((20, 30), np.uint8)
    mask[2:5, 2:5] = 255
    (tmp_path / "in" / "masks").mkdir()
    Image.fromarray(mask).save(tmp_path / "in" / "masks" / "2.png")
    store = imported(tmp_path, tmp_path / "in")
    labels = {item.name: item.info.label for item in store.pictures()}
    assert labels == {
        "Normal/1.png": "normal",
        "defect/1.png": "anomalous",
        "defect/2.png": "anomalous",
    }
    assert np.array_equal(store.load("defect/2.png").mask, (mask > 0).astype(np.uint8))


def test_masks_beside_pictures_in_plain_folders_are_masks(tmp_path):
    inner = tmp_path / "outer" / "in"
    save_picture(inner / "ok" / "1.png", 1)
    save_picture(inner / "bad" / "dent" / "2.jpg", 2)
    (tmp_path / "outer" / "readme.txt").write_text("x")
    mask = np.zeros((20, 30), np.uint8)
    mask[2:5, 2:5] = 255
    Image.fromarray(mask).save(inner / "bad" / "dent" / "2_mask.png")
    for source in (inner, inner.parent):
        store = imported(tmp_path, source)
        assert [item.name for item in store.pictures()] == ["bad/dent/2.jpg", "ok/1.png"]
        assert np.array_equal(store.load("bad/dent/2.jpg").mask != 0, mask > 0)
        shutil.rmtree(store.folder)


def test_masks_in_the_layout_of_mvtec_may_be_of_any_kind(tmp_path):
    mask = np.zeros((20, 30), np.uint8)
    mask[2:5, 2:5] = 255
    save_picture(tmp_path / "in" / "test" / "ko" / "1.bmp", 1)
    (tmp_path / "in" / "ground_truth" / "ko").mkdir(parents=True)
    Image.fromarray(mask).save(tmp_path / "in" / "ground_truth" / "ko" / "1.bmp")
    store = imported(tmp_path, tmp_path / "in")
    assert np.array_equal(store.load("test/ko/1.bmp").mask != 0, mask > 0)


def test_magnetic_tiles_are_imported_and_exported_as_they_are(tiles, tmp_path):
    source = tmp_path / "few"
    samples = [item for item in read_mvtec_folder(tiles) if item.mask_path][::40]
    assert samples
    for sample in samples:
        for path in (sample.path, sample.mask_path):
            target = source / path.relative_to(tiles)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, target)
    store = imported(tmp_path, source)
    export_annotations(store, "mvtec", tmp_path / "out")
    for sample in samples:
        name = sample.path.relative_to(tiles).as_posix()
        assert store.picture_path(name).read_bytes() == sample.path.read_bytes()
        assert np.array_equal(store.load(name).mask != 0, load_mask(sample.mask_path))
    out = [path for path in (tmp_path / "out" / "test").rglob("*") if path.is_file()]
    assert len(out) == len(samples)


def coco_file(folder: Path, **changes) -> Path:
    save_picture(folder / "images" / "p.png")
    region = {
        "id": 1,
        "image_id": 7,
        "category_id": 900,
        "segmentation": [[2, 2, 10, 2, 10, 8, 2, 8]],
    }
    data = {
        "images": [{"id": 7, "file_name": "p.png", "width": 30, "height": 20}],
        "categories": [{"id": 900, "name": "scratch"}],
        "annotations": [{**region, **changes}],
    }
    path = folder / "instances.json"
    path.write_text(json.dumps(data))
    return path


def test_coco_polygons_and_large_category_numbers_are_read(tmp_path):
    store = imported(tmp_path, coco_file(tmp_path / "in"))
    mask = store.load("images/p.png").mask
    assert mask[5, 5] == 1 and mask[12, 12] == 0
    assert store.classes[0].name == "scratch"


@pytest.mark.parametrize(
    "segmentation",
    [
        {"size": [20, 30], "counts": [10, 5]},
        {"size": [20, 30], "counts": "ab"},
        {"size": [20, 30], "counts": "PPPPPP00000"},
        {"size": [20, 30], "counts": [600, -5, 5]},
        {"size": [30, 20], "counts": [600]},
        {"size": [10**6, 10**6], "counts": [10**12]},
        [[1, 2, 3]],
        [[0, 0, 1e12, 0, 0, 1e12]],
        "nonsense",
        None,
    ],
)
def test_damaged_coco_regions_are_refused_by_a_sentence_with_the_file_name(tmp_path, segmentation):
    with pytest.raises(UserError, match=r"'instances\.json'"):
        imported(tmp_path, coco_file(tmp_path / "in", segmentation=segmentation))
    assert AnnotationStore(tmp_path / "imported").pictures() == []


def test_coco_run_lengths_are_expanded_like_pycocotools_does(tmp_path):
    rng = np.random.default_rng(0)
    for share in (0.0, 0.02, 0.5, 0.98, 1.0):
        pixels = (rng.random((20, 30)) < share).astype(np.uint8)
        lengths = coco_mask.encode(np.asfortranarray(pixels))
        text = {"size": [20, 30], "counts": lengths["counts"].decode()}
        folder = tmp_path / str(share)
        store = imported(folder, coco_file(folder / "in", segmentation=text))
        assert np.array_equal(store.load("images/p.png").mask, pixels)


def test_a_data_set_cannot_name_files_outside_of_its_folder(tmp_path):
    secret = save_picture(tmp_path / "secret" / "only_here.png")
    path = coco_file(tmp_path / "in")
    for given_path in ("../secret/only_here.png", str(secret), "..\\secret\\only_here.png"):
        data = json.loads(path.read_text())
        data["images"][0]["file_name"] = given_path
        path.write_text(json.dumps(data))
        with pytest.raises(UserError, match="only_here"):
            imported(tmp_path, path)


def labelme_file(folder: Path, *shapes: dict, **fields) -> Path:
    save_picture(folder / "p.png")
    path = folder / "p.json"
    content = {"version": "5.0.1", "flags": {}, "shapes": list(shapes), "imagePath": "p.png"}
    path.write_text(json.dumps({**content, "imageData": None, **fields}))
    return path


def test_labelme_shapes_of_all_kinds_are_read(tmp_path):
    labelme_file(
        tmp_path / "in",
        {"label": "a", "shape_type": "polygon", "points": [[1, 1], [5.5, 1], [5, 5], [1, 5]]},
        {"label": "b", "shape_type": "rectangle", "points": [[20, 12], [15, 10]]},
        {"label": "c", "shape_type": "circle", "points": [[25, 5], [27, 5]]},
        {"label": "c", "shape_type": "point", "points": [[1, 18]]},
    )
    store = AnnotationStore(tmp_path / "imported")
    report = import_annotations(store, tmp_path / "in")
    mask = store.load("p.png").mask
    assert mask[3, 3] == 1 and mask[11, 16] == 2 and mask[5, 25] == 3 and mask[18, 1] == 0
    assert mask[10:13, 15:21].all()
    assert "left out" in report.notes[0]


@pytest.mark.parametrize(
    "shape",
    [
        {"label": "a", "shape_type": "polygon", "points": [[1, 1], [5, "x"], [5, 5]]},
        {"label": "a", "shape_type": "polygon", "points": [[1, 1], [1e9, 1], [5, 5]]},
        {"label": "a", "shape_type": "mask", "points": [[0, 0], [3, 3]], "mask": "no base64"},
        {"label": "", "shape_type": "polygon", "points": [[1, 1], [5, 1], [5, 5]]},
        {"shape_type": "polygon", "points": [[1, 1], [5, 1], [5, 5]]},
    ],
)
def test_damaged_labelme_shapes_are_refused_by_one_sentence(tmp_path, shape):
    labelme_file(tmp_path / "in", shape)
    with pytest.raises(UserError, match=r"p\.json|name of 1 to 100"):
        imported(tmp_path, tmp_path / "in")


def test_label_studio_exports_of_a_person_win_over_predictions(tmp_path):
    save_picture(tmp_path / "in" / "p.png")
    box = {"x": 10, "y": 10, "width": 50, "height": 50, "rotation": 0, "rectanglelabels": ["dent"]}
    size = {"original_width": 30, "original_height": 20}
    result = {"type": "rectanglelabels", "value": box, **size}
    task = {
        "data": {"image": "/data/upload/3/0a1b2c3d-p.png"},
        "annotations": [{"result": [result]}],
        "predictions": [{"result": []}],
    }
    (tmp_path / "in" / "export.json").write_text(json.dumps([task]))
    store = imported(tmp_path, tmp_path / "in")
    annotation = store.load("p.png")
    expected = np.zeros((20, 30), np.uint8)
    expected[2:12, 3:18] = 1
    assert np.array_equal(annotation.mask, expected)
    assert annotation.label == "anomalous" and store.classes[0].name == "dent"


def test_yolo_boxes_and_missing_label_files_are_understood(tmp_path):
    for name in ("box", "empty", "none"):
        save_picture(tmp_path / "in" / "images" / f"{name}.png", hash(name) % 99)
    (tmp_path / "in" / "labels").mkdir()
    (tmp_path / "in" / "labels" / "box.txt").write_text("1 0.5 0.5 0.2 0.2\n")
    (tmp_path / "in" / "labels" / "empty.txt").write_text("")
    (tmp_path / "in" / "data.yaml").write_text("names:\n  0: a\n  1: dent\n")
    store = imported(tmp_path, tmp_path / "in")
    labels = {item.name: item.info.label for item in store.pictures()}
    assert labels == {"box.png": "anomalous", "empty.png": "normal", "none.png": "unlabelled"}
    assert store.load("box.png").mask[10, 15] == 1


def test_a_zip_file_with_a_wrapping_folder_is_read_and_paths_out_of_it_are_not_made(tmp_path):
    path = save_picture(tmp_path / "p.png")
    with zipfile.ZipFile(tmp_path / "in.zip", "w") as archive:
        archive.write(path, "set/normal/1.png")
        archive.writestr("set/../../../escaped.png", path.read_bytes())
        archive.writestr("__MACOSX/x", "")
    store = AnnotationStore(tmp_path / "deep" / "er" / "imported")
    import_annotations(store, tmp_path / "in.zip")
    assert [item.name for item in store.pictures()] == ["normal/1.png"]
    assert not list(tmp_path.rglob("escaped.png"))


def bad_sources(folder: Path) -> dict[str, Path]:
    folder.mkdir()
    (folder / "broken.zip").write_bytes(b"PK\x03\x04 this is no zip")
    (folder / "broken.json").write_text("{")
    (folder / "other.json").write_text('{"a": 1}')
    (folder / "empty").mkdir()
    (folder / "normal_only_text" / "normal").mkdir(parents=True)
    save_picture(folder / "bad_picture" / "normal" / "fine.png")
    (folder / "bad_picture" / "normal" / "cut.png").write_bytes(b"\x89PNG\r\n\x1a\n cut")
    save_picture(folder / "bad_mask" / "defect" / "p.png")
    save_picture(folder / "bad_mask" / "masks" / "p.png", size=(9, 9))
    save_picture(folder / "no_mask" / "test" / "scratch" / "p.png")
    save_picture(folder / "bad_yolo" / "images" / "p.png")
    (folder / "bad_yolo" / "labels").mkdir()
    (folder / "bad_yolo" / "labels" / "p.txt").write_text("0 0.1 nan 0.3\n")
    return {path.name: path for path in folder.iterdir()} | {"missing": folder / "missing"}


def test_bad_sources_are_refused_by_a_sentence_that_names_them_and_nothing_is_added(tmp_path):
    named = {"bad_picture": "cut.png", "bad_mask": "p.png", "no_mask": "p_mask.png"}
    for name, path in bad_sources(tmp_path / "bad").items():
        store = AnnotationStore(tmp_path / "store")
        with pytest.raises(UserError) as caught:
            import_annotations(store, path)
        message = str(caught.value)
        assert named.get(name, "p.txt" if name == "bad_yolo" else name) in message, message
        assert "\n" not in message and message.endswith(".")
        assert store.pictures() == []


def test_classes_keep_their_names_and_colours_in_every_format(tmp_path):
    store = new_store(tmp_path / "store", 8)
    mask = np.zeros((9, 18), np.uint8)
    mask[::2] = np.arange(18) % 9
    fill(store, [(picture(9, 18), Annotation("a.png", mask, "corrected"))])
    for kind in EXPORT_FORMATS:
        folder = tmp_path / kind
        folder.mkdir()
        assert round_trip(store, kind, folder).classes == tuple(classes(8))
