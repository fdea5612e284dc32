"""`ConsensusRule`, `LogOdds` and `Bitmap` agree with chromatrace/quality on random inputs.

Whole rounds are in test_consensus_random_rounds.py. CHROMATRACE_CONSENSUS_ROUNDS sets the number of cases (default
2,000; 10,000 take about ten seconds).
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
def harness(env):
    return env.registrar.deploy(ConsensusRuleHarness)


def call(env, function, *args):
    fields = {"to": function._address, "data": function.encode_input(*args), "gas": hex(2**40)}
    return function.decode_output(env.rpc.call("eth_call", fields, "latest"))


def random_capability(rng):
    return rng.choice([0, UNIT, 1_000, 100 * rng.randint(0, 100), rng.randint(0, UNIT)])


def random_round(rng):
    states = tuple(f"state {number}" for number in range(rng.randint(2, 12)))
    weighing = rng.choice(list(Weighing))
    minimum = 1 if weighing is Weighing.LOG_ODDS else min_inspectors(len(states))
    maximum = rng.randrange(minimum, 18, 2)
    highest = Rule(states, minimum, maximum, weighing, 1).highest_score
    within = MAX_LOG_ODDS if weighing is Weighing.LOG_ODDS else highest
    rule = Rule(states, minimum, maximum, weighing, rng.choice([rng.randint(1, within), highest]))
    count = rng.randint(max(1, minimum - 2), maximum)
    chosen_states = rng.sample(states, rng.randint(1, len(states)))
    return rule, [Answer(number, rng.choice(chosen_states), random_capability(rng)) for number in range(count)]


def test_decisions_agree(env, harness):
    rng = random.Random(20_26)
    decided = 0
    for _ in range(0, ROUNDS, BATCH):
        rounds = [random_round(rng) for _ in range(BATCH)]
        cases = [
            (
                int(rule.weighing),
                rule.minimum,
                rule.maximum,
                rule.threshold,
                [answer.capability << 8 | rule.states.index(answer.state) for answer in answers],
            )
            for rule, answers in rounds
        ]
        for (rule, answers), actual in zip(rounds, call(env, harness.decideMany, cases), strict=True):
            outcome = decide(rule, answers)
            expected = (
                (False, 0, 0, 0, False)
                if outcome is None
                else (True, rule.states.index(outcome.state), outcome.winner.score, outcome.recorder, outcome.reached)
            )
            assert tuple(actual) == expected, (rule, answers)
            decided += outcome is not None
    assert ROUNDS // 4 < decided < ROUNDS


def test_learning_agrees(env, harness):
    rng = random.Random(5)
    for _ in range(0, ROUNDS, BATCH):
        starts = [InspectorRecord(random_capability(rng)) for _ in range(BATCH)]
        results = [[rng.choice([0, 1, 1, 2]) for _ in range(25)] for _ in starts]
        ends = call(env, harness.learnMany, starts, results, PENALTY)
        for record, sequence, end in zip(starts, results, ends, strict=True):
            for result in sequence:
                record = stalled(record) if result == 2 else learned(record, result == 1)
                assert 0 <= record.capability <= UNIT
            assert tuple(end) == record


def test_log_odds_agree(env, harness):
    """Compare every capability."""
    weights = call(env, harness.logOdds, list(range(UNIT + 1)))
    assert [int(weight) for weight in weights] == [log_odds(capability) for capability in range(UNIT + 1)]


def test_count_and_select(env, harness):
    rng = random.Random(7)
    for _ in range(40):
        numbers = sorted(rng.sample(range(1, 256), rng.choice([1, 2, 17, 200, 255])))
        word = sum(1 << number for number in numbers)
        assert call(env, harness.count, word) == len(numbers)
        for rank in {0, len(numbers) - 1, rng.randrange(len(numbers))}:
            assert call(env, harness.select, word, rank) == numbers[rank]
    assert call(env, harness.count, 0) == 0
