"""A visitor looks at a detector on a stand-in for the Hub, pulls it, and pushes it on."""

import pytest
from example_tree import draw
from fake_hub_repo import OWNER, TOKEN

from inpformer.fit_config import FitConfig
from inpformer.ui.words import ENGLISH as text

pytestmark = pytest.mark.e2e
PLATE, COPY = f"{OWNER}/plate", f"{OWNER}/copy"


def fill(page, selector: str, value: str) -> None:
    page.fill(f"{selector} input, {selector} textarea", value)


@pytest.fixture
def hub(fake_hub, detector, tmp_path):
    """The Hub with a private detector."""
    fitted = detector.fit([draw(0)], FitConfig(variant="training-free", inp_count=4))
    path = fitted.save(tmp_path / "plate.safetensors", bundle_encoder=True)
    fake_hub.put(PLATE, {"detector.safetensors": path.read_bytes()}, private=True)
    return fake_hub


@pytest.mark.parametrize("width", [1280, 400])
def test_a_private_detector_is_looked_at_pulled_inspected_with_and_pushed_on(
    new_visitor, hub, parts, width
):
    visitor = new_visitor(width=width)
    page = visitor.page
    open_models(page)
    visitor.wait_for_text("#push-none", "You have no detectors yet")
    fill(page, "#pull-address", PLATE)
    page.press("#pull-address input, #pull-address textarea", "Enter")
    page.get_by_text("Nothing can be had from me/plate").first.wait_for()
    assert hub.models[PLATE].private and not page.locator("#pull-card dl").count()

    for button, shown in (("#pull-look", "#pull-card dl"), ("#pull", "#pulled li")):
        page.fill("#hub-token input", TOKEN)
        page.click(button)
        page.wait_for_selector(shown)
        page.wait_for_function("() => !document.querySelector('#hub-token input').value")
    commit = hub.models[PLATE].head
    for place in ("#pull-card", "#pulled", "#detector-card"):
        assert commit in visitor.wait_for_text(place, PLATE)
    assert page.input_value("#detector input") == "plate"

    page.get_by_role("tab", name="Inspect", exact=True).click()
    page.set_input_files("#picture input[type=file]", str(parts["blot"]))
    page.wait_for_selector("#picture img")
    page.click("#inspect")
    visitor.wait_for_text("#verdict", "confidence")
    open_models(page)
    page.wait_for_selector("#push-form", state="visible")
    fill(page, "#push-repo", COPY)
    page.click("#push")
    page.get_by_text(text.PUSH_NO_LICENCE).first.wait_for()
    page.click("#push-licence input")
    page.get_by_role("option", name="mit", exact=True).click()
    page.check("#push-pictures input")
    page.click("#push-choice input")
    page.get_by_role("option", name="blot.png").click()
    page.wait_for_selector("#push-preview img")
    page.fill("#hub-token input", TOKEN)
    page.keyboard.press("Escape")
    page.click("#push")
    page.get_by_text(text.PUSH_NOT_AGREED).first.wait_for()
    assert COPY not in hub.models
    page.check("#push-agree input")
    page.fill("#hub-token input", TOKEN)
    page.click("#push")
    assert f'load("{COPY}@' in visitor.wait_for_text("#push-progress", "Pushed to")
    page.wait_for_function("() => !document.querySelector('#hub-token input').value")
    repo = hub.models[COPY]
    assert repo.private and "pictures/1.png" in repo.files
    assert b"blot" not in repo.files["README.md"]
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert TOKEN not in page.content()


def open_models(page) -> None:
    """Open the tab, which a narrow page keeps in a menu."""
    tab = page.get_by_role("tab", name="Models", exact=True)
    if tab.count() and tab.first.is_visible():
        tab.first.click()
    else:
        page.locator(".overflow-menu button").first.click()
        page.locator(".overflow-dropdown button", has_text="Models").click()
