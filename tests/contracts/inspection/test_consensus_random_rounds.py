"""Whole rounds with random rules and stalling inspectors: the contract agrees with chromatrace/quality.

The test reads who was drawn and predicts everything else, including learning from round to round.
CHROMATRACE_CONSENSUS_ROUNDS sets the number of rounds (default 120; 10,000 take minutes).
"""

import os
import random
from collections import Counter
from dataclasses import dataclass, field

from environment import advance_to
from eth_abi import decode as decode_abi
from eth_utils import keccak
from panel import DECIDED, LAPSED, REQUESTED, REVEALED, SEATED, SUBJECT, Panel, key_of

from chromatrace.crypto.sealed_answer import SealedAnswer, lane_id
from chromatrace.domain.rights import Stage
from chromatrace.quality.consensus import Answer, decide
from chromatrace.quality.learning import MIN_ANSWERS, InspectorRecord, learned, stalled
from chromatrace.quality.log_odds import MAX_LOG_ODDS
from chromatrace.quality.rules import Rule, Weighing, min_inspectors

ROUNDS = int(os.environ.get("CHROMATRACE_CONSENSUS_ROUNDS", "120"))
INSPECTORS = 102
MAX_SEATS = 21
MAX_ROUNDS_PER_CALL = 30
COMMIT_S, REVEAL_S = 600, 60
OUTPUT = (
    "bytes32",
    "(uint8,uint8,bool,bool,uint8,uint8,uint8,uint8,uint16,uint32,uint40,uint32,uint72)",
    "(uint8,uint8,uint8)[]",
)


@dataclass
class Round:
    """The expected state of a round.

    seats      inspector number of each seat
    states     revealed answers by seat
    stalled    seats that missed a deadline
    sealed     committed answers by seat
    not_committing     seats that will not commit
    not_revealing       seats that will commit but not reveal
    """

    lane: int
    seats: list[int] = field(default_factory=list)
    states: dict[int, int] = field(default_factory=dict)
    stalled: set[int] = field(default_factory=set)
    sealed: dict[int, int] = field(default_factory=dict)
    not_committing: set[int] = field(default_factory=set)
    not_revealing: set[int] = field(default_factory=set)
    identity: bytes = b""

    def missing(self, rule: Rule, first_wave: int) -> int:
        """Return the number of seats that the contract will draw."""
        required = len(self.states) + 1 if self.states else first_wave
        return max(required, rule.minimum) - (len(self.seats) - len(self.stalled))

    @property
    def unanswered(self) -> list[int]:
        """Return the drawn seats that have neither answered nor stalled."""
        known = self.states.keys() | self.sealed.keys() | self.stalled
        return [seat for seat in range(len(self.seats)) if seat not in known]


class Rounds:
    """Rounds with one rule, one per lane, that run through their phases together."""

    def __init__(self, panel: Panel, rng: random.Random, records: dict[int, InspectorRecord]) -> None:
        self.panel, self.rng, self.records = panel, rng, records
        self.rule, self.first_wave = self._rule()
        self.outcomes: Counter[str] = Counter()

    def _rule(self) -> tuple[Rule, int]:
        rng = self.rng
        states = tuple(f"state {number}" for number in range(rng.choice([2, 2, 2, 3, 5])))
        weighing = rng.choice(list(Weighing))
        minimum = 1 if weighing is Weighing.LOG_ODDS else min_inspectors(len(states))
        maximum = rng.choice([count for count in (minimum, 3, 5, 7, 9, 17) if count >= minimum])
        highest = Rule(states, minimum, maximum, weighing, 1).highest_score
        within = min(highest, 2 * MAX_LOG_ODDS) if weighing is Weighing.LOG_ODDS else highest // 2
        rule = Rule(states, minimum, maximum, weighing, rng.randint(1, within))
        first_wave = rng.choice([minimum, minimum, maximum])
        self.panel.set_rule(
            states=len(states),
            minimum=minimum,
            maximum=maximum,
            firstWave=first_wave,
            weighing=int(weighing),
            threshold=rule.threshold,
            commitSeconds=COMMIT_S,
            revealSeconds=REVEAL_S,
        )
        return rule, first_wave

    def play(self, limit: int) -> int:
        """Run rounds from request to outcome. Return their number, which the size of the panel limits."""
        count = min(MAX_ROUNDS_PER_CALL, limit, INSPECTORS // (self.rule.maximum + 2))
        requests, rounds = [], []
        for number, first in enumerate(self.rng.sample(range(1, INSPECTORS + 1), count)):
            own = first if self.rng.random() < 0.5 else 0
            requests.append((number, SUBJECT, 1, int(Stage.FIRST), own, 1))
            rounds.append(Round(lane_id(self.panel.env.plant, number), [own] if own else []))
        self.send("open", requests, sender=self.panel.env.producer)
        while rounds:
            self.draw(rounds)
            self.answer(rounds)
            rounds = [round_ for round_ in rounds if not self.is_finished(round_)]
        return count

    def draw(self, rounds: list[Round]) -> None:
        self.send("draw", [round_.lane for round_ in rounds])
        for round_ in rounds:
            round_.identity, current, seats = self.read(round_)
            drawn = [number for number, _, _ in seats]
            assert current[0] == SEATED
            assert drawn[: len(round_.seats)] == round_.seats
            assert len(drawn) == len(set(drawn)) == len(round_.seats) + round_.missing(self.rule, self.first_wave)
            round_.seats = drawn
            roll, count = self.rng.random(), self.rng.randint(1, len(round_.unanswered))
            round_.not_committing = set(self.rng.sample(round_.unanswered, count)) if roll < 0.03 else set()
            round_.not_revealing = set(self.rng.sample(round_.unanswered, count)) if roll > 0.97 else set()

    def answer(self, rounds: list[Round]) -> None:
        """Commit and reveal except for stalling seats. All rounds share the same deadlines."""
        commitments = []
        for round_ in rounds:
            states = {
                seat: self.rng.randrange(len(self.rule.states))
                for seat in round_.unanswered
                if seat not in round_.not_committing
            }
            commitments.append((round_.lane, [self.commitment(round_, seat, state) for seat, state in states.items()]))
            round_.sealed |= states
        self.send("commit", commitments)
        deadline = max(self.read(round_)[1][10] for round_ in rounds)
        if any(round_.not_committing or round_.not_revealing for round_ in rounds):
            advance_to(deadline + 1)
        for round_ in rounds:
            self.close(round_, round_.not_committing)
        complete = [round_ for round_ in rounds if not round_.not_committing]
        opened = {round_.lane: round_.sealed.keys() - round_.not_revealing for round_ in complete}
        self.send(
            "reveal", [(lane, [self.panel.answer(lane, seat) for seat in seats]) for lane, seats in opened.items()]
        )
        if any(round_.not_revealing for round_ in complete):
            advance_to(deadline + REVEAL_S + 1)
        for round_ in complete:
            self.close(round_, round_.not_revealing)
            round_.states |= {seat: round_.sealed[seat] for seat in opened[round_.lane]}
            round_.sealed = {}

    def is_finished(self, round_: Round) -> bool:
        """Return whether the round is expected to be finished, and compare with the contract."""
        _, current, seats = self.read(round_)
        answers = [
            Answer(round_.seats[seat], self.rule.states[state], self.records[round_.seats[seat]].capability)
            for seat, state in sorted(round_.states.items())
        ]
        assert [index for index, seat in enumerate(seats) if seat[1] == REVEALED] == sorted(round_.states)
        outcome = None if round_.not_committing else decide(self.rule, answers)
        if outcome is None:
            lapsed = len(round_.seats) + round_.missing(self.rule, self.first_wave) > MAX_SEATS
            assert current[0] == (LAPSED if lapsed else REQUESTED)
            self.outcomes["lapsed"] += lapsed
            return lapsed
        assert (current[0], self.rule.states[current[6]], current[7]) == (DECIDED, outcome.state, outcome.recorder)
        if len(answers) >= MIN_ANSWERS:
            for answer in answers:
                record = self.records[answer.inspector]
                self.records[answer.inspector] = learned(record, answer.state == outcome.state)
        self.outcomes[f"{self.rule.weighing.name} {'by the threshold' if outcome.reached else 'at the maximum'}"] += 1
        return True

    def close(self, round_: Round, stalling: set[int]) -> None:
        """Close the phase of the round if seats stall."""
        if not stalling:
            return
        for seat in stalling:
            self.records[round_.seats[seat]] = stalled(self.records[round_.seats[seat]])
        round_.stalled |= stalling
        round_.sealed = {seat: state for seat, state in round_.sealed.items() if seat not in stalling}
        self.send("close", round_.lane)
        self.outcomes["stalled"] += 1

    def commitment(self, round_: Round, seat: int, state: int) -> tuple:
        signer = key_of(round_.seats[seat])
        answer = SealedAnswer(state, 0, keccak(b"evidence"), keccak(b"salt %d" % seat))
        self.panel.sealed[round_.lane, seat] = answer
        return self.panel.signed(round_.identity, seat, answer.digest(round_.identity, signer.address), signer)

    def read(self, round_: Round) -> tuple:
        function = self.panel.contract.round
        data = {"to": function._address, "data": function.encode_input(round_.lane)}
        return decode_abi(OUTPUT, bytes.fromhex(self.panel.env.rpc.call("eth_call", data, "latest")[2:]))

    def send(self, function: str, argument: object, sender: object = None) -> None:
        self.panel._send(function, argument, sender=sender)


def test_random_rounds_agree(env):
    rng = random.Random(11)
    starts = {number: rng.randint(3_000, 10_000) for number in range(1, INSPECTORS + 1)}
    panel = Panel(env, size=INSPECTORS, capabilities=starts)
    records = {number: InspectorRecord(capability) for number, capability in starts.items()}
    outcomes, done = Counter(), 0
    while done < ROUNDS:
        rounds = Rounds(panel, rng, records)
        done += rounds.play(ROUNDS - done)
        outcomes += rounds.outcomes
    for number, record in records.items():
        inspector = panel.inspector(number)
        assert (inspector["capability"], inspector["inspections"], inspector["wins"]) == record
    print(f"{done:,} rounds: {dict(outcomes)}")
    assert outcomes["stalled"]
    assert {name.split()[0] for name in outcomes} >= {weighing.name for weighing in Weighing}, "too few rounds"
