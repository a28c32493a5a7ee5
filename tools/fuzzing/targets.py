"""The ways in: each reads the files of a case in a folder as the program does."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch

from fuzzing.shown import (
    PICTURE,
    check_lines,
    check_page,
    check_table,
    check_text,
    pull_from_hub,
    show_names,
)
from inpformer.annotations.exchange import export_annotations, import_annotations
from inpformer.annotations.names import clean_name, file_key
from inpformer.annotations.store import AnnotationStore
from inpformer.datasets.find import open_dataset
from inpformer.detector import AnomalyDetector
from inpformer.detector_file import import_official_detector
from inpformer.errors import UserError
from inpformer.evaluation.subjects import read_subjects
from inpformer.hub_problems import HubProblemError
from inpformer.images import load_image, picture_kind, picture_size
from inpformer.picture_sources import find_pictures
from inpformer.result_table import csv_file, result_row, to_json
from inpformer.sharing.description import describe, read_file_header, read_json
from inpformer.sharing.records import RepoAddress
from inpformer.training.checkpoint import read_checkpoint
from inpformer.training.processes import Processes
from inpformer.training.run import TrainRequest, train
from inpformer.training.run_folder import RunFolder
from inpformer.training.run_log import PlannedPhase, RunLog

# What may be said instead of a result; anything else that is raised is a defect.
REFUSALS = (UserError, HubProblemError)


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
    check_lines(found.problems)
    for source in found.pictures:
        try:
            source.read()
        except UserError as error:
            check_lines([str(error)])


def load_detector(folder: Path) -> None:
    """A detector file, and the first result with it."""
    path = folder / "d.safetensors"
    describe(read_file_header(path), "user/repo")
    detector = AnomalyDetector.load(path, "cpu")
    result = detector.predict(PICTURE)
    to_json([result_row("a.png", result, "d")])


def load_encoder(folder: Path) -> None:
    """Weights of an encoder, used on a small picture: a whole one takes a second."""
    detector = AnomalyDetector.load("filters", "cpu", folder / "e.safetensors")
    detector.run(torch.full((1, 3, 48, 64), 0.5))


def load_official(folder: Path) -> None:
    """A checkpoint of the authors' code."""
    import_official_detector(folder / "o.pth")


def read_run(folder: Path) -> None:
    """A folder of `train` that somebody else sent: its log, its checkpoint, its detectors."""
    run = RunFolder(folder / "run")
    record = run.read()
    checkpoint = read_checkpoint(run.checkpoint_file)
    log = RunLog(run, [PlannedPhase("*", "decoder", 9)], None, True)
    log.go_on_from(None if checkpoint is None else checkpoint.position, [])
    log.draw()
    check_page(run.curve_file.read_text("utf-8"))
    if record is not None and record.get("is_finished"):
        for subject in read_subjects([str(run.root)]):
            subject.load(["bolt"], "cpu")


def resume_run(folder: Path) -> None:
    """A training that goes on in such a folder."""
    from training_data import QUICK, source

    data = open_dataset(folder / "data")
    check_lines(data.problems)
    wanted = TrainRequest((data,), QUICK, folder / "run", resume=True, bundle_encoder=True)
    train(source(), wanted, Processes(on_cpu=True))


def read_dataset(folder: Path) -> None:
    """A data set with a list."""
    check_lines(open_dataset(folder).problems)


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
    check_lines(import_annotations(store, source).notes)


def read_description(folder: Path) -> None:
    """What a repository on the Hub says of itself."""
    describe(read_json((folder / "config.json").read_bytes()), "user/repo")


def use_name(folder: Path) -> None:
    """A name as text: of a picture, class or repository, in tables, pages and files."""
    name = (folder / "name.txt").read_bytes().decode("utf-8", "surrogatepass")
    key = file_key(name)
    assert key.isascii() and "/" not in key and len(key) <= 100
    writable = name.encode("utf-8", "replace").decode()
    check_table(csv_file(["a"], [[writable]]))
    check_text(name)
    json.dumps(str(UserError(name)))
    for read in (clean_name, RepoAddress.parse):
        try:
            read(name)
        except UserError as error:
            check_lines([str(error)])
    store = AnnotationStore(folder.with_name("out"))
    store.add_class(name)
    store.add_picture(PICTURE, name)
    export_annotations(store, "png", folder.with_name("exported"))


TARGETS: dict[str, Callable[[Path], None]] = {
    "picture": look_at_picture,
    "zip": look_into_zip,
    "detector": load_detector,
    "encoder": load_encoder,
    "official": load_official,
    "run": read_run,
    "resume": resume_run,
    "dataset": read_dataset,
    "store": read_store,
    "description": read_description,
    "text": use_name,
    "names": show_names,
    "hub": pull_from_hub,
}


def target_of(kind: str) -> Callable[[Path], None]:
    """Return what reads a kind of case."""
    return import_set if kind.startswith("import-") else TARGETS[kind]
