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


def wire_agents(tools: AgentTools, demo: Page) -> None:
    """Offer the functions; their docstrings are what an agent reads of them."""

    def linked(answer: Answer, request: gr.Request) -> dict[str, Any]:
        # So that the web server, too, deletes them when it stops.
        demo.upload_file_set.update(map(str, answer.pictures.values()))
        root = _root_url(request, demo.root_path)
        links = {name: _link(root, path) for name, path in answer.pictures.items()}
        return {**answer.facts, "links": links}

    # An agent is shown the first paragraphs, and of an argument only what is on its own line.
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
        return linked(tools.inspect(image, detector, words_of(request)), request)

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
        return linked(tools.explain(image, patch, detector, words_of(request)), request)

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

    gr.api(inspect, api_name=TOOLS["inspect"], **MODEL_TURN)
    gr.api(explain, api_name=TOOLS["explain"], **MODEL_TURN)
    gr.api(fit, api_name=TOOLS["fit"], **FIT_TURN)
    demo.takes_as_sent |= set(TOOLS.values())


def _root_url(request: gr.Request, root_path: str) -> str:
    """Return the address of the page as the caller knows it."""
    path = request.request.url.path
    return get_root_url(request.request, path[max(0, path.find(API_PREFIX)) :], root_path)


def _link(root: str, path: Path) -> str:
    return f"{root}{API_PREFIX}/file={encode_file_path(str(path))}"
