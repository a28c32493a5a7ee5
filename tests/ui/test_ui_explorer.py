"""The INP explorer, as plain functions."""

import re

import numpy as np
import pytest
from ui_doubles import words_of

from inpformer.detector import AnomalyDetector
from inpformer.errors import UserError
from inpformer.examples import Examples
from inpformer.ui.explorer_handlers import ExplorerHandlers, ExplorerReport
from inpformer.ui.explorer_look import VIEWS
from inpformer.ui.handlers import Handlers
from inpformer.ui.inspect_handlers import InspectHandlers
from inpformer.ui.sessions import Sessions
from inpformer.ui.shelf import PART, Shelf
from inpformer.ui.words import ENGLISH


@pytest.fixture
def shared(source: AnomalyDetector, examples: Examples, tmp_path) -> Handlers:
    return Handlers(Sessions(root=tmp_path), Shelf(source, examples=examples))


@pytest.fixture
def exploring(shared: Handlers) -> ExplorerHandlers:
    return ExplorerHandlers(shared)


@pytest.fixture
def inspect(shared: Handlers, pictures):
    """Inspect a picture as a visitor; returns the id of the result."""

    def do(who: str = "anna", picture: str = "blot", key: str = PART + "ring") -> str:
        session = shared.sessions.get(who)
        InspectHandlers(shared).inspect_with(key, session, pictures[picture])
        return session.current

    return do


def grid_of(exploring: ExplorerHandlers, who: str = "anna") -> tuple[int, int]:
    exploring.show(who)
    return exploring.handlers.sessions.get(who).inspection.result.geometry.grid_size


def crops_in(html: str) -> int:
    return html.count("<figure>")


def test_before_anything_was_inspected_there_is_nothing_to_explain(exploring):
    assert exploring.show("anna") is None
    with pytest.raises(UserError, match="inspect a picture"):
        exploring.explain("anna", 1, 1)


def test_a_picture_opens_at_its_most_anomalous_patch(exploring, inspect):
    picture = inspect()
    report = exploring.show("anna")

    assert isinstance(report, ExplorerReport) and report.inspection_id == picture
    assert report.patch.drawing.shape == (90, 120, 3)
    rows, columns = grid_of(exploring)
    words = words_of(report.patch.reason)
    assert f"row {report.patch.row}, column {report.patch.column}" in words
    assert (
        ENGLISH.STANDING_DECIDES.format(name=ENGLISH.MAP_TITLES["fused"]) in words
        and "rank 1 of" in words
    )
    assert 1 <= report.patch.row <= rows and 1 <= report.patch.column <= columns
    assert len(report.attention) == report.inp_count == 4 and not report.can_count
    names = [name for _, name in report.attention_choices]
    assert names[0] == "heads" and "head:2" in names and "layer:2" in names


def test_the_reason_shows_crops_of_this_picture_and_of_the_normal_ones(exploring, inspect):
    inspect()
    reason = exploring.show("anna").patch.reason
    assert ENGLISH.THIS_PATCH in reason
    assert "Normal picture 1" in reason
    assert crops_in(reason) == reason.count("data:image/jpeg;base64,") >= 4
    assert "layer group 1 of 2" in reason and "layer group 2 of 2" in reason


def test_a_click_gives_the_reason_of_the_patch_under_it(exploring, inspect, shared):
    picture = inspect()
    rows, columns = grid_of(exploring)
    geometry = shared.sessions.get("anna").inspection.result.geometry
    for view in VIEWS:
        height, width = exploring.draw("anna", picture, view).drawing.shape[:2]
        for x, y in ((0, 0), (width - 1, height - 1), (width // 3, height // 2)):
            report = exploring.point("anna", picture, view, x, y)
            row, column = geometry.patch_at(int(x * 120 / width), int(y * 90 / height))
            assert (report.row, report.column) == (row + 1, column + 1)
    assert report.row <= rows and report.column <= columns


def test_the_same_patch_by_click_number_and_step(exploring, inspect):
    picture = inspect()
    clicked = exploring.point("anna", picture, "picture", 50, 50)
    exploring.pick("anna", picture, "picture", 1, 1)
    typed = exploring.pick("anna", picture, "picture", clicked.row, clicked.column)
    exploring.step("anna", picture, "picture", 1, 0)
    stepped = exploring.step("anna", picture, "picture", -1, 0)
    assert clicked.reason == typed.reason == stepped.reason
    np.testing.assert_array_equal(clicked.drawing, stepped.drawing)


def test_a_step_over_the_edge_stays_at_the_edge(exploring, inspect):
    picture = inspect()
    _, columns = grid_of(exploring)
    exploring.pick("anna", picture, "picture", 1, columns)
    report = exploring.step("anna", picture, "picture", -1, 1)
    assert (report.row, report.column) == (1, columns)


@pytest.mark.parametrize("place", [(0, 1), (1, 0), (999, 1), (1, 999), (None, 1), (1, None)])
def test_a_patch_that_is_not_there_is_refused_with_what_there_is(exploring, inspect, place):
    picture = inspect()
    rows, columns = grid_of(exploring)
    before = exploring.step("anna", picture, "picture", 0, 0)
    with pytest.raises(UserError, match=f"{rows} rows and {columns} columns"):
        exploring.pick("anna", picture, "picture", *place)
    assert exploring.step("anna", picture, "picture", 0, 0).row == before.row


def test_no_click_runs_the_model(exploring, inspect, monkeypatch):
    picture = inspect()
    exploring.show("anna")
    for name in ("predict", "patch_tokens"):
        monkeypatch.setattr(AnomalyDetector, name, lambda *_, **__: pytest.fail("a model ran"))
    exploring.point("anna", picture, "distance", 20, 20)
    exploring.draw("anna", picture, "residual")
    exploring.attention("anna", picture, "layer:1")
    exploring.show("anna", picture, "mosaic")


def test_the_tokens_of_the_normal_pictures_are_made_once_for_all_visitors(
    exploring, inspect, monkeypatch
):
    inspect()
    exploring.show("anna")
    made = []
    make = AnomalyDetector.patch_tokens
    monkeypatch.setattr(
        AnomalyDetector, "patch_tokens", lambda *a, **k: made.append(1) or make(*a, **k)
    )
    inspect("bert", "normal")
    exploring.show("bert")
    assert len(made) == 1, "only the picture's own"


def test_every_view_says_how_to_read_it(exploring, inspect):
    picture = inspect()
    notes = {view: words_of(exploring.draw("anna", picture, view).note) for view in VIEWS}
    assert notes["picture"] == ENGLISH.PICTURE_NOTE
    assert "INP 4" in notes["mosaic"] and "%" in notes["mosaic"]
    assert "threshold" in notes["distance"]
    assert "10 times" in notes["residual"] and "fixed by the normal" in notes["residual"]


def test_a_detector_without_decoder_has_no_residual_and_shows_the_picture_instead(
    exploring, inspect
):
    picture = inspect(key="free")
    report = exploring.show("anna", view="residual")
    assert report.view == "picture" and "residual" not in [name for _, name in report.views]
    assert words_of(report.note) == ENGLISH.PICTURE_NOTE_RAW
    words = words_of(report.patch.reason)
    assert ENGLISH.REASON_NOT_DECODED in words and ENGLISH.NO_SHOTS in words
    assert "layer group" not in words and "no threshold" in words
    assert exploring.draw("anna", picture, "residual").drawing.shape == (90, 120, 3)
    assert exploring.point("anna", picture, "residual", 1, 1).row == 1


def test_the_number_of_prototypes_changes_at_once_and_only_here(exploring, inspect, shared):
    picture = inspect(key="free")
    assert exploring.show("anna").can_count
    before = shared.sessions.get("anna").inspection.result
    for count in (2, 7):
        report = exploring.show("anna", picture, "mosaic", count)
        assert report.inp_count == len(report.attention) == count
        assert f"INP {count}" in report.note and f"INP {count + 1}" not in report.note
        assert exploring.step("anna", picture, "mosaic", 0, 1).reason.count("weight 0.") == count
    assert shared.sessions.get("anna").inspection.result is before
    assert exploring.show("anna").inp_count == 7, "as it was left"


def test_the_number_of_learnt_prototypes_cannot_be_changed(exploring, inspect):
    picture = inspect()
    with pytest.raises(UserError, match="learnt"):
        exploring.show("anna", picture, "picture", 3)
    assert exploring.show("anna").inp_count == 4


def test_all_inspected_pictures_can_be_chosen_and_one_look_is_kept(exploring, inspect, shared):
    first, second = inspect(), inspect(picture="normal", key="free")
    report = exploring.show("anna")
    assert report.inspection_id == second
    assert [key for _, key in report.choices] == [second, first]
    assert report.choices[1][0].startswith("blot.png · ")
    assert exploring.show("anna", first).inspection_id == first
    kept = shared.sessions.get("anna").inspections
    assert kept[first].look is not None and kept[second].look is None
    assert shared.sessions.get("anna").current == second, "the other tabs stay where they are"


def test_nobody_sees_the_pictures_of_another(exploring, inspect):
    picture = inspect("anna")
    assert exploring.show("bert") is None
    for act in (
        lambda: exploring.show("bert", picture),
        lambda: exploring.point("bert", picture, "picture", 1, 1),
        lambda: exploring.attention("bert", picture, "heads"),
    ):
        with pytest.raises(UserError, match="no longer"):
            act()


def test_each_head_and_layer_has_its_own_drawing(exploring, inspect):
    picture = inspect()
    choices = [name for _, name in exploring.show("anna").attention_choices]
    drawings = [exploring.attention("anna", picture, name) for name in choices]
    assert all(len(each) == 4 for each in drawings)
    assert not np.array_equal(drawings[1][0][0], drawings[2][0][0])
    unknown = exploring.attention("anna", picture, "head:99")
    np.testing.assert_array_equal(unknown[0][0], drawings[0][0][0])


def test_programs_get_the_reason_in_plain_numbers(exploring, inspect):
    inspect()
    table = exploring.explain("anna", 2, 3)
    assert (table["row"], table["column"]) == (2, 3)
    assert table["distances"][table["nearest_inp"] - 1] == pytest.approx(table["distance"])
    assert set(table["maps"]) == {"fused", "reconstruction", "segmentation", "distance"}
    assert len(table["errors"]["cosine"]["values"]) == 2
    assert table["similar_normal"][0]["shot"] >= 1
    with pytest.raises(UserError, match="rows"):
        exploring.explain("anna", 0, 3)


def test_every_string_of_a_picture_is_escaped(exploring, shared, pictures, tmp_path):
    odd = tmp_path / "a&b.png"
    odd.write_bytes(pictures["blot"].read_bytes())
    session = shared.sessions.get("anna")
    InspectHandlers(shared).inspect_with("free", session, odd)
    report = exploring.show("anna")
    assert report.choices[0][0].startswith("a&b.png"), "a dropdown escapes by itself"
    for html in (report.note, report.health, report.patch.reason):
        assert not re.search(r"&(?!\w+;|#)", re.sub(r'src="[^"]*"', "", html))
