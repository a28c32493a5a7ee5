"""How long a newcomer waits for the first result, and how heavy the page is.

    python benchmarks/page.py [--runs 3]

Starts the app as `make demo` does, with the embedded encoder, and visits it in Chromium: opens the
page, clicks a result of the gallery, moves the threshold. Prints the median and the spread.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

from playwright.sync_api import Page, Request

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from tools.make_screenshots import find_chromium, open_entry, open_page, running_app

GALLERY_IS_THERE = (
    "(pictures => pictures.length && pictures.every(each => each.complete))"
    "([...document.querySelectorAll('#results-gallery img')])"
)
# Not any change of the verdict: the page lays the time over it while it waits.
SHOWN_THRESHOLD = (
    "(/threshold [0-9.]+/.exec(document.querySelector('#verdict').innerText) ?? [null])[0]"
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=3)
    options = parser.parse_args()
    rows: dict[str, list[float]] = {}
    started = time.perf_counter()
    with running_app("embedded") as url:
        note(rows, "start of the app, s", time.perf_counter() - started)
        for _ in range(options.runs):
            visit(url, rows)
    print("| | median | least | most |\n|---|---|---|---|")
    for name, values in rows.items():
        median, least, most = statistics.median(values), min(values), max(values)
        print(f"| {name} | {median:.2f} | {least:.2f} | {most:.2f} |")


def visit(url: str, rows: dict[str, list[float]]) -> None:
    """Visit the page once with an empty browser cache."""
    received: list[Request] = []
    started = time.perf_counter()
    # Playwright marks what it calls, which a method of a list does not let it do.
    with open_page(find_chromium(), url, on_received=lambda each: received.append(each)) as page:
        note(rows, "page can be used, s", time.perf_counter() - started)
        # The page keeps a stream open, so it is never without a request.
        page.wait_for_function(GALLERY_IS_THERE)
        page.wait_for_timeout(1500)
        note(rows, "requests", len(received))
        note(rows, "page weight, MB", sum(map(size_of, received)) / 1e6)
        note(rows, "first result after 1 click, s", seconds_of(lambda: first_result(page)))
        for cut in ("0.9", "1.1"):
            seconds = seconds_of(lambda cut=cut: move_threshold(page, cut))
            note(rows, "threshold moved until redrawn, s", seconds)


def first_result(page: Page) -> None:
    open_entry(page, 1)
    page.locator("#verdict .verdict").wait_for(timeout=120_000)


def move_threshold(page: Page, cut: str) -> None:
    before = page.evaluate(SHOWN_THRESHOLD)
    page.fill("#cut input[type=number]", cut)
    page.press("#cut input[type=number]", "Tab")
    page.wait_for_function(f"before => ![null, before].includes({SHOWN_THRESHOLD})", arg=before)


def size_of(request: Request) -> int:
    """Return the bytes of an answer as they came over the line."""
    sizes = request.sizes()
    return sizes["responseBodySize"] + sizes["responseHeadersSize"]


def seconds_of(action: Callable[[], None]) -> float:
    started = time.perf_counter()
    action()
    return time.perf_counter() - started


def note(rows: dict[str, list[float]], name: str, value: float) -> None:
    rows.setdefault(name, []).append(value)


if __name__ == "__main__":
    main()
