"""Masks drawn with the mouse in a real browser are stored exactly as and where they were drawn."""

import base64
import math
import threading
from collections.abc import Iterator

import cv2
import gradio as gr
import numpy as np
import pytest

from inpformer.ui.layout import CSS_PATH
from inpformer.ui.painter import build_painter, listen
from inpformer.ui.painter_data import (
    LabelClass,
    PaintedMask,
    answer_patch,
    painter_levels,
    painter_mask,
    painter_picture,
)

pytestmark = pytest.mark.e2e

CLASSES = [
    LabelClass("scratch", "#d55e00"),
    LabelClass("dent", "#0072b2"),
    LabelClass("stain", "#f0e442"),
]
SIZES = {"small": (200, 300), "medium": (900, 1200), "large": (3000, 4000)}
BRUSH = 17  # pixels across; what the painter starts with


def picture(size: tuple[int, int]) -> np.ndarray:
    """Dark, with a bright ellipse and a blue rectangle that touch."""
    height, width = size
    image = np.full((height, width, 3), 40, np.uint8)
    cv2.ellipse(
        image, (width // 2, height // 2), (width // 4, height // 4), 0, 0, 360, (200,) * 3, -1
    )
    cv2.rectangle(image, (width // 8, height // 8), (width // 4, height // 4), (90, 160, 220), -1)
    return image


def png_address(image: np.ndarray) -> str:
    """Return a picture as a data URI whose colours are exactly those of `image`."""
    data = cv2.imencode(".png", image[..., ::-1])[1].tobytes()
    return f"data:image/png;base64,{base64.b64encode(data).decode()}"


class Desk:
    """The server's side: one picture of each size, and the truth about their masks."""

    def __init__(self) -> None:
        self.pictures = {name: picture(size) for name, size in SIZES.items()}
        self.addresses = {name: png_address(image) for name, image in self.pictures.items()}
        self.masks: dict[str, PaintedMask] = {}
        self.patches: list[dict] = []
        self.class_count = len(CLASSES)
        self.may_answer = threading.Event()
        self.may_answer.set()

    def open(self, name: str, labels: np.ndarray | None = None) -> dict:
        size = SIZES[name]
        self.patches.clear()
        self.masks[name] = PaintedMask(np.zeros(size, np.uint8) if labels is None else labels)
        return gr.update(
            value=painter_picture(name, f"{name}.png", size, self.addresses[name]),
            mask=painter_mask(name, self.masks[name]),
            levels=painter_levels(self.pictures[name][..., 0]),
        )

    def replace(self) -> dict:
        """Something else than this painter changes the mask, as accepting a prediction does."""
        labels = self.masks["small"].labels.copy()
        labels[150:160, 150:250] = 3
        self.masks["small"] = self.masks["small"].replaced(labels)
        return gr.update(mask=painter_mask("small", self.masks["small"]))

    def replace_unseen(self) -> None:
        self.replace()

    def draw(self, request: gr.Request, picture_id: str, patch: dict) -> dict:
        self.may_answer.wait(20)
        self.patches.append(patch)
        mask, answer = answer_patch(self.masks[picture_id], picture_id, patch, self.class_count)
        self.masks[picture_id] = mask
        return answer

    def resync(self, request: gr.Request, picture_id: str) -> dict:
        return painter_mask(picture_id, self.masks[picture_id])


@pytest.fixture(scope="module")
def desk() -> Desk:
    return Desk()


@pytest.fixture(scope="module")
def page(browser, desk: Desk) -> Iterator:
    with gr.Blocks() as demo:
        with gr.Row():
            buttons = {
                name: gr.Button(name, elem_id=name)
                for name in (*SIZES, "replace", "replace-unseen")
            }
        painter = build_painter("painter", CLASSES)
        for name in SIZES:
            buttons[name].click(lambda name=name: desk.open(name), None, painter)
        buttons["replace"].click(desk.replace, None, painter)
        buttons["replace-unseen"].click(desk.replace_unseen, None, None)
        listen(painter, desk.draw, desk.resync)
    _, address, _ = demo.launch(
        server_name="127.0.0.1", css_paths=CSS_PATH, prevent_thread_lock=True, quiet=True
    )
    context = browser.new_context(viewport={"width": 1000, "height": 950}, has_touch=True)
    page = context.new_page()
    page.set_default_timeout(30_000)
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on(
        "console",
        lambda message: errors.append(message.text) if "watch callback" in message.text else None,
    )
    page.goto(address)
    page.wait_for_selector("#painter .painter-stage")
    yield page
    context.close()
    demo.close()
    assert not errors, "errors of the page's own script"


class Editor:
    """A hand at the painter that knows which pixel it points at."""

    def __init__(self, page, desk: Desk, name: str) -> None:
        self.page, self.desk, self.name = page, desk, name
        self.height, self.width = SIZES[name]
        before = page.get_attribute("#painter .painter", "data-ready")
        page.click(f"#{name}")
        self.wait_for_new(before)
        page.wait_for_selector(f".painter[data-picture={name}]")
        page.locator("#painter .painter").scroll_into_view_if_needed()
        self.press("Escape", "0")
        self.tool("brush")
        self.choose(1)

    def wait_for_new(self, before: str | None) -> None:
        self.page.wait_for_function(
            "([name, before]) => { const now = document.querySelector('.painter').dataset.ready;"
            " return now && now !== before && now.startsWith(name + ' '); }",
            arg=[self.name, before],
        )

    def tool(self, name: str) -> None:
        self.page.click(f"button[data-tool={name}]")

    def choose(self, value: int) -> None:
        self.page.click(f".painter-classes label:has([value='{value}'])")

    def press(self, *keys: str) -> None:
        self.page.focus(".painter-stage")
        for key in keys:
            self.page.keyboard.press(key)

    def slide(self, which: str, value: int) -> None:
        self.page.locator(f".painter-{which}").fill(str(value))

    def point(self, x: float, y: float) -> tuple[tuple[int, int], tuple[int, int]]:
        """Return whole page coordinates near a pixel of the picture, and the pixel under them."""
        box = self.page.evaluate(
            "() => { const { x, y, width } = document.querySelector('.painter-scene')"
            ".getBoundingClientRect(); return { x, y, width }; }"
        )
        scale = box["width"] / self.width
        places, pixels = [], []
        for start, pixel in ((box["x"], x), (box["y"], y)):
            places.append(round(start + (pixel + 0.5) * scale))
            under = (places[-1] - start) / scale
            if abs(under - round(under)) < 1e-3:  # on an edge, where rounding would decide
                places[-1] += 1
                under = (places[-1] - start) / scale
            pixels.append(math.floor(under))
        return tuple(places), tuple(pixels)

    def drag(self, *points: tuple[float, float]) -> list[tuple[int, int]]:
        """Draw through pixels; return those that were really pointed at."""
        places, pixels = zip(*(self.point(*point) for point in points), strict=True)
        self.page.mouse.move(*places[0])
        self.page.mouse.down()
        for place in places[1:]:
            self.page.mouse.move(*place)
        self.page.mouse.up()
        return list(pixels)

    def click(self, x: float, y: float) -> tuple[int, int]:
        place, pixel = self.point(x, y)
        self.page.mouse.click(*place)
        return pixel

    def zoom(self, x: float, y: float, turns: int) -> None:
        """Turn the wheel over a pixel, away from the hand."""
        self.page.mouse.move(*self.point(x, y)[0])
        before = self.page.locator(".painter-scene").bounding_box()["width"]
        for _ in range(turns):
            self.page.mouse.wheel(0, -100)
        self.page.wait_for_function(
            "least => document.querySelector('.painter-scene').getBoundingClientRect().width"
            " > least",
            arg=0.99 * before * math.exp(turns / 4),
        )

    def saved(self) -> np.ndarray:
        self.page.wait_for_selector(".painter[data-state=saved]")
        return self.desk.masks[self.name].labels

    def blank(self) -> np.ndarray:
        return np.zeros((self.height, self.width), np.uint8)


def draw_disks(labels: np.ndarray, points: list[tuple[int, int]], size: int, value: int) -> None:
    """Set every pixel whose middle is at most half of `size` from the path; in place."""
    for (ax, ay), (bx, by) in zip(points, points[1:] or points, strict=False):
        left, right = max(0, min(ax, bx) - size), max(ax, bx) + size + 1
        top, bottom = max(0, min(ay, by) - size), max(ay, by) + size + 1
        y, x = np.mgrid[top : min(bottom, labels.shape[0]), left : min(right, labels.shape[1])]
        length2 = max(1, (bx - ax) ** 2 + (by - ay) ** 2)
        share = (((x - ax) * (bx - ax) + (y - ay) * (by - ay)) / length2).clip(0, 1)
        distance = np.hypot(x - ax - share * (bx - ax), y - ay - share * (by - ay))
        labels[y[:, :1], x[:1]] = np.where(
            distance <= size / 2 + 1e-9, value, labels[y[:, :1], x[:1]]
        )


@pytest.mark.parametrize("name", ["small", "large"])
def test_a_stroke_is_stored_where_it_was_drawn(page, desk, name):
    editor = Editor(page, desk, name)
    width, height = editor.width, editor.height
    path = [(0.2, 0.3), (0.4, 0.35), (0.45, 0.7), (0.9, 0.9)]
    points = editor.drag(*((x * width, y * height) for x, y in path))
    expected = editor.blank()
    draw_disks(expected, points, BRUSH, 1)
    np.testing.assert_array_equal(editor.saved(), expected)
    # Only a box of it travels, and that shrinks well.
    (patch,) = desk.patches
    assert len(patch["png"]) < 40_000
    left, top, box_width, box_height = patch["box"]
    changed = expected[top : top + box_height, left : left + box_width]
    assert changed.any(0)[[0, -1]].all() and changed.any(1)[[0, -1]].all(), "a tight box"


@pytest.mark.parametrize("name", ["small", "large"])
def test_after_zoom_and_pan_strokes_are_where_they_were_drawn(page, desk, name):
    editor = Editor(page, desk, name)
    expected = editor.blank()
    draw_disks(expected, editor.drag((60, 50), (90, 80)), BRUSH, 1)
    editor.zoom(0.6 * editor.width, 0.4 * editor.height, turns=6)
    page.focus(".painter-stage")
    page.keyboard.down(" ")
    place, _ = editor.point(0.6 * editor.width, 0.4 * editor.height)
    page.mouse.move(*place)
    page.mouse.down()
    page.mouse.move(place[0] + 37, place[1] - 23)
    page.mouse.up()
    page.keyboard.up(" ")
    assert editor.point(0.6 * editor.width, 0.4 * editor.height)[0] == (
        place[0] + 37,
        place[1] - 23,
    ), "the picture goes with the hand"
    x, y = 0.58 * editor.width, 0.42 * editor.height
    draw_disks(expected, editor.drag((x, y), (x + 9, y + 4), (x + 20, y - 6)), BRUSH, 1)
    np.testing.assert_array_equal(editor.saved(), expected)
    editor.press("0", "Escape")
    draw_disks(expected, editor.drag((250, 150), (200, 160)), BRUSH, 1)
    np.testing.assert_array_equal(editor.saved(), expected)


def test_what_is_seen_lies_where_it_is_stored(page, desk):
    editor = Editor(page, desk, "small")
    editor.slide("opacity", 1)
    editor.drag((20, 20), (80, 60), (120, 80))
    editor.drag((75, 30), (75, 70))
    editor.zoom(75, 50, turns=3)
    expected = desk.pictures["small"].copy()
    expected[editor.saved() == 1] = (0xD5, 0x5E, 0x00)
    page.mouse.move(5, 5)
    page.wait_for_function("new Promise(done => requestAnimationFrame(() => setTimeout(done)))")
    shot = cv2.imdecode(np.frombuffer(page.screenshot(), np.uint8), cv2.IMREAD_COLOR)[..., ::-1]
    stage = page.locator(".painter-stage").bounding_box()
    rng, compared = np.random.default_rng(0), set()
    for x, y in zip(rng.integers(0, 300, 600), rng.integers(0, 200, 600), strict=True):
        (left, top), (column, row) = editor.point(x, y)
        if not (5 < left - stage["x"] < stage["width"] - 5):
            continue
        if not (5 < top - stage["y"] < stage["height"] - 5):
            continue
        np.testing.assert_allclose(shot[top, left], expected[row, column], atol=2)
        compared.add(tuple(expected[row, column]))
    assert len(compared) == 4, "background, ellipse, rectangle and mask were all in sight"
    editor.slide("opacity", 0.55)


def test_undo_and_redo_take_back_one_stroke_each(page, desk):
    editor = Editor(page, desk, "small")
    states = [editor.saved()]
    for row in (40, 80, 120):
        editor.drag((50, row), (200, row + 20))
        states.append(editor.saved())
    editor.tool("eraser")
    editor.drag((120, 20), (120, 180))
    states.append(editor.saved())
    assert len({state.tobytes() for state in states}) == 5
    for state, key in zip(states[-2::-1], ("z", "Control+z", "z", "Control+z"), strict=True):
        editor.press(key)
        np.testing.assert_array_equal(editor.saved(), state)
    for state, key in zip(states[1:], ("y", "Control+Shift+z", "Control+y", "y"), strict=True):
        editor.press(key)
        np.testing.assert_array_equal(editor.saved(), state)
    page.click("[data-do=clear]")
    assert not editor.saved().any()
    page.click("[data-do=undo]")
    np.testing.assert_array_equal(editor.saved(), states[-1])


def test_classes_are_drawn_over_each_other_and_erased(page, desk):
    editor = Editor(page, desk, "small")
    expected = editor.blank()
    draw_disks(expected, editor.drag((40, 100), (260, 100)), BRUSH, 1)
    editor.press("2", "]", "]")
    draw_disks(expected, editor.drag((150, 30), (150, 170)), 27, 2)
    editor.press("3", "[", "[", "[")
    draw_disks(expected, editor.drag((100, 60), (200, 140)), 13, 3)
    editor.press("e", "]")
    draw_disks(expected, editor.drag((40, 90), (150, 90)), BRUSH, 0)
    np.testing.assert_array_equal(editor.saved(), expected)
    assert set(np.unique(expected)) == {0, 1, 2, 3}


def test_a_box_is_filled_to_both_its_corners(page, desk):
    editor = Editor(page, desk, "small")
    editor.press("r", "2")
    (ax, ay), _, (bx, by) = editor.drag((200, 150), (120, 60), (90, 40))
    expected = editor.blank()
    expected[by : ay + 1, bx : ax + 1] = 2
    np.testing.assert_array_equal(editor.saved(), expected)


@pytest.mark.parametrize("closing", ["Enter", "click", "double click"])
def test_a_polygon_is_filled_inside_and_on_its_edges(page, desk, closing):
    editor = Editor(page, desk, "small")
    editor.press("p")
    corners = [editor.click(*corner) for corner in [(50, 30), (250, 60), (120, 100), (240, 170)]]
    if closing == "double click":
        place, pixel = editor.point(60, 160)
        page.mouse.dblclick(*place)
        corners.append(pixel)
    elif closing == "Enter":
        editor.press("Enter")
    else:
        editor.click(*corners[0])
    expected = editor.blank()
    draw_disks(expected, [*corners, corners[0]], 1, 1)
    y, x = np.mgrid[: editor.height, : editor.width].astype(float)
    inside = np.zeros(expected.shape, bool)
    for (ax, ay), (bx, by) in zip(corners, [*corners[1:], corners[0]], strict=True):
        if ay != by:
            crosses = (ay <= y) != (by <= y)
            inside ^= crosses & (x < ax + (y - ay) * (bx - ax) / (by - ay))
    expected[inside] = 1
    np.testing.assert_array_equal(editor.saved(), expected)


def test_magic_fill_spreads_over_similar_colours_and_stops_at_drawn_ones(page, desk):
    editor = Editor(page, desk, "medium")
    editor.press("f")
    page.select_option(".painter-source", "colour")
    editor.slide("tolerance", 30)
    editor.click(600, 450)
    grey = cv2.cvtColor(desk.pictures["medium"], cv2.COLOR_RGB2GRAY)
    np.testing.assert_array_equal(editor.saved(), (grey > 195).astype(np.uint8))
    editor.press("2")
    page.select_option(".painter-source", "region")
    editor.click(600, 450)
    np.testing.assert_array_equal(editor.saved(), (grey > 195).astype(np.uint8) * 2)


def test_magic_fill_by_map_takes_what_is_at_least_as_high(page, desk):
    editor = Editor(page, desk, "small")
    levels = desk.pictures["small"][..., 0]
    editor.press("f", "3")
    page.select_option(".painter-source", "map")
    editor.slide("tolerance", 115)
    # From the ellipse of 200 down to 85: the rectangle of 90 belongs, where it touches.
    editor.click(150, 100)
    _, parts = cv2.connectedComponents((levels >= 85).astype(np.uint8), connectivity=4)
    expected = (parts == parts[100, 150]).astype(np.uint8) * 3
    np.testing.assert_array_equal(editor.saved(), expected)


def test_a_finger_draws_and_two_fingers_zoom_without_drawing(page, desk):
    editor = Editor(page, desk, "small")
    session = page.context.new_cdp_session(page)

    def touch(kind: str, *places: tuple[int, int]) -> None:
        points = [{"x": x, "y": y, "id": i} for i, (x, y) in enumerate(places)]
        session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})

    (first, start), (last, end) = editor.point(60, 60), editor.point(120, 90)
    touch("touchStart", first)
    touch("touchMove", last)
    touch("touchEnd")
    expected = editor.blank()
    draw_disks(expected, [start, end], BRUSH, 1)
    np.testing.assert_array_equal(editor.saved(), expected)
    before = page.locator(".painter-scene").bounding_box()["width"]
    left, right = editor.point(140, 100)[0], editor.point(160, 100)[0]
    touch("touchStart", left)
    touch("touchStart", left, right)
    touch("touchMove", (left[0] - 100, left[1]), (right[0] + 100, right[1]))
    touch("touchEnd")
    assert page.locator(".painter-scene").bounding_box()["width"] > 2 * before
    np.testing.assert_array_equal(editor.saved(), expected)
    editor.press("z")
    assert not editor.saved().any(), "the stroke of one finger is all there is to undo"


def test_a_mask_changed_by_the_server_can_be_undone_and_drawn_on(page, desk):
    editor = Editor(page, desk, "small")
    expected = editor.blank()
    draw_disks(expected, editor.drag((50, 50), (100, 50)), BRUSH, 1)
    drawn = editor.saved()
    before = page.get_attribute(".painter", "data-ready")
    page.click("#replace")
    editor.wait_for_new(before)
    expected[150:160, 150:250] = 3
    np.testing.assert_array_equal(editor.saved(), expected)
    editor.press("z")
    np.testing.assert_array_equal(editor.saved(), drawn)


def test_a_stroke_on_an_old_revision_is_drawn_again_on_the_new_one(page, desk):
    editor = Editor(page, desk, "small")
    revision = desk.masks["small"].revision
    page.click("#replace-unseen")
    while desk.masks["small"].revision == revision:
        page.wait_for_timeout(10)
    expected = editor.blank()
    expected[150:160, 150:250] = 3
    draw_disks(expected, editor.drag((100, 100), (200, 170)), BRUSH, 1)
    page.wait_for_function("document.querySelector('[data-do=undo]').disabled === false")
    np.testing.assert_array_equal(editor.saved(), expected)


def test_a_stroke_just_before_another_picture_is_opened_is_kept(page, desk):
    editor = Editor(page, desk, "medium")
    desk.may_answer.clear()
    expected = editor.blank()
    draw_disks(expected, editor.drag((200, 200), (900, 600)), BRUSH, 1)
    draw_disks(expected, editor.drag((900, 200), (200, 600)), BRUSH, 1)
    other = Editor(page, desk, "small")
    assert not desk.masks["medium"].labels.any()
    desk.may_answer.set()
    assert not other.saved().any()
    np.testing.assert_array_equal(desk.masks["medium"].labels, expected)


def test_a_refused_stroke_is_taken_back_and_the_reason_is_shown(page, desk):
    editor = Editor(page, desk, "small")
    draw_disks(expected := editor.blank(), editor.drag((50, 50), (80, 90)), BRUSH, 1)
    editor.saved()
    before = page.get_attribute(".painter", "data-ready")
    editor.choose(3)
    desk.class_count = 2
    editor.drag((200, 50), (250, 90))
    editor.wait_for_new(before)
    desk.class_count = len(CLASSES)
    assert "add the class first" in page.inner_text(".painter-reason")
    editor.press("y")
    draw_disks(expected, editor.drag((100, 100), (150, 120)), BRUSH, 3)
    np.testing.assert_array_equal(editor.saved(), expected)


def test_the_narrow_page_does_not_run_out(page, desk):
    editor = Editor(page, desk, "medium")
    page.set_viewport_size({"width": 400, "height": 950})
    page.wait_for_function("document.querySelector('.painter-stage').clientWidth < 400")
    assert page.evaluate("document.documentElement.scrollWidth") <= 400
    page.locator(".painter-stage").scroll_into_view_if_needed()
    points = editor.drag((300, 300), (900, 600))
    expected = editor.blank()
    draw_disks(expected, points, BRUSH, 1)
    np.testing.assert_array_equal(editor.saved(), expected)
    page.set_viewport_size({"width": 1000, "height": 950})
