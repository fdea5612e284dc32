"""An answer leaves its process only after every seat has committed in a final block."""

from contextlib import ExitStack

import pytest
from panel_of_three import PanelOfThree

from chromatrace.chain.outbox_entries import CallState
from chromatrace.domain.rights import RoundPhase, SeatStatus
from chromatrace.ethereum.abi import contract as abi_of
from chromatrace.ethereum.rpc import RpcClient

CONFIRMATIONS = 3


class RecordingRpc(RpcClient):
    """Records every request. With `lying`, it shows drawn seats as committed, like a forked or dishonest node."""

    lying = False

    def __init__(self, url):
        super().__init__(url, 120.0)
        self.sent = []

    def _post(self, payload):
        self.sent.append(payload)
        return super()._post(payload)

    def batch_outcomes(self, requests):
        outcomes = super().batch_outcomes(requests)
        selector = "0x" + abi_of("QualityConsensus").function("round").selector.hex()
        if not self.lying:
            return outcomes
        return [
            _committed(outcome) if method == "eth_call" and params[0]["data"].startswith(selector) else outcome
            for (method, params), outcome in zip(requests, outcomes, strict=True)
        ]

    def contains(self, salt):
        return any(salt.hex().encode() in payload for payload in self.sent)


def _committed(result):
    """Change the status of each drawn seat in the result of `round`.

    Words: id, 13 fields of the round, offset, number of seats, then inspector, status and state of each seat.
    """
    words = [result[2 + start : 66 + start] for start in range(0, len(result) - 2, 64)]
    count = int(words[15], 16)
    for index in range(count):
        status = len(words) - 3 * (count - index) + 1
        if int(words[status], 16) == SeatStatus.DRAWN:
            words[status] = f"{SeatStatus.COMMITTED.value:064x}"
    return "0x" + "".join(words)


@pytest.fixture
def rpc(isolated):
    return RecordingRpc(isolated.url)


@pytest.fixture
def inspectors(chain, panel, tmp_path, rpc):
    """Return the panel on a chain whose blocks the test makes."""
    with ExitStack() as stack:
        inspectors = PanelOfThree(chain, panel, tmp_path, stack, confirmations=CONFIRMATIONS, rpc=rpc)
        inspectors.open()
        chain.rpc.call("evm_setAutomine", False)
        yield inspectors
        chain.rpc.call("evm_setAutomine", True)


def poll_and_mine(inspectors, processes=None):
    for process in inspectors.processes if processes is None else processes:
        process.poll()
    inspectors.rpc.call("evm_mine")


def test_answers_are_sent_after_the_last_commitment_is_final(inspectors, rpc):
    """All answers are then in one block, and the one that decides does not run out of gas."""
    committed_in, seats = None, []
    while inspectors.state().phase is not RoundPhase.DECIDED:
        head = int(inspectors.rpc.call("eth_blockNumber"), 16)
        assert head < 200, inspectors.messages
        seats = [seat.status for seat in inspectors.state().seats]
        if committed_in is None and seats == [SeatStatus.COMMITTED] * 3:
            committed_in = head
        for process in inspectors.processes:
            process.poll()
        if committed_in is None or head < committed_in + CONFIRMATIONS:
            assert not any(rpc.contains(salt) for salt in inspectors.salts())
        inspectors.rpc.call("evm_mine")
    assert [seat.status for seat in inspectors.state().seats] == [SeatStatus.REVEALED] * 3
    assert len(inspectors.salts()) == 3
    assert all(rpc.contains(salt) for salt in inspectors.salts())
    assert [outbox.counts()[CallState.FAILED] for outbox in inspectors.outboxes] == [0, 0, 0]


def test_a_node_that_shows_other_seats_as_committed_gets_no_answer(inspectors, rpc):
    """One inspector does not commit; the node shows it as committed to the others."""
    honest = inspectors.processes[:2]
    while [seat.status for seat in inspectors.state().seats].count(SeatStatus.COMMITTED) < 2:
        assert int(inspectors.rpc.call("eth_blockNumber"), 16) < 200, inspectors.messages
        poll_and_mine(inspectors, honest)
    rpc.lying = True
    for _ in range(3 * CONFIRMATIONS):
        poll_and_mine(inspectors, honest)
    assert any("waiting until the last commitment is final" in message for message in inspectors.messages)
    assert len(inspectors.salts()) == 2
    assert not any(rpc.contains(salt) for salt in inspectors.salts())
    rpc.lying = False
    while inspectors.state().phase is not RoundPhase.DECIDED:
        assert int(inspectors.rpc.call("eth_blockNumber"), 16) < 400, inspectors.messages
        poll_and_mine(inspectors)


def test_a_reorganisation_before_the_last_commitment_is_final_shows_no_answer(inspectors, rpc):
    """The commitments leave the chain; the inspectors commit to the same answers again."""
    while [seat.status for seat in inspectors.state().seats] != [SeatStatus.COMMITTED] * 3:
        assert int(inspectors.rpc.call("eth_blockNumber"), 16) < 200, inspectors.messages
        poll_and_mine(inspectors)
    salts = inspectors.salts()
    assert not any(rpc.contains(salt) for salt in salts)
    inspectors.lose_blocks(CONFIRMATIONS - 1, pooled=True)
    while inspectors.state().phase is not RoundPhase.DECIDED:
        assert int(inspectors.rpc.call("eth_blockNumber"), 16) < 600, inspectors.messages
        poll_and_mine(inspectors)
    assert inspectors.salts() == salts
    assert len(inspectors.questions) == 3
