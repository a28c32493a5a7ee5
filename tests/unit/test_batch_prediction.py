import itertools
import threading
from dataclasses import fields

import numpy as np
import pytest
from PIL import Image

from inpformer import batch_prediction
from inpformer.batch_prediction import BatchConfig, as_loaded, inspect_many
from inpformer.detector import AnomalyDetector, Provenance
from inpformer.errors import ConfigError, ImageError, UserError
from inpformer.images import LoadedImage
from inpformer.prediction import Looking
from inpformer.scales import Calibration, MapScale

SIZES = [(60, 80), (80, 60), (60, 80), (61, 82), (9, 200), (60, 80), (150, 150), (80, 60)]


def random_picture(number: int, size: tuple[int, int]) -> np.ndarray:
    rng = np.random.default_rng(number)
    coarse = rng.integers(0, 256, (6, 6, 3), dtype=np.uint8)
    return np.asarray(Image.fromarray(coarse).resize(size[::-1], Image.Resampling.BICUBIC))


@pytest.fixture(scope="module")
def pictures() -> list[np.ndarray]:
    return [random_picture(number, size) for number, size in enumerate(SIZES)]


@pytest.fixture
def detector(tiny_model, tiny_config, pictures) -> AnomalyDetector:
    """With thresholds in the middle of what it says of the pictures."""
    provenance = Provenance("untrained", "A double.")
    bare = AnomalyDetector(tiny_model, tiny_config, provenance)
    scores = [bare.predict(picture).scores for picture in pictures]
    scales = {
        name: MapScale(float(np.median([each[name] for each in scores])), 0.1, 1.0)
        for name in scores[0]
    }
    calibration = Calibration(scales, 0.05, 22, 1, "made up")
    return AnomalyDetector(tiny_model, tiny_config, provenance, calibration)


def assert_same(first, second) -> None:
    """The same verdict and geometry, and the same maps and explanation up to rounding."""
    assert first.is_anomalous is second.is_anomalous
    assert first.geometry == second.geometry and first.tiles == second.tiles
    assert first.notices == second.notices and first.map_name == second.map_name
    assert first.scores == pytest.approx(second.scores, abs=1e-5)
    for name in first.score_maps:
        np.testing.assert_allclose(first.map(name), second.map(name), rtol=0, atol=1e-5)
    for field in fields(first.explanation):
        mine, other = (
            getattr(first.explanation, field.name),
            getattr(second.explanation, field.name),
        )
        np.testing.assert_allclose(mine, other, rtol=1e-4, atol=1e-5, err_msg=field.name)


@pytest.mark.parametrize("batch_size", [1, 2, 3, 16])
@pytest.mark.parametrize(
    "options", [{}, {"tiles": "2x1"}, {"geometry": "benchmark"}, {"map_name": "distance"}]
)
def test_many_pictures_of_many_sizes_get_what_each_gets_alone_and_in_order(
    detector, pictures, options, batch_size
):
    pictures = [each for each in pictures if min(each.shape[:2]) > 16]
    many = list(detector.predict_many(pictures, batch_size=batch_size, **options))
    alone = [detector.predict(picture, **options) for picture in pictures]
    assert options or {each.is_anomalous for each in alone} == {True, False}, "a weak test"
    for first, second in zip(many, alone, strict=True):
        assert_same(first, second)


def test_a_zero_shot_detector_decodes_nothing_in_batches_either(detector, pictures):
    zero_shot = detector.zero_shot()
    many = list(zero_shot.predict_many(pictures, batch_size=4))
    for first, picture in zip(many, pictures, strict=True):
        second = zero_shot.predict(picture)
        assert first.explanation.decoder_attention is second.explanation.decoder_attention is None
        assert list(first.score_maps) == ["distance"]
        np.testing.assert_allclose(first.anomaly_map, second.anomaly_map, rtol=0, atol=1e-5)


def test_pictures_that_the_network_sees_at_one_size_share_its_runs(detector, monkeypatch):
    runs = []
    predict_batch = AnomalyDetector.predict_batch

    def counted(self, batch):
        runs.append([each.image.shape[:2] for each in batch])
        return predict_batch(self, batch)

    monkeypatch.setattr(AnomalyDetector, "predict_batch", counted)
    sizes = [(60, 80), (80, 60)] * 4
    pictures = [random_picture(n, size) for n, size in enumerate(sizes)]
    results = list(detector.predict_many(pictures, batch_size=4))
    assert [each.geometry.picture_size for each in results] == sizes
    assert all(len(set(run)) == 1 for run in runs)
    assert len(runs) < len(pictures) and max(map(len, runs)) > 1


def test_results_do_not_keep_the_rest_of_their_batch_in_memory(detector, pictures):
    same = [pictures[0], pictures[2], pictures[5]]
    for result in detector.predict_many(same, batch_size=3):
        explanation = result.explanation
        arrays = [*result.score_maps.values()]
        arrays += [getattr(explanation, field.name) for field in fields(explanation)]
        assert all(each.base is None or each.base.nbytes == each.nbytes for each in arrays)


def test_files_are_read_as_well_as_arrays(detector, pictures, tmp_path):
    path = tmp_path / "a.png"
    Image.fromarray(pictures[0]).save(path)
    first, second = detector.predict_many([path, pictures[0]])
    assert_same(first, second)


def test_a_file_that_cannot_be_read_comes_back_with_its_error_and_the_others_are_inspected(
    detector, pictures, tmp_path
):
    paths = [tmp_path / f"{number}.png" for number in range(6)]
    for path, picture in zip(paths, pictures, strict=False):
        Image.fromarray(picture).save(path)
    paths[2].write_bytes(b"no picture")
    paths[4].unlink()
    found = list(inspect_many(detector, paths, as_loaded, BatchConfig(batch_size=3)))
    assert [each.source for each in found] == paths
    assert [each.error is None for each in found] == [True, True, False, True, False, True]
    assert all((each.result is None) == (each.error is not None) for each in found)
    assert "2.png" in str(found[2].error)
    for each, picture in zip(found, pictures, strict=False):
        if each.error is None:
            np.testing.assert_array_equal(each.picture.image, picture)
    results = detector.predict_many(paths)
    next(results), next(results)
    with pytest.raises(ImageError, match=r"2\.png"):
        next(results)


def test_a_picture_of_the_wrong_kind_has_its_error_too(detector, pictures):
    odd = [pictures[0], np.zeros((4, 4, 3), np.uint8), np.zeros((40, 40, 3)), pictures[1]]
    found = list(inspect_many(detector, odd, LoadedImage))
    assert [each.error is None for each in found] == [True, False, False, True]
    with pytest.raises(UserError):
        found[1].unwrap()


def reading_threads() -> list[threading.Thread]:
    return [each for each in threading.enumerate() if each.name.startswith("read")]


@pytest.mark.parametrize("batch_size", [1, 2, 5])
def test_few_pictures_are_read_ahead_however_many_there_are(detector, pictures, batch_size):
    taken = []

    def endless():
        for number in itertools.count():
            taken.append(number)
            yield pictures[number % 2]

    results = detector.predict_many(endless(), batch_size=batch_size)
    assert not taken, "nothing begins before it is asked for"
    ahead = []
    for number, _ in enumerate(itertools.islice(results, 30), 1):
        ahead.append(len(taken) - number)
    results.close()
    assert max(ahead) == max(ahead[:8]) <= batch_size + batch_prediction.MAX_READERS
    assert not reading_threads(), "who stops early leaves no thread behind"


def test_large_pictures_are_read_ahead_one_at_a_time(detector, pictures, monkeypatch):
    monkeypatch.setattr(batch_prediction, "MAX_PIXELS_AHEAD", 1)
    held, most = [0], [0]

    def read(picture):
        held[0] += 1
        return LoadedImage(picture)

    for _ in inspect_many(detector, pictures * 2, read, BatchConfig(batch_size=8)):
        most[0] = max(most[0], held[0])
        held[0] -= 1
    # One is in hand; while nothing is known of the size of the next ones, each reader takes one.
    assert most[0] <= 2 + batch_prediction.MAX_READERS


def test_what_goes_wrong_otherwise_ends_the_job_after_the_results_before_it(detector, pictures):
    def read(number):
        if number == 3:
            raise MemoryError
        return LoadedImage(pictures[0])

    for batch_size in (1, 2, 8):
        found = inspect_many(detector, range(6), read, BatchConfig(batch_size=batch_size))
        assert [next(found).source for _ in range(3)] == [0, 1, 2]
        with pytest.raises(MemoryError):
            next(found)
        assert not reading_threads()


def test_a_list_of_pictures_that_breaks_off_loses_none_of_those_before(detector, pictures):
    def breaking():
        yield from pictures[:3]
        raise OSError("the disk is gone")

    results = detector.predict_many(breaking(), batch_size=2)
    assert len([next(results) for _ in range(3)]) == 3
    with pytest.raises(OSError, match="disk"):
        next(results)


def test_what_the_network_raises_reaches_the_caller_and_leaves_no_thread(
    detector, pictures, monkeypatch
):
    def fail(*_):
        raise RuntimeError("out of memory")

    monkeypatch.setattr(AnomalyDetector, "predict_batch", fail)
    with pytest.raises(RuntimeError, match="out of memory"):
        list(detector.predict_many(pictures))
    assert not reading_threads()


def test_pictures_are_read_in_other_threads_than_the_model_runs_in(detector, pictures, monkeypatch):
    readers, runners = set(), set()
    predict_batch = AnomalyDetector.predict_batch

    def read(picture):
        readers.add(threading.current_thread())
        return LoadedImage(picture)

    def run(self, batch):
        runners.add(threading.current_thread())
        return predict_batch(self, batch)

    monkeypatch.setattr(AnomalyDetector, "predict_batch", run)
    list(inspect_many(detector, pictures, read))
    assert runners == {threading.current_thread()} and not readers & runners


def test_wrong_options_are_refused(detector, pictures):
    with pytest.raises(ConfigError, match="batch_size"):
        BatchConfig(batch_size=0)
    with pytest.raises(UserError, match="Choose one of"):
        next(detector.predict_many(pictures, map_name="nothing"))
    (found,) = inspect_many(
        detector, pictures[:1], LoadedImage, BatchConfig(Looking("benchmark", "2x2"))
    )
    assert "cannot be tiled" in str(found.error)


def test_no_pictures_give_no_results(detector):
    assert list(detector.predict_many([])) == []
