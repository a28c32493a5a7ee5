"""Two real processes train as one does: same losses, same gradients, shared work."""

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import training_worker
from training_data import QUICK

from inpformer.errors import ConfigError, UserError
from inpformer.training.processes import Processes

TESTS = Path(__file__).resolve().parents[1]


def launch(count: int, target: Path) -> dict:
    """Start the worker as a launcher does, and return what the main process wrote."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    running = []
    for rank in range(count):
        told = {"RANK": rank, "LOCAL_RANK": rank, "WORLD_SIZE": count, "LOCAL_WORLD_SIZE": count}
        told |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port, "OMP_NUM_THREADS": 1}
        path = os.pathsep.join([str(TESTS.parent), str(TESTS)])
        environment = {**os.environ, **{k: str(v) for k, v in told.items()}, "PYTHONPATH": path}
        command = [sys.executable, TESTS / "training_worker.py", target]
        running.append(subprocess.Popen(command, env=environment))
    codes = [process.wait(timeout=300) for process in running]
    assert codes == [0] * count
    return json.loads(target.read_text())


@pytest.fixture(scope="module")
def of_two(tmp_path_factory) -> dict:
    return launch(2, tmp_path_factory.mktemp("two") / "report.json")


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
