"""What visitors do, in a real browser."""

import json
import re
import zipfile

import pytest

from inpformer.detector import AnomalyDetector
from inpformer.ui.words import CHINESE
from inpformer.ui.words import ENGLISH as text

pytestmark = pytest.mark.e2e

NORMALS = ("normal_1", "normal_2", "normal_3")


def fit_quickly(visitor, parts, steps=20):
    visitor.show_normals([parts[name] for name in NORMALS])
    visitor.page.wait_for_selector("#doctor .doctor")
    visitor.choose_method("INP-Former++ (paper reproduction)", steps)
    visitor.page.click("#fit")


def inspect(visitor, path, words="confidence"):
    visitor.show_picture(path)
    visitor.page.click("#inspect")
    return visitor.wait_for_text("#verdict", words)


def test_one_click_opens_an_example_that_is_compared_and_forget_me_closes_it(new_visitor):
    visitor = new_visitor()
    results = visitor.page.locator("#results-gallery button")
    results.first.wait_for()
    assert results.count() == 2 and "deep scratch" in results.first.inner_text()
    for _ in range(2):  # the same result can be opened again
        visitor.tab("Inspect")
        results.first.click()
        visitor.wait_for_text("#verdict", "confidence")
        visitor.wait_for_text("#detector-card", "Ready detector: Striped ring")
        for selector in ("#picture img", "#viewer .viewer-picture[src]", "#why img"):
            visitor.page.wait_for_selector(selector)
        visitor.tab("Compare")
        # Before the tab has filled its list there is but one detector, and nothing to compare.
        visitor.page.wait_for_selector("#compare-detectors .token >> nth=1")
        visitor.page.click("#compare-run:not([disabled])")
        visitor.page.wait_for_selector("#compare-rows img")
        assert "Striped ring" in visitor.text("#compare-summary")
        visitor.page.click("#forget-me")
        visitor.wait_for_text("#detector-card", "no normal pictures yet")
        visitor.tab("Inspect")
        visitor.wait_for_text("#verdict", text.RESULT_EMPTY)
        visitor.page.wait_for_selector("#picture img", state="detached")
        assert visitor.page.locator("#why img").count() == 0


def test_fit_inspect_move_the_threshold_ask_why_download_and_evaluate(
    new_visitor, parts, monkeypatch
):
    visitor = new_visitor()
    fit_quickly(visitor, parts)
    visitor.page.wait_for_selector("#fit-progress [role=progressbar]")
    visitor.wait_for_text("#fit-progress", "Done in")
    assert "from 3 normal picture(s)" in visitor.text("#detector-card")

    inspect(visitor, parts["blot"])
    predict = AnomalyDetector.predict
    monkeypatch.setattr(AnomalyDetector, "predict", None)  # no slider may run the model
    visitor.page.fill("#cut input[type=number]", "0")
    visitor.page.press("#cut input[type=number]", "Tab")
    assert "Anomalous" in visitor.wait_for_text("#verdict", "threshold 0.000")
    monkeypatch.setattr(AnomalyDetector, "predict", predict)

    visitor.page.click("#why-more")
    assert "most like INP" in visitor.wait_for_text("#explorer-reason", "Patch in row")
    visitor.tab("Inspect")
    with visitor.page.expect_download() as download:
        visitor.page.click("#write-zip")
    with zipfile.ZipFile(download.value.path()) as archive:
        (picture,) = json.loads(archive.read("run.json"))["pictures"]
    assert "blot" in str(picture)
    evaluate(visitor)


def evaluate(visitor):
    """Evaluate the detector in use on an example part, move the threshold, take the report."""
    visitor.tab("Evaluate")
    visitor.page.click("#evaluate-run:not([disabled])")
    visitor.page.wait_for_selector("#evaluate-details svg")
    visitor.wait_for_text("#evaluate-verdicts", "anomalous pictures found")
    visitor.page.press("#evaluate-cut input[type=range]", "End")
    visitor.wait_for_text("#evaluate-verdicts", "0 of 4 anomalous pictures found")
    assert visitor.page.locator("#evaluate-galleries img").count() == 4
    with visitor.page.expect_download() as download:
        visitor.page.click("#evaluate-report")
    with zipfile.ZipFile(download.value.path()) as archive:
        assert "report.html" in archive.namelist()


def test_a_fit_is_cancelled_and_the_older_detector_stays(new_visitor, parts):
    visitor = new_visitor()
    before = visitor.text("#detector-card .detector-card")
    fit_quickly(visitor, parts, steps=1000)
    visitor.wait_for_text("#fit-progress", "s left")
    visitor.page.click("#cancel")
    assert visitor.wait_for_text("#fit-progress", "Cancelled") == text.FIT_CANCELLED
    assert visitor.text("#detector-card .detector-card") == before
    visitor.page.wait_for_selector("#fit:not([disabled])")


def test_a_broken_picture_is_one_sentence_and_nothing_is_lost(new_visitor, parts, tmp_path):
    visitor = new_visitor()
    inspect(visitor, parts["blot"], "Not calibrated")
    verdict = visitor.text("#verdict .verdict")
    broken = tmp_path / "cut.png"
    broken.write_bytes(parts["blot"].read_bytes()[:2000])
    visitor.page.get_by_label("Remove Image").first.click()
    visitor.page.set_input_files("#picture input[type=file]", str(broken))
    visitor.page.wait_for_selector("#picture img", state="attached")
    visitor.page.click("#inspect")
    toast = visitor.wait_for_text(".toast-body", "damaged or cut short")
    assert "Traceback" not in toast and "line " not in toast
    assert verdict == visitor.text("#verdict .verdict")
    assert visitor.page.locator("#viewer").get_by_text("Error").count() == 0


def test_the_page_speaks_chinese_to_a_chinese_browser(new_visitor, parts):
    visitor = new_visitor(locale="zh-CN")
    page = visitor.page
    page.get_by_role("tab", name=CHINESE.TAB_FEWSHOT, exact=True).wait_for()
    page.click("#inspect")
    visitor.wait_for_text(".toast-body", CHINESE.NO_PICTURE)
    page.set_input_files("#picture input[type=file]", str(parts["blot"]))
    page.wait_for_selector("#picture img")
    page.click("#inspect")
    visitor.wait_for_text("#verdict", CHINESE.VERDICTS[None])
    assert re.search(r"[\u4e00-\u9fff]", visitor.text("#detector-card"))
    assert not re.search(r"\b(the|picture|threshold)\b", visitor.text("#verdict"))


def test_nothing_of_any_tab_sticks_out_of_a_telephone(new_visitor, parts):
    from tools.make_screenshots import TABS, open_tab  # late: it needs playwright

    visitor = new_visitor(width=400)
    page = visitor.page
    inspect(visitor, parts["blot"], "Not calibrated")
    for tab in TABS:
        open_tab(page, tab)
        page.wait_for_timeout(500)
        wide = page.evaluate("document.documentElement.scrollWidth")
        assert wide <= 400, tab
