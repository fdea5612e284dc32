"""The course of one inspector: it watches its panel's lanes, answers when it is drawn, and keeps rounds moving.

Nothing is remembered but the sealed answers (`AnswerStore`): all else is read from the chain, so a process that was
killed goes on where the chain is.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from chromatrace.chain import calls, reads
from chromatrace.chain.client import Chain
from chromatrace.chain.reads import RoundState
from chromatrace.crypto.eip712 import DigestSigner
from chromatrace.crypto.sealed_answer import SealedAnswer, lane_id, sign_commitment
from chromatrace.domain.errors import NotFound
from chromatrace.domain.identifiers import LaneId, OrganisationId
from chromatrace.domain.rights import RoundPhase, SeatStatus, Stage
from chromatrace.ethereum.abi import contract as abi_of
from chromatrace.ethereum.abi import decode_log
from chromatrace.ethereum.errors import ContractError
from chromatrace.inspector.adapters import Adapter, Question
from chromatrace.inspector.answers import AnswerStore

CONTRACT = "QualityConsensus"
_DRAW_GAS = 1_500_000
_GRACE_S = 1
"""The chain's clock may be a little behind ours."""
_RETRY_S = 3.0
_STAGGER_S = 0.5
"""Everybody may draw and close; each inspector waits its number of these, so that mostly one transaction is sent."""


@dataclass(slots=True)
class _Lane:
    """A lane with a round in progress: the event that opened it, and since when its phase is seen.

    `late`: the own seat was not answered in time, which has been told.
    """

    opened: dict[str, Any]
    phase: tuple[int, int] = (0, 0)
    since: float = 0.0
    late: bool = False


class InspectorProcess:
    """One inspector of one panel. Raises `NotFound` where the signer is not enrolled there."""

    def __init__(
        self,
        chain: Chain,
        signer: DigestSigner,
        panel: OrganisationId,
        adapter: Adapter,
        answers: AnswerStore,
        told: Callable[[str], None] = lambda _: None,
    ) -> None:
        self._chain, self._signer, self._panel = chain, signer, panel
        self._adapter, self._answers, self._told = adapter, answers, told
        self.number = chain.read(reads.inspector_number(panel, signer.address))
        if self.number == 0:
            raise NotFound(
                f"{signer.address} is not on the panel of organisation {panel}",
                field="panel",
                hint="an administrator of the organisation enrols it: chromatrace inspector enrol",
            )
        self._next_block = chain.manifest.contracts[CONTRACT].block
        self._lanes: dict[int, _Lane] = {}
        self._states: dict[int, tuple[str, ...]] = {}
        self._reveal_s: dict[int, int] = {}
        self._behind_s = 0.0

    def look(self) -> int:
        """One look at the chain, and what follows from it. Returns how many rounds are under way."""
        self._read_events()
        self._behind_s = time.time() - self._chain_time()
        for number, lane in list(self._lanes.items()):
            identity = lane_id(self._panel, number)
            state = self._chain.read(reads.round_in(identity))
            if state.phase not in (RoundPhase.REQUESTED, RoundPhase.SEATED):
                del self._lanes[number]
                continue
            if state.id != lane.opened["round"]:
                continue  # a newer round, whose event comes with the next look
            try:
                self._attend(identity, lane, state)
            except ContractError as refusal:
                # Others act on the same round: what one of them has done already is refused, and seen at the next look.
                self._told(f"lane {number}: {refusal.message}")
        return len(self._lanes)

    def _chain_time(self) -> float:
        """When a block made now would be: a development chain that was turned back stays behind our clock."""
        tags = ("latest", "pending")
        latest, pending = self._chain.rpc.batch([("eth_getBlockByNumber", [tag, False]) for tag in tags])
        if pending is None or int(pending["number"] or "0x0", 16) <= int(latest["number"], 16):
            return time.time()  # the node tells of no pending block
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
        mine = next((place for place, seat in enumerate(state.seats) if seat.inspector == self.number), None)
        if state.phase is RoundPhase.SEATED and mine is not None:
            status = state.seats[mine].status
            if status is SeatStatus.DRAWN:
                self._commit(identity, mine, lane, state.deadline)
            elif status is SeatStatus.COMMITTED and all(seat.status is not SeatStatus.DRAWN for seat in state.seats):
                self._reveal(identity, mine, lane.opened["round"])
        if time.monotonic() - lane.since < _STAGGER_S * (self.number - 1):
            return
        if state.phase is RoundPhase.REQUESTED and self._now() <= state.deadline:
            # Tried, it would be told that it is too early: a trial stands in the newest block, not in the next one.
            self._chain.send_many([calls.draw_seats([identity]).with_gas(_DRAW_GAS)], check=False)
            lane.since = time.monotonic()
        elif self._now() > self._until(lane, state) + _GRACE_S:
            self._close(identity, lane)

    def _commit(self, identity: LaneId, seat: int, lane: _Lane, deadline: int) -> None:
        round_ = lane.opened["round"]
        if self._now() > deadline:
            if not lane.late:
                self._told(f"round 0x{round_.hex()[:10]}…: not answered in time; the seat stalls and is replaced")
            lane.late = True
            return
        answer = self._answers.find(round_, seat) or self._ask(seat, lane.opened, deadline)
        if answer is None:
            return
        sealed = answer.digest(round_, self._signer.address)
        contract = self._chain.manifest.address(CONTRACT)
        signature = sign_commitment(self._signer, round_, seat, sealed, self._chain.manifest.chain_id, contract)
        self._chain.submit(calls.commit_answers([(identity, [calls.Commitment(seat, sealed, *signature)])]))
        self._told(f"round 0x{round_.hex()[:10]}…: committed")

    def _ask(self, seat: int, opened: dict[str, Any], deadline: int) -> SealedAnswer | None:
        states = self._states[opened["rule"]]
        stage = Stage(opened["stage"]).name.lower()
        subject, size = opened["subject"], opened["sampleSize"]
        # Who answers goes by our clock, and is late rather too early.
        until = deadline + math.floor(self._behind_s)
        question = Question(opened["round"], subject, opened["step"], stage, size, states, until)
        found = self._adapter(question)
        if found is None:
            return None
        answer = SealedAnswer(states.index(found.state), found.defects, found.evidence)
        return self._answers.keep(opened["round"], seat, answer)

    def _reveal(self, identity: LaneId, seat: int, round_: bytes) -> None:
        answer = self._answers.find(round_, seat)
        if answer is None:
            self._told(f"round 0x{round_.hex()[:10]}…: the answer is not in this data folder; the seat will stall")
            return
        self._chain.submit(calls.reveal_answers([(identity, [(seat, answer)])]))
        self._told(f"round 0x{round_.hex()[:10]}…: revealed")

    def _until(self, lane: _Lane, state: RoundState) -> int:
        """The last second of the phase, as the contract counts."""
        sealed = state.phase is RoundPhase.SEATED and all(seat.status is not SeatStatus.DRAWN for seat in state.seats)
        return state.deadline + (self._reveal_s[lane.opened["rule"]] if sealed else 0)

    def _close(self, identity: LaneId, lane: _Lane) -> None:
        # Not tried first: a trial stands in the newest block, whose time may be before the deadline for ever.
        self._chain.send_many([calls.close_round(identity).with_gas(_DRAW_GAS)], check=False)
        lane.since = time.monotonic() + _RETRY_S
        self._told(f"round 0x{lane.opened['round'].hex()[:10]}…: overdue; closing it")
