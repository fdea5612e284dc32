"""Deploys ChromaTrace's contracts, wires and verifies them, and writes the manifest (docs/deployments/<chain-id>.json).

Run twice it changes nothing: what the manifest names is verified and left alone. A dev chain (id 1337 or 31337) that
was started afresh, or that holds contracts of other sources, is deployed to again; any other chain never is.

    python scripts/deploy.py --rpc http://127.0.0.1:8545
    python scripts/deploy.py --rpc https://chain.example --keystore deployer.json --admin 0x…
    brownie run scripts/deploy.py --network my-network

Environment: CHROMATRACE_RPC_URL, CHROMATRACE_KEYSTORE, CHROMATRACE_KEY_PASSWORD, CHROMATRACE_MANIFEST_DIR.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from eth_hash.auto import keccak
from eth_utils import is_checksum_address, is_hex_address, to_checksum_address

from chromatrace.domain.errors import ChromaTraceError, InvalidInput
from chromatrace.ethereum.errors import WrongDeploymentError
from chromatrace.ethereum.manifest import Manifest
from chromatrace.storage.files import deliver
from scripts.connection import ROOT, Connection, fail, open_connection, settings

TWO_DAYS_S = 172_800
REGISTRAR, VERDICT_LEDGER, CUSTODY_LEDGER, CONSENSUS = (
    keccak(name) for name in (b"REGISTRAR", b"VERDICT_LEDGER", b"CUSTODY_LEDGER", b"CONSENSUS")
)
CONTRACTS = (
    "Consortium",
    "RouteVerifier",
    "BatchRegistry",
    "InspectionLedger",
    "QualityConsensus",
    "CustodyLedger",
    "ProcessLedger",
)
POINTERS = (
    ("RouteVerifier", "consortium", "Consortium"),
    ("BatchRegistry", "consortium", "Consortium"),
    ("BatchRegistry", "verifier", "RouteVerifier"),
    ("InspectionLedger", "consortium", "Consortium"),
    ("InspectionLedger", "registry", "BatchRegistry"),
    ("QualityConsensus", "consortium", "Consortium"),
    ("QualityConsensus", "ledger", "InspectionLedger"),
    ("CustodyLedger", "consortium", "Consortium"),
    ("CustodyLedger", "registry", "BatchRegistry"),
    ("ProcessLedger", "consortium", "Consortium"),
)
"""(contract, view, contract that it must answer with)"""
DRAW_DELAY_BLOCKS = 1
"""Inspectors are drawn by the hash of the block after their request (docs/adr/0005); on dev chains, which make no block
without a transaction, by that of the request's own."""
METADATA_BYTES = 53
"""What the compiler appends to the code: a digest of the sources, comments included."""


@dataclass(frozen=True)
class Policies:
    """Units per sample (0: any sample) and independence from the producer, of first and final inspection."""

    first: tuple[int, bool] = (100, False)
    final: tuple[int, bool] = (0, True)


@dataclass(frozen=True)
class Outcome:
    """The manifest in force, where it is, and whether this run deployed it."""

    manifest: dict[str, Any]
    path: Path
    deployed: bool


def deploy(
    connection: Connection,
    path: Path,
    *,
    admin: str | None = None,
    admin_delay_s: int = TWO_DAYS_S,
    policies: Policies = Policies(),
) -> Outcome:
    """Brings the contracts onto the chain unless they are there; raises `WrongDeploymentError` where it must not.

    path           the manifest: what it names is verified; what is deployed is written there
    admin          who becomes the top admin; the transfer begins here, and the new admin accepts it after the delay.
                   None: the deployer stays it.
    admin_delay_s  seconds between the two steps of handing over the top admin
    """
    standing = _standing(connection, path)
    if standing is not None:
        _verify(connection, standing)
        return Outcome(standing, path, deployed=False)
    manifest = _deploy_all(connection, admin_delay_s, policies)
    _wire(connection, manifest, admin)
    _verify(connection, manifest)
    _write(path, manifest)
    return Outcome(manifest, path, deployed=True)


def _standing(connection: Connection, path: Path) -> dict[str, Any] | None:
    """The manifest at `path` where the chain holds what it names; None where there is to be a new deployment."""
    if not path.exists():
        return None
    known = Manifest.load(path)
    try:
        if set(known.contracts) != set(CONTRACTS):
            raise WrongDeploymentError(f"{path} names {', '.join(known.contracts)}", field="contracts")
        known.verify(connection.rpc)
        _hold_against_sources(connection, known)
    except WrongDeploymentError as refusal:
        if not connection.is_dev:
            raise WrongDeploymentError(
                f"{refusal.message}; a chain that is not a dev chain is never deployed to twice",
                field=refusal.field,
                hint=f"check the RPC URL; to deploy anew all the same, move {path} away first",
            ) from refusal
        print(f"deploying again: {refusal.message}", file=sys.stderr)
        return None
    return json.loads(path.read_text(encoding="utf-8"))


def _hold_against_sources(connection: Connection, known: Manifest) -> None:
    """On a dev chain the contracts must be those of the present sources; elsewhere a deployment outlives them."""
    if not connection.is_dev:
        return
    for name, entry in known.contracts.items():
        sent = entry.tx and connection.rpc.call("eth_getTransactionByHash", entry.tx)
        code = connection.compiled[name].bytecode.removeprefix("0x")
        if not sent or not sent["input"].removeprefix("0x").startswith(code[: -2 * METADATA_BYTES]):
            raise WrongDeploymentError(
                f"{name} on the chain was compiled from other sources", field=f"contracts.{name}"
            )


def _deploy_all(connection: Connection, admin_delay_s: int, policies: Policies) -> dict[str, Any]:
    contracts: dict[str, dict[str, Any]] = {}

    def add(name: str, *args: Any) -> None:
        receipt = connection.deploy(name, *args)
        address = to_checksum_address(str(receipt.contract_address))
        contracts[name] = {
            "address": address,
            "tx": receipt.txid,
            "block": receipt.block_number,
            "code_hash": "0x" + keccak(connection.code(address)).hex(),
        }
        print(f"{name:<17} {address}  gas {receipt.gas_used:,}", file=sys.stderr)

    add("Consortium", admin_delay_s, str(connection.sender))
    add("RouteVerifier", contracts["Consortium"]["address"])
    add("BatchRegistry", contracts["Consortium"]["address"], contracts["RouteVerifier"]["address"])
    add("InspectionLedger", contracts["BatchRegistry"]["address"], policies.first, policies.final)
    delay = 0 if connection.is_dev else DRAW_DELAY_BLOCKS
    add("QualityConsensus", contracts["InspectionLedger"]["address"], delay)
    add("CustodyLedger", contracts["BatchRegistry"]["address"])
    add("ProcessLedger", contracts["Consortium"]["address"])
    compiler = connection.compiled["Consortium"]._build["compiler"]
    return {
        "chain_id": connection.chain_id,
        "block": min(entry["block"] for entry in contracts.values()),
        "compiler": {
            "solc": compiler["version"],
            "evm_version": compiler["evm_version"],
            "optimizer_runs": compiler["optimizer"]["runs"],
        },
        "admin": str(connection.sender),
        "contracts": contracts,
    }


def _wire(connection: Connection, manifest: dict[str, Any], admin: str | None) -> None:
    consortium = manifest["contracts"]["Consortium"]["address"]
    manifest["admin"] = admin or manifest["admin"]
    for role, holder in _roles(manifest):
        connection.write("Consortium", consortium, "grantRole", role, holder)
    if manifest["admin"] != str(connection.sender):
        connection.write("Consortium", consortium, "beginDefaultAdminTransfer", admin)
        print(f"{admin} becomes the top admin when it calls acceptDefaultAdminTransfer()", file=sys.stderr)


def _roles(manifest: dict[str, Any]) -> Iterator[tuple[bytes, str]]:
    yield REGISTRAR, manifest["admin"]
    yield VERDICT_LEDGER, manifest["contracts"]["InspectionLedger"]["address"]
    yield CONSENSUS, manifest["contracts"]["QualityConsensus"]["address"]
    yield CUSTODY_LEDGER, manifest["contracts"]["CustodyLedger"]["address"]


def _verify(connection: Connection, manifest: dict[str, Any]) -> None:
    """Code, pointers between the contracts, and roles; raises `WrongDeploymentError` naming what differs."""
    Manifest.parse(manifest).verify(connection.rpc)
    addresses = {name: entry["address"] for name, entry in manifest["contracts"].items()}
    for name, view, target in POINTERS:
        found = to_checksum_address(connection.read(name, addresses[name], view))
        if found != addresses[target]:
            raise WrongDeploymentError(f"{name}.{view}() is {found}, not {target} {addresses[target]}", field=name)
    consortium = addresses["Consortium"]
    for role, holder in list(_roles(manifest))[1:]:
        if not connection.read("Consortium", consortium, "hasRole", role, holder):
            raise WrongDeploymentError(f"{holder} lacks the role 0x{role.hex()} in Consortium", field="Consortium")
    owner = connection.read("Consortium", consortium, "defaultAdmin")
    if int(owner, 16) == 0:
        raise WrongDeploymentError("Consortium has no top admin", field="Consortium")


def _write(path: Path, manifest: dict[str, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    deliver(path, [json.dumps(manifest, indent=2).encode(), b"\n"])


def manifest_folder(named: Path | None) -> Path:
    """The option, else `CHROMATRACE_MANIFEST_DIR`, else docs/deployments."""
    set_ = os.environ.get("CHROMATRACE_MANIFEST_DIR")
    return named or (Path(set_) if set_ else ROOT / "docs" / "deployments")


def _address(text: str) -> str:
    if not is_hex_address(text) or (text not in (text.lower(), text.upper()) and not is_checksum_address(text)):
        raise argparse.ArgumentTypeError(f"not an address: {text}")
    return to_checksum_address(text)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rpc", metavar="URL", help="JSON-RPC endpoint of the chain")
    parser.add_argument(
        "--keystore", type=Path, metavar="FILE", help="encrypted key of the deployer; not on dev chains"
    )
    place = parser.add_mutually_exclusive_group()
    place.add_argument("--manifest-dir", type=Path, metavar="DIR", help="where the manifest lies (docs/deployments)")
    place.add_argument("--manifest", type=Path, metavar="FILE", help="the manifest itself, by whatever name")
    parser.add_argument("--admin", type=_address, help="top admin and registrar to be (the deployer)")
    parser.add_argument(
        "--admin-delay", type=int, default=TWO_DAYS_S, metavar="S", help="wait between the two steps (%(default)s s)"
    )
    for stage, (units, independent) in (("first", Policies().first), ("final", Policies().final)):
        parser.add_argument(
            f"--{stage}-units-per-sample",
            type=int,
            default=units,
            metavar="N",
            help=f"{stage} inspection measures at least one unit per N; 0: any sample (%(default)s)",
        )
        parser.add_argument(
            f"--{stage}-independent",
            action=argparse.BooleanOptionalAction,
            default=independent,
            help=f"refuse inspectors of the producer at {stage} inspection (%(default)s)",
        )
    parser.add_argument("--json", action="store_true", help="print the outcome as one JSON object")
    return parser


def run(arguments: Sequence[str] | None = None) -> int:
    """The command; returns its exit status."""
    args = _parser().parse_args(arguments)
    try:
        rpc_url, keystore = settings(args.rpc, args.keystore)
        if rpc_url is None and arguments is None:
            raise InvalidInput("no chain is named", field="rpc", hint="give --rpc URL, or set CHROMATRACE_RPC_URL")
        connection = open_connection(rpc_url, keystore)
        outcome = deploy(
            connection,
            args.manifest or manifest_folder(args.manifest_dir) / f"{connection.chain_id}.json",
            admin=args.admin,
            admin_delay_s=args.admin_delay,
            policies=Policies(
                (args.first_units_per_sample, args.first_independent),
                (args.final_units_per_sample, args.final_independent),
            ),
        )
    except ChromaTraceError as refusal:
        return fail(refusal, args.json)
    if args.json:
        print(json.dumps({"deployed": outcome.deployed, "path": str(outcome.path), "manifest": outcome.manifest}))
    else:
        print(f"{'deployed' if outcome.deployed else 'verified, nothing to do'}: {outcome.path}")
    return 0


def main() -> None:
    """What `brownie run scripts/deploy.py` calls."""
    if run([]) != 0:
        raise SystemExit(1)


if __name__ == "__main__":
    sys.exit(run())
