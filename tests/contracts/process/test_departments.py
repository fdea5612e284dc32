"""Departments: opened once, with members that their administrator names; who may read them."""

import pytest
from eth_abi import encode
from eth_utils import keccak
from refusals import Refused, refusal
from world import event, plain

from chromatrace.domain.ledger_entries import DepartmentRight
from chromatrace.domain.rights import Role

READ, APPEND = DepartmentRight.READ, DepartmentRight.APPEND


@pytest.fixture
def sales(world):
    return bytes(world.process.openDepartment("Sales", {"from": world.administrator}).return_value)


def test_opens(world):
    tx = world.process.openDepartment("Sales", {"from": world.administrator})
    department = keccak(encode(["uint32", "string", "string"], [world.plant, "Sales", "department"]))
    assert bytes(tx.return_value) == department == bytes(world.process.departmentIdOf(world.plant, "Sales"))
    assert plain(world.process.department(department)) == (world.plant, 0, bytes(27))
    assert event(tx, "DepartmentOpened") == {
        "department": department,
        "organisation": world.plant,
        "name": "Sales",
        "by": world.administrator,
    }


def test_is_no_channel_of_the_same_name(world, sales):
    assert bytes(world.process.channelIdOf(world.plant, "Sales")) != sales


def test_refuses_to_open_twice(world, sales):
    assert refusal(world.process.openDepartment, "Sales", sender=world.administrator) == Refused(
        "DepartmentAlreadyOpen", department=sales
    )


@pytest.mark.parametrize("name", ["", "x" * 65])
def test_refuses_a_name_of_wrong_length(world, name):
    assert refusal(world.process.openDepartment, name, sender=world.administrator) == Refused(
        "InvalidDepartmentName", length=len(name)
    )


def test_refuses_to_open_by_a_gateway(world):
    assert refusal(world.process.openDepartment, "Sales", sender=world.gateway) == Refused(
        "MissingRole", operator=world.gateway, roles=Role.GATEWAY, required=Role.ADMIN
    )


def test_sets_changes_and_removes_a_member(world, sales):
    for rights in (READ | APPEND, READ, 0):
        tx = world.process.setMember(sales, world.gateway, rights, {"from": world.administrator})
        assert world.process.memberRights(sales, world.gateway) == rights
        assert event(tx, "MemberSet") == {
            "department": sales,
            "member": world.gateway,
            "rights": rights,
            "by": world.administrator,
        }


def test_refuses_rights_that_mean_nothing(world, sales):
    assert refusal(world.process.setMember, sales, world.gateway, 4, sender=world.administrator) == Refused(
        "UnknownDepartmentRights", rights=4
    )


def test_refuses_a_member_without_an_address(world, sales):
    nobody = "0x" + "0" * 40
    assert refusal(world.process.setMember, sales, nobody, READ, sender=world.administrator) == Refused(
        "InvalidMember", member=nobody
    )


def test_another_organisations_operator_may_be_let_read_only(world, sales):
    world.process.setMember(sales, world.competitor, READ, {"from": world.administrator})
    assert refusal(world.process.setMember, sales, world.competitor, APPEND, sender=world.administrator) == Refused(
        "MemberOfAnotherOrganisation", member=world.competitor, organisation=world.rival, owner=world.plant
    )


@pytest.mark.parametrize("who", ["competitor", "franchisee"])
def test_refuses_another_organisations_administrator(world, sales, who):
    sender = getattr(world, who)
    organisation = {"competitor": world.rival, "franchisee": world.shop}[who]
    assert refusal(world.process.setMember, sales, sender, READ, sender=sender) == Refused(
        "NotDepartmentOwner", department=sales, organisation=world.plant, caller=organisation
    )


def test_refuses_members_of_an_unknown_department(world):
    assert refusal(world.process.setMember, b"\7" * 32, world.gateway, READ, sender=world.administrator) == Refused(
        "UnknownDepartment", department=b"\7" * 32
    )


def test_members_and_supervisors_may_read(world, sales):
    world.process.setMember(sales, world.gateway, READ, {"from": world.administrator})
    world.process.setMember(sales, world.competitor, READ, {"from": world.administrator})
    world.process.setMember(sales, world.logistics, APPEND, {"from": world.administrator})
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
        if world.process.mayReadDepartment(sales, getattr(world, name))
    }
    assert readers == {"gateway", "competitor", "supervisor", "official"}


def test_a_supervisor_of_another_maker_may_not_read(world, sales):
    world.appoint(world.stranger, world.rival, Role.SUPERVISOR)
    assert not world.process.mayReadDepartment(sales, world.stranger)


def test_no_one_reads_after_dismissal_or_suspension(world, sales):
    world.process.setMember(sales, world.gateway, READ, {"from": world.administrator})
    world.consortium.dismissOperator(world.gateway, {"from": world.registrar})
    assert not world.process.mayReadDepartment(sales, world.gateway)
    world.suspend(world.plant)
    assert not world.process.mayReadDepartment(sales, world.supervisor)
    assert world.process.mayReadDepartment(sales, world.official)


def test_a_member_without_any_role_may_read(world, sales):
    world.appoint(world.stranger, world.plant, 0)
    world.process.setMember(sales, world.stranger, READ, {"from": world.administrator})
    assert world.process.mayReadDepartment(sales, world.stranger)


def test_nobody_reads_an_unknown_department(world):
    assert not world.process.mayReadDepartment(b"\7" * 32, world.supervisor)
