"""A panel: its rule, and who is on it."""

import pytest
from eth_abi import encode
from eth_utils import keccak
from panel import PASS, RULE, Panel, key_of
from refusals import Refused, refusal

from chromatrace.domain.rights import Role
from chromatrace.quality.errors import RuleError
from chromatrace.quality.log_odds import MAX_LOG_ODDS
from chromatrace.quality.rules import UNIT, Rule, Weighing


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"minimum": 2}, "minimum"),
        ({"minimum": 1}, "minimum"),
        ({"states": 3}, "minimum"),
        ({"maximum": 4}, "maximum"),
        ({"maximum": 1}, "maximum"),
        ({"maximum": 19}, "maximum"),
        ({"threshold": 0}, "threshold"),
        ({"threshold": 3 * UNIT + 1}, "threshold"),
        ({"weighing": 2, "threshold": UNIT + 1}, "threshold"),
        ({"weighing": 3, "threshold": 3 * MAX_LOG_ODDS + 1}, "threshold"),
        ({"weighing": 3, "minimum": 2}, "minimum"),
        ({"minimumCapability": UNIT + 1}, "minimumCapability"),
        ({"states": 1}, "states"),
        ({"states": 13, "minimum": 15, "maximum": 17, "firstWave": 15}, "states"),
        ({"firstWave": 1}, "firstWave"),
        ({"firstWave": 5}, "firstWave"),
        ({"stallPenalty": UNIT + 1}, "stallPenalty"),
        ({"commitSeconds": 0}, "commitSeconds"),
        ({"revealSeconds": 31 * 86_400}, "revealSeconds"),
        ({"passing": 2}, "passing"),
    ],
)
def test_a_rule_that_cannot_work_is_refused_by_its_field(world, changes, field):
    rule = RULE | changes
    names = [f"state {number}" for number in range(rule["states"])]
    call = (world.consensus.setRule, tuple(rule.values()), names)
    assert refusal(*call, sender=world.administrator) == Refused("InvalidRule", field=field)
    shared = {"minimum", "maximum", "threshold", "states", "minimumCapability"}
    if field in shared:
        with pytest.raises(RuleError) as twin:
            Rule(
                tuple(names),
                rule["minimum"],
                rule["maximum"],
                Weighing(rule["weighing"]),
                rule["threshold"],
                rule["minimumCapability"],
            )
        assert twin.value.field == {"minimumCapability": "/minimum_capability"}.get(field, f"/{field}")


def test_the_names_of_the_states_are_as_many_as_the_states(world):
    call = (world.consensus.setRule, tuple(RULE.values()), ["pass"])
    assert refusal(*call, sender=world.administrator) == Refused("InvalidRule", field="states")


def test_only_an_administrator_changes_a_panel(world):
    Panel(world)
    rule = tuple(RULE.values())
    for call in (
        (world.consensus.setRule, rule, ["pass", "fail"]),
        (world.consensus.enrol, key_of(1).address, 1_000, keccak(b"gauge")),
        (world.consensus.retire, 1),
    ):
        assert refusal(*call, sender=world.producer).name == "MissingRole"


def test_who_is_enrolled(world):
    panel = Panel(world, size=2)
    by = {"sender": world.administrator}
    enrol = world.consensus.enrol
    assert refusal(enrol, key_of(1).address, 1_000, keccak(b"x"), **by) == Refused(
        "AlreadyEnrolled", account=key_of(1).address, inspector=1
    )
    world.appoint(key_of(3).address, world.plant, Role.INSPECTOR)
    assert refusal(enrol, key_of(3).address, UNIT + 1, keccak(b"x"), **by) == Refused(
        "CapabilityOutOfRange", capability=UNIT + 1
    )
    assert refusal(enrol, world.producer.address, 1_000, keccak(b"x"), **by).name == "MissingRole"
    assert refusal(world.consensus.retire, 3, **by) == Refused("UnknownInspector", panel=world.plant, inspector=3)
    panel.enrol(3, capability=UNIT)
    assert panel.inspector(3)["capability"] == UNIT
    assert (panel.inspector(1)["own"], panel.inspector(3)["active"]) == (True, True)
    assert world.read(world.consensus.numberOf, world.plant, key_of(3).address) == 3


def test_a_panel_has_255_inspectors_and_draws_the_last(world):
    """Their number is written into the panel's slot: to appoint and enrol so many takes ten seconds."""
    panel = Panel(world, size=3)
    panel_slot = next(
        slot
        for slot in (keccak(encode(["uint32", "uint256"], [world.plant, at])) for at in range(4))
        if int(world.rpc.call("eth_getStorageAt", world.consensus.address, "0x" + slot.hex(), "latest"), 16)
    )
    world.rpc.call("anvil_setStorageAt", world.consensus.address, "0x" + panel_slot.hex(), f"0x{(254 << 32) + 1:064x}")
    for number in (254, 255):
        world.appoint(key_of(number).address, world.plant, Role.INSPECTOR)
    panel.enrol(255)
    one_more = (world.consensus.enrol, key_of(254).address, 1_000, keccak(b"gauge"))
    assert refusal(*one_more, sender=world.administrator) == Refused("PanelFull", panel=world.plant)
    for number in (1, 2):
        world.send(world.consensus.retire, number, sender=world.administrator)
    panel.set_rule(minimumCapability=0)
    assert world.read(world.consensus.eligible, world.plant) == 1 << 255 | 1 << 3


def test_an_instrument_is_named_by_its_inspector_and_not_while_it_sits(world):
    panel = Panel(world)
    lane = panel.opened(first=1)
    call = (world.consensus.setInstrument, world.plant, keccak(b"other"))
    assert refusal(*call, sender=key_of(1).address) == Refused("InspectorUnavailable", inspector=1)
    assert refusal(*call, sender=world.producer) == Refused("UnknownInspector", panel=world.plant, inspector=0)
    panel.commit(lane, {0: PASS, 1: PASS, 2: PASS})
    panel.reveal(lane, [0, 1, 2])
    world.rpc.call("anvil_impersonateAccount", key_of(1).address)
    world.rpc.call("anvil_setBalance", key_of(1).address, hex(10**18))
    world.send(*call, sender=key_of(1).address)
    assert bytes(panel.inspector(1)["instrument"]) == keccak(b"other")
