"""One folder with all that a computer without a network needs: program, weights, packages."""

from __future__ import annotations

import errno
import hashlib
import os
import platform
import shutil
import subprocess
import sys
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from inpformer import hub
from inpformer.errors import UserError
from inpformer.files import remove_abandoned
from inpformer.places import HOME
from inpformer.presets import ENCODER_PRESETS, EncoderConfig, encoder_preset
from inpformer.version import __version__

MANIFEST = "MANIFEST.sha256"
_FILES = ("app.py", "LICENSE", "README.md", "pyproject.toml")
_FILES += ("requirements.txt", "requirements-onnx.txt", "requirements-agents.txt")
_FILES += ("weights/README.md",)
_FILES += ("weights/embedded.safetensors", "weights/embedded-network.safetensors")
_FOLDERS = ("inpformer", "assets", "docs", "weights/detectors")
_TEXTS = ("start.sh", "start.bat", "README.txt")
_MODEL = "models/detector.safetensors"
# What running the program leaves in a bundle.
_MADE = (".venv", "__pycache__", ".gradio")
_IGNORED = shutil.ignore_patterns(*_MADE, "*.part")


@dataclass(frozen=True)
class BundleWish:
    """What goes into a bundle.

    Attributes:
        model: What its page serves: an encoder, a detector file or a Hub id; `auto` takes the
            first of `encoders`, or `auto` there.
        encoders: Names of encoders whose weights go in, beside the embedded one and that of the
            model.
        wheels: Whether to download the packages it needs, for this platform and Python.
    """

    model: str = "auto"
    encoders: tuple[str, ...] = ()
    wheels: bool = False


@dataclass(frozen=True)
class Bundle:
    """A bundle that was made.

    Attributes:
        folder: Where it is.
        file_count: How many files it has, with the manifest.
        byte_count: How large they are together.
        encoders: Names of the encoders in it.
        model: What its page serves, as `INPFORMER_MODEL` there.
    """

    folder: Path
    file_count: int
    byte_count: int
    encoders: tuple[str, ...]
    model: str


def make_bundle(
    folder: Path,
    wish: BundleWish,
    tell: Callable[[str], None] = lambda said: None,
    home: Path = HOME,
) -> Bundle:
    """Make a bundle, whole or not at all.

    Args:
        folder: Where to; made, or empty.
        wish: What goes into it.
        tell: Told what is being done.
        home: The clone of the repository it is made from.

    Raises:
        UserError: Something is missing, the folder is not empty, or the disk is full.
    """
    _check_home(home)
    _check_empty(folder)
    tell("Looking for the weights ...")
    model, detector, names = _choose_model(wish)
    names = tuple(dict.fromkeys(("embedded", *wish.encoders, *names)))
    weights = {name: _weights_of(encoder_preset(name)) for name in names if name != "embedded"}
    with _whole_folder(folder) as partial:
        program = partial / "program"
        tell("Copying the program and the weights ...")
        _copy_program(home, program)
        for name, path in weights.items():
            shutil.copyfile(path, program / "weights" / _kept_name(ENCODER_PRESETS[name], path))
        if detector is not None:
            (program / _MODEL).parent.mkdir()
            shutil.copyfile(detector, program / _MODEL)
        _write_texts(home, partial, model, names, wish.wheels)
        if wish.wheels:
            tell("Downloading the packages; with torch these are gigabytes ...")
            _download_wheels(home / "requirements.txt", partial / "wheels")
        tell("Writing the manifest ...")
        files = _write_manifest(partial)
    sizes = [path.stat().st_size for path in _files_in(folder)]
    return Bundle(folder, len(files) + 1, sum(sizes), names, model)


def check_bundle(folder: Path) -> list[str]:
    """Compare a bundle with its manifest; return what is wrong, one sentence each.

    Raises:
        UserError: There is no manifest that can be read.
    """
    wrong, known = [], {MANIFEST}
    for name, expected in _read_manifest(folder):
        known.add(name)
        try:
            found = _sha256(folder / name)
        except OSError:
            wrong.append(f"{name} is missing or cannot be read.")
            continue
        if found != expected:
            wrong.append(f"{name} was changed or damaged.")
    there = {path.relative_to(folder).as_posix() for path in _files_in(folder)}
    return wrong + [f"{name} does not belong to the bundle." for name in sorted(there - known)]


def _check_empty(folder: Path) -> None:
    if folder.is_file() or (folder.is_dir() and any(folder.iterdir())):
        raise UserError(
            f"'{folder}' is not empty; give a folder that is, or one that is not there yet."
        )


def _check_home(home: Path) -> None:
    if not all((home / name).is_file() for name in _FILES):
        raise UserError(
            "A bundle is made from a clone of the repository, and an installed package is none; "
            "run python -m inpformer bundle in a clone."
        )


def _choose_model(wish: BundleWish) -> tuple[str, Path | None, tuple[str, ...]]:
    """Return what the page serves, a detector file to copy or None, and encoders it needs.

    Raises:
        UserError: It is nothing, is damaged, or its weights are not here.
    """
    if wish.model == "auto":
        # There, too, auto would prefer an encoder by the machine, which need not be the one named.
        return next(iter(wish.encoders), "auto"), None, ()
    if wish.model in ENCODER_PRESETS:
        return wish.model, None, (wish.model,)
    # Late, for they bring torch.
    from inpformer.detector import AnomalyDetector
    from inpformer.detector_file import hub_address, read_header
    from inpformer.sharing.pull import pull

    path = Path(wish.model).expanduser()
    if (address := hub_address(path)) is not None:
        path = pull(address).path
    header = read_header(path)
    # Read whole: what cannot be used here cannot be used there.
    AnomalyDetector.load(path, "cpu")
    encoder = header["model"]["encoder"]["name"]
    return _MODEL, path, () if header["encoder_bundled"] else (encoder,)


def _weights_of(preset: EncoderConfig) -> Path:
    found = hub.find_encoder_weights(preset, allow_download=False)
    if found.path is None:
        raise UserError(found.reason)
    return found.path


def _kept_name(preset: EncoderConfig, path: Path) -> str:
    """Return a name by which the weights are found again; in the Hub's cache they have another."""
    return path.name if path.name in preset.file_names else preset.file_names[0]


@contextmanager
def _whole_folder(folder: Path) -> Iterator[Path]:
    """Give a folder beside `folder` to fill, and rename it once that went well."""
    folder = folder.absolute()
    partial = folder.with_name(f".{folder.name}.{uuid.uuid4().hex}.part")
    try:
        partial.mkdir(parents=True)
        remove_abandoned(folder)
        yield partial
        if folder.is_dir():
            folder.rmdir()
        partial.rename(folder)
    except OSError as error:
        # Copying a folder goes on after an error, and tells of all of them at its end, in words.
        is_many = isinstance(error, shutil.Error)
        said = error.args[0][0][-1] if is_many else error.strerror or str(error)
        if any(os.strerror(full) in said for full in (errno.ENOSPC, errno.EDQUOT)):
            raise UserError(
                f"There is no space left for the bundle; free some space in {folder.parent}."
            ) from error
        raise UserError(
            f"The bundle could not be written to '{folder}': {said}; choose another folder."
        ) from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def _copy_program(home: Path, program: Path) -> None:
    for name in _FOLDERS:
        shutil.copytree(home / name, program / name, ignore=_IGNORED)
    for name in _FILES:
        (program / name).parent.mkdir(exist_ok=True)
        shutil.copyfile(home / name, program / name)
    # So that a bundle can be bundled again.
    shutil.copytree(home / "deploy", program / "deploy")


def _write_texts(
    home: Path, folder: Path, model: str, names: tuple[str, ...], wheels: bool
) -> None:
    python = ".".join(map(str, sys.version_info[:2]))
    machine = f"{platform.system()} on {platform.machine()}"
    needed = (
        f"Python {python} with venv, {machine}: the wheels are for these alone"
        if wheels
        else "Python 3.10 or newer with the packages of program/requirements.txt installed"
    )
    lines = (f"    Encoder {name}: {ENCODER_PRESETS[name].licence}" for name in names)
    values = {
        "@MODEL@": model,
        "@PYTHON@": python,
        "@VERSION@": __version__,
        "@NEEDED@": needed,
        "@ENCODERS@": "\n".join(lines),
    }
    for name in _TEXTS:
        text = (home / "deploy" / "bundle" / name).read_text("utf-8")
        for mark, value in values.items():
            text = text.replace(mark, value)
        newline = "\r\n" if name == "start.bat" else "\n"
        (folder / name).write_text(text, "utf-8", newline=newline)
    (folder / "start.sh").chmod(0o755)


def _download_wheels(requirements: Path, folder: Path) -> None:
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check"]
    command += ["--only-binary", ":all:", "--dest", str(folder), "-r", str(requirements)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode == 0:
        return
    said = done.stderr.strip().splitlines() or ["it said nothing"]
    if "No module named pip" in said[-1]:
        raise UserError(
            "Downloading the packages needs pip, which this Python does not have: "
            "python -m ensurepip."
        )
    if "No space left on device" in done.stderr:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    raise UserError(f"pip could not download the packages: {said[-1].removeprefix('ERROR: ')}")


def _write_manifest(folder: Path) -> list[Path]:
    files = sorted(_files_in(folder))
    lines = (f"{_sha256(path)}  {path.relative_to(folder).as_posix()}\n" for path in files)
    (folder / MANIFEST).write_text("".join(lines), "utf-8", newline="\n")
    return files


def _read_manifest(folder: Path) -> list[tuple[str, str]]:
    try:
        lines = (folder / MANIFEST).read_text("utf-8").splitlines()
        found = [(line[66:], line[:64]) for line in lines]
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"'{folder}' is no bundle: it has no {MANIFEST} to read.") from error
    for name, _ in found:
        path = PurePosixPath(name)
        if not name or path.is_absolute() or ".." in path.parts:
            raise UserError(f"The {MANIFEST} of '{folder}' is damaged; copy the bundle again.")
    return found


def _files_in(folder: Path) -> Iterator[Path]:
    """Yield all files of a bundle but those that running it has made."""
    for path in folder.rglob("*"):
        inside = path.relative_to(folder).parts
        if not any(part in _MADE for part in inside) and not path.is_dir():
            yield path


def _sha256(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        while block := stream.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()
