"""Custom errors of the contracts as exceptions, told in plain language by `refusal_texts`."""

from __future__ import annotations

import datetime
import re
from collections.abc import Mapping
from enum import IntEnum
from typing import Any

from chromatrace.domain.hashing import keccak
from chromatrace.domain.ledger_entries import DepartmentRight
from chromatrace.domain.rights import (
    FOR_EVER,
    BatchState,
    Role,
    RouteKind,
    SalesChannel,
    Scope,
    Stage,
    Verdict,
)
from chromatrace.ethereum.contract_error_messages import ENTRIES
from chromatrace.ethereum.errors import ContractConflict, ContractError

_ENUMS: dict[str, type[IntEnum]] = {
    "enum IBatchRegistry.BatchState": BatchState,
    "enum IBatchRegistry.SalesChannel": SalesChannel,
    "enum Stage": Stage,
    "enum Verdict": Verdict,
    "enum IRouteVerifier.RouteKind": RouteKind,
}
_TIMES = {"validUntil", "deadline", "inspectedAt", "schedule", "revokedFrom"}
_ROLE_MASKS = {"roles", "required", "permitted"}
_DEPARTMENT_MASKS = {"held", "required", "rights"}
_CONTRACT_ROLES = {
    keccak(name.encode()): name for name in ("REGISTRAR", "VERDICT_LEDGER", "CUSTODY_LEDGER", "CONSENSUS")
} | {bytes(32): "DEFAULT_ADMIN"}


def refusal(name: str, args: Mapping[str, Any], internal_types: Mapping[str, str]) -> ContractError:
    """The exception for one decoded custom error."""
    entry = ENTRIES.get(name)
    if entry is None:
        listed = ", ".join(f"{key}={rendered(key, value, internal_types.get(key, ''))}" for key, value in args.items())
        return ContractConflict(name, args, f"the contract refused: {name}({listed})")
    words = {key: rendered(key, value, internal_types.get(key, "")) for key, value in args.items()}
    return entry.category(name, args, entry.message.format_map(words), field=entry.field, hint=entry.hint)


def rendered(name: str, value: Any, internal_type: str) -> str:
    """One argument as people read it: enums and masks by name, times in UTC, hashes shortened."""
    kind = _ENUMS.get(internal_type)
    if kind is not None and value in list(kind):
        return kind(value).name.lower().replace("_", " ")
    if name in _TIMES and internal_type == "uint64":
        return _time(value)
    if internal_type == "uint8" and name in _DEPARTMENT_MASKS and isinstance(value, int):
        return _mask(DepartmentRight, value)
    if internal_type == "uint16" and name in _ROLE_MASKS and isinstance(value, int):
        return _mask(Role, value)
    if name == "scopes" and isinstance(value, int):
        return _mask(Scope, value)
    if name == "gtin" and isinstance(value, int):
        return f"{value:014d}"
    if name == "gln" and isinstance(value, int):
        return f"{value:013d}"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, bytes):
        if value in _CONTRACT_ROLES and name == "neededRole":
            return _CONTRACT_ROLES[value]
        return f"0x{value.hex()}" if len(value) <= 8 else f"0x{value[:5].hex()}…"
    return re.sub(r"\s+", " ", str(value))


def _mask(kind: type[Role] | type[Scope] | type[DepartmentRight], value: int) -> str:
    known = [flag.name.lower() for flag in kind if value & flag and flag.name]
    rest = value & ~sum(kind)
    return "+".join(known + ([hex(rest)] if rest else [])) or "none"


def _time(seconds: int) -> str:
    if seconds == FOR_EVER:
        return "no end"
    try:
        return datetime.datetime.fromtimestamp(seconds, datetime.UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
    except (OverflowError, ValueError, OSError):
        return str(seconds)
