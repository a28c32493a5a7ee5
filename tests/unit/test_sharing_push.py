"""Detectors pushed to a stand-in for the Hub, and pulled back."""

import hashlib
import json
import logging
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from fake_hub_repo import TOKEN
from hub_cases import READY, large_files
from huggingface_hub import ModelCard
from official_file import official_checkpoint
from safetensors.torch import load_file, save_file

from inpformer.detector import AnomalyDetector
from inpformer.detector_file import import_official_detector
from inpformer.errors import TransferStoppedError, UserError
from inpformer.sharing import push as push_module
from inpformer.sharing.look import look_at
from inpformer.sharing.outgoing import is_encoder_findable
from inpformer.sharing.pull import pull
from inpformer.sharing.push import push
from inpformer.sharing.records import PushWish, RepoAddress

REPO = "me/washer"
WISH = PushWish(REPO, "apache-2.0", title="Washers", metrics={"image AUROC": 0.98})


@pytest.fixture(scope="module")
def detector() -> AnomalyDetector:
    return AnomalyDetector.load(READY, "cpu")


@pytest.fixture(scope="module")
def image() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 255, (96, 96, 3), dtype=np.uint8)


def assert_same_maps(one: AnomalyDetector, other: AnomalyDetector, image: np.ndarray) -> None:
    first, second = one.predict(image), other.predict(image)
    assert first.scores == second.scores and first.threshold == second.threshold
    for name, values in first.score_maps.items():
        assert np.array_equal(values, second.score_maps[name])


def refusal(detector: AnomalyDetector, wish: PushWish = WISH, token: str | None = TOKEN) -> str:
    with pytest.raises(UserError) as caught:
        push(detector, wish, token=token)
    message = str(caught.value)
    assert message.endswith(".") and "\n" not in message and message.count(". ") == 0, message
    return message


def test_a_pushed_detector_comes_back_with_the_same_maps(detector, image, fake_hub, monkeypatch):
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    pushed = push(detector, WISH)
    assert pushed.is_private and fake_hub.models[REPO].private and pushed.version == "v1"
    assert pushed.address == RepoAddress(REPO, fake_hub.models[REPO].head)
    assert pushed.url == f"{fake_hub.url}/{REPO}/tree/{pushed.address.revision}"
    assert pull(pushed.address).sha256 == pushed.sha256
    for name in (str(pushed.address), f"{REPO}@v1", REPO):
        assert_same_maps(detector, AnomalyDetector.load(name, "cpu"), image)


def test_a_push_is_one_commit_of_weights_description_and_card(detector, fake_hub):
    pictures = (("a washer", np.zeros((40, 60, 3), np.uint8)),)
    pushed = push(detector, replace(WISH, pictures=pictures), token=TOKEN)
    repo = fake_hub.models[REPO]
    assert len(repo.messages) == 2 and repo.messages[1] == "Detector, version 1"
    assert repo.files.keys() == {
        ".gitattributes",
        "detector.safetensors",
        "config.json",
        "README.md",
        "pictures/1.png",
    }
    described = json.loads(repo.files["config.json"])
    data = repo.files["detector.safetensors"]
    assert described["sha256"] == pushed.sha256 == hashlib.sha256(data).hexdigest()
    assert (described["bytes"], described["metrics"]) == (len(data), {"image AUROC": 0.98})
    look = look_at(pushed.address, token=TOKEN)
    assert (look.licence, look.metrics) == ("apache-2.0", {"image AUROC": 0.98})
    assert look.threshold == detector.predict(np.zeros((90, 90, 3), np.uint8)).threshold


def test_a_second_push_is_the_next_version_and_uploads_only_what_changed(detector, fake_hub):
    pictures = (("a washer", np.zeros((40, 60, 3), np.uint8)),)
    first = push(detector, replace(WISH, pictures=pictures), token=TOKEN)
    uploads = len(fake_hub.uploads)
    second = push(detector, replace(WISH, title="Better words"), token=TOKEN)
    repo = fake_hub.models[REPO]
    assert (first.version, second.version) == ("v1", "v2") and second.sha256 == first.sha256
    assert len(fake_hub.uploads) == uploads
    assert "pictures/1.png" in repo.at("v1") and "pictures/1.png" not in repo.at("v2")
    assert b"Better words" in repo.at("v2")["README.md"]
    assert b"Better words" not in repo.at("v1")["README.md"]


def test_a_public_repository_gets_nothing_unless_that_is_wanted(detector, fake_hub):
    assert not push(detector, replace(WISH, is_private=False), token=TOKEN).is_private
    commits = len(fake_hub.models[REPO].commits)
    assert "public already" in refusal(detector)
    assert len(fake_hub.models[REPO].commits) == commits


def test_a_repository_that_holds_something_else_is_left_alone(detector, fake_hub):
    fake_hub.put(REPO, {"model.safetensors": b"another model"}, private=True)
    assert "holds something else already" in refusal(detector)
    assert len(fake_hub.models[REPO].commits) == 1


# The encoder


def test_an_encoder_that_is_found_by_its_name_stays_out_unless_it_is_wished_for(
    detector, image, fake_hub
):
    assert is_encoder_findable(detector)
    assert not push(detector, WISH, token=TOKEN).is_encoder_inside
    bundled = push(detector, replace(WISH, bundle_encoder=True), token=TOKEN)
    assert bundled.is_encoder_inside and look_at(bundled.address, token=TOKEN).is_encoder_inside
    card = fake_hub.models[REPO].files["README.md"].decode()
    assert "are **inside** the file; their licence is Apache-2.0" in card
    pulled = pull(bundled.address, token=TOKEN)
    assert_same_maps(detector, AnomalyDetector.load(pulled.path, "cpu"), image)


def test_an_encoder_that_is_not_found_by_its_name_goes_along(
    detector, image, tmp_path, fake_hub, monkeypatch
):
    # On this machine the name stands for other weights than those the detector was made with.
    (name,) = detector.config.encoder.file_names
    state = load_file(READY.parents[1] / name)
    state["patch_embed.descriptor_scale"] = state["patch_embed.descriptor_scale"] * 2
    save_file(state, tmp_path / name)
    monkeypatch.setenv("INPFORMER_WEIGHTS", str(tmp_path))
    assert not is_encoder_findable(detector)
    pushed = push(detector, WISH, token=TOKEN)
    assert pushed.is_encoder_inside
    pulled = pull(pushed.address, token=TOKEN)
    assert_same_maps(detector, AnomalyDetector.load(pulled.path, "cpu"), image)


def test_an_official_checkpoint_is_pushed_with_its_encoder_and_says_so(tmp_path, image, fake_hub):
    official = import_official_detector(official_checkpoint(tmp_path / "model.pth"))
    pushed = push(official, replace(WISH, metrics=None), token=TOKEN)
    assert pushed.is_encoder_inside
    card = fake_hub.models[REPO].files["README.md"].decode()
    for words in (
        "checkpoint of the method's authors, converted",
        "are **inside** the file",
        "checked against recordings of its authors' code",
        "It has no threshold",
        "knows the kinds of parts it was trained on",
        "model\\.pth",
    ):
        assert words in card
    pulled = pull(pushed.address, token=TOKEN)
    assert_same_maps(official, AnomalyDetector.load(pulled.path, "cpu"), image)


# Failures


def test_without_a_token_the_hub_is_not_even_asked(detector, fake_hub):
    for token in (None, "", " "):
        assert "Log in to the Hugging Face Hub first" in refusal(detector, token=token)
    assert fake_hub.requests == []


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"repo_id": "me/a/b"}, "is no address"),
        ({"repo_id": "me/a@v1"}, "without a revision"),
        ({"licence": ""}, "Name the licence"),
        ({"licence": "my own: terms\nx: y"}, "Name the licence"),
        ({"metrics": {"AUROC": 98.0}}, "numbers from 0 to 1"),
        ({"metrics": {"AUROC": float("nan")}}, "numbers from 0 to 1"),
        ({"title": "x" * 101}, "at most"),
        ({"pictures": (("a", np.zeros((4, 4), np.float32)),)}, "uint8"),
        ({"pictures": (("a", np.zeros((9, 9, 3), np.uint8)),) * 13}, "At most 12 pictures"),
    ],
)
def test_a_wish_that_makes_no_sense_is_refused_before_the_hub_is_asked(
    detector, fake_hub, change, words
):
    assert words in refusal(detector, replace(WISH, **change))
    assert fake_hub.requests == []


@pytest.mark.parametrize(
    ("pattern", "status", "words"),
    [
        ("", 401, "does not accept the token"),
        ("POST", 403, "the token may not"),
        ("/commit/", 412, "somebody else pushed"),
        ("", 429, "too many requests"),
        ("/api/models", 500, "error 500; try again later"),
        ("/tag/", 500, "could not be marked as v1"),
    ],
)
def test_what_the_hub_refuses_is_said_in_one_sentence(
    detector, fake_hub, pattern, status, words, monkeypatch
):
    fake_hub.fail(status, pattern)
    assert words in refusal(detector)


def test_somebody_elses_name_is_refused(detector, fake_hub):
    assert "the token may not" in refusal(detector, replace(WISH, repo_id="anna/washer"))


def test_a_licence_that_the_hub_does_not_know_is_said_before_the_upload(detector, fake_hub):
    message = refusal(detector, replace(WISH, licence="none-of-yours"))
    assert 'does not take its card ("license" must be one of' in message
    assert list(fake_hub.models[REPO].files) == [".gitattributes"]


def test_trouble_that_passes_is_waited_for(detector, fake_hub):
    for pattern in ("/repos/create", "/refs", "/commit/", "/tag/", "/validate-yaml"):
        fake_hub.fail(500, pattern, times=1)
    assert push(detector, WISH, token=TOKEN).version == "v1"
    assert len(fake_hub.models[REPO].commits) == 2


def test_without_a_network_and_offline_a_push_says_so(detector, lonely_machine, monkeypatch):
    assert "cannot be reached" in refusal(detector)
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    assert "offline mode is on" in refusal(detector)


def test_what_somebody_else_pushed_meanwhile_is_not_written_over(detector, fake_hub):
    def meanwhile(step) -> None:
        repo = fake_hub.models[REPO]
        if len(repo.commits) == 1:
            repo.commit({**repo.files, "theirs.txt": b"x"})

    with pytest.raises(UserError, match="somebody else pushed"):
        push(detector, WISH, token=TOKEN, tell=meanwhile)
    assert fake_hub.models[REPO].files.keys() == {".gitattributes", "theirs.txt"}


def test_a_silent_hub_is_left(detector, fake_hub, monkeypatch):
    monkeypatch.setattr(push_module, "_PATIENCE", 0.5)
    fake_hub.silent = True
    assert "did not answer within 0.5 seconds" in refusal(detector)


# Progress, stopping, tokens


def test_an_upload_tells_how_far_it_is(detector, fake_hub):
    steps = []
    push(detector, WISH, token=TOKEN, tell=steps.append)
    counts = [step.byte_count for step in steps]
    total = steps[0].byte_total
    assert counts[0] == 0 and counts == sorted(counts) and counts[-1] == total
    assert any(0 < count < total for count in counts)
    assert total > READY.stat().st_size * 0.9


def test_a_stopped_upload_commits_nothing(detector, fake_hub):
    fake_hub.pause = 0.1
    steps = []
    with pytest.raises(TransferStoppedError):
        push(detector, WISH, token=TOKEN, tell=steps.append, should_stop=lambda: len(steps) > 2)
    fake_hub.pause = 0
    assert list(fake_hub.models[REPO].files) == [".gitattributes"]
    assert not any("/commit/" in path for path in fake_hub.paths())
    assert push(detector, WISH, token=TOKEN).version == "v1"


def test_the_token_is_nowhere_but_in_requests_to_the_hub(detector, fake_hub, tmp_path, caplog):
    caplog.set_level(logging.DEBUG)
    pushed = push(detector, WISH, token=TOKEN)
    pull(pushed.address, token=TOKEN)
    assert {request.token for request in fake_hub.requests} == {TOKEN}
    assert {request.token for request in fake_hub.cdn_requests} == {None}
    assert caplog.records and TOKEN not in caplog.text
    pushed_files = fake_hub.models[REPO].files.values()
    kept = [path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()]
    assert large_files(tmp_path) and not any(TOKEN.encode() in data for data in kept)
    assert not any(TOKEN.encode() in data for data in pushed_files)


def test_nothing_of_this_machine_is_in_what_is_pushed(detector, fake_hub):
    push(detector, WISH, token=TOKEN)
    here = str(Path(__file__).resolve().parents[2]).encode()
    assert not any(here in data for data in fake_hub.models[REPO].files.values())
    card = ModelCard(fake_hub.models[REPO].files["README.md"].decode())
    assert card.data.license == "apache-2.0"
