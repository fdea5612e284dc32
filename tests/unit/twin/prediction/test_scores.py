"""Scores of predictions, baselines, states, and scores of recorded files through the command line."""

import json
import math
from itertools import pairwise

import numpy as np
import pytest
from click.testing import CliRunner

from chromatrace.cli import main
from chromatrace.twin.errors import TrainingDataError
from chromatrace.twin.prediction import Baselines, Comparison, MarkovChain, Score, StateLimits


def test_scores_of_one_prediction():
    score = Score()
    score.add([0.7, 0.2, 0.1], 1)
    assert score.log_loss == pytest.approx(-math.log(0.2))
    assert score.brier == pytest.approx(0.49 + 0.64 + 0.01)


def test_scores_are_means_and_can_be_merged():
    random = np.random.default_rng(1)
    predictions, states = random.dirichlet([1, 1, 1], 50), random.integers(0, 3, 50)
    whole, parts = Score(), [Score(), Score()]
    for index, (prediction, state) in enumerate(zip(predictions.tolist(), states.tolist(), strict=True)):
        whole.add(prediction, state)
        parts[index % 2].add(prediction, state)
    parts[0].merge(parts[1])
    occurred = np.eye(3)[states]
    assert whole.log_loss == pytest.approx(-np.log(predictions[np.arange(50), states]).mean())
    assert whole.brier == pytest.approx(((predictions - occurred) ** 2).sum(axis=1).mean())
    assert parts[0].as_dict() == pytest.approx(whole.as_dict())


def test_no_predictions_have_no_score():
    assert Comparison().as_dict()["model"] == {"log_loss": None, "brier": None}
    assert Comparison().beats_persistence is None


def test_impossible_state_has_a_finite_score():
    score = Score()
    score.add([1.0, 0.0, 0.0], 2)
    assert math.isfinite(score.log_loss)


def test_baselines_of_a_training_run():
    baselines = Baselines.from_states(np.array([0, 0, 0, 1, -1, 0, 0, 2, 2]), 3)
    stay = 4 / 6  # the steps 0 0, 0 0, 0 1, 0 0, 0 2, 2 2
    assert baselines.persistence[1] == pytest.approx(((1 - stay) / 2, stay, (1 - stay) / 2))
    assert baselines.marginal == pytest.approx(((5 + 1 / 3) / 9, (1 + 1 / 3) / 9, (2 + 1 / 3) / 9))


@pytest.mark.parametrize("states", [[0] * 30, [0, 1] * 15], ids=["always", "never"])
def test_persistence_is_never_certain(states):
    row = Baselines.from_states(np.array(states), 3).persistence[0]
    assert min(row) > 0
    assert sum(row) == pytest.approx(1)


def test_states_at_two_and_three_standard_deviations():
    limits = StateLimits(10, 2)
    values = [10, 14, 14.1, 16, 16.1, 6, 5.9, 4, 3.9, float("nan")]
    expected = [0, 0, 1, 1, 2, 0, 1, 1, 2, None]
    assert [limits.state(value) for value in values] == expected
    assert limits.state(None) is None
    assert limits.states(np.array(values)).tolist() == [-1 if state is None else state for state in expected]


@pytest.mark.parametrize("values", [[1.0] * 30, [1.0, 2.0] * 9, [float("nan")] * 30], ids=["equal", "few", "missing"])
def test_training_data_without_states_are_rejected(values):
    with pytest.raises(TrainingDataError):
        StateLimits.from_values(np.array(values))


def write(path, rows):
    path.write_text("\n".join(["a;b", *(";".join(f"{value:.4f}" for value in row) for row in rows)]))
    return path


def score(*arguments):
    return CliRunner().invoke(main, ["twin", "score", *map(str, arguments)])


@pytest.fixture
def drifting(tmp_path):
    """Return a normal file, and a file whose columns leave control and stay there."""
    random = np.random.default_rng(3)
    normal, run = random.normal(size=(300, 2)), random.normal(size=(300, 2))
    run[100:] += 5
    return write(tmp_path / "normal.csv", normal), write(tmp_path / "run.csv", run)


def test_command_scores_before_it_learns(drifting):
    normal, run = drifting
    result = score(run, "--train", normal, "--columns", "a,b", "--tags", "b", "--json")
    facts = json.loads(result.stdout)
    train_values, values = (np.loadtxt(file, delimiter=";", skiprows=1)[:, 1] for file in (normal, run))
    limits = StateLimits.from_values(train_values)
    chain, losses = MarkovChain(3), []
    chain.learn(limits.states(train_values).tolist())
    for before, after in pairwise(values):
        chain.update(limits.state(before))
        losses.append(-math.log(chain.next_probabilities()[limits.state(after)]))
    assert facts["forecasts"] == 299
    assert facts["model"]["log_loss"] == pytest.approx(np.mean(losses))
    assert facts["model"]["log_loss"] < facts["persistence"]["log_loss"]
    assert facts["beats_persistence"] is True
    assert [(row["file"], row["tag"]) for row in facts["tags"]] == [("run.csv", "b")]
    assert facts["tags"][0]["rows_to_out_of_control"] == 0
    assert sum(facts["tags"][0]["stationary"].values()) == pytest.approx(1)


def test_table_reports_a_model_that_does_not_beat_persistence(drifting, tmp_path):
    """The run stays in a state that the training data does not have, too short for the chain to learn it."""
    run = write(tmp_path / "short.csv", [[9.0, 0.0]] * 4)
    result = score(run, "--train", drifting[0], "--columns", "a,b", "--tags", "a")
    assert result.exit_code == 0
    assert "worse than persistence" in result.output
    assert result.output.endswith("the model does not beat persistence\n")


def test_missing_values_are_not_scored(drifting, tmp_path):
    normal, run = drifting
    lines = run.read_text().splitlines()
    lines[50] = ";1.0"
    gap = tmp_path / "gap.csv"
    gap.write_text("\n".join(lines))
    facts = json.loads(score(gap, "--train", normal, "--columns", "a,b", "--tags", "a", "--json").stdout)
    assert facts["forecasts"] == 297


@pytest.mark.parametrize(
    ("columns", "tags", "message"),
    [
        ("a,b", "c", "c is not among the columns of normal.csv"),
        ("a,c", "a", "the header has no column 'c'"),
        ("a,b", "a,a", "duplicate column 'a'"),
    ],
    ids=["tag", "column", "duplicate"],
)
def test_unknown_names_are_errors(drifting, columns, tags, message):
    normal, run = drifting
    result = score(run, "--train", normal, "--columns", columns, "--tags", tags)
    assert result.exit_code == 1
    assert message in " ".join(result.output.split())


def test_constant_training_column_is_an_error(drifting, tmp_path):
    constant = write(tmp_path / "constant.csv", [[1.0, 2.0]] * 50)
    result = score(drifting[1], "--train", constant, "--columns", "a,b", "--tags", "a")
    assert result.exit_code == 1
    assert "train: a: all values are 1" in result.output
