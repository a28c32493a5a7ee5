"""Calls to the Hugging Face Hub that end within seconds when it does not answer, or on a wish.

The library itself would try again for 23 seconds, so its calls run in a thread, which is left
behind when it falls silent.
"""

from __future__ import annotations

import os
import queue
import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any, TypeVar
from urllib.parse import urlsplit

from inpformer.errors import TransferStoppedError, UserError
from inpformer.hub_problems import HubProblemError, as_problem

HUB_PAGES = "https://huggingface.co"
ANSWER_SECONDS = 3.0
# The connection gives up after whoever waits for it, who can say how long that was.
GRACE_SECONDS = 2.0
SILENCE_SECONDS = 10.0
_ASK_SECONDS = 0.1  # between two questions whether to stop
_LEAVE_SECONDS = 2.0  # for a stopped thread to clean up
# The Hub's own troubles, which often pass at once, and how long to wait for that.
_PASSING = (500, 502, 503, 504)
_PAUSES = (0.2, 0.8)

T = TypeVar("T")
Tell = Callable[[int, int], None]


class Lifeline:
    """What work in a thread tells the one who waits for it.

    Args:
        patience: How many seconds the first answer may take.
    """

    def __init__(self, patience: float) -> None:
        self._signs: queue.SimpleQueue[tuple[str, Any]] = queue.SimpleQueue()
        self._is_cut = threading.Event()
        self._patience: float | None = patience
        self._is_answered = False

    def beat(self, step: tuple[int, int] | None = None) -> None:
        """Say that there is life, and how many bytes of how many came or went.

        Raises:
            TransferStoppedError: Nobody waits any more.
        """
        if self._is_cut.is_set():
            raise TransferStoppedError
        self._signs.put(("step", step))

    def wait_long(self) -> None:
        """Say that from now on silence means nothing."""
        self._signs.put(("patience", None))

    def run(self, work: Callable[[Lifeline], Any], may_repeat: bool) -> None:
        """Do the work; for the thread."""
        try:
            self._signs.put(("done", _with_pauses(work, self) if may_repeat else work(self)))
        except Exception as error:
            self._signs.put(("error", error))

    def cut(self) -> None:
        """End the work at its next sign of life."""
        self._is_cut.set()

    def wait(self, tell: Tell | None, should_stop: Callable[[], bool] | None) -> Any:
        """Return what the work gives; for the one who waits."""
        heard = time.monotonic()
        while True:
            if should_stop is not None and should_stop():
                raise TransferStoppedError
            try:
                kind, value = self._signs.get(timeout=_ASK_SECONDS)
            except queue.Empty:
                if self._patience is not None and time.monotonic() - heard > self._patience:
                    raise HubProblemError(self._silence()) from None
                continue
            heard = time.monotonic()
            if kind == "done":
                return value
            if kind == "error":
                raise value
            if kind == "patience":
                self._patience = None
            elif self._patience is not None:
                self._patience = max(SILENCE_SECONDS, self._patience)
                self._is_answered = True
            if kind == "step" and value is not None and tell is not None:
                tell(*value)

    def _silence(self) -> str:
        host = urlsplit(endpoint()).hostname
        if self._is_answered:
            return f"{host} sent nothing for {self._patience:g} seconds"
        return f"{host} did not answer within {self._patience:g} seconds"


def call_hub(
    work: Callable[[Lifeline], T],
    repo_id: str,
    filename: str = "",
    *,
    tell: Tell | None = None,
    should_stop: Callable[[], bool] | None = None,
    may_repeat: bool = True,
    patience: float | None = None,
) -> T:
    """Run work that asks the Hub, as long as it shows signs of life and nobody wants it to stop.

    Args:
        work: Runs in a thread; calls `beat` of what it is given at every sign of life.
        repo_id: What it is about, for the words of a problem.
        filename: The file it is about, if it is one.
        tell: Told about the bytes, in this thread.
        should_stop: Asked several times a second; True stops.
        may_repeat: Whether the work is begun again where the Hub had trouble of its own.
        patience: How many seconds the first answer may take; None takes `ANSWER_SECONDS`.

    Raises:
        HubProblemError: It failed or fell silent; the message can follow a colon.
        TransferStoppedError: `should_stop` said so.
    """
    if should_stop is not None and should_stop():
        raise TransferStoppedError
    hub_library()  # imported before the clock starts: on a cold disk it takes seconds
    line = Lifeline(ANSWER_SECONDS if patience is None else patience)
    thread = threading.Thread(
        target=line.run, args=(work, may_repeat), name="hub-call", daemon=True
    )
    thread.start()
    try:
        return line.wait(tell, should_stop)
    except HubProblemError:
        line.cut()
        raise
    except (TransferStoppedError, KeyboardInterrupt):
        line.cut()
        thread.join(_LEAVE_SECONDS)
        raise
    except Exception as error:
        line.cut()
        problem = as_problem(error, endpoint(), repo_id, filename)
        if problem is error:
            raise
        raise problem from error


def _with_pauses(work: Callable[[Lifeline], T], line: Lifeline) -> T:
    """Do work again after a pause where the Hub had trouble of its own."""
    from huggingface_hub.errors import HfHubHTTPError

    for pause in _PAUSES:
        try:
            return work(line)
        except HfHubHTTPError as error:
            if error.response.status_code not in _PASSING:
                raise
        line.beat()
        time.sleep(pause)
    return work(line)


def hub_library() -> ModuleType:
    """Return the module of the Hub's library that downloads, set up for us."""
    is_told = "HF_HUB_DISABLE_TELEMETRY" in os.environ
    from huggingface_hub import file_download

    if not is_told:  # or it asks for a list of programs, so as to say which one uses it
        file_download.constants.HF_HUB_DISABLE_TELEMETRY = True
    # Bytes are reported by the chunk: at the usual 10 MB a slow line would look like a dead one.
    file_download.constants.DOWNLOAD_CHUNK_SIZE = 64 * 1024
    return file_download


def require_online() -> None:
    """Raise a `HubProblemError` if the Hub must not be asked."""
    named = os.environ.get("HF_HUB_OFFLINE", "").upper() in {"1", "ON", "YES", "TRUE"}
    if named or hub_library().constants.HF_HUB_OFFLINE:
        raise HubProblemError("offline mode is on (HF_HUB_OFFLINE)")


def endpoint() -> str:
    """Return the address of the Hub."""
    # The environment first: the library read it when it was imported, perhaps too early.
    address = os.environ.get("HF_ENDPOINT") or hub_library().constants.ENDPOINT or HUB_PAGES
    return address.rstrip("/")


def cache_folder() -> Path:
    """Return the folder of the Hub's cache."""
    folder = os.environ.get("HF_HUB_CACHE") or os.environ.get("HUGGINGFACE_HUB_CACHE")
    if not folder and (home := os.environ.get("HF_HOME")):
        folder = os.path.join(home, "hub")
    return Path(os.path.expandvars(folder or hub_library().constants.HF_HUB_CACHE)).expanduser()


def as_token(token: str | None) -> str | bool | None:
    """Return a token as the Hub's library takes it.

    Args:
        token: None for the one of this machine (`HF_TOKEN` or `hf auth login`); empty for none.

    Raises:
        UserError: It cannot be a token; the message does not repeat it.
    """
    if token is None:
        return None
    token = token.strip()
    if not (token.isascii() and token.isprintable() and " " not in token):
        raise UserError("This is no token of the Hugging Face Hub; copy it again from its page.")
    return token or False
