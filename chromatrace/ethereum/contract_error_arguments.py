"""The meaning of every argument of the contracts' custom errors, and its text in a message.

A Solidity type does not determine the meaning: `required` is a mask of roles in one error and a number of inspectors in
another. A test checks that the table covers every argument of every error.
"""

from __future__ import annotations

import datetime
import re
from collections.abc import Callable
from enum import IntEnum
from typing import Any

from chromatrace.domain.hashing import keccak
from chromatrace.domain.ledger_entries import DepartmentRight
from chromatrace.domain.rights import (
    FOREVER,
    BatchState,
    HoldKind,
    Role,
    RoundPhase,
    RouteKind,
    SalesChannel,
    Scope,
    Stage,
    Verdict,
)

_CONTRACT_ROLES = {
    keccak(name.encode()): name for name in ("REGISTRAR", "VERDICT_LEDGER", "CUSTODY_LEDGER", "CONSENSUS")
} | {bytes(32): "DEFAULT_ADMIN"}
_NS = 10**9


def _number(value: Any) -> str:
    return str(value)


def _text(value: Any) -> str:
    return re.sub(r"\s+", " ", str(value))


def _hash(value: bytes) -> str:
    return f"0x{value.hex()}" if len(value) <= 8 else f"0x{value[:5].hex()}…"


def _character(value: bytes) -> str:
    text = value.decode("latin-1")
    return repr(text) if text.isprintable() else f"0x{value.hex()}"


def _yes_no(value: Any) -> str:
    return "yes" if value else "no"


def _contract_role(value: bytes) -> str:
    return _CONTRACT_ROLES.get(value) or _hash(value)


def _gtin(value: int) -> str:
    return f"{value:014d}"


def _gln(value: int) -> str:
    return f"{value:013d}"


def _mask(kind: type[Role] | type[Scope] | type[DepartmentRight]) -> Callable[[int], str]:
    def text(value: int) -> str:
        known = [flag.name.lower() for flag in kind if value & flag and flag.name]
        rest = value & ~sum(kind)
        return "+".join(known + ([hex(rest)] if rest else [])) or "none"

    return text


def _member(kind: type[IntEnum]) -> Callable[[int], str]:
    def text(value: int) -> str:
        return kind(value).name.lower().replace("_", " ") if value in list(kind) else str(value)

    return text


def _time(seconds: int) -> str:
    if seconds == FOREVER:
        return "no end"
    try:
        return datetime.datetime.fromtimestamp(seconds, datetime.UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
    except (OverflowError, ValueError, OSError):
        return str(seconds)


def _time_ns(nanoseconds: int) -> str:
    return _time(nanoseconds // _NS)


_BY_TYPE: dict[str, Callable[[Any], str]] = {
    **dict.fromkeys(("BatchId", "ChannelId", "DepartmentId", "KeyId", "RoundId", "RouteId"), _hash),
    "LaneId": _number,
    "OrgId": _number,
    "address": _text,
    "bool": _yes_no,
    "string": _text,
    "enum IBatchRegistry.BatchState": _member(BatchState),
    "enum IBatchRegistry.HoldKind": _member(HoldKind),
    "enum IBatchRegistry.SalesChannel": _member(SalesChannel),
    "enum IQualityConsensus.Phase": _member(RoundPhase),
    "enum IRouteVerifier.RouteKind": _member(RouteKind),
    "enum Stage": _member(Stage),
    "enum Verdict": _member(Verdict),
}
"""Types that determine the meaning."""

_BY_NAME: dict[Callable[[Any], str], str] = {
    _number: "anchoredSize:uint64 answers:uint8 available:uint256 available:uint32 bits:uint8 capability:uint16 "
    "count:uint256 currentNonce:uint256 defects:uint32 digits:uint8 drawBlock:uint32 expected:uint256 "
    "expected:uint8 failedAnswers:uint8 first:uint256 graded:uint32 index:uint256 inspector:uint256 "
    "inspector:uint8 length:uint256 maximum:uint256 missing:uint8 position:uint256 prefix:uint64 "
    "quantity:uint32 required:uint256 revision:uint8 sampleSize:uint32 seat:uint8 second:uint256 size:uint256 "
    "size:uint64 stages:uint8 state:uint8 step:uint256 step:uint64 steps:uint256 sum:uint256 used:uint32 "
    "value:uint256",
    _time: "deadline:uint256 deadline:uint64 inspectedAt:uint64 revokedFrom:uint64 schedule:uint48 validUntil:uint64",
    _time_ns: "firstTimeNs:uint64 lastTimeNs:uint64",
    _mask(Role): "permitted:uint16 required:uint16 roles:uint16",
    _mask(Scope): "scopes:uint16",
    _mask(DepartmentRight): "held:uint8 required:uint8 rights:uint8",
    _gtin: "gtin:uint64",
    _gln: "gln:uint64",
    _character: "character:bytes1",
    _contract_role: "neededRole:bytes32",
    _hash: "computed:bytes32 digest:bytes32 head:bytes32 subject:bytes32",
}
"""Arguments, as NAME:TYPE, whose type has several meanings."""

ARGUMENTS = {tuple(argument.split(":")): text for text, arguments in _BY_NAME.items() for argument in arguments.split()}


def text_of(name: str, internal_type: str) -> Callable[[Any], str] | None:
    """Return the function that renders an argument; None if its meaning is unknown."""
    return _BY_TYPE.get(internal_type) or ARGUMENTS.get((name, internal_type))


def render(name: str, value: Any, internal_type: str) -> str:
    """Return one argument as text: enums and masks by name, times in UTC, hashes shortened."""
    text = text_of(name, internal_type)
    if text is not None:
        return text(value)
    return _hash(value) if isinstance(value, bytes) else _text(value)
