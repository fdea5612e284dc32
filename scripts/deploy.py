"""Deploy the contracts, grant their roles, verify them and write the manifest (docs/deployments/<chain-id>.json).

If the manifest exists, the script only verifies the deployment. It deploys again only on a development chain (id 1337
or 31337) that was restarted or that has contracts compiled from other sources.

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

from eth_utils import to_checksum_address

from chromatrace.chain import calls, reads
from chromatrace.chain.reads import Read
from chromatrace.domain.addresses import parse_address
from chromatrace.domain.errors import ChromaTraceError, InvalidInput
from chromatrace.domain.hashing import keccak
from chromatrace.ethereum.errors import WrongDeploymentError
from chromatrace.ethereum.manifest import Manifest
from chromatrace.storage.files import deliver
from scripts.connection import ROOT, Connection, open_connection, print_error, settings
from scripts.export_abi import CONTRACTS

TWO_DAYS_S = 172_800
REGISTRAR, VERDICT_LEDGER, CUSTODY_LEDGER, CONSENSUS = (
    keccak(name) for name in (b"REGISTRAR", b"VERDICT_LEDGER", b"CUSTODY_LEDGER", b"CONSENSUS")
)
REFERENCES = (
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
"""(contract, view, contract whose address the view must return)"""
DRAW_DELAY_BLOCKS = 1
"""Blocks between a request and the block whose hash seeds its draw (docs/adr/0005). 0 on development chains, which mine
only when a transaction arrives."""
METADATA_BYTES = 53
"""Length of the metadata at the end of the code. It contains a hash of the sources, including comments."""


@dataclass(frozen=True)
class Policies:
    """Inspection policies at deployment: (units per sample, whether inspectors of the producer are rejected) by stage.

    0 units per sample accepts any sample of at least one unit.
    """

    first: tuple[int, bool] = (100, False)
    final: tuple[int, bool] = (0, True)


@dataclass(frozen=True)
class Deployment:
    """A verified deployment, the path of its manifest, and whether this run deployed it."""

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
) -> Deployment:
    """Deploy the contracts unless the manifest already names a valid deployment.

    path           manifest to verify or to write
    admin          future default admin. The transfer begins here; the new admin accepts it after the delay. None: the
                   deployer remains default admin.
    admin_delay_s  delay between the two steps of a default admin transfer, in seconds

    Raises `WrongDeploymentError` if the deployment differs from the manifest and the chain is not a development chain.
    """
    existing = _existing(connection, path)
    if existing is not None:
        _verify(connection, existing)
        return Deployment(existing, path, deployed=False)
    manifest = _deploy_all(connection, admin_delay_s, policies)
    _grant_roles(connection, manifest, admin)
    _verify(connection, manifest)
    _write(path, manifest)
    return Deployment(manifest, path, deployed=True)


def _existing(connection: Connection, path: Path) -> dict[str, Any] | None:
    """Return the manifest at `path` if the chain has its contracts; None if a new deployment is needed."""
    if not path.exists():
        return None
    manifest = Manifest.load(path)
    try:
        if set(manifest.contracts) != set(CONTRACTS):
            raise WrongDeploymentError(f"{path} names {', '.join(manifest.contracts)}", field="contracts")
        manifest.verify(connection.rpc)
        _check_sources(connection, manifest)
    except WrongDeploymentError as error:
        if not connection.is_dev:
            raise WrongDeploymentError(
                f"{error.message}; only development chains are deployed to again",
                field=error.field,
                hint=f"check the RPC URL; to deploy again anyway, move {path} away first",
            ) from error
        print(f"deploying again: {error.message}", file=sys.stderr)
        return None
    return json.loads(path.read_text(encoding="utf-8"))


def _check_sources(connection: Connection, manifest: Manifest) -> None:
    """Check on a development chain that the contracts were compiled from the present sources."""
    if not connection.is_dev:
        return
    for name, entry in manifest.contracts.items():
        transaction = entry.tx and connection.rpc.call("eth_getTransactionByHash", entry.tx)
        code = connection.compiled[name].bytecode.removeprefix("0x")
        if not transaction or not transaction["input"].removeprefix("0x").startswith(code[: -2 * METADATA_BYTES]):
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


def _grant_roles(connection: Connection, manifest: dict[str, Any], admin: str | None) -> None:
    consortium = manifest["contracts"]["Consortium"]["address"]
    manifest["admin"] = admin or manifest["admin"]
    for role, holder in _roles(manifest):
        connection.write(consortium, calls.grant_role(role, holder))
    if manifest["admin"] != str(connection.sender):
        connection.write(consortium, calls.begin_admin_transfer(manifest["admin"]))
        print(f"{admin} becomes default admin when it calls acceptDefaultAdminTransfer()", file=sys.stderr)


def _roles(manifest: dict[str, Any]) -> Iterator[tuple[bytes, str]]:
    yield REGISTRAR, manifest["admin"]
    yield VERDICT_LEDGER, manifest["contracts"]["InspectionLedger"]["address"]
    yield CONSENSUS, manifest["contracts"]["QualityConsensus"]["address"]
    yield CUSTODY_LEDGER, manifest["contracts"]["CustodyLedger"]["address"]


def _verify(connection: Connection, manifest: dict[str, Any]) -> None:
    """Check code, references between the contracts, and roles. Raises `WrongDeploymentError` if they differ."""
    Manifest.parse(manifest).verify(connection.rpc)
    addresses = {name: entry["address"] for name, entry in manifest["contracts"].items()}
    for name, view, target in REFERENCES:
        actual = connection.read(addresses[name], Read(name, view, (), str))
        if actual != addresses[target]:
            raise WrongDeploymentError(f"{name}.{view}() is {actual}, not {target} {addresses[target]}", field=name)
    consortium = addresses["Consortium"]
    for role, holder in list(_roles(manifest))[1:]:
        if not connection.read(consortium, reads.has_role(role, holder)):
            raise WrongDeploymentError(f"{holder} lacks the role 0x{role.hex()} in Consortium", field="Consortium")
    if int(connection.read(consortium, reads.default_admin()), 16) == 0:
        raise WrongDeploymentError("Consortium has no default admin", field="Consortium")


def _write(path: Path, manifest: dict[str, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    deliver(path, [json.dumps(manifest, indent=2).encode(), b"\n"])


def manifest_folder(option: Path | None) -> Path:
    """Return the option, or `CHROMATRACE_MANIFEST_DIR`, or docs/deployments."""
    variable = os.environ.get("CHROMATRACE_MANIFEST_DIR")
    return option or (Path(variable) if variable else ROOT / "docs" / "deployments")


def _address(text: str) -> str:
    try:
        return parse_address(text)
    except InvalidInput as error:
        raise argparse.ArgumentTypeError(error.message) from error


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rpc", metavar="URL", help="JSON-RPC endpoint of the chain")
    parser.add_argument(
        "--keystore", type=Path, metavar="FILE", help="encrypted key of the deployer; optional on development chains"
    )
    target = parser.add_mutually_exclusive_group()
    target.add_argument(
        "--manifest-dir", type=Path, metavar="DIR", help="folder of the manifests (default: docs/deployments)"
    )
    target.add_argument("--manifest", type=Path, metavar="FILE", help="path of the manifest")
    parser.add_argument("--admin", type=_address, help="future default admin and registrar (default: the deployer)")
    parser.add_argument(
        "--admin-delay",
        type=int,
        default=TWO_DAYS_S,
        metavar="S",
        help="delay of admin transfers, in seconds (default: %(default)s)",
    )
    for stage, (units, _) in (("first", Policies().first), ("final", Policies().final)):
        parser.add_argument(
            f"--{stage}-units-per-sample",
            type=int,
            default=units,
            metavar="N",
            help=f"sample at least one unit per N at {stage} inspection; 0: any sample (default: %(default)s)",
        )
    parser.add_argument(
        "--first-independent",
        action=argparse.BooleanOptionalAction,
        default=Policies().first[1],
        help="reject inspectors of the producer at first inspection, as final inspection does (default: %(default)s)",
    )
    parser.add_argument("--json", action="store_true", help="print the result as JSON")
    return parser


def run(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit status."""
    args = _parser().parse_args(arguments)
    try:
        rpc_url, keystore = settings(args.rpc, args.keystore)
        if rpc_url is None and arguments is None:
            raise InvalidInput("no RPC URL", field="rpc", hint="use --rpc URL or set CHROMATRACE_RPC_URL")
        connection = open_connection(rpc_url, keystore)
        deployment = deploy(
            connection,
            args.manifest or manifest_folder(args.manifest_dir) / f"{connection.chain_id}.json",
            admin=args.admin,
            admin_delay_s=args.admin_delay,
            policies=Policies(
                (args.first_units_per_sample, args.first_independent),
                (args.final_units_per_sample, Policies().final[1]),
            ),
        )
    except ChromaTraceError as error:
        return print_error(error, args.json)
    if args.json:
        print(
            json.dumps({"deployed": deployment.deployed, "path": str(deployment.path), "manifest": deployment.manifest})
        )
    else:
        print(f"{'deployed' if deployment.deployed else 'verified'}: {deployment.path}")
    return 0


def main() -> None:
    """Run as `brownie run scripts/deploy.py`."""
    if run([]) != 0:
        raise SystemExit(1)


if __name__ == "__main__":
    sys.exit(run())
