"""How to read what the INP explorer draws, and what may be wrong with prototypes, as HTML."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from html import escape

import numpy as np

from inpformer.patch_pictures import RESIDUAL_FACTOR, RESIDUAL_WITHOUT_SHOTS
from inpformer.pictures import COLOUR_MAPS, draw_heatmap
from inpformer.prototype_health import PrototypeHealth
from inpformer.prototypes import assignment_shares, inp_colour, share_words
from inpformer.ui.explorer_look import Look
from inpformer.ui.words import Words


def view_note(look: Look, view: str, words: Words) -> str:
    """Say how to read one of the explorer's drawings."""
    if view == "mosaic":
        return inp_legend(assignment_shares(look.result.inp_assignment, look.inp_count))
    if view == "distance":
        return _distance_scale(look, words)
    if view == "residual":
        return _residual_scale(look, words)
    note = words.PICTURE_NOTE if look.result.threshold is not None else words.PICTURE_NOTE_RAW
    return f'<p class="faint">{escape(note)}</p>'


def health_panel(health: PrototypeHealth, is_trained: bool, words: Words) -> str:
    """Say in sentences what may be wrong with the prototypes, why, and what to do."""
    findings = []
    if health.drawn:
        inps = "; ".join(
            words.HEALTH_DRAWN_INP.format(
                inp=each.inp + 1, share=each.attention_share, factor=each.factor
            )
            for each in health.drawn
        )
        line = words.HEALTH_DRAWN.format(area=health.flagged_share, inps=inps)
        findings.append(("⚠", line, words.HEALTH_DRAWN_WHY))
    for group in health.coincident:
        line = words.HEALTH_COINCIDENT.format(
            inps=_inp_list(group.inps), cosine=number(group.cosine)
        )
        advice = words.HEALTH_FEWER_FIT if is_trained else words.HEALTH_FEWER_LIVE
        findings.append(("⚠", line, f"{words.HEALTH_COINCIDENT_WHY} {advice}"))
    if health.unused:
        findings.append(_unused_finding(health, is_trained, words))
    lines = [
        f'<li class="finding"><b>{mark} {escape(line)}</b><br>{escape(why)}</li>'
        for mark, line, why in findings
    ]
    if not findings:
        lines.append(f"<li>✓ {escape(words.HEALTH_FINE)}</li>")
    if health.flagged_share is None:
        lines.append(f"<li>? {escape(words.HEALTH_NO_THRESHOLD)}</li>")
    elif health.flagged_share == 0:
        lines.append(f"<li>✓ {escape(words.HEALTH_NOTHING_FLAGGED)}</li>")
    return f'<ul class="health">{"".join(lines)}</ul>'


def number(value: float) -> str:
    """Return a number with three digits that count, and without an exponent."""
    if abs(value) < 1e-9:
        return "0"
    decimals = 2 - math.floor(math.log10(abs(value)) + 1e-9)
    return f"{value:,.{max(0, decimals)}f}"


def swatch(index: int) -> str:
    """Return the colour of a prototype."""
    return f'<span class="swatch" style="background:rgb{inp_colour(index)}"></span>'


def _unused_finding(
    health: PrototypeHealth, is_trained: bool, words: Words
) -> tuple[str, str, str]:
    inps = _inp_list(each.inp for each in health.unused)
    line = words.HEALTH_UNUSED.format(inps=inps, count=health.inp_count)
    if not is_trained:
        return "⚠", line, f"{words.HEALTH_UNUSED_WHY} {words.HEALTH_FEWER_LIVE}"
    if health.inp_count - len(health.unused) == 1:
        return "⚠", line, words.HEALTH_COLLAPSED
    return "•", line, f"{words.HEALTH_UNUSED_WHY} {words.HEALTH_UNUSED_TRAINED}"


def inp_legend(shares: Sequence[float]) -> str:
    """Return colour and share of each prototype, as HTML."""
    items = "".join(
        f"<li>{swatch(index)}INP {index + 1}: {share_words(share)}</li>"
        for index, share in enumerate(shares)
    )
    return f'<ul class="inp-legend">{items}</ul>'


def _distance_scale(look: Look, words: Words) -> str:
    low, high = value_range = look.ranges["distance"]
    scale, distances = look.result.scales.get("distance"), look.result.inp_distance
    note = words.DISTANCE_NOTE.format(
        typical=number(np.median(distances)), largest=number(distances.max())
    )
    middle = "" if scale is None else words.SCALE_THRESHOLD.format(value=number(scale.threshold))
    return _scale(value_range, (number(low), middle, number(high)), note)


def _residual_scale(look: Look, words: Words) -> str:
    residual, (low, high) = look.tokens.residual, look.ranges["residual"]
    if look.shots.tokens:
        note = words.RESIDUAL_NOTE.format(factor=RESIDUAL_FACTOR)
    else:
        note = words.RESIDUAL_NOTE_NO_SHOTS.format(share=RESIDUAL_WITHOUT_SHOTS)
    own = words.RESIDUAL_OWN.format(
        typical=number(np.median(residual)), largest=number(residual.max())
    )
    return _scale((low, high), (number(low), "", number(high)), f"{note} {own}")


def _scale(value_range: tuple[float, float], labels: Sequence[str], note: str) -> str:
    ramp = draw_heatmap(np.linspace(*value_range, 12)[None], value_range, COLOUR_MAPS[0])[0]
    stops = ",".join(f"rgb({red},{green},{blue})" for red, green, blue in ramp)
    ticks = "".join(f"<span>{escape(each)}</span>" for each in labels)
    style = f"background:linear-gradient(90deg,{stops})"
    return (
        f'<div class="map-scale"><div class="ramp" style="{style}"></div>'
        f'<div class="ticks">{ticks}</div><p class="faint">{escape(note)}</p></div>'
    )


def _inp_list(indices: Iterable[int]) -> str:
    return ", ".join(f"INP {index + 1}" for index in indices)
