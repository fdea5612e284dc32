"""The contract's rule and the twin in chromatrace/quality agree on random answers; so does the drawing of set bits.

Whole rounds: test_consensus_whole_rounds.py. CHROMATRACE_CONSENSUS_ROUNDS: how many (2,000; 10,000 take some ten
seconds).
"""

import os
import random

import pytest
from brownie import ConsensusRuleHarness

from chromatrace.quality.consensus import Answer, decide
from chromatrace.quality.learning import InspectorRecord, learned, stalled
from chromatrace.quality.log_odds import MAX_LOG_ODDS, log_odds
from chromatrace.quality.rules import UNIT, Rule, Weighing, min_inspectors

ROUNDS = int(os.environ.get("CHROMATRACE_CONSENSUS_ROUNDS", "2000"))
BATCH = 200
PENALTY = 500


@pytest.fixture(scope="module")
def harness(world):
    return world.registrar.deploy(ConsensusRuleHarness)


def call(world, function, *args):
    fields = {"to": function._address, "data": function.encode_input(*args), "gas": hex(2**40)}
    return function.decode_output(world.rpc.call("eth_call", fields, "latest"))


def random_capability(chance):
    return chance.choice([0, UNIT, 1_000, 100 * chance.randint(0, 100), chance.randint(0, UNIT)])


def random_round(chance):
    states = tuple(f"state {number}" for number in range(chance.randint(2, 12)))
    weighing = chance.choice(list(Weighing))
    least = 1 if weighing is Weighing.LOG_ODDS else min_inspectors(len(states))
    maximum = chance.randrange(least, 18, 2)
    highest = Rule(states, least, maximum, weighing, 1).highest_score
    within = MAX_LOG_ODDS if weighing is Weighing.LOG_ODDS else highest
    rule = Rule(states, least, maximum, weighing, chance.choice([chance.randint(1, within), highest]))
    count = chance.randint(max(1, least - 2), maximum)
    few = chance.sample(states, chance.randint(1, len(states)))
    return rule, [Answer(place, chance.choice(few), random_capability(chance)) for place in range(count)]


def test_the_contract_decides_as_the_twin(world, harness):
    chance = random.Random(20_26)
    decided = 0
    for _ in range(0, ROUNDS, BATCH):
        rounds = [random_round(chance) for _ in range(BATCH)]
        cases = [
            (
                int(rule.weighing),
                rule.minimum,
                rule.maximum,
                rule.threshold,
                [each.capability << 8 | rule.states.index(each.state) for each in answers],
            )
            for rule, answers in rounds
        ]
        for (rule, answers), found in zip(rounds, call(world, harness.decideMany, cases), strict=True):
            ours = decide(rule, answers)
            expected = (
                (False, 0, 0, 0, False)
                if ours is None
                else (True, rule.states.index(ours.state), ours.winner.score, ours.recorder, ours.reached)
            )
            assert tuple(found) == expected, (rule, answers)
            decided += ours is not None
    assert ROUNDS // 4 < decided < ROUNDS


def test_the_contract_learns_as_the_twin(world, harness):
    chance = random.Random(5)
    for _ in range(0, ROUNDS, BATCH):
        starts = [InspectorRecord(random_capability(chance)) for _ in range(BATCH)]
        courses = [[chance.choice([0, 1, 1, 2]) for _ in range(25)] for _ in starts]
        ends = call(world, harness.learnMany, starts, courses, PENALTY)
        for standing, course, end in zip(starts, courses, ends, strict=True):
            for outcome in course:
                standing = stalled(standing) if outcome == 2 else learned(standing, outcome == 1)
                assert 0 <= standing.capability <= UNIT
            assert tuple(end) == standing


def test_the_contract_weighs_as_the_twin(world, harness):
    """Every capability there is."""
    found = call(world, harness.logOdds, list(range(UNIT + 1)))
    assert [int(weight) for weight in found] == [log_odds(each) for each in range(UNIT + 1)]


def test_the_nth_of_a_set(world, harness):
    chance = random.Random(7)
    for _ in range(40):
        numbers = sorted(chance.sample(range(1, 256), chance.choice([1, 2, 17, 200, 255])))
        word = sum(1 << number for number in numbers)
        assert call(world, harness.count, word) == len(numbers)
        for rank in {0, len(numbers) - 1, chance.randrange(len(numbers))}:
            assert call(world, harness.select, word, rank) == numbers[rank]
    assert call(world, harness.count, 0) == 0
