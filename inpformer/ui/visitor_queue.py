"""The line of all actions: bounded, and nobody can fill it alone."""

from __future__ import annotations

from typing import Any

import fastapi
import gradio as gr
from gradio.queueing import Queue

from inpformer.ui.words import words_of

_TOO_MANY_REQUESTS = 429


class VisitorQueue(Queue):
    """Gradio's queue with a bound for each visitor, and refusals in the visitor's language.

    Args:
        queue: What gradio made, which nobody uses yet.
        most_each: Most actions of one visitor that may wait.
    """

    def __init__(self, queue: Queue, most_each: int) -> None:
        super().__init__(
            queue.live_updates,
            queue.max_thread_count,
            queue.update_intervals,
            queue.max_size,
            queue.blocks,
            queue.default_concurrency_limit,
        )
        self.most_each = most_each
        self.ANALYTICS_MAX_EVENTS = 1

    def compute_analytics_summary(self, records: Any) -> dict[str, Any]:
        """Count nothing: gradio would go through thousands of actions, by session, after each."""
        return {"functions": {}}

    async def push(self, body: Any, request: fastapi.Request, username: str | None) -> Any:
        """Let an action wait for its turn.

        Raises:
            HTTPException: There is no place for it; the browser shows the sentence, where it would
                show one of its own for gradio's refusal.
        """
        words = words_of(gr.Request(request))
        if self.max_size is not None and len(self) >= self.max_size:
            raise fastapi.HTTPException(_TOO_MANY_REQUESTS, words.QUEUE_FULL)
        if self._waiting_of(body.session_hash) >= self.most_each:
            sentence = words.QUEUE_FULL_OF_YOURS.format(count=self.most_each)
            raise fastapi.HTTPException(_TOO_MANY_REQUESTS, sentence)
        return await super().push(body, request, username)

    def visitors(self) -> set[str]:
        """Return the sessions whose actions run or wait for their turn."""
        lines = [list(line.queue) for line in self.event_queue_per_concurrency_id.values()]
        events = [event for line in [*lines, *self.active_jobs] for event in line or ()]
        return {event.session_hash for event in events if event.session_hash is not None}

    def _waiting_of(self, session_hash: str | None) -> int:
        """Return how many actions of a visitor wait; callers without a session have none yet."""
        if session_hash is None:
            return 0
        lines = self.event_queue_per_concurrency_id.values()
        return sum(event.session_hash == session_hash for line in lines for event in line.queue)
