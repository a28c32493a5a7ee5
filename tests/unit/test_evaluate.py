"""A detector over a data set: the figures are the exact ones, also after a stop and in parts."""

import json
from dataclasses import replace

import numpy as np
import pytest
from evaluation_doubles import THRESHOLD, GreyDetector, add_class, grey_picture, make_dataset, save
from PIL import Image
from torch.nn.functional import interpolate
from torchvision.transforms import v2

from inpformer import metrics
from inpformer.datasets.sample import DataSet, Sample, load_mask
from inpformer.detector import AnomalyDetector, Provenance
from inpformer.errors import ConfigError, UserError
from inpformer.evaluation.evaluate import EvaluationStoppedError, collect, evaluate
from inpformer.evaluation.look import EvaluateConfig
from inpformer.evaluation.records import METRICS, Evaluation
from inpformer.images import load_image

OFTEN = EvaluateConfig(save_seconds=0)


@pytest.fixture
def detector(tiny_config) -> GreyDetector:
    return GreyDetector(tiny_config)


@pytest.fixture(scope="module")
def dataset(tmp_path_factory) -> DataSet:
    return make_dataset(tmp_path_factory.mktemp("data"), "cap", "nut")


def untimed(evaluation: Evaluation) -> str:
    """All but the time it took, in a form that is equal to the last bit or not."""
    values = evaluation.to_dict()
    for part in (*values["classes"], *values["pictures"]):
        part["seconds"] = 0
    return json.dumps(values, sort_keys=True)


def known(dataset: DataSet, class_name: str, kinds=None):
    """Maps and masks of a class as the double makes them."""
    maps, masks = [], []
    for sample in dataset.of(class_name, "test"):
        if kinds is None or sample.defect in kinds:
            maps.append(load_image(sample.path)[:, :, 0].astype(np.float32))
            empty = np.zeros(maps[-1].shape, bool)
            masks.append(load_mask(sample.mask_path) if sample.mask_path else empty)
    return maps, masks


def exact(maps, masks) -> dict[str, float]:
    scores = [np.sort(m.ravel())[-(m.size // 100) :].mean(dtype=np.float64) for m in maps]
    labels = [mask.any() for mask in masks]
    images = (metrics.image_auroc, metrics.image_ap, metrics.image_f1_max)
    pixels = (metrics.pixel_auroc, metrics.pixel_ap, metrics.pixel_f1_max, metrics.aupro)
    values = [metric(scores, labels) for metric in images]
    return dict(zip(METRICS, values + [metric(maps, masks) for metric in pixels], strict=True))


# --- what is found -----------------------------------------------------------------------------


def test_the_figures_of_each_class_kind_and_mean_are_the_exact_ones(dataset, detector):
    evaluation = evaluate(detector, dataset)
    assert [report.class_name for report in evaluation.classes] == ["cap", "nut"]
    for report in evaluation.classes:
        expected = exact(*known(dataset, report.class_name))
        for name, figure in report.figures.items():
            assert figure.value == pytest.approx(expected[name], abs=1e-9)
            assert figure.error < 1e-9 and figure.reason == ""
        assert set(report.by_defect) == {"dent", "scratch"}
        for kind, figures in report.by_defect.items():
            expected = exact(*known(dataset, report.class_name, ("good", kind)))
            assert {k: f.value for k, f in figures.items()} == pytest.approx(expected, abs=1e-9)
        assert set(report.curves) == {"image_roc", "image_pr", "pixel_roc", "pixel_pr", "pro"}
    for name in METRICS:
        values = [report.figures[name].value for report in evaluation.classes]
        assert evaluation.mean[name].value == pytest.approx(np.mean(values))


def test_the_counts_are_those_of_the_data_set(dataset, detector):
    for report in evaluate(detector, dataset).classes:
        masks = known(dataset, report.class_name)[1]
        assert (report.normal, report.anomalous) == (4, 5)
        assert report.pixels == sum(mask.size for mask in masks)
        assert report.defect_pixels == sum(int(mask.sum()) for mask in masks)
        assert report.regions == 2 * 5
        assert report.seconds == 0.25


def test_every_picture_has_its_verdict_peak_and_hit(dataset, detector):
    evaluation = evaluate(detector, dataset)
    assert len(evaluation.pictures) == 18
    names = [(record.class_name, record.name) for record in evaluation.pictures]
    assert names == sorted(names)
    for record in evaluation.pictures:
        image = load_image(dataset.root / record.name)[:, :, 0]
        x, y = record.peak
        assert image[y, x] == image.max()
        assert (record.height, record.width) == image.shape
        assert record.verdict == (record.score > THRESHOLD)
        assert (record.confidence > 0.5) == record.verdict
        if not record.is_anomalous:
            assert record.is_hit is None and record.defect == "good"
        else:
            stem = record.name.replace(f"{record.defect}/", f"masks/{record.defect}_")
            assert record.is_hit == load_mask(dataset.root / stem)[y, x]


def test_the_confusion_and_the_hit_rate_are_counted_from_the_pictures(dataset, detector):
    evaluation = evaluate(detector, dataset)
    for report in evaluation.classes:
        records = [r for r in evaluation.pictures if r.class_name == report.class_name]
        defects = [r for r in records if r.is_anomalous]
        assert report.threshold == THRESHOLD
        assert report.confusion.found == sum(r.verdict for r in defects) > 0
        assert report.confusion.missed == sum(not r.verdict for r in defects) > 0
        assert report.confusion.false_alarms == sum(
            r.verdict for r in records if not r.is_anomalous
        )
        assert sum(report.confusion) == len(records)
        assert report.hit_rate == pytest.approx(np.mean([r.is_hit for r in defects]))


def test_a_detector_without_a_threshold_gives_no_verdicts_but_all_figures(dataset, tiny_config):
    evaluation = evaluate(GreyDetector(tiny_config, threshold=None), dataset)
    for report in evaluation.classes:
        assert report.confusion is None and report.threshold is None
        assert all(figure.value is not None for figure in report.figures.values())
    assert {r.verdict for r in evaluation.pictures} == {None}
    assert {r.confidence for r in evaluation.pictures} == {None}


def test_the_result_is_plain_values_that_a_file_holds(dataset, detector):
    evaluation = evaluate(detector, dataset, EvaluateConfig(title="mine"))
    values = json.loads(json.dumps(evaluation.to_dict(), allow_nan=False))
    assert values["title"] == "mine" and values["protocol"] == "full-image"
    assert values["settings"]["detectors"]["*"]["encoder"] == "tiny"
    assert {"inpformer", "torch"} <= values["versions"].keys()
    assert "2 classes" in values["data"]
    assert "tiny" in evaluate(detector, dataset).title


def test_the_paper_protocol_compares_the_256_map_with_the_official_mask(dataset, detector):
    official = v2.Compose([v2.Resize((448, 448)), v2.CenterCrop(392), v2.PILToTensor()])
    maps, masks = [], []
    for sample in dataset.of("cap", "test"):
        image = load_image(sample.path)
        mask = np.zeros(image.shape[:2], bool)
        if sample.mask_path:
            mask = load_mask(sample.mask_path)
        grey = official(Image.fromarray(mask.astype(np.uint8) * 255))
        masks.append(interpolate(grey[None] / 255, size=256)[0, 0].numpy() > 0.5)
        result = detector.predict(image, geometry="benchmark")
        maps.append(result.score_maps["fused"])
        assert maps[-1].shape == (256, 256)
    report = evaluate(detector, dataset, EvaluateConfig(protocol="paper")).classes[0]
    assert report.pixels == 9 * 256 * 256
    assert report.defect_pixels == sum(int(mask.sum()) for mask in masks)
    for name in METRICS[3:]:
        metric = getattr(metrics, name)
        assert report.figures[name].value == pytest.approx(metric(maps, masks), abs=1e-9)


def test_the_peak_of_the_paper_protocol_is_told_in_pixels_of_the_picture(tmp_path, detector):
    image = np.full((100, 200), 90, np.uint8)
    image[30:40, 150:160] = 255
    mask = np.where(image == 255, 255, 0).astype(np.uint8)
    sample = Sample(save(tmp_path / "a.png", image), "test", "dot", save(tmp_path / "m.png", mask))
    evaluation = evaluate(
        detector, DataSet(tmp_path, "one", (sample,)), EvaluateConfig(protocol="paper")
    )
    (record,) = evaluation.pictures
    assert 150 <= record.peak[0] < 160 and 30 <= record.peak[1] < 40
    assert record.is_hit and (record.height, record.width) == (100, 200)


# --- what cannot be measured --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kept", "missing"),
    [
        (lambda s: s.defect == "good", set(METRICS)),
        (lambda s: s.defect == "dent", {"image_auroc", "image_ap", "image_f1_max"}),
    ],
)
def test_what_cannot_be_measured_is_missing_with_a_reason(dataset, detector, kept, missing):
    chosen = replace(dataset, samples=tuple(s for s in dataset.samples if kept(s)))
    evaluation = evaluate(detector, chosen)
    for report in evaluation.classes:
        without = {name for name, figure in report.figures.items() if figure.value is None}
        assert without == missing
        assert all(report.figures[name].reason for name in missing)
        assert not {"image_roc", "image_pr"} & report.curves.keys()
    assert evaluation.mean["image_auroc"].value is None and evaluation.mean["image_auroc"].reason


def test_anomalous_pictures_without_masks_count_for_the_pictures_only(dataset, detector):
    unmarked = tuple(replace(s, mask_path=None) for s in dataset.samples)
    report = evaluate(detector, replace(dataset, samples=unmarked)).classes[0]
    assert report.figures["image_auroc"].value == pytest.approx(
        exact(*known(dataset, "cap"))["image_auroc"]
    )
    assert report.figures["aupro"] == report.by_defect["dent"]["aupro"]
    assert report.figures["aupro"].value is None and "marked" in report.figures["aupro"].reason
    assert report.hit_rate is None
    assert report.defect_pixels == 0 < report.pixels, "normal pictures need no mask"


def test_one_unmarked_picture_changes_nothing_for_the_pixels_of_the_others(dataset, detector):
    samples = list(dataset.of("cap", "test"))
    marked = [s for s in samples if s.is_anomalous]
    unmarked = replace(marked[0], mask_path=None)
    changed = [unmarked if s is marked[0] else s for s in samples]
    without = [s for s in samples if s is not marked[0]]
    first = evaluate(detector, replace(dataset, samples=tuple(changed))).classes[0]
    second = evaluate(detector, replace(dataset, samples=tuple(without))).classes[0]
    for name in METRICS[3:]:
        assert first.figures[name] == second.figures[name]
    assert first.anomalous == second.anomalous + 1


def odd_dataset(root) -> DataSet:
    samples = add_class(root, "cap")
    dents = [s for s in samples if s.defect == "dent"]
    dents[0].path.write_bytes(b"no picture")
    save(dents[1].mask_path, np.full((20, 30), 255, np.uint8))
    save(dents[2].mask_path, np.zeros((64, 68), np.uint8))
    scratch = next(s for s in samples if s.defect == "scratch")
    scratch.mask_path.write_bytes(b"")
    return DataSet(root, "odd", tuple(samples), ("Something was odd before.",))


def test_a_bad_picture_and_bad_masks_are_named_and_the_rest_goes_on(tmp_path, detector):
    evaluation = evaluate(detector, odd_dataset(tmp_path))
    (report,) = evaluation.classes
    assert (report.normal, report.anomalous) == (4, 4)
    assert report.regions == 2, "one scratch is left that is marked"
    assert all(figure.value is not None for figure in report.figures.values())
    for words in (
        "odd before",
        "'cap/dent/0.png' is left out",
        "mask of 'cap/dent/1.png' has 30 × 20 pixels and the picture 64 × 64",
        "mask of 'cap/dent/2.png' marks nothing",
        "mask of 'cap/scratch/0.png' does not count",
    ):
        assert sum(words in problem for problem in evaluation.problems) == 1, words
    hits = {record.name: record.is_hit for record in evaluation.pictures}
    assert hits["cap/dent/1.png"] is hits["cap/dent/2.png"] is None


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_a_detector_that_gives_no_numbers_is_a_problem_of_that_picture(dataset, tiny_config, value):
    class Broken(GreyDetector):
        def predict(self, image, **options):
            result = super().predict(image, **options)
            if image.shape[0] == 60:  # the first normal picture of each class
                result.score_maps["fused"][0, 0] = value
            return result

    evaluation = evaluate(Broken(tiny_config), dataset)
    assert [report.normal for report in evaluation.classes] == [3, 3]
    assert len([p for p in evaluation.problems if "no finite" in p]) == 2


def test_each_class_can_have_a_detector_and_one_without_is_left_out(dataset, tiny_config):
    cap, rest = GreyDetector(tiny_config), GreyDetector(tiny_config, threshold=99.0)
    both = evaluate({"cap": cap, "*": rest}, dataset)
    assert (cap.seen, rest.seen) == (9, 9)
    assert [report.threshold for report in both.classes] == [THRESHOLD, 99.0]
    one = evaluate({"cap": cap}, dataset)
    assert [report.class_name for report in one.classes] == ["cap"]
    assert any("no detector for the class 'nut'" in problem for problem in one.problems)
    with pytest.raises(UserError, match="nothing to evaluate"):
        evaluate({"screw": cap}, dataset)


def test_a_class_without_test_pictures_is_named(dataset, detector):
    train = tuple(replace(s, split="train", class_name="bolt") for s in dataset.samples[:2])
    evaluation = evaluate(detector, replace(dataset, samples=dataset.samples + train))
    assert any("'bolt' has no test pictures" in problem for problem in evaluation.problems)


def test_a_limit_draws_as_many_of_each_kind_and_the_same_for_one_seed(dataset, detector):
    config = EvaluateConfig(limit=2, seed=3)
    first, second = evaluate(detector, dataset, config), evaluate(detector, dataset, config)
    assert untimed(first) == untimed(second)
    assert [(r.normal, r.anomalous) for r in first.classes] == [(2, 2), (2, 2)]
    draws = {
        tuple(p.name for p in evaluate(detector, dataset, replace(config, seed=seed)).pictures)
        for seed in range(5)
    }
    assert len(draws) > 1


@pytest.mark.parametrize(
    ("settings", "words"),
    [({"protocol": "half"}, "protocol"), ({"limit": 0}, "limit"), ({"seed": -1}, "eed")],
)
def test_settings_that_make_no_sense_are_refused(settings, words):
    with pytest.raises(ConfigError, match=words):
        EvaluateConfig(**settings)


def test_a_map_that_the_detector_does_not_give_is_refused_at_once(dataset, detector):
    with pytest.raises(UserError, match="memory"):
        evaluate(detector, dataset, EvaluateConfig(map_name="memory"))
    assert detector.seen == 0


# --- stop and go on -----------------------------------------------------------------------------


@pytest.mark.parametrize("after", [0, 1, 7, 9, 13, 17])
def test_an_evaluation_that_was_stopped_goes_on_and_gives_the_same(
    dataset, tiny_config, tmp_path, after
):
    whole = evaluate(GreyDetector(tiny_config), dataset)
    first, second = GreyDetector(tiny_config), GreyDetector(tiny_config)
    with pytest.raises(EvaluationStoppedError, match=f"after {after} of 18"):
        evaluate(first, dataset, folder=tmp_path / "s", should_stop=lambda: first.seen == after)
    steps = []
    again = evaluate(second, dataset, folder=tmp_path / "s", on_picture=steps.append)
    assert untimed(again) == untimed(whole)
    assert second.seen == 18 - after, "what is done is not done again"
    assert [step.done for step in steps] == list(range(after + 1, 19))
    finished = GreyDetector(tiny_config)
    assert untimed(evaluate(finished, dataset, folder=tmp_path / "s")) == untimed(whole)
    assert finished.seen == 0


@pytest.mark.parametrize("after", [3, 12])
def test_an_evaluation_that_crashed_goes_on_from_what_was_saved(
    dataset, tiny_config, tmp_path, after
):
    class Crashing(GreyDetector):
        def predict(self, image, **options):
            if self.seen == after:
                raise MemoryError
            return super().predict(image, **options)

    with pytest.raises(MemoryError):
        evaluate(Crashing(tiny_config), dataset, OFTEN, folder=tmp_path)
    second = GreyDetector(tiny_config)
    again = evaluate(second, dataset, OFTEN, folder=tmp_path)
    assert untimed(again) == untimed(evaluate(GreyDetector(tiny_config), dataset))
    assert second.seen == 18 - after


def test_records_without_their_counts_are_done_again(dataset, tiny_config, tmp_path):
    """A kill between the two files of a state leaves more records than were counted."""
    first = GreyDetector(tiny_config)
    with pytest.raises(EvaluationStoppedError):
        evaluate(first, dataset, folder=tmp_path, should_stop=lambda: first.seen == 3)
    counts, records = tmp_path / "class-000-part-1-of-1.npz", "class-000-part-1-of-1.jsonl"
    older = counts.read_bytes()
    with pytest.raises(EvaluationStoppedError):
        evaluate(first, dataset, folder=tmp_path, should_stop=lambda: first.seen == 6)
    counts.write_bytes(older)
    assert len((tmp_path / records).read_text().splitlines()) == 6
    second = GreyDetector(tiny_config)
    again = evaluate(second, dataset, folder=tmp_path)
    assert second.seen == 15
    assert untimed(again) == untimed(evaluate(GreyDetector(tiny_config), dataset))


def test_problems_are_kept_too(tmp_path, tiny_config):
    dataset = odd_dataset(tmp_path / "data")
    whole = evaluate(GreyDetector(tiny_config), dataset)
    first = GreyDetector(tiny_config)
    with pytest.raises(EvaluationStoppedError):
        evaluate(first, dataset, folder=tmp_path / "s", should_stop=lambda: first.seen == 4)
    again = evaluate(GreyDetector(tiny_config), dataset, folder=tmp_path / "s")
    assert untimed(again) == untimed(whole)


def test_a_folder_of_another_evaluation_is_refused(dataset, tiny_config, tmp_path):
    detector = GreyDetector(tiny_config)
    evaluate(detector, dataset, folder=tmp_path)
    others = {
        "protocol": lambda: evaluate(
            detector, dataset, EvaluateConfig(protocol="paper"), folder=tmp_path
        ),
        "pictures": lambda: evaluate(
            detector, replace(dataset, samples=dataset.samples[1:]), folder=tmp_path
        ),
        "detectors": lambda: evaluate(
            GreyDetector(tiny_config, threshold=7.0), dataset, folder=tmp_path
        ),
        "map": lambda: evaluate(
            detector, dataset, EvaluateConfig(map_name="fused"), folder=tmp_path
        ),
        "processes": lambda: evaluate(detector, dataset, folder=tmp_path, share=(0, 2)),
    }
    for words, call in others.items():
        with pytest.raises(UserError, match=rf"another evaluation.*{words}"):
            call()
    assert evaluate(detector, dataset, folder=tmp_path).pictures


def test_a_damaged_state_is_refused_in_a_sentence(dataset, detector, tmp_path):
    evaluate(detector, dataset, folder=tmp_path)
    counts, records = (tmp_path / f"class-001-part-1-of-1.{kind}" for kind in ("npz", "jsonl"))
    whole, lines = counts.read_bytes(), records.read_text()
    for path, content in (
        (counts, whole[: len(whole) // 2]),
        (counts, b""),
        (records, lines[: len(lines) // 2]),
        (records, "[]\n" * 9),
        (tmp_path / "settings.json", "{"),
    ):
        before = path.read_bytes()
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        with pytest.raises(UserError, match="damaged; remove that folder"):
            evaluate(detector, dataset, folder=tmp_path)
        path.write_bytes(before)
    assert evaluate(detector, dataset, folder=tmp_path).pictures


def test_names_of_classes_and_kinds_never_become_file_names(tmp_path, detector):
    image, mask = grey_picture(0), np.zeros((60, 70), np.uint8)
    mask[5:9, 5:9] = 255
    paths = save(tmp_path / "data/a.png", image), save(tmp_path / "data/m.png", mask)
    hostile = ("../../up", "a/b", "", "x" * 300)
    samples = tuple(Sample(paths[0], "test", f"{n}<k>/..", paths[1], n) for n in hostile)
    dataset = DataSet(tmp_path / "data", "odd", samples)
    folder = tmp_path / "state"
    first = evaluate(detector, dataset, folder=folder)
    assert untimed(evaluate(detector, dataset, folder=folder)) == untimed(first)
    assert {path.parent for path in tmp_path.rglob("class-*")} == {folder}
    assert [report.class_name for report in first.classes] == sorted(hostile)


# --- several processes --------------------------------------------------------------------------


@pytest.mark.parametrize("world", [2, 3, 11])
def test_parts_of_several_processes_are_collected_to_the_evaluation_of_one(
    dataset, tiny_config, tmp_path, world
):
    whole = evaluate(GreyDetector(tiny_config), dataset)
    seen = 0
    for rank in reversed(range(world)):
        detector = GreyDetector(tiny_config)
        evaluate(detector, dataset, folder=tmp_path, share=(rank, world))
        seen += detector.seen
    assert seen == 18
    fresh = GreyDetector(tiny_config)
    assert untimed(collect(fresh, dataset, None, tmp_path, world)) == untimed(whole)
    assert fresh.seen == 0


def test_a_part_that_is_not_done_is_named(dataset, detector, tmp_path):
    evaluate(detector, dataset, folder=tmp_path, share=(0, 2))
    with pytest.raises(UserError, match="4 pictures of the class 'cap' are not done"):
        collect(detector, dataset, None, tmp_path, 2)


def test_shares_that_make_no_sense_are_refused(dataset, detector, tmp_path):
    for share in ((2, 2), (-1, 2), (0, 0)):
        with pytest.raises(ValueError, match="share"):
            evaluate(detector, dataset, folder=tmp_path, share=share)
    with pytest.raises(ValueError, match="folder"):
        evaluate(detector, dataset, share=(0, 2))


def test_every_usable_picture_is_told_of_with_what_is_left(tmp_path, detector):
    told = []
    evaluation = evaluate(detector, odd_dataset(tmp_path), on_picture=told.append)
    assert [step.record for step in told] == list(evaluation.pictures)
    assert [step.done for step in told] == [2, 3, 4, 5, 6, 7, 8, 9], "the first one is damaged"
    assert {step.total for step in told} == {9}
    assert told[-1].seconds_left == 0 and all(step.seconds_left >= 0 for step in told)
    for step in told:
        assert np.array_equal(step.image, load_image(tmp_path / step.record.name))
        assert step.result.image_score == step.record.score


def test_a_real_network_gives_parts_that_equal_the_whole_to_the_bit(
    dataset, tiny_model, tiny_config, tmp_path
):
    """Pictures that share a run of the network would be rounded by who their neighbours are."""
    detector = AnomalyDetector(tiny_model, tiny_config, Provenance("untrained", "tiny"))
    for rank in range(2):
        evaluate(detector, dataset, folder=tmp_path, share=(rank, 2))
    together = collect(detector, dataset, None, tmp_path, 2)
    assert untimed(together) == untimed(evaluate(detector, dataset))
