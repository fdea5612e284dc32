"""The batch's slot: unpacked as the contract packs it, and replayed from events as the contract moves it."""

from __future__ import annotations

import pytest

from chromatrace.domain.errors import IntegrityError
from chromatrace.domain.rights import BatchState, Verdict
from chromatrace.exchange.events import Event
from chromatrace.exchange.slot import BatchSlot, replay, unpack


def test_members_lie_where_the_contract_packs_them():
    raw = bytes([8, 1, 1, 3, 1, 2, 4, 5]) + b"".join(n.to_bytes(4, "little") for n in (6, 7, 100, 90, 8, 2))
    assert unpack(int.from_bytes(raw, "little")) == BatchSlot(
        BatchState.RELEASED, True, True, 3, Verdict.PASS, Verdict.FAIL, 4, 5, 6, 7, 100, 90, 8, 2
    )


@pytest.mark.parametrize(("place", "value"), [(0, 9), (1, 2), (2, 2), (3, 4), (4, 3), (5, 3)])
def test_what_no_batch_can_have_is_refused(place, value):
    with pytest.raises(IntegrityError):
        unpack(value << 8 * place)


class Life:
    """Writes events down."""

    def __init__(self):
        self.events = []
        self("BatchRegistered", producer=1, quantity=10)

    def __call__(self, name, contract="BatchRegistry", **args):
        self.events.append(Event(contract, name, args, (len(self.events), 0, 0)))
        return self

    def verdict(self, stage, verdict, revision, state):
        return self("VerdictApplied", stage=stage, verdict=verdict, revision=revision, state=state)

    def custody(self, name, giver, taker):
        return self(f"Custody{name}", contract="CustodyLedger", **{"from": giver, "to": taker})

    @property
    def slot(self):
        return replay(self.events)


def test_a_life_is_replayed():
    life = Life()
    assert (life.slot.state, life.slot.producer, life.slot.custodian) == (BatchState.REGISTERED, 1, 1)
    life.verdict(0, 1, 1, 2)("BatchAssembled").verdict(1, 1, 1, 5)("BatchGraded", standard=7, defective=2, scrap=1)
    assert (life.slot.state, life.slot.standard, life.slot.defective, life.slot.scrap) == (BatchState.GRADED, 7, 2, 1)
    life("BatchReleased", channel=0)("BatchReleased", channel=1)("CustodyTransferred", **{"from": 1, "to": 2})
    life.custody("Offered", 2, 3).custody("Refused", 2, 3)("BatchHeld")("BatchHoldReleased")
    slot = life.slot
    assert (slot.state, slot.channels, slot.custodian, slot.on_hold) == (BatchState.RELEASED, 3, 2, False)
    assert (slot.first_verdict, slot.first_revision, slot.final_verdict) == (Verdict.PASS, 1, Verdict.PASS)
    life("BatchRecalled")
    assert life.slot.differences(slot) == ["recalled"]


def assembled():
    return Life().verdict(0, 1, 1, 2)("BatchAssembled").verdict(1, 1, 1, 5)


def test_scrap_and_recycling():
    assert Life().verdict(0, 2, 1, 3)("BatchRecycled").slot.state is BatchState.RECYCLED
    assert assembled()("BatchGraded", standard=0, defective=0, scrap=10).slot.state is BatchState.SCRAPPED


@pytest.mark.parametrize("stage", [0, 1])
def test_a_late_failing_verdict_holds_by_an_event_of_its_own(stage):
    failed = assembled()("BatchGraded", standard=10, defective=0, scrap=0).verdict(stage, 2, 2, 6)
    assert failed.slot.on_hold is False
    assert failed("BatchHeld").slot.on_hold is True
    assert failed("BatchHoldReleased").slot.on_hold is False


def released():
    return assembled()("BatchGraded", standard=10, defective=0, scrap=0)("BatchReleased", channel=0)


@pytest.mark.parametrize(
    ("life", "problem"),
    [
        (Life()("BatchRegistered", producer=2, quantity=1), "do not begin with one registration"),
        (Life().verdict(0, 1, 2, 2), "revision 1 of a verdict is not in the bundle"),
        (released()("CustodyTransferred", **{"from": 3, "to": 2}), "does not start from the custodian"),
        (released()("BatchReleased", channel=2), "there is no SalesChannel 2"),
        (Life().verdict(0, 1, 1, 2).verdict(1, 1, 1, 5), "a verdict does not follow on first_passed"),
        (Life()("BatchAssembled"), "BatchAssembled does not follow on registered"),
        (Life()("BatchRecycled"), "BatchRecycled does not follow on registered"),
        (Life()("BatchGraded", standard=10, defective=0, scrap=0), "BatchGraded does not follow on registered"),
        (assembled()("BatchReleased", channel=0), "BatchReleased does not follow on assembled"),
        (assembled()("CustodyTransferred", **{"from": 1, "to": 2}), "CustodyTransferred does not follow on assembled"),
        (released().custody("Accepted", 1, 2), "CustodyAccepted does not follow on an offer"),
        (released().custody("Offered", 1, 2).custody("Accepted", 1, 3), "CustodyAccepted does not follow"),
        (released().custody("Offered", 1, 2).custody("Refused", 1, 2).custody("Accepted", 1, 2), "CustodyAccepted"),
        (Life()("BatchHoldReleased"), "BatchHoldReleased does not follow"),
        (Life()("BatchHeld")("BatchHeld"), "BatchHeld does not follow"),
        (Life().verdict(2, 1, 1, 2), "there is no Stage 2"),
    ],
)
def test_what_does_not_follow_is_refused(life, problem):
    with pytest.raises(IntegrityError, match=problem):
        _ = life.slot


def test_a_life_without_registration_is_refused():
    with pytest.raises(IntegrityError, match="do not begin with one registration"):
        replay(Life()("BatchHeld").events[1:])
    with pytest.raises(IntegrityError, match="registration is not in the bundle"):
        replay([])
