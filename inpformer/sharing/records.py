"""What is known of a detector or an encoder on the Hugging Face Hub, before and after it came."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import numpy as np

from inpformer.errors import UserError
from inpformer.hub import looks_like_hub_id

# A branch, a tag or a commit: what git and the Hub allow, less what could leave a path.
_REVISION = re.compile(r"[A-Za-z0-9][\w./-]{0,99}", re.ASCII)


@dataclass(frozen=True)
class RepoAddress:
    """A repository on the Hub, as people write it: `user/repo` or `user/repo@revision`.

    Attributes:
        repo_id: `user/repo`.
        revision: Branch, tag or commit; None for the newest of the main branch.
    """

    repo_id: str
    revision: str | None = None

    def __str__(self) -> str:
        return self.repo_id if self.revision is None else f"{self.repo_id}@{self.revision}"

    @classmethod
    def parse(cls, text: str) -> RepoAddress:
        """Read an address; a copied address of the Hub's page is understood, too.

        Raises:
            UserError: It is no address.
        """
        text = text.strip().removeprefix("https://huggingface.co/").rstrip("/")
        repo_id, at, revision = text.partition("@")
        is_revision = _REVISION.fullmatch(revision) is not None and ".." not in revision
        if not looks_like_hub_id(repo_id) or (at and not is_revision):
            raise UserError(
                f"'{text}' is no address on the Hub; write user/repo, or user/repo@revision."
            )
        return cls(repo_id, revision or None)


@dataclass(frozen=True)
class RepoLook:
    """What a repository holds, known before anything large is downloaded.

    Attributes:
        address: As it was asked for.
        kind: `detector` (ours), or `encoder` (weights that a preset of ours builds on).
        revision: The commit, 40 hex digits.
        file_name: The file that would be downloaded.
        byte_count: Its size.
        sha256: Its hash as the Hub states it; None where it does not.
        licence: As its card states it; None where it does not.
        is_private: Whether only those who may can see it.
        is_cached: Whether this very file is here already.
        encoder: Name of the encoder it stands on.
        is_encoder_inside: Whether the encoder is in the file.
        variant: `INP-Former++`, `INP-Former`, `training-free`; empty for an encoder or if unknown.
        shot_count: Normal pictures it was fitted on; None if unknown.
        threshold: Of its deciding map; None without one.
        metrics: Figures by name, such as `image AUROC`, from 0 to 1; empty if unknown.
        metrics_on: On what data they were measured.
        note: That the Hub could not be asked, and why, in a sentence; empty if it was.
    """

    address: RepoAddress
    kind: Literal["detector", "encoder"]
    revision: str
    file_name: str
    byte_count: int
    sha256: str | None = None
    licence: str | None = None
    is_private: bool = False
    is_cached: bool = False
    encoder: str = ""
    is_encoder_inside: bool = False
    variant: str = ""
    shot_count: int | None = None
    threshold: float | None = None
    metrics: Mapping[str, float] = field(default_factory=dict)
    metrics_on: str = ""
    note: str = ""


@dataclass(frozen=True)
class TransferStep:
    """How far a download or an upload is.

    Attributes:
        byte_count: Bytes that came or went.
        byte_total: Of how many; 0 if not known yet.
    """

    byte_count: int
    byte_total: int


@dataclass(frozen=True)
class PulledFile:
    """A file that came from the Hub.

    Attributes:
        path: Where it lies in the cache; never to be changed.
        look: What was known of it before.
        sha256: Of the file as it lies here, 64 hex digits.
        was_cached: Whether it was here already.
    """

    path: Path
    look: RepoLook
    sha256: str
    was_cached: bool


@dataclass(frozen=True)
class PushWish:
    """What is to be pushed along with a detector, and how it is to be seen.

    Attributes:
        repo_id: `user/repo`; made if it is not there.
        licence: Name of a licence as the Hub knows it, such as `apache-2.0` or `other`.
        is_private: Nobody else may see it; a repository that is public already is refused then.
        title: What the detector is called; the name of the repository if empty.
        about: What it is for, in the owner's words; may be empty.
        metrics: Figures by name, from 0 to 1; None leaves out the table.
        metrics_on: On what data they were measured.
        pictures: Pictures that the owner agreed to show, `(h, w, 3)` uint8, with captions.
        bundle_encoder: Also push the encoder's weights.
    """

    repo_id: str
    licence: str
    is_private: bool = True
    title: str = ""
    about: str = ""
    metrics: Mapping[str, float] | None = None
    metrics_on: str = ""
    pictures: tuple[tuple[str, np.ndarray], ...] = ()
    bundle_encoder: bool = False


@dataclass(frozen=True)
class PushedDetector:
    """What was pushed.

    Attributes:
        url: Its page at this very revision.
        address: With the commit as revision: what to give `AnomalyDetector.load`.
        sha256: Of the detector file.
        is_private: As the Hub has it.
        version: Its tag there: v1, v2, and so on.
        is_encoder_inside: Whether the encoder's weights went along.
    """

    url: str
    address: RepoAddress
    sha256: str
    is_private: bool
    version: str = ""
    is_encoder_inside: bool = False
