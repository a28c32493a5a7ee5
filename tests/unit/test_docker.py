"""The Docker file, as far as it can be tested without Docker: what it copies, who runs it, what."""

import json
import os
import re
import shutil
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
LINES = re.sub(r"\\\n", " ", (ROOT / "deploy" / "Dockerfile").read_text("utf-8")).splitlines()
STEPS = [tuple(line.split(maxsplit=1)) for line in LINES if line and not line.startswith("#")]


def arguments(word: str) -> list[str]:
    return [rest for step, rest in STEPS if step == word]


def environment() -> dict[str, str]:
    return dict(pair.split("=", 1) for line in arguments("ENV") for pair in line.split())


@pytest.fixture
def image(tmp_path) -> Path:
    """What the COPY lines would put into the working folder."""
    for line in arguments("COPY"):
        *sources, target = line.split()
        for source in sources:
            place = tmp_path / target
            if (ROOT / source).is_dir():
                ignored = shutil.ignore_patterns("__pycache__", "screenshots")
                shutil.copytree(ROOT / source, place, ignore=ignored)
            else:
                shutil.copyfile(ROOT / source, place / source)
    return tmp_path


def test_every_file_that_is_copied_is_there_and_not_left_out_by_the_ignore_file():
    sources = {source for line in arguments("COPY") for source in line.split()[:-1]}
    let_in = {
        line.removeprefix("!")
        for line in (ROOT / ".dockerignore").read_text().splitlines()
        if line.startswith("!")
    }
    assert sources and all((ROOT / source).exists() for source in sources)
    assert sources == {name for name in let_in if "/" not in name}
    assert all((ROOT / name).exists() for name in let_in)


def test_it_runs_as_an_ordinary_user_with_the_cache_on_a_volume():
    (user,) = arguments("USER")
    steps = [step for step, _ in STEPS]
    assert user not in ("root", "0") and f" {user} " in arguments("RUN")[0]
    assert steps.index("USER") < steps.index("CMD") and "USER" not in steps[-1]
    (volume,) = arguments("VOLUME")
    assert environment()["HF_HOME"] == volume
    assert f"chown {user} {volume}" in arguments("RUN")[0]


def test_its_python_is_one_that_the_project_takes():
    (base,) = arguments("FROM")
    python = re.fullmatch(r"python:3\.(\d+)-slim", base)
    project = (ROOT / "pyproject.toml").read_text("utf-8")
    least = re.search(r'^requires-python = ">=3\.(\d+)"', project, re.M)
    assert int(python.group(1)) >= int(least.group(1))


def test_the_command_serves_the_page_and_the_health_check_tells(image):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = str(probe.getsockname()[1])
    settings = {**environment(), "GRADIO_SERVER_PORT": port, "HF_HOME": str(image / "cache")}
    settings |= {"HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1"}
    settings |= {"HOME": str(image), "PATH": os.environ["PATH"]}
    (command,), (health,) = arguments("CMD"), arguments("HEALTHCHECK")
    check = json.loads(health.partition(" CMD ")[2])

    def is_healthy() -> bool:
        words = [sys.executable, *check[1:]]
        return subprocess.run(words, env=settings, capture_output=True).returncode == 0

    assert not is_healthy()
    program, *rest = json.loads(command)
    assert program == check[0] == "python"
    with (image / "log").open("w") as log:
        page = subprocess.Popen(
            [sys.executable, *rest], cwd=image, env=settings, stdout=log, stderr=log
        )
        try:
            until = time.monotonic() + 120
            while not is_healthy():
                assert page.poll() is None, (image / "log").read_text()
                assert time.monotonic() < until
                time.sleep(0.5)
        finally:
            page.terminate()
            page.wait(20)
