"""A retrained head counts as much as it helps on pictures it has not seen."""

from dataclasses import replace

import pytest
import torch

from inpformer.head_weight import (
    UNCHECKED_WEIGHT,
    WEIGHTS,
    CheckedPicture,
    choose_head_weight,
)
from inpformer.scales import Calibration

SIZE = (32, 32)
LEVELS = Calibration({}, 0.05, 8, 4, "left out")


def mask_of(box) -> torch.Tensor:
    mask = torch.zeros((64, 64), dtype=torch.bool)
    mask[box] = True
    return mask


BOX, SMALL = (slice(8, 24), slice(8, 24)), (slice(4, 12), slice(4, 12))
ELSEWHERE = (slice(20, 28), slice(20, 28))


def picture(reconstruction, segmentation) -> CheckedPicture:
    """A picture with a defect, whose maps are 1 at a place, and faint noise elsewhere."""
    generator = torch.Generator().manual_seed(0)
    maps = {}
    for name, place in (("reconstruction", reconstruction), ("segmentation", segmentation)):
        maps[name] = 0.1 * torch.rand(SIZE, generator=generator)
        maps[name][place] = 1
    return CheckedPicture(maps, mask_of(BOX))


@pytest.fixture
def plus(tiny_config):
    return replace(tiny_config, variant="inp-former++")


def test_a_head_that_finds_what_the_reconstruction_does_not_counts_most(plus):
    assert choose_head_weight([picture(ELSEWHERE, SMALL)], plus, LEVELS) == max(WEIGHTS)


def test_a_head_that_is_wrong_counts_less_than_the_reconstruction(plus):
    assert choose_head_weight([picture(SMALL, ELSEWHERE)], plus, LEVELS) < 1


def test_a_head_that_is_right_half_of_the_time_does_not_drown_the_rest(plus):
    seen = [picture(SMALL, SMALL), picture(SMALL, ELSEWHERE)]
    assert choose_head_weight(seen, plus, LEVELS) < 1


def test_where_the_weight_does_not_matter_the_masks_count_most(plus):
    assert choose_head_weight([picture(SMALL, SMALL)], plus, LEVELS) == max(WEIGHTS)


def test_tiles_that_are_all_defect_say_nothing(plus):
    full = picture(SMALL, SMALL)._replace(mask=torch.ones((64, 64), dtype=torch.bool))
    assert choose_head_weight([full], plus, LEVELS) == UNCHECKED_WEIGHT
    seen = [full, picture(SMALL, ELSEWHERE)]
    assert choose_head_weight(seen, plus, LEVELS) < 1
