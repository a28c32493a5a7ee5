"""Push a detector to the Hub: one commit with file, description, card and pictures, and a tag."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from inpformer.errors import UserError
from inpformer.hub_calls import Lifeline, call_hub, require_online
from inpformer.hub_problems import HubProblemError
from inpformer.scratch import scratch_folder
from inpformer.sharing.look import DETECTOR_FILE
from inpformer.sharing.outgoing import PICTURE_FOLDER, Parcel, check_wish, pack
from inpformer.sharing.records import PushedDetector, PushWish, RepoAddress, TransferStep
from inpformer.sharing.writing import next_version, open_repository, writing_api

if TYPE_CHECKING:
    from huggingface_hub import HfApi

    from inpformer.detector import AnomalyDetector

_KIND = "model"
_PATIENCE = 60.0  # seconds; making repositories and commits takes the Hub its time
# What a repository may hold before the first push; the Hub's own page makes these.
_FRESH = {".gitattributes", "README.md", "LICENSE", ".gitignore"}


def push(
    detector: AnomalyDetector,
    wish: PushWish,
    *,
    token: str | None = None,
    tell: Callable[[TransferStep], None] | None = None,
    should_stop: Callable[[], bool] | None = None,
) -> PushedDetector:
    """Push a detector as the next version of a repository, which is made if it is not there.

    All files come in one commit, or none. A wish to stop is heeded until that commit begins; a
    repository that was made for this push then stays, empty.

    Args:
        detector: Is only read.
        wish: Where to, and what goes along.
        token: One that may write; None for that of this machine. It is used and forgotten.
        tell: Told how far it is, in the calling thread.
        should_stop: Asked several times a second; True stops.

    Raises:
        UserError: The wish cannot be fulfilled, or the Hub refuses or cannot be reached.
        TransferStoppedError: `should_stop` said so.
    """
    wish = check_wish(wish)
    api = writing_api(token)
    with scratch_folder(DETECTOR_FILE) as folder:
        parcel = pack(detector, wish, folder)
        try:
            require_online()
            return _send(api, parcel, wish, tell, should_stop)
        except HubProblemError as problem:
            raise UserError(f"Nothing was pushed to {wish.repo_id}: {problem}.") from problem


def _send(
    api: HfApi,
    parcel: Parcel,
    wish: PushWish,
    tell: Callable[[TransferStep], None] | None,
    should_stop: Callable[[], bool] | None,
) -> PushedDetector:
    repo_id = wish.repo_id
    target = call_hub(
        lambda line: _Target(line, api, wish),
        repo_id,
        should_stop=should_stop,
        patience=_PATIENCE,
    )
    files = parcel.finish(wish, target.version)
    total = sum(path.stat().st_size for path in files.values())
    counter = _Counter(total)
    additions = [_addition(name, path, counter) for name, path in files.items()]

    def upload(line: Lifeline) -> None:
        if _sends_by_xet():
            line.wait_long()  # this way of the library does not tell us how far it is
        counter.line = line
        api.preupload_lfs_files(repo_id, additions)

    def tell_step(count: int, total: int) -> None:
        if tell is not None:
            tell(TransferStep(count, total))

    tell_step(0, total)
    # Apart from the commit, so that an upload that nobody waits for any more changes nothing.
    call_hub(
        upload,
        repo_id,
        tell=tell_step,
        should_stop=should_stop,
        may_repeat=False,
        patience=_PATIENCE,
    )
    commit = call_hub(lambda _: _commit(api, wish, target, additions), repo_id, patience=_PATIENCE)
    _tag(api, repo_id, target.version, commit)
    tell_step(total, total)
    return PushedDetector(
        url=f"{api.endpoint}/{repo_id}/tree/{commit}",
        address=RepoAddress(repo_id, commit),
        sha256=parcel.sha256,
        is_private=target.is_private,
        version=target.version,
        is_encoder_inside=parcel.is_encoder_inside,
    )


def _sends_by_xet() -> bool:
    from huggingface_hub import constants

    return find_spec("hf_xet") is not None and not constants.HF_HUB_DISABLE_XET


class _Target:
    """The repository as it is before the push.

    Raises:
        UserError: It is public and must not be, or holds something else.
    """

    def __init__(self, line: Lifeline, api: HfApi, wish: PushWish) -> None:
        self.is_private = open_repository(api, wish.repo_id, _KIND, wish.is_private)
        line.beat()
        info = api.model_info(wish.repo_id)
        self.parent = info.sha
        names = {item.rfilename for item in info.siblings or ()}
        if names - _FRESH and DETECTOR_FILE not in names:
            raise UserError(f"{wish.repo_id} holds something else already; choose another name.")
        self.pictures = {name for name in names if name.startswith(f"{PICTURE_FOLDER}/")}
        line.beat()
        self.version = next_version(api, wish.repo_id, _KIND)


def _commit(api: HfApi, wish: PushWish, target: _Target, additions: list[Any]) -> str:
    """Make the commit and return it; what is unchanged is left out."""
    from huggingface_hub import CommitOperationDelete

    gone = sorted(target.pictures - {addition.path_in_repo for addition in additions})
    try:
        made = api.create_commit(
            wish.repo_id,
            [*map(CommitOperationDelete, gone), *additions],
            commit_message=f"Detector, version {target.version[1:]}",
            parent_commit=target.parent,
        )
    except OSError:  # also what the Hub answers
        raise
    except ValueError as error:  # what is wrong with the card, line by line
        found = "; ".join(line.strip("- ") for line in str(error).splitlines()[1:])
        raise HubProblemError(f"the Hub does not take its card ({found or error})") from error
    return made.oid


def _tag(api: HfApi, repo_id: str, version: str, commit: str) -> None:
    try:
        call_hub(
            lambda _: api.create_tag(repo_id, tag=version, revision=commit, exist_ok=True),
            repo_id,
            patience=_PATIENCE,
        )
    except HubProblemError as problem:
        raise UserError(
            f"The detector is at {repo_id}@{commit}, but could not be marked as {version}: "
            f"{problem}; push again."
        ) from problem


class _Counter:
    """Bytes that were read to be sent, of all files."""

    def __init__(self, total: int) -> None:
        self.line: Lifeline | None = None
        self._total = total
        self._counts: dict[str, int] = {}

    def count(self, name: str, position: int) -> None:
        """Note how far a file was read; a second try begins anew."""
        self._counts[name] = position
        if self.line is not None:
            self.line.beat((sum(self._counts.values()), self._total))


def _addition(name: str, path: Path, counter: _Counter) -> Any:
    """Return a file to add that tells when it is read to be sent."""
    from huggingface_hub import CommitOperationAdd

    class CountedAddition(CommitOperationAdd):
        @contextmanager
        def as_file(self, with_tqdm: bool = False) -> Iterator[Any]:
            with super().as_file() as file:
                if with_tqdm:  # it is sent, and the library would draw a bar
                    read = file.read

                    def counted(size: int = -1) -> bytes:
                        data = read(size)
                        counter.count(name, file.tell())
                        return data

                    file.read = counted
                yield file

    return CountedAddition(name, str(path))
