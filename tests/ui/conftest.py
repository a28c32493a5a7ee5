import copy
import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import gradio as gr
import numpy as np
import pytest
import torch
from example_tree import write_examples
from hub_double import PLATE, HubDouble
from PIL import Image
from ui_doubles import Page, ScriptedDetector, quick_plus, striped, untrained_source

import app
from inpformer import examples as examples_module
from inpformer.config import ModelConfig
from inpformer.detector import AnomalyDetector
from inpformer.examples import Examples
from inpformer.fit_config import FitConfig
from inpformer.modeling.build import build_encoder, build_model
from inpformer.presets import EncoderConfig
from inpformer.ui import fewshot_handlers, transfer
from inpformer.ui.encoders import Encoders
from inpformer.ui.example_handlers import ExampleHandlers
from inpformer.ui.fewshot_handlers import FewshotHandlers
from inpformer.ui.handlers import Handlers
from inpformer.ui.inspect_handlers import InspectHandlers
from inpformer.ui.pull_handlers import PullHandlers
from inpformer.ui.push_handlers import PushHandlers
from inpformer.ui.sessions import Sessions
from inpformer.ui.shelf import Shelf


@pytest.fixture(scope="session", autouse=True)
def one_thread() -> Iterator[None]:
    """Compute in one thread: two take far longer where other work runs beside them."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="session")
def source(one_thread, tiny_config: ModelConfig) -> AnomalyDetector:
    """What every visitor starts with: training-free and not calibrated."""
    return untrained_source(tiny_config)


@pytest.fixture(scope="session")
def free(source: AnomalyDetector) -> AnomalyDetector:
    """A calibrated training-free detector, which has one map."""
    return source.fit([striped()], FitConfig(variant="training-free", inp_count=4))


@pytest.fixture(scope="session")
def plus(source: AnomalyDetector) -> AnomalyDetector:
    """A calibrated detector with all four maps."""
    return quick_plus(source)


@pytest.fixture(scope="session")
def other_encoder(source: AnomalyDetector) -> AnomalyDetector:
    """A training-free detector whose encoder has other weights."""
    encoder = build_encoder(source.config.encoder)
    with torch.no_grad():
        encoder.vit.patch_embed.proj.weight.add_(1)
    return AnomalyDetector(build_model(source.config, encoder), source.config, source.provenance)


@pytest.fixture(scope="session")
def example_folder(tmp_path_factory, plus: AnomalyDetector) -> Examples:
    return write_examples(tmp_path_factory.mktemp("examples"), plus)


@pytest.fixture
def examples(example_folder: Examples) -> Examples:
    """Two parts: the ring has a ready detector, that of the plate is damaged."""
    return copy.deepcopy(example_folder)


@pytest.fixture(scope="session")
def pictures(tmp_path_factory) -> dict[str, Path]:
    """Picture files by name, good ones and odd ones."""
    folder = tmp_path_factory.mktemp("pictures")
    blot = striped(7)
    blot[30:60, 40:80] = (250, 40, 30)
    arrays = {"normal": striped(0), "second": striped(1), "third": striped(2), "blot": blot}
    arrays |= {"copy": striped(0), "flat": np.full((50, 60, 3), 127, np.uint8)}
    arrays |= {"long": striped(0, 8, 400), "thin": striped(0, 40, 1)}
    paths = {name: folder / f"{name}.png" for name in (*arrays, "text", "cut", "empty")}
    for name, array in arrays.items():
        Image.fromarray(array).save(paths[name])
    paths["text"].write_text("not a picture")
    paths["cut"].write_bytes(paths["normal"].read_bytes()[:2000])
    paths["empty"].write_bytes(b"")
    paths["moving"] = folder / "moving.gif"
    frames = [Image.fromarray(striped(seed)) for seed in range(3)]
    frames[0].save(paths["moving"], save_all=True, append_images=frames[1:])
    return paths


@pytest.fixture
def handlers(source: AnomalyDetector, tmp_path) -> Handlers:
    """The actions of the whole page, for visitors whose files go with the test."""
    return Handlers(Sessions(root=tmp_path), Shelf(source))


@pytest.fixture
def inspecting(handlers: Handlers) -> InspectHandlers:
    return InspectHandlers(handlers)


@pytest.fixture
def fitting(handlers: Handlers, monkeypatch) -> FewshotHandlers:
    """The actions of the Few-shot tab, which report a fit at once."""
    monkeypatch.setattr(fewshot_handlers, "_REPORT_SECONDS", 0.005)
    return FewshotHandlers(handlers)


@pytest.fixture
def opening(source: AnomalyDetector, examples: Examples, tmp_path) -> ExampleHandlers:
    """The actions with the example parts."""
    shared = Handlers(Sessions(root=tmp_path), Shelf(source, examples=examples))
    return ExampleHandlers(shared, InspectHandlers(shared))


@pytest.fixture
def scripted(source: AnomalyDetector, free: AnomalyDetector) -> Iterator[ScriptedDetector]:
    """A detector whose fit goes one step whenever the test says so."""
    detector = ScriptedDetector(source, fitted=free)
    yield detector
    detector.let_go()


@pytest.fixture
def scripted_fitting(fitting: FewshotHandlers, scripted: ScriptedDetector) -> FewshotHandlers:
    fitting.handlers.shelf.start = scripted
    return fitting


@contextmanager
def launched(*arguments: str) -> Iterator[Page]:
    """Let app.py itself build and launch the page on a live server, and close it at the end."""
    launch = gr.Blocks.launch
    started = []

    def launch_here(demo: gr.Blocks, **options) -> None:
        _, url, _ = launch(demo, **options, prevent_thread_lock=True, quiet=True)
        started.append(Page(demo, url.rstrip("/"), options))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["app.py", *arguments])
        patch.setattr(gr.Blocks, "launch", launch_here)
        level = logging.getLogger("inpformer").level
        assert app.main() == 0
        # Other tests in this process look at what is logged.
        logging.getLogger("inpformer").setLevel(level)
    yield started[0]
    started[0].demo.close()


@pytest.fixture(scope="session")
def page(source: AnomalyDetector, example_folder: Examples) -> Iterator[Page]:
    """The page on a live server, built and launched by app.py itself."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(AnomalyDetector, "load", lambda *_: source)
        patch.setattr(examples_module, "find_examples", lambda: example_folder)
        patch.setattr(fewshot_handlers, "_REPORT_SECONDS", 0.005)
        with launched() as started:
            patch.undo()
            patch.setattr(fewshot_handlers, "_REPORT_SECONDS", 0.005)
            yield started


@pytest.fixture(scope="session")
def lab(one_thread) -> Iterator[Page]:
    """The app as it comes, with its encoder, its example parts, and tools for agents."""
    mcp = pytest.importorskip("gradio.mcp", reason="gradio has no tools for agents")
    pytest.importorskip(
        "mcp", reason="mcp is not installed: pip install -r requirements-agents.txt"
    )
    with pytest.MonkeyPatch.context() as patch:
        # What app.py puts in its place is taken back.
        patch.setattr(mcp, "GradioMCPServer", mcp.GradioMCPServer)
        with launched("--mcp", "--model", "embedded") as started:
            yield started


@pytest.fixture
def quick_fits(monkeypatch) -> None:
    """Let fits of the app as it comes take a second per picture."""

    def quick(encoder: EncoderConfig, **settings: int) -> FitConfig:
        least = {"variant": "inp-former", "steps": 1, "calibration_steps": 1, "inp_count": 4}
        return FitConfig(**{**least, **settings})

    monkeypatch.setattr(FitConfig, "for_encoder", quick)
    monkeypatch.setattr(fewshot_handlers, "_REPORT_SECONDS", 0.005)


@pytest.fixture
def hub(tmp_path, plus) -> HubDouble:
    (tmp_path / "hub").mkdir()
    double = HubDouble(tmp_path / "hub")
    path = plus.save(double.folder / "detector.safetensors", bundle_encoder=True)
    double.add(
        PLATE,
        path,
        encoder="tiny",
        is_encoder_inside=True,
        variant="INP-Former++",
        shot_count=1,
        threshold=0.25,
        licence="mit",
        metrics={"image AUROC": 0.987},
        metrics_on="20 pictures of plates",
    )
    return double


@pytest.fixture
def pulling(handlers, hub, monkeypatch) -> PullHandlers:
    monkeypatch.setattr(transfer, "_REPORT_SECONDS", 0.005)
    return PullHandlers(handlers, Encoders(handlers.shelf), hub.look_at, hub.pull)


@pytest.fixture
def pushing(handlers, hub, plus, monkeypatch) -> PushHandlers:
    """The actions of a visitor called Ann, who has a detector."""
    monkeypatch.setattr(transfer, "_REPORT_SECONDS", 0.005)
    handlers.sessions.get("Ann").add_detector("Plate", plus)
    return PushHandlers(handlers, hub.push)
