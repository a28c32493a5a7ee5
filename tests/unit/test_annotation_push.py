"""A store pushed as a data set, to a stand-in for the Hub."""

import socket
from dataclasses import replace

import huggingface_hub
import numpy as np
import pytest
from annotation_cases import content, fill, new_store
from annotation_writers import picture
from fake_dataset_hub import FakeDatasetHub

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


@pytest.fixture(autouse=True)
def online(monkeypatch, tmp_path):
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setenv("HF_HOME", str(tmp_path / "home"))


def push(store: AnnotationStore, hub: FakeDatasetHub, **options):
    return push_dataset(store, REPO, token="hf_test", endpoint=hub.url, **options)


def written(files: dict[str, bytes], folder) -> AnnotationStore:
    for path, data in files.items():
        (folder / "down" / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / "down" / path).write_bytes(data)
    back = AnnotationStore(folder / "back")
    import_annotations(back, folder / "down")
    return back


def test_a_pushed_store_is_private_tagged_and_comes_back_to_the_bit(store, tmp_path):
    with FakeDatasetHub() as hub:
        report = push(store, hub)
    assert hub.private[REPO]
    assert (report.version, report.pictures) == ("v1", 2)
    assert report.url == f"{hub.url}/datasets/{REPO}/tree/v1"
    assert content(written(hub.tags[REPO]["v1"], tmp_path)) == content(store)


def test_a_second_push_is_the_next_version_without_what_is_gone(store):
    with FakeDatasetHub() as hub:
        push(store, hub)
        store.remove_picture("a.png")
        annotation = store.load("b.png")
        store.save(replace(annotation, label="skipped"))
        assert push(store, hub).version == "v2"
    assert "pictures/a.png" in hub.tags[REPO]["v1"]
    assert {"pictures/a.png", "masks/a.png"}.isdisjoint(hub.tags[REPO]["v2"])
    assert ".gitattributes" in hub.files[REPO]
    assert hub.commits == ["Version 1", "Version 2"]


def test_a_public_data_set_gets_nothing_unless_that_is_wanted(store):
    with FakeDatasetHub() as hub:
        push(store, hub, private=False)
        assert not hub.private[REPO]
        with pytest.raises(UserError, match="public"):
            push(store, hub)
        assert hub.commits == ["Version 1"]
        assert push(store, hub, private=False).version == "v2"


@pytest.mark.parametrize(("status", "words"), [(403, "token"), (500, "500"), (412, "push again")])
def test_what_the_hub_refuses_is_said_in_one_sentence(store, status, words, monkeypatch):
    monkeypatch.setattr("time.sleep", lambda _: None)
    with FakeDatasetHub(status=status) as hub, pytest.raises(UserError, match=words):
        push(store, hub)


def test_without_a_network_a_push_says_so(store, monkeypatch):
    monkeypatch.setattr("time.sleep", lambda _: None)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{free.getsockname()[1]}"
    with pytest.raises(UserError, match="cannot be reached"):
        push_dataset(store, REPO, token="hf_test", endpoint=address)


def test_nonsense_is_refused_before_the_hub_is_asked(store, tmp_path):
    with FakeDatasetHub() as hub:
        with pytest.raises(UserError, match="user/name"):
            push_dataset(store, "a/b/c", token="hf_test", endpoint=hub.url)
        with pytest.raises(UserError, match="no pictures"):
            push(AnnotationStore(tmp_path / "empty"), hub)
        assert hub.files == {}
