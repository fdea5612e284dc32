"""`Consortium.grantReadScopes` and `Consortium.mayRead`."""

import pytest
from brownie import chain
from environment import FOREVER, GTIN, advance_to, event, plain
from reverts import Revert, revert_of

from chromatrace.domain.rights import Role, Scope

LINE, OTHER_LINE = int(GTIN), 9521234500025
BOTH = Scope.PRODUCT | Scope.QUALITY


def grant(env, gtins=(LINE,), scopes=BOTH, valid_until=FOREVER, sender=None):
    return env.consortium.grantReadScopes(
        env.shop, list(gtins), scopes, valid_until, {"from": sender or env.administrator}
    )


def test_grants_by_product_line(env):
    tx = grant(env)
    assert plain(env.consortium.grantOf(env.plant, env.shop, LINE)) == (BOTH, FOREVER)
    assert env.consortium.mayRead(env.franchisee, env.plant, LINE, Scope.QUALITY)
    assert env.consortium.mayRead(env.franchisee, env.plant, LINE, BOTH)
    assert not env.consortium.mayRead(env.franchisee, env.plant, LINE, BOTH | Scope.PROCESS)
    assert not env.consortium.mayRead(env.franchisee, env.plant, 0, Scope.QUALITY)
    assert not env.consortium.mayRead(env.franchisee, env.rival, LINE, Scope.QUALITY)
    assert not env.consortium.mayRead(env.competitor, env.plant, LINE, Scope.QUALITY)
    assert event(tx, "ReadScopesGranted") == {
        "owner": env.plant,
        "reader": env.shop,
        "gtin": LINE,
        "scopes": BOTH,
        "validUntil": FOREVER,
    }


def test_a_grant_for_all_lines_adds_to_a_grant_for_one_line(env):
    grant(env, [0], Scope.DOCUMENTS)
    grant(env, [LINE], Scope.PRODUCT)
    assert env.consortium.mayRead(env.franchisee, env.plant, LINE, Scope.DOCUMENTS | Scope.PRODUCT)
    assert env.consortium.mayRead(env.franchisee, env.plant, OTHER_LINE, Scope.DOCUMENTS)
    assert not env.consortium.mayRead(env.franchisee, env.plant, OTHER_LINE, Scope.PRODUCT)


def test_grants_several_lines_in_one_call(env):
    tx = grant(env, [0, LINE])
    assert [event["gtin"] for event in tx.events["ReadScopesGranted"]] == [0, LINE]


def test_zero_scopes_revoke_the_grant(env):
    grant(env)
    tx = grant(env, scopes=0)
    assert plain(env.consortium.grantOf(env.plant, env.shop, LINE)) == (0, 0)
    assert not env.consortium.mayRead(env.franchisee, env.plant, LINE, Scope.PRODUCT)
    assert tx.events["ReadScopesGranted"]["validUntil"] == 0


def test_a_grant_ends_after_its_last_second(env):
    valid_until = chain[-1].timestamp + 100
    grant(env, valid_until=valid_until)
    advance_to(valid_until)
    assert env.consortium.mayRead(env.franchisee, env.plant, LINE, Scope.PRODUCT)
    advance_to(valid_until + 1)
    assert not env.consortium.mayRead(env.franchisee, env.plant, LINE, Scope.PRODUCT)


def test_a_suspended_reader_cannot_read(env):
    grant(env)
    env.suspend(env.shop)
    assert not env.consortium.mayRead(env.franchisee, env.plant, LINE, Scope.PRODUCT)


def test_a_supervisor_of_an_authority_can_read_everything(env):
    assert env.consortium.mayRead(env.official, env.plant, LINE, sum(Scope))
    assert not env.consortium.mayRead(env.competitor, env.plant, LINE, Scope.PRODUCT)


def test_returns_false_for_no_scope(env):
    assert not env.consortium.mayRead(env.official, env.plant, LINE, 0)


def test_rejects_an_operator_without_the_admin_role(env):
    assert revert_of(env.consortium.grantReadScopes, env.shop, [LINE], BOTH, FOREVER, sender=env.producer) == Revert(
        "MissingRole", operator=env.producer, roles=Role.PRODUCER, required=Role.ADMIN
    )


def test_rejects_the_registrar_without_an_organisation(env):
    assert revert_of(env.consortium.grantReadScopes, env.shop, [LINE], BOTH, FOREVER, sender=env.registrar) == Revert(
        "UnknownOperator", operator=env.registrar
    )


@pytest.mark.parametrize(
    ("args", "error"),
    [
        ((99, [LINE], BOTH, FOREVER), Revert("UnknownOrganisation", organisation=99)),
        ((3, [LINE], 1 << 5, FOREVER), Revert("UnknownScopes", scopes=1 << 5)),
        ((3, [LINE], BOTH, 7), Revert("ExpiryInThePast", validUntil=7)),
        ((3, [LINE, LINE + 1], BOTH, FOREVER), Revert("InvalidGtin", gtin=LINE + 1)),
    ],
)
def test_rejects_invalid_arguments(env, args, error):
    assert revert_of(env.consortium.grantReadScopes, *args, sender=env.administrator) == error
