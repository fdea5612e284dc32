"""Whole rounds through the contract, many in a transaction, run as the twin in chromatrace/quality says.

Random rules, inspectors who do not commit or do not reveal, every phase, with learning from round to round. The twin is
told who was drawn, and must foresee all the rest. CHROMATRACE_CONSENSUS_ROUNDS: how many (120; 10,000 take minutes).
"""

import os
import random
from collections import Counter
from dataclasses import dataclass, field

from eth_abi import decode as decode_abi
from eth_utils import keccak
from panel import DECIDED, LAPSED, REQUESTED, REVEALED, SEATED, SUBJECT, Panel, key_of
from world import advance_to

from chromatrace.crypto.sealed_answer import SealedAnswer, lane_id
from chromatrace.domain.rights import Stage
from chromatrace.quality.consensus import Answer, decide
from chromatrace.quality.learning import MIN_ANSWERS, InspectorRecord, learned, stalled
from chromatrace.quality.log_odds import MAX_LOG_ODDS
from chromatrace.quality.rules import Rule, Weighing, min_inspectors

ROUNDS = int(os.environ.get("CHROMATRACE_CONSENSUS_ROUNDS", "120"))
INSPECTORS = 102
MOST_SEATS = 21
AT_ONCE = 30
COMMIT_S, REVEAL_S = 600, 60
OUTPUT = (
    "bytes32",
    "(uint8,uint8,bool,bool,uint8,uint8,uint8,uint8,uint16,uint32,uint40,uint32,uint72)",
    "(uint8,uint8,uint8)[]",
)


@dataclass
class Round:
    """What the twin knows of a round: who was drawn, what each answered, who stalled."""

    lane: int
    seats: list[int] = field(default_factory=list)
    states: dict[int, int] = field(default_factory=dict)
    gone: set[int] = field(default_factory=set)
    sealed: dict[int, int] = field(default_factory=dict)
    silent: set[int] = field(default_factory=set)
    mute: set[int] = field(default_factory=set)
    identity: bytes = b""

    def missing(self, rule: Rule, first_wave: int) -> int:
        """How many seats the contract will draw."""
        wanted = len(self.states) + 1 if self.states else first_wave
        return max(wanted, rule.minimum) - (len(self.seats) - len(self.gone))

    @property
    def fresh(self) -> list[int]:
        """Seats drawn that nothing has been heard of."""
        known = self.states.keys() | self.sealed.keys() | self.gone
        return [seat for seat in range(len(self.seats)) if seat not in known]


class Rounds:
    """Rounds of one rule, one on each lane, that go through their phases together."""

    def __init__(self, panel: Panel, chance: random.Random, standings: dict[int, InspectorRecord]) -> None:
        self.panel, self.chance, self.standings = panel, chance, standings
        self.rule, self.first_wave = self._rule()
        self.seen: Counter[str] = Counter()

    def _rule(self) -> tuple[Rule, int]:
        chance = self.chance
        states = tuple(f"state {number}" for number in range(chance.choice([2, 2, 2, 3, 5])))
        weighing = chance.choice(list(Weighing))
        least = 1 if weighing is Weighing.LOG_ODDS else min_inspectors(len(states))
        maximum = chance.choice([each for each in (least, 3, 5, 7, 9, 17) if each >= least])
        highest = Rule(states, least, maximum, weighing, 1).highest_score
        within = min(highest, 2 * MAX_LOG_ODDS) if weighing is Weighing.LOG_ODDS else highest // 2
        rule = Rule(states, least, maximum, weighing, chance.randint(1, within))
        first_wave = chance.choice([least, least, maximum])
        self.panel.set_rule(
            states=len(states),
            minimum=least,
            maximum=maximum,
            firstWave=first_wave,
            weighing=int(weighing),
            threshold=rule.threshold,
            commitSeconds=COMMIT_S,
            revealSeconds=REVEAL_S,
        )
        return rule, first_wave

    def play(self, most: int) -> int:
        """So many rounds from request to outcome; how many there was room for."""
        count = min(AT_ONCE, most, INSPECTORS // (self.rule.maximum + 2))
        requests, waiting = [], []
        for number, first in enumerate(self.chance.sample(range(1, INSPECTORS + 1), count)):
            own = first if self.chance.random() < 0.5 else 0
            requests.append((number, SUBJECT, 1, int(Stage.FIRST), own, 1))
            waiting.append(Round(lane_id(self.panel.world.plant, number), [own] if own else []))
        self.send("open", requests, sender=self.panel.world.producer)
        while waiting:
            self.draw(waiting)
            self.answer(waiting)
            waiting = [one for one in waiting if not self.over(one)]
        return count

    def draw(self, waiting: list[Round]) -> None:
        self.send("draw", [one.lane for one in waiting])
        for one in waiting:
            one.identity, current, seats = self.read(one)
            drawn = [number for number, _, _ in seats]
            assert current[0] == SEATED
            assert drawn[: len(one.seats)] == one.seats
            assert len(drawn) == len(set(drawn)) == len(one.seats) + one.missing(self.rule, self.first_wave)
            one.seats = drawn
            roll, few = self.chance.random(), self.chance.randint(1, len(one.fresh))
            one.silent = set(self.chance.sample(one.fresh, few)) if roll < 0.03 else set()
            one.mute = set(self.chance.sample(one.fresh, few)) if roll > 0.97 else set()

    def answer(self, waiting: list[Round]) -> None:
        """Commit and reveal, but for those who stall; the time to commit is over for all when it is for one."""
        commitments = []
        for one in waiting:
            given = {seat: self.chance.randrange(len(self.rule.states)) for seat in one.fresh if seat not in one.silent}
            commitments.append((one.lane, [self.commitment(one, seat, state) for seat, state in given.items()]))
            one.sealed |= given
        self.send("commit", commitments)
        deadline = max(self.read(one)[1][10] for one in waiting)
        if any(one.silent or one.mute for one in waiting):
            advance_to(deadline + 1)
        for one in waiting:
            self.close(one, one.silent)
        complete = [one for one in waiting if not one.silent]
        opened = {one.lane: one.sealed.keys() - one.mute for one in complete}
        self.send("reveal", [(lane, [self.panel.answer(lane, seat) for seat in of]) for lane, of in opened.items()])
        if any(one.mute for one in complete):
            advance_to(deadline + REVEAL_S + 1)
        for one in complete:
            self.close(one, one.mute)
            one.states |= {seat: one.sealed[seat] for seat in opened[one.lane]}
            one.sealed = {}

    def over(self, one: Round) -> bool:
        """Whether the round is, by the twin; the contract says the same."""
        _, current, seats = self.read(one)
        answers = [
            Answer(one.seats[seat], self.rule.states[state], self.standings[one.seats[seat]].capability)
            for seat, state in sorted(one.states.items())
        ]
        assert [place for place, seat in enumerate(seats) if seat[1] == REVEALED] == sorted(one.states)
        outcome = None if one.silent else decide(self.rule, answers)
        if outcome is None:
            lapsed = len(one.seats) + one.missing(self.rule, self.first_wave) > MOST_SEATS
            assert current[0] == (LAPSED if lapsed else REQUESTED)
            self.seen["lapsed"] += lapsed
            return lapsed
        assert (current[0], self.rule.states[current[6]], current[7]) == (DECIDED, outcome.state, outcome.recorder)
        if len(answers) >= MIN_ANSWERS:
            for each in answers:
                self.standings[each.inspector] = learned(self.standings[each.inspector], each.state == outcome.state)
        self.seen[f"{self.rule.weighing.name} {'by the threshold' if outcome.reached else 'at the maximum'}"] += 1
        return True

    def close(self, one: Round, stalling: set[int]) -> None:
        """Moves the round on where somebody stalls."""
        if not stalling:
            return
        for seat in stalling:
            self.standings[one.seats[seat]] = stalled(self.standings[one.seats[seat]])
        one.gone |= stalling
        one.sealed = {seat: state for seat, state in one.sealed.items() if seat not in stalling}
        self.send("close", one.lane)
        self.seen["stalled"] += 1

    def commitment(self, one: Round, seat: int, state: int) -> tuple:
        signer = key_of(one.seats[seat])
        answer = SealedAnswer(state, 0, keccak(b"evidence"), keccak(b"salt %d" % seat))
        self.panel.sealed[one.lane, seat] = answer
        return self.panel.signed(one.identity, seat, answer.digest(one.identity, signer.address), signer)

    def read(self, one: Round) -> tuple:
        function = self.panel.contract.round
        data = {"to": function._address, "data": function.encode_input(one.lane)}
        return decode_abi(OUTPUT, bytes.fromhex(self.panel.world.rpc.call("eth_call", data, "latest")[2:]))

    def send(self, function: str, argument: object, sender: object = None) -> None:
        self.panel._send(function, argument, sender=sender)


def test_whole_rounds_run_as_the_twin_says(world):
    chance = random.Random(11)
    starts = {number: chance.randint(3_000, 10_000) for number in range(1, INSPECTORS + 1)}
    panel = Panel(world, size=INSPECTORS, capabilities=starts)
    standings = {number: InspectorRecord(capability) for number, capability in starts.items()}
    seen, done = Counter(), 0
    while done < ROUNDS:
        rounds = Rounds(panel, chance, standings)
        done += rounds.play(ROUNDS - done)
        seen += rounds.seen
    for number, standing in standings.items():
        found = panel.inspector(number)
        assert (found["capability"], found["inspections"], found["wins"]) == standing
    print(f"{done:,} rounds: {dict(seen)}")
    assert seen["stalled"]
    assert {name.split()[0] for name in seen} >= {weighing.name for weighing in Weighing}, "too few rounds for all"
