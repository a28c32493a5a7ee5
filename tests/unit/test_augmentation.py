"""The 22 views: what each does to pixels, on pictures that are not square."""

import math

import pytest
import torch

from inpformer.augmentation import (
    ROTATIONS,
    SHIFTS,
    STATION_LIGHT,
    STATION_SHIFT,
    STATION_TINT,
    STATION_ZOOM,
    VIEW_COUNT,
    VIEW_NAMES,
    make_view,
)

HEIGHT, WIDTH = 60, 100
FIRST_ROTATION, FIRST_SHIFT = 1, 1 + len(ROTATIONS)


def view_index(name: str) -> int:
    return VIEW_NAMES.index(name)


def smooth_picture(height=HEIGHT, width=WIDTH) -> torch.Tensor:
    """A coloured picture without edges: resampling hardly changes it."""
    y = torch.linspace(0, 1, height)[:, None].expand(height, width)
    x = torch.linspace(0, 1, width)[None, :].expand(height, width)
    waves = [(3 * x + 2 * y).sin(), (4 * y - x).cos(), (2 * x * y + x).sin()]
    return torch.stack(waves) * 0.4 + 0.5


def ring(height, width, radius) -> torch.Tensor:
    """A picture `(3, H, W)` of a bright disk about the centre, its edge one pixel soft."""
    y = torch.arange(height)[:, None] - (height - 1) / 2
    x = torch.arange(width)[None, :] - (width - 1) / 2
    return (radius + 0.5 - (x**2 + y**2).sqrt()).clamp(0, 1).expand(3, -1, -1)


def test_there_are_22_views_each_with_a_name_of_its_own():
    assert VIEW_COUNT == len(set(VIEW_NAMES)) == 22


def test_the_views_are_those_of_the_few_shot_recipe():
    angles = (11.25, 22.5, 33.75, 45.0)
    assert sorted(ROTATIONS) == sorted([*angles, *(-angle for angle in angles)])
    wanted = {(x * d, y * d) for d in (0.1, 0.2) for x in (-1, 1) for y in (-1, 1)}
    assert set(SHIFTS) == wanted
    others = {"identity", "flipped", "grey", "turned 90°", "turned 180°", "turned 270°"}
    assert others < set(VIEW_NAMES)


def test_names_tell_the_angle_and_the_shift():
    for offset, angle in enumerate(ROTATIONS):
        assert VIEW_NAMES[FIRST_ROTATION + offset] == f"rotated {angle:+g}°"
    for offset, (x, y) in enumerate(SHIFTS):
        assert VIEW_NAMES[FIRST_SHIFT + offset] == f"shifted {x:+g}, {y:+g}"


def test_the_identity_is_the_picture_itself():
    picture = smooth_picture()
    assert torch.equal(make_view(picture, view_index("identity")), picture)


def test_no_two_views_of_a_picture_are_equal():
    picture = smooth_picture(40, 40)
    views = [make_view(picture, index) for index in range(VIEW_COUNT)]
    for i in range(VIEW_COUNT):
        for j in range(i):
            assert not torch.allclose(views[i], views[j], atol=1e-3), (i, j)


@pytest.mark.parametrize("index", range(VIEW_COUNT))
def test_views_keep_the_size_and_the_range_and_leave_the_picture_alone(index):
    picture = torch.rand(3, HEIGHT, WIDTH, generator=torch.Generator().manual_seed(0))
    before = picture.clone()
    view = make_view(picture, index)
    is_quarter_turn = VIEW_NAMES[index] in ("turned 90°", "turned 270°")
    assert view.shape == ((3, WIDTH, HEIGHT) if is_quarter_turn else (3, HEIGHT, WIDTH))
    assert view.min() >= -1e-6 and view.max() <= 1 + 1e-6
    assert torch.equal(picture, before)


@pytest.mark.parametrize("size", [(60, 100), (20, 160), (15, 14)])
@pytest.mark.parametrize("index", range(VIEW_COUNT))
def test_what_a_view_uncovers_is_filled_and_never_black(index, size):
    bright = 0.8 + 0.2 * torch.rand(3, *size, generator=torch.Generator().manual_seed(0))
    assert make_view(bright, index).min() >= 0.8 - 1e-5


@pytest.mark.parametrize("angle", [11.25, 22.5, 33.75, 45.0])
def test_turning_there_and_back_returns_the_centre(angle):
    picture = smooth_picture()
    there = make_view(picture, view_index(f"rotated {angle:+g}°"))
    back = make_view(there, view_index(f"rotated {-angle:+g}°"))
    # A disk within the shorter side is never turned out of the picture.
    inside = ring(HEIGHT, WIDTH, radius=HEIGHT / 2 - 4)[0] == 1
    assert (there - picture)[:, inside].abs().max() > 0.05
    torch.testing.assert_close(back[:, inside], picture[:, inside], rtol=0, atol=0.01)


@pytest.mark.parametrize("size", [(60, 100), (100, 60), (61, 61)])
@pytest.mark.parametrize("angle", ROTATIONS)
def test_a_circle_stays_a_circle_when_a_picture_is_rotated(size, angle):
    disk = ring(*size, radius=20)
    rotated = make_view(disk, view_index(f"rotated {angle:+g}°"))
    near = ring(*size, radius=26)[0] == 1  # further out, the reflection shows the disk again
    # Resampling softens the edge a little.
    torch.testing.assert_close(rotated[:, near], disk[:, near], rtol=0, atol=0.25)


@pytest.mark.parametrize("angle", ROTATIONS)
def test_a_rotation_turns_by_its_angle_in_pixels(angle):
    spot = torch.zeros(3, HEIGHT, WIDTH)
    spot[:, 29:31, 69:71] = 1  # 20 pixels to the right of the centre
    rotated = make_view(spot, view_index(f"rotated {angle:+g}°"))[0]
    y = (rotated.sum(dim=1) * torch.arange(HEIGHT)).sum() / rotated.sum() - (HEIGHT - 1) / 2
    x = (rotated.sum(dim=0) * torch.arange(WIDTH)).sum() / rotated.sum() - (WIDTH - 1) / 2
    assert math.hypot(x, y) == pytest.approx(20, abs=0.3)
    assert math.degrees(math.atan2(abs(y), x)) == pytest.approx(abs(angle), abs=1)


def test_rotations_by_opposite_angles_go_opposite_ways():
    spot = torch.zeros(3, HEIGHT, WIDTH)
    spot[:, 29:31, 69:71] = 1
    for angle in (11.25, 45.0):
        one = make_view(spot, view_index(f"rotated {angle:+g}°"))
        other = make_view(spot, view_index(f"rotated {-angle:+g}°"))
        torch.testing.assert_close(one.flip(1), other, rtol=0, atol=1e-4)


@pytest.mark.parametrize("shift", SHIFTS)
def test_a_shift_moves_by_its_share_of_half_the_width_and_height(shift):
    picture = torch.rand(3, HEIGHT, WIDTH, generator=torch.Generator().manual_seed(0))
    shifted = make_view(picture, FIRST_SHIFT + SHIFTS.index(shift))
    # 0.2 half-widths are a tenth of the width: 10 and 6 pixels here, 0.1 are 5 and 3.
    columns, rows = round(shift[0] * WIDTH / 2), round(shift[1] * HEIGHT / 2)
    assert (abs(columns), abs(rows)) in ((10, 6), (5, 3))
    moved = picture.roll((-rows, -columns), dims=(1, 2))
    kept_rows = slice(max(0, -rows), HEIGHT - max(0, rows))
    kept_columns = slice(max(0, -columns), WIDTH - max(0, columns))
    torch.testing.assert_close(
        shifted[:, kept_rows, kept_columns], moved[:, kept_rows, kept_columns], rtol=0, atol=1e-3
    )


def test_what_a_shift_uncovers_is_the_mirrored_edge():
    picture = torch.rand(3, HEIGHT, WIDTH, generator=torch.Generator().manual_seed(0))
    mirrored = torch.cat([picture.flip(2), picture, picture.flip(2)], dim=2)
    mirrored = torch.cat([mirrored.flip(1), mirrored, mirrored.flip(1)], dim=1)
    for offset, (x, y) in enumerate(SHIFTS):
        row, column = HEIGHT + round(y * HEIGHT / 2), WIDTH + round(x * WIDTH / 2)
        expected = mirrored[:, row : row + HEIGHT, column : column + WIDTH]
        shifted = make_view(picture, FIRST_SHIFT + offset)
        torch.testing.assert_close(shifted, expected, rtol=0, atol=1e-3)


def test_the_flip_swaps_left_and_right():
    picture = torch.rand(3, 4, 6)
    flipped = make_view(picture, view_index("flipped"))
    for column in range(6):
        assert torch.equal(flipped[:, :, column], picture[:, :, 5 - column])


def test_grey_has_equal_channels_and_keeps_a_picture_that_is_grey_already():
    grey = make_view(smooth_picture(), view_index("grey"))
    assert torch.equal(grey[0], grey[1]) and torch.equal(grey[1], grey[2])
    torch.testing.assert_close(make_view(grey, view_index("grey")), grey)


def test_quarter_turns_move_corners_and_four_of_them_give_the_picture():
    picture = smooth_picture()
    turned = make_view(picture, view_index("turned 90°"))
    assert torch.equal(turned[:, -1, 0], picture[:, 0, 0])  # counter-clockwise
    assert torch.equal(make_view(turned, view_index("turned 270°")), picture)
    assert torch.equal(
        make_view(turned, view_index("turned 90°")), make_view(picture, view_index("turned 180°"))
    )


# --- the views of a station --------------------------------------------------------------------


@pytest.mark.parametrize("index", range(VIEW_COUNT))
def test_a_station_view_is_a_little_different_and_always_the_same(index):
    picture = smooth_picture()
    view = make_view(picture, index, "station")
    assert view.shape == picture.shape and view.min() >= 0 and view.max() <= 1
    assert torch.equal(view, make_view(picture, index, "station"))
    assert (view - picture).abs().mean() < 0.1
    assert torch.equal(view, picture) == (index == 0)


def test_no_two_station_views_are_alike():
    views = [make_view(smooth_picture(), index, "station") for index in range(VIEW_COUNT)]
    for first in range(VIEW_COUNT):
        for second in range(first):
            assert not torch.allclose(views[first], views[second], atol=1e-3)


def test_a_station_changes_the_light_within_its_limits():
    grey = torch.full((3, 40, 60), 0.5)
    for index in range(1, VIEW_COUNT):
        ratio = make_view(grey, index, "station") / grey
        assert ratio.std(dim=(1, 2)).max() < 1e-5, "the light is even"
        assert ratio.min() > 1 - (STATION_LIGHT + STATION_TINT) * 1.1
        assert ratio.max() < 1 + (STATION_LIGHT + STATION_TINT) * 1.1


def test_a_station_moves_a_spot_by_no_more_than_a_few_percent():
    picture = torch.zeros(3, 200, 200)
    picture[:, 95:105, 95:105] = 0.5
    rows = torch.arange(200.0)
    for index in range(1, VIEW_COUNT):
        spot = make_view(picture, index, "station").sum(dim=0)
        centre = torch.stack([(spot.sum(dim=d) * rows).sum() / spot.sum() for d in (1, 0)])
        assert (centre - 99.5).abs().max() <= 200 * STATION_SHIFT * (1 + STATION_ZOOM) + 1.5


@pytest.mark.parametrize("index", [1, 5, VIEW_COUNT, 500])
def test_a_slight_view_is_much_nearer_to_the_picture_than_a_station_view(index):
    picture = smooth_picture()
    far, near = (
        (make_view(picture, index, kind) - picture).abs().mean() for kind in ("station", "slight")
    )
    assert 0 < near < 0.25 * far
    assert torch.equal(make_view(picture, 0, "slight"), picture)


def test_there_is_another_slight_view_for_any_index():
    views = [make_view(smooth_picture(), index, "slight") for index in range(3 * VIEW_COUNT)]
    assert len({tuple(view.flatten().tolist()) for view in views}) == len(views)
