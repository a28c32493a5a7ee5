"""`inpformer evaluate`: a data set and detectors in, figures and a report out."""

import csv
import json
import os
import pickle
import signal
import socket
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from evaluation_doubles import GreyDetector, make_dataset
from test_evaluate import untimed

from inpformer import cli
from inpformer.datasets import find
from inpformer.datasets.sample import DataSet
from inpformer.detector import AnomalyDetector
from inpformer.errors import UserError
from inpformer.evaluation import report
from inpformer.evaluation.evaluate import evaluate
from inpformer.evaluation.look import EvaluateConfig
from inpformer.evaluation.records import METRICS
from inpformer.evaluation.subjects import Subject, read_subjects

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def dataset(tmp_path_factory) -> DataSet:
    return make_dataset(tmp_path_factory.mktemp("data"), "cap", "nut")


@pytest.fixture
def files(tmp_path, monkeypatch, dataset, tiny_config) -> dict[str, GreyDetector]:
    """Detector files by name, which the double stands for, and a data set that is found."""
    known = {"grey": GreyDetector(tiny_config), "other": GreyDetector(tiny_config, threshold=90.0)}
    for name in known:
        (tmp_path / f"{name}.safetensors").write_bytes(b"")
    load = lambda source, device="auto", weights=None: known[Path(source).stem]  # noqa: E731
    monkeypatch.setattr(AnomalyDetector, "load", load)
    monkeypatch.setattr(find, "open_dataset", lambda path, layout=None: dataset)
    return known


def run(tmp_path: Path, *options, models=("grey",)) -> int:
    given = ["evaluate", tmp_path, "-o", tmp_path / "out"]
    for model in models:
        path = tmp_path / f"{model}.safetensors"
        given += ["--model", path if path.exists() else tmp_path / model]
    return cli.main([str(item) for item in (*given, *options)])


def test_the_figures_are_told_and_the_report_is_written(files, tmp_path, dataset, capsys):
    assert run(tmp_path, "--json") == 0
    told = json.loads(capsys.readouterr().out)
    expected = evaluate(files["grey"], dataset)
    (found,) = told["evaluations"]
    assert found["title"] == "grey" and found["protocol"] == "full-image"
    for each in expected.classes:
        figures = {name: figure.value for name, figure in each.figures.items()}
        assert found["classes"][each.class_name] == figures
    names = {path.name for path in (tmp_path / "out").iterdir()}
    assert names == {"report.html", "figures.csv", "pictures.csv", "evaluation.json", "state"}
    assert told["report"] == str(tmp_path / "out" / "report.html")
    assert "data:image/jpeg" in Path(told["report"]).read_text("utf-8")


def test_people_get_a_table_in_percent(files, tmp_path, dataset, capsys):
    assert run(tmp_path) == 0
    out, err = capsys.readouterr()
    lines = out.splitlines()
    assert "I-AUROC" in lines[1] and "AUPRO" in lines[1]
    assert [line.split()[0] for line in lines[2:5]] == ["cap", "nut", "Mean"]
    mean = evaluate(files["grey"], dataset).mean
    assert lines[4].split()[1:] == [f"{100 * mean[name].value:.1f}" for name in METRICS]
    assert lines[5].endswith("report.html")
    assert "18/18" in err, "the progress bar"


def test_the_options_reach_the_evaluation(files, tmp_path, capsys):
    options = ("--protocol", "paper", "--class", "nut", "--map", "fused", "--limit", "2")
    assert run(tmp_path, "--json", *options, "--seed", "5") == 0
    (found,) = json.loads(capsys.readouterr().out)["evaluations"]
    assert found["protocol"] == "paper" and list(found["classes"]) == ["nut"]
    stored = json.loads((tmp_path / "out" / "evaluation.json").read_text("utf-8"))
    settings = stored["evaluations"][0]["settings"]
    assert (settings["map"], settings["limit"], settings["seed"]) == ("fused", 2, 5)
    assert any("seed 5" in problem for problem in found["problems"])


def test_several_models_are_compared_in_one_report(files, tmp_path, capsys):
    assert run(tmp_path, "--json", models=("grey", "other", "grey")) == 0
    titles = [each["title"] for each in json.loads(capsys.readouterr().out)["evaluations"]]
    assert titles == ["grey", "other", "grey (2)"]
    with (tmp_path / "out" / "figures.csv").open(encoding="utf-8-sig", newline="") as stream:
        assert {row["evaluation"] for row in csv.DictReader(stream)} == set(titles)


def test_zero_shot_uses_the_distance_alone(tmp_path, files, monkeypatch, capsys):
    asked = []

    def zero_shot(self):
        asked.append(self)
        return self

    monkeypatch.setattr(GreyDetector, "zero_shot", zero_shot)
    assert run(tmp_path, "--json", "--zero-shot") == 0
    assert asked == [files["grey"]]


def write_run(folder: Path, **record) -> Path:
    folder.mkdir()
    (folder / "run.json").write_text(json.dumps(record), "utf-8")
    return folder


def test_a_training_brings_a_detector_for_each_class_and_what_it_has_learnt_from(
    files, tmp_path, dataset, capsys
):
    write_run(
        tmp_path / "trained",
        detectors={"cap": "grey.safetensors", "nut": "other.safetensors", "rod": "no.safetensors"},
        taken_out=["cap/dent/1.png", "nut/good/0.png"],
    )
    assert run(tmp_path, "--json", models=("trained",)) == 0
    (found,) = json.loads(capsys.readouterr().out)["evaluations"]
    assert found["title"] == "trained"
    assert any("learnt from them: 2" in problem for problem in found["problems"])
    stored = json.loads((tmp_path / "out" / "evaluation.json").read_text("utf-8"))
    cap, nut = stored["evaluations"][0]["classes"]
    assert (cap["threshold"], nut["threshold"]) == (150.0, 90.0)
    assert (cap["normal"], cap["anomalous"]) == (4, 4)
    assert (nut["normal"], nut["anomalous"]) == (3, 5)


def test_pictures_to_train_on_are_no_matter_of_what_was_taken_out(dataset):
    train = tuple(replace(sample, split="train") for sample in dataset.samples)
    everything = frozenset(s.path.relative_to(dataset.root).as_posix() for s in train)
    changed = replace(dataset, samples=train)
    assert Subject("x", {}, everything).unseen(changed) is changed


@pytest.mark.parametrize(
    ("record", "words"),
    [
        (None, "no run.json"),
        ("{", "does not say"),
        ("[]", "does not say"),
        ('{"detectors": ["a"]}', "does not say"),
        ('{"detectors": {"a": 1}}', "does not say"),
        ('{"detectors": {"a": "b"}, "taken_out": 3}', "does not say"),
    ],
)
def test_a_folder_of_something_else_is_refused(tmp_path, record, words):
    if record is not None:
        (tmp_path / "run.json").write_text(record, "utf-8")
    with pytest.raises(UserError, match=words):
        read_subjects([str(tmp_path)])


def test_models_of_one_name_have_different_titles(tmp_path):
    for name in ("a/m.safetensors", "b/M.safetensors"):
        (tmp_path / name).parent.mkdir()
        (tmp_path / name).write_bytes(b"")
    models = [str(tmp_path / "a/m.safetensors"), str(tmp_path / "b/M.safetensors"), "auto"]
    assert [subject.title for subject in read_subjects(models)] == ["m", "M (2)", "auto"]


def test_detectors_of_a_training_share_their_encoder(tiny_config, tmp_path):
    for name in ("a", "b"):
        grey = GreyDetector(tiny_config)
        scales = dict.fromkeys(tiny_config.map_names, grey.calibration.scales["fused"])
        grey.calibration = replace(grey.calibration, scales=scales)
        grey.save(tmp_path / f"{name}.safetensors", bundle_encoder=True)
    sources = {name: str(tmp_path / f"{name}.safetensors") for name in ("a", "b", "c")}
    loaded = Subject("x", sources).load(["a", "b"], "cpu")
    assert set(loaded) == {"a", "b"}, "what is not needed is not loaded"
    assert loaded["a"].model.encoder is loaded["b"].model.encoder


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--class", "bolt"), "no class 'bolt'. Its classes are: cap, nut"),
        (("--limit", "0"), "limit"),
        (("--map", "memory"), "no 'memory' map"),
    ],
)
def test_what_cannot_be_used_is_said_in_one_sentence(files, tmp_path, capsys, options, words):
    if "memory" in options:
        options = ("--map", "segmentation")
        words = "no 'segmentation' map"
        files["grey"].config = replace(files["grey"].config, variant="inp-former")
    assert run(tmp_path, *options) == 2
    err = capsys.readouterr().err
    assert words in err and "Traceback" not in err
    assert not (tmp_path / "out" / "report.html").exists()


def test_ctrl_c_keeps_what_is_done_and_the_same_command_goes_on(
    files, tmp_path, dataset, tiny_config, capsys, monkeypatch
):
    detector = files["grey"]
    predict = GreyDetector.predict

    def interrupted(self, image, **options):
        if self.seen == 10:
            signal.raise_signal(signal.SIGINT)
        return predict(self, image, **options)

    monkeypatch.setattr(GreyDetector, "predict", interrupted)
    handler = signal.getsignal(signal.SIGINT)
    assert run(tmp_path) == 130
    assert signal.getsignal(signal.SIGINT) is handler
    err = capsys.readouterr().err
    assert "Stopped after 11 of 18 pictures." in err and "same command again" in err
    assert not (tmp_path / "out" / "report.html").exists()
    again = GreyDetector(tiny_config)
    again.seen = 1000
    files["grey"] = again
    monkeypatch.setattr(report, "write_report", lambda found, *_: written.extend(found))
    written: list = []
    assert run(tmp_path) == 0
    whole = evaluate(detector, dataset, EvaluateConfig(title="grey"))
    assert untimed(written[0]) == untimed(whole)


def test_a_second_ctrl_c_stops_at_once(files, tmp_path, monkeypatch, capsys):
    def twice(self, image, **options):
        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr(GreyDetector, "predict", twice)
    assert run(tmp_path) == 130
    assert "nothing was written" in capsys.readouterr().err


# The command, on a data set that was found elsewhere.
SCRIPT = """
import pickle, sys, types
from pathlib import Path
sys.path.insert(0, {root!r})
find = types.ModuleType("inpformer.datasets.find")
find.open_dataset = lambda path, layout=None: pickle.loads((path / "dataset.pickle").read_bytes())
sys.modules["inpformer.datasets.find"] = find
from inpformer import cli
sys.exit(cli.main(sys.argv[1:]))
"""


def run_together(command: list[str], world: int) -> list[str]:
    """Run a command in several processes, as a launcher does, and return what each prints."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    common = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), "OMP_NUM_THREADS": "1"}
    common |= {"ACCELERATE_USE_CPU": "true", "WORLD_SIZE": str(world)}
    started = []
    for rank in range(world):
        own = {"RANK": str(rank), "LOCAL_RANK": str(rank), "LOCAL_WORLD_SIZE": str(world)}
        started.append(
            subprocess.Popen(
                command,
                env={**os.environ, **common, **own},
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
            )
        )
    said = [process.communicate(timeout=300) for process in started]
    assert [process.returncode for process in started] == [0] * world, said
    return [out for out, _ in said]


@pytest.mark.slow
def test_two_processes_find_what_one_finds(tmp_path, dataset, tiny_config):
    pytest.importorskip("accelerate")
    double = GreyDetector(tiny_config)
    AnomalyDetector(double.model, double.config, double.provenance, double.calibration).save(
        tmp_path / "tiny.safetensors", bundle_encoder=True
    )
    (tmp_path / "dataset.pickle").write_bytes(pickle.dumps(dataset))
    script = tmp_path / "command.py"
    script.write_text(SCRIPT.format(root=str(ROOT)), "utf-8")
    told = []
    for name, world in (("one", 1), ("two", 2)):
        command = [sys.executable, str(script), "evaluate", str(tmp_path), "--json"]
        command += ["--model", str(tmp_path / "tiny.safetensors"), "-o", str(tmp_path / name)]
        outputs = run_together(command, world)
        told.append(json.loads(outputs[0])["evaluations"])
        assert outputs[1:] == [""] * (world - 1), "only the first one speaks"
    assert told[0] == told[1]
    parts = {path.name for path in (tmp_path / "two" / "state" / "1").glob("class-000*.npz")}
    assert parts == {"class-000-part-1-of-2.npz", "class-000-part-2-of-2.npz"}
    pages = [(tmp_path / name / "figures.csv").read_bytes() for name in ("one", "two")]
    assert pages[0] == pages[1]
