"""A data set of grey pictures on disk, and a detector whose map is known: the picture's grey."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from inpformer.config import ModelConfig
from inpformer.datasets.sample import DataSet, Sample
from inpformer.detector import AnomalyDetector, Provenance
from inpformer.evaluation.evaluate import evaluate
from inpformer.evaluation.look import EvaluateConfig
from inpformer.model_input import make_geometry
from inpformer.modeling.build import build_encoder, build_model
from inpformer.result import AnomalyResult
from inpformer.scales import Calibration, MapScale
from inpformer.scoring import score_size

THRESHOLD = 150.0


class GreyDetector(AnomalyDetector):
    """Takes what is bright for anomalous; `seen` counts the pictures it was shown."""

    def __init__(self, config: ModelConfig, threshold: float | None = THRESHOLD) -> None:
        scales = {"fused": MapScale(threshold or 1, 20.0, 40.0)}
        calibration = Calibration(scales, 0.05, 22, 1, "made up") if threshold else None
        with torch.random.fork_rng():
            torch.manual_seed(0)  # each one is the same detector
            model = build_model(config, build_encoder(config.encoder))
        super().__init__(model, config, Provenance("untrained", "a double"), calibration)
        self.seen = 0

    def sharing_encoder(self, other: AnomalyDetector) -> AnomalyDetector:
        return self

    def predict(self, image, *, geometry="full", tiles=None, map_name=None) -> AnomalyResult:
        self.seen += 1
        seen_as = make_geometry(image, geometry, self.config.encoder)
        values = image[:, :, 0].astype(np.float32)
        if geometry == "benchmark":
            size = score_size(seen_as.input_size)
            grey = Image.fromarray(seen_as.to_input(image)[:, :, 0]).resize(size[::-1])
            values = np.asarray(grey, np.float32)
        top = np.sort(values.ravel())[-max(1, values.size // 100) :]
        name = self.choose_map(map_name)
        return AnomalyResult(
            map_name=name,
            score_maps={name: values},
            scores={name: float(top.mean(dtype=np.float64))},
            scales=dict(self.calibration.scales) if self.calibration else {},
            geometry=seen_as,
            explanation=None,
            seconds=0.25,
        )

    def predict_batch(self, batch) -> list[AnomalyResult]:
        return [
            self.predict(each.image, geometry=each.geometry.name, map_name=each.map_name)
            for each in batch
        ]


class SlowDetector(GreyDetector):
    """Takes its time, so that a process can be killed meanwhile."""

    def predict(self, image, **options) -> AnomalyResult:
        time.sleep(0.01)
        return super().predict(image, **options)


def evaluate_and_tell(config: ModelConfig, dataset: DataSet, folder: Path, told) -> None:
    """Evaluate in a process of its own, and send the number of every picture that is done."""
    often = EvaluateConfig(save_seconds=0)
    evaluate(
        SlowDetector(config),
        dataset,
        often,
        folder=folder,
        on_picture=lambda step: told.send(step.done),
    )
    told.send(None)


def grey_picture(seed: int, size: tuple[int, int] = (60, 70)) -> np.ndarray:
    return np.random.default_rng(seed).normal(110, 12, size).clip(0, 255).astype(np.uint8)


def save(path: Path, array: np.ndarray) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(array).save(path)
    return path


def add_class(root: Path, name: str, normal: int = 4, defects: dict[str, int] | None = None):
    """Write one class: pictures of sizes that differ, with marked defects brighter than the rest.

    Defects differ in contrast, so that some are missed at `THRESHOLD`.
    """
    samples = []
    for number in range(normal):
        path = save(root / name / f"good/{number}.png", grey_picture(number, (60 + number, 70)))
        samples.append(Sample(path, "test", "good", None, name))
    for kind, count in (defects or {"dent": 3, "scratch": 2}).items():
        for number in range(count):
            image = grey_picture(100 + number + len(kind), (64, 60 + 4 * number))
            mask = np.zeros(image.shape, np.uint8)
            mask[20 : 26 + 3 * number, 25:33] = mask[50:53, 12:14] = 255
            lift = 15 + 25 * number
            image = np.where(mask > 0, np.clip(image + lift, 0, 255), image).astype(np.uint8)
            path = save(root / name / f"{kind}/{number}.png", image)
            mask_path = save(root / name / f"masks/{kind}_{number}.png", mask)
            samples.append(Sample(path, "test", kind, mask_path, name))
    return samples


def make_dataset(root: Path, *names: str) -> DataSet:
    """A data set of a few pictures for each class."""
    samples = [sample for name in names for sample in add_class(root, name)]
    return DataSet(root, "a layout of tests", tuple(samples))
