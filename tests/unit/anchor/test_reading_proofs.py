"""Test reading proofs as JSON documents."""

import pytest
from anchoring import START, readings

from chromatrace.anchor import ReadingProof
from chromatrace.domain.errors import InvalidInput
from chromatrace.merkle.entry import encode_reading
from chromatrace.merkle.errors import EntryError, ProofError


@pytest.fixture
def proof(anchorer, spool):
    spool.append("line", readings(0, 5))
    anchorer.anchor("line")
    return anchorer.prove("line", "SP-201", "p", START + 2)


def test_changed_proof_is_rejected(proof):
    document = proof.as_dict()
    other = encode_reading(readings(3, 4)[0]).hex()
    for changed, error in (
        ({"entry": other}, ProofError),
        ({"entry": document["entry"][:-2]}, EntryError),
        ({"index": 3}, ProofError),
        ({"size": 4}, ProofError),
        ({"root": "00" * 32}, ProofError),
        ({"path": document["path"][::-1]}, ProofError),
        ({"path": document["path"][:-1]}, ProofError),
    ):
        with pytest.raises(error):
            ReadingProof.from_dict(document | changed).verify()


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({"schema": "other/1"}, "/schema"),
        ({"more": 1}, "/more"),
        ({"channel": 1}, "/channel"),
        ({"index": "2"}, "/index"),
        ({"index": True}, "/index"),
        ({"size": -1}, "/size"),
        ({"root": "0xAB"}, "/root"),
        ({"root": "AB"}, "/root"),
        ({"root": "a b"}, "/root"),
        ({"entry": None}, "/entry"),
        ({"path": "00"}, "/path"),
        ({"path": ["00", 5]}, "/path/1"),
    ],
)
def test_invalid_documents_are_rejected(proof, changed, field):
    with pytest.raises(InvalidInput) as error:
        ReadingProof.from_dict(proof.as_dict() | changed)
    assert error.value.field == field


@pytest.mark.parametrize("document", [None, [], "proof"])
def test_non_objects_are_rejected(document):
    with pytest.raises(InvalidInput) as error:
        ReadingProof.from_dict(document)
    assert error.value.field == ""
