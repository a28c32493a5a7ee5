"""What to do when a device has too little memory for the pictures it is shown."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING

import torch
from torch.nn import Parameter

if TYPE_CHECKING:
    from inpformer.modeling.model import INPFormer

ON_CPU_NOTICE = "the GPU had too little memory, so the CPU looked at this picture, more slowly"
NO_MEMORY = (
    "This computer has too little memory for this picture; show a smaller one, or fewer tiles."
)
# How torch says it of the CPU, where it has no exception of its own for it.
_CPU_WORDS = ("can't allocate memory", "not enough memory")


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an exception means that a device has too little memory."""
    if isinstance(error, (torch.OutOfMemoryError, MemoryError)):
        return True
    return isinstance(error, RuntimeError) and any(words in str(error) for words in _CPU_WORDS)


def free_cache(device: torch.device) -> None:
    """Give back what torch keeps of a GPU's memory for later."""
    if device.type == "cuda":
        torch.cuda.empty_cache()


def copy_to_cpu(model: INPFormer) -> INPFormer:
    """Return a copy of a network on the CPU; the device it is on is asked for no memory."""
    # `deepcopy` takes what stands here as already copied.
    copies: dict[int, torch.Tensor] = {
        id(each): Parameter(each.detach().cpu(), requires_grad=False) for each in model.parameters()
    }
    copies |= {id(each): each.detach().cpu() for each in model.buffers()}
    return copy.deepcopy(model, copies)
