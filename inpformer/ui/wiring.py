"""What every tab's wiring uses: who asks, whose turn it is, and errors as sentences."""

from __future__ import annotations

import contextlib
import functools
import inspect
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import gradio as gr
from gradio.processing_utils import save_file_to_cache

from inpformer.errors import UserError
from inpformer.files import disk_problem
from inpformer.ui.handlers import DetectorReport, Handlers
from inpformer.ui.hub_access import HubAccess
from inpformer.ui.service import SERVICE, Action
from inpformer.ui.translate import say
from inpformer.ui.turns import TURNS
from inpformer.ui.words import Words, as_toast, words_of

# Looks at one picture take turns, whatever asks for them; a job with many never holds this one.
MODEL_TURN: dict[str, Any] = {"concurrency_id": "inspect", "concurrency_limit": 1}
# Fits and other long work do, too, beside them.
FIT_TURN: dict[str, Any] = {"concurrency_id": "fit", "concurrency_limit": 1}
COMPARE_TURN: dict[str, Any] = {"concurrency_id": "compare", "concurrency_limit": 1}
# What waits for the Hub needs no turn; the bound is for the line that all share.
TRANSFERS: dict[str, Any] = {"concurrency_id": "transfer", "concurrency_limit": 4}
DETECTOR = ("detector", "card")
# In the browser alone: what was typed is not sent again.
EMPTY_TOKEN = "() => ''"
SCROLL_TO = "() => document.querySelector('{selector}').scrollIntoView({{block: 'start'}})"


def visitor(handlers: Handlers, request: gr.Request) -> str:
    """Return what tells this visitor from others, and note their language."""
    # Callers of the API may have no session: each call then stands alone, or all would share one.
    session_id = request.session_hash or uuid.uuid4().hex
    handlers.sessions.get(session_id, words_of(request))
    return session_id


def is_local(request: gr.Request) -> bool:
    """Whether a visitor sits at the computer that the page runs on, with no proxy between."""
    host = getattr(request.client, "host", "") or ""
    is_forwarded = any(name in request.headers for name in ("x-forwarded-for", "forwarded"))
    return host in ("127.0.0.1", "::1") and not is_forwarded


def hub_access(
    typed: str | None, login: gr.OAuthToken | None, request: gr.Request, is_own_computer: bool
) -> HubAccess:
    """Return the right with which a visitor asks the Hub, for one call.

    Args:
        typed: Token in the field.
        login: Of the visitor to the Space; None without one.
        request: The visitor's.
        is_own_computer: Whether who sits at this computer may use its login.

    Raises:
        UserError: What was typed is no token.
    """
    signed_in = None if login is None else login.token
    is_own = is_own_computer and is_local(request)
    return HubAccess.of(typed, signed_in, is_own, words_of(request))


def refusing_if_busy(handlers: Handlers) -> Callable[[gr.Request], None]:
    """Return what a button that begins long work calls before the queue.

    What cannot begin now must not wait there, to begin later.
    """

    @shown_to_visitor
    def begin(request: gr.Request) -> None:
        handlers.sessions.get(visitor(handlers, request)).refuse_if_busy()

    return begin


def parts_of(page: dict[str, Any], names: tuple[str, ...]) -> list[Any]:
    """Return components by name."""
    return [page[name] for name in names]


def detector_values(report: DetectorReport) -> tuple[Any, ...]:
    """Return what the components called `DETECTOR` show."""
    chooser = gr.update(choices=report.choices, value=report.key, interactive=True)
    return chooser, report.card


def cached(component: Any, path: Path) -> str:
    """Return a copy of one of our files where the page may show it, and take it back, from.

    Raises:
        DiskError: There is no space for it.
    """
    try:
        return save_file_to_cache(path, component.GRADIO_CACHE)
    except OSError as error:
        raise disk_problem(Path(component.GRADIO_CACHE) / path.name, error) from error


def shown_to_visitor(function: Callable) -> Callable:
    """Turn errors into sentences for the visitor, and log how each action ended."""
    name = f"{function.__module__.rpartition('.')[2]}.{function.__name__}"

    def as_sentence(action: Action, error: Exception, values: tuple[Any, ...]) -> gr.Error:
        words = _words_among(values)
        if isinstance(error, UserError):
            SERVICE.end(action, "refused", error)
            return as_toast(say(error, words), words)
        SERVICE.end(action, "failed", error)
        return as_toast(words.LOST.format(request=action.id), words)

    @contextlib.contextmanager
    def told(*values: Any) -> Iterator[None]:
        action = SERVICE.begin(name)
        if SERVICE.is_stopping:
            SERVICE.end(action, "refused")
            words = _words_among(values)
            raise as_toast(words.STOPPING, words)
        try:
            yield
        except gr.Error as error:
            SERVICE.end(action, "refused", error)
            raise
        except Exception as error:
            raise as_sentence(action, error, values) from error
        except BaseException:
            SERVICE.end(action, "left")
            raise
        SERVICE.end(action, "done")

    if inspect.isgeneratorfunction(function):

        @functools.wraps(function)
        def stream(*args: Any, **kwargs: Any) -> Iterator[Any]:
            with told(*args, *kwargs.values()):
                yield from function(*args, **kwargs)

        return stream

    @functools.wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        # What answers in one go is short; long work streams, and lets it go first.
        with told(*args, *kwargs.values()), TURNS.answering():
            return function(*args, **kwargs)

    return call


def _words_among(values: tuple[Any, ...]) -> Words:
    return words_of(next((value for value in values if isinstance(value, gr.Request)), None))
