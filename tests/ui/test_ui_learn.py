import numpy as np
import pytest
from ui_doubles import elements_of, words_of

from inpformer.detector import AnomalyDetector
from inpformer.errors import UserError
from inpformer.examples import Examples, example_parts
from inpformer.ui.handlers import Handlers
from inpformer.ui.inspect_handlers import InspectHandlers
from inpformer.ui.learn_handlers import LearnHandlers, paste_foreign
from inpformer.ui.sessions import Sessions
from inpformer.ui.shelf import Shelf
from inpformer.ui.words import CHINESE


@pytest.fixture
def learning(source, examples: Examples, tmp_path) -> LearnHandlers:
    # The damaged detector of the plate would otherwise be asked for.
    parts = tuple(part for part in examples.parts if part.name == "ring")
    shelf = Shelf(source, examples=Examples(parts))
    return LearnHandlers(Handlers(Sessions(root=tmp_path), shelf))


def picture_count(html: str) -> int:
    return sum(tag == "img" for tag, _ in elements_of(html))


def test_the_examples_are_drawn_from_real_results(learning):
    figures = learning.examples("Ann")
    maps = words_of(figures.maps)
    assert all(name in maps for name in ("Fused", "Reconstruction", "Segmentation", "INP distance"))
    assert "anomaly confidence" in maps
    assert "A good part:" in words_of(figures.calm)
    assert "10% foreign" in words_of(figures.large)
    assert "A dark spot of 4 pixels" in words_of(figures.small)
    assert figures.misplaced == ""  # that limit shows on a part that is not here
    assert [picture_count(html) for html in figures] == [6, 4, 3, 0, 2, 2]


def test_with_the_parts_of_the_program_a_small_spot_is_missed_and_a_large_one_found(
    source, tmp_path
):
    parts = tuple(part for part in example_parts() if part.name == "fabric")
    shelf = Shelf(source, examples=Examples(parts))
    small = words_of(LearnHandlers(Handlers(Sessions(root=tmp_path), shelf)).examples("Ann").small)
    missed, found = small.split("A dark spot of ")[1:3]
    assert missed.startswith("4 pixels") and "Normal" in missed
    assert found.startswith("16 pixels") and "Anomalous" in found


def test_every_picture_says_in_words_what_it_shows(learning):
    for html in learning.examples("Ann"):
        assert all(dict(given).get("alt") for tag, given in elements_of(html) if tag == "img")


def test_the_examples_are_computed_once_for_everybody_in_both_languages(learning, monkeypatch):
    first = learning.examples("Ann")
    monkeypatch.setattr(AnomalyDetector, "predict", None)
    assert learning.examples("Bob") is first
    learning.handlers.sessions.get("Li", CHINESE)
    assert "异常置信度" in words_of(learning.examples("Li").maps)


def test_the_first_two_sections_can_show_a_visitors_own_picture(learning, pictures):
    with pytest.raises(UserError, match="no picture on the screen"):
        learning.mine("Ann")
    InspectHandlers(learning.handlers).inspect("Ann", str(pictures["blot"]))
    figures = learning.mine("Ann")
    assert "blot.png" in words_of(figures.inps)
    assert "? Not calibrated" in words_of(figures.maps)
    with pytest.raises(UserError, match="no picture on the screen"):
        learning.mine("Bob")


def test_what_all_visitors_see_never_contains_a_visitors_picture(learning, pictures, plus):
    session = learning.handlers.sessions.get("Ann")
    session.add_detector("secret", plus)
    InspectHandlers(learning.handlers).inspect("Ann", str(pictures["blot"]))
    shown = " ".join(learning.examples("Ann"))
    assert "secret" not in shown and "blot.png" not in shown


def test_without_example_parts_it_is_said_and_nothing_fails(source, tmp_path):
    learning = LearnHandlers(Handlers(Sessions(root=tmp_path), Shelf(source)))
    figures = learning.examples("Ann")
    assert "no example parts" in words_of(figures.inps)
    assert not any(figures[1:])


@pytest.mark.parametrize("share", [0.1, 0.6])
def test_a_foreign_area_covers_the_share_it_is_asked_to(share):
    image = np.zeros((90, 120, 3), np.uint8)
    picture, mask = paste_foreign(image, np.full((10, 10, 3), 255, np.uint8), share)
    assert mask.mean() == pytest.approx(share, abs=0.02)
    assert np.array_equal(picture.max(axis=2) == 255, mask)
    assert not image.any()
