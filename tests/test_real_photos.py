"""The whole way on real photos, with an encoder nobody has trained: numbers mean nothing here."""

import numpy as np
import pytest

from inpformer import AnomalyDetector, FitConfig, hub, load_image
from inpformer.config import TRAINING_FREE_NOTICE, UNTRAINED_NOTICE

TINY_SCHEDULE = FitConfig(
    steps=2, head_steps=2, pseudo_anomalies=2, batch_size=2, tokens_per_view=16
)


@pytest.fixture(scope="module")
def untrained(tiles, tmp_path_factory) -> AnomalyDetector:
    """The filters as they are where no weights were brought."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(hub, "weights_folders", lambda: [tmp_path_factory.mktemp("weights")])
        return AnomalyDetector.load("filters", device="cpu")


@pytest.fixture(scope="module")
def shots(tiles) -> list[np.ndarray]:
    """Two normal photos of different sizes, neither square."""
    loaded = [load_image(path) for path in sorted((tiles / "train" / "good").iterdir())]
    first = next(image for image in loaded if image.shape[0] != image.shape[1])
    second = next(image for image in loaded if image.shape not in (first.shape,))
    return [first, second]


@pytest.fixture(scope="module")
def fitted(untrained, shots) -> AnomalyDetector:
    return untrained.fit(shots, TINY_SCHEDULE)


@pytest.fixture(scope="module")
def photos(tiles) -> dict[str, np.ndarray]:
    """One good photo and one of each defect."""
    kinds = sorted(folder for folder in (tiles / "test").iterdir() if folder.is_dir())
    return {folder.name: load_image(min(folder.iterdir())) for folder in kinds}


def test_maps_of_real_photos_are_finite_and_of_their_size(fitted, photos):
    assert "good" in photos and len(photos) > 2
    for kind, photo in photos.items():
        result = fitted.predict(photo)
        assert set(result.score_maps) == {"fused", "reconstruction", "segmentation", "distance"}
        for name in result.score_maps:
            values = result.map(name)
            assert values.shape == photo.shape[:2], (kind, name)
            assert np.isfinite(values).all() and values.std() > 0, (kind, name)
            assert np.isfinite(result.scores[name])
        assert 0 <= result.confidence <= 1
        assert result.mask().shape == photo.shape[:2]
        rows, columns = result.geometry.grid_size
        ratio = (columns / rows) / (photo.shape[1] / photo.shape[0])
        assert 0.9 < ratio < 1.1, "the aspect is kept"


def test_a_detector_of_real_photos_is_equal_after_saving_and_loading(
    fitted, photos, tmp_path, monkeypatch
):
    path = fitted.save(tmp_path / "tiles.safetensors", bundle_encoder=True)
    monkeypatch.setattr(hub, "find_encoder_weights", None)
    loaded = AnomalyDetector.load(path, device="cpu")
    assert loaded.calibration == fitted.calibration
    before, after = fitted.predict(photos["good"]), loaded.predict(photos["good"])
    assert before.scores == after.scores
    for name, values in before.score_maps.items():
        np.testing.assert_array_equal(values, after.score_maps[name])


def test_results_name_the_untrained_stand_in(untrained, fitted, photos):
    assert untrained.notices == (UNTRAINED_NOTICE, TRAINING_FREE_NOTICE)
    assert fitted.predict(photos["good"]).notices == (UNTRAINED_NOTICE,)
    assert "untrained" in untrained.provenance.encoder_reason


def test_a_square_pasted_on_a_real_photo_raises_the_zero_shot_map_there(untrained, photos):
    photo = photos["good"]
    size = min(photo.shape[:2]) // 8
    top, left = photo.shape[0] // 2, photo.shape[1] // 3
    square = np.s_[top : top + size, left : left + size]
    damaged = photo.copy()
    damaged[square] = np.random.default_rng(0).integers(0, 256, (size, size, 3))
    before, after = untrained.predict(photo), untrained.predict(damaged)
    assert after.distance_map[square].mean() > before.distance_map[square].mean()
    assert after.distance_map[square].mean() > np.quantile(after.distance_map, 0.9)


def test_real_photos_can_be_inspected_in_tiles(fitted, photos):
    photo = photos["crack"]
    result = fitted.predict(photo, tiles="2x2")
    assert result.anomaly_map.shape == photo.shape[:2] and np.isfinite(result.anomaly_map).all()
    assert any("rough guide" in notice for notice in result.notices)
