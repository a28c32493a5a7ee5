"""Photograph every tab of the page, in light and dark and as wide as a telephone.

    python tools/make_screenshots.py
    python tools/make_screenshots.py --tab inspect --look narrow

Starts the app with the embedded encoder, does what a visitor would do on each tab with an example
part, and writes `assets/screenshots/TAB-LOOK.png`. Needs Chromium.
"""

from __future__ import annotations

import argparse
import contextlib
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from io import BytesIO
from pathlib import Path

from PIL import Image
from playwright.sync_api import Page, Request, sync_playwright

ROOT = Path(__file__).resolve().parent.parent
OUTPUT = ROOT / "assets" / "screenshots"
# Width in pixels and theme.
LOOKS = {"light": (1280, "light"), "dark": (1280, "dark"), "narrow": (400, "light")}
MAX_BYTES = 600_000
SURFACES = 16  # colours of the page itself; dithered, its background would be noise
MAX_PIXELS = 1280 * 2600  # of a page of text with many figures; the rest is like it
START_SECONDS = 120
PATIENCE = 240_000  # milliseconds for what the model does, also beside other work
CHROMIUM_ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
# The footer and its links say nothing about this app.
HIDDEN = "footer { display: none !important; }"


def main() -> None:
    """Parse arguments, take the screenshots and say how large they are."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--tab", choices=TABS, action="append", help="default: all")
    parser.add_argument("--look", choices=LOOKS, action="append", help="default: all")
    parser.add_argument("--model", default="embedded", help="as for app.py (default: embedded)")
    parser.add_argument("--locale", default="en-US", help="language of the browser")
    parser.add_argument("--output", type=Path, default=OUTPUT)
    options = parser.parse_args()
    options.output.mkdir(parents=True, exist_ok=True)
    with running_app(options.model) as url:
        for look in options.look or LOOKS:
            with open_page(find_chromium(), url, look, options.locale) as page:
                for tab in options.tab or TABS:
                    open_tab(page, tab)
                    TABS[tab](page)
                    path = options.output / f"{tab}-{look}.png"
                    print(f"{path}: {save_small(photograph(page), path) / 1000:.0f} kB", flush=True)


def find_chromium() -> str:
    """Return where Chromium is; leave with a sentence if there is none."""
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    if chromium is None:
        sys.exit("Chromium is not installed.")
    return chromium


@contextlib.contextmanager
def running_app(model: str) -> Iterator[str]:
    """Run the app in a process of its own on a free port, and give its address."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    url = f"http://127.0.0.1:{port}"
    command = [sys.executable, "app.py", "--model", model, "--host", "127.0.0.1"]
    app = subprocess.Popen([*command, "--port", str(port)], cwd=ROOT)
    try:
        wait_for_page(app, url)
        yield url
    finally:
        app.terminate()
        app.wait()


def wait_for_page(app: subprocess.Popen, url: str) -> None:
    """Return when the page answers.

    Raises:
        RuntimeError: The app has ended, or does not answer in time.
    """
    end = time.monotonic() + START_SECONDS
    while app.poll() is None and time.monotonic() < end:
        try:
            with urllib.request.urlopen(url, timeout=5):
                return
        except OSError:
            time.sleep(0.2)
    raise RuntimeError("The app did not start; what it said is above.")


@contextlib.contextmanager
def open_page(
    chromium: str,
    url: str,
    look: str = "light",
    locale: str = "en-US",
    on_received: Callable[[Request], None] | None = None,
) -> Iterator[Page]:
    """Show the app in a browser window of its own."""
    width, theme = LOOKS[look]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=CHROMIUM_ARGUMENTS)
        context = browser.new_context(
            viewport={"width": width, "height": 900}, color_scheme=theme, locale=locale
        )
        page = context.new_page()
        page.set_default_timeout(PATIENCE)
        if on_received is not None:
            page.on("requestfinished", on_received)
        page.goto(f"{url}/?__theme={theme}")
        page.locator("#inspect").wait_for()
        yield page
        browser.close()


def open_tab(page: Page, name: str) -> None:
    """Open a tab, also one that a narrow page has put into the menu at the end of the row."""
    row = page.locator("#tabs > .tab-wrapper").first
    tab = row.locator(f"[role=tab][data-tab-id={name}]")
    if tab.count():
        tab.click()
        return
    title = row.locator(".visually-hidden button").nth(list(TABS).index(name)).text_content()
    row.locator(".overflow-menu > button").click()
    row.locator(".overflow-dropdown").get_by_text(title, exact=True).click()


def open_entry(page: Page, number: int) -> None:
    """Click a result of the gallery, counted from 1.

    Raises:
        RuntimeError: The gallery has no such result.
    """
    results = page.locator("#results-gallery button")
    if not 1 <= number <= results.count():
        raise RuntimeError(f"The gallery has {results.count()} results; there is no {number}.")
    results.nth(number - 1).click()


def inspect_example(page: Page) -> None:
    """Open a result of the gallery with its ready detector."""
    open_entry(page, 1)
    page.locator("#verdict .verdict").wait_for()


def choose_normals(page: Page) -> None:
    """Take the normal pictures of an example part, and wait for what the doctor says."""
    page.click("#take-normals")
    page.locator("#normal-gallery img").nth(3).wait_for()
    page.locator("#doctor .doctor-findings, #doctor .doctor").first.wait_for()
    settle(page)


def click_patch(page: Page) -> None:
    """Wait for the reason of the most anomalous patch, which the tab opens with."""
    page.locator("#explorer-reason .reason").wait_for()


def compare_detectors(page: Page) -> None:
    """Compare two detectors on the picture that was inspected."""
    # The tab chooses two detectors when it has been opened.
    page.locator("#compare-detectors .token").nth(1).wait_for()
    page.click("#compare-run")
    page.locator("#compare-rows img").first.wait_for()
    settle(page)


def annotate_part(page: Page) -> None:
    """Put the test pictures of a part into the queue, and open the first one."""
    page.locator("#annotate-add-box button").first.click()
    page.click("#annotate-add-part")
    page.locator("#annotate-queue img").nth(7).wait_for()
    settle(page)


def evaluate_part(page: Page) -> None:
    """Evaluate the detector in use on its own part."""
    # The tab chooses the detector in use when it has been opened.
    page.locator("#evaluate-detectors .token", has_text="Ready").wait_for()
    page.click("#evaluate-run:not([disabled])")
    page.wait_for_selector("#evaluate-details svg", timeout=PATIENCE)
    settle(page)


def name_repository(page: Page) -> None:
    """Write what could be pulled; the Hub is not asked."""
    page.fill("#pull-address input, #pull-address textarea", "user/repo@v1")
    settle(page)


def read_on(page: Page) -> None:
    """Wait for the figures of the text."""
    page.locator("#learn-small img").first.wait_for()
    settle(page)


TABS: dict[str, Callable[[Page], None]] = {
    "inspect": inspect_example,
    "fewshot": choose_normals,
    "explorer": click_patch,
    "compare": compare_detectors,
    "annotate": annotate_part,
    "evaluate": evaluate_part,
    "models": name_repository,
    "learn": read_on,
}


def settle(page: Page) -> None:
    """Wait until nothing is being worked on, as far as the page shows."""
    page.wait_for_timeout(2000)
    page.wait_for_function("!document.querySelector('.progress-text, .generating')")


def photograph(page: Page) -> bytes:
    """Return the page from its top as a PNG file."""
    page.add_style_tag(content=HIDDEN)
    page.mouse.move(0, 0)
    page.evaluate("document.activeElement?.blur()")
    # Pictures far below the window are loaded when somebody scrolls there.
    height = page.evaluate("document.documentElement.scrollHeight")
    for y in range(0, height, page.viewport_size["height"]):
        page.evaluate(f"scrollTo(0, {y})")
        page.wait_for_timeout(100)
    page.evaluate("scrollTo(0, 0)")
    # What is folded away, or lies beside a narrow page, is loaded when somebody goes there.
    page.wait_for_function(
        "[...document.images].filter(i => i.checkVisibility()"
        " && i.getBoundingClientRect().left < innerWidth).every(i => i.complete)"
    )
    size = page.evaluate("[innerWidth, document.documentElement.scrollHeight]")
    clip = {"x": 0, "y": 0, "width": size[0], "height": min(size[1], MAX_PIXELS // size[0])}
    return page.screenshot(full_page=True, clip=clip, animations="disabled")


def save_small(png: bytes, path: Path) -> int:
    """Save a screenshot with 256 colours and return the file's size.

    Raises:
        RuntimeError: It is too large for a repository all the same.
    """
    picture = Image.open(BytesIO(png)).convert("RGB")
    palette = palette_of(picture)
    stream = BytesIO()
    picture.quantize(palette=palette, dither=Image.Dither.FLOYDSTEINBERG).save(
        stream, "PNG", optimize=True
    )
    data = stream.getvalue()
    if len(data) > MAX_BYTES:
        raise RuntimeError(f"The screenshot has {len(data)} bytes; {MAX_BYTES} are allowed.")
    path.write_bytes(data)
    return len(data)


def palette_of(picture: Image.Image) -> Image.Image:
    """Return an image with the 256 colours to draw a page with: those of its surfaces exactly."""
    counted = picture.getcolors(picture.width * picture.height)
    surfaces = [colour for _, colour in sorted(counted, reverse=True)[:SURFACES]]
    # The usual median cut spends the palette on the photos and gives two prototypes one colour.
    rest = picture.quantize(256 - SURFACES, Image.Quantize.MAXCOVERAGE).getpalette()
    palette = Image.new("P", (1, 1))
    flat = [value for colour in surfaces for value in colour]
    palette.putpalette((flat + rest[: 3 * (256 - SURFACES)])[: 3 * 256])
    return palette


if __name__ == "__main__":
    main()
