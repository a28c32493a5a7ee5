"""What the INP explorer says of a patch: sentences, bars and crops as HTML."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape
from typing import Any

import numpy as np

from inpformer.patch_reason import GroupErrors, MapStanding, PatchReason, SimilarPatch
from inpformer.ui.explorer_look import Look
from inpformer.ui.explorer_notes import number, swatch
from inpformer.ui.figures import figure
from inpformer.ui.words import Words

# An error bar is full at this many times the error of the picture's typical patch.
_FULL_BAR = 10.0
# From here on a patch is said to be farther, or rebuilt worse, than the typical one.
_MORE = 1.5
# So many times as unlike the normal pictures as the typical patch is no longer a matter of chance.
_UNLIKE = 3.0
# Without a threshold the first patches of the picture stand out, as many as its score is made of.
_TOP = 0.01
_TINY = 1e-12


def reason_panel(look: Look, words: Words) -> str:
    """Say in words, bars and crops why the chosen patch looks as it does."""
    reason = look.reason()
    title = words.REASON_TITLE.format(row=reason.row + 1, column=reason.column + 1)
    own = _figure(look.crop(reason.box, None), words.THIS_PATCH)
    parts = [
        f'<h3>{escape(title)}</h3><div class="own">{own}</div>',
        "".join(f"<p>{escape(line)}</p>" for line in reason_sentences(reason, look, words)),
        _standings(reason, look, words),
        _inp_bars(reason, words),
        _error_bars(reason, words),
        _crops(reason.similar_here, look, words.SIMILAR_HERE, words.NO_SIMILAR_HERE, words),
        _crops(
            reason.similar_normal,
            look,
            words.SIMILAR_NORMAL,
            words.NO_SHOTS,
            words,
        ),
    ]
    return f'<section class="reason" aria-live="polite">{"".join(parts)}</section>'


def reason_sentences(reason: PatchReason, look: Look, words: Words) -> list[str]:
    """Say in words what is unusual about a patch, and what is not."""
    distance, typical = reason.distance, reason.typical_distance
    times = distance / max(typical, _TINY)
    level = _level(reason.standings.get("distance"), times)
    nearness = (words.REASON_NEAR, words.REASON_FARTHER, words.REASON_FAR)[level]
    lines = [
        nearness.format(
            inp=reason.nearest_inp + 1,
            distance=number(distance),
            typical=number(typical),
            times=number(times),
        ),
        words.REASON_NOT_DECODED if reason.cosine_error is None else _rebuilding(reason, words),
    ]
    if reason.similar_normal and look.typical_similarity is not None:
        best, usual = reason.similar_normal[0].similarity, look.typical_similarity
        is_seen = 1 - best <= _UNLIKE * max(1 - usual, _TINY)
        seen = words.REASON_SEEN if is_seen else words.REASON_UNSEEN
        lines.append(seen.format(similarity=number(best), usual=number(usual)))
    return lines


def reason_table(reason: PatchReason) -> dict[str, Any]:
    """Return a reason as plain numbers that JSON can hold; rows, columns and INPs from 1."""

    def similar(patches: Iterable[SimilarPatch]) -> list[dict[str, Any]]:
        return [
            {
                "similarity": each.similarity,
                "row": each.row + 1,
                "column": each.column + 1,
                "box": list(each.box),
                "shot": None if each.shot is None else each.shot + 1,
            }
            for each in patches
        ]

    errors = {"cosine": reason.cosine_error, "length": reason.length_error}
    return {
        "row": reason.row + 1,
        "column": reason.column + 1,
        "box": list(reason.box),
        "nearest_inp": reason.nearest_inp + 1,
        "distance": reason.distance,
        "typical_distance": reason.typical_distance,
        "distances": list(reason.distances),
        "soft_weights": list(reason.soft_weights),
        "errors": {name: each._asdict() for name, each in errors.items() if each is not None},
        "maps": {name: standing._asdict() for name, standing in reason.standings.items()},
        "similar_here": similar(reason.similar_here),
        "similar_normal": similar(reason.similar_normal),
    }


def _rebuilding(reason: PatchReason, words: Words) -> str:
    # The map counts both measures: the worse of the two is what is seen in it.
    worst = max(_errors_of(reason), key=_times_typical)
    level = _level(reason.standings.get("reconstruction"), _times_typical(worst))
    rebuilding = (words.REASON_REBUILT, words.REASON_LESS_REBUILT, words.REASON_NOT_REBUILT)[level]
    return rebuilding.format(
        measure=words.LENGTH_ERROR if worst is reason.length_error else words.COSINE_ERROR,
        value=number(worst.total),
        typical=number(worst.typical_total),
        times=number(_times_typical(worst)),
    )


def _level(standing: MapStanding | None, times_typical: float) -> int:
    """Return 2 for what is anomalous in a map, 1 for more than typical, and 0 for the usual."""
    if standing is not None and standing.times_threshold is not None:
        is_anomalous = standing.times_threshold > 1
    else:
        is_anomalous = standing is not None and standing.rank <= _TOP * standing.patch_count
    return 2 if is_anomalous else int(times_typical > _MORE)


def _standings(reason: PatchReason, look: Look, words: Words) -> str:
    rows = []
    for name, standing in reason.standings.items():
        times = standing.times_threshold
        if times is None:
            verdict = words.STANDING_RAW.format(value=number(standing.value))
        elif times > 1:
            verdict = words.STANDING_ABOVE.format(times=number(times))
        else:
            verdict = words.STANDING_BELOW.format(times=number(times))
        title = words.MAP_TITLES[name]
        if name == look.result.map_name:
            title = words.STANDING_DECIDES.format(name=title)
        rank = words.STANDING_RANK.format(rank=standing.rank, count=standing.patch_count)
        rows.append(
            f'<tr><th scope="row">{escape(title)}</th>'
            f"<td>{escape(verdict)}</td><td>{escape(rank)}</td></tr>"
        )
    return f'<table class="standings"><tbody>{"".join(rows)}</tbody></table>'


def _inp_bars(reason: PatchReason, words: Words) -> str:
    rows = "".join(
        _bar(
            f"{swatch(index)}INP {index + 1}{' ◀' if index == reason.nearest_inp else ''}",
            weight,
            words.INP_BAR.format(weight=weight, distance=number(distance)),
        )
        for index, (weight, distance) in enumerate(
            zip(reason.soft_weights, reason.distances, strict=True)
        )
    )
    return _bars(words.SOFT_WEIGHTS, words.SOFT_WEIGHTS_NOTE, rows)


def _error_bars(reason: PatchReason, words: Words) -> str:
    rows = []
    for title, errors in (
        (words.COSINE_ERROR, reason.cosine_error),
        (words.LENGTH_ERROR, reason.length_error),
    ):
        if errors is None:
            continue
        for index, (value, typical) in enumerate(zip(errors.values, errors.typical, strict=True)):
            group = words.LAYER_GROUP.format(number=index + 1, count=len(errors.values))
            times = value / max(typical, _TINY)
            text = words.ERROR_BAR.format(value=number(value), times=number(times))
            rows.append(_bar(escape(f"{title}, {group}"), times / _FULL_BAR, text))
    if not rows:
        return ""
    return _bars(words.ERRORS, words.ERRORS_NOTE.format(full=_FULL_BAR), "".join(rows))


def _errors_of(reason: PatchReason) -> list[GroupErrors]:
    return [each for each in (reason.cosine_error, reason.length_error) if each is not None]


def _times_typical(errors: GroupErrors) -> float:
    return errors.total / max(errors.typical_total, _TINY)


def _bars(title: str, note: str, rows: str) -> str:
    return (
        f'<h4>{escape(title)}</h4><p class="faint">{escape(note)}</p><div class="bars">{rows}</div>'
    )


def _bar(name: str, fraction: float, text: str) -> str:
    width = 100 * min(max(fraction, 0.0), 1.0)
    return (
        f'<span class="bar-name">{name}</span><span class="bar-track" aria-hidden="true">'
        f'<span style="width:{width:.1f}%"></span></span>'
        f'<span class="bar-value">{escape(text)}</span>'
    )


def _crops(
    patches: Sequence[SimilarPatch], look: Look, title: str, empty: str, words: Words
) -> str:
    figures = []
    for patch in patches:
        caption = words.CROP.format(
            similarity=number(patch.similarity), row=patch.row + 1, column=patch.column + 1
        )
        if patch.shot is not None:
            caption = f"{words.CROP_SHOT.format(number=patch.shot + 1)} · {caption}"
        figures.append(_figure(look.crop(patch.box, patch.shot), caption))
    body = f'<div class="crops">{"".join(figures)}</div>' if figures else f"<p>{escape(empty)}</p>"
    return f"<h4>{escape(title)}</h4>{body}"


def _figure(image: np.ndarray, caption: str) -> str:
    return figure(image, caption, escape(caption), quality=88)
