"""`chromatrace station`: the keys that stations sign their steps with."""

from __future__ import annotations

import re
import time
from pathlib import Path
from typing import Any

import click

from chromatrace.chain import calls, reads
from chromatrace.cli.options import parse_bytes32
from chromatrace.cli.output import emit, json_option, prompt_password, say
from chromatrace.crypto.bls import SecretKey
from chromatrace.domain.errors import InvalidInput, NotAuthorised
from chromatrace.domain.identifiers import StationKeyId
from chromatrace.services.workspace import Workspace

PASSWORD_VARIABLE = "CHROMATRACE_STATION_PASSWORD"  # noqa: S105 - the name of the variable
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


def key_path(workspace: Workspace, name: str) -> Path:
    """Where the key of a station lies."""
    if not _NAME.fullmatch(name):
        raise InvalidInput(
            f"a station's name has 1 to 64 letters, digits, '.', '_' or '-', got {name!r}", field="station"
        )
    return workspace.data / workspace.settings.keys_folder.name / "stations" / f"{name}.json"


def open_station(workspace: Workspace, name: str) -> SecretKey:
    """Return the secret key of a station."""
    from chromatrace.crypto.keystore import open_key

    path = key_path(workspace, name)
    password = workspace.settings.station_password or workspace.ask_password(f"Password of {name}", PASSWORD_VARIABLE)
    return open_key(path, password)


def key_id_of(workspace: Workspace, station: str) -> StationKeyId:
    """The key id of a station of ours by its name, or of any by 0x…"""
    if station.startswith("0x"):
        return StationKeyId(parse_bytes32(station, "station"))
    from chromatrace.crypto.eip2537 import key_id
    from chromatrace.crypto.keystore import describe_key

    return key_id(describe_key(key_path(workspace, station)).public_key)


@click.group()
def station() -> None:
    """Make, register and list the keys that stations sign their steps with."""


@station.command()
@click.argument("name")
@json_option
@click.pass_obj
def keygen(workspace: Workspace, name: str, as_json: bool) -> None:
    """Make a new BLS key for the station NAME and store it encrypted (EIP-2335, mode 0600).

    The password is the setting station_password, or is asked for twice. It cannot be recovered.
    """
    from chromatrace.crypto.eip2537 import key_id
    from chromatrace.crypto.keystore import save_key

    path = key_path(workspace, name)
    password = workspace.settings.station_password or prompt_password("Password", PASSWORD_VARIABLE, confirm=True)
    stored = save_key(path, SecretKey.generate(), password, name)
    facts = {"station": name, "key": key_id(stored.public_key), "public_key": stored.public_key.data, "path": path}
    emit(as_json, facts)


@station.command()
@click.argument("name")
@click.option("--unverified", is_flag=True, help="On a chain without EIP-2537: record the key, checked by nobody.")
@json_option
@click.pass_obj
def register(workspace: Workspace, name: str, unverified: bool, as_json: bool) -> None:
    """Register the public key of the station NAME on the chain, with its proof of possession.

    The station then belongs to the organisation of the acting operator, who needs the role gateway or admin.
    """
    from chromatrace.chain.routes import verifier_of
    from chromatrace.crypto.eip2537 import key_id
    from chromatrace.crypto.route import key_words, prove_possession, signature_words

    chain = workspace.chain
    organisation = chain.read(reads.operator(chain.sender)).organisation
    if not organisation:
        raise NotAuthorised(
            f"{chain.sender} acts for no organisation", field="signer", hint="`chromatrace org appoint`"
        )
    secret = open_station(workspace, name)
    possession = prove_possession(secret, organisation, verifier_of(chain))
    register_key = calls.record_station_key if unverified else calls.register_station_key
    receipt = chain.submit(register_key(name, key_words(secret.public_key), signature_words(possession)))
    facts = {"station": name, "key": key_id(secret.public_key), "organisation": organisation, "tx": receipt.tx}
    emit(as_json, facts | {"verified": not unverified})


@station.command()
@click.argument("name")
@click.option("--from", "begin", type=click.IntRange(0), help="Unix second. Default: a minute from now.")
@json_option
@click.pass_obj
def revoke(workspace: Workspace, name: str, begin: int | None, as_json: bool) -> None:
    """Revoke the key of a station, given by NAME or by its key id 0x….

    From then on no proof may use it; what was proven before stands. A revocation can be brought forward, never put off.
    """
    key = key_id_of(workspace, name)
    begin = int(time.time()) + 60 if begin is None else begin
    receipt = workspace.chain.submit(calls.revoke_station_key(key, begin))
    emit(as_json, {"station": name, "key": key, "revoked_from": begin, "tx": receipt.tx})


@station.command("list")
@click.option("--chain/--no-chain", "look", default=False, help="Also look up on the chain who owns each key.")
@json_option
@click.pass_obj
def list_(workspace: Workspace, look: bool, as_json: bool) -> None:
    """List the stations whose keys lie in the data folder."""
    from chromatrace.crypto.eip2537 import key_id
    from chromatrace.crypto.keystore import describe_key

    folder = key_path(workspace, "any").parent
    found = []
    for path in sorted(folder.glob("*.json")):
        stored = describe_key(path)
        facts: dict[str, Any] = {"station": path.stem, "key": key_id(stored.public_key)}
        facts["public_key"] = stored.public_key.data
        if look:
            known = workspace.reader.read(reads.station_key(facts["key"]))
            unverified = known.owner and workspace.reader.read(reads.station_key_is_unverified(facts["key"]))
            facts |= {
                "organisation": known.owner or None,
                "revoked_from": known.revoked_from or None,
                "verified": not unverified if known.owner else None,
            }
        found.append(facts)

    def human() -> None:
        for one in found:
            say(f"{one['station']:<24}  0x{one['key'].hex()}{_standing(one) if look else ''}")
        if not found:
            say("no station has a key here; make one by `chromatrace station keygen NAME`")

    emit(as_json, {"stations": found}, human)


def _standing(facts: dict[str, Any]) -> str:
    """What the chain knows of a key, for people."""
    if facts["organisation"] is None:
        return "  not registered"
    unchecked = "" if facts["verified"] else ", not checked by the chain"
    revoked = f", revoked from {facts['revoked_from']}" if facts["revoked_from"] else ""
    return f"  organisation {facts['organisation']}{unchecked}{revoked}"
