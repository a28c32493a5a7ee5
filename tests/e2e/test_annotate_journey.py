"""A labeller in a real browser: inspect, correct, reload, export."""

import base64
import csv
import io
import zipfile
from functools import partial

import cv2
import numpy as np
import pytest

from inpformer.corrections import RetrainConfig
from inpformer.retraining import Retrainer
from inpformer.ui import retrain_handlers

pytestmark = pytest.mark.e2e

QUICK = RetrainConfig(steps=20, own_views=2, pasted=2)


def stored_masks(visitor) -> dict[str, np.ndarray]:
    """Export through the page, and return the masks by the names of their pictures."""
    page = visitor.page
    if not page.locator("#export-run").is_visible():
        page.get_by_text("Export and import", exact=True).click()
    with page.expect_download() as waiting:
        page.click("#export-run")
    masks = {}
    with zipfile.ZipFile(waiting.value.path()) as archive:
        for row in csv.DictReader(io.StringIO(archive.read("metadata.csv").decode("utf-8-sig"))):
            name = next(value for value in row.values() if value and value.endswith("blot.png"))
            mask = next((value for key, value in row.items() if "mask" in key and value), "")
            if mask:
                content = np.frombuffer(archive.read(mask), np.uint8)
                masks[name] = cv2.imdecode(content, cv2.IMREAD_UNCHANGED)
    return masks


def wait_until_saved(visitor) -> None:
    visitor.page.wait_for_selector("#annotate-painter .painter[data-state=saved]")


def open_tab(visitor) -> None:
    visitor.page.get_by_role("tab", name="Annotate").click()
    visitor.page.wait_for_selector(".queue-row")
    visitor.page.wait_for_selector("#annotate-painter .painter[data-picture]")


def drag(visitor, start: tuple[int, int], end: tuple[int, int]) -> None:
    """Fill a box between two pixels of a picture of 160 x 120, both of them in it."""
    page = visitor.page
    page.locator("#annotate-painter .painter").scroll_into_view_if_needed()
    page.click("#annotate-painter button[data-tool=box]")
    stage = page.locator("#annotate-painter .painter-stage").bounding_box()
    scale = min(stage["width"] / 160, stage["height"] / 120)
    left = stage["x"] + (stage["width"] - 160 * scale) / 2
    top = stage["y"] + (stage["height"] - 120 * scale) / 2

    def point(x: int, y: int) -> tuple[float, float]:
        return left + (x + 0.5) * scale, top + (y + 0.5) * scale

    page.mouse.move(*point(*start))
    page.mouse.down()
    page.mouse.move(*point(*end), steps=4)
    page.mouse.up()


def test_a_corrected_mask_survives_tab_and_page_and_is_exported(new_visitor, parts):
    visitor = new_visitor()
    page = visitor.page
    visitor.show_picture(parts["blot"])
    page.click("#inspect")
    visitor.wait_for_text("#verdict", "Not calibrated")
    open_tab(visitor)
    assert "not stored until" in visitor.text("#annotate-status")
    assert "not stored yet" in visitor.text("#annotate-painter [data-state=proposal]")

    # Say normal first, so that the mask is empty and what is drawn is all there is.
    page.evaluate("document.activeElement.blur()")
    page.keyboard.press("n")
    visitor.wait_for_text("#annotate-status", "✓ normal")
    drag(visitor, (50, 30), (79, 69))
    visitor.wait_for_text("#annotate-status", "✎ corrected")
    wait_until_saved(visitor)

    page.get_by_role("tab", name="Learn").click()
    open_tab(visitor)
    assert "corrected" in visitor.text("#annotate-status")
    page.reload()
    page.wait_for_selector("#inspect")
    open_tab(visitor)
    visitor.wait_for_text("#annotate-status", "✎ corrected")

    expected = np.zeros((120, 160), np.uint8)
    expected[30:70, 50:80] = 1
    (mask,) = stored_masks(visitor).values()
    assert np.array_equal(mask, expected)


def test_an_example_part_is_labelled_with_the_keyboard_alone(new_visitor):
    visitor = new_visitor()
    page = visitor.page
    page.get_by_role("tab", name="Annotate").click()
    page.get_by_text("Add pictures", exact=True).click()
    page.click("#annotate-add-part")
    visitor.wait_for_text("#annotate-progress", "in the queue and predicted")
    count = page.locator(".queue-row").count()
    assert count == 6
    page.evaluate("document.activeElement.blur()")
    for number, (key, mark) in enumerate((("a", ""), ("n", "normal"), ("s", "skipped"))):
        before = page.get_attribute(".annotate-status", "data-name")
        page.keyboard.press(key)
        page.wait_for_function(
            "name => document.querySelector('.annotate-status').dataset.name !== name", arg=before
        )
        assert mark in page.locator(".queue-row", has_text=before).inner_text(), number
    at = page.get_attribute(".annotate-status", "data-name")
    page.keyboard.press("k")
    page.wait_for_function(
        "name => document.querySelector('.annotate-status').dataset.name !== name", arg=at
    )
    page.keyboard.press("j")
    page.wait_for_selector(f".annotate-status[data-name='{at}']")
    page.keyboard.press("]")
    assert page.inner_text("#annotate-painter .painter-size-now") == "21 px"


@pytest.mark.slow
def test_a_detector_is_fitted_corrected_retrained_compared_exported_and_imported(
    new_visitor, parts, tmp_path, monkeypatch
):
    monkeypatch.setattr(retrain_handlers, "Retrainer", partial(Retrainer, config=QUICK))
    visitor = new_visitor()
    page = visitor.page
    visitor.show_normals([parts["normal_1"], parts["normal_2"]])
    page.wait_for_selector("#doctor .doctor")
    page.fill("#new-name input, #new-name textarea", "Stripes")
    visitor.choose_method("INP-Former++ (paper reproduction)", 20)
    page.click("#fit")
    visitor.wait_for_text("#fit-progress", "Done in")
    visitor.show_picture(parts["blot"])
    page.click("#inspect")
    visitor.wait_for_text("#verdict", "confidence")

    visitor.tab("Annotate")
    page.wait_for_selector(".queue-row")
    page.wait_for_selector("#annotate-painter .painter[data-picture]")
    drag(visitor, (50, 30), (110, 79))
    visitor.wait_for_text("#annotate-status", "✎ corrected")
    wait_until_saved(visitor)
    visitor.wait_for_text("#retrain-ledger", "Labelled pictures: 1, with a defect: 1.")
    page.click("#retrain-run:not([disabled])")
    visitor.wait_for_text("#retrain-progress", "'Stripes v2' is trained")
    visitor.wait_for_text("#retrain-changes", "What changed")
    assert page.input_value("#detector input") == "Stripes v2"
    assert page.locator("#retrain-changes .change-card").count() == 1

    visitor.tab("Compare")
    page.click("#compare-run:not([disabled])")
    page.wait_for_selector("#compare-rows img")
    assert "Stripes" in visitor.text("#compare-summary")
    visitor.tab("Annotate")
    page.click("#retrain-back")
    page.wait_for_function("document.querySelector('#detector input').value === 'Stripes'")

    page.get_by_text("Export and import", exact=True).click()
    with page.expect_download() as waiting:
        page.click("#export-run")
    exported = tmp_path / "exported.zip"
    waiting.value.save_as(exported)
    page.click("#forget-me")
    page.wait_for_selector(".queue-row", state="detached")
    page.set_input_files("#import-file input[type=file]", str(exported))
    page.click("#import-run")
    visitor.wait_for_text("#annotate-status", "✎ corrected")


def test_a_program_accepts_masks_sets_its_own_and_exports(url, parts, tmp_path):
    from gradio_client import Client, handle_file

    client = Client(url, verbose=False)
    files = [handle_file(str(parts[name])) for name in ("blot", "normal_1")]
    client.submit(files[:1], files[1:], api_name="/annotate_add").result(60)
    said = client.predict("blot.png", 1.0, 0.0, 1, api_name="/accept_prediction")
    assert said["version"] == 1 and said["detector"]
    mask = np.zeros((120, 160), np.uint8)
    mask[10:20, 30:50] = 1
    png = base64.b64encode(cv2.imencode(".png", mask)[1].tobytes()).decode()
    said = client.predict("blot.png", png, api_name="/set_mask")
    assert said["regions"][0]["box"] == [30, 10, 20, 10]
    assert client.predict("normal_1.png", api_name="/label_normal")["label"] == "normal"
    assert len(client.predict(api_name="/annotations")) == 2
    exported = client.predict("png", api_name="/annotate_export")
    with zipfile.ZipFile(exported) as archive:
        masks = [name for name in archive.namelist() if name.endswith(".png") and "mask" in name]
        content = np.frombuffer(archive.read(masks[0]), np.uint8)
    assert np.array_equal(cv2.imdecode(content, cv2.IMREAD_UNCHANGED), mask)
