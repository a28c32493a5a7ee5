"""Download one file from the Hugging Face Hub, or say within seconds why it cannot be done.

Without a network every answer comes within 5 seconds. The library itself would try again for 23
seconds, so its calls run in a thread, which is left behind when it falls silent.
"""

from __future__ import annotations

import json
import logging
import os
import queue
import threading
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any
from urllib.parse import urlsplit

logger = logging.getLogger(__name__)

HUB_PAGES = "https://huggingface.co"


ANSWER_SECONDS = 3.0


SILENCE_SECONDS = 10.0


MAX_HEADER_BYTES = 100_000_000  # what the safetensors format allows


class HubProblemError(Exception):
    """Why the Hub gave no file, in plain words that can follow a colon."""


def find_in_cache(repo_id: str, filename: str) -> Path | None:
    """Return an undamaged file of the Hub cache, without any request; None if there is none."""
    cached = _hub().try_to_load_from_cache(repo_id, filename, cache_dir=_cache_folder())
    if not isinstance(cached, str):  # None, or a mark that the repository has no such file
        return None
    if not is_whole(Path(cached)):
        logger.warning("The copy in the Hub cache is damaged and not used: %s", cached)
        return None
    return Path(cached)


def download(repo_id: str, filename: str) -> Path:
    """Download a file into the Hub cache and return its path.

    Raises:
        HubProblemError: It cannot be had; the message can follow a colon.
    """
    if _is_offline():
        raise HubProblemError("offline mode is on (HF_HUB_OFFLINE)")
    # Forced the second time: a damaged copy in the cache would be handed out again.
    for force in (False, True):
        path = _download_in_thread(repo_id, filename, force)
        if is_whole(path):
            return path
    raise HubProblemError(f"the {filename} of {repo_id} is damaged")


def _download_in_thread(repo_id: str, filename: str, force: bool) -> Path:
    """Wait for a download as long as it shows signs of life."""
    _hub()  # imported before the clock starts: on a cold disk it takes seconds
    signs: queue.SimpleQueue[Any] = queue.SimpleQueue()

    def work() -> None:
        try:
            signs.put(_ask_hub(repo_id, filename, force, on_life=lambda: signs.put(None)))
        except Exception as error:
            signs.put(error)

    threading.Thread(target=work, name="hub-download", daemon=True).start()
    host = urlsplit(_endpoint()).hostname
    patience, silence = ANSWER_SECONDS, f"{host} did not answer within {ANSWER_SECONDS:g} seconds"
    while True:
        try:
            sign = signs.get(timeout=patience)
        except queue.Empty:
            raise HubProblemError(silence) from None
        if isinstance(sign, HubProblemError):
            raise sign
        if isinstance(sign, Exception):
            raise HubProblemError(_in_plain_words(sign, repo_id, filename)) from sign
        if sign is not None:
            return sign
        patience, silence = SILENCE_SECONDS, f"{host} sent nothing for {SILENCE_SECONDS:g} seconds"


def _ask_hub(repo_id: str, filename: str, force: bool, on_life: Callable[[], None]) -> Path:
    """Download with the library; runs in the thread."""
    hub, endpoint = _hub(), _endpoint()
    # Asked first and alone, because this call fails at once, with the true reason, where
    # `hf_hub_download` begins to try again with a time limit of a minute.
    url = hub.hf_hub_url(repo_id, filename, endpoint=endpoint)
    metadata = hub.get_hf_file_metadata(url, timeout=ANSWER_SECONDS, endpoint=endpoint)
    if metadata.commit_hash is None or metadata.etag is None:
        host = urlsplit(endpoint).hostname
        raise HubProblemError(f"what answers at {host} is not the Hub, but perhaps a login page")
    on_life()
    return Path(
        hub.hf_hub_download(
            repo_id,
            filename,
            endpoint=endpoint,
            cache_dir=_cache_folder(),
            force_download=force,
            etag_timeout=ANSWER_SECONDS,
            tqdm_class=_watched_bar(on_life),
        )
    )


def _watched_bar(on_bytes: Callable[[], None]) -> type:
    """Make a progress bar that also reports that bytes came."""
    from huggingface_hub.utils import tqdm

    class WatchedBar(tqdm):
        def update(self, n: float | None = 1) -> bool | None:
            on_bytes()
            return super().update(n)

    return WatchedBar


def _in_plain_words(error: Exception, repo_id: str, filename: str) -> str:
    from huggingface_hub import errors

    host = urlsplit(_endpoint()).hostname
    if isinstance(error, errors.LocalEntryNotFoundError) and isinstance(error.__cause__, Exception):
        return _in_plain_words(error.__cause__, repo_id, filename)
    if isinstance(error, errors.GatedRepoError):
        return f"{repo_id} asks for an accepted licence and a login (`hf auth login`)"
    if isinstance(error, errors.RepositoryNotFoundError):
        return f"the Hub has no {repo_id}, or it is private"
    if isinstance(error, errors.RemoteEntryNotFoundError):
        return f"{repo_id} has no {filename}, and pickles such as pytorch_model.bin are refused"
    if isinstance(error, errors.HfHubHTTPError):
        return f"{host} answered with error {error.response.status_code}"
    # By name: the library has changed its http package, and with it these classes, before.
    families = {family.__name__ for family in type(error).__mro__}
    if "TimeoutException" in families:
        return f"{host} did not answer within {ANSWER_SECONDS:g} seconds"
    if "TransportError" in families:
        return f"{host} cannot be reached (is there a network?)"
    first_line = (str(error).splitlines() or [""])[0]
    return f"the download failed ({type(error).__name__}: {first_line})"


def _hub() -> ModuleType:
    os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
    from huggingface_hub import file_download

    # Bytes are reported by the chunk: at the usual 10 MB a slow line would look like a dead one.
    file_download.constants.DOWNLOAD_CHUNK_SIZE = 64 * 1024
    return file_download


def _is_offline() -> bool:
    named = os.environ.get("HF_HUB_OFFLINE", "").upper() in {"1", "ON", "YES", "TRUE"}
    return named or _hub().constants.HF_HUB_OFFLINE


def _endpoint() -> str:
    # The environment first: the library read it when it was imported, perhaps too early.
    endpoint = os.environ.get("HF_ENDPOINT") or _hub().constants.ENDPOINT or HUB_PAGES
    return endpoint.rstrip("/")


def _cache_folder() -> Path:
    folder = os.environ.get("HF_HUB_CACHE") or os.environ.get("HUGGINGFACE_HUB_CACHE")
    if not folder and (home := os.environ.get("HF_HOME")):
        folder = os.path.join(home, "hub")
    return Path(os.path.expandvars(folder or _hub().constants.HF_HUB_CACHE)).expanduser()


def is_whole(path: Path) -> bool:
    """Whether a safetensors file is as long as its header says; other kinds are not checked."""
    if path.suffix != ".safetensors":
        return True
    try:
        size = path.stat().st_size
        with path.open("rb") as file:
            header_size = int.from_bytes(file.read(8), "little")
            header = json.loads(file.read(min(header_size, MAX_HEADER_BYTES)))
        ends = [entry["data_offsets"][1] for key, entry in header.items() if key != "__metadata__"]
        return size == 8 + header_size + max(ends, default=0)
    except (OSError, ValueError, TypeError, LookupError, AttributeError):
        return False
