import io
import stat
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from inpformer import picture_sources
from inpformer.errors import ImageError
from inpformer.picture_sources import find_pictures


def png(value: int = 90) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(np.full((12, 16, 3), value, np.uint8)).save(stream, "PNG")
    return stream.getvalue()


def make_zip(path: Path, members: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> Path:
    with zipfile.ZipFile(path, "w", method) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return path


def names(found) -> list[str]:
    return [picture.name for picture in found.pictures]


def test_pictures_folders_and_zips_become_one_list(tmp_path):
    (tmp_path / "single.png").write_bytes(png(1))
    (tmp_path / "folder" / "deep").mkdir(parents=True)
    (tmp_path / "folder" / "deep" / "b.jpg").write_bytes(png(2))
    archive = make_zip(tmp_path / "more.zip", {"line 1/c.png": png(3), "readme.txt": b"hello"})
    found = find_pictures([tmp_path / "single.png", tmp_path / "folder", archive])
    assert names(found) == ["single.png", "deep/b.jpg", "line 1/c.png"] and not found.problems
    assert [picture.read().image[0, 0, 0] for picture in found.pictures] == [1, 2, 3]


def test_an_unreadable_file_is_named_and_the_others_are_still_read(tmp_path):
    (tmp_path / "good.png").write_bytes(png())
    (tmp_path / "bad.zip").write_bytes(b"PK\x03\x04 not really")
    found = find_pictures([tmp_path / "bad.zip", tmp_path / "good.png", tmp_path / "gone.png"])
    assert names(found) == ["good.png"]
    assert [("bad.zip" in p, "gone.png" in p) for p in found.problems] == [
        (True, False),
        (False, True),
    ]
    assert all(problem.endswith(".") for problem in found.problems)


def test_a_damaged_picture_in_a_zip_is_named_when_it_is_read(tmp_path):
    archive = make_zip(tmp_path / "a.zip", {"broken.png": png()[:40], "fine.png": png()})
    broken, fine = find_pictures([archive]).pictures
    with pytest.raises(ImageError, match=r"'broken\.png' is damaged"):
        broken.read()
    assert fine.read().image.shape == (12, 16, 3)


@pytest.mark.parametrize("name", ["../out.png", "a/../../out.png", "/etc/out.png", "C:\\out.png"])
def test_a_name_that_leads_out_of_the_zip_is_left_out(tmp_path, name):
    found = find_pictures([make_zip(tmp_path / "a.zip", {name: png(), "in.png": png()})])
    assert names(found) == ["in.png"]
    assert "leads out of the zip" in found.problems[0]


def test_a_link_in_a_zip_is_left_out(tmp_path):
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        link = zipfile.ZipInfo("secret.png")
        link.external_attr = (stat.S_IFLNK | 0o777) << 16
        archive.writestr(link, "/etc/passwd")
        archive.writestr("in.png", png())
    found = find_pictures([tmp_path / "a.zip"])
    assert names(found) == ["in.png"] and "is a link" in found.problems[0]


def test_hidden_files_and_those_of_a_mac_are_passed_over_without_a_word(tmp_path):
    members = {"__MACOSX/._a.png": b"x", ".hidden/a.png": png(), "dir/.b.png": b"", "c.png": png()}
    found = find_pictures([make_zip(tmp_path / "a.zip", members)])
    assert names(found) == ["c.png"] and not found.problems


def test_a_zip_in_a_zip_stays_closed(tmp_path):
    inner = make_zip(tmp_path / "inner.zip", {"a.png": png()}).read_bytes()
    found = find_pictures([make_zip(tmp_path / "a.zip", {"inner.zip": inner, "b.png": png()})])
    assert names(found) == ["b.png"] and "unpack it first" in found.problems[0]


def test_a_bomb_is_not_unpacked(tmp_path):
    bomb = make_zip(tmp_path / "a.zip", {"bomb.png": b"\0" * (8 << 20), "b.png": png()})
    found = find_pictures([bomb])
    assert names(found) == ["b.png"] and "bomb.png" in found.problems[0]


def test_a_member_that_is_larger_than_a_picture_may_be_is_left_out(tmp_path, monkeypatch):
    monkeypatch.setattr(picture_sources, "MAX_PICTURE_BYTES", 1000)
    members = {"large.png": np.random.default_rng(0).bytes(2000), "b.png": png()}
    found = find_pictures([make_zip(tmp_path / "a.zip", members)])
    assert names(found) == ["b.png"] and "limit" in found.problems[0]


def test_a_list_of_contents_of_absurd_length_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(picture_sources, "_MAX_LIST_BYTES", 500)
    many = make_zip(tmp_path / "many.zip", {f"{i}.png": b"" for i in range(40)})
    with pytest.raises(ImageError, match=r"many\.zip"):
        find_pictures([many])


def test_a_locked_zip_is_said_to_be_locked(tmp_path):
    path = make_zip(tmp_path / "a.zip", {"a.png": png(), "b.png": png()})
    data = bytearray(path.read_bytes())
    data[data.index(b"PK\x01\x02") + 8] |= 1  # as in a zip with a password
    path.write_bytes(data)
    found = find_pictures([path])
    assert names(found) == ["b.png"] and "password" in found.problems[0]


def test_more_pictures_than_one_job_takes_are_left_out_and_said(tmp_path):
    archive = make_zip(tmp_path / "a.zip", {f"{i:02d}.png": png() for i in range(9)})
    found = find_pictures([archive], max_pictures=4)
    assert names(found) == ["00.png", "01.png", "02.png", "03.png"]
    assert "These are 9 pictures; the first 4" in found.problems[0]


def test_more_bytes_than_one_job_takes_are_left_out_and_said(tmp_path):
    archive = make_zip(tmp_path / "a.zip", {"a.png": png(), "b.png": png()})
    found = find_pictures([archive], max_total_bytes=len(png()) + 1)
    assert names(found) == ["a.png"] and "'b.png' was left out" in found.problems[0]


def test_two_pictures_of_one_name_can_be_told_apart(tmp_path):
    paths = [tmp_path / side / "a.png" for side in ("left", "right")]
    for path in paths:
        path.parent.mkdir()
        path.write_bytes(png())
    assert names(find_pictures(paths)) == ["a.png", "a.png (2)"]


@pytest.mark.parametrize("members", [{}, {"notes.txt": b"hello"}])
def test_a_zip_without_pictures_is_refused_with_the_kinds_to_put_in(tmp_path, members):
    with pytest.raises(ImageError, match=r"holds no pictures.*\.png"):
        find_pictures([make_zip(tmp_path / "a.zip", members)])


def test_nothing_at_all_is_refused_with_what_to_do():
    with pytest.raises(ImageError, match="Add at least one"):
        find_pictures([])
