"""What a training keeps and says: steps with 16-bit numbers, checkpoints, files, curves."""

from dataclasses import replace

import pytest
import torch
from training_data import QUICK, new_model

from inpformer.training.checkpoint import Position, read_checkpoint, save_checkpoint
from inpformer.training.curve_page import curve_page
from inpformer.training.descent import Descent, Rates
from inpformer.training.processes import Processes
from inpformer.training.run_folder import detector_files
from inpformer.training.run_log import TrainProgress

# --- steps of the optimiser --------------------------------------------------------------------


def descent(model, processes, scaler=None) -> Descent:
    made = Descent(dict(model.decoder.named_parameters()), Rates(10, 0, 1e-2, 1e-4, 0.1), processes)
    made.processes = ScaledProcesses(processes, scaler)
    return made


class ScaledProcesses:
    """One process that computes with 16-bit numbers."""

    def __init__(self, processes, scaler):
        self.total, self.sum_gradients = processes.total, processes.sum_gradients
        self.scaler = scaler


def loss_of(model):
    tokens = torch.rand(2, 5, 16, generator=torch.Generator().manual_seed(1))
    return model.decode(tokens, tokens[:, :3])[0].square().mean()


@pytest.mark.parametrize(("steps", "warmup", "peak_at"), [(400, 100, 99), (40, 100, 19)])
def test_the_rate_rises_from_0_for_at_most_half_of_the_steps(steps, warmup, peak_at):
    rates = [Rates(steps, warmup, 1e-2, 1e-4, 0.1).of(step) for step in range(steps)]
    assert rates[0] == 0 and rates[peak_at] == max(rates) == pytest.approx(1e-2)
    assert rates[: peak_at + 1] == sorted(rates[: peak_at + 1])
    assert rates[peak_at + 1 :] == sorted(rates[peak_at + 1 :], reverse=True)
    assert rates[-1] == pytest.approx(1e-4, rel=0.7)


def test_a_scaled_loss_gives_the_step_of_a_plain_one():
    plain, scaled = new_model(), new_model()
    for model, scaler in ((plain, None), (scaled, torch.amp.GradScaler("cpu", init_scale=1024.0))):
        made = descent(model, Processes(on_cpu=True), scaler)
        made.begin()
        loss = loss_of(model)
        made.add(loss)
        report = made.finish(0, {"loss": loss.detach()}, 2)
        assert report.gradient_norm > 0
    for ours, theirs in zip(plain.decoder.parameters(), scaled.decoder.parameters(), strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-7)


def test_a_checkpoint_brings_optimiser_and_scaler_back(tmp_path):
    processes = Processes(on_cpu=True)
    model = new_model()
    made = descent(model, processes, torch.amp.GradScaler("cpu", init_scale=64.0))
    for step in range(3):
        made.begin()
        loss = loss_of(model)
        made.add(loss)
        made.finish(step, {"loss": loss.detach()}, 2)
    path = tmp_path / "checkpoint/state.safetensors"
    save_checkpoint(path, Position("a", "train", 3), model, made)
    found = read_checkpoint(path)
    assert found.position == Position("a", "train", 3)
    other = new_model(replace(QUICK, seed=9))
    later = descent(other, processes, torch.amp.GradScaler("cpu", init_scale=2.0))
    found.restore_model(other)
    found.restore_descent(later)
    assert later.processes.scaler.get_scale() == 64.0
    for name, parameter in made.parameters.items():
        before = made.optimizer.state[parameter]
        after = later.optimizer.state[later.parameters[name]]
        assert before["step"] == after["step"] == 3
        for moment in ("mean", "square", "largest_square"):
            assert torch.equal(before[moment], after[moment]), moment
        assert torch.equal(parameter, later.parameters[name])


def test_there_is_no_checkpoint_before_the_first_one(tmp_path):
    assert read_checkpoint(tmp_path / "state.safetensors") is None


# --- what people see ---------------------------------------------------------------------------


def test_every_model_has_a_file_of_its_own_with_a_name_for_any_disk():
    files = detector_files(["*", "Bolt", "bolt", "a/b", "../c", "螺栓", ".", "x y?"])
    assert len({file.casefold() for file in files.values()}) == 8
    for file in files.values():
        assert file.startswith("detectors/") and file.endswith(".safetensors")
        assert ".." not in file and file.count("/") == 1 and "?" not in file


def test_curves_are_drawn_per_model_and_phase_and_names_cannot_break_the_page():
    lines = [
        {"model": name, "phase": phase, "step": step, **losses}
        for name in ("<b>", "nut")
        for phase, losses in (
            ("train", {"reconstruction": 1.0, "coherence": 0.2}),
            ("head", {"segmentation": 0.9}),
        )
        for step in (1, 2)
    ]
    page = curve_page(lines)
    assert page.count("<h2>") == 4 and page.count("<polyline") == 6
    assert "<b>" not in page and "&lt;b&gt;" in page
    assert "<script" not in page


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(None, "head: "), (5, "5 s left"), (600, "10 min left"), (9000, "2.5 h left")],
)
def test_progress_says_how_long_it_will_take(seconds, words):
    progress = TrainProgress("head", "train", 1, 9, {"reconstruction": 0.5}, 3.0, seconds)
    assert words in str(progress) and "1/9" in str(progress) and "0.5000" in str(progress)
