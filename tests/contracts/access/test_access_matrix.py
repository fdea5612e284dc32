"""Every state-changing function admits exactly the callers that docs/contracts.md lists."""

import re
from functools import cache
from pathlib import Path

import pytest
from brownie import project
from environment import CONSENSUS, CUSTODY_LEDGER, FOREVER, NONE, REGISTRAR, VERDICT_LEDGER
from eth_utils import keccak, to_checksum_address
from reverts import DidNotRevert, revert_of

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
CONTRACT_ROLES = {
    "registrar": REGISTRAR,
    "VERDICT_LEDGER": VERDICT_LEDGER,
    "CUSTODY_LEDGER": CUSTODY_LEDGER,
    "CONSENSUS": CONSENSUS,
}
ACCESS_ERRORS = {"UnknownOperator", "MissingRole", "AccessControlUnauthorizedAccount"}


def documented():
    """Return the callers that the page lists, by function."""
    rows = re.findall(r"^\| ((?:`\w+` ?)+)\| ([^|]+) \|$", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    entries = [(re.findall(r"`(\w+)`", names), callers.split(";")[0].split(", ")) for names, callers in rows]
    known = {"default admin", "anyone", *CONTRACT_ROLES, *(role.name.lower() for role in Role)}
    return {name: set(callers) for names, callers in entries for name in names if set(callers) <= known}


def functions():
    """Return (contract, function) of every state-changing function."""
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
def address_of(caller):
    return to_checksum_address(keccak(text=caller)[12:])


@pytest.fixture
def callers(env):
    """Return an address for each role of the plant, each contract role, the default admin, and one without rights."""
    for role in Role:
        env.appoint(address_of(role.name.lower()), env.plant, role)
    for name, role in CONTRACT_ROLES.items():
        env.consortium.grantRole(role, address_of(name), {"from": env.registrar})
    addresses = {name: address_of(name) for name in (*CONTRACT_ROLES, *(role.name.lower() for role in Role), "anyone")}
    return addresses | {"default admin": str(env.registrar)}


def zero_value(kind, components=()):
    """Return the zero value of a type."""
    if kind.endswith("]") and not re.search(r"\[\d+\]$", kind):
        return []
    if fixed := re.search(r"^(.*)\[(\d+)\]$", kind):
        return [zero_value(fixed[1], components)] * int(fixed[2])
    if kind == "tuple":
        return tuple(zero_value(part["type"], part.get("components", ())) for part in components)
    return {"string": "", "bool": False, "address": "0x" + "00" * 20, "bytes": b"", "bytes32": NONE}.get(kind, 0)


def test_callers_of_every_function(env, callers):
    batch, recalled = env.register("L1"), env.register("L2")
    env.send(env.registry.recall, recalled, "a test", sender=env.supervisor)
    arguments = {
        "dismissOperator": [str(env.producer)],
        "appointOperator": [str(env.stranger), env.plant, int(Role.GATEWAY), FOREVER],
        "grantRole": [REGISTRAR, str(env.stranger)],
        "revokeRole": [REGISTRAR, str(env.stranger)],
        "grantReadScopes": [env.lab, [], 0, 0],
        "enrol": [env.lab_inspector.address, 0, NONE],
        "recordConsensus": [(batch, 0, 0, 0, 0, env.lab_inspector.address, NONE, NONE, 0)],
        "recallDescendants": [recalled, [], [], ""],
        "accredit": [env.lab, [], 0, 0],
        "accreditForLines": [env.lab, [], 0, 0],
    }
    actual = {}
    for contract, name in functions():
        function = getattr(getattr(env, CONTRACTS[contract]), name)
        args = arguments.get(name) or [
            zero_value(item["type"], item.get("components", ())) for item in function.abi["inputs"]
        ]
        if contract == "BatchRegistry" and args[0] == NONE:
            args[0] = batch
        admitted = {caller for caller, address in callers.items() if is_admitted(function, args, address)}
        actual[name] = {"anyone"} if "anyone" in admitted else admitted
        assert "anyone" not in admitted or len(admitted) == len(callers), name
    # In the test environment one account is default admin and registrar.
    for admitted in actual.values():
        if "registrar" in admitted:
            admitted.discard("default admin")
    assert actual == documented()


def is_admitted(function, args, address):
    try:
        return revert_of(function, *args, sender=address).name not in ACCESS_ERRORS
    except DidNotRevert:
        return True
