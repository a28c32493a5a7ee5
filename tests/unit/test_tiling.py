import numpy as np
import pytest

from inpformer.errors import ConfigError
from inpformer.tiling import auto_tiles, blend_tiles, parse_tiles, tile_boxes

LAYOUTS = [
    ((100, 100), (2, 2)),
    ((60, 300), (1, 5)),
    ((301, 97), (7, 3)),
    ((64, 64), (1, 1)),
    ((128, 128), (16, 16)),
    ((17, 19), (2, 2)),
]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", None),
        (" None ", None),
        ("auto", "auto"),
        ("2x2", (2, 2)),
        ("3X4", (3, 4)),
        (" 1 × 16 ", (1, 16)),
    ],
)
def test_a_tile_setting_is_read(text, expected):
    assert parse_tiles(text) == expected


@pytest.mark.parametrize(
    "text", ["2", "0x2", "17x1", "2x", "-1x2", "2x2x2", "1.5x2", "many", "²x2"]
)
def test_a_wrong_tile_setting_is_refused_with_an_example(text):
    with pytest.raises(ConfigError, match=r"such as '2x3', not") as caught:
        parse_tiles(text)
    assert text in str(caught.value)


@pytest.mark.parametrize("overlap", [0.0, 0.25, 0.6])
@pytest.mark.parametrize(("size", "tiles"), LAYOUTS)
def test_tiles_of_one_size_cover_every_pixel_and_stay_inside(size, tiles, overlap):
    boxes = tile_boxes(size, tiles, overlap)
    assert len(boxes) == tiles[0] * tiles[1] and all(type(n) is int for box in boxes for n in box)
    assert len({box[2:] for box in boxes}) == 1
    counts = np.zeros(size, int)
    for top, left, height, width in boxes:
        assert top >= 0 and left >= 0 and top + height <= size[0] and left + width <= size[1]
        counts[top : top + height, left : left + width] += 1
    assert counts.min() >= 1


@pytest.mark.parametrize("overlap", [0.0, 0.25])
@pytest.mark.parametrize(("size", "tiles"), LAYOUTS)
def test_neighbours_overlap_by_the_share_asked_for_and_at_least_a_pixel(size, tiles, overlap):
    boxes = tile_boxes(size, tiles, overlap)
    tops, lefts = sorted({b[0] for b in boxes}), sorted({b[1] for b in boxes})
    for starts, side in ((tops, boxes[0][2]), (lefts, boxes[0][3])):
        shared = side - np.diff(starts)
        assert (shared >= 1).all()
        # Two pixels: the side and the start are rounded to whole ones.
        assert (np.abs(shared - overlap * side) <= 2).all()


def test_one_tile_is_the_whole_picture():
    assert tile_boxes((50, 70), (1, 1)) == [(0, 0, 50, 70)]


def test_tiles_too_small_to_see_are_refused():
    with pytest.raises(ConfigError, match="fewer tiles"):
        tile_boxes((40, 40), (8, 1))


@pytest.mark.parametrize(("tiles", "overlap"), [((0, 1), 0.25), ((2, 2), -0.1), ((2, 2), 0.95)])
def test_counts_and_overlaps_out_of_range_are_refused(tiles, overlap):
    with pytest.raises(ConfigError):
        tile_boxes((100, 100), tiles, overlap)


@pytest.mark.parametrize("size", [(50, 70), (392, 392), (784, 784)])
def test_a_small_picture_is_not_tiled(size):
    assert auto_tiles(size, 392 * 392) == (1, 1)


@pytest.mark.parametrize("size", [(785, 785), (1500, 2000), (3000, 4000), (500, 9000)])
def test_auto_tiles_are_reduced_to_no_less_than_half(size):
    tiles = auto_tiles(size, 392 * 392)
    _, _, height, width = tile_boxes(size, tiles)[0]
    assert tiles != (1, 1) and max(tiles) <= 8
    assert height * width <= 4 * 392 * 392
    assert auto_tiles(size[::-1], 392 * 392) == tiles[::-1]


def test_auto_tiles_are_few_and_near_square():
    assert auto_tiles((1200, 1200), 392 * 392) == (2, 2)
    assert auto_tiles((700, 2400), 392 * 392) == (1, 4)


def test_auto_tiles_stop_at_8_per_side_and_never_get_too_small_to_see():
    assert auto_tiles((13_000, 13_000), 392 * 392) == (8, 8)
    assert tile_boxes((20, 400), auto_tiles((20, 400), 1))


@pytest.mark.parametrize("value", [0.0, 1.0, -0.37, 812.5])
@pytest.mark.parametrize(("size", "tiles"), LAYOUTS)
def test_constant_maps_blend_to_the_constant(size, tiles, value):
    boxes = tile_boxes(size, tiles)
    blended = blend_tiles(size, boxes, [np.full(b[2:], value, np.float32) for b in boxes])
    assert blended.dtype == np.float32 and blended.shape == size
    np.testing.assert_allclose(blended, value, rtol=1e-6, atol=0)


@pytest.mark.parametrize(("size", "tiles"), LAYOUTS)
def test_cuts_of_a_smooth_field_blend_back_to_the_field(size, tiles):
    y, x = np.mgrid[: size[0], : size[1]]
    field = (np.sin(y / 17) * np.cos(x / 23) + 0.01 * x).astype(np.float32)
    boxes = tile_boxes(size, tiles)
    cuts = [field[t : t + h, x0 : x0 + w] for t, x0, h, w in boxes]
    np.testing.assert_allclose(blend_tiles(size, boxes, cuts), field, atol=1e-5)


def test_tiles_that_disagree_are_joined_without_a_seam():
    size, boxes = (40, 400), tile_boxes((40, 400), (1, 2))
    maps = [np.full(box[2:], float(index), np.float32) for index, box in enumerate(boxes)]
    line = blend_tiles(size, boxes, maps)[20]
    shared = boxes[0][3] - boxes[1][1]
    assert line[0] == 0 and line[-1] == 1
    assert (np.diff(line) >= 0).all()
    assert np.diff(line).max() < 4 / shared


def test_maps_that_do_not_fit_their_boxes_are_refused():
    boxes = tile_boxes((40, 60), (1, 2))
    maps = [np.zeros(box[2:], np.float32) for box in boxes]
    with pytest.raises(ValueError, match="as many maps"):
        blend_tiles((40, 60), boxes, maps[:1])
    with pytest.raises(ValueError, match="has shape"):
        blend_tiles((40, 60), boxes, [maps[0], maps[1][1:]])
    with pytest.raises(ValueError, match="cover"):
        blend_tiles((40, 60), boxes[:1], maps[:1])
