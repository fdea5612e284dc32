import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from chromatrace.domain.errors import InvalidInput
from chromatrace.domain.identifiers import Serial
from chromatrace.domain.serials import SerialRange
from chromatrace.exchange.units import BLOCK, SerialTree, UnitProof, serial_root, unit_proof, verify_unit
from chromatrace.merkle.errors import ProofError
from chromatrace.merkle.proofs import inclusion_path, leaf_hash, root
from chromatrace.storage.strict_json import convert, to_builtins

SERIALS = SerialRange(1, 100, 6)


def leaves(serials):
    return [leaf_hash(text.encode()) for text in serials.texts()]


def test_single_unit_is_the_root():
    serials = SerialRange(42, 1, 6)
    assert serial_root(serials) == leaf_hash(b"000042")
    assert unit_proof(serials, Serial("000042")).path == ()


@pytest.mark.parametrize(
    "count", [2, 3, BLOCK - 1, BLOCK, BLOCK + 1, 2 * BLOCK, 2 * BLOCK + 1, 3 * BLOCK - 1, 5 * BLOCK + 3]
)
def test_roots_and_proofs_match_the_plain_tree(count):
    serials = SerialRange(7, count, 8)
    tree, plain = SerialTree(serials), leaves(serials)
    assert tree.root == root(plain)
    for index in {0, 1, count // 2, count - 1, min(BLOCK, count - 1), max(0, count - BLOCK)}:
        proof = tree.proof(serials.serial(index))
        assert list(proof.path) == inclusion_path(index, count, lambda start, stop: root(plain[start:stop]))
        verify_unit(tree.root, proof, units=count)


@settings(deadline=None)
@given(st.integers(1, 300), st.data())
def test_only_units_of_the_batch_verify(count, data):
    serials = SerialRange(0, count, 4)
    serial = serials.serial(data.draw(st.integers(0, count - 1)))
    proof = unit_proof(serials, serial)
    verify_unit(serial_root(serials), proof, units=count, serial=serial)
    other = data.draw(
        st.integers(0, 9999).map(lambda number: Serial(f"{number:04d}")).filter(lambda other: other != serial)
    )
    with pytest.raises(ProofError):
        verify_unit(serial_root(serials), replace(proof, serial=other.value), units=count)


@pytest.mark.parametrize(
    "change",
    [
        {"index": 42},
        {"index": 100},
        {"index": -1},
        {"size": 99},
        {"size": 0},
        {"path": ()},
        {"serial": "42"},
        {"serial": "000043"},
    ],
)
def test_changed_proof_is_rejected(change):
    proof = unit_proof(SERIALS, Serial("000042"))
    with pytest.raises((ProofError, InvalidInput)):
        verify_unit(serial_root(SERIALS), replace(proof, **change), units=100)


def test_root_alone_does_not_bind_the_number_of_units():
    proof = replace(unit_proof(SERIALS, Serial("000042")), size=99)
    verify_unit(serial_root(SERIALS), proof)
    with pytest.raises(ProofError) as error:
        verify_unit(serial_root(SERIALS), proof, units=100)
    assert error.value.field == "size"


def test_proof_for_another_batch_is_rejected():
    proof = unit_proof(SERIALS, Serial("000042"))
    with pytest.raises(ProofError):
        verify_unit(serial_root(SerialRange(101, 100, 6)), proof, units=100)


def test_proof_about_another_unit_is_rejected():
    proof = unit_proof(SERIALS, Serial("000042"))
    with pytest.raises(InvalidInput) as error:
        verify_unit(serial_root(SERIALS), proof, units=100, serial=Serial("000043"))
    assert error.value.field == "serial"


def test_inner_node_is_not_a_unit():
    plain = leaves(SerialRange(0, 4, 1))
    # To pass a node off as a leaf, its two children would have to form a serial; they are too long for one.
    with pytest.raises(InvalidInput):
        Serial((plain[0] + plain[1]).decode("latin-1"))


@pytest.mark.parametrize("text", ["0", "000000", "000101", "0000042", "00004X"])
def test_serial_outside_the_batch_has_no_proof(text):
    with pytest.raises(InvalidInput) as error:
        unit_proof(SERIALS, Serial(text))
    assert error.value.field == "serial"


def test_json_round_trip():
    proof = unit_proof(SERIALS, Serial("000042"))
    value = to_builtins(proof)
    assert (value["serial"], value["index"], value["size"], len(value["path"])) == ("000042", 41, 100, 7)
    assert convert(value, UnitProof) == proof


@pytest.mark.parametrize(
    ("member", "value"),
    [
        ("serial", 42),
        ("serial", ""),
        ("index", 100),
        ("index", "41"),
        ("size", 0),
        ("path", "0x00"),
        ("path", ["0x00"]),
        ("path", ["0x" + "0" * 63 + "G"]),
        ("more", 1),
    ],
)
def test_invalid_json_names_the_member(member, value):
    good = to_builtins(unit_proof(SERIALS, Serial("000042")))
    with pytest.raises(InvalidInput) as error:
        convert(good | {member: value}, UnitProof, "/unit")
    assert error.value.field in (f"/unit/{member}", f"/unit/{member}/0")
