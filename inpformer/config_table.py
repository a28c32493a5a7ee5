"""Settings as tables of plain values, for files, and back."""

from __future__ import annotations

import json
from dataclasses import MISSING, asdict, fields, is_dataclass
from typing import Any, get_args, get_origin, get_type_hints

from inpformer.errors import require


def to_dict(config: Any) -> dict[str, Any]:
    """Return a config dataclass as a table that a file gives back equal: lists, no tuples."""
    return json.loads(json.dumps(asdict(config)))


def from_dict(cls: type, values: Any) -> Any:
    """Rebuild a config dataclass from `dataclasses.asdict`, refusing whatever does not fit.

    Raises:
        ConfigError: `values` is no table, has a field that `cls` does not know, lacks one that
            it needs, or holds a value of another type.
    """
    require(isinstance(values, dict), f"settings for {cls.__name__} must be a table of values")
    known = {item.name: item for item in fields(cls)}
    unknown = sorted(set(values) - set(known))
    require(not unknown, f"unknown settings for {cls.__name__}: {', '.join(unknown)}")
    missing = [
        name
        for name, item in known.items()
        if name not in values and item.default is item.default_factory is MISSING
    ]
    require(not missing, f"missing settings for {cls.__name__}: {', '.join(missing)}")
    hints = get_type_hints(cls)
    return cls(**{name: _read_value(name, hints[name], value) for name, value in values.items()})


def _read_value(name: str, hint: Any, value: Any) -> Any:
    """Check one value against the type of its field, and rebuild what is a config itself."""
    allowed = get_args(hint)
    if type(None) in allowed:
        if value is None:
            return None
        (hint,) = (kind for kind in allowed if kind is not type(None))
        allowed = get_args(hint)
    if get_origin(hint) is dict and is_dataclass(allowed[1]):
        require(isinstance(value, dict), f"{name} must be a table of values")
        return {key: from_dict(allowed[1], item) for key, item in value.items()}
    for nested in (hint, *allowed):
        if is_dataclass(nested) and value is not None:
            return value if isinstance(value, nested) else from_dict(nested, value)
    numbers = {int: (int,), float: (int, float), str: (str,)}.get(hint)
    if numbers is not None:
        is_right = isinstance(value, numbers) and not isinstance(value, bool)
        require(is_right, f"{name} must be of type {hint.__name__}, got {value!r}")
    if allowed and allowed[0] is int:
        is_right = isinstance(value, (list, tuple)) and all(type(item) is int for item in value)
        require(is_right, f"{name} must be a list of whole numbers, got {value!r}")
    return value
