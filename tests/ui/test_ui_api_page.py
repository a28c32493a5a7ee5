"""What docs/api.md says is true: its three examples run as they are, and its settings hold."""

import json
import re
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest
from PIL import Image
from ui_doubles import Page

from inpformer import examples
from inpformer.model_input import MAX_SHOTS
from inpformer.settings import Settings
from inpformer.ui.agent_answers import MAX_REGIONS
from inpformer.ui.agent_api import TOOLS
from inpformer.ui.agent_tools import MAX_STEPS
from inpformer.ui.sent_pictures import MAX_INLINE_BYTES
from inpformer.ui.sessions import MAX_AGENT_DETECTORS, MAX_ANSWERS

ROOT = Path(__file__).resolve().parents[2]
GUIDE = (ROOT / "docs" / "api.md").read_text("utf-8")
BASE = "http://127.0.0.1:7860"
PART = examples.find_examples().part("washer")


def section(title: str) -> str:
    return re.search(rf"^### {title}\n(.*?)(?=^##|\Z)", GUIDE, re.M | re.S)[1]


def example(title: str, language: str, page: Page) -> str:
    """The one block of a section, for the server of the test."""
    (block,) = re.findall(rf"^```{language}\n(.*?)^```$", section(title), re.M | re.S)
    assert BASE in block
    return block.replace(BASE, page.url)


@pytest.fixture
def folder(tmp_path) -> Path:
    """A folder with the files that the examples name."""
    shutil.copy(PART.pictures[0].path, tmp_path / "part.jpg")
    for number, path in enumerate(PART.normal_paths[:2], start=1):
        shutil.copy(path, tmp_path / f"good_{number}.jpg")
    return tmp_path


def run(folder: Path, *command: str) -> str:
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout


def test_the_python_example_runs(lab, folder, quick_fits):
    (folder / "example.py").write_text(example("Python", "python", lab), "utf-8")
    said = run(folder, sys.executable, "example.py")
    assert "\nanomalous " in said and "\ndone" in said and "threshold" in said
    assert "INP " in said.splitlines()[-3]
    assert Image.open(folder / "overlay.png").size == Image.open(folder / "part.jpg").size


def test_the_curl_example_runs(lab, folder):
    if not (shutil.which("curl") and shutil.which("bash")):
        pytest.skip("curl or bash is not on this machine")
    said = run(folder, "bash", "-euo", "pipefail", "-c", example("curl", "bash", lab))
    answer = json.loads(said)
    assert answer == json.loads((folder / "answer.json").read_text("utf-8"))
    assert answer["verdict"] == "anomalous" and answer["regions"]
    assert Image.open(folder / "overlay.png").format == "PNG"


def test_the_javascript_example_runs_in_node(lab, folder):
    node = shutil.which("node")
    if node is None:
        pytest.skip("node is not on this machine")
    (folder / "example.mjs").write_text(example("JavaScript", "javascript", lab), "utf-8")
    said = run(folder, node, "example.mjs")
    assert said.startswith("anomalous ") and f"{lab.url}/gradio_api/file=" in said


@pytest.mark.e2e
def test_the_javascript_example_runs_in_a_browser(lab, folder):
    sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    if chromium is None:
        pytest.skip("there is no Chromium on this machine")

    def said_in_a_browser() -> str:
        with sync_api.sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
            page = browser.new_page()
            page.goto(f"{lab.url}/gradio_api/info")
            page.set_content('<input type="file">')
            page.set_input_files("input", str(folder / "part.jpg"))
            with page.expect_console_message(timeout=60_000) as said:
                page.add_script_tag(type="module", content=example("JavaScript", "javascript", lab))
            browser.close()
            return said.value.text

    # In a thread of its own: the browser of other tests may be open in this one.
    with ThreadPoolExecutor(1) as thread:
        words = thread.submit(said_in_a_browser).result()
    assert words.startswith("anomalous "), words


def test_the_guide_names_every_function_and_where_the_tools_are(lab):
    for name, endpoint in TOOLS.items():
        assert f"`{name}`, `/{endpoint}`" in GUIDE
    blocks = re.findall(r"^```json\n(.*?)^```$", GUIDE, re.M | re.S)
    assert [list(json.loads(block)) for block in blocks] == [["mcpServers"]] * 2
    for block in blocks:
        address = re.search(rf'"{BASE}(/[^"]*)"', block)[1]
        assert "MCP" in httpx.get(lab.url + address).text


def test_the_guide_states_the_bounds_that_hold():
    for said in (
        f"up to {MAX_INLINE_BYTES >> 20} MB",
        f"up to {Settings.upload_megabytes} MB",
        f"training steps, up to {MAX_STEPS}",
        f"The {MAX_REGIONS} regions with the highest scores",
        f"1 to {MAX_SHOTS}",
        f"after {MAX_AGENT_DETECTORS} newer fits",
        f"when {MAX_ANSWERS} newer calls were answered",
    ):
        assert said in " ".join(GUIDE.split()), said
    assert Settings.idle_minutes == 60, "the guide says an hour"


def test_every_link_of_the_guide_resolves():
    titles = re.findall(r"^#+ (.*)$", GUIDE, re.M)
    anchors = {re.sub(r"[^\w -]", "", title).lower().replace(" ", "-") for title in titles}
    links = re.findall(r"\]\(([^)\s]+)\)", GUIDE)
    assert links and {link.removeprefix("#") for link in links} <= anchors
