"""Steps, belts, trips and draws."""

import pytest

from chromatrace.plant.errors import ShopFloorError
from chromatrace.plant.floor import Belt, FloorStep, ShopFloor, Times
from chromatrace.studies.errors import SimulationError
from chromatrace.studies.shopfloor.draw import Anywhere, Budget, Near, rings

STEPS = (FloorStep("1", "one"), FloorStep("2", "two", ("1",)), FloorStep("3", "three", ("1", "2")))
RING = (Belt("1", "2", 1), Belt("2", "3", 2), Belt("3", "1", 4, diverter=True))


def test_the_published_trip(floor):
    trip = floor.trip("15", "2")
    assert (trip.length_m, trip.diverters, trip.seconds) == (11.0, 3, 223.0)


def test_the_published_steps(floor):
    before = {
        s.name: {t.name for n, t in enumerate(floor.steps) if floor.before[i] >> n & 1}
        for i, s in enumerate(floor.steps)
    }
    assert len(floor.steps) == 17
    assert before["5"] == {"2", "3", "4"}
    assert before["12"] == {"7", "8", "9", "10", "11"}
    assert before["17"] == {"14", "15", "16"}
    assert {floor.steps[c].name for c in floor.checkpoints} == {"5", "12", "17"}
    assert (floor.times.assembly_s, floor.times.inspection_s) == ((50, 80), (20, 40))


def test_neighbours_are_one_metre_apart(floor):
    for number in range(1, 17):
        assert floor.trip(str(number), str(number + 1)).length_m == 1


def test_a_trip_follows_the_belts_in_their_direction():
    small = ShopFloor(STEPS, RING, Times(conveyor_m_per_s=0.5, diverter_s=3))
    assert small.trip("1", "3").seconds == 3 / 0.5 + 2 * 3
    back = small.trip("3", "2")
    assert (back.length_m, back.diverters, back.seconds) == (5, 3, 5 / 0.5 + 3 * 3)
    assert small.trip("2", "2").seconds == 0


def test_a_trip_takes_the_quicker_of_two_ways():
    shortcut = ShopFloor(STEPS, (*RING, Belt("3", "2", 4.5)), Times(conveyor_m_per_s=0.5))
    assert shortcut.trip("3", "2").length_m == 4.5


def test_a_detour_is_never_quicker(floor):
    cells = range(floor.cells)
    wayside = 2 * floor.times.diverter_s
    for a in cells:
        for b in cells:
            for c in cells:
                if len({a, b, c}) == 3:
                    assert floor.travel_s[a][c] <= floor.travel_s[a][b] + floor.travel_s[b][c] - wayside + 1e-9


@pytest.mark.parametrize(
    ("steps", "field", "message"),
    [
        ((), "steps", "at least one"),
        ((FloorStep("1", ""), FloorStep("1", "")), "steps", "duplicate"),
        ((FloorStep("1", "", ("9",)),), "steps[0].after[0]", "step '9' does not exist"),
        ((FloorStep("1", "", ("1",)),), "steps[0].after", "cycle"),
        ((FloorStep("1", ""), FloorStep("2", "", ("3",)), FloorStep("3", "", ("2",))), "steps[1].after", "2, 3"),
    ],
)
def test_invalid_steps_are_rejected(steps, field, message):
    with pytest.raises(ShopFloorError) as error:
        ShopFloor(steps, RING)
    assert error.value.field == field
    assert message in error.value.message


def test_an_unreachable_workcell_is_rejected():
    with pytest.raises(ShopFloorError) as error:
        ShopFloor(STEPS, RING[:2])
    assert error.value.field == "belts"
    assert "'1' cannot be reached from '2'" in error.value.message


@pytest.mark.parametrize("length", [0, -1, float("nan"), float("inf")])
def test_an_invalid_length_is_rejected(length):
    with pytest.raises(ShopFloorError) as error:
        ShopFloor(STEPS, (*RING[:2], Belt("3", "1", length)))
    assert error.value.field == "belts[2].length_m"


@pytest.mark.parametrize(
    ("times", "field"),
    [
        (Times(conveyor_m_per_s=0), "times.conveyor_m_per_s"),
        (Times(diverter_s=-1), "times.diverter_s"),
        (Times(assembly_s=(80, 50)), "times.assembly_s"),
        (Times(inspection_s=(0, 40)), "times.inspection_s"),
    ],
)
def test_invalid_times_are_rejected(times, field):
    with pytest.raises(ShopFloorError) as error:
        ShopFloor(STEPS, RING, times)
    assert error.value.field == field


def test_a_checkpoint_must_be_a_step():
    with pytest.raises(ShopFloorError) as error:
        ShopFloor(STEPS, RING, checkpoints=frozenset({3}))
    assert error.value.field == "checkpoints"


def test_every_other_workcell_is_in_one_ring_and_rings_widen(floor):
    for draw in (Near(), Near(3), Budget(6), Anywhere()):
        for start, around in enumerate(rings(floor, draw)):
            assert sorted([start, *(cell for ring in around for cell in ring)]) == list(range(floor.cells))
            reach = [max(floor.trips[start][cell].length_m for cell in ring) for ring in around]
            assert reach == sorted(reach)


def test_the_first_ring_is_the_radius_or_the_budget(floor):
    near, budget = rings(floor, Near(2))[0], rings(floor, Budget(6))[0]
    assert [cell for ring in near[:2] for cell in ring] == [1, 2, 3, 4]
    assert set(budget[0]) == {cell for cell in range(17) if 0 < floor.trips[0][cell].length_m <= 6}


@pytest.mark.parametrize("draw", [lambda: Near(0), lambda: Budget(-1), lambda: Near(float("inf"))])
def test_invalid_draws_are_rejected(draw):
    with pytest.raises(SimulationError):
        draw()
