"""Detectors as files: one safetensors file with heads, config, thresholds and the encoder's id."""

from __future__ import annotations

import hashlib
import json
import logging
import math
from copy import deepcopy
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from safetensors import safe_open
from torch import Tensor

from inpformer import hub
from inpformer.config import ModelConfig
from inpformer.config_table import from_dict
from inpformer.errors import ConfigError, UserError, WeightsError
from inpformer.files import check_folder, make_folder
from inpformer.modeling.build import (
    ALWAYS_BUILT,
    build_encoder,
    build_model,
    check_room,
    check_trained_state,
    encoder_fingerprint,
    load_strictly,
    load_trained_state,
    read_state_dict,
    trained_state,
)
from inpformer.modeling.encoder import FrozenEncoder
from inpformer.official import import_official
from inpformer.presets import ENCODER_PRESETS, EncoderConfig, encoder_preset
from inpformer.scales import Calibration
from inpformer.sharing.look import preset_name
from inpformer.sharing.pull import pull
from inpformer.sharing.records import RepoAddress
from inpformer.tensor_files import save_tensors
from inpformer.version import DETECTOR_FORMAT as FORMAT
from inpformer.version import __version__

if TYPE_CHECKING:
    from inpformer.detector import AnomalyDetector

logger = logging.getLogger(__name__)

_ENCODER_PREFIX = "encoder.vit."


def load_detector(
    source: str | Path, device: str = "auto", weights: str | Path | None = None
) -> AnomalyDetector:
    """Load a detector from a preset, a file or the Hub; see `AnomalyDetector.load`."""
    target = choose_device(device)
    text = str(source)
    address = hub_address(source)
    if address is not None and address.revision is None:
        text = preset_name(address) or text
    if text == "auto":
        preferred = "dinov2-base" if target.type == "cuda" else "dinov2-small"
        if weights is None:
            return _training_free(*hub.find_auto_encoder(preferred), target)
        text = preferred
    if text in ENCODER_PRESETS:
        preset = encoder_preset(text)
        found = hub.find_encoder_weights(preset, weights)
        logger.info("Encoder: %s", found.reason)
        return _training_free(preset, found, target)
    path = Path(source)
    if path.exists() or path.suffix in (".safetensors", ".pth", ".pt"):
        return read_detector(path, target, weights)
    if address is not None:
        pulled = pull(address)
        logger.info("%s, revision %s. %s", address, pulled.look.revision, pulled.look.note)
        if pulled.look.kind == "encoder":
            return load_detector(pulled.look.encoder, device, pulled.path)
        return read_detector(pulled.path, target, weights)
    known = ", ".join(ENCODER_PRESETS)
    raise ConfigError(
        f"'{text}' is neither a detector file, a Hub id (user/repo, or user/repo@revision), nor an "
        f"encoder. The encoders are: auto, {known}."
    )


def hub_address(source: str | Path) -> RepoAddress | None:
    """Return what `user/repo` or `user/repo@revision` means; None for files and other names."""
    if Path(source).exists():
        return None
    try:
        return RepoAddress.parse(source if isinstance(source, str) else source.as_posix())
    except UserError:
        return None


def save_detector(
    detector: AnomalyDetector, path: Path, bundle_encoder: bool = False, half: bool = False
) -> Path:
    """Write a detector; see `AnomalyDetector.save`."""
    model, encoder = detector.model, detector.config.encoder
    stored_encoder = model.encoder
    # An encoder that has no name of its own is found nowhere else again.
    bundle_encoder = bundle_encoder or not (encoder.timm_name or encoder.file_names)
    tensors = _to_store(trained_state(model), half)
    if bundle_encoder:
        encoder_state = _to_store(model.encoder.vit.state_dict(), half)
        tensors |= {_ENCODER_PREFIX + key: value for key, value in encoder_state.items()}
        if half:
            # The fingerprint must be that of the rounded numbers, which are what will be loaded.
            stored_encoder = deepcopy(model.encoder)
            stored_encoder.vit.load_state_dict(encoder_state)
    header = {
        "format": FORMAT,
        "version": __version__,
        **describe_detector(detector),
        "encoder_fingerprint": encoder_fingerprint(stored_encoder),
        "encoder_bundled": bundle_encoder,
        "half": half,
    }
    # safetensors cannot hold a file without tensors, which a training-free detector would be.
    tensors = tensors or {"empty": torch.zeros(1)}
    check_target(path)
    make_folder(path.parent)
    save_tensors(path, tensors, header)
    return path


def describe_detector(detector: AnomalyDetector) -> dict[str, Any]:
    """Return what a detector is, in plain types: all of it but the trained numbers."""
    calibration = detector.calibration
    return {
        "model": asdict(detector.config),
        "calibration": None if calibration is None else asdict(calibration),
        # How the encoder was found here, with paths of this machine, is nobody else's business.
        "provenance": asdict(replace(detector.provenance, encoder_reason="")),
        "encoder_fingerprint": encoder_fingerprint(detector.model.encoder),
    }


def fingerprint(detector: AnomalyDetector) -> str:
    """Return a hash of a detector's trained numbers; two with the same one see alike."""
    digest = hashlib.sha256(encoder_fingerprint(detector.model.encoder).encode())
    for name, values in sorted(trained_state(detector.model).items()):
        digest.update(name.encode())
        digest.update(values.float().cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()


def read_detector(
    path: Path,
    device: torch.device,
    weights: str | Path | None = None,
    encoder: FrozenEncoder | None = None,
) -> AnomalyDetector:
    """Read a detector file strictly, with its encoder from the file or from the usual places.

    Args:
        path: The file.
        device: Where the network is to be.
        weights: File with the encoder's weights; None looks in the usual places.
        encoder: One in memory, taken instead of looking where the file has none.

    Raises:
        WeightsError: The file is missing, damaged, incomplete, no detector, or its encoder's
            weights are not those it was fitted with.
    """
    from inpformer.detector import AnomalyDetector, Provenance

    header, tensors = _read_file(path)
    try:
        config: ModelConfig = from_dict(ModelConfig, _completed(header["model"]))
        stored = header["calibration"]
        calibration = None if stored is None else from_dict(Calibration, stored)
        provenance: Provenance = from_dict(Provenance, header["provenance"])
        fingerprint, bundled = header["encoder_fingerprint"], header["encoder_bundled"]
        _check_known(config.encoder)
    except (KeyError, TypeError, ValueError, AttributeError, ConfigError) as error:
        raise WeightsError(
            f"'{path.name}' was written by another version of this program and cannot be read: "
            f"{error}. This is version {__version__}, the file is of {header.get('version')}."
        ) from error
    encoder_state = {k: tensors.pop(k) for k in list(tensors) if k.startswith(_ENCODER_PREFIX)}
    tensors.pop("empty", None)
    check_trained_state(config, tensors, f"'{path.name}'")
    _check_scales(config, calibration, path.name)
    if bundled:
        check_room(config.encoder, encoder_state, f"'{path.name}'")
        encoder = build_encoder(config.encoder)
        state = {key.removeprefix(_ENCODER_PREFIX): v for key, v in encoder_state.items()}
        load_strictly(encoder.vit, state, f"'{path.name}'")
        encoder_words = {"encoder_reason": f"{config.encoder.name}, from the detector file."}
    elif encoder is not None:
        encoder_words = {}
    else:
        found = hub.find_encoder_weights(config.encoder, weights)
        encoder = _build_found(config.encoder, found)
        encoder_words = {"encoder_origin": found.origin, "encoder_reason": found.reason}
    if encoder_fingerprint(encoder) != fingerprint:
        raise WeightsError(
            f"'{path.name}' was fitted with other weights of the encoder '{config.encoder.name}' "
            "than those found here, so its maps would be wrong. Bring the original weights, or "
            "save the detector again with its encoder bundled."
        )
    model = build_model(config, encoder)
    load_trained_state(model, tensors, f"'{path.name}'")
    provenance = Provenance(**{**vars(provenance), **encoder_words})
    return AnomalyDetector(model.to(device), config, provenance, calibration)


def _check_known(encoder: EncoderConfig) -> None:
    """See that only networks of timm's that we know are built, however large others are."""
    sizes = ("timm_name", "embed_dim", "depth", "num_heads", "patch_size")
    known = [[getattr(each, size) for size in sizes] for each in ENCODER_PRESETS.values()]
    if encoder.timm_name and [getattr(encoder, size) for size in sizes] not in known:
        raise ConfigError(f"it stands on '{encoder.timm_name}', which this program does not know")


def _check_scales(config: ModelConfig, calibration: Calibration | None, name: str) -> None:
    if calibration is None:
        return
    scales = [calibration.scales.get(each) for each in config.map_names]
    values = [
        *(value for scale in scales if scale is not None for value in vars(scale).values()),
        *(value for value in vars(calibration).values() if isinstance(value, (int, float))),
    ]
    is_whole = calibration.shot_count >= 0 and all(
        scale is not None and scale.score_scale > 0 for scale in scales
    )
    if not is_whole or not all(math.isfinite(value) for value in values):
        raise WeightsError(
            f"'{name}' is damaged: its thresholds are missing or are no numbers. Copy it again."
        )


def _completed(model: dict[str, Any]) -> dict[str, Any]:
    """Add what files of earlier versions do not say and the encoder's preset does."""
    encoder = model["encoder"]
    preset = ENCODER_PRESETS.get(str(encoder["name"]))
    if preset is None:
        return model
    return {**model, "encoder": {"distance_range": preset.distance_range, **encoder}}


def read_header(path: Path) -> dict[str, Any]:
    """Return what a detector file says about itself, without loading its model.

    Raises:
        WeightsError: The file is missing, damaged, or no detector.
    """
    header, tensors = _read_file(path)
    parameters = sum(value.numel() for value in tensors.values())
    return {**header, "stored_parameters": parameters, "bytes": path.stat().st_size}


def import_official_detector(path: Path) -> AnomalyDetector:
    """Turn an official INP-Former checkpoint into a detector with its encoder inside.

    Raises:
        WeightsError: The file is damaged, incomplete, or something else.
    """
    from inpformer.detector import AnomalyDetector, Provenance

    config, model = import_official(path)
    provenance = Provenance(
        encoder_origin="bundled",
        encoder_reason=f"{config.encoder.name}, from the official checkpoint '{path.name}'.",
        source=path.name,
    )
    return AnomalyDetector(model, config, provenance)


def choose_device(name: str) -> torch.device:
    """Return the device called `name`; `auto` takes the fastest there is.

    Raises:
        ConfigError: There is no such device.
    """
    if name == "auto":
        if torch.cuda.is_available():
            return torch.device("cuda")
        return torch.device("mps" if torch.backends.mps.is_available() else "cpu")
    try:
        device = torch.device(name)
        torch.zeros(1, device=device)
    except (RuntimeError, AssertionError) as error:
        raise ConfigError(
            f"There is no device '{name}' on this machine. Use 'auto' or 'cpu'."
        ) from error
    return device


def _training_free(
    preset: EncoderConfig, found: hub.FoundWeights, device: torch.device
) -> AnomalyDetector:
    from inpformer.detector import AnomalyDetector, Provenance

    config = ModelConfig.for_encoder(preset, variant="training-free")
    model = build_model(config, _build_found(preset, found))
    provenance = Provenance(encoder_origin=found.origin, encoder_reason=found.reason)
    return AnomalyDetector(model.to(device), config, provenance)


def _build_found(preset: EncoderConfig, found: hub.FoundWeights) -> FrozenEncoder:
    if found.path is None:
        if preset.least_numbers > ALWAYS_BUILT:
            raise WeightsError(
                f"There are no weights of the encoder '{preset.name}' here, and it is too large to "
                "be tried without."
            )
        return build_encoder(preset)
    return build_encoder(preset, read_state_dict(found.path), f"'{found.path.name}'")


def _to_store(state: dict[str, Tensor], half: bool) -> dict[str, Tensor]:
    values = {key: value.detach().cpu().contiguous() for key, value in state.items()}
    return {key: _halve(value) for key, value in values.items()} if half else values


def _halve(value: Tensor) -> Tensor:
    """Round floats to 16 bits, unless a number is too large for them."""
    if not value.is_floating_point():
        return value
    rounded = value.half()
    return rounded if rounded.isfinite().all() else value


def _read_file(path: Path) -> tuple[dict[str, Any], dict[str, Tensor]]:
    if not path.is_file():
        raise WeightsError(f"There is no detector file at '{path}'.")
    if path.suffix in (".pth", ".pt", ".ckpt", ".pkl"):
        raise WeightsError(
            f"'{path.name}' is a PyTorch checkpoint, not a detector file. If it is an official "
            "INP-Former checkpoint, convert it: inpformer import-official CKPT -o FILE."
        )
    try:
        with safe_open(path, framework="pt") as file:
            header = json.loads((file.metadata() or {}).get("inpformer", "null"))
            tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
    except Exception as error:  # damaged files make readers raise anything
        raise WeightsError(
            f"'{path.name}' is damaged, cut short, or no safetensors file. Copy it again."
        ) from error
    found = header.get("format") if isinstance(header, dict) else None
    if found != FORMAT and str(found).startswith(FORMAT.rstrip("0123456789")):
        raise WeightsError(
            f"'{path.name}' was saved by another version of this program ({found}); this one "
            f"reads {FORMAT}. Update the program, or save the detector again with this version."
        )
    if found != FORMAT:
        raise WeightsError(
            f"'{path.name}' is a safetensors file, but no detector saved by this program."
        )
    return header, tensors


def check_target(path: Path) -> None:
    """See that a detector can be saved at `path`, before the work is done.

    Raises:
        UserError: It has another ending, or the folder cannot be written to.
    """
    if path.suffix != ".safetensors":
        raise UserError(f"A detector file must end in .safetensors, and '{path.name}' does not.")
    if path.is_dir():
        raise UserError(f"'{path}' is a folder; give the name of a file to save the detector in.")
    check_folder(path.parent)
