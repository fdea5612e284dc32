"""The vectors of EIP-2537 through our Solidity, and their points through our codec; what must fail, fails."""

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
"""File, precompile, bytes returned, how many cases must pass and how many must fail."""
MODULUS = 0x1A0111EA397FE69A4B1BA7B6434BACD764774B84F38512BF6730D2A0F6B0F6241EABFFFEB153FFFFB9FEFFFFFFFFAAAB
P = MODULUS.to_bytes(64, "big")


@pytest.fixture(scope="module")
def harness(anvil):
    return Harness(anvil)


def vectors(folder, name):
    return json.loads((folder / "eip2537" / name).read_text(encoding="utf-8"))


@pytest.mark.parametrize(("name", "precompile", "size", "count", "_"), FILES)
def test_what_must_pass(vectors_dir, harness, name, precompile, size, count, _):
    cases = vectors(vectors_dir, name)
    assert len(cases) == count
    for case in cases:
        data, expected = bytes.fromhex(case["Input"]), bytes.fromhex(case["Expected"])
        assert harness.run(precompile, data, size) == expected, case["Name"]
        if precompile == PAIRING:
            assert harness.pairing_holds(data) == bool(expected[-1]), case["Name"]


@pytest.mark.parametrize(("name", "precompile", "size", "_", "count"), FILES)
def test_what_must_fail(vectors_dir, harness, name, precompile, size, _, count):
    cases = vectors(vectors_dir, f"fail-{name}")
    assert len(cases) == count
    for case in cases:
        with pytest.raises(Reverted) as refused:
            harness.run(precompile, bytes.fromhex(case["Input"]), size)
        assert refused.value.args == ("PrecompileCallFailed", precompile), case["Name"]


def test_pairings_that_must_fail_do_so_in_the_library(vectors_dir, harness):
    """All of them but those whose length is no multiple of a pair, which the library cannot express."""
    refused = 0
    for case in vectors(vectors_dir, "fail-pairing_check_bls.json"):
        data = bytes.fromhex(case["Input"])
        if not data or len(data) % 384:
            continue
        with pytest.raises(Reverted) as found:
            harness.pairing_holds(data)
        assert found.value.args == ("PrecompileCallFailed", PAIRING), case["Name"]
        refused += 1
    assert refused == 11


def test_codec_there_and_back(vectors_dir):
    """Every point of the pairing vectors, infinity included."""
    points = 0
    for case in vectors(vectors_dir, "pairing_check_bls.json"):
        data = bytes.fromhex(case["Input"])
        for start in range(0, len(data), 384):
            g1, g2 = data[start : start + 128], data[start + 128 : start + 384]
            assert g1_to_evm(g1_from_evm(g1)) == g1
            assert g2_to_evm(g2_from_evm(g2)) == g2
            points += 2
    assert points == 32


def test_codec_refuses_what_the_precompile_refuses(vectors_dir):
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
def test_codec_refuses_other_bytes(data):
    with pytest.raises(PointError):
        g1_from_evm(data)


def test_negated_generator(vectors_dir, harness):
    """e(P, -g2) · e(P, g2) = 1, with g2 as the vectors have it."""
    case = next(one for one in vectors(vectors_dir, "pairing_check_bls.json") if "e(G1,G2)*e(P1,G2)" in one["Name"])
    data = bytes.fromhex(case["Input"])
    g1, g2 = data[:128], data[128:384]
    assert harness.pairing_holds(g1 + harness.negated_generator() + g1 + g2)
    assert harness.negated_generator() != g2


def test_linear_combination_is_addition(vectors_dir, harness):
    case = next(one for one in vectors(vectors_dir, "add_G1_bls.json") if one["Name"] == "bls_g1add_g1+p1")
    data, one = bytes.fromhex(case["Input"]), (1).to_bytes(32, "big")
    assert harness.linear_combination(data[:128] + one + data[128:] + one) == bytes.fromhex(case["Expected"])
    minus = (ORDER - 1).to_bytes(32, "big")
    assert harness.linear_combination(data[:128] + one + data[:128] + minus) == bytes(128)


def test_a_chain_without_the_precompiles_is_told_from_one_that_refuses(cancun):
    harness = Harness(cancun)
    assert not harness.available()
    for precompile, size in ((ADD, 256), (PAIRING, 384), (MAP, 64)):
        with pytest.raises(Reverted) as refused:
            harness.run(precompile, bytes(size), 32)
        assert refused.value.args == ("PrecompileUnavailable", precompile)
    with pytest.raises(Reverted) as refused:
        harness.hash_to_g1(b"abc", b"tag")
    assert refused.value.args == ("PrecompileUnavailable", MAP)
    with pytest.raises(Reverted) as refused:
        harness.pairing_holds(bytes(384))
    assert refused.value.args == ("PrecompileUnavailable", PAIRING)
