"""A store as a data set on the Hugging Face Hub: one commit and one tag per version."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from inpformer.annotations.archive import write_card_set
from inpformer.annotations.labelled_set import OutgoingSet
from inpformer.annotations.store import AnnotationStore
from inpformer.errors import UserError
from inpformer.hub_problems import as_problem
from inpformer.scratch import scratch_folder
from inpformer.sharing.writing import next_version, open_repository, writing_api

if TYPE_CHECKING:
    from huggingface_hub import HfApi

_KIND = "dataset"


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
) -> PushReport:
    """Push all pictures and masks of a store as the next version of a data set.

    What the data set had and the store has not is gone in the new version, and stays in the old.

    Args:
        store: Is only read.
        repo_id: `user/name`; made if it is not there.
        private: Nobody else may see it. A data set that is public already is refused then.
        token: With the right to write; the one of `hf auth login` if left out.

    Raises:
        UserError: The store is empty, or the Hub refuses or cannot be reached.
    """
    outgoing = OutgoingSet(store)
    if not outgoing.names:
        raise UserError(f"The store '{store.folder}' has no pictures to push.")
    api = writing_api(token)
    try:
        with scratch_folder(repo_id.rpartition("/")[2]) as folder:
            write_card_set(folder, outgoing)
            version = _push_folder(api, folder, repo_id, private)
    except UserError:
        raise
    except Exception as error:
        problem = as_problem(error, api.endpoint, repo_id)
        if problem is error:
            raise
        raise UserError(f"Nothing was pushed to {repo_id}: {problem}.") from error
    url = f"{api.endpoint}/datasets/{repo_id}/tree/{version}"
    return PushReport(url, version, len(outgoing.names))


def _push_folder(api: HfApi, folder: Path, repo_id: str, private: bool) -> str:
    from huggingface_hub import CommitOperationAdd, CommitOperationDelete

    open_repository(api, repo_id, _KIND, private)
    version = next_version(api, repo_id, _KIND)
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
