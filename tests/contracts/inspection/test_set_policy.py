"""The policy of each stage: from deployment, changed by the registrar."""

from refusals import Refused, refusal
from world import REGISTRAR, event, plain

from chromatrace.domain.rights import Stage


def test_policies_from_deployment(world):
    assert plain(world.inspections.policy(Stage.FIRST)) == (100, False)
    assert plain(world.inspections.policy(Stage.FINAL)) == (0, True)


def test_deployment_tells_its_policies(world):
    """The index rebuilds everything from events, the first policies too."""
    events = world.inspections.tx.events["PolicyChanged"]
    assert [(event["stage"], event["unitsPerSample"], event["independent"]) for event in events] == [
        (0, 100, False),
        (1, 0, True),
    ]


def test_the_registrar_changes_a_policy(world):
    tx = world.inspections.setPolicy(Stage.FIRST, 50, True, {"from": world.registrar})
    assert plain(world.inspections.policy(Stage.FIRST)) == (50, True)
    assert event(tx, "PolicyChanged") == {"stage": Stage.FIRST, "unitsPerSample": 50, "independent": True}
    batch = world.register(quantity=100)
    inspection = world.inspection(batch, sampleSize=1)
    assert refusal(
        world.inspections.record, tuple(inspection.values()), world.sign(inspection), sender=world.stranger
    ) == Refused("SampleTooSmall", sampleSize=1, required=2)


def test_refuses_everyone_else(world):
    assert refusal(world.inspections.setPolicy, Stage.FIRST, 1, False, sender=world.supervisor) == Refused(
        "AccessControlUnauthorizedAccount", account=world.supervisor, neededRole=REGISTRAR
    )
