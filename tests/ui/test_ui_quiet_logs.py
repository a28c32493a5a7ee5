"""Nothing that a visitor brings is in what the process of the page writes, whatever goes wrong."""

import io
import json
import logging
import zipfile
from collections.abc import Iterator

import httpx
import numpy as np
import pytest
from PIL import Image

from benchmarks.crowd_clients import half_an_upload
from benchmarks.crowd_server import running
from benchmarks.crowd_visitor import Mark, RefusedError, Visitor, file_value, functions_of
from inpformer.ui import text
from inpformer.ui.quiet_logs import leave_out_content, quiet_libraries

WORD = "crowdsecretgear"
LOOK = ("full", "fitted")


def moving_picture() -> bytes:
    """Return a picture that reading has something to say about."""
    frames = [Image.fromarray(np.full((40, 40, 3), level, np.uint8)) for level in (90, 120, 150)]
    stream = io.BytesIO()
    frames[0].save(stream, "GIF", save_all=True, append_images=frames[1:])
    return stream.getvalue()


def noted_picture() -> bytes:
    """Return a picture whose content speaks of it, too."""
    stream = io.BytesIO()
    image = Image.fromarray(np.full((40, 40), 9000, np.uint16))
    image.save(stream, "TIFF", description=f"{WORD} described")
    return stream.getvalue()


def data_set() -> bytes:
    """Return a zip in a layout that is not quite right."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for name in ("train/good/0.png", "test/good/1.png", "test/crack/2.png"):
            archive.writestr(f"{WORD}/{name}", moving_picture())
    return stream.getvalue()


def provoke(visitor: Visitor) -> list[str]:
    """Do what the page, its libraries and the web server have something to say about."""
    said: list[str] = []

    def act(name: str, *values: object) -> None:
        try:
            visitor.act(name, *values)
        except RefusedError as error:
            said.append(str(error))

    visitor.arrive()
    moving = visitor.upload(f"{WORD}.gif", moving_picture())
    for each in (moving, visitor.upload(f"{WORD}.tif", noted_picture())):
        act("inspect", each, *LOOK)
        act("inspect_all", [each], None, *LOOK)
    act("annotate_add", [moving], None)
    act("inspect", visitor.upload(f"{WORD}.png", b"no picture"), *LOOK)
    act("load_detector", visitor.upload(f"{WORD}.safetensors", b"no detector"))
    act("annotate_import", visitor.upload(f"{WORD}.zip", data_set()))
    # Gradio refuses these itself.
    act("inspect", file_value(f"/tmp/{WORD}.png"), *LOOK)
    act("inspect", file_value(moving["path"] + WORD), *LOOK)
    act("redraw", WORD, 0.05, 0.0)
    act("redraw", "distance", WORD, 0.0)
    act("use_detector", WORD)
    # What cannot be written for a caller without a session fails after the action.
    api = f"{visitor.url}/gradio_api"
    event = visitor.http.post(f"{api}/call/inspect", json={"data": [moving, *LOOK]}).json()
    try:
        visitor.http.get(f"{api}/call/inspect/{event['event_id']}")
    except httpx.RemoteProtocolError:
        said.append("the line broke")
    visitor.download(f"/tmp/{WORD}.png")
    visitor.http.post(f"{api}/upload", files={"files": (WORD * 30, b"x")})
    with half_an_upload(visitor.url, WORD):
        pass
    return said


@pytest.fixture(scope="module", params=[pytest.param("info", marks=pytest.mark.slow), "debug"])
def written(request, tmp_path_factory) -> Iterator[tuple[list[str], str]]:
    """What the visitor was told, and what the process wrote, at the usual level and the lowest."""
    folder = tmp_path_factory.mktemp("quiet")
    few = {"INPFORMER_MODEL": "filters", "OMP_NUM_THREADS": "1"}
    with running(folder, INPFORMER_LOG=request.param, **few) as server:
        visitor = Visitor(server.url, Mark(WORD, np.eye(4) > 0), functions_of(server.url))
        said = provoke(visitor)
    return said, (folder / "app.log").read_text("utf-8", "replace")


def test_nothing_that_a_visitor_brought_is_in_the_log_at_any_level(written):
    said, log = written
    # Or nothing was provoked.
    assert len(said) > 6 and any(WORD in sentence for sentence in said)
    lines = [json.loads(line) for line in log.splitlines() if line.startswith("{")]
    assert {"done", "refused"} <= {line["outcome"] for line in lines}
    assert WORD not in log
    assert "Traceback" not in log


def test_an_error_of_the_web_server_itself_is_told_by_its_class_and_place(written):
    said, log = written
    assert "the line broke" in said
    assert "uvicorn.error · TypeError · " in log


def record(name: str, message: str, *args: object, error: Exception | None = None):
    trouble = None if error is None else (type(error), error, error.__traceback__)
    return logging.LogRecord(name, logging.WARNING, __file__, 1, message, args, trouble)


def test_of_our_own_lines_the_constant_part_stays():
    line = record("inpformer.datasets.mvtec", "Left out %s", "secret.png")
    assert leave_out_content(line)
    assert line.getMessage() == "WARNING inpformer.datasets.mvtec · Left out …"


def test_lines_about_actions_and_the_servers_own_files_stay_as_they_are():
    line = record("inpformer.actions", "%s", '{"action": "x"}')
    assert leave_out_content(line) and line.getMessage() == '{"action": "x"}'


def test_of_a_librarys_line_and_exception_only_names_and_places_stay():
    try:
        raise FileNotFoundError("secret.png is 100% gone")
    except FileNotFoundError as error:
        line = record("PIL.Image", "secret.png", error=error)
    assert leave_out_content(line)
    written = logging.Formatter("%(message)s").format(line)
    assert "secret" not in written and "PIL.Image" in written
    assert "FileNotFoundError" in written and "test_ui_quiet_logs.py" in written


def test_the_library_of_the_hub_writes_nothing_by_itself():
    from huggingface_hub.utils import logging as hub_logging

    logger = hub_logging.get_logger("huggingface_hub")
    quiet_libraries()
    assert not logger.handlers and logger.propagate


def test_a_visitor_is_told_the_id_of_what_gradio_could_not_do(written):
    said, log = written
    start, end = text.LOST.split("{request}")
    ids = [each[len(start) : -len(end)] for each in said if each.startswith(start)]
    assert ids and all(each in log for each in ids)
