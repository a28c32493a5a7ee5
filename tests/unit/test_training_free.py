"""Prototypes by clustering: the same each time, and never made of a small odd minority."""

import pytest
import torch
import torch.nn.functional as F

from inpformer.modeling.model import cosine_to_inps
from inpformer.modeling.training_free import TrainingFreeExtractor, cluster_tokens

DIM = 16


def bunch(direction: int, count: int, seed: int) -> torch.Tensor:
    """Tokens near one axis, of different lengths."""
    generator = torch.Generator().manual_seed(seed)
    tokens = 0.1 * torch.randn(count, DIM, generator=generator)
    tokens[:, direction] += 1
    return tokens * (1 + torch.rand(count, 1, generator=generator))


def distance_to_nearest(tokens: torch.Tensor, prototypes: torch.Tensor) -> torch.Tensor:
    return 1 - cosine_to_inps(tokens[None], prototypes[None])[0].amax(dim=-1)


@pytest.mark.parametrize(("count", "normal_kinds"), [(1, 1), (4, 1), (6, 1), (4, 3), (6, 3)])
def test_a_small_odd_minority_does_not_become_a_prototype(count, normal_kinds):
    shares = [96 // normal_kinds] * normal_kinds
    normal = torch.cat([bunch(kind, share, kind) for kind, share in enumerate(shares)])
    odd = bunch(DIM - 1, 4, 99)
    order = torch.randperm(100, generator=torch.Generator().manual_seed(0))
    prototypes = cluster_tokens(torch.cat([normal, odd])[order], count)
    farthest_normal = distance_to_nearest(normal, prototypes).max()
    assert distance_to_nearest(odd, prototypes).min() > farthest_normal


def test_every_kind_of_normal_token_gets_a_prototype():
    normal = torch.cat([bunch(kind, 40, kind) for kind in range(4)])
    assert distance_to_nearest(normal, cluster_tokens(normal, 4)).max() < 0.3


def test_the_result_is_the_same_each_time_and_takes_nothing_from_the_global_generator():
    tokens = torch.randn(2, 50, DIM, generator=torch.Generator().manual_seed(0))
    extractor = TrainingFreeExtractor(5)
    torch.manual_seed(1)
    before = torch.get_rng_state()
    first = extractor(tokens)
    assert torch.equal(torch.get_rng_state(), before)
    torch.manual_seed(2)
    for one, other in zip(first, extractor(tokens), strict=True):
        assert torch.equal(one, other)


def test_the_order_of_the_tokens_does_not_matter():
    tokens = torch.cat([bunch(kind, 20, kind) for kind in range(3)])
    order = torch.randperm(60, generator=torch.Generator().manual_seed(0))
    first, second = cluster_tokens(tokens, 3), cluster_tokens(tokens[order], 3)
    similarity = cosine_to_inps(first[None], second[None])[0]
    assert sorted(similarity.argmax(dim=1).tolist()) == [0, 1, 2]
    torch.testing.assert_close(similarity.amax(dim=1), torch.ones(3), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("distinct", [1, 2, 3])
@pytest.mark.parametrize("total", [1, 3, 40])
def test_fewer_distinct_tokens_than_prototypes_give_prototypes_all_the_same(distinct, total):
    kinds = torch.randn(distinct, DIM, generator=torch.Generator().manual_seed(0))
    tokens = kinds[torch.arange(total) % distinct]
    prototypes, attention = TrainingFreeExtractor(6)(tokens[None])
    assert prototypes.shape == (1, 6, DIM)
    assert prototypes.isfinite().all() and attention.isfinite().all()
    if total > 3 or distinct == 1:  # nothing here is rare
        nearest = distance_to_nearest(tokens, prototypes[0])
        torch.testing.assert_close(nearest, torch.zeros(total), rtol=0, atol=1e-5)


def test_tokens_that_are_all_zero_give_no_nan():
    prototypes, attention = TrainingFreeExtractor(3)(torch.zeros(1, 10, DIM))
    assert prototypes.isfinite().all() and attention.isfinite().all()


def test_prototypes_have_the_length_of_a_typical_token():
    tokens = 37 * F.normalize(torch.cat([bunch(kind, 20, kind) for kind in range(3)]), dim=-1)
    lengths = cluster_tokens(tokens, 3).norm(dim=-1)
    torch.testing.assert_close(lengths, torch.full((3,), 37.0), rtol=1e-4, atol=0)


def test_padding_is_never_clustered_and_never_looked_at():
    tokens = torch.cat([bunch(0, 20, 0), bunch(1, 20, 1)])
    padding = torch.zeros(15, DIM)
    padding[:, 5] = 1  # would be a prototype of its own
    extractor = TrainingFreeExtractor(3)
    mask = torch.tensor([True] * 40 + [False] * 15)
    padded = torch.cat([tokens, padding])[None]
    prototypes, attention = extractor(padded, mask[None])
    alone, attention_alone = extractor(tokens[None])
    assert torch.equal(prototypes, alone)
    torch.testing.assert_close(attention[..., :40], attention_alone)
    assert (attention[..., 40:] == 0).all()
    assert distance_to_nearest(padding, extractor(padded)[0][0]).max() < 0.1, "the mask matters"


def test_the_attention_of_each_prototype_sums_to_one_and_peaks_at_its_own_tokens():
    tokens = torch.cat([bunch(0, 20, 0), bunch(1, 20, 1)])
    prototypes, attention = TrainingFreeExtractor(2)(tokens[None])
    assert attention.shape == (1, 1, 2, 40)
    torch.testing.assert_close(attention.sum(dim=-1), torch.ones(1, 1, 2))
    best = cosine_to_inps(tokens[None], prototypes)[0].argmax(dim=0)
    assert torch.equal(attention[0, 0].argmax(dim=-1), best)
