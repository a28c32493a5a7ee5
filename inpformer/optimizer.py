"""StableAdamW and the warm-up cosine schedule, as the published training uses them."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable

import torch
from torch import Tensor

GRADIENT_NORM_LIMIT = 0.1


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
            for parameter in group["params"]:
                if parameter.grad is not None:
                    self._update(parameter, group)
        return loss

    def _update(self, parameter: Tensor, group: dict) -> None:
        state = self.state[parameter]
        if not state:
            state["step"] = 0
            state["mean"] = torch.zeros_like(parameter)
            state["square"] = torch.zeros_like(parameter)
            if group["amsgrad"]:
                state["largest_square"] = torch.zeros_like(parameter)
        state["step"] += 1
        gradient, (beta1, beta2) = parameter.grad, group["betas"]
        parameter.mul_(1 - group["lr"] * group["weight_decay"])
        state["mean"].mul_(beta1).add_(gradient, alpha=1 - beta1)
        state["square"].mul_(beta2).addcmul_(gradient, gradient, value=1 - beta2)
        square = state["square"]
        if group["amsgrad"]:
            square = torch.maximum(state["largest_square"], square, out=state["largest_square"])
        denominator = square.sqrt() / math.sqrt(1 - beta2 ** state["step"])
        denominator.add_(group["eps"])
        rms = (gradient / denominator).norm() / math.sqrt(parameter.numel())
        bound = max(1.0, rms.item() / group["clip_threshold"])
        step_size = group["lr"] / (1 - beta1 ** state["step"]) / bound
        parameter.addcdiv_(state["mean"], denominator, value=-step_size)


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
