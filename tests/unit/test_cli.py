import errno
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import inpformer.detector
from inpformer import batch_prediction, cli, detector_file, tensor_files
from inpformer.detector import AnomalyDetector, Provenance
from inpformer.errors import UserError
from inpformer.fit_config import FitConfig
from inpformer.model_input import MAX_SHOTS
from inpformer.modeling.build import build_encoder, build_model
from inpformer.presets import ENCODER_PRESETS

OK, BAD, INTERRUPTED = 0, 2, 130
ROOT = Path(__file__).resolve().parents[2]
FREE = ("--variant", "training-free", "--inps", "4")


def random_picture(height: int = 60, width: int = 84, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


def write_picture(path: Path, seed: int = 0, size: tuple[int, int] = (60, 84)) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(random_picture(*size, seed=seed)).save(path)
    return path


@pytest.fixture(scope="session")
def source(tiny_config) -> AnomalyDetector:
    config = replace(tiny_config, variant="training-free")
    model = build_model(config, build_encoder(config.encoder))
    return AnomalyDetector(model, config, Provenance("untrained", "The tiny encoder."))


@pytest.fixture(scope="session")
def models(source, tmp_path_factory) -> Path:
    """Folder with `tiny` (an encoder to fit from), `free` and `plus` (fitted) as detector files."""
    folder = tmp_path_factory.mktemp("models")
    source.save(folder / "tiny.safetensors")
    quick = FitConfig(variant="training-free", inp_count=4)
    source.fit([random_picture()], quick).save(folder / "free.safetensors")
    quick = FitConfig(steps=2, head_steps=2, pseudo_anomalies=2, tokens_per_view=8, inp_count=4)
    plus = source.fit([random_picture()], quick)
    plus.save(folder / "plus.safetensors")
    plus.save(folder / "bundled.safetensors", bundle_encoder=True)
    return folder


@pytest.fixture
def run(capsys) -> Callable[..., tuple[int, str, str]]:
    """Run the command in this process; return exit code, standard output and standard error."""

    def run(*arguments: object) -> tuple[int, str, str]:
        capsys.readouterr()
        try:
            code = cli.main([str(argument) for argument in arguments])
        except SystemExit as stop:
            code = stop.code
        out, err = capsys.readouterr()
        assert "Traceback" not in out + err
        return code, out, err

    return run


@pytest.fixture
def shot(tmp_path) -> Path:
    return write_picture(tmp_path / "shot.png")


@pytest.fixture
def tiny(models) -> tuple[str, Path]:
    return ("--encoder", models / "tiny.safetensors")


def json_lines(text: str) -> list[dict]:
    lines = [json.loads(line) for line in text.splitlines()]
    assert all(isinstance(line, dict) for line in lines)
    return lines


def assert_one_clear_line(err: str, *words: str) -> None:
    lines = [line for line in err.splitlines() if line.startswith("inpformer: ")]
    assert len(lines) == 1 and lines == err.splitlines()[-1:], err
    assert all(word.lower() in lines[0].lower() for word in words), lines[0]
    assert lines[0].endswith(".")


# Fit


def test_fit_writes_a_detector_that_predict_can_use(run, shot, tiny, tmp_path):
    model, out = tmp_path / "new" / "d.safetensors", tmp_path / "out"
    code, text, err = run("fit", shot, "-o", model, *tiny, *FREE)
    assert code == OK and model.is_file()
    assert str(model) in text and "training-free" in text
    assert "100%" in err
    code, text, _ = run("predict", shot, "--model", model, "-o", out)
    assert code == OK
    assert str(shot) in text and "confidence" in text
    (line,) = json_lines((out / "results.jsonl").read_text())
    assert line["verdict"] in ("normal", "anomalous") and line["file"] == str(shot)
    assert all((out / name).is_file() for name in line["files"].values())
    assert set(line["files"]) == {"heatmap", "overlay", "inps", "mask", "map"}


def test_the_settings_reach_the_fit(run, shot, models, tmp_path):
    model = tmp_path / "d.safetensors"
    options = ("--variant", "inp-former", "--steps", "3", "--seed", "5", "--inps", "3")
    options += ("--tiles", "2x1", "--false-alarm-rate", "0.2")
    code, out, _ = run(
        "fit", shot, "-o", model, "--encoder", models / "tiny.safetensors", *options, "--json"
    )
    assert code == OK
    (facts,) = json_lines(out)
    assert facts["model"]["variant"] == "inp-former" and facts["model"]["inp_count"] == 3
    fit = facts["provenance"]["fit"]
    assert (fit["seed"], fit["steps"], fit["variant"]) == (5, 3, "inp-former")
    assert facts["provenance"]["tiles"] == "2x1"
    assert 0.1 < facts["calibration"]["false_alarm_rate"] <= 0.2
    assert AnomalyDetector.load(model).config.inp_count == 3


def test_the_same_seed_gives_the_same_file(run, shot, tiny, tmp_path):
    options = ("--variant", "inp-former", "--steps", "2", *tiny)
    for name in ("a", "b"):
        assert run("fit", shot, "-o", tmp_path / f"{name}.safetensors", *options)[0] == OK
    first, second = (
        AnomalyDetector.load(tmp_path / f"{name}.safetensors").predict(random_picture())
        for name in "ab"
    )
    np.testing.assert_array_equal(first.anomaly_map, second.anomaly_map)


def test_fit_takes_a_folder_of_shots_of_any_size(run, tiny, tmp_path):
    write_picture(tmp_path / "shots" / "a.png")
    write_picture(tmp_path / "shots" / "deep" / "b.jpg", seed=1, size=(90, 50))
    model = tmp_path / "d.safetensors"
    code, out, _ = run("fit", tmp_path / "shots", "-o", model, *tiny, *FREE, "--json")
    assert code == OK and json_lines(out)[0]["provenance"]["shot_count"] == 2


def test_two_identical_shots_count_once_and_that_is_said(run, shot, tiny, tmp_path):
    copy = tmp_path / "copy.png"
    copy.write_bytes(shot.read_bytes())
    model = tmp_path / "d.safetensors"
    code, out, err = run("fit", shot, copy, "-o", model, *tiny, *FREE)
    assert code == OK
    assert AnomalyDetector.load(model).provenance.shot_count == 1
    said = (out + err).replace(str(tmp_path), "")  # the folder has the name of this test
    assert "identical" in said


def test_bundling_is_what_fit_does_when_asked(run, shot, tiny, tmp_path):
    model = tmp_path / "d.safetensors"
    assert run("fit", shot, "-o", model, *tiny, *FREE, "--bundle-encoder")[0] == OK
    assert detector_file.read_header(model)["encoder_bundled"] is True


def test_half_the_size_is_what_fit_writes_when_asked(run, shot, tiny, tmp_path):
    whole, half = tmp_path / "whole.safetensors", tmp_path / "half.safetensors"
    options = (*tiny, "--variant", "inp-former", "--steps", "2")
    assert run("fit", shot, "-o", whole, *options)[0] == OK
    assert run("fit", shot, "-o", half, *options, "--half")[0] == OK
    assert half.stat().st_size < 0.6 * whole.stat().st_size
    assert detector_file.read_header(half)["half"] is True
    assert run("predict", shot, "--model", half, "-o", tmp_path / "out")[0] == OK


def test_too_many_shots_are_refused_and_nothing_is_written(run, tiny, tmp_path):
    shots = [
        write_picture(tmp_path / f"{n}.png", seed=n, size=(9, 9)) for n in range(MAX_SHOTS + 1)
    ]
    model = tmp_path / "d.safetensors"
    code, out, err = run("fit", *shots, "-o", model, *tiny, *FREE)
    assert code == BAD and not out and not model.exists()
    assert_one_clear_line(err, str(MAX_SHOTS), str(MAX_SHOTS + 1))


def test_no_shots_are_bad_usage(run, tiny, tmp_path):
    model = tmp_path / "d.safetensors"
    assert run("fit", "-o", model, *tiny)[0] == BAD
    (tmp_path / "empty").mkdir()
    code, _, err = run("fit", tmp_path / "empty", "-o", model, *tiny)
    assert code == BAD and not model.exists()
    assert_one_clear_line(err, "empty")


@pytest.mark.parametrize("name", ["text.png", "cut.jpg", "thin.png", "zero.png", "long.png"])
def test_a_shot_that_cannot_be_read_is_named_and_nothing_is_written(
    run, shot, tiny, tmp_path, name
):
    path = tmp_path / name
    if name == "text.png":
        path.write_text("not a picture")
    elif name == "cut.jpg":
        write_picture(path)
        path.write_bytes(path.read_bytes()[:1500])
    elif name == "zero.png":
        path.write_bytes(b"")
    else:
        write_picture(path, size=(40, 1) if name == "thin.png" else (10, 20_000))
    model = tmp_path / "d.safetensors"
    code, out, err = run("fit", shot, path, "-o", model, *tiny, *FREE)
    assert code == BAD and not out and not model.exists()
    assert_one_clear_line(err, name)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--encoder", "dinov9-huge"), ("dinov9-huge", *ENCODER_PRESETS)),
        (("--encoder", "nobody/nothing"), ("nobody/nothing",)),
        (("--encoder", "absent.safetensors"), ("absent.safetensors",)),
        (("--device", "abacus"), ("abacus", "cpu")),
        (("--steps", "0"), ("steps",)),
        (("--inps", "65"), ("inp_count",)),
        (("--false-alarm-rate", "2"), ("false_alarm_rate",)),
        (("--tiles", "many"), ("many", "2x3")),
        (("--weights", "absent.pth"), ("absent.pth",)),
        (("--seed", "99999999999999999999999"), ("seed",)),
    ],
)
def test_a_wrong_setting_of_fit_is_refused_in_one_line(run, shot, tiny, tmp_path, options, words):
    model = tmp_path / "d.safetensors"
    code, out, err = run("fit", shot, "-o", model, *tiny, *FREE, *options)
    assert code == BAD and not out and not model.exists()
    assert_one_clear_line(err, *words)


@pytest.mark.parametrize("name", ["d.pth", "d"])
def test_an_output_of_another_kind_is_refused_before_the_fit(run, shot, monkeypatch, name):
    monkeypatch.setattr(AnomalyDetector, "load", None)
    code, _, err = run("fit", shot, "-o", shot.parent / name)
    assert code == BAD and not (shot.parent / name).exists()
    assert_one_clear_line(err, ".safetensors", name)


def test_a_full_disk_keeps_the_old_detector(run, shot, tiny, tmp_path, monkeypatch):
    def full(*_args, **_kwargs):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    folder = tmp_path / "models"
    folder.mkdir()
    model = folder / "d.safetensors"
    model.write_bytes(b"the old one")
    monkeypatch.setattr(tensor_files, "save_file", full)
    code, out, err = run("fit", shot, "-o", model, *tiny, *FREE)
    assert code == BAD and not out
    assert_one_clear_line(err, "no space left")
    assert list(folder.iterdir()) == [model] and model.read_bytes() == b"the old one"


@pytest.mark.parametrize("phase", ["encode", "train", "calibrate"])
def test_ctrl_c_in_any_phase_of_a_fit_writes_nothing(run, shot, tiny, tmp_path, monkeypatch, phase):
    def interrupt(bar, step):
        if step.phase == phase:
            raise KeyboardInterrupt

    monkeypatch.setattr(cli, "_advance", interrupt)
    folder = tmp_path / "models"
    model = folder / "d.safetensors"
    options = ("--variant", "inp-former", "--steps", "2", *tiny)
    code, out, err = run("fit", shot, "-o", model, *options)
    assert code == INTERRUPTED and not out and not folder.exists()
    assert "nothing was written" in err.splitlines()[-1]
    folder.mkdir()
    model.write_bytes(b"the old one")
    assert run("fit", shot, "-o", model, *options)[0] == INTERRUPTED
    assert list(folder.iterdir()) == [model] and model.read_bytes() == b"the old one"


# Predict


def test_predict_does_the_others_when_one_picture_is_broken(run, models, tmp_path):
    folder, out = tmp_path / "pictures", tmp_path / "out"
    good = [write_picture(folder / name, seed=n) for n, name in enumerate(("a.png", "c.png"))]
    broken = folder / "b.jpg"
    broken.write_bytes(b"not a picture")
    code, text, _ = run(
        "predict", folder, "--model", models / "free.safetensors", "-o", out, "--json"
    )
    assert code == BAD
    lines = json_lines(text)
    assert [line["file"] for line in lines] == [str(p) for p in sorted([*good, broken])]
    assert ["error" in line for line in lines] == [False, True, False]
    assert "b.jpg" in lines[1]["error"]
    assert json_lines((out / "results.jsonl").read_text()) == lines
    assert (out / "a_heatmap.png").is_file() and (out / "c_heatmap.png").is_file()
    assert not list(out.glob("b_*"))


def test_a_broken_picture_is_told_to_people_beside_the_others(run, models, tmp_path):
    good = write_picture(tmp_path / "a.png")
    broken = tmp_path / "b.png"
    broken.write_bytes(good.read_bytes()[:200])
    code, out, err = run(
        "predict", broken, good, "--model", models / "free.safetensors", "-o", tmp_path / "out"
    )
    assert code == BAD
    assert str(good) in out and str(broken) not in out
    assert f"{broken}: 'b.png'" in err


def test_a_run_in_which_every_picture_is_broken_still_writes_its_lines(run, models, tmp_path):
    broken = tmp_path / "b.png"
    broken.write_text("no")
    out = tmp_path / "out"
    code, text, _ = run(
        "predict", broken, "--model", models / "free.safetensors", "-o", out, "--json"
    )
    assert code == BAD
    assert json_lines((out / "results.jsonl").read_text()) == json_lines(text)


def test_the_same_names_in_two_folders_do_not_overwrite_each_other(run, models, tmp_path):
    pictures = [
        write_picture(tmp_path / "one" / "part.png", seed=1),
        write_picture(tmp_path / "two" / "part.png", seed=2),
        write_picture(tmp_path / "two" / "PART.bmp", seed=3),
        write_picture(tmp_path / "two" / "part_2.png", seed=4),
    ]
    out = tmp_path / "out"
    code, text, _ = run(
        "predict", *pictures, "--model", models / "plus.safetensors", "-o", out, "--json"
    )
    assert code == OK
    lines = json_lines(text)
    names = [name.lower() for line in lines for name in line["files"].values()]
    assert len(names) == len(set(names)) == 5 * len(pictures)
    detector = AnomalyDetector.load(models / "plus.safetensors")
    for seed, line in enumerate(lines, 1):
        mask = np.asarray(Image.open(out / line["files"]["mask"])) == 255
        np.testing.assert_array_equal(mask, detector.predict(random_picture(seed=seed)).mask())


def test_results_written_beside_the_pictures_overwrite_none_of_them(run, models, tmp_path):
    pictures = [write_picture(tmp_path / name) for name in ("a.png", "a_mask.png", "a_map.png")]
    data = {path: path.read_bytes() for path in pictures}
    code, _, _ = run("predict", *pictures, "--model", models / "free.safetensors", "-o", tmp_path)
    assert code in (OK, BAD)
    assert {path: path.read_bytes() for path in pictures} == data


def test_a_picture_named_twice_is_inspected_once(run, models, shot, tmp_path):
    code, text, _ = run(
        *("predict", shot, shot, shot.parent / "shot.png", "--json", "-o", tmp_path / "out"),
        *("--model", models / "free.safetensors"),
    )
    assert code == OK and len(json_lines(text)) == 1


def test_predict_writes_what_the_detector_says(run, models, shot, tmp_path):
    out = tmp_path / "out"
    code, text, _ = run(
        *("predict", shot, "--model", models / "plus.safetensors", "-o", out, "--json"),
        *("--maps", "npy", "--map", "segmentation", "--tiles", "1x2"),
    )
    assert code == OK
    (line,) = json_lines(text)
    result = AnomalyDetector.load(models / "plus.safetensors").predict(
        random_picture(), tiles="1x2", map_name="segmentation"
    )
    np.testing.assert_array_equal(np.load(out / "shot_map.npy"), result.anomaly_map)
    assert line["image_score"] == result.image_score and line["map"] == "segmentation"
    assert line["confidence"] == result.confidence and line["tiles"] == [1, 2]
    assert any("rough guide" in notice for notice in line["notices"])


def test_the_benchmark_geometry_writes_the_official_map(run, models, shot, tmp_path):
    out = tmp_path / "out"
    code, _, _ = run(
        *("predict", shot, "--model", models / "plus.safetensors", "-o", out),
        *("--geometry", "benchmark", "--maps", "npy"),
    )
    assert code == OK and np.load(out / "shot_map.npy").shape == (256, 256)


def test_no_map_is_written_when_none_is_asked_for(run, models, shot, tmp_path):
    out = tmp_path / "out"
    model = models / "free.safetensors"
    assert run("predict", shot, "--model", model, "-o", out, "--maps", "none")[0] == OK
    assert not list(out.glob("*_map.*")) and (out / "shot_heatmap.png").is_file()


def test_predict_says_what_the_detector_is(run, models, shot, tmp_path):
    model = models / "tiny.safetensors"
    _, text, err = run("predict", shot, "--model", model, "-o", tmp_path / "out")
    assert "untrained stand-in" in err and "training-free prototypes" in err
    assert "not calibrated" in text


def animated_gif(path: Path) -> Path:
    frames = [Image.fromarray(random_picture(seed=n)) for n in range(3)]
    frames[0].save(path, save_all=True, append_images=frames[1:])
    return path


@pytest.mark.parametrize("json_option", [(), ("--json",)])
def test_predict_says_that_only_the_first_frame_was_seen(run, models, tmp_path, json_option):
    path = animated_gif(tmp_path / "moving.gif")
    _, out, err = run(
        *("predict", path, "--model", models / "free.safetensors", "-o", tmp_path / "out"),
        *json_option,
    )
    assert "first of 3 frames" in out + err


def test_fit_says_that_only_the_first_frame_was_seen(run, tiny, tmp_path):
    path = animated_gif(tmp_path / "moving.gif")
    code, out, err = run("fit", path, "-o", tmp_path / "d.safetensors", *tiny, *FREE)
    assert code == OK and "first of 3 frames" in out + err


def test_a_picture_turned_by_exif_comes_back_upright(run, models, tmp_path):
    path = tmp_path / "turned.jpg"
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(random_picture(60, 84)).save(path, exif=exif)
    _, text, _ = run(
        *("predict", path, "--model", models / "free.safetensors", "-o", tmp_path / "out"), "--json"
    )
    assert json_lines(text)[0]["size"] == [84, 60]
    assert Image.open(tmp_path / "out" / "turned_heatmap.png").size == (60, 84)


@pytest.mark.parametrize("mode", ["L", "P", "CMYK", "RGBA", "I;16"])
def test_a_picture_of_any_kind_is_read(run, models, tmp_path, mode):
    path = tmp_path / ("kind.jpg" if mode == "CMYK" else "kind.png")
    if mode == "I;16":
        Image.fromarray(random_picture()[:, :, 0].astype(np.uint16) * 257).save(path)
    else:
        Image.fromarray(random_picture()).convert(mode).save(path)
    code, text, _ = run(
        *("predict", path, "--model", models / "free.safetensors", "-o", tmp_path / "out"), "--json"
    )
    assert code == OK and json_lines(text)[0]["size"] == [60, 84]


@pytest.mark.parametrize(
    ("options", "word"),
    [
        (("--map", "segmentation"), "distance"),
        (("--tiles", "9x99"), "2x3"),
        (("--colour-map", "mud"), "inferno"),
    ],
)
def test_a_wrong_setting_of_predict_is_refused_and_named(
    run, models, shot, tmp_path, options, word
):
    model = models / "free.safetensors"
    code, _, err = run("predict", shot, "--model", model, "-o", tmp_path / "out", *options)
    assert code == BAD and word in err and not list(tmp_path.glob("out/*.png"))


@pytest.mark.parametrize("option", ["--map", "--geometry", "--maps"])
def test_an_unknown_name_lists_the_known(run, models, shot, tmp_path, option):
    known = {"--map": "reconstruction", "--geometry": "benchmark", "--maps": "png16"}[option]
    model = models / "free.safetensors"
    code, out, err = run("predict", shot, "--model", model, "-o", tmp_path / "o", option, "mud")
    assert code == BAD and "mud" in err and known in err and not out


@pytest.mark.parametrize(
    ("model", "word"),
    [("dinov9", "dinov2-small"), ("no/body", "no/body"), ("absent.safetensors", "absent")],
)
def test_a_model_that_is_not_there_is_refused_in_one_line(run, shot, tmp_path, model, word):
    code, out, err = run("predict", shot, "--model", model, "-o", tmp_path / "out")
    assert code == BAD and not out and not (tmp_path / "out").exists()
    assert_one_clear_line(err, word)


def test_a_path_that_is_not_there_is_refused_in_one_line(run, models, tmp_path):
    model = models / "free.safetensors"
    code, out, err = run("predict", tmp_path / "gone.png", "--model", model, "-o", tmp_path / "out")
    assert code == BAD and not out
    assert_one_clear_line(err, "gone.png")


def test_an_output_that_is_a_file_is_refused_and_kept(run, models, shot, tmp_path):
    target = tmp_path / "out"
    target.write_text("mine")
    code, _, err = run("predict", shot, "--model", models / "free.safetensors", "-o", target)
    assert code == BAD and target.read_text() == "mine"
    assert "choose another" in err


def test_a_disk_that_is_too_full_for_the_lines_is_said(run, models, shot, tmp_path, monkeypatch):
    write_text = Path.write_text

    def full(self, *args, **kwargs):
        if "results" in self.name:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return write_text(self, *args, **kwargs)

    opened = Path.open

    def full_open(self, mode="r", *args, **kwargs):
        if "results" in self.name and mode != "r":
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return opened(self, mode, *args, **kwargs)

    monkeypatch.setattr(Path, "write_text", full)
    monkeypatch.setattr(Path, "open", full_open)
    out = tmp_path / "out"
    code, _, err = run("predict", shot, "--model", models / "free.safetensors", "-o", out)
    assert code == BAD
    assert_one_clear_line(err, "results.jsonl")


def test_ctrl_c_while_inspecting_keeps_the_lines_of_what_was_done(
    run, models, tmp_path, monkeypatch
):
    pictures = [write_picture(tmp_path / f"{n}.png", seed=n) for n in range(3)]
    predict = AnomalyDetector.predict_batch
    seen = []

    def interrupted(self, *args, **kwargs):
        seen.append(1)
        if len(seen) == 3:
            raise KeyboardInterrupt
        return predict(self, *args, **kwargs)

    monkeypatch.setattr(AnomalyDetector, "predict_batch", interrupted)
    monkeypatch.setattr(batch_prediction, "CPU_BATCH", 1)
    out = tmp_path / "out"
    code, _, err = run("predict", *pictures, "--model", models / "free.safetensors", "-o", out)
    assert code == INTERRUPTED
    assert (out / "1_heatmap.png").is_file() and not (out / "2_heatmap.png").exists()
    assert "nothing was written" not in err
    lines = json_lines((out / "results.jsonl").read_text())
    assert [Path(line["file"]).name for line in lines] == ["0.png", "1.png"]


# Machines


def test_json_prints_nothing_but_json_lines_on_standard_output(run, models, shot, tiny, tmp_path):
    model, out = tmp_path / "d.safetensors", tmp_path / "out"
    write_picture(tmp_path / "more" / "x.png", seed=2)
    calls = [
        ("fit", shot, "-o", model, *tiny, *FREE),
        ("predict", shot, tmp_path / "more", "--model", model, "-o", out),
        ("predict", shot, "--model", models / "tiny.safetensors", "-o", out),
        ("info", model),
        ("info", models / "bundled.safetensors"),
    ]
    for call in calls:
        code, text, _ = run(*call, "--json")
        assert code == OK
        assert len(json_lines(text)) == (2 if tmp_path / "more" in call else 1)


def test_errors_are_json_too_when_json_is_asked_for(run, tmp_path):
    code, out, err = run("info", tmp_path / "gone.safetensors", "--json")
    assert code == BAD and not out
    assert "gone.safetensors" in json.loads(err)["error"]


def test_numbers_in_json_are_never_nan(run, models, tmp_path):
    flat = tmp_path / "flat.png"
    Image.fromarray(np.full((50, 60, 3), 127, np.uint8)).save(flat)

    def refuse(name):
        raise AssertionError(f"{name} is no JSON")

    _, text, _ = run(
        *("predict", flat, "--model", models / "plus.safetensors", "-o", tmp_path / "out"), "--json"
    )
    assert json.loads(text, parse_constant=refuse)["verdict"] in ("normal", "anomalous")


# Info and import


@pytest.mark.parametrize("name", ["tiny", "free", "plus", "bundled"])
def test_info_says_what_a_file_holds(run, models, name):
    path = models / f"{name}.safetensors"
    code, text, _ = run("info", path)
    assert code == OK
    for word in ("variant", "encoder", "calibration", "provenance", "encoder_bundled"):
        assert word in text
    code, text, _ = run("info", path, "--json")
    (facts,) = json_lines(text)
    assert code == OK and facts["encoder_bundled"] is (name == "bundled")
    assert facts["bytes"] == path.stat().st_size


@pytest.mark.parametrize("data", [b"", b"junk" * 30])
def test_info_of_something_else_is_refused_in_one_line(run, tmp_path, data):
    path = tmp_path / "d.safetensors"
    path.write_bytes(data)
    code, out, err = run("info", path)
    assert code == BAD and not out
    assert_one_clear_line(err, "d.safetensors")


@pytest.mark.parametrize("kind", ["absent", "empty", "text", "other", "list", "cut"])
def test_a_checkpoint_that_is_none_is_refused_in_one_line(run, tmp_path, kind):
    path, model = tmp_path / "model.pth", tmp_path / "d.safetensors"
    if kind in ("empty", "text"):
        path.write_bytes(b"" if kind == "empty" else b"not a checkpoint")
    elif kind != "absent":
        value = [1, 2] if kind == "list" else {"weight": torch.zeros(2000)}
        torch.save(value, path)
    if kind == "cut":
        path.write_bytes(path.read_bytes()[:3000])
    code, out, err = run("import-official", path, "-o", model)
    assert code == BAD and not out and not model.exists()
    assert_one_clear_line(err, "model.pth")


# Usage


@pytest.mark.parametrize(
    "arguments",
    [
        (),
        ("dance",),
        ("fit",),
        ("fit", "a.png"),
        ("predict", "a.png"),
        ("fit", "a.png", "-o", "d.safetensors", "--steps", "many"),
        ("fit", "a.png", "-o", "d.safetensors", "--variant", "magic"),
        ("info",),
        ("import-official", "a.pth"),
    ],
)
def test_bad_usage_ends_with_two(run, arguments):
    code, out, err = run(*arguments)
    assert code == BAD and not out and "usage: inpformer" in err


@pytest.mark.parametrize("verb", ["fit", "predict", "import-official", "info"])
def test_every_verb_explains_itself(run, verb):
    code, out, _ = run(verb, "--help")
    assert code == OK and "--json" in out
    assert verb in run("--help")[1]


def test_version(run):
    assert run("--version")[:2] == (OK, f"inpformer {inpformer.__version__}\n")


# Real processes


def start(*arguments: object, **options) -> subprocess.Popen:
    return subprocess.Popen(
        [sys.executable, "-m", "inpformer", *map(str, arguments)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # A shell that runs the tests in the background has them and their children ignore Ctrl-C.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        **options,
    )


@pytest.mark.parametrize(("given", "views"), [((), "station"), (("--views", "paper"), "paper")])
def test_the_views_asked_for_reach_the_fit(run, shot, tmp_path, monkeypatch, given, views):
    asked = []

    def fit(self, images, config, **_):
        asked.append(config.views)
        raise UserError("Enough.")

    monkeypatch.setattr("inpformer.detector.AnomalyDetector.fit", fit)
    where = ("-o", tmp_path / "d.safetensors", "--encoder", "embedded")
    code, _, err = run("fit", shot, *where, *given)
    assert (code, asked) == (BAD, [views]) and "Enough." in err


def test_the_command_fits_as_a_real_process(run, shot, tmp_path):
    model, out = tmp_path / "d.safetensors", tmp_path / "out"
    process = start(
        *("fit", shot, "-o", model, "--encoder", "filters", "--steps", "2"),
        *("--variant", "training-free", "--bundle-encoder", "--json"),
    )
    text, err = process.communicate(timeout=120)
    assert process.returncode == OK, err
    assert json_lines(text)[0]["encoder_bundled"] is True
    code, text, _ = run("predict", shot, "--model", model, "-o", out, "--json")
    (line,) = json_lines(text)
    assert code == OK and line["map"] == "distance"
    assert (out / line["files"]["overlay"]).is_file()


def test_bad_usage_ends_a_real_process_with_two_and_does_not_wait_for_torch():
    process = start("fit", "--steps", "many", "a.png", "-o", "d.safetensors")
    out, err = process.communicate(timeout=60)
    assert process.returncode == BAD and not out and "'many'" in err
    code = "import sys, inpformer.cli; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, timeout=60).returncode == 0


def test_a_real_ctrl_c_in_a_fit_leaves_no_file(shot, tmp_path):
    folder = tmp_path / "models"
    folder.mkdir()
    process = start(
        *("fit", shot, "-o", folder / "d.safetensors", "--encoder", "filters"),
        *("--variant", "inp-former", "--steps", "100000"),
    )
    heard: list[str] = []
    fitting = threading.Event()

    def listen() -> None:
        while char := process.stderr.read(1):
            heard.append(char)
            if "learning to rebuild" in "".join(heard[-40:]):
                fitting.set()

    listener = threading.Thread(target=listen)
    listener.start()
    try:
        assert fitting.wait(90), "".join(heard)
        process.send_signal(signal.SIGINT)
        started = time.monotonic()
        assert process.wait(timeout=30) == INTERRUPTED
        assert time.monotonic() - started < 10
    finally:
        process.kill()
        listener.join(timeout=10)
    err = "".join(heard)
    assert "Traceback" not in err and "nothing was written" in err
    assert process.stdout.read() == "" and not list(folder.iterdir())
    process.stdout.close()
    process.stderr.close()


def test_textures_are_read_and_a_broken_one_is_refused(run, shot, tiny, tmp_path):
    model, broken = tmp_path / "d.safetensors", tmp_path / "b.png"
    broken.write_text("no")
    code, _, err = run("fit", shot, "-o", model, *tiny, *FREE, "--textures", broken)
    assert code == BAD and not model.exists()
    assert_one_clear_line(err, "b.png")
    assert run("fit", shot, "-o", model, *tiny, *FREE, "--textures", shot)[0] == OK


def test_a_detector_file_holds_no_paths_of_the_machine_it_was_made_on(run, shot, tiny, tmp_path):
    model = tmp_path / "d.safetensors"
    assert run("fit", shot, "-o", model, *tiny, *FREE)[0] == OK
    provenance = detector_file.read_header(model)["provenance"]
    assert provenance["encoder_reason"] == ""


def test_a_reader_that_has_seen_enough_is_no_error(models):
    command = f"{sys.executable} -m inpformer info {models / 'plus.safetensors'} | true"
    done = subprocess.run(command, shell=True, capture_output=True, text=True, cwd=ROOT)
    assert "Traceback" not in done.stderr and "BrokenPipe" not in done.stderr
