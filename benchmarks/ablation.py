"""What each part of the method brings, and what the number of normal pictures does.

    python benchmarks/ablation.py --study systems MVTEC_LAYOUT_FOLDER ... --rows FILE
    python benchmarks/ablation.py --study shots MVTEC_LAYOUT_FOLDER ... --rows FILE

`systems` fits INP-Former and INP-Former++ with one part of the method changed at a time, on the
same 4 normal pictures; `shots` fits INP-Former++ as it is by default on 1, 2, 4 and 8 pictures,
drawn three times. Every fit adds its lines to FILE, so a stopped run goes on where it was; the
tables are printed from that file. INPs counts the prototypes that are nearest to at least 5% of a
picture's patches, mean over test pictures: a collapsed model has one.

Two groups of shots, not four, are left out for the thresholds: what is measured here needs only
the levels of the maps, and a fit takes half the time.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.accuracy import training_free
from benchmarks.encoder import encoder_parser, mask_at
from inpformer import metrics
from inpformer.changes import shrink_map
from inpformer.config import LossConfig
from inpformer.datasets.draws import draw_shots
from inpformer.datasets.find import open_dataset
from inpformer.datasets.sample import DataSet, Sample
from inpformer.detector import AnomalyDetector
from inpformer.fit_config import FitConfig
from inpformer.images import load_image
from inpformer.prototypes import assignment_shares

COLLAPSE_SHARE = 0.05
SHOT_COUNTS, SEEDS = (1, 2, 4, 8), (1, 2, 3)
DEFAULT = "INP-Former++ with memory (default)"
SYSTEMS = {
    "INP-Former": {"variant": "inp-former", "memory_tokens": 0},
    "INP-Former, soft coherence": {
        "variant": "inp-former",
        "memory_tokens": 0,
        "losses": LossConfig(coherence="soft", mining_branches="cosine"),
    },
    "INP-Former++": {"memory_tokens": 0},
    "INP-Former++, hard coherence": {
        "memory_tokens": 0,
        "losses": LossConfig(coherence="hard"),
    },
    "INP-Former++, no squared error": {
        "memory_tokens": 0,
        "losses": LossConfig(mining_branches="cosine"),
    },
    DEFAULT: {},
}
FIGURES = ("image_auroc", "pixel_auroc", "pixel_ap", "aupro", "inps", "fit_seconds")


@dataclass(frozen=True)
class Row:
    """What one map of one fit reaches on one folder."""

    study: str
    folder: str
    system: str
    map_name: str
    shots: int
    seed: int
    image_auroc: float
    pixel_auroc: float
    pixel_ap: float
    aupro: float
    inps: float
    fit_seconds: float


def main() -> None:
    parser = encoder_parser(__doc__)
    parser.add_argument("--rows", type=Path, required=True, help="file that keeps every line")
    parser.add_argument("--study", choices=("systems", "shots"), required=True)
    options = parser.parse_args()
    study = options.study
    (name,) = options.encoder or ["embedded"]
    source = training_free(name, options.weights, options.device)
    rows = read_rows(options.rows)
    done = {(row.study, row.folder, row.system, row.shots, row.seed) for row in rows}
    for folder in options.folders:
        for system, shots, seed in plan(study):
            if (study, folder.name, system, shots, seed) in done:
                continue
            made = list(measure(source, folder, study, (system, shots, seed)))
            with options.rows.open("a") as file:
                file.writelines(json.dumps(asdict(row)) + "\n" for row in made)
            rows += made
    print(table([row for row in rows if row.study == study], study))


def plan(study: str) -> Iterator[tuple[str, int, int]]:
    """Yield system, number of shots and seed of every fit of a study."""
    if study == "systems":
        yield from ((system, 4, 0) for system in SYSTEMS)
    else:
        yield from ((DEFAULT, shots, seed) for shots in SHOT_COUNTS for seed in SEEDS)


def measure(
    source: AnomalyDetector, folder: Path, study: str, fit: tuple[str, int, int]
) -> Iterator[Row]:
    """Fit once and yield a row for the deciding map and one for the reconstruction alone."""
    system, shots, seed = fit
    dataset = open_dataset(folder)
    chosen = choose_shots(dataset, shots, seed)
    config = FitConfig.for_encoder(
        source.config.encoder, seed=max(1, seed), calibration_folds=2, **SYSTEMS[system]
    )
    started = time.perf_counter()
    detector = source.fit([load_image(each.path) for each in chosen], config)
    seconds = time.perf_counter() - started
    tests = dataset.of(dataset.class_names[0], "test")
    results = list(zip(tests, detector.predict_many(each.path for each in tests), strict=True))
    count = detector.config.inp_count
    owners = [
        int((assignment_shares(result.inp_assignment, count) >= COLLAPSE_SHARE).sum())
        for _, result in results
    ]
    labels = [each.is_anomalous for each in tests]
    for name in dict.fromkeys((detector.config.map_names[0], "reconstruction")):
        maps = [shrink_map(result.map(name)) for _, result in results]
        masks = [mask_at(s.mask_path, m.shape) for s, m in zip(tests, maps, strict=True)]
        scores = np.array([result.scores[name] for _, result in results])
        yield Row(
            study,
            folder.name,
            system,
            name,
            shots,
            seed,
            metrics.image_auroc(scores, labels),
            metrics.pixel_auroc(maps, masks),
            metrics.pixel_ap(maps, masks),
            metrics.aupro(maps, masks),
            float(np.mean(owners)),
            seconds,
        )


def choose_shots(dataset: DataSet, count: int, seed: int) -> list[Sample]:
    """Return the first normal pictures for seed 0, else a draw that contains the smaller ones."""
    (name,) = dataset.class_names
    return draw_shots(dataset, name, count, seed) if seed else dataset.of(name, "train")[:count]


def read_rows(path: Path) -> list[Row]:
    """Return the lines that an earlier run has kept."""
    if not path.is_file():
        return []
    return [Row(**json.loads(line)) for line in path.read_text().splitlines()]


def table(rows: Sequence[Row], study: str) -> str:
    """Return mean and spread over folders (`systems`) or over draws per folder (`shots`)."""
    if study == "systems":
        keys = list(dict.fromkeys((row.system, row.map_name) for row in rows))
        groups = [("all", key, [r for r in rows if (r.system, r.map_name) == key]) for key in keys]
    else:
        keys = list(dict.fromkeys((row.folder, row.shots) for row in rows))
        fused = [row for row in rows if row.map_name == "fused"]
        groups = [
            (f, (k, ""), [r for r in fused if (r.folder, r.shots) == (f, k)]) for f, k in keys
        ]
    lines = [f"| data | fit | map | n | {' | '.join(FIGURES)} |", f"|{'---|' * 10}"]
    for folder, (name, map_name), group in groups:
        cells = [_cell([getattr(row, figure) for row in group], figure) for figure in FIGURES]
        lines.append(f"| {folder} | {name} | {map_name} | {len(group)} | {' | '.join(cells)} |")
    return "\n".join(lines)


def _cell(values: Sequence[float], figure: str) -> str:
    mean, spread = float(np.mean(values)), float(np.std(values))
    if figure == "fit_seconds":
        return f"{mean:.0f}"
    return f"{mean:.1f}" if figure == "inps" else f"{100 * mean:.1f} ± {100 * spread:.1f}"


if __name__ == "__main__":
    main()
