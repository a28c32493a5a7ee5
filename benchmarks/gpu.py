"""What a GPU makes of it: pictures per second, share of the matrix peak, latency, a fit.

    python benchmarks/gpu.py [--encoder dinov2-base] [--batch 16] [--rounds 9] [--no-fit]

Needs an NVIDIA GPU and says so where there is none; `--device cpu` then shows that the program
runs, with the engine that a CPU has. The reference (`benchmarks/reference.py`) runs in 32 bits,
call by call, as the authors' code does. All engines see the same batch with the same, untrained
weights, in turns. "of peak" is the reference's counted work over the time, as a share of what a
large bfloat16 product reaches in the same turns.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable
from pathlib import Path

import torch

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.inference import some_pictures, vary_weights
from benchmarks.pipeline import untrained_detector
from benchmarks.reference import Reference
from benchmarks.speed import PEAK_OPERATIONS, alternate, giga_operations, matrix_task, ratio
from inpformer.detector import AnomalyDetector
from inpformer.engine import agreement_picture, engines_on
from inpformer.examples import find_examples
from inpformer.images import load_image
from inpformer.scoring import anomaly_maps

GOALS = "goals on one H200, base, batch 16: ratio 0.20, 50% of peak, 10 ms latency, 8 s fit"
LATENCY_RUNS = 30


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--encoder", default="dinov2-base")
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--device", choices=("cuda", "cpu"), default="cuda")
    parser.add_argument("--no-fit", action="store_true", help="leave out the fit")
    options = parser.parse_args()
    if options.device == "cuda" and not torch.cuda.is_available():
        print("Not run: there is no NVIDIA GPU here. --device cpu shows that the program runs.")
        return 2
    name = torch.cuda.get_device_name() if options.device == "cuda" else "CPU, not a measurement"
    print(f"{name}, torch {torch.__version__}, {options.encoder}; {GOALS}\n")
    torch.manual_seed(0)
    detector = untrained_detector(options.encoder, "inp-former++")
    with torch.no_grad():
        vary_weights(detector.model)
    detector.model.to(options.device)
    throughput(detector, options)
    latency(detector)
    if not options.no_fit:
        fit(options)
    return 0


def throughput(detector: AnomalyDetector, options: argparse.Namespace) -> None:
    """Print a line per engine: a batch that is on the device already, to maps on the device."""
    images = some_pictures(options.batch).to(options.device)
    reference = Reference(detector.model, detector.config)
    detectors = {name: detector.with_engine(name) for name in _engines(detector)}
    on_gpu = options.device == "cuda"
    dtype = torch.bfloat16 if on_gpu else torch.float32

    def maps_of(each: AnomalyDetector) -> dict:
        return anomaly_maps(each.run(images), each.config, None)

    tasks = {name: lambda each=each: maps_of(each) for name, each in detectors.items()}
    tasks |= {
        "reference": lambda: reference.maps(images),
        "matrix": matrix_task(options.device, dtype),
    }
    with torch.inference_mode():
        expected = reference.maps(images)
        work = giga_operations(tasks["reference"])
        timings = alternate({name: _finished(task) for name, task in tasks.items()}, options.rounds)
        peak = PEAK_OPERATIONS / min(timings["matrix"].runs)
        print("| engine | ratio to the reference | of peak | pictures/s | spread, ms | map |")
        print(f"| difference |\n|{'---|' * 7}")
        for name in ("reference", *detectors):
            seconds = timings[name].median
            found = expected if name == "reference" else maps_of(detectors[name])
            worst = max(
                float((found[key] - expected[key]).abs().max() / expected[key].abs().max())
                for key in expected
            )
            print(
                f"| {name} | {ratio(timings, name, 'reference'):.2f} | "
                f"{100 * work / seconds / peak:.0f}% of {peak:.0f} GFLOP/s | "
                f"{options.batch / seconds:.1f} | {timings[name].spread} | {worst:.1e} |"
            )


def latency(detector: AnomalyDetector) -> None:
    """Print how long one picture takes, from its pixels in memory to its result in memory."""
    print("\n| engine | one picture, ms, median | spread |\n|---|---|---|")
    for name in _engines(detector):
        each = detector.with_engine(name)
        prepared = [each.prepare(agreement_picture())]
        task = _finished(lambda each=each, prepared=prepared: each.predict_batch(prepared))
        for _ in range(3):
            task()
        timing = alternate({name: task}, LATENCY_RUNS)[name]
        print(f"| {name} | {1000 * timing.median:.1f} | {timing.spread} |")


def fit(options: argparse.Namespace) -> None:
    """Print how long a fit on four pictures takes; a first one makes the device ready."""
    part = find_examples().parts[0]
    shots = [load_image(path) for path in part.normal_paths[:4]]
    source = untrained_detector(options.encoder, "training-free")
    source.model.to(options.device)
    seconds = []
    for _ in range(2):
        started = time.perf_counter()
        _finished(lambda: source.fit(shots))()
        seconds.append(time.perf_counter() - started)
    print(f"\nFit on 4 pictures: {seconds[1]:.1f} s (the first in the process: {seconds[0]:.1f} s)")
    if options.device == "cuda":
        print(f"Most GPU memory taken: {torch.cuda.max_memory_allocated() / 2**30:.1f} GiB")


def _engines(detector: AnomalyDetector) -> tuple[str, ...]:
    """Return the engines to compare: those of a GPU, or torch alone."""
    return engines_on(detector.device) if detector.device.type == "cuda" else ("torch",)


def _finished(task: Callable[[], object]) -> Callable[[], object]:
    """Return a task that ends when the device has done its work."""

    def run() -> object:
        result = task()
        if torch.cuda.is_available():
            torch.cuda.synchronize()
        return result

    return run


if __name__ == "__main__":
    raise SystemExit(main())
