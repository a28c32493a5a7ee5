"""The network against slow loops written from the papers, and the reading of weight files."""

import copy
import dataclasses
import math
import pickle
from pathlib import Path

import pytest
import timm
import torch
import torch.nn.functional as F
from safetensors.torch import save_file
from timm.models.vision_transformer import VisionTransformer
from torch import nn

import inpformer.modeling.decoder as decoder_module
import inpformer.modeling.layers as layers_module
from inpformer.config import ModelConfig
from inpformer.errors import WeightsError
from inpformer.modeling.build import (
    build_encoder,
    build_model,
    encoder_fingerprint,
    load_strictly,
    load_trained_state,
    read_state_dict,
    trained_state,
)
from inpformer.modeling.decoder import INPGuidedBlock, INPGuidedDecoder
from inpformer.modeling.encoder import (
    IMAGE_MEAN,
    IMAGE_STD,
    FrozenEncoder,
    resample_position_grid,
)
from inpformer.modeling.inp_extractor import INPExtractor
from inpformer.modeling.layers import init_trainable
from inpformer.modeling.model import cosine_to_inps, residual_tokens, to_grid
from inpformer.modeling.segmentation_head import SegmentationHead
from inpformer.presets import ENCODER_PRESETS, EncoderConfig

DIM, HEADS = 8, 2
# Loops and matrix products add in another order; in double precision that is far below this.
EXACT = {"rtol": 1e-9, "atol": 1e-11}


def random_tensor(*shape, seed=0):
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def stirred(module, seed=0):
    """The module in double precision, every parameter random: biases, norms and scales count."""
    generator = torch.Generator().manual_seed(seed)
    module = module.double()
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.copy_(torch.randn(parameter.shape, generator=generator) * 0.5)
    return module


def slow_norm(token, norm):
    mean = sum(token) / len(token)
    variance = sum((value - mean) ** 2 for value in token) / len(token)
    return (token - mean) / math.sqrt(variance + 1e-8) * norm.weight + norm.bias


def slow_linear(token, linear):
    return torch.stack(
        [sum(row * token) + bias for row, bias in zip(linear.weight, linear.bias, strict=True)]
    )


def slow_mlp(token, mlp):
    hidden = slow_linear(token, mlp.fc1)
    hidden = hidden * 0.5 * (1 + torch.erf(hidden / math.sqrt(2)))
    return slow_linear(hidden, mlp.fc2)


def slow_cosine(first, second):
    return sum(first * second) / (math.sqrt(sum(first**2)) * math.sqrt(sum(second**2)))


def head_slices():
    width = DIM // HEADS
    return [slice(head * width, (head + 1) * width) for head in range(HEADS)]


def slow_keys_and_values(sources, attention):
    """Key and value of each source: the first C outputs are the key, the rest the value."""
    both = [slow_linear(source, attention.key_value) for source in sources]
    return [item[:DIM] for item in both], [item[DIM:] for item in both]


def slow_extractor(extractor, tokens):
    """Section 1, row "INP extractor", for one picture `(N, C)`."""
    sources = [slow_norm(token, extractor.norm1) for token in tokens]
    keys, values = slow_keys_and_values(sources, extractor.attention)
    inps, attention = [], torch.zeros(HEADS, len(extractor.inp_queries), len(tokens)).double()
    for m, learned in enumerate(extractor.inp_queries):
        query = slow_linear(slow_norm(learned, extractor.norm1), extractor.attention.query)
        gathered = torch.zeros(DIM).double()
        for head, part in enumerate(head_slices()):
            scores = [sum(query[part] * key[part]).item() / math.sqrt(DIM // HEADS) for key in keys]
            weights = [math.exp(score) for score in scores]
            for i, (weight, value) in enumerate(zip(weights, values, strict=True)):
                attention[head, m, i] = weight / sum(weights)
                gathered[part] += weight / sum(weights) * value[part]
        inp = learned + slow_linear(gathered, extractor.attention.proj)
        inps.append(inp + slow_mlp(slow_norm(inp, extractor.norm2), extractor.mlp))
    return torch.stack(inps), attention


def slow_block(block, tokens, inps):
    """Section 1, row "decoder", one block for one picture."""
    sources = [slow_norm(inp, block.norm1) for inp in inps]
    keys, values = slow_keys_and_values(sources, block.attention)
    outputs, attention = [], torch.zeros(HEADS, len(tokens), len(inps)).double()
    for i, token in enumerate(tokens):
        query = slow_linear(slow_norm(token, block.norm1), block.attention.query)
        mixed = torch.zeros(DIM).double()
        for head, part in enumerate(head_slices()):
            for m, (key, value) in enumerate(zip(keys, values, strict=True)):
                scale = block.attention.head_scale[head, 0, 0].item()
                weight = max(0.0, scale * slow_cosine(query[part], key[part]).item())
                attention[head, i, m] = weight
                mixed[part] += weight * value[part]
        rebuilt = slow_linear(mixed, block.attention.proj)  # no residual around the attention
        outputs.append(rebuilt + slow_mlp(slow_norm(rebuilt, block.norm2), block.mlp))
    return torch.stack(outputs), attention


# --- the INP extractor -------------------------------------------------------------------------


@torch.no_grad()
@pytest.mark.parametrize("inp_count", [2, 3], ids=["few prototypes", "many"])
def test_the_extractor_is_the_softmax_attention_of_the_paper_written_as_a_loop(inp_count):
    extractor = stirred(INPExtractor(DIM, HEADS, inp_count))
    tokens = random_tensor(2, 5, DIM, seed=1)
    inps, attention = extractor(tokens)
    for picture in range(2):
        slow_inps, slow_attention = slow_extractor(extractor, tokens[picture])
        torch.testing.assert_close(inps[picture], slow_inps, **EXACT)
        torch.testing.assert_close(attention[picture], slow_attention, **EXACT)


@torch.no_grad()
@pytest.mark.parametrize("inp_count", [2, 3], ids=["few prototypes", "many"])
def test_padding_changes_no_prototype_and_gets_no_attention(inp_count):
    extractor = stirred(INPExtractor(DIM, HEADS, inp_count))
    short, long = random_tensor(1, 4, DIM, seed=1), random_tensor(1, 7, DIM, seed=2)
    padding = 100 * random_tensor(1, 3, DIM, seed=3)
    batch = torch.cat([torch.cat([short, padding], dim=1), long])
    mask = torch.tensor([[True] * 4 + [False] * 3, [True] * 7])
    inps, attention = extractor(batch, mask)
    alone, attention_alone = extractor(short)
    torch.testing.assert_close(inps[:1], alone, **EXACT)
    torch.testing.assert_close(inps[1:], extractor(long)[0], **EXACT)
    torch.testing.assert_close(attention[:1, ..., :4], attention_alone, **EXACT)
    assert (attention[0, ..., 4:] == 0).all()
    assert not torch.allclose(extractor(batch)[0][:1], alone), "the mask would not matter"


@torch.no_grad()
def test_the_attention_of_every_prototype_sums_to_one(tiny_model, images):
    output = tiny_model(images)
    for attention in (output.inp_attention, output.inp_attention_per_head):
        assert (attention >= 0).all()
        torch.testing.assert_close(attention.sum(dim=-1), torch.ones(attention.shape[:-1]))
    torch.testing.assert_close(output.inp_attention, output.inp_attention_per_head.mean(dim=1))


# --- the decoder -------------------------------------------------------------------------------


@torch.no_grad()
@pytest.mark.parametrize(("token_count", "inp_count"), [(5, 3), (9, 2)])
def test_a_decoder_block_is_the_relu_attention_of_the_paper_written_as_a_loop(
    token_count, inp_count
):
    block = stirred(INPGuidedBlock(DIM, HEADS))
    tokens = random_tensor(2, token_count, DIM, seed=1)
    inps = random_tensor(2, inp_count, DIM, seed=2)
    rebuilt, attention = block(tokens, inps)
    assert block._is_small(attention) == (inp_count == 2)
    assert (attention == 0).any() and (attention > 0).any(), "ReLU should cut some of these"
    for picture in range(2):
        slow_tokens, slow_attention = slow_block(block, tokens[picture], inps[picture])
        torch.testing.assert_close(rebuilt[picture], slow_tokens, **EXACT)
        torch.testing.assert_close(attention[picture], slow_attention, **EXACT)


@pytest.mark.parametrize("part", ["extractor", "block"])
def test_the_order_of_products_changes_no_gradient(part, monkeypatch):
    module = stirred(INPGuidedBlock(DIM, HEADS) if part == "block" else INPExtractor(DIM, HEADS, 2))
    tokens, inps = random_tensor(2, 9, DIM, seed=1), random_tensor(2, 2, DIM, seed=2)
    inputs = (tokens, inps) if part == "block" else (tokens,)
    few = gradients(module, inputs)
    monkeypatch.setattr(decoder_module, "MIN_SAVING", 100)
    monkeypatch.setattr(layers_module, "MIN_SAVING", 100)
    for one, other in zip(few, gradients(module, inputs), strict=True):
        torch.testing.assert_close(one, other, **EXACT)


def gradients(module, inputs):
    inputs = [values.clone().requires_grad_() for values in inputs]
    result, _ = module(*inputs)
    wanted = [*inputs, *module.parameters()]
    return torch.autograd.grad((result * torch.linspace(-1, 1, DIM)).sum(), wanted)


@torch.no_grad()
def test_the_decoder_is_a_bottleneck_and_its_blocks_all_guided_by_the_same_prototypes():
    decoder = stirred(INPGuidedDecoder(DIM, HEADS, depth=3))
    tokens, inps = random_tensor(1, 4, DIM, seed=1), random_tensor(1, 3, DIM, seed=2)
    outputs, attention = decoder(tokens, inps)
    expected = torch.stack([slow_mlp(token, decoder.bottleneck) for token in tokens[0]])
    for layer, block in enumerate(decoder.blocks):
        expected, slow_attention = slow_block(block, expected, inps[0])
        torch.testing.assert_close(outputs[layer][0], expected, **EXACT)
        torch.testing.assert_close(attention[0, layer], slow_attention, **EXACT)


@torch.no_grad()
def test_no_token_passes_a_block_around_the_prototypes():
    block = stirred(INPGuidedBlock(DIM, HEADS))
    block.attention.head_scale.zero_()  # nothing is read from the prototypes any more
    rebuilt, _ = block(random_tensor(1, 5, DIM, seed=1), random_tensor(1, 3, DIM, seed=2))
    torch.testing.assert_close(rebuilt, rebuilt[:, :1].expand_as(rebuilt), **EXACT)


@torch.no_grad()
def test_each_token_is_decoded_on_its_own():
    decoder = stirred(INPGuidedDecoder(DIM, HEADS, depth=2))
    tokens, inps = random_tensor(2, 9, DIM, seed=1), random_tensor(2, 3, DIM, seed=2)
    outputs, attention = decoder(tokens, inps)
    some = torch.tensor([7, 2, 3])
    few_outputs, few_attention = decoder(tokens[:, some], inps)
    for few, all_of_them in zip(few_outputs, outputs, strict=True):
        torch.testing.assert_close(few, all_of_them[:, some], **EXACT)
    torch.testing.assert_close(few_attention, attention[:, :, :, some], **EXACT)


# --- groups and the whole network --------------------------------------------------------------


def deep_config() -> ModelConfig:
    encoder = EncoderConfig("deep", 14, 32, 6, 2, layers=(1, 2, 3, 4), native_grid=4)
    return ModelConfig(encoder=encoder, decoder_depth=4, head_widths=(8, 4))


class CountingDecoder(nn.Module):
    """A decoder whose block number i gives tokens full of i."""

    def forward(self, tokens, inps):
        outputs = [torch.full_like(tokens, float(i)) for i in range(4)]
        return outputs, torch.zeros(len(tokens), 4, 1, tokens.shape[1], inps.shape[1])


def test_the_last_decoder_block_answers_for_the_shallow_group():
    config = deep_config()
    model = build_model(config, build_encoder(config.encoder))
    model.decoder = CountingDecoder()
    groups, _ = model.decode(torch.zeros(1, 5, 32), torch.zeros(1, 6, 32))
    assert (groups[0] == 2.5).all(), "shallow: the mean of the last two blocks"
    assert (groups[1] == 0.5).all(), "deep: the mean of the first two"


@torch.no_grad()
def test_in_a_decoder_of_one_block_for_each_group_the_last_block_rebuilds_the_shallow_one(images):
    config = dataclasses.replace(deep_config(), decoder_depth=2)
    model = build_model(config, build_encoder(config.encoder))
    fused = model.encode(images).fused_tokens
    inps, _ = model.inp_extractor(fused)
    outputs, attention = model.decoder(fused, inps)
    groups, _ = model.decode(fused, inps)
    assert len(outputs) == 2 and attention.shape[1] == 2
    assert torch.equal(groups[0], outputs[1]) and torch.equal(groups[1], outputs[0])


def test_encoder_groups_are_means_of_neighbouring_layers_and_fused_tokens_of_all(images):
    config = deep_config()
    model = build_model(config, build_encoder(config.encoder))
    layers = model.encoder(images)
    encoded = model.encode(images)
    assert encoded.grid_size == (4, 5)
    torch.testing.assert_close(encoded.groups[0], (layers[0] + layers[1]) / 2)
    torch.testing.assert_close(encoded.groups[1], (layers[2] + layers[3]) / 2)
    torch.testing.assert_close(encoded.fused_tokens, sum(layers) / 4)


@torch.no_grad()
@pytest.mark.parametrize("variant", ["training-free", "inp-former", "inp-former++"])
def test_a_batch_equals_its_images_one_by_one(variant, tiny_config, images):
    config = dataclasses.replace(tiny_config, variant=variant)
    torch.manual_seed(0)
    model = build_model(config, build_encoder(config.encoder)).eval()
    together = model(images)
    batch_axis = {"encoder_groups": 1, "decoder_groups": 1}
    for picture in range(len(images)):
        alone = model(images[picture : picture + 1])
        for name, tensor in together._asdict().items():
            if not isinstance(tensor, torch.Tensor):
                assert getattr(alone, name) == tensor
                continue
            part = tensor.narrow(batch_axis.get(name, 0), picture, 1)
            # Matrix products of other sizes round in another order: some float32 steps.
            torch.testing.assert_close(getattr(alone, name), part, rtol=1e-4, atol=1e-5)


@torch.no_grad()
def test_outputs_have_the_shapes_they_promise_on_a_grid_that_is_not_square(tiny_model, images):
    output = tiny_model(images)
    shapes = {
        name: tuple(value.shape) if isinstance(value, torch.Tensor) else value
        for name, value in output._asdict().items()
    }
    assert shapes == {
        "encoder_groups": (2, 3, 20, 32),
        "decoder_groups": (2, 3, 20, 32),
        "inps": (3, 4, 32),
        "inp_attention": (3, 4, 20),
        "inp_attention_per_head": (3, 2, 4, 20),
        "decoder_attention": (3, 2, 2, 20, 4),
        "inp_distance": (3, 20),
        "nearest_inp": (3, 20),
        "soft_assignment": (3, 20, 4),
        "residual": (3, 20, 32),
        "segmentation_map": (3, 56, 70),
        "strangeness": None,
        "strangeness_between": None,
        "grid_size": (4, 5),
        "input_size": (56, 70),
    }


@torch.no_grad()
def test_not_decoding_leaves_out_only_what_needs_the_decoder(tiny_model, images):
    whole, half = tiny_model(images), tiny_model(images, decode=False)
    missing = {name for name, value in half._asdict().items() if value is None}
    decoded = {"decoder_groups", "decoder_attention", "residual", "segmentation_map"}
    assert missing == decoded | {"strangeness", "strangeness_between"}
    torch.testing.assert_close(half.inp_distance, whole.inp_distance)


@pytest.mark.parametrize(
    ("variant", "decodes", "segments"),
    [("training-free", False, False), ("inp-former", True, False), ("inp-former++", True, True)],
)
def test_each_variant_has_the_parts_of_its_paper(variant, decodes, segments, tiny_config):
    config = dataclasses.replace(tiny_config, variant=variant)
    model = build_model(config, build_encoder(config.encoder))
    assert (model.decoder is not None) == decodes
    assert (model.segmentation_head is not None) == segments
    assert bool(trained_state(model)) == decodes


@torch.no_grad()
def test_nearest_prototype_distance_and_soft_assignment_equal_a_loop(tiny_model, images):
    output = tiny_model(images)
    fused = output.encoder_groups.mean(dim=0)
    for picture in range(len(images)):
        for i, token in enumerate(fused[picture]):
            cosines = [slow_cosine(token, inp).item() for inp in output.inps[picture]]
            exponents = [math.exp(value) for value in cosines]
            assert output.nearest_inp[picture, i] == max(range(4), key=cosines.__getitem__)
            distance = output.inp_distance[picture, i].item()
            assert distance == pytest.approx(1 - max(cosines), abs=1e-5)
            weights = [value / sum(exponents) for value in exponents]
            assert output.soft_assignment[picture, i].tolist() == pytest.approx(weights, abs=1e-5)


def test_cosine_to_prototypes_equals_a_loop():
    tokens, inps = random_tensor(2, 5, DIM, seed=1), random_tensor(2, 3, DIM, seed=2)
    cosines = cosine_to_inps(tokens, inps)
    for b in range(2):
        for i in range(5):
            for m in range(3):
                slow = slow_cosine(tokens[b, i], inps[b, m])
                torch.testing.assert_close(cosines[b, i, m], slow, **EXACT)


# --- the residual and the segmentation head ----------------------------------------------------


def test_the_residual_of_equation_7_equals_a_loop():
    encoder, decoder = random_tensor(2, 3, 5, DIM, seed=1), random_tensor(2, 3, 5, DIM, seed=2)
    residual = residual_tokens(encoder, decoder)
    for b in range(3):
        for i in range(5):
            slow = torch.zeros(DIM).double()
            for group in range(2):
                e, d = encoder[group, b, i], decoder[group, b, i]
                slow += (1 - slow_cosine(e, d)) * (e - d).abs() / 2
            torch.testing.assert_close(residual[b, i], slow, **EXACT)


def test_the_residual_is_never_negative_even_where_the_rebuild_is_perfect():
    tokens = torch.randn(2, 3, 50, DIM, generator=torch.Generator().manual_seed(0))
    rebuilt = tokens.clone()
    rebuilt[..., 0, 0] += 1
    residual = residual_tokens(tokens, rebuilt)
    assert (residual >= 0).all()
    assert residual[:, 0, 0].min() > 0


def test_the_segmentation_head_trains_nothing_but_itself(tiny_model, images):
    output = tiny_model(images)
    assert not output.residual.requires_grad
    output.segmentation_map.sum().backward()
    for name, parameter in tiny_model.named_parameters():
        assert (parameter.grad is not None) == name.startswith("segmentation_head."), name


@torch.no_grad()
def test_the_head_follows_the_recipe_of_the_paper():
    torch.manual_seed(0)
    head = SegmentationHead(DIM, (6, 5), -2.0)
    head.input_scale.fill_(3)
    residual = torch.rand(2, DIM, 4, 5)
    probability = head(residual, (56, 70))
    first, _, second, _, third = head.layers
    values = residual * 3  # the unit of the residual, measured when the head was fitted
    values = F.conv_transpose2d(values, first.weight, first.bias, stride=2, padding=1)
    values = F.conv_transpose2d(values.relu(), second.weight, second.bias, stride=2, padding=1)
    values = F.conv2d(values.relu(), third.weight, third.bias, padding=1)
    assert values.shape == (2, 1, 16, 20)
    values = F.interpolate(values, size=(56, 70), mode="bilinear", align_corners=False)
    torch.testing.assert_close(probability, values[:, 0].sigmoid())
    assert [tuple(layer.weight.shape) for layer in (first, second, third)] == [
        (DIM, 6, 4, 4),
        (6, 5, 4, 4),
        (1, 5, 3, 3),
    ]


def test_tokens_are_laid_out_row_by_row():
    tokens = torch.arange(6.0).view(1, 6, 1)
    assert to_grid(tokens, (2, 3))[0, 0].tolist() == [[0, 1, 2], [3, 4, 5]]


# --- the frozen encoder ------------------------------------------------------------------------


def slow_encoder(vit, images, layers):
    """A plain loop through a timm ViT: positions resampled the DINOv2 way, raw block outputs."""
    mean, std = torch.tensor(IMAGE_MEAN).view(3, 1, 1), torch.tensor(IMAGE_STD).view(3, 1, 1)
    projection = vit.patch_embed.proj
    patches = F.conv2d(
        (images - mean) / std, projection.weight, projection.bias, stride=projection.kernel_size
    )
    rows, columns = patches.shape[-2:]
    native = vit.patch_embed.grid_size[0]
    prefix = [token for token in (vit.cls_token, vit.reg_token) if token is not None]
    prefix = torch.cat(prefix, dim=1).expand(len(images), -1, -1)
    positions = vit.pos_embed
    if not vit.no_embed_class:
        prefix = prefix + positions[:, : prefix.shape[1]]
        positions = positions[:, prefix.shape[1] :]
    grid = positions.transpose(1, 2).unflatten(2, (native, native))
    if (rows, columns) != (native, native):
        grid = F.interpolate(
            grid,
            scale_factor=((rows + 0.1) / native, (columns + 0.1) / native),
            mode="bicubic",
            antialias=False,
        )
    tokens = torch.cat([prefix, (patches + grid).flatten(2).transpose(1, 2)], dim=1)
    outputs = []
    for index, block in enumerate(vit.blocks):
        tokens = block(tokens)
        if index in layers:
            outputs.append(tokens[:, prefix.shape[1] :])
    return torch.stack(outputs)


def random_images(rows, columns, patch_size=14, count=2):
    generator = torch.Generator().manual_seed(rows * 100 + columns)
    return torch.rand(count, 3, rows * patch_size, columns * patch_size, generator=generator)


def random_positions(vit):
    """Positions and prefix tokens that weigh as much as the picture does."""
    generator = torch.Generator().manual_seed(3)
    with torch.no_grad():
        for parameter in (vit.pos_embed, vit.cls_token, vit.reg_token):
            if parameter is not None:
                parameter.copy_(torch.randn(parameter.shape, generator=generator))


@torch.no_grad()
@pytest.mark.parametrize("grid", [(4, 4), (4, 5), (3, 6), (7, 2), (9, 8)])
def test_the_encoder_gives_the_raw_outputs_of_a_plain_loop_on_any_grid(grid, tiny_encoder_config):
    encoder = build_encoder(tiny_encoder_config)
    random_positions(encoder.vit)
    images = random_images(*grid)
    assert encoder.grid_size(images) == grid
    expected = slow_encoder(encoder.vit, images, encoder.layers)
    torch.testing.assert_close(torch.stack(encoder(images)), expected, rtol=1e-5, atol=1e-5)


@torch.no_grad()
@pytest.mark.parametrize("grid", [(4, 4), (3, 6)])
@pytest.mark.parametrize("reg_tokens", [0, 2])
def test_a_vit_whose_class_token_has_a_position_works_too(grid, reg_tokens):
    torch.manual_seed(0)
    numbers = {"img_size": 56, "patch_size": 14, "embed_dim": 32, "depth": 3, "num_heads": 2}
    vit = VisionTransformer(
        **numbers, reg_tokens=reg_tokens, dynamic_img_size=True, num_classes=0
    ).eval()
    assert not vit.no_embed_class
    random_positions(vit)
    images = random_images(*grid)
    expected = slow_encoder(vit, images, (0, 2))
    plain = copy.deepcopy(vit)
    encoder = FrozenEncoder(vit, (0, 2), 14)
    torch.testing.assert_close(torch.stack(encoder(images)), expected, rtol=1e-5, atol=1e-5)
    if grid == (4, 4):  # at its own grid nothing is resampled: timm itself says the same
        normalised = (images - encoder.mean) / encoder.std
        by_timm = plain.forward_intermediates(normalised, output_fmt="NLC", intermediates_only=True)
        torch.testing.assert_close(encoder(images)[1], by_timm[2], rtol=1e-5, atol=1e-5)


def test_positions_are_resampled_with_the_offset_of_dinov2_and_not_at_the_native_grid():
    positions = torch.randn(1, 5 * 7, 3, generator=torch.Generator().manual_seed(0))
    assert torch.equal(resample_position_grid(positions, (5, 7), (5, 7)), positions)
    resampled = resample_position_grid(positions, (5, 7), (3, 11))
    grid = positions.transpose(1, 2).unflatten(2, (5, 7))
    offset = F.interpolate(grid, scale_factor=(3.1 / 5, 11.1 / 7), mode="bicubic")
    exact = F.interpolate(grid, size=(3, 11), mode="bicubic")
    torch.testing.assert_close(resampled, offset.flatten(2).transpose(1, 2))
    assert not torch.allclose(resampled, exact.flatten(2).transpose(1, 2), atol=1e-3)


@torch.no_grad()
@pytest.mark.parametrize("grid", [(2, 2), (3, 5), (5, 3)])
def test_a_rotary_encoder_of_dinov3_runs_on_any_grid(grid):
    torch.manual_seed(0)
    vit = timm.create_model(
        "vit_small_patch16_dinov3",
        pretrained=False,
        dynamic_img_size=True,
        num_classes=0,
        embed_dim=32,
        depth=3,
        num_heads=2,
    )
    encoder = FrozenEncoder(vit, (0, 2), 16)
    seen = []
    for block in vit.blocks:
        block.register_forward_hook(lambda _, __, output: seen.append(output))
    images = random_images(*grid, patch_size=16)
    tokens = torch.stack(encoder(images))
    assert tokens.shape == (2, 2, grid[0] * grid[1], 32)
    prefix = 1 + 4  # class and register tokens
    assert torch.equal(tokens, torch.stack([seen[0], seen[2]])[:, :, prefix:])


def test_blocks_after_the_last_one_read_do_not_exist():
    encoder = build_encoder(EncoderConfig("deep", 14, 32, 6, 2, layers=(1, 3), native_grid=4))
    assert len(encoder.vit.blocks) == 4
    assert not list(encoder.vit.norm.parameters())


def test_the_encoder_gets_no_gradient_and_stays_in_evaluation_mode(tiny_model, images):
    tiny_model.train()
    assert tiny_model.decoder.training
    assert not any(module.training for module in tiny_model.encoder.modules())
    images.requires_grad_()
    output = tiny_model(images)
    assert not output.encoder_groups.requires_grad
    assert output.decoder_groups.requires_grad
    output.decoder_groups.sum().backward()
    assert images.grad is None
    assert not any(parameter.requires_grad for parameter in tiny_model.encoder.parameters())


@torch.no_grad()
def test_a_copied_encoder_stands_on_its_own(tiny_encoder_config, images):
    encoder = build_encoder(tiny_encoder_config)
    expected = encoder(images)
    twin = copy.deepcopy(encoder)
    for parameter in encoder.parameters():
        parameter.zero_()
    assert torch.equal(torch.stack(twin(images)), torch.stack(expected))


@pytest.mark.parametrize("name", ENCODER_PRESETS)
def test_the_numbers_of_a_preset_are_those_of_its_architecture(name):
    preset = ENCODER_PRESETS[name]
    with torch.device("meta"):  # shapes without values: even the large encoder costs nothing
        vit = build_encoder(preset).vit
    assert vit.embed_dim == preset.embed_dim
    if preset.has_narrow_tokens:
        assert all(type(block) is nn.Identity for block in vit.blocks)
    else:
        assert vit.blocks[0].attn.num_heads == preset.num_heads
    assert vit.patch_embed.patch_size == (preset.patch_size, preset.patch_size)
    assert vit.patch_embed.grid_size == (preset.native_grid, preset.native_grid)
    assert vit.num_prefix_tokens == 1 + preset.register_tokens
    assert len(vit.blocks) == preset.layers[-1] + 1


@pytest.mark.parametrize("name", [name for name, p in ENCODER_PRESETS.items() if p.timm_name])
def test_the_published_weights_have_as_many_blocks_as_the_preset_says(name):
    preset = ENCODER_PRESETS[name]
    with torch.device("meta"):
        vit = timm.create_model(preset.timm_name, pretrained=False, num_classes=0)
    assert len(vit.blocks) == preset.depth


# --- building ----------------------------------------------------------------------------------


def assert_same_state(first, second):
    assert first.keys() == second.keys()
    for key in first:
        assert torch.equal(first[key], second[key]), key


def test_an_untrained_encoder_is_the_same_each_time_and_leaves_the_global_generator_alone(
    tiny_encoder_config,
):
    torch.manual_seed(11)
    before = torch.get_rng_state()
    first = build_encoder(tiny_encoder_config)
    assert torch.equal(torch.get_rng_state(), before)
    torch.manual_seed(22)
    second = build_encoder(tiny_encoder_config)
    assert_same_state(first.state_dict(), second.state_dict())
    assert encoder_fingerprint(first) == encoder_fingerprint(second)


def test_trainable_parts_start_as_the_papers_say(tiny_model):
    weights = []
    for name, module in tiny_model.named_modules():
        if name.startswith(("encoder", "segmentation_head")):
            continue
        if isinstance(module, nn.Linear):
            assert (module.bias == 0).all(), name
            assert 0 < module.weight.abs().max() <= 0.03, name
            weights.append(module.weight.flatten())
        elif isinstance(module, nn.LayerNorm):
            assert module.eps == 1e-8, name
            assert (module.weight == 1).all() and (module.bias == 0).all(), name
    assert torch.cat(weights).std().item() == pytest.approx(0.01, rel=0.05)
    for block in tiny_model.decoder.blocks:
        assert (block.attention.head_scale == 1).all()


def test_prototype_queries_start_from_a_unit_normal():
    torch.manual_seed(0)
    queries = INPExtractor(64, 2, 64).apply(init_trainable).inp_queries
    assert queries.mean().item() == pytest.approx(0, abs=0.05)
    assert queries.std().item() == pytest.approx(1, abs=0.05)


def test_every_mlp_widens_four_times(tiny_model):
    for mlp in (
        tiny_model.inp_extractor.mlp,
        tiny_model.decoder.bottleneck,
        tiny_model.decoder.blocks[0].mlp,
    ):
        assert mlp.fc1.weight.shape == (4 * 32, 32)
        assert mlp.fc2.weight.shape == (32, 4 * 32)


@pytest.mark.parametrize(("ratio", "hidden"), [(2.0, 64), (0.5, 16), (0.001, 1)])
def test_every_mlp_of_the_trained_parts_has_the_width_asked_for(ratio, hidden, tiny_config, images):
    config = dataclasses.replace(tiny_config, mlp_ratio=ratio)
    model = build_model(config, build_encoder(config.encoder))
    mlps = [model.inp_extractor.mlp, model.decoder.bottleneck]
    for mlp in [*mlps, *(block.mlp for block in model.decoder.blocks)]:
        assert mlp.fc1.weight.shape == (hidden, 32)
    assert model.encoder.vit.blocks[0].mlp.fc1.weight.shape == (4 * 32, 32)
    assert model(images).decoder_groups.shape == (2, 3, 20, 32)


def test_the_fingerprint_tells_two_encoders_apart(tiny_encoder_config):
    encoder = build_encoder(tiny_encoder_config)
    fingerprint = encoder_fingerprint(encoder)
    for part in ("patch_embed.proj.weight", "blocks.0.attn.qkv.weight", "blocks.2.mlp.fc2.weight"):
        other = build_encoder(tiny_encoder_config)
        with torch.no_grad():
            other.vit.get_parameter(part).view(-1)[0] += 0.5
        assert encoder_fingerprint(other) != fingerprint, part


# --- reading weights ---------------------------------------------------------------------------


@pytest.fixture
def vit_config(tiny_encoder_config) -> EncoderConfig:
    return dataclasses.replace(tiny_encoder_config, layer_scale=1.0)


@pytest.fixture
def timm_state(vit_config) -> dict:
    """The whole encoder, as timm's file would have it, every value random."""
    torch.manual_seed(5)
    vit = VisionTransformer(
        img_size=56,
        patch_size=14,
        embed_dim=32,
        depth=3,
        num_heads=2,
        reg_tokens=4,
        init_values=1.0,
        no_embed_class=True,
        num_classes=0,
    )
    return {key: torch.randn_like(value) * 0.3 for key, value in vit.state_dict().items()}


def facebook_names(state: dict) -> dict:
    """The same encoder as DINOv2's own file has it: the class token has a position too."""
    state = {key: value.clone() for key, value in state.items()}
    class_position = torch.randn(1, 1, 32, generator=torch.Generator().manual_seed(1))
    state["register_tokens"] = state.pop("reg_token")
    state["mask_token"] = torch.zeros(1, 32)
    state["cls_token"] = state["cls_token"] - class_position
    state["pos_embed"] = torch.cat([class_position, state["pos_embed"]], dim=1)
    return state


def test_weights_in_dinov2s_own_naming_equal_those_in_timms(vit_config, timm_state, images):
    by_timm = build_encoder(vit_config, timm_state)
    by_facebook = build_encoder(vit_config, facebook_names(timm_state))
    torch.testing.assert_close(by_facebook(images), by_timm(images), rtol=1e-5, atol=1e-5)
    assert torch.equal(by_timm.vit.reg_token, timm_state["reg_token"])
    assert not torch.allclose(by_timm(images)[0], build_encoder(vit_config)(images)[0])


@pytest.mark.parametrize("naming", ["timm", "dinov2"])
def test_an_encoder_file_of_16_bits_gives_an_encoder_of_32(
    naming, vit_config, timm_state, images, tmp_path
):
    state = timm_state if naming == "timm" else facebook_names(timm_state)
    halves = {key: value.half() for key, value in state.items()}
    save_file(halves, tmp_path / "half.safetensors")
    encoder = build_encoder(vit_config, read_state_dict(tmp_path / "half.safetensors"))
    assert all(value.dtype == torch.float32 for value in encoder.state_dict().values())
    assert all(tokens.dtype == torch.float32 for tokens in encoder(images))
    again = build_encoder(vit_config, read_state_dict(tmp_path / "half.safetensors"))
    assert encoder_fingerprint(again) == encoder_fingerprint(encoder)
    if naming == "timm":  # what a file of 32 bits with the same numbers gives
        rounded = build_encoder(vit_config, {key: value.float() for key, value in halves.items()})
        assert encoder_fingerprint(rounded) == encoder_fingerprint(encoder)
        assert torch.equal(torch.stack(rounded(images)), torch.stack(encoder(images)))


def test_loading_an_encoder_leaves_the_given_table_of_weights_alone(vit_config, timm_state):
    state = facebook_names(timm_state)
    names = set(state)
    build_encoder(vit_config, state)
    assert set(state) == names


def test_the_positions_of_another_grid_are_refused_in_either_naming(vit_config, timm_state):
    timm_state["pos_embed"] = torch.randn(1, 36, 32)
    for state in (timm_state, facebook_names(timm_state)):
        with pytest.raises(WeightsError, match="pos_embed"):
            build_encoder(vit_config, state)


def test_an_encoder_load_error_names_what_is_missing_unknown_or_of_another_shape(
    vit_config, timm_state
):
    del timm_state["blocks.1.norm1.weight"]
    timm_state["blocks.7.norm1.weight"] = torch.zeros(32)
    timm_state["cls_token"] = torch.zeros(1, 1, 48)
    with pytest.raises(WeightsError) as error:
        build_encoder(vit_config, timm_state, "'mine.pth'")
    message = str(error.value)
    assert message.startswith("'mine.pth'")
    assert "lacks blocks.1.norm1.weight" in message
    assert "unknown blocks.7.norm1.weight" in message
    assert "cls_token is (1, 1, 48) instead of (1, 1, 32)" in message
    assert "'tiny'" in message


def test_a_long_list_of_missing_names_is_cut_short_and_counted(vit_config):
    with pytest.raises(WeightsError, match=r"and \d+ more") as error:
        build_encoder(vit_config, {})
    assert len(str(error.value)) < 300


def test_trained_weights_come_back_bit_for_bit_and_leave_the_encoder_alone(tiny_config):
    torch.manual_seed(1)
    source = build_model(tiny_config, build_encoder(tiny_config.encoder))
    torch.manual_seed(2)
    target = build_model(tiny_config, build_encoder(tiny_config.encoder))
    encoder = copy.deepcopy(target.encoder.state_dict())
    assert not torch.equal(target.inp_extractor.inp_queries, source.inp_extractor.inp_queries)
    state = trained_state(source)
    assert not any(key.startswith("encoder.") for key in state)
    load_trained_state(target, state, "'x'")
    assert_same_state(trained_state(target), state)
    assert_same_state(target.encoder.state_dict(), encoder)


@pytest.mark.parametrize("change", ["missing", "unknown", "shape"])
def test_loading_trained_weights_is_strict_and_changes_nothing_when_it_fails(change, tiny_model):
    before = {key: value.clone() for key, value in trained_state(tiny_model).items()}
    state = {key: torch.zeros_like(value) for key, value in before.items()}
    name = "decoder.blocks.0.norm1.weight"
    if change == "missing":
        del state[name]
    elif change == "unknown":
        name = "decoder.blocks.9.norm1.weight"
        state[name] = torch.zeros(32)
    else:
        state[name] = torch.zeros(31)
    with pytest.raises(WeightsError, match=name.replace(".", r"\.")):
        load_trained_state(tiny_model, state, "'x'")
    assert_same_state(trained_state(tiny_model), before)


def test_load_strictly_wants_every_name():
    layer = nn.Linear(2, 2)
    with pytest.raises(WeightsError, match="lacks bias"):
        load_strictly(layer, {"weight": torch.zeros(2, 2)}, "'x'")
    load_strictly(layer, {"weight": torch.zeros(2, 2), "bias": torch.ones(2)}, "'x'")
    assert layer.bias.tolist() == [1, 1]


@pytest.mark.parametrize("suffix", [".safetensors", ".pth"])
def test_weight_files_of_both_kinds_come_back_as_they_were(suffix, tmp_path):
    state = {"a": torch.randn(3, 4), "b": torch.arange(5)}
    path = tmp_path / f"weights{suffix}"
    save_file(state, path) if suffix == ".safetensors" else torch.save(state, path)
    assert_same_state(read_state_dict(path), state)


class Burglar:
    """Unpickling this creates a file."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return Path.touch, (Path(self.path),)


@pytest.mark.parametrize("writer", ["torch", "pickle"])
def test_a_pickle_with_code_in_it_is_refused_without_being_run(writer, tmp_path):
    trace, path = tmp_path / "burgled", tmp_path / "weights.pth"
    content = {"weight": torch.zeros(2), "more": Burglar(trace)}
    if writer == "torch":
        torch.save(content, path)
    else:
        path.write_bytes(pickle.dumps(content, protocol=2))
    with pytest.raises(WeightsError, match=r"weights\.pth"):
        read_state_dict(path)
    assert not trace.exists()
    if writer == "pickle":
        pickle.loads(path.read_bytes())
        assert trace.exists(), "the file would not have done anything"


@pytest.mark.parametrize("suffix", [".safetensors", ".pth"])
@pytest.mark.parametrize("kept", [0, 4, 60, -20])
def test_a_file_that_was_cut_short_is_refused_by_name(suffix, kept, tmp_path):
    path = tmp_path / f"short{suffix}"
    state = {"a": torch.randn(30, 4)}
    save_file(state, path) if suffix == ".safetensors" else torch.save(state, path)
    path.write_bytes(path.read_bytes()[:kept])
    with pytest.raises(WeightsError, match="short") as error:
        read_state_dict(path)
    assert "again" in str(error.value), "says what to do"


@pytest.mark.parametrize(
    "content", [[torch.zeros(2)], {"model": {"a": torch.zeros(2)}}, {"epoch": 3}, torch.zeros(2)]
)
def test_a_file_without_a_plain_table_of_tensors_is_refused(content, tmp_path):
    path = tmp_path / "odd.pth"
    torch.save(content, path)
    with pytest.raises(WeightsError, match="odd"):
        read_state_dict(path)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(WeightsError, match=r"nowhere\.safetensors"):
        read_state_dict(tmp_path / "nowhere.safetensors")
    with pytest.raises(WeightsError):
        read_state_dict(tmp_path)
