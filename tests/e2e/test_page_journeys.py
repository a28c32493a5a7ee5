"""What visitors do, in a real browser."""

import pytest

from inpformer.detector import AnomalyDetector
from inpformer.ui import text

pytestmark = pytest.mark.e2e

NORMALS = ("normal_1", "normal_2", "normal_3")


def fit_quickly(visitor, parts, steps=20):
    visitor.show_normals([parts[name] for name in NORMALS])
    visitor.choose_method("INP-Former++ (paper reproduction)", steps)
    visitor.page.click("#fit")


def test_one_click_on_the_gallery_opens_an_example_and_start_over_closes_it(new_visitor):
    visitor = new_visitor()
    results = visitor.page.locator("#results-gallery button")
    assert results.count() == 2 and "deep scratch" in results.first.inner_text()
    for _ in range(2):  # the same result can be opened again
        results.first.click()
        visitor.wait_for_text("#verdict", "confidence")
        visitor.wait_for_text("#detector-card", "ready detector of Striped ring")
        for selector in ("#picture img", "#viewer .viewer-picture[src]"):
            visitor.page.wait_for_selector(selector)
        visitor.page.click("#forget-me")
        visitor.wait_for_text("#verdict", text.RESULT_EMPTY)
        assert "no normal pictures yet" in visitor.text("#detector-card")
        visitor.page.wait_for_selector("#picture img", state="detached")
        visitor.page.wait_for_selector("#viewer .is-empty")


def test_the_pictures_of_a_part_are_opened_and_its_normal_ones_fitted(new_visitor):
    visitor = new_visitor()
    visitor.page.get_by_text(text.MORE_EXAMPLES, exact=True).click()
    visitor.page.locator("#part-pictures button").nth(2).click()
    visitor.wait_for_text("#verdict", "confidence")
    visitor.page.click("#use-normals")
    visitor.wait_for_text("#fit-progress", "4 normal pictures of the Striped ring")
    visitor.choose_method("Training-free prototypes (seconds)", 20)
    visitor.page.click("#fit")
    visitor.wait_for_text("#fit-progress", "Done in")
    assert "from 4 normal picture(s)" in visitor.text("#detector-card")
    assert "ready detector" not in visitor.text("#detector-card")


def test_a_newcomer_inspects_a_picture_at_once(new_visitor, parts):
    visitor = new_visitor()
    visitor.show_picture(parts["blot"])
    visitor.page.click("#inspect")
    verdict = visitor.wait_for_text("#verdict", "Not calibrated")
    assert "untrained stand-in" in verdict and "training-free prototypes" in verdict
    visitor.page.wait_for_selector("#viewer .viewer-picture[src]")


def test_fit_inspect_and_move_the_threshold_without_the_model(new_visitor, parts, monkeypatch):
    visitor = new_visitor()
    fit_quickly(visitor, parts)
    visitor.page.wait_for_selector("#fit-progress [role=progressbar]")
    visitor.wait_for_text("#fit-progress", "Done in")
    assert "from 3 normal picture(s)" in visitor.text("#detector-card")

    visitor.show_picture(parts["blot"])
    visitor.page.click("#inspect")
    visitor.wait_for_text("#verdict", "confidence")
    mask = visitor.picture_source("#viewer .viewer-over")

    def no_model(*_args, **_kwargs):
        raise AssertionError("the slider ran the model")

    monkeypatch.setattr(AnomalyDetector, "predict", no_model)
    visitor.page.fill("#cut input[type=number]", "0")
    visitor.page.press("#cut input[type=number]", "Tab")
    assert "Anomalous" in visitor.wait_for_text("#verdict", "threshold 0.000")
    visitor.page.wait_for_function(
        "before => document.querySelector('#viewer .viewer-mask').src !== before", arg=mask
    )


def test_a_fit_is_cancelled_and_the_older_detector_stays(new_visitor, parts):
    visitor = new_visitor()
    before = visitor.text("#detector-card")
    fit_quickly(visitor, parts, steps=1000)
    visitor.wait_for_text("#fit-progress", "s left")
    visitor.page.click("#cancel")
    assert visitor.wait_for_text("#fit-progress", "Cancelled") == text.FIT_CANCELLED
    assert visitor.text("#detector-card") == before
    visitor.page.wait_for_selector("#fit:not([disabled])")


def test_a_broken_picture_is_one_sentence_and_nothing_is_lost(new_visitor, parts, tmp_path):
    visitor = new_visitor()
    visitor.show_picture(parts["blot"])
    visitor.page.click("#inspect")
    verdict = visitor.wait_for_text("#verdict", "Not calibrated")
    broken = tmp_path / "cut.png"
    broken.write_bytes(parts["blot"].read_bytes()[:2000])
    visitor.page.get_by_label("Remove Image").first.click()
    visitor.page.set_input_files("#picture input[type=file]", str(broken))
    visitor.page.wait_for_selector("#picture img", state="attached")
    visitor.page.click("#inspect")
    toast = visitor.wait_for_text(".toast-body", "damaged or cut short")
    assert "Traceback" not in toast and "line " not in toast
    assert verdict in visitor.text("#verdict")
    assert visitor.page.locator("#viewer").get_by_text("Error").count() == 0


def test_pressing_the_buttons_of_an_empty_page_says_what_to_do(new_visitor):
    visitor = new_visitor()
    visitor.page.click("#inspect")
    visitor.wait_for_text(".toast-body", text.NO_PICTURE)
    visitor.page.click("#fit")
    visitor.page.get_by_text(text.NO_NORMALS).wait_for()
    visitor.page.wait_for_selector("#fit:not([disabled])")


def test_two_visitors_see_nothing_of_each_other(new_visitor, parts):
    first, second = new_visitor(), new_visitor()
    fit_quickly(first, parts)
    first.wait_for_text("#fit-progress", "Done in")
    first.show_picture(parts["blot"])
    first.page.click("#inspect")
    first.wait_for_text("#verdict", "confidence")
    second.show_picture(parts["normal_1"])
    second.page.click("#inspect")
    assert "confidence" not in second.wait_for_text("#verdict", "Not calibrated")
    assert "no normal pictures yet" in second.text("#detector-card")
    assert "from 3 normal" in first.text("#detector-card")


@pytest.mark.parametrize("width", [400, 768, 1280])
def test_nothing_sticks_out_of_the_window(new_visitor, parts, width):
    visitor = new_visitor(width=width)
    visitor.show_picture(parts["blot"])
    visitor.page.click("#inspect")
    visitor.wait_for_text("#verdict", "Not calibrated")
    wide = visitor.page.evaluate("document.documentElement.scrollWidth")
    assert wide <= width
    for selector in ("#inspect", "#verdict", "#viewer .viewer-stage", "#cut"):
        box = visitor.page.locator(selector).bounding_box()
        assert box["x"] >= 0 and box["x"] + box["width"] <= width, selector
