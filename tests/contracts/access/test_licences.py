"""`Consortium.license`, `withdrawLicence` and `licenseeOf`, and their effect on registration."""

import pytest
from environment import GTIN, REGISTRAR, RIVAL_GTIN, batch_id, event, plain
from reverts import Revert, revert_of

from chromatrace.domain.identifiers import check_digit
from chromatrace.domain.rights import BatchState

PLANT_PREFIX = (952123454, 9)


def gtin_of(item, indicator=0):
    """Return the GTIN-14 of 12 digits."""
    body = f"{indicator}{item}"
    return body + check_digit(body)


def test_the_gtin_of_another_organisation_is_rejected(env):
    """A rival cannot take a lot in advance, alone or in bulk, and cannot sell under the plant's GTIN."""
    expected = Revert("GtinNotLicensed", gtin=int(GTIN), organisation=env.rival)
    registration = env.registration("A3", quantity=1)
    assert revert_of(env.registry.register, registration, sender=env.competitor) == expected
    assert revert_of(env.registry.registerMany, [registration], sender=env.competitor) == expected
    tx = env.registry.registerMany([env.registration(lot) for lot in ("A1", "A2", "A3")], {"from": env.producer})
    assert list(tx.return_value) == [True] * 3


def test_each_gtin_of_a_bulk_registration_is_checked(env):
    many = [env.registration("A1"), env.registration("A2", gtin=RIVAL_GTIN), env.registration("A3")]
    assert revert_of(env.registry.registerMany, many, sender=env.producer) == Revert(
        "GtinNotLicensed", gtin=int(RIVAL_GTIN), organisation=env.plant
    )


@pytest.mark.parametrize("indicator", [0, 1, 9])
def test_the_indicator_digit_does_not_count(env, indicator):
    gtin = gtin_of("952123454321", indicator)
    env.registry.register(env.registration("L1", gtin=gtin), {"from": env.producer})
    assert env.consortium.licenseeOf(int(gtin)) == env.plant


@pytest.mark.parametrize(
    ("prefix", "digits", "item"),
    [
        (1234, 4, "123400000001"),
        (123400000001, 12, "123400000001"),
        (12, 4, "001299999999"),
        (0, 12, "000000000000"),
    ],
)
def test_licenses_a_further_prefix(env, prefix, digits, item):
    gtin = gtin_of(item, indicator=1)
    tx = env.consortium.license(env.plant, prefix, digits, {"from": env.registrar})
    assert event(tx, "PrefixLicensed") == {
        "organisation": env.plant,
        "prefix": prefix,
        "digits": digits,
        "by": env.registrar,
    }
    for each in (GTIN, gtin):
        env.registry.register(env.registration("L1", gtin=each), {"from": env.producer})
        assert env.batch(batch_id("L1", each)).state is BatchState.REGISTERED


def test_a_withdrawn_licence_ends_registration_and_can_be_given_to_another(env):
    batch = env.register("L1")
    tx = env.consortium.withdrawLicence(*PLANT_PREFIX, {"from": env.registrar})
    assert event(tx, "PrefixLicenceWithdrawn") == {
        "organisation": env.plant,
        "prefix": PLANT_PREFIX[0],
        "digits": PLANT_PREFIX[1],
        "by": env.registrar,
    }
    assert revert_of(env.registry.register, env.registration("L2"), sender=env.producer) == Revert(
        "GtinNotLicensed", gtin=int(GTIN), organisation=env.plant
    )
    assert env.batch(batch).producer == env.plant
    env.inspect(batch)
    env.consortium.license(env.rival, *PLANT_PREFIX, {"from": env.registrar})
    assert env.consortium.licenseeOf(int(GTIN)) == env.rival
    env.registry.register(env.registration("L2"), {"from": env.competitor})


def test_a_second_licence_survives_the_end_of_the_first(env):
    env.consortium.license(env.plant, 4000, 4, {"from": env.registrar})
    env.consortium.withdrawLicence(*PLANT_PREFIX, {"from": env.registrar})
    env.registry.register(env.registration("L1", gtin=gtin_of("400012345678")), {"from": env.producer})


@pytest.mark.parametrize(
    ("prefix", "digits", "licensee"),
    [
        (952123454, 9, 1),
        (952123454321, 12, 1),
        (9521234540, 10, 1),
        (95212, 5, 0),
        (9521, 4, 0),
        (95212345, 8, 0),
    ],
)
def test_rejects_a_prefix_that_overlaps(env, prefix, digits, licensee):
    for organisation in (env.plant, env.lab):
        assert revert_of(env.consortium.license, organisation, prefix, digits, sender=env.registrar) == Revert(
            "PrefixOverlaps", prefix=prefix, digits=digits, licensee=licensee
        )


def test_a_shorter_prefix_is_free_after_the_longer_ones_end(env):
    env.consortium.withdrawLicence(*PLANT_PREFIX, {"from": env.registrar})
    assert revert_of(env.consortium.license, env.lab, 95212, 5, sender=env.registrar).name == "PrefixOverlaps"
    env.consortium.withdrawLicence(952129900, 9, {"from": env.registrar})
    env.consortium.license(env.lab, 95212, 5, {"from": env.registrar})
    assert env.consortium.licenseeOf(int(GTIN)) == env.lab


@pytest.mark.parametrize(("prefix", "digits"), [(1, 3), (1, 13), (10_000, 4), (10**12, 12), (1, 0)])
def test_rejects_an_invalid_prefix(env, prefix, digits):
    assert revert_of(env.consortium.license, env.plant, prefix, digits, sender=env.registrar) == Revert(
        "InvalidPrefix", prefix=prefix, digits=digits
    )


@pytest.mark.parametrize(("prefix", "digits"), [(952123454, 10), (1234, 4), (1234, 200), (1, 0)])
def test_rejects_the_end_of_a_licence_that_does_not_exist(env, prefix, digits):
    assert revert_of(env.consortium.withdrawLicence, prefix, digits, sender=env.registrar) == Revert(
        "PrefixNotLicensed", prefix=prefix, digits=digits
    )


def test_requires_the_registrar_and_an_organisation(env):
    for function, arguments in (
        (env.consortium.license, (env.rival, 4000, 4)),
        (env.consortium.withdrawLicence, PLANT_PREFIX),
    ):
        assert revert_of(function, *arguments, sender=env.competitor) == Revert(
            "AccessControlUnauthorizedAccount", account=env.competitor, neededRole=REGISTRAR
        )
    assert revert_of(env.consortium.license, 99, 4000, 4, sender=env.registrar) == Revert(
        "UnknownOrganisation", organisation=99
    )


def test_authorise_product_checks_role_and_licence(env):
    assert env.consortium.authoriseProduct(env.producer, 2, int(GTIN)) == env.plant
    assert revert_of(env.consortium.authoriseProduct, env.producer, 4, int(GTIN), sender=env.stranger).name == (
        "MissingRole"
    )
    assert plain([env.consortium.licenseeOf(int(gtin_of("111111111111")))]) == (0,)
