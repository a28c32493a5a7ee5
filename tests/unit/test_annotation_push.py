"""A store pushed as a data set, to a stand-in for the Hub."""

from dataclasses import replace

import numpy as np
import pytest
from annotation_cases import content, fill, new_store
from annotation_writers import picture
from fake_hub_repo import TOKEN

from inpformer.annotations.annotation import Annotation
from inpformer.annotations.dataset_push import push_dataset
from inpformer.annotations.exchange import import_annotations
from inpformer.annotations.store import AnnotationStore
from inpformer.errors import UserError

REPO = "me/parts"


@pytest.fixture
def store(tmp_path) -> AnnotationStore:
    store = new_store(tmp_path / "store", 2)
    mask = np.zeros((9, 12), np.uint8)
    mask[2:5, 2:5], mask[5:7, 2:5] = 1, 2
    fill(store, [(picture(9, 12, 1), Annotation("a.png", mask, "corrected"))])
    fill(store, [(picture(9, 12, 2), Annotation("b.png", mask * 0, "normal"))])
    return store


def push(store: AnnotationStore, **options):
    return push_dataset(store, REPO, token=TOKEN, **options)


def written(files: dict[str, bytes], folder) -> AnnotationStore:
    for path, data in files.items():
        (folder / "down" / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / "down" / path).write_bytes(data)
    back = AnnotationStore(folder / "back")
    import_annotations(back, folder / "down")
    return back


def test_a_pushed_store_is_private_tagged_and_comes_back_to_the_bit(store, tmp_path, fake_hub):
    report = push(store)
    repo = fake_hub.datasets[REPO]
    assert repo.private
    assert (report.version, report.pictures) == ("v1", 2)
    assert report.url == f"{fake_hub.url}/datasets/{REPO}/tree/v1"
    assert content(written(repo.at("v1"), tmp_path)) == content(store)


def test_a_second_push_is_the_next_version_without_what_is_gone(store, fake_hub):
    push(store)
    store.remove_picture("a.png")
    annotation = store.load("b.png")
    store.save(replace(annotation, label="skipped"))
    assert push(store).version == "v2"
    repo = fake_hub.datasets[REPO]
    assert "pictures/a.png" in repo.at("v1")
    assert {"pictures/a.png", "masks/a.png"}.isdisjoint(repo.at("v2"))
    assert ".gitattributes" in repo.files
    assert repo.messages[1:] == ["Version 1", "Version 2"]


def test_a_public_data_set_gets_nothing_unless_that_is_wanted(store, fake_hub):
    push(store, private=False)
    repo = fake_hub.datasets[REPO]
    assert not repo.private
    with pytest.raises(UserError, match="public"):
        push(store)
    assert repo.messages[1:] == ["Version 1"]
    assert push(store, private=False).version == "v2"


@pytest.mark.parametrize(("status", "words"), [(403, "token"), (500, "500"), (412, "push again")])
def test_what_the_hub_refuses_is_said_in_one_sentence(store, status, words, fake_hub):
    fake_hub.fail(status)
    with pytest.raises(UserError, match=words):
        push(store)


def test_without_a_network_a_push_says_so(store, lonely_machine):
    with pytest.raises(UserError, match="cannot be reached"):
        push(store)


def test_nonsense_is_refused_before_the_hub_is_asked(store, tmp_path, fake_hub):
    with pytest.raises(UserError, match="user/name"):
        push_dataset(store, "a/b/c", token=TOKEN)
    with pytest.raises(UserError, match="no pictures"):
        push(AnnotationStore(tmp_path / "empty"))
    assert fake_hub.requests == []
