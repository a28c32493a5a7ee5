"""Fits on a device with too little memory, and fits that come to values that are no numbers."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from inpformer.config import ModelConfig
from inpformer.corrections import Correction, RetrainConfig
from inpformer.detector import AnomalyDetector, Provenance
from inpformer.errors import ImageError, UserError
from inpformer.fit_config import FitConfig
from inpformer.fit_limits import FIT_ON_CPU_NOTICE
from inpformer.modeling.build import build_encoder, build_model, trained_state
from inpformer.progress import FitStep

QUICK = FitConfig(
    steps=3,
    batch_size=2,
    tokens_per_view=6,
    head_steps=2,
    head_batch_size=2,
    pseudo_anomalies=2,
    calibration_steps=1,
    inp_count=4,
    decoder_depth=2,
    head_widths=(8, 4),
    memory_tokens=16,
)
RETRAIN = RetrainConfig(own_views=1, pasted=1, pseudo_anomalies=1, steps=2)


def picture(seed: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(100, 130, (70, 84, 3), dtype=np.uint8)


def correction(seed: int) -> Correction:
    image, mask = picture(seed), np.zeros((70, 84), bool)
    mask[10:40, 10:40] = True
    image[mask] = (250, 10, 10)
    return Correction(image, mask)


SHOTS, CORRECTIONS = [picture(0), picture(1)], [correction(2), correction(3)]


class OnGpu(AnomalyDetector):
    """A detector that takes its device for a GPU; its network runs on the CPU."""

    @property
    def device(self) -> torch.device:
        return torch.device("meta")


class Memory:
    """Has an encoder run out of memory where it is shown more pictures than there is room for.

    Copies of the encoder, as one on the CPU, have all the room they want.
    """

    def __init__(self, encoder: nn.Module, room: int) -> None:
        self.room, self.shown = room, []
        self._encoder = encoder
        encoder.register_forward_pre_hook(self._look)

    def _look(self, module: nn.Module, given: tuple[torch.Tensor, ...]) -> None:
        if module is self._encoder:
            self.shown.append(len(given[0]))
            if self.shown[-1] > self.room:
                raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")

    def __deepcopy__(self, memo: dict) -> "Memory":
        return self


def start(tiny_encoder_config, kind: type[AnomalyDetector] = AnomalyDetector) -> AnomalyDetector:
    torch.manual_seed(0)
    encoder = replace(tiny_encoder_config, token_budget=36)  # quick
    config = ModelConfig(encoder=encoder, variant="training-free", decoder_depth=2)
    model = build_model(config, build_encoder(encoder))
    return kind(model, config, Provenance("untrained", "tiny"))


def learnt(detector: AnomalyDetector) -> dict[str, torch.Tensor]:
    return trained_state(detector.model)


def assert_same(first: AnomalyDetector, second: AnomalyDetector) -> None:
    mine, other = learnt(first), learnt(second)
    assert mine.keys() == other.keys()
    for name in mine:
        torch.testing.assert_close(mine[name], other[name], rtol=1e-3, atol=1e-4)


def test_a_fit_encodes_fewer_pictures_at_once_from_then_on(tiny_encoder_config):
    source = start(tiny_encoder_config, OnGpu)
    memory, steps = Memory(source.model.encoder, room=2), []
    fitted = source.fit(SHOTS, QUICK, steps.append)
    # Each of 2 pictures is encoded by 22 views, and the defects after them: tried once each.
    assert memory.shown.count(4) == 2 and set(memory.shown) <= {1, 2, 4}
    assert not any(step.notice for step in steps)
    assert_same(fitted, start(tiny_encoder_config).fit(SHOTS, QUICK))


def test_a_fit_for_which_the_gpu_has_no_room_at_all_is_done_by_the_cpu_which_is_said(
    tiny_encoder_config,
):
    source = start(tiny_encoder_config, OnGpu)
    memory, steps = Memory(source.model.encoder, room=0), []
    fitted = source.fit(SHOTS, QUICK, steps.append)
    assert memory.shown == [4, 2, 1]
    assert steps and {step.notice for step in steps} == {FIT_ON_CPU_NOTICE}
    assert FIT_ON_CPU_NOTICE in str(steps[0]) and steps[-1].fraction == 1
    assert fitted.model.encoder is source.model.encoder, "what was learnt is back at the GPU"
    assert_same(fitted, start(tiny_encoder_config).fit(SHOTS, QUICK))


def test_memory_that_runs_out_in_the_middle_of_a_fit_costs_what_was_done(tiny_encoder_config):
    source = start(tiny_encoder_config, OnGpu)
    memory, steps = Memory(source.model.encoder, room=4), []

    def watch(step: FitStep) -> None:
        steps.append(step)
        if step.phase == "train":
            memory.room = 0

    source.fit(SHOTS, QUICK, watch)
    said = [bool(step.notice) for step in steps]
    assert said == sorted(said) and said[0] is False and said[-1] is True
    first_on_cpu = steps[said.index(True)]
    assert (first_on_cpu.phase, first_on_cpu.fraction < steps[said.index(True) - 1].fraction) == (
        "encode",
        True,
    )


def test_a_retraining_goes_on_on_the_cpu_as_well_and_so_do_those_beside_it(tiny_encoder_config):
    from inpformer.retraining import Retrainer

    plain = start(tiny_encoder_config).fit(SHOTS, QUICK)
    source = OnGpu(plain.model, plain.config, plain.provenance, plain.calibration)
    expected = plain.retrain(SHOTS, CORRECTIONS, RETRAIN)
    memory, steps = Memory(source.model.encoder, room=0), []
    retrainer = Retrainer(source, SHOTS, CORRECTIONS, RETRAIN, steps.append)
    after = retrainer.retrain()
    assert memory.shown == [4, 2, 1]
    assert {step.notice for step in steps} == {FIT_ON_CPU_NOTICE}
    assert after.model.encoder is source.model.encoder and after.provenance.version == 2
    assert_same(after, expected)
    assert retrainer.retrain_with([0]).provenance.correction_count == 1
    assert memory.shown == [4, 2, 1], "the GPU is not asked again"


@pytest.mark.parametrize("retrains", [False, True])
def test_too_little_memory_on_the_cpu_itself_is_one_sentence(tiny_encoder_config, retrains):
    source = start(tiny_encoder_config).fit(SHOTS, QUICK)
    Memory(source.model.encoder, room=0)
    with pytest.raises(UserError, match="too little memory for this fit; use fewer normal"):
        source.retrain(SHOTS, CORRECTIONS, RETRAIN) if retrains else source.fit(SHOTS, QUICK)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs an NVIDIA GPU")
def test_a_real_gpu_that_is_full_leaves_the_fit_to_the_cpu(tiny_encoder_config):
    source = start(tiny_encoder_config)
    source.model.to("cuda")
    torch.cuda.empty_cache()
    torch.cuda.set_per_process_memory_fraction(1e-6)
    steps = []
    try:
        fitted = source.fit(SHOTS, QUICK, steps.append)
    finally:
        torch.cuda.set_per_process_memory_fraction(1.0)
    assert steps[-1].notice == FIT_ON_CPU_NOTICE
    assert fitted.predict(picture(9)).threshold is not None


# Values that are no numbers


def test_no_detector_comes_of_an_encoder_that_gives_no_numbers(tiny_encoder_config):
    source = start(tiny_encoder_config)
    with torch.no_grad():
        next(source.model.encoder.vit.parameters()).fill_(torch.nan)
    for config in (QUICK, replace(QUICK, variant="training-free")):
        with pytest.raises(UserError, match=r"values that are no numbers, so no detector was made"):
            source.fit(SHOTS, config)


def test_a_loss_that_is_no_number_ends_the_fit_at_its_step(tiny_encoder_config):
    source, steps, calls = start(tiny_encoder_config), [], []

    def spoil_the_first_views(module, given, groups):
        calls.append(given)
        return [group * torch.nan for group in groups] if len(calls) == 1 else groups

    source.model.encoder.register_forward_hook(spoil_the_first_views)
    with pytest.raises(UserError, match="no numbers, so no detector was made; use a lower learn"):
        source.fit(SHOTS, replace(QUICK, steps=200), steps.append)
    assert steps[-1].phase in ("encode", "train") and steps[-1].step < 200


def test_a_retraining_that_comes_to_no_numbers_gives_no_next_version(tiny_encoder_config):
    fitted = start(tiny_encoder_config).fit(SHOTS, QUICK)
    with torch.no_grad():
        next(fitted.model.decoder.parameters()).fill_(torch.nan)
    with pytest.raises(UserError, match="no numbers, so no detector was made"):
        fitted.retrain(SHOTS, CORRECTIONS, RETRAIN)
    assert fitted.provenance.version == 1


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_a_picture_with_values_that_are_no_numbers_is_refused(tiny_encoder_config, value):
    image = picture(0).astype(np.float32)
    image[3, 4] = value
    detector = start(tiny_encoder_config)
    for look in (detector.predict, lambda given: detector.fit([given], QUICK)):
        with pytest.raises(ImageError, match="float32 values; give whole numbers from 0 to 255"):
            look(image)
