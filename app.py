"""Start the web app: parse arguments, load one detector, build the page, launch."""

from __future__ import annotations

import argparse
import os
import socket
import sys
import threading

from inpformer.errors import UserError
from inpformer.settings import Settings, read_port

_LATE_SECONDS = 15.0  # a first visitor has had a first result by then


def main() -> int:
    """Start the app and serve until stopped; 2 if it cannot start."""
    try:
        settings = Settings.from_environment()
    except UserError as error:
        print(f"app.py: {error}", file=sys.stderr)
        return 2
    options = _parser(settings).parse_args()
    from inpformer.ui.quiet_logs import quiet_libraries, quiet_logs

    quiet_logs(settings.log)

    # Before gradio and the Hub client are imported: they read these once.
    os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")
    os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
    from inpformer.ui.quick_gradio import skip_editor_files

    skip_editor_files()
    from inpformer.zero_gpu import make_lender

    lender = make_lender()
    from inpformer.allocator import keep_freed_memory
    from inpformer.detector import AnomalyDetector
    from inpformer.examples import find_examples
    from inpformer.late import import_late_modules
    from inpformer.ui.layout import CSS_PATH, build_demo
    from inpformer.ui.words import translations

    quiet_libraries()
    keep_freed_memory()
    try:
        device = options.device if lender is None else "cpu"
        detector = AnomalyDetector.load(options.model, device, options.weights)
        examples = find_examples()
        if options.mcp:
            from inpformer.ui.agent_server import serve_tools

            serve_tools()
    except UserError as error:
        print(f"app.py: {error}", file=sys.stderr)
        return 2
    if lender is not None:
        lender.serve(detector)
    later = threading.Timer(_LATE_SECONDS, import_late_modules)
    later.daemon = True
    later.start()
    try:
        _check_host(options.host)
        # Elsewhere, whoever opens the page could read what is on this computer.
        is_own = options.host in ("127.0.0.1", "::1", "localhost") and "SPACE_ID" not in os.environ
        allow_folders = is_own and settings.folders
        build_demo(detector, None, examples, allow_folders, settings).launch(
            server_name=options.host,
            server_port=options.port,
            css_paths=CSS_PATH,
            max_file_size=f"{settings.upload_megabytes}mb",
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


def _parser(settings: Settings) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--model", default=settings.model, help="auto, an encoder, a file or a Hub id"
    )
    parser.add_argument("--device", default=settings.device)
    parser.add_argument("--weights", help="file with the encoder's weights")
    parser.add_argument("--host", default=settings.host)
    parser.add_argument(
        "--port", type=_port, default=settings.port, help="default: the first free from 7860 on"
    )
    parser.add_argument(
        "--mcp",
        action="store_true",
        default=settings.mcp,
        help="serve inspect, fit and explain as tools for agents (MCP)",
    )
    return parser


def _check_host(host: str) -> None:
    """Raise an `OSError` unless this machine can serve there; gradio would try 100 ports first."""
    family, kind, *_, address = socket.getaddrinfo(host, 0, type=socket.SOCK_STREAM)[0]
    with socket.socket(family, kind) as probe:
        probe.bind(address)


def _port(value: str) -> int:
    try:
        return read_port(value)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{value} is no port; give {error}") from None


if __name__ == "__main__":
    raise SystemExit(main())
