"""The outbox as a store: nonces, keys, limits, transitions."""

import threading

import pytest

from chromatrace.chain.outbox import Outbox
from chromatrace.chain.outbox_entries import CallState, Draft, Inclusion, SignedTransaction
from chromatrace.domain.errors import Unavailable
from chromatrace.ethereum.errors import IdempotencyKeyError, OutboxFullError, WrongDeploymentError

SENDER = "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266"
TO = bytes(20)


def draft(data=b"\1", key=None):
    return Draft(TO, data, "Ledger.write", key)


def signing(entry, nonce, gas):
    return SignedTransaction(nonce.to_bytes(4, "big") + entry.id.to_bytes(28, "big"), b"raw%d" % nonce, 100, 10)


def included(entry, block=5, error=None):
    return Inclusion(entry.id, entry.tx_hash, block, block.to_bytes(32, "big"), 50_000, error)


@pytest.fixture
def outbox(tmp_path):
    with Outbox(tmp_path / "outbox.db", limit=5) as outbox:
        yield outbox


def sign(outbox, *drafts, floor=0):
    return outbox.sign(SENDER, drafts, floor, [90_000] * len(drafts), signing)


def test_nonces_are_consecutive_and_not_below_the_chain(outbox):
    assert [entry.nonce for entry in sign(outbox, draft(), draft(), floor=3)] == [3, 4]
    assert [entry.nonce for entry in sign(outbox, draft(), floor=0)] == [5]
    assert [entry.nonce for entry in sign(outbox, draft(), floor=9)] == [9]


def test_calls_are_persistent(outbox):
    taken = sign(outbox, draft(key="k"))[0]
    with Outbox(outbox.path) as again:
        assert again.by_key("k") == again.get(taken.id) == taken
        assert again.attempts(taken.id)[0].raw == b"raw0"


def test_connections_never_share_a_nonce(tmp_path):
    path = tmp_path / "outbox.db"
    nonces, threads = [], []

    def write():
        with Outbox(path) as outbox:
            for _ in range(25):
                nonces.extend(entry.nonce for entry in sign(outbox, draft(), draft()))

    for _ in range(4):
        threads.append(threading.Thread(target=write))
        threads[-1].start()
    for thread in threads:
        thread.join()
    assert sorted(nonces) == list(range(200))


def test_calls_with_one_key_are_one_call(outbox):
    first, second = sign(outbox, draft(key="k"), draft(key="k"))
    third = sign(outbox, draft(key="k"))[0]
    assert first == second == third
    assert outbox.counts()[CallState.SIGNED] == 1
    with pytest.raises(IdempotencyKeyError) as raised:
        sign(outbox, draft(b"other", key="k"))
    assert raised.value.field == "key"


def test_key_of_a_failed_call_may_be_reused(outbox):
    first = sign(outbox, draft(key="k"))[0]
    outbox.mark_included([included(first, error="reverted")])
    assert outbox.by_key("k").state is CallState.FAILED
    second = sign(outbox, draft(key="k"))[0]
    assert (second.id, second.nonce) == (first.id + 1, 1)
    assert outbox.get(first.id).key is None


def test_full_outbox_rejects_calls(outbox):
    sign(outbox, *[draft()] * 4)
    with pytest.raises(OutboxFullError, match="maximum of 5 unfinished calls") as raised:
        sign(outbox, draft(), draft())
    assert raised.value.field == "outbox"
    assert outbox.counts()[CallState.SIGNED] == 4
    outbox.mark_included([included(entry) for entry in outbox.entries(SENDER, CallState.SIGNED)])
    assert [entry.nonce for entry in sign(outbox, draft(), draft())] == [4, 5]


def test_nothing_is_stored_if_signing_fails(outbox):
    def broken(entry, nonce, gas):
        if nonce == 1:
            raise OSError("no key")
        return signing(entry, nonce, gas)

    with pytest.raises(OSError, match="no key"):
        outbox.sign(SENDER, [draft(), draft()], 0, [1, 1], broken)
    assert sum(outbox.counts().values()) == 0
    assert sign(outbox, draft())[0].nonce == 0


def test_states_of_a_call(outbox):
    call = outbox.enqueue(SENDER, [draft()])[0]
    assert call.state is CallState.QUEUED
    call = outbox.sign(SENDER, [call.id], 0, [1], signing)[0]
    outbox.mark_sent([call.tx_hash], 4)
    assert outbox.get(call.id).state is CallState.SENT
    outbox.mark_included([included(call)])
    block = (5, (5).to_bytes(32, "big"))
    assert outbox.watched_blocks(SENDER) == [block]
    outbox.mark_vanished(SENDER, [block])
    assert outbox.get(call.id).state is CallState.SIGNED
    assert outbox.get(call.id).block_number is None
    outbox.mark_included([included(call, 6)])
    outbox.mark_final(SENDER, [(6, (6).to_bytes(32, "big"))])
    assert outbox.get(call.id).state is CallState.FINAL
    outbox.mark_vanished(SENDER, [(6, (6).to_bytes(32, "big"))])
    assert outbox.get(call.id).state is CallState.FINAL


def test_failed_call_is_watched_until_its_block_is_final(outbox):
    first, second = sign(outbox, draft(), draft())
    outbox.mark_included([included(first, 5, "reverted"), included(second, 6, "reverted")])
    blocks = [(number, number.to_bytes(32, "big")) for number in (5, 6)]
    assert outbox.watched_blocks(SENDER) == blocks
    assert outbox.senders() == [SENDER]
    outbox.mark_final(SENDER, blocks[:1])
    assert outbox.get(first.id).state is CallState.FAILED
    assert outbox.watched_blocks(SENDER) == blocks[1:]
    assert outbox.mark_vanished(SENDER, blocks) == {second.id}
    again = outbox.get(second.id)
    assert (again.state, again.nonce, again.error, again.data) == (CallState.SIGNED, 1, None, b"\1")
    assert outbox.expected_nonce(SENDER) == 1


def test_vanished_failed_call_whose_key_was_reused_becomes_a_gap_filler(outbox):
    first = sign(outbox, draft(key="k"))[0]
    outbox.mark_included([included(first, error="reverted")])
    second = sign(outbox, draft(key="k"))[0]
    assert outbox.mark_vanished(SENDER, [(5, (5).to_bytes(32, "big"))]) == {first.id}
    filler = outbox.get(first.id)
    assert (filler.label, filler.recipient.hex(), filler.data) == ("gap filler", SENDER[2:].lower(), b"")
    assert outbox.by_key("k").id == second.id


def test_rolled_back_calls_are_signed_again(outbox):
    calls = sign(outbox, draft(), draft(), draft())
    outbox.mark_included([included(calls[0], 5), included(calls[1], 6, "reverted"), included(calls[2], 7)])
    outbox.mark_final(SENDER, [(number, number.to_bytes(32, "big")) for number in (5, 6, 7)])
    assert outbox.senders() == [SENDER]
    assert outbox.final_blocks(limit=9) == [(number, number.to_bytes(32, "big")) for number in (7, 5)]
    assert outbox.mark_rolled_back(SENDER, 3, after_block=5) == {calls[1].id, calls[2].id}
    assert outbox.mark_rolled_back(SENDER, 0, after_block=9) == {calls[0].id}
    assert [entry.nonce for entry in outbox.entries(SENDER, CallState.SIGNED)] == [0, 1, 2]


def test_rolled_back_calls_of_other_senders_are_signed_again(outbox):
    other = "0x70997970C51812dc3A010C7d01b50e0d17dc79C8"
    mine, theirs = sign(outbox, draft())[0], outbox.sign(other, [draft()], 0, [1], signing)[0]
    outbox.mark_included([included(mine), included(theirs)])
    outbox.mark_final(SENDER, [(5, (5).to_bytes(32, "big"))])
    assert outbox.mark_rolled_back(SENDER, 0, after_block=4) == {mine.id}
    assert outbox.get(theirs.id).state is CallState.SIGNED


def test_replacement_keeps_the_nonce_and_the_first_attempt(outbox):
    call = sign(outbox, draft())[0]
    outbox.replace(call.id, SignedTransaction(b"\2" * 32, b"dearer", 200, 20))
    attempts = outbox.attempts(call.id)
    assert [(attempt.nonce, attempt.raw) for attempt in attempts] == [(0, b"raw0"), (0, b"dearer")]
    outbox.mark_included([included(call)])
    assert outbox.get(call.id).tx_hash == call.tx_hash
    outbox.replace(call.id, SignedTransaction(b"\3" * 32, b"late", 300, 30))
    assert len(outbox.attempts(call.id)) == 2


def test_withdrawn_last_nonce_is_assigned_again(outbox):
    call = sign(outbox, draft())[0]
    outbox.withdraw(call.id, "rejected")
    assert outbox.get(call.id).state is CallState.FAILED
    assert outbox.gaps(SENDER, 0) == []
    assert sign(outbox, draft())[0].nonce == 0


def test_withdrawn_inner_nonce_is_filled(outbox):
    first, second = sign(outbox, draft(), draft())
    outbox.withdraw(first.id, "rejected")
    assert outbox.gaps(SENDER, 0) == [0]
    outbox.fill(SENDER, 0, 21_000, lambda nonce: SignedTransaction(b"\4" * 32, b"filler", 1, 1))
    assert outbox.gaps(SENDER, 0) == []
    assert [attempt.nonce for attempt in outbox.open_attempts(SENDER)] == [0, 1]
    assert second.nonce == 1


def test_expected_nonce(outbox):
    assert outbox.expected_nonce(SENDER) is None
    first, second = sign(outbox, draft(), draft())
    assert outbox.expected_nonce(SENDER) == 0
    outbox.mark_included([included(first)])
    assert outbox.expected_nonce(SENDER) == 1
    outbox.mark_included([included(second)])
    assert outbox.expected_nonce(SENDER) == 2


def test_full_disk_is_reported_and_stores_nothing(outbox):
    outbox._db.execute("PRAGMA max_page_count = 20")
    with pytest.raises(Unavailable, match="full") as raised:
        outbox.enqueue(SENDER, [draft(bytes(50_000), str(number)) for number in range(5)])
    assert raised.value.field == "outbox"
    assert sum(outbox.counts().values()) == 0
    assert outbox.enqueue(SENDER, [draft()])[0].state is CallState.QUEUED


def test_outbox_belongs_to_one_chain(outbox):
    outbox.bind(31337, b"\1" * 32)
    outbox.bind(31337, b"\1" * 32)
    with pytest.raises(WrongDeploymentError, match="belongs to chain 31337"):
        outbox.bind(31337, b"\2" * 32)
    with pytest.raises(WrongDeploymentError):
        outbox.bind(1, b"\1" * 32)
