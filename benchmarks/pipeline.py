"""Wall time and peak memory of the pipeline: fit on four pictures, predict one.

    python benchmarks/pipeline.py FOLDER_OF_NORMAL_PICTURES [--only fit-embedded ...]

Every figure is taken in a process of its own, so that peak memory is that task's alone. DINOv2
shapes run with untrained weights: speed does not depend on what the weights are.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PREDICT_SIZE = (768, 1024)
REPEATS = 5
TASKS = {
    "fit-embedded": "fit, 4 pictures, embedded",
    "fit-dinov2-small": "fit, 4 pictures, dinov2-small shape",
    "predict-dinov2-small": "predict, 1024 x 768, dinov2-small shape",
    "predict-dinov2-base": "predict, 1024 x 768, dinov2-base shape",
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, help="folder with at least four normal pictures")
    parser.add_argument("--only", nargs="+", choices=TASKS, default=list(TASKS))
    parser.add_argument("--task", choices=TASKS, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.task:
        print(json.dumps(run_task(options.task, options.folder)))
        return
    print("| figure | seconds | peak memory | note |\n|---|---|---|---|")
    for task in options.only:
        command = [sys.executable, __file__, str(options.folder), "--task", task]
        output = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
        figures = json.loads(output.stdout.splitlines()[-1])
        print(
            f"| {TASKS[task]} | {figures['seconds']} | {figures['gigabytes']:.2f} GB | "
            f"{figures['note']} |",
            flush=True,
        )


def run_task(task: str, folder: Path) -> dict:
    sys.path.insert(0, str(ROOT))
    verb, _, encoder = task.partition("-")
    figures = fit(encoder, folder) if verb == "fit" else predict(encoder)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024**2
    return {**figures, "gigabytes": peak}


def untrained_detector(encoder: str, variant: str):
    from inpformer.config import ModelConfig
    from inpformer.detector import AnomalyDetector, Provenance
    from inpformer.modeling.build import build_encoder, build_model
    from inpformer.presets import encoder_preset

    preset = encoder_preset(encoder)
    config = ModelConfig.for_encoder(preset, variant=variant)
    model = build_model(config, build_encoder(config.encoder))
    return AnomalyDetector(model, config, Provenance("untrained", "benchmark"))


def fit(encoder: str, folder: Path) -> dict:
    from inpformer.images import list_images, load_image
    from inpformer.late import import_late_modules

    import_late_modules()  # as the page does when it has started
    shots = [load_image(path) for path in list_images([folder])[:4]]
    detector = untrained_detector(encoder, "training-free")
    phases: dict[str, list[float]] = {}

    def note(step) -> None:
        phases.setdefault(step.phase, [time.perf_counter()]).append(time.perf_counter())

    started = time.perf_counter()
    detector.fit(shots, on_step=note)
    seconds = time.perf_counter() - started
    shares = ", ".join(f"{name} {times[-1] - times[0]:.0f} s" for name, times in phases.items())
    return {"seconds": f"{seconds:.1f}", "note": shares}


def predict(encoder: str) -> dict:
    import numpy as np

    image = np.random.default_rng(0).integers(0, 256, (*PREDICT_SIZE, 3), dtype=np.uint8)
    detector = untrained_detector(encoder, "inp-former++")
    detector.predict(image)
    times = []
    for _ in range(REPEATS):
        started = time.perf_counter()
        detector.predict(image).map("reconstruction")
        times.append(time.perf_counter() - started)
    spread = f"{min(times):.2f} to {max(times):.2f} s in {REPEATS} runs"
    return {"seconds": f"{sorted(times)[REPEATS // 2]:.2f}", "note": f"median; {spread}"}


if __name__ == "__main__":
    main()
