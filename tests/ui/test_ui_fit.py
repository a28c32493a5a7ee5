"""Fitting as a stream of reports, as plain functions."""

import threading

import pytest
import torch
from ui_doubles import SECONDS, give, percentages, words_of

from inpformer.detector import AnomalyDetector
from inpformer.errors import UserError
from inpformer.fit_config import FitConfig
from inpformer.fit_limits import FIT_ON_CPU_NOTICE
from inpformer.model_input import MAX_SHOTS
from inpformer.ui.words import ENGLISH as text

QUICK = FitConfig(variant="inp-former", steps=3, tokens_per_view=8, inp_count=4)


def paths(pictures, *names: str) -> list[str]:
    return [str(pictures[name]) for name in names or ("normal", "second")]


def start(fitting, scripted, pictures, visitor: str = "ann"):
    """Start a scripted fit and return its stream after the first report."""
    stream = fitting.fit(visitor, paths(pictures), QUICK)
    scripted.may_step.release()
    assert next(stream).is_running
    return stream


def in_use(fitting, visitor: str = "ann"):
    """Return the detector a visitor uses."""
    return fitting.handlers.detector_of(fitting.handlers.sessions.get(visitor))


def fit_threads() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "fit"]


def test_the_share_that_is_done_never_falls(fitting, pictures):
    *running, last = fitting.fit("ann", paths(pictures), QUICK)
    shares = percentages(running)
    assert len(shares) > 2 and shares == sorted(shares)
    assert 0 < shares[0] < 1 and all(report.is_running for report in running)
    assert not last.is_running and "Now inspect" in words_of(last.progress)


def test_the_detector_card_changes_only_at_the_end(fitting, pictures):
    *running, last = fitting.fit("ann", paths(pictures), QUICK)
    start = fitting.handlers.arrive("bob")
    assert {report.detector.card for report in running} == {start.card}
    fitted = in_use(fitting)
    assert last.detector.card != start.card and last.detector.key != start.key
    assert fitted.config.variant == "inp-former" and fitted.provenance.shot_count == 2
    assert fitting.handlers.shelf.start.calibration is None


def test_the_fitted_detector_is_the_one_that_inspects(fitting, inspecting, pictures):
    list(fitting.fit("ann", paths(pictures), QUICK))
    report = inspecting.inspect("ann", str(pictures["blot"]))
    assert report.is_calibrated and len(report.map_choices) == 2


def test_pictures_that_are_the_same_are_said_to_count_once(fitting, pictures):
    quick = FitConfig(variant="training-free", inp_count=4)
    *_, last = fitting.fit("ann", paths(pictures, "normal", "copy"), quick)
    words = words_of(last.progress)
    assert "identical" in words and "2" in words and "1" in words
    *_, last = fitting.fit("bob", paths(pictures), quick)
    assert "identical" not in words_of(last.progress)


@pytest.mark.parametrize("files", [None, []])
def test_a_fit_without_pictures_says_what_to_do(fitting, files):
    with pytest.raises(UserError, match=text.NO_NORMALS):
        next(fitting.fit("ann", files, QUICK))


@pytest.mark.parametrize("case", ["many", "text", "cut", "empty", "thin"])
def test_a_fit_that_cannot_start_says_why_and_loses_nothing(
    fitting, inspecting, pictures, plus, case
):
    session = give(fitting.handlers, "ann", plus)
    inspecting.inspect("ann", str(pictures["blot"]))
    inspection = session.inspection
    names = ["normal"] * (MAX_SHOTS + 1) if case == "many" else ["normal", case]
    word = str(MAX_SHOTS + 1) if case == "many" else f"{case}.png"
    with pytest.raises(UserError, match=word) as caught:
        next(fitting.fit("ann", paths(pictures, *names), QUICK))
    assert str(caught.value).endswith(".")
    assert in_use(fitting) is plus and session.inspection is inspection and session.job is None
    assert fitting.handlers.sessions.get("ann") is session


def test_the_normal_pictures_are_shown_with_their_names_and_notes(fitting, pictures):
    shown = fitting.show_normals("ann", paths(pictures, "normal", "moving"))
    assert [entry[0].shape for entry in shown] == [(90, 120, 3), (90, 120, 3)]
    assert "normal.png" in shown[0][1] and "moving.gif" in shown[1][1]
    assert "first of 3 frames" in shown[1][1]
    assert fitting.show_normals("ann", None) == []
    for names, word in ((["cut"], "cut.png"), (["normal"] * 17, "17")):
        with pytest.raises(UserError, match=word):
            fitting.show_normals("ann", paths(pictures, *names))


@pytest.mark.parametrize("has_older", [False, True])
def test_a_cancelled_fit_leaves_the_older_detector_and_says_so(
    scripted_fitting, scripted, pictures, plus, has_older
):
    session = give(scripted_fitting.handlers, "ann", plus if has_older else None)
    before = scripted_fitting.handlers.arrive("ann")
    stream = start(scripted_fitting, scripted, pictures)
    scripted_fitting.cancel("ann")
    *_, last = stream
    assert words_of(last.progress) == text.FIT_CANCELLED and not last.is_running
    assert last.detector == before
    assert scripted.ended.wait(SECONDS) and session.job is None


def test_a_real_fit_stops_soon_after_it_is_cancelled(fitting, pictures):
    stream = fitting.fit("ann", paths(pictures), FitConfig(steps=100_000, inp_count=4))
    next(stream)
    fitting.cancel("ann")
    *_, last = stream
    assert words_of(last.progress) == text.FIT_CANCELLED
    assert in_use(fitting) is fitting.handlers.shelf.start and not fit_threads()


def test_cancelling_when_nothing_runs_does_nothing(fitting, pictures):
    fitting.cancel("ann")
    *_, last = fitting.fit("ann", paths(pictures), QUICK)
    assert "Now inspect" in words_of(last.progress)


def test_only_the_visitors_own_fit_is_cancelled(scripted_fitting, scripted, pictures):
    stream = start(scripted_fitting, scripted, pictures)
    scripted_fitting.cancel("bob")
    scripted.let_go()
    *_, last = stream
    assert "Now inspect" in words_of(last.progress)


def test_the_thread_ends_when_the_visitor_goes_away(scripted_fitting, scripted, pictures):
    stream = start(scripted_fitting, scripted, pictures)
    (thread,) = fit_threads()
    stream.close()
    thread.join(SECONDS)
    assert not thread.is_alive() and scripted.ended.is_set()
    session = scripted_fitting.handlers.sessions.get("ann")
    assert session.job is None and not session.own


def test_forgetting_a_visitor_stops_the_fit(scripted_fitting, scripted, pictures):
    stream = start(scripted_fitting, scripted, pictures)
    scripted_fitting.handlers.sessions.forget("ann")
    *_, last = stream
    assert words_of(last.progress) == text.FIT_CANCELLED and scripted.ended.is_set()
    assert not scripted_fitting.handlers.sessions.get("ann").own


def test_a_second_fit_of_the_same_visitor_is_refused_and_the_first_goes_on(
    scripted_fitting, scripted, pictures
):
    stream = start(scripted_fitting, scripted, pictures)
    with pytest.raises(UserError, match="Your fit is still running"):
        next(scripted_fitting.fit("ann", paths(pictures), QUICK))
    assert scripted_fitting.handlers.sessions.get("ann").job is not None
    scripted.let_go()
    *_, last = stream
    assert "Now inspect" in words_of(last.progress) and scripted.image_counts == [2]
    assert in_use(scripted_fitting) is scripted.fitted


def test_after_a_refused_second_fit_the_first_can_still_be_cancelled(
    scripted_fitting, scripted, pictures
):
    stream = start(scripted_fitting, scripted, pictures)
    with pytest.raises(UserError):
        next(scripted_fitting.fit("ann", paths(pictures), QUICK))
    scripted_fitting.cancel("ann")
    *_, last = stream
    assert words_of(last.progress) == text.FIT_CANCELLED


@pytest.mark.parametrize("error", [RuntimeError("out of memory"), UserError("Use less.")])
def test_after_a_failed_fit_the_visitor_can_fit_again(scripted_fitting, scripted, pictures, error):
    session = scripted_fitting.handlers.sessions.get("ann")
    scripted.error = error
    scripted.let_go()
    with pytest.raises(type(error), match=str(error)):
        list(scripted_fitting.fit("ann", paths(pictures), QUICK))
    assert session.job is None and not session.own
    scripted.error = None
    *_, last = scripted_fitting.fit("ann", paths(pictures), QUICK)
    assert not last.is_running and in_use(scripted_fitting) is scripted.fitted


def test_while_a_fit_runs_the_visitor_inspects_with_the_older_detector(
    scripted_fitting, inspecting, scripted, pictures
):
    stream = start(scripted_fitting, scripted, pictures)
    during = inspecting.inspect("ann", str(pictures["blot"]))
    scripted.let_go()
    list(stream)
    after = inspecting.inspect("ann", str(pictures["blot"]))
    assert (during.is_calibrated, after.is_calibrated) == (False, True)


@pytest.mark.parametrize("variant", ["training-free", "inp-former"])
def test_a_detector_of_flat_pictures_still_inspects(fitting, inspecting, pictures, variant):
    config = FitConfig(variant=variant, steps=3, tokens_per_view=8, inp_count=4)
    *_, last = fitting.fit("ann", paths(pictures, "flat"), config)
    assert "Now inspect" in words_of(last.progress)
    for name in ("flat", "blot"):
        verdict = inspecting.inspect("ann", str(pictures[name])).verdict
        assert "confidence" in words_of(verdict) and "nan" not in words_of(verdict)


def test_a_visitors_fit_is_not_seen_by_another(fitting, inspecting, pictures):
    list(fitting.fit("ann", paths(pictures), QUICK))
    assert not fitting.handlers.sessions.get("bob").own
    assert not inspecting.inspect("bob", str(pictures["blot"])).is_calibrated
    *running, _ = fitting.fit("bob", paths(pictures), QUICK)
    assert running[0].detector == fitting.handlers.arrive("cid")


def test_a_fit_that_had_to_go_to_the_cpu_says_so_while_it_runs_and_at_its_end(
    fitting, source, pictures
):
    class OnGpu(AnomalyDetector):
        device = torch.device("meta")

    def no_room(encoder, _):
        if encoder is source.model.encoder:
            raise torch.OutOfMemoryError("CUDA out of memory.")

    fitting.handlers.shelf.start = OnGpu(source.model, source.config, source.provenance)
    hook = source.model.encoder.register_forward_pre_hook(no_room)
    try:
        *running, last = fitting.fit("ann", paths(pictures), QUICK)
    finally:
        hook.remove()
    note = "Note: " + FIT_ON_CPU_NOTICE
    assert running and all(note in words_of(report.progress) for report in running)
    assert note in words_of(last.progress) and in_use(fitting).calibration is not None
