"""The plain reference of the speed benchmarks against the network: same weights, same numbers."""

import os
import subprocess
import sys
from dataclasses import replace

import pytest
import torch

from benchmarks.inference import vary_weights
from benchmarks.reference import Reference
from inpformer.config import LossConfig
from inpformer.losses import inp_coherence_loss, soft_mining_loss
from inpformer.modeling.build import build_encoder, build_model
from inpformer.scoring import anomaly_maps


@pytest.fixture(params=[("inp-former", None), ("inp-former++", None), ("inp-former++", 0.12)])
def model_and_config(request, tiny_config):
    variant, contrast = request.param
    encoder = replace(tiny_config.encoder, contrast=contrast)
    # Few prototypes: the network takes its products in the other order, the reference never does.
    config = replace(tiny_config, variant=variant, inp_count=2, encoder=encoder)
    model = build_model(config, build_encoder(config.encoder)).eval()
    with torch.no_grad():
        vary_weights(model)
    return model, config


@torch.no_grad()
def test_the_reference_gives_the_maps_of_the_network(model_and_config, images):
    model, config = model_and_config
    expected, found = (
        Reference(model, config).maps(images),
        anomaly_maps(model(images), config, None),
    )
    assert expected.keys() == found.keys()
    for name, values in found.items():
        assert values.std() > 0, name
        torch.testing.assert_close(values, expected[name], rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("coherence", ["hard", "soft"])
@pytest.mark.parametrize("branches", ["cosine", "cosine+mse"])
def test_the_reference_has_the_loss_and_the_gradient_of_the_network(
    coherence, branches, model_and_config, images
):
    model, config = model_and_config
    losses = LossConfig(coherence=coherence, mining_branches=branches)
    wanted = [*model.inp_extractor.parameters(), *model.decoder.parameters()]
    encoded = model.encode(images)
    inps, _ = model.inp_extractor(encoded.fused_tokens)
    decoded, _ = model.decode(encoded.fused_tokens, inps)
    ours = soft_mining_loss(encoded.groups, decoded, losses)
    coherence_loss = inp_coherence_loss(encoded.fused_tokens, inps, losses)
    ours = ours + losses.coherence_weight * coherence_loss
    theirs = Reference(model, config).training_loss(images, losses)
    torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-6)
    pairs = zip(torch.autograd.grad(ours, wanted), torch.autograd.grad(theirs, wanted), strict=True)
    for mine, other in pairs:
        torch.testing.assert_close(mine, other, rtol=1e-3, atol=1e-6)


FAULTS = """
import resource, sys
from inpformer.allocator import keep_freed_memory
print(keep_freed_memory() if sys.argv[1] == "keep" else False)
import numpy
def faults():
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt
def work():
    for _ in range(5):
        blocks = [numpy.ones(1_000_000) for _ in range(10)]
        del blocks
work()
before = faults()
work()
print(faults() - before)
"""


def page_faults(mode: str) -> tuple[bool, int]:
    environment = {name: v for name, v in os.environ.items() if not name.startswith("MALLOC_")}
    output = subprocess.run(
        [sys.executable, "-c", FAULTS, mode],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split()
    return output[0] == "True", int(output[1])


@pytest.mark.skipif(sys.platform != "linux", reason="freed memory is only kept with glibc")
def test_kept_memory_is_not_asked_of_the_system_again():
    is_kept, faults = page_faults("keep")
    if not is_kept:
        pytest.skip("the C library is not glibc")
    assert faults < page_faults("leave")[1] / 10


def test_what_the_user_says_of_memory_stands(monkeypatch):
    from inpformer.allocator import keep_freed_memory

    monkeypatch.setenv("MALLOC_TRIM_THRESHOLD_", "131072")
    assert not keep_freed_memory()
