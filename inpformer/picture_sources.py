"""From what a person hands over (pictures, folders, zip files) to a list of named pictures."""

from __future__ import annotations

import stat
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from io import BytesIO, FileIO
from pathlib import Path, PurePosixPath

from inpformer.errors import ImageError
from inpformer.files import UniqueNames
from inpformer.images import IMAGE_SUFFIXES, LoadedImage, list_images, read_image

# What one job inspects: at about a second each, a person waits for it without giving up.
MAX_PICTURES = 48
MAX_PICTURE_BYTES = 100 << 20
MAX_TOTAL_BYTES = 600 << 20
# Pictures hardly shrink in a zip; drawings of one colour do, but not a thousand times.
MAX_RATIO = 200
# The list of contents of a zip is read whole: this is room for about 30 000 files.
_MAX_LIST_BYTES = 2 << 20
_ZIP_STARTS = (b"PK\x03\x04", b"PK\x05\x06")


@dataclass(frozen=True)
class PictureSource:
    """A picture that was found but not yet read.

    Attributes:
        name: What the person calls it: its file name, or its path inside a folder or zip. No two
            of one list are alike.
        path: The picture file, or the zip it lies in.
        member: Its name inside the zip; empty for a file.
        size: Bytes, unpacked.
    """

    name: str
    path: Path
    member: str = ""
    size: int = 0

    def read_bytes(self) -> bytes:
        """Return the file's content.

        Raises:
            ImageError: It cannot be opened, or its zip is damaged or locked.
        """
        if self.member:
            return _read_member(self)
        try:
            return self.path.read_bytes()
        except OSError as error:
            raise ImageError(f"'{self.name}' cannot be opened; add it again.") from error

    def read(self) -> LoadedImage:
        """Read the picture; see `inpformer.images.read_image`.

        Raises:
            ImageError: It cannot be used; the message names it.
        """
        stream = BytesIO(self.read_bytes())
        stream.name = self.name
        return read_image(stream)


@dataclass(frozen=True)
class FoundPictures:
    """What a person handed over.

    Attributes:
        pictures: To inspect, by name, at most `MAX_PICTURES`.
        problems: One sentence for each file that was left out, and why.
    """

    pictures: tuple[PictureSource, ...]
    problems: tuple[str, ...] = ()


def find_pictures(
    paths: Sequence[str | Path],
    max_pictures: int = MAX_PICTURES,
    max_total_bytes: int = MAX_TOTAL_BYTES,
) -> FoundPictures:
    """List the pictures in files, folders and zip files; none of them is read yet.

    Folders and zip files are searched to the bottom for `IMAGE_SUFFIXES`; hidden files are passed
    over, and a zip inside a zip stays closed. Zip files are only read: nothing is unpacked to a
    place that the zip could choose.

    Args:
        paths: Pictures, folders, zip files, in any order.
        max_pictures: More are left out, with a sentence that says so.
        max_total_bytes: Of all pictures together, unpacked; the rest is left out.

    Raises:
        ImageError: There is no picture to inspect at all; the message says why.
    """
    pictures: list[PictureSource] = []
    problems: list[str] = []
    for path in map(Path, paths):
        try:
            found, wrong = _look_into(path)
            pictures += found
            problems += wrong
        except ImageError as error:
            problems.append(str(error))
    pictures = _with_unique_names(pictures)
    kept = _within_limits(pictures, max_pictures, max_total_bytes, problems)
    if not kept:
        raise ImageError(" ".join(problems[:3]) or "Add at least one picture, folder or zip file.")
    return FoundPictures(tuple(kept), tuple(problems))


def is_zip(path: Path) -> bool:
    """Whether a file is a zip by its name or its first bytes."""
    if path.suffix.lower() == ".zip":
        return True
    try:
        with path.open("rb") as file:
            return file.read(4) in _ZIP_STARTS
    except OSError:
        return False


def _look_into(path: Path) -> tuple[list[PictureSource], list[str]]:
    if path.is_dir():
        inside = list_images([path])
        names = [item.relative_to(path).as_posix() for item in inside]
        return [
            PictureSource(_clean(name), item, size=item.stat().st_size)
            for name, item in zip(names, inside, strict=True)
        ], []
    if not path.is_file():
        raise ImageError(f"'{_clean(path.name)}' is no longer on the server; add it again.")
    if is_zip(path):
        return _look_into_zip(path)
    if path.name.startswith("."):
        return [], []
    return [PictureSource(_clean(path.name), path, size=path.stat().st_size)], []


def _look_into_zip(path: Path) -> tuple[list[PictureSource], list[str]]:
    found, problems = [], []
    with _opened(path) as archive:
        for info in sorted(archive.infolist(), key=lambda info: info.filename):
            if not _is_shown(info):
                continue
            problem = _problem_of(info)
            if problem:
                problems.append(f"'{_clean(info.filename)}' in {path.name} {problem}.")
            else:
                name = _clean(info.filename)
                found.append(PictureSource(name, path, info.filename, info.file_size))
    if not found and not problems:
        kinds = ", ".join(IMAGE_SUFFIXES)
        problems.append(f"'{_clean(path.name)}' holds no pictures; put some in it ({kinds}).")
    return found, problems


def _is_shown(info: zipfile.ZipInfo) -> bool:
    """Whether a member is a picture, or something that a person may take for one."""
    parts = PurePosixPath(info.filename.replace("\\", "/")).parts
    if info.is_dir() or not parts:
        return False
    is_hidden = any(part.startswith(".") and part != ".." for part in parts)
    if is_hidden or "__MACOSX" in parts:
        return False
    return PurePosixPath(parts[-1]).suffix.lower() in (*IMAGE_SUFFIXES, ".zip")


def _problem_of(info: zipfile.ZipInfo) -> str:
    """Say why a member is left alone; nothing for a picture."""
    name = info.filename.replace("\\", "/")
    if name.lower().endswith(".zip"):
        return "is a zip inside a zip; unpack it first"
    if name.startswith("/") or ".." in name.split("/") or name[1:2] == ":":
        return "has a path that leads out of the zip, and was left out"
    if stat.S_ISLNK(info.external_attr >> 16):
        return "is a link to another file, and was left out"
    if info.flag_bits & 1:
        return "is locked by a password; make a zip without one"
    if info.file_size > MAX_PICTURE_BYTES:
        return f"is above the limit of {MAX_PICTURE_BYTES >> 20} MB; shrink or crop it first"
    # Small files of one colour may shrink more, and do no harm.
    if info.file_size > 1 << 20 and info.file_size > MAX_RATIO * max(1, info.compress_size):
        return f"is packed more than {MAX_RATIO} times smaller, which no photo is; left out"
    return ""


def _read_member(source: PictureSource) -> bytes:
    with _opened(source.path) as archive:
        try:
            with archive.open(source.member) as file:
                # Bounded, as a zip may claim another size than it has.
                data = file.read(MAX_PICTURE_BYTES + 1)
        except (KeyError, RuntimeError, NotImplementedError) as error:
            raise ImageError(
                f"'{source.name}' in {source.path.name} cannot be unpacked; make the zip again "
                "in the ordinary way, without a password."
            ) from error
    if len(data) > MAX_PICTURE_BYTES:
        raise ImageError(f"'{source.name}' is above the limit of {MAX_PICTURE_BYTES >> 20} MB.")
    return data


class _ShortListFile(FileIO):
    """A file that refuses to read a very long list of contents, which a zip may claim to have."""

    def read(self, size: int | None = -1) -> bytes:
        if size is not None and size > _MAX_LIST_BYTES:
            raise zipfile.BadZipFile("the list of contents is too long")
        return super().read(size)


@contextmanager
def _opened(path: Path) -> Iterator[zipfile.ZipFile]:
    try:
        with _ShortListFile(path) as file, zipfile.ZipFile(file) as archive:
            yield archive
    except (zipfile.BadZipFile, EOFError, OSError, ValueError, zipfile.LargeZipFile) as error:
        raise ImageError(
            f"'{_clean(path.name)}' is damaged or no zip file; make it again."
        ) from error
    except Exception as error:  # Damaged streams make decompressors raise anything.
        if isinstance(error, ImageError):
            raise
        raise ImageError(f"'{_clean(path.name)}' is damaged; make the zip again.") from error


def _with_unique_names(pictures: list[PictureSource]) -> list[PictureSource]:
    """Number the pictures whose name was there before, as two folders may hold the same one."""
    names = UniqueNames("{stem} ({count})")
    return [replace(picture, name=names.give(picture.name)) for picture in pictures]


def _within_limits(
    pictures: list[PictureSource], count: int, total: int, problems: list[str]
) -> list[PictureSource]:
    if len(pictures) > count:
        problems.append(
            f"These are {len(pictures)} pictures; the first {count} are inspected. Inspect the "
            "others after them."
        )
    kept, used = [], 0
    for picture in pictures[:count]:
        if used + picture.size > total:
            problems.append(
                f"'{picture.name}' was left out: pictures of one go may hold {total >> 20} MB "
                "together. Inspect it in a second go."
            )
            continue
        used += picture.size
        kept.append(picture)
    return kept


def _clean(name: str) -> str:
    """Return a name without characters that have no picture, such as line ends."""
    return "".join(letter if letter.isprintable() else "?" for letter in name).replace("\\", "/")
