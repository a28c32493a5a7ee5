"""Folders for a moment: deleted at the end, and after a kill by whoever asks next."""

import errno
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest

from inpformer.errors import DiskError, UserError
from inpformer.scratch import remove_abandoned_scratch, scratch_folder

_HOLD = """
import sys
from inpformer.scratch import scratch_folder
with scratch_folder("detector.safetensors") as folder:
    (folder / "half").write_bytes(b"half")
    print("ready", flush=True)
    sys.stdin.read()
"""


@pytest.fixture(autouse=True)
def temporary(tmp_path, monkeypatch) -> Path:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    return tmp_path


def make_older(folder: Path) -> None:
    for lock in folder.glob("*/in-use.lock"):
        os.utime(lock, (time.time() - 3600,) * 2)


def test_it_is_empty_and_goes_at_the_end_also_after_an_error(temporary):
    with pytest.raises(UserError, match="no"), scratch_folder("a") as folder:
        assert folder.is_dir() and not list(folder.iterdir())
        (folder / "b").write_bytes(b"b")
        raise UserError("no")
    assert not list(temporary.iterdir())


def test_what_a_killed_process_left_goes_and_what_a_living_one_has_stays(temporary):
    worker = subprocess.Popen(
        [sys.executable, "-c", _HOLD], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    try:
        assert worker.stdout.readline() == "ready\n"
        make_older(temporary)
        remove_abandoned_scratch()
        assert [path.read_bytes() for path in temporary.rglob("half")] == [b"half"]
    finally:
        worker.kill()
        worker.communicate()
    make_older(temporary)  # older releases of filelock touch what they cannot have
    with scratch_folder("next"):
        assert not list(temporary.rglob("half"))
    assert not list(temporary.iterdir())


def test_one_that_was_just_made_is_left_alone_though_it_is_not_locked_yet(temporary):
    fresh = temporary / "inpformer-scratch-1"
    fresh.mkdir()
    (fresh / "in-use.lock").touch()
    remove_abandoned_scratch()
    assert fresh.is_dir()
    make_older(temporary)
    remove_abandoned_scratch()
    assert not fresh.exists()


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EROFS])
def test_a_disk_that_fails_under_it_is_said_with_the_name_of_what_was_made(temporary, number):
    with pytest.raises(DiskError) as caught, scratch_folder("set.zip"):
        raise OSError(number, os.strerror(number))
    assert caught.value.name == "set.zip" and str(temporary) in str(caught.value)


def test_another_system_error_stays_what_it_is(temporary):
    with pytest.raises(ConnectionResetError), scratch_folder("set.zip"):
        raise ConnectionResetError


def test_where_no_folder_for_temporary_files_can_be_used_that_is_said(monkeypatch, tmp_path):
    def none(*_args, **_kwargs):
        raise FileNotFoundError(errno.ENOENT, "No usable temporary directory found in ...")

    monkeypatch.setattr(tempfile, "_get_default_tempdir", none)
    monkeypatch.setattr(tempfile, "tempdir", None)
    with pytest.raises(DiskError, match="name a folder in TMPDIR"), scratch_folder("a"):
        pass
