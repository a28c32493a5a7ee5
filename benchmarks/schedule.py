"""The short schedule of a fit against the papers': accuracy, and how many times faster.

    python benchmarks/schedule.py MVTEC_LAYOUT_FOLDER ... --runs FOLDER [--encoder NAME]

The reference schedule is the papers': 200 epochs of batches of 16 views with every token, then 100
epochs of the head with defects made anew. `inpformer train` runs it once, an hour or so per folder,
keeps it with its log under --runs, and goes on where it stopped. Both learn from the same four
pictures with the same network. What the schedule would take the authors' way, who encode every
view in every step, is measured on a few steps of the plain reference (`benchmarks/reference.py`):
those of the decoder, and for the head only the forward pass, times their number.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import torch

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.accuracy import detector_figures, training_free
from benchmarks.encoder import Figures
from benchmarks.reference import Reference
from benchmarks.speed import Timing, alternate
from inpformer import cli
from inpformer.augmentation import VIEW_COUNT
from inpformer.datasets.mvtec import read_mvtec_folder
from inpformer.datasets.sample import Sample
from inpformer.detector import AnomalyDetector
from inpformer.fit_config import FitConfig
from inpformer.images import load_image
from inpformer.model_input import make_geometry, to_tensor
from inpformer.optimizer import StableAdamW, take_step

SHOTS, BATCH = 4, 16
EPOCHS, HEAD_EPOCHS = 200, 100


def main() -> None:
    options = parse_options()
    source = training_free(options.encoder, options.weights, "cpu")
    print("| folder | schedule | image AUROC | pixel AUROC | AUPRO | s | times less |")
    print(f"|{'---|' * 7}")
    for folder in options.folders:
        samples = read_mvtec_folder(folder)
        shots = [sample.path for sample in samples if sample.split == "train"][:SHOTS]
        tests = [sample for sample in samples if sample.split == "test"]
        run = options.runs / f"{folder.name}-{options.encoder}"
        whole = reference_detector(run, shots, options)
        seconds = reference_seconds(whole, shots, options)
        print(line(folder.name, "papers'", figures_of(whole, tests), seconds, None), flush=True)
        started = time.perf_counter()
        fitted = source.fit(
            [load_image(path) for path in shots], FitConfig.for_encoder(source.config.encoder)
        )
        mine = time.perf_counter() - started
        times = seconds / mine
        print(line(folder.name, "fit", figures_of(fitted, tests), mine, times), flush=True)


def parse_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folders", type=Path, nargs="+")
    parser.add_argument("--runs", type=Path, required=True, help="where the long runs are kept")
    parser.add_argument("--encoder", default="embedded")
    parser.add_argument("--weights", type=Path)
    parser.add_argument("--epochs", type=int, default=EPOCHS)
    parser.add_argument("--head-epochs", type=int, default=HEAD_EPOCHS)
    parser.add_argument("--rounds", type=int, default=3, help="steps of the reference to time")
    return parser.parse_args()


def reference_detector(
    run: Path, shots: Sequence[Path], options: argparse.Namespace
) -> AnomalyDetector:
    """Return what the papers' schedule learns from the shots; trained now unless it was before."""
    detectors = run / "run" / "detectors"
    if not any(detectors.glob("*.safetensors")):
        _link(run / "data", shots)
        words = ["train", run / "data", "--setting", "few-shot", "--shots", len(shots)]
        words += ["--encoder", options.encoder, "--epochs", options.epochs]
        words += ["--head-epochs", options.head_epochs, "--tokens-per-view", 0]
        words += ["--warmup-steps", 100, "--set", "source_tokens=0"]
        words += ["--resume", "-o", run / "run"]
        if options.weights is not None:
            words += ["--weights", options.weights]
        if cli.main([str(word) for word in words]):
            raise SystemExit("The reference schedule did not come to its end.")
    (file,) = detectors.glob("*.safetensors")
    return AnomalyDetector.load(file, "cpu", options.weights)


def _link(folder: Path, shots: Sequence[Path]) -> None:
    """Make a data set of the shots alone: so both schedules have the same ones."""
    good = folder / "train" / "good"
    good.mkdir(parents=True, exist_ok=True)
    for path in shots:
        link = good / path.name
        if not link.exists():
            link.symlink_to(path.resolve())
    (folder / "test").mkdir(exist_ok=True)


def reference_seconds(
    detector: AnomalyDetector, shots: Sequence[Path], options: argparse.Namespace
) -> float:
    """Return what the papers' schedule takes the plain way, from the median of a few steps."""
    encoder = detector.config.encoder
    image = load_image(shots[0])
    view = to_tensor(image, make_geometry(image, "full", encoder))
    images = view.expand(BATCH, -1, -1, -1).contiguous()
    reference = Reference(detector.model, detector.config)
    losses = FitConfig.for_encoder(encoder).loss_config
    trained = [*detector.model.inp_extractor.parameters(), *detector.model.decoder.parameters()]
    before = [parameter.detach().clone() for parameter in trained]
    optimizer = StableAdamW(trained)

    def step() -> None:
        take_step(optimizer, reference.training_loss(images, losses), 0.0)

    def look() -> None:
        with torch.no_grad():
            reference.forward(images)

    timings = alternate({"step": step, "look": look}, options.rounds)
    with torch.no_grad():
        for parameter, values in zip(trained, before, strict=True):
            parameter.copy_(values)
    per_epoch = len(shots) * VIEW_COUNT // BATCH

    def total(timing: Timing, epochs: int) -> float:
        return timing.median * max(1, per_epoch) * epochs

    return total(timings["step"], options.epochs) + total(timings["look"], options.head_epochs)


def figures_of(detector: AnomalyDetector, tests: Sequence[Sample]) -> Figures:
    name = detector.map_names[0]
    return detector_figures(detector, tests, [name])[name]


def line(folder: str, name: str, figures: Figures, seconds: float, times: float | None) -> str:
    values = f"{figures.image_auroc:.3f} | {figures.pixel_auroc:.4f} | {figures.aupro:.3f}"
    return f"| {folder} | {name} | {values} | {seconds:.0f} | {times or 1:.0f} |"


if __name__ == "__main__":
    main()
