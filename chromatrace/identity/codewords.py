"""From text to the codewords of a QR code: segments and tables from the package `qrcode`, arithmetic on arrays.

The result is, byte for byte, that of `qrcode.util.create_data`, which spends most of a code's time on single bits and
on polynomials of single numbers. Section numbers: ISO/IEC 18004:2015.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache, lru_cache

import numpy as np
import numpy.typing as npt
from qrcode import base, util

Bytes = npt.NDArray[np.uint8]

VERSIONS = range(1, 41)
_FIELD_ORDER = 255
_PAD = (util.PAD0, util.PAD1)


class _Bits:
    """Bits as one whole number: what `QRData.write` fills."""

    def __init__(self) -> None:
        self.value = 0
        self.length = 0

    def put(self, number: int, length: int) -> None:
        self.value = self.value << length | number
        self.length += length


def smallest_version(segments: Sequence[util.QRData], level: int) -> int | None:
    """The smallest version that holds `segments` at `level` (a constant of `qrcode`); None where none does."""
    payload = _Bits()
    for segment in segments:
        segment.write(payload)
    for version in VERSIONS:
        heads = sum(4 + util.length_in_bits(segment.mode, version) for segment in segments)
        if payload.length + heads <= util.BIT_LIMIT_TABLE[level][version]:
            return version
    return None


def codewords(segments: Sequence[util.QRData], version: int, level: int) -> Bytes:
    """Data and error correction of a code, interleaved as they are placed (7.4 to 7.6). `segments` must fit."""
    bits = _Bits()
    for segment in segments:
        bits.put(segment.mode, 4)
        bits.put(len(segment), util.length_in_bits(segment.mode, version))
        segment.write(bits)
    blocks = base.rs_blocks(version, level)
    capacity = sum(block.data_count for block in blocks)
    bits.put(0, min(4, 8 * capacity - bits.length))
    bits.put(0, -bits.length % 8)
    data = bits.value.to_bytes(bits.length // 8, "big")
    padding = bytes(_PAD[place % 2] for place in range(capacity - len(data)))
    data_bytes = np.frombuffer(data + padding, dtype=np.uint8)

    start = 0
    correction = []
    for block in blocks:
        part = data_bytes[start : start + block.data_count]
        correction.append(_remainder(part, block.total_count - block.data_count))
        start += block.data_count
    return np.concatenate([data_bytes, *correction])[_interleaving(version, level)]


def _remainder(data: Bytes, count: int) -> Bytes:
    """The Reed-Solomon codewords of one block (7.5.2): a sum over its bytes, each times its row."""
    rows = _remainder_rows(len(data), count)
    result: Bytes = np.bitwise_xor.reduce(_products()[data[:, None], rows], axis=0)
    return result


@cache
def _products() -> Bytes:
    """All products in GF(256) of the standard, (256, 256)."""
    logs = np.array(base.LOG_TABLE)
    powers = np.array(base.EXP_TABLE)
    table: Bytes = powers[(logs[:, None] + logs[None, :]) % _FIELD_ORDER].astype(np.uint8)
    table[0, :] = table[:, 0] = 0
    return table


@lru_cache(maxsize=128)
def _remainder_rows(length: int, count: int) -> Bytes:
    """Row i: what a 1 at place i of `length` bytes leaves over when divided by the generator of degree `count`."""
    products = _products()
    generator = np.array([1], dtype=np.uint8)
    for power in range(count):
        shifted = np.append(generator, np.uint8(0))
        shifted[1:] ^= products[generator, base.EXP_TABLE[power]]
        generator = shifted
    rows = np.zeros((length, count), dtype=np.uint8)
    row = generator[1:]
    for place in reversed(range(length)):
        rows[place] = row
        row = np.append(row[1:], np.uint8(0)) ^ products[row[0], generator[1:]]
    return rows


@lru_cache(maxsize=80)
def _interleaving(version: int, level: int) -> npt.NDArray[np.intp]:
    """Where the codewords that are placed one after another lie: the first of every block, the second, ... (7.6)."""
    blocks = base.rs_blocks(version, level)
    order = []
    start = 0
    for lengths in ([block.data_count for block in blocks], [block.total_count - block.data_count for block in blocks]):
        starts = [start + sum(lengths[:place]) for place in range(len(lengths))]
        order += [
            first + place
            for place in range(max(lengths))
            for first, length in zip(starts, lengths, strict=True)
            if place < length
        ]
        start += sum(lengths)
    return np.array(order, dtype=np.intp)
