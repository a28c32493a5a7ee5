"""The programs that measure accuracy, on a part of a few pixels and a tiny encoder."""

import json
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from benchmarks import ablation, accuracy, encoder, int8, photos
from inpformer.datasets.find import open_dataset
from inpformer.datasets.mvtec import read_mvtec_folder
from inpformer.detector import AnomalyDetector, Provenance
from inpformer.images import load_image
from inpformer.modeling.build import build_encoder, build_model, encoder_fingerprint

SIZE = (64, 80)


def part(seed: int, spot: tuple[int, int] | None = None) -> np.ndarray:
    """A grey part with some noise, and perhaps a red spot at (top, left)."""
    image = np.random.default_rng(seed).integers(110, 130, (*SIZE, 3), dtype=np.uint8)
    if spot:
        image[spot[0] : spot[0] + 16, spot[1] : spot[1] + 16] = (255, 0, 0)
    return image


def save(path: Path, image: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(image).save(path)


@pytest.fixture
def folder(tmp_path) -> Path:
    root = tmp_path / "part"
    for seed in range(3):
        save(root / f"train/good/{seed}.png", part(seed))
        save(root / f"test/good/{seed}.png", part(10 + seed))
        spot = (8 + 12 * seed, 20)
        save(root / f"test/spot/{seed}.png", part(20 + seed, spot))
        mask = np.zeros(SIZE, np.uint8)
        mask[spot[0] : spot[0] + 16, spot[1] : spot[1] + 16] = 255
        save(root / f"ground_truth/spot/{seed}_mask.png", mask)
    return root


@pytest.fixture
def source(tiny_config) -> AnomalyDetector:
    config = replace(tiny_config, variant="training-free")
    model = build_model(config, build_encoder(config.encoder))
    return AnomalyDetector(model, config, Provenance("untrained", "tiny"))


def test_photos_become_parts_whose_masks_mark_what_was_changed(tmp_path, capsys):
    rng = np.random.default_rng(0)
    for name in ("stones", "cloth"):
        save(tmp_path / f"{name}.png", rng.integers(60, 190, (460, 480, 3), dtype=np.uint8))
    given = [str(tmp_path / f"{name}.png") for name in ("stones", "cloth")]
    for out in ("first", "again"):
        photos.main([*given, "--out", str(tmp_path / out)])
    samples = read_mvtec_folder(tmp_path / "first" / "cloth")
    assert {sample.defect for sample in samples} == {"good", *photos.DEFECTS}
    normal = {sample.path for sample in samples if sample.split == "train"}
    assert len(normal) == photos.TRAIN
    for sample in samples:
        same = tmp_path / "again" / sample.path.relative_to(tmp_path / "first")
        assert same.read_bytes() == sample.path.read_bytes()
        if sample.mask_path:
            mask = np.asarray(Image.open(sample.mask_path)) > 0
            assert 0 < mask.mean() < 0.1
    left = load_image(Path(given[1]))[:, :240]
    for path in normal:
        crop = load_image(path)
        places = np.argwhere((left[:, :, 0] == crop[0, 0, 0]) & (left[:, :, 1] == crop[0, 0, 1]))
        assert any(np.array_equal(left[y : y + 200, x : x + 200], crop) for y, x in places), (
            "training pictures are of the left half"
        )
    with pytest.raises(SystemExit):
        photos.main([given[0], "--out", str(tmp_path / "one")])
    assert "two or more pictures" in capsys.readouterr().err


def colours(images: torch.Tensor) -> torch.Tensor:
    """Tokens that are the mean colour of patches of 14 pixels, and a one."""
    tokens = torch.nn.functional.avg_pool2d(images, 14).flatten(2).transpose(1, 2)
    return torch.cat([tokens, torch.ones_like(tokens[:, :, :1])], dim=2)


# --- the nearest neighbour ---------------------------------------------------------------------


def test_the_map_is_the_cosine_distance_to_the_nearest_normal_token():
    generator = torch.Generator().manual_seed(0)
    tokens, bank = (torch.randn(*s, 5, generator=generator) for s in ((2, 12), (7,)))
    maps = encoder.nearest_map(tokens, (3, 4), bank, (42, 56))
    assert maps.shape == (2, *encoder.score_size((42, 56)))
    for picture in range(2):
        cosines = torch.nn.functional.cosine_similarity(tokens[picture, :, None], bank, dim=-1)
        distance = (1 - cosines.amax(dim=1)).view(1, 3, 4)
        expected = encoder.smooth(encoder.resize(distance, encoder.score_size((42, 56))))
        torch.testing.assert_close(maps[picture], expected[0])


def test_a_normal_picture_is_at_no_distance_to_itself_in_whatever_batch():
    normal = torch.rand(2, 3, 56, 56, generator=torch.Generator().manual_seed(0))
    pictures = [normal[i % 2] for i in range(2 * encoder.BATCH_SIZE + 1)]
    maps = list(encoder.nearest_neighbour_maps(colours, normal, iter(pictures)))
    assert len(maps) == len(pictures)
    assert all(values.abs().max() < 1e-5 for values in maps)


def test_tokens_that_show_the_defect_find_all_of_it(folder):
    figures = encoder.evaluate(colours, folder, shots=2)
    assert figures.image_auroc == 1
    assert figures.pixel_auroc > 0.98 and figures.aupro > 0.9
    assert figures.seconds > 0


def test_tokens_that_show_nothing_find_nothing(folder):
    figures = encoder.evaluate(lambda images: torch.ones(len(images), 784, 3), folder)
    assert (figures.image_auroc, figures.pixel_auroc) == (0.5, pytest.approx(0.5, abs=0.05))


def test_a_picture_is_squeezed_whole():
    image = part(0)
    image[:, 40:] = 255
    squeezed = encoder.squeeze(image, 42)
    assert squeezed.shape == (3, 42, 42) and squeezed.min() >= 0 and squeezed.max() <= 1
    assert (squeezed[:, :, 23:] == 1).all() and (squeezed[:, :, :19] < 0.6).all()


def test_masks_are_read_by_nearest_pixel(folder):
    mask = encoder.mask_at(folder / "ground_truth/spot/0_mask.png", (32, 40))
    assert mask.dtype == bool and mask.sum() == 8 * 8 and mask[4:12, 10:18].all()
    assert not encoder.mask_at(None, (3, 5)).any()


def test_untrained_is_a_plain_transformer_with_its_first_random_weights(tiny_encoder_config):
    untrained = encoder.load_encoder(encoder.UNTRAINED)
    config = encoder.encoder_config(encoder.UNTRAINED)
    assert (config.stem, config.timm_name) == ("patches", "")
    assert (config.patch_size, config.embed_dim, config.depth) == (14, 192, 12)
    assert untrained.layers == config.layers
    assert encoder_fingerprint(untrained) == encoder_fingerprint(build_encoder(config))
    tiny = build_encoder(tiny_encoder_config)
    images = torch.rand(1, 3, 56, 56)
    torch.testing.assert_close(
        encoder.mean_tokens(tiny)(images), torch.stack(tiny(images)).mean(dim=0)
    )


def test_the_table_has_a_row_for_each_encoder(
    folder, tiny_encoder_config, monkeypatch, capsys, tmp_path
):
    tiny = build_encoder(tiny_encoder_config)
    monkeypatch.setattr(encoder, "load_encoder", lambda name, weights: tiny)
    arguments = [str(folder), "--encoder", "a", "--encoder", "b", "--device", "cpu"]
    monkeypatch.setattr(sys, "argv", ["encoder.py", *arguments, "--shots", "1"])
    encoder.main()
    lines = capsys.readouterr().out.splitlines()
    assert lines[-4] == "| encoder | part |"
    assert [line.split(" | ")[0] for line in lines[-2:]] == ["| a", "| b"]


# --- a fitted detector -------------------------------------------------------------------------


def run_accuracy(monkeypatch, capsys, source, *arguments) -> list[list[str]]:
    """Run the program on a tiny detector; return the cells of its rows."""
    monkeypatch.setattr(accuracy, "training_free", lambda *_: source)
    monkeypatch.setattr(sys, "argv", ["accuracy.py", *map(str, arguments), "--steps", "2"])
    accuracy.main()
    lines = capsys.readouterr().out.splitlines()
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]


def test_every_map_the_nearest_neighbour_and_the_mean_have_a_row(
    folder, source, monkeypatch, capsys, tmp_path
):
    report = tmp_path / "figures.json"
    options = ("--all-maps", "--nearest", "--json", report, "--shots", 1, "--decoder-depth", 4)
    options += ("--variant", "inp-former")
    rows = run_accuracy(monkeypatch, capsys, source, folder, folder, *options)
    assert [row[2] for row in rows] == ["reconstruction", "distance", "nearest"] * 3
    assert [row[1] for row in rows] == ["part"] * 6 + ["mean"] * 3
    assert all(0 <= float(cell) <= 1 for row in rows for cell in row[3:6])
    first, second, mean = (float(rows[i][3]) for i in (0, 3, 6))
    assert first == second == mean, "the same folder twice"
    written = json.loads(report.read_text())
    assert len(written["rows"]) == 6 and written["shots"] == 1
    assert written["settings"] == {"variant": "inp-former", "steps": 2, "decoder_depth": 4}
    assert written["rows"][0]["figures"]["image_auroc"] == pytest.approx(first, abs=1e-3)


def test_without_options_only_the_deciding_map_has_a_row(folder, source, monkeypatch, capsys):
    options = ("--variant", "inp-former", "--encoder", "x")
    (row,) = run_accuracy(monkeypatch, capsys, source, folder, *options)
    assert row[:3] == ["x", "part", "reconstruction"]


@pytest.mark.parametrize("name", ["embedded", encoder.UNTRAINED])
def test_the_detector_to_fit_from_stands_on_the_encoder_asked_for(name):
    made = accuracy.training_free(name, None, "cpu")
    assert made.config.encoder == encoder.encoder_config(name)
    assert made.model.encoder.layers == made.config.encoder.layers


def test_tiles_reach_the_fit(folder, source, monkeypatch, capsys):
    fitted = []
    fit = source.fit
    monkeypatch.setattr(source, "fit", lambda *a: fitted.append(fit(*a)) or fitted[-1])
    options = ("--variant", "inp-former", "--shots", 1, "--tiles", "1x2")
    run_accuracy(monkeypatch, capsys, source, folder, *options)
    assert fitted[0].provenance.tiles == "1x2"


def test_figures_that_could_not_be_written_are_refused_before_the_work(
    folder, source, monkeypatch, capsys, tmp_path
):
    with pytest.raises(SystemExit):
        run_accuracy(monkeypatch, capsys, source, folder, "--json", tmp_path / "no" / "f.json")
    assert "there is no folder" in capsys.readouterr().err


def test_the_figures_are_those_of_what_predict_says(folder, source):
    tests = [s for s in read_mvtec_folder(folder) if s.split == "test"]
    found = accuracy.detector_figures(source, tests, ["distance"])["distance"]
    results = [source.predict(load_image(s.path)) for s in tests]
    scores, maps = [r.image_score for r in results], [r.anomaly_map for r in results]
    expected = encoder.Figures.of(scores, maps, tests, 0.0)
    assert (found.image_auroc, found.aupro) == (expected.image_auroc, expected.aupro)


def test_the_nearest_neighbour_uses_the_tokens_the_detector_sees(folder, source):
    image = load_image(folder / "test/good/0.png")
    tokens, geometry = accuracy.tokens_of(source, image)
    assert source.predict(image).explanation.inp_distance.shape == geometry.grid_size
    bank = tokens[0]
    tests = [s for s in read_mvtec_folder(folder) if s.split == "test"]
    figures = accuracy.nearest_figures(source, bank, tests)
    assert figures.seconds > 0 and 0 <= figures.pixel_auroc <= 1
    seen = geometry.input_size
    assert encoder.nearest_map(tokens, geometry.grid_size, bank, seen).abs().max() < 1e-5


@pytest.mark.parametrize(
    ("size", "shrunk"), [((512, 1024), (128, 256)), ((100, 256), (100, 256)), ((9, 5000), (1, 256))]
)
def test_maps_are_shrunk_to_256_pixels_and_never_enlarged(size, shrunk):
    values = accuracy.shrink_map(np.full(size, 0.25, np.float32))
    assert values.shape == shrunk
    np.testing.assert_allclose(values, 0.25, rtol=1e-6)


def test_the_ablation_goes_on_where_it_stopped_and_prints_means(
    folder, source, tmp_path, monkeypatch, capsys
):
    quick = {"steps": 2, "head_steps": 2, "pseudo_anomalies": 2, "tokens_per_view": 8}
    systems = {"one": {**quick, "variant": "inp-former"}, "two": quick}
    monkeypatch.setattr(ablation, "SYSTEMS", systems)
    monkeypatch.setattr(ablation, "training_free", lambda *_: source)
    rows = tmp_path / "rows.jsonl"
    arguments = ["x", "--study", "systems", str(folder), "--rows", str(rows)]
    monkeypatch.setattr(sys, "argv", arguments)
    ablation.main()
    kept = rows.read_text()
    assert kept.count("\n") == 3, "the second has two maps"
    assert capsys.readouterr().out.count("| all | ") == 3
    monkeypatch.setattr(ablation, "measure", lambda *_: pytest.fail("it was measured already"))
    ablation.main()
    assert rows.read_text() == kept


def test_draws_of_the_ablation_are_nested(folder):
    dataset = open_dataset(folder)
    first = [each.path.name for each in ablation.choose_shots(dataset, 2, 0)]
    assert first == ["0.png", "1.png"]
    one, two = (ablation.choose_shots(dataset, count, 1) for count in (1, 2))
    assert two[:1] == one and len(two) == 2


def test_every_engine_has_its_line_and_torch_loses_nothing(folder, source, monkeypatch, capsys):
    pytest.importorskip("onnxruntime", reason="ONNX Runtime is not installed")
    monkeypatch.setattr(int8, "source_detector", lambda options: source)
    monkeypatch.setattr(sys, "argv", ["int8.py", str(folder), "--shots", "2", "--steps", "2"])
    int8.main()
    lines = [line.split(" | ") for line in capsys.readouterr().out.splitlines()[2:]]
    assert [line[1] for line in lines] == ["torch", "onnx", "onnx-int8"]
    assert lines[0][5:] == ["+0.00", "1.00 |"]
    unsigned = [[value.lstrip("+-") for value in line[2:6]] for line in lines]
    assert unsigned[1] == unsigned[0]  # rounding alone, of a zero, too
