"""Appending records: by the department's own writers, into a chain that does not depend on the batching."""

from itertools import count

import pytest
from brownie.test import strategy
from eth_utils import keccak
from hypothesis import given, settings
from hypothesis import strategies as st
from refusals import Refused, refusal
from world import event, plain

from chromatrace.domain.ledger_entries import DepartmentRight, LedgerEntry, chained, pack, unpack
from chromatrace.domain.rights import Role

KIND = keccak(b"chromatrace.record/sales.contract-order/1")
READ, APPEND = DepartmentRight.READ, DepartmentRight.APPEND
EMPTY_HEAD = bytes(27)
EXAMPLE = count()
"""Hypothesis runs its examples on one chain: each opens a department of its own."""


def entry(number, preceding=None):
    return LedgerEntry(
        record=keccak(b"record %d" % number)[:20],
        subject=keccak(b"product %d" % number)[:20],
        preceding=preceding,
        digest=keccak(b"document %d" % number),
    )


@pytest.fixture
def sales(world):
    return _opened(world, "Sales")


@pytest.fixture
def design(world):
    """Another department of the same organisation, with another writer."""
    world.appoint(world.stranger, world.plant, Role.GATEWAY)
    return _opened(world, "Product design", world.stranger)


def _opened(world, name, writer=None):
    department = bytes(world.process.openDepartment(name, {"from": world.administrator}).return_value)
    world.process.setMember(department, writer or world.gateway, READ | APPEND, {"from": world.administrator})
    return department


def test_appends_one(world, sales):
    one = entry(1)
    tx = world.process.appendRecords(sales, KIND, pack([one]), {"from": world.gateway})
    head = chained(EMPTY_HEAD, KIND, [one])
    assert plain(world.process.department(sales)) == (world.plant, 1, head)
    assert event(tx, "RecordsAppended") == {
        "department": sales,
        "first": 0,
        "by": world.gateway,
        "kind": KIND,
        "head": head,
        "records": pack([one]),
    }


def test_appends_many_behind_those_before(world, sales):
    many = [entry(1), *(entry(number, entry(number - 1).record) for number in range(2, 30))]
    world.process.appendRecords(sales, KIND, pack(many[:4]), {"from": world.gateway})
    tx = world.process.appendRecords(sales, KIND, pack(many[4:]), {"from": world.gateway})
    seen = event(tx, "RecordsAppended")
    assert seen["first"] == 4
    assert unpack(bytes(seen["records"])) == many[4:]
    assert plain(world.process.department(sales)) == (world.plant, 29, chained(EMPTY_HEAD, KIND, many))


@given(sizes=st.lists(strategy("uint8", min_value=1, max_value=6), min_size=1, max_size=4))
@settings(max_examples=8)
def test_the_chain_does_not_depend_on_the_batching(world, sizes):
    department = _opened(world, f"Batched {next(EXAMPLE)}")
    records = [entry(number) for number in range(sum(sizes))]
    left = list(records)
    for size in sizes:
        world.process.appendRecords(department, KIND, pack(left[:size]), {"from": world.gateway})
        left = left[size:]
    assert plain(world.process.department(department))[1:] == (len(records), chained(EMPTY_HEAD, KIND, records))


def test_the_kind_is_part_of_the_chain(world, sales):
    world.process.appendRecords(sales, keccak(b"another"), pack([entry(1)]), {"from": world.gateway})
    assert plain(world.process.department(sales))[2] != chained(EMPTY_HEAD, KIND, [entry(1)])


def test_refuses_another_department(world, sales, design):
    records = pack([entry(1)])
    for department, sender in ((design, world.gateway), (sales, world.stranger)):
        assert refusal(world.process.appendRecords, department, KIND, records, sender=sender) == Refused(
            "NotMember", department=department, operator=sender, held=0, required=APPEND
        )


def test_refuses_a_member_who_may_only_read(world, sales):
    world.process.setMember(sales, world.gateway, READ, {"from": world.administrator})
    assert refusal(world.process.appendRecords, sales, KIND, pack([entry(1)]), sender=world.gateway) == Refused(
        "NotMember", department=sales, operator=world.gateway, held=READ, required=APPEND
    )


def test_refuses_a_member_who_was_removed(world, sales):
    world.process.setMember(sales, world.gateway, 0, {"from": world.administrator})
    assert refusal(world.process.appendRecords, sales, KIND, pack([entry(1)]), sender=world.gateway).name == "NotMember"


def test_refuses_a_member_without_the_role(world, sales):
    world.process.setMember(sales, world.producer, APPEND, {"from": world.administrator})
    assert refusal(world.process.appendRecords, sales, KIND, pack([entry(1)]), sender=world.producer) == Refused(
        "MissingRole", operator=world.producer, roles=Role.PRODUCER, required=Role.GATEWAY
    )


def test_refuses_another_organisation(world, sales):
    assert refusal(world.process.appendRecords, sales, KIND, pack([entry(1)]), sender=world.competitor) == Refused(
        "NotDepartmentOwner", department=sales, organisation=world.plant, caller=world.rival
    )


def test_refuses_an_unknown_department(world):
    unknown = b"\7" * 32
    assert refusal(world.process.appendRecords, unknown, KIND, pack([entry(1)]), sender=world.gateway) == Refused(
        "UnknownDepartment", department=unknown
    )


@pytest.mark.parametrize("length", [0, 1, 91, 93, 183])
def test_refuses_what_is_no_whole_number_of_records(world, sales, length):
    assert refusal(world.process.appendRecords, sales, KIND, b"\1" * length, sender=world.gateway) == Refused(
        "InvalidRecordsLength", length=length
    )


def test_refuses_an_empty_kind(world, sales):
    assert refusal(world.process.appendRecords, sales, bytes(32), pack([entry(1)]), sender=world.gateway) == Refused(
        "EmptyRecordKind"
    )


@pytest.mark.parametrize("emptied", [slice(0, 20), slice(60, 92)], ids=["id", "digest"])
def test_refuses_an_empty_record_among_others(world, sales, emptied):
    spoilt = bytearray(pack([entry(2)]))
    spoilt[emptied] = bytes(emptied.stop - emptied.start)
    records = pack([entry(1)]) + bytes(spoilt)
    assert refusal(world.process.appendRecords, sales, KIND, records, sender=world.gateway) == Refused(
        "EmptyRecord", index=1
    )
