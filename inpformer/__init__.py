"""Image anomaly detection with INP-Former and INP-Former++.

Names are imported when they are first used: the command answers `--help`, and the page starts,
without waiting for torch.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from inpformer.config import LossConfig, ModelConfig
    from inpformer.corrections import Correction, RetrainConfig
    from inpformer.detector import AnomalyDetector
    from inpformer.errors import FitCancelledError, UserError
    from inpformer.fit_config import FitConfig
    from inpformer.images import load_image, read_image
    from inpformer.result import AnomalyResult
    from inpformer.version import __version__

_HOMES = {
    "AnomalyDetector": "detector",
    "AnomalyResult": "result",
    "Correction": "corrections",
    "FitCancelledError": "errors",
    "FitConfig": "fit_config",
    "LossConfig": "config",
    "ModelConfig": "config",
    "RetrainConfig": "corrections",
    "UserError": "errors",
    "__version__": "version",
    "load_image": "images",
    "read_image": "images",
}

__all__ = [
    "AnomalyDetector",
    "AnomalyResult",
    "Correction",
    "FitCancelledError",
    "FitConfig",
    "LossConfig",
    "ModelConfig",
    "RetrainConfig",
    "UserError",
    "__version__",
    "load_image",
    "read_image",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'inpformer' has no attribute '{name}'")
    return getattr(import_module(f"inpformer.{_HOMES[name]}"), name)
