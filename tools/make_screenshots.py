"""Take the README's screenshot: start the app, open an example, photograph the page.

    python tools/make_screenshots.py
    python tools/make_screenshots.py --entry 2
    python tools/make_screenshots.py --normal GOOD1 GOOD2 GOOD3 GOOD4 --picture BAD

Without pictures it opens a result of the page's gallery with its ready detector; with them it fits
one. Needs Chromium.
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
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

from PIL import Image
from playwright.sync_api import Page, sync_playwright

ROOT = Path(__file__).resolve().parent.parent
OUTPUT = ROOT / "assets" / "screenshots" / "page.png"
VIEWPORT = {"width": 1280, "height": 900}
MAX_BYTES = 600_000
START_SECONDS = 120
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
    """Parse arguments, take the screenshot and say how large it is."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--normal", nargs="+", type=Path, help="pictures without a defect")
    parser.add_argument("--picture", type=Path, help="the picture to inspect")
    parser.add_argument("--entry", type=int, default=1, help="which result of the gallery, from 1")
    parser.add_argument("--model", default="embedded", help="as for app.py (default: embedded)")
    parser.add_argument("--output", type=Path, default=OUTPUT)
    parser.add_argument("--fit-seconds", type=int, default=900, help="longest wait for the fit")
    options = parser.parse_args()
    if (options.normal is None) != (options.picture is None):
        parser.error("give --normal and --picture together, or neither")
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    if chromium is None:
        parser.error("Chromium is not installed")
    with running_app(options.model) as url, open_page(chromium, url) as page:
        if options.normal is None:
            open_entry(page, options.entry)
        else:
            fit_and_inspect(page, options.normal, options.picture, options.fit_seconds)
        png = photograph(page)
    options.output.parent.mkdir(parents=True, exist_ok=True)
    size = save_small(png, options.output)
    print(f"{options.output}: {size / 1000:.0f} kB")


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
def open_page(chromium: str, url: str) -> Iterator[Page]:
    """Show the app in a browser window of its own."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=CHROMIUM_ARGUMENTS)
        page = browser.new_page(viewport=VIEWPORT, color_scheme="light")
        page.goto(f"{url}/?__theme=light")
        page.locator("#inspect").wait_for()
        yield page
        browser.close()


def open_entry(page: Page, number: int) -> None:
    """Click a result of the gallery, counted from 1.

    Raises:
        RuntimeError: The gallery has no such result.
    """
    results = page.locator("#results-gallery button")
    if not 1 <= number <= results.count():
        raise RuntimeError(f"The gallery has {results.count()} results; there is no {number}.")
    results.nth(number - 1).click()


def fit_and_inspect(page: Page, normal: list[Path], picture: Path, fit_seconds: int) -> None:
    """Fit on normal pictures and inspect another one, as a visitor would."""
    upload(page, "#normal-files", normal)
    page.locator("#normal-gallery img").nth(len(normal) - 1).wait_for()
    page.click("#fit")
    # The cancel button can be pressed just as long as the fit runs.
    page.locator("#cancel:not([disabled])").wait_for()
    page.locator("#cancel[disabled]").wait_for(timeout=1000 * fit_seconds)
    upload(page, "#picture", [picture])
    page.locator("#picture img").first.wait_for()
    page.click("#inspect")


def photograph(page: Page) -> bytes:
    """Return the whole length of a page with a result as a PNG file."""
    page.locator("#verdict .verdict").wait_for(timeout=120_000)
    for name in ("overlay", "colour-bar", "mosaic", "attention"):
        page.locator(f"#{name} img").first.wait_for()
    page.add_style_tag(content=HIDDEN)
    page.mouse.move(0, 0)
    page.evaluate("document.activeElement?.blur()")
    # Pictures in a closed part of the page are not loaded before it is opened.
    page.wait_for_function(
        "[...document.images].filter(i => i.checkVisibility()).every(i => i.complete)"
    )
    return page.screenshot(full_page=True, animations="disabled")


def upload(page: Page, selector: str, paths: list[Path]) -> None:
    """Choose files in the upload field of a component."""
    page.locator(f"{selector} input[type=file]").set_input_files([str(path) for path in paths])


def save_small(png: bytes, path: Path) -> int:
    """Save a screenshot with 256 colours and return the file's size.

    Raises:
        RuntimeError: It is too large for a repository all the same.
    """
    picture = Image.open(BytesIO(png)).convert("RGB")
    # The usual median cut spends the palette on the photos and gives two prototypes one colour.
    palette = picture.quantize(256, Image.Quantize.MAXCOVERAGE)
    stream = BytesIO()
    picture.quantize(palette=palette, dither=Image.Dither.FLOYDSTEINBERG).save(
        stream, "PNG", optimize=True
    )
    data = stream.getvalue()
    if len(data) > MAX_BYTES:
        raise RuntimeError(f"The screenshot has {len(data)} bytes; {MAX_BYTES} are allowed.")
    path.write_bytes(data)
    return len(data)


if __name__ == "__main__":
    main()
