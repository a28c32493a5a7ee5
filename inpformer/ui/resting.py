"""Results that nobody looks at: their arrays lie in a file, and are read when they are needed."""

from __future__ import annotations

from dataclasses import fields, replace
from pathlib import Path

import numpy as np

from inpformer.result import AnomalyResult

_ALIGNED = 64


def rested(result: AnomalyResult, path: Path) -> AnomalyResult:
    """Return a result whose arrays are those of a file, which takes no memory until it is read.

    Args:
        result: As it came from the detector.
        path: The file to write.

    Raises:
        OSError: The file cannot be written.
    """
    seen = result.explanation
    parts = {each.name: getattr(seen, each.name) for each in fields(seen)}
    arrays = {f"map {name}": values for name, values in result.score_maps.items()}
    arrays |= {name: values for name, values in parts.items() if values is not None}
    places: dict[str, int] = {}
    try:
        with path.open("wb") as stream:
            for name, values in arrays.items():
                stream.write(bytes(-stream.tell() % _ALIGNED))
                places[name] = stream.tell()
                stream.write(np.ascontiguousarray(values).data)
    except OSError:
        path.unlink(missing_ok=True)
        raise
    # Whoever writes into an array changes a copy of their own.
    content = np.asarray(np.memmap(path, np.uint8, "c"))

    def read(name: str, like: np.ndarray) -> np.ndarray:
        piece = content[places[name] : places[name] + like.nbytes]
        return piece.view(like.dtype).reshape(like.shape)

    kept = {name: read(name, like) for name, like in arrays.items()}
    return replace(
        result,
        score_maps={name: kept[f"map {name}"] for name in result.score_maps},
        explanation=replace(seen, **{name: kept.get(name) for name in parts}),
    )
