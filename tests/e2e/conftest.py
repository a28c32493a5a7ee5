import shutil
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlparse

import cv2
import numpy as np
import pytest
from example_tree import draw, write_examples

from inpformer.config import TRAINING_FREE_NOTICE, ModelConfig
from inpformer.detector import AnomalyDetector, Provenance
from inpformer.examples import Examples
from inpformer.fit_config import FitConfig
from inpformer.modeling.build import build_encoder, build_model
from inpformer.ui.layout import CSS_PATH, build_demo
from inpformer.ui.words import translations

# Chromium otherwise calls home at its start, which is none of our page's doing.
BROWSER_OPTIONS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
)


@pytest.fixture(scope="session")
def browser() -> Iterator:
    sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    if chromium is None:
        pytest.skip("there is no Chromium on this machine")
    with sync_api.sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=chromium, args=list(BROWSER_OPTIONS))
        yield started
        started.close()


@pytest.fixture(scope="session")
def detector(tiny_config: ModelConfig) -> AnomalyDetector:
    """What the server's visitors start with: tiny, so that a fit takes seconds."""
    config = ModelConfig(**{**vars(tiny_config), "variant": "training-free"})
    model = build_model(config, build_encoder(config.encoder))
    return AnomalyDetector(model, config, Provenance("untrained", "A tiny encoder for tests."))


@pytest.fixture(scope="session")
def examples(detector: AnomalyDetector, tmp_path_factory) -> Examples:
    """Two parts, a gallery, and a ready detector of the first part."""
    ready = detector.fit([draw(0)], FitConfig(variant="training-free", inp_count=4))
    return write_examples(tmp_path_factory.mktemp("examples"), ready)


@pytest.fixture(scope="session")
def url(detector: AnomalyDetector, examples: Examples) -> Iterator[str]:
    """The page on a live server, launched as app.py does."""
    assert TRAINING_FREE_NOTICE in detector.notices
    demo = build_demo(detector, examples=examples)
    _, address, _ = demo.launch(
        server_name="127.0.0.1",
        css_paths=CSS_PATH,
        max_file_size="100mb",
        footer_links=["api"],
        i18n=translations(),
        prevent_thread_lock=True,
        quiet=True,
    )
    yield address
    demo.close()


class Visitor:
    """A browser window of its own, which remembers what went wrong in it."""

    def __init__(
        self, browser, url: str, width: int = 1280, height: int = 1000, locale: str = "en-US"
    ) -> None:
        self.context = browser.new_context(
            viewport={"width": width, "height": height}, locale=locale
        )
        self.page = self.context.new_page()
        self.page.set_default_timeout(120_000)
        self.errors: list[str] = []
        self.strange_hosts: set[str] = set()
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        self.page.on("request", lambda request: self._note_host(request.url, url))
        self.page.goto(url)
        self.page.wait_for_selector("#inspect")

    def _note_host(self, address: str, url: str) -> None:
        parts = urlparse(address)
        if parts.scheme in ("http", "https", "ws", "wss") and parts.netloc != urlparse(url).netloc:
            self.strange_hosts.add(parts.netloc)

    def tab(self, name: str) -> None:
        self.page.get_by_role("tab", name=name, exact=True).click()

    def show_normals(self, paths: list[Path]) -> None:
        self.tab("Few-shot")
        self.page.set_input_files("#normal-files input[type=file]", [str(path) for path in paths])
        self.page.wait_for_selector("#normal-gallery img")

    def show_picture(self, path: Path) -> None:
        self.tab("Inspect")
        self.page.set_input_files("#picture input[type=file]", str(path))
        self.page.wait_for_selector("#picture img")

    def choose_method(self, name: str, steps: int) -> None:
        self.page.get_by_text("Settings", exact=True).click()
        self.page.get_by_label(name).check()
        self.page.fill("#steps input[type=number]", str(steps))
        self.page.press("#steps input[type=number]", "Tab")

    def text(self, selector: str) -> str:
        return self.page.inner_text(selector)

    def wait_for_text(self, selector: str, words: str) -> str:
        self.page.wait_for_function(
            "([s, w]) => document.querySelector(s)?.innerText.includes(w)", arg=[selector, words]
        )
        return self.text(selector)

    def picture_source(self, selector: str) -> str:
        return self.page.get_attribute(f"{selector} img", "src")


@pytest.fixture
def new_visitor(browser, url) -> Iterator:
    visitors: list[Visitor] = []

    def make(width: int = 1280, height: int = 1000, locale: str = "en-US") -> Visitor:
        visitors.append(Visitor(browser, url, width, height, locale))
        return visitors[-1]

    yield make
    for visitor in visitors:
        errors, hosts = visitor.errors, visitor.strange_hosts
        visitor.context.close()
        assert not errors, "errors of the page's own script"
        assert not hosts, "the page must work without any other server"


@pytest.fixture(scope="session")
def parts(tmp_path_factory) -> dict[str, Path]:
    """Striped parts as files: three normal ones and one with a bright blot."""
    folder = tmp_path_factory.mktemp("parts")
    paths = {}
    for seed, name in enumerate(("normal_1", "normal_2", "normal_3", "blot")):
        rng = np.random.default_rng(seed)
        stripes = 120 + 40 * np.sin((np.arange(160) + seed) / 5.0)
        picture = stripes[None, :, None] + rng.normal(0, 6, (120, 160, 3))
        if name == "blot":
            picture[40:70, 60:100] = (250, 40, 30)
        paths[name] = folder / f"{name}.png"
        cv2.imwrite(str(paths[name]), picture.clip(0, 255).astype(np.uint8))
    return paths
