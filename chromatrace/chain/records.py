"""The rows of the outbox, as records."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class CallState(StrEnum):
    """Where a call is; see the drawing in `outbox`."""

    QUEUED = "queued"
    SIGNED = "signed"
    SENT = "sent"
    INCLUDED = "included"
    FINAL = "final"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Draft:
    """A call to be taken. `label` is for people ("BatchRegistry.register"), `key` makes it take effect at most once."""

    recipient: bytes
    data: bytes
    label: str
    key: str | None = None
    gas: int | None = None


@dataclass(frozen=True, slots=True)
class Entry:
    """A call in the outbox. `tx_hash` is that of the newest attempt, or of the one that was included."""

    id: int
    key: str | None
    label: str
    sender: str
    recipient: bytes
    data: bytes
    gas: int | None
    nonce: int | None = None
    state: CallState = CallState.QUEUED
    tx_hash: bytes | None = None
    block_number: int | None = None
    block_hash: bytes | None = None
    gas_used: int | None = None
    error: str | None = None
    revert: bytes | None = None


@dataclass(frozen=True, slots=True)
class Attempt:
    """One signed transaction of a call; a fee bump adds one with the same nonce."""

    tx_hash: bytes
    call: int
    nonce: int
    raw: bytes
    max_fee_wei: int
    priority_fee_wei: int
    sent_ns: int | None
    sent_block: int | None


@dataclass(frozen=True, slots=True)
class OpenAttempt:
    """An attempt of a call that no block has, without its bytes."""

    tx_hash: bytes
    call: int
    nonce: int
    state: CallState
    max_fee_wei: int
    priority_fee_wei: int
    signed_ns: int
    sent_ns: int | None
    sent_block: int | None


@dataclass(frozen=True, slots=True)
class Signed:
    """What signing made of a call."""

    tx_hash: bytes
    raw: bytes
    max_fee_wei: int
    priority_fee_wei: int


@dataclass(frozen=True, slots=True)
class Inclusion:
    """What a block says of a call. `error` and `revert` where the transaction failed on the chain.

    gas_used  None where inclusion was seen by the call's events instead of its receipt
    """

    call: int
    tx_hash: bytes
    block_number: int
    block_hash: bytes
    gas_used: int | None
    error: str | None = None
    revert: bytes | None = None
