"""What goes to the Hub with a detector: the wish, checked, and the files in a folder."""

from __future__ import annotations

import hashlib
import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from inpformer import hub
from inpformer.errors import UserError, WeightsError
from inpformer.files import save_bytes, save_png
from inpformer.images import check_image
from inpformer.sharing.card import CardFacts, write_card
from inpformer.sharing.description import MAX_METRICS, describe, read_file_header
from inpformer.sharing.look import DESCRIPTION_FILE, DETECTOR_FILE
from inpformer.sharing.records import PushWish, RepoAddress

if TYPE_CHECKING:
    from inpformer.detector import AnomalyDetector

PICTURE_FOLDER = "pictures"
MAX_PICTURES = 12
_LONGEST = {"title": 100, "about": 5000, "metrics_on": 200}
_LICENCE = re.compile(r"[a-z0-9][a-z0-9.+-]{0,59}")


@dataclass(frozen=True)
class Parcel:
    """A folder with all files of a push but the two that name its version.

    Attributes:
        folder: Where the files lie.
        header: What the detector file says of itself.
        sha256: Of the detector file.
        byte_count: Its size.
        picture_names: Names of the pictures inside the repository.
    """

    folder: Path
    header: Mapping[str, Any]
    sha256: str
    byte_count: int
    picture_names: tuple[str, ...]

    @property
    def is_encoder_inside(self) -> bool:
        """Whether the encoder's weights are in the detector file."""
        return bool(self.header["encoder_bundled"])

    def finish(self, wish: PushWish, version: str) -> dict[str, Path]:
        """Write the card and `config.json`, and return all files by their names there."""
        description = {
            **self.header,
            "file": DETECTOR_FILE,
            "bytes": self.byte_count,
            "sha256": self.sha256,
            "metrics": dict(wish.metrics or {}),
            "metrics_on": wish.metrics_on,
        }
        text = json.dumps(description, ensure_ascii=False, indent=1, allow_nan=False)
        save_bytes(self.folder / DESCRIPTION_FILE, text.encode())
        known = describe(json.loads(text), wish.repo_id)
        facts = CardFacts(
            known, self.header, version, self.sha256, self.byte_count, self.picture_names
        )
        save_bytes(self.folder / "README.md", write_card(facts, wish).encode())
        names = (DETECTOR_FILE, DESCRIPTION_FILE, "README.md", *self.picture_names)
        return {name: self.folder / name for name in names}


def check_wish(wish: PushWish) -> PushWish:
    """Return a wish with its pictures as they are written.

    Raises:
        UserError: Something in it cannot be pushed.
    """
    address = RepoAddress.parse(wish.repo_id)
    if address.revision is not None:
        raise UserError(f"Push to {address.repo_id} without a revision; it gets a new version.")
    if _LICENCE.fullmatch(wish.licence) is None:
        raise UserError(
            "Name the licence for what is pushed as the Hub does, such as apache-2.0, or other."
        )
    for name, longest in _LONGEST.items():
        if len(getattr(wish, name)) > longest:
            raise UserError(f"The text for '{name}' may have {longest} characters at most.")
    metrics = wish.metrics or {}
    if len(metrics) > MAX_METRICS or not all(map(_is_share, metrics.values())):
        raise UserError(f"Figures must be numbers from 0 to 1, and {MAX_METRICS} of them at most.")
    if len(wish.pictures) > MAX_PICTURES:
        raise UserError(f"At most {MAX_PICTURES} pictures can be pushed with a detector.")
    pictures = tuple((caption, check_image(image)) for caption, image in wish.pictures)
    return replace(wish, repo_id=address.repo_id, pictures=pictures)


def pack(detector: AnomalyDetector, wish: PushWish, folder: Path) -> Parcel:
    """Write the detector and the pictures into a folder.

    The encoder stays out unless it is wished for, or cannot be found by its name again with the
    very weights the detector was made with: without it the detector would then be of no use.

    Raises:
        UserError: The disk is full.
    """
    path = folder / DETECTOR_FILE
    detector.save(path, wish.bundle_encoder or not is_encoder_findable(detector))
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while piece := file.read(1 << 20):
            digest.update(piece)
    names = tuple(f"{PICTURE_FOLDER}/{number}.png" for number in range(1, len(wish.pictures) + 1))
    (folder / PICTURE_FOLDER).mkdir()
    for name, (_, image) in zip(names, wish.pictures, strict=True):
        save_png(folder / name, image)
    header = read_file_header(path)
    return Parcel(folder, header, digest.hexdigest(), path.stat().st_size, names)


def is_encoder_findable(detector: AnomalyDetector) -> bool:
    """Whether the weights of the encoder are to the bit those that its name gives."""
    import torch

    from inpformer.modeling.build import build_encoder, read_state_dict

    encoder = detector.config.encoder
    if not (encoder.timm_name or encoder.file_names):
        return False
    try:
        path = hub.find_encoder_weights(encoder, allow_download=False).path
        if path is None:
            return False
        named = build_encoder(encoder, read_state_dict(path), f"'{path.name}'")
    except WeightsError:
        return False
    own, other = detector.model.encoder.vit.state_dict(), named.vit.state_dict()
    return own.keys() == other.keys() and all(
        torch.equal(value.cpu(), other[name].cpu()) for name, value in own.items()
    )


def _is_share(value: Any) -> bool:
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    return is_number and math.isfinite(value) and 0 <= value <= 1
