"""Random operations on rounds: the contract agrees with a model, and the invariants hold.

CHROMATRACE_CONSENSUS_STEPS sets the number of steps of each run (default 25).
"""

import os

from dev_chain import revert
from environment import advance_to
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test
from panel import COMMITTED, DECIDED, DRAWN, LAPSED, NONE, REQUESTED, REVEALED, SEATED, STALLED, Panel
from reverts import DidNotRevert, revert_of

from chromatrace.crypto.sealed_answer import lane_id
from chromatrace.quality.consensus import Answer, decide
from chromatrace.quality.learning import InspectorRecord, learned, stalled
from chromatrace.quality.rules import UNIT, Rule, Weighing

STEPS = int(os.environ.get("CHROMATRACE_CONSENSUS_STEPS", "25"))
SIZE, LANE_COUNT = 8, 2
RULE = Rule(("pass", "fail"), 3, 5, Weighing.CONFIDENCE, 2_500)


LANES = st.integers(0, LANE_COUNT - 1)
SEATS = st.integers(0, 6)


class Rounds(RuleBasedStateMachine):
    """Rounds in two lanes with eight inspectors. `committed` holds the accepted answers by lane number and seat."""

    snapshot = ""
    decided = 0

    def __init__(self, panel):
        super().__init__()
        self.panel, self.env = panel, panel.env
        if Rounds.snapshot:
            revert(self.env.rpc, Rounds.snapshot)
        Rounds.snapshot = self.env.rpc.call("evm_snapshot")
        self.records = {number: InspectorRecord() for number in range(1, SIZE + 1)}
        self.subject = 0
        self.committed = {number: {} for number in range(LANE_COUNT)}

    def _lane(self, number):
        return lane_id(self.env.plant, number)

    @initialize(first=st.integers(0, SIZE), answer=st.integers(0, 1))
    def decide_a_round(self, first, answer):
        """Start with a round in which all answers agree."""
        previous = Rounds.decided
        self.answer_all(0, first, [answer] * 7)
        assert Rounds.decided == previous + 1

    @rule(number=LANES, first=st.integers(0, SIZE))
    def open(self, number, first):
        lane = self._lane(number)
        phase = self.panel.state(lane)["phase"]
        self.subject += 1
        request = [(number, self.subject.to_bytes(32, "big"), 1, 0, first, 1)]
        if phase in (REQUESTED, SEATED) or (first and first in self._busy()):
            assert revert_of(self.env.consensus.open, request, sender=self.env.producer).name in (
                "RoundInProgress",
                "InspectorUnavailable",
            )
            return
        self.env.send(self.env.consensus.open, request, sender=self.env.producer)
        self.committed[number] = {}

    @rule(number=LANES)
    def draw(self, number):
        lane = self._lane(number)
        self.env.rpc.call("evm_mine")
        before = self.panel.state(lane)
        try:
            error = revert_of(self.env.consensus.draw, [lane], sender=self.env.stranger).name
        except AssertionError:
            busy = self._busy() - {before["first"]}
            drawn = self.panel.draw(lane)[before["seatCount"] :]
            newly_drawn = set(drawn) - {before["first"]}
            assert not newly_drawn & busy, "a seated inspector was drawn again"
            return
        assert error in ("WrongPhase", "NotEnoughInspectors", "DeadlinePassed")

    @rule(number=LANES, seat=SEATS, answer=st.integers(0, 1))
    def commit(self, number, seat, answer):
        lane = self._lane(number)
        state = self.panel.state(lane)
        if seat >= len(state["seats"]) or state["phase"] != SEATED:
            return
        commitment = self.panel.commitment(lane, seat, answer)
        call = (self.env.consensus.commit, [(lane, [commitment])])
        if state["seats"][seat][1] != DRAWN:
            committed = self.committed[number].get(seat)
            before = self.panel.state(lane)
            try:
                assert revert_of(*call, sender=self.env.stranger).name == "DeadlinePassed"
            except DidNotRevert:
                self.env.send(*call, sender=self.env.stranger)
            assert self.panel.state(lane) == before
            if committed is not None:
                self.panel.sealed[lane, seat] = committed
            return
        self.env.send(*call, sender=self.env.stranger)
        self.committed[number][seat] = self.panel.sealed[lane, seat]

    @rule(number=LANES, seat=SEATS)
    def reveal(self, number, seat):
        lane = self._lane(number)
        state = self.panel.state(lane)
        if seat not in self.committed[number] or state["phase"] != SEATED:
            return
        statuses = [seat[1] for seat in state["seats"]]
        call = (self.env.consensus.reveal, [(lane, [self.panel.answer(lane, seat)])])
        if DRAWN in statuses or statuses[seat] != COMMITTED:
            try:
                error = revert_of(*call, sender=self.env.stranger).name
            except DidNotRevert:
                assert statuses[seat] == REVEALED
                return
            assert error in ("NotAllCommitted", "NotCommitted", "DeadlinePassed")
            return
        self.env.send(*call, sender=self.env.stranger)
        self._check_decision(number)

    @rule(number=LANES, first=st.integers(0, SIZE), answers=st.lists(st.integers(0, 1), min_size=7, max_size=7))
    def answer_all(self, number, first, answers):
        """Open and draw a round if there is none, then answer for all seats. It is decided or requests more seats."""
        self.open(number, first)
        self.draw(number)
        for seat, answer in enumerate(answers):
            seats = self.panel.seats(self._lane(number))
            if seat < len(seats) and seats[seat][1] == DRAWN:
                self.commit(number, seat, answer)
        for seat in range(len(answers)):
            self.reveal(number, seat)

    @rule(number=LANES)
    def stall(self, number):
        """Let the deadlines pass and close the phase."""
        lane = self._lane(number)
        state = self.panel.state(lane)
        if state["phase"] not in (REQUESTED, SEATED):
            assert revert_of(self.env.consensus.close, lane, sender=self.env.stranger).name == "WrongPhase"
            return
        advance_to(max(self.env.now, state["deadline"]) + self.panel.rule["revealSeconds"] + 1)
        self.panel.close(lane)
        for before, after in zip(state["seats"], self.panel.seats(lane), strict=True):
            if after[1] == STALLED and before[1] != STALLED:
                self.records[after[0]] = stalled(self.records[after[0]])
        self._check_decision(number)

    def teardown(self):
        """Check that every round ends if it is only closed from now on."""
        for number in range(LANE_COUNT):
            for _ in range(3):
                self.stall(number)
            assert self.panel.state(self._lane(number))["phase"] in (NONE, DECIDED, LAPSED)

    def _check_decision(self, number):
        """Compare a decision with chromatrace/quality."""
        state = self.panel.state(self._lane(number))
        if state["phase"] != DECIDED:
            return
        answers = [
            Answer(number, RULE.states[answer], self.records[number].capability)
            for number, status, answer in state["seats"]
            if status == REVEALED
        ]
        for seat, (_, status, answer) in enumerate(state["seats"]):
            if status == REVEALED:
                assert self.committed[number][seat].state == answer, "an answer was changed"
        outcome = decide(RULE, answers)
        assert outcome is not None, "decided without a consensus"
        assert RULE.states[state["state"]] == outcome.state
        assert state["recorder"] == outcome.recorder
        Rounds.decided += 1
        for answer in answers:
            self.records[answer.inspector] = learned(self.records[answer.inspector], answer.state == outcome.state)

    def _busy(self):
        busy = set()
        for number in range(LANE_COUNT):
            state = self.panel.state(self._lane(number))
            if state["phase"] in (REQUESTED, SEATED):
                busy |= {seat[0] for seat in state["seats"]} | {state["first"]}
        return busy - {0}

    @invariant()
    def capabilities_match_the_model(self):
        for number, record in self.records.items():
            inspector = self.panel.inspector(number)
            assert 0 <= inspector["capability"] <= UNIT
            assert (inspector["capability"], inspector["inspections"], inspector["wins"]) == record

    @invariant()
    def an_inspector_sits_in_one_round(self):
        seated = []
        for number in range(LANE_COUNT):
            state = self.panel.state(self._lane(number))
            assert state["phase"] in (NONE, REQUESTED, SEATED, DECIDED, LAPSED)
            assert len(state["seats"]) <= 21
            if state["phase"] in (REQUESTED, SEATED):
                seated += [seat[0] for seat in state["seats"]] or [state["first"]] * bool(state["first"])
        assert len(seated) == len(set(seated))
        eligible = self.env.read(self.env.consensus.eligible, self.env.plant)
        assert {number for number in range(1, SIZE + 1) if eligible >> number & 1} == set(range(1, SIZE + 1)) - set(
            seated
        )


def test_random_operations_on_rounds(env):
    panel = Panel(env, size=SIZE)
    panel.set_rule(maximum=5, weighing=int(RULE.weighing), threshold=RULE.threshold)
    Rounds.snapshot = ""
    # Hypothesis 6.27 limits its first ten examples to a few steps each.
    profile = settings(
        max_examples=10 + 6, stateful_step_count=STEPS, deadline=None, suppress_health_check=HealthCheck.all()
    )
    run_state_machine_as_test(lambda: Rounds(panel), settings=profile)
