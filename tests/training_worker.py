"""A process of a training that several share, as a launcher starts it: `training_worker.py FILE`.

Takes steps of both phases, and writes what they gave to a file.
"""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path

from training_data import QUICK, new_model, pictures

from inpformer.errors import UserError
from inpformer.head_training import MaskedPicture
from inpformer.pseudo_anomalies import make_pseudo_anomaly
from inpformer.training.config import TrainConfig
from inpformer.training.decoder_phase import DecoderPhase
from inpformer.training.head_phase import HeadPhase
from inpformer.training.processes import Processes
from inpformer.training.token_store import TokenStore

STEPS = 6
IMAGES = pictures(8) + pictures(3, (28, 70))
# Five pictures for two processes are unequal shares, and two processes have one picture to share.
CONFIGS = {
    "unequal shares": replace(QUICK, batch_size=5, epochs=10, head_epochs=10),
    "in parts": replace(QUICK, batch_size=5, epochs=10, gradient_accumulation_steps=2),
    "some tokens": replace(QUICK, batch_size=4, tokens_per_view=4, cache="none"),
    "first paper": replace(QUICK, variant="inp-former", batch_size=5, epochs=10, head_epochs=1),
    "an empty share": replace(QUICK, batch_size=1, head_input="scaled"),
}


def losses_of(config: TrainConfig, processes: Processes) -> list[float]:
    """Return all losses and gradient norms of some steps of both phases."""
    model = new_model(config)
    counts = [image.shape[1] * image.shape[2] // 14**2 for image in IMAGES]
    tokens = TokenStore(model, lambda item: IMAGES[item], counts, config, processes)
    tokens.fill(lambda count: None)
    phases: list[DecoderPhase | HeadPhase] = [DecoderPhase(model, tokens, config, processes)]
    if config.has_head:

        def make(item, generator):
            return MaskedPicture(*make_pseudo_anomaly(IMAGES[item], generator))

        phases.append(HeadPhase(model, len(IMAGES), make, config, processes))
    found = []
    for phase in phases:
        if phase.name == HeadPhase.name:
            phase.scale_input()
        for step in range(STEPS):
            report = phase.take(step)
            found += [value.item() for value in report.losses.values()]
            found.append(report.gradient_norm.item())
    return found


def refuse() -> None:
    raise UserError("Only the main process can know this.")


def main(target: Path) -> None:
    processes = Processes(on_cpu=True)
    found = {name: losses_of(config, processes) for name, config in CONFIGS.items()}
    try:
        processes.from_main(refuse)
        said = ""
    except UserError as error:
        said = str(error)
    report = {
        "losses": found,
        "shares": processes.gather([len(processes.share_of(range(5)))]),
        "from_main": processes.gather([processes.from_main(lambda: processes.index)]),
        "refused": processes.gather([said]),
    }
    if processes.is_main:
        target.write_text(json.dumps(report))
    processes.wait()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
