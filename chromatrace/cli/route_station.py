"""`chromatrace route station`: the keys that stations sign their steps with."""

from __future__ import annotations

import time
from typing import Any

import click

from chromatrace.chain import calls
from chromatrace.cli.options import parse_bytes32
from chromatrace.cli.output import emit, json_option, print_line, prompt_password
from chromatrace.domain.identifiers import StationKeyId
from chromatrace.number_types import WholeRange
from chromatrace.services.workspace import Workspace


@click.group()
def station() -> None:
    """Create, register, revoke and list the keys of stations.

    \b
    Example: create the key of station 201 and register it on the chain
      chromatrace route station create 201
      chromatrace --dev-account 2 route station register 201
    """


def key_id_of(workspace: Workspace, name: str) -> StationKeyId:
    """Return the key id of a station in the data folder by its name, or of any station by 0x…."""
    from chromatrace.services.stations import station_key_id

    return StationKeyId(parse_bytes32(name, "station")) if name.startswith("0x") else station_key_id(workspace, name)


@station.command()
@click.argument("name")
@json_option
@click.pass_obj
def create(workspace: Workspace, name: str, as_json: bool) -> None:
    """Create the BLS key of the station NAME and store it encrypted (EIP-2335, mode 0600).

    The password is the setting station_password; without it, the command prompts. A lost password cannot be recovered.
    """
    from chromatrace.services.stations import PASSWORD_VARIABLE, create_station, key_path

    key_path(workspace, name)  # rejects an invalid name before it asks for a password
    password = workspace.settings.station_password or prompt_password("Password", PASSWORD_VARIABLE, confirm=True)
    emit(as_json, create_station(workspace, name, password))


@station.command()
@click.argument("name")
@click.option("--unverified", is_flag=True, help="On a chain without EIP-2537: record the key unverified.")
@json_option
@click.pass_obj
def register(workspace: Workspace, name: str, unverified: bool, as_json: bool) -> None:
    """Register the public key of the station NAME on the chain, with its proof of possession.

    The station belongs to the signer's organisation. Requires the role gateway or admin.
    """
    from chromatrace.services.stations import register_station

    emit(as_json, register_station(workspace, name, unverified=unverified))


@station.command()
@click.argument("name")
@click.option(
    "--from", "begin", type=WholeRange(0), help="Start of the revocation, Unix seconds. Default: in one minute."
)
@json_option
@click.pass_obj
def revoke(workspace: Workspace, name: str, begin: int | None, as_json: bool) -> None:
    """Revoke the key of a station, given by NAME or key id 0x….

    Later proofs cannot use the key; earlier proofs stay valid. A revocation can be moved earlier, not later.
    """
    key = key_id_of(workspace, name)
    begin = int(time.time()) + 60 if begin is None else begin
    receipt = workspace.chain.submit(calls.revoke_station_key(key, begin))
    emit(as_json, {"station": name, "key": key, "revoked_from": begin, "tx": receipt.tx})


@station.command("list")
@click.option("--chain/--no-chain", "on_chain", default=False, help="Also show the owner of each key on the chain.")
@json_option
@click.pass_obj
def list_(workspace: Workspace, on_chain: bool, as_json: bool) -> None:
    """List the stations whose keys are in the data folder. Exit status 1 if a key file is damaged or not private."""
    from chromatrace.services.stations import list_stations

    stations = list_stations(workspace, on_chain=on_chain)

    def human() -> None:
        for facts in stations:
            if "error" in facts:
                print_line(f"{facts['station']:<24}  UNUSABLE: {facts['error']}")
            else:
                print_line(f"{facts['station']:<24}  0x{facts['key'].hex()}{_status(facts) if on_chain else ''}")
        if not stations:
            print_line("no station keys; create one with `chromatrace route station create NAME`")

    emit(as_json, {"stations": stations}, human)
    if any("error" in facts for facts in stations):
        raise SystemExit(1)


def _status(facts: dict[str, Any]) -> str:
    if facts["organisation"] is None:
        return "  not registered"
    unverified = "" if facts["verified"] else ", unverified"
    revoked = f", revoked from {facts['revoked_from']}" if facts["revoked_from"] else ""
    return f"  organisation {facts['organisation']}{unverified}{revoked}"
