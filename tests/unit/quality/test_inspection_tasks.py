"""Answers of people: in time, and without contradictions."""

import time
from contextlib import closing

import pytest

from chromatrace.domain.errors import Conflict, InvalidInput
from chromatrace.quality.check_sheet import Parameter, ToleranceSheet
from chromatrace.quality.findings import check_finding
from chromatrace.quality.inspection_tasks import InspectionTask, InspectionTasks, TaskSubject
from chromatrace.quality.inspector_states import STOPPED_AFTER_S, InspectorStates

INSPECTOR, PERSON = "0x" + "1a" * 20, "0x" + "2b" * 20
SHEET = ToleranceSheet((Parameter("haze", "%", high=6.5), Parameter("width", "mm", low=99.0, high=101.0)))


@pytest.fixture
def tasks(tmp_path):
    with closing(InspectionTasks(tmp_path / "tasks.db")) as tasks:
        yield tasks


def task(sample_size=4, sheet=None, *, seconds=60):
    about = TaskSubject("0x" + "33" * 32, 2, "final", sample_size, ("pass", "fail"))
    return InspectionTask(b"\5" * 32, INSPECTOR, 7, int(time.time()) + seconds, about, sheet)


@pytest.mark.parametrize(
    ("passed", "defects", "sample_size", "misfit"),
    [
        (True, 5, 4, False),
        (False, 2, 1, False),
        (True, 1, 1, False),
        (True, 9, 9, False),
        (False, 0, 3, True),
        (True, -1, 2, False),
    ],
)
def test_a_contradiction_is_rejected(passed, defects, sample_size, misfit):
    with pytest.raises(InvalidInput) as caught:
        check_finding(passed, defects, sample_size, measured_misfit=misfit)
    assert caught.value.field == "defects"


@pytest.mark.parametrize(
    ("passed", "defects", "sample_size", "misfit"),
    [(True, 0, 1, False), (False, 1, 1, True), (True, 1, 80, False), (False, 0, 2, False), (True, 0, 0, False)],
)
def test_a_consistent_answer_is_accepted(passed, defects, sample_size, misfit):
    check_finding(passed, defects, sample_size, measured_misfit=misfit)


@pytest.mark.parametrize(
    ("values", "state", "defects"),
    [
        ({"haze": 71.0, "width": 100.0}, None, 0),
        ({"haze": 71.0, "width": 100.0}, "pass", 1),
        ({"haze": 2.0, "width": 100.0}, "fail", 1),
        ({"haze": 2.0, "width": 100.0}, None, 4),
        ({"haze": 2.0, "width": 98.0}, None, 5),
    ],
)
def test_an_answer_that_contradicts_itself_leaves_the_task_open(tasks, values, state, defects):
    tasks.add(task(sheet=SHEET))
    with pytest.raises(InvalidInput):
        tasks.submit(task(sheet=SHEET), PERSON, values=values, state=state, defects=defects)
    assert tasks.submit(task(sheet=SHEET), PERSON, values={"haze": 9.0, "width": 100.0}, defects=2).state == "fail"


def test_an_open_task_follows_the_deadline_of_its_seat(tasks):
    """After a reorganisation, seats may be drawn later."""
    tasks.add(task(seconds=-5))
    assert tasks.waiting(7) == []
    with pytest.raises(Conflict, match="deadline"):
        tasks.submit(task(), PERSON, state="pass")
    tasks.add(task(seconds=90))
    assert len(tasks.waiting(7)) == 1
    assert tasks.submit(task(), PERSON, state="pass").state == "pass"


def test_the_state_of_a_process_is_kept_by_inspector(tmp_path):
    with InspectorStates(tmp_path / "inspectors.db") as states:
        states.write(INSPECTOR, 7, 3, 2, {"chain": "no node responded"})
        states.write(INSPECTOR, 7, 3, 2, {})
        states.write(PERSON, 8, 3, 4, {"outbox": "too little money"})
        first, second = states.states()
        assert (first.number, first.faults, second.faults) == (2, {}, {"outbox": "too little money"})
        assert [state.number for state in states.states(8)] == [4]
        assert first.running(time.time())
        assert not first.running(time.time() + STOPPED_AFTER_S + 1)
