"""Panels: `setRule`, `enrol`, `retire` and `setInstrument`."""

import pytest
from eth_abi import encode
from eth_utils import keccak
from panel import PASS, RULE, Panel, key_of
from reverts import Revert, revert_of

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
def test_rejects_a_rule_with_a_field_out_of_range(env, changes, field):
    rule = RULE | changes
    names = [f"state {number}" for number in range(rule["states"])]
    call = (env.consensus.setRule, tuple(rule.values()), names)
    assert revert_of(*call, sender=env.administrator) == Revert("InvalidRule", field=field)
    shared = {"minimum", "maximum", "threshold", "states", "minimumCapability"}
    if field in shared:
        with pytest.raises(RuleError) as error:
            Rule(
                tuple(names),
                rule["minimum"],
                rule["maximum"],
                Weighing(rule["weighing"]),
                rule["threshold"],
                rule["minimumCapability"],
            )
        assert error.value.field == {"minimumCapability": "/minimum_capability"}.get(field, f"/{field}")


def test_rejects_a_wrong_number_of_state_names(env):
    call = (env.consensus.setRule, tuple(RULE.values()), ["pass"])
    assert revert_of(*call, sender=env.administrator) == Revert("InvalidRule", field="states")


def test_requires_the_admin_role(env):
    Panel(env)
    rule = tuple(RULE.values())
    for call in (
        (env.consensus.setRule, rule, ["pass", "fail"]),
        (env.consensus.enrol, key_of(1).address, 1_000, keccak(b"gauge")),
        (env.consensus.retire, 1),
    ):
        assert revert_of(*call, sender=env.producer).name == "MissingRole"


def test_rejects_invalid_enrolments(env):
    panel = Panel(env, size=2)
    sender = {"sender": env.administrator}
    enrol = env.consensus.enrol
    assert revert_of(enrol, key_of(1).address, 1_000, keccak(b"x"), **sender) == Revert(
        "AlreadyEnrolled", account=key_of(1).address, inspector=1
    )
    env.appoint(key_of(3).address, env.plant, Role.INSPECTOR)
    assert revert_of(enrol, key_of(3).address, UNIT + 1, keccak(b"x"), **sender) == Revert(
        "CapabilityOutOfRange", capability=UNIT + 1
    )
    assert revert_of(enrol, env.producer.address, 1_000, keccak(b"x"), **sender).name == "MissingRole"
    assert revert_of(env.consensus.retire, 3, **sender) == Revert("UnknownInspector", panel=env.plant, inspector=3)
    panel.enrol(3, capability=UNIT)
    assert panel.inspector(3)["capability"] == UNIT
    assert (panel.inspector(1)["own"], panel.inspector(3)["active"]) == (True, True)
    assert env.read(env.consensus.numberOf, env.plant, key_of(3).address) == 3


def test_a_panel_holds_255_inspectors(env):
    """Write the number of inspectors to storage, because enrolling that many takes ten seconds."""
    panel = Panel(env, size=3)
    panel_slot = next(
        slot
        for slot in (keccak(encode(["uint32", "uint256"], [env.plant, position])) for position in range(4))
        if int(env.rpc.call("eth_getStorageAt", env.consensus.address, "0x" + slot.hex(), "latest"), 16)
    )
    env.rpc.call("anvil_setStorageAt", env.consensus.address, "0x" + panel_slot.hex(), f"0x{(254 << 32) + 1:064x}")
    for number in (254, 255):
        env.appoint(key_of(number).address, env.plant, Role.INSPECTOR)
    panel.enrol(255)
    enrol_another = (env.consensus.enrol, key_of(254).address, 1_000, keccak(b"gauge"))
    assert revert_of(*enrol_another, sender=env.administrator) == Revert("PanelFull", panel=env.plant)
    for number in (1, 2):
        env.send(env.consensus.retire, number, sender=env.administrator)
    panel.set_rule(minimumCapability=0)
    assert env.read(env.consensus.eligible, env.plant) == 1 << 255 | 1 << 3


def test_an_inspector_can_change_its_instrument_unless_it_sits_in_a_round(env):
    panel = Panel(env)
    lane = panel.opened(first=1)
    call = (env.consensus.setInstrument, env.plant, keccak(b"other"))
    assert revert_of(*call, sender=key_of(1).address) == Revert("InspectorUnavailable", inspector=1)
    assert revert_of(*call, sender=env.producer) == Revert("UnknownInspector", panel=env.plant, inspector=0)
    panel.commit(lane, {0: PASS, 1: PASS, 2: PASS})
    panel.reveal(lane, [0, 1, 2])
    env.rpc.call("anvil_impersonateAccount", key_of(1).address)
    env.rpc.call("anvil_setBalance", key_of(1).address, hex(10**18))
    env.send(*call, sender=key_of(1).address)
    assert bytes(panel.inspector(1)["instrument"]) == keccak(b"other")
