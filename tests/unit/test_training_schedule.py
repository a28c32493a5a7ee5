"""What a step looks at follows from seed and step alone."""

import pytest
import torch

from inpformer.training.schedule import Batches, generator_for, split


def batches(count=10, size=4, epochs=3, seed=1, phase="train") -> Batches:
    return Batches(count, size, epochs, seed, phase)


def drawn(*place) -> list[float]:
    return torch.rand(4, generator=generator_for(*place)).tolist()


def test_an_epoch_shows_each_item_at_most_once_in_full_batches():
    plan = batches()
    assert (plan.per_epoch, plan.steps) == (2, 6)
    for epoch in range(3):
        seen = [item for step in range(2) for item in plan.of(2 * epoch + step)]
        assert len(seen) == len(set(seen)) == 8 and set(seen) <= set(range(10))


def test_over_the_epochs_every_item_is_seen():
    plan = batches(epochs=20)
    assert {item for step in range(plan.steps) for item in plan.of(step)} == set(range(10))


def test_fewer_items_than_a_batch_make_a_batch_of_all():
    plan = batches(count=3, size=16, epochs=2)
    assert plan.steps == 2
    assert all(sorted(plan.of(step)) == [0, 1, 2] for step in range(2))


def test_a_step_is_the_same_whatever_was_asked_before():
    forward = [batches().of(step) for step in range(6)]
    backward = [batches().of(step) for step in reversed(range(6))]
    assert forward == backward[::-1]


@pytest.mark.parametrize("other", [{"seed": 2}, {"phase": "head"}])
def test_another_seed_or_phase_has_another_order(other):
    assert [batches().of(s) for s in range(6)] != [batches(**other).of(s) for s in range(6)]


def test_epochs_differ():
    plan = batches(count=50, size=50)
    assert plan.of(0) != plan.of(1)


def test_a_place_has_randomness_of_its_own():
    assert drawn(1, "head", 3, 0) == drawn(1, "head", 3, 0)
    others = [drawn(2, "head", 3, 0), drawn(1, "train", 3, 0), drawn(1, "head", 4, 0)]
    assert drawn(1, "head", 3, 0) not in [*others, drawn(1, "head", 3, 1), drawn(1, "head", 30)]


@pytest.mark.parametrize(("count", "parts"), [(16, 2), (7, 3), (2, 4), (0, 2), (5, 1)])
def test_a_split_gives_everything_once_in_even_parts(count, parts):
    runs = split(count, parts)
    assert len(runs) == parts
    assert [index for run in runs for index in run] == list(range(count))
    assert max(map(len, runs)) - min(map(len, runs)) <= 1
