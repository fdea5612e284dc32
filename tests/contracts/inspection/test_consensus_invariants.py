"""Whatever rounds go through, in any order: the invariants of inspection by consensus.

A model in plain Python keeps what was answered; after every step the chain is held against it.
CHROMATRACE_CONSENSUS_STEPS: steps in each run (25).
"""

import os

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test
from panel import COMMITTED, DECIDED, DRAWN, LAPSED, NONE, REQUESTED, REVEALED, SEATED, STALLED, Panel
from refusals import refusal
from undoing import undo
from world import advance_to

from chromatrace.crypto.sealed_answer import lane_id
from chromatrace.quality.consensus import Answer, decide
from chromatrace.quality.learning import InspectorRecord, learned, stalled
from chromatrace.quality.rules import UNIT, Rule, Weighing

STEPS = int(os.environ.get("CHROMATRACE_CONSENSUS_STEPS", "25"))
SIZE, DESKS = 8, 2
RULE = Rule(("pass", "fail"), 3, 5, Weighing.CONFIDENCE, 2_500)


PLACES = st.integers(0, DESKS - 1)
SEATS = st.integers(0, 6)


class Rounds(RuleBasedStateMachine):
    """Two lanes, eight inspectors. `counted`: the answers that were taken under seal, by lane and seat."""

    mark = ""
    decided = 0

    def __init__(self, panel):
        super().__init__()
        self.panel, self.world = panel, panel.world
        if Rounds.mark:
            undo(self.world.rpc, Rounds.mark)
        Rounds.mark = self.world.rpc.call("evm_snapshot")
        self.standings = {number: InspectorRecord() for number in range(1, SIZE + 1)}
        self.subject = 0
        self.counted = {place: {} for place in range(DESKS)}

    def _lane(self, lane):
        return lane_id(self.world.plant, lane)

    @initialize(first=st.integers(0, SIZE), answer=st.integers(0, 1))
    def one_is_decided(self, first, answer):
        """Whatever follows, it follows a round in which all agreed."""
        before = Rounds.decided
        self.answer_all(0, first, [answer] * 7)
        assert Rounds.decided == before + 1

    @rule(place=PLACES, first=st.integers(0, SIZE))
    def open(self, place, first):
        lane = self._lane(place)
        phase = self.panel.state(lane)["phase"]
        self.subject += 1
        request = [(place, self.subject.to_bytes(32, "big"), 1, 0, first, 1)]
        if phase in (REQUESTED, SEATED) or (first and first in self._busy()):
            assert refusal(self.world.consensus.open, request, sender=self.world.producer).name in (
                "RoundInProgress",
                "InspectorUnavailable",
            )
            return
        self.world.send(self.world.consensus.open, request, sender=self.world.producer)
        self.counted[place] = {}

    @rule(place=PLACES)
    def draw(self, place):
        lane = self._lane(place)
        self.world.rpc.call("evm_mine")
        before = self.panel.state(lane)
        try:
            wrong = refusal(self.world.consensus.draw, [lane], sender=self.world.stranger).name
        except AssertionError:
            busy = self._busy() - {before["first"]}
            drawn = self.panel.draw(lane)[before["seatCount"] :]
            fresh = set(drawn) - {before["first"]}
            assert not fresh & busy, "a seated inspector was drawn again"
            return
        assert wrong in ("WrongPhase", "NotEnoughInspectors", "DeadlinePassed")

    @rule(place=PLACES, seat=SEATS, answer=st.integers(0, 1))
    def commit(self, place, seat, answer):
        lane = self._lane(place)
        state = self.panel.state(lane)
        if seat >= len(state["seats"]) or state["phase"] != SEATED:
            return
        commitment = self.panel.commitment(lane, seat, answer)
        call = (self.world.consensus.commit, [(lane, [commitment])])
        if state["seats"][seat][1] != DRAWN:
            kept = self.counted[place].get(seat)
            assert refusal(*call, sender=self.world.stranger).name in ("AlreadyAnswered", "DeadlinePassed")
            if kept is not None:
                self.panel.sealed[lane, seat] = kept
            return
        self.world.send(*call, sender=self.world.stranger)
        self.counted[place][seat] = self.panel.sealed[lane, seat]

    @rule(place=PLACES, seat=SEATS)
    def reveal(self, place, seat):
        lane = self._lane(place)
        state = self.panel.state(lane)
        if seat not in self.counted[place] or state["phase"] != SEATED:
            return
        marks = [seat[1] for seat in state["seats"]]
        call = (self.world.consensus.reveal, [(lane, [self.panel.answer(lane, seat)])])
        if DRAWN in marks or marks[seat] != COMMITTED:
            assert refusal(*call, sender=self.world.stranger).name in (
                "NotAllCommitted",
                "AlreadyAnswered",
                "NotCommitted",
                "DeadlinePassed",
            )
            return
        self.world.send(*call, sender=self.world.stranger)
        self._follow(place)

    @rule(place=PLACES, first=st.integers(0, SIZE), answers=st.lists(st.integers(0, 1), min_size=7, max_size=7))
    def answer_all(self, place, first, answers):
        """A round is opened and drawn, unless one is, and all who sit answer: it is decided, or asks for more."""
        self.open(place, first)
        self.draw(place)
        for seat, answer in enumerate(answers):
            seats = self.panel.seats(self._lane(place))
            if seat < len(seats) and seats[seat][1] == DRAWN:
                self.commit(place, seat, answer)
        for seat in range(len(answers)):
            self.reveal(place, seat)

    @rule(place=PLACES)
    def stall(self, place):
        """Nobody does anything more: the round still moves on."""
        lane = self._lane(place)
        state = self.panel.state(lane)
        if state["phase"] not in (REQUESTED, SEATED):
            assert refusal(self.world.consensus.close, lane, sender=self.world.stranger).name == "WrongPhase"
            return
        advance_to(max(self.world.now, state["deadline"]) + self.panel.rule["revealSeconds"] + 1)
        self.panel.close(lane)
        for before, after in zip(state["seats"], self.panel.seats(lane), strict=True):
            if after[1] == STALLED and before[1] != STALLED:
                self.standings[after[0]] = stalled(self.standings[after[0]])
        self._follow(place)

    def teardown(self):
        """A round always ends: whatever was done before, and nobody doing any more."""
        for place in range(DESKS):
            for _ in range(3):
                self.stall(place)
            assert self.panel.state(self._lane(place))["phase"] in (NONE, DECIDED, LAPSED)

    def _follow(self, place):
        """What the twin says of the answers revealed so far is what the contract did."""
        state = self.panel.state(self._lane(place))
        if state["phase"] != DECIDED:
            return
        answers = [
            Answer(number, RULE.states[answer], self.standings[number].capability)
            for number, mark, answer in state["seats"]
            if mark == REVEALED
        ]
        for seat, (_, mark, answer) in enumerate(state["seats"]):
            if mark == REVEALED:
                assert self.counted[place][seat].state == answer, "an answer was changed"
        outcome = decide(RULE, answers)
        assert outcome is not None, "decided without a consensus"
        assert RULE.states[state["state"]] == outcome.state
        assert state["recorder"] == outcome.recorder
        Rounds.decided += 1
        for answer in answers:
            self.standings[answer.inspector] = learned(self.standings[answer.inspector], answer.state == outcome.state)

    def _busy(self):
        busy = set()
        for lane in range(DESKS):
            state = self.panel.state(self._lane(lane))
            if state["phase"] in (REQUESTED, SEATED):
                busy |= {seat[0] for seat in state["seats"]} | {state["first"]}
        return busy - {0}

    @invariant()
    def capabilities_are_what_was_learned(self):
        for number, standing in self.standings.items():
            found = self.panel.inspector(number)
            assert 0 <= found["capability"] <= UNIT
            assert (found["capability"], found["inspections"], found["wins"]) == standing

    @invariant()
    def an_inspector_sits_once(self):
        seated = []
        for lane in range(DESKS):
            state = self.panel.state(self._lane(lane))
            assert state["phase"] in (NONE, REQUESTED, SEATED, DECIDED, LAPSED)
            assert len(state["seats"]) <= 21
            if state["phase"] in (REQUESTED, SEATED):
                seated += [seat[0] for seat in state["seats"]] or [state["first"]] * bool(state["first"])
        assert len(seated) == len(set(seated))
        free = self.world.read(self.world.consensus.eligible, self.world.plant)
        assert {number for number in range(1, SIZE + 1) if free >> number & 1} == set(range(1, SIZE + 1)) - set(seated)


def test_rounds_in_any_order(world):
    panel = Panel(world, size=SIZE)
    panel.set_rule(maximum=5, weighing=int(RULE.weighing), threshold=RULE.threshold)
    Rounds.mark = ""
    # This release of hypothesis keeps its first ten examples to a few steps each.
    thorough = settings(
        max_examples=10 + 6, stateful_step_count=STEPS, deadline=None, suppress_health_check=HealthCheck.all()
    )
    run_state_machine_as_test(lambda: Rounds(panel), settings=thorough)
