"""Measure the scale of the embedded encoder's filters on pictures that the project draws itself.

    python tools/measure_filters.py

Writes `weights/embedded.safetensors`: the mean of every filter response over made-up materials,
and the square root of its deviation, by which it is divided. Dividing by the deviation itself
would make the rarest responses as loud as the others, and measured worse.
"""

from __future__ import annotations

import argparse
import random
import sys
from pathlib import Path

import torch
from safetensors.torch import save_file

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "tools")]

from pretraining.defects import photograph  # noqa: E402
from pretraining.surfaces import world  # noqa: E402

from inpformer.files import replacing  # noqa: E402
from inpformer.modeling.build import build_encoder  # noqa: E402
from inpformer.modeling.encoder import IMAGE_MEAN, IMAGE_STD  # noqa: E402
from inpformer.presets import encoder_preset  # noqa: E402

SIZE, VIEWS = 224, 2


def main() -> None:
    """Draw, measure and write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=ROOT / "weights" / "embedded.safetensors")
    parser.add_argument("--parts", type=int, default=400, help="made-up parts to look at")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    vit = build_encoder(encoder_preset("embedded")).vit
    with torch.no_grad():
        responses = torch.cat(
            [draw_responses(vit.patch_embed, options.seed + part) for part in range(options.parts)]
        )
    stem, varies = vit.patch_embed, responses.std(dim=0) > 0
    stem.descriptor_mean.copy_(torch.where(varies, responses.mean(dim=0), 0.0))
    roots = responses.std(dim=0).sqrt()
    stem.descriptor_scale.copy_(torch.where(varies, roots, 1.0))
    width = vit.embed_dim
    # A complete timm ViT also has a final norm, which is never read.
    state = {"norm.weight": torch.ones(width), "norm.bias": torch.zeros(width), **vit.state_dict()}
    with replacing(options.out) as partial:
        save_file({key: value.contiguous() for key, value in state.items()}, partial)
        partial.chmod(0o644)
    print(f"{options.out}: {len(responses)} patches of {options.parts} made-up parts")


def draw_responses(stem: torch.nn.Module, seed: int) -> torch.Tensor:
    """Return the filter responses of all patches of one made-up part, `(N, D)`."""
    rng, generator = random.Random(seed), torch.Generator().manual_seed(seed)
    images = world(rng, generator, VIEWS, SIZE)
    photos, _ = photograph(rng, generator, images, torch.zeros(VIEWS, SIZE, SIZE))
    mean, std = (torch.tensor(values).view(3, 1, 1) for values in (IMAGE_MEAN, IMAGE_STD))
    return stem.respond((photos - mean) / std).flatten(0, 2)


if __name__ == "__main__":
    main()
