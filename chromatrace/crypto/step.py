"""The record of a route step as EIP-712 typed data. Its hash is the message m_i of the route proof.

Domain: name "ChromaTrace RouteVerifier", version "1", chain id, the verifier's address. A test compares the digests
with the contract's `hashStep` and `hashPossession`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from chromatrace.domain.addresses import parse_address
from chromatrace.domain.errors import InvalidInput
from chromatrace.domain.hashing import keccak

DOMAIN_NAME = "ChromaTrace RouteVerifier"
DOMAIN_VERSION = "1"
NO_CHANNEL = bytes(32)

_MAX_NAME_BYTES = 64
_DOMAIN_TYPE = [
    {"name": "name", "type": "string"},
    {"name": "version", "type": "string"},
    {"name": "chainId", "type": "uint256"},
    {"name": "verifyingContract", "type": "address"},
]
_STEP_TYPE = [
    {"name": "route", "type": "bytes32"},
    {"name": "subject", "type": "bytes32"},
    {"name": "step", "type": "uint16"},
    {"name": "process", "type": "string"},
    {"name": "channel", "type": "bytes32"},
    {"name": "logSize", "type": "uint64"},
    {"name": "digest", "type": "bytes32"},
    {"name": "completedAt", "type": "uint64"},
]
_POSSESSION_TYPE = [{"name": "key", "type": "bytes32"}, {"name": "organisation", "type": "uint32"}]


@dataclass(frozen=True, slots=True)
class Verifier:
    """One deployment of `RouteVerifier`; a proof is valid for one deployment only. Raises `InvalidInput`."""

    chain_id: int
    address: str

    def __post_init__(self) -> None:
        if type(self.chain_id) is not int or not 0 < self.chain_id < 1 << 256:
            raise InvalidInput(f"expected a chain id of at least 1, got {self.chain_id!r}", field="chain_id")
        object.__setattr__(self, "address", parse_address(self.address, "verifier"))


@dataclass(frozen=True, slots=True)
class StepRecord:
    """`IRouteVerifier.Step`, with its fields in order. Raises `InvalidInput` naming the field.

    route         32 bytes, the route's id
    subject       32 bytes, a batch or one unit or component of it
    step          number of the step in the route, from 1
    process       name of the step, as in the design, 1 to 64 bytes of UTF-8
    channel       32 bytes, the channel whose Merkle log `digest` belongs to; zeros for none
    log_size      entries of the log under the head `digest`; 0 if `digest` is one entry or a document
    digest        32 bytes: head or leaf hash (RFC 9162), or SHA-256 of a document
    completed_at  Unix seconds
    """

    route: bytes
    subject: bytes
    step: int
    process: str
    channel: bytes
    log_size: int
    digest: bytes
    completed_at: int

    def __post_init__(self) -> None:
        for name in ("route", "subject", "channel", "digest"):
            value = getattr(self, name)
            if not isinstance(value, bytes) or len(value) != 32:
                raise InvalidInput(f"expected 32 bytes, got {value!r}", field=name)
        for name, minimum, bits in (("step", 1, 16), ("log_size", 0, 64), ("completed_at", 0, 64)):
            value = getattr(self, name)
            if type(value) is not int or not minimum <= value < 1 << bits:
                raise InvalidInput(f"expected a number from {minimum} to 2^{bits} - 1, got {value!r}", field=name)
        checked_name(self.process, "process")
        if self.log_size and self.channel == NO_CHANNEL:
            raise InvalidInput("a log needs a channel", field="channel", hint="give the channel, or log_size 0")

    def as_struct(self) -> tuple[Any, ...]:
        """Return the values in the contract's order."""
        return tuple(getattr(self, name) for name in self.__slots__)


def checked_name(name: str, field: str) -> str:
    """Return the name of a process, station or route if the contract accepts it: 1 to 64 bytes of UTF-8."""
    try:
        size = len(name.encode("utf-8")) if isinstance(name, str) else 0
    except UnicodeEncodeError:  # a lone surrogate, which JSON can contain
        size = 0
    if not 1 <= size <= _MAX_NAME_BYTES:
        raise InvalidInput(f"expected a name of 1 to {_MAX_NAME_BYTES} bytes of UTF-8, got {name!r}", field=field)
    return name


def step_message(record: StepRecord, verifier: Verifier) -> bytes:
    """Return m_i, the 32-byte EIP-712 hash of a step record for one verifier."""
    names = [entry["name"] for entry in _STEP_TYPE]
    return _digest("RouteStep", _STEP_TYPE, dict(zip(names, record.as_struct(), strict=True)), verifier)


def possession_message(key: bytes, organisation: int, verifier: Verifier) -> bytes:
    """Return the 32 bytes that a station signs under the proof-of-possession tag to register its key.

    key           id of the key (`eip2537.key_id`)
    organisation  number of the station's organisation, the only one that can register the key with this signature
    """
    return _digest("StationKey", _POSSESSION_TYPE, {"key": key, "organisation": organisation}, verifier)


def _digest(name: str, fields: list[dict[str, str]], values: dict[str, Any], verifier: Verifier) -> bytes:
    from eth_account.messages import encode_typed_data  # slow to import

    message = encode_typed_data(
        full_message={
            "types": {"EIP712Domain": _DOMAIN_TYPE, name: fields},
            "primaryType": name,
            "domain": {
                "name": DOMAIN_NAME,
                "version": DOMAIN_VERSION,
                "chainId": verifier.chain_id,
                "verifyingContract": verifier.address,
            },
            "message": values,
        }
    )
    return keccak(b"\x19" + message.version + message.header + message.body)
