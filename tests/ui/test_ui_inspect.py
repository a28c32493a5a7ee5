"""Inspecting, opening, redrawing and reading values, as plain functions."""

import itertools
from dataclasses import replace

import numpy as np
import pytest
from ui_doubles import give, picture_of, striped, words_of

from inpformer.detector import AnomalyDetector
from inpformer.errors import ConfigError, ImageError, UserError
from inpformer.modeling.model import INPFormer
from inpformer.pictures import COLOUR_MAPS
from inpformer.prediction import Looking
from inpformer.ui.inspect_handlers import report
from inpformer.ui.inspection import Inspection, ViewSettings
from inpformer.ui.viewer_data import colour_tables
from inpformer.ui.words import ENGLISH as text


def settings(map_name: str = "distance", times: float = 1.0, min_area: float = 0) -> ViewSettings:
    return ViewSettings(map_name, times, min_area)


@pytest.fixture
def no_model(monkeypatch):
    """Call it, and from then on nothing may run the model."""

    def explode(*_args, **_kwargs):
        raise AssertionError("the model was run")

    def arm() -> None:
        monkeypatch.setattr(AnomalyDetector, "predict", explode)
        monkeypatch.setattr(INPFormer, "forward", explode)

    return arm


@pytest.mark.parametrize("path", [None, ""])
def test_inspecting_without_a_picture_says_what_to_do(inspecting, path):
    with pytest.raises(UserError, match=text.NO_PICTURE):
        inspecting.inspect("ann", path)


@pytest.mark.parametrize("name", ["text", "cut", "empty", "thin"])
def test_a_broken_picture_is_named_and_the_inspection_before_is_kept(
    inspecting, pictures, name, tmp_path
):
    inspecting.inspect("ann", str(pictures["blot"]))
    before, files = inspecting.redraw("ann", settings()), sorted(tmp_path.rglob("*"))
    with pytest.raises(ImageError, match=f"{name}.png"):
        inspecting.inspect("ann", str(pictures[name]))
    assert inspecting.redraw("ann", settings()) == before
    assert sorted(tmp_path.rglob("*")) == files, "the copy of the broken picture was left behind"


def test_an_upload_the_server_has_cleaned_away_is_said_without_the_servers_folders(
    inspecting, tmp_path
):
    with pytest.raises(UserError) as caught:
        inspecting.inspect("ann", str(tmp_path / "part.png"))
    assert "part.png" in str(caught.value) and str(tmp_path) not in str(caught.value)


def test_without_a_fit_a_picture_gets_a_map_but_no_verdict(inspecting, pictures):
    found = inspecting.inspect("ann", str(pictures["blot"]))
    words = words_of(found.verdict)
    assert text.VERDICTS[None] in words and text.NOT_CALIBRATED in words
    assert "confidence" not in words
    assert not found.is_calibrated and (found.settings.times, found.most_times) == (0.5, 1.0)
    assert found.map_choices == [(text.MAP_TITLES["distance"], "distance")]
    assert found.heat["unit"] == text.SCALE_RAW
    assert picture_of(found.heat["steps"]).shape == (90, 120)


def test_without_a_fit_the_cut_starts_in_the_middle_of_the_colours(source, pictures):
    result = replace(source.predict(striped(0)), uncalibrated_range=(0.02, 0.14))
    inspection = Inspection("x", pictures["normal"], result, source, "free", "Free")
    found = report(inspection, None, text)
    assert (found.settings.times, found.most_times) == pytest.approx((0.08, 0.14))
    wider = replace(inspection, result=replace(result, uncalibrated_range=(0.04, 0.24)))
    assert report(wider, None, text).settings.times == 0.14, "not 0.13999999999999999"


@pytest.mark.parametrize("kind", ["free", "plus"])
def test_after_a_fit_a_picture_gets_a_verdict_and_a_confidence(inspecting, pictures, kind, request):
    fitted = request.getfixturevalue(kind)
    give(inspecting.handlers, "ann", fitted)
    found = inspecting.inspect("ann", str(pictures["blot"]))
    words = words_of(found.verdict)
    assert found.is_calibrated and (found.settings.times, found.most_times) == (1.0, 2.0)
    names = tuple(name for _, name in found.map_choices)
    assert names == fitted.config.map_names and found.settings.map_name == names[0]
    assert (text.VERDICTS[True] in words) != (text.VERDICTS[False] in words)
    assert "confidence" in words and text.NOT_CALIBRATED not in words
    assert found.heat["unit"] == text.SCALE_UNIT and "1×" in dict(
        map(reversed, found.heat["ticks"])
    )


def test_what_reading_did_to_the_picture_is_said_with_the_verdict(inspecting, pictures):
    found = inspecting.inspect("ann", str(pictures["moving"]))
    assert "first of 3 frames" in words_of(found.verdict)
    assert "first of 3 frames" in words_of(inspecting.redraw("ann", settings()).verdict)


@pytest.mark.parametrize("name", ["long", "flat"])
@pytest.mark.parametrize("is_fitted", [False, True])
def test_a_long_or_a_flat_picture_is_drawn_at_its_own_size(
    inspecting, pictures, plus, name, is_fitted
):
    give(inspecting.handlers, "ann", plus if is_fitted else None)
    found = inspecting.inspect("ann", str(pictures[name]))
    shape = {"long": (8, 400), "flat": (50, 60)}[name]
    assert picture_of(found.picture["picture"]).shape[:2] == shape
    assert picture_of(found.heat["steps"]).shape == picture_of(found.layer["mask"]).shape == shape
    assert found.picture["size"] == found.picture["pictureSize"] == [shape[1], shape[0]]
    assert "nan" not in words_of(found.verdict)


def test_a_large_picture_is_shown_small_but_measured_in_its_own_pixels(inspecting, tmp_path, plus):
    from PIL import Image

    give(inspecting.handlers, "ann", plus)
    Image.fromarray(striped(0, 800, 2048)).save(tmp_path / "large.png")
    found = inspecting.inspect("ann", str(tmp_path / "large.png"))
    assert found.picture["size"] == [1024, 400] and found.picture["pictureSize"] == [2048, 800]
    everything = inspecting.redraw("ann", settings("fused", 0.0)).layer["regions"][0]
    assert everything["cells"][0] == "0, 0 · 2048 × 800"
    assert everything["cells"][1].startswith("1638400 px")


def test_a_benchmark_crop_tells_which_pixels_were_never_inspected(inspecting, pictures):
    found = inspecting.inspect("ann", str(pictures["blot"]), Looking("benchmark"))
    left, top, right, bottom = found.picture["seen"]
    assert 0 < left < right < 120 and 0 < top < bottom < 90
    seen = inspecting.handlers.sessions.get("ann").inspection.result.inspected_mask
    assert seen[top:bottom, left:right].all() and seen.sum() == (bottom - top) * (right - left)
    assert inspecting.value_at("ann", 0, 0, settings())["text"] == text.VALUE_UNSEEN.format(
        x=0, y=0
    )
    whole = inspecting.inspect("ann", str(pictures["blot"]))
    assert whole.picture["seen"] == [0, 0, 120, 90]


def test_a_way_of_looking_that_does_not_exist_is_refused(inspecting, pictures):
    with pytest.raises(ConfigError, match="geometry"):
        inspecting.inspect("ann", str(pictures["blot"]), Looking("sideways"))


def test_redrawing_before_inspecting_says_what_to_do(inspecting):
    for action in (
        lambda: inspecting.redraw("ann", settings()),
        lambda: inspecting.choose_map("ann", settings()),
        lambda: inspecting.value_at("ann", 0, 0, settings()),
        lambda: inspecting.side_by_side("ann"),
    ):
        with pytest.raises(UserError, match=text.NOTHING_INSPECTED):
            action()


def test_redrawing_runs_no_model(inspecting, pictures, plus, no_model):
    give(inspecting.handlers, "ann", plus)
    first = inspecting.inspect("ann", str(pictures["blot"]))
    no_model()
    same = inspecting.redraw("ann", first.settings)
    assert (same.verdict, same.layer) == (first.verdict, first.layer)
    names = [name for _, name in first.map_choices]
    heats = [inspecting.choose_map("ann", settings(name)).heat["steps"] for name in names]
    assert len(set(heats)) == len(names) == 4


def test_a_slider_sends_no_picture_and_no_map_again(inspecting, pictures, plus):
    give(inspecting.handlers, "ann", plus)
    inspecting.inspect("ann", str(pictures["blot"]))
    layer = inspecting.redraw("ann", settings("fused", 0.5)).layer
    assert set(layer) == {"mask", "outline", "cut", "regions", "note"}


def test_every_map_says_its_name_on_the_verdict_and_in_the_viewer(inspecting, pictures, plus):
    give(inspecting.handlers, "ann", plus)
    for title, name in inspecting.inspect("ann", str(pictures["blot"])).map_choices:
        found = inspecting.choose_map("ann", settings(name))
        assert title == text.MAP_TITLES[name] == found.heat["title"]
        assert title in words_of(found.verdict)


def test_every_choice_of_colours_looks_different():
    tables = colour_tables()
    assert tuple(tables) == COLOUR_MAPS and len(set(tables.values())) == len(COLOUR_MAPS)


def test_a_map_that_this_inspection_does_not_have_falls_back_to_its_own(inspecting, pictures):
    found = inspecting.inspect("ann", str(pictures["blot"]))
    view = inspecting.choose_map("ann", settings("fused", found.settings.times))
    assert view.heat == found.heat
    assert text.MAP_TITLES["distance"] in words_of(view.verdict)


@pytest.mark.parametrize("is_fitted", [False, True])
def test_raising_the_threshold_only_ever_shrinks_what_is_outlined(
    inspecting, pictures, plus, is_fitted
):
    give(inspecting.handlers, "ann", plus if is_fitted else None)
    name = inspecting.inspect("ann", str(pictures["blot"])).settings.map_name
    cuts = (0.0, 0.2, 0.5, 0.8, 1.0, 1.3, 2.0, 1000.0)
    views = [inspecting.redraw("ann", settings(name, cut)) for cut in cuts]
    masks = [picture_of(view.layer["mask"]) > 0 for view in views]
    for lower, higher in itertools.pairwise(masks):
        assert not (higher & ~lower).any()
    assert masks[0].any() and not masks[-1].any()
    assert views[-1].layer["outline"] == "" and views[-1].layer["regions"] == []
    assert text.AREA_LINE.format(regions=0, area=0) in words_of(views[-1].verdict)


def test_a_larger_minimum_area_only_ever_drops_whole_regions(inspecting, pictures, plus):
    give(inspecting.handlers, "ann", plus)
    inspecting.inspect("ann", str(pictures["blot"]))
    inspection = inspecting.handlers.sessions.get("ann").inspection
    cut = float(np.quantile(inspection.display_map("fused"), 0.8))
    times = cut / inspection.result.scales["fused"].threshold
    before = inspecting.redraw("ann", settings("fused", times)).layer["regions"]
    areas = sorted(float(region["cells"][1].split()[0]) for region in before)
    for limit in (*areas, max(areas) + 1):
        kept = inspecting.redraw("ann", settings("fused", times, 100 * limit / (90 * 120)))
        expected = [area for area in areas if area >= limit]
        assert len(kept.layer["regions"]) == len(expected)
        assert (picture_of(kept.layer["mask"]) > 0).sum() == sum(expected)


def test_hundreds_of_regions_are_counted_and_the_highest_listed(inspecting, plus, tmp_path):
    from PIL import Image

    give(inspecting.handlers, "ann", plus)
    Image.fromarray(striped(0)).save(tmp_path / "a.png")
    inspecting.inspect("ann", str(tmp_path / "a.png"))
    inspection = inspecting.handlers.sessions.get("ann").inspection
    dots = np.zeros((90, 120), np.float32)
    dots[::3, ::3] = np.arange(30 * 40).reshape(30, 40) + 1e6
    inspection._display_maps["fused"] = dots
    found = inspecting.redraw("ann", settings("fused", 1.0))
    assert len(found.layer["regions"]) == 50
    assert found.layer["note"] == text.MORE_REGIONS.format(count=1150)
    assert "1200 region(s)" in words_of(found.verdict)


def test_the_verdict_follows_the_threshold(inspecting, pictures, plus):
    give(inspecting.handlers, "ann", plus)
    name = inspecting.inspect("ann", str(pictures["blot"])).settings.map_name
    low, high = (
        words_of(inspecting.redraw("ann", settings(name, cut)).verdict) for cut in (0, 1000)
    )
    assert text.VERDICTS[True] in low and text.VERDICTS[False] in high


def test_the_value_under_a_click_is_that_of_the_map_in_both_units(inspecting, pictures, plus):
    give(inspecting.handlers, "ann", plus)
    inspecting.inspect("ann", str(pictures["blot"]))
    result = inspecting.handlers.sessions.get("ann").inspection.result
    threshold = result.scales["fused"].threshold
    y, x = np.unravel_index(result.map("fused").argmax(), (90, 120))
    found = inspecting.value_at("ann", int(x), int(y), settings("fused"))
    assert found["raw"] == pytest.approx(float(result.map("fused").max()))
    assert found["times"] == pytest.approx(found["raw"] / threshold)
    assert found["is_above"] == (found["raw"] > threshold)
    assert f"{found['times']:.2f} × threshold" in found["text"] and f"{x}, {y}" in found["text"]
    high = inspecting.value_at("ann", int(x), int(y), settings("fused", 1e6))
    assert not high["is_above"] and text.VALUE_BELOW in high["text"]


def test_a_click_beyond_the_picture_reads_its_edge(inspecting, pictures):
    inspecting.inspect("ann", str(pictures["blot"]))
    assert inspecting.value_at("ann", 10**6, -5, settings())["x"] == 119
    found = inspecting.value_at("ann", 10**6, -5, settings())
    assert found["y"] == 0 and found["times"] is None and "raw" in found["text"]


def test_all_maps_stand_side_by_side_with_their_disagreement(inspecting, pictures, plus, no_model):
    give(inspecting.handlers, "ann", plus)
    inspecting.inspect("ann", str(pictures["blot"]))
    no_model()
    html = inspecting.side_by_side("ann")
    words = words_of(html)
    assert html.count("<img") == 5
    for title in (*text.MAP_TITLES.values(), text.DISAGREEMENT):
        assert title in words


def test_a_detector_of_one_map_says_that_there_is_nothing_to_compare(inspecting, pictures):
    inspecting.inspect("ann", str(pictures["blot"]))
    assert text.MAP_TITLES["distance"] in inspecting.side_by_side("ann")
    assert "<img" not in inspecting.side_by_side("ann")


def test_an_older_result_is_opened_again_as_it_was(inspecting, pictures, plus, no_model):
    give(inspecting.handlers, "ann", plus)
    first = inspecting.inspect("ann", str(pictures["blot"]))
    inspecting.inspect("ann", str(pictures["normal"]))
    no_model()
    again = inspecting.show("ann", first.picture["id"])
    assert again.picture == first.picture and again.heat == first.heat
    assert again.layer == first.layer and again.verdict == first.verdict
    kept = inspecting.show("ann", first.picture["id"], settings("distance", 1.5, 0.2))
    assert kept.settings == settings("distance", 1.5, 0.2)


def test_a_threshold_in_multiples_is_not_taken_for_a_raw_one(inspecting, pictures, plus):
    raw = inspecting.inspect("ann", str(pictures["normal"]))
    give(inspecting.handlers, "ann", plus)
    calibrated = inspecting.inspect("ann", str(pictures["blot"]))
    assert inspecting.show("ann", raw.picture["id"], settings("fused", 1.7)).settings.times == 0.5
    opened = inspecting.show("ann", calibrated.picture["id"], settings("distance", 0.3))
    assert opened.settings.times == 1.0


def test_a_visitor_never_sees_what_another_inspected(inspecting, pictures, plus):
    give(inspecting.handlers, "ann", plus)
    ann = inspecting.inspect("ann", str(pictures["blot"]))
    with pytest.raises(UserError, match=text.NOTHING_INSPECTED):
        inspecting.redraw("bob", settings())
    bob = inspecting.inspect("bob", str(pictures["normal"]))
    assert not bob.is_calibrated and len(bob.listing.cards) == 1
    with pytest.raises(UserError, match=text.INSPECTION_GONE):
        inspecting.show("bob", ann.picture["id"])
    assert inspecting.show("ann", ann.picture["id"]).picture == ann.picture
