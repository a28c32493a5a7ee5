"""Download one file from the Hugging Face Hub, or say within seconds why it cannot be done.

Without a network every answer comes within 5 seconds.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from inpformer.files import is_abandoned
from inpformer.hub_calls import (
    ANSWER_SECONDS,
    GRACE_SECONDS,
    Lifeline,
    Tell,
    as_token,
    cache_folder,
    call_hub,
    endpoint,
    hub_library,
    require_online,
)
from inpformer.hub_problems import HubProblemError

logger = logging.getLogger(__name__)

MAX_HEADER_BYTES = 100_000_000  # what the safetensors format allows
# A connection that breaks is taken up again; with a server that begins anew each time, for ever.
_MOST_REPEATS = 3


def find_in_cache(repo_id: str, filename: str, revision: str | None = None) -> Path | None:
    """Return an undamaged file of the Hub cache, without any request; None if there is none."""
    cached = hub_library().try_to_load_from_cache(
        repo_id, filename, cache_dir=cache_folder(), revision=revision
    )
    if not isinstance(cached, str):  # None, or a mark that the repository has no such file
        return None
    if not is_whole(Path(cached)):
        logger.warning("The copy in the Hub cache is damaged and not used: %s", cached)
        return None
    return Path(cached)


def snapshot_folder(repo_id: str, revision: str | None = None) -> Path | None:
    """Return the folder of the Hub cache with what is here of a revision; None if there is none."""
    library = hub_library()
    base = cache_folder() / library.repo_folder_name(repo_id=repo_id, repo_type="model")
    commit = revision or "main"
    if not library.REGEX_COMMIT_HASH.fullmatch(commit):
        try:
            commit = (base / "refs" / commit).read_text("utf-8").strip()
        except (OSError, ValueError):
            return None
    folder = base / "snapshots" / commit
    return folder if commit and folder.is_dir() else None


def download(
    repo_id: str,
    filename: str,
    *,
    revision: str | None = None,
    token: str | None = None,
    tell: Tell | None = None,
    should_stop: Callable[[], bool] | None = None,
    max_bytes: int | None = None,
    is_right: Callable[[Path], bool] | None = None,
) -> Path:
    """Download a file into the Hub cache and return its path.

    Args:
        repo_id: `user/name` on the Hub.
        filename: The file in that repository.
        revision: Branch, tag or commit; None for the newest of the main branch.
        token: See `as_token`.
        tell: Told how many bytes of how many came.
        should_stop: Asked several times a second; True stops, and nothing half-made is left.
        max_bytes: A larger file is refused.
        is_right: What else is checked of the file; where it says no, the file is fetched anew,
            once, and thrown away if it is still not right.

    Raises:
        HubProblemError: It cannot be had; the message can follow a colon.
        TransferStoppedError: `should_stop` said so.
    """
    require_online()
    asked = _Asked(repo_id, filename, revision or "main", as_token(token), max_bytes)
    # Forced the second time: a damaged copy in the cache would be handed out again.
    for force in (False, True):
        with asked.no_leftovers():
            path = call_hub(
                lambda line, force=force: asked.fetch(line, force),
                repo_id,
                filename,
                tell=tell,
                should_stop=should_stop,
            )
        if is_whole(path) and (is_right is None or is_right(path)):
            return path
    for each in (path.resolve(), path):
        each.unlink(missing_ok=True)
    raise HubProblemError(f"the {filename} of {repo_id} is damaged, and was thrown away")


class _Asked:
    """A file that is asked for."""

    def __init__(
        self,
        repo_id: str,
        filename: str,
        revision: str,
        token: str | bool | None,
        max_bytes: int | None,
    ) -> None:
        self._repo_id, self._filename, self._revision = repo_id, filename, revision
        self._token, self._max_bytes = token, max_bytes
        self._etag = ""

    def fetch(self, line: Lifeline, force: bool) -> Path:
        """Download with the library; runs in the thread."""
        library, address = hub_library(), endpoint()
        # Asked first and alone, because this call fails at once, with the true reason, where
        # `hf_hub_download` begins to try again with a time limit of a minute.
        url = library.hf_hub_url(
            self._repo_id, self._filename, revision=self._revision, endpoint=address
        )
        metadata = library.get_hf_file_metadata(
            url,
            token=self._token,
            timeout=ANSWER_SECONDS + GRACE_SECONDS,
            endpoint=address,
        )
        if metadata.commit_hash is None or metadata.etag is None:
            host = urlsplit(address).hostname
            raise HubProblemError(
                f"what answers at {host} is not the Hub, but perhaps a login page"
            )
        if self._max_bytes is not None and (metadata.size or 0) > self._max_bytes:
            raise HubProblemError(f"the {self._filename} of {self._repo_id} is too large")
        self._etag = metadata.etag
        line.beat()
        return Path(
            library.hf_hub_download(
                self._repo_id,
                self._filename,
                revision=self._revision,
                endpoint=address,
                cache_dir=cache_folder(),
                force_download=force,
                etag_timeout=ANSWER_SECONDS,
                token=self._token,
                tqdm_class=_watched_bar(line, metadata.size or 0),
            )
        )

    @contextmanager
    def no_leftovers(self) -> Iterator[None]:
        """Remove what a failed download began, also where its thread was left behind asleep.

        What downloads of processes that were killed began in the same repository goes, too.
        """
        name = hub_library().repo_folder_name(repo_id=self._repo_id, repo_type="model")
        blobs = cache_folder() / name / "blobs"
        for path in blobs.glob("*.incomplete"):
            # Of a process that was killed: the library begins anew under another name.
            with suppress(OSError):
                if is_abandoned(path):
                    path.unlink()
        before = set(blobs.glob("*.incomplete"))
        try:
            yield
        except BaseException:
            # Of this very file alone: it has a lock, so nobody else is at it.
            for path in set(blobs.glob("*.incomplete")) - before:
                if self._etag and path.name.startswith(f"{self._etag}."):
                    with suppress(OSError):
                        path.unlink()
            raise


def _watched_bar(line: Lifeline, byte_total: int) -> type:
    """Make a progress bar that shows nothing, but passes on that bytes came."""
    from huggingface_hub.utils import tqdm

    class WatchedBar(tqdm):
        # Each class of its own would start a thread that watches for bars at rest, and never ends.
        monitor_interval = 0
        came = had = 0

        def __init__(self, *args: Any, **options: Any) -> None:
            super().__init__(*args, **{**options, "disable": True})

        def update(self, n: float | None = 1) -> bool | None:
            count = int(n or 0)
            self.had = max(0, self.had + count)  # it goes back where a download begins anew
            self.came += max(0, count)
            if byte_total and self.came > _MOST_REPEATS * byte_total:
                raise HubProblemError(
                    f"the connection to {urlsplit(endpoint()).hostname} broke off"
                )
            line.beat((min(self.had, byte_total or self.had), byte_total))
            return None

        def update_transfer(self, n: int) -> None:
            """Take note of bytes on the line that do not make up the file yet (Xet)."""
            line.beat()

    return WatchedBar


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
    except (OSError, ValueError, TypeError, LookupError, AttributeError, RecursionError):
        return False
