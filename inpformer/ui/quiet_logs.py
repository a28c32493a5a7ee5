"""What the page logs: nothing that a visitor brought, whoever of the libraries writes the line."""

from __future__ import annotations

import logging
import sys

from inpformer.ui.service import places

# These speak of actions, of the server's own files, and of the encoders it has.
_SPEAK_OF_THE_SERVER = (
    "inpformer.actions",
    "inpformer.detector_file",
    "inpformer.hub",
    "inpformer.ui.encoders",
    "inpformer.ui.ready",
    "inpformer.ui.shelf",
)
# The web server's have handlers of their own.
_OF_THE_WEB_SERVER = ("uvicorn", "uvicorn.access", "uvicorn.asgi", "uvicorn.error")


def quiet_logs(level: str) -> None:
    """Let the process log to stderr, from a level on; of libraries warnings and errors alone."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter("%(message)s"))
    handler.addFilter(leave_out_content)
    logging.basicConfig(level=max(logging.WARNING, _number(level)), handlers=[handler])
    logging.getLogger("inpformer").setLevel(_number(level))
    logging.captureWarnings(True)


def quiet_libraries() -> None:
    """See that libraries with loggers of their own keep to that; called when they are imported."""
    from huggingface_hub.utils import logging as hub_logging

    # It writes to stderr by itself, and once more the usual way.
    hub_logging.get_logger("huggingface_hub").handlers.clear()
    for name in _OF_THE_WEB_SERVER:
        logging.getLogger(name).addFilter(leave_out_content)


def leave_out_content(record: logging.LogRecord) -> bool:
    """Take out of a line what may be a visitor's: file names, values, what exceptions say.

    Of our own lines their constant part stays, of others the name of the logger, and of exceptions
    their classes and where they were raised.
    """
    if record.name in _SPEAK_OF_THE_SERVER:
        return True
    is_ours = record.name.startswith("inpformer.")
    words = [f"{record.levelname} {record.name}"]
    if is_ours:
        words.append(str(record.msg).replace("%s", "…"))
    if record.exc_info and record.exc_info[1] is not None:
        words += places(record.exc_info[1])
    record.msg, record.args = " · ".join(words), ()
    record.exc_info = record.exc_text = record.stack_info = None
    return True


def _number(level: str) -> int:
    return logging.getLevelName(level.upper())
