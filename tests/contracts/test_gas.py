"""Gas of named scenarios, whole transactions, on Anvil under Prague rules, held against gas.json.

A drift of more than 0.5 % either way fails, and so does a scenario over its bar. Where the change is meant:

    CHROMATRACE_UPDATE_GAS=1 brownie test tests/contracts/test_gas.py tests/contracts/test_sizes.py

writes the new figures, into the table of docs/contracts.md too; look at the diff before you commit it.
"""

import json
import os
from pathlib import Path

import pytest
from brownie import chain
from eth_utils import keccak
from panel import Panel
from world import FOREVER

from chromatrace.crypto.sealed_answer import lane_id
from chromatrace.domain.rights import BatchState, SalesChannel, Stage, Verdict

RECORDED = Path(__file__).with_name("gas.json")
PAGE = Path(__file__).resolve().parent.parent.parent / "docs" / "contracts.md"
TOLERANCE = 0.005
READ, APPEND = 1, 2
TRANSACTION_CAP = 2**24
"""EIP-7825"""


def register_one(world):
    return world.registry.register(world.registration("L2410A"), {"from": world.producer})


def register_one_made_of_two(world):
    inputs = tuple(world.register(lot) for lot in ("GLASS1", "TARGET1"))
    return world.registry.register(world.registration("L2410A", inputs=inputs), {"from": world.producer})


def register_hundred(world):
    many = [world.registration(f"L2410-{number:03d}") for number in range(100)]
    return world.registry.registerMany(many, {"from": world.producer})


def inspection(world):
    """The inspector's nonce has been used before."""
    world.inspect(world.register("L0"))
    return world.inspect(world.register("L2410A"))


def inspection_first_of_an_inspector(world):
    return world.inspect(world.register("L2410A"))


def inspection_superseding(world):
    batch = world.bring_to(BatchState.FIRST_PASSED)
    return world.inspect(batch, Stage.FIRST, Verdict.FAIL)


def inspections_twenty_in_a_call(world):
    batches = [world.register(f"L{number}") for number in range(21)]
    world.inspect(batches.pop())
    first = world.inspections.nonces(world.lab_inspector.address, 0)
    many = [world.inspection(batch, nonce=first + place) for place, batch in enumerate(batches)]
    return world.inspections.recordMany(
        [tuple(one.values()) for one in many], [world.sign(one) for one in many], {"from": world.stranger}
    )


def assemble(world):
    return world.registry.assemble(world.bring_to(BatchState.FIRST_PASSED), {"from": world.producer})


def grade(world):
    batch = world.bring_to(BatchState.ASSEMBLED)
    world.inspect(batch, Stage.FINAL)
    return world.registry.grade(batch, 240, 8, 2, {"from": world.producer})


def release(world):
    return world.registry.release(world.bring_to(BatchState.GRADED), SalesChannel.STANDARD, {"from": world.producer})


def hold(world):
    return world.registry.hold(world.register(), "a reading is out of limits", {"from": world.supervisor})


def recall(world):
    return world.registry.recall(world.bring_to(BatchState.RELEASED), "delamination", {"from": world.supervisor})


def recall_ten_descendants(world):
    parent = world.register("GLASS1")
    children = [world.register(f"L{number}", inputs=(parent,)) for number in range(10)]
    world.registry.recall(parent, "delamination", {"from": world.supervisor})
    return world.registry.recallDescendants(
        parent, children, [world.parts((parent,))] * 10, "delamination", {"from": world.supervisor}
    )


def offer_custody(world):
    batch = world.bring_to(BatchState.RELEASED)
    return world.custody.offer(batch, world.shop, FOREVER, {"from": world.logistics})


def accept_custody(world):
    return world.hand_over(world.bring_to(BatchState.RELEASED), world.shop, world.logistics, world.franchisee)


def open_channel(world):
    return world.process.openChannel("sputtering line 1", {"from": world.gateway})


def _anchor(world, size):
    channel = world.process.channelIdOf(world.plant, "sputtering line 1")
    now_ns = chain[-1].timestamp * 10**9
    return world.process.anchor(channel, size, b"\1" * 32, now_ns, now_ns + 10**9, {"from": world.gateway})


def anchor_first(world):
    open_channel(world)
    return _anchor(world, 1000)


def anchor(world):
    """The channel has been anchored before."""
    anchor_first(world)
    return _anchor(world, 2000)


def open_department(world):
    return world.process.openDepartment("Sales", {"from": world.administrator})


def _department(world):
    department = open_department(world).return_value
    world.process.setMember(department, world.gateway, READ | APPEND, {"from": world.administrator})
    return department


def _append(world, department, count):
    """Records of full 92 bytes, as dear as they can be."""
    records = b"".join(keccak(b"%d" % number) * 2 + keccak(b"digest %d" % number)[:28] for number in range(count))
    return world.process.appendRecords(department, keccak(b"kind"), records, {"from": world.gateway})


def set_member(world):
    department = open_department(world).return_value
    return world.process.setMember(department, world.gateway, READ | APPEND, {"from": world.administrator})


def append_record_first(world):
    return _append(world, _department(world), 1)


def append_record(world):
    """The department has records already."""
    department = _department(world)
    _append(world, department, 1)
    return _append(world, department, 1)


def append_records_hundred(world):
    department = _department(world)
    _append(world, department, 1)
    return _append(world, department, 100)


def append_records_thousand(world):
    department = _department(world)
    _append(world, department, 1)
    return _append(world, department, 1000)


def appoint_operator(world):
    return world.appoint(world.stranger, world.plant, 1)


class _Shared:
    """The gas of several transactions, shared by what they did."""

    def __init__(self, transactions, among):
        self.gas_used = -(-sum(tx.gas_used for tx in transactions) // among)


def _rounds_of_three(world, rounds):
    """All that a round of three takes, from its request to its outcome, each step of all rounds in one transaction."""
    panel = Panel(world, size=3 * rounds)
    anyone = {"from": world.stranger}
    for again in range(2):  # at lanes and with inspectors that have had rounds before, as almost all have
        subjects = [keccak(b"workpiece %d %d" % (again, number)) for number in range(rounds)]
        lanes = [lane_id(world.plant, number) for number in range(rounds)]
        asked = [(number, subject, 1, Stage.FIRST, number + 1, 1) for number, subject in enumerate(subjects)]
        opened = world.consensus.open(asked, {"from": world.producer})
        drawn = world.consensus.draw(lanes, anyone)
        commitments = [(lane, [panel.commitment(lane, seat) for seat in range(3)]) for lane in lanes]
        committed = world.consensus.commit(commitments, anyone)
        answers = [(lane, [panel.answer(lane, seat) for seat in range(3)]) for lane in lanes]
        revealed = world.consensus.reveal(answers, anyone)
    return opened, drawn, committed, revealed


def consensus_inspection_of_three_in_twenty_rounds(world):
    """A third of a round: request, draw, commit, reveal, decision, learning."""
    return _Shared(_rounds_of_three(world, 20), among=60)


def consensus_inspection_of_three_in_one_round(world):
    return _Shared(_rounds_of_three(world, 1), among=3)


SCENARIOS = (
    register_one,
    register_one_made_of_two,
    register_hundred,
    inspection,
    inspection_first_of_an_inspector,
    inspection_superseding,
    inspections_twenty_in_a_call,
    assemble,
    grade,
    release,
    hold,
    recall,
    recall_ten_descendants,
    offer_custody,
    accept_custody,
    open_channel,
    anchor_first,
    anchor,
    open_department,
    set_member,
    append_record_first,
    append_record,
    append_records_hundred,
    append_records_thousand,
    appoint_operator,
    consensus_inspection_of_three_in_twenty_rounds,
    consensus_inspection_of_three_in_one_round,
)
BARS = {
    "register_one": 95_000,
    "register_hundred": 100 * 60_000,
    "inspection": 70_000,
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
    """The table is the last thing on the page."""
    page = PAGE.read_text(encoding="utf-8")
    head, rule = page[: page.rindex("|---|---|")], "|---|---|\n"
    rows = "".join(f"| `{name}` | {used:,} |\n" for name, used in gas.items())
    PAGE.write_text(head + rule + rows, encoding="utf-8")


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.__name__)
def test_gas(world, recorded, scenario):
    used = scenario(world).gas_used
    name = scenario.__name__
    if os.environ.get("CHROMATRACE_UPDATE_GAS"):
        recorded.setdefault("gas", {})[name] = used
    assert used <= BARS.get(name, TRANSACTION_CAP)
    assert used == pytest.approx(recorded["gas"][name], rel=TOLERANCE), "meant? see this module's docstring"


def test_every_figure_has_its_scenario(recorded):
    assert list(recorded["gas"]) == [scenario.__name__ for scenario in SCENARIOS]
