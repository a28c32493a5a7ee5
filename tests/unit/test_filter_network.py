"""The embedded encoder: filters and the network that was trained on top of them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F

from inpformer.config import ModelConfig
from inpformer.datasets.mvtec import read_mvtec_folder
from inpformer.detector import AnomalyDetector, Provenance
from inpformer.errors import WeightsError
from inpformer.images import load_image
from inpformer.metrics import image_auroc
from inpformer.model_input import make_geometry, to_tensor
from inpformer.modeling.build import (
    build_encoder,
    build_model,
    encoder_fingerprint,
    read_state_dict,
)
from inpformer.modeling.encoder import IMAGE_MEAN, IMAGE_STD, FrozenEncoder, even_exposure
from inpformer.places import HOME, WEIGHTS
from inpformer.presets import ENCODER_PRESETS, EncoderConfig

EMBEDDED, FILTERS = ENCODER_PRESETS["embedded"], ENCODER_PRESETS["filters"]
MOST_BYTES = 15_000_000


def shipped(preset: EncoderConfig = EMBEDDED) -> FrozenEncoder:
    path = WEIGHTS / preset.file_names[0]
    return build_encoder(preset, read_state_dict(path), path.name)


def picture(*size: int) -> torch.Tensor:
    return torch.rand(1, 3, *size, generator=torch.Generator().manual_seed(0))


def test_it_is_small_and_its_numbers_are_numbers():
    path = WEIGHTS / EMBEDDED.file_names[0]
    assert path.stat().st_size < MOST_BYTES
    assert all(values.isfinite().all() for values in read_state_dict(path).values())


def test_before_training_its_tokens_are_the_filter_responses():
    untrained = build_encoder(EMBEDDED).vit
    images = (picture(48, 64) - torch.tensor(IMAGE_MEAN).view(3, 1, 1)) / torch.tensor(
        IMAGE_STD
    ).view(3, 1, 1)
    (tokens,) = untrained.forward_intermediates(images, [0])
    assert torch.allclose(tokens, untrained.patch_embed.describe(images).flatten(1, 2), atol=1e-5)


def test_training_changed_more_than_the_scale_of_its_tokens():
    images = picture(64, 64)
    (learnt,), (plain,) = shipped()(images), shipped(FILTERS)(images)
    assert learnt.shape == plain.shape == (1, 64, 72)
    assert (1 - F.cosine_similarity(learnt, plain, dim=-1)).median() > 0.01


def test_a_place_looks_the_same_in_a_larger_picture():
    """Nothing but the surroundings counts, once the exposure of the whole picture is even."""
    encoder = shipped(replace(EMBEDDED, contrast=None))
    large = picture(640, 640)
    (of_large,) = encoder(large)
    (of_part,) = encoder(large[..., 64:576, 64:576])
    middle = of_large.view(80, 80, -1)[38:42, 38:42]
    assert torch.allclose(of_part.view(64, 64, -1)[30:34, 30:34], middle, atol=1e-3)


@pytest.mark.parametrize("gain, offset", [(0.5, 0.0), (1.3, -0.1), (1.0, 0.2)])
def test_another_exposure_of_a_picture_has_the_same_tokens(gain, offset):
    encoder, images = shipped(), 0.3 + 0.4 * picture(64, 64)
    (taken,), (again,) = encoder(images), encoder(gain * images + offset)
    assert torch.allclose(taken, again, atol=1e-3)
    unchanged = shipped(replace(EMBEDDED, contrast=None))
    assert (unchanged(images)[0] - unchanged(gain * images + offset)[0]).abs().max() > 0.1


def test_pictures_of_one_batch_are_exposed_each_on_its_own():
    encoder = shipped()
    images = torch.cat([0.2 * picture(64, 64), 0.5 + 0.5 * picture(64, 64).flip(-1)])
    alone = torch.cat([encoder(each[None])[0] for each in images])
    assert torch.allclose(encoder(images)[0], alone, atol=1e-4)


def test_noise_of_an_empty_picture_is_not_made_a_pattern():
    noise = 0.002 * torch.randn(1, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    even = even_exposure(0.8 + noise, EMBEDDED.contrast)
    assert even.std() < 0.1 * EMBEDDED.contrast
    assert even_exposure(torch.ones(1, 3, 8, 8), EMBEDDED.contrast).isfinite().all()


def test_the_fingerprint_tells_other_training_apart():
    state = read_state_dict(WEIGHTS / EMBEDDED.file_names[0])
    other = {**state, "patch_embed.learnt.weight": state["patch_embed.learnt.weight"] * 1.01}
    assert encoder_fingerprint(shipped()) == encoder_fingerprint(shipped())
    assert encoder_fingerprint(build_encoder(EMBEDDED, other)) != encoder_fingerprint(shipped())


def test_the_weights_of_the_filters_alone_are_refused_with_a_sentence():
    state = read_state_dict(WEIGHTS / FILTERS.file_names[0])
    with pytest.raises(WeightsError, match="'embedded'"):
        build_encoder(EMBEDDED, state, "embedded.safetensors")


@pytest.mark.parametrize("name", ["filters", "embedded"])
def test_a_detector_on_the_filters_alone_still_opens(name, tmp_path):
    """Files of before the network hold this encoder, under the name of today's."""
    before = replace(FILTERS, name=name)
    config = ModelConfig.for_encoder(before, variant="training-free", inp_count=3)
    model = build_model(config, shipped(FILTERS))
    path = AnomalyDetector(model, config, Provenance("path", "a test")).save(
        tmp_path / "d.safetensors"
    )
    assert AnomalyDetector.load(path, "cpu").config.encoder == before


def test_the_network_tells_broken_parts_from_good_ones_better_than_the_filters_alone():
    samples = read_mvtec_folder(HOME / "assets" / "examples" / "cap")
    normal = [sample.path for sample in samples if sample.split == "train"][:4]
    tests = [sample for sample in samples if sample.split == "test"]
    figures = {}
    for preset in (EMBEDDED, FILTERS):
        encoder = shipped(preset)
        known = torch.cat([directions_of(encoder, path) for path in normal])
        scores = [score(directions_of(encoder, sample.path), known) for sample in tests]
        is_anomalous = [sample.is_anomalous for sample in tests]
        figures[preset.name] = image_auroc(scores, is_anomalous)
    assert figures["embedded"] > max(figures["filters"], 0.9)


def score(directions: torch.Tensor, known: torch.Tensor) -> float:
    """Return the mean of the highest hundredth of the distances to the nearest known token."""
    distances = 1 - (directions @ known.T).amax(dim=-1)
    return float(distances.topk(len(distances) // 100).values.mean())


def directions_of(encoder: FrozenEncoder, path: Path) -> torch.Tensor:
    image = load_image(path)
    images = to_tensor(image, make_geometry(image, "full", EMBEDDED))[None]
    return F.normalize(encoder(images)[0][0], dim=-1)
