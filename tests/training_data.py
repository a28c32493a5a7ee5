"""Small data sets, an encoder and settings for tests of training."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from inpformer.config import ModelConfig
from inpformer.datasets.sample import DataSet, Sample
from inpformer.detector import AnomalyDetector, Provenance
from inpformer.modeling.build import build_encoder, build_model
from inpformer.modeling.model import INPFormer
from inpformer.presets import EncoderConfig
from inpformer.training.config import TrainConfig

ENCODER = EncoderConfig(
    name="tiny",
    patch_size=14,
    embed_dim=16,
    depth=2,
    num_heads=2,
    layers=(0, 1),
    native_grid=4,
    token_budget=16,
)
# A run of a second: every phase takes steps, nothing is learned well.
QUICK = TrainConfig(
    epochs=3,
    head_epochs=2,
    batch_size=3,
    warmup_steps=2,
    learning_rate=5e-3,
    inp_count=3,
    head_widths=(4, 2),
    calibration_views=4,
    workers=2,
    log_steps=1,
    checkpoint_steps=2,
)


def source() -> AnomalyDetector:
    """An encoder to train on, always the same one."""
    config = ModelConfig.for_encoder(ENCODER, variant="training-free")
    model = build_model(config, build_encoder(ENCODER))
    return AnomalyDetector(model, config, Provenance("untrained", "tiny"))


def new_model(config: TrainConfig = QUICK) -> INPFormer:
    """A model to train, always the same one."""
    torch.manual_seed(0)
    return build_model(config.model_config(ENCODER), build_encoder(ENCODER))


def pictures(count: int, size: tuple[int, int] = (56, 56)) -> list[torch.Tensor]:
    """Pictures `(3, H, W)` in [0, 1], each another one."""
    generator = torch.Generator().manual_seed(5)
    return [torch.rand(3, *size, generator=generator) for _ in range(count)]


def draw(seed: int, size: tuple[int, int] = (60, 70)) -> np.ndarray:
    return np.random.default_rng(seed).integers(90, 150, (*size, 3), dtype=np.uint8)


def write_data(
    root: Path, classes: Sequence[str] = ("bolt", "nut"), train: int = 4, defects: int = 3
) -> DataSet:
    """Write a data set in the layout of MVTec AD."""
    samples = []
    for number, name in enumerate(classes):
        folder = root / name
        for index in range(train):
            path = _save(folder / f"train/good/{index}.png", draw(100 * number + index))
            samples.append(Sample(path, "train", "good", class_name=name))
        for index in range(2):
            path = _save(folder / f"test/good/{index}.png", draw(100 * number + 50 + index))
            samples.append(Sample(path, "test", "good", class_name=name))
        for index in range(defects):
            picture, mask = draw(100 * number + 70 + index), np.zeros((60, 70), np.uint8)
            mask[20:40, 20 + index : 45] = 255
            picture[mask > 0] = (250, 0, 0)
            path = _save(folder / f"test/hole/{index}.png", picture)
            mask_path = _save(folder / f"ground_truth/hole/{index}_mask.png", mask)
            samples.append(Sample(path, "test", "hole", mask_path, name))
    return DataSet(root, "MVTec AD", tuple(samples))


def _save(path: Path, pixels: np.ndarray) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)
    return path


def trained_tensors(file: Path) -> dict[str, torch.Tensor]:
    """The trained numbers of a detector file."""
    from safetensors.torch import load_file

    return load_file(file)


def assert_same_detectors(first: Path, second: Path) -> None:
    """Both files hold the same numbers to the last bit, and the same thresholds."""
    ours, theirs = trained_tensors(first), trained_tensors(second)
    assert ours.keys() == theirs.keys()
    for key, value in ours.items():
        assert torch.equal(value, theirs[key]), key
    detectors = [AnomalyDetector.load(file, "cpu") for file in (first, second)]
    assert detectors[0].calibration == detectors[1].calibration
