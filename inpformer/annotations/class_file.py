"""The list of classes of a store, as a JSON file."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from inpformer.annotations.annotation import (
    DefectClass,
    check_classes,
    free_value,
    suggest_colour,
)
from inpformer.annotations.records import damage_of, read_json, write_json
from inpformer.errors import UserError

_FORMAT = "inpformer-annotations"
_FORMAT_VERSION = 1


class ClassFile:
    """Reads and writes the classes; who changes them must hold the store's lock."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def begin(self) -> None:
        """Write the file with one class, unless it is there."""
        if not self.path.is_file():
            self.write([DefectClass(1, "defect", suggest_colour(1))])

    def read(self) -> tuple[DefectClass, ...]:
        """Return the classes, by value.

        Raises:
            UserError: The file is damaged, or of another program or version.
        """
        content = read_json(self.path)
        if (content.get("format"), content.get("format_version")) != (_FORMAT, _FORMAT_VERSION):
            raise UserError(f"'{self.path}' is of another program or a newer version of this one.")
        try:
            return check_classes([DefectClass(**item) for item in content["classes"]])
        except (KeyError, TypeError, AttributeError) as error:
            raise UserError(damage_of(self.path)) from error

    def write(self, classes: Sequence[DefectClass]) -> None:
        """Replace the classes.

        Raises:
            UserError: Two have one value or name, or nothing can be written.
        """
        items = [vars(item) for item in check_classes(classes)]
        head = {"format": _FORMAT, "format_version": _FORMAT_VERSION}
        write_json(self.path, {**head, "classes": items})

    def add(self, name: str, colour: str | None) -> DefectClass:
        """Add a class with the lowest free value, or return the one of that name."""
        classes = self.read()
        known = _of_name(classes, name)
        if known is not None:
            return known
        value = free_value(classes)
        added = DefectClass(value, name, colour or suggest_colour(value))
        self.write([*classes, added])
        return added

    def all_but(self, value: int) -> list[DefectClass]:
        """Return the others.

        Raises:
            UserError: There is no class of that value.
        """
        classes = self.read()
        others = [item for item in classes if item.value != value]
        if len(others) == len(classes):
            raise UserError(f"There is no class with the value {value}.")
        return others

    def merge(self, added: Sequence[DefectClass]) -> dict[int, int]:
        """Add classes of another data set, matched by name; values stay where they are free.

        Returns:
            For each of their values, the value here.
        """
        classes = list(self.read())
        values = {}
        for item in check_classes(added):
            known = _of_name(classes, item.name)
            if known is None:
                is_taken = any(other.value == item.value for other in classes)
                value = free_value(classes) if is_taken else item.value
                known = DefectClass(value, item.name, item.colour)
                classes.append(known)
            values[item.value] = known.value
        self.write(classes)
        return values


def _of_name(classes: Sequence[DefectClass], name: str) -> DefectClass | None:
    return next((item for item in classes if item.name.casefold() == name.casefold()), None)
