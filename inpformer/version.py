"""The version, in a file of its own so that packaging can read it without importing torch."""

from __future__ import annotations

import platform
from importlib import metadata

__version__ = "0.1.0"
DETECTOR_FORMAT = "inpformer-detector-1"  # what a detector file says it is

_PACKAGES = ("torch", "torchvision", "timm", "numpy", "opencv-python-headless", "pillow")


def versions() -> dict[str, str]:
    """Return the versions of this program and of what its results depend on, by name."""
    found = {"inpformer": __version__, "python": platform.python_version()}
    for package in _PACKAGES:
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
    return found
