"""A store as a data set on the Hugging Face Hub: one commit and one tag per version."""

from __future__ import annotations

import re
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from inpformer.annotations.archive import write_card_set
from inpformer.annotations.labelled_set import OutgoingSet
from inpformer.annotations.store import AnnotationStore
from inpformer.errors import UserError

if TYPE_CHECKING:
    from huggingface_hub import HfApi

_KIND = "dataset"
_TAG = re.compile(r"v([1-9]\d*)")


@dataclass(frozen=True)
class PushReport:
    """What was pushed.

    Attributes:
        url: Page of the data set at this version.
        version: Its tag: v1, v2, and so on.
        pictures: How many.
    """

    url: str
    version: str
    pictures: int


def push_dataset(
    store: AnnotationStore,
    repo_id: str,
    *,
    private: bool = True,
    token: str | None = None,
    endpoint: str | None = None,
) -> PushReport:
    """Push all pictures and masks of a store as the next version of a data set.

    What the data set had and the store has not is gone in the new version, and stays in the old.

    Args:
        store: Is only read.
        repo_id: `user/name`; made if it is not there.
        private: Nobody else may see it. A data set that is public already is refused then.
        token: With the right to write; the one of `hf auth login` if left out.
        endpoint: Address of the Hub; the usual one if left out.

    Raises:
        UserError: The store is empty, or the Hub refuses or cannot be reached.
    """
    from huggingface_hub import HfApi, errors

    outgoing = OutgoingSet(store)
    if not outgoing.names:
        raise UserError(f"The store '{store.folder}' has no pictures to push.")
    api = HfApi(endpoint=endpoint, token=token)
    try:
        with tempfile.TemporaryDirectory() as temporary:
            write_card_set(Path(temporary), outgoing)
            version = _push_folder(api, Path(temporary), repo_id, private)
    except errors.HFValidationError as error:
        raise UserError(f"'{repo_id}' is no name of a data set; write user/name.") from error
    except errors.LocalTokenNotFoundError as error:
        raise UserError("Log in to the Hugging Face Hub first, with `hf auth login`.") from error
    except errors.HfHubHTTPError as error:
        raise UserError(_refusal(repo_id, error.response.status_code)) from error
    except Exception as error:
        # By name: the library has changed its http package, and with it this class, before.
        families = {family.__name__ for family in type(error).__mro__}
        if not families & {"TransportError", "OfflineModeIsEnabled"}:
            raise
        raise UserError(
            "The Hugging Face Hub cannot be reached; see that there is a network and that "
            "HF_HUB_OFFLINE is not set, then push again."
        ) from error
    url = f"{api.endpoint}/datasets/{repo_id}/tree/{version}"
    return PushReport(url, version, len(outgoing.names))


def _push_folder(api: HfApi, folder: Path, repo_id: str, private: bool) -> str:
    from huggingface_hub import CommitOperationAdd, CommitOperationDelete

    api.create_repo(repo_id, repo_type=_KIND, private=private, exist_ok=True)
    if private and not api.dataset_info(repo_id).private:
        raise UserError(
            f"The data set {repo_id} is public, so everybody would see the pictures; choose "
            "another name, or say that it may be public."
        )
    version = _next_version(api, repo_id)
    files = {path.relative_to(folder).as_posix(): path for path in folder.rglob("*")}
    files = {name: path for name, path in files.items() if path.is_file()}
    gone = set(api.list_repo_files(repo_id, repo_type=_KIND)) - files.keys() - {".gitattributes"}
    commit = api.create_commit(
        repo_id,
        [
            *(CommitOperationDelete(name) for name in sorted(gone)),
            *(CommitOperationAdd(name, str(path)) for name, path in sorted(files.items())),
        ],
        commit_message=f"Version {version[1:]}",
        repo_type=_KIND,
    )
    api.create_tag(repo_id, tag=version, revision=commit.oid, repo_type=_KIND)
    return version


def _next_version(api: HfApi, repo_id: str) -> str:
    tags = [_TAG.fullmatch(ref.name) for ref in api.list_repo_refs(repo_id, repo_type=_KIND).tags]
    return f"v{max((int(tag[1]) for tag in tags if tag), default=0) + 1}"


def _refusal(repo_id: str, status: int) -> str:
    if status in (401, 403, 404):
        return (
            f"The Hugging Face Hub does not let you write to {repo_id}; log in with a token that "
            "may write, and check the name."
        )
    if status in (409, 412):
        return f"Somebody else pushed to {repo_id} just now; push again."
    return f"The Hugging Face Hub answered with error {status}; try again later."
