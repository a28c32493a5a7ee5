"""A clock that jumps: time left is never negative, and nothing that lives is taken for dead."""

import time

import numpy as np
import pytest
from training_data import QUICK, source, write_data

from inpformer.corrections import Correction, RetrainConfig
from inpformer.detector import AnomalyDetector
from inpformer.files import save_bytes
from inpformer.fit_config import FitConfig
from inpformer.training.processes import Processes
from inpformer.training.run import TrainRequest, train
from inpformer.ui.sessions import Sessions

FIT = FitConfig(
    steps=2, head_steps=2, pseudo_anomalies=2, tokens_per_view=8, inp_count=4, calibration_steps=1
)
DAY = 86400.0


@pytest.fixture(params=[DAY, -DAY], ids=["forwards", "backwards"])
def jumping(request, monkeypatch) -> None:
    """Have the clock on the wall jump by a day each time it is looked at."""
    real, jumps = time.time, []

    def jump() -> float:
        jumps.append(1)
        return real() + request.param * len(jumps)

    monkeypatch.setattr(time, "time", jump)


def picture(seed: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(90, 130, (60, 70, 3), dtype=np.uint8)


def test_a_fit_and_a_retraining_never_have_less_than_no_time_left(jumping, tmp_path):
    steps = []
    fitted = source().fit([picture(1), picture(2)], FIT, steps.append)
    mask = np.zeros((60, 70), bool)
    mask[20:40, 20:40] = True
    settings = RetrainConfig(own_views=1, pasted=1, pseudo_anomalies=1, steps=2)
    after = fitted.retrain([picture(1)], [Correction(picture(3), mask)], settings, steps.append)
    assert steps and all(0 <= step.seconds_left < 3600 for step in steps)
    AnomalyDetector.load(after.save(tmp_path / "a.safetensors"), "cpu")
    assert [path.name for path in tmp_path.iterdir()] == ["a.safetensors"]


def test_a_training_never_has_less_than_no_time_left(jumping, tmp_path):
    reports = []
    request = TrainRequest((write_data(tmp_path / "data"),), QUICK, tmp_path / "run")
    train(source(), request, Processes(on_cpu=True), reports.append)
    left = [each.seconds_left for each in reports if each.seconds_left is not None]
    assert left and all(0 <= seconds < 3600 for seconds in left)


def test_a_save_is_whole_while_the_clock_jumps(jumping, tmp_path):
    for content in (b"old", b"new"):
        save_bytes(tmp_path / "a.png", content)
    assert [path.read_bytes() for path in tmp_path.iterdir()] == [b"new"]


def test_visitors_stay_and_go_by_a_clock_that_does_not_jump(jumping, tmp_path):
    sessions = Sessions(root=tmp_path)
    folder = sessions.get("ann").folder
    sessions.sweep()
    assert folder.is_dir() and len(sessions) == 1
