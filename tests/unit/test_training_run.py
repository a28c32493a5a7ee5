"""A run: detectors and a record for every setting, and what may go wrong."""

import json
from dataclasses import replace

import numpy as np
import pytest
from training_data import QUICK, source, write_data

from inpformer.augmentation import VIEW_COUNT
from inpformer.datasets.sample import DataSet
from inpformer.detector import AnomalyDetector
from inpformer.errors import UserError
from inpformer.images import load_image
from inpformer.training.processes import Processes
from inpformer.training.run import TrainRequest, train


@pytest.fixture
def data(tmp_path) -> DataSet:
    return write_data(tmp_path / "parts")


def run(tmp_path, data, config=QUICK, name="run", **request) -> dict:
    wanted = TrainRequest((data,), config, tmp_path / name, bundle_encoder=True, **request)
    return train(source(), wanted, Processes(on_cpu=True))


def lines_of(folder) -> list[dict]:
    return [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]


# --- settings ----------------------------------------------------------------------------------


def test_multi_class_trains_one_detector_that_inspects_pictures(tmp_path, data):
    record = run(tmp_path, data)
    assert record["detectors"] == {"*": "detectors/all.safetensors"}
    assert record == json.loads((tmp_path / "run/run.json").read_text())
    assert record["is_finished"] and record["classes"] == ["bolt", "nut"]
    detector = AnomalyDetector.load(tmp_path / "run/detectors/all.safetensors", "cpu")
    assert detector.provenance.shot_count == 8
    assert detector.provenance.training["epochs"] == QUICK.epochs
    image = load_image(data.of("bolt", "test")[0].path)
    result = detector.predict(image, geometry="benchmark")
    assert result.map_name == "fused" and np.isfinite(result.map("fused")).all()
    assert result.is_anomalous in (True, False)
    assert not any("rough guide" in notice for notice in result.notices)


def test_a_detector_says_where_its_threshold_is_only_a_rough_guide(tmp_path, data):
    run(tmp_path, data)
    detector = AnomalyDetector.load(tmp_path / "run/detectors/all.safetensors", "cpu")
    image = load_image(data.samples[0].path)
    notices = detector.predict(image).notices
    assert any("middle of pictures" in notice and "rough guide" in notice for notice in notices)
    whole = replace(QUICK, geometry="full")
    run(tmp_path, data, whole, name="whole")
    detector = AnomalyDetector.load(tmp_path / "whole/detectors/all.safetensors", "cpu")
    assert not any("rough guide" in notice for notice in detector.predict(image).notices)


def test_single_class_trains_a_detector_per_class(tmp_path, data):
    record = run(tmp_path, data, replace(QUICK, setting="single"))
    files = record["detectors"]
    assert set(files) == {"bolt", "nut"} and len(set(files.values())) == 2
    counts = [AnomalyDetector.load(tmp_path / "run" / file, "cpu") for file in files.values()]
    assert [detector.provenance.shot_count for detector in counts] == [4, 4]
    assert {line["model"] for line in lines_of(tmp_path / "run")} == {"bolt", "nut"}


def test_a_class_is_trained_as_if_it_were_alone(tmp_path, data):
    run(tmp_path, data, replace(QUICK, setting="single"))
    run(tmp_path, data, replace(QUICK, setting="single"), name="alone", classes=("nut",))
    ours, theirs = (
        (tmp_path / name / "detectors/nut.safetensors").read_bytes() for name in ("run", "alone")
    )
    assert ours == theirs


def test_super_multi_class_trains_one_detector_for_several_data_sets(tmp_path, data):
    other = write_data(tmp_path / "more", classes=("bolt",), train=3)
    config = replace(QUICK, setting="super")
    request = TrainRequest((data, other), config, tmp_path / "run", bundle_encoder=True)
    record = train(source(), request, Processes(on_cpu=True))
    assert record["classes"] == ["more/bolt", "parts/bolt", "parts/nut"]
    assert set(record["detectors"]) == {"*"} and len(record["data"]) == 2
    detector = AnomalyDetector.load(tmp_path / "run/detectors/all.safetensors", "cpu")
    assert detector.provenance.shot_count == 11


@pytest.mark.parametrize("views", ["paper", "station"])
def test_few_shot_trains_on_the_views_of_pictures_that_are_listed(tmp_path, data, views):
    config = replace(QUICK, setting="few-shot", shots=2, batch_size=11, epochs=1, views=views)
    record = run(tmp_path, data, config)
    assert set(record["shots"]) == set(record["detectors"]) == {"bolt", "nut"}
    for name, shots in record["shots"].items():
        assert len(shots) == len(set(shots)) == 2
        assert all(shot.startswith(f"{name}/train/good/") for shot in shots)
    steps = {line["steps"] for line in lines_of(tmp_path / "run") if line["phase"] == "train"}
    assert steps == {2 * VIEW_COUNT // 11}


def test_the_first_paper_has_no_head_to_train(tmp_path, data):
    config = replace(QUICK, variant="inp-former")
    run(tmp_path, data, config)
    assert {line["phase"] for line in lines_of(tmp_path / "run")} == {"train"}
    detector = AnomalyDetector.load(tmp_path / "run/detectors/all.safetensors", "cpu")
    assert detector.map_names == ("reconstruction", "distance")


def test_real_anomalies_are_used_and_taken_out_of_the_test_set(tmp_path, data):
    config = replace(QUICK, anomalies=2, real_share=1.0)
    record = run(tmp_path, data, config)
    taken = record["taken_out"]
    assert len(taken) == len(set(taken)) == 4
    assert all((data.root / name).is_file() and "/test/hole/" in name for name in taken)
    run(tmp_path, data, name="without")
    ours, theirs = (lines_of(tmp_path / name) for name in ("run", "without"))
    assert [a["segmentation"] for a in ours if a["phase"] == "head"] != [
        b["segmentation"] for b in theirs if b["phase"] == "head"
    ]


def test_pictures_that_are_held_out_set_the_thresholds_and_nothing_else(tmp_path, data):
    record = run(tmp_path, data, replace(QUICK, hold_out=0.25))
    assert len(record["held_out"]) == 2
    assert {name.split("/")[0] for name in record["held_out"]} == {"bolt", "nut"}
    detector = AnomalyDetector.load(tmp_path / "run/detectors/all.safetensors", "cpu")
    assert detector.provenance.shot_count == 6 and detector.calibration.shot_count == 2
    assert "held out" in detector.calibration.method


def test_without_pictures_held_out_the_thresholds_say_what_they_come_from(tmp_path, data):
    run(tmp_path, data, replace(QUICK, calibration_views=20))
    detector = AnomalyDetector.load(tmp_path / "run/detectors/all.safetensors", "cpu")
    assert "may score higher" in detector.calibration.method
    assert detector.calibration.score_count == 20 and detector.calibration.shot_count == 8


def test_filters_with_scaled_tokens_and_a_memory_can_be_trained(tmp_path, data):
    config = replace(QUICK, token_scale="shots", memory_tokens=40, geometry="full")
    run(tmp_path, data, replace(config, head_input="scaled", source_tokens=5, tokens_per_view=6))
    model = AnomalyDetector.load(tmp_path / "run/detectors/all.safetensors", "cpu").model
    assert model.memory.directions.norm(dim=1).allclose(model.memory.directions.new_ones(40))
    assert not (model.inp_extractor.scale.mean == 0).all()


def test_textures_are_what_synthetic_defects_are_cut_from(tmp_path, data):
    texture = data.samples[0].path
    run(tmp_path, data)
    run(tmp_path, data, name="textured", textures=(texture,))
    ours, theirs = (lines_of(tmp_path / name)[-1]["segmentation"] for name in ("run", "textured"))
    assert ours != theirs


# --- repeatable, and watched -------------------------------------------------------------------


def test_the_same_seed_gives_the_same_detector_and_another_one_does_not(tmp_path, data):
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        run(tmp_path, data, replace(QUICK, seed=seed), name=name)
    files = [(tmp_path / n / "detectors/all.safetensors").read_bytes() for n in "abc"]
    assert files[0] == files[1] != files[2]


def test_the_log_has_a_line_per_step_with_all_that_is_needed_to_judge_it(tmp_path, data):
    run(tmp_path, data)
    lines = lines_of(tmp_path / "run")
    trained = [line for line in lines if line["phase"] == "train"]
    assert [line["step"] for line in trained] == list(range(1, 7))
    for line in lines:
        losses = {"reconstruction", "coherence"} if line["phase"] == "train" else {"segmentation"}
        assert losses <= set(line)
        assert line["pictures_per_second"] > 0 and line["seconds_left"] >= 0
    assert [line["learning_rate"] for line in trained][:2] == [0.0, QUICK.learning_rate]
    assert lines[-1]["seconds_left"] == 0 and trained[0]["seconds_left"] > 0
    page = (tmp_path / "run/curve.html").read_text()
    assert page.count("<polyline") == 3 and "learning to rebuild" in page


def test_lines_of_the_log_can_be_fewer(tmp_path, data):
    run(tmp_path, data, replace(QUICK, log_steps=4, checkpoint_steps=100))
    steps = [line["step"] for line in lines_of(tmp_path / "run") if line["phase"] == "train"]
    assert steps == [4, 6], "and the last one"


def test_progress_is_told_in_readable_lines(tmp_path, data):
    told = []
    request = TrainRequest((data,), QUICK, tmp_path / "run", bundle_encoder=True)
    train(source(), request, Processes(on_cpu=True), told.append)
    phases = list(dict.fromkeys(item.phase for item in told))
    assert phases == ["look", "encode", "train", "head", "calibrate"]
    for phase in phases:
        last = [item for item in told if item.phase == phase][-1]
        assert last.step == last.step_count
    said = str(next(item for item in told if item.phase == "train"))
    assert "reconstruction" in said and "pictures/s" in said and "left" in said


def test_the_encoder_that_is_trained_on_stays_as_it_was(tmp_path, data):
    detector = source()
    before = {k: v.clone() for k, v in detector.model.encoder.state_dict().items()}
    train(detector, TrainRequest((data,), QUICK, tmp_path / "run"), Processes(on_cpu=True))
    after = detector.model.encoder.state_dict()
    assert all(before[key].equal(value) for key, value in after.items())


# --- what cannot be used -----------------------------------------------------------------------


def test_a_damaged_picture_is_left_out_and_named(tmp_path, data):
    (data.root / "bolt/train/good/1.png").write_bytes(b"no picture")
    record = run(tmp_path, data)
    assert list(record["left_out"]) == ["bolt/train/good/1.png"]
    assert "1.png" in record["left_out"]["bolt/train/good/1.png"]
    detector = AnomalyDetector.load(tmp_path / "run/detectors/all.safetensors", "cpu")
    assert detector.provenance.shot_count == 7


def test_a_damaged_shot_is_named_and_another_one_drawn(tmp_path, data):
    config = replace(QUICK, setting="few-shot", shots=1, batch_size=22, epochs=1, head_epochs=1)
    first = run(tmp_path, data, config)["shots"]["bolt"][0]
    (data.root / first).write_bytes(b"no picture")
    record = run(tmp_path, data, config, name="again")
    assert record["shots"]["bolt"][0] != first and first in record["left_out"]


def test_a_real_anomaly_without_a_usable_mask_is_named_and_another_one_drawn(tmp_path, data):
    config = replace(QUICK, anomalies=2, head_epochs=1)
    first = run(tmp_path, data, config)["taken_out"][0]
    mask = (data.root / first.replace("test", "ground_truth")).with_suffix("")
    mask.with_name(f"{mask.name}_mask.png").write_bytes(b"no mask")
    record = run(tmp_path, data, config, name="again")
    assert first not in record["taken_out"] and first in record["left_out"]
    assert len(record["taken_out"]) == 4


def spoil_class(data):
    for sample in data.of("nut", "train"):
        sample.path.write_bytes(b"")


@pytest.mark.parametrize(
    ("config", "request_", "words"),
    [
        ({}, {"classes": ("screw",)}, "There is no class 'screw' in the data; there are: bolt"),
        ({"setting": "few-shot", "shots": 9}, {}, "9 (pictures|anomalies) cannot be drawn"),
        ({"anomalies": 9}, {}, "9 (pictures|anomalies) cannot be drawn"),
        ({"cache": "memory", "cache_bytes": 10}, {}, "cache_bytes"),
    ],
)
def test_what_cannot_be_done_is_refused_in_a_sentence(tmp_path, data, config, request_, words):
    with pytest.raises(UserError, match=words):
        run(tmp_path, data, replace(QUICK, **config), **request_)
    assert not list(tmp_path.glob("run/detectors/*"))


def test_a_class_without_a_picture_is_refused(tmp_path, data):
    spoil_class(data)
    with pytest.raises(UserError, match="'nut' has no picture to train on"):
        run(tmp_path, data)
    assert not (tmp_path / "run").exists()
    assert run(tmp_path, data, classes=("bolt",))["is_finished"]


def test_several_data_sets_are_for_the_setting_super_alone(tmp_path, data):
    request = TrainRequest((data, data), QUICK, tmp_path / "run")
    with pytest.raises(UserError, match="'super'"):
        train(source(), request, Processes(on_cpu=True))


def test_an_empty_data_set_is_refused(tmp_path):
    with pytest.raises(UserError, match="no pictures"):
        run(tmp_path, DataSet(tmp_path, "MVTec AD", ()))


def test_losses_that_are_no_numbers_end_the_run_before_they_reach_a_checkpoint(tmp_path, data):
    config = replace(QUICK, learning_rate=1e30, gradient_clip=1e30, epochs=30)
    with pytest.raises(UserError, match="no finite numbers"):
        run(tmp_path, data, config)
