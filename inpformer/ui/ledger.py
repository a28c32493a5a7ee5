"""The labelling ledger: what each mask cost, how much of it was predicted, and what comes next."""

from __future__ import annotations

import statistics
from html import escape
from typing import NamedTuple

import numpy as np

from inpformer.annotations.store import PictureInfo
from inpformer.comparison import mask_iou
from inpformer.proposal import ProposalCut
from inpformer.ui.annotate_queue import MARKS, OPEN_LABELS, in_order, next_open
from inpformer.ui.annotation_desk import AnnotationDesk
from inpformer.ui.words import Words


class LedgerLine(NamedTuple):
    """One labelled picture.

    Attributes:
        name: Of the picture.
        label: What is said of it.
        seconds: Time that a person spent on it, in all.
        overlap: IoU of the newest prediction, cut as usual, and the mask, 0 to 1; None without a
            prediction.
    """

    name: str
    label: str
    seconds: float
    overlap: float | None


def ledger_lines(desk: AnnotationDesk) -> list[LedgerLine]:
    """Return a line per labelled picture, by name."""
    labelled = [item for item in desk.pictures() if item.info.label not in OPEN_LABELS]
    return [
        LedgerLine(item.name, item.info.label, item.info.seconds, _overlap(desk, item))
        for item in labelled
    ]


def next_in_doubt(desk: AnnotationDesk) -> str | None:
    """Return the picture without a label whose label would teach most; None if there is none."""
    predicted = [item for item in in_order(desk, "next") if item.name in desk.predicted]
    return next_open(predicted, None)


def ledger(lines: list[LedgerLine], next_name: str | None, words: Words) -> str:
    """Draw the ledger as HTML; empty before the first label."""
    if not lines:
        return ""
    masks = [line for line in lines if line.label != "normal"]
    said = [words.LEDGER_COUNT.format(count=len(lines), masks=len(masks))]
    timed = [line.seconds for line in masks if line.seconds > 0]
    if timed:
        said.append(words.LEDGER_SECONDS.format(seconds=statistics.median(timed)))
    overlaps = [line.overlap for line in masks if line.overlap is not None]
    if overlaps:
        said.append(words.LEDGER_OVERLAP.format(overlap=statistics.mean(overlaps)))
    if next_name is not None:
        said.append(words.LEDGER_NEXT.format(name=next_name))
    head = "".join(f"<th>{escape(each)}</th>" for each in words.LEDGER_HEADERS)
    rows = "".join(_row(line, words) for line in lines)
    return (
        f'<div class="message">{escape(" ".join(said))}</div>'
        f"<details><summary>{escape(words.LEDGER_TITLE)}</summary>"
        f'<table class="changes"><tr>{head}</tr>{rows}</table></details>'
    )


def _row(line: LedgerLine, words: Words) -> str:
    cells = (
        line.name,
        f"{MARKS[line.label]} {words.ANNOTATE_LABELS[line.label]}",
        f"{line.seconds:.0f}" if line.seconds else "–",
        "–" if line.overlap is None else f"{line.overlap:.2f}",
    )
    return "<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in cells) + "</tr>"


def _overlap(desk: AnnotationDesk, item: PictureInfo) -> float | None:
    predicted = desk.predicted.get(item.name)
    if predicted is None:
        return None
    key = (item.name, item.info.version, predicted.detector_key)
    if key not in desk.overlaps:
        mask = np.zeros(item.size[::-1], bool)
        if item.info.regions:
            mask = desk.store.load(item.name).mask != 0
        desk.overlaps[key] = mask_iou([predicted.prediction.mask(ProposalCut()), mask])
    return desk.overlaps[key]
