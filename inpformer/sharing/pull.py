"""Fetch a detector, or the weights of an encoder, from the Hub into its cache."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from inpformer.errors import TransferStoppedError, WeightsError
from inpformer.hub_download import download, find_in_cache
from inpformer.hub_problems import HubProblemError
from inpformer.sharing.look import is_commit, look_at, look_in_cache
from inpformer.sharing.records import PulledFile, RepoAddress, RepoLook, TransferStep

logger = logging.getLogger(__name__)

_PIECE_BYTES = 1 << 20


def pull(
    address: RepoAddress,
    *,
    token: str | None = None,
    tell: Callable[[TransferStep], None] | None = None,
    should_stop: Callable[[], bool] | None = None,
) -> PulledFile:
    """Fetch what a repository holds for this program: one safetensors file, checked.

    A commit that is here already is not asked for again. The hash of the file is compared with
    what the Hub states; a file that is not the stated one is thrown away.

    Args:
        address: A repository with a detector, or one of timm with the weights of an encoder.
        token: See `look_at`.
        tell: Told how far it is, in the calling thread.
        should_stop: Asked several times a second; True stops, and nothing half-made is left.

    Raises:
        WeightsError: It cannot be had.
        TransferStoppedError: `should_stop` said so.
    """
    look = look_in_cache(address) if token is None and is_commit(address.revision) else None
    for _ in range(2):
        look = look or look_at(address, token=token, should_stop=should_stop)
        found = _find_cached(look, should_stop) if look.is_cached else None
        found = found or _download(look, token, tell, should_stop)
        if found.path.parent.name == look.revision:
            return found
        look = None  # somebody pushed in between
    raise WeightsError(f"{address} changes while it is fetched; try again in a minute.")


def _find_cached(look: RepoLook, should_stop: Callable[[], bool] | None) -> PulledFile | None:
    path = find_in_cache(look.address.repo_id, look.file_name, look.revision)
    if path is None:
        return None
    sha256 = _hash(path, should_stop)
    if look.sha256 not in (None, sha256):
        logger.warning("The copy in the Hub cache is not what the Hub has, and not used: %s", path)
        return None
    return PulledFile(path, look, sha256, was_cached=True)


def _download(
    look: RepoLook,
    token: str | None,
    tell: Callable[[TransferStep], None] | None,
    should_stop: Callable[[], bool] | None,
) -> PulledFile:
    hashes: dict[str, str] = {}

    def is_right(path: Path) -> bool:
        hashes["file"] = _hash(path, should_stop)
        return path.parent.name != look.revision or look.sha256 in (None, hashes["file"])

    def tell_step(count: int, total: int) -> None:
        if tell is not None:
            tell(TransferStep(count, total or look.byte_count))

    try:
        # By the revision as it was asked for, so that the cache knows what it stands for.
        path = download(
            look.address.repo_id,
            look.file_name,
            revision=look.address.revision,
            token=token,
            tell=tell_step,
            should_stop=should_stop,
            is_right=is_right,
        )
    except HubProblemError as problem:
        raise WeightsError(f"Nothing can be had from {look.address}: {problem}.") from problem
    return PulledFile(path, replace(look, is_cached=True), hashes["file"], was_cached=False)


def _hash(path: Path, should_stop: Callable[[], bool] | None) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while piece := file.read(_PIECE_BYTES):
            if should_stop is not None and should_stop():
                raise TransferStoppedError
            digest.update(piece)
    return digest.hexdigest()
