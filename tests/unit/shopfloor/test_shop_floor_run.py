"""Properties of every run of the shop floor."""

from collections import defaultdict
from itertools import pairwise

import pytest

from chromatrace.quality.consensus import Answer, decide
from chromatrace.quality.learning import InspectorRecord, learned
from chromatrace.quality.rules import UNIT, Rule
from chromatrace.quality.rules import capability as in_units
from chromatrace.studies.errors import SimulationError
from chromatrace.studies.rounds import true_confusion
from chromatrace.studies.sequential_test import SequentialRule
from chromatrace.studies.shopfloor.agents import FAIL, Kind
from chromatrace.studies.shopfloor.draw import Anywhere, Budget
from chromatrace.studies.shopfloor.engine import simulate
from chromatrace.studies.shopfloor.setup import InspectionMode, Order

WAYS = [(order, way) for order in Order for way in InspectionMode]
every_way = pytest.mark.parametrize(("order", "way"), WAYS, ids=lambda value: value.value)
SEEDS = range(3)


def by_workpiece(activities):
    by_workpiece = defaultdict(list)
    for activity in activities:
        by_workpiece[activity.workpiece].append(activity)
    return by_workpiece


def overlapping(activities):
    ordered = sorted(activities, key=lambda activity: (activity.start_s, activity.end_s))
    return [(a, b) for a, b in pairwise(ordered) if b.start_s < a.end_s - 1e-9]


@every_way
def test_every_workpiece_is_finished_or_scrapped(setup, order, way):
    for seed in SEEDS:
        result = simulate(setup(order=order, inspection=way), seed, record=True)
        assert result.finished + result.scrapped == 5
        assert result.makespan_s == pytest.approx(max(activity.end_s for activity in result.activities))
        if way is InspectionMode.NONE:
            assert (result.finished, result.answers, result.decided) == (5, 0, 0)


@every_way
def test_preconditions_are_met(setup, floor, order, way):
    for seed in SEEDS:
        result = simulate(setup(order=order, inspection=way), seed, record=True)
        for activities in by_workpiece(result.activities).values():
            first_end = {}
            for activity in sorted(activities, key=lambda activity: activity.start_s):
                if activity.kind == "assembly" and activity.step not in first_end:
                    needed = {n for n in range(17) if floor.before[activity.step] >> n & 1}
                    assert all(first_end[step] <= activity.start_s + 1e-9 for step in needed)
                    first_end[activity.step] = activity.end_s


def test_step_by_step_a_step_begins_after_its_preconditions_are_accepted(setup, floor):
    for seed in SEEDS:
        result = simulate(setup(order=Order.PARALLEL), seed, record=True)
        for activities in by_workpiece(result.activities).values():
            last_end = {activity.step: activity.end_s for activity in activities}
            begins = {}
            for activity in activities:
                begins.setdefault(activity.step, activity.start_s)
            for step, begin in begins.items():
                needed = [n for n in range(17) if floor.before[step] >> n & 1]
                assert all(last_end[n] <= begin + 1e-9 for n in needed)


@every_way
def test_a_human_does_not_assemble_and_inspect_at_the_same_time(setup, order, way):
    for seed in SEEDS:
        result = simulate(setup(order=order, inspection=way, kinds=(Kind.HUMAN,) * 17), seed, record=True)
        for cell in range(17):
            assert overlapping([activity for activity in result.activities if activity.cell == cell]) == []


@every_way
def test_an_agent_does_one_assembly_and_one_inspection_at_a_time(setup, order, way):
    for seed in SEEDS:
        result = simulate(setup(order=order, inspection=way, kinds=(Kind.AI,) * 17), seed, record=True)
        for cell in range(17):
            for kind in ("assembly", "inspection"):
                own = [activity for activity in result.activities if activity.cell == cell and activity.kind == kind]
                assert overlapping(own) == []


def test_an_agent_assembles_and_inspects_at_the_same_time(setup):
    activities = simulate(setup(kinds=(Kind.AI,) * 17), 1, record=True).activities
    assert any(overlapping([activity for activity in activities if activity.cell == cell]) for cell in range(17))


@pytest.mark.parametrize("way", [InspectionMode.NONE, InspectionMode.CONVENTIONAL, InspectionMode.PHYSICAL])
def test_a_workpiece_is_at_one_workcell_and_travels_between(setup, floor, way):
    for seed in SEEDS:
        result = simulate(setup(inspection=way), seed, record=True)
        for activities in by_workpiece(result.activities).values():
            ordered = sorted(activities, key=lambda activity: activity.start_s)
            for earlier, later in pairwise(ordered):
                assert later.start_s >= earlier.end_s + floor.travel_s[earlier.cell][later.cell] - 1e-6


def test_a_virtual_inspection_needs_no_trip(setup):
    result = simulate(setup(inspection=InspectionMode.VIRTUAL), 1)
    assert result.inspection_trip_s == pytest.approx(0)
    assert simulate(setup(inspection=InspectionMode.PHYSICAL), 1).inspection_trip_s > 1000


@every_way
def test_the_same_seed_gives_the_same_run(setup, order, way):
    parameters = setup(order=order, inspection=way)
    assert simulate(parameters, 7, record=True) == simulate(parameters, 7, record=True)
    assert simulate(parameters, 7) != simulate(parameters, 8)


@pytest.mark.parametrize("rule", [Rule.majority(3), Rule.majority(9), Rule.confidence(), Rule.noisy_or(0.95)])
@pytest.mark.parametrize("way", [InspectionMode.PHYSICAL, InspectionMode.VIRTUAL, InspectionMode.OVERLAPPED])
def test_every_outcome_follows_from_the_rule(setup, rule, way):
    parameters = setup(rule=rule, inspection=way)
    result = simulate(parameters, 3, record=True)
    assert len(result.rounds) == result.decided >= 17 * 5
    assert sum(len(decided.answers) for decided in result.rounds) <= result.answers
    for decided in result.rounds:
        answers = [Answer(i, rule.states[state], in_units(parameters.capabilities[i])) for i, state in decided.answers]
        assert decided.answers[0][0] == decided.step
        assert decide(rule, answers).state == rule.states[decided.outcome]
        assert decide(rule, answers[:-1]) is None


def test_the_counts_equal_those_of_the_rounds(setup):
    result = simulate(setup(), 4, record=True)
    outcomes = [(decided.defective, decided.outcome == FAIL) for decided in result.rounds]
    assert outcomes.count((True, True)) == result.true_fail
    assert outcomes.count((True, False)) == result.missed
    assert outcomes.count((False, True)) == result.false_fail
    assert outcomes.count((False, False)) == result.true_pass
    precision = result.true_fail / (result.true_fail + result.false_fail)
    recall = result.true_fail / (result.true_fail + result.missed)
    assert result.f1 == pytest.approx(2 * precision * recall / (precision + recall))


def test_perfect_inspectors_detect_every_defect(setup):
    result = simulate(setup(capabilities=(1.0,) * 17), 1)
    assert result.f1 == 1.0
    assert result.false_fail == result.missed == 0
    assert result.reworked + result.scrapped == result.true_fail > 0


def test_a_workpiece_is_scrapped_after_the_rework_limit(setup):
    result = simulate(setup(capabilities=(1.0,) * 17, defect_rate=1.0, rework_limit=2), 1, record=True)
    assert (result.finished, result.scrapped, result.reworked) == (0, 5, 10)
    assert sum(activity.kind == "assembly" for activity in result.activities) == 15


@pytest.mark.parametrize("way", list(InspectionMode))
def test_without_rework_each_step_is_done_once(setup, way):
    result = simulate(setup(inspection=way, rework_limit=0, defect_rate=0.5), 1, record=True)
    assert sum(activity.kind == "assembly" for activity in result.activities) == 17 * 5
    assert (result.finished, result.reworked) == (5, 0)


def test_conventional_inspection_reworks_at_checkpoints_and_uses_the_own_inspector(setup, floor):
    result = simulate(setup(inspection=InspectionMode.CONVENTIONAL, defect_rate=0.5), 1, record=True)
    times = defaultdict(int)
    for activity in result.activities:
        assert activity.cell == activity.step
        times[activity.workpiece, activity.step] += activity.kind == "assembly"
    again = {step for (_, step), count in times.items() if count > 1}
    assert again
    assert again <= floor.checkpoints
    assert all(len(decided.answers) == 1 for decided in result.rounds)


def test_the_next_workcells_continue_overlapped_rounds(setup):
    result = simulate(setup(inspection=InspectionMode.OVERLAPPED, rework_limit=0), 1, record=True)
    steps = [decided for decided in result.rounds if decided.step == 4]
    assert all([inspector for inspector, _ in decided.answers][:3] == [4, 5, 6] for decided in steps)
    step_by_step = simulate(setup(rework_limit=0), 1)
    assert result.makespan_s < step_by_step.makespan_s


def test_one_after_another_there_is_no_waiting(setup):
    result = simulate(setup(together=False), 1, record=True)
    assert result.wait_s == 0
    ends = [max(a.end_s for a in of) for of in by_workpiece(result.activities).values()]
    starts = [min(a.start_s for a in of) for of in by_workpiece(result.activities).values()]
    assert all(end <= start + 1e-9 for end, start in zip(ends, starts[1:], strict=False))


def test_learned_capabilities_follow_the_learning_rule(setup):
    parameters = setup(learn=True, together=False, draw=Anywhere(), rule=Rule.confidence(), workpieces=3)
    result = simulate(parameters, 5, record=True)
    records = [InspectorRecord()] * 17
    for decided in result.rounds:
        for inspector, state in decided.answers:
            records[inspector] = learned(records[inspector], state == decided.outcome)
    assert result.learned[-1] == tuple(inspector.capability for inspector in records)
    assert len(result.learned) == 3


def test_the_first_learned_rounds_need_many_inspectors(setup):
    parameters = setup(learn=True, together=False, draw=Anywhere(), rule=Rule.confidence(), rework_limit=0)
    first = simulate(parameters, 1, record=True).rounds[0]
    assert len(first.answers) >= 9


def test_only_sufficiently_capable_inspectors_are_drawn(setup):
    rule = Rule.majority(2, maximum=3, minimum_capability=4_000)
    parameters = setup(rule=rule)
    for decided in simulate(parameters, 1, record=True).rounds:
        assert all(parameters.capabilities[inspector] >= 0.4 for inspector, _ in decided.answers[1:])


def test_too_few_capable_inspectors_are_rejected(setup):
    rule = Rule.majority(9, minimum_capability=4_000)
    for changes in ({"rule": rule}, {"rule": rule, "capabilities": (1.0,) * 17, "learn": True}):
        with pytest.raises(SimulationError) as error:
            setup(**changes)
        assert error.value.field == "rule.minimum_capability"


def test_drawing_the_nearest_first_minimises_travel(setup):
    near, budget, anywhere = (
        sum(simulate(setup(draw=draw, rework_limit=0), seed).inspection_trip_s for seed in SEEDS)
        for draw in (setup().draw, Budget(8.0), Anywhere())
    )
    assert near < budget < anywhere


def test_a_sequential_test_decides_on_the_floor(setup):
    plain = setup(rework_limit=0, defect_rate=0.5, workpieces=20)
    weights = tuple(true_confusion(value).log_ratios for value in plain.capabilities)
    test = simulate(
        setup(rework_limit=0, defect_rate=0.5, workpieces=20, weights=weights, open_round=SequentialRule()), 1
    )
    vote = simulate(plain, 1)
    assert test.decided == vote.decided == 340
    assert test.f1 > vote.f1


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"kinds": (Kind.AI,) * 3}, "kinds"),
        ({"capabilities": (0.5,) * 18}, "capabilities"),
        ({"capabilities": (0.5,) * 16 + (1.01,)}, "capabilities[16]"),
        ({"capabilities": (float("nan"),) + (0.5,) * 16}, "capabilities[0]"),
        ({"defect_rate": 1.5}, "defect_rate"),
        ({"workpieces": 0}, "workpieces"),
        ({"rework_limit": -1}, "rework_limit"),
        ({"rule": Rule(states=("small", "fit", "large"), minimum=5, threshold=UNIT)}, "rule"),
    ],
)
def test_invalid_setups_are_rejected(setup, changes, field):
    with pytest.raises(SimulationError) as error:
        setup(**changes)
    assert error.value.field == field
