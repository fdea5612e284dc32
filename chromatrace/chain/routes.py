"""Station keys and designed routes as the chain's events tell them: what a proof is held against comes from here."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from chromatrace.chain.client import Chain
from chromatrace.crypto.bls import PublicKey, Signature
from chromatrace.crypto.eip2537 import g1_from_evm, g2_from_evm
from chromatrace.crypto.route import RouteDesign, RouteStation
from chromatrace.crypto.step import Verifier
from chromatrace.domain.errors import NotFound
from chromatrace.domain.identifiers import OrganisationId, StationKeyId
from chromatrace.domain.rights import RouteKind
from chromatrace.ethereum.abi import contract, decode_log

_CONTRACT = "RouteVerifier"


@dataclass(frozen=True, slots=True)
class RegisteredKey:
    """A station's key as it was registered, checked again when a design is made of it.

    verified  whether the contract checked it too; on a chain without EIP-2537 it cannot
    """

    key_id: StationKeyId
    organisation: OrganisationId
    name: str
    public_key: PublicKey
    possession: Signature
    verified: bool


def verifier_of(chain: Chain) -> Verifier:
    """The deployment of `RouteVerifier` that the manifest names."""
    return Verifier(chain.manifest.chain_id, chain.manifest.address(_CONTRACT))


def registered_key(chain: Chain, key_id: StationKeyId) -> RegisteredKey:
    """The station key with this id; `NotFound` where none was registered."""
    args = _event(chain, "StationKeyRegistered", key_id, f"no station key 0x{key_id.hex()} is registered", "key")
    # Of a key that was recorded unverified and verified later, owner and proof of possession are those of the latter.
    verified = _found(chain, "StationKeyVerified", key_id)
    held = verified or args
    return RegisteredKey(
        key_id,
        held["organisation"],
        args["name"],
        PublicKey(g2_from_evm(b"".join(args["publicKey"]))),
        Signature(g1_from_evm(b"".join(held["proofOfPossession"]))),
        verified is not None or _found(chain, "StationKeyUnverified", key_id) is None,
    )


def designed_route(chain: Chain, route: bytes) -> RouteDesign:
    """The design of a route on the chain, each key with its proof of possession checked."""
    args = _event(chain, "RouteDesigned", route, f"no route 0x{route.hex()} is designed", "route")
    stations = []
    for key_id, process in zip(args["keys"], args["processes"], strict=True):
        key = registered_key(chain, key_id)
        stations.append(RouteStation(process, key.organisation, key.public_key, key.possession))
    kind = RouteKind(args["kind"])
    return RouteDesign(verifier_of(chain), args["organisation"], args["name"], args["version"], tuple(stations), kind)


def _event(chain: Chain, name: str, topic: bytes, missing: str, field: str) -> dict[str, Any]:
    found = _found(chain, name, topic)
    if found is None:
        raise NotFound(missing, field=field, hint="check the id, and that this is the right chain and manifest")
    return found


def _found(chain: Chain, name: str, topic: bytes) -> dict[str, Any] | None:
    """The arguments of the one event `name` whose first indexed argument is `topic`; None where there is none."""
    found = chain.rpc.call(
        "eth_getLogs",
        {
            "address": chain.manifest.address(_CONTRACT),
            "fromBlock": hex(chain.manifest.block),
            "topics": ["0x" + contract(_CONTRACT).events[name].topic.hex(), "0x" + topic.hex()],
        },
    )
    event = decode_log(_CONTRACT, found[0]) if found else None
    return event.args if event is not None else None
