"""The reference-set doctor on the page, and what is drawn beside it, as plain functions."""

import numpy as np
import pytest
from ui_doubles import elements_of, words_of

from inpformer.charts import dot_chart, line_chart
from inpformer.errors import UserError
from inpformer.progress import FitStep
from inpformer.shot_quality import Finding
from inpformer.ui.fewshot_views import (
    Curve,
    Thumbnail,
    asks,
    doctor_card,
    mark_thumbnails,
)
from inpformer.ui.words import ENGLISH as text


def paths(pictures, *names: str) -> list[str]:
    return [str(pictures[name]) for name in names]


NUMBERS = {
    "overall": 2.0,
    "local": 1.5,
    "x": 0.25,
    "y": 0.75,
    "sharpness": 0.2,
    "usual": 1.0,
    "mean": 90.0,
    "width": 60.0,
    "height": 40.0,
    "agreement": 0.8,
}


def test_the_doctor_looks_at_what_was_uploaded(fitting, pictures):
    report = fitting.examine("ann", paths(pictures, "normal", "copy", "flat"))
    said = words_of(report.words)
    assert "normal.png, copy.png" in said and "flat.png: one even surface" in said
    assert report.asks and text.DOCTOR_ASKS in said
    assert [caption[0] for _, caption in report.thumbnails] == ["ℹ", "ℹ", "✕"]


def test_a_copy_alone_is_told_but_not_asked_about(fitting, pictures):
    report = fitting.examine("ann", paths(pictures, "normal", "copy"))
    assert "same picture" in words_of(report.words) and not report.asks


def test_without_pictures_the_doctor_says_nothing(fitting, pictures):
    assert fitting.examine("ann", None) == ("", [], False)
    with pytest.raises(UserError, match=r"cut\.png"):
        fitting.examine("ann", paths(pictures, "normal", "cut"))


def test_a_single_picture_is_fine_and_said_to_be_alone():
    said = words_of(doctor_card([], ["one.png"], text))
    assert text.DOCTOR_ALONE in said and "nothing out of place" in said
    assert text.DOCTOR_ALONE not in words_of(doctor_card([], ["one.png", "two.png"], text))


@pytest.mark.parametrize("kind", text.FINDINGS)
def test_every_finding_has_words_with_its_pictures(kind):
    finding = Finding(kind, (1,), "warn", NUMBERS)
    said = words_of(doctor_card([finding], ["a.png", "b.png"], text))
    assert "b.png" in said and "a.png" not in said and text.FINDINGS[kind] in said


def test_names_of_files_cannot_bring_markup_into_the_page():
    card = doctor_card([Finding("flat", (0,), "stop")], ["<img src=x>.png"], text)
    assert not any(tag == "img" for tag, _ in elements_of(card))


def test_only_what_spoils_a_detector_is_asked_about():
    assert asks([Finding("odd_place", (0,), "warn")]) and asks([Finding("flat", (0,), "stop")])
    assert not asks([Finding("blurred", (0,), "warn"), Finding("identical", (0, 1), "info")])
    assert not asks([])


def test_a_thumbnail_is_marked_by_its_gravest_finding_and_keeps_its_picture():
    image = np.full((60, 80, 3), 100, np.uint8)
    findings = [Finding("odd_place", (1,), "warn", NUMBERS), Finding("small", (0, 1), "info")]
    pictures = [Thumbnail("a", image), Thumbnail("b", image), Thumbnail("c", image)]
    marked = mark_thumbnails(pictures, findings, text)
    assert [caption for _, caption in marked] == ["ℹ a", "! b", "✓ c"]
    assert (image == 100).all()
    plain, ringed = marked[0][0], marked[1][0]
    assert plain.shape == ringed.shape and (plain[8:-8, 8:-8] == 100).all()
    rows, columns = np.nonzero((ringed[8:-8, 8:-8] != 100).any(axis=2))
    assert (rows.mean(), columns.mean()) == pytest.approx((45, 20), abs=2)


def test_frames_of_different_gravity_have_different_colours():
    image = np.zeros((20, 20, 3), np.uint8)
    corners = set()
    for severity in ("stop", "warn", "info", None):
        found = [Finding("blurred", (0,), severity, NUMBERS)] if severity else []
        corners.add(tuple(mark_thumbnails([Thumbnail("a", image)], found, text)[0][0][0, 0]))
    assert len(corners) == 4


def step(phase: str, number: int, **losses: float) -> FitStep:
    return FitStep(phase, number, 10, losses, 0.5, 1.0)


def test_the_curve_shows_each_loss_but_not_those_of_models_that_set_the_threshold():
    curve = Curve()
    curve.add([step("encode", 1), step("train", 1, reconstruction=0.5)])
    curve.add([step("train", 2, reconstruction=0.25), step("calibrate", 3, reconstruction=9.0)])
    curve.add([step("head", 1, segmentation=0.9)])
    drawn = curve.draw(text)
    assert "rebuilding 0.250" in words_of(drawn) and "9.000" not in words_of(drawn)
    assert sum(tag == "polyline" for tag, _ in elements_of(drawn)) == 2
    assert Curve().draw(text) == ""


def points_of(chart: str) -> list[tuple[float, float]]:
    (line,) = [attributes["points"] for tag, attributes in elements_of(chart) if tag == "polyline"]
    return [tuple(map(float, point.split(","))) for point in line.split()]


def test_a_long_line_stays_small_and_keeps_its_ends():
    line = [(float(x), 1.0 / (x + 1)) for x in range(2000)]
    chart = line_chart({"loss": line}, "x", "y", "title")
    points = points_of(chart)
    assert len(points) <= 161 and len(chart) < 8000
    assert points[0][0] < points[-1][0] and points[0][1] < points[-1][1]
    short = points_of(line_chart({"loss": line[-2:]}, "x", "y", "title"))
    assert points[-1][0] == short[-1][0]


def test_a_chart_of_one_point_or_of_zeros_is_drawn_without_a_fault():
    assert "nan" not in line_chart({"loss": [(0.0, 0.0)]}, "x", "y", "t")
    assert "nan" not in dot_chart({"1": [0.0, 0.0]}, "x", "y", "t")
    assert dot_chart({"1": []}, "x", "y", "t") == "" and line_chart({}, "x", "y", "t") == ""


def test_higher_values_are_drawn_higher_and_the_mean_between_them():
    chart = dot_chart({"1": [0.6, 0.8]}, "x", "y", "t", (0.5, 1.0))
    elements = elements_of(chart)
    low, high = (float(a["cy"]) for tag, a in elements if tag == "circle")
    (mean,) = [float(a["y1"]) for tag, a in elements if a.get("class") == "mean"]
    assert high < mean < low and mean == pytest.approx((low + high) / 2, abs=0.1)
