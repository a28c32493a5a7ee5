"""StableAdamW and the warm-up cosine schedule, as the published training uses them."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator

import torch
from torch import Tensor
from torch.amp import GradScaler

from inpformer.errors import UserError

GRADIENT_NORM_LIMIT = 0.1
NO_NUMBERS = (
    "The fit came to values that are no numbers, so no detector was made; use a lower learning "
    "rate, or load the encoder again."
)
# Numbers updated together: a call for many small tensors costs hardly more than for one, but what
# does not fit into the processor's cache is read anew by every operation.
PORTION = 1 << 17


class StableAdamW(torch.optim.Optimizer):
    """AdamW whose step of each tensor is bounded by the size of its normalised gradient.

    Where the second moment lags behind a sudden gradient, the root mean square of
    gradient / sqrt(second moment) rises above 1; the step is divided by it (Wortsman et al. 2023).

    Args:
        params: Parameters to train.
        lr: Learning rate.
        betas: Decay of the two moments.
        eps: Added to the denominator.
        weight_decay: Decoupled weight decay.
        amsgrad: Divide by the largest second moment so far.
        clip_threshold: Bound of the root mean square.
    """

    def __init__(
        self,
        params: Iterable[Tensor],
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-10,
        weight_decay: float = 1e-4,
        amsgrad: bool = True,
        clip_threshold: float = 1.0,
    ) -> None:
        defaults = {
            "lr": lr,
            "betas": betas,
            "eps": eps,
            "weight_decay": weight_decay,
            "amsgrad": amsgrad,
            "clip_threshold": clip_threshold,
        }
        super().__init__(params, defaults)

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> float | None:
        """Update every parameter that has a gradient."""
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for group in self.param_groups:
            given = [parameter for parameter in group["params"] if parameter.grad is not None]
            # Tensors that joined later are corrected by another number of steps.
            by_age: dict[int, list[Tensor]] = {}
            for parameter in given:
                by_age.setdefault(self._state_of(parameter, group)["step"], []).append(parameter)
            for step, parameters in by_age.items():
                for together in _in_portions(parameters):
                    self._update(together, step + 1, group)
        return loss

    def _state_of(self, parameter: Tensor, group: dict) -> dict:
        state = self.state[parameter]
        if not state:
            state["step"] = 0
            state["mean"] = torch.zeros_like(parameter)
            state["square"] = torch.zeros_like(parameter)
            if group["amsgrad"]:
                state["largest_square"] = torch.zeros_like(parameter)
        return state

    def _update(self, parameters: list[Tensor], step: int, group: dict) -> None:
        """Update tensors together: a call for all of them costs hardly more than one for one."""
        states = [self.state[parameter] for parameter in parameters]
        gradients, (beta1, beta2) = [parameter.grad for parameter in parameters], group["betas"]
        means = [state["mean"] for state in states]
        squares = [state["square"] for state in states]
        torch._foreach_mul_(parameters, 1 - group["lr"] * group["weight_decay"])
        torch._foreach_lerp_(means, gradients, 1 - beta1)
        torch._foreach_mul_(squares, beta2)
        torch._foreach_addcmul_(squares, gradients, gradients, value=1 - beta2)
        if group["amsgrad"]:
            largest = [state["largest_square"] for state in states]
            torch._foreach_maximum_(largest, squares)
            squares = largest
        denominators = torch._foreach_sqrt(squares)
        torch._foreach_mul_(denominators, 1 / math.sqrt(1 - beta2**step))
        torch._foreach_add_(denominators, group["eps"])
        norms = torch._foreach_norm(torch._foreach_div(gradients, denominators))
        step_size = group["lr"] / (1 - beta1**step)
        step_sizes = []
        for norm, parameter in zip(torch.stack(norms).tolist(), parameters, strict=True):
            rms = norm / math.sqrt(parameter.numel())
            step_sizes.append(-step_size / max(1.0, rms / group["clip_threshold"]))
        torch._foreach_addcdiv_(parameters, means, denominators, step_sizes)
        for state in states:
            state["step"] = step


def _in_portions(tensors: list[Tensor]) -> Iterator[list[Tensor]]:
    """Yield tensors in order, in lists of few numbers; a large tensor is a list of its own."""
    portion: list[Tensor] = []
    room = PORTION
    for tensor in tensors:
        if portion and tensor.numel() > room:
            yield portion
            portion, room = [], PORTION
        portion.append(tensor)
        room -= tensor.numel()
    if portion:
        yield portion


def warmup_cosine(step: int, total: int, warmup: int, peak: float, final: float) -> float:
    """Return the learning rate of a step: linear from 0, then half a cosine from peak to final.

    Args:
        step: 0-based.
        total: Steps in all.
        warmup: Steps of the linear part; its last one already has the peak rate.
        peak: Largest rate.
        final: Rate that the cosine approaches.
    """
    if step < warmup:
        return peak * (step / (warmup - 1) if warmup > 1 else 1.0)
    progress = (step - warmup) / max(1, total - warmup)
    return final + 0.5 * (peak - final) * (1 + math.cos(math.pi * progress))


def take_step(optimizer: StableAdamW, loss: Tensor, learning_rate: float) -> None:
    """Go one step down the gradient of a loss, whose norm over all parameters is limited.

    Args:
        optimizer: With one group of parameters.
        loss: Scalar.
        learning_rate: Of this step.

    Raises:
        UserError: The loss is no number; nothing was changed.
    """
    if not torch.isfinite(loss):
        raise UserError(NO_NUMBERS)
    optimizer.zero_grad()
    loss.backward()
    descend(optimizer, learning_rate)


def descend(
    optimizer: StableAdamW,
    learning_rate: float,
    norm_limit: float = GRADIENT_NORM_LIMIT,
    scaler: GradScaler | None = None,
) -> Tensor:
    """Go one step down the gradient that the parameters have, and return its norm.

    Args:
        optimizer: With one group of parameters.
        learning_rate: Of this step.
        norm_limit: A gradient of a larger norm over all parameters is shortened to it.
        scaler: What the loss was multiplied with, in 16-bit training; it leaves out a step whose
            gradient is not finite.
    """
    (group,) = optimizer.param_groups
    group["lr"] = learning_rate
    if scaler is not None:
        scaler.unscale_(optimizer)
    norm = torch.nn.utils.clip_grad_norm_(group["params"], norm_limit)
    if scaler is None:
        optimizer.step()
    else:
        scaler.step(optimizer)
        scaler.update()
    return norm
