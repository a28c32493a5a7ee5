"""`inpformer train`: options to settings, a data set to a run folder, and refusals."""

import json
import os
import signal
from dataclasses import fields

import pytest
from training_data import source, write_data

from inpformer import cli, train_command
from inpformer.config import LossConfig
from inpformer.detector import AnomalyDetector
from inpformer.training.config import TrainConfig

QUICK = (
    *("--epochs", 2, "--head-epochs", 1, "--batch-size", 4, "--warmup-steps", 1, "--inps", 3),
    *("--set", "calibration_views=3", "log_steps=1", "head_widths=[4,2]"),
)


@pytest.fixture
def work(tmp_path):
    """A folder with a data set of two classes, and an encoder to train on."""
    write_data(tmp_path / "parts")
    source().save(tmp_path / "encoder.safetensors", bundle_encoder=True)
    return tmp_path


def run(capsys, work, *options, output="run") -> tuple[int, str, str]:
    given = ["train", work / "parts", "-o", work / output, "--device", "cpu"]
    given += ["--encoder", work / "encoder.safetensors", "--bundle-encoder", *options]
    code = cli.main([str(item) for item in given])
    return code, *capsys.readouterr()


def settings(*options) -> dict:
    parsed = cli._parser().parse_args(["train", "data", "-o", "run", *map(str, options)])
    return train_command.read_settings(parsed)


def test_a_run_is_trained_and_told(work, capsys):
    code, out, err = run(capsys, work, *QUICK)
    assert code == 0, err
    file = work / "run/detectors/all.safetensors"
    assert out == f"all classes: {file}\n"
    assert "2 classes, 8 pictures to train on" in err and "pictures/s" in err
    assert AnomalyDetector.load(file, "cpu").provenance.training["batch_size"] == 4


def test_a_damaged_picture_is_named_before_the_training_begins(work, capsys, caplog, monkeypatch):
    (work / "parts/nut/train/good/2.png").write_bytes(b"no picture")
    said = []

    def note(self, progress):
        if progress.phase == "train":
            said.append(caplog.text)

    monkeypatch.setattr(train_command._Bar, "show", note)
    assert run(capsys, work, *QUICK)[0] == 0
    assert "Left out nut/train/good/2.png: '2.png'" in said[0]


def test_machines_are_told_in_json(work, capsys):
    code, out, _ = run(capsys, work, *QUICK, "--setting", "single", "--class", "nut", "--json")
    facts = json.loads(out)
    assert code == 0 and set(facts["detectors"]) == {"nut"}
    assert facts["config"]["epochs"] == 2 and facts["is_finished"]


def test_a_run_goes_on_with_resume_and_not_without(work, capsys):
    assert run(capsys, work, *QUICK)[0] == 0
    code, _, err = run(capsys, work, *QUICK)
    assert code == 2 and "add --resume" in err
    assert run(capsys, work, *QUICK, "--resume")[0] == 0
    code, _, err = run(capsys, work, *QUICK, "--resume", "--seed", 3)
    assert code == 2 and "its seed is 1, and now 3" in err


def test_ctrl_c_keeps_what_was_trained_and_says_how_to_go_on(work, capsys, monkeypatch):
    def show(self, progress):
        if (progress.phase, progress.step) == ("train", 2):
            os.kill(os.getpid(), signal.SIGINT)

    before = signal.getsignal(signal.SIGINT)
    with monkeypatch.context() as patched:
        patched.setattr(train_command._Bar, "show", show)
        code, _, err = run(capsys, work, *QUICK)
    assert code == 130 and "--resume" in err and "Traceback" not in err
    assert signal.getsignal(signal.SIGINT) is before
    assert (work / "run/checkpoint/state.safetensors").exists()
    assert run(capsys, work, *QUICK, "--resume")[0] == 0


@pytest.mark.skipif(os.name == "nt", reason="bounds files by RLIMIT_FSIZE")
def test_a_disk_that_fills_up_in_the_middle_keeps_the_checkpoint_and_says_how_to_go_on(
    work, capsys, monkeypatch
):
    import resource

    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    often = (*QUICK, "--set", "checkpoint_steps=1")

    def fill_after_a_step(self, progress):
        if (progress.phase, progress.step) == ("train", 2):
            resource.setrlimit(resource.RLIMIT_FSIZE, (0, before[1]))

    with monkeypatch.context() as patch:
        patch.setattr(train_command._Bar, "show", fill_after_a_step)
        try:
            code, _, err = run(capsys, work, *often)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert code == 2 and "no space left to save" in err, err
    assert "Then go on with the same command and --resume." in err
    assert (work / "run/checkpoint/state.safetensors").is_file()
    assert not list((work / "run").rglob("*.part"))
    assert run(capsys, work, *often, "--resume")[0] == 0
    AnomalyDetector.load(work / "run/detectors/all.safetensors", "cpu")


def test_only_the_main_process_speaks(work, capsys, monkeypatch):
    monkeypatch.setenv("RANK", "1")
    code, out, err = run(capsys, work, "--epochs", 0)
    assert (code, out, err) == (2, "", "")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--epochs", 0), "epochs must be 1"),
        (("--set", "speed=9"), "There is no setting 'speed'; there are: anomalies, batch_size"),
        (("--set", "speed"), "NAME=VALUE"),
        (("--set", "gradient_clip=much"), "gradient_clip must be of type float"),
        (("--set", "epochs=3", "--epochs", 4), "'epochs' is given twice"),
        (("--set", "losses.mining_gamma=-1"), "mining_gamma"),
        (("--class", "screw"), "There is no class 'screw'"),
        (("--setting", "few-shot", "--shots", 9), "9 pictures cannot be drawn"),
        (("--anomalies", 2, "--variant", "inp-former"), "segmentation head"),
        (("--mixed-precision", "fp16"), "fp16"),
        (("--encoder", "nothing"), "neither a detector file"),
        (("--textures", "nowhere"), "nowhere"),
    ],
)
def test_what_cannot_be_used_is_said_in_one_sentence(work, capsys, options, words):
    code, out, err = run(capsys, work, *options)
    assert code == 2 and out == ""
    assert words.casefold() in err.casefold() and "Traceback" not in err
    assert not (work / "run").exists()


def test_a_data_set_that_is_not_there_is_refused(work, capsys):
    code = cli.main(["train", str(work / "none"), "-o", str(work / "run")])
    assert code == 2 and "There is no folder" in capsys.readouterr().err


def test_what_is_not_asked_for_is_left_to_the_defaults():
    assert settings() == {}


def test_options_and_set_name_the_same_fields():
    by_option = settings("--inps", 4, "--accumulate", 2, "--geometry", "full", "--hold-out", 0.1)
    by_name = settings(
        *("--set", "inp_count=4", "gradient_accumulation_steps=2"),
        *("--set", "geometry=full", "hold_out=0.1"),
    )
    assert by_option == by_name
    config = TrainConfig(**by_option)
    assert (config.inp_count, config.gradient_accumulation_steps) == (4, 2)


def test_losses_start_from_those_of_the_variant():
    asked = settings("--variant", "inp-former", "--set", "losses.mining_gamma=2")
    assert asked["losses"] == LossConfig(coherence="hard", mining_branches="cosine", mining_gamma=2)
    asked = settings("--coherence", "hard", "--mining", "cosine")
    assert asked["losses"] == LossConfig(coherence="hard", mining_branches="cosine")


def test_the_precision_of_a_launcher_counts_where_none_was_asked_for(monkeypatch):
    monkeypatch.setenv("ACCELERATE_MIXED_PRECISION", "bf16")
    assert settings()["mixed_precision"] == "bf16"
    assert settings("--mixed-precision", "no")["mixed_precision"] == "no"


def test_every_field_can_be_changed():
    known = {field.name for field in fields(TrainConfig)} - {"losses"}
    values = {name: getattr(TrainConfig(), name) for name in known}
    for name, value in values.items():
        shown = json.dumps(value)
        assert settings("--set", f"{name}={shown}")[name] in (
            value,
            list(value) if isinstance(value, tuple) else value,
        )
