"""Station keys and designed routes, read from the contract's events, for the verification of proofs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from chromatrace.chain import reads
from chromatrace.chain.client import Chain
from chromatrace.crypto.bls import PublicKey, Signature
from chromatrace.crypto.eip2537 import g1_from_evm, g2_from_evm
from chromatrace.crypto.route import RouteDesign, RouteStation
from chromatrace.crypto.step import Verifier
from chromatrace.domain.errors import NotFound
from chromatrace.domain.identifiers import OrganisationId, RouteId, StationKeyId
from chromatrace.domain.rights import RouteKind
from chromatrace.ethereum.abi import contract, decode_log
from chromatrace.ethereum.errors import MissingLogsError

_CONTRACT = "RouteVerifier"


@dataclass(frozen=True, slots=True)
class RegisteredKey:
    """A registered station key. `RouteDesign` checks its proof of possession again.

    verified  whether the contract checked it; it cannot on a chain without EIP-2537
    """

    key_id: StationKeyId
    organisation: OrganisationId
    name: str
    public_key: PublicKey
    possession: Signature
    verified: bool


def verifier_of(chain: Chain) -> Verifier:
    """Return the deployment of `RouteVerifier` in the manifest."""
    return Verifier(chain.manifest.chain_id, chain.manifest.address(_CONTRACT))


def registered_key(chain: Chain, key_id: StationKeyId) -> RegisteredKey:
    """Return a registered station key. Raises `NotFound`, `MissingLogsError`."""
    registered = _event_args(chain, "StationKeyRegistered", key_id)
    if registered is None:
        if chain.read(reads.station_key(key_id)).owner:
            raise MissingLogsError.of_blocks(chain.rpc.url, chain.manifest.block, "latest")
        raise _not_found(f"station key 0x{key_id.hex()} is not registered", "key")
    # If a key was recorded unverified and verified later, the owner and proof of possession of the latter count.
    verified = _event_args(chain, "StationKeyVerified", key_id)
    proven = verified or registered
    return RegisteredKey(
        key_id,
        proven["organisation"],
        registered["name"],
        PublicKey(g2_from_evm(b"".join(registered["publicKey"]))),
        Signature(g1_from_evm(b"".join(proven["proofOfPossession"]))),
        verified is not None or _event_args(chain, "StationKeyUnverified", key_id) is None,
    )


def designed_route(chain: Chain, route: RouteId) -> RouteDesign:
    """Return the design of a route; checks the proof of possession of each key.

    Raises `NotFound`, `MissingLogsError`.
    """
    args = _event_args(chain, "RouteDesigned", route)
    if args is None:
        if chain.read(reads.route(route)).steps:
            raise MissingLogsError.of_blocks(chain.rpc.url, chain.manifest.block, "latest")
        raise _not_found(f"route 0x{route.hex()} is not designed", "route")
    stations = []
    for key_id, process in zip(args["keys"], args["processes"], strict=True):
        key = registered_key(chain, key_id)
        stations.append(RouteStation(process, key.organisation, key.public_key, key.possession))
    kind = RouteKind(args["kind"])
    return RouteDesign(verifier_of(chain), args["organisation"], args["name"], args["version"], tuple(stations), kind)


def _not_found(message: str, field: str) -> NotFound:
    return NotFound(message, field=field, hint="check the id, the chain and the manifest")


def _event_args(chain: Chain, name: str, topic: bytes) -> dict[str, Any] | None:
    """Return the arguments of the first event `name` whose first indexed argument is `topic`."""
    logs = chain.rpc.call(
        "eth_getLogs",
        {
            "address": chain.manifest.address(_CONTRACT),
            "fromBlock": hex(chain.manifest.block),
            "topics": ["0x" + contract(_CONTRACT).events[name].topic.hex(), "0x" + topic.hex()],
        },
    )
    event = decode_log(_CONTRACT, logs[0]) if logs else None
    return event.args if event is not None else None
