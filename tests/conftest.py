import os
import tempfile

# Before gradio or huggingface_hub is imported anywhere: no test may leave the machine, and files
# of tests that run beside these in another process are none of theirs.
os.environ.update(
    GRADIO_ANALYTICS_ENABLED="False",
    HF_HUB_OFFLINE="1",
    GRADIO_TEMP_DIR=tempfile.mkdtemp(prefix="inpformer-tests-"),
)

import atexit
import shutil
import socket
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from fake_hub import FakeHub
from huggingface_hub import constants

from inpformer.config import ModelConfig
from inpformer.modeling.build import build_encoder, build_model
from inpformer.modeling.model import INPFormer
from inpformer.presets import EncoderConfig

SHARED = Path(__file__).resolve().parents[2] / "shared"
atexit.register(shutil.rmtree, os.environ["GRADIO_TEMP_DIR"], ignore_errors=True)


@pytest.fixture(scope="session")
def golden() -> Path:
    """Recordings of the official code."""
    folder = SHARED / "golden"
    if not folder.is_dir():
        pytest.skip("the recordings of the official code are not on this machine")
    return folder


@pytest.fixture(scope="session")
def tiles() -> Path:
    """Real photos of magnetic tiles, in MVTec layout."""
    folder = SHARED / "data" / "magnetic_tile"
    if not folder.is_dir():
        pytest.skip("the magnetic-tile photos are not on this machine")
    return folder


@pytest.fixture
def lonely_machine(monkeypatch, tmp_path) -> Iterator[None]:
    """A machine that may go online but knows no Hub and no token, and reaches none but itself."""
    for name in list(os.environ):
        if name.startswith(("HF_", "HUGGINGFACE", "INPFORMER")) or name.lower().endswith("_proxy"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("HF_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("HF_ENDPOINT", refused_url())
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(constants, "HF_TOKEN_PATH", str(tmp_path / "home" / "token"))
    monkeypatch.setattr(constants, "HF_STORED_TOKENS_PATH", str(tmp_path / "home" / "tokens"))
    # The stand-in takes large files the way that has a public description, as any LFS server.
    monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", True)
    look_up, asked = socket.getaddrinfo, set()

    def watched(host, *rest, **options):
        asked.add(host.decode() if isinstance(host, bytes) else host)
        return look_up(host, *rest, **options)

    monkeypatch.setattr(socket, "getaddrinfo", watched)
    yield
    assert asked <= {"127.0.0.1"}


@pytest.fixture
def fake_hub(lonely_machine, monkeypatch) -> Iterator[FakeHub]:
    """A stand-in for the Hub that this machine asks."""
    with FakeHub() as server:
        monkeypatch.setenv("HF_ENDPOINT", server.url)
        yield server


def refused_url() -> str:
    """An address where nobody answers."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{free.getsockname()[1]}"


@pytest.fixture(scope="session")
def tiny_encoder_config() -> EncoderConfig:
    return EncoderConfig(
        name="tiny",
        patch_size=14,
        embed_dim=32,
        depth=3,
        num_heads=2,
        layers=(1, 2),
        native_grid=4,
        file_names=("tiny.safetensors",),
    )


@pytest.fixture(scope="session")
def tiny_config(tiny_encoder_config: EncoderConfig) -> ModelConfig:
    return ModelConfig(
        encoder=tiny_encoder_config, inp_count=4, decoder_depth=2, head_widths=(8, 4)
    )


@pytest.fixture
def tiny_model(tiny_config: ModelConfig) -> INPFormer:
    torch.manual_seed(0)
    return build_model(tiny_config, build_encoder(tiny_config.encoder))


@pytest.fixture
def images() -> torch.Tensor:
    """Three random pictures `(3, 3, 56, 70)` in [0, 1]: 4 x 5 patches."""
    return torch.rand(3, 3, 56, 70, generator=torch.Generator().manual_seed(0))


@pytest.fixture
def striped_picture() -> np.ndarray:
    """A picture `(90, 120, 3)` uint8 of soft stripes and a little noise."""
    rng = np.random.default_rng(0)
    stripes = 120 + 40 * np.sin(np.arange(120) / 5.0)
    picture = stripes[None, :, None] + rng.normal(0, 6, (90, 120, 3))
    return picture.clip(0, 255).astype(np.uint8)
