"""Start the web app: parse arguments, load one detector, build the page, launch."""

from __future__ import annotations

import argparse
import logging
import os
import socket
import sys
import threading

_LATE_SECONDS = 5.0


def main() -> int:
    """Start the app and serve until stopped; 2 if it cannot start."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", default="auto", help="auto, an encoder, a file or a Hub id")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--weights", help="file with the encoder's weights")
    parser.add_argument("--host", default=os.environ.get("GRADIO_SERVER_NAME", "127.0.0.1"))
    parser.add_argument("--port", type=_port, help="default: the first free one from 7860 on")
    parser.add_argument(
        "--mcp",
        action="store_true",
        default=os.environ.get("INPFORMER_MCP") == "1",
        help="serve inspect, fit and explain as tools for agents (MCP)",
    )
    options = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    logging.getLogger("httpx").setLevel(logging.WARNING)

    # Before gradio and the Hub client are imported: they read these once.
    os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")
    os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
    from inpformer.ui.quick_gradio import skip_editor_files

    skip_editor_files()
    from inpformer.allocator import keep_freed_memory
    from inpformer.detector import AnomalyDetector
    from inpformer.errors import UserError
    from inpformer.examples import find_examples
    from inpformer.late import import_late_modules
    from inpformer.ui.layout import CSS_PATH, MAX_FILE_SIZE, build_demo
    from inpformer.ui.words import translations

    keep_freed_memory()
    try:
        detector = AnomalyDetector.load(options.model, options.device, options.weights)
        examples = find_examples()
        if options.mcp:
            from inpformer.ui.agent_server import serve_tools

            serve_tools()
    except UserError as error:
        print(f"app.py: {error}", file=sys.stderr)
        return 2
    later = threading.Timer(_LATE_SECONDS, import_late_modules)
    later.daemon = True
    later.start()
    try:
        _check_host(options.host)
        # Elsewhere, whoever opens the page could read what is on this computer.
        is_own = options.host in ("127.0.0.1", "::1", "localhost") and "SPACE_ID" not in os.environ
        build_demo(detector, examples=examples, allow_folders=is_own).launch(
            server_name=options.host,
            server_port=options.port,
            css_paths=CSS_PATH,
            max_file_size=MAX_FILE_SIZE,
            run_history=False,
            i18n=translations(),
            footer_links=["api"],
            mcp_server=options.mcp,
        )
    except OSError:
        where = f"{options.host}, port {options.port or '7860 and on'}"
        print(f"app.py: Cannot serve at {where}: try another --port or --host.", file=sys.stderr)
        return 2
    return 0


def _check_host(host: str) -> None:
    """Raise an `OSError` unless this machine can serve there; gradio would try 100 ports first."""
    family, kind, *_, address = socket.getaddrinfo(host, 0, type=socket.SOCK_STREAM)[0]
    with socket.socket(family, kind) as probe:
        probe.bind(address)


def _port(value: str) -> int:
    if not value.isascii() or not value.isdigit() or not 1 <= int(value) <= 65535:
        raise argparse.ArgumentTypeError(f"{value} is no port; give a number from 1 to 65535")
    return int(value)


if __name__ == "__main__":
    raise SystemExit(main())
