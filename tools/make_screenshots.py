"""Take the README's screenshot: start the app, fit, inspect one picture, photograph the page.

    python tools/make_screenshots.py
    python tools/make_screenshots.py --normal GOOD1 GOOD2 GOOD3 GOOD4 --picture BAD

Without pictures it draws its own, which nobody needs permission to show. Needs Chromium.
"""

from __future__ import annotations

import argparse
import contextlib
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

import cv2
import numpy as np
from PIL import Image
from playwright.sync_api import Page, sync_playwright

ROOT = Path(__file__).resolve().parent.parent
OUTPUT = ROOT / "assets" / "screenshots" / "page.png"
VIEWPORT = {"width": 1280, "height": 900}
MAX_BYTES = 600_000
START_SECONDS = 120
SHOT_COUNT = 4
PITCH = 12  # pixels from thread to thread
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
    parser.add_argument("--model", default="embedded", help="as for app.py (default: embedded)")
    parser.add_argument("--output", type=Path, default=OUTPUT)
    parser.add_argument("--fit-seconds", type=int, default=900, help="longest wait for the fit")
    options = parser.parse_args()
    if (options.normal is None) != (options.picture is None):
        parser.error("give --normal and --picture together, or neither")
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    if chromium is None:
        parser.error("Chromium is not installed")
    with tempfile.TemporaryDirectory() as folder:
        normal, picture = options.normal, options.picture
        if normal is None:
            normal, picture = draw_pictures(Path(folder))
        with running_app(options.model) as url:
            png = photograph(chromium, url, normal, picture, options.fit_seconds)
    options.output.parent.mkdir(parents=True, exist_ok=True)
    size = save_small(png, options.output)
    print(f"{options.output}: {size / 1000:.0f} kB")


def draw_pictures(folder: Path) -> tuple[list[Path], Path]:
    """Draw pieces of woven cloth, and one more with a loose thread; return their paths."""
    normal = []
    for index in range(SHOT_COUNT):
        normal.append(folder / f"cloth_{index + 1}.png")
        Image.fromarray(draw_cloth(seed=index)).save(normal[-1])
    picture = folder / "cloth_loose_thread.png"
    Image.fromarray(draw_thread(draw_cloth(seed=SHOT_COUNT))).save(picture)
    return normal, picture


def draw_cloth(seed: int, size: tuple[int, int] = (432, 576)) -> np.ndarray:
    """Return plain weave, `(H, W, 3)` uint8; `seed` moves the weave and its shades."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[0 : size[0], 0 : size[1]].astype(np.float32)
    offset_x, offset_y = rng.uniform(0, PITCH, 2)
    column, row = (x + offset_x) / PITCH, (y + offset_y) / PITCH
    warp, weft = np.abs(np.sin(np.pi * column)), np.abs(np.sin(np.pi * row))
    is_warp_on_top = (np.floor(column) + np.floor(row)) % 2 > 0
    level = 110 + 70 * np.where(
        is_warp_on_top, warp * (0.7 + 0.3 * weft), weft * (0.7 + 0.3 * warp)
    )
    shades = cv2.GaussianBlur(rng.normal(0, 1, size).astype(np.float32), (0, 0), 20)
    level += 120 * shades + rng.normal(0, 4, size)
    tint = np.array([0.86, 0.92, 1.0])
    return (level[..., None] * tint).clip(0, 255).astype(np.uint8)


def draw_thread(cloth: np.ndarray) -> np.ndarray:
    """Return a copy with a bright loose thread and its shadow."""
    drawn = cloth.copy()
    points = np.array([[366, 92], [384, 124], [380, 160], [376, 196], [398, 236]])
    cv2.polylines(drawn, [points + 3], False, (60, 60, 64), 5, cv2.LINE_AA)
    cv2.polylines(drawn, [points], False, (238, 236, 228), 4, cv2.LINE_AA)
    return drawn


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


def photograph(
    chromium: str, url: str, normal: list[Path], picture: Path, fit_seconds: int
) -> bytes:
    """Use the page as a visitor would and return it as a PNG file of its whole length."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=CHROMIUM_ARGUMENTS)
        page = browser.new_page(viewport=VIEWPORT, color_scheme="light")
        page.goto(f"{url}/?__theme=light")
        upload(page, "#normal-files", normal)
        page.locator("#normal-gallery img").nth(len(normal) - 1).wait_for()
        page.click("#fit")
        # The cancel button can be pressed just as long as the fit runs.
        page.locator("#cancel:not([disabled])").wait_for()
        page.locator("#cancel[disabled]").wait_for(timeout=1000 * fit_seconds)
        upload(page, "#picture", [picture])
        page.locator("#picture img").first.wait_for()
        page.click("#inspect")
        page.locator("#verdict .verdict").wait_for(timeout=120_000)
        for name in ("overlay", "colour-bar", "mosaic", "attention"):
            page.locator(f"#{name} img").first.wait_for()
        page.add_style_tag(content=HIDDEN)
        page.mouse.move(0, 0)
        page.evaluate("document.activeElement?.blur()")
        page.wait_for_function("[...document.images].every(image => image.complete)")
        png = page.screenshot(full_page=True, animations="disabled")
        browser.close()
    return png


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
