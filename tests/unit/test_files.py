"""Half-written files of writers that were killed."""

import os
import time

import numpy as np
import pytest

from inpformer import files
from inpformer.annotations.exchange import export_annotations
from inpformer.annotations.store import AnnotationStore
from inpformer.errors import UserError
from inpformer.files import save_bytes


@pytest.mark.parametrize("age", [7200.0, -7200.0])
def test_what_a_killed_writer_left_goes_with_the_next_save_of_that_file(tmp_path, age):
    """Also where the clock was set back since, and the file is of the future."""
    names = (".a[1].png.0123.part", ".other.png.0123.part", ".a[1].png.4567.part")
    left, others, fresh = (tmp_path / name for name in names)
    for path in (left, others, fresh):
        path.write_bytes(b"half")
    for path in (left, others):
        os.utime(path, (time.time() - age,) * 2)
    save_bytes(tmp_path / "a[1].png", b"whole")
    assert {path.name for path in tmp_path.iterdir()} == {"a[1].png", others.name, fresh.name}


def test_a_save_that_fails_keeps_the_older_file_and_leaves_no_half(tmp_path, monkeypatch):
    path = tmp_path / "a.png"
    save_bytes(path, b"old")
    monkeypatch.setattr(files, "_rename", lambda *_: (_ for _ in ()).throw(OSError(28, "full")))
    with pytest.raises(UserError, match="no space left to save"):
        save_bytes(path, b"new")
    assert [each.name for each in tmp_path.iterdir()] == ["a.png"] and path.read_bytes() == b"old"


def test_of_an_export_that_was_killed_the_half_folder_goes_with_the_next_of_that_name(tmp_path):
    store = AnnotationStore(tmp_path / "store")
    store.add_picture(np.full((20, 30, 3), 99, np.uint8), "a.png")
    dead, alive = (tmp_path / f".out.{number}.part" for number in (1, 2))
    for folder in (dead, alive):
        (folder / "images").mkdir(parents=True)
        (folder / "images" / "a.png").write_bytes(b"half")
        for path in (folder, folder / "images", folder / "images" / "a.png"):
            os.utime(path, (time.time() - 7200,) * 2)
    os.utime(alive / "images" / "a.png")  # it is being written
    export_annotations(store, "coco", tmp_path / "out")
    assert {path.name for path in tmp_path.iterdir()} == {"store", "out", alive.name}
