"""app.py: what it launches, and what it says when it cannot."""

import os
import socket
import subprocess
import sys
from pathlib import Path

import gradio as gr
import pytest
from gradio import mcp as gradio_mcp

import app
from inpformer import examples as examples_module
from inpformer.detector import AnomalyDetector
from inpformer.errors import UserError
from inpformer.examples import Examples
from inpformer.ui.layout import CSS_PATH

ROOT = Path(__file__).resolve().parents[2]
BAD = 2


@pytest.fixture(autouse=True)
def no_examples(monkeypatch) -> None:
    """Start without what happens to lie in this clone."""
    monkeypatch.setattr(examples_module, "find_examples", Examples)


@pytest.fixture
def launched(monkeypatch, source) -> list[dict]:
    """Every launch that app.py asks for; none is made."""
    found: list[dict] = []
    monkeypatch.setattr(AnomalyDetector, "load", lambda *_: source)
    monkeypatch.setattr(gr.Blocks, "launch", lambda _demo, **options: found.append(options))
    return found


def run(monkeypatch, *arguments: object) -> int:
    monkeypatch.setattr(sys, "argv", ["app.py", *map(str, arguments)])
    try:
        return app.main()
    except SystemExit as stop:
        return stop.code


def assert_one_clear_line(err: str, *words: str) -> None:
    (line,) = err.splitlines()
    assert line.startswith("app.py: ") and line.endswith(".")
    assert all(word in line for word in words), line


def test_the_page_is_for_this_machine_only_and_keeps_to_itself(launched, monkeypatch):
    monkeypatch.delenv("GRADIO_SERVER_NAME", raising=False)
    assert run(monkeypatch) == 0
    (options,) = launched
    assert options["server_name"] == "127.0.0.1" and options["server_port"] is None
    assert not options.get("share") and options["run_history"] is False
    assert not options.get("show_error") and not options.get("allowed_paths")
    assert options["max_file_size"] == "100mb" and options["css_paths"] == CSS_PATH
    assert CSS_PATH.is_file()


def test_host_and_port_are_passed_on(launched, monkeypatch):
    assert run(monkeypatch, "--host", "0.0.0.0", "--port", 8123) == 0
    assert launched[0]["server_name"] == "0.0.0.0" and launched[0]["server_port"] == 8123


@pytest.mark.parametrize("asked", ["--mcp", "INPFORMER_MCP", ""])
def test_agents_get_tools_only_if_asked_for(launched, monkeypatch, asked):
    pytest.importorskip("mcp")
    monkeypatch.setattr(gradio_mcp, "GradioMCPServer", gradio_mcp.GradioMCPServer)
    monkeypatch.setenv("GRADIO_MCP_SERVER", "True")
    monkeypatch.delenv("INPFORMER_MCP", raising=False)
    if asked.isupper():
        monkeypatch.setenv(asked, "1")
    assert run(monkeypatch, *([asked] if asked.startswith("-") else [])) == 0
    assert launched[0]["mcp_server"] is bool(asked)


def test_without_the_package_for_agents_what_to_install_is_said(launched, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "mcp", None)
    assert run(monkeypatch, "--mcp") == BAD and not launched
    assert_one_clear_line(capsys.readouterr().err, "requirements-agents.txt")


@pytest.mark.parametrize(
    ("name", "values"),
    [("GRADIO_ANALYTICS_ENABLED", ("False",)), ("HF_HUB_DISABLE_TELEMETRY", ("1", "True"))],
)
def test_nobody_is_told_that_the_page_is_used(launched, monkeypatch, name, values):
    monkeypatch.setenv(name, "")  # so that what app.py sets is taken back after the test
    monkeypatch.delenv(name)
    assert run(monkeypatch) == 0 and os.environ[name] in values


def test_a_model_that_is_not_there_ends_a_real_process_with_two_and_one_sentence():
    process = subprocess.run(
        [sys.executable, "app.py", "--model", "nonsense"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert process.returncode == BAD and not process.stdout
    assert_one_clear_line(process.stderr, "nonsense", "dinov2-small")


@pytest.mark.parametrize("option", [("--device", "toaster"), ("--weights", "gone.safetensors")])
def test_what_cannot_be_loaded_is_said_in_one_sentence(monkeypatch, capsys, option):
    monkeypatch.setattr(gr.Blocks, "launch", lambda *_, **__: pytest.fail("it was launched"))
    assert run(monkeypatch, "--model", "embedded", *option) == BAD
    assert_one_clear_line(capsys.readouterr().err, option[1])


def test_examples_that_are_damaged_are_said_in_one_sentence(monkeypatch, capsys, launched):
    def damaged():
        raise UserError("'parts.json' is damaged.")

    monkeypatch.setattr(examples_module, "find_examples", damaged)
    assert run(monkeypatch) == BAD and not launched
    assert_one_clear_line(capsys.readouterr().err, "parts.json")


@pytest.mark.parametrize("port", ["many", "1.5"])
def test_a_port_that_is_no_number_is_bad_usage(monkeypatch, capsys, port):
    assert run(monkeypatch, "--port", port) == BAD
    assert port in capsys.readouterr().err


def test_a_port_that_is_taken_is_said_in_one_sentence(monkeypatch, capsys, source):
    monkeypatch.setattr(AnomalyDetector, "load", lambda *_: source)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert run(monkeypatch, "--port", port) == BAD
    assert_one_clear_line(capsys.readouterr().err, str(port))


@pytest.mark.parametrize("port", ["99999", "-5"])
def test_a_port_that_no_machine_has_is_said_in_one_sentence(monkeypatch, capsys, source, port):
    monkeypatch.setattr(AnomalyDetector, "load", lambda *_: source)
    assert run(monkeypatch, "--port", port) == BAD
    err = capsys.readouterr().err
    assert port in err and "Traceback" not in err


def test_a_host_that_is_not_this_machine_is_said_at_once(monkeypatch, capsys, source):
    # Gradio would try a hundred ports there, five seconds each.
    monkeypatch.setattr(gr.Blocks, "launch", lambda *_, **__: pytest.fail("it was launched"))
    monkeypatch.setattr(AnomalyDetector, "load", lambda *_: source)
    assert run(monkeypatch, "--host", "192.0.2.77") == BAD
    assert_one_clear_line(capsys.readouterr().err, "192.0.2.77")
