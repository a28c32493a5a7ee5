"""Tensors as files: whole or not at all, and with the system's own word where that fails."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import save_file
from torch import Tensor

from inpformer.files import replacing


def save_tensors(
    path: Path, tensors: dict[str, Tensor], header: dict[str, Any], *, durable: bool = False
) -> None:
    """Write a safetensors file; one of that name stays until the new one is whole.

    Args:
        path: In a folder that exists.
        tensors: On the CPU and contiguous.
        header: Kept as JSON under `inpformer`.
        durable: See `files.replacing`.

    Raises:
        DiskError: The disk is full or the folder cannot be written to.
    """
    with replacing(path, durable=durable) as partial:
        partial.touch()
        mode = partial.stat().st_mode
        try:
            save_file(tensors, partial, metadata={"inpformer": json.dumps(header)})
        except SafetensorError as error:
            # It wraps the system's error in its own words.
            number = re.search(r"os error (\d+)", str(error))
            raise OSError(int(number[1]) if number else 0, str(error)) from error
        partial.chmod(mode)  # safetensors makes files that only their owner may read
