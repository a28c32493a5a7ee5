"""The few-shot fit: what it changes, what it leaves alone, and what it tells on the way."""

import copy
import dataclasses
import math
from types import SimpleNamespace

import pytest
import torch

from inpformer import fitting, head_training
from inpformer.augmentation import VIEW_COUNT
from inpformer.config import VARIANTS, ModelConfig
from inpformer.errors import FitCancelledError, UserError
from inpformer.fit_config import FitConfig
from inpformer.fitting import fit_model
from inpformer.left_out import MAX_CALIBRATION_VIEWS
from inpformer.modeling.build import build_encoder, trained_state
from inpformer.optimizer import StableAdamW
from inpformer.progress import PHASE_NAMES, Progress
from inpformer.scoring import anomaly_maps, image_score
from inpformer.token_cache import TokenCache, encode_in_batches

# A fit of a second: every phase runs, nothing is learned well.
FEW_STEPS = FitConfig(
    steps=4,
    batch_size=3,
    tokens_per_view=6,
    head_steps=3,
    head_batch_size=2,
    pseudo_anomalies=4,
    calibration_steps=2,
)


@pytest.fixture
def encoder(tiny_encoder_config):
    return build_encoder(tiny_encoder_config)


def picture(seed, size=(56, 70)) -> torch.Tensor:
    """Soft coloured stripes with some noise."""
    generator = torch.Generator().manual_seed(seed)
    stripes = 0.5 + 0.3 * torch.sin(torch.arange(size[1]) / 4 + seed)
    noise = 0.1 * torch.rand(3, *size, generator=generator)
    colours = torch.rand(3, 1, 1, generator=generator)
    return (stripes.expand(3, *size) * colours + noise).clamp(0, 1)


def shots(count=2, size=(56, 70)):
    return [[picture(seed, size)] for seed in range(count)]


def of_variant(config: ModelConfig, variant: str) -> tuple[ModelConfig, FitConfig]:
    return (
        dataclasses.replace(config, variant=variant),
        dataclasses.replace(FEW_STEPS, variant=variant),
    )


def assert_same_fit(first, second):
    (model, calibration), (other_model, other_calibration) = first, second
    state, other_state = model.state_dict(), other_model.state_dict()
    assert state.keys() == other_state.keys()
    for key in state:
        assert torch.equal(state[key], other_state[key]), key
    assert calibration == other_calibration


def assert_is_usable(config, fitted, image):
    """Every map has a scale and values."""
    model, calibration = fitted
    assert not model.training
    with torch.no_grad():
        maps = anomaly_maps(model(image[None]), config, calibration)
    assert tuple(maps) == config.map_names
    assert set(calibration.scales) == set(maps)
    for values in maps.values():
        assert values.isfinite().all()
    for scale in calibration.scales.values():
        assert all(map(math.isfinite, dataclasses.astuple(scale)))
        assert scale.score_scale > 0 and scale.colour_range[0] < scale.colour_range[1]


# --- what is fitted and what is not ------------------------------------------------------------


@pytest.mark.parametrize("variant", VARIANTS)
def test_every_variant_gives_a_model_with_calibrated_maps(variant, encoder, tiny_config):
    config, fit_config = of_variant(tiny_config, variant)
    fitted = fit_model(encoder, config, shots(), fit_config)
    assert_is_usable(config, fitted, picture(7))
    model, calibration = fitted
    assert model.encoder is encoder, "shared, not copied"
    assert (model.decoder is not None) == config.is_trained
    assert calibration.shot_count == 2
    assert calibration.score_count == 2 * VIEW_COUNT
    assert calibration.false_alarm_rate <= fit_config.false_alarm_rate


@pytest.mark.parametrize("variant", VARIANTS)
def test_the_encoder_stays_byte_for_byte_and_gets_no_gradient(variant, encoder, tiny_config):
    config, fit_config = of_variant(tiny_config, variant)
    before = copy.deepcopy(encoder.state_dict())
    fit_model(encoder, config, shots(), fit_config)
    after = encoder.state_dict()
    assert before.keys() == after.keys()
    for key in before:
        assert torch.equal(before[key], after[key]), key
    assert all(parameter.grad is None for parameter in encoder.parameters())
    assert not any(parameter.requires_grad for parameter in encoder.parameters())
    assert not any(module.training for module in encoder.modules())


def test_every_trainable_part_gets_a_gradient_and_changes(encoder, tiny_config, monkeypatch):
    largest: dict[int, float] = {}  # by the identity of the parameter, largest gradient seen

    class Watching(StableAdamW):
        def step(self, closure=None):
            for parameter in self.param_groups[0]["params"]:
                gradient = parameter.grad
                size = 0.0 if gradient is None else gradient.abs().max().item()
                largest[id(parameter)] = max(largest.get(id(parameter), 0.0), size)
            return super().step(closure)

    for module in (fitting, head_training):
        monkeypatch.setattr(module, "StableAdamW", Watching)
    fit = fitting.FewShotFit(encoder, tiny_config, shots(), FEW_STEPS)
    fresh = trained_state(fit.new_model())
    model, _ = fit_model(encoder, tiny_config, shots(), FEW_STEPS)
    trainable = [(n, p) for n, p in model.named_parameters() if not n.startswith("encoder.")]
    assert len(trainable) > 20
    for name, parameter in trainable:
        assert largest[id(parameter)] > 0, name
        assert not torch.equal(parameter, fresh[name]), name
    watched = {id(parameter) for parameter in encoder.parameters()} & set(largest)
    assert not watched, "the encoder is in no optimizer"


def test_training_the_head_leaves_the_rest_as_it_was(encoder, tiny_config):
    without = dataclasses.replace(FEW_STEPS, head_steps=0)
    model, _ = fit_model(encoder, tiny_config, shots(), FEW_STEPS)
    headless, _ = fit_model(encoder, tiny_config, shots(), without)
    trained, untrained = trained_state(model), trained_state(headless)
    for key in trained:
        if not key.startswith("segmentation_head."):
            assert torch.equal(trained[key], untrained[key]), key
    last = "segmentation_head.layers.4.weight"
    assert not torch.equal(trained[last], untrained[last])


def test_the_pictures_that_are_given_stay_as_they_were(encoder, tiny_config):
    given = shots()
    before = copy.deepcopy(given)
    fit_model(encoder, tiny_config, given, FEW_STEPS)
    for (image,), (copied,) in zip(given, before, strict=True):
        assert torch.equal(image, copied)


def test_a_smaller_decoder_is_fitted_like_any_other_and_costs_less(encoder, tiny_config):
    small = dataclasses.replace(tiny_config, group_count=1, decoder_depth=1, mlp_ratio=0.5)
    assert_is_usable(small, fit_model(encoder, small, shots(), FEW_STEPS), picture(7))
    costs = []
    for config in (small, tiny_config):
        plan = fitting.FewShotFit(encoder, config, shots(), FEW_STEPS).plan()
        costs.append({phase: cost for phase, (_, cost) in plan.items()})
    assert costs[0]["encode"] == costs[1]["encode"]
    assert all(costs[0][phase] < costs[1][phase] for phase in ("train", "calibrate", "anomalies"))


# --- repeatability -----------------------------------------------------------------------------


@pytest.mark.parametrize("variant", VARIANTS)
def test_the_same_seed_gives_the_same_fit_bit_for_bit(variant, encoder, tiny_config):
    config, fit_config = of_variant(tiny_config, variant)
    torch.manual_seed(1)
    first = fit_model(encoder, config, shots(), fit_config)
    torch.manual_seed(2)
    assert_same_fit(first, fit_model(encoder, config, shots(), fit_config))


def test_another_seed_gives_another_fit(encoder, tiny_config):
    model, calibration = fit_model(encoder, tiny_config, shots(), FEW_STEPS)
    changed = dataclasses.replace(FEW_STEPS, seed=2)
    other_model, other_calibration = fit_model(encoder, tiny_config, shots(), changed)
    for key, value in trained_state(model).items():
        if key.endswith(("weight", "inp_queries")) and "norm" not in key:
            assert not torch.equal(value, other_model.state_dict()[key]), key
    assert calibration != other_calibration


def test_a_fit_leaves_the_global_generator_alone(encoder, tiny_config):
    torch.manual_seed(3)
    before = torch.get_rng_state()
    fit_model(encoder, tiny_config, shots(), FEW_STEPS)
    assert torch.equal(torch.get_rng_state(), before)


# --- progress ----------------------------------------------------------------------------------

EXPECTED_PHASES = {
    "training-free": ["encode", "calibrate"],
    "inp-former": ["encode", "train", "calibrate"],
    "inp-former++": ["encode", "train", "anomalies", "head", "calibrate"],
}


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("shot_count", [1, 2, 5])
def test_progress_rises_through_the_phases_to_the_end(variant, shot_count, encoder, tiny_config):
    config, fit_config = of_variant(tiny_config, variant)
    steps = []
    fit_model(encoder, config, shots(shot_count), fit_config, on_step=steps.append)
    phases = list(dict.fromkeys(step.phase for step in steps))
    assert phases == EXPECTED_PHASES[variant]
    assert [PHASE_NAMES[step.phase] for step in steps], "every phase has a name for people"
    order = [phases.index(step.phase) for step in steps]
    assert order == sorted(order), "no phase comes back"
    fractions = [step.fraction for step in steps]
    assert all(0 < fraction <= 1 for fraction in fractions)
    assert fractions == sorted(fractions)
    assert fractions[-1] == pytest.approx(1)
    assert steps[-1].seconds_left == pytest.approx(0, abs=1e-6)
    assert all(step.seconds_left >= 0 for step in steps)
    for phase in phases:
        of_phase = [step for step in steps if step.phase == phase]
        assert of_phase[-1].step == of_phase[-1].step_count, phase
        assert len({step.step_count for step in of_phase}) == 1


def test_progress_tells_the_losses_of_the_phases_that_train(encoder, tiny_config):
    steps = []
    fit_model(encoder, tiny_config, shots(), FEW_STEPS, on_step=steps.append)
    for step in steps:
        expected = {
            "train": {"reconstruction", "coherence"},
            "calibrate": {"reconstruction", "coherence"},
            "head": {"segmentation"},
        }.get(step.phase, set())
        assert set(step.losses) == expected
        assert all(math.isfinite(value) and value >= 0 for value in step.losses.values())
        assert PHASE_NAMES[step.phase] in str(step) and "\n" not in str(step)
    counts = {phase: sum(step.phase == phase for step in steps) for phase in ("train", "head")}
    assert counts == {"train": FEW_STEPS.steps, "head": FEW_STEPS.head_steps}


def test_progress_estimates_the_rest_from_what_was_done(monkeypatch):
    seconds = iter([0.0, 10.0, 30.0, 40.0])
    clock = SimpleNamespace(monotonic=lambda: next(seconds))  # not the time of other threads
    monkeypatch.setattr("inpformer.progress.time", clock)
    steps = []
    progress = Progress({"encode": (2, 1.0), "train": (1, 2.0)}, steps.append)
    progress._started = next(seconds)
    progress.advance("encode")
    progress.advance("encode")
    progress.advance("train")
    assert [step.fraction for step in steps] == [0.25, 0.5, 1.0]
    assert steps[-1].seconds_left == 0


@pytest.mark.parametrize("variant", VARIANTS)
def test_a_cancelled_fit_stops_between_steps_wherever_it_is(variant, encoder, tiny_config):
    config, fit_config = of_variant(tiny_config, variant)
    steps = []
    fit_model(encoder, config, shots(), fit_config, on_step=steps.append)
    last_of_phase = {step.phase: number for number, step in enumerate(steps, start=1)}
    before = copy.deepcopy(encoder.state_dict())
    for stop_after in sorted({1, *last_of_phase.values()}):
        seen = []
        with pytest.raises(FitCancelledError):
            fit_model(
                encoder,
                config,
                shots(),
                fit_config,
                on_step=seen.append,
                should_stop=lambda seen=seen, limit=stop_after: len(seen) >= limit,
            )
        assert len(seen) == stop_after
    assert all(torch.equal(before[key], value) for key, value in encoder.state_dict().items())


def test_a_fit_that_is_not_stopped_is_asked_but_goes_on(encoder, tiny_config):
    asked = []
    fitted = fit_model(
        encoder, tiny_config, shots(), FEW_STEPS, should_stop=lambda: bool(asked.append(1))
    )
    assert len(asked) > FEW_STEPS.steps
    assert_same_fit(fitted, fit_model(encoder, tiny_config, shots(), FEW_STEPS))


def test_a_fit_is_asked_for_every_picture_it_makes_or_looks_at(encoder, tiny_config):
    told, asked = ["start"], {}

    def ask() -> bool:
        asked[told[-1]] = asked.get(told[-1], 0) + 1
        return False

    fit_model(
        encoder,
        tiny_config,
        shots(),
        FEW_STEPS,
        on_step=lambda step: told.append(f"{step.phase} {step.step}"),
        should_stop=ask,
    )
    # Pseudo-anomalies are made after the last step of the decoder, and views scored at the end.
    assert asked[f"train {FEW_STEPS.steps}"] > FEW_STEPS.pseudo_anomalies
    assert asked[told[-1]] > VIEW_COUNT


# --- shots of all kinds ------------------------------------------------------------------------


def test_no_shots_are_refused_in_a_sentence_that_says_what_to_do(encoder, tiny_config):
    with pytest.raises(UserError, match="at least 1 normal picture"):
        fit_model(encoder, tiny_config, [], FEW_STEPS)


@pytest.mark.parametrize("variant", VARIANTS)
def test_one_shot_is_enough(variant, encoder, tiny_config):
    config, fit_config = of_variant(tiny_config, variant)
    fitted = fit_model(encoder, config, shots(1), fit_config)
    assert_is_usable(config, fitted, picture(7))
    assert (fitted[1].shot_count, fitted[1].score_count) == (1, VIEW_COUNT)
    assert "only" in fitted[1].method or variant == "training-free"


@pytest.mark.parametrize("variant", VARIANTS)
def test_shots_may_have_different_sizes(variant, encoder, tiny_config):
    config, fit_config = of_variant(tiny_config, variant)
    mixed = [[picture(0, (56, 70))], [picture(1, (84, 42))]]
    fitted = fit_model(encoder, config, mixed, fit_config)
    assert_is_usable(config, fitted, picture(7, (70, 70)))
    assert fitted[1].score_count == 2 * VIEW_COUNT


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("shot_count", [1, 2])
def test_the_tiles_of_a_shot_count_as_one_picture(variant, shot_count, encoder, tiny_config):
    config, fit_config = of_variant(tiny_config, variant)
    tiled = [[picture(2 * i), picture(2 * i + 1)] for i in range(shot_count)]
    fitted = fit_model(encoder, config, tiled, fit_config)
    assert_is_usable(config, fitted, picture(7))
    assert fitted[1].shot_count == shot_count
    assert 1 <= fitted[1].score_count <= shot_count * VIEW_COUNT
    assert fitted[1].score_count % shot_count == 0


@pytest.mark.parametrize("shot_count", [1, 2, 3, 7])
@pytest.mark.parametrize("tile_count", [1, 2])
def test_held_out_views_are_never_fitted_on(shot_count, tile_count, encoder, tiny_config):
    given = [[picture(0)] * tile_count for _ in range(shot_count)]
    fit = fitting.FewShotFit(encoder, tiny_config, given, FEW_STEPS)
    views = [
        (shot, view) for shot, _ in fit.pictures for view in range(VIEW_COUNT)
    ]  # the order of the cache
    held_out = [index for fold in fit.left_out.folds for index in fold]
    assert sorted(held_out) == list(range(len(views))), "each view is held out once"
    for fold in fit.left_out.folds:
        fitted = set(range(len(views))) - set(fold)
        assert fitted
        seen = {views[index] for index in fitted}
        assert not seen & {views[index] for index in fold}, "all tiles of a view go together"
        if shot_count > 1:
            assert not {shot for shot, _ in seen} & {views[index][0] for index in fold}


def test_many_shots_are_calibrated_on_a_bounded_number_of_views(encoder, tiny_config):
    config, fit_config = of_variant(tiny_config, "training-free")
    _, calibration = fit_model(encoder, config, shots(6), fit_config)
    assert 6 <= calibration.score_count <= MAX_CALIBRATION_VIEWS
    assert calibration.score_count % 6 == 0, "each shot has its share"


@pytest.mark.parametrize("tile_count", [1, 4, 9])
def test_enough_views_are_held_out_for_the_wished_false_alarm_rate(
    tile_count, encoder, tiny_config
):
    config, fit_config = of_variant(tiny_config, "training-free")
    tiled = [[picture(number) for number in range(tile_count)]]
    _, calibration = fit_model(encoder, config, tiled, fit_config)
    assert calibration.false_alarm_rate <= fit_config.false_alarm_rate


@pytest.mark.parametrize("variant", VARIANTS)
def test_flat_pictures_give_no_nan(variant, encoder, tiny_config):
    config, fit_config = of_variant(tiny_config, variant)
    flat = [[torch.full((3, 56, 70), value)] for value in (0.0, 0.5)]
    assert_is_usable(config, fit_model(encoder, config, flat, fit_config), torch.ones(3, 56, 70))


# --- learning ----------------------------------------------------------------------------------


@pytest.mark.parametrize("variant", ["inp-former", "inp-former++"])
def test_the_losses_fall(variant, encoder, tiny_config):
    config, fit_config = of_variant(tiny_config, variant)
    fit_config = dataclasses.replace(fit_config, steps=60, head_steps=150, learning_rate=5e-3)
    steps = []
    fit_model(encoder, config, shots(), fit_config, on_step=steps.append)
    for phase, name in (("train", "reconstruction"), ("head", "segmentation")):
        losses = [step.losses[name] for step in steps if step.phase == phase]
        if losses:
            first, last = sum(losses[:10]) / 10, sum(losses[-10:]) / 10
            assert last < 0.95 * first, name


def test_a_pasted_square_raises_the_map_there(encoder, tiny_config):
    config, fit_config = of_variant(tiny_config, "training-free")
    model, calibration = fit_model(encoder, config, shots(), fit_config)
    normal = picture(0, (140, 140))
    defective = normal.clone()
    defective[:, 56:84, 28:56] = torch.tensor([1.0, 0.0, 1.0])[:, None, None]
    with torch.no_grad():
        maps = anomaly_maps(model(torch.stack([normal, defective])), config, calibration)
    normal_map, defect_map = maps["distance"]
    scale = len(defect_map) / 140
    top, bottom, left, right = (round(side * scale) for side in (56, 84, 28, 56))
    inside = torch.zeros_like(defect_map, dtype=torch.bool)
    inside[top:bottom, left:right] = True
    assert defect_map[inside].mean() > 2 * defect_map[~inside].mean()
    scores = image_score(torch.stack([normal_map, defect_map]))
    assert scores[1] > scores[0]


# --- the cache ---------------------------------------------------------------------------------


def fill(model, images) -> TokenCache:
    cache = TokenCache()
    for encoded in encode_in_batches(model, images, lambda count: None):
        cache.add(encoded)
    return cache


def test_encoding_in_batches_equals_one_by_one_whatever_the_sizes(tiny_model):
    sizes = [(56, 70), (56, 70), (70, 56), (56, 70), (28, 28), (28, 28), (28, 28)]
    images = [picture(seed, size) for seed, size in enumerate(sizes)]
    done = []
    together = encode_in_batches(tiny_model, images, done.append, batch_size=2)
    assert sum(done) == len(images) and max(done) <= 2
    for image, encoded in zip(images, together, strict=True):
        alone = tiny_model.encode(image[None])
        assert encoded.grid_size == alone.grid_size
        # Matrix products of another size round in another order.
        torch.testing.assert_close(encoded.groups, alone.groups, rtol=1e-4, atol=1e-5)


def test_a_sample_holds_tokens_of_the_views_that_were_asked_for_and_no_others(tiny_model):
    cache = fill(tiny_model, [picture(seed) for seed in range(6)])
    allowed = [1, 4, 5]
    batch = cache.sample(allowed, 2, 7, torch.Generator().manual_seed(0))
    assert batch.token_mask is None
    assert batch.fused_tokens.shape == (2, 20, 32)
    assert batch.sampled_groups.shape == (2, 2, 7, 32)
    for row in range(2):
        (source,) = [
            view
            for view in allowed
            if torch.equal(cache.view(view).fused_tokens[0], batch.fused_tokens[row])
        ]
        everything = {tuple(token) for token in cache.groups[source][0].tolist()}
        sampled = [tuple(token) for token in batch.sampled_groups[0, row].tolist()]
        assert set(sampled) <= everything
        assert len(set(sampled)) == 7, "no token twice"


@pytest.mark.parametrize(("factor", "kept"), [(1.0, torch.float16), (1e9, torch.float32)])
def test_tokens_are_kept_in_16_bits_where_those_hold_them(tiny_model, factor, kept):
    (encoded,) = encode_in_batches(tiny_model, [picture(0)], lambda count: None)
    encoded = encoded._replace(groups=encoded.groups * factor)
    cache = TokenCache()
    cache.add(encoded)
    assert cache.groups[0].dtype == kept
    batch = cache.sample([0], 1, 5, torch.Generator().manual_seed(0), 6)
    for tokens in (cache.view(0).groups, cache.fused(0), *batch[::2]):
        assert tokens.dtype == torch.float32
    torch.testing.assert_close(cache.view(0).groups, encoded.groups, rtol=1e-3, atol=1e-6 * factor)


def test_the_groups_of_a_sampled_token_belong_together(tiny_model):
    cache = fill(tiny_model, [picture(0)])
    batch = cache.sample([0], 1, 5, torch.Generator().manual_seed(0))
    for token in range(5):
        (position,) = [
            i
            for i in range(20)
            if torch.equal(cache.groups[0][0, i], batch.sampled_groups[0, 0, token])
        ]
        assert torch.equal(cache.groups[0][1, position], batch.sampled_groups[1, 0, token])


def test_a_sample_of_views_of_different_grids_is_padded_and_masked(tiny_model):
    cache = fill(tiny_model, [picture(0, (56, 70)), picture(1, (28, 42))])
    batch = cache.sample([0, 1], 2, 0, torch.Generator().manual_seed(0))
    assert batch.fused_tokens.shape == (2, 20, 32)
    assert sorted(batch.token_mask.sum(dim=1).tolist()) == [6, 20]
    assert (batch.fused_tokens[~batch.token_mask] == 0).all()
    assert (batch.fused_tokens[batch.token_mask] != 0).any(dim=-1).all()
    assert batch.sampled_groups.shape == (2, 2, 6, 32)


def test_all_tokens_are_taken_where_zero_or_more_than_there_are_is_asked_for(tiny_model):
    cache = fill(tiny_model, [picture(0), picture(1)])
    for wanted in (0, 20, 1000):
        batch = cache.sample([0, 1], 8, wanted, torch.Generator().manual_seed(0))
        assert batch.sampled_groups.shape == (2, 2, 20, 32)


# --- settings of the head ----------------------------------------------------------------------


def test_prototypes_can_be_drawn_from_a_part_of_the_tokens():
    groups = [torch.arange(n * 3.0).view(1, n, 3) for n in (12, 9)]
    cache = TokenCache(groups, [(3, 4), (3, 3)], [0, 1])
    batch = cache.sample([0, 1], 2, 4, torch.Generator().manual_seed(0), source_tokens=5)
    assert batch.fused_tokens.shape == (2, 5, 3) and batch.token_mask is None
    for tokens in batch.fused_tokens:
        assert len(tokens.unique(dim=0)) == 5
        assert torch.equal(tokens, groups[0][0][(tokens[:, 0] / 3).long()])
    whole = cache.sample([0, 1], 2, 4, torch.Generator().manual_seed(0), source_tokens=10)
    assert whole.fused_tokens.shape == (2, 12, 3), "more than there are: all, padded"


@pytest.mark.parametrize(("head_input", "is_one"), [("paper", True), ("scaled", False)])
def test_the_papers_head_sees_the_residual_as_it_is(head_input, is_one, encoder, tiny_config):
    config, fit_config = of_variant(tiny_config, "inp-former++")
    model, _ = fit_model(
        encoder, config, shots(1), dataclasses.replace(fit_config, head_input=head_input)
    )
    assert (model.segmentation_head.input_scale == 1) == is_one


def test_given_textures_are_what_synthetic_defects_are_cut_from(encoder, tiny_config, monkeypatch):
    config, fit_config = of_variant(tiny_config, "inp-former++")
    given = [torch.rand(3, 30, 40)]
    seen = []
    make = fitting.make_pseudo_anomaly

    def watched(image, generator, textures):
        seen.append(textures)
        return make(image, generator, textures)

    monkeypatch.setattr(fitting, "make_pseudo_anomaly", watched)
    fit_model(encoder, config, shots(1), fit_config, textures=given)
    assert seen and all(textures is given for textures in seen)
