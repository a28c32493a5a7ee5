"""Train the embedded encoder on pictures drawn by the project.

    python tools/pretrain_encoder.py --minutes 8.5 --workers 14 --out runs/embedded.safetensors

Each made-up part has three good pictures, one more, and two with a defect. Tokens learn what they
are for: those of a defect must lie far from every token of the good pictures, and from prototypes
that an INP extractor gathers from the same picture; all others close to one. A linear layer must
give back the filter responses, which keeps the tokens rich. Nothing but random numbers goes in.
Processes draw on the CPU while the network trains, and each part is used several times, recoloured
and turned. A stopped run goes on from its checkpoint.
"""

from __future__ import annotations

import argparse
import math
import random
import sys
import time
from collections.abc import Iterator
from copy import deepcopy
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from torch.utils.data import DataLoader

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "tools")]

from pretraining.parts import SUPPORT, PartStore, PartStream, draw_part, patch_labels  # noqa: E402
from pretraining.pupil import Pupil  # noqa: E402

from inpformer.presets import encoder_preset  # noqa: E402

CONFIG = encoder_preset("embedded")
SCALE = ROOT / "weights" / "embedded.safetensors"
EMA_DECAY = 0.998
VALIDATION_PARTS = 24
VALIDATION_SEED = 10**9
WARM_UP = 0.04
LAST_RATE = 0.01
FIRST_PARTS = 4  # steps' worth, before the first step
MOST_TAKEN = 32  # parts between two steps


def main() -> None:
    """Read the options and train."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path("runs/embedded.safetensors"))
    parser.add_argument("--checkpoint", type=Path, default=Path("runs/pretrain.pt"))
    parser.add_argument("--minutes", type=float, default=150.0, help="of training, in all runs")
    parser.add_argument("--parts", type=int, default=24, help="in a step")
    parser.add_argument("--capacity", type=int, default=12_000, help="parts kept for later steps")
    parser.add_argument("--learning-rate", type=float, default=1e-3)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--workers", type=int, default=1, help="processes that draw")
    parser.add_argument("--reuse", type=int, default=6, help="steps that see a part, at most")
    parser.add_argument("--report-every", type=float, default=0.5, help="minutes")
    parser.add_argument("--also-at", type=float, nargs="*", default=[], help="shares of the time")
    train(parser.parse_args())


def train(options: argparse.Namespace) -> None:
    """Train until the time is over, or go on with it."""
    device, rng = torch.device(options.device), random.Random(options.seed)
    torch.manual_seed(options.seed)
    pupil = Pupil(CONFIG, filter_scale()).to(device, memory_format=torch.channels_last)
    average = deepcopy(pupil).eval()
    optimizer = make_optimizer(pupil)
    keepers = {"pupil": pupil, "average": average, "optimizer": optimizer}
    step, spent = resume(options.checkpoint, keepers, device)
    drawn, store = start_drawing(options, step), PartStore(options.capacity, device)
    held_out = [draw_part(VALIDATION_SEED + index) for index in range(VALIDATION_PARTS)]
    take_drawn(drawn, store, FIRST_PARTS * options.parts)
    print(f"step {step}: {report(average, held_out, device)}", flush=True)
    began, reported, sums, count = time.monotonic() - spent, spent, {}, 0
    taken, pending = 0, sorted(share for share in options.also_at)
    while spent < 60 * options.minutes:
        # Parts that were seen too often are learnt by heart.
        take_drawn(drawn, store, taken * options.parts // options.reuse)
        taken += 1
        rate = options.learning_rate * rate_at(spent / (60 * options.minutes))
        for group in optimizer.param_groups:
            group["lr"] = rate * group["share"]
        named = take_step(pupil, optimizer, store.sample(options.parts, rng), device)
        step, count = step + 1, count + 1
        update_average(average, pupil, min(EMA_DECAY, step / (step + 10)))
        for name, value in named.items():
            sums[name] = sums.get(name, 0.0) + value
        spent = time.monotonic() - began
        share = spent / (60 * options.minutes)
        is_early = bool(pending) and share >= pending[0]
        if is_early:
            export(average, options.out.with_stem(f"{options.out.stem}-{pending.pop(0):g}"))
        if spent - reported > 60 * options.report_every or share >= 1:
            words = ", ".join(f"{name} {float(v) / count:.3f}" for name, v in sums.items())
            print(
                f"step {step}, {spent / 60:.1f} min, {store.drawn} parts: "
                f"{report(average, held_out, device)}; {words}",
                flush=True,
            )
            sums, count, reported = {}, 0, spent
            save_checkpoint(options.checkpoint, keepers, step, spent)
            export(average, options.out)


def filter_scale() -> dict[str, Tensor]:
    """Return mean and scale of the filter responses, as `tools/measure_filters.py` found them."""
    state = load_file(SCALE)
    names = ("descriptor_mean", "descriptor_scale")
    return {name: state[f"patch_embed.{name}"].float() for name in names}


def make_optimizer(pupil: Pupil) -> torch.optim.Optimizer:
    """Return AdamW that lets norms, biases and scales be as large as they like.

    Each group has its `share` of the learning rate.
    """
    odds = {"sharpness": 20.0, "cut": 1.0}
    named = [(name, p) for name, p in pupil.named_parameters() if p.requires_grad]
    rest = {name: p for name, p in named if name not in odds}
    groups = [
        {"params": [p for p in rest.values() if p.ndim > 1], "weight_decay": 0.05, "share": 1.0},
        {"params": [p for p in rest.values() if p.ndim <= 1], "weight_decay": 0.0, "share": 1.0},
        *(
            {"params": [getattr(pupil, name)], "weight_decay": 0.0, "share": share}
            for name, share in odds.items()
        ),
    ]
    return torch.optim.AdamW(groups, betas=(0.9, 0.98))


def rate_at(share: float) -> float:
    """Return the share of the learning rate at a share of the time."""
    if share < WARM_UP:
        return max(LAST_RATE, share / WARM_UP)
    progress = min(1.0, (share - WARM_UP) / (1 - WARM_UP))
    return LAST_RATE + (1 - LAST_RATE) * 0.5 * (1 + math.cos(math.pi * progress))


def start_drawing(options: argparse.Namespace, step: int) -> Iterator[tuple[Tensor, Tensor]]:
    """Start the processes that draw parts."""
    loader = DataLoader(
        PartStream(options.seed + 10_000_000 * (1 + step)),
        batch_size=None,
        num_workers=options.workers,
        prefetch_factor=16,
        in_order=False,  # a part that takes long to draw holds up no step
        multiprocessing_context="spawn",
    )
    return iter(loader)


def take_drawn(drawn: Iterator[tuple[Tensor, Tensor]], store: PartStore, least: int) -> None:
    """Take what has been drawn meanwhile, and wait until `least` parts were drawn in all."""
    taken = 0
    while store.drawn < least or (taken < MOST_TAKEN and not drawn._data_queue.empty()):
        store.add(*(values[None] for values in next(drawn)))
        taken += 1


def take_step(
    pupil: Pupil, optimizer: torch.optim.Optimizer, parts: tuple[Tensor, Tensor], device
) -> dict[str, Tensor]:
    """Take one optimiser step and return the parts of its loss."""
    with torch.autocast(device.type, torch.bfloat16, enabled=device.type == "cuda"):
        named = pupil.losses(*parts)
    optimizer.zero_grad()
    sum(named.values()).backward()
    nn.utils.clip_grad_norm_(pupil.parameters(), 1.0)
    optimizer.step()
    return {name: value.detach() for name, value in named.items()}


@torch.no_grad()
def report(pupil: Pupil, parts: list[tuple[Tensor, Tensor]], device: torch.device) -> str:
    """Say the token AUROC on parts never trained on, by good pictures and by own prototypes."""
    distances, labels = ([], []), []
    for images, pixels in parts:
        near, own, _, _ = pupil.distances(images[None].to(device).float() / 255)
        known = patch_labels(pixels[SUPPORT:], CONFIG.patch_size).view(near.shape)
        labels.append(known[known >= 0] > 0)
        for values, distance in zip(distances, (near, own), strict=True):
            values.append(distance.cpu()[known >= 0])
    truth = torch.cat(labels)
    by_good, by_own = (area_under_curve(torch.cat(values), truth) for values in distances)
    return f"token AUROC by good pictures {by_good:.4f}, by own prototypes {by_own:.4f}"


def area_under_curve(values: Tensor, is_positive: Tensor) -> float:
    """Return the probability that a positive value is above a negative one."""
    ranks = values.argsort().argsort().double()
    positives = int(is_positive.sum())
    below = ranks[is_positive].sum() - positives * (positives - 1) / 2
    return float(below / (positives * (len(values) - positives)))


@torch.no_grad()
def update_average(average: nn.Module, current: nn.Module, decay: float) -> None:
    """Move the averaged weights a little towards the current ones."""
    torch._foreach_lerp_(list(average.parameters()), list(current.parameters()), 1 - decay)


def save_checkpoint(path: Path, keepers: dict, step: int, spent: float) -> None:
    """Write all that a resumed run needs, whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".partial")
    states = {name: keeper.state_dict() for name, keeper in keepers.items()}
    torch.save({"step": step, "spent": spent, **states}, partial)
    partial.replace(path)


def resume(path: Path, keepers: dict, device: torch.device) -> tuple[int, float]:
    """Fill everything from a checkpoint, if there is one; return its step and seconds spent."""
    if not path.is_file():
        return 0, 0.0
    stored = torch.load(path, map_location=device, weights_only=True)
    for name, keeper in keepers.items():
        keeper.load_state_dict(stored[name])
    return stored["step"], stored["spent"]


def export(pupil: Pupil, path: Path) -> None:
    """Write the encoder as the library reads it, and the extractor beside it, in 16 bits."""
    path.parent.mkdir(parents=True, exist_ok=True)
    for module, target in (
        (pupil.vit, path),
        (pupil.extractor, path.with_stem(f"{path.stem}-extractor")),
    ):
        state = {k: v.detach().half().cpu().contiguous() for k, v in module.state_dict().items()}
        partial = target.with_suffix(".partial")
        save_file(state, partial)
        partial.replace(target)


if __name__ == "__main__":
    main()
