"""Three inspectors in one process, polled in turn, on a real chain that may lose blocks."""

from __future__ import annotations

import time
import warnings
from contextlib import suppress

from inspector_runs import ACCOUNTS, SUBJECT, round_of

from chromatrace.chain import calls
from chromatrace.chain.client import Chain
from chromatrace.chain.outbox import Outbox
from chromatrace.chain.transaction_sender import DeliveryPolicy
from chromatrace.domain.rights import RoundPhase, SeatStatus
from chromatrace.ethereum.errors import RpcError
from chromatrace.ethereum.signer import DevKeyWarning, dev_signer
from chromatrace.inspector.adapters import Finding
from chromatrace.inspector.answers import AnswerStore
from chromatrace.inspector.process import InspectorProcess


class PanelOfThree:
    """Three inspectors of a panel, each with its own key, outbox and answers, polled one after the other."""

    def __init__(self, chain, number, folder, stack, *, confirmations=None, rpc=None, answer=None):
        self.chain, self.number, self.stack = chain, number, stack
        self.rpc, self.inspectors_rpc = chain.rpc, rpc or chain.rpc
        self.confirmations = confirmations
        self.messages = []
        self.questions = []
        self._answer = answer or (lambda _: Finding("pass", 0, bytes(32)))
        self.processes = [self._process(account, folder / str(account)) for account in ACCOUNTS]

    def _process(self, account, folder):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DevKeyWarning)
            signer = dev_signer(account, self.chain.manifest.chain_id)
        outbox = self.stack.enter_context(Outbox(folder / "outbox.db"))
        answers = self.stack.enter_context(AnswerStore(folder / "answers.db"))
        chain = Chain(self.inspectors_rpc, self.chain.manifest, outbox, signer, DeliveryPolicy(resend_after_s=0.5))
        answer = self.answer
        report = self.messages.append
        return InspectorProcess(chain, signer, self.number, answer, answers, report, confirmations=self.confirmations)

    def answer(self, question):
        self.questions.append(question)
        return self._answer(question)

    @property
    def outboxes(self):
        return [process._chain.outbox for process in self.processes]

    def salts(self):
        """Return the salts of the stored answers."""
        rows = (process._answers._db.execute("SELECT salt FROM answers").fetchall() for process in self.processes)
        return [salt for found in rows for (salt,) in found]

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

    def poll(self):
        """Poll each inspector; without automatic mining, make a block."""
        for process in self.processes:
            process.poll()
        if self.confirmations is not None:
            self.rpc.call("evm_mine")

    def poll_until(self, condition, seconds=120):
        """Poll the inspectors until the condition holds."""
        deadline = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < deadline, (self.state(), self.messages)
            self.poll()
            time.sleep(0.02)

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
