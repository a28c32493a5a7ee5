"""The losses of both papers against slow loops, and the gradients that soft mining sends."""

import math

import pytest
import torch

from inpformer.config import LossConfig
from inpformer.losses import (
    dice_loss,
    hard_coherence_loss,
    inp_coherence_loss,
    mining_weight,
    soft_coherence_loss,
    soft_mining_loss,
)

GROUPS, BATCH, TOKENS, INPS, DIM = 2, 3, 5, 4, 6
# Loops add in another order; in double precision that is far below this.
EXACT = {"rtol": 1e-9, "atol": 1e-12}


def random_tensor(*shape, seed):
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


@pytest.fixture
def fused():
    return random_tensor(BATCH, TOKENS, DIM, seed=1)


@pytest.fixture
def inps():
    return random_tensor(BATCH, INPS, DIM, seed=2)


@pytest.fixture
def encoder_groups():
    return random_tensor(GROUPS, BATCH, TOKENS, DIM, seed=3)


@pytest.fixture
def decoder_groups(encoder_groups):
    """Near the encoder's tokens, some nearer than others: the weights then differ."""
    strength = torch.linspace(0.2, 2, TOKENS, dtype=torch.float64)[:, None]
    noise = random_tensor(GROUPS, BATCH, TOKENS, DIM, seed=4)
    return (encoder_groups + strength * noise).requires_grad_()


def slow_cosine(first, second):
    return sum(first * second) / (math.sqrt(sum(first**2)) * math.sqrt(sum(second**2)))


# --- coherence ---------------------------------------------------------------------------------


def test_soft_coherence_equals_a_loop_over_equation_3(fused, inps):
    total = 0.0
    for b in range(BATCH):
        rebuilt = torch.zeros(TOKENS, DIM).double()
        for i in range(TOKENS):
            exponents = [math.exp(slow_cosine(fused[b, i], inp)) for inp in inps[b]]
            for exponent, inp in zip(exponents, inps[b], strict=True):
                rebuilt[i] += exponent / sum(exponents) * inp  # the prototype as it is
        total += 1 - slow_cosine(fused[b].flatten(), rebuilt.flatten())
    torch.testing.assert_close(soft_coherence_loss(fused, inps), total / BATCH, **EXACT)


def test_hard_coherence_equals_a_loop_over_nearest_prototypes(fused, inps):
    total = 0.0
    for b in range(BATCH):
        for i in range(TOKENS):
            total += min(1 - slow_cosine(fused[b, i], inp) for inp in inps[b])
    expected = total / (BATCH * TOKENS)
    torch.testing.assert_close(hard_coherence_loss(fused, inps), expected, **EXACT)


def test_the_config_chooses_the_coherence(fused, inps):
    hard, soft = hard_coherence_loss(fused, inps), soft_coherence_loss(fused, inps)
    assert hard != soft
    assert inp_coherence_loss(fused, inps, LossConfig.for_variant("inp-former")) == hard
    assert inp_coherence_loss(fused, inps, LossConfig.for_variant("inp-former++")) == soft


def test_soft_coherence_pulls_every_prototype_and_hard_only_the_nearest(fused):
    inps = fused[:, :1].expand(-1, INPS, -1) + 0.01 * random_tensor(BATCH, INPS, DIM, seed=5)
    inps[:, 1:] = -inps[:, 1:]  # far from every token that is near the first prototype
    fused = fused[:, :1] + 0.01 * fused
    for loss, pulled in ((hard_coherence_loss, 1), (soft_coherence_loss, INPS)):
        leaf = inps.clone().requires_grad_()
        loss(fused, leaf).backward()
        touched = leaf.grad.abs().sum(dim=-1) > 0
        assert touched.sum(dim=1).tolist() == [pulled] * BATCH, loss.__name__


# --- soft mining -------------------------------------------------------------------------------


def slow_values(encoder_groups, decoder_groups, reduction):
    """Value of each branch, mean over groups: global cosine distance, and squared error."""
    cosine = squared = 0.0
    channels = DIM if reduction == "mean" else 1
    for group in range(GROUPS):
        for b in range(BATCH):
            e, d = encoder_groups[group, b], decoder_groups[group, b]
            length = (e**2).sum().sqrt() * (d**2).sum().sqrt()
            cosine = cosine + (1 - (e * d).sum() / length) / (BATCH * GROUPS)
            for i in range(TOKENS):
                error = ((e[i] - d[i]) ** 2).sum() / channels
                squared = squared + error / (TOKENS * BATCH * GROUPS)
    return cosine, squared


def slow_weights(encoder_groups, decoder_groups, gamma, branch):
    """`(D / mean D)^gamma` per group, token by token, the mean over the whole batch."""
    weights = torch.zeros(GROUPS, BATCH, TOKENS).double()
    for group in range(GROUPS):
        errors = {}
        for b in range(BATCH):
            for i in range(TOKENS):
                e, d = encoder_groups[group, b, i], decoder_groups[group, b, i]
                errors[b, i] = 1 - slow_cosine(e, d) if branch == "cosine" else sum((e - d) ** 2)
        mean = sum(errors.values()) / len(errors)
        for (b, i), error in errors.items():
            weights[group, b, i] = (error / mean) ** gamma
    return weights


@pytest.mark.parametrize("gamma", [0.0, 1.0, 3.0])
@pytest.mark.parametrize("reduction", ["mean", "sum"])
@pytest.mark.parametrize("branches", ["cosine", "cosine+mse"])
def test_soft_mining_keeps_the_value_and_weights_each_gradient_by_its_own_error(
    encoder_groups, decoder_groups, gamma, reduction, branches
):
    config = LossConfig(mining_branches=branches, mining_gamma=gamma, mse_reduction=reduction)
    loss = soft_mining_loss(encoder_groups, decoder_groups, config)
    loss.backward()

    leaf = decoder_groups.detach().clone().requires_grad_()
    cosine, squared = slow_values(encoder_groups, leaf, reduction)
    value = cosine if branches == "cosine" else cosine + squared
    torch.testing.assert_close(loss, value, **EXACT)

    # method.md, section 2: grad = weight_cos * grad(cosine) + weight_mse * grad(mse).
    detached = leaf.detach()
    (cosine_gradient,) = torch.autograd.grad(cosine, leaf)
    weight = slow_weights(encoder_groups, detached, gamma, "cosine")
    expected = weight[..., None] * cosine_gradient
    if branches == "cosine+mse":
        (squared_gradient,) = torch.autograd.grad(squared, leaf)
        weight = slow_weights(encoder_groups, detached, gamma, "squared")
        expected = expected + weight[..., None] * squared_gradient
    torch.testing.assert_close(decoder_groups.grad, expected, **EXACT)


def test_soft_mining_sends_no_gradient_to_the_encoder(encoder_groups, decoder_groups):
    encoder_groups.requires_grad_()
    soft_mining_loss(encoder_groups, decoder_groups, LossConfig()).backward()
    assert encoder_groups.grad is None
    assert decoder_groups.grad.abs().sum() > 0


def test_mining_weights_are_relative_to_the_whole_batch():
    error = torch.tensor([[1.0, 2.0], [3.0, 6.0]])
    torch.testing.assert_close(mining_weight(error, 2.0), (error / 3) ** 2)
    torch.testing.assert_close(mining_weight(10 * error, 2.0), mining_weight(error, 2.0))


@pytest.mark.parametrize("gamma", [3.0, 2.5])
def test_a_perfect_rebuild_gives_a_finite_gradient(gamma):
    # Rounding makes 1 - cosine of equal tokens a little negative now and then.
    for seed in range(20):
        tokens = random_tensor(GROUPS, BATCH, TOKENS, 32, seed=seed).float()
        rebuilt = tokens.clone().requires_grad_()
        soft_mining_loss(tokens, rebuilt, LossConfig(mining_gamma=gamma)).backward()
        assert rebuilt.grad.isfinite().all()


@pytest.mark.parametrize("gamma", [3.0, 2.5])
def test_some_perfectly_rebuilt_tokens_give_a_finite_gradient(gamma):
    for seed in range(20):
        tokens = random_tensor(GROUPS, BATCH, TOKENS, 32, seed=seed).float()
        rebuilt = tokens.clone()
        rebuilt[:, :, 0] += 1
        rebuilt.requires_grad_()
        soft_mining_loss(tokens, rebuilt, LossConfig(mining_gamma=gamma)).backward()
        assert rebuilt.grad.isfinite().all()


# --- Dice --------------------------------------------------------------------------------------


def test_dice_equals_a_loop_over_equation_8():
    probability = torch.rand(3, 4, 6, generator=torch.Generator().manual_seed(0)).double()
    mask = torch.rand(3, 4, 6, generator=torch.Generator().manual_seed(1)) > 0.6
    total = 0.0
    for b in range(3):
        overlap = p_sum = y_sum = 0.0
        for p, y in zip(probability[b].flatten(), mask[b].flatten(), strict=True):
            overlap, p_sum, y_sum = overlap + p * y, p_sum + p, y_sum + float(y)
        total += 1 - (2 * overlap + 1e-6) / (p_sum + y_sum + 1e-6)
    torch.testing.assert_close(dice_loss(probability, mask), total / 3, **EXACT)


def test_pictures_without_an_anomaly_do_not_count_in_dice():
    probability = torch.rand(3, 4, 4, generator=torch.Generator().manual_seed(0)).requires_grad_()
    mask = torch.zeros(3, 4, 4, dtype=torch.bool)
    mask[1, 1:3, 1:3] = True
    loss = dice_loss(probability, mask)
    torch.testing.assert_close(loss, dice_loss(probability[1:2], mask[1:2]))
    loss.backward()
    assert probability.grad[1].abs().sum() > 0
    assert (probability.grad[[0, 2]] == 0).all()


def test_dice_without_any_anomaly_is_zero_and_can_still_be_differentiated():
    probability = torch.rand(2, 4, 4).requires_grad_()
    loss = dice_loss(probability, torch.zeros(2, 4, 4))
    assert loss == 0
    loss.backward()
    assert (probability.grad == 0).all()


def test_dice_is_zero_for_the_mask_itself_and_one_for_its_opposite():
    mask = torch.zeros(1, 4, 4)
    mask[0, :2] = 1
    assert dice_loss(mask, mask).item() == pytest.approx(0, abs=1e-6)
    assert dice_loss(1 - mask, mask).item() == pytest.approx(1, abs=1e-6)
