"""The store: versions, conflicts, names, classes, damage; and the regions it describes."""

import errno
import io
import json
import os
import stat
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from annotation_cases import NAMES, classes, masks, picture
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from inpformer.annotations import store as store_module
from inpformer.annotations.annotation import Annotation, DefectClass, trace_sources
from inpformer.annotations.brush_rle import decode_brush, encode_brush
from inpformer.annotations.masks import find_mask_regions
from inpformer.annotations.names import file_key
from inpformer.annotations.store import AnnotationStore, ConflictError
from inpformer.errors import UserError
from inpformer.images import load_image

QUICK = settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))


def marked(annotation: Annotation, row: int, **changes) -> Annotation:
    """The same with one more row marked."""
    mask = annotation.mask.copy()
    mask[row] = 1
    return replace(annotation, mask=mask, label="corrected", sources=None, **changes)


@pytest.fixture
def store(tmp_path) -> AnnotationStore:
    return AnnotationStore(tmp_path / "store")


@pytest.fixture
def name(store) -> str:
    return store.add_picture(picture(12, 17), "part.png")


def test_a_saved_annotation_is_loaded_bit_for_bit_by_another_store_object(store, name):
    store.add_class("dent")
    mask = np.zeros((12, 17), np.uint8)
    mask[2:4, 3:9], mask[4:6, 3:9] = 1, 2
    given_one = Annotation(name, mask, "corrected", ("predicted", "edited"), "v2", 12.5)
    saved = store.save(given_one)
    loaded = AnnotationStore.open(store.folder).load(name)
    assert saved.version == loaded.version == 1
    assert np.array_equal(loaded.mask, mask)
    assert (loaded.label, loaded.sources) == ("corrected", ("predicted", "edited"))
    assert (loaded.detector_id, loaded.seconds) == ("v2", 12.5)


def test_a_new_picture_is_unlabelled_and_its_file_is_kept_byte_by_byte(store, tmp_path):
    Image.fromarray(picture(9, 9)).save(tmp_path / "a.jpg", quality=80)
    name = store.add_picture(tmp_path / "a.jpg")
    assert store.picture_path(name).read_bytes() == (tmp_path / "a.jpg").read_bytes()
    annotation = store.load(name)
    assert (annotation.label, annotation.version) == ("unlabelled", 0)
    assert not annotation.mask.any()


def test_a_picture_turned_by_exif_is_kept_upright(store):
    image = Image.fromarray(picture(10, 20))
    exif = image.getexif()
    exif[0x0112] = 6
    stream = io.BytesIO()
    image.save(stream, "JPEG", exif=exif)
    name = store.add_picture(stream.getvalue(), "turned.jpg")
    assert store.load(name).mask.shape == (20, 10)
    raw = Image.open(store.picture_path(name))
    assert raw.size == (10, 20) and store.picture_path(name).suffix == ".png"
    assert np.array_equal(store.read_picture(name), load_image(io.BytesIO(stream.getvalue())))


def test_a_save_on_an_old_version_is_refused_and_shows_both(store, name):
    base = store.load(name)
    theirs = store.save(marked(base, 1))
    with pytest.raises(ConflictError, match="version 1") as caught:
        store.save(marked(base, 2))
    assert np.array_equal(caught.value.theirs.mask, theirs.mask)
    assert caught.value.mine.mask[2].all() and not caught.value.mine.mask[1].any()
    assert np.array_equal(store.load(name).mask, theirs.mask)
    store.save(replace(caught.value.mine, version=caught.value.theirs.version))
    assert store.load(name).mask[2].all()


def test_undo_goes_back_one_save_at_a_time_and_is_never_a_step_forward(store, name):
    states = [store.load(name)]
    for row in (1, 2, 3):
        states.append(store.save(marked(states[-1], row)))
    now = states[-1]
    for earlier in reversed(states[:-1]):
        now = store.undo(now)
        assert np.array_equal(now.mask, earlier.mask)
        assert now.label == earlier.label
    with pytest.raises(UserError, match="No earlier version"):
        store.undo(now)
    assert now.version == 6


def test_a_save_after_undo_can_be_undone_to_where_undo_had_led(store, name):
    first = store.save(marked(store.load(name), 1))
    back = store.undo(store.save(marked(first, 2)))
    other = store.save(marked(back, 5))
    again = store.undo(other)
    assert np.array_equal(again.mask, first.mask)


def test_an_earlier_version_can_be_restored_and_that_undone(store, name):
    first = store.save(marked(store.load(name), 1))
    second = store.save(marked(first, 2))
    restored = store.restore(second, 1)
    assert np.array_equal(restored.mask, first.mask) and restored.version == 3
    assert np.array_equal(store.undo(restored).mask, second.mask)
    with pytest.raises(UserError):
        store.restore(store.load(name), 99)
    with pytest.raises(ConflictError):
        store.restore(second, 1)


def test_only_the_last_versions_are_kept_with_the_masks_they_need(store, name, monkeypatch):
    monkeypatch.setattr(store_module, "KEPT_VERSIONS", 4)
    now = store.load(name)
    for row in range(10):
        now = store.save(marked(now, row))
    versions = [item.version for item in store.history(name)]
    assert versions == [7, 8, 9, 10]
    assert len(list((store.folder / "masks").iterdir())) == 4
    for version in versions:
        assert store.load(name, version).mask[version - 1].all()
    with pytest.raises(UserError, match="not kept"):
        store.load(name, 3)


@pytest.mark.parametrize("shape", [(11, 17), (17, 12), (24, 34)])
def test_a_mask_of_another_size_than_the_picture_is_refused(store, name, shape):
    with pytest.raises(UserError, match="17 × 12"):
        store.save(Annotation(name, np.zeros(shape, np.uint8)))


def test_masks_that_are_no_masks_are_refused():
    for bad in (np.zeros((9, 9)), np.zeros((9, 9, 3), np.uint8), np.zeros((9, 9), bool)):
        with pytest.raises(UserError, match="uint8"):
            Annotation("a.png", bad)


def test_contradictions_are_refused(store, name):
    ones = np.ones((12, 17), np.uint8)
    with pytest.raises(UserError, match="labelled normal"):
        Annotation(name, ones, "normal")
    with pytest.raises(UserError, match="label"):
        Annotation(name, ones, "fine")
    with pytest.raises(UserError, match="source"):
        Annotation(name, ones, "corrected", ())
    with pytest.raises(UserError, match="source"):
        Annotation(name, ones, "corrected", ("robot",))
    with pytest.raises(UserError, match="value 7"):
        store.save(Annotation(name, ones * 7, "corrected"))
    with pytest.raises(UserError, match="no picture 'other'"):
        store.load("other")


def test_what_is_given_and_what_is_loaded_cannot_be_changed_behind_the_store(store, name):
    mask = np.zeros((12, 17), np.uint8)
    annotation = Annotation(name, mask)
    mask[0] = 1
    assert not annotation.mask.any()
    with pytest.raises(ValueError):
        annotation.mask[0] = 1


# --- names


def test_pictures_of_any_name_are_kept_apart_inside_the_folder(store):
    for seed, name in enumerate(NAMES):
        store.add_picture(picture(8, 8, seed), name)
    names = [item.name for item in store.pictures()]
    assert len(set(names)) == len(NAMES)
    for item in store.pictures():
        path = store.picture_path(item.name)
        assert path.resolve().parent == (store.folder / "pictures").resolve()
        assert path.name.isascii() and len(path.name) < 100
    keys = [store.picture_path(name).name.casefold() for name in names]
    assert len(set(keys)) == len(keys)
    assert not (store.folder.parent / "etc").exists()


def test_the_same_picture_is_kept_once_and_another_one_of_its_name_gets_a_new_name(store):
    assert store.add_picture(picture(8, 8, 0), "a/1.png") == "a/1.png"
    assert store.add_picture(picture(8, 8, 0), "a/1.png") == "a/1.png"
    assert store.add_picture(picture(8, 8, 1), "a/1.png") == "a/1 (2).png"
    assert store.add_picture(picture(8, 8, 1), "a/1.png") == "a/1 (2).png"
    assert store.add_picture(picture(8, 8, 0), "b/1.png") == "b/1.png"


@QUICK
@given(st.text(min_size=1), st.text(min_size=1))
def test_two_names_never_share_a_file_and_every_file_name_is_safe(one, other):
    keys = [file_key(one), file_key(other)]
    assert one == other or keys[0].casefold() != keys[1].casefold()
    for key in keys:
        assert key == Path(key).name and key.isascii() and not key.startswith(".")
        assert key.split(".")[0] not in ("con", "nul", "aux", "prn")
        assert not set(key) & set('<>:"/\\|?*') and key[-1] != "." and len(key) < 100


# --- classes


def test_classes_are_added_changed_and_removed(store, name):
    dent = store.add_class("dent", "#00ff00")
    assert store.add_class("Dent") == dent
    store.change_class(dent.value, "deep dent", "#0000ff")
    assert store.classes[1] == DefectClass(2, "deep dent", "#0000ff")
    first = store.save(Annotation(name, np.full((12, 17), 2, np.uint8), "anomalous", version=0))
    store.undo(first)
    with pytest.raises(UserError, match="earlier"):
        store.remove_class(2)
    store.remove_class(1)
    assert [item.value for item in store.classes] == [2]
    assert store.add_class("new").value == 1


def test_there_are_at_most_255_classes_with_unlike_names(store):
    store.merge_classes(classes(255))
    with pytest.raises(UserError, match="255"):
        store.add_class("one more")
    with pytest.raises(UserError, match="name"):
        store.change_class(5, "KIND 7", "#000000")


@pytest.mark.parametrize(("name", "colour"), [("", "#000000"), ("a\nb", "#000000"), ("a", "red")])
def test_odd_classes_are_refused(store, name, colour):
    with pytest.raises(UserError):
        store.add_class(name, colour)
    assert len(store.classes) == 1


# --- folders and damage


def test_a_folder_with_other_files_is_not_made_a_store(tmp_path):
    (tmp_path / "letters.txt").write_text("mine")
    with pytest.raises(UserError, match="other files"):
        AnnotationStore(tmp_path)
    assert [item.name for item in tmp_path.iterdir()] == ["letters.txt"]
    with pytest.raises(UserError, match="no annotation store"):
        AnnotationStore.open(tmp_path)


def test_a_store_of_a_newer_program_is_left_alone(store):
    file = store.folder / "store.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), "format_version": 2}))
    with pytest.raises(UserError, match="newer"):
        AnnotationStore(store.folder)


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"versions": [{}], "size": [1, 2]}'])
def test_a_damaged_record_is_named(store, name, text):
    file = store.folder / "records" / "part.png.json"
    assert file.is_file()
    file.write_text(text)
    with pytest.raises(UserError, match=r"part\.png\.json' is damaged"):
        store.load(name)


@pytest.mark.parametrize("lead", ["{outside}", "../{outside.name}", "..\\\\{outside.name}"])
@pytest.mark.parametrize("what", ["picture", "mask"])
def test_a_strangers_record_neither_reads_nor_deletes_files_elsewhere(
    store, name, tmp_path, what, lead
):
    store.save(marked(store.load(name), 1))
    file = store.folder / "records" / "part.png.json"
    content = json.loads(file.read_text())
    outside = store.folder / "outside.png"
    shown = store.folder / "pictures" / content["picture"]
    outside.write_bytes(shown.read_bytes())
    elsewhere = lead.format(outside=outside)
    if what == "picture":
        content["picture"] = elsewhere
    else:
        content["versions"][-1]["mask"]["file"] = elsewhere
    file.write_text(json.dumps(content))
    for act in (store.load, store.read_picture, store.remove_picture):
        with pytest.raises(UserError, match="is damaged"):
            act(name)
    assert outside.is_file()


@pytest.mark.parametrize("damage", ["gone", "cut", "text"])
def test_a_damaged_mask_is_named_and_earlier_versions_stay_usable(store, name, damage):
    second = store.save(marked(store.save(marked(store.load(name), 1)), 2))
    file = store.folder / "masks" / store.history(name)[-1].mask.file
    if damage == "gone":
        file.unlink()
    else:
        file.write_bytes(file.read_bytes()[:-20] if damage == "cut" else b"hello")
    with pytest.raises(UserError, match=file.name):
        store.load(name)
    assert store.restore(second, 1).mask[1].all()
    assert not store.load(name).mask[2].any()


def test_a_removed_picture_leaves_nothing_behind(store, name):
    store.save(marked(store.load(name), 1))
    store.remove_picture(name)
    assert store.pictures() == []
    for folder in ("pictures", "masks", "records"):
        assert list((store.folder / folder).iterdir()) == []


@pytest.mark.skipif(os.name == "nt", reason="Windows flushes no folders")
def test_a_save_comes_back_when_mask_and_record_are_on_the_disk_in_that_order(
    store, name, monkeypatch
):
    steps = []
    flush, rename = os.fsync, os.replace
    kinds = {True: "flush folder", False: "flush file"}

    def noted_flush(handle: int) -> None:
        steps.append(kinds[stat.S_ISDIR(os.fstat(handle).st_mode)])
        flush(handle)

    def noted_rename(source: Path, target: Path) -> None:
        steps.append(f"rename in {Path(target).parent.name}")
        rename(source, target)

    monkeypatch.setattr(os, "fsync", noted_flush)
    monkeypatch.setattr(os, "replace", noted_rename)
    store.save(marked(store.load(name), 1))
    assert steps == [
        *("flush file", "rename in masks", "flush folder"),
        *("flush file", "rename in records", "flush folder"),
    ]


def test_a_save_that_fails_half_way_leaves_the_old_version(store, name, monkeypatch):
    first = store.save(marked(store.load(name), 1))
    rename = os.replace

    def full(source: Path, target: Path) -> None:
        if Path(target).parent.name == "records":
            raise OSError(errno.ENOSPC, "No space left on device")
        rename(source, target)

    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", full)
        with pytest.raises(UserError, match="no space left"):
            store.save(marked(first, 2))
    assert np.array_equal(store.load(name).mask, first.mask)
    assert store.save(marked(first, 3)).version == 2
    assert not list(store.folder.rglob("*.part"))


def test_threads_of_one_process_lose_nothing_of_each_other(store):
    def add(number: int) -> None:
        store.add_class(f"kind {number}")
        store.add_picture(picture(8, 8, number), "same.png")

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(add, range(8)))
    assert len(store.classes) == 9 and len(store.pictures()) == 8


def test_the_store_works_without_torch_and_gradio():
    code = (
        "import sys; import inpformer.annotations.exchange, inpformer.annotations.dataset_push;"
        "assert not {'torch', 'gradio', 'timm'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


# --- regions


@QUICK
@given(st.tuples(st.integers(8, 30), st.integers(8, 30)).flatmap(lambda s: masks(s, 5)))
def test_the_regions_of_a_mask_put_together_are_the_mask(mask):
    regions = find_mask_regions(mask)
    rebuilt = np.zeros_like(mask)
    for region in regions:
        pixels = region.full(mask.shape)
        assert not rebuilt[pixels].any() and pixels.sum() == region.area
        rebuilt[pixels] = region.value
    assert np.array_equal(rebuilt, mask)
    assert [region.value for region in regions] == sorted(region.value for region in regions)


def test_regions_that_touch_by_a_corner_are_one_and_other_classes_stay_apart():
    mask = np.zeros((8, 8), np.uint8)
    mask[0, 0] = mask[1, 1] = 1
    mask[2, 2] = 2
    assert [(region.value, region.area) for region in find_mask_regions(mask)] == [(1, 2), (2, 1)]


def test_sources_are_traced_from_the_prediction():
    predicted = np.zeros((10, 30), np.uint8)
    predicted[2:5, 2:5] = predicted[2:5, 12:15] = 1
    mask = predicted.copy()
    mask[3, 12] = 0
    mask[7:9, 22:25] = 1
    assert trace_sources(mask, predicted) == ("predicted", "edited", "human")


# --- Label Studio's run lengths


@QUICK
@given(st.tuples(st.integers(1, 40), st.integers(1, 40)).flatmap(lambda s: masks(s, 1)))
def test_brush_run_lengths_come_back(mask):
    pixels = mask != 0
    assert np.array_equal(decode_brush(encode_brush(pixels), pixels.shape), pixels)


def test_brush_run_lengths_longer_than_any_length_come_back():
    pixels = np.zeros((300, 400), bool)
    pixels[100:250, 3] = True
    pixels[260:] = True
    assert np.array_equal(decode_brush(encode_brush(pixels), pixels.shape), pixels)


def test_brush_run_lengths_are_the_bits_that_label_studio_writes():
    # 1 x 2 pixels, the first one marked: two runs of 4 values, worked out by hand.
    bits = f"{8:032b}" + "00111" + "0010" + "0011" + "0111" + "1111"
    bits += "1" + "00" + "011" + "11111111" + "1" + "00" + "011" + "00000000"
    bits += "0" * (-len(bits) % 8)
    numbers = [int(bits[at : at + 8], 2) for at in range(0, len(bits), 8)]
    assert encode_brush(np.array([[True, False]])) == numbers


def test_brush_values_that_are_not_repeated_are_read():
    bits = f"{8:032b}" + "00111" + "0010" + "0011" + "0111" + "1111"
    values = (9, 9, 9, 0, 9, 9, 9, 200)  # only alpha counts
    bits += "0" + "00" + "111" + "".join(f"{value:08b}" for value in values)
    bits += "0" * (-len(bits) % 8)
    numbers = [int(bits[at : at + 8], 2) for at in range(0, len(bits), 8)]
    assert decode_brush(numbers, (1, 2)).tolist() == [[False, True]]


@pytest.mark.parametrize(
    "numbers", [[], [0, 0], [255] * 20, [300], encode_brush(np.ones((9, 9), bool))[:-3]]
)
def test_damaged_brush_run_lengths_are_refused(numbers):
    with pytest.raises(ValueError):
        decode_brush(numbers, (9, 9))
