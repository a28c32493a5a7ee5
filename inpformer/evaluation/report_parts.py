"""Tables, charts and pictures of a report, as HTML; every name in it is escaped."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from statistics import fmean

from inpformer.charts import histogram_chart, line_chart
from inpformer.evaluation.records import (
    METRICS,
    ClassReport,
    Curve,
    Evaluation,
    Figure,
    PictureRecord,
)
from inpformer.evaluation.report_pictures import ShownPictures, shown_pictures

NOTHING = "–"
TITLES = {
    "image_auroc": "I-AUROC",
    "image_ap": "I-AP",
    "image_f1_max": "I-F1",
    "pixel_auroc": "P-AUROC",
    "pixel_ap": "P-AP",
    "pixel_f1_max": "P-F1",
    "aupro": "AUPRO",
}
# Title, what x and y are, and the curves by their words.
_CURVES = (
    ("ROC", "false-alarm rate", "found", {"pictures": "image_roc", "pixels": "pixel_roc"}),
    (
        "Precision and recall",
        "recall",
        "precision",
        {"pictures": "image_pr", "pixels": "pixel_pr"},
    ),
    ("Per-region overlap (PRO)", "false-alarm rate of pixels", "overlap", {"defects": "pro"}),
)
# Half of the last digit that is shown.
_VISIBLE_ERROR = 0.0005


def name_of(report: ClassReport) -> str:
    """Return what to call a class; a data set of one has no name for it."""
    return report.class_name or "All pictures"


def percent(figure: Figure) -> str:
    """Return a figure in percent, and how far off it can be if one sees that."""
    if figure.value is None:
        return NOTHING
    error = f" ± {100 * figure.error:.1f}" if figure.error >= _VISIBLE_ERROR else ""
    return f"{100 * figure.value:.1f}{error}"


def mean_table(evaluations: Sequence[Evaluation]) -> str:
    """Compare the means of several evaluations; the best of each figure stands out."""
    rows = []
    for each in evaluations:
        cells = []
        for name in METRICS:
            values = [other.mean[name].value for other in evaluations]
            best = max((value for value in values if value is not None), default=None)
            is_best = best is not None and each.mean[name].value == best
            cells.append(f"<td{' class=best' if is_best else ''}>{percent(each.mean[name])}</td>")
        rows.append(f"<tr><th scope=row>{escape(each.title)}</th>{''.join(cells)}</tr>")
    return "<h4>Means over classes</h4>" + _table(["Evaluation", *TITLES.values()], rows)


def figure_table(evaluation: Evaluation) -> str:
    """Show the figures of each class and their mean, and why some are missing."""
    rows = []
    for report in evaluation.classes:
        hits = NOTHING if report.hit_rate is None else f"{100 * report.hit_rate:.1f}"
        counts = f"{report.normal} + {report.anomalous}"
        rows.append(_row(name_of(report), [*_percents(report.figures), hits, counts]))
    if len(evaluation.classes) > 1:
        rates = [each.hit_rate for each in evaluation.classes if each.hit_rate is not None]
        hits = f"{100 * fmean(rates):.1f}" if rates else NOTHING
        normal = sum(report.normal for report in evaluation.classes)
        anomalous = sum(report.anomalous for report in evaluation.classes)
        cells = [*_percents(evaluation.mean), hits, f"{normal} + {anomalous}"]
        rows.append(_row("Mean", cells, "mean"))
    header = ["Class", *TITLES.values(), "Hits", "Pictures"]
    return _table(header, rows) + _reasons(evaluation)


def _reasons(evaluation: Evaluation) -> str:
    """Say for which classes a figure is missing, and why."""
    missing: dict[tuple[str, str], list[str]] = {}
    for report in evaluation.classes:
        by_reason: dict[str, list[str]] = {}
        for name in METRICS:
            figure = report.figures[name]
            if figure.value is None:
                by_reason.setdefault(figure.reason, []).append(TITLES[name])
        for reason, titles in by_reason.items():
            missing.setdefault((reason, ", ".join(titles)), []).append(name_of(report))
    lines = [
        f"<li>{escape(', '.join(classes))}: no {titles}. {escape(reason)}</li>"
        for (reason, titles), classes in missing.items()
    ]
    note = ""
    if missing and len(evaluation.classes) > 1:
        note = "<li>Means are over the classes that have the figure.</li>"
    return f'<ul class="faint">{"".join(lines)}{note}</ul>' if lines else ""


def confusion_table(report: ClassReport) -> str:
    """Count verdicts at the calibrated threshold; empty without one."""
    counts = report.confusion
    if counts is None:
        return ""
    rows = [
        _row("Anomalous", [str(counts.found), str(counts.missed)]),
        _row("Normal", [str(counts.false_alarms), str(counts.passed)]),
    ]
    header = ["Truth", "called anomalous", "called normal"]
    return (
        f"<h4>Verdicts at the detector's threshold ({report.threshold:.4g})</h4>"
        f'<div class="confusion">{_table(header, rows)}</div>'
    )


def charts_of(report: ClassReport, evaluation: Evaluation) -> str:
    """Draw scores and curves of a class; those that exist."""
    records = [each for each in evaluation.pictures if each.class_name == report.class_name]
    groups = {
        words: [record.score for record in records if record.is_anomalous == truth]
        for words, truth in (("normal", False), ("anomalous", True))
    }
    cut = None if report.threshold is None else ("threshold", report.threshold)
    charts = {
        "Image scores": histogram_chart(
            groups, cut, "image score", "pictures", "Scores of normal and anomalous pictures"
        )
    }
    for title, x_label, y_label, lines in _CURVES:
        points = {
            words: _points(report.curves[name])
            for words, name in lines.items()
            if name in report.curves
        }
        charts[title] = line_chart(points, x_label, y_label, title, last_values=False)
    drawn = [f"<div><h4>{title}</h4>{chart}</div>" for title, chart in charts.items() if chart]
    return f'<div class="charts">{"".join(drawn)}</div>'


def defect_table(report: ClassReport) -> str:
    """Show the figures per kind of defect; empty where there is but one."""
    if len(report.by_defect) < 2:
        return ""
    rows = [_row(kind, _percents(figures)) for kind, figures in report.by_defect.items()]
    title = "<h4>By kind of defect, against all normal pictures</h4>"
    return title + _table(["Defect", *TITLES.values()], rows)


def galleries_of(report: ClassReport, evaluation: Evaluation, thumbnails: Mapping[str, str]) -> str:
    """Show the worst misses, the worst false alarms and the best finds of a class."""
    shown = shown_pictures(evaluation, report.class_name)
    if shown.threshold is None:
        return ""
    note = ""
    if not shown.is_calibrated:
        note = (
            '<p class="faint">This detector has no threshold of its own; these are judged by the '
            "one with the best F1 value on these very pictures, which flatters it.</p>"
        )
    parts = [
        _gallery(title, records, shown, thumbnails)
        for title, records in (
            ("Worst misses", shown.misses),
            ("Worst false alarms", shown.false_alarms),
            ("Best finds", shown.found),
        )
    ]
    return note + "".join(parts)


def _gallery(
    title: str,
    records: Sequence[PictureRecord],
    shown: ShownPictures,
    thumbnails: Mapping[str, str],
) -> str:
    if not records:
        return f"<h4>{title}</h4><p>None.</p>"
    figures = "".join(_figure(record, shown, thumbnails.get(record.name)) for record in records)
    return f'<h4>{title}</h4><div class="figures">{figures}</div>'


def _figure(record: PictureRecord, shown: ShownPictures, address: str | None) -> str:
    image = ""
    if address:
        image = (
            f'<img alt="{escape(record.name)}: anomaly map over the picture" '
            f'src="{escape(address)}">'
        )
    facts = [f"score {record.score:.3g}, threshold {shown.threshold:.3g}"]
    if record.is_hit is not None:
        facts.append("peak in a defect" if record.is_hit else "peak outside the defects")
    caption = f"{escape(record.name)}<br>{escape(record.defect)}<br>{'; '.join(facts)}"
    return f"<figure>{image}<figcaption>{caption}</figcaption></figure>"


def _points(curve: Curve) -> list[tuple[float, float]]:
    return list(zip(curve.x, curve.y, strict=True))


def _percents(figures: Mapping[str, Figure]) -> list[str]:
    return [percent(figures[name]) for name in METRICS]


def _row(name: str, cells: Sequence[str], kind: str = "") -> str:
    marked = f" class={kind}" if kind else ""
    body = "".join(f"<td>{cell}</td>" for cell in cells)
    return f"<tr{marked}><th scope=row>{escape(name)}</th>{body}</tr>"


def _table(header: Sequence[str], rows: Sequence[str]) -> str:
    head = "".join(f"<th scope=col>{escape(title)}</th>" for title in header)
    return (
        f'<div class="frame" tabindex="0"><table><thead><tr>{head}</tr></thead>'
        f"<tbody>{''.join(rows)}</tbody></table></div>"
    )
