"""A bundle: whole or not at all, checked by its manifest, and a page without any network."""

import errno
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import httpx
import pytest
from gradio_client import Client, handle_file
from hub_cases import READY, REPO, repository

from inpformer import bundle, cli
from inpformer.bundle import MANIFEST, BundleWish, check_bundle, make_bundle
from inpformer.detector import AnomalyDetector
from inpformer.errors import UserError, WeightsError
from inpformer.places import HOME
from inpformer.presets import ENCODER_PRESETS

# Refuses, and notes, whatever would leave this machine.
BLOCKER = """
import os, sys

def watch(event, args):
    if event == "socket.connect":
        host = args[1][0] if isinstance(args[1], tuple) else "127.0.0.1"
    elif event == "socket.getaddrinfo":
        host = args[0]
    else:
        return
    if host not in (None, "", "localhost", "127.0.0.1", "::1", "0.0.0.0"):
        with open(os.environ["TRIED"], "a") as tried:
            tried.write(f"{host}\\n")
        raise OSError("no network")

sys.addaudithook(watch)
"""


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> Path:
    """A bundle of the embedded encoder, made by the command from this clone."""
    folder = tmp_path_factory.mktemp("bundles") / "lab"
    assert cli.main(["bundle", "-o", str(folder)]) == 0
    return folder


@pytest.fixture
def copied(made, tmp_path) -> Path:
    return shutil.copytree(made, tmp_path / "copied")


@pytest.fixture
def small_home(tmp_path) -> Path:
    """A clone with little in it, to make bundles from quickly."""
    home = tmp_path / "home"
    for name in bundle._FOLDERS:
        (home / name).mkdir(parents=True)
        (home / name / "one.txt").write_text(name)
    for name in bundle._FILES:
        (home / name).write_text(name)
    shutil.copytree(HOME / "deploy", home / "deploy")
    return home


def test_a_bundle_has_the_program_and_says_how_to_start_it(made):
    program = made / "program"
    for name in ("app.py", "LICENSE", "README.md", "requirements.txt", "inpformer/cli.py"):
        assert (program / name).read_bytes() == (HOME / name).read_bytes()
    assert (program / "weights" / "embedded.safetensors").is_file()
    assert (program / "assets" / "examples" / "parts.json").is_file()
    text = (made / "README.txt").read_text("utf-8")
    assert "start.sh" in text and "start.bat" in text and "embedded" in text
    assert not re.search(r"@\w+@", text) and len(text.splitlines()) < 60
    assert os.access(made / "start.sh", os.X_OK)
    assert b"\r\n" in (made / "start.bat").read_bytes()
    assert not list(made.rglob("__pycache__"))


def test_every_file_of_the_clone_that_the_program_needs_is_in_it(made):
    """What git knows of the package is what the bundle has of it."""
    listed = subprocess.run(
        ["git", "ls-files", "inpformer", "assets", "docs", "weights"],
        cwd=HOME,
        capture_output=True,
        text=True,
    )
    if listed.returncode:
        pytest.skip("this is no clone")
    missing = [
        name for name in listed.stdout.splitlines() if not (made / "program" / name).is_file()
    ]
    assert missing == []


def test_the_manifest_is_what_other_programs_read_too(made):
    if shutil.which("sha256sum") is None:
        pytest.skip("there is no sha256sum")
    done = subprocess.run(["sha256sum", "--quiet", "--strict", "-c", MANIFEST], cwd=made)
    assert done.returncode == 0


def test_the_check_finds_a_changed_byte_a_lost_file_and_a_strange_one(copied, capsys):
    assert check_bundle(copied) == []
    changed = copied / "program" / "inpformer" / "hub.py"
    data = bytearray(changed.read_bytes())
    data[100] ^= 1
    changed.write_bytes(data)
    (copied / "program" / "LICENSE").unlink()
    (copied / "program" / "inpformer" / "strange.py").write_text("")
    (copied / ".venv").mkdir()
    (copied / ".venv" / "made").write_text("")
    wrong = check_bundle(copied)
    assert len(wrong) == 3
    for name in ("hub.py was changed", "LICENSE is missing", "strange.py does not belong"):
        assert any(name in each for each in wrong)
    assert cli.main(["bundle", "--check", str(copied), "--json"]) == 2
    assert json.loads(capsys.readouterr().out)["wrong"] == wrong


@pytest.mark.parametrize("line", ["../outside", "/etc/hostname"])
def test_a_manifest_that_names_files_elsewhere_is_refused(copied, line):
    with (copied / MANIFEST).open("a") as manifest:
        manifest.write(f"{'0' * 64}  {line}\n")
    with pytest.raises(UserError, match="damaged"):
        check_bundle(copied)


def test_what_is_no_bundle_is_said_so(tmp_path):
    with pytest.raises(UserError, match=MANIFEST):
        check_bundle(tmp_path)


def test_a_folder_with_something_in_it_is_refused_and_left_alone(tmp_path):
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(UserError, match="not empty"):
        make_bundle(tmp_path, BundleWish())
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


def test_an_empty_folder_is_filled(tmp_path, small_home):
    (tmp_path / "empty").mkdir()
    made = make_bundle(tmp_path / "empty", BundleWish(), home=small_home)
    assert made.file_count == len(list(bundle._files_in(made.folder)))
    assert check_bundle(made.folder) == []


def test_an_installed_package_says_where_bundles_are_made(tmp_path):
    with pytest.raises(UserError, match="clone"):
        make_bundle(tmp_path / "out", BundleWish(), home=tmp_path)


@pytest.mark.parametrize("name", ["one.txt", "LICENSE"])  # in a folder, and on its own
def test_a_full_disk_is_said_and_leaves_nothing(tmp_path, small_home, monkeypatch, name):
    copy = shutil.copyfile

    def full(source, target, **options):
        if Path(source).name == name:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(target))
        return copy(source, target, **options)

    monkeypatch.setattr(shutil, "copyfile", full)
    with pytest.raises(UserError, match="no space left"):
        make_bundle(tmp_path / "out", BundleWish(), home=small_home)
    assert [path.name for path in tmp_path.iterdir()] == ["home"]


def test_an_encoder_without_weights_here_is_said_before_anything_is_written(tmp_path, monkeypatch):
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "no-cache"))
    monkeypatch.setenv("INPFORMER_WEIGHTS", str(tmp_path))
    if any(
        (HOME / "weights" / name).exists() for name in ENCODER_PRESETS["dinov3-base"].file_names
    ):
        pytest.skip("its weights are here")
    with pytest.raises(WeightsError, match=r"DINOv3 base.*weights/dinov3-base\.safetensors"):
        make_bundle(tmp_path / "out", BundleWish(encoders=("dinov3-base",)))
    assert not (tmp_path / "out").exists()


def test_weights_get_a_name_by_which_they_are_found_again(tmp_path, small_home, monkeypatch):
    shutil.copyfile(
        HOME / "weights" / "embedded.safetensors", tmp_path / "dinov2-small.safetensors"
    )
    monkeypatch.setenv("INPFORMER_WEIGHTS", str(tmp_path))
    made = make_bundle(tmp_path / "out", BundleWish(encoders=("dinov2-small",)), home=small_home)
    assert made.encoders == ("embedded", "dinov2-small") and made.model == "dinov2-small"
    weights = made.folder / "program" / "weights"
    assert (weights / "dinov2-small.safetensors").is_file()
    cached = tmp_path / "model.safetensors"
    for preset in ENCODER_PRESETS.values():
        assert bundle._kept_name(preset, cached) in preset.file_names
    assert "dinov2-small" in (made.folder / "start.sh").read_text()


def test_a_detector_file_is_what_the_page_of_the_bundle_serves(tmp_path, small_home):
    washer = HOME / "weights" / "detectors" / "washer.safetensors"
    made = make_bundle(tmp_path / "out", BundleWish(str(washer)), home=small_home)
    copy = made.folder / "program" / made.model
    assert copy.read_bytes() == washer.read_bytes()
    assert f":-{made.model}}}" in (made.folder / "start.sh").read_text()
    assert AnomalyDetector.load(copy, "cpu").calibration is not None


def test_a_detector_of_the_hub_goes_into_a_bundle_as_a_file(tmp_path, small_home, fake_hub):
    fake_hub.put(REPO, repository())
    made = make_bundle(tmp_path / "out", BundleWish(f"{REPO}@main"), home=small_home)
    assert (made.folder / "program" / made.model).read_bytes() == READY.read_bytes()


def test_a_damaged_detector_file_makes_no_bundle(tmp_path, small_home):
    damaged = tmp_path / "part.safetensors"
    damaged.write_bytes((HOME / "weights" / "detectors" / "washer.safetensors").read_bytes()[:-9])
    with pytest.raises(WeightsError, match="damaged"):
        make_bundle(tmp_path / "out", BundleWish(str(damaged)), home=small_home)
    assert not (tmp_path / "out").exists()


def write_wheel(folder: Path, name: str) -> None:
    """Write the smallest wheel that pip installs."""
    info, wheel = f"{name}-1.0.dist-info", folder / f"{name}-1.0-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr(f"{name}.py", "")
        archive.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
        archive.writestr(
            f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        archive.writestr(f"{info}/RECORD", "")


@pytest.fixture
def shop(tmp_path, monkeypatch) -> Path:
    """A folder that pip takes wheels from, and from nowhere else."""
    folder = tmp_path / "shop"
    folder.mkdir()
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    return folder


def test_wheels_of_all_requirements_come_and_the_start_installs_them(shop, small_home, tmp_path):
    write_wheel(shop, "needed")
    (small_home / "requirements.txt").write_text("needed>=1\n")
    (small_home / "app.py").write_text("import needed, sys; print(sys.argv[1:], needed.__file__)")
    made = make_bundle(tmp_path / "out", BundleWish(wheels=True), home=small_home)
    assert [path.name for path in (made.folder / "wheels").iterdir()] == [
        "needed-1.0-py3-none-any.whl"
    ]
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    assert f"Python {version}" in (made.folder / "README.txt").read_text()
    environment = {"PATH": os.environ["PATH"], "PYTHON": sys.executable, "HOME": str(tmp_path)}
    done = subprocess.run(
        ["sh", str(made.folder / "start.sh"), "--port", "7"],
        env=environment,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert "['--port', '7']" in done.stdout and str(made.folder / ".venv") in done.stdout
    assert check_bundle(made.folder) == []


def test_another_python_than_that_of_the_wheels_is_said(shop, small_home, tmp_path):
    write_wheel(shop, "needed")
    (small_home / "requirements.txt").write_text("needed>=1\n")
    made = make_bundle(tmp_path / "out", BundleWish(wheels=True), home=small_home)
    start = made.folder / "start.sh"
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    for script in (start, made.folder / "start.bat"):
        assert f"!= '{version}'" in script.read_text()
    start.write_text(start.read_text().replace(f"!= '{version}'", "!= '2.7'"))
    environment = {"PATH": os.environ["PATH"], "PYTHON": sys.executable}
    done = subprocess.run(["sh", str(start)], env=environment, capture_output=True, text=True)
    assert done.returncode == 1 and not (made.folder / ".venv").exists()
    (line,) = done.stderr.splitlines()
    assert line.startswith("start.sh: ") and version in line


def test_wheels_that_cannot_be_had_are_said_and_leave_nothing(shop, small_home, tmp_path):
    (small_home / "requirements.txt").write_text("needed>=1\n")
    with pytest.raises(UserError, match=r"pip could not download .*needed"):
        make_bundle(tmp_path / "out", BundleWish(wheels=True), home=small_home)
    assert not (tmp_path / "out").exists()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.fixture
def alone(tmp_path) -> dict[str, str]:
    """An environment with a fresh home, in which no Python reaches another machine."""
    (tmp_path / "blocker").mkdir()
    (tmp_path / "blocker" / "sitecustomize.py").write_text(BLOCKER)
    return {
        "PATH": os.environ["PATH"],
        "HOME": str(tmp_path / "home"),
        "PYTHON": sys.executable,
        "PYTHONPATH": str(tmp_path / "blocker"),
        "OMP_NUM_THREADS": "1",
        "TRIED": str(tmp_path / "tried"),
    }


def test_whoever_asks_the_network_there_is_caught(alone):
    code = "import socket; socket.create_connection(('192.0.2.1', 80))"
    done = subprocess.run([sys.executable, "-c", code], env=alone, capture_output=True)
    assert b"no network" in done.stderr and "192.0.2.1" in Path(alone["TRIED"]).read_text()


def test_its_page_answers_and_inspects_with_a_fresh_home_and_no_network(copied, alone, tmp_path):
    tried, port = Path(alone["TRIED"]), free_port()
    log = (tmp_path / "log").open("w")
    page = subprocess.Popen(
        ["sh", str(copied / "start.sh"), "--port", str(port)],
        env=alone,
        stdout=log,
        stderr=log,
    )
    try:
        client = connect(f"http://127.0.0.1:{port}", page, tmp_path / "log")
        examples = copied / "program" / "assets" / "examples" / "washer"
        picture = next((examples / "test").rglob("*.*g"))
        verdict, *_ = client.predict(handle_file(picture), "full", "", api_name="/inspect")
        assert "embedded" in (tmp_path / "log").read_text() and "verdict" in str(verdict)
    finally:
        page.terminate()
        page.wait(20)
    assert not tried.exists(), tried.read_text()
    assert check_bundle(copied) == []


def connect(url: str, page: subprocess.Popen, log: Path) -> Client:
    """Wait until the page answers; its imports take seconds."""
    for _ in range(600):
        assert page.poll() is None, log.read_text()
        try:
            return Client(url, verbose=False)
        except httpx.TransportError:
            time.sleep(0.2)
    raise AssertionError(log.read_text())
