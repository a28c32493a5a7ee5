"""Writers that are killed, and writers that meet: nothing that was confirmed is ever lost."""

import multiprocessing
import os
import signal
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from annotation_writers import NAME, SHAPE, add_all, mark_pixels, mask_of, picture, save_for_ever

from inpformer.annotations.store import AnnotationStore

pytestmark = pytest.mark.skipif(
    sys.platform == "win32", reason="kills by SIGKILL; processes are begun by a fork server"
)


@pytest.fixture(scope="module")
def processes():
    """Begins processes in milliseconds, from one that has the store's modules and no threads."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["annotation_writers"])
    with pytest.MonkeyPatch.context() as patch:  # for the fork server, which is begun here
        patch.setenv("PYTHONPATH", os.pathsep.join(sys.path))
        first = context.Process(target=mask_of, args=(0,))
        first.start()
        first.join()
    return context


def kill_while_saving(processes, folder: Path, kills: int) -> int:
    """Kill writers one after the other at changing moments; return how many saves there were."""
    rng = np.random.default_rng(0)
    AnnotationStore(folder).add_picture(picture(*SHAPE), NAME)
    last = 0
    for _ in range(kills):
        mine, theirs = processes.Pipe(duplex=False)
        writer = processes.Process(target=save_for_ever, args=(folder, theirs), daemon=True)
        writer.start()
        theirs.close()
        assert mine.poll(60)
        confirmed = mine.recv()
        time.sleep(rng.uniform(0, 0.03))
        os.kill(writer.pid, signal.SIGKILL)
        writer.join()
        while mine.poll():
            try:
                confirmed = mine.recv()
            except EOFError:
                break
        annotation = AnnotationStore.open(folder).load(NAME)
        assert annotation.version >= confirmed > last
        assert np.array_equal(annotation.mask, mask_of(annotation.version))
        last = annotation.version
    return last


def check_tidy(folder: Path) -> None:
    """Only versions that are kept, and no half-written files once the store was opened again."""
    store = AnnotationStore.open(folder)
    for version in store.history(NAME)[1:]:
        assert np.array_equal(store.load(NAME, version.version).mask, mask_of(version.version))
    assert not [path for path in folder.rglob("*.part")]


def test_a_kill_at_any_moment_leaves_a_store_that_opens_with_all_that_was_confirmed(
    processes, tmp_path
):
    kill_while_saving(processes, tmp_path / "store", kills=12)
    check_tidy(tmp_path / "store")


@pytest.mark.slow
def test_200_kills_leave_a_store_that_opens_with_all_that_was_confirmed(processes, tmp_path):
    assert kill_while_saving(processes, tmp_path / "store", kills=200) >= 200
    check_tidy(tmp_path / "store")


def test_two_processes_on_one_picture_lose_nothing_of_each_other(processes, tmp_path):
    folder = tmp_path / "store"
    store = AnnotationStore(folder)
    store.add_picture(picture(*SHAPE), NAME)
    writers = [
        processes.Process(target=mark_pixels, args=(folder, first, first + 20), daemon=True)
        for first in (0, 20)
    ]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join(60)
        assert writer.exitcode == 0
    final = store.load(NAME)
    assert final.mask.sum() == final.mask.flat[:40].sum() == 40
    assert final.version == 40


def test_two_processes_that_begin_one_store_and_add_to_it_both_have_all_in_it(processes, tmp_path):
    folder = tmp_path / "store"
    writers = [
        processes.Process(target=add_all, args=(folder, kind), daemon=True) for kind in ("a", "bb")
    ]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join(60)
        assert writer.exitcode == 0
    store = AnnotationStore.open(folder)
    assert len(store.classes) == 1 + 8 + 8
    assert len(store.pictures()) == 16
    assert {item.info.label for item in store.pictures()} == {"anomalous"}


def test_a_folder_that_becomes_a_store_while_it_is_looked_at_is_one(tmp_path, monkeypatch):
    folder = tmp_path / "store"
    folder.mkdir()
    look = Path.iterdir

    def look_late(self):
        if self == folder and not (folder / "store.json").exists():
            monkeypatch.setattr(Path, "iterdir", look)
            AnnotationStore(folder).add_class("dent")
        return look(self)

    monkeypatch.setattr(Path, "iterdir", look_late)
    assert [kind.name for kind in AnnotationStore(folder).classes][-1] == "dent"
    assert Path.iterdir is look
