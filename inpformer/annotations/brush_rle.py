"""Run lengths as Label Studio's brush writes them: bits, after the `rle-pack` of thi.ng/umbrella.

A header (32 bits: how many values; 5 bits: bits per value - 1; four times 4 bits: bits of a run's
length - 1), then runs: a bit that says if one value is repeated, two bits that choose one of the
four sizes, the length - 1, and the value or values. The values are R, G, B and alpha of each
pixel in turn; alpha is the mask.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

_CHANNELS = 4
_LENGTH_BITS = np.array([3, 4, 8, 16])
_HEADER_BITS = 32 + 5 + 4 * 4
_MAX_RUN = 1 << 16
_VALUE_BITS = 8


def encode_brush(pixels: np.ndarray) -> list[int]:
    """Return a region as the numbers of a `rle` field.

    Args:
        pixels: `(H, W)` bool of the whole picture.

    Returns:
        Bytes, 0 to 255.
    """
    flat = pixels.ravel()
    ends = np.append(np.flatnonzero(flat[1:] != flat[:-1]) + 1, flat.size)
    lengths = np.diff(ends, prepend=0) * _CHANNELS
    values = flat[ends - 1].astype(np.int64) * 255
    pieces = -(-lengths // _MAX_RUN)  # a run can be longer than any length that fits
    values = np.repeat(values, pieces)
    runs = np.full(values.size, _MAX_RUN)
    runs[np.cumsum(pieces) - 1] = lengths - (pieces - 1) * _MAX_RUN

    size = np.searchsorted(1 << _LENGTH_BITS, runs)  # the smallest that fits
    length_bits = _LENGTH_BITS[size]
    codes = ((4 + size) << length_bits | (runs - 1)) << _VALUE_BITS | values
    widths = 3 + length_bits + _VALUE_BITS
    starts = _HEADER_BITS + np.cumsum(widths) - widths
    bits = np.zeros(_HEADER_BITS + int(widths.sum()), np.uint8)
    bits[:_HEADER_BITS] = _header(flat.size * _CHANNELS)
    for width in np.unique(widths):
        chosen = widths == width
        shifts = np.arange(width - 1, -1, -1)
        places = starts[chosen, None] + np.arange(width)
        bits[places] = (codes[chosen, None] >> shifts) & 1
    return np.packbits(bits).tolist()


def _header(count: int) -> list[int]:
    text = f"{count:032b}{_VALUE_BITS - 1:05b}"
    return [int(bit) for bit in text + "".join(f"{size - 1:04b}" for size in _LENGTH_BITS)]


def decode_brush(numbers: Sequence[int], shape: tuple[int, int]) -> np.ndarray:
    """Return the region that a `rle` field holds.

    Args:
        numbers: Bytes, 0 to 255.
        shape: `(H, W)` of the picture.

    Returns:
        `(H, W)` bool, true where alpha is not 0.

    Raises:
        ValueError: They are no such run lengths, or those of a picture of another size.
    """
    reader = _BitReader(bytes(numbers))
    count = reader.read(32)
    if count != shape[0] * shape[1] * _CHANNELS:
        raise ValueError(f"run lengths for {count // _CHANNELS} pixels do not fit the picture")
    value_bits = reader.read(5) + 1
    sizes = [reader.read(4) + 1 for _ in range(4)]
    lengths: list[int] = []
    values: list[int] = []
    done = 0
    while done < count:
        repeated, size = reader.read(1), sizes[reader.read(2)]
        length = min(reader.read(size) + 1, count - done)
        if repeated:
            lengths.append(length)
            values.append(reader.read(value_bits))
        else:
            lengths += [1] * length
            values += [reader.read(value_bits) for _ in range(length)]
        done += length
    flat = np.repeat(np.array(values, np.int64) != 0, lengths)
    return flat[_CHANNELS - 1 :: _CHANNELS].reshape(shape)


class _BitReader:
    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    def read(self, width: int) -> int:
        start, end = self._at, self._at + width
        if end > 8 * len(self._data):
            raise ValueError("the run lengths are cut short")
        self._at = end
        window = int.from_bytes(self._data[start // 8 : -(-end // 8)], "big")
        return window >> (-end % 8) & ((1 << width) - 1)
