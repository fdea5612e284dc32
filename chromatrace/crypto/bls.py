"""BLS12-381 signatures in G1 (48 bytes) with public keys in G2 (96 bytes).

`pyblst` signs and verifies; `py_arkworks_bls12381` computes values of GT (`GtValue`), which pyblst does not expose.
docs/adr/0003-bls-library.md gives the reasons. Ciphersuite:
`BLS_SIG_BLS12381G1_XMD:SHA-256_SSWU_RO_POP_` of draft-irtf-cfrg-bls-signature, minimal-signature-size variant;
encoding: ZCash's compressed points.

Points are checked once, when a `PublicKey` or `Signature` is built: canonical encoding, on the curve, in the subgroup,
not infinity (both libraries accept infinity).
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache, reduce
from operator import mul
from typing import Self

from py_arkworks_bls12381 import GT, G1Point, G2Point
from pyblst import BlstFP12Element, BlstP1Element, BlstP2Element, final_verify, miller_loop

from chromatrace.crypto.errors import PointError, SecretKeyError

SIGNATURE_TAG = b"BLS_SIG_BLS12381G1_XMD:SHA-256_SSWU_RO_POP_"
POSSESSION_TAG = b"BLS_POP_BLS12381G1_XMD:SHA-256_SSWU_RO_POP_"

ORDER = 0x73EDA753299D7D483339D80809A1D80553BDA402FFFE5BFEFFFFFFFF00000001
"""r, the order of G1, G2 and GT."""

SIGNATURE_BYTES = 48
PUBLIC_KEY_BYTES = 96
SECRET_KEY_BYTES = 32

_G2_GENERATOR = bytes(G2Point().to_compressed_bytes())
_G2 = BlstP2Element().uncompress(_G2_GENERATOR)
_INFINITY_FLAG = 0x40


def _checked(data: bytes, size: int, kind: str, curve: type[BlstP1Element] | type[BlstP2Element]) -> object:
    _require_bytes(data, size, kind)
    if data[0] & _INFINITY_FLAG:
        raise PointError(f"the point at infinity is not a valid {kind}", field=kind)
    try:
        return curve().uncompress(data)
    except ValueError as error:
        raise PointError(
            f"not a valid {kind}: {_reason(error)}", field=kind, hint="use ZCash's compressed encoding, as blst does"
        ) from error


def _require_bytes(data: object, size: int, kind: str) -> None:
    if not isinstance(data, bytes) or len(data) != size:
        raise PointError(f"expected {size} bytes of a {kind}, got {_shown(data)}", field=kind)


def _shown(data: object) -> str:
    return f"{len(data)}" if isinstance(data, bytes) else type(data).__name__


def _reason(error: ValueError) -> str:
    text = str(error)
    if "NOT_IN_GROUP" in text:
        return "the point is outside the subgroup"
    if "NOT_ON_CURVE" in text:
        return "the point is not on the curve"
    return "the encoding is not canonical"


@lru_cache(1024)
def _key_point(data: bytes) -> BlstP2Element:
    """Decode a key; cached, because every trace has the same few keys."""
    return _checked(data, PUBLIC_KEY_BYTES, "public key", BlstP2Element)


@dataclass(frozen=True, slots=True)
class PublicKey:
    """A station's public key, a point of G2 other than infinity. Raises `PointError`."""

    data: bytes
    point: BlstP2Element = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        _require_bytes(self.data, PUBLIC_KEY_BYTES, "public key")  # before the cache, which needs an immutable argument
        object.__setattr__(self, "point", _key_point(self.data))

    def __str__(self) -> str:
        return "0x" + self.data.hex()


@dataclass(frozen=True, slots=True)
class Signature:
    """A signature or aggregate signature, a point of G1 other than infinity. Raises `PointError`."""

    data: bytes
    point: BlstP1Element = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "point", _checked(self.data, SIGNATURE_BYTES, "signature", BlstP1Element))

    def __str__(self) -> str:
        return "0x" + self.data.hex()

    @classmethod
    def _of(cls, point: BlstP1Element) -> Self:
        """Wrap a point computed from checked points."""
        data = bytes(point.compress())
        if data[0] & _INFINITY_FLAG:
            raise PointError("the sum is the point at infinity", field="signature")
        signature = cls.__new__(cls)
        object.__setattr__(signature, "data", data)
        object.__setattr__(signature, "point", point)
        return signature

    def __add__(self, other: Signature) -> Signature:
        return Signature._of(self.point + other.point)

    def __sub__(self, other: Signature) -> Signature:
        return Signature._of(self.point + -other.point)


@dataclass(frozen=True, slots=True)
class SecretKey:
    """A station's secret key, a number from 1 to r - 1, with its public key sk · g2. `repr` omits the number."""

    number: int = field(repr=False)
    public_key: PublicKey = field(init=False, compare=False)

    def __post_init__(self) -> None:
        if type(self.number) is not int or not 0 < self.number < ORDER:
            raise SecretKeyError("the secret key must be a number from 1 to r - 1", field="secret key")
        object.__setattr__(self, "public_key", PublicKey(bytes(_G2.scalar_mul(self.number).compress())))

    @classmethod
    def generate(cls) -> Self:
        """Generate a key from the operating system's randomness."""
        return cls(1 + secrets.randbelow(ORDER - 1))

    @classmethod
    def from_bytes(cls, data: bytes) -> Self:
        """Decode 32 bytes, big-endian. Raises `SecretKeyError`."""
        if not isinstance(data, bytes | bytearray | memoryview) or len(data) != SECRET_KEY_BYTES:
            raise SecretKeyError(
                f"expected {SECRET_KEY_BYTES} bytes of a secret key, got {_shown(data)}", field="secret key"
            )
        return cls(int.from_bytes(data, "big"))

    def to_bytes(self) -> bytes:
        """Encode as 32 bytes, big-endian."""
        return self.number.to_bytes(SECRET_KEY_BYTES, "big")

    def sign(self, message: bytes, tag: bytes = SIGNATURE_TAG) -> Signature:
        """Return sk · H(message), with H of RFC 9380 and the domain separation tag `tag`."""
        return Signature._of(BlstP1Element().hash_to_group(message, tag).scalar_mul(self.number))


def verify(key: PublicKey, message: bytes, signature: Signature, tag: bytes = SIGNATURE_TAG) -> bool:
    """Return whether e(signature, g2) = e(H(message), key)."""
    return bool(final_verify(miller_loop(signature.point, _G2), _factor(message, key, tag)))


def verify_product(signed: Sequence[tuple[bytes, PublicKey]], aggregate: Signature) -> bool:
    """Return whether e(aggregate, g2) = Π e(H(message), key) over `signed`; False if `signed` is empty.

    Secure against rogue keys only if every key has a proof of possession.
    """
    if not signed:
        return False
    return bool(final_verify(miller_loop(aggregate.point, _G2), reduce(mul, (_factor(*pair) for pair in signed))))


def verify_product_and_last(signed: Sequence[tuple[bytes, PublicKey]], aggregate: Signature, last: Signature) -> bool:
    """Return whether `verify_product` holds and `last` is the last signature of `signed`, at the cost of one check.

    With r of 128 fresh random bits, both hold, except with probability 2^-128, if

        e(aggregate + r · last, g2) = Π_{i<n} e(H(m_i), pk_i) · e((1 + r) · H(m_n), pk_n).
    """
    if not signed:
        return False
    message, key = signed[-1]
    if len(signed) == 1:
        return aggregate == last and verify(key, message, last)
    coefficient = 1 + secrets.randbelow(1 << 128)
    hashed = BlstP1Element().hash_to_group(message, SIGNATURE_TAG)
    product = reduce(
        mul, (_factor(*pair) for pair in signed[:-1]), miller_loop(hashed.scalar_mul(1 + coefficient), key.point)
    )
    return bool(final_verify(miller_loop(aggregate.point + last.point.scalar_mul(coefficient), _G2), product))


def verify_each(signed: Sequence[tuple[bytes, PublicKey]], signatures: Sequence[Signature]) -> bool:
    """Return whether every signature is valid for its message and key; False if there are none. One product.

    With r_i of 128 fresh random bits, all are valid, except with probability 2^-128, if

        e(Σ r_i · s_i, g2) = Π e(r_i · H(m_i), pk_i).
    """
    if not signed or len(signed) != len(signatures):
        return False
    total, product = None, None
    for (message, key), signature in zip(signed, signatures, strict=True):
        coefficient = 1 + secrets.randbelow(1 << 128)
        term = signature.point.scalar_mul(coefficient)
        hashed = BlstP1Element().hash_to_group(message, SIGNATURE_TAG).scalar_mul(coefficient)
        factor = miller_loop(hashed, key.point)
        total = term if total is None else total + term
        product = factor if product is None else product * factor
    return bool(final_verify(miller_loop(total, _G2), product))


def _factor(message: bytes, key: PublicKey, tag: bytes = SIGNATURE_TAG) -> BlstFP12Element:
    """Compute e(H(message), key) before the final exponentiation."""
    return miller_loop(BlstP1Element().hash_to_group(message, tag), key.point)


@lru_cache(1024)
def _pairing_key(data: bytes) -> G2Point:
    """Return the arkworks point of a `PublicKey`, which was checked when it was built."""
    return G2Point.from_compressed_bytes_unchecked(data)


def _pairing_point(point: BlstP1Element) -> G1Point:
    return G1Point.from_compressed_bytes_unchecked(bytes(point.compress()))


class GtValue:
    """A product of pairings, an element of GT.

    `to_bytes` is what the `paper` link hashes: the twelve coefficients over Fp in the tower Fp2, Fp6, Fp12 (BLS12-381's
    usual tower: u² = -1, v³ = u + 1, w² = v), the lowest first, each 48 bytes, little-endian. This is arkworks'
    `serialize_compressed`. e is the pairing of blst and arkworks; it equals py_ecc's to the power of -3.
    """

    __slots__ = ("_value",)

    def __init__(self) -> None:
        self._value = GT.one()

    @classmethod
    def _of(cls, value: GT) -> GtValue:
        result = cls()
        result._value = value
        return result

    @classmethod
    def of_aggregate(cls, aggregate: Signature | None) -> GtValue:
        """Return e(aggregate, g2), or one for the empty aggregate."""
        if aggregate is None:
            return cls()
        return cls._of(GT.pairing(_pairing_point(aggregate.point), _pairing_key(_G2_GENERATOR)))

    def times_signed(self, message: bytes, key: PublicKey, tag: bytes = SIGNATURE_TAG) -> GtValue:
        """Return this value times e(H(message), key)."""
        hashed = _pairing_point(BlstP1Element().hash_to_group(message, tag))
        return GtValue._of(self._value * GT.pairing(hashed, _pairing_key(key.data)))

    def completes(self, message: bytes, key: PublicKey, aggregate: Signature, last: Signature) -> bool:
        """Return the result of `verify_product_and_last` for a value Π_{i<n} e(H(m_i), pk_i), with two pairings.

        `message` and `key` are those of step n. With the random r of that function, both signatures hold if

            value · e((1 + r) · H(m_n), pk_n) · e(-(aggregate + r · last), g2) = 1.
        """
        coefficient = 1 + secrets.randbelow(1 << 128)
        hashed = BlstP1Element().hash_to_group(message, SIGNATURE_TAG).scalar_mul(1 + coefficient)
        total = -(aggregate.point + last.point.scalar_mul(coefficient))
        points, keys = (hashed, total), (key.data, _G2_GENERATOR)
        product = GT.multi_pairing([_pairing_point(point) for point in points], [_pairing_key(data) for data in keys])
        return bool(self._value * product == GT.one())

    def __eq__(self, other: object) -> bool:
        return isinstance(other, GtValue) and self.to_bytes() == other.to_bytes()

    def __hash__(self) -> int:
        return hash(self.to_bytes())

    def to_bytes(self) -> bytes:
        """Return the 576 bytes that the class describes."""
        return bytes.fromhex(str(self._value))
