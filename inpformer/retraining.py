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

from inpformer.calibration import ViewMaps
from inpformer.config import FitConfig
from inpformer.config_table import from_dict, to_dict
from inpformer.corrections import Correction, RetrainConfig, check_corrections
from inpformer.errors import UserError
from inpformer.fitting import FewShotFit
from inpformer.head_training import (
    HeadSample,
    HeadSchedule,
    MaskedPicture,
    scale_head_input,
    train_head,
)
from inpformer.model_input import masked_tensors, shot_tensors, unique_images
from inpformer.modeling.model import INPFormer, to_grid
from inpformer.modeling.segmentation_head import SegmentationHead
from inpformer.progress import FitStep, Progress
from inpformer.real_anomalies import cut_regions, own_view, paste_real_anomaly
from inpformer.scales import Calibration
from inpformer.scoring import anomaly_maps, resize, score_size, smooth

if TYPE_CHECKING:
    from inpformer.detector import AnomalyDetector


class _HeldOutView(NamedTuple):
    """A normal view as a model sees it that was not fitted on it.

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
        self.config = config = config or RetrainConfig()
        self.source, self.corrections = detector, check_corrections(corrections)
        self._model_config = replace(
            detector.config,
            head_widths=config.head_widths or detector.config.head_widths,
            head_weight=config.head_weight,
        )
        tiles, encoder = detector.provenance.tiles, detector.config.encoder
        shots = [
            [tensor.to(detector.device) for tensor in shot_tensors(image, tiles, encoder)]
            for image in unique_images(normal_images)
        ]
        self._defects = [
            [
                MaskedPicture(image.to(detector.device), mask.to(detector.device))
                for image, mask in masked_tensors(item.image, item.mask, tiles, encoder)
            ]
            for item in self.corrections
        ]
        self._fit = FewShotFit(
            detector.model.encoder, self._model_config, shots, _fit_config(detector, config)
        )
        self._fit.progress = Progress(self._plan(), on_step, should_stop)
        self._samples: list[list[HeadSample]] = []
        self._pseudo: list[HeadSample] = []
        self._held_out: list[list[_HeldOutView]] = []

    def retrain(self) -> AnomalyDetector:
        """Return the next version of the detector, trained with all corrections.

        Raises:
            FitCancelledError: `should_stop` answered True.
        """
        self._prepare()
        return self._detector(range(len(self.corrections)), self._tell_loss)

    def retrain_with(self, chosen: Collection[int]) -> AnomalyDetector:
        """Return a detector that knows only some of the corrections; after `retrain`, in seconds.

        Args:
            chosen: Their indices, at least one.

        Raises:
            UserError: There is none.
        """
        if not chosen:
            raise UserError("Choose at least 1 corrected picture to train with.")
        self._prepare()
        return self._detector(sorted(chosen), self._ask_whether_to_stop)

    def _plan(self) -> dict:
        """Return steps and relative cost of a step per phase, as `FewShotFit.plan` does."""
        plan = self._fit.plan()
        plan.pop("train")
        config = self.config
        count = sum(config.own_views * len(views) + config.pasted for views in self._defects)
        plan["anomalies"] = (count + config.pseudo_anomalies, plan["anomalies"][1])
        return plan

    def _prepare(self) -> None:
        """Compute all that no head changes, once."""
        if self._samples:
            return
        fit, model = self._fit, self.source.model
        fit.encode_views()
        pictures = [self._pictures_of(views) for views in self._defects]
        samples = iter(fit.head_samples(model, [item for part in pictures for item in part]))
        made = [[next(samples) for _ in part] for part in pictures]
        if self.config.pseudo_anomalies:
            self._pseudo = fit.head_samples(model, fit.pseudo_anomalies())
        self._held_out = [group for fold in fit.folds for group in self._fold(fold)]
        self._samples = made

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

    def _fold(self, fold: Sequence[int]) -> list[list[_HeldOutView]]:
        """Return what a model without a fold sees of it, by view."""
        fit = self._fit
        shown, model = fit.shown_of(fold), fit.fit_without(fold)
        views = []
        with torch.no_grad():
            for view in shown:
                encoded = fit.cache.view(view)
                output = fit.explain(model, encoded)
                residual = to_grid(output.residual, encoded.grid_size)[0]
                maps = anomaly_maps(output, self._model_config, None)
                kept = {n: m[0] for n, m in maps.items() if n not in ("fused", "segmentation")}
                views.append(_HeldOutView(kept, residual))
        return fit.by_view(shown, views)

    def _detector(self, chosen: Sequence[int], on_loss: Callable[[float], None]) -> AnomalyDetector:
        from inpformer.detector import AnomalyDetector

        head = self._train_head(chosen, on_loss)
        old, provenance = self.source.model, self.source.provenance
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
                shot_count=self._fit.shot_count,
            ),
            self._calibration(head),
        )

    def _train_head(
        self, chosen: Sequence[int], on_loss: Callable[[float], None]
    ) -> SegmentationHead:
        config, fit = self.config, self._fit
        head = fit.new_model().segmentation_head
        samples = [sample for index in chosen for sample in self._samples[index]] + self._pseudo
        if fit.config.head_input == "scaled":
            scale_head_input(head, samples)
        generator = Generator().manual_seed(config.seed)
        train_head(head, samples, HeadSchedule.of(fit.config), generator, on_loss)
        return head.eval()

    @torch.no_grad()
    def _calibration(self, head: SegmentationHead) -> Calibration:
        patch = self.source.config.encoder.patch_size
        groups: list[list[ViewMaps]] = []
        for group in self._held_out:
            maps = []
            for view in group:
                rows, columns = view.residual.shape[-2:]
                size = (rows * patch, columns * patch)
                probability = resize(head(view.residual[None], size), score_size(size))
                maps.append({**view.maps, "segmentation": smooth(probability)[0]})
            groups.append(maps)
        return self._fit.scales_of(groups)

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
