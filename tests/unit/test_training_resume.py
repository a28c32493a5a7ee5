"""A run that was stopped or killed goes on to the very same detector."""

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest
import training_run_worker
from training_data import QUICK, assert_same_detectors, source, write_data

from inpformer.config import LossConfig
from inpformer.datasets.sample import DataSet
from inpformer.errors import FitCancelledError, UserError
from inpformer.training.processes import Processes
from inpformer.training.run import TrainRequest, train

SINGLE = replace(QUICK, setting="single")
MULTI = replace(QUICK, token_scale="shots", memory_tokens=30, head_input="scaled")
FEW = replace(QUICK, setting="few-shot", shots=1, batch_size=11, tokens_per_view=5)


class KilledError(BaseException):
    """What nobody catches, as if the process were gone."""


@pytest.fixture
def data(tmp_path) -> DataSet:
    return write_data(tmp_path / "parts")


def run(folder, data, config, on_progress=None, should_stop=None, **request) -> dict:
    wanted = TrainRequest((data,), config, folder, bundle_encoder=True, **request)
    return train(source(), wanted, Processes(on_cpu=True), on_progress, should_stop)


def killing(model: str, phase: str, step: int):
    def on_progress(progress):
        if (progress.model, progress.phase, progress.step) == (model, phase, step):
            raise KilledError

    return on_progress


def lines_of(folder) -> list[dict]:
    return [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]


def assert_same_runs(first: Path, second: Path) -> None:
    records = [json.loads((folder / "run.json").read_text()) for folder in (first, second)]
    assert records[0]["detectors"] == records[1]["detectors"]
    for file in records[0]["detectors"].values():
        assert_same_detectors(first / file, second / file)
    logs = [
        [{k: v for k, v in line.items() if "second" not in k} for line in lines_of(folder)]
        for folder in (first, second)
    ]
    assert logs[0] == logs[1], "each step once, with the same losses"


@pytest.mark.parametrize(
    ("config", "place"),
    [
        (MULTI, ("*", "encode", 8)),
        (MULTI, ("*", "train", 1)),
        (MULTI, ("*", "train", 3)),
        (MULTI, ("*", "train", 6)),
        (MULTI, ("*", "head", 1)),
        (MULTI, ("*", "head", 3)),
        (MULTI, ("*", "calibrate", 2)),
        (replace(MULTI, cache="none"), ("*", "train", 5)),
        (replace(MULTI, cache_bytes=10_000), ("*", "train", 5)),
        (SINGLE, ("nut", "train", 1)),
        (SINGLE, ("nut", "head", 2)),
        (FEW, ("bolt", "train", 5)),
    ],
)
def test_a_killed_run_goes_on_to_the_very_same_detector(tmp_path, data, config, place):
    with pytest.raises(KilledError):
        run(tmp_path / "killed", data, config, killing(*place))
    run(tmp_path / "killed", data, config, resume=True)
    run(tmp_path / "whole", data, config)
    assert_same_runs(tmp_path / "killed", tmp_path / "whole")


def test_a_run_can_be_killed_again_and_again(tmp_path, data):
    for step in (2, 3, 5):
        with pytest.raises(KilledError):
            run(tmp_path / "killed", data, MULTI, killing("*", "train", step), resume=True)
    run(tmp_path / "killed", data, MULTI, resume=True)
    run(tmp_path / "whole", data, MULTI)
    assert_same_runs(tmp_path / "killed", tmp_path / "whole")


@pytest.mark.parametrize(("place", "done"), [(("train", 2), 3), (("head", 1), 8)])
def test_a_run_that_is_asked_to_stop_keeps_all_of_its_steps(tmp_path, data, place, done):
    config, asked = replace(MULTI, checkpoint_steps=1000), []

    def ask(progress):
        if (progress.phase, progress.step) == place:
            asked.append(place)

    with pytest.raises(FitCancelledError, match=f"stopped after step {place[1] + 1}"):
        run(tmp_path / "stopped", data, config, ask, lambda: bool(asked))
    assert len(lines_of(tmp_path / "stopped")) == done
    seen = []
    run(tmp_path / "stopped", data, config, seen.append, resume=True)
    assert sum(item.phase in ("train", "head") for item in seen) == 6 + 4 - done
    run(tmp_path / "whole", data, config)
    assert_same_runs(tmp_path / "stopped", tmp_path / "whole")


@pytest.mark.parametrize("phase", ["look", "encode", "calibrate"])
def test_a_run_can_be_stopped_between_its_steps_too(tmp_path, data, phase):
    asked = []

    def ask(progress):
        if progress.phase == phase:
            asked.append(phase)

    with pytest.raises(FitCancelledError):
        run(tmp_path / "stopped", data, MULTI, ask, lambda: bool(asked))
    run(tmp_path / "stopped", data, MULTI, resume=True)
    run(tmp_path / "whole", data, MULTI)
    assert_same_runs(tmp_path / "stopped", tmp_path / "whole")


def test_a_finished_run_is_not_trained_again(tmp_path, data):
    record = run(tmp_path / "run", data, QUICK)
    seen = []
    assert run(tmp_path / "run", data, QUICK, seen.append, resume=True) == record
    assert {item.phase for item in seen} == {"look"}
    assert not (tmp_path / "run/checkpoint/state.safetensors").exists()


def test_a_line_that_a_kill_cut_short_is_passed_over(tmp_path, data):
    with pytest.raises(KilledError):
        run(tmp_path / "killed", data, MULTI, killing("*", "train", 4))
    with (tmp_path / "killed/log.jsonl").open("a") as log:
        log.write('{"model": "*", "ph')
    run(tmp_path / "killed", data, MULTI, resume=True)
    assert len(lines_of(tmp_path / "killed")) == 10


def test_a_run_is_not_written_over(tmp_path, data):
    run(tmp_path / "run", data, QUICK)
    before = (tmp_path / "run/detectors/all.safetensors").read_bytes()
    with pytest.raises(UserError, match="holds a run already; add --resume"):
        run(tmp_path / "run", data, replace(QUICK, seed=2))
    assert (tmp_path / "run/detectors/all.safetensors").read_bytes() == before


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"epochs": 4}, "its epochs is 3, and now 4"),
        ({"seed": 7, "epochs": 4}, "its seed is 1, and now 7"),
        ({"variant": "inp-former"}, "its variant is inp-former[+][+], and now inp-former"),
        ({"losses": LossConfig(coherence="hard")}, "its losses is null, and now"),
    ],
)
def test_another_configuration_is_refused_by_its_first_setting_that_differs(
    tmp_path, data, changed, words
):
    run(tmp_path / "run", data, QUICK)
    with pytest.raises(UserError, match=words) as caught:
        run(tmp_path / "run", data, replace(QUICK, **changed), resume=True)
    assert "\n" not in str(caught.value)


def test_how_often_a_run_is_noted_may_change_when_it_goes_on(tmp_path, data):
    with pytest.raises(KilledError):
        run(tmp_path / "killed", data, MULTI, killing("*", "train", 4))
    config = replace(MULTI, log_steps=3, checkpoint_steps=5, workers=1)
    run(tmp_path / "killed", data, config, resume=True)
    run(tmp_path / "whole", data, MULTI)
    file = "detectors/all.safetensors"
    assert_same_detectors(tmp_path / "killed" / file, tmp_path / "whole" / file)


def test_other_pictures_or_classes_are_refused(tmp_path, data):
    run(tmp_path / "run", data, QUICK)
    with pytest.raises(UserError, match="other classes"):
        run(tmp_path / "run", data, QUICK, resume=True, classes=("nut",))
    data.samples[0].path.unlink()
    with pytest.raises(UserError, match="other pictures"):
        run(tmp_path / "run", data, QUICK, resume=True)


def test_a_damaged_checkpoint_or_record_is_named(tmp_path, data):
    folder = tmp_path / "run"
    with pytest.raises(KilledError):
        run(folder, data, QUICK, killing("*", "train", 4))
    whole = (folder / "checkpoint/state.safetensors").read_bytes()
    (folder / "checkpoint/state.safetensors").write_bytes(whole[:100])
    with pytest.raises(UserError, match=r"checkpoint .* is damaged"):
        run(folder, data, QUICK, resume=True)
    (folder / "run.json").write_text("{")
    with pytest.raises(UserError, match=r"run\.json' is damaged"):
        run(folder, data, QUICK, resume=True)


def test_a_folder_that_cannot_be_written_to_is_refused_before_any_work(tmp_path, data):
    (tmp_path / "file").write_text("")
    seen = []
    with pytest.raises(UserError):
        run(tmp_path / "file/run", data, QUICK, seen.append)
    assert not seen


@pytest.mark.slow
@pytest.mark.parametrize("lines", [20, 135])
def test_a_run_killed_for_real_goes_on_to_the_very_same_detector(tmp_path, lines):
    tests = Path(training_run_worker.__file__).parent
    path = os.pathsep.join([str(tests.parent), str(tests)])
    folder = tmp_path / "killed"
    process = subprocess.Popen(
        [sys.executable, training_run_worker.__file__, tmp_path / "parts", folder],
        env={**os.environ, "PYTHONPATH": path},
    )
    deadline = time.monotonic() + 120
    while len(lines_so_far_of_a_writer(folder)) < lines:
        assert process.poll() is None and time.monotonic() < deadline
        time.sleep(0.005)
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    assert not (folder / "detectors").exists()
    training_run_worker.run(tmp_path / "parts", folder, resume=True)
    training_run_worker.run(tmp_path / "parts", tmp_path / "whole")
    assert_same_runs(folder, tmp_path / "whole")


def lines_so_far_of_a_writer(folder) -> list[str]:
    log = folder / "log.jsonl"
    return log.read_text().splitlines() if log.exists() else []
