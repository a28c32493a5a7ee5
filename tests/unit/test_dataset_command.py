"""The verb `dataset`, run as a person would."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from dataset_trees import TREES, mvtec, plain, visa
from PIL import Image

from inpformer import cli
from inpformer.dataset_command import LAYOUT_NAMES
from inpformer.datasets.find import LAYOUTS, open_dataset


def run(*words: object) -> int:
    return cli.main(["dataset", *map(str, words)])


def test_the_command_names_every_layout():
    assert tuple(LAYOUTS) == LAYOUT_NAMES


@pytest.mark.parametrize("name", TREES)
def test_json_holds_what_the_library_finds(tmp_path, capsys, name):
    tree = TREES[name][0](tmp_path / "data")
    assert run(tree.root, "--json") == 0
    facts = json.loads(capsys.readouterr().out)
    dataset = open_dataset(tree.root)
    assert facts["layout"] == dataset.layout and facts["problems"] == list(dataset.problems)
    counted = [tuple(row.values()) for row in facts["classes"]]
    assert counted == [tuple(row) for row in dataset.counts()]
    assert Path(facts["root"]) == dataset.root and facts["summary"] == dataset.summary()


def test_people_get_a_line_a_table_and_notes(tmp_path, capsys):
    tree = mvtec(tmp_path / "data")
    tree.touch("bottle/test/good/notes.txt")
    assert run(tree.root) == 0
    first, header, bottle, cable, note = capsys.readouterr().out.splitlines()
    assert first == open_dataset(tree.root).summary()
    assert bottle.split() == ["bottle", "3", "2", "4", "0"]
    assert cable.split() == ["cable", "3", "2", "2", "0"]
    assert len(header) == len(bottle) == len(cable)
    assert note.startswith("Note: ") and "bottle/test/good/notes.txt" in note


def test_a_single_class_is_called_by_its_folder(tmp_path, capsys):
    assert run(plain(tmp_path / "washers").root) == 0
    assert capsys.readouterr().out.splitlines()[2].startswith("washers ")


def test_masks_are_checked_when_asked(tmp_path, capsys):
    tree = mvtec(tmp_path / "data")
    for name, facts in tree.expected.items():
        Image.new("L", (30, 20)).save(tree.root / name)
        if facts.mask:
            Image.new("L", (30, 20 if "bent" in name else 21)).save(tree.root / facts.mask)
    assert run(tree.root) == 0
    assert "another size" not in capsys.readouterr().out
    assert run(tree.root, "--check-masks") == 0
    told = capsys.readouterr().out
    assert "another size" in told and "cable" not in told.rpartition("another size")[2]


def test_a_layout_can_be_named(tmp_path, capsys):
    tree = visa(tmp_path / "data")
    assert run(tree.root, "--layout", "visa") == 0
    assert run(tree.root, "--layout", "mvtec") == 2
    assert "no layout" in capsys.readouterr().err


@pytest.mark.parametrize("extra", [(), ("--json",)])
def test_a_wrong_folder_is_said_in_one_sentence(tmp_path, capsys, extra):
    assert run(tmp_path / "none", *extra) == 2
    told = capsys.readouterr()
    assert not told.out and "check the path" in told.err and "Traceback" not in told.err
