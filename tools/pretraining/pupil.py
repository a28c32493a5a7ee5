"""What the embedded encoder is trained by: its losses, and the helpers that only training needs."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from inpformer.modeling.encoder import IMAGE_MEAN, IMAGE_STD
from inpformer.modeling.filter_bank import FilterBank
from inpformer.modeling.filter_stem import DESCRIPTOR_DIM
from inpformer.modeling.inp_extractor import INPExtractor
from inpformer.modeling.layers import init_trainable
from inpformer.modeling.model import cosine_to_inps
from inpformer.presets import EncoderConfig
from pretraining.parts import GOOD, SUPPORT, patch_labels

HARD_SHARE = 0.1
INP_COUNT = 6


class Pupil(nn.Module):
    """The encoder, an extractor of prototypes, and how distances become log-odds.

    Args:
        config: The encoder.
        scale: Mean and scale of the filter responses, by their names in the stem.
    """

    def __init__(self, config: EncoderConfig, scale: dict[str, Tensor]) -> None:
        super().__init__()
        self.vit = FilterBank(config)
        self.vit.cls_token.requires_grad_(False)
        self.vit.pos_embed.requires_grad_(False)
        self.stem = self.vit.patch_embed
        for name, values in scale.items():
            getattr(self.stem, name).copy_(values)
        self.extractor = INPExtractor(config.embed_dim, config.num_heads, INP_COUNT)
        self.extractor.apply(lambda module: init_trainable(module, 0.1))
        self.recall = nn.Linear(config.embed_dim, DESCRIPTOR_DIM)
        # Distances become log-odds: exp(sharpness) * (distance - cut).
        self.sharpness = nn.Parameter(torch.tensor([4.0, 2.0]))
        self.cut = nn.Parameter(torch.tensor([0.02, 0.3]))
        for name, values in (("mean", IMAGE_MEAN), ("std", IMAGE_STD)):
            self.register_buffer(name, torch.tensor(values).view(3, 1, 1), persistent=False)

    def describe(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Return normalised pictures and their filter responses, for `(B, 3, H, W)` in [0, 1]."""
        with torch.no_grad(), torch.autocast(images.device.type, enabled=False):
            normalised = (images - self.mean) / self.std
            return normalised, self.stem.describe(normalised)

    def forward(self, images: Tensor, descriptors: Tensor) -> Tensor:
        """Return tokens `(B, N, C)` of what `describe` gives."""
        return self.stem.refine(images, descriptors).flatten(1, 2).float()

    def distances(self, images: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Encode parts `(P, V, 3, s, s)` and compare their last views with the first, and alone.

        Returns:
            Distance to the nearest token of the first views, and to the nearest of the picture's
            own prototypes, `(P, Q, N)` each; tokens and filter responses, `(P * Q, N, C)`.
        """
        parts, views = images.shape[:2]
        normalised, descriptors = self.describe(images.flatten(0, 1))
        normalised, descriptors = (
            values.unflatten(0, (parts, views)) for values in (normalised, descriptors)
        )
        # The good pictures get a gradient, too: what moves a token moves those it is compared with,
        # and training that did not know that made the tokens worse.
        known = descriptors[:, :SUPPORT].flatten(0, 1)
        support = self(normalised[:, :SUPPORT].flatten(0, 1), known)
        asked = descriptors[:, SUPPORT:].flatten(0, 1)
        tokens = self(normalised[:, SUPPORT:].flatten(0, 1), asked)
        with torch.autocast(images.device.type, enabled=False):
            near = nearest_distance(
                support.unflatten(0, (parts, SUPPORT)), tokens.unflatten(0, (parts, -1))
            )
            own = 1 - cosine_to_inps(tokens, self.extractor(tokens)[0]).amax(dim=-1)
        return near, own.unflatten(0, (parts, -1)), tokens, asked.flatten(1, 2)

    def losses(self, images: Tensor, pixels: Tensor) -> dict[str, Tensor]:
        """Return the parts of the loss for parts; see `PartStore.sample`."""
        near, own, tokens, asked = self.distances(images)
        patch = self.stem.patch_size[0]
        labels = patch_labels(pixels[:, SUPPORT:].flatten(0, 1), patch).view(near.shape)
        odds = [
            self.sharpness[index].exp() * (distance - self.cut[index])
            for index, distance in enumerate((near, own))
        ]
        return {
            "near": balanced(odds[0], labels),
            "near order": 0.5 * order(odds[0], labels),
            "own": 0.3 * balanced(odds[1], labels),
            "own order": 0.1 * order(odds[1], labels),
            "recall": 0.2 * F.mse_loss(self.recall(tokens), asked),
        }


def nearest_distance(support: Tensor, queries: Tensor) -> Tensor:
    """Return 1 - cosine of each token of `(P, Q, N, C)` to its nearest support token."""
    known = F.normalize(support, dim=-1).flatten(1, 2)
    asked = F.normalize(queries, dim=-1).flatten(1, 2)
    nearest = (asked @ known.transpose(1, 2)).amax(dim=2)
    return 1 - nearest.unflatten(1, queries.shape[1:3])


def balanced(logits: Tensor, labels: Tensor) -> Tensor:
    """Return the cross entropy of defects, of normal patches and of the hardest of those."""
    is_defect = (labels > 0).float()
    # A large defect must not drown the small ones, which are harder and matter as much.
    weight = is_defect / is_defect.sum(dim=2, keepdim=True).clamp(min=1).sqrt()
    missed = (F.softplus(-logits) * weight).sum() / weight.sum().clamp(min=1e-6)
    alarms = F.softplus(logits).masked_fill(labels != 0, 0.0).flatten(1)
    hardest = alarms.topk(max(1, int(HARD_SHARE * alarms.shape[1])), dim=1).values
    is_normal = (labels == 0).sum().clamp(min=1)
    return missed + 0.75 * alarms.sum() / is_normal + 0.25 * hardest.mean()


def order(logits: Tensor, labels: Tensor) -> Tensor:
    """Return how often a good picture's highest hundredth is above that of a broken one."""
    top = max(1, logits.shape[2] // 100)
    scores = logits.topk(top, dim=2).values.mean(dim=2)
    has_defect = (labels[:, GOOD:] > 0).any(dim=2).float()
    wrong = F.softplus(scores[:, :GOOD] - scores[:, GOOD:])
    return (wrong * has_defect).sum() / has_defect.sum().clamp(min=1)
