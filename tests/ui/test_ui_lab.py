"""The shot lab on the page, as plain functions."""

from dataclasses import replace

import numpy as np
import pytest
from ui_doubles import fraction_of, words_of

from inpformer.errors import ConfigError, UserError
from inpformer.fit_config import FitConfig
from inpformer.shot_lab import LabConfig
from inpformer.shot_lab_report import Draw, LabReport
from inpformer.ui import lab_handlers, lab_views
from inpformer.ui.lab_handlers import LabFiles, LabHandlers
from inpformer.ui.words import ENGLISH as text

QUICK = LabConfig(FitConfig(variant="training-free", inp_count=4), (1, 2), draws=2)


@pytest.fixture
def lab(handlers, monkeypatch) -> LabHandlers:
    monkeypatch.setattr(lab_handlers, "_REPORT_SECONDS", 0.005)
    return LabHandlers(handlers)


def files(pictures, **changed) -> LabFiles:
    def paths(*names: str) -> list[str]:
        return [str(pictures[name]) for name in names]

    given = LabFiles(paths("normal", "second"), paths("third"), paths("blot"))
    return replace(given, **{name: paths(*names) for name, names in changed.items()})


def test_a_lab_streams_its_state_and_ends_with_table_chart_and_sentences(lab, pictures):
    *running, last = lab.run("ann", files(pictures), QUICK)
    shares = [fraction_of(view.progress) for view in running]
    assert shares and shares == sorted(shares) and all(view.is_running for view in running)
    assert not last.is_running and "3 detectors" in words_of(last.progress)
    assert [row[:2] for row in last.rows] == [["1", "2"], ["2", "1"]]
    assert all(len(row) == len(text.LAB_HEADERS) for row in last.rows)
    assert "<svg" in last.chart and text.LAB_SAYS_FREE in words_of(last.sentences)
    session = lab.handlers.sessions.get("ann")
    assert session.job is None and not session.own


def test_a_verdict_that_flips_is_told_with_the_picture_and_what_is_known_of_it(
    lab, pictures, monkeypatch
):
    named = []
    monkeypatch.setattr(
        lab_views, "lab_sentences", lambda _report, _shots, tests, *_: named.append(tests) or ""
    )
    list(lab.run("ann", files(pictures, unknown=("second",)), QUICK))
    assert named[0] == [
        f"third.png ({text.LAB_KINDS[False]})",
        f"blot.png ({text.LAB_KINDS[True]})",
        "second.png",
    ]


def test_identical_normal_pictures_count_once(lab, pictures):
    *_, last = lab.run("ann", files(pictures, shots=("normal", "copy", "second")), QUICK)
    assert [row[0] for row in last.rows] == ["1", "2"]


def test_a_cancelled_lab_shows_what_was_done_and_another_may_begin(lab, pictures):
    slow = LabConfig(FitConfig(variant="inp-former", steps=100_000), (1,), draws=2)
    stream = lab.run("ann", files(pictures), slow)
    next(stream)
    lab.handlers.sessions.get("ann").job.stop.set()
    *_, last = stream
    assert words_of(last.progress) == text.LAB_CANCELLED.format(draws=0) and last.rows == []
    assert list(lab.run("ann", files(pictures), QUICK))[-1].rows


def test_while_a_lab_runs_no_fit_begins_and_it_is_said_when_to_come_back(lab, fitting, pictures):
    slow = LabConfig(FitConfig(variant="inp-former", steps=100_000), (1,), draws=1)
    stream = lab.run("ann", files(pictures), slow)
    next(stream)
    with pytest.raises(UserError, match=r"shot lab is still running, for about \d+ s"):
        fitting.refuse_if_busy("ann")
    with pytest.raises(UserError, match=text.A_LAB):
        next(lab.run("ann", files(pictures), QUICK))
    fitting.refuse_if_busy("bob")
    stream.close()
    assert lab.handlers.sessions.get("ann").job is None


def test_a_lab_without_pictures_says_what_to_add(lab, pictures):
    with pytest.raises(UserError, match=text.LAB_NO_NORMALS):
        next(lab.run("ann", files(pictures, shots=("normal",)), QUICK))
    with pytest.raises(UserError, match="test pictures"):
        next(lab.run("ann", files(pictures, normal=(), anomalous=()), QUICK))
    with pytest.raises(UserError, match=r"cut\.png"):
        next(lab.run("ann", files(pictures, unknown=("cut",)), QUICK))
    assert lab.handlers.sessions.get("ann").job is None


def test_the_settings_of_the_page_become_those_of_the_lab(lab):
    fit = FitConfig(inp_count=3, views="station", seed=7)
    config = lab.config("inp-former", [2, 1], 4, fit)
    assert config.shot_counts == (1, 2) and config.draws == 4
    assert (config.fit.inp_count, config.fit.views, config.fit.seed) == (3, "station", 7)
    with pytest.raises(ConfigError):
        lab.config("inp-former", [], 4, fit)


def test_the_pictures_of_an_example_part_come_with_what_is_known(opening):
    lab = LabHandlers(opening.handlers)
    normal, anomalous = lab.take_tests("ann", "ring")
    assert normal and anomalous
    assert all(path.parent.name == "good" for path in normal)
    assert not any(path.parent.name == "good" for path in anomalous)
    with pytest.raises(UserError, match=text.NO_SUCH_EXAMPLE):
        lab.take_tests("ann", "mud")


# --- what is said ------------------------------------------------------------------------------


def draw(*shots: int, scores=(0.5, 1.5), auroc: float | None = 1.0) -> Draw:
    return Draw(shots, 0, np.array(scores), auroc, 2.0)


def said(report: LabReport, is_trained: bool = True) -> str:
    names = ["a.png", "b.png", "c.png", "d.png"], ["good.png", "bad.png"]
    return words_of(lab_views.lab_sentences(report, *names, is_trained, text))


def test_gain_luck_flips_and_the_harmful_shot_are_told():
    pairs = ((0, 1), (0, 2), (1, 2), (0, 3), (1, 3), (2, 3))
    draws = [draw(shot, auroc=0.5 + 0.1 * shot) for shot in range(4)]
    draws += [draw(*pair, scores=(1.2 if 2 in pair else 0.9, 2.0)) for pair in pairs]
    draws = [
        replace(each, auroc=0.6 if 2 in each.shots and len(each.shots) == 2 else each.auroc)
        for each in draws
    ]
    words = said(LabReport(4, (False, True), tuple(draws)))
    assert "From 1 to 2" in words and "0.65" in words
    assert "from 0.50 to 0.80" in words
    assert "1 of 2 verdicts" in words and "good.png" in words
    assert "all draws agree" in words
    assert "c.png hurts" in words and "a.png hurts" not in words


def test_steady_draws_blame_nobody_and_without_labels_nothing_is_claimed():
    draws = (draw(0), draw(1))
    assert text.LAB_SAYS_NO_HURT in said(LabReport(2, (False, True), draws))
    unknown = tuple(replace(each, auroc=None) for each in draws)
    words = said(LabReport(2, (None, None), unknown))
    assert text.LAB_SAYS_UNKNOWN in words and "hurts by" not in words


def test_without_training_the_auroc_is_not_taken_for_a_finding():
    words = said(LabReport(2, (False, True), (draw(0), draw(1))), is_trained=False)
    assert text.LAB_SAYS_FREE in words and text.LAB_SAYS_NO_HURT not in words


def test_the_chart_shows_aurocs_or_else_the_spread():
    known = lab_views.lab_chart(LabReport(2, (False, True), (draw(0), draw(1))), text)
    assert text.LAB_CHART_AUROC in known
    unknown = LabReport(2, (None, None), (draw(0, auroc=None), draw(1, auroc=None)))
    assert text.LAB_CHART_SPREAD in lab_views.lab_chart(unknown, text)
    assert lab_views.lab_chart(LabReport(2, ()), text) == ""


def test_what_is_not_known_is_a_dash_in_the_table():
    (row,) = lab_views.lab_rows(LabReport(2, (None, None), (draw(0, auroc=None),)))
    assert row == ["1", "1", "–", "–", "–", "–", "–", "2.0"]
