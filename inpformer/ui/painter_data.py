"""What the painter is sent and what it sends back, as plain values; every drawing is checked here.

A mask goes to the browser once, whole. Each stroke comes back as a patch: a box and the class
values in it, made from one revision of the mask. A patch of another revision is refused, so that
nobody's work is written over unseen.
"""

from __future__ import annotations

import base64
import binascii
import re
import struct
import uuid
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import cv2
import numpy as np

from inpformer.errors import UserError
from inpformer.ui.figures import png_uri

# Class values are one byte, and 0 is the background.
MAX_CLASSES = 255
_PNG_START = b"\x89PNG\r\n\x1a\n"
_HEADER_LENGTH = 29
_GREY_8_BIT = (8, 0)
_MAX_ID_LENGTH = 64
_QUICK = 1


class PatchError(UserError):
    """A drawing that does not fit its mask; the mask is unchanged."""


class StaleMaskError(UserError):
    """A drawing made on another revision of the mask; the mask is unchanged."""


class LabelClass(NamedTuple):
    """A kind of defect a region can be of; its value is its place in the list, from 1.

    Attributes:
        name: What people call it.
        colour: `#rrggbb`.
    """

    name: str
    colour: str


@dataclass(frozen=True)
class PaintedMask:
    """One picture's mask as the server keeps it.

    Attributes:
        labels: `(H, W)` uint8 at the picture's own size, one value per class, 0 is background.
        revision: Goes up by one with every change.
        last_patch: Id of the last patch, so that one that is sent twice counts once.
    """

    labels: np.ndarray
    revision: int = 0
    last_patch: str = ""

    def replaced(self, labels: np.ndarray) -> PaintedMask:
        """Return the next revision, with other labels of the same size.

        Raises:
            ValueError: `labels` has another size or type.
        """
        if labels.shape != self.labels.shape or labels.dtype != np.uint8:
            raise ValueError(f"expected {self.labels.shape} uint8, got {labels.shape}")
        return PaintedMask(labels, self.revision + 1)


class Patch(NamedTuple):
    """A part of a mask as it is to be.

    Attributes:
        left: First column.
        top: First row.
        labels: `(h, w)` uint8, class values.
        revision: Of the mask it was drawn on.
        id: Told apart by.
    """

    left: int
    top: int
    labels: np.ndarray
    revision: int
    id: str


def read_patch(payload: Any, size: tuple[int, int], class_count: int) -> Patch:
    """Return a patch as a browser sent it.

    Args:
        payload: `box` (left, top, width, height), `png` (8-bit grey, base64), `revision`, `id`.
        size: Height and width of the mask.
        class_count: How many classes there are beside the background.

    Raises:
        PatchError: Anything about it is not as it must be; the message says what.
    """
    if not isinstance(payload, Mapping):
        raise PatchError("The drawing is not one that the editor sends; draw it again.")
    left, top, width, height = _box(payload.get("box"), size)
    revision, patch_id = payload.get("revision"), payload.get("id")
    if not _is_whole(revision) or revision < 0:
        raise PatchError("The drawing does not say which revision it was made on; draw it again.")
    if not isinstance(patch_id, str) or not 0 < len(patch_id) <= _MAX_ID_LENGTH:
        raise PatchError("The drawing has no id; draw it again.")
    labels = _decode_png(payload.get("png"), width, height)
    highest = int(labels.max())
    if highest > class_count:
        raise PatchError(
            f"The drawing has the class value {highest}, but there are {class_count} classes; "
            "add the class first."
        )
    return Patch(left, top, labels, revision, patch_id)


def apply_patch(mask: PaintedMask, payload: Any, class_count: int) -> PaintedMask:
    """Return a mask with a patch drawn on it; one that was applied last is not applied again.

    Args:
        mask: As it is; never changed.
        payload: See `read_patch`.
        class_count: How many classes there are beside the background.

    Raises:
        PatchError: See `read_patch`.
        StaleMaskError: It was drawn on another revision than `mask`.
    """
    patch = read_patch(payload, mask.labels.shape, class_count)
    if patch.id == mask.last_patch:
        return mask
    if patch.revision != mask.revision:
        raise StaleMaskError(
            f"The mask has changed since (revision {mask.revision}, the drawing is of "
            f"{patch.revision}); load it again, and then draw."
        )
    height, width = patch.labels.shape
    labels = mask.labels.copy()
    labels[patch.top : patch.top + height, patch.left : patch.left + width] = patch.labels
    return PaintedMask(labels, mask.revision + 1, patch.id)


def answer_patch(
    mask: PaintedMask, picture_id: str, payload: Any, class_count: int
) -> tuple[PaintedMask, dict[str, Any]]:
    """Return the mask after a patch, and what the painter is told in its property `ack`.

    After a refusal the painter asks for the mask again by its event `resync`, and draws on that
    what it had not yet saved.
    """
    patch_id = payload.get("id") if isinstance(payload, Mapping) else None
    answer = {"picture": picture_id, "patch": patch_id, "state": "saved", "sent": _fresh_id()}
    try:
        mask = apply_patch(mask, payload, class_count)
    except StaleMaskError:
        answer["state"] = "stale"
    except PatchError as error:
        answer |= {"state": "refused", "reason": str(error)}
    return mask, {**answer, "revision": mask.revision}


def painter_picture(
    picture_id: str, name: str, size: tuple[int, int], address: str
) -> dict[str, Any]:
    """Return the painter's `value`: which picture is drawn on.

    Args:
        picture_id: Comes back with every patch.
        name: For people.
        size: Height and width in pixels, as in the file.
        address: A URL, or a data URI; large pictures are better sent as URLs.
    """
    height, width = size
    return {"id": picture_id, "name": name, "size": [width, height], "picture": address}


def painter_mask(picture_id: str, mask: PaintedMask, is_proposal: bool = False) -> dict[str, Any]:
    """Return the painter's property `mask`; what it shows is replaced by it, and undo gets it.

    Args:
        picture_id: The picture.
        mask: What the painter shows.
        is_proposal: Whether it is stored nowhere; the painter says so until something is drawn.
    """
    packed = zlib.compress(np.ascontiguousarray(mask.labels), _QUICK)
    return {
        "id": picture_id,
        "revision": mask.revision,
        "isProposal": is_proposal,
        "labels": base64.b64encode(packed).decode(),
        # An equal property is not looked at again, but a painter that asks needs an answer.
        "sent": _fresh_id(),
    }


def painter_classes(classes: Sequence[LabelClass]) -> list[dict[str, str]]:
    """Return the painter's property `classes`.

    Raises:
        UserError: There is none, there are too many, or a colour is not `#rrggbb`.
    """
    if not 1 <= len(classes) <= MAX_CLASSES:
        raise UserError(f"There must be 1 to {MAX_CLASSES} classes; there are {len(classes)}.")
    for name, colour in classes:
        if not re.fullmatch("#[0-9a-fA-F]{6}", colour):
            raise UserError(f"The colour of the class '{name}' must be like #d55e00.")
    return [{"name": name, "colour": colour} for name, colour in classes]


def painter_levels(levels: np.ndarray) -> str:
    """Return the painter's property `levels`, what magic fill by map level follows.

    Args:
        levels: `(h, w)` uint8, larger is more anomalous; of any size with the picture's aspect.
    """
    return png_uri(levels)


def _box(box: Any, size: tuple[int, int]) -> tuple[int, int, int, int]:
    if not isinstance(box, Sequence) or len(box) != 4 or not all(map(_is_whole, box)):
        raise PatchError("The drawing does not say where it belongs; draw it again.")
    left, top, width, height = box
    if min(left, top) < 0 or min(width, height) < 1:
        raise PatchError(f"The drawing's box {list(box)} is not one; draw it again.")
    if left + width > size[1] or top + height > size[0]:
        raise PatchError(
            f"The drawing's box {list(box)} is not inside the picture of "
            f"{size[1]} × {size[0]} pixels; load the picture again."
        )
    return left, top, width, height


def _decode_png(text: Any, width: int, height: int) -> np.ndarray:
    if not isinstance(text, str):
        raise PatchError("The drawing comes without its pixels; draw it again.")
    # Noise does not shrink, and base64 takes four letters for three bytes.
    if len(text) > 4 * (1.01 * (width + 1) * height + 1024) / 3:
        raise PatchError("The drawing is larger than its box can be; draw it again.")
    try:
        data = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise PatchError("The drawing is damaged; draw it again.") from error
    if not data.startswith(_PNG_START) or len(data) < _HEADER_LENGTH or data[12:16] != b"IHDR":
        raise PatchError("The drawing is not a PNG picture; draw it again.")
    # Read before decoding: a few bytes can claim to be a picture of gigabytes.
    if struct.unpack(">IIBB", data[16:26]) != (width, height, *_GREY_8_BIT):
        raise PatchError(
            f"The drawing is not a grey 8-bit picture of its box, {width} × {height} pixels; "
            "draw it again."
        )
    labels = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    if labels is None or labels.shape != (height, width) or labels.dtype != np.uint8:
        raise PatchError("The drawing is damaged; draw it again.")
    return labels


def _is_whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _fresh_id() -> str:
    return uuid.uuid4().hex[:12]
