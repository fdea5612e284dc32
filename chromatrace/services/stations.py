"""The stations' signing keys in the data folder, and their registration on the chain."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from chromatrace.chain import calls, reads
from chromatrace.chain.routes import verifier_of
from chromatrace.crypto.bls import SecretKey
from chromatrace.crypto.eip2537 import key_id
from chromatrace.crypto.keystore import StoredKey, describe_key, open_key, save_key
from chromatrace.crypto.route import key_words, prove_possession, signature_words
from chromatrace.domain.errors import ChromaTraceError, InvalidInput
from chromatrace.domain.identifiers import StationKeyId
from chromatrace.services.organisations import signer_organisation
from chromatrace.services.workspace import Workspace

PASSWORD_VARIABLE = "CHROMATRACE_STATION_PASSWORD"  # noqa: S105 - the name of the variable
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


def key_path(workspace: Workspace, name: str) -> Path:
    """Return the path of a station's key; raises `InvalidInput` if the name cannot be a file name."""
    if not _NAME.fullmatch(name):
        raise InvalidInput(
            f"the station name is {name!r}; it must have 1 to 64 letters, digits, '.', '_' or '-'", field="station"
        )
    return workspace.data / workspace.settings.keys_folder.name / "stations" / f"{name}.json"


def open_station(workspace: Workspace, name: str) -> SecretKey:
    """Return the secret key of a station."""
    path = key_path(workspace, name)
    password = workspace.settings.station_password or workspace.ask_password(f"Password of {name}", PASSWORD_VARIABLE)
    return open_key(path, password)


def stored_station(workspace: Workspace, name: str) -> StoredKey:
    """Return the public part of a station's key in the data folder. Raises `NotFound`, `InvalidInput`."""
    return describe_key(key_path(workspace, name))


def station_key_id(workspace: Workspace, name: str) -> StationKeyId:
    """Return the key id of a station whose key is in the data folder."""
    return StationKeyId(key_id(stored_station(workspace, name).public_key))


def create_station(workspace: Workspace, name: str, password: str) -> dict[str, Any]:
    """Create and store the key of a station."""
    path = key_path(workspace, name)
    stored = save_key(path, SecretKey.generate(), password, name)
    return {"station": name, "key": key_id(stored.public_key), "public_key": stored.public_key.data, "path": path}


def register_station(workspace: Workspace, name: str, *, unverified: bool = False) -> dict[str, Any]:
    """Register the public key of a station for the signer's organisation, with its proof of possession.

    unverified  record the key on a chain without EIP-2537, which cannot check the proof
    """
    chain, organisation = workspace.chain, signer_organisation(workspace)
    secret = open_station(workspace, name)
    possession = prove_possession(secret, organisation, verifier_of(chain))
    words = key_words(secret.public_key), signature_words(possession)
    call = calls.record_station_key(name, *words) if unverified else calls.register_station_key(name, *words)
    receipt = chain.submit(call)
    return {
        "station": name,
        "key": key_id(secret.public_key),
        "organisation": organisation,
        "tx": receipt.tx,
        "verified": not unverified,
    }


def list_stations(workspace: Workspace, *, on_chain: bool) -> list[dict[str, Any]]:
    """Return the stations whose keys are in the data folder; with `on_chain`, also their owners on the chain.

    A file that is damaged, or not private, has the member `error` in place of its key.
    """
    stations: list[dict[str, Any]] = []
    for path in sorted(key_path(workspace, "any").parent.glob("*.json")):
        try:
            stored = describe_key(path)
        except ChromaTraceError as error:
            stations.append({"station": path.stem, "error": str(error)})
            continue
        identifier = StationKeyId(key_id(stored.public_key))
        facts: dict[str, Any] = {"station": path.stem, "key": identifier, "public_key": stored.public_key.data}
        if on_chain:
            state = workspace.reader.read(reads.station_key(identifier))
            unverified = state.owner and workspace.reader.read(reads.station_key_is_unverified(identifier))
            facts |= {
                "organisation": state.owner or None,
                "revoked_from": state.revoked_from or None,
                "verified": not unverified if state.owner else None,
            }
        stations.append(facts)
    return stations
