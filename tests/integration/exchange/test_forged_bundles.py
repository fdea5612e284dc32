"""Test bundles of real batches with changed, withheld or invented parts: no forgery holds."""

from __future__ import annotations

import copy
import random

import orjson
import pytest
import rlp
from forging import MUTATIONS, failing, receipt_of, texts, without
from msgspec.structs import replace

from chromatrace.domain.errors import InvalidInput
from chromatrace.exchange import trie
from chromatrace.exchange.blocks import decode_header, encode_receipt
from chromatrace.exchange.bundle import Bundle, Subject
from chromatrace.exchange.findings import FindingStatus, conclusion
from chromatrace.exchange.verifier import verify


@pytest.mark.parametrize(
    ("name", "event", "differing"),
    [
        ("recalled", "BatchRecalled", "recalled"),
        ("held", "BatchHeld", "holds"),
        ("released", "CustodyTransferred", "custodian"),
        ("superseded", "VerdictApplied", "state, first verdict, first revision"),
    ],
)
def test_withheld_event_is_detected(prove, name, event, differing):
    proof = prove(name)
    failures = failing(proof, receipts=without(proof.bundle.receipts, receipt_of(proof, event)))
    assert f"the events in the bundle do not lead to this state (different: {differing})" in failures


@pytest.mark.parametrize(
    ("event", "problem"),
    [
        ("BatchAssembled", "VerdictApplied is not valid in state first_passed"),
        ("BatchGraded", "BatchReleased is not valid in state assembled"),
        ("BatchReleased", "CustodyTransferred is not valid in state graded"),
    ],
)
def test_withheld_step_is_detected(prove, event, problem):
    proof = prove("released")
    failures = failing(proof, receipts=without(proof.bundle.receipts, receipt_of(proof, event)))
    assert any(problem in text for text in failures)


def test_recall_cannot_be_hidden_by_an_older_state(works, prove):
    """Use the state before the recall, with all current headers."""
    proof = prove("recalled")
    recall = receipt_of(proof, "BatchRecalled")
    slot = works.workspace.rpc.call(
        "eth_getProof",
        "0x" + proof.contracts["BatchRegistry"].hex(),
        ["0x" + slot_of(works.keys["recalled"]).hex()],
        hex(recall.block - 1),
    )
    state = replace(
        proof.bundle.state,
        block=recall.block - 1,
        account=tuple(bytes.fromhex(node[2:]) for node in slot["accountProof"]),
        storage=tuple(bytes.fromhex(node[2:]) for node in slot["storageProof"][0]["proof"]),
    )
    receipts = without(proof.bundle.receipts, recall)
    assert "would go unnoticed" in failing(proof, state=state, receipts=receipts)[0]
    # If the headers end at the older block, they do not lead to the trusted hash.
    headers = tuple(header for header in proof.bundle.headers if decode_header(header).number < recall.block)
    assert "do not lead to a trusted block hash" in failing(proof, state=state, receipts=receipts, headers=headers)[0]


def slot_of(key):
    from eth_hash.auto import keccak

    return keccak(bytes(key.batch_id) + bytes(32))


def test_batch_is_not_proven_without_its_state(prove):
    proof = prove("recalled")
    result = verify(
        replace(proof.bundle, state=None, receipts=without(proof.bundle.receipts, receipt_of(proof, "BatchRecalled"))),
        *proof.terms,
    )
    assert result.status is FindingStatus.UNCHECKED
    assert "recalled or on hold NOW" in "".join(conclusion(result))


def test_state_of_another_batch_is_rejected(prove):
    proof = prove("recalled")
    failures = failing(proof, state=prove("released").bundle.state)
    assert failures


def test_bundle_cannot_be_used_for_another_batch(prove):
    proof = prove("released")
    failures = failing(proof, subject=Subject("09521234543213", "P-other", None))
    assert any("the registration of" in text for text in failures)


def test_unreferenced_documents_are_rejected(prove):
    proof = prove("released")
    changed = tuple(document.replace('"pane"', '"gold"') for document in proof.bundle.documents)
    assert any("belongs to no event" in text for text in failing(proof, documents=changed))
    foreign = prove("held").bundle.documents[0]
    assert failing(proof, documents=(*proof.bundle.documents, foreign)) == [
        "document 4 belongs to no event of this batch"
    ]


def test_missing_documents_are_reported(prove):
    proof = prove("released")
    result = verify(replace(proof.bundle, documents=()), *proof.terms)
    assert (result.status, result.failures) == (FindingStatus.HOLDS, [])
    assert sum("is not in the bundle" in text for text in texts(result.unchecked)) == 3
    assert sum("does not show that it belongs to this batch" in text for text in texts(result.unchecked)) == 8


@pytest.mark.parametrize("member", ["nonce", "deadline", "signature"])
def test_changed_signature_is_rejected(prove, member):
    proof = prove("failed")
    signed = proof.bundle.inspections[0]
    value = getattr(signed, member)
    changed = value + 1 if isinstance(value, int) else bytes([value[0] ^ 1]) + value[1:]
    failures = failing(proof, inspections=(replace(signed, **{member: changed}),))
    assert len(failures) == 1
    assert "is signed by" in failures[0] or "not a point on the curve" in failures[0]


def test_malleable_signature_is_rejected(prove):
    """(r, n - s) with the other v recovers the same key."""
    proof = prove("failed")
    signed = proof.bundle.inspections[0]
    order = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
    s = order - int.from_bytes(signed.signature[32:64], "big")
    twin = signed.signature[:32] + s.to_bytes(32, "big") + bytes([55 - signed.signature[64]])
    assert "upper half" in failing(proof, inspections=(replace(signed, signature=twin),))[0]


def test_unreferenced_signature_is_rejected(prove):
    proof = prove("failed")
    stray = replace(proof.bundle.inspections[0], revision=2)
    failures = failing(proof, inspections=(*proof.bundle.inspections, stray))
    assert failures == ["signature 2 belongs to no inspection of this batch"]


def test_missing_signature_is_reported(prove):
    result = verify(replace(prove("failed").bundle, inspections=()), *prove("failed").terms)
    assert "the inspector's signature is not in the bundle" in texts(result.unchecked)


@pytest.mark.parametrize("member", ["channel", "index", "size"])
def test_moved_reading_is_rejected(prove, member):
    proof = prove("released")
    first = proof.bundle.readings[0]
    value = getattr(first, member)
    moved = replace(first, **{member: b"\1" * 32 if member == "channel" else value + 1})
    assert len(failing(proof, readings=(moved,))) == 1


def test_reading_outside_the_window_is_rejected(works, prove):
    """The reading is under the same root, but no inspection of the batch refers to it."""
    proof = prove("released")
    size = proof.bundle.readings[0].size
    entry = works.workspace.spool.log_entry("coater 1", 30)
    path = tuple(works.workspace.proofs.log("coater 1").inclusion_proof(30, size))
    stray = replace(proof.bundle.readings[0], entry=entry, index=30, path=path)
    failures = failing(proof, readings=(stray,))
    assert len(failures) == 1
    assert "not in any window that an inspection of this batch names" in failures[0]
    result = verify(replace(proof.bundle, readings=(stray,), documents=()), *proof.terms)
    assert any("does not show that it belongs to this batch" in text for text in texts(result.unchecked))


def test_headers_must_ascend_and_link(prove):
    proof = prove("released")
    first, second, *rest = proof.bundle.headers
    assert "comes after block" in failing(proof, headers=(second, first, *rest))[0]
    fields = rlp.decode(second)
    fields[12] = b"another"
    forged = rlp.encode(fields)
    assert "comes after block" in failing(proof, headers=(first, second, forged, *rest))[0]
    result = verify(replace(proof.bundle, headers=(first, forged, *rest)))
    assert any("does not follow block" in text for text in texts(result.failures))


def test_forged_chain_needs_a_trusted_hash(prove):
    """Blocks made by an attacker are consistent; only the reader's trusted hash reveals them."""
    proof = prove("held")
    event = receipt_of(proof, "BatchHeld")
    receipt = {"status": "0x1", "cumulativeGasUsed": "0x1", "logsBloom": "0x" + "00" * 256, "type": "0x2", "logs": []}
    root, nodes = trie.prove({b"\x80": encode_receipt(receipt)}, b"\x80")
    headers, parent = [], None
    for encoded in proof.bundle.headers:
        fields = rlp.decode(encoded)
        if decode_header(encoded).number == event.block:
            fields[5] = root
        if parent is not None:
            fields[0] = parent
        headers.append(rlp.encode(fields))
        parent = decode_header(headers[-1]).hash
    receipts = tuple(
        replace(cited, index=0, proof=tuple(nodes)) if cited == event else cited for cited in proof.bundle.receipts
    )
    failures = failing(proof, headers=tuple(headers), receipts=receipts)
    assert any("do not lead to a trusted block hash" in text for text in failures)
    assert any("(different: holds)" in text for text in failures)


def test_reverted_transaction_proves_nothing(works):
    from chromatrace.exchange.collect import collect

    registry = works.manifest.address("BatchRegistry")
    account = works.workspace.rpc.call("eth_accounts")[5]
    tx = works.workspace.rpc.call(
        "eth_sendTransaction", {"from": account, "to": registry, "data": "0x12345678", "gas": "0x100000"}
    )
    while works.workspace.rpc.call("eth_getTransactionReceipt", tx) is None:
        pass
    contracts = {name: bytes.fromhex(entry.address[2:]) for name, entry in works.manifest.contracts.items()}
    bundle = collect(
        works.workspace.rpc,
        chain_id=31337,
        contracts=contracts,
        key=works.keys["fresh"],
        transactions=[bytes.fromhex(tx[2:])],
    )
    assert any("was reverted" in text for text in texts(verify(bundle).failures))


# -- every byte


def is_rejected(data, terms):
    """Return whether a bundle is malformed or has failures."""
    try:
        return bool(verify(Bundle.from_bytes(data), *terms).failures)
    except InvalidInput:
        return True


def test_changed_byte_is_rejected(prove):
    """Flip bits and change digits and letters at many positions of a bundle with every kind of part."""
    proof = prove("released", "000007")
    data = proof.bundle.to_bytes()
    assert not is_rejected(data, proof.terms)
    rng = random.Random(20261122)
    for index in rng.sample(range(len(data)), MUTATIONS):
        old = data[index]
        similar = (
            b"0123456789abcdef" if chr(old) in "0123456789abcdef" else bytes([old ^ 0x20, old ^ 1, old + 1 & 0x7F])
        )
        new = rng.choice([byte for byte in similar if byte != old])
        assert is_rejected(data[:index] + bytes([new]) + data[index + 1 :], proof.terms), (index, chr(old), chr(new))


def leaves(value, path=()):
    if isinstance(value, dict | list):
        for name, inner in value.items() if isinstance(value, dict) else enumerate(value):
            yield from leaves(inner, (*path, name))
    else:
        yield path


def test_changed_member_is_rejected(prove):
    """Change every value of the bundle in turn, including nodes of proofs."""
    proof = prove("released", "000007")
    whole = orjson.loads(proof.bundle.to_bytes())
    paths = list(leaves(whole))
    assert {path[0] for path in paths} == set(whole)
    for path in paths:
        changed = copy.deepcopy(whole)
        parent = changed
        for name in path[:-1]:
            parent = parent[name]
        old = parent[path[-1]]
        parent[path[-1]] = old + 1 if isinstance(old, int) else old[:-1] + ("0" if old[-1] != "0" else "1")
        assert is_rejected(orjson.dumps(changed, option=orjson.OPT_INDENT_2) + b"\n", proof.terms), path


def test_removed_part_is_rejected_or_reported(prove):
    proof = prove("released", "000007")
    honest = verify(proof.bundle, *proof.terms)
    whole = orjson.loads(proof.bundle.to_bytes())
    for name, value in whole.items():
        for number in range(len(value) if isinstance(value, list) else 0):
            changed = whole | {name: value[:number] + value[number + 1 :]}
            result = verify(Bundle.from_bytes(orjson.dumps(changed, option=orjson.OPT_INDENT_2) + b"\n"), *proof.terms)
            reported = result.failures or len(result.unchecked) > len(honest.unchecked)
            reported = reported or any("its registration is not in the bundle" in text for text in texts(result.walk()))
            assert reported or name == "readings", (name, number)


def test_truncated_bundle_is_rejected(prove):
    data = prove("released").bundle.to_bytes()
    for length in range(0, len(data), 997):
        with pytest.raises(InvalidInput):
            Bundle.from_bytes(data[:length])


def test_random_parts_lead_to_findings(prove):
    """Random bytes in parts that are decoded after parsing lead to findings, never to exceptions."""
    proof = prove("released", "000007")
    rng = random.Random(7)
    for _ in range(60):
        junk = rng.choice([b"", b"\xc0", b"\xc1", b"\x80", rng.randbytes(40), rlp.encode([b"", [b"", [b""]]])])
        receipt = replace(proof.bundle.receipts[0], proof=(junk,))
        for changes in (
            {"headers": (junk, *proof.bundle.headers)},
            {"receipts": (receipt,)},
            {"state": replace(proof.bundle.state, account=(junk,))},
            {"documents": (junk.hex(),)},
            {"readings": (replace(proof.bundle.readings[0], entry=junk),)},
        ):
            assert verify(replace(proof.bundle, **changes), *proof.terms).failures
