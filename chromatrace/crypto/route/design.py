"""The designed route: which stations a subject passes, in which order. What a proof is held against."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from functools import lru_cache

from eth_abi.abi import encode

from chromatrace.crypto.bls import POSSESSION_TAG, PublicKey, SecretKey, Signature, verify
from chromatrace.crypto.eip2537 import key_id
from chromatrace.crypto.errors import InvalidProofOfPossession
from chromatrace.crypto.step import Verifier, checked_name, possession_message
from chromatrace.domain.errors import InvalidInput
from chromatrace.domain.hashing import keccak
from chromatrace.domain.identifiers import RouteId
from chromatrace.domain.rights import RouteKind as RouteKind

MAX_STEPS = 64
"""As in the contract."""


class Profile(StrEnum):
    """Which link function a route uses; see `link`."""

    EVM = "evm"
    PAPER = "paper"


@dataclass(frozen=True, slots=True)
class Station:
    """Who does one step: a key with its proof of possession.

    process       name of the process, 1 to 64 bytes
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
    """A route as it was designed. Keys and their number come from here, never from a prover.

    Refuses (`InvalidProofOfPossession`) a station whose key has no valid proof of possession for this verifier.
    """

    verifier: Verifier
    owner: int
    name: str
    version: int
    stations: tuple[Station, ...]
    kind: RouteKind = RouteKind.PROCESSING
    profile: Profile = Profile.EVM
    route: RouteId = field(init=False)

    def __post_init__(self) -> None:
        checked_name(self.name, "name")
        _checked_organisation(self.owner, "owner")
        if type(self.version) is not int or not 0 < self.version < 1 << 16:
            raise InvalidInput(f"a version is a number from 1 to 65535, got {self.version!r}", field="version")
        if not 1 <= len(self.stations) <= MAX_STEPS:
            raise InvalidInput(f"a route has 1 to {MAX_STEPS} stations, got {len(self.stations)}", field="stations")
        for number, station in enumerate(self.stations):
            if not possession_holds(station.key, station.possession, station.organisation, self.verifier):
                raise InvalidProofOfPossession(
                    f"the key of station {station.process!r} has no valid proof of possession",
                    field=f"/stations/{number}",
                    hint="register the key with `chromatrace station register`, by the organisation that owns it",
                )
        object.__setattr__(self, "route", route_id(self.owner, self.name, self.version))

    def __len__(self) -> int:
        return len(self.stations)

    def station(self, step: int) -> Station:
        """The station of step `step`, from 1."""
        return self.stations[step - 1]


def route_id(owner: int, name: str, version: int) -> RouteId:
    """`RouteVerifier.routeIdOf`."""
    return RouteId(keccak(encode(["uint32", "string", "uint16"], [owner, name, version])))


def subject_of(batch: bytes, unit: int) -> bytes:
    """`RouteVerifier.subjectOf`: the subject of one unit or component of a batch; 256 of them share a storage slot."""
    word = keccak(encode(["bytes32", "uint32"], [batch, unit >> 8]))
    return word[:31] + bytes([unit & 0xFF])


def prove_possession(secret: SecretKey, organisation: int, verifier: Verifier) -> Signature:
    """The proof of possession that `RouteVerifier.registerStationKey` asks for."""
    message = possession_message(key_id(secret.public_key), _checked_organisation(organisation), verifier)
    return secret.sign(message, POSSESSION_TAG)


@lru_cache(1024)
def possession_holds(key: PublicKey, proof: Signature, organisation: int, verifier: Verifier) -> bool:
    """Whether `proof` shows that its maker holds the secret of `key`; remembered, since a station's never changes."""
    return verify(key, possession_message(key_id(key), organisation, verifier), proof, POSSESSION_TAG)


def _checked_organisation(organisation: int, field: str = "organisation") -> int:
    if type(organisation) is not int or not 0 < organisation < 1 << 32:
        raise InvalidInput(f"an organisation is a number from 1, got {organisation!r}", field=field)
    return organisation
