"""Two real processes train as one does: same losses, same gradients, shared work."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
import training_worker
from training_data import QUICK, source, write_data

from inpformer.errors import ConfigError, UserError
from inpformer.training.processes import Processes

TESTS = Path(__file__).resolve().parents[1]


def start(count: int, *command: str | Path) -> list[subprocess.Popen]:
    """Start a Python command in several processes, as a launcher does."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    running = []
    for rank in range(count):
        told = {"RANK": rank, "LOCAL_RANK": rank, "WORLD_SIZE": count, "LOCAL_WORLD_SIZE": count}
        told |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port, "OMP_NUM_THREADS": 1}
        path = os.pathsep.join([str(TESTS.parent), str(TESTS)])
        environment = {**os.environ, **{k: str(v) for k, v in told.items()}, "PYTHONPATH": path}
        running.append(
            subprocess.Popen([sys.executable, *command], env=environment, stdout=subprocess.PIPE)
        )
    return running


def finish(running: list[subprocess.Popen]) -> list[str]:
    """Wait for processes that go well, and return what each of them printed."""
    printed = [process.communicate(timeout=300)[0].decode() for process in running]
    assert [process.returncode for process in running] == [0] * len(running)
    return printed


@pytest.fixture(scope="module")
def of_two(tmp_path_factory) -> dict:
    target = tmp_path_factory.mktemp("two") / "report.json"
    finish(start(2, TESTS / "training_worker.py", target))
    return json.loads(target.read_text())


@pytest.mark.parametrize("name", training_worker.CONFIGS)
def test_two_processes_give_the_losses_and_gradients_of_one(of_two, name):
    alone = training_worker.losses_of(training_worker.CONFIGS[name], Processes(on_cpu=True))
    assert len(alone) >= 3 * training_worker.STEPS
    assert of_two["losses"][name] == pytest.approx(alone, rel=1e-4)


def test_two_processes_share_what_there_is(of_two):
    assert of_two["shares"] == [2, 3]


def test_what_the_main_process_knows_or_refuses_all_know_or_refuse(of_two):
    assert of_two["from_main"] == [0, 0]
    assert of_two["refused"] == ["Only the main process can know this."] * 2


def test_one_process_has_everything_and_waits_for_nobody():
    processes = Processes(on_cpu=True)
    assert processes.is_main and processes.count == 1 and processes.index == 0
    assert processes.device.type == "cpu" and processes.scaler is None
    assert processes.share_of([1, 2, 3]) == [1, 2, 3]
    assert processes.gather(["a"]) == ["a"]
    assert processes.from_main(lambda: QUICK) is QUICK
    processes.wait()


def test_a_precision_that_cannot_be_is_refused_in_a_sentence():
    with pytest.raises((ConfigError, UserError), match="fp16"):
        Processes(on_cpu=True, mixed_precision="fp16")


def losses_in(folder: Path) -> list[float]:
    names = ("reconstruction", "coherence", "segmentation")
    lines = [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]
    return [line[name] for line in lines for name in names if name in line]


def train_command(tmp_path: Path, folder: str, *more: str) -> list[str]:
    settings = ("batch_size=5", "epochs=40", "head_epochs=2", "log_steps=1", "warmup_steps=3")
    return [
        *("-m", "inpformer", "train", tmp_path / "parts", "-o", tmp_path / folder),
        *("--encoder", tmp_path / "encoder.safetensors", "--device", "cpu", "--bundle-encoder"),
        *("--set", *settings, "head_widths=[4,2]", "inp_count=3", "calibration_views=4", *more),
    ]


@pytest.mark.slow
def test_the_command_trains_in_two_processes_what_it_trains_in_one(tmp_path):
    write_data(tmp_path / "parts", train=7)
    source().save(tmp_path / "encoder.safetensors", bundle_encoder=True)
    (alone,) = finish(start(1, *train_command(tmp_path, "one")))
    main, other = finish(start(2, *train_command(tmp_path, "two")))
    assert main == alone.replace("one", "two") and other == "", "one process speaks"
    expected = losses_in(tmp_path / "one")
    assert len(expected) == 40 * 2 * 2 + 2 * 2
    assert losses_in(tmp_path / "two")[:40] == pytest.approx(expected[:40], rel=1e-4)
    # Rounding grows from step to step.
    assert losses_in(tmp_path / "two") == pytest.approx(expected, rel=0.02)


@pytest.mark.slow
def test_a_run_of_two_processes_stops_in_both_when_one_is_asked_and_goes_on(tmp_path):
    write_data(tmp_path / "parts", train=7)
    source().save(tmp_path / "encoder.safetensors", bundle_encoder=True)
    log = tmp_path / "two/log.jsonl"
    more = ("checkpoint_steps=1000",)
    running = start(2, *train_command(tmp_path, "two", *more))
    while not log.exists() or not log.read_text():
        assert all(process.poll() is None for process in running)
        time.sleep(0.01)
    running[1].send_signal(signal.SIGTERM)
    assert [process.wait(timeout=120) for process in running] == [130, 130]
    done = len(log.read_text().splitlines())
    assert (tmp_path / "two/checkpoint/state.safetensors").exists()
    finish(start(2, *train_command(tmp_path, "two", *more), "--resume"))
    steps = [json.loads(line) for line in log.read_text().splitlines()]
    assert done < len(steps) == 40 * 2 + 2 * 2
    finish(start(2, *train_command(tmp_path, "whole", *more)))
    assert losses_in(tmp_path / "two") == losses_in(tmp_path / "whole")
