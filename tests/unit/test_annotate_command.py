"""The verb `annotate-export`, run as a person would."""

import json

import numpy as np
import pytest
from annotation_cases import content, fill, new_store
from annotation_writers import picture
from fake_hub_repo import TOKEN

from inpformer import annotate_command, cli
from inpformer.annotations.annotation import Annotation
from inpformer.annotations.exchange import EXPORT_FORMATS, import_annotations
from inpformer.annotations.store import AnnotationStore


@pytest.fixture
def store(tmp_path) -> AnnotationStore:
    store = new_store(tmp_path / "store")
    mask = np.zeros((9, 12), np.uint8)
    mask[2:5, 2:5] = 1
    fill(store, [(picture(9, 12), Annotation("a.png", mask, "corrected"))])
    return store


def run(*words: object) -> int:
    return cli.main(["annotate-export", *map(str, words)])


def test_the_command_names_every_format():
    assert tuple(EXPORT_FORMATS) == annotate_command.FORMATS


@pytest.mark.parametrize("kind", annotate_command.FORMATS)
def test_every_format_is_written(store, tmp_path, capsys, kind):
    output = tmp_path / ("out.zip" if kind == "zip" else "out")
    assert run(store.folder, "--format", kind, "-o", output, "--json") == 0
    facts = json.loads(capsys.readouterr().out)
    assert facts["pictures"] == 1 and facts["lossless"] == (kind != "yolo")
    back = AnnotationStore(tmp_path / "back")
    import_annotations(back, output)
    if kind != "yolo":
        assert content(back) == content(store)


@pytest.mark.parametrize("words", [(), ("--public",)])
def test_a_store_is_pushed_as_a_data_set(store, fake_hub, monkeypatch, capsys, words):
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    for version in ("v1", "v2"):
        assert run(store.folder, "--push", "me/parts", *words, "--json") == 0
        facts = json.loads(capsys.readouterr().out)
        assert facts["version"] == version and facts["pictures"] == 1
    assert fake_hub.datasets["me/parts"].private != bool(words)


@pytest.mark.parametrize(
    "words", [(), ("--format", "coco"), ("--push", "me/parts", "--format", "coco", "-o", "out")]
)
def test_half_a_wish_or_two_are_refused(store, capsys, words):
    assert run(store.folder, *words) == 2
    assert "either --format and --output, or --push" in capsys.readouterr().err


def test_a_wrong_folder_is_said_in_one_sentence_and_not_made_a_store(tmp_path, capsys):
    assert run(tmp_path / "none", "--format", "coco", "-o", tmp_path / "out") == 2
    assert "no annotation store" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_an_output_that_is_in_use_is_refused(store, tmp_path, capsys):
    assert run(store.folder, "--format", "coco", "-o", store.folder) == 2
    assert "not empty" in capsys.readouterr().err
