"""A device with too little memory, and weights that are no numbers: said, and no wrong verdict."""

import numpy as np
import pytest
import torch

from inpformer.batch_prediction import BatchConfig, as_loaded, inspect_many
from inpformer.detector import AnomalyDetector, Provenance
from inpformer.errors import UserError, WeightsError
from inpformer.memory_limits import ON_CPU_NOTICE, copy_to_cpu, is_out_of_memory
from inpformer.prediction import Looking


def pictures(count: int) -> list[np.ndarray]:
    rng = np.random.default_rng(0)
    return [rng.integers(0, 256, (60, 80, 3), dtype=np.uint8) for _ in range(count)]


class Small(AnomalyDetector):
    """A detector on a device that has memory for so many pictures at once.

    The network runs where it is; the device is torch's `meta`, or the CPU.
    """

    room, name = 0, "meta"

    @property
    def device(self) -> torch.device:
        return torch.device(self.name)

    def run(self, images):
        self.sizes = [*getattr(self, "sizes", []), len(images)]
        if len(images) > self.room:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")
        return super().run(images)


@pytest.fixture
def plain(tiny_model, tiny_config) -> AnomalyDetector:
    return AnomalyDetector(tiny_model, tiny_config, Provenance("untrained", "A double."))


@pytest.fixture
def small(tiny_model, tiny_config) -> Small:
    return Small(tiny_model, tiny_config, Provenance("untrained", "A double."))


def same_maps(first, second) -> None:
    for name in second.score_maps:
        np.testing.assert_allclose(first.map(name), second.map(name), rtol=0, atol=1e-5)


def test_a_batch_that_does_not_fit_is_halved_until_it_does(small, plain):
    small.room, small.name = 2, "cpu"
    batch = [small.prepare(each) for each in pictures(7)]
    results = small.predict_batch(batch)
    assert small.sizes == [7, 3, 1, 2, 4, 2, 2]
    for result, picture in zip(results, pictures(7), strict=True):
        same_maps(result, plain.predict(picture))
        assert ON_CPU_NOTICE not in result.notices


@pytest.mark.parametrize("tiles", ["", "2x2"])
def test_where_not_one_picture_fits_the_cpu_looks_and_that_is_said(small, plain, tiles):
    (picture,) = pictures(1)
    result = small.predict(picture, tiles=tiles)
    same_maps(result, plain.predict(picture, tiles=tiles))
    assert result.notices == (*plain.predict(picture).notices, ON_CPU_NOTICE)


def test_a_job_goes_on_through_it(small, plain):
    config = BatchConfig(Looking(), batch_size=4)
    found = list(inspect_many(small, pictures(5), as_loaded, config))
    assert [ON_CPU_NOTICE in each.unwrap().notices for each in found] == [True] * 5
    same_maps(found[4].result, plain.predict(pictures(5)[4]))


def test_too_little_memory_on_the_cpu_itself_is_one_sentence(small):
    small.name = "cpu"
    with pytest.raises(UserError, match="too little memory for this picture; show a smaller"):
        small.predict(pictures(1)[0])


def test_another_error_of_the_network_stays_what_it_is(small):
    small.run = lambda _: (_ for _ in ()).throw(RuntimeError("shapes do not match"))
    with pytest.raises(RuntimeError, match="shapes do not match"):
        small.predict(pictures(1)[0])


def test_what_torch_says_of_a_full_cpu_counts_as_too_little_memory():
    with pytest.raises(RuntimeError) as caught:
        torch.empty(2**60, dtype=torch.uint8)
    assert is_out_of_memory(caught.value)
    assert is_out_of_memory(MemoryError()) and not is_out_of_memory(RuntimeError("no"))


def test_the_copy_for_the_cpu_shares_nothing_with_the_network_and_sees_alike(tiny_model):
    copied = copy_to_cpu(tiny_model)
    mine, theirs = tiny_model.state_dict(), copied.state_dict()
    assert mine.keys() == theirs.keys()
    assert all(torch.equal(mine[key], theirs[key]) for key in mine)
    with torch.no_grad():
        next(copied.parameters()).add_(1)
    assert copied is not tiny_model and all(
        torch.equal(mine[key], tiny_model.state_dict()[key]) for key in mine
    )


# Weights that are no numbers


@pytest.fixture
def damaged(plain, tmp_path):
    path = plain.save(tmp_path / "damaged.safetensors", bundle_encoder=True)
    from safetensors import safe_open
    from safetensors.torch import save_file

    with safe_open(path, "pt") as file:
        header = file.metadata()
        tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
    key = next(key for key in tensors if not key.startswith("encoder."))
    tensors[key].view(-1)[0] = torch.nan
    path.unlink()  # older releases keep the file of tensors in use
    save_file(tensors, path, metadata=header)
    return path


def test_a_detector_file_with_weights_that_are_no_numbers_is_refused(damaged):
    with pytest.raises(WeightsError, match=r"damaged\.safetensors' holds weights that are no num"):
        AnomalyDetector.load(damaged, "cpu")


def test_a_network_that_gives_no_numbers_gives_no_verdict(plain):
    plain = plain.on_cpu()  # others use the network, too
    with torch.no_grad():
        next(plain.model.inp_extractor.parameters()).fill_(torch.nan)
    with pytest.raises(WeightsError, match="so there is no verdict"):
        plain.predict(pictures(1)[0])
    many = list(inspect_many(plain, pictures(3), as_loaded))
    assert len(many) == 3 and all(isinstance(each.error, WeightsError) for each in many)
