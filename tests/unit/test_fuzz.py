"""A short run of `tools/fuzz.py`: always the same cases, in this process."""

import logging
import os
import pickle
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
import torch

from inpformer.detector_file import import_official_detector
from inpformer.errors import UserError

TOOLS = Path(__file__).resolve().parents[2] / "tools"
sys.path.insert(0, str(TOOLS))

from fuzzing.cases import CANARIES, make_case  # noqa: E402
from fuzzing.seeds import Tree, write_seeds  # noqa: E402
from fuzzing.watch import watching  # noqa: E402
from fuzzing.worker import run_case  # noqa: E402

COUNTS = {"picture": 60, "detector": 20, "encoder": 20, "description": 40, "text": 20, "names": 20}
KINDS = (
    "picture", "zip", "detector", "encoder", "official", "run", "dataset", "text", "store",
    "import-mvtec", "import-png", "import-coco", "import-labelme", "import-yolo",
    "import-label-studio", "import-zip", "description", "resume", "names", "hub",
)  # fmt: skip


@pytest.fixture(scope="module")
def seeds(tmp_path_factory) -> dict[str, list[Tree]]:
    return write_seeds(tmp_path_factory.mktemp("seeds"))


@pytest.fixture
def box(tmp_path, monkeypatch) -> Path:
    monkeypatch.setattr(tempfile, "tempdir", None)
    monkeypatch.chdir(os.getcwd())  # which a case changes, and this brings back
    return tmp_path / "box"


def test_every_kind_of_seed_is_in_the_short_run(seeds):
    assert set(seeds) == set(KINDS)


@pytest.mark.parametrize("kind", KINDS)
def test_hostile_files_give_a_result_or_one_sentence(seeds, box, kind):
    for number in range(COUNTS.get(kind, 6)):
        outcome = run_case(kind, make_case(seeds, kind, number), box)
        assert outcome.kind != "defect", f"{kind} {number}: {outcome.words}"


@pytest.mark.parametrize("kind", KINDS)
def test_unchanged_seeds_are_read(seeds, box, kind):
    """Otherwise the run would only show that what is refused at once is refused."""
    for tree in seeds[kind]:
        outcome = run_case(kind, tree, box)
        assert outcome.kind == "result", outcome.words


def test_a_file_written_outside_is_noticed(seeds, box, monkeypatch):
    def escape(folder: Path) -> None:
        (folder.parents[1] / "canary" / "keep.txt").write_text("changed")

    monkeypatch.setattr("fuzzing.worker.target_of", lambda kind: escape)
    assert "written outside" in run_case("text", seeds["text"][0], box).words


def _run_program(_: Path) -> None:
    subprocess.run(["true"], check=True)


def _open_pickle(folder: Path) -> None:
    pickle.loads(pickle.dumps(Path("x")))


def _write_elsewhere(folder: Path) -> None:
    (folder.parents[3] / "elsewhere.txt").write_text("x")


def _call_somebody(_: Path) -> None:
    sys.audit("socket.connect", None, ("203.0.113.1", 443))  # what a socket says; nothing is sent


def _forge_log(_: Path) -> None:
    logging.getLogger("inpformer.x").warning("a\nb")


@pytest.mark.parametrize(
    "deed", [_run_program, _open_pickle, _write_elsewhere, _call_somebody, _forge_log]
)
def test_what_no_case_may_do_is_noticed(seeds, box, monkeypatch, deed):
    monkeypatch.setattr("fuzzing.worker.target_of", lambda kind: deed)
    assert run_case("text", seeds["text"][0], box).kind == "defect"


@pytest.mark.parametrize("canary", CANARIES, ids=range(len(CANARIES)))
def test_code_in_a_checkpoint_never_runs(tmp_path, monkeypatch, canary):
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "o.pth"
    torch.save({"prototype_token": canary}, path)
    with pytest.raises(UserError, match="never opened"), watching(tmp_path) as watch:
        import_official_detector(path)
    assert not watch.wrongs and sorted(item.name for item in tmp_path.iterdir()) == ["o.pth"]
