"""The rounds of a panel, read from the chain's events and kept through reorganisations.

Blocks are remembered by hash. If the newest block that was read has left the chain, reading continues after the newest
remembered block that the chain still has. Rounds are identified by their id, which depends on the chain's history, so a
round that is opened again at the same height is another round.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from chromatrace.chain import reads
from chromatrace.chain.client import Chain
from chromatrace.chain.finality import Finality, read_finality
from chromatrace.chain.reads import RoundState
from chromatrace.crypto.sealed_answer import lane_id
from chromatrace.domain.identifiers import LaneId, OrganisationId
from chromatrace.domain.rights import RoundPhase, SeatStatus
from chromatrace.ethereum.abi import contract as abi_of
from chromatrace.ethereum.abi import decode_log
from chromatrace.ethereum.errors import ChainUnavailableError

CONTRACT = "QualityConsensus"
_SPAN = 5_000
"""Blocks per request for events; public nodes limit it."""
_KEPT_BLOCKS = 128
"""Number of remembered blocks, and number of blocks for which a finished round is kept."""
_SEAT_BITS = 12
_UNKNOWN_POLLS = 5
"""Consecutive polls with a round whose event is missing, after which all events are read again."""


@dataclass(frozen=True, slots=True)
class PanelRule:
    """One version of a panel's rule, as far as an inspector needs it.

    states      possible answers
    passing     index of the state that means that the product passed
    first_wave  seats drawn at once; `minimum`: minimum number of answers
    """

    states: tuple[str, ...]
    passing: int
    first_wave: int
    minimum: int
    commit_s: int
    reveal_s: int


@dataclass(frozen=True, slots=True)
class OpenedRound:
    """A round, as opened by an event in block `block`. `args`: arguments of the event."""

    id: bytes
    lane: int
    identity: LaneId
    block: int
    args: dict[str, Any]

    @property
    def name(self) -> str:
        """Short name for messages."""
        return f"round 0x{self.id.hex()[:10]}…"


@dataclass(frozen=True, slots=True)
class OpenRound:
    """A round in progress, with its rule and its state in the newest block."""

    opened: OpenedRound
    rule: PanelRule
    state: RoundState

    @property
    def all_committed(self) -> bool:
        """Whether every seat of a drawn round has committed."""
        seated = self.state.phase is RoundPhase.SEATED
        return seated and all(seat.status is not SeatStatus.DRAWN for seat in self.state.seats)

    @property
    def deadline(self) -> int:
        """Last second of the phase by the contract's rules: of the draw, of commitments, or of reveals."""
        return self.state.deadline + (self.rule.reveal_s if self.all_committed else 0)

    @property
    def missing_seats(self) -> int:
        """Number of seats that the next draw fills, by the contract's rules."""
        seats = self.state.seats
        answers = sum(seat.status is SeatStatus.REVEALED for seat in seats)
        required = max(answers + 1 if answers else self.rule.first_wave, self.rule.minimum)
        filled = sum(seat.status is not SeatStatus.STALLED for seat in seats)
        return required - filled - (1 if not seats and self.state.first else 0)


class PanelRounds:
    """The rounds of one panel.

    confirmations  blocks after which a block is final; None: see `read_finality`
    report         takes messages for people
    """

    def __init__(
        self, chain: Chain, panel: OrganisationId, confirmations: int | None, report: Callable[[str], None]
    ) -> None:
        self._chain, self._panel, self._confirmations, self._report = chain, panel, confirmations, report
        self._first_block = chain.manifest.contracts[CONTRACT].block
        self._checkpoints: list[tuple[int, str]] = []
        self._rounds: dict[bytes, OpenedRound] = {}
        self._rules: dict[int, PanelRule] = {}
        self._lanes: dict[int, int | None] = {}
        self._unknown = 0

    def poll(self) -> tuple[Finality, list[OpenRound]]:
        """Read the chain once; return which block is final, and the rounds in progress in the newest block."""
        chain = self._chain
        finality = read_finality(chain.rpc, chain.manifest.chain_id, self._confirmations)
        self._read_events(finality)
        lanes = list(self._lanes)
        states = chain.read_many([reads.round_in(lane_id(self._panel, lane)) for lane in lanes])
        return finality, self._in_progress(dict(zip(lanes, states, strict=True)), finality)

    def commitments_are_final(self, round_: OpenRound, finality: Finality) -> bool:
        """Return whether every seat has a commitment in a final block.

        It is read from events, because many nodes do not keep the state of earlier blocks.
        """
        if finality.final < round_.opened.block:
            return False
        topic = next(topic for topic, event in _events().items() if event.name == "AnswersCommitted")
        logs = self._chain.rpc.call(
            "eth_getLogs",
            {
                "address": self._chain.manifest.address(CONTRACT),
                "topics": [f"0x{topic.hex()}", f"0x{round_.opened.id.hex()}"],
                "fromBlock": hex(round_.opened.block),
                "toBlock": hex(finality.final),
            },
        )
        event = decode_log(CONTRACT, logs[-1]) if logs else None
        if event is None:
            return False
        drawn = SeatStatus.DRAWN.value
        for index, seat in enumerate(round_.state.seats):
            packed = event.args["seats"] >> (_SEAT_BITS * index)
            if packed & 0xFF != seat.inspector or packed >> 8 & 0xF == drawn:
                return False
        return True

    def _read_events(self, finality: Finality) -> None:
        start = self._continuation(finality)
        topics = [f"0x{topic.hex()}" for topic, event in _events().items() if event.name in ("RoundOpened", "RuleSet")]
        query = {"address": self._chain.manifest.address(CONTRACT), "topics": [topics]}
        for first in range(start, finality.head + 1, _SPAN):
            last = min(first + _SPAN - 1, finality.head)
            logs, header = self._chain.rpc.batch(
                [
                    ("eth_getLogs", [query | {"fromBlock": hex(first), "toBlock": hex(last)}]),
                    ("eth_getBlockByNumber", [hex(last), False]),
                ]
            )
            if header is None or (last == finality.head and header["hash"] != finality.head_hash):
                return  # reorganised while it was read; the next poll reads it again
            for log in logs:
                self._add(log)
            self._checkpoints.append((last, header["hash"]))
        del self._checkpoints[:-_KEPT_BLOCKS]

    def _continuation(self, finality: Finality) -> int:
        """Return the block from which to read: after the newest remembered block that the chain still has."""
        known = len(self._checkpoints)
        while self._checkpoints:
            number, block_hash = self._checkpoints[-1]
            if (number, block_hash) == (finality.head, finality.head_hash):
                break
            header = self._chain.rpc.call("eth_getBlockByNumber", hex(number), False)
            if header is not None and header["hash"] == block_hash:
                break
            self._checkpoints.pop()
        start = self._checkpoints[-1][0] + 1 if self._checkpoints else self._first_block
        if len(self._checkpoints) < known:
            self._report(f"the chain was reorganised; reading it again from block {start}")
        return start

    def _add(self, log: dict[str, Any]) -> None:
        event = decode_log(CONTRACT, log)
        if event is None or event.args["panel"] != self._panel:
            return
        args = event.args
        if event.name == "RuleSet":
            rule, states = args["rule"], tuple(args["states"])
            self._rules[args["version"]] = PanelRule(
                states,
                rule["passing"],
                rule["firstWave"],
                rule["minimum"],
                rule["commitSeconds"],
                rule["revealSeconds"],
            )
            return
        lane = args["lane"]
        block = int(log["blockNumber"], 16)
        opened = OpenedRound(args["round"], lane, lane_id(self._panel, lane), block, args)
        self._rounds[opened.id] = opened
        self._lanes[lane] = None

    def _in_progress(self, states: dict[int, RoundState], finality: Finality) -> list[OpenRound]:
        """Return the rounds in progress. A finished round is kept until it is final and `_KEPT_BLOCKS` deep."""
        rounds, unknown = [], 0
        for lane, state in states.items():
            if state.phase in (RoundPhase.REQUESTED, RoundPhase.SEATED):
                self._lanes[lane] = None
                opened = self._rounds.get(state.id)
                rule = None if opened is None else self._rules.get(opened.args["rule"])
                if opened is None or rule is None:
                    unknown += 1  # opened after the events were read; the next poll reads its event
                else:
                    rounds.append(OpenRound(opened, rule, state))
                continue
            finished = self._lanes[lane]
            if finished is None or finished > finality.head:
                self._lanes[lane] = finality.head
            elif finished + _KEPT_BLOCKS <= finality.head and finished <= finality.final:
                del self._lanes[lane]
        self._forget({state.id for state in states.values()}, finality.head)
        self._unknown = self._unknown + 1 if unknown else 0
        if self._unknown == _UNKNOWN_POLLS:
            self._unknown = 0
            self._checkpoints.clear()
            raise ChainUnavailableError(
                f"the node does not return the event of a round of panel {self._panel}; reading all events again",
                field="rpc_url",
                hint="check that the node serves the logs of all blocks since the deployment",
            )
        return rounds

    def _forget(self, current: set[bytes], head: int) -> None:
        """Forget the rounds that are neither in a lane nor recent."""
        for identity, opened in list(self._rounds.items()):
            if identity not in current and opened.block + _KEPT_BLOCKS < head:
                del self._rounds[identity]


def _events() -> dict[bytes, Any]:
    return abi_of(CONTRACT).events_by_topic
