"""Find weights: a given file, the `weights/` folders, the Hub cache, then the Hugging Face Hub."""

from __future__ import annotations

import logging
import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from inpformer.config import UNTRAINED_NOTICE
from inpformer.errors import WeightsError
from inpformer.hub_calls import HUB_PAGES
from inpformer.hub_download import download, find_in_cache, is_whole
from inpformer.hub_problems import HubProblemError
from inpformer.places import WEIGHTS as PACKAGE_WEIGHTS
from inpformer.presets import ENCODER_PRESETS, EncoderConfig, encoder_preset
from inpformer.settings import value_of

logger = logging.getLogger(__name__)

HUB_FILE = "model.safetensors"


_HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]{0,95}/[A-Za-z0-9_][\w.-]{0,95}", re.ASCII)
_FILE_ENDING = re.compile(r"\.(safetensors|pth|pt|ckpt|bin|onnx|npz|json|zip|git)$", re.IGNORECASE)


@dataclass(frozen=True)
class FoundWeights:
    """Where the weights of an encoder are.

    Attributes:
        path: The file; None for an untrained encoder.
        origin: The place it was found in.
        reason: What was chosen and why, for people.
    """

    path: Path | None
    origin: Literal["path", "weights", "cache", "hub", "untrained"]
    reason: str


def find_encoder_weights(
    preset: EncoderConfig, path: str | Path | None = None, *, allow_download: bool = True
) -> FoundWeights:
    """Look for the weights of an encoder, nearest place first.

    Args:
        preset: Which encoder. One without a `timm_name` is never looked for on the Hub, and is
            used untrained where it has no file.
        path: A file to take instead of looking.
        allow_download: Whether the Hub may be asked; its cache is used in any case.

    Raises:
        WeightsError: There are none, or the file is damaged; the message says how to bring them.
    """
    label = _label(preset)
    if path is not None:
        path = Path(path).expanduser()
        if not path.is_file():
            raise WeightsError(
                f"There is no weights file at '{path}'. Check the path, or leave it out to have "
                "the weights looked for."
            )
        return FoundWeights(_whole(path), "path", f"{label}, from the file '{path}'.")
    local = _find_in_folders(preset.file_names)
    if local is not None:
        reason = f"{label}, from the folder {_shown(local.parent)}."
        return FoundWeights(_whole(local), "weights", reason)
    if not preset.timm_name:
        reason = f"{label} has no weights in {_places()} and runs as an {UNTRAINED_NOTICE}."
        return FoundWeights(None, "untrained", reason)
    return _find_on_hub(preset, allow_download)


def find_auto_encoder(prefer: str) -> tuple[EncoderConfig, FoundWeights]:
    """Find the encoder called `prefer`, or else the embedded one, and say why.

    Raises:
        ConfigError: No preset is called `prefer`.
        WeightsError: The weights of the embedded encoder are damaged.
    """
    preset = encoder_preset(prefer)
    try:
        found = find_encoder_weights(preset)
    except WeightsError as error:
        preset = ENCODER_PRESETS["embedded"]
        found = find_encoder_weights(preset)
        found = replace(found, reason=f"{found.reason} {error}")
    logger.info("Encoder: %s", found.reason)
    return preset, found


def looks_like_hub_id(text: str) -> bool:
    """Whether `text` can be a repository `user/name` on the Hub, rather than a path."""
    if "--" in text or ".." in text or _FILE_ENDING.search(text):
        return False
    return _HUB_ID.fullmatch(text) is not None


def weights_folders() -> list[Path]:
    """List the folders that are searched for weights, first one first."""
    named = value_of("INPFORMER_WEIGHTS")
    folders = [named] if named else []
    folders += [Path("weights"), PACKAGE_WEIGHTS]
    return list(dict.fromkeys(folder.resolve() for folder in folders))


def _find_in_folders(names: tuple[str, ...]) -> Path | None:
    candidates = (folder / name for folder in weights_folders() for name in names)
    return next((path for path in candidates if path.is_file()), None)


def _find_on_hub(preset: EncoderConfig, allow_download: bool) -> FoundWeights:
    label, repo_id = _label(preset), f"timm/{preset.timm_name}"
    cached = find_in_cache(repo_id, HUB_FILE)
    if cached is not None:
        return FoundWeights(cached, "cache", f"{label}, from the Hub cache ({repo_id}).")
    try:
        if not allow_download:
            raise HubProblemError("downloads are switched off")
        path = download(repo_id, HUB_FILE)
    except HubProblemError as problem:
        name = next(iter(preset.file_names), HUB_FILE)
        raise WeightsError(
            f"The weights of {label} are not in {_places()} or the Hub cache, and could not be "
            f"downloaded: {problem}. To bring them by hand, download {HUB_FILE} from "
            f"{HUB_PAGES}/{repo_id} and save it as weights/{name}, or as {name} in a folder named "
            "by INPFORMER_WEIGHTS."
        ) from problem
    return FoundWeights(path, "hub", f"{label}, downloaded from the Hugging Face Hub ({repo_id}).")


def _whole(path: Path) -> Path:
    if not is_whole(path):
        raise WeightsError(
            f"'{path}' is damaged, cut short or not readable. Copy or download it again."
        )
    return path


def _label(preset: EncoderConfig) -> str:
    if not preset.timm_name:
        return f"The {preset.name} encoder"
    return preset.name.replace("dino", "DINO").replace("-", " ")


def _places() -> str:
    return ", ".join(_shown(folder) for folder in weights_folders())


def _shown(folder: Path) -> str:
    try:
        return f"{folder.relative_to(Path.cwd()).as_posix()}/"
    except ValueError:
        return str(folder)
