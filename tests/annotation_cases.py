"""Annotation stores for tests: pictures of odd sizes and masks of odd kinds."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
from annotation_writers import picture
from hypothesis import strategies as st

from inpformer.annotations.annotation import LABELS, SOURCES, Annotation, DefectClass
from inpformer.annotations.store import AnnotationStore

NAMES = (
    "a.png",
    "A.png",
    "washer/003.png",
    "nut/003.png",
    "../../etc/passwd",
    "con.png",
    "größe 12 µm.png",
    "划痕.png",
    ".hidden.png",
    "no ending",
    "a" * 150 + ".png",
    'quo"te, comma;.png',
)
CLASS_NAMES = (
    "scratch",
    "Dent & hole",
    "Kratzer (tief)",
    "划痕",
    "good",
    "combined",
    "a, b|c",
    "=1+1",
)


def classes(count: int) -> list[DefectClass]:
    names = [*CLASS_NAMES, *(f"kind {number}" for number in range(255))]
    return [
        DefectClass(value, names[value - 1], f"#{value:02x}80{255 - value:02x}")
        for value in range(1, count + 1)
    ]


@st.composite
def masks(draw, shape: tuple[int, int], values: int) -> np.ndarray:
    """Empty, full, noise, stripes of touching classes, boxes with holes, single pixels."""
    height, width = shape
    kind = draw(st.sampled_from(("empty", "full", "noise", "stripes", "boxes", "dots", "diagonal")))
    rng = np.random.default_rng(draw(st.integers(0, 2**31)))
    mask = np.zeros(shape, np.uint8)
    if kind == "full":
        mask[:] = rng.integers(1, values + 1)
    elif kind == "noise":
        mask[:] = rng.integers(0, values + 1, shape)
    elif kind == "stripes":
        mask[:] = np.arange(width)[None] % (values + 1)
    elif kind == "boxes":
        for _ in range(3):
            top, left = rng.integers(0, height), rng.integers(0, width)
            mask[top : top + 6, left : left + 6] = rng.integers(1, values + 1)
            mask[top + 2 : top + 4, left + 2 : left + 4] = 0
    elif kind == "dots":
        mask[rng.integers(0, height, 4), rng.integers(0, width, 4)] = rng.integers(1, values + 1)
    elif kind == "diagonal":
        side = min(shape)
        mask[np.arange(side), np.arange(side)] = rng.integers(1, values + 1)
    return mask


@st.composite
def annotations(draw, values: int) -> tuple[np.ndarray, Annotation]:
    """A picture and an annotation of it."""
    shape = draw(st.integers(8, 23)), draw(st.integers(8, 23))
    mask = draw(masks(shape, values))
    labels = [label for label in LABELS if label != "normal" or not mask.any()]
    annotation = Annotation(draw(st.sampled_from(NAMES)), mask, draw(st.sampled_from(labels)))
    sources = draw(
        st.lists(
            st.sampled_from(SOURCES),
            min_size=len(annotation.regions),
            max_size=len(annotation.regions),
        )
    )
    return picture(*shape, seed=draw(st.integers(0, 99))), replace(
        annotation,
        sources=tuple(sources),
        detector_id=draw(st.sampled_from((None, "washer v2"))),
        seconds=draw(st.floats(0, 1e6)),
    )


def fill(store: AnnotationStore, cases: list[tuple[np.ndarray, Annotation]]) -> None:
    """Put pictures and annotations into a store, whose classes suit them."""
    for image, annotation in cases:
        name = store.add_picture(image, annotation.name)
        version = store.load(name).version
        store.save(replace(annotation, name=name, version=version))


def content(store: AnnotationStore) -> dict[str, tuple]:
    """All that a lossless format must keep, by picture."""
    facts = {}
    for item in store.pictures():
        annotation = store.load(item.name)
        facts[item.name] = (
            store.picture_path(item.name).read_bytes(),
            annotation.mask.tolist(),
            annotation.label,
            annotation.sources,
            annotation.detector_id,
            annotation.seconds,
        )
    return facts


def new_store(folder: Path, class_count: int = 1) -> AnnotationStore:
    store = AnnotationStore(folder)
    store.merge_classes(classes(class_count))
    return store
