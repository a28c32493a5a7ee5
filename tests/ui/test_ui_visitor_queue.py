"""The line of all actions: nobody fills it, goes around it, or holds a place they have left."""

import threading
import time
from collections.abc import Iterator

import httpx
import pytest
from ui_doubles import SECONDS, Page, file_value, wait_until

from benchmarks.crowd_clients import Line
from benchmarks.crowd_load import Plan, load
from benchmarks.crowd_server import running
from benchmarks.crowd_visitor import Marks, RefusedError, Visitor, functions_of
from inpformer.ui import text
from inpformer.ui.words import CHINESE

LOOK = ("full", "fitted")
# Far longer than any test waits; the page's tiny network takes hundreds of steps a second.
LONG_FIT = ("inp-former", 2000, 4, False, 0, "", 0.05, None, "", None)


@pytest.fixture
def crowd(page: Page) -> list[Visitor]:
    """Three visitors who have arrived."""
    visitors = [Visitor(page.url, mark, functions_of(page.url)) for mark in Marks(3).all]
    for visitor in visitors:
        visitor.arrive()
    return visitors


@pytest.fixture
def busy(page: Page, source, crowd, monkeypatch) -> Iterator[threading.Event]:
    """The page while it looks at somebody's picture, until the event is set."""
    may_end, begun, predict = threading.Event(), threading.Event(), source.predict

    def wait(*given, **options):
        begun.set()
        assert may_end.wait(SECONDS)
        return predict(*given, **options)

    monkeypatch.setattr(source, "predict", wait)
    last = crowd[-1]
    line = Line(last, "inspect", last.picture(1), *LOOK)
    assert begun.wait(SECONDS)
    yield may_end
    may_end.set()
    line.wait_for("process_completed")
    wait_until(lambda: len(page.demo._queue) == 0, "the queue to be empty")


def ask(visitor: Visitor) -> None:
    visitor.join("inspect", visitor.picture(2), *LOOK)


def test_one_visitor_cannot_fill_the_queue(page, crowd, busy, monkeypatch):
    monkeypatch.setattr(page.demo._queue, "most_each", 2)
    ann, bob, _ = crowd
    ask(ann)
    ask(ann)
    with pytest.raises(RefusedError) as refused:
        ask(ann)
    assert text.QUEUE_FULL_OF_YOURS.format(count=2) in str(refused.value)
    ask(bob)
    assert len(page.demo._queue) == 3


def test_a_full_queue_is_said_in_the_language_of_the_visitor(page, crowd, busy, monkeypatch):
    monkeypatch.setattr(page.demo._queue, "max_size", 1)
    ann, bob, _ = crowd
    ask(ann)
    with pytest.raises(RefusedError, match=text.QUEUE_FULL):
        ask(bob)
    bob.http.headers["accept-language"] = "zh-CN"
    with pytest.raises(RefusedError, match=CHINESE.QUEUE_FULL):
        ask(bob)


def test_what_needs_a_turn_cannot_be_done_without_one(page, crowd):
    body = {"data": [None, *LOOK], "session_hash": "hasty"}
    for name in ("inspect", "predict"):
        body["fn_index"] = crowd[0].functions["inspect"]
        answer = httpx.post(f"{page.url}/gradio_api/run/{name}", json=body, timeout=SECONDS)
        assert answer.status_code == 404
    assert crowd[0].now("cancel").status_code == 200, "what needs none is done at once"


@pytest.mark.parametrize("how", ["cancels", "vanishes"])
def test_the_place_of_who_cancels_or_vanishes_is_free_at_once(crowd, how):
    ann, bob, _ = crowd
    line = Line(ann, "fit", [ann.picture(1)], *LONG_FIT)
    line.wait_for("process_generating")
    next_one = Line(bob, "fit", [bob.picture(1)], *LONG_FIT)
    next_one.wait_for("estimation")
    ended = time.monotonic()
    if how == "cancels":
        ann.now("cancel")
    else:
        line.close()
    assert next_one.wait_for("process_starts") - ended < 2
    next_one.wait_for("process_generating")
    bob.now("cancel")
    next_one.wait_for("process_completed")
    line.close()
    next_one.close()


def test_who_vanished_in_the_queue_has_no_turn(page, crowd, busy):
    ann, bob, _ = crowd
    waiting = Line(ann, "inspect", ann.picture(1), *LOOK)
    waiting.wait_for("estimation")
    waiting.close()
    wait_until(lambda: len(page.demo._queue) == 0, "the place to be free")
    ask(bob)
    assert len(page.demo._queue) == 1


def test_what_gradio_keeps_of_a_visitor_goes_with_them(page):
    picture = page.upload("mine.png", b"no picture").json()[0]
    page.call("inspect", file_value(picture), *LOOK, session="kept")
    page.call("list_results", "all", "mine", session="kept")
    states = page.demo.app.state_holder.session_data
    assert "kept" in states and not states["kept"].config_values
    page.demo._visitors.forget("kept")
    assert "kept" not in states


def test_states_of_callers_without_a_page_are_bounded(page):
    most = page.demo._visitors.most
    assert most <= page.demo.app.state_holder.capacity <= 2 * most
    assert not page.demo._queue.event_analytics or len(page.demo._queue.event_analytics) == 1


@pytest.mark.slow
def test_a_small_crowd_is_served_without_an_error(tmp_path):
    with running(tmp_path, cores=2) as server:
        report = load(server, Plan(visitors=4, fitting=1, seconds=15, every=20), times=1)
    found = "\n".join(report.lines)
    assert "100% of that hour" in found and "| fit |" in found, found
    # How quick it is depends on what else this machine does.
    assert not [each for each in report.problems if " x " in each], found
