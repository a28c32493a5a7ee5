"""Where the files that come with the program lie: weights, example parts, the gallery."""

from __future__ import annotations

from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent
# A clone has these folders beside the package. Beside an installed one lie other people's
# packages, so there they are inside.
HOME = _PACKAGE.parent if (_PACKAGE.parent / "pyproject.toml").is_file() else _PACKAGE
WEIGHTS = HOME / "weights"
ASSETS = HOME / "assets"
