"""An annotation store as a data set; nothing is copied, the samples are the store's own files."""

from __future__ import annotations

from pathlib import Path

from inpformer.annotations.mvtec import COMBINED, UNMARKED, defect_folders
from inpformer.annotations.picture_folder import CLASS_FILE
from inpformer.annotations.store import AnnotationStore
from inpformer.datasets.draws import with_drawn_split
from inpformer.datasets.findings import Findings, Reading
from inpformer.datasets.plain import DRAWN_SPLIT
from inpformer.datasets.sample import NORMAL, Sample


def read_store(root: Path) -> Reading | None:
    """List what is finished in an annotation store.

    Anomalous and corrected pictures are to test with. Of the normal ones, among them corrected
    ones in which nothing is marked, one in five is as well, see `with_drawn_split`. A picture with
    marks of several classes counts as `combined`. Pictures that nobody has labelled, and skipped
    ones, are left out.

    Returns:
        None if it is no store.

    Raises:
        UserError: The store is damaged.
    """
    if not (root / CLASS_FILE).is_file():
        return None
    store = AnnotationStore.open(root)
    folders = defect_folders(store.classes)
    findings = Findings(root)
    samples = []
    for item in store.pictures():
        picture = store.picture_path(item.name)
        if item.info.label in ("unlabelled", "skipped"):
            findings.unlabelled.append(picture)
            continue
        values = item.info.values
        defect = NORMAL
        if values:
            defect = folders[min(values)] if len(values) == 1 else COMBINED
        elif item.info.label == "anomalous":
            defect = UNMARKED
            findings.unmasked.append(picture)
        mask = store.mask_path(item.name) if values else None
        samples.append(Sample(picture, "test", defect, mask, mask_level=0))
    if sum(not sample.is_anomalous for sample in samples) > 1:
        findings.say(DRAWN_SPLIT)
    return Reading("Annotation store", with_drawn_split(samples), findings)
