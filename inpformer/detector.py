"""AnomalyDetector: numpy in, numpy out. The only border between pictures and tensors."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import torch
from torch import Tensor

from inpformer.config import (
    TRAINING_FREE_NOTICE,
    UNTRAINED_NOTICE,
    MapName,
    ModelConfig,
    network_settings,
)
from inpformer.config_table import to_dict
from inpformer.corrections import Correction, RetrainConfig
from inpformer.engine import Engine, make_engine, torch_engine
from inpformer.errors import ConfigError, UserError
from inpformer.explanation import patch_tokens
from inpformer.fit_config import FitConfig
from inpformer.fit_limits import brought_back, noting_cpu, require_numbers, with_room
from inpformer.fitting import fit_model
from inpformer.images import check_image
from inpformer.model_input import (
    make_geometry,
    shot_tensors,
    texture_tensor,
    unique_images,
)
from inpformer.modeling.build import build_model, encoder_fingerprint
from inpformer.modeling.model import INPFormer, INPFormerOutput
from inpformer.patch_reason import PatchTokens
from inpformer.prediction import Looking, PreparedImage, predict_batch, prepare, run_model
from inpformer.progress import FitStep
from inpformer.result import AnomalyResult
from inpformer.scales import Calibration

if TYPE_CHECKING:
    from inpformer.zero_gpu import Lender

ZERO_SHOT_NOTICE = "zero-shot: prototypes learnt on other parts, a map without a verdict"


@dataclass(frozen=True)
class Provenance:
    """Where a detector comes from, in words a person can check.

    Attributes:
        encoder_origin: `path`, `weights`, `cache`, `hub`, `bundled` or `untrained`.
        encoder_reason: One sentence: which encoder was chosen and why.
        fit: The settings of the fit (`FitConfig`), if there was one.
        shot_count: Normal pictures it was fitted on.
        tiles: Tiles it was fitted on, `""` for whole pictures.
        source: The official checkpoint it was imported from, if it was.
        zero_shot: Whether it looks at parts it was not fitted on; see `AnomalyDetector.zero_shot`.
        version: 1 after a fit, one more with every retraining.
        correction_count: Corrected pictures it was retrained with.
        retrain: The settings of the retraining (`RetrainConfig`), if there was one.
        training: The settings of the training (`TrainConfig`), if there was one.
        geometry: What it was shown of its pictures: `full` or `benchmark`.
    """

    encoder_origin: str
    encoder_reason: str
    fit: dict[str, Any] = field(default_factory=dict)
    shot_count: int = 0
    tiles: str = ""
    source: str = ""
    zero_shot: bool = False
    version: int = 1
    correction_count: int = 0
    retrain: dict[str, Any] = field(default_factory=dict)
    training: dict[str, Any] = field(default_factory=dict)
    geometry: str = "full"


class AnomalyDetector:
    """Finds what is anomalous in a picture. Read-only: `fit` returns a new detector.

    Args:
        model: The network, in evaluation mode, on its device.
        config: Its configuration.
        provenance: Where encoder and heads come from.
        calibration: Scales of its maps; None if never calibrated.
        engine: What runs the network for `predict`; None takes torch.

    Attributes:
        lender: Who runs networks and fits of this process elsewhere; None runs them here.
    """

    lender: ClassVar[Lender | None] = None

    def __init__(
        self,
        model: INPFormer,
        config: ModelConfig,
        provenance: Provenance,
        calibration: Calibration | None = None,
        engine: Engine | None = None,
    ) -> None:
        self._model = model.eval()
        self._engine = engine or torch_engine(self._model, not provenance.zero_shot)
        self.config = config
        self.provenance = provenance
        self.calibration = calibration

    @classmethod
    def load(
        cls,
        source: str | Path = "auto",
        device: str = "auto",
        weights: str | Path | None = None,
        engine: str = "torch",
    ) -> AnomalyDetector:
        """Load a detector.

        Args:
            source: `auto`, an encoder preset, a detector file, or a Hub id (`user/repo`, or
                `user/repo@revision` for a branch, tag or commit). The first two, and timm's id of
                a preset, give a training-free detector to fit or to look with at once.
            device: `auto`, `cpu`, `cuda`, `cuda:1`, `mps`.
            weights: File with the encoder's weights; None looks in the usual places.
            engine: See `with_engine`.

        Raises:
            UserError: Nothing of this name exists, weights are missing or damaged, or the device
                or the engine is not there; the message says what to do.
        """
        from inpformer.detector_file import load_detector

        return load_detector(source, device, weights).with_engine(engine)

    def save(self, path: str | Path, bundle_encoder: bool = False, half: bool = False) -> Path:
        """Write the detector to one safetensors file, whole or not at all.

        Args:
            path: Where to.
            bundle_encoder: Also store the frozen encoder, so that the file works on its own.
            half: Store numbers of 16 bits, in half the space. A loaded detector always works
                with 32 bits; its maps then differ by less than a thousandth or so.

        Raises:
            UserError: The file cannot be written.
        """
        from inpformer.detector_file import save_detector

        return save_detector(self, Path(path), bundle_encoder, half)

    @property
    def model(self) -> INPFormer:
        """The network; read-only by agreement, since visitors share it."""
        return self._model

    @property
    def device(self) -> torch.device:
        """Where the network is."""
        return self._model.encoder.mean.device

    @property
    def notices(self) -> tuple[str, ...]:
        """What every reader of this detector's results must know."""
        notices = []
        if self.provenance.encoder_origin == "untrained":
            notices.append(UNTRAINED_NOTICE)
        if not self.config.is_trained:
            notices.append(TRAINING_FREE_NOTICE)
        if self.provenance.zero_shot:
            notices.append(ZERO_SHOT_NOTICE)
        return (*notices, *self._engine.notices)

    @property
    def engine(self) -> str:
        """What runs the network: one of `config.ENGINES`."""
        return self._engine.name

    def with_engine(self, name: str) -> AnomalyDetector:
        """Return this detector with another engine for `predict`; the network is shared.

        What is fitted or retrained from it runs on torch until it is asked for another one.

        Args:
            name: `torch`; `torch-bf16`, on an NVIDIA GPU with 16-bit products, faster and less
                exact; `onnx`, ONNX Runtime on the CPU, whose maps agree with torch's; or
                `onnx-int8`, the same with large products in 8 bits, faster and less exact. Each
                is compared with torch on a test picture first.

        Raises:
            UserError: The engine is not for this device, ONNX Runtime is not installed, cannot
                run this detector, or the maps do not agree.
        """
        if name == self.engine:
            return self
        engine = make_engine(name, self)
        return AnomalyDetector(self._model, self.config, self.provenance, self.calibration, engine)

    def on_cpu(self) -> AnomalyDetector:
        """Return a copy of this detector on the CPU, with torch; the device lends no memory."""
        from inpformer.memory_limits import copy_to_cpu

        return AnomalyDetector(
            copy_to_cpu(self._model), self.config, self.provenance, self.calibration
        )

    @property
    def map_names(self) -> tuple[MapName, ...]:
        """Maps this detector gives, the default one first."""
        return ("distance",) if self.provenance.zero_shot else self.config.map_names

    def zero_shot(self) -> AnomalyDetector:
        """Return this detector for parts it was not fitted on; the network is shared.

        It gives the distance to the prototypes alone, which the papers use for zero-shot: the
        decoder learnt other parts, and so did the thresholds, which are left out.

        Raises:
            UserError: There are no trained prototypes.
        """
        if not self.config.is_trained:
            raise UserError("A training-free detector has no trained prototypes to use zero-shot.")
        provenance = replace(self.provenance, zero_shot=True)
        return AnomalyDetector(self._model, self.config, provenance).with_engine(self.engine)

    def with_inp_count(self, count: int) -> AnomalyDetector:
        """Return this training-free detector with another number of prototypes, at once.

        The encoder is shared. Thresholds hold for one number only, so they are left out.

        Raises:
            UserError: The prototypes were learnt, or there cannot be so many.
        """
        if self.config.is_trained:
            raise UserError(
                "The prototypes of this detector were learnt: fit a new one for another number."
            )
        if count == self.config.inp_count:
            return self
        config = replace(self.config, inp_count=count)
        model = build_model(config, self._model.encoder)
        return AnomalyDetector(model, config, self.provenance).with_engine(self.engine)

    def has_encoder_of(self, other: AnomalyDetector) -> bool:
        """Whether both look through an encoder of the same weights."""
        mine, theirs = self._model.encoder, other.model.encoder
        return mine is theirs or encoder_fingerprint(mine) == encoder_fingerprint(theirs)

    def sharing_encoder(self, other: AnomalyDetector) -> AnomalyDetector:
        """Return this detector on the encoder that `other` holds, so that memory has it once.

        Raises:
            ConfigError: Their encoders have different weights.
        """
        if not self.has_encoder_of(other):
            raise ConfigError("These detectors stand on different encoders.")
        own = self._model
        model = INPFormer(
            other.model.encoder,
            own.inp_extractor,
            own.decoder,
            own.segmentation_head,
            own.group_count,
            own.memory,
        )
        shared = AnomalyDetector(model, self.config, self.provenance, self.calibration)
        return shared.with_engine(self.engine)

    def choose_map(self, name: str | None) -> MapName:
        """Return the map that decides: `name`, or the variant's default for None.

        Raises:
            UserError: This detector does not give it; the message lists those it gives.
        """
        names = self.map_names
        if name is not None and name not in names:
            raise UserError(
                f"This detector gives no '{name}' map. Choose one of: {', '.join(names)}."
            )
        return name or names[0]

    def fit(
        self,
        normal_images: Sequence[np.ndarray],
        config: FitConfig | None = None,
        on_step: Callable[[FitStep], None] | None = None,
        should_stop: Callable[[], bool] | None = None,
        textures: Sequence[np.ndarray] = (),
    ) -> AnomalyDetector:
        """Fit a new detector to a few normal pictures; this one stays as it is.

        Args:
            normal_images: 1 to 16 pictures `(H, W, 3)` uint8 RGB without a defect; sizes may
                differ, identical ones count once.
            config: The schedule; None takes the defaults.
            on_step: Told about every step.
            should_stop: Asked between steps; True cancels.
            textures: Pictures to cut synthetic defects from, such as DTD, which the paper uses;
                with none they are drawn by formula or made of the normal pictures.

        Raises:
            UserError: No pictures, too many, or one that cannot be used; too little memory, also
                on the CPU, which is asked where a GPU has too little; or values that are no
                numbers.
            FitCancelledError: `should_stop` answered True.
        """
        config = config or FitConfig.for_encoder(self.config.encoder)

        def fit_on(
            detector: AnomalyDetector, tell: Callable[[FitStep], None] | None
        ) -> AnomalyDetector:
            return detector._fit(normal_images, config, tell, should_stop, textures)

        return with_room(
            lambda: fit_on(self, on_step),
            lambda: brought_back(fit_on(self.on_cpu(), noting_cpu(on_step)), self),
            self.device,
        )

    def _fit(
        self,
        normal_images: Sequence[np.ndarray],
        config: FitConfig,
        on_step: Callable[[FitStep], None] | None,
        should_stop: Callable[[], bool] | None,
        textures: Sequence[np.ndarray],
    ) -> AnomalyDetector:
        """Fit on the device that this detector is on."""
        unique = unique_images(normal_images)
        shots = [shot_tensors(image, config.tiles, self.config.encoder) for image in unique]
        model_config = replace(
            self.config,
            decoder_depth=config.decoder_depth or len(self.config.encoder.layers),
            **network_settings(config),
            head_weight=1.0,
        )
        fit: Callable[..., tuple[INPFormer, Calibration]]
        fit = partial(fit_model, self._model.encoder)
        if self.lender is not None:
            fit = partial(self.lender.fit, self)
        model, calibration = fit(
            model_config,
            shots,
            config,
            on_step,
            should_stop,
            [texture_tensor(texture) for texture in textures],
        )
        provenance = replace(
            self.provenance,
            fit=to_dict(config),
            shot_count=len(shots),
            tiles=config.tiles,
            source="",
            zero_shot=False,
            version=1,
            correction_count=0,
            retrain={},
            training={},
            geometry="full",
        )
        return require_numbers(AnomalyDetector(model, model_config, provenance, calibration))

    def retrain(
        self,
        normal_images: Sequence[np.ndarray],
        corrections: Sequence[Correction],
        config: RetrainConfig | None = None,
        on_step: Callable[[FitStep], None] | None = None,
        should_stop: Callable[[], bool] | None = None,
    ) -> AnomalyDetector:
        """Return the next version of this detector, whose head has seen real defects.

        Only the segmentation head is trained, and the thresholds are set anew. To see what each
        correction brings, use `retraining.Retrainer`.

        Args:
            normal_images: 1 to 16 normal pictures: those it was fitted on, and others if wanted.
            corrections: Pictures with a defect, and where it is; at least one.
            config: How to train; None takes the defaults.
            on_step: Told about every step.
            should_stop: Asked between steps; True cancels.

        Raises:
            UserError: As for `fit`; or this detector has no segmentation head.
            FitCancelledError: `should_stop` answered True.
        """
        from inpformer.retraining import Retrainer

        retrainer = Retrainer(self, normal_images, corrections, config, on_step, should_stop)
        return retrainer.retrain()

    def predict(
        self,
        image: np.ndarray,
        *,
        geometry: str = "full",
        tiles: str | None = None,
        map_name: MapName | None = None,
    ) -> AnomalyResult:
        """Inspect one picture.

        Args:
            image: `(H, W, 3)` uint8 RGB, any size.
            geometry: `full` sees the whole picture at its own aspect; `benchmark` is the
                official 448 -> 392 crop, for comparisons with published figures.
            tiles: `""` whole, `RxC` such as `2x2`, or `auto`; None as the detector was fitted.
            map_name: The map that decides; None takes the variant's default.

        Raises:
            UserError: The picture or an option cannot be used.
        """
        prepared = self.prepare(image, Looking(geometry, tiles, map_name))
        return self.predict_batch([prepared])[0]

    def predict_many(
        self,
        images: Iterable[np.ndarray | str | Path],
        *,
        geometry: str = "full",
        tiles: str | None = None,
        map_name: MapName | None = None,
        batch_size: int | None = None,
    ) -> Iterator[AnomalyResult]:
        """Inspect any number of pictures in their order, each when it is asked for.

        They are read and resized in threads beside the model; a few are in memory at a time. The
        results are those of `predict`. To go on after a picture that cannot be used, or to have
        the pictures as well, use `batch_prediction.inspect_many`.

        Args:
            images: Pictures as `predict` takes them, or files.
            geometry: As in `predict`.
            tiles: As in `predict`.
            map_name: As in `predict`.
            batch_size: Most pictures the network sees at once; None takes what is fastest.

        Raises:
            UserError: An option cannot be used, or the picture whose turn it is.
        """
        from inpformer.batch_prediction import BatchConfig, as_loaded, inspect_many

        config = BatchConfig(Looking(geometry, tiles, map_name), batch_size)
        return (each.unwrap() for each in inspect_many(self, images, as_loaded, config))

    def prepare(self, image: np.ndarray, looking: Looking | None = None) -> PreparedImage:
        """Make a picture ready for `predict_batch`; needs no model and is safe in a thread.

        Raises:
            UserError: The picture or a way of looking cannot be used.
        """
        return prepare(self, image, looking or Looking())

    def predict_batch(self, batch: Sequence[PreparedImage]) -> list[AnomalyResult]:
        """Inspect prepared pictures at once; the network must see them all at one size."""
        return predict_batch(self, batch)

    def run(self, images: Tensor) -> INPFormerOutput:
        """Run the network on pictures `(B, 3, H, W)` in [0, 1], within inference mode."""
        if self.lender is not None and self.engine == "torch":
            return self.lender.run(self, images)
        return self._engine.run(images)

    def patch_tokens(self, image: np.ndarray, geometry: str = "full") -> PatchTokens:
        """Return what explains each patch of a picture, see `patch_reason.explain_patch`.

        Args:
            image: `(H, W, 3)` uint8 RGB, any size; seen whole, also where maps come from tiles.
            geometry: As in `predict`.

        Raises:
            UserError: The picture or the geometry cannot be used.
        """
        image = check_image(image)
        picture_geometry = make_geometry(image, geometry, self.config.encoder)
        with torch.inference_mode():
            output = run_model(self, [picture_geometry.to_input(image)])
            return patch_tokens(output, picture_geometry, self.config.counts_length)
