"""The three functions for agents on the web server: over HTTP always, as MCP tools if asked for."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import gradio as gr
from gradio.route_utils import API_PREFIX, get_root_url
from gradio_client.utils import encode_file_path

from inpformer.ui.agent_tools import AgentTools, Answer
from inpformer.ui.page import Page
from inpformer.ui.wiring import FIT_TURN, MODEL_TURN, shown_to_visitor
from inpformer.ui.words import words_of

# Name for agents, and name in the HTTP API, where the page has functions of its own.
TOOLS = {"inspect": "agent_inspect", "fit": "agent_fit", "explain": "agent_explain"}


class _Links:
    """Makes links of drawings, and lets the web server, too, delete these when it stops."""

    def __init__(self, demo: Page) -> None:
        self._demo = demo
        self._place = len(demo.temp_file_sets)
        demo.temp_file_sets.append(set())

    def added_to(self, answer: Answer, request: gr.Request) -> dict[str, Any]:
        """Return the answer with links to its drawings at the address that the caller knows."""
        paths = {name: str(path) for name, path in answer.pictures.items()}
        known = (*self._demo.temp_file_sets[self._place], *paths.values())
        # A new set each time, since the web server may be going through the one from before.
        self._demo.temp_file_sets[self._place] = {path for path in known if Path(path).exists()}
        route = request.request.url.path
        route = route[max(0, route.find(API_PREFIX)) :]
        root = get_root_url(request.request, route, self._demo.root_path)
        links = {
            name: f"{root}{API_PREFIX}/file={encode_file_path(path)}"
            for name, path in paths.items()
        }
        return {**answer.facts, "links": links}


def wire_agents(tools: AgentTools, demo: Page) -> None:
    """Offer the functions; their docstrings are what an agent reads of them."""
    _wire_looks(tools, _Links(demo))
    _wire_fit(tools)
    demo.takes_as_sent |= set(TOOLS.values())


# Of a docstring an agent is shown the first paragraphs, and of an argument only its own line.
def _wire_looks(tools: AgentTools, links: _Links) -> None:
    @shown_to_visitor
    def inspect(request: gr.Request, image: str, detector: str = "") -> dict[str, Any]:
        """Find what is anomalous in a picture, and where.

        The answer is JSON: verdict (anomalous, normal, not calibrated), confidence, image_score,
        threshold, mask and regions (bbox: left, top, width, height; score; COCO RLE), notes, and
        links to the pictures overlay, heatmap, mask, prototypes. The detector is that of this
        server if it is left out; or part:NAME, ready for an example part; or an id from fit.

        Args:
            request: The caller's.
            image: The picture as a data: URL, or the link to a picture uploaded to this server.
            detector: Empty, part:NAME, or the id that fit returned.
        """
        return links.added_to(tools.inspect(image, detector, words_of(request)), request)

    @shown_to_visitor
    def explain(
        request: gr.Request, image: str, patch: list[int] | None = None, detector: str = ""
    ) -> dict[str, Any]:
        """Say why a place of a picture looks normal or anomalous to a detector.

        The answer is JSON: words (sentences), reason (nearest prototype and the distance to it,
        what could not be rebuilt, rank in each map, most similar patches here and in the normal
        pictures), verdict, notes, and links to drawings in which the patch is marked.

        Args:
            request: The caller's.
            image: The picture as a data: URL, or the link to a picture uploaded to this server.
            patch: x, y of a pixel from the upper left corner; if left out, the hottest patch.
            detector: Empty, part:NAME, or the id that fit returned.
        """
        answer = tools.explain(image, patch, detector, words_of(request))
        return links.added_to(answer, request)

    gr.api(inspect, api_name=TOOLS["inspect"], **MODEL_TURN)
    gr.api(explain, api_name=TOOLS["explain"], **MODEL_TURN)


def _wire_fit(tools: AgentTools) -> None:
    @shown_to_visitor
    def fit(
        request: gr.Request, normal_images: list[str], steps: int = 0
    ) -> Iterator[dict[str, Any]]:
        """Fit a detector to 1 to 16 pictures of normal parts; takes about a minute.

        The answer is JSON: detector (the id for inspect and explain), fitted, shots, threshold,
        seconds. Who has the id can use the detector; without use it is forgotten after an hour.

        Args:
            request: The caller's.
            normal_images: Pictures without a defect, each a data: URL or the link to an upload.
            steps: Training steps, up to 2000; 0 for as many as suit the encoder.
        """
        progress = gr.Progress()
        for facts in tools.fit(normal_images, steps, words_of(request)):
            if facts["state"] == "fitting":
                done = (facts["step"], facts["step_count"])
                progress(done, desc=facts["phase"], unit="steps")
            yield facts

    gr.api(fit, api_name=TOOLS["fit"], **FIT_TURN)
