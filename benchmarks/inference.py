"""Seconds per picture against a plain reference that computes the same, on one machine at once.

    python benchmarks/inference.py [--encoder dinov2-small dinov2-base] [--engine torch onnx]
        [--rounds 9] [--batch 4]

The reference (`benchmarks/reference.py`) runs everything, eagerly, as the authors' code does; both
look at one picture of 392 x 392 pixels with the same, untrained weights. They take turns, and a
ratio is the median over turns. The reference has a process of its own, as its users run it: ours
keeps freed memory (`inpformer/allocator.py`), which would speed up both; `--one-process` lets it.
`zero-shot` is compared with the reference's full run, from which
the authors' code takes the zero-shot map, too. "of peak" is the counted work of the reference over
the time, as a share of what a large matrix product reaches in the same turns.
"""

from __future__ import annotations

import argparse
import contextlib
import multiprocessing
import sys
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path

import torch

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.pipeline import untrained_detector
from benchmarks.reference import Reference
from benchmarks.speed import PEAK_OPERATIONS, alternate, giga_operations, matrix_task, ratio
from inpformer.allocator import keep_freed_memory
from inpformer.config import ModelConfig
from inpformer.engine import engines_on, torch_engine
from inpformer.modeling.model import INPFormer, INPFormerOutput
from inpformer.scoring import anomaly_maps

SIDE = 392
CASES = {
    "INP-Former": ("inp-former", True),
    "INP-Former++": ("inp-former++", True),
    "zero-shot": ("inp-former", False),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--encoder", nargs="+", default=["dinov2-small"])
    parser.add_argument("--case", nargs="+", choices=CASES, default=list(CASES))
    engines = engines_on(torch.device("cpu"))
    parser.add_argument("--engine", nargs="+", choices=engines, default=["torch"])
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--batch", type=int, default=4, help="pictures of the batch column")
    parser.add_argument("--one-process", action="store_true", help="share memory settings, too")
    options = parser.parse_args()
    keep_freed_memory()
    print("| encoder | engine | system | ratio | ratio in a batch | map difference | seconds |")
    print(f"| spread, ms | reference | GFLOP | of peak |\n|{'---|' * 11}")
    with torch.inference_mode():
        for name in options.encoder:
            for case in options.case:
                for engine in options.engine:
                    print(row(name, case, engine, options), flush=True)


def row(encoder: str, case: str, engine: str, options: argparse.Namespace) -> str:
    """Measure one system on one encoder and return its line of the table."""
    decode = CASES[case][1]
    model, config = untrained(encoder, case)
    pictures = some_pictures(options.batch)
    one, run = pictures[:1], network(model, decode, engine)

    def ours(images: torch.Tensor) -> dict:
        return anomaly_maps(run(images), config, None)

    reference = Reference(model, config)
    expected, found = reference.maps(one), ours(one)
    difference = max(float((expected[key] - found[key]).abs().max()) for key in found)
    work = giga_operations(lambda: reference.maps(one))
    other = (lambda: reference.maps(one)) if options.one_process else elsewhere(encoder, case)
    tasks = {
        "reference": other,
        "ours": lambda: ours(one),
        "batch": lambda: ours(pictures),
        "matrix": matrix_task(),
    }
    timings = alternate(tasks, options.rounds)
    in_batch = ratio(timings, "batch", "reference") / options.batch
    peak = PEAK_OPERATIONS / timings["matrix"].median
    share = work / timings["ours"].median / peak
    return (
        f"| {encoder} | {engine} | {case} | {ratio(timings, 'ours', 'reference'):.2f} | "
        f"{in_batch:.2f} | {difference:.1e} | {timings['ours'].median:.3f} | "
        f"{timings['ours'].spread} | {timings['reference'].median:.3f} | {work:.1f} | "
        f"{100 * share:.0f}% of {peak:.0f} |"
    )


def network(
    model: INPFormer, decode: bool, engine: str
) -> Callable[[torch.Tensor], INPFormerOutput]:
    """Return what runs the network."""
    if engine == "torch":
        return torch_engine(model, decode).run
    from inpformer.onnx_network import OnnxNetwork

    return OnnxNetwork(model, decode, int8=engine == "onnx-int8")


def elsewhere(encoder: str, case: str) -> Callable[[], object]:
    """Return a task that has a process of its own run the reference once."""
    context = multiprocessing.get_context("spawn")
    mine, theirs = context.Pipe()
    context.Process(target=_serve, args=(encoder, case, theirs), daemon=True).start()

    def ask() -> object:
        mine.send(None)
        return mine.recv()

    return ask


def _serve(encoder: str, case: str, pipe: Connection) -> None:
    model, config = untrained(encoder, case)
    reference, picture = Reference(model, config), some_pictures(1)
    with torch.inference_mode(), contextlib.suppress(EOFError):  # the asker has gone
        while True:
            pipe.recv()
            reference.maps(picture)
            pipe.send(None)


def untrained(encoder: str, case: str) -> tuple[INPFormer, ModelConfig]:
    """Return a model with the same varied weights every time."""
    torch.manual_seed(0)
    detector = untrained_detector(encoder, CASES[case][0])
    with torch.no_grad():
        vary_weights(detector.model)
    return detector.model, detector.config


def some_pictures(count: int) -> torch.Tensor:
    """Return noise, `(count, 3, 392, 392)` in [0, 1]: what is in a picture costs no time."""
    return torch.rand(count, 3, SIDE, SIDE, generator=torch.Generator().manual_seed(1))


def vary_weights(model: INPFormer) -> None:
    """Make fresh weights as large as trained ones, so that a wrong formula shows in the maps."""
    for name, values in model.named_parameters():
        if values.ndim > 1 and "encoder" not in name:
            values.mul_(3)
        if "gamma" in name:
            values.uniform_(0.2, 1.0)
        if "bias" in name or "head_scale" in name:
            values.add_(0.1 * torch.randn_like(values))


if __name__ == "__main__":
    main()
