"""VisA as its authors publish it: pictures per object, and a table that splits them."""

from __future__ import annotations

from pathlib import Path

from inpformer.annotations.table import read_csv
from inpformer.datasets.findings import Findings, Reading
from inpformer.datasets.listed_files import ListedPicture, ListReader
from inpformer.datasets.sample import NORMAL
from inpformer.errors import UserError

SPLIT_TABLE = Path("split_csv", "1cls.csv")
_COLUMNS = ("object", "split", "label", "image", "mask")


def read_visa(root: Path) -> Reading | None:
    """List VisA by its table for training on normal pictures alone, `split_csv/1cls.csv`.

    A mask holds the number of a kind of defect in each pixel, so all but 0 is defect.

    Returns:
        None if there is no such table.

    Raises:
        UserError: The table is damaged, or names a file outside of the data set.
    """
    table = root / SPLIT_TABLE
    if not table.is_file():
        return None
    rows = read_csv(table)
    if not rows or not rows[0].keys() >= set(_COLUMNS):
        raise UserError(
            f"'{table.name}' must have the columns {', '.join(_COLUMNS)} and at least one row; "
            "copy it again."
        )
    findings = Findings(root)
    listed = [_listed(row, line, table) for line, row in enumerate(rows, start=2)]
    return Reading("VisA", ListReader(findings, mask_level=0).read(root, listed, table), findings)


def _listed(row: dict[str, str], line: int, table: Path) -> ListedPicture:
    split, label = row["split"], row["label"]
    if split not in ("train", "test") or label not in ("normal", "anomaly"):
        raise UserError(
            f"Line {line} of '{table.name}' must say train or test, and normal or anomaly, not "
            f"'{split}' and '{label}'."
        )
    if not row["object"] or not row["image"]:
        raise UserError(f"Line {line} of '{table.name}' names no object or no picture.")
    defect = NORMAL if label == "normal" else label
    return ListedPicture(row["image"], row["mask"], split, defect, row["object"])
