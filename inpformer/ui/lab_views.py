"""What the shot lab shows: a table, a chart, and a sentence per finding."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from inpformer.charts import dot_chart
from inpformer.shot_lab import LabStep
from inpformer.shot_lab_report import CountSummary, LabReport
from inpformer.ui import views
from inpformer.ui.words import Words

_NOTHING = "–"


def lab_progress(step: LabStep, words: Words) -> str:
    """Draw the state of a running lab."""
    line = words.LAB_PROGRESS.format(
        draw=step.draw,
        draws=step.draw_count,
        shots=step.shot_count,
        fraction=step.fraction,
        seconds=step.seconds_left,
    )
    return views.progress(step.fraction, line)


def lab_rows(report: LabReport) -> list[list[str]]:
    """Return the table, one row per number of shots."""
    return [_row(summary) for summary in report.summaries()]


def lab_chart(report: LabReport, words: Words) -> str:
    """Draw the AUROC of every draw, or how far scores spread where it is not known."""
    summaries = report.summaries()
    if any(summary.aurocs for summary in summaries):
        values = {str(each.shot_count): each.aurocs for each in summaries}
        lowest = min(value for group in values.values() for value in group)
        return dot_chart(
            values,
            words.LAB_AXIS_SHOTS,
            words.LAB_AXIS_AUROC,
            words.LAB_CHART_AUROC,
            (0.5 if lowest >= 0.5 else 0.0, 1.0),
        )
    spread = {str(e.shot_count): e.spread.tolist() for e in summaries if e.draw_count > 1}
    return dot_chart(spread, words.LAB_AXIS_SHOTS, words.LAB_AXIS_SPREAD, words.LAB_CHART_SPREAD)


def lab_sentences(
    report: LabReport,
    shot_names: Sequence[str],
    test_names: Sequence[str],
    is_trained: bool,
    words: Words,
) -> str:
    """Say what the lab found, a sentence each, as HTML."""
    summaries = report.summaries()
    said: list[str] = []
    known = [summary for summary in summaries if summary.aurocs]
    if not is_trained:
        said.append(words.LAB_SAYS_FREE)
    elif known:
        said += _about_auroc(known, words)
    for summary in summaries:
        if summary.draw_count > 1:
            said.append(_about_flips(summary, test_names, words))
    if not known:
        said.append(words.LAB_SAYS_UNKNOWN)
    elif is_trained:
        said += _about_shots(report, shot_names, words)
    items = "".join(f"<li>{escape(sentence)}</li>" for sentence in said)
    return f'<ul class="lab-says" aria-live="polite">{items}</ul>' if summaries else ""


def _row(summary: CountSummary) -> list[str]:
    auroc = _NOTHING
    if summary.aurocs:
        low, high = min(summary.aurocs), max(summary.aurocs)
        auroc = f"{_mean(summary.aurocs):.2f} ({low:.2f} – {high:.2f})"
    several = summary.draw_count > 1
    return [
        str(summary.shot_count),
        str(summary.draw_count),
        auroc,
        _percent(summary.false_alarms),
        _percent(summary.misses),
        f"{summary.spread.mean():.2f} ×" if several else _NOTHING,
        f"{summary.flips.sum()} / {len(summary.flips)}" if several else _NOTHING,
        f"{summary.seconds:.1f}",
    ]


def _about_auroc(known: Sequence[CountSummary], words: Words) -> list[str]:
    said = []
    few, many = known[0], known[-1]
    if few is not many:
        said.append(
            words.LAB_SAYS_GAIN.format(
                few=few.shot_count,
                many=many.shot_count,
                before=_mean(few.aurocs),
                after=_mean(many.aurocs),
            )
        )
    for summary in known:
        low, high = min(summary.aurocs), max(summary.aurocs)
        if high - low >= 0.1:
            said.append(words.LAB_SAYS_LUCK.format(shots=summary.shot_count, low=low, high=high))
    return said


def _about_flips(summary: CountSummary, test_names: Sequence[str], words: Words) -> str:
    flips = summary.flips
    if not flips.any():
        return words.LAB_SAYS_STEADY.format(shots=summary.shot_count)
    return words.LAB_SAYS_FLIPS.format(
        shots=summary.shot_count,
        flips=int(flips.sum()),
        tests=len(flips),
        name=test_names[int(flips.argmax())],
    )


def _about_shots(report: LabReport, shot_names: Sequence[str], words: Words) -> list[str]:
    effects = report.shot_effects()
    harmful = [effect for effect in effects if effect.hurts]
    if effects and not harmful:
        return [words.LAB_SAYS_NO_HURT]
    return [
        words.LAB_SAYS_HURTS.format(
            name=shot_names[each.shot], effect=-each.effect, margin=2 * each.error
        )
        for each in harmful
    ]


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)


def _percent(share: float | None) -> str:
    return _NOTHING if share is None else f"{share:.0%}"
