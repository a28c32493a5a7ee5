"""A visitor is warned by the doctor, fits all the same, and keeps the detector, in a browser."""

import cv2
import numpy as np
import pytest

from inpformer.ui.words import ENGLISH as text

pytestmark = pytest.mark.e2e


@pytest.mark.slow
def test_the_doctor_asks_then_a_detector_is_fitted_named_saved_and_loaded_again(
    new_visitor, parts, tmp_path
):
    visitor = new_visitor()
    page = visitor.page
    page.get_by_role("tab", name="Few-shot").click()
    flat = tmp_path / "flat.png"
    cv2.imwrite(str(flat), np.full((120, 160, 3), 128, np.uint8))
    visitor.show_normals([parts["normal_1"], parts["normal_2"], flat])
    visitor.wait_for_text("#doctor", "flat.png: one even surface")
    assert "✕ flat.png" in visitor.text("#normal-gallery")

    page.fill("#new-name input, #new-name textarea", "Stripes")
    page.click("#fit")
    page.wait_for_selector("#fit-question", state="visible")
    assert page.locator("#fit-progress [role=progressbar]").count() == 0
    page.click("#not-yet")
    page.wait_for_selector("#fit-question", state="hidden")
    page.get_by_text("Settings", exact=True).first.click()
    page.get_by_role("radio", name="INP-Former", exact=True).first.check()
    page.fill("#steps input[type=number]", "20")
    page.press("#steps input[type=number]", "Tab")
    page.click("#fit")
    page.click("#fit-anyway")
    visitor.wait_for_text("#fit-progress", "Done in")
    assert page.locator("#fit-curve polyline").count() == 2
    visitor.wait_for_text("#own-card", text.OWN_IN_USE)
    assert page.input_value("#detector input") == "Stripes"

    with page.expect_download() as download:
        page.click("#own-file")
    saved = tmp_path / download.value.suggested_filename
    assert saved.name == "Stripes.safetensors"
    download.value.save_as(saved)
    page.click("#own-remove")
    visitor.wait_for_text("#own-card", text.OWN_NONE)
    with page.expect_file_chooser() as chooser:
        page.click("#own-load")
    chooser.value.set_files(str(saved))
    visitor.wait_for_text("#own-card", text.OWN_IN_USE)
    page.click("#forget-me")
    visitor.wait_for_text("#own-card", text.OWN_NONE)
    page.wait_for_selector("#normal-gallery img", state="detached")
