"""The card of a pushed detector, its description read back, and addresses and figures."""

import json
from dataclasses import replace

import numpy as np
import pytest
import yaml
from hub_cases import READY, repository
from huggingface_hub import ModelCard

from inpformer.errors import UserError
from inpformer.evaluation.records import METRICS
from inpformer.hub_problems import HubProblemError
from inpformer.sharing.card import TAGS, CardFacts, write_card
from inpformer.sharing.description import (
    MAX_BYTES,
    as_name,
    describe,
    read_file_header,
    read_header,
    read_json,
)
from inpformer.sharing.measured import METRIC_NAMES, read_metrics
from inpformer.sharing.records import PushWish, RepoAddress

HEADER = read_file_header(READY)
WISH = PushWish(
    "me/washer",
    "cc-by-4.0",
    title="Washers of line 3",
    about="Finds dents.\n\nAnd scratches.",
    metrics={"image AUROC": 0.98, "pixel F1-max": 0.5},
    metrics_on="drawn washers: 20 normal, 30 anomalous",
)


def card_of(wish: PushWish = WISH, **changes) -> ModelCard:
    header = {**HEADER, **changes}
    names = tuple(f"pictures/{number}.png" for number in range(len(wish.pictures)))
    description = describe(header, wish.repo_id)
    facts = CardFacts(description, header, "v3", "ab" * 32, 262_092, names)
    return ModelCard(write_card(facts, wish))


def test_the_hub_can_read_the_card():
    data = card_of().data
    assert (data.license, data.library_name) == ("cc-by-4.0", "inpformer")
    assert set(TAGS) <= set(data.tags)
    assert data.model_name == "Washers of line 3"
    found = {result.metric_name: result.metric_value for result in data.eval_results}
    assert found == WISH.metrics
    assert {result.metric_type for result in data.eval_results} == {"roc_auc", "f1"}
    assert {result.dataset_name for result in data.eval_results} == {WISH.metrics_on}


def test_people_read_what_it_is_how_good_and_how_to_load_it():
    text = card_of().text
    calibration = HEADER["calibration"]
    threshold = calibration["scales"]["fused"]["threshold"]
    for words in (
        "# Washers of line 3",
        "paper reproduction",
        "Finds dents\\.",
        'AnomalyDetector.load("me/washer@v3")',
        f"| Threshold | {threshold:.6g} |",
        f"| Normal views above it | {calibration['false_alarm_rate']:.1%} expected |",
        f"up to {1 / (calibration['shot_count'] + 1):.1%}",
        f"| Normal pictures it was fitted on | {HEADER['provenance']['shot_count']} |",
        "are **not** in the file",
        "Their licence is Apache-2.0",
        "| image AUROC | 0.9800 |",
        "Measured on: drawn washers",
        "ab" * 32,
        "## Limits",
    ):
        assert words in text, words
    code = text.partition("```python\n")[2].partition("```")[0]
    compile(code, "card", "exec")
    assert len(code.strip().splitlines()) == 3


def test_what_is_not_known_is_not_claimed():
    wish = replace(WISH, metrics=None, about="", title="")
    card = card_of(wish, calibration=None)
    assert card.data.eval_results is None and "## Figures" not in card.text
    assert "# washer" in card.text and "none: it gives maps and scores" in card.text
    assert "a verdict" not in card.text.replace("but no verdict", "")


NASTY = 'x"\n---\nlicense: mit\n---\n# <script>x</script> [a](javascript:b) | `c` $d$ \x1b[0m: #'


def test_what_people_write_breaks_neither_yaml_nor_markdown():
    picture = np.zeros((9, 9, 3), np.uint8)
    wish = replace(
        WISH,
        title=NASTY,
        about=NASTY,
        metrics={NASTY: 0.5},
        metrics_on=NASTY,
        pictures=((NASTY, picture),),
    )
    card = card_of(wish)
    again = ModelCard(str(card))
    assert again.data.license == "cc-by-4.0" and again.data.to_dict() == card.data.to_dict()
    text = again.text
    for broken in ("<script", "](javascript", "\n---\n", "\x1b", "\n# <", "| `c`"):
        assert broken not in text
    headings = [line for line in text.splitlines() if line.startswith("#")]
    titles = ["How to use it", "What it is", "Figures", "Pictures", "Limits"]
    assert headings[1:] == [f"## {title}" for title in titles]
    yaml_block = str(card).split("\n---\n")[0].removeprefix("---\n")
    assert yaml.safe_load(yaml_block)["model-index"][0]["results"][0]["metrics"][0]["value"] == 0.5


def test_a_picture_is_shown_with_its_words():
    wish = replace(WISH, pictures=(("a dent", np.zeros((9, 9, 3), np.uint8)),))
    assert "![a dent](pictures/0.png)" in card_of(wish).text


# Descriptions of strangers


def changed(**changes) -> object:
    return describe({**HEADER, **changes}, "anna/washer")


def test_figures_and_counts_that_make_no_sense_are_left_out():
    for metrics in ([1], {"a": "b"}, {"a": 2}, {"a": True}, {"a": -1}, {"": 0.5}, 7, "x"):
        assert changed(metrics=metrics).metrics == {}
    assert changed(metrics={f"m{n}": 0.5 for n in range(1000)}).metrics.keys() < {
        f"m{n}" for n in range(100)
    }
    for shots in (-1, 10**12, True, "4", None, 4.0):
        provenance = {**HEADER["provenance"], "shot_count": shots}
        assert changed(provenance=provenance).shot_count is None
    assert changed(provenance="mine").shot_count is None
    assert changed(metrics_on={"a": 1}).metrics_on == ""
    assert changed(encoder_bundled="yes").is_encoder_inside is False


def test_a_name_is_one_short_line_of_what_can_be_shown():
    assert as_name("a\n b\x1b[0m\u202e" + "x" * 1000).startswith("a b[0mx")
    assert len(as_name("x" * 10**6)) == 80


@pytest.mark.parametrize(
    "change",
    [
        {"format": "inpformer-detector-99"},
        {"model": None},
        {"model": {"variant": "inp-former++", "surprise": 1}},
        {"model": {**HEADER["model"], "inp_count": 10**9}},
        {"calibration": [1, 2]},
    ],
)
def test_a_detector_that_this_version_cannot_read_is_said_to_be_one(change):
    with pytest.raises(HubProblemError, match="another version of this program, or damaged"):
        changed(**change)


@pytest.mark.parametrize("values", [None, [], 3, {}, {"format": 7}, {"format": "pt"}])
def test_what_describes_something_else_is_no_detector(values):
    assert describe(values, "anna/x") is None


@pytest.mark.parametrize(
    "data", [b"", b"{", b"[" * 100_000, b'{"a": NaN}', b"\xff\xfe", b"1" * 10_000]
)
def test_json_that_is_none_is_nothing(data):
    assert read_json(data) is None


def test_a_header_is_read_only_if_it_is_one():
    assert read_header(READY.read_bytes()[: 8 + MAX_BYTES]) == HEADER
    for data in (b"", b"abc", b"\xff" * 100, (10**9).to_bytes(8, "little") + b"{}", b"\0" * 8):
        assert read_header(data) is None


def test_the_description_beside_the_file_is_what_the_file_says():
    values = json.loads(repository()["config.json"])
    beside, inside = describe(values, "anna/washer"), describe(HEADER, "anna/washer")
    assert replace(beside, metrics={}, metrics_on="") == inside


# Addresses


@pytest.mark.parametrize(
    ("text", "repo_id", "revision"),
    [
        ("me/washer", "me/washer", None),
        ("me/washer@v1", "me/washer", "v1"),
        (" https://huggingface.co/me/washer/ ", "me/washer", None),
        ("me/washer@" + "ab" * 20, "me/washer", "ab" * 20),
        ("me/washer@refs/pr/1", "me/washer", "refs/pr/1"),
    ],
)
def test_addresses_are_read(text, repo_id, revision):
    assert RepoAddress.parse(text) == RepoAddress(repo_id, revision)


@pytest.mark.parametrize(
    "text", ["", "washer", "a/b/c", "me/washer@", "me/washer@../..", "me/washer@a b", "me/x@-a"]
)
def test_other_texts_are_no_addresses(text):
    with pytest.raises(UserError, match="no address on the Hub"):
        RepoAddress.parse(text)


# Figures of a report


def report(*evaluations: dict) -> str:
    return json.dumps({"format": "inpformer-evaluation-1", "evaluations": list(evaluations)})


def evaluation() -> dict:
    mean = {name: {"value": 0.5, "error": 0.0, "reason": ""} for name in METRICS}
    mean["aupro"]["value"] = None
    return {"data": "mvtec: 1 class", "protocol": "paper", "mean": mean}


def test_the_figures_of_a_report_are_read(tmp_path):
    assert tuple(METRIC_NAMES) == METRICS
    (tmp_path / "evaluation.json").write_text(report(evaluation()))
    for path in (tmp_path, tmp_path / "evaluation.json"):
        figures, data = read_metrics(path)
        assert figures.keys() == {name for key, name in METRIC_NAMES.items() if key != "aupro"}
        assert set(figures.values()) == {0.5} and data == "mvtec: 1 class (paper protocol)"


def test_a_report_of_several_detectors_or_none_is_refused(tmp_path):
    path = tmp_path / "evaluation.json"
    path.write_text(report(evaluation(), evaluation()))
    with pytest.raises(UserError, match="compares 2 detectors"):
        read_metrics(path)
    for text in ("", "[]", "{}", '{"format": "x", "evaluations": []}', report({})):
        path.write_text(text)
        with pytest.raises(UserError, match="no report of inpformer evaluate"):
            read_metrics(path)
    with pytest.raises(UserError, match="no report"):
        read_metrics(tmp_path / "nowhere")
