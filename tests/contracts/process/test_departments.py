"""`ProcessLedger.openDepartment`, `setMember` and `mayReadDepartment`."""

import pytest
from environment import advance_to, event, plain
from eth_abi import encode
from eth_utils import keccak
from reverts import Revert, revert_of

from chromatrace.domain.ledger_entries import DepartmentRight
from chromatrace.domain.rights import Role

READ, APPEND = DepartmentRight.READ, DepartmentRight.APPEND


@pytest.fixture
def sales(env):
    return bytes(env.process.openDepartment("Sales", {"from": env.administrator}).return_value)


def test_opens_a_department(env):
    tx = env.process.openDepartment("Sales", {"from": env.administrator})
    department = keccak(encode(["uint32", "string", "string"], [env.plant, "Sales", "department"]))
    assert bytes(tx.return_value) == department == bytes(env.process.departmentIdOf(env.plant, "Sales"))
    assert plain(env.process.department(department)) == (env.plant, 0, bytes(27))
    assert event(tx, "DepartmentOpened") == {
        "department": department,
        "organisation": env.plant,
        "name": "Sales",
        "by": env.administrator,
    }


def test_the_id_differs_from_the_channel_of_the_same_name(env, sales):
    assert bytes(env.process.channelIdOf(env.plant, "Sales")) != sales


def test_rejects_an_open_department(env, sales):
    assert revert_of(env.process.openDepartment, "Sales", sender=env.administrator) == Revert(
        "DepartmentAlreadyOpen", department=sales
    )


@pytest.mark.parametrize("name", ["", "x" * 65])
def test_rejects_a_name_of_invalid_length(env, name):
    assert revert_of(env.process.openDepartment, name, sender=env.administrator) == Revert(
        "InvalidDepartmentName", length=len(name)
    )


def test_rejects_an_operator_without_the_admin_role(env):
    assert revert_of(env.process.openDepartment, "Sales", sender=env.gateway) == Revert(
        "MissingRole", operator=env.gateway, roles=Role.GATEWAY, required=Role.ADMIN
    )


def test_sets_changes_and_removes_a_member(env, sales):
    for rights in (READ | APPEND, READ, 0):
        tx = env.process.setMember(sales, env.gateway, rights, {"from": env.administrator})
        assert env.process.memberRights(sales, env.gateway) == rights
        assert event(tx, "MemberSet") == {
            "department": sales,
            "member": env.gateway,
            "rights": rights,
            "by": env.administrator,
        }


def test_rejects_unknown_rights(env, sales):
    assert revert_of(env.process.setMember, sales, env.gateway, 4, sender=env.administrator) == Revert(
        "UnknownDepartmentRights", rights=4
    )


def test_rejects_the_zero_address(env, sales):
    zero_address = "0x" + "0" * 40
    assert revert_of(env.process.setMember, sales, zero_address, READ, sender=env.administrator) == Revert(
        "InvalidMember", member=zero_address
    )


def test_an_operator_of_another_organisation_can_only_read(env, sales):
    env.process.setMember(sales, env.competitor, READ, {"from": env.administrator})
    assert revert_of(env.process.setMember, sales, env.competitor, APPEND, sender=env.administrator) == Revert(
        "MemberOfAnotherOrganisation", member=env.competitor, organisation=env.rival, owner=env.plant
    )


@pytest.mark.parametrize("who", ["competitor", "franchisee"])
def test_rejects_an_administrator_of_another_organisation(env, sales, who):
    sender = getattr(env, who)
    organisation = {"competitor": env.rival, "franchisee": env.shop}[who]
    assert revert_of(env.process.setMember, sales, sender, READ, sender=sender) == Revert(
        "NotDepartmentOwner", department=sales, organisation=env.plant, caller=organisation
    )


def test_rejects_members_of_an_unknown_department(env):
    assert revert_of(env.process.setMember, b"\7" * 32, env.gateway, READ, sender=env.administrator) == Revert(
        "UnknownDepartment", department=b"\7" * 32
    )


def test_members_and_supervisors_can_read(env, sales):
    env.process.setMember(sales, env.gateway, READ, {"from": env.administrator})
    env.process.setMember(sales, env.competitor, READ, {"from": env.administrator})
    env.process.setMember(sales, env.logistics, APPEND, {"from": env.administrator})
    readers = {
        name
        for name in (
            "administrator",
            "producer",
            "gateway",
            "supervisor",
            "logistics",
            "official",
            "competitor",
            "stranger",
        )
        if env.process.mayReadDepartment(sales, getattr(env, name))
    }
    assert readers == {"gateway", "competitor", "supervisor", "official"}


def test_a_supervisor_of_another_manufacturer_cannot_read(env, sales):
    env.appoint(env.stranger, env.rival, Role.SUPERVISOR)
    assert not env.process.mayReadDepartment(sales, env.stranger)


def test_reading_ends_with_dismissal_or_suspension(env, sales):
    env.process.setMember(sales, env.gateway, READ, {"from": env.administrator})
    env.consortium.dismissOperator(env.gateway, {"from": env.registrar})
    assert not env.process.mayReadDepartment(sales, env.gateway)
    env.suspend(env.plant)
    assert not env.process.mayReadDepartment(sales, env.supervisor)
    assert env.process.mayReadDepartment(sales, env.official)


def test_a_member_without_roles_can_read(env, sales):
    env.appoint(env.stranger, env.plant, 0)
    env.process.setMember(sales, env.stranger, READ, {"from": env.administrator})
    assert env.process.mayReadDepartment(sales, env.stranger)


def test_an_unknown_department_cannot_be_read(env):
    assert not env.process.mayReadDepartment(b"\7" * 32, env.supervisor)


@pytest.mark.parametrize("again", ["dismissed", "expired"])
def test_rights_do_not_return_on_reappointment(env, sales, again):
    env.appoint(env.gateway, env.plant, Role.GATEWAY, env.now + 100)
    env.process.setMember(sales, env.gateway, READ | APPEND, {"from": env.administrator})
    if again == "dismissed":
        env.consortium.dismissOperator(env.gateway, {"from": env.registrar})
    else:
        advance_to(env.now + 101)
    env.appoint(env.gateway, env.plant, Role.GATEWAY)
    assert env.process.memberRights(sales, env.gateway) == 0
    assert not env.process.mayReadDepartment(sales, env.gateway)
    records = keccak(b"record")[:20] + bytes(40) + keccak(b"digest")
    assert revert_of(env.process.appendRecords, sales, keccak(b"kind"), records, sender=env.gateway) == Revert(
        "NotMember", department=sales, operator=env.gateway, held=0, required=APPEND
    )
    env.process.setMember(sales, env.gateway, APPEND, {"from": env.administrator})
    env.process.appendRecords(sales, keccak(b"kind"), records, {"from": env.gateway})


def test_rights_do_not_follow_an_operator_to_another_organisation(env, sales):
    env.process.setMember(sales, env.competitor, READ, {"from": env.administrator})
    env.consortium.dismissOperator(env.competitor, {"from": env.registrar})
    env.appoint(env.competitor, env.shop, 0)
    assert not env.process.mayReadDepartment(sales, env.competitor)


def test_rights_need_an_appointment(env, sales):
    env.consortium.dismissOperator(env.logistics, {"from": env.registrar})
    for member in (env.stranger, env.logistics):
        assert revert_of(env.process.setMember, sales, member, READ, sender=env.administrator) == Revert(
            "MemberNotAppointed", member=member
        )
        env.process.setMember(sales, member, 0, {"from": env.administrator})
