"""`inpformer retrain`: a detector file and corrected pictures in, the next version out."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from inpformer import cli
from inpformer.detector import AnomalyDetector, Provenance
from inpformer.fit_config import FitConfig
from inpformer.modeling.build import build_encoder, build_model

QUICK = FitConfig(
    steps=2, head_steps=2, pseudo_anomalies=2, batch_size=2, tokens_per_view=6, inp_count=3
)


def save(path: Path, image: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(image).save(path)


def part(seed: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(100, 130, (60, 70, 3), dtype=np.uint8)


@pytest.fixture(scope="module")
def work(tmp_path_factory, tiny_config) -> Path:
    """A folder with a detector, normal pictures, and corrected ones with masks beside."""
    folder = tmp_path_factory.mktemp("work")
    for seed in range(2):
        save(folder / f"good/{seed}.png", part(seed))
        image, mask = part(10 + seed), np.zeros((60, 70), np.uint8)
        mask[20:40, 10 : 30 + seed] = 255
        image[mask > 0] = (250, 0, 0)
        save(folder / f"masks/{seed}.png", image)
        save(folder / f"masks/{seed}_mask.png", mask)
    encoder = replace(tiny_config.encoder, token_budget=36)  # quick
    config = replace(tiny_config, variant="training-free", encoder=encoder)
    model = build_model(config, build_encoder(config.encoder))
    source = AnomalyDetector(model, config, Provenance("untrained", "tiny"))
    source.fit([part(0), part(1)], QUICK).save(folder / "v1.safetensors", bundle_encoder=True)
    return folder


def run(capsys, work: Path, *options) -> tuple[int, str, str]:
    given = ["retrain", work / "v1.safetensors", "--normal", work / "good", *options]
    code = cli.main([str(item) for item in given])
    return code, *capsys.readouterr()


def test_the_next_version_is_saved_and_what_changed_is_told(work, capsys, tmp_path):
    target = tmp_path / "v2.safetensors"
    old = (work / "v1.safetensors").read_bytes()
    code, out, err = run(
        capsys, work, "--masks", work / "masks", "-o", target, "--steps", 3, "--bundle-encoder",
        "--json",
    )  # fmt: skip
    assert code == 0, err
    facts = json.loads(out)
    assert facts["version"] == 2 and facts["corrections"] == 2
    assert {line["picture"] for line in facts["pictures"]} == {"0.png", "1.png"}
    loaded = AnomalyDetector.load(target)
    assert loaded.provenance.version == 2 and loaded.provenance.retrain["steps"] == 3
    assert (work / "v1.safetensors").read_bytes() == old


@pytest.mark.parametrize(
    ("masks", "output", "words"),
    [
        ("good", "v2.safetensors", "known layouts"),
        ("nowhere", "v2.safetensors", "nowhere"),
        ("masks", "v1.safetensors", "another file"),
        ("masks", "v2.pth", ".safetensors"),
    ],
)
def test_what_cannot_be_used_is_said_in_one_sentence(work, capsys, masks, output, words):
    code, out, err = run(capsys, work, "--masks", work / masks, "-o", work / output)
    assert code == 2 and out == "" and words in err and "Traceback" not in err
    assert not (work / "v2.safetensors").exists()
