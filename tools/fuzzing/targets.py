"""The ways in: each reads the files of a case in a folder as the program does."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path

import numpy as np

from inpformer.annotations.exchange import export_annotations, import_annotations
from inpformer.annotations.names import clean_name, file_key
from inpformer.annotations.store import AnnotationStore
from inpformer.config_table import to_dict
from inpformer.datasets.find import open_dataset
from inpformer.detector import AnomalyDetector
from inpformer.detector_file import import_official_detector
from inpformer.errors import UserError
from inpformer.hub_problems import HubProblemError
from inpformer.images import load_image, picture_kind, picture_size
from inpformer.picture_sources import find_pictures
from inpformer.result_table import csv_file, result_row, to_json
from inpformer.sharing.description import describe, read_file_header, read_json
from inpformer.sharing.records import RepoAddress
from inpformer.training.checkpoint import read_checkpoint
from inpformer.training.config import TrainConfig
from inpformer.training.curve_page import curve_page
from inpformer.training.run_folder import RunFolder
from inpformer.training.run_log import PlannedPhase, RunLog

# What may be said instead of a result; anything else that is raised is a defect.
REFUSALS = (UserError, HubProblemError)
_PICTURE = np.random.default_rng(1).integers(0, 256, (48, 64, 3), dtype=np.uint8)
_FORMULAS = ("=", "+", "-", "@", "\t", "\r", "\n")


def look_at_picture(folder: Path) -> None:
    """One picture, as it is dropped on the page."""
    (path,) = folder.iterdir()
    try:
        image = load_image(path)
    finally:
        for look in (picture_kind, picture_size):
            try:
                look(path)
            except UserError:
                continue
    assert image.dtype == np.uint8 and image.ndim == 3


def look_into_zip(folder: Path) -> None:
    """A zip of pictures."""
    found = find_pictures([*folder.iterdir()])
    check_sentences(found.problems)
    for source in found.pictures:
        try:
            source.read()
        except UserError as error:
            check_sentences([str(error)])


def load_detector(folder: Path) -> None:
    """A detector file, and the first result with it."""
    path = folder / "d.safetensors"
    describe(read_file_header(path), "user/repo")
    detector = AnomalyDetector.load(path, "cpu")
    result = detector.predict(_PICTURE)
    to_json([result_row("a.png", result, "d")])


def load_encoder(folder: Path) -> None:
    """Weights of an encoder."""
    AnomalyDetector.load("embedded", "cpu", folder / "e.safetensors").predict(_PICTURE)


def load_official(folder: Path) -> None:
    """A checkpoint of the authors' code."""
    import_official_detector(folder / "o.pth")


def read_run(folder: Path) -> None:
    """A folder of `train` that is gone on with."""
    run = RunFolder(folder)
    record = run.read()
    if record is not None:
        wanted = {"config": to_dict(TrainConfig()), "encoder": "e 1", "classes": ["a"]}
        run.begin(wanted, resume=True)
    checkpoint = read_checkpoint(run.checkpoint_file)
    log = RunLog(run, [PlannedPhase("a", "train", 9)], None, True)
    log.go_on_from(None if checkpoint is None else checkpoint.position, [])
    log.draw()
    check_page(run.curve_file.read_text("utf-8"))


def read_dataset(folder: Path) -> None:
    """A data set with a list."""
    check_sentences(open_dataset(folder).problems)


def read_store(folder: Path) -> None:
    """A store of annotations that somebody sent, exported again."""
    store = AnnotationStore.open(folder)
    for item in store.pictures():
        store.load(item.name)
        store.history(item.name)
    export_annotations(store, "png", folder.with_name("out"))


def import_set(folder: Path) -> None:
    """Annotations of another program."""
    source = folder / "set.zip" if (folder / "set.zip").exists() else folder
    store = AnnotationStore(folder.with_name("out"))
    check_sentences(import_annotations(store, source).notes)


def read_description(folder: Path) -> None:
    """What a repository on the Hub says of itself."""
    describe(read_json((folder / "config.json").read_bytes()), "user/repo")


def use_name(folder: Path) -> None:
    """A name as text: of a picture, class or repository, in tables, pages and files."""
    name = (folder / "name.txt").read_bytes().decode("utf-8", "surrogatepass")
    key = file_key(name)
    assert key.isascii() and "/" not in key and len(key) <= 100
    writable = name.encode("utf-8", "replace").decode()
    for row in csv.reader(io.StringIO(csv_file(["a"], [[writable]]).decode("utf-8-sig"))):
        assert not row or not row[0].startswith(_FORMULAS)
    json.dumps(str(UserError(name)))
    look = {"model": writable, "phase": "train", "step": 1, "seconds": 1.0, "loss": 1.0}
    check_page(curve_page([look]))
    for read in (clean_name, RepoAddress.parse):
        try:
            read(name)
        except UserError as error:
            check_sentences([str(error)])
    store = AnnotationStore(folder.with_name("out"))
    store.add_class(name)
    store.add_picture(_PICTURE, name)
    export_annotations(store, "png", folder.with_name("exported"))


class _Tags(HTMLParser):
    def handle_starttag(self, tag: str, attrs: list) -> None:
        """Refuse what only a name can have brought."""
        assert tag not in ("img", "script", "iframe"), tag
        assert not any(key.startswith("on") for key, _ in attrs), attrs


def check_page(page: str) -> None:
    """See that no name became a tag."""
    _Tags().feed(page)


def check_sentences(sentences: object) -> None:
    """See that each is one line for a person.

    Raises:
        AssertionError: One is not.
    """
    for sentence in sentences:
        assert sentence.isprintable(), f"not one line: {sentence!r:.200}"
        assert sentence.strip() and "Traceback (most recent call last):\n" not in sentence
        assert len(sentence) <= 1100, f"{len(sentence)} signs: {sentence:.200}"


TARGETS: dict[str, Callable[[Path], None]] = {
    "picture": look_at_picture,
    "zip": look_into_zip,
    "detector": load_detector,
    "encoder": load_encoder,
    "official": load_official,
    "run": read_run,
    "dataset": read_dataset,
    "store": read_store,
    "description": read_description,
    "text": use_name,
}


def target_of(kind: str) -> Callable[[Path], None]:
    """Return what reads a kind of case."""
    return import_set if kind.startswith("import-") else TARGETS[kind]
