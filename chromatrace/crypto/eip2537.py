"""Conversion of points between ZCash's compressed encoding and that of the EIP-2537 precompiles.

| point | compressed                           | EIP-2537                                         |
|-------|--------------------------------------|--------------------------------------------------|
| G1    | 48 bytes: x with three flag bits     | 128 bytes: x ‖ y, 64-byte limbs                  |
| G2    | 96 bytes: x.c1 ‖ x.c0 with flag bits | 256 bytes: x.c0 ‖ x.c1 ‖ y.c0 ‖ y.c1             |

A limb is big-endian with 16 leading zero bytes. Infinity is all zeros and is accepted here; `bls` rejects it.
"""

from __future__ import annotations

from collections.abc import Callable

from py_arkworks_bls12381 import G1Point, G2Point

from chromatrace.crypto.bls import PublicKey
from chromatrace.crypto.errors import PointError
from chromatrace.domain.hashing import keccak
from chromatrace.domain.identifiers import StationKeyId

G1_BYTES = 128
G2_BYTES = 256

_LIMB = 64
_FIELD = 48
_PADDING = bytes(_LIMB - _FIELD)
_G1_INFINITY = b"\xc0" + bytes(47)
_G2_INFINITY = b"\xc0" + bytes(95)


def g1_to_evm(point: bytes) -> bytes:
    """Convert 48 compressed bytes to 128. Raises `PointError` unless they are a point of the subgroup."""
    if point == _G1_INFINITY:
        return bytes(G1_BYTES)
    return _pad(bytes(_parsed(G1Point.from_compressed_bytes, point, _FIELD).to_xy_bytes_be()))


def g1_from_evm(point: bytes) -> bytes:
    """Convert 128 bytes to 48 compressed. Raises `PointError` for what the precompiles reject."""
    if point == bytes(G1_BYTES):
        return _G1_INFINITY
    return bytes(_parsed(G1Point.from_xy_bytes_be, _unpad(point, G1_BYTES), 2 * _FIELD).to_compressed_bytes())


def g2_to_evm(point: bytes) -> bytes:
    """Convert 96 compressed bytes to 256. Raises `PointError` unless they are a point of the subgroup."""
    if point == _G2_INFINITY:
        return bytes(G2_BYTES)
    return _pad(bytes(_parsed(G2Point.from_compressed_bytes, point, 2 * _FIELD).to_xy_bytes_be()))


def g2_from_evm(point: bytes) -> bytes:
    """Convert 256 bytes to 96 compressed. Raises `PointError` for what the precompiles reject."""
    if point == bytes(G2_BYTES):
        return _G2_INFINITY
    return bytes(_parsed(G2Point.from_xy_bytes_be, _unpad(point, G2_BYTES), 4 * _FIELD).to_compressed_bytes())


def key_id(key: PublicKey) -> StationKeyId:
    """Return the id of a station's key: keccak256 of its 256 bytes, as in `RouteVerifier`."""
    return StationKeyId(keccak(g2_to_evm(key.data)))


def words(point: bytes) -> tuple[bytes, ...]:
    """Split a point's bytes into the contract's `bytes32[4]` or `bytes32[8]`."""
    return tuple(point[start : start + 32] for start in range(0, len(point), 32))


def _pad(coordinates: bytes) -> bytes:
    limbs = (coordinates[start : start + _FIELD] for start in range(0, len(coordinates), _FIELD))
    return b"".join(_PADDING + limb for limb in limbs)


def _unpad(point: bytes, size: int) -> bytes:
    if len(point) != size:
        raise PointError(f"expected {size} bytes, got {len(point)}", field="point")
    limbs = [point[start : start + _LIMB] for start in range(0, size, _LIMB)]
    if any(not limb.startswith(_PADDING) for limb in limbs):
        raise PointError("the first 16 bytes of a limb must be zero", field="point")
    return b"".join(limb[len(_PADDING) :] for limb in limbs)


def _parsed(parse: Callable[[bytes], G1Point | G2Point], data: bytes, size: int) -> G1Point | G2Point:
    if len(data) != size:
        raise PointError(f"expected {size} bytes, got {len(data)}", field="point")
    try:
        return parse(data)
    except ValueError as error:
        raise PointError(f"not a valid point: {error}", field="point") from error
