"""Keys, signatures, aggregates and values of GT."""

import pytest
from route_line import INFINITY, digest, secret, tampered

from chromatrace.crypto.bls import (
    ORDER,
    GtValue,
    PublicKey,
    SecretKey,
    Signature,
    verify,
    verify_each,
    verify_product,
    verify_product_and_last,
)
from chromatrace.crypto.errors import PointError, SecretKeyError
from chromatrace.crypto.sealed_answer import SealedAnswer
from chromatrace.domain.errors import InvalidInput

A, B, C = (secret(name) for name in "ABC")
SIGNED = [(digest(str(n)), key.public_key) for n, key in enumerate((A, B, C))]
SINGLES = [key.sign(message) for key, (message, _) in zip((A, B, C), SIGNED, strict=True)]


@pytest.mark.parametrize("number", [0, ORDER, ORDER + 1, -1, 1.5, True])
def test_secret_keys_out_of_range_are_rejected(number):
    with pytest.raises(SecretKeyError):
        SecretKey(number)


def test_repr_does_not_show_the_secret_key():
    assert str(A.number) not in repr(A)
    assert SecretKey.from_bytes(A.to_bytes()) == A
    assert SecretKey.generate() != SecretKey.generate()
    with pytest.raises(SecretKeyError):
        SecretKey.from_bytes(bytes(31))


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (INFINITY, "infinity"),
        (b"\xe0" + bytes(47), "infinity"),
        (bytes(48), "canonical"),
        (bytes(47), "48 bytes"),
        ("text", "48 bytes"),
        (b"\x80" + bytes(46) + b"\4", "subgroup"),
        (b"\x9a" + b"\xff" * 47, "canonical"),
        (b"\x80" + bytes(46) + b"\1", "curve"),
    ],
)
def test_invalid_signatures_are_rejected(data, reason):
    with pytest.raises(PointError, match=reason) as error:
        Signature(data)
    assert error.value.field == "signature"


@pytest.mark.parametrize("data", [b"\xc0" + bytes(95), bytes(96), bytes(95), b"\x80" + bytes(94) + b"\2"])
def test_invalid_public_keys_are_rejected(data):
    with pytest.raises(PointError):
        PublicKey(data)


@pytest.mark.parametrize("data", [bytearray(A.public_key.data), list(A.public_key.data), {}, None, "a" * 96])
def test_a_key_of_another_type_is_rejected(data):
    """A mutable object cannot be a key, because decoded keys are cached."""
    with pytest.raises(PointError) as error:
        PublicKey(data)
    assert (error.value.field, type(data).__name__ in error.value.message) == ("public key", True)
    with pytest.raises(PointError):
        Signature(data)
    if not isinstance(data, bytearray):
        with pytest.raises(SecretKeyError):
            SecretKey.from_bytes(data)


@pytest.mark.parametrize("value", ["x" * 32, 7, None, b"x" * 31])
def test_a_sealed_answer_needs_32_bytes(value):
    for name in ("evidence", "salt"):
        with pytest.raises(InvalidInput) as error:
            SealedAnswer(0, 0, **({"evidence": bytes(32), "salt": bytes(32)} | {name: value}))
        assert error.value.field == name


def test_an_aggregate_of_three_verifies():
    aggregate = SINGLES[0] + SINGLES[1] + SINGLES[2]
    assert verify_product(SIGNED, aggregate)
    assert verify_product_and_last(SIGNED, aggregate, SINGLES[2])
    assert not verify_product(SIGNED[:2], aggregate)
    assert not verify_product([], aggregate)
    assert not verify_product_and_last([], aggregate, SINGLES[2])
    assert aggregate - SINGLES[2] == SINGLES[0] + SINGLES[1]


def by_product(signed, aggregate, last):
    value = GtValue()
    for message, key in signed[:-1]:
        value = value.times_signed(message, key)
    return value.completes(*signed[-1], aggregate, last)


@pytest.mark.parametrize("holds", [verify_product_and_last, by_product])
def test_errors_of_aggregate_and_last_do_not_cancel(holds):
    """σ + d and s - d satisfy the sum of both equations, but not the sum with a random coefficient."""
    aggregate, d = SINGLES[0] + SINGLES[1] + SINGLES[2], A.sign(b"junk")
    assert holds(SIGNED, aggregate, SINGLES[2])
    assert not holds(SIGNED, aggregate + d, SINGLES[2] - d)
    assert not holds(SIGNED, aggregate, SINGLES[1])
    assert not holds(SIGNED, aggregate + d, SINGLES[2])
    assert not holds([SIGNED[1], SIGNED[0], SIGNED[2]], aggregate, SINGLES[0])
    assert not holds(SIGNED[1:], aggregate, SINGLES[2])


def test_errors_of_single_signatures_do_not_cancel():
    d = A.sign(b"junk")
    assert verify_each(SIGNED, SINGLES)
    assert not verify_each(SIGNED, [SINGLES[0] + d, SINGLES[1] - d, SINGLES[2]])
    assert not verify_each(SIGNED, [SINGLES[1], SINGLES[0], SINGLES[2]])
    assert not verify_each(SIGNED, SINGLES[:2])
    assert not verify_each([], [])


def test_a_sum_at_infinity_is_rejected():
    with pytest.raises(PointError, match="infinity"):
        SINGLES[0] - SINGLES[0]


def test_any_changed_byte_invalidates_a_signature():
    message, key = SIGNED[0]
    assert verify(key, message, SINGLES[0])
    for index in range(1, 48):
        try:
            changed = Signature(tampered(SINGLES[0], index, SINGLES[0].data[index] ^ 1))
        except PointError:
            continue
        assert not verify(key, message, changed)


def test_gt_values_multiply_like_pairings():
    aggregate, product = SINGLES[0] + SINGLES[1], GtValue()
    assert product == GtValue.of_aggregate(None)
    for message, key in SIGNED[:2]:
        product = product.times_signed(message, key)
    assert product == GtValue.of_aggregate(aggregate)
    assert product.to_bytes() == GtValue.of_aggregate(aggregate).to_bytes()
    assert len(product.to_bytes()) == 576
    assert product != GtValue.of_aggregate(SINGLES[0])


def test_gt_bytes_are_fixed():
    """The `paper` link hashes these bytes, so another encoding would invalidate every existing chain."""
    from hashlib import sha256

    digest = sha256(GtValue.of_aggregate(SecretKey(1).sign(b"GT")).to_bytes()).hexdigest()
    assert digest == "bf4fd45df14bde3e923b1f589adae553afa633893ae528ce9c1209925b984af8"


@pytest.mark.parametrize("factors", [0, 1, 2])
def test_gt_bytes_are_the_coefficients_of_the_tower(factors):
    """Fp12 over Fp6 over Fp2: u² = -1, v³ = u + 1, w² = v. py_ecc has polynomials in w, with u = w⁶ - 1."""
    from py_ecc.bls.point_compression import decompress_G1, decompress_G2
    from py_ecc.optimized_bls12_381 import FQ12, field_modulus, pairing

    value, expected = GtValue(), FQ12.one()
    for message, key in SIGNED[:factors]:
        value = value.times_signed(message, key)
        hashed = decompress_G1(int.from_bytes(SecretKey(1).sign(message).data, "big"))
        expected *= pairing(
            decompress_G2(tuple(int.from_bytes(key.data[at : at + 48], "big") for at in (0, 48))), hashed
        )
    data = value.to_bytes()
    numbers = iter(int.from_bytes(data[start : start + 48], "little") for start in range(0, 576, 48))
    polynomial = [0] * 12
    for power in (0, 2, 4, 1, 3, 5):
        real, imaginary = next(numbers), next(numbers)
        polynomial[power], polynomial[power + 6] = (real - imaginary) % field_modulus, imaginary
    assert FQ12(polynomial) * expected**3 == FQ12.one()


def test_aggregate_of_one_is_the_signature_itself():
    assert verify_product_and_last(SIGNED[:1], SINGLES[0], SINGLES[0])
    assert not verify_product_and_last(SIGNED[:1], SINGLES[0] + SINGLES[1], SINGLES[0])
    assert not verify_product_and_last(SIGNED[:1], SINGLES[1], SINGLES[1])
