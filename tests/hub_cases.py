"""What the tests of sharing push and pull: a ready detector, as its repository would hold it."""

from __future__ import annotations

import hashlib
import json
import struct
from pathlib import Path
from typing import Any

from inpformer.sharing.description import read_file_header

READY = Path(__file__).resolve().parents[1] / "weights" / "detectors" / "washer.safetensors"
REPO = "anna/washer"


def repository(**changes: Any) -> dict[str, bytes]:
    """Files of a repository with the ready detector; `changes` are made to its description."""
    data = READY.read_bytes()
    described = {
        **read_file_header(READY),
        "file": "detector.safetensors",
        "bytes": len(data),
        "sha256": hashlib.sha256(data).hexdigest(),
        "metrics": {"image AUROC": 0.98},
        "metrics_on": "drawn washers",
        **changes,
    }
    card = "---\nlicense: apache-2.0\n---\n# Washer\n"
    return {
        "detector.safetensors": data,
        "config.json": json.dumps(described).encode(),
        "README.md": card.encode(),
    }


def table(metadata: dict[str, str] | None = None, values: int = 4) -> bytes:
    """The bytes of a safetensors file with one tensor."""
    entry = {"dtype": "F32", "shape": [values], "data_offsets": [0, 4 * values]}
    header = json.dumps({"__metadata__": metadata or {"format": "pt"}, "tensor": entry}).encode()
    return struct.pack("<Q", len(header)) + header + bytes(4 * values)


def large_files(folder: Path) -> list[Path]:
    """Files below a folder that hold more than the notes the cache makes."""
    return [path for path in folder.rglob("*") if path.is_file() and path.stat().st_size > 20_000]
