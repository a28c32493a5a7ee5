"""A retrained head counts as much as it helps on pictures it has not seen."""

from dataclasses import replace

import pytest
import torch

from inpformer.head_weight import WEIGHTS, CheckedPicture, choose_head_weight
from inpformer.scales import Calibration

SIZE = (32, 32)
LEVELS = Calibration({}, 0.05, 8, 4, "left out")


def mask_of(box) -> torch.Tensor:
    mask = torch.zeros((64, 64), dtype=torch.bool)
    mask[box] = True
    return mask


BOX, SMALL = (slice(8, 24), slice(8, 24)), (slice(4, 12), slice(4, 12))
ELSEWHERE = (slice(20, 28), slice(20, 28))


def picture(is_anomalous: bool, reconstruction=None, segmentation=None) -> CheckedPicture:
    """A picture whose maps are 1 at a place, and faint noise elsewhere."""
    generator = torch.Generator().manual_seed(int(is_anomalous))
    maps = {}
    for name, place in (("reconstruction", reconstruction), ("segmentation", segmentation)):
        maps[name] = 0.1 * torch.rand(SIZE, generator=generator)
        if place is not None:
            maps[name][place] = 1
    return CheckedPicture(maps, mask_of(BOX) if is_anomalous else None)


@pytest.fixture
def plus(tiny_config):
    return replace(tiny_config, variant="inp-former++")


def test_a_head_that_finds_what_the_reconstruction_does_not_counts_more(plus):
    seen = [picture(True, ELSEWHERE, SMALL), picture(False, ELSEWHERE)]
    assert choose_head_weight(seen, plus, LEVELS) > 1


def test_a_head_that_is_wrong_counts_as_little_as_it_can(plus):
    seen = [picture(True, SMALL, ELSEWHERE), picture(False, None, ELSEWHERE)]
    assert choose_head_weight(seen, plus, LEVELS) == min(WEIGHTS)


def test_where_the_weight_does_not_matter_the_map_stays_near_to_what_it_was(plus):
    seen = [picture(True, SMALL, SMALL), picture(False)]
    assert choose_head_weight(seen, plus, LEVELS) == min(WEIGHTS)
