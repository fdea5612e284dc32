"""The typed data of inspections. `tests/integration/chain` compares the digest with the contract's."""

from dataclasses import replace

import pytest
from eth_account import Account
from eth_hash.auto import keccak

from chromatrace.crypto.eip712 import Inspection, inspection_digest, recover_inspector, sign_inspection
from chromatrace.domain.errors import InvalidInput
from chromatrace.domain.rights import Stage, Verdict
from chromatrace.ethereum.signer import LocalSigner

SIGNER = LocalSigner(b"\1" * 32)
LEDGER = "0x5FbDB2315678afecb367f032d93F642f64180aa3"
INSPECTION = Inspection(
    batch=b"\1" * 32,
    stage=Stage.FINAL,
    verdict=Verdict.PASS,
    revision=1,
    sample_size=2,
    defects=0,
    instrument=b"\2" * 32,
    evidence=b"\3" * 32,
    inspected_at=1_700_000_000,
    inspector=SIGNER.address,
    nonce=7 << 64 | 3,
    deadline=1_800_000_000,
)
TYPE = (
    b"Inspection(bytes32 batch,uint8 stage,uint8 verdict,uint8 revision,uint32 sampleSize,uint32 defects,"
    b"bytes32 instrument,bytes32 evidence,uint64 inspectedAt,address inspector,uint256 nonce,uint64 deadline)"
)


def test_digest_equals_eip_712():
    def word(value):
        return value if isinstance(value, bytes) else int(value).to_bytes(32, "big")

    domain = keccak(b"EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)")
    domain += keccak(b"ChromaTrace InspectionLedger") + keccak(b"1") + word(31337) + bytes(12)
    separator = keccak(domain + bytes.fromhex(LEDGER[2:]))
    values = [int(v, 16) if isinstance(v, str) else v for v in INSPECTION.as_struct()]
    body = keccak(keccak(TYPE) + b"".join(word(value) for value in values))
    assert inspection_digest(INSPECTION, 31337, LEDGER) == keccak(b"\x19\x01" + separator + body)


def test_signature_binds_chain_and_ledger():
    signature = sign_inspection(INSPECTION, SIGNER, 31337, LEDGER)
    assert recover_inspector(INSPECTION, signature, 31337, LEDGER) == SIGNER.address
    other = "0x" + "11" * 20
    assert recover_inspector(INSPECTION, signature, 1, LEDGER) != SIGNER.address
    assert recover_inspector(INSPECTION, signature, 31337, other) != SIGNER.address
    assert recover_inspector(replace(INSPECTION, defects=1), signature, 31337, LEDGER) != SIGNER.address
    assert signature == bytes(
        Account.unsafe_sign_hash(inspection_digest(INSPECTION, 31337, LEDGER), b"\1" * 32).signature
    )


def test_only_the_named_inspector_may_sign():
    with pytest.raises(InvalidInput) as raised:
        sign_inspection(INSPECTION, LocalSigner(b"\2" * 32), 31337, LEDGER)
    assert raised.value.field == "inspector"


@pytest.mark.parametrize("broken", [b"", bytes(65), bytes(64) + b"\x1b", b"\1" * 32 + b"\xff" * 32 + b"\x1b"])
def test_malformed_signatures_are_rejected(broken):
    with pytest.raises(InvalidInput) as raised:
        recover_inspector(INSPECTION, broken, 31337, LEDGER)
    assert raised.value.field == "signature"


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("batch", b"short"),
        ("evidence", "0x"),
        ("verdict", Verdict.NONE),
        ("revision", 256),
        ("sample_size", -1),
        ("defects", 3),
        ("inspected_at", 1.5),
        ("inspector", "nobody"),
    ],
)
def test_inspection_fields_are_validated(field, value):
    with pytest.raises(InvalidInput) as raised:
        replace(INSPECTION, **{field: value})
    assert raised.value.field == field
