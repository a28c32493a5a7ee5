"""Drawings as a browser sends them, honest and hostile."""

import base64
import struct
import zlib

import cv2
import numpy as np
import pytest

from inpformer.errors import UserError
from inpformer.ui.painter_data import (
    LabelClass,
    PaintedMask,
    PatchError,
    StaleMaskError,
    answer_patch,
    apply_patch,
    painter_classes,
    painter_mask,
    painter_picture,
    read_patch,
)

SIZE = (20, 30)


def png(labels: np.ndarray) -> str:
    return base64.b64encode(cv2.imencode(".png", labels)[1].tobytes()).decode()


def payload(left: int, top: int, labels: np.ndarray, **changed) -> dict:
    height, width = labels.shape[:2]
    box = [left, top, width, height]
    return {"id": "stroke", "revision": 0, "box": box, "png": png(labels), **changed}


def empty(size: tuple[int, int] = SIZE) -> PaintedMask:
    return PaintedMask(np.zeros(size, np.uint8))


def square(value: int = 1) -> np.ndarray:
    return np.full((4, 5), value, np.uint8)


def test_a_patch_changes_its_box_and_nothing_else():
    before = PaintedMask(np.random.default_rng(0).integers(0, 3, SIZE, np.uint8), revision=0)
    part = np.random.default_rng(1).integers(0, 3, (4, 5), np.uint8)
    after = apply_patch(before, payload(7, 9, part), class_count=2)
    expected = before.labels.copy()
    expected[9:13, 7:12] = part
    np.testing.assert_array_equal(after.labels, expected)
    assert after.revision == 1


def test_the_mask_a_patch_was_drawn_on_stays_as_it_was():
    before = empty()
    apply_patch(before, payload(0, 0, square()), class_count=1)
    assert not before.labels.any()


@pytest.mark.parametrize("size", [(1, 1), (1, 300), (257, 3)])
def test_a_patch_can_be_the_whole_mask_of_any_size_and_class(size):
    labels = np.random.default_rng(2).integers(0, 256, size, np.uint8)
    after = apply_patch(empty(size), payload(0, 0, labels), class_count=255)
    np.testing.assert_array_equal(after.labels, labels)


def test_patches_in_order_build_on_each_other():
    mask = apply_patch(empty(), payload(0, 0, square(1)), 2)
    mask = apply_patch(mask, payload(2, 0, square(2), revision=1, id="next"), 2)
    assert mask.revision == 2
    assert mask.labels[0, :8].tolist() == [1, 1, 2, 2, 2, 2, 2, 0]


def test_a_patch_that_is_sent_twice_counts_once():
    once = apply_patch(empty(), payload(0, 0, square()), 1)
    assert apply_patch(once, payload(0, 0, square()), 1) is once


def test_a_patch_of_another_revision_is_refused():
    mask = PaintedMask(np.zeros(SIZE, np.uint8), revision=3)
    for revision in (2, 4):
        with pytest.raises(StaleMaskError, match="load it again"):
            apply_patch(mask, payload(0, 0, square(), revision=revision), 1)


def claim(width: int, height: int) -> str:
    """A PNG of a few bytes that says it is large."""
    header = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    chunk = struct.pack(">I", 13) + header + struct.pack(">I", zlib.crc32(header))
    return base64.b64encode(b"\x89PNG\r\n\x1a\n" + chunk).decode()


def damaged() -> str:
    noise = np.random.default_rng(3).integers(0, 2, (4, 5), np.uint8)
    return base64.b64encode(base64.b64decode(png(noise))[:-24]).decode()


HOSTILE = {
    "not a dictionary": ["box"],
    "nothing at all": None,
    "no box": payload(0, 0, square(), box=None),
    "a box of text": payload(0, 0, square(), box="0,0,5,4"),
    "a box of fractions": payload(0, 0, square(), box=[0, 0, 5.0, 4]),
    "a box of truths": payload(0, 0, square(), box=[False, 0, 5, 4]),
    "three numbers": payload(0, 0, square(), box=[0, 0, 5]),
    "left of the picture": payload(0, 0, square(), box=[-1, 0, 5, 4]),
    "beyond the right": payload(26, 0, square()),
    "below the bottom": payload(0, 17, square()),
    "an empty box": payload(0, 0, square(), box=[0, 0, 0, 4]),
    "numbers without end": payload(0, 0, square(), box=[10**30, 0, 5, 4]),
    "another size than its box": payload(0, 0, square(), box=[0, 0, 4, 5]),
    "no pixels": payload(0, 0, square(), png=None),
    "letters that are not base64": payload(0, 0, square(), png="äöü"),
    "a JPEG": payload(
        0, 0, square(), png=base64.b64encode(cv2.imencode(".jpg", square())[1].tobytes()).decode()
    ),
    "a colour PNG": payload(0, 0, np.zeros((4, 5, 3), np.uint8)),
    "a 16-bit PNG": payload(0, 0, np.zeros((4, 5), np.uint16)),
    "a PNG that stops": payload(0, 0, square(), png=damaged()),
    "only the head of a PNG": payload(0, 0, square(), png=claim(5, 4)),
    "a claim of gigabytes": payload(0, 0, square(), png=claim(60_000, 60_000)),
    "more than the box can hold": payload(0, 0, square(), png="A" * 100_000),
    "an unknown class": payload(0, 0, square(4)),
    "no revision": payload(0, 0, square(), revision=None),
    "a negative revision": payload(0, 0, square(), revision=-1),
    "a true revision": payload(0, 0, square(), revision=True),
    "no id": payload(0, 0, square(), id=""),
    "an endless id": payload(0, 0, square(), id="x" * 1000),
}


@pytest.mark.parametrize("sent", HOSTILE.values(), ids=HOSTILE.keys())
def test_what_the_editor_never_sends_is_refused_in_a_sentence(sent):
    with pytest.raises(PatchError) as caught:
        read_patch(sent, SIZE, class_count=3)
    assert str(caught.value).endswith(".")
    mask = empty()
    after, answer = answer_patch(mask, "picture", sent, class_count=3)
    assert after is mask
    assert answer["state"] == "refused"
    assert answer["reason"] == str(caught.value)


def test_the_answer_says_what_became_of_a_patch():
    mask, saved = answer_patch(empty(), "picture", payload(0, 0, square()), 1)
    assert (saved["state"], saved["revision"], saved["patch"]) == ("saved", 1, "stroke")
    same, stale = answer_patch(mask, "picture", payload(0, 0, square(), id="other"), 1)
    assert same is mask
    assert (stale["state"], stale["revision"], stale["patch"]) == ("stale", 1, "other")
    assert saved["sent"] != stale["sent"], "equal answers would not be heard"


def test_a_mask_goes_out_as_it_is():
    labels = np.random.default_rng(4).integers(0, 256, SIZE, np.uint8)
    sent = painter_mask("picture", PaintedMask(labels, revision=6))
    values = np.frombuffer(zlib.decompress(base64.b64decode(sent["labels"])), np.uint8)
    np.testing.assert_array_equal(values.reshape(SIZE), labels)
    assert sent["revision"] == 6


def test_an_empty_mask_of_twelve_megapixels_is_small_to_send():
    assert len(painter_mask("picture", empty((3000, 4000)))["labels"]) < 100_000


def test_a_picture_says_its_width_first():
    assert painter_picture("id", "a.png", (20, 30), "data:,")["size"] == [30, 20]


def test_another_mask_of_the_same_size_is_the_next_revision():
    mask = PaintedMask(np.zeros(SIZE, np.uint8), 4, "stroke").replaced(np.ones(SIZE, np.uint8))
    assert (mask.revision, mask.last_patch, int(mask.labels.min())) == (5, "", 1)
    with pytest.raises(ValueError, match="expected"):
        mask.replaced(np.ones((3, 3), np.uint8))


@pytest.mark.parametrize(
    "classes", [[], [LabelClass("x", "#ffffff")] * 256, [LabelClass("x", "red;}")]]
)
def test_classes_that_cannot_be_shown_are_refused(classes):
    with pytest.raises(UserError):
        painter_classes(classes)
