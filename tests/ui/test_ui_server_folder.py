"""What a killed server left of its visitors goes at the next start, and nothing else does."""

import subprocess
import sys
from pathlib import Path

import pytest

from inpformer.ui.server_folder import ServerFolder, remove_leftovers
from inpformer.ui.sessions import Sessions

ROOT = Path(__file__).resolve().parents[2]
KILLED = """
import os, signal, sys
from pathlib import Path
from inpformer.ui.server_folder import ServerFolder
from inpformer.ui.sessions import Sessions
root, cache = map(Path, sys.argv[1:3])
sessions = Sessions(upload_root=cache, server=ServerFolder(root))
ann = sessions.get("ann")
upload = cache / "ab12" / "ann.png"
ann.keep(upload)
sessions.note_files("ann", {upload, *map(Path, sys.argv[3:])})
print(ann.folder, flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.fixture
def cache(tmp_path) -> Path:
    folder = tmp_path / "cache" / "ab12"
    folder.mkdir(parents=True)
    (folder / "ann.png").write_bytes(b"picture of Ann's")
    (folder.parent / "bob.png").write_bytes(b"picture of Bob's")
    return folder.parent


@pytest.mark.skipif(sys.platform == "win32", reason="kills by SIGKILL")
def test_what_a_killed_server_left_is_gone_after_the_next_start(tmp_path, cache):
    outside = tmp_path / "ours.txt"
    outside.write_text("ours")
    command = [sys.executable, "-c", KILLED, str(tmp_path), str(cache), str(outside)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60)
    left = Path(done.stdout.strip())
    assert [path.read_bytes() for path in left.rglob("*.png")] == [b"picture of Ann's"]
    remove_leftovers(cache, tmp_path)
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["bob.png", "cache", "ours.txt"]


def test_a_server_that_runs_keeps_what_it_has(tmp_path, cache):
    server = ServerFolder(tmp_path)
    sessions = Sessions(upload_root=cache, server=server)
    copy = sessions.get("ann").keep(cache / "ab12" / "ann.png")
    remove_leftovers(cache, tmp_path)
    assert copy.is_file() and (cache / "ab12" / "ann.png").is_file()
    server.remove()
    assert not copy.exists() and not server.path.exists()


def test_a_full_disk_keeps_nobody_from_an_answer(tmp_path, cache):
    server = ServerFolder(tmp_path)
    (server.path / "uploads.txt").mkdir()
    Sessions(upload_root=cache, server=server).note_files("ann", {cache / "bob.png"})
    server.remove()


def test_the_list_has_no_name_of_a_visitor_who_was_forgotten(tmp_path, cache):
    server = ServerFolder(tmp_path)
    sessions = Sessions(upload_root=cache, server=server)
    for name, path in (("ann", cache / "ab12" / "ann.png"), ("bob", cache / "bob.png")):
        sessions.get(name)
        sessions.note_files(name, {path})
    sessions.forget("ann")
    assert (server.path / "uploads.txt").read_text("utf-8") == f"{cache / 'bob.png'}\n"
    server.remove()
