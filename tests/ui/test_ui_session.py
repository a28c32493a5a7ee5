"""What the server remembers of its visitors, and for how long."""

import errno
import shutil
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from inpformer.errors import UserError
from inpformer.settings import Settings
from inpformer.ui.inspection import DISPLAY_SIDE, Inspection
from inpformer.ui.session import MAX_INSPECTIONS
from inpformer.ui.sessions import Sessions


class Clock:
    """A clock that the test moves."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def test_a_visitor_keeps_one_session_and_shares_it_with_nobody():
    sessions = Sessions()
    ann, bob = sessions.get("ann"), sessions.get("bob")
    ann.add_detector("hers", object())
    assert sessions.get("ann") is ann and sessions.get("bob") is bob
    assert not bob.own and bob.inspection is None and bob.job is None
    assert len(sessions) == 2


def test_the_visitor_who_was_away_longest_makes_room(clock):
    sessions = Sessions(max_sessions=2, clock=clock)
    ann, bob = sessions.get("ann"), sessions.get("bob")
    assert sessions.get("ann") is ann
    sessions.get("cid")
    assert len(sessions) == 2 and sessions.get("ann") is ann
    assert sessions.get("bob") is not bob


def test_who_fits_or_waits_for_a_turn_makes_room_last(clock):
    sessions = Sessions(max_sessions=3, clock=clock)
    ann, bob = sessions.get("ann"), sessions.get("bob")
    job = ann.start_job("fit")
    sessions.in_line = lambda: {"bob"}
    for name in ("cid", "dan", "eve"):
        sessions.get(name)
    assert len(sessions) == 3 and not job.stop.is_set()
    assert sessions.get("bob") is bob and sessions.get("ann") is ann
    sessions.in_line = lambda: {"bob", "eve"}
    sessions.get("fay")
    assert len(sessions) == 3 and sessions.find("eve", "page") is None, "where all are at work"


def test_a_page_that_was_reloaded_and_waits_for_a_turn_makes_room_last(clock):
    sessions = Sessions(max_sessions=3, clock=clock)
    ann = sessions.resume("ann", "")
    sessions.resume("ann again", ann.pass_key)
    sessions.in_line = lambda: {"ann again"}
    for name in ("bob", "cid", "dan"):
        sessions.get(name)
    assert sessions.get("ann again") is ann


def test_who_waits_for_a_turn_is_not_idle(clock):
    sessions = Sessions(idle_seconds=60, clock=clock)
    ann = sessions.get("ann")
    sessions.in_line = lambda: {"ann"}
    clock.now += 100
    sessions.sweep()
    assert sessions.get("ann") is ann


def test_an_idle_visitor_is_dropped_and_a_busy_one_is_not(clock):
    sessions = Sessions(idle_seconds=60, clock=clock)
    ann, bob = sessions.get("ann"), sessions.get("bob")
    clock.now += 40
    assert sessions.get("bob") is bob
    clock.now += 40
    assert sessions.get("bob") is bob
    assert len(sessions) == 1 and sessions.get("ann") is not ann


def test_a_visitor_is_not_idle_while_long_work_of_theirs_runs(clock):
    sessions = Sessions(idle_seconds=60, clock=clock)
    job = (ann := sessions.get("ann")).start_job("fit")
    clock.now += 100
    sessions.sweep()
    assert len(sessions) == 1 and not job.stop.is_set()
    ann.end_job(job)
    sessions.sweep()
    assert len(sessions) == 0


def test_forgetting_drops_everything_and_stops_the_fit(tmp_path):
    sessions = Sessions(root=tmp_path)
    ann = sessions.get("ann")
    job = ann.start_job("fit")
    (ann.folder / "map.npy").write_bytes(b"map")
    sessions.forget("ann")
    assert job.stop.is_set() and len(sessions) == 0 and not any(tmp_path.iterdir())
    assert sessions.get("ann") is not ann
    sessions.forget("nobody")


def test_many_threads_at_once_get_one_session_per_visitor():
    sessions = Sessions(max_sessions=5)
    together = threading.Barrier(8)

    def visit(number: int) -> list:
        together.wait(10)
        return [sessions.get(f"visitor {turn % 5}") for turn in range(number, number + 500)]

    with ThreadPoolExecutor(8) as pool:
        seen = [session for got in pool.map(visit, range(8)) for session in got]
    assert len({id(session) for session in seen}) == len(sessions) == 5


def test_the_limit_holds_when_many_threads_bring_and_drop_visitors():
    sessions = Sessions(max_sessions=3)

    def visit(number: int) -> int:
        for turn in range(200):
            sessions.get(f"{number} {turn}")
            if turn % 3 == 0:
                sessions.forget(f"{number} {turn}")
        return len(sessions)

    with ThreadPoolExecutor(8) as pool:
        assert max(pool.map(visit, range(8))) <= 3 + 1  # one may be between coming and making room
    assert len(sessions) <= 3


def test_only_one_long_work_runs_at_a_time_and_ending_it_lets_the_next_begin():
    ann = Sessions().get("ann")
    job = ann.start_job("fit")
    with pytest.raises(UserError, match="Your fit is still running"):
        ann.start_job("comparison")
    ann.end_job(job)
    assert job.stop.is_set() and ann.start_job("comparison").what == "comparison"


def test_work_ends_and_leaves_no_file_of_a_visitor_who_was_forgotten_meanwhile(tmp_path):
    sessions = Sessions(root=tmp_path)
    ann = sessions.get("ann")
    with ann.work("fit") as job:
        sessions.forget("ann")
        assert job.stop.is_set()
        (ann.folder / "late.npy").write_bytes(b"map")
    assert ann.job is None and not any(tmp_path.iterdir())


def test_only_the_work_that_is_named_is_asked_to_stop():
    ann = Sessions().get("ann")
    with ann.work("fit") as job:
        ann.stop_job("comparison")
        assert not job.stop.is_set()
        ann.stop_job("fit")
        assert job.stop.is_set()
    ann.stop_job()
    with pytest.raises(ZeroDivisionError), ann.work("fit"):
        raise ZeroDivisionError
    assert ann.job is None


def test_the_oldest_detector_makes_room_and_is_named():
    ann = Sessions().get("ann")
    gone = [ann.add_detector(f"number {i}", object()) for i in range(Settings.detectors + 1)]
    assert [own.name for own in gone if own] == ["number 0"]
    assert len(ann.own) == Settings.detectors and ann.own[ann.detector_key].name == "number 6"


# A visitor's files


@pytest.fixture
def cache(tmp_path) -> Path:
    """A web server's cache of uploads."""
    folder = tmp_path / "cache"
    folder.mkdir()
    return folder


@pytest.fixture
def filed(tmp_path, cache, clock) -> Sessions:
    root = tmp_path / "visitors"
    root.mkdir()
    return Sessions(idle_seconds=60, clock=clock, root=root, upload_root=cache)


def upload(cache: Path, name: str = "part.png") -> Path:
    path = cache / name
    path.write_bytes(b"picture")
    return path


def files_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.rglob("*") if path.is_file())


@pytest.mark.parametrize("way", ["forget", "idle"])
def test_nothing_of_a_visitor_is_left_on_the_disk(filed, cache, clock, tmp_path, way):
    copy = filed.get("ann").keep(upload(cache))
    assert copy.read_bytes() == b"picture" and copy.name == "part.png"
    assert copy.is_relative_to(tmp_path / "visitors")
    if way == "forget":
        filed.forget("ann")
    else:
        clock.now += 61
        filed.sweep()
    assert not files_in(tmp_path) and len(filed) == 0


def test_a_picture_that_two_visitors_brought_stays_until_both_are_gone(filed, cache):
    path = upload(cache)
    copies = [filed.get(name).keep(path) for name in ("ann", "bob")]
    filed.forget("ann")
    assert path.is_file() and not copies[0].exists() and copies[1].is_file()
    filed.forget("bob")
    assert not path.exists()


def test_a_file_outside_the_cache_of_uploads_is_never_deleted(filed, tmp_path):
    path = tmp_path / "example.png"
    path.write_bytes(b"ours")
    filed.get("ann").keep(path)
    filed.forget("ann")
    assert path.is_file()


def test_an_upload_that_is_gone_is_one_sentence_without_the_servers_folders(filed, cache):
    with pytest.raises(UserError, match=r"part\.png is no longer") as caught:
        filed.get("ann").keep(cache / "part.png")
    assert str(cache) not in str(caught.value)


def test_a_full_disk_is_one_sentence_and_leaves_no_half_of_a_picture(
    filed, cache, tmp_path, monkeypatch
):
    path, ann = upload(cache), filed.get("ann")

    def copy_half(source, target):
        Path(target).write_bytes(b"pic")
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(shutil, "copyfile", copy_half)
        with pytest.raises(UserError, match=r"cannot keep part\.png: its disk is full") as caught:
            ann.keep(path)
    assert str(tmp_path) not in str(caught.value)
    assert files_in(tmp_path / "visitors") == []
    filed.forget("ann")
    assert files_in(tmp_path) == []


def test_a_folder_that_cannot_be_made_is_the_same_sentence(cache, tmp_path):
    (tmp_path / "a file").touch()
    ann = Sessions(root=tmp_path / "a file", upload_root=cache).get("ann")
    with pytest.raises(UserError, match=r"cannot keep part\.png"):
        ann.keep(upload(cache))


@pytest.mark.parametrize("jump", [-86_400.0, 86_400.0])
def test_a_wall_clock_that_jumps_forgets_nobody_and_keeps_nobody(filed, clock, monkeypatch, jump):
    filed.get("ann")
    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now + jump)
    filed.sweep()
    assert len(filed) == 1
    clock.now += 61
    filed.sweep()
    assert len(filed) == 0


def test_visitors_are_timed_by_a_clock_that_does_not_jump():
    assert Sessions()._clock is time.monotonic


@pytest.fixture
def unwritten(monkeypatch) -> None:
    """Results that have no maps to write into a file."""
    monkeypatch.setattr("inpformer.ui.inspection.rested", lambda result, _: result)


def test_the_oldest_result_makes_room_with_its_picture(filed, cache, unwritten):
    ann = filed.get("ann")
    path = upload(cache)
    kept = [inspected(ann.keep(path), FakeResult(4, 4)) for _ in range(MAX_INSPECTIONS + 1)]
    for inspection in kept:
        ann.add_inspection(inspection)
    assert len(ann.inspections) == MAX_INSPECTIONS and ann.inspection is kept[-1]
    assert not kept[0].path.exists() and kept[1].path.is_file()
    with pytest.raises(UserError, match="no longer on the server"):
        ann.show(kept[0].id)
    assert ann.inspection is kept[-1] and ann.show(kept[1].id) is ann.inspection is kept[1]


class FakeResult:
    """A result of any size, which counts how often a map is computed."""

    def __init__(self, height: int, width: int) -> None:
        self.values = np.linspace(0, 1, height * width, dtype=np.float32).reshape(height, width)
        self.asked = 0

    def map(self, name: str) -> np.ndarray:
        self.asked += 1
        return self.values

    def forget_pictures(self) -> None:
        pass


def inspected(path: Path, result: FakeResult) -> Inspection:
    return Inspection(path.name, path, result, None, "free", "The start")


def written(folder: Path, image: np.ndarray) -> Path:
    path = folder / "picture.png"
    Image.fromarray(image).save(path)
    return path


@pytest.mark.parametrize(
    ("height", "width", "shown"),
    [
        (1, 3000, (1, 1024)),
        (3000, 1, (1024, 1)),
        (5000, 3, (1024, 1)),
        (2, 2, (2, 2)),
        (8, 400, (8, 400)),
        (1024, 1024, (1024, 1024)),
        (1025, 7, (1024, 7)),
        (3001, 2000, (1024, 682)),
    ],
)
def test_maps_of_any_size_fit_the_picture_that_is_shown(
    height, width, shown, tmp_path, monkeypatch
):
    # Wider than read_image allows, too: the sizes are what is tried here.
    image = np.full((height, width, 3), 90, np.uint8)
    monkeypatch.setattr(Inspection, "read", lambda _: image)
    inspection = inspected(tmp_path / "picture.png", FakeResult(height, width))
    values = inspection.display_map("distance")
    assert inspection.display_image.shape == (*shown, 3) and values.shape == shown
    assert max(shown) <= DISPLAY_SIDE and min(shown) >= 1
    assert inspection.display_image.dtype == np.uint8 and values.dtype == np.float32
    assert (inspection.display_image == 90).all()
    assert values.mean() == pytest.approx(0.5, abs=0.01)


def test_a_map_is_brought_to_display_size_once_while_its_picture_is_shown(tmp_path, unwritten):
    result = FakeResult(40, 30)
    inspection = inspected(written(tmp_path, np.zeros((40, 30, 3), np.uint8)), result)
    first = inspection.display_map("distance")
    assert inspection.display_map("distance") is first and result.asked == 1
    inspection.display_map("fused")
    assert result.asked == 2
    inspection.rest()
    np.testing.assert_array_equal(inspection.display_map("distance"), first)
    assert result.asked == 3
