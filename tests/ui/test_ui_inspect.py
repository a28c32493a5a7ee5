"""Inspecting and redrawing, as plain functions."""

import itertools
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image
from ui_doubles import give, striped, words_of

from inpformer.detector import AnomalyDetector
from inpformer.errors import ImageError, UserError
from inpformer.modeling.model import INPFormer
from inpformer.pictures import COLOUR_MAPS
from inpformer.ui import views
from inpformer.ui.views import ViewSettings
from inpformer.ui.words import ENGLISH as text

LOOK = (0.6, "inferno")


def settings(map_name: str = "distance", cut: float = 1.0, opacity: float = 0.6) -> ViewSettings:
    return ViewSettings(map_name, cut, opacity, "inferno")


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
        inspecting.inspect("ann", path, *LOOK)


@pytest.mark.parametrize("name", ["text", "cut", "empty", "thin"])
def test_a_broken_picture_is_named_and_the_inspection_before_is_kept(inspecting, pictures, name):
    inspecting.inspect("ann", str(pictures["blot"]), *LOOK)
    before = inspecting.redraw("ann", settings())
    with pytest.raises(ImageError, match=f"{name}.png"):
        inspecting.inspect("ann", str(pictures[name]), *LOOK)
    after = inspecting.redraw("ann", settings())
    assert after.verdict == before.verdict
    np.testing.assert_array_equal(after.overlay, before.overlay)


def test_an_upload_the_server_has_cleaned_away_is_said_without_the_servers_folders(
    inspecting, tmp_path
):
    with pytest.raises(UserError) as caught:
        inspecting.inspect("ann", str(tmp_path / "part.png"), *LOOK)
    assert "part.png" in str(caught.value) and str(tmp_path) not in str(caught.value)


def test_without_a_fit_a_picture_gets_a_map_but_no_verdict(inspecting, pictures):
    report = inspecting.inspect("ann", str(pictures["blot"]), *LOOK)
    words = words_of(report.map_view.verdict)
    assert text.VERDICTS[None] in words and text.NOT_CALIBRATED in words
    assert "confidence" not in words
    assert not report.is_calibrated and (report.cut, report.most_cut) == (0.5, 1.0)
    assert report.map_names == ("distance",) and report.map_name == "distance"
    assert report.prototype_view.lead == text.TRAINING_FREE_INPS_LEAD
    for picture in (report.map_view.overlay, report.map_view.heatmap, report.prototype_view.mosaic):
        assert picture.shape == (90, 120, 3) and picture.dtype == np.uint8
    np.testing.assert_array_equal(
        report.map_view.compare[0], np.asarray(Image.open(pictures["blot"]))
    )
    assert len(report.prototype_view.attention) == 4


def test_without_a_fit_the_cut_starts_in_the_middle_of_the_colours(source):
    result = source.predict(striped(0))
    assert views.CutScale.of(result) == (0.5, 1.0)
    narrow = replace(result, uncalibrated_range=(0.02, 0.14))
    assert views.CutScale.of(narrow) == pytest.approx((0.08, 0.14))


@pytest.mark.parametrize("kind", ["free", "plus"])
def test_after_a_fit_a_picture_gets_a_verdict_and_a_confidence(inspecting, pictures, kind, request):
    fitted = request.getfixturevalue(kind)
    give(inspecting.handlers, "ann", fitted)
    report = inspecting.inspect("ann", str(pictures["blot"]), *LOOK)
    words = words_of(report.map_view.verdict)
    assert report.is_calibrated and (report.cut, report.most_cut) == (1.0, 2.0)
    assert report.map_names == fitted.config.map_names and report.map_name == report.map_names[0]
    assert (text.VERDICTS[True] in words) != (text.VERDICTS[False] in words)
    assert "confidence" in words and text.NOT_CALIBRATED not in words
    is_free = kind == "free"
    assert (report.prototype_view.lead == text.TRAINING_FREE_INPS_LEAD) is is_free


def test_what_reading_did_to_the_picture_is_said_with_the_verdict(inspecting, pictures):
    report = inspecting.inspect("ann", str(pictures["moving"]), *LOOK)
    assert "first of 3 frames" in words_of(report.map_view.verdict)
    assert "first of 3 frames" in words_of(inspecting.redraw("ann", settings()).verdict)


@pytest.mark.parametrize("name", ["long", "flat"])
@pytest.mark.parametrize("is_fitted", [False, True])
def test_a_long_or_a_flat_picture_is_drawn_at_its_own_size(
    inspecting, pictures, plus, name, is_fitted
):
    give(inspecting.handlers, "ann", plus if is_fitted else None)
    view = inspecting.inspect("ann", str(pictures[name]), *LOOK).map_view
    size = np.asarray(Image.open(pictures[name])).shape
    assert view.overlay.shape == view.heatmap.shape == view.compare[0].shape == size
    assert "nan" not in words_of(view.verdict)


def test_redrawing_before_inspecting_says_what_to_do(inspecting):
    with pytest.raises(UserError, match=text.NOTHING_INSPECTED):
        inspecting.redraw("ann", settings())


def test_redrawing_runs_no_model(inspecting, pictures, plus, no_model):
    give(inspecting.handlers, "ann", plus)
    first = inspecting.inspect("ann", str(pictures["blot"]), *LOOK)
    no_model()
    same = inspecting.redraw("ann", settings(first.map_name, first.cut))
    np.testing.assert_array_equal(same.overlay, first.map_view.overlay)
    assert same.verdict == first.map_view.verdict
    heatmaps = [inspecting.redraw("ann", settings(name)).heatmap for name in first.map_names]
    assert len({heatmap.tobytes() for heatmap in heatmaps}) == len(first.map_names) == 4


def test_every_map_says_its_name_and_every_choice_of_colours_looks_different(
    inspecting, pictures, plus
):
    give(inspecting.handlers, "ann", plus)
    names = inspecting.inspect("ann", str(pictures["blot"]), *LOOK).map_names
    for name in names:
        assert text.MAP_TITLES[name] in words_of(inspecting.redraw("ann", settings(name)).verdict)
    drawn = {
        inspecting.redraw("ann", ViewSettings(names[0], 1.0, 0.6, colours)).heatmap.tobytes()
        for colours in COLOUR_MAPS
    }
    assert len(drawn) == len(COLOUR_MAPS)


def test_a_map_that_this_inspection_does_not_have_falls_back_to_its_own(inspecting, pictures):
    report = inspecting.inspect("ann", str(pictures["blot"]), *LOOK)
    view = inspecting.redraw("ann", settings("fused", report.cut))
    np.testing.assert_array_equal(view.heatmap, report.map_view.heatmap)
    assert text.MAP_TITLES["distance"] in words_of(view.verdict)


@pytest.mark.parametrize("is_fitted", [False, True])
def test_raising_the_threshold_only_ever_shrinks_what_is_outlined(
    inspecting, pictures, plus, monkeypatch, is_fitted
):
    give(inspecting.handlers, "ann", plus if is_fitted else None)
    name = inspecting.inspect("ann", str(pictures["blot"]), *LOOK).map_name
    masks, outline = [], views.draw_outline
    monkeypatch.setattr(views, "draw_outline", lambda image, mask: masks.append(mask) or image)
    cuts = (0.0, 0.2, 0.5, 0.8, 1.0, 1.3, 2.0, 1000.0)
    shown = [words_of(inspecting.redraw("ann", settings(name, cut)).verdict) for cut in cuts]
    for lower, higher in itertools.pairwise(masks):
        assert not (higher & ~lower).any()
    assert masks[0].any() and not masks[-1].any()
    assert text.AREA_LINE.format(regions=0, area=0) in shown[-1]
    monkeypatch.setattr(views, "draw_outline", outline)
    image = inspecting.handlers.sessions.get("ann").inspection.display_image
    bare = inspecting.redraw("ann", settings(name, 1000.0, opacity=0.0))
    np.testing.assert_array_equal(bare.overlay, image)


def test_the_verdict_follows_the_threshold(inspecting, pictures, plus):
    give(inspecting.handlers, "ann", plus)
    name = inspecting.inspect("ann", str(pictures["blot"]), *LOOK).map_name
    low, high = (
        words_of(inspecting.redraw("ann", settings(name, cut)).verdict) for cut in (0, 1000)
    )
    assert text.VERDICTS[True] in low and text.VERDICTS[False] in high


def test_a_visitor_never_sees_what_another_inspected(inspecting, pictures, plus):
    give(inspecting.handlers, "ann", plus)
    inspecting.inspect("ann", str(pictures["blot"]), *LOOK)
    with pytest.raises(UserError, match=text.NOTHING_INSPECTED):
        inspecting.redraw("bob", settings())
    report = inspecting.inspect("bob", str(pictures["normal"]), *LOOK)
    assert not report.is_calibrated
    ann = inspecting.redraw("ann", settings("fused")).compare[0]
    np.testing.assert_array_equal(ann, np.asarray(Image.open(pictures["blot"])))
