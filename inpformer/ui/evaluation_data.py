"""Where the Evaluate tab takes pictures from whose truth is known."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from inpformer.annotations.archive import unpack
from inpformer.datasets.find import open_dataset
from inpformer.datasets.sample import DataSet, Sample
from inpformer.errors import UserError
from inpformer.examples import Examples
from inpformer.files import make_folder
from inpformer.picture_sources import MAX_TOTAL_BYTES
from inpformer.ui.annotate_queue import OPEN_LABELS
from inpformer.ui.annotation_desk import AnnotationDesk
from inpformer.ui.session import Session
from inpformer.ui.words import Words

# At about a quarter of a second each, a person waits for them without giving up.
MAX_PICTURES = 300


@dataclass(frozen=True)
class EvaluationSource:
    """Which pictures.

    Attributes:
        kind: `part`, `annotations`, `zip` or `folder`.
        part: Name of the example part.
        file: Uploaded zip file.
        folder: Path on the computer that the page runs on.
        is_local: Whether the visitor sits at that computer; others may not name a folder.
    """

    kind: str
    part: str | None = None
    file: str | None = None
    folder: str | None = None
    is_local: bool = False


def data_line(source: EvaluationSource, dataset: DataSet, protocol: str) -> str:
    """Say in English what pictures these are, for readers who were not there; no path is named."""
    # The layout is how files lie, and no proof that they are the data set it is named after.
    names = {
        "part": f"the example part '{source.part}' of INP-Former++ Lab",
        "annotations": "pictures labelled by the owner",
    }
    name = names.get(source.kind, f"the owner's data set in the layout of {dataset.layout}")
    test = [sample for sample in dataset.samples if sample.split == "test"]
    anomalous = sum(sample.is_anomalous for sample in test)
    return (
        f"{name}: {len(test) - anomalous} normal and {anomalous} anomalous pictures, "
        f"protocol {protocol}"
    )


class EvaluationData:
    """Opens the data sets that visitors name.

    Args:
        examples: The example parts.
        allow_folders: Whether folders of this computer may be named.
    """

    def __init__(self, examples: Examples, allow_folders: bool) -> None:
        self.examples = examples
        self.allow_folders = allow_folders

    def sources(self, words: Words) -> list[tuple[str, str]]:
        """Return titles and kinds of what may be named here."""
        kinds = [(title, kind) for kind, title in words.EVALUATE_SOURCES.items()]
        return [*kinds, (words.EVALUATE_FOLDER_SOURCE, "folder")] if self.allow_folders else kinds

    @contextmanager
    def open(self, session: Session, source: EvaluationSource) -> Iterator[DataSet]:
        """Give the data set; of many test pictures an even part. What was unpacked goes after.

        Raises:
            UserError: There is none, or it has no test pictures.
        """
        words = session.words
        if source.kind == "zip":
            with self._unpacked(session, source.file) as folder:
                yield limited(open_dataset(folder), words)
        elif source.kind == "folder":
            if not (self.allow_folders and source.is_local):
                raise UserError(words.EVALUATE_FOLDER_REFUSED)
            if not (source.folder or "").strip():
                raise UserError(words.EVALUATE_NO_FOLDER)
            yield limited(open_dataset(Path(source.folder.strip()).expanduser()), words)
        elif source.kind == "annotations":
            yield limited(_labelled(session.desk, words), words)
        else:
            yield limited(self._part(source.part, words), words)

    def _part(self, name: str | None, words: Words) -> DataSet:
        part = self.examples.part(name)
        if part is None:
            raise UserError(words.EVALUATE_NO_PART)
        tests = [
            Sample(each.path, "test", each.defect, each.mask_path, part.name)
            for each in part.pictures
        ]
        normal = [Sample(path, "train", "good", None, part.name) for path in part.normal_paths]
        root = part.pictures[0].path.parents[2]
        return DataSet(root, "MVTec AD", (*normal, *tests))

    @contextmanager
    def _unpacked(self, session: Session, file: str | None) -> Iterator[Path]:
        words = session.words
        if not file:
            raise UserError(words.EVALUATE_NO_ZIP)
        upload = Path(file)
        session.uploads.add(upload)
        if not upload.is_file():
            raise UserError(words.UPLOAD_GONE.format(name=upload.name))
        folder = session.new_path("data")
        try:
            make_folder(folder)
            unpack(upload, folder, MAX_TOTAL_BYTES)
            yield folder
        finally:
            shutil.rmtree(folder.parent, ignore_errors=True)


def _labelled(desk: AnnotationDesk | None, words: Words) -> DataSet:
    if desk is None or not any(item.info.label not in OPEN_LABELS for item in desk.pictures()):
        raise UserError(words.EVALUATE_NO_LABELS)
    found = open_dataset(desk.store.folder)
    # All that is labelled is looked at: nothing is trained on here.
    return replace(found, samples=tuple(replace(each, split="test") for each in found.samples))


def limited(dataset: DataSet, words: Words) -> DataSet:
    """Return a data set with at most `MAX_PICTURES` test pictures, evenly chosen.

    Raises:
        UserError: There are no test pictures.
    """
    test = [sample for sample in dataset.samples if sample.split == "test"]
    if not test:
        raise UserError(words.EVALUATE_NO_TEST)
    count = len(test)
    if count <= MAX_PICTURES:
        return dataset
    kept = {test[index * count // MAX_PICTURES].path for index in range(MAX_PICTURES)}
    samples = tuple(each for each in dataset.samples if each.split == "train" or each.path in kept)
    problem = words.EVALUATE_SOME.format(count=count, limit=MAX_PICTURES)
    return replace(dataset, samples=samples, problems=(*dataset.problems, problem))
