"""Steps of a training: the same however the batch is divided and whatever is kept."""

from dataclasses import replace

import pytest
import torch
from training_data import QUICK, new_model, pictures

from inpformer.errors import UserError
from inpformer.head_training import MaskedPicture
from inpformer.losses import dice_loss
from inpformer.modeling.build import trained_state
from inpformer.modeling.model import residual_tokens, to_grid
from inpformer.pseudo_anomalies import make_pseudo_anomaly
from inpformer.training.decoder_phase import DecoderPhase
from inpformer.training.head_phase import HeadPhase
from inpformer.training.processes import Processes
from inpformer.training.token_store import TokenStore

IMAGES = pictures(9)


@pytest.fixture(scope="module")
def processes() -> Processes:
    return Processes(on_cpu=True)


def decoder_phase(config, processes, images=IMAGES, model=None) -> DecoderPhase:
    model = model or new_model(config)
    counts = [image.shape[1] * image.shape[2] // 14**2 for image in images]
    tokens = TokenStore(model, lambda item: images[item], counts, config, processes)
    tokens.fill(lambda count: None)
    return DecoderPhase(model, tokens, config, processes)


def head_phase(config, processes, images=IMAGES) -> HeadPhase:
    def make(item, generator):
        return MaskedPicture(*make_pseudo_anomaly(images[item], generator))

    phase = HeadPhase(new_model(config), len(images), make, config, processes)
    phase.scale_input()
    return phase


def losses_of(phase, steps=4) -> list[float]:
    reports = [phase.take(step) for step in range(steps)]
    return [value.item() for report in reports for value in report.losses.values()]


@pytest.mark.parametrize("losses", ["inp-former", "inp-former++"])
@pytest.mark.parametrize("parts", [2, 3, 5])
def test_a_batch_in_parts_gives_the_losses_of_the_whole(processes, losses, parts):
    config = replace(QUICK, variant=losses, batch_size=7)
    whole = decoder_phase(config, processes)
    divided = decoder_phase(replace(config, gradient_accumulation_steps=parts), processes)
    assert losses_of(divided) == pytest.approx(losses_of(whole), rel=1e-4)


def test_mining_by_the_mean_of_each_part_would_be_another_training(processes, monkeypatch):
    """The test above can fail: the mean over the whole batch is what makes it pass."""
    config = replace(QUICK, batch_size=7, gradient_accumulation_steps=3)
    whole = losses_of(decoder_phase(replace(config, gradient_accumulation_steps=1), processes))
    monkeypatch.setattr(DecoderPhase, "_mean_errors", lambda *_: None)
    assert losses_of(decoder_phase(config, processes)) != pytest.approx(whole, rel=1e-4)


@pytest.mark.parametrize("tokens_per_view", [0, 5])
def test_tokens_that_are_kept_give_the_losses_of_tokens_computed_anew(processes, tokens_per_view):
    config = replace(QUICK, tokens_per_view=tokens_per_view)
    kept = decoder_phase(config, processes)
    assert kept.tokens.room == len(IMAGES)
    anew = decoder_phase(replace(config, cache="none"), processes)
    assert anew.tokens.room == 0
    assert losses_of(anew) == pytest.approx(losses_of(kept), rel=1e-4)


def test_as_many_tokens_are_kept_as_there_is_room_for(processes):
    size = 16 * 2 * 16 * 4  # tokens, groups, channels, bytes
    config = replace(QUICK, cache_bytes=4 * size + 1)
    some = decoder_phase(config, processes)
    assert some.tokens.room == 4
    assert losses_of(some) == pytest.approx(losses_of(decoder_phase(QUICK, processes)), rel=1e-4)
    with pytest.raises(UserError, match="cache_bytes"):
        decoder_phase(replace(config, cache="memory"), processes)


def test_kept_tokens_are_encoded_once(processes):
    read = []
    model = new_model()
    tokens = TokenStore(model, lambda i: read.append(i) or IMAGES[i], [16] * 9, QUICK, processes)
    tokens.fill(lambda count: None)
    losses_of(DecoderPhase(model, tokens, QUICK, processes))
    assert sorted(read) == list(range(9))


def test_a_picture_that_cannot_be_read_any_more_is_named(processes):
    def gone(item):
        raise UserError("There is no file 'a.png'; check the path.")

    tokens = TokenStore(new_model(), gone, [16], QUICK, processes)
    with pytest.raises(UserError, match=r"a\.png"):
        tokens.fill(lambda count: None)


@pytest.mark.parametrize("tokens_per_view", [0, 4])
def test_pictures_of_different_sizes_train_together(processes, tokens_per_view):
    images = pictures(4) + pictures(3, (28, 70))
    config = replace(QUICK, batch_size=5, tokens_per_view=tokens_per_view)
    whole = losses_of(decoder_phase(config, processes, images))
    divided = replace(config, gradient_accumulation_steps=2)
    assert losses_of(decoder_phase(divided, processes, images)) == pytest.approx(whole, rel=1e-4)


def test_decoder_steps_leave_encoder_and_head_alone(processes):
    model = new_model()
    before = {key: value.clone() for key, value in model.state_dict().items()}
    losses_of(decoder_phase(QUICK, processes, model=model))
    for key, value in model.state_dict().items():
        is_trained = key.startswith(("inp_extractor.", "decoder."))
        assert torch.equal(value, before[key]) != is_trained or "norm" in key, key


@pytest.mark.parametrize("parts", [2, 3])
def test_a_head_batch_in_parts_gives_the_losses_of_the_whole(processes, parts):
    whole, divided = (
        head_phase(replace(QUICK, batch_size=7, gradient_accumulation_steps=count), processes)
        for count in (1, parts)
    )
    assert losses_of(divided) == pytest.approx(losses_of(whole), rel=1e-4)


def test_head_steps_train_the_head_alone_on_defects_made_anew(processes):
    phase = head_phase(QUICK, processes)
    before = {key: value.clone() for key, value in trained_state(phase.model).items()}
    losses = losses_of(phase)
    assert len(set(losses)) == len(losses)
    for key, value in trained_state(phase.model).items():
        assert torch.equal(value, before[key]) != key.startswith("segmentation_head.layers"), key


def test_the_loss_of_the_head_is_dice_on_residuals(processes):
    phase = head_phase(replace(QUICK, batch_size=4), processes)
    places = phase._places(0)
    made = [phase._pictures.get(place) for place in places]
    images = torch.stack([picture.image for picture in made])
    masks = torch.stack([picture.mask for picture in made])
    with torch.no_grad():
        output = phase.model(images)
        residual = residual_tokens(output.encoder_groups, output.decoder_groups)
        probability = phase.model.segmentation_head(to_grid(residual, output.grid_size), (56, 56))
    expected = dice_loss(probability, masks).item()
    assert phase.take(0).losses["segmentation"].item() == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize(("head_input", "is_one"), [("paper", True), ("scaled", False)])
def test_the_heads_input_is_scaled_only_if_asked_for(processes, head_input, is_one):
    phase = head_phase(replace(QUICK, head_input=head_input), processes)
    assert (phase.model.segmentation_head.input_scale == 1) == is_one


def test_bfloat16_gives_nearly_the_same_losses(processes, monkeypatch):
    full = losses_of(decoder_phase(QUICK, processes))
    monkeypatch.setattr(
        Processes, "autocast", lambda self: torch.autocast("cpu", dtype=torch.bfloat16)
    )
    rounded = losses_of(decoder_phase(QUICK, processes))
    assert rounded != full
    assert rounded == pytest.approx(full, rel=0.05)
