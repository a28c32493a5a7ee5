"""What the server remembers of its visitors, and for how long."""

import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from inpformer.ui.session import DISPLAY_SIDE, Inspection, Sessions


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
    ann.detector = object()
    assert sessions.get("ann") is ann and sessions.get("bob") is bob
    assert bob.detector is None and bob.inspection is None and bob.stop is None
    assert len(sessions) == 2


def test_the_visitor_who_was_away_longest_makes_room(clock):
    sessions = Sessions(max_sessions=2, clock=clock)
    ann, bob = sessions.get("ann"), sessions.get("bob")
    assert sessions.get("ann") is ann
    bob.stop = threading.Event()
    sessions.get("cid")
    assert len(sessions) == 2 and bob.stop.is_set()
    assert sessions.get("ann") is ann
    assert sessions.get("bob") is not bob


def test_an_idle_visitor_is_dropped_and_a_busy_one_is_not(clock):
    sessions = Sessions(idle_seconds=60, clock=clock)
    ann, bob = sessions.get("ann"), sessions.get("bob")
    ann.stop = threading.Event()
    clock.now += 40
    assert sessions.get("bob") is bob
    clock.now += 40
    assert sessions.get("bob") is bob
    assert len(sessions) == 1 and ann.stop.is_set()
    assert sessions.get("ann") is not ann


def test_forgetting_drops_everything_and_stops_the_fit():
    sessions = Sessions()
    ann = sessions.get("ann")
    ann.stop = stop = threading.Event()
    sessions.forget("ann")
    assert stop.is_set() and len(sessions) == 0
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


class FakeResult:
    """A result of any size, which counts how often a map is computed."""

    def __init__(self, height: int, width: int) -> None:
        self.values = np.linspace(0, 1, height * width, dtype=np.float32).reshape(height, width)
        self.asked = 0

    def map(self, name: str) -> np.ndarray:
        self.asked += 1
        return self.values


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
def test_maps_of_any_size_fit_the_picture_that_is_shown(height, width, shown):
    image, result = np.full((height, width, 3), 90, np.uint8), FakeResult(height, width)
    inspection = Inspection.of(image, result)
    values = inspection.display_map("distance")
    assert inspection.display_image.shape == (*shown, 3) and values.shape == shown
    assert max(shown) <= DISPLAY_SIDE and min(shown) >= 1
    assert inspection.display_image.dtype == np.uint8 and values.dtype == np.float32
    assert (inspection.display_image == 90).all()
    assert values.mean() == pytest.approx(0.5, abs=0.01)


def test_a_map_is_brought_to_display_size_once():
    result = FakeResult(40, 30)
    inspection = Inspection.of(np.zeros((40, 30, 3), np.uint8), result)
    first = inspection.display_map("distance")
    assert inspection.display_map("distance") is first and result.asked == 1
    inspection.display_map("fused")
    assert result.asked == 2


def test_the_picture_that_is_shown_is_a_copy():
    image = np.zeros((20, 30, 3), np.uint8)
    inspection = Inspection.of(image, FakeResult(20, 30))
    image[:] = 255
    assert not inspection.display_image.any()
