"""StableAdamW against AdamW and against its own definition, and the learning-rate schedule."""

import math
from itertools import pairwise

import pytest
import torch

from inpformer import optimizer as optimizer_module
from inpformer.optimizer import GRADIENT_NORM_LIMIT, StableAdamW, warmup_cosine


def random_parameter(shape=(3, 4), seed=0) -> torch.nn.Parameter:
    generator = torch.Generator().manual_seed(seed)
    return torch.nn.Parameter(torch.randn(shape, generator=generator, dtype=torch.float64))


def gradients(count, shape=(3, 4), scale=lambda step: 1.0):
    generator = torch.Generator().manual_seed(7)
    for step in range(count):
        yield scale(step) * torch.randn(shape, generator=generator, dtype=torch.float64)


def slow_steps(parameter, all_gradients, lr):
    """The rule written out number by number; betas, eps, decay and clip of method.md, section 5."""
    values = parameter.detach().flatten().tolist()
    count = len(values)
    mean, square, largest = [0.0] * count, [0.0] * count, [0.0] * count
    for step, gradient in enumerate(all_gradients, start=1):
        gradient = gradient.flatten().tolist()
        denominators = []
        for i, g in enumerate(gradient):
            mean[i] = 0.9 * mean[i] + 0.1 * g
            square[i] = 0.999 * square[i] + 0.001 * g * g
            largest[i] = max(largest[i], square[i])
            denominators.append(math.sqrt(largest[i] / (1 - 0.999**step)) + 1e-10)
        ratios = [(g / d) ** 2 for g, d in zip(gradient, denominators, strict=True)]
        bound = max(1.0, math.sqrt(sum(ratios) / count))
        for i in range(count):
            values[i] *= 1 - lr * 1e-4
            values[i] -= lr / bound * (mean[i] / (1 - 0.9**step)) / denominators[i]
    return torch.tensor(values, dtype=torch.float64).view_as(parameter)


def run(optimizer, parameter, all_gradients):
    for gradient in all_gradients:
        parameter.grad = gradient.clone()
        optimizer.step()
    return parameter.detach()


def grow(step):
    return 4.0**step


def test_the_defaults_are_the_published_settings_written_out_as_a_loop():
    parameter = random_parameter()
    expected = slow_steps(parameter, list(gradients(8, scale=grow)), lr=1e-2)
    actual = run(StableAdamW([parameter], lr=1e-2), parameter, gradients(8, scale=grow))
    torch.testing.assert_close(actual, expected, rtol=1e-10, atol=1e-12)


def test_it_is_adamw_while_gradients_shrink():
    ours, theirs = random_parameter(), random_parameter()
    settings = {"lr": 1e-2, "eps": 1e-10, "weight_decay": 1e-4, "amsgrad": True}
    run(StableAdamW([ours], **settings), ours, gradients(10, scale=lambda step: 0.3**step))
    reference = torch.optim.AdamW([theirs], betas=(0.9, 0.999), **settings)
    run(reference, theirs, gradients(10, scale=lambda step: 0.3**step))
    torch.testing.assert_close(ours, theirs, rtol=1e-9, atol=1e-12)


def test_a_sudden_gradient_moves_a_tensor_less_than_adamw_would_let_it():
    def moved(kind):
        parameter = random_parameter()
        optimizer = kind([parameter], lr=1e-2, weight_decay=0.0, amsgrad=True, eps=1e-10)
        run(optimizer, parameter, gradients(5))
        before = parameter.detach().clone()
        run(optimizer, parameter, [torch.full((3, 4), 1000.0, dtype=torch.float64)])
        return (parameter.detach() - before).square().mean().sqrt().item()

    ours, theirs = moved(StableAdamW), moved(torch.optim.AdamW)
    assert ours < 0.6 * theirs
    assert ours <= 1e-2


def test_parameters_without_a_gradient_stay_as_they_are():
    used, unused = random_parameter(seed=1), random_parameter(seed=2)
    before = unused.detach().clone()
    optimizer = StableAdamW([used, unused], lr=0.1)
    used.grad = torch.ones_like(used)
    optimizer.step()
    assert torch.equal(unused, before)
    assert not torch.equal(used, random_parameter(seed=1))


def test_a_gradient_of_zeros_gives_no_nan():
    parameter = random_parameter()
    parameter.grad = torch.zeros_like(parameter)
    StableAdamW([parameter], lr=0.1, weight_decay=0.0).step()
    assert torch.equal(parameter, random_parameter())


def test_it_finds_the_bottom_of_a_bowl():
    target = torch.tensor([1.0, -2.0, 3.0])
    parameter = torch.nn.Parameter(torch.zeros(3))
    optimizer = StableAdamW([parameter], lr=0.05, weight_decay=0.0, amsgrad=False)

    def closure():
        optimizer.zero_grad()
        loss = (parameter - target).square().sum()
        loss.backward()
        return loss.item()

    losses = [optimizer.step(closure) for _ in range(400)]
    assert losses[-1] < 1e-3 * losses[0]


def test_the_rate_rises_in_a_line_from_zero_to_the_peak_and_falls_along_a_cosine():
    total, warmup, peak, final = 300, 100, 1e-3, 1e-4
    rates = [warmup_cosine(step, total, warmup, peak, final) for step in range(total)]
    assert rates[0] == 0
    assert rates[warmup - 1] == pytest.approx(peak)
    rises = [b - a for a, b in pairwise(rates[:warmup])]
    assert rises == pytest.approx([peak / (warmup - 1)] * (warmup - 1))
    falling = rates[warmup:]
    assert all(a > b for a, b in pairwise(falling))
    assert falling[100] == pytest.approx((peak + final) / 2)  # half way down the cosine
    assert final < rates[-1] < final + 0.01 * peak


@pytest.mark.parametrize(("total", "warmup"), [(1, 0), (1, 1), (2, 2), (5, 5), (3, 0)])
def test_very_short_schedules_stay_between_zero_and_the_peak(total, warmup):
    for step in range(total + 1):
        assert 0 <= warmup_cosine(step, total, warmup, 1e-3, 1e-4) <= 1e-3


def test_the_gradient_norm_is_clipped_where_the_paper_clips_it():
    assert GRADIENT_NORM_LIMIT == 0.1


def test_tensors_updated_together_move_as_each_would_alone(monkeypatch):
    monkeypatch.setattr(optimizer_module, "PORTION", 40)
    shapes = [(3, 4), (2,), (8, 8), (5, 5), (1,), (3, 4)]  # one larger than a portion

    def parameters():
        return [random_parameter(shape, seed) for seed, shape in enumerate(shapes)]

    together, alone = parameters(), parameters()
    optimizers = [StableAdamW([parameter], lr=1e-2) for parameter in alone]
    optimizer = StableAdamW(together, lr=1e-2)
    for step in range(6):
        for index, (first, second) in enumerate(zip(together, alone, strict=True)):
            late = index == 1 and step < 2  # joins when the others have moved already
            gradient = next(gradients(1, first.shape, lambda _, i=index: 3.0**i))
            first.grad = None if late else gradient.clone()
            second.grad = None if late else gradient.clone()
        for one in (optimizer, *optimizers):
            one.step()
    for first, second in zip(together, alone, strict=True):
        torch.testing.assert_close(first, second, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("sizes", [[], [1], [7, 1, 1], [3, 3, 3, 3], [1, 90, 1], [90, 90]])
def test_portions_hold_every_tensor_once_in_order_and_few_numbers(sizes, monkeypatch):
    monkeypatch.setattr(optimizer_module, "PORTION", 8)
    tensors = [torch.zeros(size) for size in sizes]
    portions = list(optimizer_module._in_portions(tensors))
    assert [id(tensor) for portion in portions for tensor in portion] == list(map(id, tensors))
    for portion in portions:
        assert portion
        assert len(portion) == 1 or sum(tensor.numel() for tensor in portion) <= 8
