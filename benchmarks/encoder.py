"""How well an encoder's tokens tell defects from normal parts, with nothing trained on top.

    python benchmarks/encoder.py MVTEC_LAYOUT_FOLDER ... [--encoder NAME ...] [--weights FILE]

Every token of a test picture is compared with all tokens of the first few normal training
pictures; its cosine distance to the nearest one is its anomaly value. Pictures are squeezed to a
square of 392 pixels, or the next smaller one of whole patches. The row `untrained` is a small
plain vision transformer with random weights: what any encoder must beat. A picture's score is the
mean of its highest 1%, as in the papers; `--fraction 0.001 --border 0.05` is that of detectors on
the embedded encoder.
"""

from __future__ import annotations

import argparse
import math
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from inpformer import hub, metrics
from inpformer.datasets.mvtec import read_mvtec_folder
from inpformer.datasets.sample import Sample, load_mask
from inpformer.detector_file import choose_device
from inpformer.geometry import ImageGeometry
from inpformer.images import load_image
from inpformer.model_input import to_tensor
from inpformer.modeling.build import build_encoder, read_state_dict
from inpformer.modeling.encoder import FrozenEncoder
from inpformer.presets import EncoderConfig, encoder_preset
from inpformer.scoring import (
    PAPER_SCORE_FRACTION,
    image_score,
    resize,
    score_size,
    smooth,
)

SIDE = 392
MASK_SIZE = (256, 256)
BATCH_SIZE = 4
UNTRAINED = "untrained"
_UNTRAINED_VIT = EncoderConfig(
    name=UNTRAINED, patch_size=14, embed_dim=192, depth=12, num_heads=3, native_grid=28
)

# Pictures `(B, 3, H, W)` in [0, 1] to tokens `(B, N, C)` of a square grid, row by row.
TokensOf = Callable[[Tensor], Tensor]


@dataclass(frozen=True)
class Figures:
    """What is reached on one folder; `seconds` is the time per test picture."""

    image_auroc: float
    pixel_auroc: float
    aupro: float
    seconds: float

    @classmethod
    def of(
        cls,
        scores: Sequence[float],
        maps: Sequence[np.ndarray],
        samples: Sequence[Sample],
        seconds: float,
    ) -> Figures:
        """Compare scores and maps of test pictures with what is known of them."""
        masks = [
            mask_at(sample.mask_path, values.shape)
            for sample, values in zip(samples, maps, strict=True)
        ]
        return cls(
            metrics.image_auroc(scores, [sample.is_anomalous for sample in samples]),
            metrics.pixel_auroc(maps, masks),
            metrics.aupro(maps, masks),
            seconds,
        )


def main() -> None:
    options = parse_options()
    device = choose_device(options.device)
    encoders = {name: load_encoder(name, options.weights) for name in options.encoder}
    names = " | ".join(folder.name for folder in options.folders)
    print("Image AUROC / pixel AUROC / AUPRO, seconds per picture\n")
    print(f"| encoder | {names} |\n|---|{'---|' * len(options.folders)}")
    for name, encoder in encoders.items():
        encoder.to(device)
        cells = []
        for folder in options.folders:
            side = SIDE - SIDE % encoder.patch_size
            counted = options.fraction, options.border
            figures = evaluate(mean_tokens(encoder), folder, options.shots, side, device, counted)
            cells.append(
                f"{figures.image_auroc:.3f} / {figures.pixel_auroc:.3f} / {figures.aupro:.3f}, "
                f"{figures.seconds:.2f} s"
            )
        print(f"| {name} | {' | '.join(cells)} |", flush=True)


def parse_options() -> argparse.Namespace:
    parser = encoder_parser(__doc__)
    parser.add_argument("--fraction", type=float, default=PAPER_SCORE_FRACTION)
    parser.add_argument("--border", type=float, default=0.0)
    options = parser.parse_args()
    options.encoder = options.encoder or ["embedded", UNTRAINED]
    return options


def encoder_parser(description: str) -> argparse.ArgumentParser:
    """Return a parser of what every measurement of encoders on folders asks for."""
    parser = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folders", nargs="+", type=Path, help="objects in the layout of MVTec AD")
    parser.add_argument(
        "--encoder", action="append", help=f"a preset, or {UNTRAINED}; repeat for more rows"
    )
    parser.add_argument("--weights", type=Path, help="file with the weights of the encoder")
    parser.add_argument("--shots", type=int, default=4, help="normal pictures to learn from")
    parser.add_argument("--device", default="auto")
    return parser


def encoder_config(name: str) -> EncoderConfig:
    """Return the preset called `name`, or the plain transformer for `untrained`.

    Raises:
        ConfigError: There is no such preset.
    """
    return _UNTRAINED_VIT if name == UNTRAINED else encoder_preset(name)


def load_encoder(name: str, weights: Path | None = None) -> FrozenEncoder:
    """Build the preset called `name` with its weights, or `untrained`.

    Raises:
        UserError: There is no such preset, or its weights are nowhere.
    """
    preset = encoder_config(name)
    if name == UNTRAINED:
        return build_encoder(preset)
    found = hub.find_encoder_weights(preset, weights)
    print(found.reason, file=sys.stderr)
    state = None if found.path is None else read_state_dict(found.path)
    return build_encoder(preset, state, f"'{weights or preset.name}'")


def mean_tokens(encoder: FrozenEncoder) -> TokensOf:
    """Return a function that gives the mean of all blocks an encoder reads."""
    return lambda images: torch.stack(encoder(images)).mean(dim=0)


def evaluate(
    tokens_of: TokensOf,
    folder: Path,
    shots: int = 4,
    side: int = 392,
    device: torch.device | str = "cpu",
    counted: tuple[float, float] = (PAPER_SCORE_FRACTION, 0.0),
) -> Figures:
    """Measure an encoder on all test pictures of a folder in MVTec layout.

    Args:
        tokens_of: The encoder.
        folder: One object.
        shots: Normal pictures compared with: the first ones of `train/good`.
        side: Pictures are squeezed to a square of this many pixels.
        device: Where the encoder is.
        counted: Share of the pixels and border, see `image_score`.
    """
    samples = read_mvtec_folder(folder)
    tests = [sample for sample in samples if sample.split == "test"]
    normal_paths = [sample.path for sample in samples if sample.split == "train"][:shots]
    normal = torch.stack([squeeze(load_image(path), side) for path in normal_paths]).to(device)
    pictures = (squeeze(load_image(sample.path), side).to(device) for sample in tests)
    started = time.perf_counter()
    with torch.inference_mode():
        maps = torch.stack(list(nearest_neighbour_maps(tokens_of, normal, pictures)))
        scores = image_score(maps, *counted)
    seconds = (time.perf_counter() - started) / len(tests)
    return Figures.of(scores.numpy(), resize(maps, MASK_SIZE).numpy(), tests, seconds)


def nearest_neighbour_maps(
    tokens_of: TokensOf, normal: Tensor, pictures: Iterable[Tensor]
) -> Iterable[Tensor]:
    """Yield a map `(h, w)` on the CPU for each picture `(3, H, W)`, see `nearest_map`.

    Args:
        tokens_of: The encoder.
        normal: Normal pictures `(S, 3, H, W)` in [0, 1].
        pictures: Square pictures of the same size, one after another.
    """
    bank = torch.cat([tokens_of(image[None]).flatten(0, 1) for image in normal])
    batch: list[Tensor] = []
    for picture in pictures:
        batch.append(picture)
        if len(batch) == BATCH_SIZE:
            yield from _square_maps(tokens_of, batch, bank)
            batch = []
    if batch:
        yield from _square_maps(tokens_of, batch, bank)


def _square_maps(tokens_of: TokensOf, pictures: list[Tensor], bank: Tensor) -> Tensor:
    tokens = tokens_of(torch.stack(pictures))
    side = math.isqrt(tokens.shape[1])
    return nearest_map(tokens, (side, side), bank, tuple(pictures[0].shape[-2:])).cpu()


def nearest_map(
    tokens: Tensor,
    grid_size: tuple[int, int],
    normal_tokens: Tensor,
    input_size: tuple[int, int],
) -> Tensor:
    """Return the cosine distance of each token to its nearest normal one, as smoothed maps.

    Args:
        tokens: `(B, N, C)`, row by row.
        grid_size: Rows and columns; N = rows * columns.
        normal_tokens: `(T, C)`.
        input_size: `(h, w)` of what the encoder saw, in model pixels.

    Returns:
        `(B, h, w)`, see `score_size`; 392 x 392 give 256 x 256.
    """
    similarity = F.normalize(tokens, dim=-1) @ F.normalize(normal_tokens, dim=-1).T
    distance = 1 - similarity.amax(dim=-1)
    return smooth(resize(distance.unflatten(1, grid_size), score_size(input_size)))


def squeeze(image: np.ndarray, side: int) -> Tensor:
    """Return a whole picture as a square `(3, side, side)` in [0, 1], whatever its aspect."""
    box = (0, 0, side, side)
    return to_tensor(image, ImageGeometry(image.shape[:2], (side, side), box, side, "full"))


def mask_at(path: Path | None, size: tuple[int, int]) -> np.ndarray:
    """Return a mask `(h, w)` bool by nearest pixel; all False where there is none."""
    if path is None:
        return np.zeros(size, bool)
    mask = load_mask(path).astype(np.uint8)
    return cv2.resize(mask, size[::-1], interpolation=cv2.INTER_NEAREST_EXACT) > 0


if __name__ == "__main__":
    main()
