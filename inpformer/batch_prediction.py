"""Many pictures: read and resized in threads beside the model, which sees them in batches."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Generic, TypeVar

import numpy as np

from inpformer.errors import UserError, require
from inpformer.images import LoadedImage, read_image
from inpformer.prediction import Looking, PreparedImage
from inpformer.result import AnomalyResult

if TYPE_CHECKING:
    from inpformer.detector import AnomalyDetector

Source = TypeVar("Source")

# Measured with benchmarks/many.py: on two cores, two at once take 5% to 12% less time for each
# than one, and eight more than one, for their numbers do not fit the caches.
GPU_BATCH, CPU_BATCH = 16, 2
MAX_READERS = 8
# Large pictures are read ahead one at a time, or many would be in memory at once.
MAX_PIXELS_AHEAD = 64_000_000


@dataclass(frozen=True)
class BatchConfig:
    """How many pictures are inspected.

    Attributes:
        looking: How each is shown to the detector.
        batch_size: Most pictures the network sees at once, at least 1; None takes what was
            measured to be fastest on the device.
    """

    looking: Looking = field(default_factory=Looking)
    batch_size: int | None = None

    def __post_init__(self) -> None:
        size = self.batch_size
        require(size is None or size >= 1, f"batch_size must be at least 1, got {size}")


@dataclass(frozen=True)
class Inspected(Generic[Source]):
    """One of many pictures, with its result or the reason why there is none.

    Attributes:
        source: What it was read from.
        picture: As it was read; None if it could not be.
        result: What the detector says; None if the picture cannot be used.
        error: Why there is no result; None if there is one.
    """

    source: Source
    picture: LoadedImage | None = None
    result: AnomalyResult | None = None
    error: UserError | None = None

    def unwrap(self) -> AnomalyResult:
        """Return the result.

        Raises:
            UserError: There is none; the error says why.
        """
        if self.error is not None:
            raise self.error
        return self.result


def inspect_many(
    detector: AnomalyDetector,
    sources: Iterable[Source],
    read: Callable[[Source], LoadedImage],
    config: BatchConfig | None = None,
) -> Iterator[Inspected[Source]]:
    """Inspect pictures in their order, each when it is asked for.

    A few pictures are read ahead, so memory does not grow with their number. One that cannot be
    used comes back with its error and the others go on. Close the iterator to stop early: no
    thread is left.

    Args:
        detector: Inspects them, in the thread that asks.
        sources: Where they are; taken one by one, as they are needed.
        read: Reads one, in another thread. A `UserError` is that picture's; anything else ends
            the job when its turn comes.
        config: How; None takes the defaults.

    Raises:
        Exception: What `sources`, `read` or the network raises, after the results before it.
    """
    pipeline = _Pipeline(detector, iter(sources), read, config or BatchConfig())
    try:
        yield from pipeline.results()
    finally:
        pipeline.close()


def as_loaded(source: np.ndarray | str | Path) -> LoadedImage:
    """Return a picture in memory as it is, and a file as `read_image` reads it.

    Raises:
        ImageError: See `read_image`.
    """
    return LoadedImage(source) if isinstance(source, np.ndarray) else read_image(source)


class _Waiting(Generic[Source]):
    """A picture whose turn will come."""

    def __init__(self, source: Source, ready: Future[tuple[LoadedImage, PreparedImage]]) -> None:
        self.source = source
        self.ready = ready
        self.inspected: Inspected[Source] | None = None

    @property
    def pixels(self) -> int:
        """Pixels that are held for it, as far as is known."""
        if self.ready.done() and not self.ready.cancelled() and self.ready.exception() is None:
            return self.ready.result()[0].image.size // 3
        return 0


class _Pipeline(Generic[Source]):
    """A window of pictures that are being read, wait for the model, or wait to be asked for."""

    def __init__(
        self,
        detector: AnomalyDetector,
        sources: Iterator[Source],
        read: Callable[[Source], LoadedImage],
        config: BatchConfig,
    ) -> None:
        self._detector, self._sources, self._read, self._config = detector, sources, read, config
        is_gpu = detector.device.type != "cpu"
        self._batch_size = config.batch_size or (GPU_BATCH if is_gpu else CPU_BATCH)
        readers = min(MAX_READERS, max(1, (os.cpu_count() or 1) // 2))
        self._length = 2 * self._batch_size + readers if is_gpu else self._batch_size + readers
        self._window: deque[_Waiting[Source]] = deque()
        self._pool = ThreadPoolExecutor(readers, thread_name_prefix="read")
        self._source_error: Exception | None = None
        self._is_at_end = False

    def results(self) -> Iterator[Inspected[Source]]:
        self._fill()
        while self._window:
            if self._window[0].inspected is None:
                self._run_batch()
            else:
                yield self._window.popleft().inspected
                self._fill()
        if self._source_error is not None:
            raise self._source_error

    def close(self) -> None:
        self._pool.shutdown(wait=True, cancel_futures=True)

    def _fill(self) -> None:
        """Begin to read what comes next, as far as memory allows."""
        while not self._is_at_end and len(self._window) < self._length:
            if sum(each.pixels for each in self._window) > MAX_PIXELS_AHEAD:
                return
            try:
                source = next(self._sources)
            except StopIteration:
                self._is_at_end = True
            except Exception as error:
                # Those before it are not lost.
                self._is_at_end, self._source_error = True, error
            else:
                self._window.append(_Waiting(source, self._pool.submit(self._prepare, source)))

    def _prepare(self, source: Source) -> tuple[LoadedImage, PreparedImage]:
        picture = self._read(source)
        return picture, self._detector.prepare(picture.image, self._config.looking)

    def _run_batch(self) -> None:
        """Show the network the first picture, and those after it that it sees at the same size."""
        batch: list[tuple[_Waiting[Source], LoadedImage, PreparedImage]] = []
        open_ones = [each for each in self._window if each.inspected is None]
        for each in open_ones[: self._batch_size]:
            try:
                picture, prepared = each.ready.result()
            except UserError as error:
                each.inspected = Inspected(each.source, error=error)
                continue
            except Exception:
                if each is self._window[0]:
                    raise
                break  # those before it are not lost
            if not batch or prepared.pixels.shape == batch[0][2].pixels.shape:
                batch.append((each, picture, prepared))
        if not batch:
            return
        try:
            results = self._detector.predict_batch([prepared for *_, prepared in batch])
        except UserError as error:
            for each, picture, _ in batch:
                each.inspected = Inspected(each.source, picture, error=error)
            return
        for (each, picture, _), result in zip(batch, results, strict=True):
            each.inspected = Inspected(each.source, picture, result)
