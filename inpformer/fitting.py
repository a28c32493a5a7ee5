"""The few-shot fit: from views of a few normal pictures to a calibrated model.

Reports to a callback; knows no page and no files.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from copy import deepcopy

import torch
from torch import Generator, Tensor

from inpformer.augmentation import VIEW_COUNT, make_view
from inpformer.calibration import ViewMaps, calibrate
from inpformer.config import ModelConfig
from inpformer.errors import UserError
from inpformer.fit_config import FitConfig
from inpformer.head_training import (
    HeadSample,
    HeadSchedule,
    MaskedPicture,
    scale_head_input,
    train_head,
)
from inpformer.held_out import HeldOutModel
from inpformer.left_out import LeftOutViews
from inpformer.modeling.build import build_model
from inpformer.modeling.encoder import FrozenEncoder
from inpformer.modeling.model import EncodedImages, INPFormer, INPFormerOutput, to_grid
from inpformer.modeling.token_memory import NormalTokens, TokenMemory
from inpformer.optimizer import StableAdamW, take_step, warmup_cosine
from inpformer.progress import FitStep, Progress
from inpformer.pseudo_anomalies import make_pseudo_anomaly
from inpformer.scales import Calibration
from inpformer.scoring import anomaly_maps
from inpformer.token_cache import TokenCache, encode_in_batches
from inpformer.training.step import rebuild, step_losses
from inpformer.training.token_statistics import fill_memory, set_token_scale

# Tokens to remember come from so many views at least, and from so many of each shot.
MEMORY_VIEWS, MEMORY_VIEWS_PER_SHOT = 32, 2
# Views and tokens of each that tell how much less well a model with fewer steps rebuilds.
_COMPARED_VIEWS, _COMPARED_TOKENS = 32, 200


def fit_model(
    encoder: FrozenEncoder,
    model_config: ModelConfig,
    shots: Sequence[Sequence[Tensor]],
    fit_config: FitConfig,
    on_step: Callable[[FitStep], None] | None = None,
    should_stop: Callable[[], bool] | None = None,
    textures: Sequence[Tensor] = (),
) -> tuple[INPFormer, Calibration]:
    """Fit a model to normal pictures.

    Args:
        encoder: Frozen encoder; shared with the new model, never changed.
        model_config: The network to fit.
        shots: Per shot, its pictures `(3, H, W)` in [0, 1]: one, or its tiles.
        fit_config: The schedule.
        on_step: Told about every step.
        should_stop: Asked between steps; True cancels.
        textures: Pictures `(3, h, w)` in [0, 1] to cut pseudo-anomalies from; may be empty.

    Returns:
        A new model in evaluation mode, and the calibration of its maps.

    Raises:
        UserError: There are no shots.
        FitCancelledError: `should_stop` answered True.
    """
    if not shots:
        raise UserError("Add at least 1 normal picture to fit a detector.")
    fit = FewShotFit(encoder, model_config, shots, fit_config, textures)
    fit.progress = Progress(fit.plan(), on_step, should_stop)
    fit.encode_views()
    model = fit.new_model()
    if model_config.is_trained:
        views = range(len(fit.cache.groups))
        fit.train_decoder(model, views, fit_config.steps, "train")
        fit.remember(model)
        if model.segmentation_head is not None:
            fit.train_head(model)
    return model.eval(), fit.calibrate(model)


class FewShotFit:
    """State of one fit."""

    def __init__(
        self,
        encoder: FrozenEncoder,
        model_config: ModelConfig,
        shots: Sequence[Sequence[Tensor]],
        fit_config: FitConfig,
        textures: Sequence[Tensor] = (),
    ) -> None:
        self.textures = textures
        self.encoder = encoder
        self.model_config = model_config
        self.config = fit_config
        self.losses = fit_config.loss_config
        device = encoder.mean.device
        self.pictures = [(i, image.to(device)) for i, shot in enumerate(shots) for image in shot]
        self.generator = Generator().manual_seed(fit_config.seed)
        self.cache = TokenCache()
        self._memory: TokenMemory | None = None
        self._normal: NormalTokens | None = None
        self._left_out_memories: dict[tuple[int, ...], TokenMemory] = {}
        self.progress: Progress
        shot_ids = tuple(shot for shot, _ in self.pictures)
        self.left_out = LeftOutViews(shot_ids, model_config.is_trained, fit_config)
        self.calibration_steps = fit_config.threshold_steps(model_config.encoder)

    def new_model(self) -> INPFormer:
        """Return a freshly initialised model, the same one every time."""
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self.config.seed)
            return build_model(self.model_config, self.encoder).to(self.encoder.mean.device)

    def plan(self) -> dict:
        """Return steps and relative cost of a step per phase, in token passes of C^2 operations."""
        image = self.pictures[0][1]
        tokens = image.shape[-1] * image.shape[-2] // self.encoder.patch_size**2
        views = len(self.pictures) * VIEW_COUNT
        depth, config = self.encoder.layers[-1] + 1, self.config
        encode = 12.0 * depth * tokens
        mlp = 2 * self.model_config.mlp_ratio
        decode = ((3 + mlp) * self.model_config.decoder_depth + mlp) * tokens
        plan = {"encode": (views, encode)}
        held_out = len(self.left_out.shown)
        if not self.model_config.is_trained:
            return {**plan, "calibrate": (held_out, tokens)}
        share = min(config.tokens_per_view or tokens, tokens) / tokens
        step = config.batch_size * (3 * share * decode + 6 * tokens)
        plan["train"] = (config.steps, step)
        head = 0.0
        if self.model_config.has_segmentation_head:
            dim, widths = self.model_config.encoder.embed_dim, self.model_config.head_widths
            head = tokens * (16 * dim * widths[0] + 64 * widths[0] * widths[1]) / dim**2
            plan["anomalies"] = (config.pseudo_anomalies, 1.3 * encode + decode)
            plan["head"] = (config.head_steps, 3 * config.head_batch_size * head)
        fold_steps = len(self.left_out.folds) * self.calibration_steps
        plan["calibrate"] = (fold_steps, step + held_out * (decode + head) / fold_steps)
        return plan

    def encode_views(self) -> None:
        """Fill the cache with the 22 views of every picture."""
        model = self.new_model()
        for _, image in self.pictures:
            views = [make_view(image, index, self.config.views) for index in range(VIEW_COUNT)]
            advance = self._advance("encode")
            for encoded in encode_in_batches(model, views, advance, for_maps=True):
                self.cache.add(encoded)

    def train_decoder(self, model: INPFormer, views: Sequence[int], steps: int, phase: str) -> None:
        """Train the INP extractor and the decoder on cached tokens of some views."""
        config = self.config
        self._measure_scale(model, views)
        parameters = [*model.inp_extractor.parameters(), *model.decoder.parameters()]
        optimizer = StableAdamW(parameters)
        warmup = round(config.warmup_share * steps)
        rates = (config.peak_learning_rate, config.final_learning_rate)
        for step in range(steps):
            batch = self.cache.sample(
                views,
                config.batch_size,
                config.tokens_per_view,
                self.generator,
                config.source_tokens,
            )
            total, mining, coherence = step_losses(rebuild(model, batch), self.losses)
            take_step(optimizer, total, warmup_cosine(step + 1, steps + 1, warmup + 1, *rates))
            reported = {"reconstruction": mining.item(), "coherence": coherence.item()}
            self.progress.advance(phase, losses=reported)

    def _measure_scale(self, model: INPFormer, views: Sequence[int]) -> None:
        if self.model_config.token_scale == "shots":
            set_token_scale(model, map(self.cache.fused, views))

    def remember(self, model: INPFormer) -> None:
        """Fill the memory of a model, if it has one, with tokens of the views; once for all models.

        A model that must not know some of them asks one that is made of it (`memory_without`), so
        that its distances are in the same units. In units of its own they would be no threshold
        for this one.
        """
        if model.memory is None:
            return
        if self._memory is not None:
            model.memory = self._memory
            return
        total = len(self.cache.groups)
        wanted = MEMORY_VIEWS_PER_SHOT * self.left_out.shot_count
        count = min(total, max(MEMORY_VIEWS, wanted))
        chosen = [index * total // count for index in range(count)]
        fused = [self.cache.fused(view) for view in chosen]
        sources = [*map(self.left_out.source, chosen)]
        self._normal = fill_memory(model, fused, sources, self.config.seed)
        self._memory = model.memory

    def memory_without(self, pictures: Sequence[int]) -> TokenMemory | None:
        """Return the memory of this fit without some pictures; None if there is no memory."""
        if self._memory is None:
            return None
        key = tuple(pictures)
        if key not in self._left_out_memories:
            self._left_out_memories[key] = self._memory.without(key, self._normal)
        return self._left_out_memories[key]

    def train_head(self, model: INPFormer) -> None:
        """Train the segmentation head on residuals of pseudo-anomalies; the rest stays frozen."""
        samples = self.head_samples(model, self.pseudo_anomalies())
        head, config = model.segmentation_head, self.config
        if config.head_input == "scaled":
            scale_head_input(head, samples)
        train_head(head, samples, HeadSchedule.of(config), self.generator, self._report_head)

    def _report_head(self, loss: float) -> None:
        self.progress.advance("head", losses={"segmentation": loss})

    def calibrate(self, model: INPFormer) -> Calibration:
        """Score views that the scoring model was not fitted on, and set the scales from them."""
        held_out: list[list[ViewMaps]] = []
        for fold in self.left_out.folds:
            shown = self.left_out.shown_of(fold)
            if not self.model_config.is_trained:
                held_out += self.left_out.by_view(shown, self.view_maps(model, shown))
                self.progress.advance("calibrate", len(shown))
                continue
            fold_model = self.fit_without(fold, model)
            if model.segmentation_head is not None:
                fold_model.model.segmentation_head = deepcopy(model.segmentation_head)
            held_out += self.left_out.by_view(shown, self.view_maps(fold_model, shown))
        return self.scales_of(held_out)

    def fit_without(self, fold: Sequence[int], whole: INPFormer) -> HeldOutModel:
        """Return a model that knows all views but those of a fold; its head is untrained.

        Args:
            fold: Views to leave out.
            whole: The model fitted on all views.
        """
        fitted = [view for view in range(len(self.cache.groups)) if view not in set(fold)]
        fold_model = self.new_model()
        self.train_decoder(fold_model, fitted, self.calibration_steps, "calibrate")
        self.remember(fold_model)
        generator = Generator().manual_seed(self.config.seed)
        known = self.cache.sample(fitted, _COMPARED_VIEWS, _COMPARED_TOKENS, generator)
        return HeldOutModel.beside(whole, fold_model.eval(), known)

    def scales_of(
        self, held_out: Sequence[Sequence[ViewMaps]], config: ModelConfig | None = None
    ) -> Calibration:
        """Return the calibration by maps of held-out views; None takes the fitted configuration."""
        return calibrate(
            held_out,
            config or self.model_config,
            self.config.false_alarm_rate,
            self.left_out.shot_count,
            self.left_out.method(),
            self.left_out.shots(),
        )

    def _advance(self, phase: str) -> Callable[[int], None]:
        return lambda count: self.progress.advance(phase, count)

    def random_view(self) -> Tensor:
        """Return a random view of a random normal picture, `(3, H, W)` in [0, 1]."""
        picture, view = (
            int(torch.randint(high, (), generator=self.generator))
            for high in (len(self.pictures), VIEW_COUNT)
        )
        return make_view(self.pictures[picture][1], view, self.config.views)

    def pseudo_anomalies(self) -> list[MaskedPicture]:
        """Return views of normal pictures with a synthetic defect, in the order of their sizes."""
        pictures = []
        for _ in range(self.config.pseudo_anomalies):
            self.progress.check()
            anomaly = make_pseudo_anomaly(self.random_view(), self.generator, self.textures)
            pictures.append(MaskedPicture(*anomaly))
        return sorted(pictures, key=lambda picture: tuple(picture.image.shape))

    @torch.no_grad()
    def head_samples(self, model: INPFormer, pictures: Sequence[MaskedPicture]) -> list[HeadSample]:
        """Return what the segmentation head of a model sees of pictures with a known defect."""
        images = [picture.image for picture in pictures]
        samples = []
        encoded_images = encode_in_batches(model, images, self._advance("anomalies"))
        for encoded, picture in zip(encoded_images, pictures, strict=True):
            residual = model.residual(encoded)
            samples.append(HeadSample(to_grid(residual, encoded.grid_size)[0], picture.mask))
        return samples

    @torch.no_grad()
    def view_maps(self, model: INPFormer | HeldOutModel, views: Sequence[int]) -> list[ViewMaps]:
        """Return the maps of cached views, without the fused one."""
        result = []
        for view in views:
            self.progress.check()
            output = self.explain(model, self.cache.view(view), self.left_out.relatives(view))
            maps = anomaly_maps(output, self.model_config, None)
            result.append({name: maps[name][0] for name in maps if name != "fused"})
        return result

    def explain(
        self,
        model: INPFormer | HeldOutModel,
        encoded: EncodedImages,
        relatives: Sequence[int] = (),
    ) -> INPFormerOutput:
        """Run what follows the encoder on an encoded picture.

        Args:
            model: Any; one that holds some views out compares with none of its relatives.
            encoded: The picture.
            relatives: See `LeftOutViews.relatives`.
        """
        rows, columns = encoded.grid_size
        size = (rows * self.encoder.patch_size, columns * self.encoder.patch_size)
        if isinstance(model, HeldOutModel):
            return model.explain(encoded, size, self.memory_without(relatives))
        return model.explain(encoded, size)
