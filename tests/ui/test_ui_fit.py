"""Fitting as a stream of reports, as plain functions."""

import threading

import pytest
from ui_doubles import SECONDS, percentages, words_of

from inpformer.config import FitConfig
from inpformer.errors import UserError
from inpformer.model_input import MAX_SHOTS
from inpformer.ui import text, views

QUICK = FitConfig(variant="inp-former", steps=3, tokens_per_view=8, inp_count=4)
LOOK = (0.6, "inferno")


def paths(pictures, *names: str) -> list[str]:
    return [str(pictures[name]) for name in names or ("normal", "second")]


def start(handlers, scripted, pictures, visitor: str = "ann"):
    """Start a scripted fit and return its stream after the first report."""
    stream = handlers.fit(visitor, paths(pictures), QUICK)
    scripted.may_step.release()
    assert next(stream).is_running
    return stream


def fit_threads() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "fit"]


def test_the_share_that_is_done_never_falls(handlers, pictures):
    *running, last = handlers.fit("ann", paths(pictures), QUICK)
    shares = percentages(running)
    assert len(shares) > 2 and shares == sorted(shares)
    assert 0 < shares[0] < 1 and all(report.is_running for report in running)
    assert not last.is_running and "Now inspect" in words_of(last.progress)


def test_the_detector_card_changes_only_at_the_end(handlers, pictures):
    *running, last = handlers.fit("ann", paths(pictures), QUICK)
    assert {report.detector_card for report in running} == {views.detector_card(handlers.detector)}
    fitted = handlers.sessions.get("ann").detector
    assert last.detector_card == views.detector_card(fitted) != running[0].detector_card
    assert fitted.config.variant == "inp-former" and fitted.provenance.shot_count == 2
    assert handlers.detector.calibration is None


def test_the_fitted_detector_is_the_one_that_inspects(handlers, pictures):
    list(handlers.fit("ann", paths(pictures), QUICK))
    report = handlers.inspect("ann", str(pictures["blot"]), *LOOK)
    assert report.is_calibrated and report.map_names == ("reconstruction", "distance")


def test_pictures_that_are_the_same_are_said_to_count_once(handlers, pictures):
    quick = FitConfig(variant="training-free", inp_count=4)
    *_, last = handlers.fit("ann", paths(pictures, "normal", "copy"), quick)
    words = words_of(last.progress)
    assert "identical" in words and "2" in words and "1" in words
    *_, last = handlers.fit("bob", paths(pictures), quick)
    assert "identical" not in words_of(last.progress)


@pytest.mark.parametrize("files", [None, []])
def test_a_fit_without_pictures_says_what_to_do(handlers, files):
    with pytest.raises(UserError, match=text.NO_NORMALS):
        next(handlers.fit("ann", files, QUICK))


@pytest.mark.parametrize("case", ["many", "text", "cut", "empty", "thin"])
def test_a_fit_that_cannot_start_says_why_and_loses_nothing(handlers, pictures, plus, case):
    session = handlers.sessions.get("ann")
    session.detector = plus
    handlers.inspect("ann", str(pictures["blot"]), *LOOK)
    inspection = session.inspection
    names = ["normal"] * (MAX_SHOTS + 1) if case == "many" else ["normal", case]
    word = str(MAX_SHOTS + 1) if case == "many" else f"{case}.png"
    with pytest.raises(UserError, match=word) as caught:
        next(handlers.fit("ann", paths(pictures, *names), QUICK))
    assert str(caught.value).endswith(".")
    assert session.detector is plus and session.inspection is inspection and session.stop is None
    assert handlers.sessions.get("ann") is session


def test_the_normal_pictures_are_shown_with_their_names_and_notes(handlers, pictures):
    shown = handlers.show_normals(paths(pictures, "normal", "moving"))
    assert [entry[0].shape for entry in shown] == [(90, 120, 3), (90, 120, 3)]
    assert "normal.png" in shown[0][1] and "moving.gif" in shown[1][1]
    assert "first of 3 frames" in shown[1][1]
    assert handlers.show_normals(None) == []
    for names, word in ((["cut"], "cut.png"), (["normal"] * 17, "17")):
        with pytest.raises(UserError, match=word):
            handlers.show_normals(paths(pictures, *names))


@pytest.mark.parametrize("has_older", [False, True])
def test_a_cancelled_fit_leaves_the_older_detector_and_says_so(
    scripted_handlers, scripted, pictures, plus, has_older
):
    session = scripted_handlers.sessions.get("ann")
    session.detector = older = plus if has_older else None
    card = views.detector_card(older or scripted)
    stream = start(scripted_handlers, scripted, pictures)
    scripted_handlers.cancel("ann")
    *_, last = stream
    assert words_of(last.progress) == text.FIT_CANCELLED and not last.is_running
    assert last.detector_card == card and session.detector is older
    assert scripted.ended.wait(SECONDS) and session.stop is None


def test_a_real_fit_stops_soon_after_it_is_cancelled(handlers, pictures):
    stream = handlers.fit("ann", paths(pictures), FitConfig(steps=100_000, inp_count=4))
    next(stream)
    handlers.cancel("ann")
    *_, last = stream
    assert words_of(last.progress) == text.FIT_CANCELLED
    assert handlers.sessions.get("ann").detector is None and not fit_threads()


def test_cancelling_when_nothing_runs_does_nothing(handlers, pictures):
    handlers.cancel("ann")
    *_, last = handlers.fit("ann", paths(pictures), QUICK)
    assert "Now inspect" in words_of(last.progress)


def test_only_the_visitors_own_fit_is_cancelled(scripted_handlers, scripted, pictures):
    stream = start(scripted_handlers, scripted, pictures)
    scripted_handlers.cancel("bob")
    scripted.let_go()
    *_, last = stream
    assert "Now inspect" in words_of(last.progress)


def test_the_thread_ends_when_the_visitor_goes_away(scripted_handlers, scripted, pictures):
    stream = start(scripted_handlers, scripted, pictures)
    (thread,) = fit_threads()
    stream.close()
    thread.join(SECONDS)
    assert not thread.is_alive() and scripted.ended.is_set()
    session = scripted_handlers.sessions.get("ann")
    assert session.stop is None and session.detector is None


def test_forgetting_a_visitor_stops_the_fit(scripted_handlers, scripted, pictures):
    stream = start(scripted_handlers, scripted, pictures)
    scripted_handlers.sessions.forget("ann")
    *_, last = stream
    assert words_of(last.progress) == text.FIT_CANCELLED and scripted.ended.is_set()
    assert scripted_handlers.sessions.get("ann").detector is None


def test_a_second_fit_of_the_same_visitor_is_refused_and_the_first_goes_on(
    scripted_handlers, scripted, pictures
):
    stream = start(scripted_handlers, scripted, pictures)
    with pytest.raises(UserError, match=text.BUSY):
        next(scripted_handlers.fit("ann", paths(pictures), QUICK))
    assert scripted_handlers.sessions.get("ann").stop is not None
    scripted.let_go()
    *_, last = stream
    assert "Now inspect" in words_of(last.progress) and scripted.image_counts == [2]
    assert scripted_handlers.sessions.get("ann").detector is scripted.fitted


def test_after_a_refused_second_fit_the_first_can_still_be_cancelled(
    scripted_handlers, scripted, pictures
):
    stream = start(scripted_handlers, scripted, pictures)
    with pytest.raises(UserError):
        next(scripted_handlers.fit("ann", paths(pictures), QUICK))
    scripted_handlers.cancel("ann")
    *_, last = stream
    assert words_of(last.progress) == text.FIT_CANCELLED


@pytest.mark.parametrize("error", [RuntimeError("out of memory"), UserError("Use less.")])
def test_after_a_failed_fit_the_visitor_can_fit_again(scripted_handlers, scripted, pictures, error):
    session = scripted_handlers.sessions.get("ann")
    scripted.error = error
    scripted.let_go()
    with pytest.raises(type(error), match=str(error)):
        list(scripted_handlers.fit("ann", paths(pictures), QUICK))
    assert session.stop is None and session.detector is None
    scripted.error = None
    *_, last = scripted_handlers.fit("ann", paths(pictures), QUICK)
    assert not last.is_running and session.detector is scripted.fitted


def test_while_a_fit_runs_the_visitor_inspects_with_the_older_detector(
    scripted_handlers, scripted, pictures
):
    stream = start(scripted_handlers, scripted, pictures)
    during = scripted_handlers.inspect("ann", str(pictures["blot"]), *LOOK)
    scripted.let_go()
    list(stream)
    after = scripted_handlers.inspect("ann", str(pictures["blot"]), *LOOK)
    assert (during.is_calibrated, after.is_calibrated) == (False, True)


@pytest.mark.parametrize("variant", ["training-free", "inp-former"])
def test_a_detector_of_flat_pictures_still_inspects(handlers, pictures, variant):
    config = FitConfig(variant=variant, steps=3, tokens_per_view=8, inp_count=4)
    *_, last = handlers.fit("ann", paths(pictures, "flat"), config)
    assert "Now inspect" in words_of(last.progress)
    for name in ("flat", "blot"):
        verdict = handlers.inspect("ann", str(pictures[name]), *LOOK).map_view.verdict
        assert "confidence" in words_of(verdict) and "nan" not in words_of(verdict)


def test_a_visitors_fit_is_not_seen_by_another(handlers, pictures):
    list(handlers.fit("ann", paths(pictures), QUICK))
    assert handlers.sessions.get("bob").detector is None
    assert not handlers.inspect("bob", str(pictures["blot"]), *LOOK).is_calibrated
    *running, _ = handlers.fit("bob", paths(pictures), QUICK)
    assert running[0].detector_card == views.detector_card(handlers.detector)
