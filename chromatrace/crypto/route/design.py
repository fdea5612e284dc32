"""The designed route: the stations that a subject passes, in order. Proofs are verified against it."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from functools import lru_cache

from eth_abi.abi import encode

from chromatrace.crypto.bls import POSSESSION_TAG, PublicKey, SecretKey, Signature, verify
from chromatrace.crypto.eip2537 import key_id
from chromatrace.crypto.errors import PossessionError
from chromatrace.crypto.step import Verifier, checked_name, possession_message
from chromatrace.domain.errors import InvalidInput
from chromatrace.domain.hashing import keccak
from chromatrace.domain.identifiers import RouteId
from chromatrace.domain.rights import RouteKind as RouteKind

MAX_STEPS = 64
"""The contract's limit."""


class Profile(StrEnum):
    """The link function of a route; see `link`."""

    EVM = "evm"
    PAPER = "paper"


@dataclass(frozen=True, slots=True)
class RouteStation:
    """The station of one step: a key with its proof of possession.

    process       name of the process, 1 to 64 bytes of UTF-8
    organisation  number of the organisation that owns the station, from 1
    """

    process: str
    organisation: int
    key: PublicKey
    possession: Signature
    key_id: bytes = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        checked_name(self.process, "process")
        _checked_organisation(self.organisation)
        object.__setattr__(self, "key_id", key_id(self.key))


@dataclass(frozen=True, slots=True)
class RouteDesign:
    """A route as designed. A verifier takes the keys and their number from here, never from a prover.

    Raises `PossessionError` for a key without a valid proof of possession for this verifier, `InvalidInput`.
    """

    verifier: Verifier
    owner: int
    name: str
    version: int
    stations: tuple[RouteStation, ...]
    kind: RouteKind = RouteKind.PROCESSING
    profile: Profile = Profile.EVM
    route: RouteId = field(init=False)

    def __post_init__(self) -> None:
        checked_name(self.name, "name")
        _checked_organisation(self.owner, "owner")
        if type(self.version) is not int or not 0 < self.version < 1 << 16:
            raise InvalidInput(f"expected a version from 1 to 65535, got {self.version!r}", field="version")
        if not 1 <= len(self.stations) <= MAX_STEPS:
            raise InvalidInput(f"expected 1 to {MAX_STEPS} stations, got {len(self.stations)}", field="stations")
        for index, station in enumerate(self.stations):
            if not possession_holds(station.key, station.possession, station.organisation, self.verifier):
                raise PossessionError(
                    f"the key of station {station.process!r} has no valid proof of possession",
                    field=f"/stations/{index}",
                    hint="register the key with `chromatrace route station register`, as the organisation that owns it",
                )
        object.__setattr__(self, "route", route_id(self.owner, self.name, self.version))

    def __len__(self) -> int:
        return len(self.stations)

    def station(self, step: int) -> RouteStation:
        """Return the station of step `step`, counted from 1."""
        return self.stations[step - 1]


def route_id(owner: int, name: str, version: int) -> RouteId:
    """Compute `RouteVerifier.routeIdOf`."""
    return RouteId(keccak(encode(["uint32", "string", "uint16"], [owner, name, version])))


def subject_of(batch: bytes, unit: int) -> bytes:
    """Compute `RouteVerifier.subjectOf`: the subject of a unit or component; 256 of a batch share a storage slot."""
    word = keccak(encode(["bytes32", "uint32"], [batch, unit >> 8]))
    return word[:31] + bytes([unit & 0xFF])


def prove_possession(secret: SecretKey, organisation: int, verifier: Verifier) -> Signature:
    """Sign the proof of possession that `RouteVerifier.registerStationKey` requires."""
    message = possession_message(key_id(secret.public_key), _checked_organisation(organisation), verifier)
    return secret.sign(message, POSSESSION_TAG)


@lru_cache(1024)
def possession_holds(key: PublicKey, proof: Signature, organisation: int, verifier: Verifier) -> bool:
    """Return whether `proof` proves possession of the secret key; cached, because a station's proof does not change."""
    return verify(key, possession_message(key_id(key), organisation, verifier), proof, POSSESSION_TAG)


def _checked_organisation(organisation: int, field: str = "organisation") -> int:
    if type(organisation) is not int or not 0 < organisation < 1 << 32:
        raise InvalidInput(f"expected an organisation number of at least 1, got {organisation!r}", field=field)
    return organisation
