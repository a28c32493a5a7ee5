import numpy as np
import pytest

from inpformer.cut import Cut
from inpformer.errors import ConfigError
from inpformer.pictures import drop_small_regions, find_regions

MASK = np.array(
    [
        [1, 1, 0, 0, 0],
        [0, 0, 0, 0, 1],
        [0, 1, 0, 0, 0],
        [0, 1, 1, 0, 1],
    ],
    bool,
)


@pytest.mark.parametrize(("min_area", "areas"), [(0, [1, 1, 2, 3]), (2, [2, 3]), (3, [3]), (4, [])])
def test_small_regions_are_dropped_and_the_others_stay_whole(min_area, areas):
    kept = drop_small_regions(MASK, min_area)
    assert sorted(region.area for region in find_regions(kept, kept.astype(float))) == areas
    assert not (kept & ~MASK).any()


def test_the_minimum_area_is_a_share_of_the_picture():
    cut = Cut(min_area=0.15)
    assert cut.min_pixels(MASK.shape) == 3
    assert cut.mask(MASK.astype(float), 0.5).sum() == 3


@pytest.mark.parametrize("values", [{"times": -0.1}, {"min_area": -0.1}, {"min_area": 1.1}])
def test_a_cut_that_means_nothing_is_refused(values):
    with pytest.raises(ConfigError):
        Cut(**values)
