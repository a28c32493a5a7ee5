"""Look at what a repository of the Hub holds, before anything large is downloaded."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from inpformer.errors import WeightsError
from inpformer.hub import HUB_FILE
from inpformer.hub_calls import (
    ANSWER_SECONDS,
    GRACE_SECONDS,
    Lifeline,
    as_token,
    call_hub,
    endpoint,
    hub_library,
    require_online,
)
from inpformer.hub_download import download, find_in_cache, is_whole, snapshot_folder
from inpformer.hub_problems import HubProblemError
from inpformer.presets import ENCODER_PRESETS, EncoderConfig
from inpformer.sharing.description import (
    MAX_BYTES,
    Description,
    as_name,
    describe,
    read_file_header,
    read_header,
    read_json,
)
from inpformer.sharing.records import RepoAddress, RepoLook

DETECTOR_FILE = "detector.safetensors"
DESCRIPTION_FILE = "config.json"
LOOK_SECONDS = 8.0  # that the Hub may take to list a repository
_LONGEST_FILE_NAME = 200
_SHA256 = re.compile(r"[0-9a-f]{64}")
_COMMIT = re.compile(r"[0-9a-f]{40}")


def look_at(
    address: RepoAddress,
    *,
    token: str | None = None,
    should_stop: Callable[[], bool] | None = None,
) -> RepoLook:
    """Say what a repository holds, without its large file.

    Where the Hub cannot be asked, what its cache here has is looked at, and `note` says so.

    Args:
        address: A repository with a detector, or one of timm with the weights of an encoder.
        token: None for the token of this machine, which may also use the cache unasked; an empty
            one for none at all, which is what strangers get who look with this program.
        should_stop: Asked several times a second; True stops.

    Raises:
        WeightsError: It cannot be looked at, or holds nothing for this program.
        TransferStoppedError: `should_stop` said so.
    """
    try:
        return _ask(address, token, should_stop)
    except HubProblemError as problem:
        is_answer = problem.is_refusal or token is not None
        cached = None if is_answer else look_in_cache(address)
        if cached is None:
            raise WeightsError(f"Nothing can be had from {address}: {problem}.") from problem
        return replace(cached, note=f"From the Hub cache, because {problem}.")


def look_in_cache(address: RepoAddress) -> RepoLook | None:
    """Say what the Hub's cache has of a repository, without any request; None if it has nothing."""
    folder = snapshot_folder(address.repo_id, address.revision)
    if folder is None:
        return None
    preset = _preset_of(address)
    try:
        name = _choose_file((path.name for path in folder.iterdir()), address, preset)
        path = folder / name
        if not is_whole(path):
            return None
        description = None if preset else describe(read_file_header(path), address.repo_id)
        if description is not None:
            description = _with_figures(description, folder / DESCRIPTION_FILE, address)
        # Where links are possible, the cache names what a link points at by its hash.
        blob = path.resolve().name
        found = RepoLook(
            address=address,
            kind="encoder" if preset else "detector",
            revision=folder.name,
            file_name=name,
            byte_count=path.stat().st_size,
            sha256=blob if _SHA256.fullmatch(blob) else None,
            is_cached=True,
        )
    except (HubProblemError, OSError):
        return None
    if preset is None and description is None:
        return None
    return _complete(found, preset, description)


def is_commit(revision: str | None) -> bool:
    """Whether a revision is a whole commit, which always holds the same."""
    return revision is not None and _COMMIT.fullmatch(revision) is not None


def _ask(
    address: RepoAddress, token: str | None, should_stop: Callable[[], bool] | None
) -> RepoLook:
    require_online()
    given = as_token(token)
    info = call_hub(
        lambda _: _model_info(address, given),
        address.repo_id,
        should_stop=should_stop,
        patience=LOOK_SECONDS,
    )
    files = {item.rfilename: item for item in info.siblings or ()}
    preset = _preset_of(address)
    name = _choose_file(files, address, preset)
    description = None
    if preset is None:
        description = _ask_description(address, token, info.sha, files, name)
        if description is None:
            raise HubProblemError(f"{address.repo_id} holds no detector of this program", True)
    file = files[name]
    sha256 = file.lfs.sha256 if file.lfs else None
    card = info.card_data
    found = RepoLook(
        address=address,
        kind="encoder" if preset else "detector",
        revision=info.sha,
        file_name=name,
        byte_count=file.size if type(file.size) is int else 0,
        sha256=sha256 if isinstance(sha256, str) and _SHA256.fullmatch(sha256) else None,
        licence=as_name(getattr(card, "license", None)) or None,
        is_private=info.private is True,
        is_cached=find_in_cache(address.repo_id, name, info.sha) is not None,
    )
    return _complete(found, preset, description)


def _complete(
    found: RepoLook, preset: EncoderConfig | None, description: Description | None
) -> RepoLook:
    if preset is not None:
        licence = found.licence or preset.licence or None
        return replace(found, encoder=preset.name, is_encoder_inside=True, licence=licence)
    return replace(found, **vars(description))


def _model_info(address: RepoAddress, token: str | bool | None) -> Any:
    from huggingface_hub import HfApi
    from huggingface_hub.errors import HfHubHTTPError

    try:
        info = HfApi(endpoint=endpoint(), token=token).model_info(
            address.repo_id,
            revision=address.revision,
            timeout=LOOK_SECONDS + GRACE_SECONDS,
            files_metadata=True,
        )
    except HfHubHTTPError:
        raise
    except (ValueError, LookupError, TypeError, AttributeError) as error:
        raise _no_hub() from error
    if not is_commit(info.sha):
        raise _no_hub()
    return info


def _no_hub() -> HubProblemError:
    host = urlsplit(endpoint()).hostname
    return HubProblemError(f"what answers at {host} is not the Hub, but perhaps a login page")


def _preset_of(address: RepoAddress) -> EncoderConfig | None:
    """Return the encoder whose weights a repository is the home of."""
    owner, _, name = address.repo_id.partition("/")
    presets = ENCODER_PRESETS.values() if owner == "timm" else ()
    return next((preset for preset in presets if preset.timm_name == name), None)


def preset_name(address: RepoAddress) -> str | None:
    """Return the name of the encoder whose weights a repository is the home of, if it is one."""
    preset = _preset_of(address)
    return None if preset is None else preset.name


def _choose_file(names: Iterable[str], address: RepoAddress, preset: EncoderConfig | None) -> str:
    # A name goes to pages, terminals and logs; one of other signs could play tricks there.
    names = sorted(name for name in names if name.isprintable() and len(name) <= _LONGEST_FILE_NAME)
    wanted = HUB_FILE if preset else DETECTOR_FILE
    tables = [name for name in names if name.endswith(".safetensors") and "/" not in name]
    if wanted in tables:
        return wanted
    if preset is None and len(tables) == 1:
        return tables[0]
    if len(tables) > 1 and preset is None:
        raise HubProblemError(
            f"{address.repo_id} has several safetensors files, and none is {wanted}", True
        )
    raise HubProblemError(
        f"{address.repo_id} has no {wanted}, and pickles such as pytorch_model.bin are refused",
        True,
    )


def _ask_description(
    address: RepoAddress, token: str | None, commit: str, files: dict[str, Any], name: str
) -> Description | None:
    """Read the description beside the file, or else the beginning of the file itself."""
    beside = files.get(DESCRIPTION_FILE)
    if beside is not None and type(beside.size) is int and beside.size <= MAX_BYTES:
        path = download(
            address.repo_id,
            DESCRIPTION_FILE,
            revision=commit,
            token=token,
            max_bytes=MAX_BYTES,
        )
        description = describe(read_json(path.read_bytes()), address.repo_id)
        if description is not None:
            return description
    data = call_hub(
        lambda line: _read_beginning(line, address.repo_id, name, commit, as_token(token)),
        address.repo_id,
        name,
    )
    return describe(read_header(data), address.repo_id)


def _read_beginning(
    line: Lifeline, repo_id: str, name: str, commit: str, token: str | bool | None
) -> bytes:
    """Return a file's first bytes, as far as its header goes; no server can make it more."""
    from huggingface_hub.utils import build_hf_headers, get_session, hf_raise_for_status

    url = hub_library().hf_hub_url(repo_id, name, revision=commit, endpoint=endpoint())
    most = 8 + MAX_BYTES
    headers = {**build_hf_headers(token=token), "Range": f"bytes=0-{most - 1}"}
    headers["Accept-Encoding"] = "identity"
    data = b""
    timeout = ANSWER_SECONDS + GRACE_SECONDS
    with get_session().stream("GET", url, headers=headers, timeout=timeout) as response:
        hf_raise_for_status(response)
        for piece in response.iter_bytes(64 * 1024):
            line.beat()
            data += piece
            wanted = 8 + int.from_bytes(data[:8], "little") if len(data) >= 8 else most
            if len(data) >= min(wanted, most) or wanted > most:
                break
    return data[:most]


def _with_figures(description: Description, path: Path, address: RepoAddress) -> Description:
    """Add figures from the description beside the file; the rest is as the file itself says."""
    if not path.is_file() or path.stat().st_size > MAX_BYTES:
        return description
    beside = describe(read_json(path.read_bytes()), address.repo_id)
    if beside is None:
        return description
    return replace(description, metrics=beside.metrics, metrics_on=beside.metrics_on)
