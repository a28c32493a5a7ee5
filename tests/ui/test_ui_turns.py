"""Long work gives way, between its steps, to visitors who wait for an answer; no clock is asked."""

import threading
import time

import pytest
from ui_doubles import SECONDS, wait_until

from inpformer.fit_config import FitConfig
from inpformer.ui import session as session_module
from inpformer.ui import wiring
from inpformer.ui.batch_handlers import BatchHandlers
from inpformer.ui.session import Job
from inpformer.ui.turns import SHARE, Pace, Turns
from inpformer.ui.wiring import COMPARE_TURN, FIT_TURN, MODEL_TURN, shown_to_visitor

FOREVER = 10 * SECONDS
QUICK = FitConfig(variant="inp-former", steps=3, tokens_per_view=8, inp_count=4)


@pytest.fixture
def turns(monkeypatch) -> Turns:
    """What the page uses, with a patience that no test outlasts."""
    turns = Turns(FOREVER)
    monkeypatch.setattr(session_module, "TURNS", turns)
    monkeypatch.setattr(wiring, "TURNS", turns)
    return turns


class Worker:
    """Long work in a thread: one step, then it asks whether to go on, and so forth."""

    def __init__(self, job: Job, events: list[str]) -> None:
        self.events, self.job = events, job
        self.may_step = threading.Semaphore(0)
        self.asks = threading.Event()
        self.thread = threading.Thread(target=self.work, daemon=True)
        self.thread.start()

    def work(self) -> None:
        while self.may_step.acquire():
            self.events.append("step")
            self.asks.set()
            if self.job.should_stop():
                return
            self.events.append("may go on")

    def steps(self) -> None:
        """Let it take a step, and wait until it asks whether to go on."""
        self.asks.clear()
        self.may_step.release()
        assert self.asks.wait(SECONDS)

    def ends(self) -> None:
        self.job.stop.set()
        self.may_step.release()
        self.thread.join(SECONDS)
        assert not self.thread.is_alive()


def test_work_goes_on_only_when_everybody_has_an_answer(turns):
    events: list[str] = []
    worker = Worker(Job("a fit"), events)
    with turns.answering():
        with turns.answering():
            worker.steps()
            events.append("first answer")
        events.append("second answer")
    wait_until(lambda: "may go on" in events, "the work to go on")
    assert events == ["step", "first answer", "second answer", "may go on"]
    worker.ends()


def test_a_visitor_who_waits_for_an_answer_is_never_kept_by_work(turns):
    worker = Worker(Job("a fit"), [])
    with turns.answering():
        worker.steps()
        # Nothing here waits for the work, which cannot go on.
        with turns.answering():
            pass
    worker.ends()


def test_an_answer_that_fails_keeps_nobody(turns):
    with pytest.raises(ValueError, match="no"), turns.answering():
        raise ValueError("no")
    assert not Job("a fit").should_stop()


def test_work_that_has_been_patient_goes_on_for_a_part_of_that_time():
    turns, pace = Turns(patience=0.4), Pace()
    with turns.answering():
        # Patience is used up in pieces, too.
        for _ in range(2):
            began = time.monotonic()
            turns.give_way(pace, lambda began=began: time.monotonic() > began + 0.1)
        assert 0.2 <= pace.waited < 0.4
        turns.give_way(pace)  # returns, although somebody is being answered
        left = pace.free_until - time.monotonic()
        assert 0 < left <= SHARE * 0.4
        began = time.monotonic()
        turns.give_way(pace)
        assert time.monotonic() < pace.free_until, "it gave way in its own time"
        while time.monotonic() < pace.free_until:
            time.sleep(0.01)
        began = time.monotonic()
        turns.give_way(pace)
        assert time.monotonic() > began + 0.3, "it gave way no more"


def test_work_that_is_told_to_stop_waits_for_nobody(turns):
    worker = Worker(Job("a fit"), [])
    with turns.answering():
        worker.steps()
        began = time.monotonic()
        worker.ends()
        assert time.monotonic() < began + 2


def test_whatever_the_page_answers_in_one_go_is_before_work_and_a_stream_is_not(turns):
    events: list[str] = []
    worker = Worker(Job("a fit"), events)

    @shown_to_visitor
    def answer() -> None:
        worker.steps()
        events.append("answer")

    @shown_to_visitor
    def stream():
        worker.steps()
        wait_until(lambda: events.count("may go on") == 2, "the work to go on beside a stream")
        yield

    answer()
    wait_until(lambda: "may go on" in events, "the work to go on")
    assert events == ["step", "answer", "may go on"]
    list(stream())
    worker.ends()


def test_a_fit_takes_no_step_while_another_visitor_inspects(
    turns, fitting, inspecting, pictures, monkeypatch
):
    """With the real fit and the real inspection; the order of events is all that is looked at."""
    events: list[str] = []
    start = fitting.handlers.shelf.start
    real_fit, fit_steps, is_inspecting = start.fit, threading.Event(), threading.Event()

    def fit(images, config, tell, should_stop):
        def told(step):
            events.append("step")
            fit_steps.set()
            tell(step)
            if events.count("step") == 2:
                # The fit is at its second step when the visitor comes.
                assert is_inspecting.wait(SECONDS)

        return real_fit(images, config, told, should_stop)

    monkeypatch.setattr(start, "fit", fit)

    @shown_to_visitor
    def inspect() -> None:
        events.append("begins")
        is_inspecting.set()
        inspecting.inspect("bob", str(pictures["blot"]))
        events.append("ends")

    stream = fitting.fit("ann", [str(pictures["normal"])], QUICK)
    reader = threading.Thread(target=list, args=(stream,), daemon=True)
    reader.start()
    wait_until(lambda: events.count("step") == 2, "two steps of the fit")
    inspect()
    reader.join(FOREVER)
    first, last = events.index("begins"), events.index("ends")
    assert events[:first] == ["step", "step"]
    assert "step" not in events[first:last], "a step was taken while a visitor waited"
    assert "step" in events[last:], "the fit went on afterwards"


def test_many_pictures_let_others_go_first_between_two_of_them(turns, inspecting, pictures):
    batch = BatchHandlers(inspecting)
    reports = batch.inspect_all("ann", [str(pictures["normal"]), str(pictures["blot"])])
    next(reports)
    events: list[str] = []

    def go_on() -> None:
        next(reports)
        events.append("another picture")

    with turns.answering():
        thread = threading.Thread(target=go_on, daemon=True)
        thread.start()
        # It may look at the picture at hand, and is then about to say so.
        kept = inspecting.handlers.sessions.get("ann").inspections
        wait_until(lambda: len(kept) == 1, "the picture at hand")
        thread.join(0.1)
        events.append("answer")
    thread.join(SECONDS)
    assert events == ["answer", "another picture"]
    reports.close()


def test_a_job_with_many_pictures_holds_no_turn_of_single_pictures():
    turns = [each["concurrency_id"] for each in (MODEL_TURN, FIT_TURN, COMPARE_TURN)]
    assert len(set(turns)) == 3
