"""Reading, simulating and sending on a real deployment."""

import hashlib
import time
from dataclasses import replace

import pytest

from chromatrace.chain import calls, reads
from chromatrace.chain.calls import Call
from chromatrace.chain.client import Chain
from chromatrace.chain.outbox_entries import CallState
from chromatrace.chain.reads import Read
from chromatrace.crypto.eip712 import Inspection, inspection_digest, sign_inspection
from chromatrace.domain.errors import Conflict, InvalidInput, NotAuthorised
from chromatrace.domain.identifiers import BatchKey
from chromatrace.domain.rights import BatchState, Role, Stage, Verdict
from chromatrace.ethereum.errors import (
    AbiError,
    ContractConflict,
    ContractError,
    ContractInvalidInput,
    ContractNotAuthorised,
    ContractNotFound,
    IdempotencyKeyError,
    InclusionTimeoutError,
    OutboxFullError,
    SignerMissingError,
)
from chromatrace.ethereum.signer import dev_signer

BATCH = BatchKey.parse("09521234543213", "L2410A").batch_id


def nonce(chain):
    return int(chain.rpc.call("eth_getTransactionCount", chain.sender, "latest"), 16)


def test_batch_is_registered_once(plant, registration):
    receipt = plant.submit(calls.register_batch(registration("L2410A", serial_root=b"\7" * 32)))
    event = receipt.event("BatchRegistered")
    assert event.args["batch"] == BATCH
    assert event.args["serialRoot"] == b"\7" * 32
    assert (event.contract, event.tx_hash, event.block_number) == (
        "BatchRegistry",
        receipt.tx_hash,
        receipt.block_number,
    )
    batch = plant.read(reads.batch(BATCH))
    assert (batch.state, batch.quantity) == (BatchState.REGISTERED, 100)
    before = nonce(plant)
    with pytest.raises(ContractConflict) as raised:
        plant.submit(calls.register_batch(registration("L2410A")))
    assert isinstance(raised.value, Conflict)
    assert (raised.value.name, raised.value.args_by_name) == ("BatchAlreadyRegistered", {"batch": BATCH})
    assert raised.value.field == "lot"
    assert nonce(plant) == before
    assert plant.outbox.counts()[CallState.FAILED] == 0


@pytest.mark.parametrize(
    ("call", "kind", "name"),
    [
        (calls.assemble(BATCH), ContractNotFound, "UnknownBatch"),
        (calls.recall(BATCH, "cracks"), ContractNotFound, "UnknownBatch"),
        (
            Call("BatchRegistry", "register", ((9521234543214, "L1", 1, bytes(32), bytes(32), bytes(32), []),)),
            ContractInvalidInput,
            "InvalidGtin",
        ),
        (calls.anchor(b"\1" * 32, 1, b"\1" * 32, 1, 2), ContractNotFound, "UnknownChannel"),
        (calls.appoint_operator("0x" + "11" * 20, 77, Role.PRODUCER), ContractNotFound, "UnknownOrganisation"),
    ],
)
def test_contract_errors_are_decoded_and_use_no_nonce(plant, call, kind, name):
    before = nonce(plant)
    for attempt in (plant.submit, plant.simulate):
        with pytest.raises(kind) as raised:
            attempt(call)
        assert raised.value.name == name
    assert nonce(plant) == before


def test_unknown_operator_is_rejected(plant, registration):
    stranger = plant.with_signer(dev_signer(5, plant.manifest.chain_id))
    with pytest.raises(ContractNotAuthorised) as raised:
        stranger.submit(calls.register_batch(registration("L1")))
    assert isinstance(raised.value, NotAuthorised)
    assert (raised.value.name, raised.value.args_by_name) == ("UnknownOperator", {"operator": stranger.sender})


def test_arguments_are_checked_before_any_request(plant):
    with pytest.raises(AbiError) as raised:
        plant.submit(calls.assemble(b"short"))
    assert isinstance(raised.value, InvalidInput)
    assert raised.value.field.startswith("BatchRegistry.assemble.")


def test_simulation_changes_nothing(plant, registration):
    plant.simulate(calls.register_batch(registration("L2410A")))
    assert plant.read(reads.batch(BATCH)).state == BatchState.UNKNOWN


def test_calls_with_one_key_take_effect_once(plant, registration):
    call = calls.register_batch(registration("L2410A")).with_key("register/L2410A")
    first, second = plant.submit(call), plant.submit(call)
    assert first == second
    with pytest.raises(IdempotencyKeyError):
        plant.submit(calls.register_batch(registration("L9")).with_key("register/L2410A"))
    outcomes = plant.send_many([call, call, calls.register_batch(registration("L9"))])
    assert [outcome.call for outcome in outcomes[:2]] == [first.call] * 2
    assert outcomes[2].state is CallState.INCLUDED


def test_send_many_returns_outcomes_in_order(plant, registration):
    seen = []
    batch = [calls.register_batch(registration(f"L{number}")) for number in range(350)]
    batch[7] = calls.assemble(BATCH)
    before = nonce(plant)
    outcomes = plant.send_many(batch, progress=seen.append)
    assert isinstance(outcomes[7], ContractError)
    assert outcomes[7].name == "UnknownBatch"
    assert all(outcome.block_number for position, outcome in enumerate(outcomes) if position != 7)
    assert nonce(plant) == before + 349
    assert seen[-1] == 349
    ids = [BatchKey.parse("09521234543213", f"L{number}").batch_id for number in (0, 299, 300, 349)]
    states = plant.read_many([reads.batch(batch) for batch in ids])
    assert [state.state for state in states] == [BatchState.REGISTERED] * 4


def test_outcomes_of_many_calls_in_one_block(plant, registration):
    """Included calls are found by their events, without their gas; a failed call by its receipt."""
    lots = [f"E{number}" for number in range(120)]
    lots[70] = lots[3]
    batch = [calls.register_batch(registration(lot)).with_gas(200_000) for lot in lots]
    plant.rpc.call("evm_setAutomine", False)
    try:
        plant.send_many(batch, check=False, wait=False)
        plant.rpc.call("evm_mine")
        until = time.monotonic() + 120
        while plant.resume() and time.monotonic() < until:
            time.sleep(0.1)
            # Transactions that a busy node had not yet added to its pool.
            plant.rpc.call("evm_mine")
    finally:
        plant.rpc.call("evm_setAutomine", True)
    sender = plant.sender
    failed = plant.outbox.entries(sender, CallState.FAILED)
    assert [entry.label for entry in failed] == ["BatchRegistry.register"]
    with pytest.raises(ContractConflict) as raised:
        plant.receipt(failed[0].id)
    assert raised.value.name == "BatchAlreadyRegistered"
    included = [e for e in plant.outbox.entries(sender, CallState.INCLUDED) if e.gas == 200_000]
    assert len(included) == 119
    # Receipts are requested only for the last few calls, so others have no gas.
    assert any(entry.gas_used is None for entry in included)
    for entry in included[::17]:
        receipt = plant.rpc.call("eth_getTransactionReceipt", "0x" + entry.tx_hash.hex())
        assert (receipt["status"], receipt["blockHash"]) == ("0x1", "0x" + entry.block_hash.hex())


def test_bulk_call_is_one_transaction(plant, registration):
    lots = [registration(f"B{number}") for number in range(100)]
    receipt = plant.submit(calls.register_batches(lots))
    assert len(receipt.events) == 100
    assert receipt.gas_used <= 100 * 60_000


def test_call_above_the_transaction_gas_cap_is_rejected(plant, registration):
    lots = [registration(f"B{number}") for number in range(400)]
    with pytest.raises(ContractInvalidInput) as raised:
        plant.submit(calls.register_batches(lots))
    assert raised.value.name == "OutOfGas"
    assert raised.value.hint == "split it into smaller calls"


def test_full_outbox_is_reported(anvil, deployment, tmp_path, plant, held, registration, chain_on):
    small = chain_on(anvil, deployment, tmp_path / "small.db", limit=2)
    for lot in ("L1", "L2"):
        small.submit(calls.register_batch(registration(lot)), wait=False)
    with pytest.raises(OutboxFullError) as raised:
        small.submit(calls.register_batch(registration("L3")), wait=False)
    assert raised.value.field == "outbox"
    held()
    small.resume()
    held(0)
    assert small.outbox.counts()[CallState.INCLUDED] == 2
    small.submit(calls.register_batch(registration("L3")), wait=False)


def test_timeout_keeps_the_call(plant, held, registration):
    with pytest.raises(InclusionTimeoutError, match="1 calls are not included after"):
        plant.submit(calls.register_batch(registration("L2410A")).with_key("k"), timeout_s=0.05)
    held()
    assert plant.submit(calls.register_batch(registration("L2410A")).with_key("k")).block_number


def test_writing_requires_a_signer(deployment, anvil):
    reader = Chain(anvil.rpc(), deployment)
    with pytest.raises(SignerMissingError) as raised:
        reader.submit(calls.assemble(BATCH))
    assert raised.value.field == "signer"


def test_failure_on_the_chain_has_its_reason(plant, held, registration):
    """Both calls pass their trial; the second fails in the block."""
    first = plant.submit(calls.register_batch(registration("L2410A")), wait=False)
    call = replace(calls.register_batch(registration("L2410A")), gas=150_000)
    second = plant.submit(call, wait=False)
    held()
    plant.resume()
    assert plant.receipt(first.call).event("BatchRegistered").args["batch"] == BATCH
    with pytest.raises(ContractConflict) as raised:
        plant.receipt(second.call)
    assert (raised.value.name, raised.value.args_by_name) == ("BatchAlreadyRegistered", {"batch": BATCH})


def test_out_of_gas_on_the_chain_is_reported(plant, registration):
    call = calls.register_batch(registration("L2410A")).with_gas(60_000)
    outcome = plant.send_many([call], check=False)[0]
    assert isinstance(outcome, ContractError)
    assert outcome.name == "OutOfGas"


def inspection(chain, **changes):
    now = int(chain.rpc.call("eth_getBlockByNumber", "latest", False)["timestamp"], 16)
    whole = {
        "batch": BATCH,
        "stage": Stage.FIRST,
        "verdict": Verdict.PASS,
        "revision": 1,
        "sample_size": 1,
        "defects": 0,
        "instrument": hashlib.sha256(b"XRD 1").digest(),
        "evidence": hashlib.sha256(b"{}").digest(),
        "inspected_at": now,
        "inspector": chain.sender,
        "nonce": 0,
        "deadline": now + 3600,
        **changes,
    }
    return Inspection(**whole)


def test_digest_equals_the_contract(plant):
    ledger = plant.manifest.address("InspectionLedger")
    for changes in ({}, {"stage": Stage.FINAL, "verdict": Verdict.FAIL, "defects": 1, "nonce": 5 << 64 | 2}):
        signed = inspection(plant, **changes)
        digest_of = Read("InspectionLedger", "digestOf", (signed.as_struct(),), bytes)
        assert plant.read(digest_of) == inspection_digest(signed, plant.manifest.chain_id, ledger)


def test_only_a_valid_inspection_signature_is_recorded(plant, registration):
    ledger, chain_id = plant.manifest.address("InspectionLedger"), plant.manifest.chain_id
    plant.submit(calls.register_batch(registration("L2410A")))
    signed = inspection(plant)
    for wrong_chain, wrong_ledger in ((1, ledger), (chain_id, "0x" + "11" * 20)):
        signature = sign_inspection(signed, plant.signer, wrong_chain, wrong_ledger)
        with pytest.raises(ContractNotAuthorised) as raised:
            plant.submit(calls.record_inspection(signed, signature))
        assert raised.value.name == "InvalidInspectionSignature"
    late = replace(signed, deadline=signed.inspected_at - 1)
    with pytest.raises(ContractConflict) as raised:
        plant.submit(calls.record_inspection(late, sign_inspection(late, plant.signer, chain_id, ledger)))
    assert (raised.value.name, raised.value.field) == ("InspectionExpired", "deadline")
    receipt = plant.submit(calls.record_inspection(signed, sign_inspection(signed, plant.signer, chain_id, ledger)))
    assert receipt.event("InspectionRecorded").args["inspector"] == plant.sender
    assert plant.read(reads.batch(BATCH)).state == BatchState.FIRST_PASSED
