"""`InspectionLedger.setPolicy`."""

from environment import REGISTRAR, event, plain
from reverts import Revert, revert_of

from chromatrace.domain.rights import Stage


def test_the_constructor_sets_the_policies(env):
    assert plain(env.inspections.policy(Stage.FIRST)) == (100, False)
    assert plain(env.inspections.policy(Stage.FINAL)) == (0, True)


def test_the_constructor_emits_the_policies(env):
    """The index needs the initial policies as events."""
    events = env.inspections.tx.events["PolicyChanged"]
    assert [(event["stage"], event["unitsPerSample"], event["independent"]) for event in events] == [
        (0, 100, False),
        (1, 0, True),
    ]


def test_the_registrar_can_change_a_policy(env):
    tx = env.inspections.setPolicy(Stage.FIRST, 50, True, {"from": env.registrar})
    assert plain(env.inspections.policy(Stage.FIRST)) == (50, True)
    assert event(tx, "PolicyChanged") == {"stage": Stage.FIRST, "unitsPerSample": 50, "independent": True}
    batch = env.register(quantity=100)
    inspection = env.inspection(batch, sampleSize=1)
    assert revert_of(
        env.inspections.record, tuple(inspection.values()), env.sign(inspection), sender=env.stranger
    ) == Revert("SampleTooSmall", sampleSize=1, required=2)


def test_requires_the_registrar(env):
    assert revert_of(env.inspections.setPolicy, Stage.FIRST, 1, False, sender=env.supervisor) == Revert(
        "AccessControlUnauthorizedAccount", account=env.supervisor, neededRole=REGISTRAR
    )
