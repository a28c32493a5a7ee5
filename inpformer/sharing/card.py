"""The model card of a pushed detector, written from what is known of it."""

from __future__ import annotations

import html
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from inpformer.config_table import from_dict
from inpformer.presets import ENCODER_PRESETS
from inpformer.scales import Calibration
from inpformer.sharing.description import Description, as_name
from inpformer.sharing.records import PushWish

LIBRARY = "inpformer"
TAGS = (
    "anomaly-detection",
    "anomaly-localization",
    "defect-detection",
    "industrial-inspection",
    "visual-inspection",
    "few-shot",
    "inp-former",
)
_TASK = "image-segmentation"  # the Hub has no task for anomalies; a mask is what comes out
_METHODS = {
    "INP-Former++": "[INP-Former++](https://arxiv.org/abs/2506.03660). That method has no public "
    "code, so this is a **paper reproduction** that nobody has compared with the original.",
    "INP-Former": "[INP-Former](https://arxiv.org/abs/2503.02424), in an implementation that is "
    "checked against recordings of its authors' code.",
    "training-free": "the training-free form of "
    "[INP-Former](https://arxiv.org/abs/2503.02424): prototypes by clustering, nothing learnt.",
}
_LONGEST = 5000  # signs in one line
_OFFICIAL = " The weights are those of a checkpoint of the method's authors, converted."


@dataclass(frozen=True)
class CardFacts:
    """What a card tells beside what people wish.

    Attributes:
        description: What can be read of the detector file.
        header: All that the detector file says of itself.
        version: The tag it is pushed as.
        sha256: Of the detector file.
        byte_count: Its size.
        picture_names: Files of the wished pictures, in their order.
    """

    description: Description
    header: Mapping[str, Any]
    version: str
    sha256: str
    byte_count: int
    picture_names: tuple[str, ...]


def write_card(facts: CardFacts, wish: PushWish) -> str:
    """Return the card, `README.md`: what the Hub reads, then what people read."""
    from huggingface_hub import ModelCard

    title = plain(wish.title) or plain(wish.repo_id.rpartition("/")[2])
    parts = [
        f"# {title}",
        plain_paragraphs(wish.about),
        _summary(facts),
        _how_to_load(facts, wish),
        _facts_table(facts),
        _encoder(facts),
        _metrics_table(wish),
        _pictures(facts, wish),
        _limits(facts),
    ]
    text = "\n\n".join(part for part in parts if part) + "\n"
    return str(ModelCard(f"---\n{_card_data(facts, wish).to_yaml()}\n---\n\n{text}"))


def plain(text: str) -> str:
    """Return a person's text as one line of Markdown that shows just that text."""
    line = as_name(text, _LONGEST)
    escaped = re.sub(r"([!-%'-/:;=?@\[-`{-~])", r"\\\1", line)
    return html.escape(escaped, quote=False)


def plain_paragraphs(text: str) -> str:
    """Do the same with several paragraphs."""
    paragraphs = re.split(r"\n\s*\n", text.strip())
    return "\n\n".join(filter(None, map(plain, paragraphs)))


def _card_data(facts: CardFacts, wish: PushWish) -> Any:
    from huggingface_hub import ModelCardData

    preset = ENCODER_PRESETS.get(facts.description.encoder)
    on_timm = preset is not None and preset.timm_name
    name = wish.repo_id.rpartition("/")[2]
    return ModelCardData(
        license=wish.licence,
        library_name=LIBRARY,
        pipeline_tag=_TASK,
        tags=[*TAGS, *_variant_tags(facts.description.variant)],
        base_model=f"timm/{preset.timm_name}" if on_timm else None,
        model_name=as_name(wish.title) or name,
        eval_results=_eval_results(wish) or None,
    )


def _variant_tags(variant: str) -> list[str]:
    return {"INP-Former++": ["inp-former-plus-plus"], "training-free": ["training-free"]}.get(
        variant, []
    )


def _eval_results(wish: PushWish) -> list[Any]:
    from huggingface_hub import EvalResult

    data = as_name(wish.metrics_on, 200) or "data of the owner"
    return [
        EvalResult(
            task_type=_TASK,
            task_name="Image anomaly detection",
            dataset_type=re.sub(r"[^a-z0-9]+", "-", data.lower()).strip("-") or "own-data",
            dataset_name=data,
            metric_type=_metric_type(name),
            metric_name=as_name(name),
            metric_value=round(float(value), 6),
        )
        for name, value in (wish.metrics or {}).items()
    ]


def _metric_type(name: str) -> str:
    """Return what the Hub calls a metric; its own name where the Hub has none."""
    words = re.findall(r"[a-z0-9]+", name.lower())
    if "auroc" in words:
        return "roc_auc"
    if "f1" in words:
        return "f1"
    return "average_precision" if "ap" in words else "_".join(words) or "metric"


def _summary(facts: CardFacts) -> str:
    variant, provenance = facts.description.variant, facts.header["provenance"]
    learnt = "knows the kinds of parts it was trained on"
    if variant == "training-free":
        learnt = "looks at any part"
    elif facts.description.shot_count:
        learnt = "knows one kind of part"
    official = _OFFICIAL if provenance.get("source") else ""
    return (
        f"An image anomaly detector that {learnt} and says what is wrong in a picture, where, and "
        f"how sure that is. Method: {_METHODS[variant]}{official}"
    )


def _how_to_load(facts: CardFacts, wish: PushWish) -> str:
    return (
        "## How to use it\n\n```python\n"
        "from inpformer import AnomalyDetector, load_image\n"
        f'detector = AnomalyDetector.load("{wish.repo_id}@{facts.version}")\n'
        'result = detector.predict(load_image("part.png"))\n'
        "```\n\n"
        f"`result` has a score, a map per pixel{_verdict(facts)}. On the command line: "
        f"`inpformer predict part.png --model {wish.repo_id}@{facts.version} -o results`."
    )


def _verdict(facts: CardFacts) -> str:
    return "" if facts.description.threshold is None else ", a verdict and a mask"


def _facts_table(facts: CardFacts) -> str:
    found, header = facts.description, facts.header
    provenance, calibration = header["provenance"], header["calibration"]
    rows = [("Method", found.variant), ("Encoder", plain(found.encoder))]
    if found.shot_count:
        rows.append(("Normal pictures it was fitted on", str(found.shot_count)))
    if provenance.get("correction_count"):
        rows.append(("Corrected pictures it was retrained with", provenance["correction_count"]))
    if provenance.get("tiles"):
        rows.append(("Fitted in tiles", plain(str(provenance["tiles"]))))
    if provenance.get("source"):
        rows.append(("Imported from", plain(str(provenance["source"]))))
    if found.threshold is None:
        rows.append(("Threshold", "none: it gives maps and scores, but no verdict"))
    else:
        rows.append(("Threshold", f"{found.threshold:.6g}"))
        scales: Calibration = from_dict(Calibration, calibration)
        rows.append(("Normal views above it", f"{scales.false_alarm_rate:.1%} expected"))
        rows.append(
            ("New normal parts above it", f"up to {scales.part_alarm_rate:.1%}, as far as is known")
        )
    rows += [
        ("File", f"`detector.safetensors`, {facts.byte_count / 1e6:.1f} MB"),
        ("sha256", f"`{facts.sha256}`"),
        ("Written by", f"inpformer {plain(str(header['version']))}"),
    ]
    lines = [f"| {name} | {value} |" for name, value in rows]
    return "\n".join(["## What it is", "", "| | |", "|---|---|", *lines])


def _encoder(facts: CardFacts) -> str:
    found = facts.description
    preset = ENCODER_PRESETS.get(found.encoder)
    licence = preset.licence if preset else ""
    if found.is_encoder_inside:
        terms = f"is {licence}" if licence else "is that of whoever trained them"
        return (
            f"The weights of the encoder ({plain(found.encoder)}) are **inside** the file; their "
            f"licence {terms}, whatever that of the rest is."
        )
    where = "they come with the program"
    if preset and preset.timm_name:
        page = f"[timm](https://huggingface.co/timm/{preset.timm_name})"
        where = f"the program finds or downloads them ({page})"
    terms = f" Their licence is {licence}." if licence else ""
    return (
        f"The weights of the encoder ({plain(found.encoder)}) are **not** in the file; {where}."
        f"{terms}"
    )


def _metrics_table(wish: PushWish) -> str:
    if not wish.metrics:
        return ""
    lines = [f"| {plain(name)} | {float(value):.4f} |" for name, value in wish.metrics.items()]
    data = plain(wish.metrics_on) or "data of the owner"
    return "\n".join(
        ["## Figures", "", f"Measured on: {data}.", "", "| figure | value |", "|---|---|", *lines]
    )


def _pictures(facts: CardFacts, wish: PushWish) -> str:
    if not wish.pictures:
        return ""
    lines = [
        f"![{plain(caption)}]({name})\n\n{plain(caption)}".rstrip()
        for name, (caption, _) in zip(facts.picture_names, wish.pictures, strict=True)
    ]
    return "\n\n".join(["## Pictures", *lines])


def _limits(facts: CardFacts) -> str:
    found = facts.description
    points = []
    if found.variant != "training-free":
        points.append(
            "It knows what it was shown. Another part, camera, light or pose looks anomalous to it."
        )
    if found.threshold is None:
        points.append("It has no threshold: scores can be ranked, but nothing is called anomalous.")
    elif found.shot_count:
        points.append(
            f"The threshold comes from {found.shot_count} normal pictures, so the true rate of "
            "false alarms is known only roughly; check it on your own."
        )
    provenance = facts.header["provenance"]
    if not (provenance.get("correction_count") or provenance.get("training", {}).get("anomalies")):
        points.append("It has seen no real defect. What is small or looks normal can be missed.")
    points.append("It is an aid for inspection, and no safety device.")
    return "\n".join(["## Limits", "", *(f"- {point}" for point in points)])
