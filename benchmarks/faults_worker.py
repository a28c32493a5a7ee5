"""What the processes of `faults.py` do until they are killed; they say what they have confirmed."""

from __future__ import annotations

import itertools
import sys
from pathlib import Path

import numpy as np
import torch

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from inpformer.annotations.annotation import Annotation
from inpformer.annotations.exchange import export_annotations
from inpformer.annotations.store import AnnotationStore
from inpformer.config import FitConfig
from inpformer.corrections import Correction, RetrainConfig
from inpformer.detector import AnomalyDetector
from inpformer.files import save_png
from inpformer.pictures import draw_heatmap
from inpformer.sharing.push import push
from inpformer.sharing.records import PushWish

READY = Path(__file__).resolve().parent.parent / "weights" / "detectors" / "washer.safetensors"
_FIT = FitConfig(
    steps=2, head_steps=2, pseudo_anomalies=2, tokens_per_view=8, inp_count=4, calibration_steps=1
)
_RETRAIN = RetrainConfig(own_views=2, pasted=2, pseudo_anomalies=1, steps=2)


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


def export(detector: AnomalyDetector, folder: Path, number: int) -> Path:
    """Annotate a picture and export all of them."""
    del detector
    store = AnnotationStore(folder / "store")
    name = store.add_picture(picture(number), f"{number}.png")
    store.save(Annotation(name, np.ones((96, 96), np.uint8), "anomalous"))
    target = folder / f"export-{number}"
    export_annotations(store, "coco", target)
    return target


def push_it(detector: AnomalyDetector, folder: Path, number: int) -> Path:
    """Push a detector to the stand-in of the Hub that `HF_ENDPOINT` names."""
    push(detector, PushWish("me/washer", "apache-2.0"))
    path = folder / f"pushed-{number}"
    path.touch()
    return path


ACTIONS = {
    "inspect": inspect,
    "fit": fit,
    "retrain": retrain,
    "save": save,
    "export": export,
    "push": push_it,
}


def main() -> None:
    """Do one thing again and again, and name what is done: WHAT FOLDER."""
    what, folder = sys.argv[1], Path(sys.argv[2])
    torch.set_num_threads(1)
    detector = AnomalyDetector.load(READY, "cpu")
    print("ready", flush=True)
    for number in itertools.count():
        print(ACTIONS[what](detector, folder, number), flush=True)


if __name__ == "__main__":
    main()
