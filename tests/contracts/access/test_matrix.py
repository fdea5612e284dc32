"""Who gets past the door of every function that changes anything: as docs/contracts.md has it, no more and no fewer."""

import re
from functools import cache
from pathlib import Path

import pytest
from brownie import project
from eth_utils import keccak, to_checksum_address
from refusals import Accepted, refusal
from world import CONSENSUS, CUSTODY_LEDGER, FOREVER, NONE, REGISTRAR, VERDICT_LEDGER

from chromatrace.domain.rights import Role

PAGE = Path(__file__).resolve().parents[3] / "docs" / "contracts.md"
CONTRACTS = {
    "Consortium": "consortium",
    "BatchRegistry": "registry",
    "InspectionLedger": "inspections",
    "QualityConsensus": "consensus",
    "CustodyLedger": "custody",
    "ProcessLedger": "process",
    "RouteVerifier": "routes",
}
OFFICES = {
    "registrar": REGISTRAR,
    "VERDICT_LEDGER": VERDICT_LEDGER,
    "CUSTODY_LEDGER": CUSTODY_LEDGER,
    "CONSENSUS": CONSENSUS,
}
TURNED_AWAY = {"UnknownOperator", "MissingRole", "AccessControlUnauthorizedAccount"}


def documented():
    """Who, by function."""
    rows = re.findall(r"^\| ((?:`\w+` ?)+)\| ([^|]+) \|$", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    words = [(re.findall(r"`(\w+)`", names), who.split(";")[0].split(", ")) for names, who in rows]
    known = {"top admin", "anyone", *OFFICES, *(role.name.lower() for role in Role)}
    return {name: set(who) for names, who in words for name in names if set(who) <= known}


def functions():
    """(contract, function) of everything that is not only read."""
    built = project.get_loaded_projects()[0]
    return [
        (contract, entry["name"])
        for contract in CONTRACTS
        for entry in built[contract].abi
        if entry["type"] == "function" and entry["stateMutability"] == "nonpayable"
    ]


def test_every_function_is_documented_once():
    names = [name for _, name in functions()]
    assert sorted(names) == sorted(documented())


@cache
def address_of(who):
    return to_checksum_address(keccak(text=who)[12:])


@pytest.fixture
def callers(world):
    """An address for each role of the plant, each office, and nobody's."""
    for role in Role:
        world.appoint(address_of(role.name.lower()), world.plant, role)
    for office, role in OFFICES.items():
        world.consortium.grantRole(role, address_of(office), {"from": world.registrar})
    made = {name: address_of(name) for name in (*OFFICES, *(role.name.lower() for role in Role), "anyone")}
    return made | {"top admin": str(world.registrar)}


def nothing(kind, components=()):
    """The value of a type that says least."""
    if kind.endswith("]") and not re.search(r"\[\d+\]$", kind):
        return []
    if fixed := re.search(r"^(.*)\[(\d+)\]$", kind):
        return [nothing(fixed[1], components)] * int(fixed[2])
    if kind == "tuple":
        return tuple(nothing(part["type"], part.get("components", ())) for part in components)
    return {"string": "", "bool": False, "address": "0x" + "00" * 20, "bytes": b"", "bytes32": NONE}.get(kind, 0)


def test_who_gets_in(world, callers):
    batch, recalled = world.register("L1"), world.register("L2")
    world.send(world.registry.recall, recalled, "a test", sender=world.supervisor)
    known = {
        "dismissOperator": [str(world.producer)],
        "appointOperator": [str(world.stranger), world.plant, int(Role.GATEWAY), FOREVER],
        "grantRole": [REGISTRAR, str(world.stranger)],
        "revokeRole": [REGISTRAR, str(world.stranger)],
        "grantReadScopes": [world.lab, [], 0, 0],
        "enrol": [world.lab_inspector.address, 0, NONE],
        "recordConsensus": [(batch, 0, 0, 0, 0, world.lab_inspector.address, NONE, NONE)],
        "recallDescendants": [recalled, [], [], ""],
    }
    found = {}
    for contract, name in functions():
        function = getattr(getattr(world, CONTRACTS[contract]), name)
        args = known.get(name) or [nothing(one["type"], one.get("components", ())) for one in function.abi["inputs"]]
        if contract == "BatchRegistry" and args[0] == NONE:
            args[0] = batch
        inside = {who for who, address in callers.items() if gets_in(function, args, address)}
        found[name] = {"anyone"} if "anyone" in inside else inside
        assert "anyone" not in inside or len(inside) == len(callers), name
    # In the test's world one account is top admin and registrar.
    assert {name: who - {"top admin"} if "registrar" in who else who for name, who in found.items()} == documented()


def gets_in(function, args, address):
    try:
        return refusal(function, *args, sender=address).name not in TURNED_AWAY
    except Accepted:
        return True
