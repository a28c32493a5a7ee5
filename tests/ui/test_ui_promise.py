"""What `SECURITY.md` promises of a running server: a real process that is watched and stopped."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from gradio_client import Client, handle_file
from hub_double import PLATE, STRANGER, last_of
from PIL import Image
from ui_doubles import striped

from inpformer.errors import UserError
from inpformer.settings import Settings
from inpformer.ui.batch_handlers import BatchHandlers
from inpformer.ui.hub_access import HubAccess
from inpformer.ui.service import Service
from inpformer.ui.session import Session
from inpformer.ui.sessions import Sessions

ROOT = Path(__file__).resolve().parents[2]
PICTURE_NAME = "secret-gear.png"
# Every address that the process looks up or connects to goes into a file.
WATCHED = """
import runpy, sys
seen = open(sys.argv.pop(1), "a", buffering=1)
def watch(event, arguments):
    if event in ("socket.connect", "socket.sendto"):
        print(event, arguments[1], file=seen)
    elif event in ("socket.getaddrinfo", "socket.gethostbyname"):
        print(event, arguments[0], file=seen)
sys.addaudithook(watch)
sys.argv = ["app.py", "--model", "filters"]
runpy.run_path("app.py", run_name="__main__")
"""


@dataclass
class Story:
    """What was seen of a server from its start to its end."""

    folder: Path
    log: str = ""
    seen: str = ""
    health: dict = field(default_factory=dict)
    busy: dict = field(default_factory=dict)
    stopping: tuple[int, str] = (0, "")
    refused: str = ""
    files_before: int = 0
    code: int | None = None
    seconds: float = 0.0


def get(url: str) -> tuple[int, dict]:
    try:
        with urllib.request.urlopen(url, timeout=10) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        return error.code, json.load(error)


def free_port() -> str:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return str(probe.getsockname()[1])


def left_behind(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.name == PICTURE_NAME]


@pytest.fixture(scope="module")
def story(tmp_path_factory) -> Iterator[Story]:
    """Start the app, inspect, fit, and ask it to end while another fit runs."""
    folder = tmp_path_factory.mktemp("server")
    found, temporary = Story(folder), folder / "temporary"
    temporary.mkdir()
    port, picture = free_port(), folder / PICTURE_NAME
    Image.fromarray(striped(0)).save(picture)
    set_ = {name: value for name, value in os.environ.items() if not name.startswith("HF_")}
    set_ |= {"GRADIO_SERVER_PORT": port, "TMPDIR": str(temporary), "OMP_NUM_THREADS": "1"}
    set_ |= {"GRADIO_TEMP_DIR": str(temporary / "uploads"), "HF_HOME": str(folder / "hub")}
    set_ |= {"INPFORMER_STOP_SECONDS": "2", "GRADIO_SERVER_NAME": "127.0.0.1"}
    url = f"http://127.0.0.1:{port}"
    with (folder / "log").open("w") as log:
        words = [sys.executable, "-c", WATCHED, str(folder / "seen")]
        process = subprocess.Popen(words, cwd=ROOT, env=set_, stdout=log, stderr=log)
        try:
            tell_story(found, process, url, picture, temporary)
        finally:
            process.kill()
            process.wait(20)
    found.log = (folder / "log").read_text("utf-8")
    found.seen = (folder / "seen").read_text("utf-8")
    yield found


def tell_story(
    found: Story, process: subprocess.Popen, url: str, picture: Path, temporary: Path
) -> None:
    until = time.monotonic() + 120
    while not found.health:
        assert process.poll() is None and time.monotonic() < until
        try:
            found.health = get(f"{url}/health")[1]
        except OSError:
            time.sleep(0.3)
    client = Client(url, verbose=False)
    client.predict(handle_file(picture), "part:washer", api_name="/agent_inspect")
    assert client.predict([handle_file(picture)], 1, api_name="/agent_fit")["detector"]
    job = client.submit([handle_file(picture)], 2000, api_name="/agent_fit")
    while not found.busy.get("jobs"):
        assert time.monotonic() < until + 120 and not job.done()
        found.busy = get(f"{url}/health")[1]
    found.files_before = len(left_behind(temporary))
    began = time.monotonic()
    process.send_signal(signal.SIGTERM)
    while (answer := get(f"{url}/health"))[0] == 200:
        assert time.monotonic() < began + 10
    found.stopping = (answer[0], answer[1]["status"])
    try:
        client.predict(handle_file(picture), "", api_name="/agent_inspect")
    except Exception as error:
        found.refused = str(error)
    found.code = process.wait(40)
    found.seconds = time.monotonic() - began


def actions(story: Story) -> list[dict]:
    return [json.loads(line) for line in story.log.splitlines() if line.startswith("{")]


def test_no_connection_leaves_the_machine_while_pictures_are_inspected_and_fits_run(story):
    asked = {line.split(maxsplit=1)[1] for line in story.seen.splitlines()}
    hosts = {re.sub(r"^\('([^']+)'.*", r"\1", host) for host in asked}
    assert hosts <= {"127.0.0.1", "localhost", "::1", "0.0.0.0", "None"}, hosts


def test_health_tells_the_state_in_numbers_and_nothing_of_visitors(story):
    assert story.health["status"] == "ok" and story.health["model"]["encoder"] == "filters"
    assert {"inpformer", "torch", "gradio"} <= set(story.health["versions"])
    assert story.health["memory_mb"] > 50 and story.health["jobs"] == 0
    assert story.busy["jobs"] == story.busy["running"] == 1
    assert PICTURE_NAME not in json.dumps(story.busy)


def test_a_server_that_is_asked_to_end_refuses_stops_its_jobs_and_ends_with_0(story):
    assert story.stopping == (503, "stopping")
    assert "about to stop" in story.refused
    assert story.code == 0, story.log[-2000:]
    assert 2 <= story.seconds < 20


def test_a_server_that_ended_left_no_file_of_a_visitor(story):
    assert story.files_before > 0
    assert not left_behind(story.folder / "temporary")


def test_each_action_is_one_line_of_the_log_with_nothing_of_the_visitors(story):
    told = actions(story)
    ids = [line["request"] for line in told]
    assert len(ids) == len(set(ids)) and {"done", "refused"} <= {line["outcome"] for line in told}
    fits = [line for line in told if line["action"] == "agent_api.fit"]
    assert len(fits) == 2 and all(line["seconds"] > 0 for line in fits)
    assert PICTURE_NAME not in story.log and "secret" not in story.log


# Limits


def test_no_more_of_a_visitor_than_the_limit_is_kept_on_the_disk(tmp_path):
    session = Session(root=tmp_path, limits=Settings(visitor_megabytes=10))
    large = tmp_path / "large.bin"
    large.write_bytes(bytes(6_000_000))
    session.keep(large)
    with pytest.raises(UserError, match="10 MB"):
        session.keep(large)
    session.clear()
    session.keep(large)


def test_visitors_together_bring_no_more_from_the_hub_than_the_limit(pulling, hub, monkeypatch):
    monkeypatch.setattr(pulling.handlers.sessions, "limits", Settings(pull_megabytes=1))
    hub.add("ann/half", hub.repos[PLATE][0], byte_count=600_000, encoder="tiny")
    hub.add("ann/other", hub.repos[PLATE][0], byte_count=600_000, encoder="tiny")
    last_of(pulling.pull("Ann", "ann/half", STRANGER))
    with pytest.raises(UserError, match=r"no more than 1\.0 MB"):
        list(pulling.pull("Bob", "ann/other", STRANGER))
    assert hub.cached == {"ann/half"}
    last_of(pulling.pull("Bob", "ann/half", STRANGER))  # is here already
    last_of(pulling.pull("Bob", "ann/other", HubAccess(None, is_own_computer=True)))


def test_a_file_that_came_and_is_no_detector_counts_and_one_that_was_stopped_does_not(
    pulling, hub, monkeypatch
):
    monkeypatch.setattr(pulling.handlers.sessions, "limits", Settings(pull_megabytes=1))
    broken = hub.folder / "broken.safetensors"
    broken.write_bytes(b"no tensors here")
    hub.add("ann/broken", broken, byte_count=600_000, is_encoder_inside=True)
    hub.may_step = threading.Semaphore(1)
    run = pulling.pull("Ann", "ann/broken", STRANGER)
    held = set()
    for _ in run:
        held.add(pulling._brought)
        if pulling._brought:
            pulling.cancel("Ann")
    assert held == {0, 600_000} and pulling._brought == 0
    hub.may_step = None
    with pytest.raises(UserError):
        list(pulling.pull("Ann", "ann/broken", STRANGER))
    hub.cached.clear()
    with pytest.raises(UserError, match="no more than"):
        list(pulling.pull("Ann", "ann/broken", STRANGER))


def test_fewer_normal_pictures_and_detectors_are_taken_where_the_operator_says_so(
    fitting, pictures, free
):
    fitting.handlers.sessions.limits = Settings(shots=1, detectors=1)
    with pytest.raises(UserError, match="at most 1 normal"):
        fitting.show_normals("Ann", [str(pictures["normal"]), str(pictures["second"])])
    session = fitting.handlers.sessions.get("Ann")
    assert session.add_detector("first", free) is None
    assert session.add_detector("second", free).name == "first"


def test_a_job_inspects_no_more_pictures_than_the_limit(handlers, inspecting, pictures):
    handlers.sessions.limits = Settings(pictures=1)
    paths = [str(pictures["normal"]), str(pictures["second"])]
    *_, last = BatchHandlers(inspecting).inspect_all("Ann", paths)
    assert len(handlers.sessions.get("Ann").inspections) == 1
    assert "second.png" in last.progress or "1 picture" in last.progress


def test_all_visitors_are_forgotten_at_the_end(tmp_path):
    sessions = Sessions(root=tmp_path / "visitors")
    (tmp_path / "visitors").mkdir()
    picture = tmp_path / "part.png"
    picture.write_bytes(b"picture")
    for name in ("ann", "bob"):
        sessions.get(name).keep(picture)
    sessions.forget_all()
    assert len(sessions) == 0 and not list((tmp_path / "visitors").iterdir())


# The log


def test_a_name_with_a_line_break_cannot_make_a_line_of_its_own(caplog):
    service = Service()
    try:
        raise OSError('part.png\n{"request": "forged"}')
    except OSError as error:
        with caplog.at_level("INFO"):
            service.end(service.begin("x"), "failed", error)
    (record,) = caplog.records
    assert "forged" not in record.getMessage() and "\n" not in record.getMessage()
    with caplog.at_level("DEBUG"):
        service.end(service.begin("x"), "failed", OSError("a\nb"))
    assert "\n" not in caplog.records[-1].getMessage()


def test_what_runs_is_waited_for_and_then_told_to_end():
    service, told = Service(), []
    action = service.begin("fit")
    assert service.stop(0.01, lambda: (told.append(1), service.end(action, "done")))
    assert told and service.is_stopping and service.running == 0
    assert service.stop(0.01, lambda: told.append(2)) and told == [1]
