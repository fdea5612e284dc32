"""Rows of the outbox."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class CallState(StrEnum):
    """State of a call; the diagram in `outbox` shows the transitions."""

    QUEUED = "queued"
    SIGNED = "signed"
    SENT = "sent"
    INCLUDED = "included"
    FINAL = "final"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Draft:
    """A call to store. `label` is for people ("BatchRegistry.register"); calls with the same `key` take effect once."""

    recipient: bytes
    data: bytes
    label: str
    key: str | None = None
    gas: int | None = None
    value_wei: int = 0


@dataclass(frozen=True, slots=True)
class OutboxEntry:
    """A stored call. `tx_hash` is that of the newest attempt, or of the attempt that was included."""

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
    value_wei: int = 0


@dataclass(frozen=True, slots=True)
class Attempt:
    """One signed transaction of a call. A fee bump adds an attempt with the same nonce."""

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
    """An attempt of a call that is not included, without its bytes."""

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
class SignedTransaction:
    """The signed bytes of a call, their hash and fees."""

    tx_hash: bytes
    raw: bytes
    max_fee_wei: int
    priority_fee_wei: int


@dataclass(frozen=True, slots=True)
class Inclusion:
    """The block of a call. `error` and `revert` are set if the transaction failed on the chain.

    gas_used  None if inclusion was detected by the call's events instead of its receipt
    """

    call: int
    tx_hash: bytes
    block_number: int
    block_hash: bytes
    gas_used: int | None
    error: str | None = None
    revert: bytes | None = None
