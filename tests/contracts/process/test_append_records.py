"""`ProcessLedger.appendRecords`: access, and a hash chain that does not depend on how records are grouped."""

from itertools import count

import pytest
from brownie.test import strategy
from environment import event, plain
from eth_utils import keccak
from hypothesis import given, settings
from hypothesis import strategies as st
from reverts import Revert, revert_of

from chromatrace.domain.ledger_entries import DepartmentRight, LedgerEntry, chained, pack, unpack
from chromatrace.domain.rights import Role

KIND = keccak(b"chromatrace.record/sales.contract-order/1")
READ, APPEND = DepartmentRight.READ, DepartmentRight.APPEND
EMPTY_HEAD = bytes(27)
EXAMPLE = count()
"""Numbers the examples of hypothesis, which share one chain: each opens its own department."""


def entry(number, preceding=None):
    return LedgerEntry(
        record=keccak(b"record %d" % number)[:20],
        subject=keccak(b"product %d" % number)[:20],
        preceding=preceding,
        digest=keccak(b"document %d" % number),
    )


@pytest.fixture
def sales(env):
    return _open(env, "Sales")


@pytest.fixture
def design(env):
    """Open another department of the same organisation, with another writer."""
    env.appoint(env.stranger, env.plant, Role.GATEWAY)
    return _open(env, "Product design", env.stranger)


def _open(env, name, writer=None):
    department = bytes(env.process.openDepartment(name, {"from": env.administrator}).return_value)
    env.process.setMember(department, writer or env.gateway, READ | APPEND, {"from": env.administrator})
    return department


def test_appends_a_record(env, sales):
    record = entry(1)
    tx = env.process.appendRecords(sales, KIND, pack([record]), {"from": env.gateway})
    head = chained(EMPTY_HEAD, KIND, [record])
    assert plain(env.process.department(sales)) == (env.plant, 1, head)
    assert event(tx, "RecordsAppended") == {
        "department": sales,
        "first": 0,
        "by": env.gateway,
        "kind": KIND,
        "head": head,
        "records": pack([record]),
    }


def test_appends_records_after_existing_records(env, sales):
    records = [entry(1), *(entry(number, entry(number - 1).record) for number in range(2, 30))]
    env.process.appendRecords(sales, KIND, pack(records[:4]), {"from": env.gateway})
    tx = env.process.appendRecords(sales, KIND, pack(records[4:]), {"from": env.gateway})
    appended = event(tx, "RecordsAppended")
    assert appended["first"] == 4
    assert unpack(bytes(appended["records"])) == records[4:]
    assert plain(env.process.department(sales)) == (env.plant, 29, chained(EMPTY_HEAD, KIND, records))


@given(sizes=st.lists(strategy("uint8", min_value=1, max_value=6), min_size=1, max_size=4))
@settings(max_examples=8)
def test_the_hash_chain_does_not_depend_on_the_grouping(env, sizes):
    department = _open(env, f"Grouped {next(EXAMPLE)}")
    records = [entry(number) for number in range(sum(sizes))]
    remaining = list(records)
    for size in sizes:
        env.process.appendRecords(department, KIND, pack(remaining[:size]), {"from": env.gateway})
        remaining = remaining[size:]
    assert plain(env.process.department(department))[1:] == (len(records), chained(EMPTY_HEAD, KIND, records))


def test_the_kind_is_part_of_the_hash_chain(env, sales):
    env.process.appendRecords(sales, keccak(b"another"), pack([entry(1)]), {"from": env.gateway})
    assert plain(env.process.department(sales))[2] != chained(EMPTY_HEAD, KIND, [entry(1)])


def test_rejects_a_member_of_another_department(env, sales, design):
    records = pack([entry(1)])
    for department, sender in ((design, env.gateway), (sales, env.stranger)):
        assert revert_of(env.process.appendRecords, department, KIND, records, sender=sender) == Revert(
            "NotMember", department=department, operator=sender, held=0, required=APPEND
        )


def test_rejects_a_member_with_the_right_to_read_only(env, sales):
    env.process.setMember(sales, env.gateway, READ, {"from": env.administrator})
    assert revert_of(env.process.appendRecords, sales, KIND, pack([entry(1)]), sender=env.gateway) == Revert(
        "NotMember", department=sales, operator=env.gateway, held=READ, required=APPEND
    )


def test_rejects_a_removed_member(env, sales):
    env.process.setMember(sales, env.gateway, 0, {"from": env.administrator})
    assert revert_of(env.process.appendRecords, sales, KIND, pack([entry(1)]), sender=env.gateway).name == "NotMember"


def test_rejects_a_member_without_the_role(env, sales):
    env.process.setMember(sales, env.producer, APPEND, {"from": env.administrator})
    assert revert_of(env.process.appendRecords, sales, KIND, pack([entry(1)]), sender=env.producer) == Revert(
        "MissingRole", operator=env.producer, roles=Role.PRODUCER, required=Role.GATEWAY
    )


def test_rejects_another_organisation(env, sales):
    assert revert_of(env.process.appendRecords, sales, KIND, pack([entry(1)]), sender=env.competitor) == Revert(
        "NotDepartmentOwner", department=sales, organisation=env.plant, caller=env.rival
    )


def test_rejects_an_unknown_department(env):
    unknown = b"\7" * 32
    assert revert_of(env.process.appendRecords, unknown, KIND, pack([entry(1)]), sender=env.gateway) == Revert(
        "UnknownDepartment", department=unknown
    )


@pytest.mark.parametrize("length", [0, 1, 91, 93, 183])
def test_rejects_an_invalid_length(env, sales, length):
    assert revert_of(env.process.appendRecords, sales, KIND, b"\1" * length, sender=env.gateway) == Revert(
        "InvalidRecordsLength", length=length
    )


def test_rejects_an_empty_kind(env, sales):
    assert revert_of(env.process.appendRecords, sales, bytes(32), pack([entry(1)]), sender=env.gateway) == Revert(
        "EmptyRecordKind"
    )


@pytest.mark.parametrize("field", [slice(0, 20), slice(60, 92)], ids=["id", "digest"])
def test_rejects_an_empty_record_among_others(env, sales, field):
    invalid = bytearray(pack([entry(2)]))
    invalid[field] = bytes(field.stop - field.start)
    records = pack([entry(1)]) + bytes(invalid)
    assert revert_of(env.process.appendRecords, sales, KIND, records, sender=env.gateway) == Revert(
        "EmptyRecord", index=1
    )
