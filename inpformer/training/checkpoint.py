"""Where a run goes on after it was stopped or killed: one file, no pickles, whole or absent."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from safetensors import safe_open
from torch import Tensor

from inpformer.config_table import from_dict
from inpformer.errors import DiskError, WeightsError
from inpformer.files import make_folder
from inpformer.modeling.build import load_trained_state, trained_state
from inpformer.modeling.model import INPFormer
from inpformer.tensor_files import save_tensors
from inpformer.training.descent import Descent

FORMAT = "inpformer-checkpoint-1"
_MODEL = "model/"
_MOMENTS = ("mean", "square", "largest_square")


@dataclass(frozen=True)
class Position:
    """A place in a run.

    Attributes:
        model: Name of the model that is being trained.
        phase: `train` or `head`.
        step: Steps of the phase that are done.
    """

    model: str
    phase: str
    step: int


@dataclass(frozen=True)
class Checkpoint:
    """All that a run needs to go on to the last bit: the rest follows from seed and step.

    Attributes:
        position: Where it was made.
        header: What the file says about itself.
        tensors: Trained parts of the model, and moments of the optimiser.
    """

    position: Position
    header: dict[str, Any]
    tensors: dict[str, Tensor]

    def restore_model(self, model: INPFormer) -> None:
        """Copy the trained parts into a model.

        Raises:
            WeightsError: It is another model.
        """
        state = {k.removeprefix(_MODEL): v for k, v in self.tensors.items() if k.startswith(_MODEL)}
        load_trained_state(model, state, "The checkpoint")

    def restore_descent(self, descent: Descent) -> None:
        """Give the optimiser of the same phase its moments back."""
        for name, parameter in descent.parameters.items():
            keys = [f"{moment}/{name}" for moment in _MOMENTS]
            shapes = [self.tensors[key].shape for key in keys if key in self.tensors]
            steps = self.header.get("steps")
            has_steps = isinstance(steps, dict) and type(steps.get(name)) in (int, float)
            if shapes != [parameter.shape] * len(_MOMENTS) or not has_steps:
                raise WeightsError(
                    f"The checkpoint does not fit: it lacks the state of '{name}'; remove it to "
                    "train its model from the beginning."
                )
            moments = {
                moment: self.tensors[key].to(parameter.device)
                for moment, key in zip(_MOMENTS, keys, strict=True)
            }
            descent.optimizer.state[parameter] = {"step": self.header["steps"][name], **moments}
        if descent.processes.scaler is not None:
            descent.processes.scaler.load_state_dict(self.header["scaler"])


def save_checkpoint(path: Path, position: Position, model: INPFormer, descent: Descent) -> None:
    """Write a checkpoint; the one before stays until this one is on the disk.

    Raises:
        DiskError: The disk is full or the folder cannot be written to.
    """
    tensors = {_MODEL + key: value for key, value in trained_state(model).items()}
    steps = {}
    for name, parameter in descent.parameters.items():
        state = descent.optimizer.state[parameter]
        steps[name] = state["step"]
        tensors |= {f"{moment}/{name}": state[moment] for moment in _MOMENTS}
    scaler = descent.processes.scaler
    header = {
        "format": FORMAT,
        "position": asdict(position),
        "steps": steps,
        "scaler": None if scaler is None else scaler.state_dict(),
    }
    stored = {key: value.detach().cpu().contiguous() for key, value in tensors.items()}
    make_folder(path.parent)
    save_tensors(path, stored, header, durable=True)


def read_checkpoint(path: Path) -> Checkpoint | None:
    """Read a checkpoint; None if there is none.

    Raises:
        WeightsError: It is damaged, or of another version of this program.
    """
    if not path.is_file():
        return None
    try:
        with safe_open(path, framework="pt") as file:
            header = json.loads((file.metadata() or {}).get("inpformer", "null"))
            tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
        if header["format"] != FORMAT:
            raise ValueError(header["format"])
        position = from_dict(Position, header["position"])
        return Checkpoint(position, header, tensors)
    except Exception as error:  # damaged files make readers raise anything
        raise WeightsError(
            f"The checkpoint '{path}' is damaged, or of another version of this program; remove "
            "it to train the model that it belongs to from its beginning."
        ) from error


def remove_checkpoint(path: Path) -> None:
    """Remove a checkpoint that nobody needs any more.

    Raises:
        DiskError: It cannot be removed.
    """
    try:
        path.unlink(missing_ok=True)
    except OSError as error:
        raise DiskError(f"'{path}' cannot be removed: {error.strerror}.", path.name) from error
