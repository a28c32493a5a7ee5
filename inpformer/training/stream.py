"""Picture files as what the model sees of them: the one place where training reads pictures."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np
from torch import Tensor

from inpformer.augmentation import make_view
from inpformer.datasets.sample import Sample, load_mask
from inpformer.errors import ImageError
from inpformer.geometry import ImageGeometry
from inpformer.head_training import MaskedPicture
from inpformer.images import load_image
from inpformer.model_input import geometry_of_size, mask_tensor, pixels_tensor
from inpformer.presets import EncoderConfig
from inpformer.training.config import TrainConfig
from inpformer.training.processes import Processes

Size = tuple[int, int]


class View(NamedTuple):
    """A view of a picture, see `make_view`; index 0 is the picture itself."""

    path: Path
    index: int = 0
    kind: Literal["paper", "station", "slight"] = "paper"


class PictureStream:
    """Reads pictures as the model sees them, from several threads at once if wanted.

    Small copies of the first ones are kept, up to `TrainConfig.cache_bytes`.

    Args:
        encoder: Whose patches decide the size.
        config: Geometry and caching.
    """

    def __init__(self, encoder: EncoderConfig, config: TrainConfig) -> None:
        self._encoder, self._config = encoder, config
        self._kept: dict[Path, np.ndarray] = {}
        self._room = 0 if config.cache == "none" else config.cache_bytes
        self._lock = threading.Lock()

    def geometry(self, size: Size) -> ImageGeometry:
        """Return how the model sees pictures of a size `(H, W)`."""
        name = "benchmark" if self._config.geometry == "paper" else "full"
        return geometry_of_size(size, name, self._encoder)

    def token_count(self, size: Size) -> int:
        """Return the tokens of a picture of a size `(H, W)`."""
        rows, columns = self.geometry(size).grid_size
        return rows * columns

    def read(self, view: View) -> Tensor:
        """Return a view, `(3, h, w)` in [0, 1].

        Raises:
            ImageError: The file is missing or damaged.
        """
        return make_view(pixels_tensor(self._pixels(view.path)), view.index, view.kind)

    def read_masked(self, sample: Sample) -> MaskedPicture:
        """Return an anomalous picture with its mask; of the mask nothing may be in sight.

        Raises:
            ImageError: A file is missing or damaged, or their sizes differ.
        """
        image, mask = load_image(sample.path), load_mask(sample.mask_path, sample.mask_level)
        if mask.shape != image.shape[:2]:
            raise ImageError(
                f"'{sample.mask_path.name}' is {mask.shape[1]} × {mask.shape[0]} pixels, but its "
                f"picture is {image.shape[1]} × {image.shape[0]}; both must have one size."
            )
        geometry = self.geometry(image.shape[:2])
        return MaskedPicture(pixels_tensor(geometry.to_input(image)), mask_tensor(mask, geometry))

    def forget(self) -> None:
        """Keep no pictures any more; the next model has others."""
        with self._lock:
            self._room += sum(pixels.nbytes for pixels in self._kept.values())
            self._kept.clear()

    def _pixels(self, path: Path) -> np.ndarray:
        kept = self._kept.get(path)
        if kept is not None:
            return kept
        image = load_image(path)
        pixels = self.geometry(image.shape[:2]).to_input(image)
        with self._lock:
            if path not in self._kept and pixels.nbytes <= self._room:
                self._room -= pixels.nbytes
                self._kept[path] = pixels
        return pixels


class Readable(NamedTuple):
    """What a look at all pictures found.

    Attributes:
        sizes: `(H, W)` of each that can be read.
        problems: Why the others cannot.
    """

    sizes: dict[Path, Size]
    problems: dict[Path, str]


def look_at_all(
    samples: Sequence[Sample],
    processes: Processes,
    workers: int,
    on_picture: Callable[[int, int], None],
) -> Readable:
    """Read every picture once, each process its share, to know at the start what is damaged.

    Args:
        samples: To look at.
        processes: Who shares the work.
        workers: Threads of each.
        on_picture: Told how many pictures this process has read, of how many; may raise to stop.
    """
    paths = processes.share_of(list(dict.fromkeys(sample.path for sample in samples)))
    found: list[tuple[Path, Size | None, str]] = []
    with ThreadPoolExecutor(workers) as pool:
        try:
            for item in pool.map(_look_at, paths):
                found.append(item)
                on_picture(len(found), len(paths))
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise
    everything = processes.gather(found)
    return Readable(
        {path: size for path, size, _ in everything if size is not None},
        {path: problem for path, size, problem in everything if size is None},
    )


def _look_at(path: Path) -> tuple[Path, Size | None, str]:
    try:
        height, width = load_image(path).shape[:2]
    except ImageError as error:
        return path, None, str(error)
    return path, (height, width), ""
