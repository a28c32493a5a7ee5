"""What `faults.py` does while there is a fault; in a process of its own, until it is killed."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Callable
from dataclasses import replace
from multiprocessing.connection import Connection
from pathlib import Path

import numpy as np
import torch

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from fake_hub_repo import TOKEN
from huggingface_hub import constants
from training_data import QUICK, source, write_data

from inpformer.annotations.annotation import Annotation
from inpformer.annotations.exchange import export_annotations
from inpformer.annotations.store import AnnotationStore
from inpformer.bundle import BundleWish, make_bundle
from inpformer.corrections import Correction, RetrainConfig
from inpformer.datasets.sample import DataSet, Sample
from inpformer.detector import AnomalyDetector
from inpformer.evaluation.evaluate import evaluate
from inpformer.evaluation.report import write_report
from inpformer.files import save_png
from inpformer.fit_config import FitConfig
from inpformer.onnx_export import export_onnx
from inpformer.pictures import draw_heatmap
from inpformer.sharing.pull import pull
from inpformer.sharing.push import push
from inpformer.sharing.records import PushWish, RepoAddress
from inpformer.training.processes import Processes
from inpformer.training.run import TrainRequest, train

ROOT = Path(__file__).resolve().parent.parent
_FIT = FitConfig(
    steps=2, head_steps=2, pseudo_anomalies=2, tokens_per_view=8, inp_count=4, calibration_steps=1
)
_RETRAIN = RetrainConfig(own_views=2, pasted=2, pseudo_anomalies=1, steps=2)
TRAIN = replace(QUICK, epochs=20, head_epochs=5, checkpoint_steps=2)


def make_detector() -> AnomalyDetector:
    """Fit a detector on an encoder that is small and was never trained, which takes a second."""
    return source().fit([picture(1), picture(2)], _FIT)


def picture(seed: int) -> np.ndarray:
    """Draw a small picture `(96, 96, 3)` uint8."""
    return np.random.default_rng(seed).integers(90, 130, (96, 96, 3), dtype=np.uint8)


def inspect(detector: AnomalyDetector, folder: Path, number: int) -> Path:
    """Inspect a picture and keep its heat map."""
    result = detector.predict(picture(number))
    path = folder / f"{number}.png"
    save_png(path, draw_heatmap(result.anomaly_map, result.colour_range()))
    return path


def fit(detector: AnomalyDetector, folder: Path, number: int) -> Path:
    """Fit a detector and keep it."""
    fitted = detector.fit([picture(1), picture(2)], _FIT)
    return fitted.save(folder / f"{number}.safetensors")


def retrain(detector: AnomalyDetector, folder: Path, number: int) -> Path:
    """Retrain a detector with one corrected picture and keep it."""
    mask = np.zeros((96, 96), bool)
    mask[20:50, 30:60] = True
    image = picture(3)
    image[mask] = (250, 10, 10)
    next_one = detector.retrain([picture(1), picture(2)], [Correction(image, mask)], _RETRAIN)
    return next_one.save(folder / f"{number}.safetensors")


def save(detector: AnomalyDetector, folder: Path, number: int) -> Path:
    """Save a detector over the one that is there."""
    del number
    return detector.save(folder / "detector.safetensors", bundle_encoder=True)


def export_annotated(detector: AnomalyDetector, folder: Path, number: int) -> Path:
    """Annotate a picture and export all of them as a folder."""
    del detector
    store = AnnotationStore(folder / "store")
    name = store.add_picture(picture(number), f"{number}.png")
    if store.load(name).version == 0:  # or a worker that was killed has got as far as this
        store.save(Annotation(name, np.ones((96, 96), np.uint8), "anomalous"))
    export_annotations(store, "coco", folder / f"export-{number}")
    return folder / f"export-{number}"


def export_to_onnx(detector: AnomalyDetector, folder: Path, number: int) -> Path:
    """Export a detector as an ONNX file."""
    path = folder / f"{number}.onnx"
    export_onnx(detector, path, (96, 96))
    return path


def bundle(detector: AnomalyDetector, folder: Path, number: int) -> Path:
    """Make a folder for a computer without a network."""
    del detector
    return make_bundle(folder / f"bundle-{number}", BundleWish("embedded")).folder


def push_it(detector: AnomalyDetector, folder: Path, number: int) -> Path:
    """Push a detector to the stand-in of the Hub that `HF_ENDPOINT` names."""
    del number
    push(detector, PushWish("me/washer", "apache-2.0"))
    return folder


def pull_it(detector: AnomalyDetector, folder: Path, number: int) -> Path:
    """Pull a detector from a repository of its own; the cache is where `HF_HOME` says."""
    del detector, folder
    return pull(RepoAddress.parse(f"me/part{number}")).path


def report(detector: AnomalyDetector, folder: Path, number: int) -> Path:
    """Evaluate a detector on four pictures and write the report."""
    with tempfile.TemporaryDirectory(dir="/tmp") as place:
        samples = []
        for index in range(4):
            path = Path(place) / f"{index}.png"
            save_png(path, picture(10 * number + index))
            samples.append(Sample(path, "test", "dent" if index % 2 else "good", None, "part"))
        found = evaluate(detector, DataSet(Path(place), "plain folders", tuple(samples)))
    return write_report(found, folder / "report")


def training(
    data: Path, folder: Path, on_progress: Callable[..., None] | None = None, resume: bool = False
) -> None:
    """Train on a data set, which is written if it is not there, with a checkpoint every step."""
    request = TrainRequest((write_data(data),), TRAIN, folder, resume=resume, bundle_encoder=True)
    train(source(), request, Processes(on_cpu=True), on_progress)


ACTIONS: dict[str, Callable[[AnomalyDetector, Path, int], Path]] = {
    "inspect": inspect,
    "fit": fit,
    "retrain": retrain,
    "save": save,
    "export of annotations": export_annotated,
    "export to ONNX": export_to_onnx,
    "bundle": bundle,
    "report of an evaluation": report,
    "push": push_it,
    "pull": pull_it,
}


def point_to(url: str, home: Path) -> None:
    """Have this process ask a stand-in of the Hub, and keep its cache in a folder."""
    # The stand-in speaks the older way of uploading.
    os.environ |= {"HF_ENDPOINT": url, "HF_TOKEN": TOKEN, "HF_HUB_DISABLE_XET": "1"}
    os.environ |= {"HF_HOME": str(home)}
    constants.HF_HUB_DISABLE_XET, constants.HF_HUB_OFFLINE = True, False
    constants.ENDPOINT = url
    constants.HUGGINGFACE_CO_URL_TEMPLATE = url + "/{repo_id}/resolve/{revision}/{filename}"


def repeat(what: str, folder: Path, url: str, numbers: range, told: Connection) -> None:
    """Do one thing for each number, and send the path of what is done; for a process of its own."""
    torch.set_num_threads(1)
    tempfile.tempdir = str(folder / "tmp")
    point_to(url, folder / "home")
    detector = make_detector()
    told.send("ready")
    for number in numbers:
        told.send(ACTIONS[what](detector, folder, number))
