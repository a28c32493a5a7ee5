"""Real defects on normal pictures: masks that are exact, and changes that stay inside them."""

import numpy as np
import pytest
import torch

from inpformer.corrections import OWN_VIEWS
from inpformer.errors import UserError
from inpformer.real_anomalies import RealAnomaly, cut_regions, own_view, paste_real_anomaly


def seeded(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def with_spots(size=(64, 80)) -> tuple[torch.Tensor, torch.Tensor]:
    """A grey picture with a red block and a blue line, and their mask."""
    image, mask = torch.full((3, *size), 0.5), torch.zeros(size, dtype=torch.bool)
    mask[10:22, 12:30] = True
    image[:, 10:22, 12:30] = torch.tensor([1.0, 0.0, 0.0])[:, None, None]
    mask[50, 5:60] = True
    image[:, 50, 5:60] = torch.tensor([0.0, 0.0, 1.0])[:, None]
    return image, mask


def test_every_region_is_cut_out_with_its_own_mask():
    image, mask = with_spots()
    regions = cut_regions(image, mask)
    assert sorted(int(region.mask.sum()) for region in regions) == [55, 12 * 18]
    for region in regions:
        assert region.pixels.shape == (*region.mask.shape, 3)
        assert not region.mask.all(), "there is room around it"
        assert len(np.unique(region.pixels[region.mask], axis=0)) == 1, "nothing but the defect"


def test_an_empty_mask_has_no_region_and_nothing_can_be_pasted():
    image, mask = with_spots()
    assert cut_regions(image, torch.zeros_like(mask)) == []
    with pytest.raises(UserError):
        paste_real_anomaly(image, [], seeded(0))


@pytest.mark.parametrize("seed", range(20))
def test_what_lies_outside_the_mask_stays_and_what_lies_inside_changes(seed):
    regions = cut_regions(*with_spots())
    normal = torch.full((3, 60, 50), 0.3)
    kept = normal.clone()
    pasted, mask = paste_real_anomaly(normal, regions, seeded(seed))
    assert torch.equal(normal, kept), "the given picture is not touched"
    assert pasted.shape == normal.shape and mask.shape == (60, 50) and mask.dtype == torch.bool
    assert mask.any() and pasted.min() >= 0 and pasted.max() <= 1
    assert torch.equal(pasted[:, ~mask], normal[:, ~mask])
    # Colours are moved a little, so only nearly all of the region must differ.
    changed = (pasted != normal).any(dim=0)
    assert changed[mask].float().mean() > 0.9


def test_sizes_places_and_angles_vary_and_a_seed_repeats_them():
    regions = cut_regions(*with_spots())
    normal = torch.full((3, 80, 80), 0.3)
    masks = [paste_real_anomaly(normal, regions, seeded(seed))[1] for seed in range(12)]
    assert len({int(mask.sum()) for mask in masks}) > 6
    assert len({tuple(mask.nonzero()[0].tolist()) for mask in masks}) > 6
    again, again_mask = paste_real_anomaly(normal, regions, seeded(3))
    first, first_mask = paste_real_anomaly(normal, regions, seeded(3))
    assert torch.equal(first, again) and torch.equal(first_mask, again_mask)


@pytest.mark.parametrize("size", [(8, 8), (8, 200), (30, 31)])
def test_a_region_larger_than_the_picture_is_made_to_fit(size):
    mask = np.zeros((120, 300), bool)
    mask[10:110, 10:290] = True
    region = RealAnomaly(np.random.default_rng(0).random((120, 300, 3), np.float32), mask)
    for seed in range(5):
        pasted, whole = paste_real_anomaly(torch.full((3, *size), 0.5), [region], seeded(seed))
        assert whole.shape == size and whole.any() and pasted.isfinite().all()


def test_one_marked_pixel_is_not_lost():
    image, mask = torch.full((3, 40, 40), 0.5), torch.zeros(40, 40, dtype=torch.bool)
    mask[20, 20] = True
    image[:, 20, 20] = 1.0
    for seed in range(30):
        assert paste_real_anomaly(image, cut_regions(image, mask), seeded(seed))[1].any()


def test_views_of_a_corrected_picture_move_picture_and_mask_alike():
    mask = torch.rand(12, 20, generator=seeded(0)) > 0.5
    image = mask.float().expand(3, 12, 20)
    views = [own_view(image, mask, index) for index in range(OWN_VIEWS)]
    for view, moved in views:
        assert torch.equal(view[0] > 0.5, moved)
    assert torch.equal(views[0][1], mask)
    assert len({tuple(moved.flatten().tolist()) for _, moved in views}) == OWN_VIEWS
