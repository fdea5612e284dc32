"""Run the vectors of EIP-2537 through the Solidity library, and their points through the codec."""

import json

import pytest
from bls_harness import Harness, Reverted

from chromatrace.crypto.bls import ORDER
from chromatrace.crypto.eip2537 import g1_from_evm, g1_to_evm, g2_from_evm, g2_to_evm
from chromatrace.crypto.errors import PointError

ADD, PAIRING, MAP = 0x0B, 0x0F, 0x10
FILES = (
    ("add_G1_bls.json", ADD, 128, 5, 4),
    ("map_fp_to_G1_bls.json", MAP, 128, 3, 3),
    ("pairing_check_bls.json", PAIRING, 32, 8, 13),
)
"""File, precompile, size of the result in bytes, number of valid and invalid cases."""
MODULUS = 0x1A0111EA397FE69A4B1BA7B6434BACD764774B84F38512BF6730D2A0F6B0F6241EABFFFEB153FFFFB9FEFFFFFFFFAAAB
P = MODULUS.to_bytes(64, "big")


@pytest.fixture(scope="module")
def harness(anvil):
    return Harness(anvil)


def vectors(folder, name):
    return json.loads((folder / "eip2537" / name).read_text(encoding="utf-8"))


@pytest.mark.parametrize(("name", "precompile", "size", "count", "_"), FILES)
def test_valid_cases(vectors_dir, harness, name, precompile, size, count, _):
    cases = vectors(vectors_dir, name)
    assert len(cases) == count
    for case in cases:
        data, expected = bytes.fromhex(case["Input"]), bytes.fromhex(case["Expected"])
        assert harness.run(precompile, data, size) == expected, case["Name"]
        if precompile == PAIRING:
            assert harness.pairing_holds(data) == bool(expected[-1]), case["Name"]


@pytest.mark.parametrize(("name", "precompile", "size", "_", "count"), FILES)
def test_invalid_cases(vectors_dir, harness, name, precompile, size, _, count):
    cases = vectors(vectors_dir, f"fail-{name}")
    assert len(cases) == count
    for case in cases:
        with pytest.raises(Reverted) as error:
            harness.run(precompile, bytes.fromhex(case["Input"]), size)
        assert error.value.args == ("PrecompileCallFailed", precompile), case["Name"]


def test_library_rejects_invalid_pairings(vectors_dir, harness):
    """Cases whose length is not a multiple of a pair are skipped, because the library cannot express them."""
    rejected = 0
    for case in vectors(vectors_dir, "fail-pairing_check_bls.json"):
        data = bytes.fromhex(case["Input"])
        if not data or len(data) % 384:
            continue
        with pytest.raises(Reverted) as error:
            harness.pairing_holds(data)
        assert error.value.args == ("PrecompileCallFailed", PAIRING), case["Name"]
        rejected += 1
    assert rejected == 11


def test_codec_round_trip(vectors_dir):
    """Convert every point of the pairing vectors, including infinity."""
    points = 0
    for case in vectors(vectors_dir, "pairing_check_bls.json"):
        data = bytes.fromhex(case["Input"])
        for start in range(0, len(data), 384):
            g1, g2 = data[start : start + 128], data[start + 128 : start + 384]
            assert g1_to_evm(g1_from_evm(g1)) == g1
            assert g2_to_evm(g2_from_evm(g2)) == g2
            points += 2
    assert points == 32


def test_codec_rejects_what_the_precompile_rejects(vectors_dir):
    for case in vectors(vectors_dir, "fail-pairing_check_bls.json"):
        data = bytes.fromhex(case["Input"])
        if not data or len(data) % 384:
            continue
        with pytest.raises(PointError):
            _read_pairs(data)
    outside = [case for case in vectors(vectors_dir, "add_G1_bls.json") if "not_in_correct_subgroup" in case["Name"]]
    assert outside
    for case in outside:
        with pytest.raises(PointError):
            g1_from_evm(bytes.fromhex(case["Input"])[:128])


def _read_pairs(data):
    for start in range(0, len(data), 384):
        g1_from_evm(data[start : start + 128])
        g2_from_evm(data[start + 128 : start + 384])


@pytest.mark.parametrize("data", [b"", bytes(127), b"\1" + bytes(127), P + bytes(64), bytes(64) + P])
def test_codec_rejects_other_bytes(data):
    with pytest.raises(PointError):
        g1_from_evm(data)


def test_negated_generator(vectors_dir, harness):
    """e(P, -g2) · e(P, g2) = 1, with g2 from the vectors."""
    case = next(case for case in vectors(vectors_dir, "pairing_check_bls.json") if "e(G1,G2)*e(P1,G2)" in case["Name"])
    data = bytes.fromhex(case["Input"])
    g1, g2 = data[:128], data[128:384]
    assert harness.pairing_holds(g1 + harness.negated_generator() + g1 + g2)
    assert harness.negated_generator() != g2


def test_linear_combination_is_addition(vectors_dir, harness):
    case = next(case for case in vectors(vectors_dir, "add_G1_bls.json") if case["Name"] == "bls_g1add_g1+p1")
    data, scalar = bytes.fromhex(case["Input"]), (1).to_bytes(32, "big")
    assert harness.linear_combination(data[:128] + scalar + data[128:] + scalar) == bytes.fromhex(case["Expected"])
    minus = (ORDER - 1).to_bytes(32, "big")
    assert harness.linear_combination(data[:128] + scalar + data[:128] + minus) == bytes(128)


def test_missing_precompiles_are_distinguished_from_rejections(cancun):
    harness = Harness(cancun)
    assert not harness.available()
    for precompile, size in ((ADD, 256), (PAIRING, 384), (MAP, 64)):
        with pytest.raises(Reverted) as error:
            harness.run(precompile, bytes(size), 32)
        assert error.value.args == ("PrecompileUnavailable", precompile)
    with pytest.raises(Reverted) as error:
        harness.hash_to_g1(b"abc", b"tag")
    assert error.value.args == ("PrecompileUnavailable", MAP)
    with pytest.raises(Reverted) as error:
        harness.pairing_holds(bytes(384))
    assert error.value.args == ("PrecompileUnavailable", PAIRING)
