"""The front matter as the Hub reads it, and the commands of docs/deploy.md."""

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from huggingface_hub import SpaceCard
from huggingface_hub.utils import validate_repo_id

from inpformer import cli

ROOT = Path(__file__).resolve().parents[2]
DEPLOY = (ROOT / "docs" / "deploy.md").read_text("utf-8")
# https://huggingface.co/docs/hub/spaces-config-reference, and `license`, which every card has.
KNOWN = {"title", "emoji", "colorFrom", "colorTo", "sdk", "python_version", "sdk_version"}
KNOWN |= {"suggested_hardware", "app_file", "app_build_command", "app_port", "base_path"}
KNOWN |= {"fullWidth", "header", "short_description", "models", "datasets", "tags", "thumbnail"}
KNOWN |= {"pinned", "hf_oauth", "hf_oauth_scopes", "hf_oauth_expiration_minutes", "license"}
KNOWN |= {"hf_oauth_authorized_org", "disable_embedding", "startup_duration_timeout"}
KNOWN |= {"custom_headers", "preload_from_hub"}
SCOPES = {"email", "read-billing", "read-repos", "contribute-repos", "write-repos", "manage-repos"}
SCOPES |= {"inference-api", "jobs", "webhooks", "write-discussions"}


def known_keys(values: dict) -> None:
    """Raise unless every key is known, and those that may be left out are right."""
    assert set(values) <= KNOWN, set(values) - KNOWN
    assert set(values.get("hf_oauth_scopes", [])) <= SCOPES
    for line in values.get("preload_from_hub", []):
        repo_id, *files = line.split()
        validate_repo_id(repo_id)
        assert len(files) <= 2


@pytest.fixture(scope="module")
def card() -> SpaceCard:
    return SpaceCard.load(ROOT / "README.md")


def test_the_card_class_of_the_hub_reads_all_of_the_front_matter(card):
    written = yaml.safe_load((ROOT / "README.md").read_text("utf-8").split("---\n")[1])
    assert card.data.to_dict() == written
    known_keys(written)
    for name in ("title", "emoji", "colorFrom", "colorTo", "sdk", "sdk_version", "app_file"):
        assert written[name], name


def test_its_values_are_of_the_kind_the_hub_takes(card):
    data = card.data
    assert data.sdk == "gradio" and (ROOT / data.app_file).is_file()
    assert re.fullmatch(r"\d+\.\d+\.\d+", data.sdk_version)
    assert re.fullmatch(r"3\.\d+(\.\d+)?", data.python_version)
    assert len(data.emoji) <= 2 and not data.emoji.isascii()
    assert len(data.short_description) <= 60
    assert re.fullmatch(r"[a-z0-9.-]+", data.license)
    for repo_id in data.models:
        validate_repo_id(repo_id)
        assert repo_id.count("/") == 1
    assert len(set(data.tags)) == len(data.tags)


@pytest.mark.parametrize(
    "values", [{"sdk_versoin": "6"}, {"hf_oauth_scopes": ["write-everything"]}]
)
def test_a_wrong_key_is_found(values):
    with pytest.raises(AssertionError):
        known_keys(values)


def test_the_front_matter_that_the_page_tells_of_is_right():
    blocks = re.findall(r"^ *```yaml\n(.*?)^ *```$", DEPLOY, re.M | re.S)
    assert len(blocks) == 2
    for block in blocks:
        known_keys(yaml.safe_load(block))


def command_lines(program: str) -> list[list[str]]:
    blocks = re.findall(r"^```bash\n(.*?)^```$", DEPLOY, re.M | re.S)
    lines = [shlex.split(line) for block in blocks for line in block.splitlines()]
    return [words[1:] for words in lines if words[0] == program]


def test_the_commands_of_ours_parse():
    lines = command_lines("inpformer")
    assert len(lines) > 3
    for words in lines:
        assert cli._parser().parse_args(words).run.__name__ == words[0]


def test_the_commands_of_the_hub_have_these_options():
    lines = command_lines("hf")
    assert [words[0] for words in lines] == ["auth", "repos", "upload", "spaces"]
    for words in lines:
        names = words[: 1 if words[0] == "upload" else 2]
        code = "from huggingface_hub.cli.hf import main; main()"
        said = subprocess.run(
            [sys.executable, "-c", code, *names, "--help"], capture_output=True, text=True
        )
        assert said.returncode == 0, said.stderr
        for option in (word for word in words if word.startswith("--")):
            assert option in said.stdout, (names, option)


def test_every_link_of_the_page_resolves():
    titles = re.findall(r"^#+ (.*)$", DEPLOY, re.M)
    anchors = {re.sub(r"[^\w -]", "", title).lower().replace(" ", "-") for title in titles}
    links = [link for link in re.findall(r"\]\(([^)\s]+)\)", DEPLOY) if "://" not in link]
    assert len(links) > 5
    for link in links:
        file, _, anchor = link.partition("#")
        assert (anchor in anchors) if not file else (ROOT / "docs" / file).exists(), link
