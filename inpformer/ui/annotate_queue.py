"""The queue of pictures to label: its order, its rows, and which comes next."""

from __future__ import annotations

import math
from html import escape
from typing import Any

import gradio as gr

from inpformer.annotations.store import PictureInfo
from inpformer.ui.annotation_desk import AnnotationDesk, InWork, Predicted
from inpformer.ui.scripts import read_script
from inpformer.ui.words import Words

# Told apart by their shape, not by a colour alone.
MARKS = {"unlabelled": "○", "normal": "✓", "anomalous": "✕", "corrected": "✎", "skipped": "–"}
OPEN_LABELS = ("unlabelled", "skipped")


def annotate_queue(elem_id: str) -> gr.HTML:
    """Return an empty queue; its event `pick` carries the `id` of a clicked picture.

    Its value is the list of `rows`, its property `pictures` the address of a small picture by id.
    """
    return gr.HTML(
        [],
        html_template='<ol class="queue"></ol>',
        js_on_load=read_script("annotate_queue.js"),
        apply_default_css=False,
        elem_id=elem_id,
        pictures={},
    )


def in_order(desk: AnnotationDesk, order: str | None = None) -> list[PictureInfo]:
    """Return a visitor's pictures in an order, None for the one they chose.

    What is not predicted comes last, but by name.
    """
    chosen = order or desk.order
    pictures = desk.pictures()
    found = [desk.predicted.get(item.name) for item in pictures]
    if chosen == "name":
        return pictures
    if chosen == "next":
        # A label moves nothing, so that the list stays as it is while one works along it.
        keys: list[Any] = [-1.0 if each is None else each.prediction.doubt for each in found]
    elif chosen == "disagreement":
        keys = [_disagreement(each) for each in found]
    else:
        keys = [_confidence(each) for each in found]
    places = sorted(range(len(pictures)), key=lambda index: keys[index], reverse=True)
    return [pictures[index] for index in places]


def next_open(pictures: list[PictureInfo], current: str | None) -> str | None:
    """Return the first picture after `current`, going round, that waits for a label.

    Those that were skipped come when nothing else is left; None if all are labelled.
    """
    names = [item.name for item in pictures]
    start = names.index(current) + 1 if current in names else 0
    after = pictures[start:] + pictures[: max(0, start - 1)]
    for label in OPEN_LABELS:
        found = next((item.name for item in after if item.info.label == label), None)
        if found is not None:
            return found
    return None


def rows(pictures: list[PictureInfo], desk: AnnotationDesk, words: Words) -> list[dict[str, Any]]:
    """Return the queue as its component takes it."""
    return [
        {
            "id": item.name,
            "name": item.name,
            "label": item.info.label,
            "state": f"{MARKS[item.info.label]} {words.ANNOTATE_LABELS[item.info.label]}",
            "line": _line(desk.predicted.get(item.name), words),
            "isCurrent": item.name == desk.current,
        }
        for item in pictures
    ]


def status(
    pictures: list[PictureInfo], work: InWork | None, desk: AnnotationDesk, words: Words
) -> str:
    """Say which picture is on the screen, what is said of it, and what of that is stored."""
    if work is None:
        return f'<div class="message">{escape(words.ANNOTATE_EMPTY)}</div>'
    name, label = work.annotation.name, work.annotation.label
    names = [item.name for item in pictures]
    done = sum(item.info.label not in OPEN_LABELS for item in pictures)
    place = words.ANNOTATE_PLACE.format(
        place=names.index(name) + 1 if name in names else 0, count=len(names), done=done
    )
    if work.is_proposal:
        said = words.ANNOTATE_PROPOSAL.format(title=desk.predicted[name].detector_title)
    elif work.annotation.version:
        said = words.ANNOTATE_STORED.format(version=work.annotation.version)
    else:
        said = words.ANNOTATE_NOTHING_STORED
    state = f"{MARKS[label]} {words.ANNOTATE_LABELS[label]}"
    line = _line(desk.predicted.get(name), words)
    return (
        f'<div class="annotate-status" data-label="{label}" data-name="{escape(name)}" '
        f'data-proposal="{str(work.is_proposal).lower()}"><div><b>{escape(name)}</b> · '
        f"<strong>{escape(state)}</strong> · {escape(line)}</div>"
        f'<div class="faint">{escape(place)} · {escape(said)}</div></div>'
    )


def _line(predicted: Predicted | None, words: Words) -> str:
    if predicted is None:
        return words.QUEUE_UNPREDICTED
    prediction = predicted.prediction
    if prediction.confidence is None:
        return words.QUEUE_SCORE.format(value=prediction.score)
    return words.QUEUE_CONFIDENCE.format(value=prediction.confidence)


def _confidence(predicted: Predicted | None) -> tuple[float, float]:
    if predicted is None:
        return -math.inf, -math.inf
    confidence = predicted.prediction.confidence
    return -1.0 if confidence is None else confidence, predicted.prediction.score


def _disagreement(predicted: Predicted | None) -> tuple[int, tuple[bool, float]]:
    if predicted is None:
        return 0, (False, 0.0)
    amount = predicted.prediction.disagreement
    return (1, (False, 0.0)) if amount is None else (2, amount)
