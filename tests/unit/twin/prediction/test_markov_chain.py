"""Markov chains learned online: posterior, forgetting, forecasts, published worked examples."""

from itertools import pairwise

import numpy as np
import pytest

from chromatrace.domain.errors import InvalidInput
from chromatrace.twin.prediction import MarkovChain, MarkovTable

OZ = np.array([[0.5, 0.25, 0.25], [0.5, 0, 0.5], [0.25, 0.25, 0.5]])
"""The weather in the Land of Oz: rain, nice, snow. Source: C. M. Grinstead, J. L. Snell, Introduction to Probability,
examples 11.1, 11.19 and 11.24."""


def certain(matrix, state):
    """Return a chain whose prior does not matter."""
    return MarkovChain(len(matrix), counts=(matrix * 1e12).tolist(), state=state)


def random_states(seed, steps=400, unknown=0.0):
    random = np.random.default_rng(seed)
    states = random.integers(0, 3, steps)
    return [None if random.random() < unknown else int(state) for state in states]


def test_forecast_of_the_published_example():
    """After one day of rain, the third day has the probabilities of row 1 of P³ (0.406, 0.203, 0.391)."""
    forecast = certain(OZ, 0).forecast(6)
    assert forecast[2] == pytest.approx([0.406, 0.203, 0.391], abs=5e-4)
    assert forecast[5] == pytest.approx(np.linalg.matrix_power(OZ, 6)[0])


def test_stationary_distribution_of_the_published_example():
    assert certain(OZ, None).stationary == pytest.approx([0.4, 0.2, 0.4])


def test_expected_steps_of_the_published_example():
    """The mean first passage matrix has the rows (0, 4, 10/3), (8/3, 0, 8/3), (10/3, 4, 0)."""
    passage = [[certain(OZ, start).expected_steps_to(target) for target in range(3)] for start in range(3)]
    assert np.array(passage) == pytest.approx(np.array([[0, 4, 10 / 3], [8 / 3, 0, 8 / 3], [10 / 3, 4, 0]]))


def test_expected_steps_equal_a_simulation():
    chain = MarkovChain(3, counts=[[50, 8, 1], [10, 20, 4], [1, 5, 10]], state=0)
    random, matrix, steps = np.random.default_rng(4), chain.matrix, []
    for _ in range(1500):
        state, number = 0, 0
        while state != 2:
            state, number = int(random.choice(3, p=matrix[state])), number + 1
        steps.append(number)
    error = np.std(steps) / np.sqrt(len(steps))
    assert chain.expected_steps_to(2) == pytest.approx(np.mean(steps), abs=4 * error)


def test_posterior_mean_with_the_prior_of_one_per_row():
    chain = MarkovChain(3, forgetting=1.0)
    for state in (0, 0, 1, 0, 0):
        chain.update(state)
    assert chain.next_probabilities() == pytest.approx([(2 + 1 / 3) / 4, (1 + 1 / 3) / 4, (1 / 3) / 4])
    assert chain.matrix[2] == pytest.approx([1 / 3] * 3)
    assert chain.next_probabilities() == pytest.approx(chain.forecast(1)[0])


def test_forgetting_weighs_each_transition_by_its_age():
    chain = MarkovChain(3, forgetting=0.9)
    states = random_states(1, 50)
    for state in states:
        chain.update(state)
    expected = np.zeros((3, 3))
    for age, (before, after) in enumerate(reversed(list(pairwise(states)))):
        expected[before, after] += 0.9**age
    assert np.array(chain.counts) == pytest.approx(expected)


def test_unknown_state_gives_no_forecast_and_counts_no_transition():
    chain = MarkovChain(3)
    chain.update(0)
    chain.update(None)
    assert (chain.next_probabilities(), chain.forecast(3), chain.expected_steps_to(2)) == (None, None, None)
    chain.update(1)
    assert not np.any(chain.counts)
    chain.update(2)
    assert np.sum(chain.counts) == 1


def test_training_counts_are_not_forgotten_and_end_in_an_unknown_state():
    chain = MarkovChain(3, forgetting=0.5)
    chain.learn([0, 1, None, 1, 1])
    assert chain.counts == [[0, 1, 0], [0, 1, 0], [0, 0, 0]]
    assert chain.state is None


def test_chain_is_restored_from_its_counts_and_state():
    chain, states = MarkovChain(3), random_states(2, unknown=0.05)
    for state in states[:200]:
        chain.update(state)
    restored = MarkovChain(3, counts=chain.counts, state=chain.state)
    for state in states[200:]:
        chain.update(state)
        restored.update(state)
    assert (restored.counts, restored.state) == (chain.counts, chain.state)


def test_chain_of_quality_grades_has_any_number_of_states():
    """Grades A, B, C, scrap of consecutive batches."""
    chain = MarkovChain(4)
    for grade in (0, 0, 1, 0, 3, 0, 0, 2, 0):
        chain.update(grade)
    assert sum(chain.next_probabilities()) == pytest.approx(1)
    assert chain.expected_steps_to(3) > 1


@pytest.mark.parametrize("seed", range(3))
def test_table_equals_the_chain_of_each_tag(seed):
    columns = [random_states(10 * seed + tag, unknown=0.1) for tag in range(5)]
    chains = [MarkovChain(3) for _ in columns]
    table = MarkovTable(np.zeros((5, 3, 3)))
    for row in zip(*columns, strict=True):
        table.update(np.array([-1 if state is None else state for state in row]))
        for chain, state in zip(chains, row, strict=True):
            chain.update(state)
        expected = [[np.nan] * 3 if chain.state is None else chain.next_probabilities() for chain in chains]
        np.testing.assert_array_equal(table.next_probabilities(), expected)
    assert table.counts.tolist() == [chain.counts for chain in chains]


@pytest.mark.parametrize(
    ("arguments", "field"),
    [
        ({"states": 1}, "states"),
        ({"states": 3, "forgetting": 0}, "forgetting"),
        ({"states": 3, "forgetting": 1.1}, "forgetting"),
        ({"states": 3, "state": 3}, "state"),
        ({"states": 2, "counts": [[1, 2]]}, "counts"),
        ({"states": 2, "counts": [[1, 2], [1, -1]]}, "counts"),
        ({"states": 2, "counts": [[1, 2], [1, float("nan")]]}, "counts"),
    ],
    ids=["states", "forgetting-0", "forgetting-above-1", "state", "shape", "negative", "nan"],
)
def test_invalid_chains_are_rejected(arguments, field):
    with pytest.raises(InvalidInput) as error:
        MarkovChain(**arguments)
    assert error.value.field == field


def test_update_rejects_an_unknown_number():
    chain = MarkovChain(3, state=0)
    with pytest.raises(InvalidInput, match="3 is not a state"):
        chain.update(3)
    assert chain.state == 0
