"""Read scopes: given by an administrator of the owner, by product line, until a time; 0 scopes revoke."""

import pytest
from brownie import chain
from refusals import Refused, refusal
from world import FOREVER, GTIN, advance_to, event, plain

from chromatrace.domain.rights import Role, Scope

LINE, OTHER_LINE = int(GTIN), 9521234500025
BOTH = Scope.PRODUCT | Scope.QUALITY


def grant(world, gtins=(LINE,), scopes=BOTH, valid_until=FOREVER, sender=None):
    return world.consortium.grantReadScopes(
        world.shop, list(gtins), scopes, valid_until, {"from": sender or world.administrator}
    )


def test_grants_by_product_line(world):
    tx = grant(world)
    assert plain(world.consortium.grantOf(world.plant, world.shop, LINE)) == (BOTH, FOREVER)
    assert world.consortium.mayRead(world.franchisee, world.plant, LINE, Scope.QUALITY)
    assert world.consortium.mayRead(world.franchisee, world.plant, LINE, BOTH)
    assert not world.consortium.mayRead(world.franchisee, world.plant, LINE, BOTH | Scope.PROCESS)
    assert not world.consortium.mayRead(world.franchisee, world.plant, 0, Scope.QUALITY)
    assert not world.consortium.mayRead(world.franchisee, world.rival, LINE, Scope.QUALITY)
    assert not world.consortium.mayRead(world.competitor, world.plant, LINE, Scope.QUALITY)
    assert event(tx, "ReadScopesGranted") == {
        "owner": world.plant,
        "reader": world.shop,
        "gtin": LINE,
        "scopes": BOTH,
        "validUntil": FOREVER,
    }


def test_a_grant_for_every_line_adds_to_that_of_one(world):
    grant(world, [0], Scope.DOCUMENTS)
    grant(world, [LINE], Scope.PRODUCT)
    assert world.consortium.mayRead(world.franchisee, world.plant, LINE, Scope.DOCUMENTS | Scope.PRODUCT)
    assert world.consortium.mayRead(world.franchisee, world.plant, OTHER_LINE, Scope.DOCUMENTS)
    assert not world.consortium.mayRead(world.franchisee, world.plant, OTHER_LINE, Scope.PRODUCT)


def test_grants_many_lines_at_once(world):
    tx = grant(world, [0, LINE])
    assert [event["gtin"] for event in tx.events["ReadScopesGranted"]] == [0, LINE]


def test_zero_scopes_revoke(world):
    grant(world)
    tx = grant(world, scopes=0)
    assert plain(world.consortium.grantOf(world.plant, world.shop, LINE)) == (0, 0)
    assert not world.consortium.mayRead(world.franchisee, world.plant, LINE, Scope.PRODUCT)
    assert tx.events["ReadScopesGranted"]["validUntil"] == 0


def test_a_grant_ends_after_its_last_second(world):
    until = chain[-1].timestamp + 100
    grant(world, valid_until=until)
    advance_to(until)
    assert world.consortium.mayRead(world.franchisee, world.plant, LINE, Scope.PRODUCT)
    advance_to(until + 1)
    assert not world.consortium.mayRead(world.franchisee, world.plant, LINE, Scope.PRODUCT)


def test_a_suspended_reader_reads_nothing(world):
    grant(world)
    world.suspend(world.shop)
    assert not world.consortium.mayRead(world.franchisee, world.plant, LINE, Scope.PRODUCT)


def test_supervisors_of_an_authority_read_everything(world):
    assert world.consortium.mayRead(world.official, world.plant, LINE, sum(Scope))
    assert not world.consortium.mayRead(world.competitor, world.plant, LINE, Scope.PRODUCT)


def test_nobody_reads_no_scope(world):
    assert not world.consortium.mayRead(world.official, world.plant, LINE, 0)


def test_refuses_operators_who_are_no_administrators(world):
    assert refusal(
        world.consortium.grantReadScopes, world.shop, [LINE], BOTH, FOREVER, sender=world.producer
    ) == Refused("MissingRole", operator=world.producer, roles=Role.PRODUCER, required=Role.ADMIN)


def test_refuses_the_registrar_who_belongs_to_no_organisation(world):
    assert refusal(
        world.consortium.grantReadScopes, world.shop, [LINE], BOTH, FOREVER, sender=world.registrar
    ) == Refused("UnknownOperator", operator=world.registrar)


@pytest.mark.parametrize(
    ("args", "error"),
    [
        ((99, [LINE], BOTH, FOREVER), Refused("UnknownOrganisation", organisation=99)),
        ((3, [LINE], 1 << 5, FOREVER), Refused("UnknownScopes", scopes=1 << 5)),
        ((3, [LINE], BOTH, 7), Refused("ExpiryInThePast", validUntil=7)),
        ((3, [LINE, LINE + 1], BOTH, FOREVER), Refused("InvalidGtin", gtin=LINE + 1)),
    ],
)
def test_refuses_wrong_arguments(world, args, error):
    assert refusal(world.consortium.grantReadScopes, *args, sender=world.administrator) == error
