"""Test the batch slot: unpacking of storage, and replay of events."""

from __future__ import annotations

import pytest

from chromatrace.domain.errors import IntegrityError
from chromatrace.domain.rights import BatchState, HoldKind, Verdict, holds_of
from chromatrace.domain.stored_batch import StoredBatch
from chromatrace.exchange.events import ProvenEvent
from chromatrace.exchange.slot import replay, unpack


def test_members_are_unpacked_from_the_contract_layout():
    flags = 3 | 4 | 0b10010 << 3
    raw = bytes([8, flags, 1, 2, 4, 5]) + b"".join(n.to_bytes(4, "little") for n in (6, 7, 100, 90, 8))
    raw += (9521234543213).to_bytes(6, "little")
    stored = unpack(int.from_bytes(raw, "little"))
    assert stored == StoredBatch(
        BatchState.RELEASED, 0b10010, True, 3, Verdict.PASS, Verdict.FAIL, 4, 5, 6, 7, 100, 90, 8, 2, 9521234543213
    )
    assert stored.on_hold
    assert holds_of(stored.holds) == {HoldKind.FIRST_INSPECTION, HoldKind.AUTHORITY}


@pytest.mark.parametrize(("index", "value"), [(0, 9), (2, 3), (3, 3)])
def test_impossible_values_are_rejected(index, value):
    with pytest.raises(IntegrityError):
        unpack(value << 8 * index)


def test_more_graded_units_than_the_batch_has_are_rejected():
    with pytest.raises(IntegrityError, match="layout of a batch"):
        unpack(6 | 9 << 8 * 14 | 10 << 8 * 18)


class Life:
    """Builds the list of a batch's events."""

    def __init__(self):
        self.events = []
        self("BatchRegistered", producer=1, quantity=10, gtin=9521234543213)

    def __call__(self, name, contract="BatchRegistry", **args):
        self.events.append(ProvenEvent(contract, name, args, (len(self.events), 0, 0)))
        return self

    def verdict(self, stage, verdict, revision, state):
        return self("VerdictApplied", stage=stage, verdict=verdict, revision=revision, state=state)

    def held(self, kind):
        return self("BatchHeld", kind=kind)

    def freed(self, kind):
        return self("BatchHoldReleased", kind=kind)

    def custody(self, name, giver, taker):
        return self(f"Custody{name}", contract="CustodyLedger", **{"from": giver, "to": taker})

    @property
    def slot(self):
        return replay(self.events)


def test_replay_of_a_complete_life():
    life = Life()
    assert (life.slot.state, life.slot.producer, life.slot.custodian) == (BatchState.REGISTERED, 1, 1)
    life.verdict(0, 1, 1, 2)("BatchAssembled").verdict(1, 1, 1, 5)("BatchGraded", standard=7, defective=2, scrap=1)
    assert (life.slot.state, life.slot.standard, life.slot.defective, life.slot.scrap) == (BatchState.GRADED, 7, 2, 1)
    life("BatchReleased", channel=0)("BatchReleased", channel=1)("CustodyTransferred", **{"from": 1, "to": 2})
    life.custody("Offered", 2, 3).custody("Refused", 2, 3).held(0).freed(0)
    slot = life.slot
    assert (slot.state, slot.channels, slot.custodian, slot.on_hold) == (BatchState.RELEASED, 3, 2, False)
    assert (slot.first_verdict, slot.first_revision, slot.final_verdict) == (Verdict.PASS, 1, Verdict.PASS)
    life("BatchRecalled")
    assert life.slot.differences(slot) == ["recalled"]


def assembled():
    return Life().verdict(0, 1, 1, 2)("BatchAssembled").verdict(1, 1, 1, 5)


def test_replay_of_scrap_and_recycling():
    assert Life().verdict(0, 2, 1, 3)("BatchRecycled").slot.state is BatchState.RECYCLED
    assert assembled()("BatchGraded", standard=0, defective=0, scrap=10).slot.state is BatchState.SCRAPPED


@pytest.mark.parametrize("stage", [0, 1])
def test_late_failing_verdict_is_held_by_a_separate_event(stage):
    failed = assembled()("BatchGraded", standard=10, defective=0, scrap=0).verdict(stage, 2, 2, 6)
    assert failed.slot.on_hold is False
    assert failed.held(1 + stage).slot.holds == 2 << stage
    assert failed.freed(1 + stage).slot.on_hold is False


def test_holds_of_different_kinds_are_independent():
    life = Life().held(0).held(4).held(3).freed(0)
    assert holds_of(life.slot.holds) == {HoldKind.SUPPLIER_NOTICE, HoldKind.AUTHORITY}


def test_an_ordered_return_ends_the_offer_and_moves_the_batch():
    life = released()("CustodyTransferred", **{"from": 1, "to": 2}).custody("Offered", 2, 3)
    life.custody("ReturnOrdered", 2, 1)("CustodyTransferred", **{"from": 2, "to": 1})
    assert life.slot.custodian == 1


def test_revisions_stop_at_255():
    life = Life()
    for revision in range(1, 258):
        life.verdict(0, 1, min(revision, 255), 2)
    assert life.slot.first_revision == 255


def released():
    return assembled()("BatchGraded", standard=10, defective=0, scrap=0)("BatchReleased", channel=0)


@pytest.mark.parametrize(
    ("life", "problem"),
    [
        (Life()("BatchRegistered", producer=2, quantity=1, gtin=1), "must start with exactly one registration"),
        (Life().verdict(0, 1, 2, 2), "revision 1 of a verdict is not in the bundle"),
        (released()("CustodyTransferred", **{"from": 3, "to": 2}), "does not start from the current custodian"),
        (released()("BatchReleased", channel=2), "2 is not a SalesChannel"),
        (Life().verdict(0, 1, 1, 2).verdict(1, 1, 1, 5), "VerdictApplied is not valid in state first_passed"),
        (Life()("BatchAssembled"), "BatchAssembled is not valid in state registered"),
        (Life()("BatchRecycled"), "BatchRecycled is not valid in state registered"),
        (Life()("BatchGraded", standard=10, defective=0, scrap=0), "BatchGraded is not valid in state registered"),
        (assembled()("BatchReleased", channel=0), "BatchReleased is not valid in state assembled"),
        (
            assembled()("CustodyTransferred", **{"from": 1, "to": 2}),
            "CustodyTransferred is not valid in state assembled",
        ),
        (released().custody("Accepted", 1, 2), "CustodyAccepted has no matching offer"),
        (released().custody("Offered", 1, 2).custody("Accepted", 1, 3), "CustodyAccepted has no matching offer"),
        (released().custody("Offered", 1, 2).custody("Refused", 1, 2).custody("Accepted", 1, 2), "CustodyAccepted"),
        (Life().held(4).freed(0), "BatchHoldReleased is not valid while the producer hold is not set"),
        (Life().held(3).held(3), "BatchHeld is not valid while the supplier notice hold is set"),
        (Life().verdict(2, 1, 1, 2), "2 is not a Stage"),
    ],
)
def test_invalid_sequences_are_rejected(life, problem):
    with pytest.raises(IntegrityError, match=problem):
        _ = life.slot


def test_events_without_registration_are_rejected():
    with pytest.raises(IntegrityError, match="must start with exactly one registration"):
        replay(Life().held(0).events[1:])
    with pytest.raises(IntegrityError, match="registration is not in the bundle"):
        replay([])
