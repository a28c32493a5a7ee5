"""The report of an evaluation in a browser: light, dark, and as wide as a telephone."""

import pytest
from evaluation_doubles import GreyDetector, make_dataset

from inpformer.evaluation.evaluate import evaluate
from inpformer.evaluation.report import write_report
from inpformer.evaluation.report_pictures import draw_thumbnails

pytestmark = pytest.mark.e2e


@pytest.mark.parametrize(("width", "scheme"), [(1200, "light"), (1200, "dark"), (400, "light")])
def test_the_report_fits_its_window_and_follows_the_readers_colours(
    browser, tiny_config, tmp_path, width, scheme
):
    dataset, detector = make_dataset(tmp_path / "data", "cap", "nut"), GreyDetector(tiny_config)
    evaluation = evaluate(detector, dataset)
    thumbnails = {evaluation.title: draw_thumbnails(evaluation, dataset, detector)}
    path = write_report(evaluation, tmp_path / "report", thumbnails)
    context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)
    page, said, asked = context.new_page(), [], []
    page.on("console", lambda message: said.append(message.text))
    page.on("request", lambda request: asked.append(request.url))
    page.goto(path.as_uri())
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    background = page.evaluate("getComputedStyle(document.body).backgroundColor")
    brightness = sum(int(part) for part in background.strip("rgb()").split(",")) / 3
    assert brightness > 200 if scheme == "light" else brightness < 60
    pictures = page.evaluate("[...document.images].map(image => image.naturalWidth)")
    assert pictures and min(pictures) > 0
    page.locator("summary").first.click()
    assert page.locator("details[open] dd").first.is_visible()
    assert said == [] and all(url.startswith(("file:", "data:")) for url in asked)
    context.close()
