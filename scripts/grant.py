"""Register organisations, appoint operators and grant read scopes on the deployment of the manifest.

    python scripts/grant.py organisation --gln 9521234500007 --kind manufacturer --name "Example Glass" \\
        --roles admin,producer,gateway,inspector,supervisor
    python scripts/grant.py operator 0x… --organisation 9521234500007 --roles producer,gateway
    python scripts/grant.py scopes --reader 9521234500014 --scopes product,quality --gtins 09521234543213

Organisations are identified by their GLN. `organisation` requires the registrar, `operator` the registrar or an
administrator of the organisation, `scopes` an administrator of the granting organisation. Times are Unix seconds.
Environment: CHROMATRACE_RPC_URL, CHROMATRACE_KEYSTORE, CHROMATRACE_KEY_PASSWORD, CHROMATRACE_MANIFEST_DIR.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from enum import IntFlag
from pathlib import Path
from typing import Any, TypeVar

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from chromatrace.chain import calls, reads
from chromatrace.chain.calls import Call
from chromatrace.domain.addresses import parse_address
from chromatrace.domain.errors import ChromaTraceError, InvalidInput, NotFound
from chromatrace.domain.identifiers import Gln, Gtin, OrganisationId
from chromatrace.domain.names import check_organisation_name
from chromatrace.domain.rights import FOREVER, OrganisationKind, Role, Scope
from chromatrace.ethereum.abi import contract, decode_log
from chromatrace.ethereum.manifest import Manifest
from scripts.connection import Connection, open_connection, print_error, settings
from scripts.deploy import manifest_folder

Mask = TypeVar("Mask", bound=IntFlag)

_CONSORTIUM, _REGISTERED = contract("Consortium"), "OrganisationRegistered"


class Consortium:
    """The deployed `Consortium`."""

    def __init__(self, connection: Connection, folder: Path) -> None:
        manifest = Manifest.load(folder / f"{connection.chain_id}.json")
        manifest.verify(connection.rpc)
        self._connection = connection
        self._address = manifest.address("Consortium")
        self._first_block = manifest.block

    def organisation(self, gln: str) -> OrganisationId:
        """Return the number of the organisation with this GLN. Raises `NotFound`."""
        number = self._connection.read(self._address, reads.organisation_of_gln(Gln(gln)))
        if number == 0:
            raise NotFound(
                f"no organisation has the GLN {gln}",
                field="gln",
                hint="register it first with the command organisation",
            )
        return number

    def registered(self) -> list[tuple[int, str, str]]:
        """Return number, GLN and name of each organisation."""
        topic = next(topic for topic, event in _CONSORTIUM.events_by_topic.items() if event.name == _REGISTERED)
        logs = self._connection.rpc.call(
            "eth_getLogs",
            {"address": self._address, "topics": ["0x" + topic.hex()], "fromBlock": hex(self._first_block)},
        )
        events = [event for log in logs if (event := decode_log("Consortium", log)) is not None]
        return [(event.args["organisation"], f"{event.args['gln']:013d}", event.args["name"]) for event in events]

    def submit(self, call: Call) -> str:
        """Send a call and return the hash of its transaction."""
        return str(self._connection.write(self._address, call).txid)


def _mask(text: str, kind: type[Mask], field: str) -> Mask:
    mask = kind(0)
    for name in filter(None, text.split(",")):
        if name.upper() not in kind.__members__:
            known = ", ".join(member.lower() for member in kind.__members__)
            raise InvalidInput(f"{name!r} is not one of {known}", field=field)
        mask |= kind[name.upper()]
    return mask


def _organisation(consortium: Consortium, args: argparse.Namespace) -> dict[str, Any]:
    roles = _mask(args.roles, Role, "roles")
    check_organisation_name(args.name, args.gln, consortium.registered())
    kind = OrganisationKind[args.kind.upper()]
    tx = consortium.submit(calls.register_organisation(kind, Gln(args.gln), roles, args.name, args.valid_until))
    return {"organisation": consortium.organisation(args.gln), "tx": tx}


def _operator(consortium: Consortium, args: argparse.Namespace) -> dict[str, Any]:
    number = consortium.organisation(args.organisation)
    roles = _mask(args.roles, Role, "roles")
    account = parse_address(args.account, "account")
    tx = consortium.submit(calls.appoint_operator(account, number, roles, args.valid_until))
    return {"organisation": number, "operator": account, "tx": tx}


def _scopes(consortium: Consortium, args: argparse.Namespace) -> dict[str, Any]:
    number = consortium.organisation(args.reader)
    gtins = [Gtin(gtin) for gtin in args.gtins.split(",") if gtin]
    scopes = _mask(args.scopes, Scope, "scopes")
    tx = consortium.submit(calls.grant_read_scopes(number, gtins, scopes, args.valid_until))
    return {"reader": number, "gtins": [int(gtin) for gtin in gtins] or [0], "tx": tx}


def _parser() -> argparse.ArgumentParser:
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument("--rpc", metavar="URL", help="JSON-RPC endpoint of the chain")
    common.add_argument("--keystore", type=Path, metavar="FILE", help="encrypted key of the account that signs")
    common.add_argument(
        "--manifest-dir", type=Path, metavar="DIR", help="folder of the manifests (default: docs/deployments)"
    )
    common.add_argument(
        "--valid-until",
        type=int,
        default=FOREVER,
        metavar="S",
        help="last Unix second of the right (default: no expiry)",
    )
    common.add_argument("--json", action="store_true", help="print the result as JSON")

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    organisation = commands.add_parser("organisation", parents=[common], help="register an organisation")
    organisation.add_argument("--gln", required=True, help="GLN of the organisation, 13 digits")
    organisation.add_argument("--name", required=True)
    organisation.add_argument(
        "--kind", required=True, choices=[kind.name.lower() for kind in OrganisationKind if kind is not kind.NONE]
    )
    organisation.add_argument("--roles", required=True, help="roles that its operators can hold, comma-separated")
    organisation.set_defaults(act=_organisation)

    operator = commands.add_parser("operator", parents=[common], help="appoint an operator or change its roles")
    operator.add_argument("account", help="address of the operator")
    operator.add_argument("--organisation", required=True, metavar="GLN")
    operator.add_argument("--roles", required=True, help="comma-separated; empty for an operator that can only read")
    operator.set_defaults(act=_operator)

    scopes = commands.add_parser("scopes", parents=[common], help="grant read scopes to another organisation")
    scopes.add_argument("--reader", required=True, metavar="GLN")
    scopes.add_argument("--scopes", required=True, help="comma-separated; empty to revoke the grant")
    scopes.add_argument("--gtins", default="", help="product lines, comma-separated (default: all)")
    scopes.set_defaults(act=_scopes)
    return parser


def run(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit status."""
    args = _parser().parse_args(arguments)
    try:
        rpc_url, keystore = settings(args.rpc, args.keystore)
        if rpc_url is None:
            raise InvalidInput("no RPC URL", field="rpc", hint="use --rpc URL or set CHROMATRACE_RPC_URL")
        consortium = Consortium(open_connection(rpc_url, keystore), manifest_folder(args.manifest_dir))
        result = args.act(consortium, args)
    except ChromaTraceError as error:
        return print_error(error, args.json)
    print(json.dumps(result) if args.json else "  ".join(f"{key} {value}" for key, value in result.items()))
    return 0


if __name__ == "__main__":
    sys.exit(run())
