"""What the Models tab shows: cards of repositories, lists, and what was pushed."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from urllib.parse import urlsplit

import numpy as np

from inpformer.presets import ENCODER_PRESETS
from inpformer.sharing.records import PulledFile, PushedDetector, RepoLook
from inpformer.ui.encoders import is_here
from inpformer.ui.figures import figure, figure_row
from inpformer.ui.transfer import byte_words
from inpformer.ui.translate import translate
from inpformer.ui.words import Words

_QUALITY = 85


def lacks_encoder(look: RepoLook) -> bool:
    """Whether a detector stands on an encoder of ours that is neither in its file nor here."""
    preset = ENCODER_PRESETS.get(look.encoder)
    is_outside = look.kind == "detector" and not look.is_encoder_inside
    return is_outside and preset is not None and bool(preset.timm_name) and not is_here(preset.name)


def look_card(look: RepoLook, words: Words) -> str:
    """Say what a repository holds."""
    facts = [(words.LOOK_HOLDS, f"{words.LOOK_KINDS[look.kind]} · {look.file_name}")]
    if look.kind == "detector":
        facts += _detector_facts(look, words)
    else:
        facts.append((words.LOOK_ENCODER, look.encoder))
    size = byte_words(look.byte_count)
    facts += [
        (words.LOOK_LICENCE, look.licence or words.LOOK_NO_LICENCE),
        (words.LOOK_SIZE, f"{size} · {words.LOOK_CACHED}" if look.is_cached else size),
        (words.LOOK_SEEN_BY, words.LOOK_PRIVATE if look.is_private else words.LOOK_PUBLIC),
        (words.LOOK_REVISION, look.revision),
        (words.LOOK_SHA256, look.sha256 or words.LOOK_UNKNOWN),
    ]
    kind = "bad" if lacks_encoder(look) else "open"
    note = f'<div class="notice">{escape(translate(look.note, words))}</div>' if look.note else ""
    rows = "".join(f"<dt>{escape(name)}</dt><dd>{escape(value)}</dd>" for name, value in facts)
    title = escape(look.address.repo_id)
    return (
        f'<div class="verdict {kind}"><div class="headline"><b>{title}</b></div>'
        f'<dl class="hub-facts">{rows}</dl>{note}</div>'
    )


def _detector_facts(look: RepoLook, words: Words) -> list[tuple[str, str]]:
    if look.is_encoder_inside:
        encoder = words.LOOK_INSIDE
    else:
        encoder = words.LOOK_NOT_HERE if lacks_encoder(look) else words.LOOK_HERE
    shots = words.LOOK_UNKNOWN if look.shot_count is None else str(look.shot_count)
    threshold = words.LOOK_UNKNOWN if look.threshold is None else f"{look.threshold:.4g}"
    facts = [
        (words.LOOK_ENCODER, encoder.format(encoder=look.encoder or words.LOOK_UNKNOWN)),
        (words.LOOK_METHOD, look.variant or words.LOOK_UNKNOWN),
        (words.LOOK_SHOTS, shots),
        (words.LOOK_THRESHOLD, threshold),
    ]
    if look.metrics:
        figures = figures_line(look.metrics)
        if look.metrics_on:
            figures += f" ({words.LOOK_METRICS_ON.format(data=look.metrics_on)})"
        facts.append((words.LOOK_METRICS, figures))
    return facts


def figures_line(metrics: Mapping[str, float]) -> str:
    """Return figures from 0 to 1 as people read them, in one line."""
    return " · ".join(f"{name} {value:.1%}" for name, value in metrics.items())


def pulled_list(pulled: Mapping[str, PulledFile], words: Words) -> str:
    """List what a visitor pulled, the newest first; empty if nothing."""
    if not pulled:
        return ""
    rows = ""
    for each in reversed(pulled.values()):
        look = each.look
        what = f"<b>{escape(look.address.repo_id)}</b> · {escape(words.LOOK_KINDS[look.kind])}"
        line = words.PULL_LINE.format(revision=look.revision, sha256=each.sha256)
        rows += f'<li>{what}<div class="faint">{escape(line)}</div></li>'
    return f'<h4>{escape(words.PULL_LIST)}</h4><ul class="pulled">{rows}</ul>'


def preview(pictures: list[tuple[str, np.ndarray]], words: Words) -> str:
    """Show pictures as they would be seen on the page of a repository."""
    figures = [figure(image, said, escape(said), _QUALITY) for said, image in pictures]
    return f"<p>{escape(words.PUSH_PREVIEW)}</p>{figure_row(figures)}" if figures else ""


def pushed_card(pushed: PushedDetector, words: Words) -> str:
    """Say what was pushed, where it is, and how to load it."""
    said = words.PUSH_DONE_PRIVATE if pushed.is_private else words.PUSH_DONE_PUBLIC
    address = str(pushed.address)
    is_inside = words.PUSH_ENCODER_IN if pushed.is_encoder_inside else words.PUSH_ENCODER_OUT
    facts = (
        (words.PUSH_VERSION, pushed.version),
        (words.LOOK_REVISION, pushed.address.revision or ""),
        (words.LOOK_SHA256, pushed.sha256),
        (words.LOOK_ENCODER, is_inside),
    )
    rows = "".join(f"<dt>{escape(name)}</dt><dd>{escape(value)}</dd>" for name, value in facts)
    lines = (
        "from inpformer import AnomalyDetector, load_image",
        f'detector = AnomalyDetector.load("{address}")',
        'result = detector.predict(load_image("picture.png"))',
    )
    link = ""
    if urlsplit(pushed.url).scheme in ("http", "https"):
        link = (
            f'<dt>{escape(words.PUSH_PAGE)}</dt><dd><a href="{escape(pushed.url)}" target="_blank" '
            f'rel="noopener noreferrer">{escape(pushed.address.repo_id)}</a></dd>'
        )
    return (
        f'<div class="verdict good"><div class="headline"><b>'
        f"{escape(words.PUSH_DONE.format(repo=pushed.address.repo_id))}</b></div>"
        f'<div>{escape(said)}</div><dl class="hub-facts">{link}{rows}</dl>'
        f"<div>{escape(words.PUSH_LOAD)}</div>"
        f'<pre class="hub-code" tabindex="0"><code>{escape(chr(10).join(lines))}</code></pre></div>'
    )
