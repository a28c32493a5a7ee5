"""A plain INP-Former and INP-Former++: what the papers and the authors' code compute, unhurried.

Written from the equations alone, to be compared with: eager attention, full precision, no cache,
every token through every layer, the cosine of each token with each prototype by a broadcast of
`(B, N, M, C)`, the encoder run anew for every picture of every step. It shares nothing with
`inpformer.modeling` but the weights, which it reads by name, so a map that agrees is a check of
both. Only encoders of plain blocks (DINOv2) and the filter bank, whose filters are the package's.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from inpformer.config import LossConfig, ModelConfig
from inpformer.modeling.encoder import EVEN_LEVEL, IMAGE_MEAN, IMAGE_STD, LEAST_DEVIATION
from inpformer.modeling.model import INPFormer

NORM_EPS = 1e-8
ENCODER_EPS = 1e-6


class Reference:
    """The network, from the weights of one of ours.

    Args:
        model: Whose weights are used; they are shared, so training either trains both.
        config: Its configuration.
    """

    def __init__(self, model: INPFormer, config: ModelConfig) -> None:
        self.weights = {**dict(model.named_parameters()), **dict(model.named_buffers())}
        self.config = config
        self.encoder = config.encoder
        self.filters = model.encoder.vit.patch_embed if config.encoder.stem != "patches" else None

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Return encoder groups, decoder groups `(G, B, N, C)`, prototypes, and their distance."""
        with torch.no_grad():
            layers = self.encode(images)
        fused = torch.stack(layers).mean(dim=0)
        inps = self.extract(fused)
        # (B, N, 1, C) against (B, 1, M, C), as in the authors' gather loss.
        cosine = F.cosine_similarity(fused.unsqueeze(2), inps.unsqueeze(1), dim=-1)
        decoded = self.decode(fused, inps)
        groups = [self.group(layers), self.group(decoded[::-1])]
        return groups[0], groups[1], inps, 1 - cosine.amax(dim=-1)

    @torch.no_grad()
    def maps(self, images: Tensor) -> dict[str, Tensor]:
        """Return the maps at 256 / 392 of the input's size, smoothed as the evaluator does."""
        encoder, decoder, _, distance = self.forward(images)
        size = images.shape[-2:]
        grid = (size[0] // self.encoder.patch_size, size[1] // self.encoder.patch_size)
        pairs = list(zip(encoder, decoder, strict=True))
        errors = [1 - F.cosine_similarity(e, d, dim=-1) for e, d in pairs]
        if self.config.counts_length:
            errors = [
                0.5 * (error + (e - d).norm(dim=-1))
                for error, (e, d) in zip(errors, pairs, strict=True)
            ]
        maps = {
            "reconstruction": torch.stack([_upsample(e, grid, size) for e in errors]).mean(0),
            "distance": _upsample(distance, grid, size),
        }
        if self.config.has_segmentation_head:
            residual = torch.stack(
                [
                    (1 - F.cosine_similarity(e, d, dim=-1)).unsqueeze(-1) * (e - d).abs()
                    for e, d in pairs
                ]
            ).mean(dim=0)
            maps["segmentation"] = self.segment(residual, grid, size)
            maps["fused"] = 0.5 * (maps["reconstruction"] + maps["segmentation"])
        small = [max(1, round(side * 256 / 392)) for side in size]
        return {name: _smooth(_shrink(values, small)) for name, values in maps.items()}

    def encode(self, images: Tensor) -> list[Tensor]:
        """Return the outputs of the layers read, each `(B, N, C)`."""
        if self.encoder.contrast is not None:
            spread = images.std(dim=(1, 2, 3), correction=0, keepdim=True).clamp(LEAST_DEVIATION)
            centred = images - images.mean(dim=(1, 2, 3), keepdim=True)
            images = EVEN_LEVEL + self.encoder.contrast * centred / spread
        mean, std = (torch.tensor(values).view(3, 1, 1) for values in (IMAGE_MEAN, IMAGE_STD))
        images = (images - mean.to(images.device)) / std.to(images.device)
        if self.filters is not None:
            return [self.filters(images).flatten(1, 2)]
        tokens = F.conv2d(
            images,
            self._w("encoder.vit.patch_embed.proj.weight"),
            self._w("encoder.vit.patch_embed.proj.bias"),
            stride=self.encoder.patch_size,
        )
        grid = tokens.shape[-2:]
        tokens = tokens.flatten(2).transpose(1, 2) + self._positions(grid)
        names = [f"encoder.vit.{name}" for name in ("cls_token", "reg_token")]
        prefix = [self._w(n).expand(len(tokens), -1, -1) for n in names if n in self.weights]
        tokens = torch.cat([*prefix, tokens], dim=1)
        outputs = []
        for index in range(self.encoder.layers[-1] + 1):
            tokens = self._encoder_block(tokens, f"encoder.vit.blocks.{index}")
            if index in self.encoder.layers:
                outputs.append(tokens[:, 1 + self.encoder.register_tokens :])
        return outputs

    def extract(self, fused: Tensor) -> Tensor:
        """Return the prototypes `(B, M, C)`."""
        name = "inp_extractor"
        scaled = self._scaled(fused, name)
        queries = self._w(f"{name}.inp_queries").expand(len(fused), -1, -1)
        normed, sources = (self._norm(t, f"{name}.norm1", NORM_EPS) for t in (queries, scaled))
        query = self._heads(self._linear(normed, f"{name}.attention.query"))
        key, value = self._linear(sources, f"{name}.attention.key_value").chunk(2, dim=-1)
        scores = query @ self._heads(key).transpose(-2, -1) / math.sqrt(query.shape[-1])
        gathered = (scores.softmax(dim=-1) @ self._heads(value)).transpose(1, 2).flatten(2)
        inps = queries + self._linear(gathered, f"{name}.attention.proj")
        inps = inps + self._mlp(self._norm(inps, f"{name}.norm2", NORM_EPS), f"{name}.mlp")
        return self._unscaled(inps, name)

    def decode(self, fused: Tensor, inps: Tensor) -> list[Tensor]:
        """Return the outputs of the decoder's blocks, each `(B, N, C)`."""
        fused, inps = self._scaled(fused, "decoder"), self._scaled(inps, "decoder")
        tokens, outputs = self._mlp(fused, "decoder.bottleneck"), []
        for index in range(self.config.decoder_depth):
            name = f"decoder.blocks.{index}"
            normed, sources = (self._norm(t, f"{name}.norm1", NORM_EPS) for t in (tokens, inps))
            query = self._heads(self._linear(normed, f"{name}.attention.query"))
            key, value = self._linear(sources, f"{name}.attention.key_value").chunk(2, dim=-1)
            query, key = F.normalize(query, dim=-1), F.normalize(self._heads(key), dim=-1)
            scores = query @ key.transpose(-2, -1) * self._w(f"{name}.attention.head_scale")
            mixed = (F.relu(scores) @ self._heads(value)).transpose(1, 2).flatten(2)
            rebuilt = self._linear(mixed, f"{name}.attention.proj")
            normed = self._norm(rebuilt, f"{name}.norm2", NORM_EPS)
            tokens = rebuilt + self._mlp(normed, f"{name}.mlp")
            outputs.append(tokens)
        return [self._unscaled(output, "decoder") for output in outputs]

    def segment(self, residual: Tensor, grid: Sequence[int], size: Sequence[int]) -> Tensor:
        """Return the head's probability of a defect, `(B, H, W)`."""
        name = "segmentation_head.layers"
        values = residual.transpose(1, 2).unflatten(2, tuple(grid))
        values = values * self._w("segmentation_head.input_scale")
        for index in (0, 2):
            weight, bias = self._w(f"{name}.{index}.weight"), self._w(f"{name}.{index}.bias")
            values = F.relu(F.conv_transpose2d(values, weight, bias, stride=2, padding=1))
        values = F.conv2d(values, self._w(f"{name}.4.weight"), self._w(f"{name}.4.bias"), padding=1)
        values = F.interpolate(values, size=tuple(size), mode="bilinear", align_corners=False)
        return values[:, 0].sigmoid()

    def training_loss(self, images: Tensor, losses: LossConfig) -> Tensor:
        """Return the loss of a step on pictures: soft mining and coherence, every token."""
        encoder, decoder, inps, distance = self.forward(images)
        terms = [_mine(e, d, losses) for e, d in zip(encoder, decoder, strict=True)]
        coherence = distance.mean()
        if losses.coherence == "soft":
            fused = encoder.mean(dim=0)
            cosine = F.cosine_similarity(fused.unsqueeze(2), inps.unsqueeze(1), dim=-1)
            soft = cosine.softmax(dim=-1) @ inps
            coherence = _global_distance(fused, soft)
        return torch.stack(terms).mean() + losses.coherence_weight * coherence

    def group(self, layers: Sequence[Tensor]) -> Tensor:
        """Return the means of consecutive layers, `(G, B, N, C)`."""
        return torch.stack(list(layers)).unflatten(0, (self.config.group_count, -1)).mean(dim=1)

    def _encoder_block(self, tokens: Tensor, name: str) -> Tensor:
        normed = self._norm(tokens, f"{name}.norm1", ENCODER_EPS)
        query, key, value = (
            self._heads(part) for part in self._linear(normed, f"{name}.attn.qkv").chunk(3, dim=-1)
        )
        scores = (query * query.shape[-1] ** -0.5) @ key.transpose(-2, -1)
        mixed = (scores.softmax(dim=-1) @ value).transpose(1, 2).flatten(2)
        mixed = self._linear(mixed, f"{name}.attn.proj")
        tokens = tokens + mixed * self.weights.get(f"{name}.ls1.gamma", 1.0)
        changed = self._mlp(self._norm(tokens, f"{name}.norm2", ENCODER_EPS), f"{name}.mlp")
        return tokens + changed * self.weights.get(f"{name}.ls2.gamma", 1.0)

    def _positions(self, grid: Sequence[int]) -> Tensor:
        native = self.encoder.native_grid
        positions = self._w("encoder.vit.pos_embed").reshape(1, native, native, -1)
        scale = tuple((side + 0.1) / native for side in grid)
        resampled = F.interpolate(positions.permute(0, 3, 1, 2), scale_factor=scale, mode="bicubic")
        return resampled.flatten(2).transpose(1, 2)

    def _w(self, name: str) -> Tensor:
        return self.weights[name]

    def _linear(self, values: Tensor, name: str) -> Tensor:
        return F.linear(values, self._w(f"{name}.weight"), self._w(f"{name}.bias"))

    def _norm(self, values: Tensor, name: str, eps: float) -> Tensor:
        weight, bias = self._w(f"{name}.weight"), self._w(f"{name}.bias")
        return F.layer_norm(values, values.shape[-1:], weight, bias, eps)

    def _mlp(self, values: Tensor, name: str) -> Tensor:
        return self._linear(F.gelu(self._linear(values, f"{name}.fc1")), f"{name}.fc2")

    def _heads(self, values: Tensor) -> Tensor:
        return values.unflatten(-1, (self.encoder.num_heads, -1)).transpose(1, 2)

    def _scaled(self, values: Tensor, name: str) -> Tensor:
        if self.config.token_scale == "paper":
            return values
        return (values - self._w(f"{name}.scale.mean")) / self._w(f"{name}.scale.deviation")

    def _unscaled(self, values: Tensor, name: str) -> Tensor:
        if self.config.token_scale == "paper":
            return values
        return values * self._w(f"{name}.scale.deviation") + self._w(f"{name}.scale.mean")


def _mine(encoder: Tensor, decoder: Tensor, losses: LossConfig) -> Tensor:
    """Loss of one group; each branch weights its own path of the gradient by a hook."""
    error = (1 - F.cosine_similarity(encoder, decoder, dim=-1)).detach()
    loss = _global_distance(encoder, _weighted(decoder, error, losses.mining_gamma))
    if losses.mining_branches == "cosine+mse":
        squared = (encoder - decoder).square().mean(dim=-1).detach()
        mined = _weighted(decoder, squared, losses.mining_gamma)
        loss = loss + (encoder - mined).square().mean()
    return loss


def _weighted(decoder: Tensor, error: Tensor, gamma: float) -> Tensor:
    weight = (error / error.mean()).clamp(min=0).pow(gamma).unsqueeze(-1)
    path = decoder.view_as(decoder)
    if path.requires_grad:
        path.register_hook(lambda gradient: gradient * weight)
    return path


def _global_distance(first: Tensor, second: Tensor) -> Tensor:
    return (1 - F.cosine_similarity(first.flatten(1), second.flatten(1), dim=-1)).mean()


def _upsample(values: Tensor, grid: Sequence[int], size: Sequence[int]) -> Tensor:
    values = values.unflatten(1, tuple(grid)).unsqueeze(1)
    return F.interpolate(values, size=tuple(size), mode="bilinear", align_corners=True)[:, 0]


def _shrink(maps: Tensor, size: Sequence[int]) -> Tensor:
    return F.interpolate(maps[:, None], size=tuple(size), mode="bilinear", align_corners=False)


def _smooth(maps: Tensor) -> Tensor:
    axis = torch.arange(5.0, device=maps.device) - 2
    line = torch.exp(-(axis**2) / 32)
    kernel = torch.outer(line, line) / line.sum() ** 2
    return F.conv2d(maps, kernel[None, None], padding=2)[:, 0]
