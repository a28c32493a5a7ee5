"""Normal tokens that a detector remembers: the memory, the fused map, the fit that fills it."""

import dataclasses

import numpy as np
import pytest
import torch

from inpformer import fitting
from inpformer.calibration import calibrate
from inpformer.config import ModelConfig
from inpformer.detector import AnomalyDetector, Provenance
from inpformer.fit_config import FitConfig
from inpformer.fitting import fit_model
from inpformer.modeling.build import build_encoder, build_model
from inpformer.modeling.model import INPFormer
from inpformer.modeling.token_memory import NormalTokens, TokenMemory, spread_out
from inpformer.scales import Calibration
from inpformer.scoring import anomaly_maps, fuse_maps, image_score, memory_map

QUICK = FitConfig(
    steps=2,
    batch_size=2,
    tokens_per_view=6,
    head_steps=2,
    pseudo_anomalies=2,
    memory_tokens=64,
    score_fraction=0.1,
)


def around(direction: int, spread: float, count: int, seed: int, dim: int = 8) -> torch.Tensor:
    """Tokens around one axis."""
    noise = torch.randn(count, dim, generator=torch.Generator().manual_seed(seed))
    return torch.eye(dim)[direction] + spread * noise


@pytest.fixture
def remembered() -> TokenMemory:
    """A smooth surface (axis 0) and a rough edge (axis 1), of four pictures each."""
    tokens = torch.cat([around(0, 0.01, 40, 1), around(1, 0.1, 40, 2)])
    memory = TokenMemory(80, 8)
    memory.remember(NormalTokens(tokens, torch.arange(80) % 4))
    return memory


def picture(seed: int, size: tuple[int, int] = (56, 70)) -> torch.Tensor:
    return torch.rand(3, *size, generator=torch.Generator().manual_seed(seed))


@pytest.fixture
def config(tiny_config) -> ModelConfig:
    return dataclasses.replace(tiny_config, memory_tokens=64, score_fraction=0.1)


# --- the memory --------------------------------------------------------------------------------


def test_what_was_remembered_is_not_strange_whatever_its_length(remembered):
    tokens = torch.cat([around(0, 0.01, 40, 1), around(1, 0.1, 40, 2)])
    assert remembered(3 * tokens[None]).max() < 0.01


def test_an_unknown_token_is_stranger_than_a_new_normal_one(remembered):
    known = torch.cat([around(0, 0.01, 20, 3), around(1, 0.1, 20, 4)])
    unknown = around(2, 0.01, 20, 5)
    strangeness = remembered(torch.stack([known[:20], known[20:], unknown]))
    assert strangeness.shape == (3, 20) and (strangeness >= 0).all()
    assert strangeness[2].min() > 10 * strangeness[:2].max()


def test_the_same_distance_means_less_where_normal_tokens_differ_more(remembered):
    bent = torch.zeros(1, 2, 8)
    bent[0, 0, 0] = bent[0, 1, 1] = 1
    bent[0, :, 7] = 0.5
    smooth, rough = remembered(bent)[0]
    assert smooth > 2 * rough


def test_spread_is_told_by_other_pictures_not_by_twins_in_the_same_one():
    tokens = around(0, 0.2, 30, 1).repeat(2, 1)  # each token has a twin
    memory = TokenMemory(60, 8)
    memory.remember(NormalTokens(tokens, torch.arange(60) % 30))
    apart = memory.spread.clone()
    memory.remember(
        NormalTokens(tokens, torch.arange(60) // 30)
    )  # now the twin is of another picture
    assert apart.min() > memory.spread.max()


@pytest.mark.parametrize("count", [1, 3, 16, 50])
def test_a_memory_is_full_whatever_the_number_of_tokens_and_spans_all_of_them(count):
    memory = TokenMemory(16, 8)
    tokens = around(0, 0.5, count, 1)
    memory.remember(NormalTokens(tokens, torch.zeros(count, dtype=torch.long)))
    assert memory.directions.norm(dim=-1).allclose(torch.ones(16))
    assert memory.spread.isfinite().all() and (memory.spread > 0).all()
    kept = {tuple(row) for row in memory.directions.tolist()}
    assert len(kept) == min(count, 16)
    if count <= 16:
        assert memory(tokens[None]).max() < 1e-4


def test_what_pictures_share_stays_known_without_the_one_that_stood_for_it():
    tokens = around(0, 0.3, 40, 1).repeat(3, 1)  # three pictures that show the same
    normal = NormalTokens(tokens, torch.arange(120) // 40)
    memory = TokenMemory(40, 8)
    memory.remember(normal)
    directions = torch.nn.functional.normalize(tokens, dim=-1)
    for picture_id in memory.sources.unique().tolist():
        left = memory.without([picture_id], normal).directions
        assert (directions @ left.T).amax(dim=-1).min() > 1 - 1e-5


def test_what_one_picture_alone_shows_is_strange_without_it():
    tokens = torch.cat([around(0, 0.01, 40, 1), around(3, 0.01, 40, 2)])
    normal = NormalTokens(tokens, torch.arange(80) // 40)
    memory = TokenMemory(30, 8)
    memory.remember(normal)
    first, second = memory.without([1], normal)(tokens[None])[0].split(40)
    assert second.min() > 10 * first.max()
    assert len(memory.without([1], normal).directions) == 30


def test_tokens_are_chosen_as_if_the_known_ones_had_been_chosen_first():
    directions = torch.nn.functional.normalize(around(0, 1.0, 200, 1), dim=-1)
    chosen = spread_out(directions, 30)
    assert spread_out(directions, 18, directions[chosen[:12]]).equal(chosen[12:])


# --- maps and scores ---------------------------------------------------------------------------


def test_the_memory_counts_as_much_as_each_map_of_the_paper_by_its_level(config):
    maps = {
        name: torch.full((1, 2, 2), value)
        for name, value in (("reconstruction", 2.0), ("segmentation", 0.6), ("memory", 12.0))
    }
    assert fuse_maps(maps, config, None)[0, 0, 0] == pytest.approx((2 + 0.6 + 12) / 3)
    levels = {"reconstruction_level": 4.0, "segmentation_level": 0.6, "memory_level": 3.0}
    calibration = Calibration({}, 0.05, 1, 1, "", **levels)
    assert fuse_maps(maps, config, calibration)[0, 0, 0] == pytest.approx((0.5 + 1 + 4) / 3)
    del maps["memory"]
    assert fuse_maps(maps, config, calibration)[0, 0, 0] == pytest.approx(0.75)


def test_thresholds_are_for_scores_of_the_configured_share(config):
    maps = [{name: torch.rand(1, 20, 20)[0] for name in ("distance",)} for _ in range(30)]
    free = dataclasses.replace(config, variant="training-free")
    for fraction in (0.01, 0.25):
        wanted = dataclasses.replace(free, score_fraction=fraction)
        threshold = calibrate([[view] for view in maps], wanted, 0.05, 1, "").scales["distance"]
        scores = [image_score(view["distance"][None], fraction).item() for view in maps]
        assert any(threshold.threshold == pytest.approx(score) for score in scores)


@pytest.mark.parametrize("variant", ["training-free", "inp-former"])
def test_only_the_plus_variant_has_a_memory(variant, config):
    other = dataclasses.replace(config, variant=variant)
    assert not other.has_memory and config.has_memory
    assert build_model(other, build_encoder(config.encoder)).memory is None


# --- two grids ---------------------------------------------------------------------------------


@pytest.fixture
def two_grids(config) -> ModelConfig:
    return dataclasses.replace(config, memory_grids=2)


def remembering(config: ModelConfig) -> INPFormer:
    """An unfitted model, always the same, that remembers a picture of noise."""
    with torch.random.fork_rng(), torch.no_grad():
        torch.manual_seed(0)
        model = build_model(config, build_encoder(config.encoder)).eval()
        tokens = model.encode(picture(0)[None]).fused_tokens[0]
    model.memory.remember(NormalTokens(tokens, torch.arange(len(tokens)) % 2))
    return model


@torch.no_grad()
def test_between_patches_the_memory_sees_what_a_shifted_picture_shows(two_grids):
    model = remembering(two_grids)
    patch = two_grids.encoder.patch_size
    image = picture(4, (5 * patch, 6 * patch))[None]
    output = model(image)
    assert output.strangeness_between.shape == (1, 6 * 7)
    border = torch.nn.functional.pad(image, (patch // 2,) * 4, mode="replicate")
    shifted = model.encode(border).fused_tokens
    torch.testing.assert_close(output.strangeness_between, model.memory(shifted))
    for name, value in model(image, decode=False)._asdict().items():
        assert value is None or "between" not in name, "nothing is looked up without a map"


@torch.no_grad()
@pytest.mark.parametrize(("row", "column"), [(2, 3), (1, 5), (4, 1)])
def test_what_lies_between_patches_is_marked_where_four_of_them_meet(row, column, two_grids):
    model = remembering(two_grids)
    patch = two_grids.encoder.patch_size
    output = model(picture(4, (5 * patch, 6 * patch))[None])
    between = torch.zeros(6, 7)
    between[row, column] = 1.0
    output = output._replace(
        strangeness=torch.zeros_like(output.strangeness), strangeness_between=between.view(1, -1)
    )
    found = memory_map(output)[0]
    place = divmod(int(found.argmax()), found.shape[1])
    # Corners of the map are aligned with centres of patches, which moves places by half a patch
    # at the border, and not at all in the middle.
    assert place == pytest.approx((row * patch, column * patch), abs=patch / 2)
    assert found.max() == pytest.approx(0.5, abs=0.1), "the mean of both grids"


@torch.no_grad()
def test_one_grid_is_the_memory_as_it_was(config, two_grids):
    one, two = (remembering(each)(picture(1)[None]) for each in (config, two_grids))
    assert one.strangeness_between is None
    torch.testing.assert_close(one.strangeness, two.strangeness)
    assert not torch.allclose(memory_map(one), memory_map(two))


def test_thresholds_know_what_lies_between_patches(two_grids):
    shots = [[picture(0)], [picture(1)], [picture(2)]]
    encoder = build_encoder(two_grids.encoder)
    model, calibration = fit_model(encoder, two_grids, shots, QUICK)
    one = dataclasses.replace(two_grids, memory_grids=1)
    same, other = fit_model(encoder, one, shots, QUICK)
    assert torch.equal(model.memory.directions, same.memory.directions)
    assert calibration.memory_level != other.memory_level
    assert calibration.reconstruction_level == other.reconstruction_level


# --- the fit -----------------------------------------------------------------------------------


@pytest.mark.parametrize("shot_count", [1, 3])
def test_a_fit_fills_the_memory_and_calibrates_what_it_says(shot_count, config):
    shots = [[picture(seed)] for seed in range(shot_count)]
    encoder = build_encoder(config.encoder)
    model, calibration = fit_model(encoder, config, shots, QUICK)
    assert model.memory.directions.norm(dim=-1).allclose(torch.ones(64))
    assert calibration.memory_level > 0 and calibration.memory_level != 1
    with torch.no_grad():
        maps = anomaly_maps(model(picture(9)[None]), config, calibration)
    assert set(maps) == {*config.map_names, "memory"}
    assert all(values.isfinite().all() for values in maps.values())
    again, same = fit_model(encoder, config, shots, QUICK)
    assert torch.equal(model.memory.directions, again.memory.directions) and calibration == same


@pytest.mark.parametrize("shot_count", [1, 3])
def test_a_view_left_out_for_the_threshold_is_not_compared_with_its_relatives(
    shot_count, config, monkeypatch
):
    seen = []

    class Watched(fitting.FewShotFit):
        def explain(self, model, encoded, relatives=()):
            output = super().explain(model, encoded, relatives)
            seen.append((encoded, list(relatives), output.strangeness, self))
            return output

    monkeypatch.setattr(fitting, "FewShotFit", Watched)
    shots = [[picture(seed)] for seed in range(shot_count)]
    model, _ = fit_model(build_encoder(config.encoder), config, shots, QUICK)
    assert seen
    for encoded, relatives, strangeness, fit in seen:
        memory = fit.memory_without(relatives)
        assert not torch.isin(memory.sources, torch.tensor(relatives)).any()
        assert torch.isin(memory.spread, model.memory.spread).all(), "other units"
        torch.testing.assert_close(strangeness, memory(encoded.fused_tokens))
        if shot_count > 1:
            assert len(relatives) == 1


def test_the_memory_is_chosen_once_for_all_models_of_a_fit(config, monkeypatch):
    filled = []
    fill = fitting.fill_memory
    monkeypatch.setattr(fitting, "fill_memory", lambda *a: filled.append(1) or fill(*a))
    fit_model(
        build_encoder(config.encoder), config, [[picture(0)], [picture(1)], [picture(2)]], QUICK
    )
    assert len(filled) == 1


def test_without_a_memory_a_fit_is_that_of_the_paper(tiny_config):
    shots = [[picture(0)], [picture(1)]]
    encoder = build_encoder(tiny_config.encoder)
    plain = dataclasses.replace(QUICK, memory_tokens=0)
    without, _ = fit_model(encoder, tiny_config, shots, plain)
    remembering = dataclasses.replace(tiny_config, memory_tokens=64)
    model, _ = fit_model(encoder, remembering, shots, plain)
    state = model.state_dict()
    assert without.memory is None
    assert all(torch.equal(value, state[key]) for key, value in without.state_dict().items())


def test_a_detector_keeps_memory_and_share_in_its_file_and_scores_by_them(config, tmp_path):
    source_config = dataclasses.replace(config, variant="training-free")
    encoder = build_encoder(config.encoder)
    source = AnomalyDetector(
        build_model(source_config, encoder), source_config, Provenance("untrained", "tiny")
    )
    images = [(255 * picture(s).permute(1, 2, 0).numpy()).astype(np.uint8) for s in range(3)]
    fitted = source.fit(images[:2], QUICK)
    assert fitted.config.has_memory
    result = fitted.predict(images[2])
    assert set(result.score_maps) == set(fitted.config.map_names)
    for name, values in result.score_maps.items():
        expected = image_score(torch.from_numpy(values)[None], 0.1).item()
        assert result.scores[name] == pytest.approx(expected)
    path = fitted.save(tmp_path / "part.safetensors", bundle_encoder=True)
    loaded = AnomalyDetector.load(path, device="cpu")
    assert loaded.config == fitted.config and loaded.calibration == fitted.calibration
    np.testing.assert_array_equal(loaded.predict(images[2]).anomaly_map, result.anomaly_map)
    shared = loaded.sharing_encoder(fitted)
    np.testing.assert_array_equal(shared.predict(images[2]).anomaly_map, result.anomaly_map)
