"""Tables and JSON files that list a data set: damaged ones, and paths that lead elsewhere."""

from __future__ import annotations

import json
import sys

import pytest
from dataset_trees import (
    problem_with,
    real_iad,
    real_iad_entry,
    refusal_of,
    visa,
    write_real_iad_list,
    write_visa_table,
)

from inpformer.datasets.find import open_dataset

VISA_ROW = ("candle", "train", "normal", "candle/Data/Images/Normal/0000.JPG", "")


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "columns"),
        (b"object,split,label,image,mask\n", "at least one row"),
        (b"object,split,label,image\na,train,normal,a.png\n", "columns"),
        (b"\xff\xfe\x00\x81", "CSV"),
        (b'object,split,label,image,mask\n"a', "CSV"),
        (b"object,split,label,image,mask\na,validation,normal,a.png,\n", "Line 2"),
        (b"object,split,label,image,mask\na,test,scratch,a.png,\n", "Line 2"),
        (b"object,split,label,image,mask\na,train,normal\n", "Line 2"),
        (b"object,split,label,image,mask\n,train,normal,a.png,\n", "Line 2"),
    ],
)
def test_a_damaged_table_is_refused_in_one_sentence(tmp_path, content, words):
    table = write_visa_table(tmp_path, [])
    table.write_bytes(content)
    message = refusal_of(tmp_path)
    assert "1cls.csv" in message and words in message


OK_ENTRY = real_iad_entry("toy", "OK", "OK/0.jpg")


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"\xff\xfe",
        b"[]",
        b"{}",
        json.dumps({"train": [OK_ENTRY]}).encode(),
        json.dumps({"train": [OK_ENTRY], "test": {}}).encode(),
        json.dumps({"meta": [], "train": [], "test": []}).encode(),
        json.dumps({"meta": {"prefix": 7}, "train": [], "test": []}).encode(),
        json.dumps({"train": [OK_ENTRY, "x"], "test": []}).encode(),
        json.dumps({"train": [{"anomaly_class": "OK"}], "test": []}).encode(),
        json.dumps({"train": [{**OK_ENTRY, "image_path": 3}], "test": []}).encode(),
        json.dumps({"train": [{**OK_ENTRY, "mask_path": ["x"]}], "test": []}).encode(),
        b'{"train": ' + b"[" * 100_000,
    ],
)
def test_a_damaged_list_is_refused_in_one_sentence(tmp_path, content):
    path = write_real_iad_list(tmp_path / "realiad_jsons" / "toy.json", [], [])
    path.write_bytes(content)
    assert "toy.json" in refusal_of(tmp_path)


OUTSIDE = ("../x.jpg", "a/../../x.jpg", "/etc/x.jpg", "\\x.jpg", "..\\x.jpg", "C:/x.jpg")


@pytest.mark.parametrize("name", OUTSIDE)
def test_listed_paths_that_lead_out_of_the_data_set_are_refused(tmp_path, name):
    (tmp_path / "x.jpg").touch()
    write_visa_table(tmp_path / "visa", [(*VISA_ROW[:3], name, "")])
    assert "leads out of the data set" in refusal_of(tmp_path / "visa")
    path = tmp_path / "real_iad" / "realiad_jsons" / "toy.json"
    write_real_iad_list(path, [{**OK_ENTRY, "image_path": name}], [])
    assert "leads out of the data set" in refusal_of(tmp_path / "real_iad")


@pytest.mark.parametrize("prefix", ["..", "../outside", "a/../..", "/", "/etc"])
def test_a_prefix_that_leads_out_of_the_data_set_is_refused(tmp_path, prefix):
    path = tmp_path / "data" / "realiad_jsons" / "toy.json"
    write_real_iad_list(path, [OK_ENTRY], [], prefix=prefix)
    assert "leads out of the data set" in refusal_of(tmp_path / "data")


def test_a_listed_mask_that_leads_out_of_the_data_set_is_refused(tmp_path):
    tree = visa(tmp_path / "data")
    row = ("candle", "test", "anomaly", "candle/Data/Images/Anomaly/000.JPG", "../mask.png")
    write_visa_table(tree.root, [row])
    assert "../mask.png" in refusal_of(tree.root)


@pytest.mark.skipif(sys.platform == "win32", reason="links need rights there")
@pytest.mark.parametrize("link", ["candle", "candle/Data/Images/Normal/0000.JPG"])
def test_listed_paths_through_links_out_of_the_data_set_are_refused(tmp_path, link):
    tree = visa(tmp_path / "data")
    (tree.root / link).rename(tmp_path / "outside")
    (tree.root / link).symlink_to(tmp_path / "outside")
    assert "leads out of the data set" in refusal_of(tree.root)


@pytest.mark.skipif(sys.platform == "win32", reason="links need rights there")
def test_links_inside_a_data_set_and_to_a_data_set_are_fine(tmp_path):
    tree = visa(tmp_path / "data")
    (tree.root / "candle").rename(tree.root / "kept")
    (tree.root / "candle").symlink_to(tree.root / "kept")
    (tmp_path / "link").symlink_to(tree.root)
    assert len(open_dataset(tmp_path / "link").samples) == len(tree.expected)


# --- lists that do not fit what is there


def test_listed_pictures_that_are_not_there_or_come_twice_are_named(tmp_path):
    for build in (visa, real_iad):
        tree = build(tmp_path / build.__name__)
        gone = next(name for name, facts in tree.expected.items() if facts.split == "train")
        (tree.root / gone).unlink()
        dataset = open_dataset(tree.root)
        assert len(dataset.samples) == len(tree.expected) - 1
        assert gone.rpartition("/")[2] in problem_with(dataset, "Listed, but not there")
    write_visa_table(tmp_path / "visa", [VISA_ROW, VISA_ROW, ("candle", "test", *VISA_ROW[2:])])
    (tmp_path / "visa" / VISA_ROW[3]).touch()
    dataset = open_dataset(tmp_path / "visa")
    assert [item.split for item in dataset.samples] == ["train"]
    assert VISA_ROW[3] in problem_with(dataset, "more than once")


def test_noisy_splits_of_real_iad_do_not_bring_defects_into_the_training(tmp_path):
    tree = real_iad(tmp_path / "data")
    path = tree.root / "realiad_jsons" / "mint.json"
    content = json.loads(path.read_text())
    moved = next(item for item in content["test"] if item["anomaly_class"] == "AK")
    content["train"].append(moved)
    content["test"].remove(moved)
    path.write_text(json.dumps(content))
    dataset = open_dataset(tree.root)
    assert len(dataset.samples) == len(tree.expected) - 1
    assert moved["image_path"] in problem_with(dataset, "only normal pictures")


def test_names_that_no_system_allows_are_missing_pictures(tmp_path):
    tree = real_iad(tmp_path / "data")
    odd = [{**OK_ENTRY, "image_path": name} for name in ("a\0b.jpg", "x" * 5000)]
    write_real_iad_list(tree.root / "realiad_jsons" / "toy.json", odd, [])
    dataset = open_dataset(tree.root)
    assert len(dataset.samples) == len(tree.expected)
    assert problem_with(dataset, "Listed, but not there")
