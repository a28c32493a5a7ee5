"""Small data sets of every layout on disk; their pictures are empty files, for none is read."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest

from inpformer.annotations.annotation import Annotation
from inpformer.annotations.store import AnnotationStore
from inpformer.datasets.find import open_dataset
from inpformer.datasets.sample import DataSet
from inpformer.errors import UserError


def problem_with(dataset: DataSet, words: str) -> str:
    """The one sentence that has these words."""
    (found,) = [sentence for sentence in dataset.problems if words in sentence]
    assert found.endswith(".") and "\n" not in found
    return found


def refusal_of(root: Path, layout: str | None = None) -> str:
    """The one sentence with which a data set is refused."""
    with pytest.raises(UserError) as caught:
        open_dataset(root, layout)
    message = str(caught.value)
    assert message.endswith(".") and "\n" not in message
    return message


class Expected(NamedTuple):
    """What must be found of one picture; a split of None is drawn."""

    class_name: str
    split: str | None
    defect: str
    mask: str | None = None


class Tree:
    """A folder with pictures, and what must be found of each by its path."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.expected: dict[str, Expected] = {}

    def touch(self, name: str, text: str = "") -> Path:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
        return path

    def add(self, name: str, *facts: str | None) -> None:
        expected = Expected(*facts)
        self.touch(name)
        if expected.mask:
            self.touch(expected.mask)
        self.expected[name] = expected


def mvtec_object(tree: Tree, place: str, class_name: str, defects: tuple[str, ...]) -> None:
    """Add one object: 3 pictures to train on, and 2 of each kind to test with."""
    for index in range(3):
        tree.add(f"{place}train/good/{index:03}.png", class_name, "train", "good")
    for index in range(2):
        tree.add(f"{place}test/good/{index:03}.png", class_name, "test", "good")
        for defect in defects:
            mask = f"{place}ground_truth/{defect}/{index:03}_mask.png"
            tree.add(f"{place}test/{defect}/{index:03}.png", class_name, "test", defect, mask)


def mvtec(root: Path) -> Tree:
    tree = Tree(root)
    mvtec_object(tree, "bottle/", "bottle", ("broken_large", "contamination"))
    mvtec_object(tree, "cable/", "cable", ("bent_wire",))
    tree.touch("readme.txt")
    tree.touch("bottle/license.txt")
    return tree


def mvtec_one(root: Path) -> Tree:
    tree = Tree(root)
    mvtec_object(tree, "", "", ("hole", "scratch"))
    return tree


def mpdd(root: Path) -> Tree:
    tree = Tree(root)
    mvtec_object(tree, "MPDD/MPDD/bracket_black/", "bracket_black", ("hole",))
    mvtec_object(tree, "MPDD/MPDD/tubes/", "tubes", ("anomalous",))
    return tree


def btad(root: Path) -> Tree:
    tree = Tree(root)
    for name, picture, mask in (("01", "bmp", "png"), ("02", "png", "png"), ("03", "bmp", "bmp")):
        for index in range(2):
            tree.add(f"{name}/train/ok/{index:04}.{picture}", name, "train", "good")
            tree.add(f"{name}/test/ok/{index:04}.{picture}", name, "test", "good")
            truth = f"{name}/ground_truth/ko/{index:04}.{mask}"
            tree.add(f"{name}/test/ko/{index:04}.{picture}", name, "test", "ko", truth)
    return tree


def mvtec_ad_2(root: Path) -> Tree:
    tree = Tree(root)
    for name, place in (("can", "can/can/"), ("rice", "rice/")):
        for light in ("regular", "overexposed"):
            tree.add(f"{place}train/good/000_{light}.png", name, "train", "good")
            tree.add(f"{place}test_public/good/000_{light}.png", name, "test", "good")
            mask = f"{place}test_public/ground_truth/bad/000_{light}_mask.png"
            tree.add(f"{place}test_public/bad/000_{light}.png", name, "test", "bad", mask)
            tree.touch(f"{place}validation/good/000_{light}.png")
            tree.touch(f"{place}test_private/000_{light}.png")
            tree.touch(f"{place}test_private_mixed/000_{light}.png")
    return tree


def visa_1cls(root: Path) -> Tree:
    tree = Tree(root)
    for name in ("candle", "pcb1"):
        place = f"1cls/{name}"
        for index in range(2):
            tree.add(f"{place}/train/good/{index:04}.JPG", name, "train", "good")
            tree.add(f"{place}/test/good/{index + 7:04}.JPG", name, "test", "good")
            mask = f"{place}/ground_truth/bad/{index:03}.png"
            tree.add(f"{place}/test/bad/{index:03}.JPG", name, "test", "bad", mask)
    return tree


VISA_COLUMNS = ("object", "split", "label", "image", "mask")


def write_visa_table(root: Path, rows: list[tuple[str, ...]]) -> Path:
    """Write the table of splits; a row has the values of `VISA_COLUMNS`."""
    path = root / "split_csv" / "1cls.csv"
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8", newline="") as stream:
        csv.writer(stream).writerows([VISA_COLUMNS, *rows])
    return path


def visa(root: Path) -> Tree:
    tree, rows = Tree(root), []
    for name in ("candle", "pcb1"):
        for index in range(3):
            picture = f"{name}/Data/Images/Normal/{index:04}.JPG"
            split = "test" if index == 2 else "train"
            tree.add(picture, name, split, "good")
            rows.append((name, split, "normal", picture, ""))
        picture = f"{name}/Data/Images/Anomaly/000.JPG"
        mask = f"{name}/Data/Masks/Anomaly/000.png"
        tree.add(picture, name, "test", "anomaly", mask)
        rows.append((name, "test", "anomaly", picture, mask))
        tree.touch(f"{name}/image_anno.csv")
    write_visa_table(root, rows)
    return tree


def real_iad_entry(class_name: str, kind: str, image: str, mask: str | None = None) -> dict:
    return {"category": class_name, "anomaly_class": kind, "image_path": image, "mask_path": mask}


def write_real_iad_list(path: Path, train: list[dict], test: list[dict], **meta: str) -> Path:
    """Write the JSON file of one object; its prefix is the object's folder unless it is given."""
    path.parent.mkdir(parents=True, exist_ok=True)
    meta = {"prefix": f"{path.stem}/", "normal_class": "OK", **meta}
    path.write_text(json.dumps({"meta": meta, "train": train, "test": test}), "utf-8")
    return path


def add_real_iad(tree: Tree, pictures: str, lists: str) -> None:
    for name in ("audiojack", "mint"):
        entries: dict[str, list[dict]] = {"train": [], "test": []}
        for view in (1, 2):
            for split, piece in (("train", 1), ("test", 2)):
                image = f"OK/S000{piece}/{name}_000{piece}_OK_C{view}.jpg"
                tree.add(f"{pictures}{name}/{image}", name, split, "good")
                entries[split].append(real_iad_entry(name, "OK", image))
            stem = f"NG/AK/S0001/{name}_0001_NG_AK_C{view}"
            mask = f"{pictures}{name}/{stem}.png"
            tree.add(f"{pictures}{name}/{stem}.jpg", name, "test", "AK", mask)
            entries["test"].append(real_iad_entry(name, "AK", f"{stem}.jpg", f"{stem}.png"))
        write_real_iad_list(tree.root / lists / f"{name}.json", entries["train"], entries["test"])


def real_iad(root: Path) -> Tree:
    tree = Tree(root)
    add_real_iad(tree, "realiad_1024/", "realiad_jsons")
    return tree


def real_iad_nested(root: Path) -> Tree:
    """The lists one folder deeper, and a second resolution."""
    tree = Tree(root)
    add_real_iad(tree, "realiad_1024/", "realiad_jsons/realiad_jsons")
    (root / "realiad_256").mkdir()
    return tree


def real_iad_flat(root: Path) -> Tree:
    """The objects' folders in the root."""
    tree = Tree(root)
    add_real_iad(tree, "", "jsons")
    return tree


def plain(root: Path) -> Tree:
    tree = Tree(root)
    for index in range(10):
        tree.add(f"Normal/{index}.jpg", "", None, "good")
    tree.add("defect/0.jpg", "", "test", "defect", "masks/0.png")
    tree.add("defect/1.jpg", "", "test", "defect", "masks/defect/1_mask.png")
    tree.add("defect/2.jpg", "", "test", "defect", "defect/2_mask.png")
    tree.add("defect/scratch/0.jpg", "", "test", "scratch", "masks/defect/scratch/0.png")
    return tree


def plain_classes(root: Path) -> Tree:
    tree = Tree(root)
    for name in ("bolt", "nut"):
        for index in range(5):
            tree.add(f"{name}/ok/{index}.png", name, None, "good")
        for index in range(2):
            mask = f"{name}/mask/{index}.png"
            tree.add(f"{name}/NG/{index}.png", name, "test", "NG", mask)
    return tree


def plain_split(root: Path) -> Tree:
    tree = Tree(root)
    for index in range(2):
        tree.add(f"train/normal/{index}.png", "", "train", "good")
        tree.add(f"test/normal/{index}.png", "", "test", "good")
        tree.add(f"test/bent/{index}.png", "", "test", "bent", f"masks/bent/{index}.png")
    return tree


def store(root: Path) -> Tree:
    """An annotation store: its pictures are real ones, as it checks them."""
    tree = Tree(root)
    kept = AnnotationStore(root)
    dent, crack = (kept.add_class(name).value for name in ("dent", "crack"))

    def save(name: str, label: str, values: tuple[int, ...] = ()) -> tuple[str, str]:
        seed = len(tree.expected)
        image = np.random.default_rng(seed).integers(0, 255, (20, 30, 3), dtype=np.uint8)
        kept.add_picture(image, name)
        mask = np.zeros((20, 30), np.uint8)
        for index, value in enumerate(values):
            mask[2 + 8 * index :, 2:9][:5] = value
        kept.save(Annotation(name, mask, label))
        return f"pictures/{name}", f"masks/{name}.v1.png"

    for index in range(5):
        picture, _ = save(f"{index}.png", "normal")
        tree.expected[picture] = Expected("", None, "good")
    picture, _ = save("fine.png", "corrected")
    tree.expected[picture] = Expected("", None, "good")
    for name, values, kind in (
        ("dent.png", (dent,), "dent"),
        ("crack.png", (crack,), "crack"),
        ("both.png", (dent, crack), "combined"),
    ):
        picture, mask = save(name, "corrected", values)
        tree.expected[picture] = Expected("", "test", kind, mask)
    return tree


# By name: the builder, and what the layout is called.
TREES: dict[str, tuple[Callable[[Path], Tree], str]] = {
    "mvtec": (mvtec, "MVTec AD"),
    "mvtec-one": (mvtec_one, "MVTec AD"),
    "mpdd": (mpdd, "MVTec AD"),
    "btad": (btad, "BTAD"),
    "mvtec-ad-2": (mvtec_ad_2, "MVTec AD 2"),
    "visa-1cls": (visa_1cls, "VisA (one-class layout)"),
    "visa": (visa, "VisA"),
    "real-iad": (real_iad, "Real-IAD"),
    "real-iad-nested": (real_iad_nested, "Real-IAD"),
    "real-iad-flat": (real_iad_flat, "Real-IAD"),
    "folders": (plain, "Plain folders"),
    "folders-classes": (plain_classes, "Plain folders"),
    "folders-split": (plain_split, "Plain folders"),
    "store": (store, "Annotation store"),
}
