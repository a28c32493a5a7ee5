"""Pretrain a small vision transformer on the embedded filters, on pictures drawn by the project.

    python tools/pretrain_encoder.py --steps 2000 --out runs/embedded-vit.safetensors

No run so far has beaten the filters alone, which is why those ship; weights/README.md has the
figures. Each episode is a made-up part: three good pictures, one more, and two with a defect. The
tokens learn what they are for: those of a defect must lie far from every token of the good
pictures, all others close to one. Two helpers keep them rich: a linear layer must tell defects
without any good picture, and another must give back the filter responses. Nothing but random
numbers goes in. A stopped run goes on from its checkpoint and loses at most `--save-every` steps.
"""

from __future__ import annotations

import argparse
import random
import sys
import time
from collections.abc import Iterator
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path

import torch
import torch.nn.functional as F
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.utils.data import DataLoader, IterableDataset

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "tools")]

from pretraining.defects import add_defect, photograph  # noqa: E402
from pretraining.surfaces import surface, world  # noqa: E402

from inpformer.modeling.build import build_encoder, read_state_dict  # noqa: E402
from inpformer.modeling.encoder import IMAGE_MEAN, IMAGE_STD  # noqa: E402
from inpformer.modeling.filter_stem import DESCRIPTOR_DIM, FilterStem  # noqa: E402
from inpformer.places import WEIGHTS  # noqa: E402
from inpformer.presets import EncoderConfig  # noqa: E402

# Starts as the filters: the projection is the identity, and blocks add next to nothing.
CONFIG = EncoderConfig(
    name="embedded-vit",
    patch_size=8,
    embed_dim=192,
    depth=4,
    num_heads=3,
    layers=(0, 1, 2, 3),
    native_grid=49,
    token_budget=2401,
    layer_scale=0.01,
    stem="filters",
)
SUPPORT, GOOD, DEFECTIVE = 3, 1, 2
VIEWS = SUPPORT + GOOD + DEFECTIVE
# Side of a picture in patches, and how many parts make a step at that size.
SIZES = ((20, 4), (20, 4), (20, 4), (32, 2))
# A patch counts as defective from this share of its pixels on; in between it counts as neither.
DEFECTIVE_SHARE = 0.06
HARD_SHARE = 0.1
EMA_DECAY = 0.998
VALIDATION_BATCHES = 12
VALIDATION_SEED = 10**9


@dataclass
class Episodes:
    """One step's parts.

    Attributes:
        descriptors: Of every patch of every view, `(E, V, N, D)`.
        labels: Of every patch, `(E, V, N)`: 1 with a defect, 0 without, -1 to be left out.
    """

    descriptors: Tensor
    labels: Tensor


def draw_episodes(seed: int, stem: FilterStem, device: torch.device) -> Episodes:
    """Draw the parts of one step; the same seed gives the same pictures on the same device."""
    rng = random.Random(seed)
    generator = torch.Generator(device).manual_seed(seed)
    side, parts = rng.choice(SIZES)
    size = side * stem.patch_size[0]
    mean, std = (
        torch.tensor(values, device=device).view(3, 1, 1) for values in (IMAGE_MEAN, IMAGE_STD)
    )
    descriptors, labels = [], []
    for _ in range(parts):
        images = world(rng, generator, VIEWS, size)
        changes = torch.zeros(VIEWS, size, size, device=device)
        for view in range(SUPPORT + GOOD, VIEWS):
            stranger = surface(rng, generator, 1, size)[0]
            images[view], changes[view] = add_defect(rng, generator, images[view], stranger)
        photos, pixels = photograph(rng, generator, images, changes)
        descriptors.append(stem.describe((photos - mean) / std).flatten(1, 2))
        labels.append(patch_labels(pixels, stem.patch_size[0]))
    return Episodes(torch.stack(descriptors), torch.stack(labels))


def patch_labels(pixels: Tensor, patch_size: int) -> Tensor:
    """Return the labels of patches `(V, N)` from those of pixels `(V, S, S)`."""
    share = F.avg_pool2d((pixels > 0).float()[:, None], patch_size).flatten(1)
    touched = F.max_pool2d((pixels != 0).float()[:, None], patch_size).flatten(1)
    return torch.where(share >= DEFECTIVE_SHARE, 1.0, -touched)


def filter_stem() -> FilterStem:
    """Return the filters with the scale that was measured for the embedded encoder."""
    stem = FilterStem(CONFIG.patch_size, CONFIG.patch_size, DESCRIPTOR_DIM)
    state = read_state_dict(WEIGHTS / "embedded.safetensors")
    for name in ("descriptor_mean", "descriptor_scale"):
        getattr(stem, name).copy_(state[f"patch_embed.{name}"])
    return stem


class EpisodeStream(IterableDataset):
    """Steps from `start` on, drawn by the workers in turn."""

    def __init__(self, seed: int, start: int, stop: int) -> None:
        self.seed, self.start, self.stop = seed, start, stop

    def __iter__(self):
        """Yield this worker's steps."""
        torch.set_num_threads(1)
        worker = torch.utils.data.get_worker_info()
        first, stride = (worker.id, worker.num_workers) if worker else (0, 1)
        stem = filter_stem()
        with torch.no_grad():
            for step in range(self.start + first, self.stop, stride):
                episodes = draw_episodes(self.seed + step, stem, torch.device("cpu"))
                yield episodes.descriptors, episodes.labels


class Pupil(nn.Module):
    """The vision transformer with what is only needed to train it."""

    def __init__(self, stem: FilterStem) -> None:
        super().__init__()
        self.layers = CONFIG.layers
        self.vit = build_encoder(CONFIG).vit.requires_grad_(True)
        self.vit.pos_embed.requires_grad_(False)
        self.vit.patch_embed.descriptor_mean.copy_(stem.descriptor_mean)
        self.vit.patch_embed.descriptor_scale.copy_(stem.descriptor_scale)
        self.alone = nn.Linear(CONFIG.embed_dim, 1)
        self.recall = nn.Linear(CONFIG.embed_dim, DESCRIPTOR_DIM)
        # Distances become log-odds: sharpness * (distance - cut).
        self.sharpness = nn.Parameter(torch.tensor(4.0))
        self.cut = nn.Parameter(torch.tensor(0.05))

    def forward(self, descriptors: Tensor) -> Tensor:
        """Return the mean of the read blocks for descriptors `(B, N, D)`."""
        side = round(descriptors.shape[1] ** 0.5)
        tokens = self.vit.patch_embed.proj(descriptors).unflatten(1, (side, side))
        tokens = self.vit._pos_embed(tokens)
        total: Tensor | float = 0.0
        for index, block in enumerate(self.vit.blocks):
            tokens = block(tokens)
            if index in self.layers:
                total = total + tokens
        return total[:, self.vit.num_prefix_tokens :] / len(self.layers)


def losses(pupil: Pupil, descriptors: Tensor, labels: Tensor) -> dict[str, Tensor]:
    """Return the parts of the loss for one step's episodes; see `Episodes`."""
    parts, views, count, _ = descriptors.shape
    with torch.no_grad():  # half the time of a step, and the queries teach the same
        support = pupil(descriptors[:, :SUPPORT].flatten(0, 1)).unflatten(0, (parts, SUPPORT))
    known = descriptors[:, SUPPORT:].flatten(0, 1)
    tokens = pupil(known)
    distance = nearest_distance(support, tokens.unflatten(0, (parts, views - SUPPORT)))
    labels = labels[:, SUPPORT:]
    together = pupil.sharpness.exp() * (distance - pupil.cut)
    alone = pupil.alone(tokens).view(parts, views - SUPPORT, count)
    top = max(1, count // 100)
    scores = together.topk(top, dim=2).values.mean(dim=2)
    has_defect = (labels[:, GOOD:] > 0).any(dim=2)
    order = F.softplus(scores[:, :GOOD] - scores[:, GOOD:])[has_defect].mean()
    return {
        "together": balanced(together, labels),
        "alone": 0.3 * balanced(alone, labels),
        "order": 0.3 * order,
        "recall": 0.3 * F.mse_loss(pupil.recall(tokens), known),
    }


def nearest_distance(support: Tensor, queries: Tensor) -> Tensor:
    """Return 1 - cosine of each token of `(E, Q, N, C)` to its nearest support token."""
    known = F.normalize(support, dim=-1).flatten(1, 2)
    asked = F.normalize(queries, dim=-1).flatten(1, 2)
    nearest = (asked @ known.transpose(1, 2)).amax(dim=2)
    return 1 - nearest.unflatten(1, queries.shape[1:3])


def balanced(logits: Tensor, labels: Tensor) -> Tensor:
    """Return the cross entropy of defects, of normal patches and of the hardest of those."""
    is_defect = labels > 0
    # A large defect must not drown the small ones, which are harder and matter as much.
    weight = is_defect / is_defect.sum(dim=2, keepdim=True).clamp(min=1).sqrt()
    missed = (F.softplus(-logits) * weight).sum() / weight.sum().clamp(min=1e-6)
    alarms = F.softplus(logits[labels == 0])
    hardest = alarms.topk(max(1, int(HARD_SHARE * len(alarms)))).values
    return missed + 0.75 * alarms.mean() + 0.25 * hardest.mean()


@torch.no_grad()
def validate(pupil: Pupil, batches: list[Episodes]) -> float:
    """Return the token AUROC of the nearest-neighbour distance on parts never trained on."""
    distances, labels = [], []
    for episodes in batches:
        parts, views = episodes.descriptors.shape[:2]
        tokens = pupil(episodes.descriptors.flatten(0, 1))
        tokens = tokens.unflatten(0, (parts, views))
        distance = nearest_distance(tokens[:, :SUPPORT], tokens[:, SUPPORT:])
        known = episodes.labels[:, SUPPORT:]
        distances.append(distance[known >= 0])
        labels.append(known[known >= 0] > 0)
    return area_under_curve(torch.cat(distances), torch.cat(labels))


def area_under_curve(values: Tensor, is_positive: Tensor) -> float:
    """Return the probability that a positive value is above a negative one."""
    ranks = values.argsort().argsort().double()
    positives = int(is_positive.sum())
    below = ranks[is_positive].sum() - positives * (positives - 1) / 2
    return float(below / (positives * (len(values) - positives)))


def main() -> None:
    """Train, or go on training, and write the encoder."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path("runs/embedded-vit.safetensors"))
    parser.add_argument("--checkpoint", type=Path, default=Path("runs/pretrain.pt"))
    parser.add_argument("--steps", type=int, default=2000)
    parser.add_argument("--learning-rate", type=float, default=5e-4)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--workers", type=int, default=1, help="processes that draw, on a CPU")
    parser.add_argument("--save-every", type=int, default=200)
    train(parser.parse_args())


def train(options: argparse.Namespace) -> None:
    """Run the training loop."""
    device = torch.device(options.device)
    torch.manual_seed(options.seed)
    stem = filter_stem().to(device)
    pupil = Pupil(stem).to(device)
    with torch.no_grad():
        held_out = [
            draw_episodes(VALIDATION_SEED + index, stem, device)
            for index in range(VALIDATION_BATCHES)
        ]
    average = deepcopy(pupil).eval()
    decayed = [p for p in pupil.parameters() if p.requires_grad and p.ndim > 1]
    others = [p for p in pupil.parameters() if p.requires_grad and p.ndim <= 1]
    groups = [{"params": decayed, "weight_decay": 0.05}, {"params": others, "weight_decay": 0.0}]
    optimizer = torch.optim.AdamW(groups, lr=options.learning_rate, betas=(0.9, 0.98))
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, options.learning_rate, options.steps, pct_start=0.05, final_div_factor=1e3
    )
    keepers = {"pupil": pupil, "average": average, "optimizer": optimizer, "schedule": schedule}
    start = resume(options.checkpoint, keepers, device)
    print(f"step {start}: token AUROC {validate(average, held_out):.4f}", flush=True)
    began, sums = time.monotonic(), {}
    for step, (descriptors, labels) in enumerate(batches(options, stem, start), start):
        with torch.autocast(device.type, torch.bfloat16, enabled=device.type == "cuda"):
            named = losses(pupil, descriptors.to(device), labels.to(device))
        optimizer.zero_grad()
        sum(named.values()).backward()
        nn.utils.clip_grad_norm_(pupil.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        update_average(average, pupil, min(EMA_DECAY, (step + 1) / (step + 10)))
        for name, value in named.items():
            sums[name] = sums.get(name, 0.0) + value.item()
        if (step + 1) % options.save_every == 0 or step + 1 == options.steps:
            words = ", ".join(f"{n} {v / options.save_every:.3f}" for n, v in sums.items())
            quality = validate(average, held_out)
            minutes = (time.monotonic() - began) / 60
            print(
                f"step {step + 1}: token AUROC {quality:.4f}; {words}; {minutes:.1f} min",
                flush=True,
            )
            sums = {}
            save_checkpoint(options.checkpoint, keepers, step + 1)
            export(average.vit, options.out)


def batches(
    options: argparse.Namespace, stem: FilterStem, start: int
) -> Iterator[tuple[Tensor, Tensor]]:
    """Yield the episodes of every step, drawn on the GPU itself or by processes beside it."""
    if options.device != "cpu":
        with torch.no_grad():
            for step in range(start, options.steps):
                episodes = draw_episodes(options.seed + step, stem, torch.device(options.device))
                yield episodes.descriptors, episodes.labels
        return
    stream = EpisodeStream(options.seed, start, options.steps)
    yield from DataLoader(stream, batch_size=None, num_workers=options.workers, prefetch_factor=4)


@torch.no_grad()
def update_average(average: nn.Module, current: nn.Module, decay: float) -> None:
    """Move the averaged weights a little towards the current ones."""
    for mean, value in zip(average.parameters(), current.parameters(), strict=True):
        mean.lerp_(value, 1 - decay)


def save_checkpoint(path: Path, keepers: dict, step: int) -> None:
    """Write all that a resumed run needs, whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".partial")
    torch.save({"step": step, **{k: v.state_dict() for k, v in keepers.items()}}, partial)
    partial.replace(path)


def resume(path: Path, keepers: dict, device: torch.device) -> int:
    """Fill everything from a checkpoint, if there is one, and return the next step."""
    if not path.is_file():
        return 0
    stored = torch.load(path, map_location=device, weights_only=True)
    for name, keeper in keepers.items():
        keeper.load_state_dict(stored[name])
    return stored["step"]


def export(vit: nn.Module, path: Path) -> None:
    """Write the encoder as the library reads it, in 16 bits."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".partial")
    # A complete timm ViT also has a final norm, which is never read.
    width = vit.embed_dim
    state = {"norm.weight": torch.ones(width), "norm.bias": torch.zeros(width), **vit.state_dict()}
    save_file({k: v.detach().half().cpu().contiguous() for k, v in state.items()}, partial)
    partial.chmod(0o644)
    partial.replace(path)


if __name__ == "__main__":
    main()
