"""One visitor looks closely at an example, then inspects many pictures, in a real browser."""

import json
import zipfile

import pytest

from inpformer.detector import AnomalyDetector

pytestmark = pytest.mark.e2e


@pytest.mark.parametrize("width", [400, 1280])
def test_zoom_click_split_and_threshold_work_on_the_drawn_result(new_visitor, width, monkeypatch):
    visitor = new_visitor(width=width)
    page = visitor.page
    page.locator("#results-gallery button").first.click()
    visitor.wait_for_text("#verdict", "confidence")
    page.wait_for_selector("#viewer .viewer-picture[src]")
    monkeypatch.setattr(AnomalyDetector, "predict", None)

    def transform() -> str:
        return page.evaluate("document.querySelector('.viewer-scene').style.transform")

    stage = page.locator("#viewer .viewer-stage")
    stage.focus()
    whole = transform()
    for key in ("+", "+", "ArrowRight"):
        before = transform()
        page.keyboard.press(key)
        assert transform() != before, key
    page.keyboard.press("0")
    assert transform() == whole
    page.keyboard.press("Enter")
    visitor.wait_for_text(".viewer-value", "× threshold")

    page.click("#viewer [data-toggle=split]")
    handle = page.locator("#viewer .viewer-split")
    assert handle.get_attribute("aria-valuenow") == "50"
    handle.focus()
    page.keyboard.press("ArrowRight")
    assert handle.get_attribute("aria-valuenow") == "55"
    page.click("#viewer button[data-mode=mask]")
    assert page.locator("#viewer .viewer-mask").is_visible()

    page.fill("#cut input[type=number]", "0")
    page.press("#cut input[type=number]", "Tab")
    visitor.wait_for_text("#verdict", "threshold 0.000")
    visitor.wait_for_text(".viewer-regions summary", "(1)")
    page.locator(".viewer-regions td button").first.click()
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_many_pictures_are_listed_filtered_opened_and_downloaded(new_visitor, parts, tmp_path):
    visitor = new_visitor()
    page = visitor.page
    page.get_by_role("tab", name="Many pictures").click()
    broken = tmp_path / "broken.png"
    broken.write_text("no picture")
    paths = [parts["normal_1"], parts["blot"], broken]
    page.set_input_files("#many input[type=file]", [str(path) for path in paths])
    page.wait_for_selector("#many .file-preview")
    page.click("#inspect-all")
    visitor.wait_for_text("#batch-progress", "2 pictures inspected")
    assert "broken.png" in visitor.text("#batch-progress")
    assert page.locator("#result-cards .result-card").count() == 2

    page.locator("#filter-name input, #filter-name textarea").press_sequentially("blot")
    visitor.wait_for_text("#results-summary", "1 of 2")
    page.locator("#result-cards .result-card").focus()
    page.keyboard.press("Enter")
    page.wait_for_function("document.querySelector('.viewer-picture').alt === 'blot.png'")
    with page.expect_download() as download:
        page.click("#write-zip")
    with zipfile.ZipFile(download.value.path()) as archive:
        assert len(json.loads(archive.read("run.json"))["pictures"]) == 2
