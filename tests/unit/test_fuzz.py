"""A short run of `tools/fuzz.py`: always the same cases, in this process."""

import os
import sys
import tempfile
from pathlib import Path

import pytest

TOOLS = Path(__file__).resolve().parents[2] / "tools"
sys.path.insert(0, str(TOOLS))

from fuzzing.cases import make_case  # noqa: E402
from fuzzing.seeds import Tree, write_seeds  # noqa: E402
from fuzzing.worker import run_case  # noqa: E402

COUNTS = {"picture": 60, "detector": 10, "encoder": 2, "zip": 1, "description": 40, "text": 20}
KINDS = (
    "picture", "zip", "detector", "encoder", "official", "run", "dataset", "text", "store",
    "import-mvtec", "import-png", "import-coco", "import-labelme", "import-yolo",
    "import-label-studio", "import-zip", "description",
)  # fmt: skip
LIMIT = 20.0


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
    for number in range(COUNTS.get(kind, 4)):
        outcome = run_case(kind, make_case(seeds, kind, number), box)
        assert outcome.kind != "defect", f"{kind} {number}: {outcome.words}"
        assert outcome.seconds < LIMIT, f"{kind} {number}"


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind not in ("official", "text")])
def test_unchanged_seeds_are_read(seeds, box, kind):
    """Otherwise the run would only show that what is refused at once is refused."""
    for tree in seeds[kind]:
        outcome = run_case(kind, tree, box)
        assert outcome.kind == "result", outcome.words


def test_a_file_written_outside_is_noticed(seeds, box, monkeypatch):
    def escape(folder: Path) -> None:
        (folder.parents[1] / "canary" / "keep.txt").write_text("changed")

    monkeypatch.setattr("fuzzing.worker.target_of", lambda kind: escape)
    assert run_case("text", seeds["text"][0], box).words.startswith("written outside")
