"""A detector as one ONNX file, which needs neither torch nor this program to give verdicts."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch

from inpformer.engine import LOW_TOLERANCE, agreement_picture, require_cpu, require_onnx
from inpformer.errors import UserError
from inpformer.files import check_folder, make_folder, replacing
from inpformer.geometry import ImageGeometry
from inpformer.images import check_image
from inpformer.model_input import geometry_of_size, tile_layout
from inpformer.modeling.encoder import border_between
from inpformer.modeling.inp_extractor import INPExtractor
from inpformer.prediction import maps_and_scores, run_model
from inpformer.scoring import border_weights, score_size, top_count
from inpformer.version import __version__

if TYPE_CHECKING:
    from inpformer.detector import AnomalyDetector

DEFAULT_SIZE = (512, 512)
# Of maps, as a share of their range. Pictures are resized by other code than Pillow's, which
# rounds a pixel in a hundred to the next of 256 levels. That shows in single pixels of a map, where
# a token that lies between two remembered ones takes the spread of the other: they do not count,
# unless the score, which is the mean of the highest, moves by as much.
TOLERANCE = 0.05
_COUNTED_SHARE = 0.99
_DRAWN_PICTURES = 3
_TINY = 1e-12


@dataclass(frozen=True)
class ExportCheck:
    """How a written file compares with its detector; their verdicts are the same.

    Attributes:
        picture_count: Pictures that both looked at.
        map_difference: Largest difference of a map, as a share of its range, but for the hundredth
            of its pixels that differ most.
        score_difference: Largest difference of an image score, as a share of the threshold.
    """

    picture_count: int
    map_difference: float
    score_difference: float


def export_onnx(
    detector: AnomalyDetector,
    path: str | Path,
    picture_size: tuple[int, int] = DEFAULT_SIZE,
    int8: bool = False,
    check_images: Sequence[np.ndarray] = (),
) -> ExportCheck:
    """Write a detector to an ONNX file, and see that it gives the same verdicts.

    The file takes `image`, `(H, W, 3)` uint8 RGB, and gives `anomaly_map` `(h, w)`, `image_score`,
    `threshold`, `is_anomalous` and `confidence`, see `AnomalyResult`. It says what it is in its
    metadata, as JSON under `inpformer`.

    Args:
        detector: A fitted one.
        path: Where to; a file there is replaced if the new one is right.
        picture_size: `(H, W)` of the pictures it is for. Only the aspect matters: pictures of
            another one are squeezed to it.
        int8: Whether large products are taken in 8 bits, see `AnomalyDetector.with_engine`.
        check_images: Pictures `(H, W, 3)` uint8 RGB to compare on; none takes drawn ones.

    Raises:
        UserError: This detector cannot be exported, ONNX Runtime is not installed, the file
            cannot be written, or it does not agree with the detector, and is not kept.
    """
    _require_exportable(detector, picture_size)
    path = Path(path)
    check_export_target(path)
    name = "benchmark" if detector.provenance.geometry == "benchmark" else "full"
    geometry = geometry_of_size(picture_size, name, detector.config.encoder)
    images = [check_image(image) for image in check_images]
    images = images or [agreement_picture(seed) for seed in range(_DRAWN_PICTURES)]
    with torch.no_grad():
        content = _write_graph(detector, geometry, int8)
    make_folder(path.parent)
    with replacing(path) as partial:
        partial.write_bytes(content)
        return _check(partial, detector, geometry, images, LOW_TOLERANCE if int8 else TOLERANCE)


def check_export_target(path: Path) -> None:
    """See that a file can be written at `path`, before the work is done.

    Raises:
        UserError: It has another ending, or the folder cannot be written to.
    """
    if path.suffix != ".onnx":
        raise UserError(f"An ONNX file must end in .onnx, and '{path.name}' does not.")
    check_folder(path.parent)


def _require_exportable(detector: AnomalyDetector, picture_size: tuple[int, int]) -> None:
    require_onnx()
    require_cpu(detector)
    if detector.calibration is None:
        raise UserError(
            "This detector has no threshold, so its file could give no verdict: fit it to normal "
            "pictures first."
        )
    if not isinstance(detector.model.inp_extractor, INPExtractor):
        raise UserError(
            "Prototypes without training are found by clustering, which an ONNX file cannot hold: "
            "fit a detector of the variant inp-former or inp-former++."
        )
    empty = np.zeros((*picture_size, 3), np.uint8)
    layout = tile_layout(empty, detector.provenance.tiles, detector.config.encoder)
    if layout is not None:
        raise UserError(
            f"This detector looks at tiles of {layout[0]}x{layout[1]}, and an ONNX file sees "
            "pictures whole: fit it to whole pictures."
        )


def _write_graph(detector: AnomalyDetector, geometry: ImageGeometry, int8: bool) -> bytes:
    """Return the content of the file."""
    # Late, for they bring onnx, which need not be installed.
    from inpformer.onnx_graph import GraphBuilder
    from inpformer.onnx_layers import LayerWriter, write_fused, write_network
    from inpformer.onnx_maps import MapWriter, write_verdict
    from inpformer.onnx_tokens import write_input, write_normalised, write_tokens

    model, config, name = detector.model, detector.config, detector.map_names[0]
    scale = detector.calibration.scales[name]
    height, width = score_size(geometry.input_size)
    graph = GraphBuilder()
    images = write_input(graph, "image", geometry)
    writer, encoder, grid_size = LayerWriter(graph, int8), model.encoder, geometry.grid_size
    scaled = write_normalised(graph, images, encoder)
    tokens = write_tokens(graph, scaled, encoder, grid_size)
    parts = write_network(writer, tokens, model, name != "distance")
    if model.looks_between and name == "fused":
        padded = graph.pad(scaled, *border_between(encoder.patch_size))
        between = write_tokens(graph, padded, encoder, tuple(side + 1 for side in grid_size))
        parts["between"] = write_fused(writer, between, model)
    maps = MapWriter(graph, model, config, detector.calibration, geometry).write(name, parts)
    count = top_count(height * width, config.score_fraction)
    graph.name(graph.reshape(maps, height, width), "anomaly_map")
    border = config.score_border
    weights = border_weights((height, width), border) if border else None
    for output, value in write_verdict(graph, maps, weights, count, scale).items():
        graph.name(value, output)
    outputs = {
        "anomaly_map": ("float32", (height, width)),
        "image_score": ("float32", ()),
        "threshold": ("float32", ()),
        "is_anomalous": ("bool", ()),
        "confidence": ("float32", ()),
    }
    facts = {
        "method": config.variant,
        "encoder": config.encoder.name,
        "map": name,
        "threshold": scale.threshold,
        "score_scale": scale.score_scale,
        "geometry": asdict(geometry),
        "int8": int8,
        "version": __version__,
        "notices": list(detector.with_engine("torch").notices),
    }
    inputs = {"image": ("uint8", ("height", "width", 3))}
    return graph.build(inputs, outputs, {"inpformer": json.dumps(facts)})


def _check(
    path: Path,
    detector: AnomalyDetector,
    geometry: ImageGeometry,
    images: Sequence[np.ndarray],
    tolerance: float,
) -> ExportCheck:
    """Compare a file with its detector.

    Raises:
        UserError: A verdict is another one, or a map differs too much.
    """
    from inpformer.onnx_network import open_session

    session, plain = open_session(path), detector.with_engine("torch")
    threshold = detector.calibration.scales[detector.map_names[0]].threshold
    map_differences, score_differences = [], []
    for image in images:
        outputs = ["anomaly_map", "image_score", "is_anomalous"]
        anomaly_map, score, is_anomalous = session.run(outputs, {"image": image})
        expected, expected_score = _look(plain, image, geometry)
        spread = max(float(expected.max() - expected.min()), _TINY)
        difference = np.quantile(np.abs(anomaly_map - expected), _COUNTED_SHARE)
        score_difference = abs(float(score) - expected_score)
        map_differences.append(float(difference) / spread)
        score_differences.append(score_difference / max(abs(threshold), _TINY))
        is_same = bool(is_anomalous) == (expected_score > threshold)
        found = max(map_differences[-1], score_difference / spread)
        if not (is_same and found <= tolerance):
            raise UserError(_disagreement(len(images), found, is_same))
    return ExportCheck(len(images), max(map_differences), max(score_differences))


def _disagreement(count: int, difference: float, is_same: bool) -> str:
    what = "differs" if is_same else "gives another verdict and differs"
    return (
        f"The ONNX file was not kept, for on one of {count} test pictures it {what} from the "
        f"detector by {difference:.2%} of the map's range. Use the detector file."
    )


def _look(
    detector: AnomalyDetector, image: np.ndarray, geometry: ImageGeometry
) -> tuple[np.ndarray, float]:
    """Return map and score of a picture that is seen as the file sees it."""
    name = detector.map_names[0]
    # A picture of another aspect is squeezed to that of the file.
    seen = replace(geometry, picture_size=image.shape[:2])
    with torch.inference_mode():
        maps, scores = maps_and_scores(detector, run_model(detector, [seen.to_input(image)]))
    return maps[name][0], scores[name][0]
