"""Why the Hub gave or took nothing: exceptions of library, network and disk in plain words."""

from __future__ import annotations

import errno
import re
from typing import Any
from urllib.parse import urlsplit

_FULL_DISK = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_NO_FOLDER = (errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR, errno.ENOENT, errno.EEXIST)
_TOKEN = re.compile(r"hf_\w+|(?<=Bearer )\S+")


class HubProblemError(Exception):
    """Why the Hub gave or took nothing, in plain words that can follow a colon.

    Args:
        words: Those words.
        is_refusal: The Hub was asked and said no, rather than that nobody could ask it.
    """

    def __init__(self, words: str, is_refusal: bool = False) -> None:
        super().__init__(words)
        self.is_refusal = is_refusal


def as_problem(error: Exception, endpoint: str, repo_id: str, filename: str = "") -> Exception:
    """Return a `HubProblemError` for an exception of a transfer; other exceptions as they are.

    Args:
        error: What was raised.
        endpoint: Address of the Hub.
        repo_id: What was asked for.
        filename: The file that was asked for, if it was one.
    """
    from huggingface_hub import errors

    # The library wraps what went wrong in what it was doing.
    wrappings = (errors.LocalEntryNotFoundError, RuntimeError)
    true = error.__cause__ if isinstance(error, wrappings) and error.__cause__ else error
    if isinstance(true, HubProblemError):
        return true
    words = in_plain_words(true, urlsplit(endpoint).hostname or endpoint, repo_id, filename)
    return error if words is None else HubProblemError(words, _is_refusal(true))


def in_plain_words(error: BaseException, host: str, repo_id: str, filename: str) -> str | None:
    """Return what an exception means, to follow a colon; None if it is no matter of a transfer."""
    from huggingface_hub import errors

    if isinstance(error, errors.OfflineModeIsEnabled):
        return "offline mode is on (HF_HUB_OFFLINE)"
    if isinstance(error, errors.HFValidationError):
        return f"'{repo_id}' is no name of a repository; write user/name"
    if isinstance(error, errors.LocalTokenNotFoundError):
        return "you are not logged in to the Hub (`hf auth login`)"
    if isinstance(error, errors.FileMetadataError):
        return f"what answers at {host} is not the Hub, but perhaps a login page"
    if isinstance(error, errors.HfHubHTTPError):
        return _answer_in_words(error, host, repo_id, filename)
    return _connection_in_words(error, host) or _disk_in_words(error)


def _answer_in_words(error: Any, host: str, repo_id: str, filename: str) -> str:
    from huggingface_hub import errors

    status = error.response.status_code
    if isinstance(error, errors.GatedRepoError):
        return f"{repo_id} asks for an accepted licence and a login (`hf auth login`)"
    if isinstance(error, errors.RepositoryNotFoundError):
        return f"the Hub has no {repo_id}, or it is private"
    if isinstance(error, errors.RevisionNotFoundError):
        return f"{repo_id} has no branch, tag or commit of this name"
    if isinstance(error, errors.RemoteEntryNotFoundError):
        return f"{repo_id} has no {filename}, and pickles such as pytorch_model.bin are refused"
    if status == 401:
        return "the Hub does not accept the token; log in again (`hf auth login`)"
    if status == 403:
        return f"the token may not do this with {repo_id}; use one that may, and check the name"
    if status in (409, 412):
        return f"somebody else pushed to {repo_id} just now; push again"
    if status == 429:
        return f"{host} answered with error 429, too many requests; try again in some minutes"
    return f"{host} answered with error {status}; try again later"


def _connection_in_words(error: BaseException, host: str) -> str | None:
    # By name: the library has changed its http package, and with it these classes, before.
    families = {family.__name__ for family in type(error).__mro__}
    if "TimeoutException" in families:
        return f"{host} did not answer in time"
    if families & {"RemoteProtocolError", "ReadError", "WriteError"}:
        return f"the connection to {host} broke off"
    if families & {"TransportError", "TooManyRedirects"}:
        return f"{host} cannot be reached (is there a network?)"
    return None


def _disk_in_words(error: BaseException) -> str | None:
    if not isinstance(error, OSError):
        return None
    if error.errno in _FULL_DISK:
        return "there is no space left on the disk; free some of it"
    if error.errno in _NO_FOLDER:
        return "the folder for downloads cannot be written to; name another one in HF_HOME"
    if "Consistency check failed" in str(error):  # the library has no class for it
        return "what came is not as long as the Hub says; try again later"
    # With a number it is the system's, which would add whose folder it was.
    said = error.strerror if error.errno is not None else str(error)
    first_line = _TOKEN.sub("***", ((said or "").splitlines() or [""])[0])
    return f"the transfer failed ({type(error).__name__}: {first_line})"


def _is_refusal(error: Any) -> bool:
    from huggingface_hub import errors

    is_answer = isinstance(error, errors.HfHubHTTPError)
    return is_answer and error.response.status_code in (401, 403, 404)
