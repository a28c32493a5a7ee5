"""What the README says is true: its front matter, commands, code, file names and links."""

import importlib.metadata
import re
import shlex
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.version import Version
from PIL import Image

from inpformer import cli
from inpformer.config import LossConfig, ModelConfig
from inpformer.detector import AnomalyDetector, Provenance
from inpformer.fit_config import FitConfig
from inpformer.modeling.build import build_encoder, build_model
from inpformer.presets import ENCODER_PRESETS, EncoderConfig
from inpformer.report import write_result
from inpformer.training.config import TrainConfig

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
WEIGHTS_README = (ROOT / "weights" / "README.md").read_text(encoding="utf-8")
FRONT_MATTER, BODY = re.fullmatch(r"---\n(.*?)\n---\n(.*)", README, re.DOTALL).groups()
VERBS = ("fit", "predict", "info", "import-official", "retrain", "annotate-export")
VERBS += ("dataset", "train", "evaluate", "export", "pull", "push", "bundle")
SPACE_COLOURS = {"red", "yellow", "green", "blue", "indigo", "purple", "pink", "gray"}


def section(title: str) -> str:
    """The text of a section of second rank."""
    return re.search(rf"^## {re.escape(title)}\n(.*?)(?=^## |\Z)", BODY, re.M | re.S).group(1)


def fenced_blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", BODY, re.M | re.S)


def shell_lines() -> Iterator[list[str]]:
    """Each command line of the README, split into words."""
    for block in fenced_blocks("(?:bash|sh|console|bat)"):
        for line in block.replace("\\\n", " ").splitlines():
            if line.strip():
                yield shlex.split(line.replace("\\", "/"), comments=True)


@pytest.fixture(scope="module")
def front_matter() -> dict:
    return yaml.safe_load(FRONT_MATTER)


def test_the_front_matter_describes_a_gradio_space(front_matter):
    assert front_matter["sdk"] == "gradio"
    assert (ROOT / front_matter["app_file"]).is_file()
    assert len(front_matter["short_description"]) <= 60
    assert {front_matter["colorFrom"], front_matter["colorTo"]} <= SPACE_COLOURS
    assert front_matter["title"] and front_matter["emoji"]
    assert front_matter["pinned"] is False


def test_the_front_matter_has_versions_that_the_requirements_allow(front_matter):
    lines = (ROOT / "requirements.txt").read_text().splitlines()
    wanted = [Requirement(line) for line in lines if line and not line.startswith("#")]
    gradio = next(item for item in wanted if item.name == "gradio")
    assert gradio.specifier.contains(front_matter["sdk_version"])
    project = (ROOT / "pyproject.toml").read_text()
    python = re.search(r'^requires-python = "(.*)"$', project, re.M).group(1)
    # A number instead of a string would turn 3.10 into 3.1.
    assert isinstance(front_matter["python_version"], str)
    assert SpecifierSet(python).contains(front_matter["python_version"])
    assert f"Python {python.removeprefix('>=')} or newer" in BODY


def test_the_gradio_of_the_space_is_not_newer_than_the_one_tested_here(front_matter):
    installed = Version(importlib.metadata.version("gradio"))
    assert Version(front_matter["sdk_version"]) <= installed


def test_the_front_matter_names_the_licence_of_the_project(front_matter):
    project = (ROOT / "pyproject.toml").read_text()
    named = re.search(r'^license = "(.*)"$', project, re.M).group(1)
    assert front_matter["license"] == named.lower()


def test_the_front_matter_names_every_model_that_the_presets_load(front_matter):
    loaded = [f"timm/{preset.timm_name}" for preset in ENCODER_PRESETS.values() if preset.timm_name]
    assert front_matter["models"] == loaded


def test_every_make_target_named_exists():
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.M))
    named = set(re.findall(r"(?<=`)make ([a-z-]+)", BODY))
    named |= {words[1] for words in shell_lines() if words[:1] == ["make"]}
    assert {"demo", "test"} <= named <= targets


def test_every_command_line_parses():
    lines = [words[1:] for words in shell_lines() if words[:1] == ["inpformer"]]
    assert {words[0] for words in lines} == set(VERBS)
    for words in lines:
        options = cli._parser().parse_args(words)
        assert options.run.__name__ == words[0].replace("-", "_")


def test_the_commands_for_the_tables_of_the_papers_parse_and_train_what_the_papers_did():
    page = (ROOT / "benchmarks" / "paper.md").read_text("utf-8")
    blocks = re.findall(r"^```bash\n(.*?)^```$", page, re.M | re.S)
    lines = [shlex.split(line, comments=True) for block in blocks for line in block.splitlines()]
    lines = [words[1:] for words in lines if words[:1] == ["inpformer"]]
    assert {words[0] for words in lines} >= {"train", "evaluate"}
    for words in lines:
        options = cli._parser().parse_args(words)
        if words[0] == "train":
            assert options.encoder == "dinov2-base"
            assert TrainConfig(setting=options.setting, variant=options.variant).epochs == 200


def test_every_option_named_is_one_of_the_command_or_the_app(capsys):
    known = set(re.findall(r"--[a-z-]+", (ROOT / "app.py").read_text())) | {"--help"}
    for verb in VERBS:
        with pytest.raises(SystemExit):
            cli._parser().parse_args([verb, "--help"])
        known |= set(re.findall(r"--[a-z-]+", capsys.readouterr().out))
    prose = re.sub(r"^```.*?^```$", "", BODY, flags=re.M | re.S).replace("ruff format --check", "")
    named = set(re.findall(r"(?<![\w-])--[a-z][a-z-]+", prose))
    assert named and named <= known


def test_the_exit_codes_are_those_of_the_command():
    line = re.search(r"Exit codes: .*", BODY).group()
    numbers = [int(number) for number in re.findall(r"\b\d+\b", line)]
    assert numbers == [cli.EXIT_OK, cli.EXIT_BAD_INPUT, cli.EXIT_INTERRUPTED]


@pytest.fixture(scope="module")
def tiny_detector(tiny_config) -> AnomalyDetector:
    # Without file names it is saved with its encoder, as nobody could find that again.
    encoder = replace(tiny_config.encoder, file_names=())
    config = replace(tiny_config, variant="training-free", encoder=encoder)
    model = build_model(config, build_encoder(encoder))
    return AnomalyDetector(model, config, Provenance("untrained", "tiny"))


@pytest.fixture(scope="module")
def python_names(tiny_detector, tmp_path_factory) -> dict:
    """The names that the Python block leaves behind: run on small pictures, with a quick fit."""
    folder = tmp_path_factory.mktemp("readme")
    (folder / "good").mkdir()
    for seed, name in enumerate(("good/one.png", "part.png")):
        pixels = np.random.default_rng(seed).integers(0, 256, (56, 70, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / name)
    load = AnomalyDetector.load

    def quick(encoder: EncoderConfig, **settings: float) -> FitConfig:
        return FitConfig(variant="training-free", inp_count=4, **settings)

    (block,) = fenced_blocks("python")
    names: dict = {"folder": folder}
    threads = torch.get_num_threads()
    # So little work is done faster alone, and many times so where other programs run.
    torch.set_num_threads(1)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setattr(FitConfig, "for_encoder", quick)
        patch.setattr(
            AnomalyDetector, "load", lambda path: tiny_detector if path == "auto" else load(path)
        )
        try:
            exec(compile(block, "README.md", "exec"), names)
        finally:
            torch.set_num_threads(threads)
    return names


def test_the_python_block_runs(python_names):
    image, result = python_names["load_image"], python_names["result"]
    assert image(python_names["folder"] / "part.png").shape[:2] == (56, 70)
    assert python_names["mask"].shape == python_names["anomaly_map"].shape == (56, 70)
    assert result.is_anomalous in (True, False) and result.threshold > 0
    assert python_names["detector"].calibration.false_alarm_rate < 0.1


def test_the_files_that_predict_is_said_to_write_are_those_it_writes(python_names, tmp_path):
    image = python_names["load_image"](python_names["folder"] / "part.png")
    for maps in ("png16", "npy"):
        write_result(tmp_path, "NAME", image, python_names["result"], maps)
    named = set(re.findall(r"NAME_\w+\.\w+", section("Use the command")))
    assert named == {path.name for path in tmp_path.iterdir()}


def test_every_file_named_exists():
    # A folder on the reader's machine, which is made or brought, is no file of ours.
    places = re.findall(r"`((?:inpformer|docs|tests|tools|weights|benchmarks)/[\w/.]*)`", BODY)
    places += re.findall(r"`(app\.py|Makefile|requirements[\w-]*\.txt|tools/\w+\.py)`", BODY)
    assert len(places) > 30
    assert [place for place in places if not (ROOT / place).exists()] == []


def test_every_module_is_on_the_map_of_the_code():
    page = (ROOT / "docs" / "map.md").read_text(encoding="utf-8")
    named = set(re.findall(r"`(inpformer/[\w/.]+)`", page))
    ours = {
        path.relative_to(ROOT).as_posix()
        for suffix in ("py", "css", "js")
        for path in (ROOT / "inpformer").rglob(f"*.{suffix}")
        # The empty ones only make a folder a package.
        if path.stat().st_size
    }
    assert ours == named


def test_every_setting_named_is_a_field():
    configs = (EncoderConfig, FitConfig, LossConfig, ModelConfig, TrainConfig)
    classes = {cls.__name__: cls for cls in configs}
    named = re.findall(r"`(\w+Config)\.(\w+)", BODY)
    assert len(named) > 5
    for cls, field in named:
        assert field in classes[cls].__dataclass_fields__, f"{cls}.{field}"


def test_the_schedule_in_the_table_is_the_default_one():
    defaults, table = FitConfig(), section("Differences from the paper")
    rate = f"{defaults.head_learning_rate:.0e}".replace("e-0", "e-")
    widths = " → ".join(str(width) for width in (*ModelConfig().head_widths, 1))
    assert f"C → {widths}" in table
    assert (
        f"{defaults.steps} steps × {defaults.batch_size} views × "
        f"{defaults.tokens_per_view} tokens, {defaults.warmup_share:.0%} warm-up"
    ) in table
    assert (
        f"{defaults.head_steps} steps on the frozen rest, {defaults.pseudo_anomalies} synthetic "
        f"pictures, peak rate {rate}"
    ) in table
    assert f"about {defaults.false_alarm_rate:.0%} of such views" in section("How it works")


@pytest.mark.parametrize("name", [n for n, e in ENCODER_PRESETS.items() if e.timm_name])
def test_the_weights_table_names_page_file_and_licence_of_each_encoder(name):
    preset = ENCODER_PRESETS[name]
    (row,) = [line for line in BODY.splitlines() if line.startswith(f"| `{name}` |")]
    assert f"https://huggingface.co/timm/{preset.timm_name})" in row
    assert f"`{preset.file_names[0]}`" in row
    assert row.endswith(f"| {preset.licence} |")


@pytest.mark.parametrize("name", ENCODER_PRESETS)
def test_the_weights_folder_names_every_file_that_is_looked_for(name):
    (row,) = [line for line in WEIGHTS_README.splitlines() if line.startswith(f"| `{name}` |")]
    assert tuple(re.findall(r"`([^`]+)`", row)[1:]) == ENCODER_PRESETS[name].file_names


@pytest.mark.parametrize(
    "path",
    [
        "README.md",
        "weights/README.md",
        "docs/map.md",
        "docs/sharing.md",
        "docs/deploy.md",
        "docs/api.md",
    ],
)
def test_every_link_within_the_repository_resolves(path):
    page = ROOT / path
    links = re.findall(r"\]\(([^)\s]+)\)", page.read_text(encoding="utf-8"))
    relative = [link for link in links if "://" not in link]
    assert relative
    for link in relative:
        file, _, anchor = link.partition("#")
        target = page.parent / file if file else page
        assert target.exists(), link
        if anchor:
            titles = re.findall(r"^#+ (.*)$", target.read_text(encoding="utf-8"), re.M)
            assert anchor in {re.sub(r"[^\w -]", "", t).lower().replace(" ", "-") for t in titles}


def test_the_readme_is_short_and_says_what_was_measured():
    assert len(README.splitlines()) < 300
    assert "| start of the app" in section("What is measured")
