"""The functions for agents as tools of the Model Context Protocol (MCP), and no others."""

from __future__ import annotations

import json
import logging
from importlib.util import find_spec
from typing import Any

import gradio.mcp
from gradio.mcp import GradioMCPServer

from inpformer.errors import UserError
from inpformer.ui.agent_api import TOOLS


def serve_tools() -> None:
    """See that `launch(mcp_server=True)`, called after this, serves our tools.

    Raises:
        UserError: The package for it is missing.
    """
    if find_spec("mcp") is None:
        raise UserError(
            "Tools for agents need the package mcp; install it with "
            "`pip install -r requirements-agents.txt`, or start without --mcp."
        )
    # It tells of every call.
    logging.getLogger("mcp").setLevel(logging.WARNING)
    # Gradio makes its server itself, by this name.
    gradio.mcp.GradioMCPServer = AgentServer


class AgentServer(GradioMCPServer):
    """Gradio's server with three tools instead of everything the page can do."""

    def get_tool_to_endpoint(self) -> dict[str, str]:
        """Return which function is behind each tool; a Space puts its own name before theirs."""
        return {
            self.valid_and_unique_tool_name(self.tool_prefix + name, set()): f"/{endpoint}"
            for name, endpoint in TOOLS.items()
        }

    def convert_strings_to_filedata(self, value: Any, filedata_positions: list) -> Any:
        """Return the arguments of a call, in which pictures are strings.

        Raises:
            ValueError: There are files among them: gradio's client, which runs in this process,
                would open any file of this computer for the caller.
        """
        if _holds_table(value.values()):
            raise ValueError("Give pictures as text: a data: URL, or the link to an upload.")
        return value

    def postprocess_output_data(self, data: Any, root_url: str) -> list:
        """Return the answer of a tool as JSON, where gradio would write it as Python."""
        return [
            self.types.TextContent(type="text", text=json.dumps(each, ensure_ascii=False))
            for each in data
        ]


def _holds_table(values: Any) -> bool:
    return any(
        isinstance(each, dict) or (isinstance(each, list) and _holds_table(each)) for each in values
    )
