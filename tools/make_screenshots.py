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
    """Draw perforated metal plates, and one more with a scratch; return their paths."""
    normal = []
    for index in range(SHOT_COUNT):
        normal.append(folder / f"plate_{index + 1}.png")
        Image.fromarray(draw_plate(seed=index)).save(normal[-1])
    picture = folder / "plate_scratched.png"
    Image.fromarray(draw_scratch(draw_plate(seed=SHOT_COUNT))).save(picture)
    return normal, picture


def draw_plate(seed: int, size: tuple[int, int] = (432, 576)) -> np.ndarray:
    """Return a brushed metal plate with rows of holes, `(H, W, 3)` uint8; `seed` varies it."""
    rng = np.random.default_rng(seed)
    height, width = size
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    brushed = cv2.GaussianBlur(rng.normal(0, 1, size).astype(np.float32), (0, 0), 14, sigmaY=0.6)
    tilt = rng.uniform(-14, 14)
    level = 148 + 70 * brushed / brushed.std() / 6 + tilt * (x / width - 0.5)
    level += rng.normal(0, 2.0, size)
    shift_x, shift_y = rng.uniform(-6, 6, 2)
    for row in range(4):
        for column in range(6):
            centre_x = width / 2 + (column - 2.5) * 92 + shift_x
            centre_y = height / 2 + (row - 1.5) * 100 + shift_y
            away = np.hypot(x - centre_x, y - centre_y)
            rim = np.exp(-(((away - 25) / 2.5) ** 2)) * (centre_y - y) / 25
            inside = np.clip(25 - away, 0, 1)
            level = level * (1 - inside) + 34 * inside + 45 * rim
    tint = np.array([0.97, 1.0, 1.04])
    return (level[..., None] * tint).clip(0, 255).astype(np.uint8)


def draw_scratch(plate: np.ndarray) -> np.ndarray:
    """Return a copy with a bright scratch and its dark edge between the holes."""
    drawn = plate.copy()
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
    """Save a screenshot with a palette, and smaller if it must be; return the file's size.

    Raises:
        RuntimeError: It stays too large for a repository.
    """
    picture = Image.open(BytesIO(png)).convert("RGB")
    for colours in (256, 128, 64):
        small = picture.quantize(colours, Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE)
        stream = BytesIO()
        small.save(stream, "PNG", optimize=True)
        if len(stream.getvalue()) <= MAX_BYTES:
            path.write_bytes(stream.getvalue())
            return len(stream.getvalue())
    raise RuntimeError(f"The screenshot is above {MAX_BYTES} bytes even with 64 colours.")


if __name__ == "__main__":
    main()
