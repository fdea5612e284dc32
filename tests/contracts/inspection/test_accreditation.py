"""Accreditation: a verdict counts only if its inspector's organisation has a relation to the batch."""

import pytest
from brownie import chain
from environment import BOTH_STAGES, FOREVER, GTIN, REGISTRAR, RIVAL_GTIN, advance_to, event, plain
from eth_account import Account as Keys
from eth_utils import keccak
from reverts import Revert, revert_of

from chromatrace.domain.rights import BatchState, Role, Stage, Verdict

FIRST, FINAL = 0b01, 0b10


def inspector_of(env, organisation, name):
    """Appoint and return an inspector of an organisation."""
    key = Keys.from_key(keccak(text=name))
    env.operators[name] = key
    number = getattr(env, organisation)
    env.consortium.changeOrganisation(number, 127, FOREVER, {"from": env.registrar})
    env.appoint(key.address, number, Role.INSPECTOR)
    return key


def revert_of_verdict(env, batch, stage, key, verdict=Verdict.FAIL, **changes):
    inspection = env.inspection(batch, stage, verdict, by=key, **changes)
    arguments = (tuple(inspection.values()), env.sign(inspection))
    return revert_of(env.inspections.record, *arguments, sender=env.stranger)


@pytest.mark.parametrize("stage", list(Stage))
def test_a_verdict_of_a_competitor_does_not_count(env, stage):
    """It neither stops nor holds a batch, and no number of them locks one."""
    key = inspector_of(env, "rival", "rival inspector")
    batch = env.batch_in_state(BatchState.RELEASED)
    before = env.batch(batch)
    assert revert_of_verdict(env, batch, stage, key) == Revert(
        "NotAccredited", body=env.rival, producer=env.plant, gtin=int(GTIN), stage=stage
    )
    inspections = [env.inspection(batch, stage, Verdict.FAIL, by=key, nonce=nonce) for nonce in range(5)]
    signed = [tuple(item.values()) for item in inspections], [env.sign(item) for item in inspections]
    tx = env.inspections.recordMany(*signed, {"from": env.competitor})
    assert list(tx.return_value) == [False] * 5
    assert env.batch(batch) == before
    env.custody.offer(batch, env.shop, FOREVER, {"from": env.logistics})


def test_a_producer_cannot_use_an_accreditation_of_another_producer(env):
    """The laboratory is accredited by the plant and by the rival; a body of the rival only counts for the rival."""
    key = inspector_of(env, "shop", "shop inspector")
    env.inspections.accredit(env.shop, [0], BOTH_STAGES, FOREVER, {"from": env.competitor})
    batch = env.register("L1")
    assert revert_of_verdict(env, batch, Stage.FIRST, key).name == "NotAccredited"
    other = env.register("L1", sender=env.competitor)
    env.inspect(other, by=key)
    assert env.batch(other).first_verdict is Verdict.PASS


@pytest.mark.parametrize(
    ("gtins", "stages", "counts"),
    [
        ([0], BOTH_STAGES, {Stage.FIRST, Stage.FINAL}),
        ([0], FIRST, {Stage.FIRST}),
        ([int(GTIN)], FINAL, {Stage.FINAL}),
        ([int(RIVAL_GTIN), int(GTIN)], FIRST, {Stage.FIRST}),
        ([int(RIVAL_GTIN)], BOTH_STAGES, set()),
        ([], BOTH_STAGES, set()),
    ],
)
def test_the_scope_is_product_line_and_stage(env, gtins, stages, counts):
    key = inspector_of(env, "shop", "shop inspector")
    tx = env.inspections.accredit(env.shop, gtins, stages, FOREVER, {"from": env.administrator})
    assert (
        [plain(given.values()) for given in tx.events["Accredited"]]
        == [(env.plant, env.shop, gtin, stages, FOREVER, env.administrator) for gtin in gtins]
        if gtins
        else "Accredited" not in tx.events
    )
    batch = env.batch_in_state(BatchState.RELEASED)
    for stage in Stage:
        accredited = env.inspections.isAccredited(env.shop, env.plant, int(GTIN), stage)
        assert accredited == (stage in counts)
        if accredited:
            env.inspect(batch, stage, by=key)
        else:
            assert revert_of_verdict(env, batch, stage, key).name == "NotAccredited"


def test_the_registrar_accredits_for_product_lines(env):
    key = inspector_of(env, "shop", "shop inspector")
    tx = env.inspections.accreditForLines(env.shop, [int(GTIN)], FIRST, FOREVER, {"from": env.registrar})
    assert event(tx, "Accredited") == {
        "accreditor": 0,
        "body": env.shop,
        "gtin": int(GTIN),
        "stages": FIRST,
        "validUntil": FOREVER,
        "by": env.registrar,
    }
    assert plain(env.inspections.accreditationOf(0, env.shop, int(GTIN))) == (FIRST, FOREVER)
    env.inspect(env.register("L1"), by=key)
    assert revert_of_verdict(env, env.register("L1", sender=env.competitor), Stage.FIRST, key).name == "NotAccredited"


def test_an_accreditation_expires(env):
    key = inspector_of(env, "shop", "shop inspector")
    until = chain[-1].timestamp + 100
    env.inspections.accredit(env.shop, [0], BOTH_STAGES, until, {"from": env.administrator})
    batch = env.register()
    env.inspect(batch, by=key)
    advance_to(until + 1)
    assert revert_of_verdict(env, batch, Stage.FIRST, key).name == "NotAccredited"


def test_an_accreditation_is_withdrawn(env):
    batch = env.register()
    env.inspections.accredit(env.lab, [0], 0, 123, {"from": env.administrator})
    assert plain(env.inspections.accreditationOf(env.plant, env.lab, 0)) == (0, 0)
    assert revert_of_verdict(env, batch, Stage.FIRST, env.lab_inspector).name == "NotAccredited"


@pytest.mark.parametrize("stage", list(Stage))
def test_an_authority_always_counts(env, stage):
    key = inspector_of(env, "authority", "official inspector")
    batch = env.batch_in_state(BatchState.RELEASED)
    env.inspect(batch, stage, Verdict.FAIL, by=key)
    assert env.batch(batch).on_hold


def test_the_producer_counts_in_the_first_stage_only(env):
    batch = env.batch_in_state(BatchState.RELEASED)
    env.inspect(batch, Stage.FIRST, by=env.plant_inspector)
    assert revert_of_verdict(env, batch, Stage.FINAL, env.plant_inspector) == Revert(
        "InspectorNotIndependent", inspector=env.plant_inspector.address, organisation=env.plant
    )
    assert revert_of(env.inspections.setPolicy, Stage.FINAL, 0, False, sender=env.registrar) == Revert(
        "FinalStageIsIndependent"
    )


def test_an_inspection_is_at_most_ten_years_old(env):
    batch = env.register()
    oldest = env.now - 3652 * 86_400
    inspection = env.inspection(batch, inspectedAt=oldest - 1)
    assert revert_of(
        env.inspections.record, tuple(inspection.values()), env.sign(inspection), sender=env.stranger
    ) == Revert("InspectionTooOld", inspectedAt=oldest - 1)
    env.inspect(batch, inspectedAt=oldest)
    assert revert_of_verdict(env, batch, Stage.FIRST, env.lab_inspector, inspectedAt=0).name == "InspectionTooOld"


def test_rejects_invalid_scopes(env):
    accredit, administrator = env.inspections.accredit, env.administrator
    assert revert_of(accredit, env.lab, [0], 4, FOREVER, sender=administrator) == Revert("UnknownStages", stages=4)
    assert revert_of(accredit, env.lab, [5], FIRST, FOREVER, sender=administrator) == Revert("InvalidGtin", gtin=5)
    assert revert_of(accredit, env.lab, [0], FIRST, 5, sender=administrator) == Revert("ExpiryInThePast", validUntil=5)
    assert revert_of(accredit, 99, [0], FIRST, FOREVER, sender=administrator) == Revert(
        "UnknownOrganisation", organisation=99
    )
    assert revert_of(env.inspections.accreditForLines, env.lab, [0], FIRST, FOREVER, sender=env.registrar) == Revert(
        "InvalidGtin", gtin=0
    )


def test_rejects_other_callers(env):
    assert revert_of(env.inspections.accredit, env.rival, [0], FIRST, FOREVER, sender=env.producer) == Revert(
        "MissingRole", operator=env.producer, roles=Role.PRODUCER, required=Role.ADMIN
    )
    assert revert_of(
        env.inspections.accreditForLines, env.rival, [int(GTIN)], FIRST, FOREVER, sender=env.competitor
    ) == Revert("AccessControlUnauthorizedAccount", account=env.competitor, neededRole=REGISTRAR)
