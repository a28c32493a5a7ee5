"""Patches marked, cut out, and drawn as tiles."""

import numpy as np
import pytest

from inpformer.geometry import ImageGeometry
from inpformer.patch_pictures import (
    CROP_SIDE,
    PATCH_COLOUR,
    RESIDUAL_WITHOUT_SHOTS,
    cut_patch,
    draw_patch_map,
    mark_patch,
    residual_range,
    scaled_box,
)
from inpformer.patch_reason import PatchTokens
from inpformer.pictures import draw_heatmap


def tokens(residual: np.ndarray | None) -> PatchTokens:
    geometry = ImageGeometry.full((80, 80), 8, 100)
    directions = np.zeros((10, 10, 2), np.float32)
    return PatchTokens(geometry, directions, directions, residual=residual)


def test_the_mark_frames_the_patch_and_leaves_the_picture_it_was_given():
    image = np.full((100, 200, 3), 90, np.uint8)
    marked = mark_patch(image, (40, 120, 60, 140))
    assert (image == 90).all()
    changed = np.argwhere((marked != image).any(axis=-1))
    assert changed.min(axis=0) == pytest.approx((40, 120), abs=5)
    assert changed.max(axis=0) == pytest.approx((59, 139), abs=5)
    assert (marked[40:60, 120:140] == 90).all(), "all of the patch stays to be seen"
    assert (marked == PATCH_COLOUR).all(axis=-1).any()


def test_a_tiny_patch_and_one_in_the_corner_are_still_marked():
    image = np.full((60, 80, 3), 255, np.uint8)
    for box in ((0, 0, 2, 2), (58, 78, 60, 80), (30, 30, 31, 31)):
        marked = mark_patch(image, box)
        assert (marked == PATCH_COLOUR).all(axis=-1).sum() >= 8
    with_rulers = mark_patch(image, (30, 30, 31, 31), rulers=True)
    assert (with_rulers[30, 0] == PATCH_COLOUR).all() and (with_rulers[0, 30] == PATCH_COLOUR).all()
    assert (with_rulers[30, 10:20] == 255).all(), "nothing between the ruler and the patch"


def test_a_crop_shows_the_patch_in_its_middle():
    image = np.zeros((200, 300, 3), np.uint8)
    image[100:110, 150:160] = (200, 30, 30)
    crop = cut_patch(image, (100, 150, 110, 160))
    assert crop.shape == (CROP_SIDE, CROP_SIDE, 3)
    middle = CROP_SIDE // 2
    assert (crop[middle - 4 : middle + 4, middle - 4 : middle + 4] == (200, 30, 30)).all()
    red = np.argwhere((crop == (200, 30, 30)).all(axis=-1))
    assert (red.min(axis=0) + red.max(axis=0)) / 2 == pytest.approx(middle - 0.5, abs=0.6)


def test_a_crop_at_the_edge_shows_only_the_picture_and_frames_the_patch_where_it_is():
    image = np.zeros((200, 300, 3), np.uint8)
    image[:10, :10] = (200, 30, 30)
    crop = cut_patch(image, (0, 0, 10, 10))
    red = np.argwhere((crop == (200, 30, 30)).all(axis=-1))
    assert red.max() < CROP_SIDE / 6, "the patch lies in the corner of its crop"


def test_a_crop_of_a_small_picture_goes_on_with_its_edge():
    crop = cut_patch(np.full((20, 20, 3), 77, np.uint8), (8, 8, 13, 13))
    assert crop.shape == (CROP_SIDE, CROP_SIDE, 3)
    assert (crop[:20, :20] == 77).all() and (crop[-20:, -20:] == 77).all()


def test_a_box_goes_with_its_picture_to_another_size():
    assert scaled_box((10, 20, 30, 40), (0, 0, 100, 200), (50, 50)) == (5, 5, 15, 10)


def test_a_box_of_a_part_of_the_picture_counts_from_that_part():
    assert scaled_box((30, 40, 50, 60), (10, 20, 110, 220), (200, 100)) == (40, 10, 80, 20)


def test_a_patch_map_has_even_tiles_in_the_colours_of_its_range():
    values = np.array([[0.0, 1.0, 2.0], [2.0, 1.0, 0.0]], np.float32)
    drawn = draw_patch_map(values, (20, 30), (0, 2))
    assert drawn.shape == (20, 30, 3)
    colours = draw_heatmap(values, (0, 2))
    for row, column in np.ndindex(2, 3):
        tile = drawn[row * 10 : row * 10 + 10, column * 10 : column * 10 + 10]
        assert (tile == colours[row, column]).all()


def test_the_scale_of_the_residual_comes_from_the_normal_pictures_and_never_from_the_picture():
    even = tokens(np.full((10, 10), 0.01, np.float32))
    low, high = residual_range([even, even])
    assert low == 0 and high == pytest.approx(0.1)
    assert residual_range([]) == residual_range([tokens(None)]) == (0.0, RESIDUAL_WITHOUT_SHOTS)
    low, high = residual_range([tokens(np.zeros((10, 10), np.float32))])
    assert low < high, "a decoder that rebuilds all still has a scale"
