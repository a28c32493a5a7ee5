"""This process among those that train together; `accelerate launch` starts more than one."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager
from typing import Any, TypeVar

import torch
from accelerate import Accelerator
from accelerate.utils import broadcast_object_list, gather_object
from torch import Tensor
from torch.amp import GradScaler

from inpformer.errors import ConfigError, UserError
from inpformer.training.config import Precision
from inpformer.training.schedule import split

Item = TypeVar("Item")


class Processes:
    """What a training needs of `accelerate`: who computes what, sums over all, and precision.

    Every process must call what sums, gathers or waits, in the same order.

    Args:
        on_cpu: Use no GPU, even if there is one.
        mixed_precision: `no`, `bf16` or `fp16`.

    Raises:
        UserError: The device cannot do that, or this process began with another device or
            precision.
    """

    def __init__(self, on_cpu: bool = False, mixed_precision: Precision = "no") -> None:
        try:
            # An accumulation that a launcher asks for is a setting of ours, and done by the loop.
            self._accelerator = Accelerator(cpu=on_cpu, mixed_precision=mixed_precision)
        except ValueError as error:
            raise UserError(
                f"Training with mixed_precision '{mixed_precision}' cannot begin here: {error}"
            ) from error
        if mixed_precision == "fp16" and self.device.type == "cpu":
            raise ConfigError("fp16 needs a GPU; use mixed_precision 'no' or 'bf16' on a CPU.")

    @property
    def device(self) -> torch.device:
        """Where this process computes."""
        return self._accelerator.device

    @property
    def index(self) -> int:
        """0 to `count` - 1."""
        return self._accelerator.process_index

    @property
    def count(self) -> int:
        """Processes that train together."""
        return self._accelerator.num_processes

    @property
    def is_main(self) -> bool:
        """Whether this one writes files and speaks to people."""
        return self._accelerator.is_main_process

    @property
    def scaler(self) -> GradScaler | None:
        """What losses are multiplied with; only fp16 needs it."""
        return self._accelerator.scaler

    def autocast(self) -> AbstractContextManager[None]:
        """Compute in the precision that was asked for, inside the returned context."""
        return self._accelerator.autocast()

    def share_of(self, items: Sequence[Item]) -> Sequence[Item]:
        """Return the part of `items` that is for this process; it may be empty."""
        part = split(len(items), self.count)[self.index]
        return items[part.start : part.stop]

    def total(self, values: Tensor) -> Tensor:
        """Return the sum of `values` over all processes."""
        if self.count == 1:
            return values
        return self._accelerator.reduce(values, "sum")

    def gather(self, items: list[Any]) -> list[Any]:
        """Return the lists of all processes behind each other."""
        return items if self.count == 1 else gather_object(items)

    def sum_gradients(self, parameters: Iterable[Tensor]) -> None:
        """Replace gradients by their sums over all processes; one without pictures adds 0."""
        if self.count == 1:
            return
        parameters = list(parameters)
        for parameter in parameters:
            if parameter.grad is None:
                parameter.grad = torch.zeros_like(parameter)
        # One message instead of hundreds.
        flat = self.total(torch.cat([parameter.grad.flatten() for parameter in parameters]))
        sizes = [parameter.numel() for parameter in parameters]
        for parameter, gradient in zip(parameters, flat.split(sizes), strict=True):
            parameter.grad.copy_(gradient.view_as(parameter))

    def from_main(self, make: Callable[[], Any]) -> Any:
        """Have the main process make plain values, and give them to all.

        Raises:
            UserError: `make` raised one; all processes then do.
        """
        if self.count == 1:
            return make()
        made: list[Any] = [None, None]
        if self.is_main:
            try:
                made[0] = make()
            except UserError as error:
                made[1] = str(error)
        broadcast_object_list(made)
        if made[1] is not None:
            raise UserError(made[1])
        return made[0]

    def wait(self) -> None:
        """Wait until all processes are here."""
        self._accelerator.wait_for_everyone()
