"""A visitor asks why, in a real browser."""

import pytest

pytestmark = pytest.mark.e2e


def test_a_click_on_a_patch_gives_its_reason_and_forget_me_takes_it_away(new_visitor):
    visitor = new_visitor()
    page = visitor.page
    page.get_by_role("tab", name="INP explorer").click()
    page.click("#explorer-go")
    page.locator("#results-gallery button").first.click()
    visitor.wait_for_text("#verdict", "confidence")
    page.get_by_role("tab", name="INP explorer").click()
    first = visitor.wait_for_text("#explorer-reason h3", "Patch in row")

    drawing = page.locator("#explorer-drawing img")
    drawing.scroll_into_view_if_needed()
    box = drawing.bounding_box()
    page.mouse.click(box["x"] + 0.9 * box["width"], box["y"] + 0.9 * box["height"])
    page.wait_for_function(
        "title => document.querySelector('#explorer-reason h3').innerText != title", arg=first
    )
    assert "most like INP" in visitor.text("#explorer-reason")

    row = int(page.input_value("#explorer-row input"))
    page.focus("#explorer-up")
    page.keyboard.press("Enter")
    visitor.wait_for_text("#explorer-reason h3", f"row {row - 1},")

    page.click("#forget-me")
    page.wait_for_selector("#explorer-empty", state="visible")
    assert page.locator("#explorer-reason .reason").count() == 0
    assert page.locator("#explorer-drawing img").count() == 0
