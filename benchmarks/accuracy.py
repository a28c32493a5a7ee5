"""How well a detector fitted on a few normal pictures finds defects.

    python benchmarks/accuracy.py MVTEC_LAYOUT_FOLDER ... [--encoder NAME ...] [--all-maps]

Fits on the first normal training pictures and looks at every test picture whole, as people do:
at its own aspect, with nothing cut off. Maps have the picture's size; for the pixel figures they
and the masks are brought to at most 256 pixels on the longer side.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.encoder import (
    Figures,
    encoder_config,
    encoder_parser,
    load_encoder,
    nearest_map,
)
from inpformer.changes import shrink_map
from inpformer.config import VARIANTS, ModelConfig
from inpformer.datasets.mvtec import read_mvtec_folder
from inpformer.datasets.sample import Sample
from inpformer.detector import AnomalyDetector, Provenance
from inpformer.detector_file import choose_device
from inpformer.fit_config import FitConfig
from inpformer.geometry import ImageGeometry
from inpformer.images import load_image
from inpformer.model_input import make_geometry, to_tensor
from inpformer.modeling.build import build_model
from inpformer.scoring import image_score

NEAREST = "nearest"


@dataclass(frozen=True)
class Row:
    """One line of the table; `fit_seconds` is the time until pictures can be looked at."""

    encoder: str
    folder: str
    map_name: str
    figures: Figures
    fit_seconds: float


def main() -> None:
    options = parse_options()
    settings = {
        name: value
        for name in ("variant", "seed", "steps", "tiles", "decoder_depth", "mlp_ratio")
        if (value := getattr(options, name)) is not None
    }
    print("| encoder | folder | map | image AUROC | pixel AUROC | AUPRO | s to fit | s / picture |")
    print(f"|{'---|' * 8}")
    rows: list[Row] = []
    for name in options.encoder:
        source = training_free(name, options.weights, options.device)
        config = FitConfig.for_encoder(source.config.encoder, **settings)
        of_encoder: list[Row] = []
        for folder in options.folders:
            for row in measure(source, name, folder, config, options):
                of_encoder.append(row)
                print(table_line(row), flush=True)
        if len(options.folders) > 1:
            for row in mean_rows(of_encoder):
                print(table_line(row), flush=True)
        rows += of_encoder
    if options.json:
        report = {"settings": settings, "shots": options.shots, "rows": list(map(asdict, rows))}
        options.json.write_text(json.dumps(report, indent=1) + "\n")


def parse_options() -> argparse.Namespace:
    parser = encoder_parser(__doc__)
    parser.add_argument("--variant", choices=VARIANTS)
    parser.add_argument("--steps", type=int)
    parser.add_argument("--seed", type=int)
    parser.add_argument("--decoder-depth", type=int)
    parser.add_argument("--mlp-ratio", type=float)
    parser.add_argument("--tiles", help="fit and inspect in tiles, such as 2x2")
    parser.add_argument("--all-maps", action="store_true", help="a row for every map")
    parser.add_argument(
        "--nearest", action="store_true", help="also the nearest-neighbour test on the same tokens"
    )
    parser.add_argument("--json", type=Path, help="file to write the figures to")
    options = parser.parse_args()
    if options.json and not options.json.parent.is_dir():
        parser.error(f"there is no folder '{options.json.parent}' to write the figures to")
    options.encoder = options.encoder or ["embedded"]
    return options


def training_free(name: str, weights: Path | None, device: str) -> AnomalyDetector:
    """Return the detector to fit from, on the encoder called `name` or `untrained`."""
    config = ModelConfig.for_encoder(encoder_config(name), variant="training-free")
    model = build_model(config, load_encoder(name, weights)).to(choose_device(device))
    return AnomalyDetector(model, config, Provenance("path", f"benchmark of {name}"))


def measure(
    source: AnomalyDetector,
    encoder_name: str,
    folder: Path,
    config: FitConfig,
    options: argparse.Namespace,
) -> Iterator[Row]:
    """Fit on one folder, look at its test pictures, and yield a row for each map wanted."""
    samples = read_mvtec_folder(folder)
    tests = [sample for sample in samples if sample.split == "test"]
    normal = [sample.path for sample in samples if sample.split == "train"][: options.shots]
    shots = [load_image(path) for path in normal]
    started = time.perf_counter()
    fitted = source.fit(shots, config)
    fit_seconds = time.perf_counter() - started
    names = fitted.config.map_names if options.all_maps else fitted.config.map_names[:1]
    for name, figures in detector_figures(fitted, tests, names).items():
        yield Row(encoder_name, folder.name, name, figures, fit_seconds)
    if options.nearest:
        started = time.perf_counter()
        bank = torch.cat([tokens_of(source, image)[0][0] for image in shots])
        bank_seconds = time.perf_counter() - started
        figures = nearest_figures(source, bank, tests)
        yield Row(encoder_name, folder.name, NEAREST, figures, bank_seconds)


def detector_figures(
    fitted: AnomalyDetector, tests: Sequence[Sample], names: Sequence[str]
) -> dict[str, Figures]:
    """Look at every test picture and measure the maps called `names`."""
    scores: dict[str, list[float]] = {name: [] for name in names}
    maps: dict[str, list[np.ndarray]] = {name: [] for name in names}
    seconds = 0.0
    for result in fitted.predict_many(sample.path for sample in tests):
        seconds += result.seconds / len(tests)
        for name in names:
            scores[name].append(result.scores[name])
            maps[name].append(shrink_map(result.map(name)))
    return {name: Figures.of(scores[name], maps[name], tests, seconds) for name in names}


def nearest_figures(
    source: AnomalyDetector, bank: torch.Tensor, tests: Sequence[Sample]
) -> Figures:
    """Measure the distance to the nearest normal token, on the tokens the detector sees."""
    scores, maps, seconds = [], [], 0.0
    for sample in tests:
        image = load_image(sample.path)
        started = time.perf_counter()
        tokens, geometry = tokens_of(source, image)
        values = nearest_map(tokens, geometry.grid_size, bank, geometry.input_size)
        scores.append(float(image_score(values)[0]))
        seconds += (time.perf_counter() - started) / len(tests)
        maps.append(shrink_map(geometry.to_picture(values[0].cpu().numpy())))
    return Figures.of(scores, maps, tests, seconds)


@torch.inference_mode()
def tokens_of(source: AnomalyDetector, image: np.ndarray) -> tuple[torch.Tensor, ImageGeometry]:
    """Return fused tokens `(1, N, C)` of a whole picture, and how it was seen."""
    geometry = make_geometry(image, "full", source.config.encoder)
    encoded = source.model.encode(to_tensor(image, geometry).to(source.device)[None])
    return encoded.fused_tokens, geometry


def mean_rows(rows: Sequence[Row]) -> list[Row]:
    """Return the mean over folders for each map."""
    means = []
    for name in dict.fromkeys(row.map_name for row in rows):
        of_map = [row for row in rows if row.map_name == name]
        columns = zip(*(asdict(row.figures).values() for row in of_map), strict=True)
        figures = Figures(*(sum(column) / len(of_map) for column in columns))
        fit_seconds = sum(row.fit_seconds for row in of_map) / len(of_map)
        means.append(Row(rows[0].encoder, "mean", name, figures, fit_seconds))
    return means


def table_line(row: Row) -> str:
    figures = row.figures
    values = f"{figures.image_auroc:.3f} | {figures.pixel_auroc:.3f} | {figures.aupro:.3f}"
    times = f"{row.fit_seconds:.1f} | {figures.seconds:.2f}"
    return f"| {row.encoder} | {row.folder} | {row.map_name} | {values} | {times} |"


if __name__ == "__main__":
    main()
