import errno
import os

import cv2
import numpy as np
import pytest

from inpformer.errors import ConfigError, UserError
from inpformer.files import save_png, to_uint16
from inpformer.panels import scale_ticks
from inpformer.pictures import (
    COLOUR_MAPS,
    MISSING_GREY,
    Region,
    draw_heatmap,
    draw_mask,
    draw_outline,
    draw_overlay,
    find_regions,
    hatch,
)
from inpformer.prototypes import (
    INP_COLOURS,
    assignment_shares,
    draw_assignment_mosaic,
    draw_inp_attention,
    draw_inp_sheet,
    inp_colour,
)

MASK = (
    np.array(
        [
            [1, 1, 0, 0, 0, 0],
            [1, 1, 0, 0, 0, 0],
            [0, 0, 1, 0, 0, 0],
            [0, 0, 0, 0, 0, 1],
            [0, 0, 0, 0, 0, 0],
            [0, 1, 1, 0, 0, 0],
        ]
    )
    > 0
)


@pytest.fixture
def ramp() -> np.ndarray:
    """A map `(90, 120)` from 0 to 1, from left to right."""
    return np.tile(np.linspace(0, 1, 120, dtype=np.float32), (90, 1))


def test_a_value_has_one_colour_whatever_else_is_in_the_map():
    calm = np.array([[0.1, 0.3]], np.float32)
    wild = np.array([[0.3, 9.0]], np.float32)

    assert draw_heatmap(calm, (0, 1))[0, 1].tolist() == draw_heatmap(wild, (0, 1))[0, 0].tolist()


@pytest.mark.parametrize("colour_map", COLOUR_MAPS)
def test_the_ends_of_the_range_have_the_ends_of_the_colour_map(colour_map):
    from matplotlib import colormaps

    heatmap = draw_heatmap(np.array([[-1.0, 3.0]]), (-1, 3), colour_map)

    expected = colormaps[colour_map]([0.0, 1.0], bytes=True)[:, :3]
    assert heatmap[0].tolist() == expected.tolist()


def test_values_beyond_the_range_take_the_nearest_colour():
    values = np.array([[0, -5, -np.inf, -1e30, 1, 5, np.inf, 1e38]], np.float32)

    colours = draw_heatmap(values, (0, 1e-3))[0]

    assert (colours[:4] == colours[0]).all()
    assert (colours[4:] == colours[4]).all()
    assert (colours[0] != colours[4]).any()


def test_a_missing_value_is_grey_and_leaves_its_neighbours_alone(striped_picture, ramp):
    holed = ramp.copy()
    holed[3, 5] = np.nan
    drawn = np.ones(ramp.shape, bool)
    drawn[3, 5] = False

    heatmap, overlay = (
        draw_heatmap(holed, (0, 1)),
        draw_overlay(striped_picture, holed, (0, 1), 1.0),
    )

    assert (heatmap[3, 5] == MISSING_GREY).all()
    assert (overlay[3, 5] == MISSING_GREY).all()
    assert (heatmap[drawn] == draw_heatmap(ramp, (0, 1))[drawn]).all()


@pytest.mark.parametrize("value_range", [(1.0, 1.0), (1.0, 0.0), (0.0, np.nan), (0.0, np.inf)])
def test_a_range_without_extent_is_refused(value_range):
    with pytest.raises(ValueError, match="increasing"):
        draw_heatmap(np.zeros((2, 2), np.float32), value_range)


def test_an_unknown_colour_map_is_refused_with_the_names_of_the_known():
    with pytest.raises(ConfigError, match="inferno, viridis"):
        draw_heatmap(np.zeros((2, 2), np.float32), (0, 1), "rainbow")


@pytest.mark.parametrize("value", [0.2, 0.1, -7.0])
def test_the_overlay_of_a_normal_map_is_the_picture(striped_picture, value):
    normal = np.full(striped_picture.shape[:2], value, np.float32)

    overlay = draw_overlay(striped_picture, normal, (0.2, 0.9))

    assert (overlay == striped_picture).all()
    assert not np.shares_memory(overlay, striped_picture)


def test_the_overlay_has_the_stated_opacity_at_the_high_end(striped_picture):
    high = np.full(striped_picture.shape[:2], 2.0, np.float32)

    overlay = draw_overlay(striped_picture, high, (0, 1), opacity=0.25)

    expected = 0.75 * striped_picture + 0.25 * draw_heatmap(high, (0, 1))
    assert np.abs(overlay - expected).max() <= 1.5


def test_the_overlay_grows_with_the_map(ramp):
    black = np.zeros((*ramp.shape, 3), np.uint8)

    red = draw_overlay(black, ramp, (0, 1))[0, :, 0].astype(int)

    assert red[0] == 0
    assert (np.diff(red) >= 0).all()
    assert red[-1] == pytest.approx(0.6 * 252, abs=2)


def test_a_map_of_another_size_is_refused(striped_picture):
    with pytest.raises(ValueError, match="sizes differ"):
        draw_overlay(striped_picture, np.zeros((120, 90), np.float32), (0, 1))


@pytest.mark.parametrize("shape", [(1, 1), (1, 7), (7, 1), (3, 700), (4, 1), (1100, 513)])
def test_every_size_is_drawn_pixel_by_pixel(shape):
    rng = np.random.default_rng(0)
    values = rng.random(shape, np.float32)
    image = rng.integers(0, 256, (*shape, 3), np.uint8)

    heatmap, overlay = draw_heatmap(values, (0, 1)), draw_overlay(image, values, (0, 1))

    colours = draw_heatmap(np.arange(256.0)[None], (0, 255))[0]
    index = np.rint(values * 255).astype(int)
    alpha = 0.6 * index[..., None] / 255
    assert (heatmap == colours[index]).all()
    assert np.abs(overlay - (image * (1 - alpha) + heatmap * alpha)).max() <= 1.5


def test_a_view_that_is_not_contiguous_is_drawn_like_its_copy(striped_picture, ramp):
    image, values = striped_picture[::-1, ::2], ramp[::-1, ::2]

    overlay = draw_overlay(image, values, (0, 1))

    assert (overlay == draw_overlay(image.copy(), values.copy(), (0, 1))).all()


@pytest.mark.parametrize(
    ("value_range", "threshold", "labels"),
    [
        ((0.1, 0.34), 0.22, ["0.5×", "0.75×", "1×", "1.25×", "1.5×"]),
        ((0.0, 4.0), 0.1, ["1×", "10×", "20×", "30×", "40×"]),
        ((0.0, 1.0), None, ["0", "0.2", "0.4", "0.6", "0.8", "1"]),
        ((-2.0, 2.0), -0.5, ["-2", "-1", "-0.5", "0", "1", "2"]),
    ],
)
def test_scale_ticks_count_in_thresholds_where_there_is_one(value_range, threshold, labels):
    assert [label for _, label in scale_ticks(value_range, threshold, 352)] == labels


def test_a_mask_becomes_black_and_white():
    drawn = draw_mask(MASK)

    assert drawn.dtype == np.uint8
    assert ((drawn == 255) == MASK).all()
    assert ((drawn == 0) == ~MASK).all()


@pytest.mark.parametrize("level", [0, 128, 255])
def test_the_outline_shows_on_any_background_and_stays_near_the_border(level):
    image = np.full((200, 300, 3), level, np.uint8)
    mask = np.zeros((200, 300), bool)
    mask[60:140, 80:220] = True
    mask[90:110, 130:170] = False

    outlined = draw_outline(image, mask, thickness=2)

    kernel = np.ones((9, 9), np.uint8)
    near = cv2.dilate(mask.astype(np.uint8), kernel) != cv2.erode(mask.astype(np.uint8), kernel)
    changed = (outlined != image).any(axis=2)
    assert not changed[~near].any()
    assert changed[60, 150] and changed[110, 150], "the region and its hole"
    values = outlined[near].max(axis=1)
    assert values.max() - values.min() > 150
    assert (image == level).all(), "the picture given is not drawn on"


def test_the_outline_is_thicker_in_a_larger_picture():
    drawn = []
    for side in (300, 1500):
        mask = np.zeros((side, side), bool)
        mask[side // 3 :, :] = True
        grey = np.full((side, side, 3), 128, np.uint8)
        column = draw_outline(grey, mask)[: side // 2, side // 2]
        drawn.append((column != 128).any(axis=1).sum())

    assert drawn[1] > 1.5 * drawn[0]


def test_only_what_was_not_inspected_is_hatched(striped_picture):
    inspected = np.zeros(striped_picture.shape[:2], bool)
    inspected[20:70, 20:100] = True

    hatched = hatch(striped_picture, inspected)

    assert (hatched[inspected] == striped_picture[inspected]).all()
    outside = hatched[~inspected].astype(int)
    assert (outside == outside[:, :1]).all(), "grey"
    assert outside.std() > 20, "striped"


def test_regions_touch_by_corners_and_come_by_their_peak():
    values = np.zeros((6, 6), np.float32)
    values[2, 2], values[3, 5], values[5, 1], values[4, 4] = 0.5, 0.9, 0.25, 7.0

    assert find_regions(MASK, values) == [
        Region(box=(5, 3, 1, 1), area=1, peak=pytest.approx(0.9), peak_at=(5, 3)),
        Region(box=(0, 0, 3, 3), area=5, peak=0.5, peak_at=(2, 2)),
        Region(box=(1, 5, 2, 1), area=2, peak=0.25, peak_at=(1, 5)),
    ]


@pytest.mark.parametrize(("min_area", "areas"), [(2, [5, 2]), (3, [5]), (6, [])])
def test_regions_below_the_smallest_area_are_left_out(min_area, areas):
    regions = find_regions(MASK, np.zeros((6, 6), np.float32), min_area)

    assert sorted((region.area for region in regions), reverse=True) == areas


def test_the_peak_of_a_region_is_its_own_and_not_its_neighbours():
    mask = np.eye(6, dtype=bool)
    values = np.full((6, 6), 9.0, np.float32)
    values[mask] = [0.1, np.nan, 0.3, 0.2, 0.1, 0.1]

    (region,) = find_regions(mask, values)

    assert region.peak == pytest.approx(0.3)
    assert region.peak_at == (2, 2)


def test_attention_maps_share_one_scale(striped_picture):
    attention = np.full((2, 6, 8), 0.01, np.float32)
    attention[0, :, 4:] = 0.1
    attention[1, :, 4:] = 0.05

    strong, faint = draw_inp_attention(striped_picture, attention)
    alone = draw_inp_attention(striped_picture, attention[1:])[0]

    assert strong.shape == striped_picture.shape
    assert (strong[:, :50] == faint[:, :50]).all()
    assert strong[:, 90:].mean() > faint[:, 90:].mean() + 10
    assert alone[:, 90:].mean() > faint[:, 90:].mean() + 10, "by itself it would look strong"


def test_attention_can_be_drawn_on_a_stated_scale(striped_picture):
    attention = np.full((3, 6, 8), 1 / 48, np.float32)

    even = draw_inp_attention(striped_picture, attention, value_range=(1 / 48, 4 / 48))

    grey = cv2.cvtColor(striped_picture, cv2.COLOR_RGB2GRAY) // 2
    assert all((picture == grey[..., None]).all() for picture in even)


def test_no_attention_at_all_is_drawn_as_none(striped_picture):
    (picture,) = draw_inp_attention(striped_picture, np.zeros((1, 6, 8), np.float32))

    assert (picture == picture[..., :1]).all()


@pytest.mark.parametrize(
    ("shape", "expected"), [((300, 1024), (150, 512)), ((40, 30), (40, 30)), ((2000, 1), (512, 1))]
)
def test_prototypes_are_drawn_small_in_the_shape_of_the_picture(shape, expected):
    image = np.zeros((*shape, 3), np.uint8)
    attention = np.ones((2, 3, 9), np.float32)

    pictures = draw_inp_attention(image, attention)
    mosaic = draw_assignment_mosaic(image, np.zeros((3, 9), int), 2)

    assert [picture.shape[:2] for picture in (*pictures, mosaic)] == [expected] * 3


def test_sixty_four_prototypes_have_sixty_four_colours():
    colours = [inp_colour(index) for index in range(64)]

    assert len(set(colours)) == 64
    assert tuple(colours[:8]) == INP_COLOURS
    assert isinstance(inp_colour(1000), tuple)


def test_the_mosaic_tints_patches_and_draws_lines_only_between_different_ones():
    image = np.full((60, 80, 3), 100, np.uint8)
    assignment = np.array([[0, 0, 1, 1], [0, 0, 1, 1], [0, 0, 0, 0]])

    mosaic = draw_assignment_mosaic(image, assignment, 2, opacity=0.5)

    tint = [(100 + part) / 2 for part in inp_colour(1)]
    assert mosaic[10, 60] == pytest.approx(tint, abs=1)
    assert (mosaic[0:40, 40] == 255).all(), "between columns 1 and 2"
    assert (mosaic[40, 41:] == 255).all(), "between rows 1 and 2"
    assert not (mosaic[:, :40] == 255).all(axis=2).any()


def test_shares_count_prototypes_nobody_is_nearest_to_and_sum_to_one():
    shares = assignment_shares(np.array([[0, 2, 2], [2, 0, 4]]), 6)

    assert shares == pytest.approx([2 / 6, 0, 3 / 6, 0, 1 / 6, 0])
    assert shares.sum() == pytest.approx(1)


def test_the_sheet_holds_the_picture_the_mosaic_and_every_attention_map():
    rng = np.random.default_rng(0)
    image = rng.integers(0, 256, (320, 200, 3), np.uint8)
    attention = rng.random((3, 8, 5), np.float32)
    assignment = attention.argmax(axis=0)

    sheet = draw_inp_sheet(image, attention, assignment)

    mosaic = draw_assignment_mosaic(image, assignment, 3)
    for panel in (image, mosaic, *draw_inp_attention(image, attention)):
        found = cv2.matchTemplate(sheet, panel, cv2.TM_SQDIFF_NORMED).min()
        assert found < 1e-4


def test_sixteen_bits_keep_a_map_to_a_65535th_of_the_range():
    low, high = -0.3, 2.2
    values = np.random.default_rng(0).uniform(low, high, (50, 40)).astype(np.float32)

    exported = to_uint16(values, (low, high))

    assert exported.dtype == np.uint16
    read = low + exported / 65535 * (high - low)
    assert np.abs(read - values).max() <= (high - low) / 65535


def test_sixteen_bits_clip_and_write_missing_values_as_zero():
    values = np.array([[-1, np.nan, np.inf, 9, 1000.01, 1000]], np.float32)

    assert to_uint16(values, (0, 2)).tolist() == [[0, 0, 65535, 65535, 65535, 65535]]
    assert to_uint16(values[:, 4:], (1000, 1000.01))[0, 0] == 65535


@pytest.mark.parametrize(
    ("shape", "dtype"), [((5, 7, 3), np.uint8), ((5, 7), np.uint8), ((5, 7), np.uint16)]
)
def test_a_saved_picture_is_read_back_bit_by_bit(tmp_path, shape, dtype):
    from PIL import Image

    array = np.random.default_rng(0).integers(0, np.iinfo(dtype).max, shape, dtype)
    path = tmp_path / "größe 1.png"
    path.write_bytes(b"old")

    save_png(path, array)

    assert (np.asarray(Image.open(path)) == array).all()
    assert os.listdir(tmp_path) == [path.name]


@pytest.mark.parametrize(
    ("code", "words"), [(errno.ENOSPC, "no space left"), (errno.EACCES, "another folder")]
)
@pytest.mark.parametrize("step", ["write", "replace"])
def test_a_failed_save_says_why_and_leaves_the_old_file(tmp_path, monkeypatch, code, words, step):
    path = tmp_path / "map.png"
    path.write_bytes(b"old")

    def fail(*_):
        raise OSError(code, os.strerror(code))

    def write_half(target, data):
        with open(target, "wb") as file:
            file.write(bytes(data)[:10])
        fail()

    if step == "write":
        monkeypatch.setattr("pathlib.Path.write_bytes", write_half)
    else:
        monkeypatch.setattr("os.replace", fail)

    with pytest.raises(UserError, match=words):
        save_png(path, np.zeros((4, 4), np.uint8))

    assert os.listdir(tmp_path) == ["map.png"]
    assert path.read_bytes() == b"old"


@pytest.mark.parametrize("parent", ["nowhere", "file"])
def test_a_save_without_a_folder_is_refused_in_a_sentence(tmp_path, parent):
    (tmp_path / "file").write_text("")

    with pytest.raises(UserError, match="There is no folder"):
        save_png(tmp_path / parent / "map.png", np.zeros((4, 4), np.uint8))
