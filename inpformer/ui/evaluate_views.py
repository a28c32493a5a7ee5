"""What the Evaluate tab shows: tables of figures, curves, and the pictures that went wrong."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from inpformer.charts import histogram_chart, line_chart
from inpformer.evaluation.records import METRICS, ClassReport, Figure, PictureRecord
from inpformer.evaluation.verdicts import confusion_at, false_alarms, misses
from inpformer.ui.evaluation_desk import Evaluated, EvaluationDesk, disagreements
from inpformer.ui.translate import translate
from inpformer.ui.words import Words

NOTHING = "–"
LETTERS = "ABCD"
_MOST_SHOWN = 24


def table_headers(words: Words) -> list[str]:
    """Return the titles of the table's columns."""
    titles = [words.EVALUATE_METRICS[name] for name in METRICS]
    first = [words.EVALUATE_DETECTOR, words.EVALUATE_CLASS]
    return [*first, *titles, words.EVALUATE_HITS, words.EVALUATE_SECONDS]


def table_rows(detectors: Sequence[Evaluated], words: Words) -> list[list[str]]:
    """Return a row per detector and class, and one for the mean of several classes."""
    rows = []
    for each in detectors:
        classes = each.evaluation.classes
        rows += [_class_row(each.title, report) for report in classes]
        if len(classes) > 1:
            mean = words.EVALUATE_MEAN.format(count=len(classes))
            cells = [_percent(each.evaluation.mean.get(name)) for name in METRICS]
            rows.append([each.title, mean, *cells, NOTHING, NOTHING])
    return rows


def facts(desk: EvaluationDesk, words: Words) -> str:
    """Say how many pictures there are, why figures are missing, and what to know."""
    first = desk.detectors[0].evaluation
    lines = [
        words.EVALUATE_COUNTS.format(
            normal=sum(each.normal for each in first.classes),
            anomalous=sum(each.anomalous for each in first.classes),
            regions=sum(each.regions for each in first.classes),
        )
    ]
    figures = [figure for each in first.classes for figure in each.figures.values()]
    reasons = dict.fromkeys(figure.reason for figure in figures if figure.reason)
    if reasons:
        said = " ".join(translate(reason, words) for reason in reasons)
        lines.append(words.EVALUATE_MISSING.format(reasons=said))
    body = "".join(f"<p>{escape(line)}</p>" for line in lines)
    problems = dict.fromkeys(p for each in desk.detectors for p in each.evaluation.problems)
    if problems:
        items = "".join(f"<li>{escape(translate(problem, words))}</li>" for problem in problems)
        title = f"<summary>{escape(words.EVALUATE_PROBLEMS)} ({len(problems)})</summary>"
        body += f"<details>{title}<ul>{items}</ul></details>"
    return f'<div class="evaluate-facts">{body}</div>'


def verdicts(desk: EvaluationDesk, words: Words) -> str:
    """Draw the scores of the shown detector, and what its threshold makes of them."""
    shown, cut = desk.shown, desk.cut
    groups = {
        title: [each.score for each in shown.pictures if each.is_anomalous == truth]
        for title, truth in ((words.EVALUATE_NORMAL, False), (words.EVALUATE_ANOMALOUS, True))
    }
    chart = histogram_chart(
        groups,
        None if cut is None else (words.EVALUATE_CUT, cut),
        words.EVALUATE_SCORE,
        words.EVALUATE_PICTURES,
        words.EVALUATE_HISTOGRAM,
    )
    beside = "" if cut is None else _confusion(shown, cut, words)
    return f'<div class="evaluate-scores">{chart}{beside}</div>'


def galleries(desk: EvaluationDesk, words: Words) -> str:
    """Show the false alarms and the misses at the threshold, the worst first."""
    cut = desk.cut
    if cut is None:
        return ""
    pictures = desk.shown.pictures
    return _gallery(
        words.EVALUATE_FALSE_ALARMS, false_alarms(pictures, cut), desk.shown, words
    ) + _gallery(words.EVALUATE_MISSES, misses(pictures, cut), desk.shown, words)


def details(desk: EvaluationDesk, words: Words) -> str:
    """Draw the curves of all detectors per class, and the shown one's figures per defect."""
    parts = []
    for report in desk.shown.evaluation.classes:
        title = f"<h4>{escape(report.class_name)}</h4>" if report.class_name else ""
        curves = _curves(desk.detectors, report.class_name, words)
        parts.append(title + curves + _by_defect(report, words))
    return "".join(parts)


def disagreement(desk: EvaluationDesk, words: Words) -> str:
    """Show the pictures on which several detectors' verdicts differ; empty for one detector."""
    judged = [each for each in desk.detectors if each.threshold is not None]
    if len(judged) < 2:
        return ""
    title = f"<h3>{escape(words.EVALUATE_DISAGREE)}</h3>"
    differing = disagreements(judged)
    if not differing:
        return f"{title}<p>{escape(words.EVALUATE_AGREE)}</p>"
    rows = []
    for _, records in differing[:_MOST_SHOWN]:
        cards = "".join(
            _card(record, each, words, each.title)
            for record, each in zip(records, judged, strict=True)
        )
        rows.append(f'<div class="evaluate-cards">{cards}</div>')
    return title + "".join(rows) + _more(len(differing), words)


def _class_row(title: str, report: ClassReport) -> list[str]:
    cells = [_percent(report.figures.get(name)) for name in METRICS]
    hits = NOTHING if report.hit_rate is None else f"{report.hit_rate:.0%}"
    return [title, report.class_name or NOTHING, *cells, hits, f"{report.seconds:.2f}"]


def _percent(figure: Figure | None) -> str:
    """Return a figure with the digits that are certain; at most one after the point."""
    if figure is None or figure.value is None:
        return NOTHING
    return f"{100 * figure.value:.1f}"


def _confusion(shown: Evaluated, cut: float, words: Words) -> str:
    found = confusion_at(shown.pictures, cut)
    anomalous, normal = found.found + found.missed, found.false_alarms + found.passed
    flagged = found.found + found.false_alarms
    rates = words.EVALUATE_RATES.format(
        precision=f"{found.found / flagged:.0%}" if flagged else NOTHING,
        recall=f"{found.found / anomalous:.0%}" if anomalous else NOTHING,
    )
    lines = [
        words.EVALUATE_FOUND.format(found=found.found, anomalous=anomalous),
        words.EVALUATE_ALARMS.format(alarms=found.false_alarms, normal=normal),
        rates,
    ]
    if shown.threshold is None:
        lines.append(words.EVALUATE_BEST_CUT)
    else:
        lines.append(words.EVALUATE_CALIBRATED_CUT.format(threshold=shown.threshold))
    items = "".join(f"<li>{escape(line)}</li>" for line in lines)
    title = f"<b>{escape(words.EVALUATE_CONFUSION)}</b>"
    return f'<div class="evaluate-confusion" aria-live="polite">{title}<ul>{items}</ul></div>'


def _gallery(title: str, pictures: list[PictureRecord], shown: Evaluated, words: Words) -> str:
    cards = "".join(_card(record, shown, words) for record in pictures[:_MOST_SHOWN])
    body = (
        f'<div class="evaluate-cards">{cards}</div>{_more(len(pictures), words)}'
        if pictures
        else f"<p>{escape(words.EVALUATE_NONE)}</p>"
    )
    return f"<h3>{escape(title)} ({len(pictures)})</h3>{body}"


def _card(record: PictureRecord, shown: Evaluated, words: Words, title: str = "") -> str:
    verdict = ""
    if title:
        kind = "bad" if record.verdict else "good"
        said = escape(words.VERDICTS[record.verdict])
        verdict = f'<br>{escape(title)} <span class="mark {kind}">{said}</span>'
    caption = f"{escape(record.name)}<br>{words.EVALUATE_PICTURE.format(score=record.score)}"
    return (
        f'<figure><img loading="lazy" alt="{escape(record.name)}" '
        f'src="{shown.thumbnails.get(record.name, "")}">'
        f"<figcaption>{caption}{verdict}</figcaption></figure>"
    )


def _more(count: int, words: Words) -> str:
    if count <= _MOST_SHOWN:
        return ""
    return f'<p class="faint">{words.EVALUATE_MORE.format(count=count - _MOST_SHOWN)}</p>'


def _curves(detectors: Sequence[Evaluated], class_name: str, words: Words) -> str:
    drawn = []
    axes = words.EVALUATE_AXES
    for name, title in words.EVALUATE_CURVES.items():
        y_axis = name.rpartition("_")[2]
        x_axis = "recall" if y_axis == "pr" else "alarms"
        lines = {}
        for letter, each in zip(LETTERS, detectors, strict=False):
            for report in each.evaluation.classes:
                if report.class_name == class_name and name in report.curves:
                    curve = report.curves[name]
                    lines[f"{letter}: {each.title}"] = list(zip(curve.x, curve.y, strict=True))
        chart = line_chart(lines, axes[x_axis], axes[y_axis], title, last_values=False)
        if chart:
            drawn.append(f"<div><b>{escape(title)}</b>{chart}</div>")
    return f'<div class="evaluate-curves">{"".join(drawn)}</div>'


def _by_defect(report: ClassReport, words: Words) -> str:
    if len(report.by_defect) < 2:
        return ""
    names = [name for name in METRICS if any(name in each for each in report.by_defect.values())]
    head = "".join(f"<th>{escape(words.EVALUATE_METRICS[name])}</th>" for name in names)
    rows = ""
    for defect, figures in report.by_defect.items():
        cells = "".join(f"<td>{_percent(figures.get(name))}</td>" for name in names)
        rows += f"<tr><th>{escape(translate(defect, words))}</th>{cells}</tr>"
    return (
        f"<h4>{escape(words.EVALUATE_BY_DEFECT)}</h4><div class='table-frame'><table>"
        f"<tr><th>{escape(words.EVALUATE_DEFECT)}</th>{head}</tr>{rows}</table></div>"
    )
