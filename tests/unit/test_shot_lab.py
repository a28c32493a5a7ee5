"""The shot lab: draws, progress, cancelling, and what is said of sizes and shots."""

import math
from dataclasses import replace

import numpy as np
import pytest

from inpformer.detector import AnomalyDetector, Provenance
from inpformer.errors import ConfigError, FitCancelledError, UserError
from inpformer.fit_config import FitConfig
from inpformer.modeling.build import build_encoder, build_model
from inpformer.shot_lab import LabConfig, run_shot_lab
from inpformer.shot_lab_report import Draw, LabReport

TINY = FitConfig(variant="inp-former", steps=2, tokens_per_view=8, inp_count=4, batch_size=2)
FREE = FitConfig(variant="training-free", inp_count=4)


def picture(seed: int, blot: bool = False) -> np.ndarray:
    rng = np.random.default_rng(seed)
    stripes = 120 + 40 * np.sin((np.arange(56) + seed) / 5.0)
    image = stripes[None, :, None] + rng.normal(0, 6, (56, 56, 3))
    if blot:
        image[10:30, 10:30] = (250, 40, 30)
    return image.clip(0, 255).astype(np.uint8)


@pytest.fixture(scope="module")
def source(tiny_config) -> AnomalyDetector:
    encoder = replace(tiny_config.encoder, token_budget=16)
    config = replace(tiny_config, variant="training-free", encoder=encoder)
    model = build_model(config, build_encoder(encoder))
    return AnomalyDetector(model, config, Provenance("untrained", "Tiny."))


@pytest.fixture(scope="module")
def shots() -> list[np.ndarray]:
    return [picture(seed) for seed in range(4)]


@pytest.fixture(scope="module")
def tests() -> list[np.ndarray]:
    return [picture(10), picture(11, blot=True)]


def draws_of(report: LabReport) -> list[tuple[int, ...]]:
    return [draw.shots for draw in report.draws]


def test_every_size_has_its_draws_and_every_draw_looks_at_every_picture(source, shots, tests):
    report = run_shot_lab(source, shots, tests, LabConfig(FREE, (1, 2, 4, 8), draws=2))
    assert [len(chosen) for chosen in draws_of(report)] == [1, 1, 2, 2, 4]
    assert all(draw.scores.shape == (2,) and (draw.scores > 0).all() for draw in report.draws)
    assert all(draw.auroc is None and draw.seconds > 0 for draw in report.draws)
    assert source.calibration is None


def test_the_same_seed_gives_the_same_figures_and_another_one_other_draws(source, shots, tests):
    config = LabConfig(TINY, (2,), draws=2, seed=3)
    first, again = (run_shot_lab(source, shots, tests, config) for _ in range(2))
    assert draws_of(first) == draws_of(again)
    for one, other in zip(first.draws, again.draws, strict=True):
        assert np.array_equal(one.scores, other.scores)
    others = [
        draws_of(run_shot_lab(source, shots, tests, LabConfig(FREE, (2,), draws=2, seed=seed)))
        for seed in range(4)
    ]
    assert any(each != draws_of(first) for each in others)


def test_draws_of_one_size_differ_and_use_every_shot_about_as_often(source, shots, tests):
    report = run_shot_lab(source, shots, tests, LabConfig(FREE, (2,), draws=4))
    chosen = draws_of(report)
    assert len(set(chosen)) == 4
    times = np.bincount(np.concatenate(chosen), minlength=4)
    assert times.max() - times.min() <= 1


def test_where_all_shots_are_drawn_only_the_seed_of_a_trained_fit_can_differ(source, shots, tests):
    trained = run_shot_lab(source, shots[:2], tests, LabConfig(TINY, (2,), draws=3))
    assert draws_of(trained) == [(0, 1)] * 3
    assert len({draw.fit_seed for draw in trained.draws}) == 3
    assert len({float(draw.scores[0]) for draw in trained.draws}) == 3
    free = run_shot_lab(source, shots[:2], tests, LabConfig(FREE, (2,), draws=3))
    assert draws_of(free) == [(0, 1)]


def test_known_labels_give_an_auroc_and_unknown_ones_do_not_count(source, shots, tests):
    config = LabConfig(FREE, (1,), draws=1)
    labels = (False, True, None)
    report = run_shot_lab(source, shots, [*tests, picture(12)], config, labels)
    scores = report.draws[0].scores
    assert report.draws[0].auroc == float(scores[1] > scores[0])
    (summary,) = report.summaries()
    assert summary.false_alarms == float(scores[0] > 1) and summary.misses == float(scores[1] <= 1)
    report = run_shot_lab(source, shots, tests, config, (False, None))
    assert report.draws[0].auroc is None and report.summaries()[0].misses is None


def test_progress_never_falls_and_brings_every_finished_draw(source, shots, tests):
    steps = []
    config = LabConfig(TINY, (1, 2), draws=2)
    report = run_shot_lab(source, shots, tests, config, on_step=steps.append)
    fractions = [step.fraction for step in steps]
    assert fractions == sorted(fractions) and fractions[0] > 0 and fractions[-1] == 1
    assert [len(step.report.draws) for step in steps if step.report.draws][-1] == 4
    assert {len(step.report.draws) for step in steps} == {0, 1, 2, 3, 4}
    assert steps[-1].report == report or draws_of(steps[-1].report) == draws_of(report)
    assert all(step.seconds_left >= 0 and math.isfinite(step.seconds_left) for step in steps)
    assert steps[0].shot_count == 1 and steps[-1].shot_count == 2


def test_a_cancelled_lab_stops_and_what_was_done_is_known(source, shots, tests):
    steps = []
    with pytest.raises(FitCancelledError):
        run_shot_lab(
            source,
            shots,
            tests,
            LabConfig(TINY, (1,), draws=3),
            on_step=steps.append,
            should_stop=lambda: bool(steps and len(steps[-1].report.draws) == 1),
        )
    assert len(steps[-1].report.draws) == 1


def test_what_cannot_be_tried_is_said(source, shots, tests):
    config = LabConfig(FREE, (4,))
    with pytest.raises(UserError, match="at least 2 different"):
        run_shot_lab(source, [shots[0], shots[0].copy()], tests, config)
    with pytest.raises(UserError, match="test pictures; these are 0"):
        run_shot_lab(source, shots, [], config)
    with pytest.raises(UserError, match="There are 3 different"):
        run_shot_lab(source, shots[:3], tests, config)
    with pytest.raises(ConfigError, match="at least one number"):
        LabConfig(FREE, ())
    with pytest.raises(ConfigError, match="Draws"):
        LabConfig(FREE, draws=0)


# --- what is said of the draws -----------------------------------------------------------------


def draw(*shots: int, scores=(0.5,), auroc: float | None = None) -> Draw:
    return Draw(shots, 0, np.array(scores), auroc, 1.0)


def test_a_summary_tells_spread_and_flips_apart():
    report = LabReport(2, (None, None), (draw(0, scores=(0.9, 0.5)), draw(1, scores=(1.1, 0.7))))
    (summary,) = report.summaries()
    assert summary.flips.tolist() == [True, False]
    assert summary.spread == pytest.approx([0.1, 0.1])
    assert summary.shot_count == 1 and summary.draw_count == 2 and summary.aurocs == ()


def test_the_shot_that_hurts_comes_first_and_is_told_from_chance():
    draws = [
        draw(*pair, auroc=0.6 + 0.01 * (pair[0] % 2) if 2 in pair else 0.95 + 0.01 * (pair[0] % 2))
        for pair in ((0, 1), (0, 2), (1, 2), (0, 3), (1, 3), (2, 3))
    ]
    effects = LabReport(4, (), tuple(draws)).shot_effects()
    assert effects[0].shot == 2 and effects[0].hurts and effects[0].draws == 3
    assert effects[0].effect == pytest.approx(-0.35, abs=0.02)
    assert not any(effect.hurts for effect in effects[1:])


def test_equal_draws_blame_no_shot():
    effects = LabReport(2, (), (draw(0, auroc=0.9), draw(1, auroc=0.9))).shot_effects()
    assert [effect.effect for effect in effects] == [0, 0] and not effects[0].hurts


def test_sizes_are_not_mixed_when_shots_are_judged():
    # Shot 1 is only in the larger draw, which is better for its size and not for the shot.
    report = LabReport(2, (), (draw(0, auroc=0.5), draw(0, 1, auroc=0.9)))
    assert report.shot_effects() == []


def test_without_labels_no_shot_is_judged():
    assert LabReport(2, (None,), (draw(0), draw(1))).shot_effects() == []
