"""One inspector of a panel: it commits and reveals an answer when it is drawn, and keeps rounds moving.

The process stores only the sealed answers (`AnswerStore`) and reads everything else from the chain, so it can be killed
and started again.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NoReturn

from chromatrace.chain import calls, reads
from chromatrace.chain.client import Chain
from chromatrace.chain.reads import RoundState
from chromatrace.crypto.eip712 import DigestSigner
from chromatrace.crypto.sealed_answer import SealedAnswer, lane_id, sign_commitment
from chromatrace.domain.errors import NotFound, Unavailable
from chromatrace.domain.identifiers import LaneId, OrganisationId
from chromatrace.domain.rights import RoundPhase, SeatStatus, Stage
from chromatrace.ethereum.abi import contract as abi_of
from chromatrace.ethereum.abi import decode_log
from chromatrace.ethereum.errors import ContractError
from chromatrace.inspector.adapters import Adapter, Question
from chromatrace.inspector.answers import AnswerStore
from chromatrace.services.workspace import Workspace

CONTRACT = "QualityConsensus"
_DRAW_GAS = 1_500_000
_GRACE_S = 1
"""Tolerance for a chain clock that is behind the local clock."""
_RETRY_S = 3.0
_STAGGER_S = 0.5
"""Any inspector may draw and close. Each waits this time multiplied by its number, so usually only one sends."""


@dataclass(slots=True)
class _Lane:
    """A lane with a round in progress.

    opened  arguments of the event that opened the round
    phase   phase and number of seats at the last poll, unchanged `since` this monotonic time
    late    whether the missed deadline of the own seat has been reported
    """

    opened: dict[str, Any]
    phase: tuple[int, int] = (0, 0)
    since: float = 0.0
    late: bool = False


class InspectorProcess:
    """One inspector of one panel. Raises `NotFound` if the signer is not enrolled on it."""

    def __init__(
        self,
        chain: Chain,
        signer: DigestSigner,
        panel: OrganisationId,
        adapter: Adapter,
        answers: AnswerStore,
        report: Callable[[str], None] = lambda _: None,
    ) -> None:
        self._chain, self._signer, self._panel = chain, signer, panel
        self._adapter, self._answers, self._report = adapter, answers, report
        self.number = chain.read(reads.inspector_number(panel, signer.address))
        if self.number == 0:
            raise NotFound(
                f"{signer.address} is not enrolled on the panel of organisation {panel}",
                field="panel",
                hint="an administrator of the organisation can enrol it: chromatrace inspection enrol",
            )
        self._next_block = chain.manifest.contracts[CONTRACT].block
        self._lanes: dict[int, _Lane] = {}
        self._states: dict[int, tuple[str, ...]] = {}
        self._reveal_s: dict[int, int] = {}
        self._behind_s = 0.0

    def poll(self) -> int:
        """Read the chain once and act on it; return the number of rounds in progress."""
        self._read_events()
        self._behind_s = time.time() - self._chain_time()
        for number, lane in list(self._lanes.items()):
            identity = lane_id(self._panel, number)
            state = self._chain.read(reads.round_in(identity))
            if state.phase not in (RoundPhase.REQUESTED, RoundPhase.SEATED):
                del self._lanes[number]
                continue
            if state.id != lane.opened["round"]:
                continue  # a newer round; the next poll reads its event
            try:
                self._attend(identity, lane, state)
            except ContractError as error:
                # Another inspector may have done the same already; the next poll reads the new state.
                self._report(f"lane {number}: {error.message}")
        return len(self._lanes)

    def _chain_time(self) -> float:
        """Return the time of a block made now. A development chain that was reverted stays behind the local clock."""
        tags = ("latest", "pending")
        latest, pending = self._chain.rpc.batch([("eth_getBlockByNumber", [tag, False]) for tag in tags])
        if pending is None or int(pending["number"] or "0x0", 16) <= int(latest["number"], 16):
            return time.time()  # the node has no pending block
        return int(pending["timestamp"], 16)

    def _now(self) -> float:
        return time.time() - self._behind_s

    def _read_events(self) -> None:
        events = abi_of(CONTRACT).events_by_topic
        wanted = [topic for topic, event in events.items() if event.name in ("RoundOpened", "RuleSet")]
        head = int(self._chain.rpc.call("eth_blockNumber"), 16)
        if head < self._next_block:
            return
        query = {
            "address": self._chain.manifest.address(CONTRACT),
            "topics": [[f"0x{topic.hex()}" for topic in wanted]],
            "fromBlock": hex(self._next_block),
            "toBlock": hex(head),
        }
        for log in self._chain.rpc.call("eth_getLogs", query):
            event = decode_log(CONTRACT, log)
            if event is None or event.args["panel"] != self._panel:
                continue
            if event.name == "RuleSet":
                self._states[event.args["version"]] = tuple(event.args["states"])
                self._reveal_s[event.args["version"]] = event.args["rule"]["revealSeconds"]
            else:
                self._lanes[event.args["lane"]] = _Lane(event.args)
        self._next_block = head + 1

    def _attend(self, identity: LaneId, lane: _Lane, state: RoundState) -> None:
        phase = (state.phase, len(state.seats))
        if phase != lane.phase:
            lane.phase, lane.since = phase, time.monotonic()
        own = next((index for index, seat in enumerate(state.seats) if seat.inspector == self.number), None)
        if state.phase is RoundPhase.SEATED and own is not None:
            status = state.seats[own].status
            if status is SeatStatus.DRAWN:
                self._commit(identity, own, lane, state.deadline)
            elif status is SeatStatus.COMMITTED and all(seat.status is not SeatStatus.DRAWN for seat in state.seats):
                self._reveal(identity, own, lane.opened["round"])
        if time.monotonic() - lane.since < _STAGGER_S * (self.number - 1):
            return
        if state.phase is RoundPhase.REQUESTED and self._now() <= state.deadline:
            # Not simulated: a simulation runs in the newest block, in which it is too early.
            self._chain.send_many([calls.draw_seats([identity]).with_gas(_DRAW_GAS)], check=False)
            lane.since = time.monotonic()
        elif self._now() > self._until(lane, state) + _GRACE_S:
            self._close(identity, lane)

    def _commit(self, identity: LaneId, seat: int, lane: _Lane, deadline: int) -> None:
        round_ = lane.opened["round"]
        if self._now() > deadline:
            if not lane.late:
                self._report(f"round 0x{round_.hex()[:10]}…: missed the deadline; the seat is replaced")
            lane.late = True
            return
        answer = self._answers.find(round_, seat) or self._ask(seat, lane.opened, deadline)
        if answer is None:
            return
        sealed = answer.digest(round_, self._signer.address)
        contract = self._chain.manifest.address(CONTRACT)
        signature = sign_commitment(self._signer, round_, seat, sealed, self._chain.manifest.chain_id, contract)
        self._chain.submit(calls.commit_answers([(identity, [calls.Commitment(seat, sealed, *signature)])]))
        self._report(f"round 0x{round_.hex()[:10]}…: committed")

    def _ask(self, seat: int, opened: dict[str, Any], deadline: int) -> SealedAnswer | None:
        states = self._states[opened["rule"]]
        stage = Stage(opened["stage"]).name.lower()
        subject, size = opened["subject"], opened["sampleSize"]
        # Deadline by the local clock, rounded down.
        until = deadline + math.floor(self._behind_s)
        question = Question(opened["round"], subject, opened["step"], stage, size, states, until)
        finding = self._adapter(question)
        if finding is None:
            return None
        answer = SealedAnswer(states.index(finding.state), finding.defects, finding.evidence)
        return self._answers.keep(opened["round"], seat, answer)

    def _reveal(self, identity: LaneId, seat: int, round_: bytes) -> None:
        answer = self._answers.find(round_, seat)
        if answer is None:
            self._report(f"round 0x{round_.hex()[:10]}…: the answer is not in this data folder and cannot be revealed")
            return
        self._chain.submit(calls.reveal_answers([(identity, [(seat, answer)])]))
        self._report(f"round 0x{round_.hex()[:10]}…: revealed")

    def _until(self, lane: _Lane, state: RoundState) -> int:
        """Return the last second of the phase by the contract's rules."""
        sealed = state.phase is RoundPhase.SEATED and all(seat.status is not SeatStatus.DRAWN for seat in state.seats)
        return state.deadline + (self._reveal_s[lane.opened["rule"]] if sealed else 0)

    def _close(self, identity: LaneId, lane: _Lane) -> None:
        # Not simulated: a simulation runs in the newest block, whose time may be before the deadline.
        self._chain.send_many([calls.close_round(identity).with_gas(_DRAW_GAS)], check=False)
        lane.since = time.monotonic() + _RETRY_S
        self._report(f"round 0x{lane.opened['round'].hex()[:10]}…: overdue; closing it")


def run_inspector(
    workspace: Workspace,
    panel: OrganisationId,
    adapter: Adapter,
    interval_s: float,
    report: Callable[[str], None],
) -> NoReturn:
    """Run the workspace's signer as an inspector of `panel` until an exception ends it.

    interval_s  seconds between polls of the chain
    report      takes messages for people
    """
    with AnswerStore(workspace.data / "answers.db") as answers:
        process = InspectorProcess(workspace.chain, workspace.signer, panel, adapter, answers, report)
        workspace.chain.resume()
        report(f"inspector {process.number} of panel {panel}")
        while True:
            try:
                process.poll()
            except Unavailable as error:
                report(f"{error}; trying again")
            time.sleep(interval_s)
