"""A download or an upload for a visitor, watched from the page."""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import Any, TypeVar

from inpformer.errors import TransferStoppedError
from inpformer.sharing.records import TransferStep
from inpformer.ui import views
from inpformer.ui.background import Background
from inpformer.ui.session import Job
from inpformer.ui.words import Words

Report = TypeVar("Report")

_REPORT_SECONDS = 0.25
_UNITS = ("B", "kB", "MB", "GB")


def transfer(
    work: Callable[[Callable[[TransferStep | None], None], Callable[[], bool]], Any],
    job: Job,
    opening: str,
    words: Words,
    report: Callable[[str], Report],
) -> Generator[Report, None, Any]:
    """Do the work in a thread and yield its progress.

    Args:
        work: Is given what it tells its steps to, None for the time after the last byte, and what
            it asks whether to stop.
        job: Of the visitor.
        opening: What is done after the last byte.
        words: The visitor's language.
        report: Makes of a progress bar, as HTML, what is to be yielded.

    Returns:
        What the work returned; None if it was stopped.
    """
    # Bytes take no turn from anybody, so `job.should_stop`, which waits, is not asked.
    running = Background(lambda tell: work(tell, job.stop.is_set), _REPORT_SECONDS)
    for steps in running.steps():
        step: TransferStep | None = steps[-1]
        yield report(views.progress(1.0, opening) if step is None else progress(step, words))
    if isinstance(running.error, TransferStoppedError):
        return None
    return running.result()


def progress(step: TransferStep, words: Words) -> str:
    """Draw how many bytes came or went, and of how many."""
    done = byte_words(step.byte_count)
    if step.byte_total <= 0:
        return views.progress(0.0, words.PULL_PROGRESS_OPEN.format(done=done))
    share = min(1.0, step.byte_count / step.byte_total)
    total = byte_words(step.byte_total)
    return views.progress(share, words.PULL_PROGRESS.format(done=done, total=total, share=share))


def byte_words(count: float) -> str:
    """Return a number of bytes as people write it, such as `12.3 MB`."""
    for unit in _UNITS[:-1]:
        if count < 1000:
            return f"{count:.0f} B" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1000
    return f"{count:.1f} {_UNITS[-1]}"
