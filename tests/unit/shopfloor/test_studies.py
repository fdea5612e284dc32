"""Small runs of the studies: results, reproducibility, files and comparisons."""

import csv
import statistics

import pytest

from chromatrace.quality.rules import Rule
from chromatrace.studies.confidence import confidence
from chromatrace.studies.dependent import dependent
from chromatrace.studies.errors import SimulationError
from chromatrace.studies.learning import learning
from chromatrace.studies.majority import majority
from chromatrace.studies.neighbours import neighbours
from chromatrace.studies.rounds import ask, decide, true_confusion
from chromatrace.studies.runner import Runner
from chromatrace.studies.scenarios import scenarios
from chromatrace.studies.sequential import sequential
from chromatrace.studies.sequential_test import SequentialRule
from chromatrace.studies.shopfloor.draw import Near
from chromatrace.studies.statistics import mean, quantile, student_quantile
from chromatrace.studies.tally import Tally

STUDIES = {
    "scenarios": scenarios,
    "majority": lambda floor, runner: majority(floor, runner, workpieces=1),
    "confidence": lambda floor, runner: confidence(floor, runner, workpieces=1),
    "learning": lambda floor, runner: learning(floor, runner, workpieces=2),
    "dependent": dependent,
    "sequential": lambda floor, runner: sequential(floor, runner, workpieces=1),
    "neighbours": lambda floor, runner: neighbours(floor, runner, steps=4),
}


@pytest.mark.parametrize("name", STUDIES)
def test_a_study_writes_its_rows_and_its_figure(name, floor, tmp_path):
    study = STUDIES[name](floor, Runner(2, processes=1))
    assert study.name == name
    assert study.findings
    study.write_csv(tmp_path / "study.csv")
    with (tmp_path / "study.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == len(study.rows) > 0
    assert all(None not in row.values() for row in rows)
    study.write_figure(tmp_path / "study.png")
    assert (tmp_path / "study.png").read_bytes().startswith(b"\x89PNG")


def test_a_figure_is_reproducible(floor, tmp_path):
    study = learning(floor, Runner(2, processes=1), workpieces=1)
    for name in ("one.svg", "two.svg"):
        study.write_figure(tmp_path / name)
    assert (tmp_path / "one.svg").read_bytes() == (tmp_path / "two.svg").read_bytes()


def test_results_do_not_depend_on_the_number_of_processes(floor):
    alone, together = (scenarios(floor, Runner(2, processes=count)) for count in (1, 2))
    assert alone.rows == together.rows


def test_progress_reports_every_task(floor):
    reports = []
    scenarios(floor, Runner(2, processes=1, progress=lambda done, total: reports.append((done, total))))
    assert reports == [(done, 14) for done in range(1, 15)]


@pytest.mark.parametrize(("arguments", "field"), [({"repetitions": 1}, "repetitions"), ({"processes": 0}, "processes")])
def test_invalid_runners_are_rejected(arguments, field):
    with pytest.raises(SimulationError) as error:
        Runner(**arguments)
    assert error.value.field == field


@pytest.mark.parametrize(
    ("freedom", "quantile_of_table"), [(1, 12.706), (2, 4.303), (3, 3.182), (4, 2.776), (9, 2.262), (29, 2.045)]
)
def test_quantiles_of_students_t(freedom, quantile_of_table):
    assert student_quantile(freedom) == pytest.approx(quantile_of_table, abs=0.004)


def test_means_and_quantiles():
    values = [1.0, 2.0, 3.0, 4.0]
    result = mean(values)
    assert result.value == 2.5
    assert result.half_width == pytest.approx(student_quantile(3) * statistics.stdev(values) / 2)
    assert quantile(values, 0.5) == 2.5
    assert (quantile(values, 0), quantile(values, 1)) == (1, 4)


def test_all_rules_use_the_same_answers(floor):
    capabilities = [0.5] * 17
    rounds = ask(floor, capabilities, Near(), 34, 0.5, 1)
    assert [step.answers[0][0] for step in rounds] == list(range(17)) * 2
    for step in rounds:
        assert sorted(inspector for inspector, _ in step.answers) == list(range(17))
    assert rounds == ask(floor, capabilities, Near(), 34, 0.5, 1)


def test_a_rule_stops_when_it_is_decided(floor):
    rounds = ask(floor, [1.0] * 17, Near(), 34, 0.5, 1)
    score = decide(rounds, lambda: Tally(Rule.majority(5)), [0] * 17, floor)
    assert (score.f1, score.per_round) == (1.0, 5.0)
    test = decide(rounds, SequentialRule(), [true_confusion(1.0).log_ratios] * 17, floor)
    assert (test.f1, test.per_round, test.travel_s) == (1.0, 1.0, 0.0)


@pytest.mark.parametrize(("capability", "wrong"), [(0.0, 0.5), (0.5, 0.25), (1.0, 0.0)])
def test_the_true_confusion_of_a_capability(capability, wrong):
    assert true_confusion(capability).miss == pytest.approx(wrong, abs=1e-3)
