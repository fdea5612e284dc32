"""Rounds survive reorganisations of a real chain: three inspectors in this process, and a node that loses blocks.

The full matrix runs with CHROMATRACE_REORGANISATIONS=all; the default is a sample.
"""

import os
import time
import warnings
from contextlib import ExitStack, suppress

import pytest
from inspector_runs import ACCOUNTS, SUBJECT, round_of

from chromatrace.chain import calls, reads
from chromatrace.chain.client import Chain
from chromatrace.chain.dev_node import DevNode
from chromatrace.chain.outbox import Outbox
from chromatrace.chain.transaction_sender import DeliveryPolicy
from chromatrace.domain.rights import RoundPhase, SeatStatus
from chromatrace.ethereum.errors import RpcError
from chromatrace.ethereum.manifest import Manifest
from chromatrace.ethereum.signer import DevKeyWarning, dev_signer
from chromatrace.inspector.adapters import Finding
from chromatrace.inspector.answers import AnswerStore
from chromatrace.inspector.process import InspectorProcess

PHASES = ("open", "draw", "commit", "reveal", "decision")
DEPTHS = (1, 2, 3, 8, 20)
MATRIX = [(phase, depth, pooled) for phase in PHASES for depth in DEPTHS for pooled in (False, True)]
SAMPLE = [
    ("open", 1, False),
    ("draw", 2, True),
    ("commit", 3, False),
    ("reveal", 8, True),
    ("decision", 1, False),
    ("decision", 2, True),
    ("decision", 20, False),
]
SETTLED_BLOCKS = 24


class Panel:
    """Three inspectors of a panel, each with its own key, outbox and answers, polled one after the other."""

    def __init__(self, chain, number, folder, stack, *, confirmations=None):
        self.chain, self.number, self.rpc, self.stack = chain, number, chain.rpc, stack
        self.confirmations = confirmations
        self.messages = []
        self.questions = []
        self.processes = [self._process(account, folder / str(account)) for account in ACCOUNTS]

    def _process(self, account, folder):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DevKeyWarning)
            signer = dev_signer(account, self.chain.manifest.chain_id)
        outbox = self.stack.enter_context(Outbox(folder / "outbox.db"))
        answers = self.stack.enter_context(AnswerStore(folder / "answers.db"))
        chain = Chain(self.rpc, self.chain.manifest, outbox, signer, DeliveryPolicy(resend_after_s=0.5))
        answer = self.answer
        report = self.messages.append
        return InspectorProcess(chain, signer, self.number, answer, answers, report, confirmations=self.confirmations)

    def answer(self, question):
        self.questions.append(question)
        return Finding("pass", 0, bytes(32))

    def open(self):
        self.chain.submit(calls.open_rounds([(0, SUBJECT, 1, 0, 1, 1)]))

    def state(self):
        return round_of(self.chain, self.number)

    def reached(self, phase):
        state = self.state()
        statuses = [seat.status for seat in state.seats]
        return {
            "open": state.phase is RoundPhase.REQUESTED,
            "draw": state.phase is RoundPhase.SEATED,
            "commit": SeatStatus.COMMITTED in statuses,
            "reveal": SeatStatus.REVEALED in statuses,
            "decision": state.phase is RoundPhase.DECIDED,
        }[phase]

    def poll_until(self, condition, seconds=60):
        """Poll the inspectors in turn until the condition holds after one of them."""
        deadline = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < deadline, (self.state(), self.messages)
            for process in self.processes:
                process.poll()
                if condition():
                    return
            time.sleep(0.05)

    def lose_blocks(self, depth, *, pooled):
        """Replace the newest blocks by empty ones; their transactions are dropped, or received again afterwards."""
        head = int(self.rpc.call("eth_blockNumber"), 16)
        blocks = [self.rpc.call("eth_getBlockByNumber", hex(head - n), False) for n in reversed(range(depth))]
        raw = [self.rpc.call("eth_getRawTransactionByHash", tx) for block in blocks for tx in block["transactions"]]
        self.rpc.call("anvil_reorg", depth, [])
        assert self.rpc.call("eth_getBlockByNumber", hex(head), False)["hash"] != blocks[-1]["hash"]
        for transaction in raw if pooled else ():
            with suppress(RpcError):  # an inspector sent it first
                self.rpc.call("eth_sendRawTransaction", transaction)


@pytest.fixture
def isolated():
    """Return a node for one test: Anvil does not revert reliably to a state before a reorganisation."""
    with DevNode(history=True) as node:
        yield node


@pytest.fixture
def deployment(isolated, deploy, tmp_path):
    return Manifest.load(deploy(isolated, tmp_path))


@pytest.fixture
def inspectors(chain, panel, tmp_path):
    """Return `Panel` on a chain with enough blocks after its set-up that no reorganisation reaches it."""
    chain.rpc.call("anvil_mine", hex(SETTLED_BLOCKS))
    with ExitStack() as stack:
        yield Panel(chain, panel, tmp_path, stack)


@pytest.mark.parametrize(
    ("phase", "depth", "pooled"), MATRIX if os.environ.get("CHROMATRACE_REORGANISATIONS") == "all" else SAMPLE
)
def test_a_round_is_decided_without_penalties_after_a_reorganisation(chain, inspectors, phase, depth, pooled):
    registrar = Chain(chain.rpc, chain.manifest, chain.outbox, chain.signer, DeliveryPolicy(resend_after_s=0.5))
    inspectors.open()
    inspectors.poll_until(lambda: inspectors.reached(phase))
    for process in inspectors.processes:
        process.poll()  # each has seen the phase
    inspectors.lose_blocks(depth, pooled=pooled)
    deadline = time.monotonic() + 60
    while inspectors.state().phase is not RoundPhase.DECIDED:
        assert time.monotonic() < deadline, (inspectors.state(), inspectors.messages)
        registrar.resume()
        for process in inspectors.processes:
            process.poll()
        time.sleep(0.05)
    assert [seat.status for seat in inspectors.state().seats] == [SeatStatus.REVEALED] * 3
    for number in (1, 2, 3):
        assert inspectors.chain.read(reads.inspector(inspectors.number, number)).capability >= 1_000
    rounds = [question.round for question in inspectors.questions]
    assert all(rounds.count(round_) <= 3 for round_ in rounds), "an inspector measures once for each round"
