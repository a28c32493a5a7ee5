"""Ways in that end on a page: a stranger's repository, and names of pictures, classes and parts."""

from __future__ import annotations

import csv
import io
import json
import os
import zipfile
from dataclasses import replace
from functools import cache
from html.parser import HTMLParser
from pathlib import Path
from unittest.mock import patch

import matplotlib
import numpy as np
import yaml

from fuzzing.seeds import tiny_detector
from inpformer.detector import AnomalyDetector
from inpformer.errors import UserError
from inpformer.evaluation.records import METRICS, ClassReport, Evaluation, Figure, PictureRecord
from inpformer.evaluation.report import write_report
from inpformer.files import save_png
from inpformer.result_archive import ArchiveEntry, write_archive
from inpformer.shot_quality import Finding
from inpformer.training.curve_page import curve_page

_FORMULAS = ("=", "+", "-", "@", "\t", "\r", "\n")
PICTURE = np.random.default_rng(1).integers(0, 256, (48, 64, 3), dtype=np.uint8)
REPO = "anna/washer"
_LONGEST_CARD = 10_000  # signs; of more, the stand-in reads nothing for seconds
matplotlib.get_configdir()  # a folder of its own, made here before anything is watched


class _Tags(HTMLParser):
    def handle_starttag(self, tag: str, attrs: list) -> None:
        """Refuse what only a name can have brought."""
        assert tag not in ("img", "script", "iframe"), tag
        assert not any(key.startswith("on") for key, _ in attrs), attrs


def check_page(page: str) -> None:
    """See that no name became a tag."""
    _Tags().feed(page)


def check_table(table: bytes) -> None:
    """See that no cell is one that a spreadsheet would run."""
    for row in csv.reader(io.StringIO(table.decode("utf-8-sig"), newline="")):
        assert not any(cell.lstrip(" ").startswith(_FORMULAS) for cell in row if not _number(cell))


def _number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True


def check_lines(sentences: object) -> None:
    """See that each is one line for a person.

    Raises:
        AssertionError: One is not.
    """
    for sentence in sentences:
        assert sentence.isprintable(), f"not one line: {sentence!r:.200}"
        assert sentence.strip() and "Traceback (most recent call last):\n" not in sentence
        assert len(sentence) <= 1100, f"{len(sentence)} signs: {sentence:.200}"


# --- a repository of the Hub


@cache
def _hub() -> object:
    from fake_hub import FakeHub

    return FakeHub().__enter__()  # until the process ends


def pull_from_hub(folder: Path) -> None:
    """A stranger's repository: looked at, shown, pulled and loaded."""
    from huggingface_hub import constants

    from inpformer.sharing.look import look_at
    from inpformer.sharing.pull import pull
    from inpformer.sharing.records import RepoAddress
    from inpformer.ui.models_views import look_card, pulled_list
    from inpformer.ui.words import ENGLISH

    hub, address = _hub(), RepoAddress.parse(REPO)
    hub.models.pop(REPO, None)
    hub.put(REPO, _files_of(folder))
    place = {"HF_ENDPOINT": hub.url, "HF_HUB_CACHE": str(folder.parent / "cache")}
    with (
        patch.dict(os.environ, {**place, "HF_HUB_OFFLINE": "0"}),
        patch.object(constants, "HF_HUB_OFFLINE", False),
    ):
        look = look_at(address, token="")
        check_page(look_card(look, ENGLISH))
        texts = (look.licence or "-", look.encoder or "-", look.metrics_on or "-", *look.metrics)
        check_lines([look.file_name, *texts])
        pulled = pull(address, token="")
        check_page(pulled_list({REPO: pulled}, ENGLISH))
        AnomalyDetector.load(pulled.path, "cpu")


def _files_of(folder: Path) -> dict[str, bytes]:
    """Return the files as the Hub would hold them; its own check of the card is done here."""
    card = (folder / "card.json").read_text("utf-8", "replace")
    try:
        json.dumps(yaml.safe_load(card[:_LONGEST_CARD]), default=str)
    except (yaml.YAMLError, ValueError, RecursionError):
        card = "{}"
    try:
        names = json.loads((folder / "names.json").read_bytes())
    except (ValueError, RecursionError):
        names = []
    names = [name for name in names if isinstance(name, str)] if isinstance(names, list) else []
    files = dict.fromkeys((name for name in names[1:] if name), b"more")
    if names:
        first = names[0] if names[0].endswith(".safetensors") else f"{names[0]}.safetensors"
        files[first] = (folder / "d.safetensors").read_bytes()
    files["config.json"] = (folder / "config.json").read_bytes()
    line = " ".join(card.splitlines())
    return {**files, "README.md": f"---\n{line}\n---\n".encode("utf-8", "replace")}


# --- names


def show_names(folder: Path) -> None:
    """Hostile names of pictures, classes, defects and detectors, in all that is made of them."""
    names = json.loads((folder / "names.json").read_bytes())
    out = folder.parent / "shown"
    page = write_report(_evaluation(names), out)
    check_page(page.read_text("utf-8"))
    for table in ("figures.csv", "pictures.csv"):
        check_table((out / table).read_bytes())
    json.loads((out / "evaluation.json").read_bytes())
    line = {"model": names[0], "phase": "train", "step": 1, "seconds": 1.0, "loss": 1.0}
    check_page(curve_page([line]))
    _show_on_page(names)
    _write_archive(names, out)


def _evaluation(names: list[str]) -> Evaluation:
    title, class_name, defect, picture, said, extra = names
    figures = {name: Figure(0.5) for name in METRICS}
    record = PictureRecord(
        picture, class_name, defect, True, 1.0, 0.7, True, (1, 2), True, 48, 64, 0.1
    )
    others = replace(record, name=extra, defect="good", is_anomalous=False, is_hit=None)
    report = ClassReport(
        class_name, figures, 1, 1, 3072, 9, 1, 0.5, None, 1.0, 0.1, {defect: figures}
    )
    reason = {**figures, METRICS[0]: Figure(None, reason=said)}
    second = replace(report, class_name=f"{class_name} 2", figures=reason)
    facts = {"settings": {"model": title, extra: said}, "versions": {"inpformer": said}}
    return Evaluation(
        title, said, "full-image", **facts, classes=(report, second), mean=figures,
        pictures=(record, others), problems=(said, extra),
    )  # fmt: skip


def _show_on_page(names: list[str]) -> None:
    from inpformer.ui import views
    from inpformer.ui.fewshot_views import doctor_card
    from inpformer.ui.result_list import ending
    from inpformer.ui.words import ENGLISH

    findings = [Finding("identical", (0, 1), "stop")]
    for shown in (
        views.detector_card(tiny_detector(), names[0], ENGLISH),
        views.message(names[1]),
        ending(names[2], names[3:], ENGLISH),
        doctor_card(findings, names, ENGLISH),
    ):
        check_page(shown)


@cache
def _result() -> object:
    return tiny_detector().predict(PICTURE)


def _write_archive(names: list[str], out: Path) -> None:
    picture = out / "p.png"
    save_png(picture, PICTURE)
    entries = [
        ArchiveEntry(name, picture, _result(), tiny_detector(), names[-1]) for name in names[:2]
    ]
    with zipfile.ZipFile(write_archive(out / "run.zip", entries)) as archive:
        for name in archive.namelist():
            assert name.isprintable() and ".." not in name.split("/") and len(name) < 120, name
        check_table(archive.read("results.csv"))
        json.loads(archive.read("run.json"))


def check_text(name: str) -> None:
    """See that a person's text in a model card is just that text."""
    from markdown_it import MarkdownIt

    from inpformer.sharing.card import plain

    page = MarkdownIt("commonmark", {"html": True}).render(plain(name))
    check_page(page)
    assert "<a " not in page, page
    try:
        raise UserError(name)
    except UserError as error:
        check_lines([f"- {error}"])
