"""What every push to the Hub begins with: who pushes, where to, and as which version."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from inpformer.errors import UserError
from inpformer.hub_calls import as_token, endpoint, hub_library

if TYPE_CHECKING:
    from huggingface_hub import HfApi

_TAG = re.compile(r"v([1-9]\d{0,8})")


def writing_api(token: str | None) -> HfApi:
    """Return the Hub's library, set to push.

    Args:
        token: See `as_token`.

    Raises:
        UserError: There is no token, here or in this machine's settings.
    """
    hub_library()
    from huggingface_hub import HfApi, get_token

    given = as_token(token)
    if given is False or not (given or get_token()):
        raise UserError(
            "Log in to the Hugging Face Hub first, with `hf auth login`, or give a token that may "
            "write."
        )
    return HfApi(endpoint=endpoint(), token=given)


def open_repository(api: HfApi, repo_id: str, kind: str, is_private: bool) -> bool:
    """Make a repository unless it is there, and return whether it is private.

    Raises:
        UserError: It is public already, and must not be.
    """
    api.create_repo(repo_id, repo_type=kind, private=is_private, exist_ok=True)
    found = api.repo_info(repo_id, repo_type=kind).private is True
    if is_private and not found:
        raise UserError(
            f"{repo_id} is public already, so everybody would see what is pushed; choose another "
            "name, or say that it may be public."
        )
    return found


def next_version(api: HfApi, repo_id: str, kind: str) -> str:
    """Return the tag of the next version: v1, v2, and so on."""
    tags = [_TAG.fullmatch(ref.name) for ref in api.list_repo_refs(repo_id, repo_type=kind).tags]
    return f"v{max((int(tag[1]) for tag in tags if tag), default=0) + 1}"
