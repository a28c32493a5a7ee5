"""Semi-supervised retraining: real defects train the segmentation head of a fitted detector.

Encoder, INP extractor, decoder and memory stay as they are. The head sees residuals of the
corrected pictures themselves, of their regions pasted on normal pictures, and, if wanted, of
synthetic defects; all are computed once. The thresholds are set anew on normal pictures that the
scoring model was not fitted on.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import torch
from torch import Generator, Tensor

from inpformer.calibration import MIN_SEGMENTATION_LEVEL, ViewMaps
from inpformer.config_table import from_dict, to_dict
from inpformer.corrections import Correction, RetrainConfig, check_corrections
from inpformer.errors import UserError
from inpformer.fit_config import FitConfig
from inpformer.fit_limits import noting_cpu, require_numbers, with_room
from inpformer.fitting import FewShotFit
from inpformer.head_training import (
    HeadSample,
    HeadSchedule,
    MaskedPicture,
    scale_head_input,
    train_head,
)
from inpformer.head_weight import UNCHECKED_WEIGHT, CheckedPicture, choose_head_weight
from inpformer.held_out import HeldOutModel
from inpformer.model_input import masked_tensors, shot_tensors, unique_images
from inpformer.modeling.model import EncodedImages, INPFormer, to_grid
from inpformer.modeling.segmentation_head import SegmentationHead
from inpformer.progress import FitStep, Progress
from inpformer.real_anomalies import cut_regions, own_view, paste_real_anomaly
from inpformer.scales import Calibration
from inpformer.scoring import anomaly_maps, resize, score_size, smooth
from inpformer.token_cache import encode_in_batches

if TYPE_CHECKING:
    from inpformer.detector import AnomalyDetector


class _SeenPicture(NamedTuple):
    """A picture as a model sees it: a normal one by a model that was not fitted on it.

    Attributes:
        maps: Its maps, but for those that depend on the head.
        residual: `(C, rows, columns)`.
    """

    maps: ViewMaps
    residual: Tensor


class Retrainer:
    """What all heads of one retraining share, so that a further one takes seconds.

    Args:
        detector: INP-Former++, fitted; it stays as it is.
        normal_images: 1 to 16 normal pictures, such as those it was fitted on.
        corrections: At least one.
        config: How to train; None takes the defaults.
        on_step: Told about every step of `retrain`.
        should_stop: Asked between steps; True cancels.

    Raises:
        UserError: Something is missing, or the detector has no head to train.
    """

    def __init__(
        self,
        detector: AnomalyDetector,
        normal_images: Sequence[np.ndarray],
        corrections: Sequence[Correction],
        config: RetrainConfig | None = None,
        on_step: Callable[[FitStep], None] | None = None,
        should_stop: Callable[[], bool] | None = None,
    ) -> None:
        _check_has_head(detector)
        self.config = config or RetrainConfig()
        self.source, self.corrections = detector, check_corrections(corrections)
        self._normal_images, self._on_step = unique_images(normal_images), on_step
        self._should_stop = should_stop
        with_room(lambda: self._begin(detector, on_step), self._begin_on_cpu, detector.device)

    def _begin_on_cpu(self) -> None:
        self._begin(self.source.on_cpu(), noting_cpu(self._on_step))

    def _begin(self, detector: AnomalyDetector, on_step: Callable[[FitStep], None] | None) -> None:
        """Get ready to train on the device of a detector: the source, or its copy."""
        self._used, config = detector, self.config
        self._model_config = replace(
            detector.config,
            head_widths=config.head_widths or detector.config.head_widths,
            head_weight=UNCHECKED_WEIGHT if config.head_weight is None else config.head_weight,
        )
        tiles, encoder = detector.provenance.tiles, detector.config.encoder
        shots = [shot_tensors(image, tiles, encoder) for image in self._normal_images]
        device = detector.model.encoder.mean.device
        self._defects = [
            [
                MaskedPicture(image.to(device), mask.to(device))
                for image, mask in masked_tensors(item.image, item.mask, tiles, encoder)
            ]
            for item in self.corrections
        ]
        self._fit = FewShotFit(
            detector.model.encoder, self._model_config, shots, _fit_config(detector, config)
        )
        self._fit.progress = Progress(self._plan(), on_step, self._should_stop)
        self._samples: list[list[HeadSample]] = []
        self._pseudo: list[HeadSample] = []
        self._seen: list[list[_SeenPicture]] = []
        self._held_out: list[list[_SeenPicture]] = []

    def retrain(self) -> AnomalyDetector:
        """Return the next version of the detector, trained with all corrections.

        Raises:
            UserError: There is too little memory, or values are no numbers.
            FitCancelledError: `should_stop` answered True.
        """
        return self._made(range(len(self.corrections)), self._tell_loss)

    def retrain_with(self, chosen: Collection[int]) -> AnomalyDetector:
        """Return a detector that knows only some of the corrections; after `retrain`, in seconds.

        The weight of its head in the fused map is the one that suits all corrections.

        Args:
            chosen: Their indices, at least one.

        Raises:
            UserError: There is none.
        """
        if not chosen:
            raise UserError("Choose at least 1 corrected picture to train with.")
        return self._made(sorted(chosen), self._ask_whether_to_stop)

    def _made(self, chosen: Sequence[int], on_loss: Callable[[float], None]) -> AnomalyDetector:
        def make() -> AnomalyDetector:
            self._prepare()
            return self._detector(chosen, on_loss)

        def make_on_cpu() -> AnomalyDetector:
            self._begin_on_cpu()
            return make()

        return require_numbers(with_room(make, make_on_cpu, self._used.device))

    def _plan(self) -> dict:
        """Return steps and relative cost of a step per phase, as `FewShotFit.plan` does."""
        plan = self._fit.plan()
        plan.pop("train")
        config = self.config
        count = sum(config.own_views * len(views) + config.pasted for views in self._defects)
        plan["anomalies"] = (count + config.pseudo_anomalies, plan["anomalies"][1])
        if self._must_check_weight:
            plan["head"] = (config.steps + 2 * self._check_steps, plan["head"][1])
        return plan

    @property
    def _must_check_weight(self) -> bool:
        is_open = self.config.head_weight is None and self.source.calibration is not None
        return is_open and len(self.corrections) > 1

    @property
    def _check_steps(self) -> int:
        """Steps of a head that only tells which weight is good."""
        return -(-self.config.steps // 2)

    def _prepare(self) -> None:
        """Compute all that no head changes, once."""
        if self._samples:
            return
        fit, model = self._fit, self._used.model
        fit.encode_views()
        pictures = [self._pictures_of(views) for views in self._defects]
        samples = iter(fit.head_samples(model, [item for part in pictures for item in part]))
        made = [[next(samples) for _ in part] for part in pictures]
        if self.config.pseudo_anomalies:
            self._pseudo = fit.head_samples(model, fit.pseudo_anomalies())
        self._held_out = [group for fold in fit.left_out.folds for group in self._fold(fold)]
        self._samples = made
        if self._must_check_weight:
            self._seen = [[self._seen_by(model, e) for e in part] for part in self._encoded()]
            weight = self._checked_weight()
            self._model_config = replace(self._model_config, head_weight=weight)

    def _pictures_of(self, views: Sequence[MaskedPicture]) -> list[MaskedPicture]:
        """Return what one corrected picture gives to learn from."""
        fit, config = self._fit, self.config
        own = [MaskedPicture(*own_view(*v, i)) for v in views for i in range(config.own_views)]
        regions = [region for view in views for region in cut_regions(*view)]
        pasted = [
            MaskedPicture(*paste_real_anomaly(fit.random_view(), regions, fit.generator))
            for _ in range(config.pasted)
        ]
        return own + pasted

    def _fold(self, fold: Sequence[int]) -> list[list[_SeenPicture]]:
        """Return what a model without a fold sees of it, by view."""
        fit = self._fit
        shown, model = fit.left_out.shown_of(fold), fit.fit_without(fold, self._used.model)
        seen = [self._seen_by(model, fit.cache.view(v), fit.left_out.relatives(v)) for v in shown]
        return fit.left_out.by_view(shown, seen)

    def _encoded(self) -> list[list[EncodedImages]]:
        """Return the corrected pictures behind the encoder."""
        images = [picture.image for part in self._defects for picture in part]
        encoded = iter(
            encode_in_batches(self._used.model, images, lambda count: None, for_maps=True)
        )
        return [[next(encoded) for _ in part] for part in self._defects]

    @torch.no_grad()
    def _seen_by(
        self,
        model: INPFormer | HeldOutModel,
        encoded: EncodedImages,
        relatives: Sequence[int] = (),
    ) -> _SeenPicture:
        output = self._fit.explain(model, encoded, relatives)
        maps = anomaly_maps(output, self._model_config, None)
        kept = {n: m[0] for n, m in maps.items() if n not in ("fused", "segmentation")}
        return _SeenPicture(kept, to_grid(output.residual, encoded.grid_size)[0])

    def _checked_weight(self) -> float:
        """Train a head on either half of the corrections, and see how it does on the other."""
        checked: list[CheckedPicture] = []
        everything = range(len(self.corrections))
        for half in (0, 1):
            known = [index for index in everything if index % 2 != half]
            head = self._train_head(known, self._tell_loss, self._check_steps)
            for index in everything[half::2]:
                for seen, picture in zip(self._seen[index], self._defects[index], strict=True):
                    checked.append(CheckedPicture(self._with_head(head, seen), picture.mask))
        levels = replace(self.source.calibration, segmentation_level=MIN_SEGMENTATION_LEVEL)
        return choose_head_weight(checked, self._model_config, levels)

    def _detector(self, chosen: Sequence[int], on_loss: Callable[[float], None]) -> AnomalyDetector:
        from inpformer.detector import AnomalyDetector

        head = self._train_head(chosen, on_loss)
        calibration = self._calibration(head)
        old, provenance = self.source.model, self.source.provenance
        head = head.to(old.encoder.mean.device)  # from the CPU, if that had to train it
        model = INPFormer(
            old.encoder, old.inp_extractor, old.decoder, head, old.group_count, old.memory
        )
        return AnomalyDetector(
            model,
            self._model_config,
            replace(
                provenance,
                version=provenance.version + 1,
                correction_count=len(chosen),
                retrain=to_dict(self.config),
                shot_count=self._fit.left_out.shot_count,
                geometry="full",  # as the thresholds are set anew
            ),
            calibration,
        )

    def _train_head(
        self, chosen: Sequence[int], on_loss: Callable[[float], None], steps: int | None = None
    ) -> SegmentationHead:
        config, fit = self.config, self._fit
        head = fit.new_model().segmentation_head
        samples = [sample for index in chosen for sample in self._samples[index]] + self._pseudo
        if fit.config.head_input == "scaled":
            scale_head_input(head, samples)
        generator = Generator().manual_seed(config.seed)
        schedule = HeadSchedule.of(fit.config)
        schedule = replace(schedule, steps=steps or schedule.steps)
        train_head(head, samples, schedule, generator, on_loss)
        return head.eval()

    @torch.no_grad()
    def _calibration(self, head: SegmentationHead) -> Calibration:
        groups = [[self._with_head(head, view) for view in group] for group in self._held_out]
        return self._fit.scales_of(groups, self._model_config)

    @torch.no_grad()
    def _with_head(self, head: SegmentationHead, seen: _SeenPicture) -> ViewMaps:
        """Return the maps of a picture, with that of a head."""
        patch = self.source.config.encoder.patch_size
        rows, columns = seen.residual.shape[-2:]
        size = (rows * patch, columns * patch)
        probability = resize(head(seen.residual[None], size), score_size(size))
        return {**seen.maps, "segmentation": smooth(probability)[0]}

    def _tell_loss(self, loss: float) -> None:
        self._fit.progress.advance("head", losses={"segmentation": loss})

    def _ask_whether_to_stop(self, loss: float) -> None:
        self._fit.progress.check()


def _check_has_head(detector: AnomalyDetector) -> None:
    if not detector.config.has_segmentation_head:
        raise UserError(
            "Only an INP-Former++ detector has a segmentation head to retrain; fit one first."
        )
    if detector.provenance.zero_shot:
        raise UserError(
            "A zero-shot detector looks at parts it was not fitted on; fit one to these parts "
            "before you retrain it."
        )


def _fit_config(detector: AnomalyDetector, config: RetrainConfig) -> FitConfig:
    """Return the settings the detector was fitted with, with the head's from `config`."""
    suited = asdict(FitConfig.for_encoder(detector.config.encoder))
    # Files of earlier versions say only a part, and another program's perhaps more.
    stored = {key: value for key, value in detector.provenance.fit.items() if key in suited}
    head = {
        "seed": config.seed,
        "head_steps": config.steps,
        "head_batch_size": config.batch_size,
        "head_learning_rate": config.learning_rate,
        "pseudo_anomalies": max(1, config.pseudo_anomalies),
    }
    return from_dict(FitConfig, {**suited, **stored, **head})
