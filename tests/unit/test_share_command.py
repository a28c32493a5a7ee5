"""The verbs `pull`, `push` and `info`, run as a person would."""

import json
import re
import shlex
from pathlib import Path

import numpy as np
import pytest
from fake_hub_repo import TOKEN
from hub_cases import READY, REPO, repository
from huggingface_hub import ModelCard
from PIL import Image

from inpformer import cli
from inpformer.evaluation.records import METRICS
from inpformer.sharing.look import look_at
from inpformer.sharing.records import RepoAddress

MINE = "me/washer"


@pytest.fixture
def online(fake_hub, monkeypatch):
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    fake_hub.put(REPO, repository())
    return fake_hub


@pytest.fixture
def run(capsys):
    def run(*words: object) -> tuple[int, str, str]:
        code = cli.main([*map(str, words)])
        said = capsys.readouterr()
        return code, said.out, said.err

    return run


def facts(text: str) -> dict:
    return json.loads(text)


def picture(path: Path, side: int = 96) -> Path:
    noise = np.random.default_rng(0).integers(0, 255, (side, side, 3), dtype=np.uint8)
    Image.fromarray(noise).save(path)
    return path


def test_the_commands_of_the_page_on_sharing_parse():
    page = (Path(cli.__file__).parents[1] / "docs" / "sharing.md").read_text("utf-8")
    blocks = "\n".join(re.findall(r"^```bash\n(.*?)^```", page, re.M | re.S))
    lines = [shlex.split(line, comments=True) for line in blocks.replace("\\\n", " ").splitlines()]
    lines = [words[1:] for words in lines if words[:1] == ["inpformer"]]
    assert {words[0] for words in lines} >= {"info", "pull", "push", "import-official"}
    for words in lines:
        assert cli._parser().parse_args(words).run.__name__ == words[0].replace("-", "_")


def test_info_says_what_is_on_the_hub_without_its_large_file(online, run):
    code, out, _ = run("info", REPO, "--json")
    found = facts(out)
    assert code == 0 and online.cdn_requests == []
    assert (found["address"], found["encoder"]) == (REPO, "embedded")
    assert found["metrics"] == {"image AUROC": 0.98}
    code, out, _ = run("info", REPO)
    assert code == 0 and "licence: apache-2.0" in out


def test_pull_says_where_it_is_and_what_it_is(online, run):
    code, out, _ = run("pull", f"{REPO}@main", "--json")
    found = facts(out)
    assert code == 0 and not found["was_cached"]
    assert Path(found["file"]).read_bytes() == READY.read_bytes()
    assert found["revision"] == online.models[REPO].head
    code, out, err = run("pull", REPO)
    for words in (found["revision"], found["sha256"], found["file"], "was_cached: True"):
        assert words in out
    assert "Traceback" not in err


def test_pull_copies_to_a_file_that_works_as_any_other(online, run, tmp_path):
    target = tmp_path / "new" / "part.safetensors"
    code, out, _ = run("pull", REPO, "-o", target, "--json")
    assert code == 0 and facts(out)["file"] == str(target)
    assert target.read_bytes() == READY.read_bytes() and not target.is_symlink()
    assert list(target.parent.iterdir()) == [target]


def test_a_file_name_that_is_none_for_a_detector_is_refused_before_anything_is_asked(
    online, run, tmp_path
):
    code, _, err = run("pull", REPO, "-o", tmp_path / "part.pth")
    assert code == 2 and ".safetensors" in err and online.requests == []


@pytest.mark.parametrize("words", [("pull", "anna/nothing"), ("info", "anna/nothing")])
def test_what_is_not_there_is_said_in_one_line(online, run, words):
    code, out, err = run(*words)
    assert code == 2 and not out
    assert err.strip().splitlines()[-1].startswith("inpformer: Nothing can be had from")


@pytest.mark.parametrize("verb", ["predict", "info"])
def test_a_hub_id_with_a_revision_is_taken_wherever_a_detector_is(online, run, verb, tmp_path):
    online.models[REPO].tags["v1"] = online.models[REPO].head
    source, target = picture(tmp_path / "a.png"), tmp_path / "out"
    words = {
        "predict": ("predict", source, "--model", f"{REPO}@v1", "-o", target, "--device", "cpu"),
        "info": ("info", f"{REPO}@v1"),
    }[verb]
    assert run(*words)[0] == 0


def test_without_the_hub_the_cached_one_is_used_and_that_is_said(online, run, monkeypatch):
    run("pull", REPO)
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    for verb in ("pull", "info"):
        code, _, err = run(verb, REPO)
        assert code == 0 and "From the Hub cache, because offline mode is on" in err


def test_push_makes_a_private_repository_with_a_card(online, run, tmp_path):
    report = {
        "format": "inpformer-evaluation-1",
        "evaluations": [
            {
                "data": "mvtec: 1 class",
                "protocol": "full-image",
                "mean": {name: {"value": 0.75} for name in METRICS},
            }
        ],
    }
    (tmp_path / "evaluation.json").write_text(json.dumps(report))
    words = ("push", READY, MINE, "--licence", "mit", "--title", "My washer", "--about", "A part.")
    more = ("--metrics", tmp_path, "--pictures", picture(tmp_path / "a dent.png"), "--json")
    code, out, _ = run(*words, *more)
    found = facts(out)
    assert code == 0 and found["private"] and not found["encoder_inside"]
    assert found["load"] == f"{MINE}@v1"
    assert found["url"].endswith(found["revision"])
    files = online.models[MINE].files
    card = ModelCard(files["README.md"].decode())
    assert card.data.license == "mit" and "# My washer" in card.text and "A part" in card.text
    assert len(card.data.eval_results) == len(METRICS)
    assert "![a dent](pictures/1.png)" in card.text and "pictures/1.png" in files
    look = look_at(RepoAddress.parse(found["load"]))
    assert look.is_private and look.metrics["pixel AUROC"] == 0.75


def test_push_needs_a_licence_and_asks_for_it_on_a_terminal(online, run, monkeypatch):
    code, _, err = run("push", READY, MINE)
    assert code == 2 and "--licence" in err and MINE not in online.models
    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    monkeypatch.setattr("builtins.input", lambda prompt: "apache-2.0 ")
    code, out, _ = run("push", READY, MINE, "--public")
    assert code == 0 and "private: False" in out
    assert ModelCard(online.models[MINE].files["README.md"].decode()).data.license == "apache-2.0"


def test_push_says_that_the_encoder_went_along(online, run):
    words = ("push", READY, MINE, "--licence", "mit", "--bundle-encoder")
    code, out, err = run(*words)
    assert code == 0 and "encoder_inside: True" in out and "encoder's weights (embedded)" in err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("nowhere.safetensors", MINE, "--licence", "mit"), "no detector file"),
        ((READY, "me", "--licence", "mit"), "no address on the Hub"),
        ((READY, MINE, "--licence", "My Own!"), "Name the licence"),
        ((READY, MINE, "--licence", "mit", "--metrics", "nowhere"), "no report"),
    ],
)
def test_nonsense_is_refused_before_the_hub_is_asked(online, run, words, said):
    code, out, err = run("push", *words)
    assert code == 2 and not out and said in err and online.requests == []


@pytest.mark.parametrize("verb", ["pull", "push"])
def test_every_verb_explains_itself(run, verb):
    with pytest.raises(SystemExit) as caught:
        run(verb, "--help")
    assert caught.value.code == 0
