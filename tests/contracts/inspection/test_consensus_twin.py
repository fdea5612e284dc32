"""The contract's rule and the twin in chromatrace/quality agree on random rounds; so does the drawing of set bits.

CHROMATRACE_CONSENSUS_ROUNDS: how many (2,000; 10,000 take some ten seconds).
"""

import os
import random

import pytest
from brownie import ConsensusRuleHarness
from panel import CONFIDENCE, DECIDED, REQUESTED, Panel

from chromatrace.quality.consensus import Answer, decide
from chromatrace.quality.learning import Standing, learned, stalled
from chromatrace.quality.rules import UNIT, Rule, Weighing, least_inspectors

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
    least = least_inspectors(len(states))
    maximum = chance.randrange(least, 18, 2)
    weighing = chance.choice(list(Weighing))
    highest = UNIT if weighing is Weighing.NOISY_OR else maximum * UNIT
    rule = Rule(states, least, maximum, weighing, chance.choice([chance.randint(1, highest), highest]))
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
        starts = [Standing(random_capability(chance)) for _ in range(BATCH)]
        courses = [[chance.choice([0, 1, 1, 2]) for _ in range(25)] for _ in starts]
        ends = call(world, harness.learnMany, starts, courses, PENALTY)
        for standing, course, end in zip(starts, courses, ends, strict=True):
            for outcome in course:
                standing = stalled(standing) if outcome == 2 else learned(standing, outcome == 1)
                assert 0 <= standing.capability <= UNIT
            assert tuple(end) == standing


def test_the_nth_of_a_set(world, harness):
    chance = random.Random(7)
    for _ in range(40):
        numbers = sorted(chance.sample(range(1, 256), chance.choice([1, 2, 17, 200, 255])))
        word = sum(1 << number for number in numbers)
        assert call(world, harness.count, word) == len(numbers)
        for rank in {0, len(numbers) - 1, chance.randrange(len(numbers))}:
            assert call(world, harness.select, word, rank) == numbers[rank]
    assert call(world, harness.count, 0) == 0


def test_whole_rounds_run_as_the_twin_says(world):
    """Through every phase, with learning: the twin is fed with who was drawn, and must foresee all the rest."""
    chance = random.Random(11)
    panel = Panel(world, size=9)
    panel.set_rule(states=3, minimum=5, firstWave=5, maximum=9, weighing=CONFIDENCE, threshold=4_000)
    rule = Rule(("a", "b", "c"), 5, 9, Weighing.CONFIDENCE, 4_000)
    standings = {number: Standing() for number in range(1, 10)}
    for _ in range(ROUNDS // 200):
        desk = panel.open(first=chance.randint(0, 9))
        outcome, answers = None, []
        while panel.state(desk)["phase"] == REQUESTED:
            assert outcome is None, "the contract goes on where the twin has decided"
            drawn = panel.draw(desk)[len(answers) :]
            fresh = {len(answers) + place: chance.choice([0, 0, 1, 2]) for place in range(len(drawn))}
            panel.commit(desk, fresh)
            panel.reveal(desk, list(fresh))
            answers += [
                Answer(number, rule.states[state], standings[number].capability)
                for number, state in zip(drawn, fresh.values(), strict=True)
            ]
            outcome = decide(rule, answers)
        after = panel.state(desk)
        assert (after["phase"], rule.states[after["state"]]) == (DECIDED, outcome.state)
        assert after["recorder"] == outcome.recorder
        for answer in answers:
            standings[answer.inspector] = learned(standings[answer.inspector], answer.state == outcome.state)
    for number, standing in standings.items():
        found = panel.inspector(number)
        assert (found["capability"], found["inspections"], found["wins"]) == standing
