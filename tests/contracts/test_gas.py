"""Gas of named scenarios, for whole transactions on Anvil under Prague rules, compared with gas.json.

A test fails if the gas differs by more than 0.5 % or exceeds its limit. If a change is intended:

    CHROMATRACE_UPDATE_GAS=1 .venv-brownie/bin/brownie test tests/contracts/test_gas.py tests/contracts/test_sizes.py

writes the new figures to gas.json and docs/contracts.md. Review the diff before committing.
"""

import json
import os
from pathlib import Path

import pytest
from brownie import chain
from environment import BOTH_STAGES, FOREVER
from eth_utils import keccak
from panel import Panel

from chromatrace.crypto.sealed_answer import lane_id
from chromatrace.domain.rights import BatchState, HoldKind, SalesChannel, Stage, Verdict

RECORDED = Path(__file__).with_name("gas.json")
PAGE = Path(__file__).resolve().parent.parent.parent / "docs" / "contracts.md"
TOLERANCE = 0.005
READ, APPEND = 1, 2
TRANSACTION_CAP = 2**24
"""EIP-7825"""


def register_one(env):
    return env.registry.register(env.registration("L2410A"), {"from": env.producer})


def register_one_made_of_two(env):
    inputs = tuple(env.register(lot) for lot in ("GLASS1", "TARGET1"))
    return env.registry.register(env.registration("L2410A", inputs=inputs), {"from": env.producer})


def register_hundred(env):
    registrations = [env.registration(f"L2410-{number:03d}") for number in range(100)]
    return env.registry.registerMany(registrations, {"from": env.producer})


def inspection(env):
    """Measure an inspection whose nonce key has been used before."""
    env.inspect(env.register("L0"))
    return env.inspect(env.register("L2410A"))


def inspection_first_of_an_inspector(env):
    return env.inspect(env.register("L2410A"))


def inspection_superseding(env):
    batch = env.batch_in_state(BatchState.FIRST_PASSED)
    return env.inspect(batch, Stage.FIRST, Verdict.FAIL)


def inspections_twenty_in_a_call(env):
    batches = [env.register(f"L{number}") for number in range(21)]
    env.inspect(batches.pop())
    first = env.inspections.nonces(env.lab_inspector.address, 0)
    inspections = [env.inspection(batch, nonce=nonce) for nonce, batch in enumerate(batches, first)]
    structs = [tuple(inspection.values()) for inspection in inspections]
    signatures = [env.sign(inspection) for inspection in inspections]
    return env.inspections.recordMany(structs, signatures, {"from": env.stranger})


def assemble(env):
    return env.registry.assemble(env.batch_in_state(BatchState.FIRST_PASSED), {"from": env.producer})


def grade(env):
    batch = env.batch_in_state(BatchState.ASSEMBLED)
    env.inspect(batch, Stage.FINAL)
    return env.registry.grade(batch, 240, 8, 2, {"from": env.producer})


def release(env):
    return env.registry.release(env.batch_in_state(BatchState.GRADED), SalesChannel.STANDARD, {"from": env.producer})


def hold(env):
    return env.registry.hold(env.register(), "a reading is out of limits", {"from": env.supervisor})


def recall(env):
    return env.registry.recall(env.batch_in_state(BatchState.RELEASED), "delamination", {"from": env.supervisor})


def recall_ten_descendants(env):
    parent = env.register("GLASS1")
    children = [env.register(f"L{number}", inputs=(parent,)) for number in range(10)]
    env.registry.recall(parent, "delamination", {"from": env.supervisor})
    return env.registry.recallDescendants(
        parent, children, [env.parts((parent,))] * 10, "delamination", {"from": env.supervisor}
    )


def supplier_notice_of_ten_descendants(env):
    parent = env.batch_in_state(BatchState.RELEASED, "GLASS1")
    env.transfer(parent, env.rival, env.logistics, env.competitor)
    children = [env.register(f"L{number}", inputs=(parent,), sender=env.competitor) for number in range(10)]
    env.registry.recall(parent, "delamination", {"from": env.supervisor})
    return env.registry.recallDescendants(
        parent, children, [env.parts((parent,))] * 10, "delamination", {"from": env.supervisor}
    )


def recall_ten_descendants_all_skipped(env):
    parent = env.register("GLASS1")
    children = [env.register(f"L{number}", inputs=(parent,)) for number in range(10)]
    env.registry.recall(parent, "delamination", {"from": env.supervisor})
    arguments = (parent, children, [env.parts((parent,))] * 10, "delamination", {"from": env.supervisor})
    env.registry.recallDescendants(*arguments)
    return env.registry.recallDescendants(*arguments)


def release_hold(env):
    batch = env.register()
    env.registry.hold(batch, "a reading is out of limits", {"from": env.official})
    return env.registry.releaseHold(batch, HoldKind.AUTHORITY, "the gauge was wrong", {"from": env.official})


def register_hundred_all_skipped(env):
    register_hundred(env)
    return register_hundred(env)


def order_return(env):
    batch = env.batch_in_state(BatchState.RELEASED)
    env.transfer(batch, env.shop, env.logistics, env.franchisee)
    env.suspend(env.shop)
    return env.custody.orderReturn(batch, "the shop is closed", {"from": env.logistics})


def offer_custody(env):
    batch = env.batch_in_state(BatchState.RELEASED)
    return env.custody.offer(batch, env.shop, FOREVER, {"from": env.logistics})


def accept_custody(env):
    return env.transfer(env.batch_in_state(BatchState.RELEASED), env.shop, env.logistics, env.franchisee)


def open_channel(env):
    return env.process.openChannel("sputtering line 1", {"from": env.gateway})


def _anchor(env, size):
    channel = env.process.channelIdOf(env.plant, "sputtering line 1")
    now_ns = chain[-1].timestamp * 10**9
    return env.process.anchor(channel, size, b"\1" * 32, now_ns, now_ns + 10**9, {"from": env.gateway})


def anchor_first(env):
    open_channel(env)
    return _anchor(env, 1000)


def anchor(env):
    """Measure an anchor of a channel that has been anchored before."""
    anchor_first(env)
    return _anchor(env, 2000)


def open_department(env):
    return env.process.openDepartment("Sales", {"from": env.administrator})


def _department(env):
    department = open_department(env).return_value
    env.process.setMember(department, env.gateway, READ | APPEND, {"from": env.administrator})
    return department


def _append(env, department, count):
    """Append records without zero bytes, the most expensive ones."""
    records = b"".join(keccak(b"%d" % number) * 2 + keccak(b"digest %d" % number)[:28] for number in range(count))
    return env.process.appendRecords(department, keccak(b"kind"), records, {"from": env.gateway})


def set_member(env):
    department = open_department(env).return_value
    return env.process.setMember(department, env.gateway, READ | APPEND, {"from": env.administrator})


def append_record_first(env):
    return _append(env, _department(env), 1)


def append_record(env):
    """Measure records of a department that already has records."""
    department = _department(env)
    _append(env, department, 1)
    return _append(env, department, 1)


def append_records_hundred(env):
    department = _department(env)
    _append(env, department, 1)
    return _append(env, department, 100)


def append_records_thousand(env):
    department = _department(env)
    _append(env, department, 1)
    return _append(env, department, 1000)


def license_prefix(env):
    return env.consortium.license(env.lab, 952100001, 9, {"from": env.registrar})


def accredit(env):
    return env.inspections.accredit(env.shop, [0], BOTH_STAGES, FOREVER, {"from": env.administrator})


def appoint_operator(env):
    return env.appoint(env.stranger, env.plant, 1)


class _Shared:
    """Gas of several transactions, divided by a number of inspections."""

    def __init__(self, transactions, count):
        self.gas_used = -(-sum(tx.gas_used for tx in transactions) // count)


def _rounds_of_three(env, rounds):
    """Run rounds of three from request to outcome, with one transaction per step for all rounds."""
    panel = Panel(env, size=3 * rounds)
    anyone = {"from": env.stranger}
    for attempt in range(2):  # measured in lanes and with inspectors that have had a round before, the usual case
        subjects = [keccak(b"workpiece %d %d" % (attempt, number)) for number in range(rounds)]
        lanes = [lane_id(env.plant, number) for number in range(rounds)]
        requests = [(number, subject, 1, Stage.FIRST, number + 1, 1) for number, subject in enumerate(subjects)]
        opened = env.consensus.open(requests, {"from": env.producer})
        drawn = env.consensus.draw(lanes, anyone)
        commitments = [(lane, [panel.commitment(lane, seat) for seat in range(3)]) for lane in lanes]
        committed = env.consensus.commit(commitments, anyone)
        answers = [(lane, [panel.answer(lane, seat) for seat in range(3)]) for lane in lanes]
        revealed = env.consensus.reveal(answers, anyone)
    return opened, drawn, committed, revealed


def consensus_inspection_of_three_in_twenty_rounds(env):
    """Return one third of the gas of a round: request, draw, commit, reveal, decision and learning."""
    return _Shared(_rounds_of_three(env, 20), count=60)


def consensus_inspection_of_three_in_one_round(env):
    return _Shared(_rounds_of_three(env, 1), count=3)


SCENARIOS = (
    register_one,
    register_one_made_of_two,
    register_hundred,
    register_hundred_all_skipped,
    inspection,
    inspection_first_of_an_inspector,
    inspection_superseding,
    inspections_twenty_in_a_call,
    assemble,
    grade,
    release,
    hold,
    release_hold,
    recall,
    recall_ten_descendants,
    recall_ten_descendants_all_skipped,
    supplier_notice_of_ten_descendants,
    offer_custody,
    accept_custody,
    order_return,
    open_channel,
    anchor_first,
    anchor,
    open_department,
    set_member,
    append_record_first,
    append_record,
    append_records_hundred,
    append_records_thousand,
    license_prefix,
    accredit,
    appoint_operator,
    consensus_inspection_of_three_in_twenty_rounds,
    consensus_inspection_of_three_in_one_round,
)
LIMITS = {
    "register_one": 95_000,
    "register_hundred": 100 * 62_000,
    "inspection": 73_000,
    "consensus_inspection_of_three_in_twenty_rounds": 60_000,
    "anchor": 45_000,
    "append_records_hundred": 100 * 4_500,
    "append_records_thousand": 1000 * 4_500,
}


@pytest.fixture(scope="module")
def recorded():
    figures = json.loads(RECORDED.read_text(encoding="utf-8")) if RECORDED.exists() else {}
    yield figures
    if os.environ.get("CHROMATRACE_UPDATE_GAS"):
        named = {scenario.__name__: figures["gas"][scenario.__name__] for scenario in SCENARIOS}
        RECORDED.write_text(json.dumps(figures | {"gas": named}, indent=2) + "\n", encoding="utf-8")
        _rewrite_table(named)


def _rewrite_table(gas):
    """Check that the table is at the end of the page."""
    page = PAGE.read_text(encoding="utf-8")
    head, rule = page[: page.rindex("|---|---|")], "|---|---|\n"
    rows = "".join(f"| `{name}` | {used:,} |\n" for name, used in gas.items())
    PAGE.write_text(head + rule + rows, encoding="utf-8")


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.__name__)
def test_gas(env, recorded, scenario):
    used = scenario(env).gas_used
    name = scenario.__name__
    if os.environ.get("CHROMATRACE_UPDATE_GAS"):
        recorded.setdefault("gas", {})[name] = used
    assert used <= LIMITS.get(name, TRANSACTION_CAP)
    assert used == pytest.approx(recorded["gas"][name], rel=TOLERANCE), "see the module docstring to update"


def test_every_figure_has_its_scenario(recorded):
    assert list(recorded["gas"]) == [scenario.__name__ for scenario in SCENARIOS]
