import json

import numpy as np
import pytest
import torch
from PIL import Image
from torchvision.transforms import v2

from inpformer.errors import ConfigError, ImageError
from inpformer.geometry import ImageGeometry
from inpformer.images import (
    load_image,
)

IMAGENET_MEAN = np.array([0.485, 0.456, 0.406], np.float32)
IMAGENET_STD = np.array([0.229, 0.224, 0.225], np.float32)


@pytest.fixture
def rgb() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (20, 30, 3), dtype=np.uint8)


def test_a_square_picture_has_the_papers_grid():
    geometry = ImageGeometry.full((500, 500), 14)
    assert geometry.grid_size == (28, 28) and geometry.input_size == (392, 392)
    assert ImageGeometry.full((500, 500), 16).input_size == (448, 448)


@pytest.mark.parametrize("size", [(1536, 2048), (900, 1600), (333, 1000), (8, 400), (100, 101)])
def test_the_grid_keeps_the_aspect_and_uses_the_budget(size):
    rows, columns = ImageGeometry.full(size, 14).grid_size
    assert 0.9 * 784 <= rows * columns <= 784
    assert columns / rows == pytest.approx(size[1] / size[0], rel=0.04)
    assert ImageGeometry.full(size[::-1], 14).grid_size == (columns, rows)


@pytest.mark.parametrize("budget", [1, 2, 3, 5, 8, 99, 300, 783, 2000])
def test_any_budget_gives_a_square_picture_a_square_grid(budget):
    rows, columns = ImageGeometry.full((60, 60), 14, budget).grid_size
    assert rows == columns == int(budget**0.5)


def test_sizes_below_one_are_refused():
    for arguments in (((0, 5), 14), ((5, 5), 0), ((5, 5), 14, 0)):
        with pytest.raises(ConfigError):
            ImageGeometry.full(*arguments)


@pytest.mark.parametrize("patch", [14, 16])
def test_the_benchmark_input_is_pillows_resize_and_crop_bit_for_bit(patch):
    image = np.random.default_rng(0).integers(0, 256, (300, 517, 3), dtype=np.uint8)
    geometry = ImageGeometry.benchmark((300, 517), patch)
    resized = Image.fromarray(image).resize((32 * patch, 32 * patch), Image.Resampling.BILINEAR)
    inner = slice(2 * patch, 30 * patch)
    assert geometry.grid_size == (28, 28)
    assert np.array_equal(geometry.to_input(image), np.asarray(resized)[inner, inner])


def test_a_finer_grid_sees_the_same_part_of_the_picture():
    coarse = ImageGeometry.benchmark((300, 517), 14)
    fine = ImageGeometry.benchmark((300, 517), 8, token_budget=49 * 49)
    assert fine.grid_size == (49, 49)
    assert (fine.resized_size, fine.crop_box) == (coarse.resized_size, coarse.crop_box)


def test_the_full_input_is_the_whole_picture_resized(rgb):
    geometry = ImageGeometry.full((20, 30), 14)
    resized = Image.fromarray(rgb).resize(geometry.input_size[::-1], Image.Resampling.BILINEAR)
    assert np.array_equal(geometry.to_input(rgb), np.asarray(resized))


def test_a_picture_of_another_size_is_refused(rgb):
    with pytest.raises(ImageError, match="size"):
        ImageGeometry.full((30, 20), 14).to_input(rgb)


def ramp(size: tuple[int, int], box: tuple[float, float, float, float]) -> np.ndarray:
    """A ramp 3y + 5x over a box (top, left, height, width), sampled at pixel centres."""
    top, left, height, width = box
    y = top + (np.arange(size[0]) + 0.5) / size[0] * height
    x = left + (np.arange(size[1]) + 0.5) / size[1] * width
    return (3 * y[:, None] + 5 * x).astype(np.float32)


@pytest.mark.parametrize("map_size", [(28, 28), (392, 392), (40, 60)])
@pytest.mark.parametrize("picture_size", [(100, 333), (800, 640)])
def test_a_ramp_at_model_size_is_the_same_ramp_at_picture_size(map_size, picture_size):
    geometry = ImageGeometry.full(picture_size, 14)
    expected = ramp(picture_size, (0, 0, 1, 1))
    picture = geometry.to_picture(ramp(map_size, (0, 0, 1, 1)))
    assert picture.dtype == np.float32 and picture.shape == picture_size
    # Outside the outermost cell centres a map has no slope to follow.
    y, x = (np.abs((np.arange(n) + 0.5) / n - 0.5) for n in picture_size)
    known = (y[:, None] <= 0.5 - 0.5 / map_size[0]) & (x <= 0.5 - 0.5 / map_size[1])
    assert known.mean() > 0.9
    np.testing.assert_allclose(picture[known], expected[known], atol=1e-5)


def test_a_map_at_picture_size_comes_back_unchanged():
    values = np.random.default_rng(0).random((37, 61), dtype=np.float32)
    assert np.array_equal(ImageGeometry.full((37, 61), 14).to_picture(values), values)


@pytest.mark.parametrize("map_size", [(28, 28), (392, 392), (256, 256)])
@pytest.mark.parametrize("picture_size", [(333, 500), (61, 53), (1000, 700)])
def test_a_benchmark_ramp_lies_on_the_pictures_ramp_and_is_0_outside(map_size, picture_size):
    geometry = ImageGeometry.benchmark(picture_size, 14)
    picture = geometry.to_picture(ramp(map_size, (1 / 16, 1 / 16, 7 / 8, 7 / 8)) * 20)
    seen = geometry.inspected_mask()
    expected = ramp(picture_size, (0, 0, 1, 1)) * 20
    # Half a cell at the crop's edge repeats the last value: 8 * 20 * (7 / 8) / 28 / 2 levels.
    tolerance = 70 / min(map_size) + 1e-3
    assert np.abs(picture - expected)[seen].max() <= tolerance
    y, x = (np.abs((np.arange(n) + 0.5) / n - 0.5) for n in picture_size)
    half_cells = [7 / 8 * 0.5 / count for count in map_size]
    inner = (y[:, None] <= 7 / 16 - half_cells[0]) & (x <= 7 / 16 - half_cells[1])
    assert inner.mean() > 0.6
    np.testing.assert_allclose(picture[inner], expected[inner], atol=1e-3)
    assert (picture[~seen] == 0).all()


def test_what_the_benchmark_sees_of_a_ramp_comes_back_within_half_a_grey_level():
    x = np.linspace(0, 250, 700)
    image = np.repeat((np.zeros((500, 1)) + x)[:, :, None], 3, axis=2).round().astype(np.uint8)
    geometry = ImageGeometry.benchmark((500, 700), 14)
    picture = geometry.to_picture(geometry.to_input(image)[:, :, 0])
    seen = geometry.inspected_mask()
    # Half a level of rounding in the picture itself is not the geometry's.
    assert np.abs(picture - x)[seen].mean() < 0.5
    assert abs((picture - x)[seen].mean()) < 0.05
    assert np.abs(picture - x)[seen].max() < 1.0


def test_the_two_ways_of_resizing_agree():
    values = np.random.default_rng(0).random((40, 56), dtype=np.float32)
    whole = ImageGeometry.full((333, 470), 14)
    sampled = whole._sample(whole._sample(values, 0, False), 1, False)
    np.testing.assert_allclose(sampled, whole.to_picture(values), atol=1e-6)


def test_the_inspected_part_of_the_benchmark_is_seven_eighths_of_each_side():
    mask = ImageGeometry.benchmark((320, 160), 14).inspected_mask()
    assert mask[20:300, 10:150].all() and mask.sum() == 280 * 140
    assert ImageGeometry.full((320, 160), 14).inspected_mask().all()


@pytest.mark.parametrize("make", [ImageGeometry.full, ImageGeometry.benchmark])
def test_labels_are_mapped_to_the_nearest_and_agree_with_patch_at(make):
    geometry = make((97, 203), 14)
    rows, columns = geometry.grid_size
    labels = np.arange(1, rows * columns + 1).reshape(rows, columns)
    picture = geometry.to_picture(labels, nearest=True)
    assert picture.dtype == labels.dtype
    for y in range(97):
        for x in range(203):
            patch = geometry.patch_at(x, y)
            assert picture[y, x] == (0 if patch is None else labels[patch])


@pytest.mark.parametrize("make", [ImageGeometry.full, ImageGeometry.benchmark])
def test_each_seen_pixel_lies_in_the_box_of_its_patch(make):
    geometry = make((97, 60), 16)
    seen = geometry.inspected_mask()
    for y in range(97):
        for x in range(60):
            patch = geometry.patch_at(x, y)
            assert (patch is not None) == seen[y, x]
            if patch is not None:
                top, left, bottom, right = geometry.patch_box(*patch)
                assert top - 1e-9 <= y + 0.5 <= bottom + 1e-9
                assert left - 1e-9 <= x + 0.5 <= right + 1e-9


def test_the_boxes_of_the_outer_patches_end_where_the_view_ends():
    whole, middle = (make((90, 60), 14) for make in (ImageGeometry.full, ImageGeometry.benchmark))
    rows, columns = whole.grid_size
    assert whole.patch_box(0, 0)[:2] == (0, 0)
    assert whole.patch_box(rows - 1, columns - 1)[2:] == pytest.approx((90, 60))
    assert middle.patch_box(0, 0)[:2] == pytest.approx((90 / 16, 60 / 16))
    assert middle.patch_box(27, 27)[2:] == pytest.approx((90 * 15 / 16, 60 * 15 / 16))


def test_there_is_no_patch_outside_the_picture_or_the_grid():
    geometry = ImageGeometry.full((90, 60), 14)
    outside = ((-1, 0), (0, -1), (60, 0), (0, 90))
    assert [geometry.patch_at(x, y) for x, y in outside] == [None] * 4
    assert geometry.patch_at(59, 89) == tuple(n - 1 for n in geometry.grid_size)
    with pytest.raises(ValueError, match="no patch"):
        geometry.patch_box(*geometry.grid_size)


def test_a_map_of_another_shape_is_a_mistake_of_the_caller():
    with pytest.raises(ValueError, match="shape"):
        ImageGeometry.full((90, 60), 14).to_picture(np.zeros((1, 28, 28)))


def test_the_benchmark_input_is_that_of_the_official_code(golden):
    names = json.loads((golden / "training.json").read_text())["images"]
    expected = np.load(golden / "expected.npz")["input"]
    for name, tensor in zip(names, expected, strict=True):
        image = load_image(golden / "images" / name)
        pixels = ImageGeometry.benchmark(image.shape[:2], 14).to_input(image)
        normalised = (pixels.astype(np.float32) / 255 - IMAGENET_MEAN) / IMAGENET_STD
        np.testing.assert_allclose(normalised.transpose(2, 0, 1), tensor, rtol=0, atol=1e-6)


@pytest.mark.parametrize("picture_size", [(100, 333), (800, 640), (448, 448), (30, 31)])
@pytest.mark.parametrize("patch_size", [8, 14, 16])
def test_a_mask_becomes_a_map_as_in_the_official_evaluator(picture_size, patch_size):
    rng = np.random.default_rng(1)
    mask = np.kron(rng.random((10, 10)) < 0.4, np.ones((80, 80), bool))
    mask = mask[: picture_size[0], : picture_size[1]]
    mask[::7, ::5] ^= True
    geometry = ImageGeometry.benchmark(picture_size, patch_size)
    grey = Image.fromarray(mask.astype(np.uint8) * 255)
    resized = v2.functional.resize(grey, list(geometry.resized_size))
    cropped = v2.functional.center_crop(resized, list(geometry.input_size))
    tensor = torch.from_numpy(np.asarray(cropped) / 255)[None, None]
    for size in ((256, 256), (293, 293), geometry.input_size):
        expected = torch.nn.functional.interpolate(tensor, size=size, mode="nearest")[0, 0] > 0.5
        found = geometry.mask_to_map(mask, size)
        assert found.dtype == bool
        assert np.array_equal(found, expected.numpy())


def test_a_mask_of_another_size_is_refused():
    with pytest.raises(ImageError, match="mask"):
        ImageGeometry.benchmark((30, 20), 14).mask_to_map(np.zeros((20, 30), bool), (9, 9))


@pytest.mark.parametrize("make", [ImageGeometry.full, ImageGeometry.benchmark])
def test_a_place_of_a_map_is_the_pixel_under_its_centre(make):
    geometry = make((300, 517), 14)
    ys, xs = np.mgrid[:300, :517].astype(np.float64)
    numbers = geometry.to_picture(1 + np.arange(40 * 50).reshape(40, 50), nearest=True)
    for row, column in ((0, 0), (13, 27), (39, 49)):
        x, y = geometry.map_to_pixel(row, column, (40, 50))
        cell = numbers == 1 + row * 50 + column
        assert cell[y, x]
        assert abs(xs[cell].mean() - x) <= 1 and abs(ys[cell].mean() - y) <= 1
