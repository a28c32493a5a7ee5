"""Run the tests with the oldest packages that `pyproject.toml` allows, in a new environment.

python tools/oldest_versions.py
python tools/oldest_versions.py --keep /var/tmp/oldest -- tests/unit/test_images.py

The environment takes about 8 GB, as PyPI's torch for Linux brings CUDA, and is deleted afterwards.
What follows `--` goes to pytest; else these tests run: all but those that want a browser.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import venv
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

if sys.version_info >= (3, 11):
    import tomllib
else:
    from pip._vendor import tomli as tomllib

ROOT = Path(__file__).resolve().parents[1]
TESTS = ("-q", "-m", "not slow and not e2e")


def requirement_files() -> list[Path]:
    """Return the files that `pyproject.toml` takes its dependencies and extras from."""
    table = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    dynamic = table["tool"]["setuptools"]["dynamic"]
    parts = [dynamic["dependencies"], *dynamic["optional-dependencies"].values()]
    return [ROOT / name for part in parts for name in part["file"]]


def oldest_allowed() -> dict[str, Version]:
    """Return the lower bound of each dependency and extra by its name.

    Raises:
        ValueError: A requirement has none.
    """
    bounds = {}
    for path in requirement_files():
        for line in path.read_text("utf-8").splitlines():
            if not line.strip() or line.startswith("#"):
                continue
            wanted = Requirement(line)
            lower = [part.version for part in wanted.specifier if part.operator == ">="]
            if len(lower) != 1:
                raise ValueError(f"{path.name}: '{line}' has no lower bound")
            bounds[canonicalize_name(wanted.name)] = Version(lower[0])
    return bounds


def make_environment(folder: Path) -> Path:
    """Install the oldest packages and what the tests need; return its Python."""
    venv.create(folder, with_pip=True)
    python = folder / ("Scripts" if os.name == "nt" else "bin") / "python"
    subprocess.run([python, "-m", "pip", "install", "--quiet", "uv"], check=True)
    install = [python, "-m", "uv", "pip", "install", "--python", python, "--only-binary", ":all:"]
    named = [word for path in requirement_files() for word in ("-r", path)]
    subprocess.run([*install, "--resolution", "lowest-direct", *named], check=True)
    # What is there already is left as it is, as long as the tools of the tests can live with it.
    subprocess.run([*install, "-r", ROOT / "requirements-dev.txt"], check=True)
    return python


def installed(python: Path) -> dict[str, Version]:
    """Return what an environment has, by name."""
    command = [python, "-m", "pip", "list", "--format", "json", "--disable-pip-version-check"]
    listed = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return {
        canonicalize_name(each["name"]): Version(each["version"]) for each in json.loads(listed)
    }


def check_versions(python: Path) -> bool:
    """Print a line per package; False if one is newer than its bound, which nobody can have."""
    found, fits = installed(python), True
    for name, bound in sorted(oldest_allowed().items()):
        same = found[name].release[: len(bound.release)] == bound.release
        fits &= same
        print(
            f"{name} {found[name]}" + ("" if same else f": another package wants more than {bound}")
        )
    return fits


def main() -> int:
    """Make the environment and run the tests in it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--keep", type=Path, help="folder for the environment, which then stays")
    parser.add_argument("tests", nargs="*", default=TESTS, help="arguments for pytest")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="oldest-") as temporary:
        python = make_environment(arguments.keep or Path(temporary))
        fits = check_versions(python)
        done = subprocess.run([python, "-m", "pytest", *arguments.tests], cwd=ROOT, check=False)
    return done.returncode or int(not fits)


if __name__ == "__main__":
    sys.exit(main())
