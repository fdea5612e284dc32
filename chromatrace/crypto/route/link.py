"""The link of a step to all steps before it, by one of two functions.

`evm` (default) can be computed by a contract:

    c_i = keccak256(LINK ‖ c_{i-1} ‖ m_i ‖ key id_i ‖ i), every field 32 bytes

`paper`, after Fischlin, Lehmann and Schröder 2012 (History-Free Sequential Aggregate Signatures), as BPDMS uses it:

    c_i = SHA-256(⟨"…paper/1"⟩ ⟨e(σ_{i-1}, g2)⟩ ⟨m_i⟩ ⟨pk_i⟩ ⟨c_{i-1}⟩), ⟨x⟩ = size of x in 4 bytes, big-endian ‖ x

pk_i has 96 compressed bytes. GT has no standard encoding; its bytes are those of `bls.GtValue`. BLS signatures are
unique, so e(σ_{i-1}, g2) = Π_{j<i} e(H(c_j), pk_j) is a function of what c_{i-1} already commits to. `evm` therefore
omits it without loss, and a corrupted σ from one station does not invalidate what later stations sign.

Both start with c_0 = keccak256(ORIGIN ‖ chain id ‖ verifier ‖ route ‖ subject ‖ components).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Protocol

from eth_abi.abi import encode

from chromatrace.crypto.bls import GtValue, Signature
from chromatrace.crypto.route.design import Profile, RouteDesign, RouteStation
from chromatrace.domain.hashing import keccak
from chromatrace.domain.identifiers import RouteId

ORIGIN = keccak(b"ChromaTrace route origin/1")
LINK = keccak(b"ChromaTrace route link/1")
PAPER_TAG = b"ChromaTrace route link paper/1"
NO_COMPONENTS = bytes(32)


@dataclass(frozen=True, slots=True)
class Component:
    """A proven subject that goes into an assembly."""

    route: RouteId
    subject: bytes


class Prefix(Protocol):
    """e(σ_{i-1}, g2), computed only for the link function that needs it."""

    def gt(self) -> GtValue:
        """Return the value."""


@dataclass(frozen=True, slots=True)
class AggregatePrefix:
    """Computed from the aggregate, by a signing station."""

    aggregate: Signature | None

    def gt(self) -> GtValue:
        """Return the value, by one pairing."""
        return GtValue.of_aggregate(self.aggregate)


@dataclass(frozen=True, slots=True)
class ProductPrefix:
    """Computed as the product of e(H(c_j), pk_j), by a verifier, which trusts only the last σ."""

    value: GtValue

    def gt(self) -> GtValue:
        """Return the product so far."""
        return self.value


def origin(design: RouteDesign, subject: bytes, components: Sequence[Component] = ()) -> bytes:
    """Compute c_0."""
    verifier = design.verifier
    return keccak(
        encode(
            ["bytes32", "uint256", "address", "bytes32", "bytes32", "bytes32"],
            [
                ORIGIN,
                verifier.chain_id,
                verifier.address,
                design.route,
                subject,
                components_digest(components),
            ],
        )
    )


def components_digest(components: Sequence[Component]) -> bytes:
    """Compute keccak256 of the components' ABI encoding; zeros if there are none."""
    if not components:
        return NO_COMPONENTS
    return keccak(encode(["(bytes32,bytes32)[]"], [[(part.route, part.subject) for part in components]]))


def component_fault(route: RouteId, subject: bytes, components: Sequence[Component]) -> str | None:
    """Return why the contract would reject these components of `subject` on `route`; None if it accepts them."""
    if len(set(components)) != len(components):
        return "duplicate component"
    if Component(route, subject) in components:
        return "the subject is a component of itself"
    return None


def advance(
    profile: Profile, previous: bytes, message: bytes, station: RouteStation, step: int, prefix: Prefix
) -> bytes:
    """Compute c_i from c_{i-1}."""
    if profile is Profile.EVM:
        return keccak(LINK + previous + message + station.key_id + step.to_bytes(32, "big"))
    fields = (PAPER_TAG, prefix.gt().to_bytes(), message, station.key.data, previous)
    return sha256(b"".join(len(field).to_bytes(4, "big") + field for field in fields)).digest()


@dataclass(frozen=True, slots=True)
class Links:
    """c_1 to c_n, and Π_{j<n} e(H(c_j), pk_j) if the link function needs it."""

    values: list[bytes]
    product: GtValue | None


def rebuild(design: RouteDesign, first: bytes, messages: Iterable[bytes]) -> Links:
    """Compute the links of the first n stations of the design from c_0 and their messages."""
    links: list[bytes] = []
    previous, product = first, GtValue()
    before: RouteStation | None = None
    for step, (message, station) in enumerate(zip(messages, design.stations, strict=False), 1):
        if before is not None and design.profile is Profile.PAPER:
            product = product.times_signed(previous, before.key)
        previous = advance(design.profile, previous, message, station, step, ProductPrefix(product))
        links.append(previous)
        before = station
    return Links(links, product if design.profile is Profile.PAPER else None)
