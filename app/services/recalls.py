"""Recalls as idempotent contract calls with gas limits."""

from __future__ import annotations

from hashlib import sha256

from chromatrace.chain.calls import Call
from chromatrace.services.recall import PlannedRecall

_GAS, _GAS_PER_BYTE, _GAS_PER_INPUT = 160_000, 100, 6_000
"""Gas limits, more than three times the use. A descendant's gas cannot be estimated before its parent is recalled."""


def recall_calls(recall: PlannedRecall, reason: str) -> list[Call]:
    """Return one call per step of the plan, each with an idempotency key derived from its content."""
    calls = []
    for step in recall.plan.steps:
        call = recall.call(step, reason)
        inputs = 0 if step.parent is None else len(recall.parts[step.batch].inputs)
        limit = _GAS + _GAS_PER_BYTE * len(reason.encode()) + _GAS_PER_INPUT * inputs
        digest = sha256(call.encode()).hexdigest()[:32]
        calls.append(call.with_gas(limit).with_key(f"recall:{step.batch.hex()}:{digest}"))
    return calls
