"""A training to be killed: `training_run_worker.py DATA RUN`."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

from training_data import QUICK, source, write_data

from inpformer.training.processes import Processes
from inpformer.training.run import TrainRequest, train

CONFIG = replace(QUICK, epochs=60, head_epochs=20, checkpoint_steps=7)


def run(data: Path, folder: Path, resume: bool = False) -> None:
    request = TrainRequest((write_data(data),), CONFIG, folder, resume=resume, bundle_encoder=True)
    train(source(), request, Processes(on_cpu=True))


if __name__ == "__main__":
    run(Path(sys.argv[1]), Path(sys.argv[2]))
