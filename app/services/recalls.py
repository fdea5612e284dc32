"""Recalls as calls of the registry."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from hashlib import sha256

from chromatrace.chain.calls import Call, Parts, recall, recall_descendants
from chromatrace.domain.identifiers import BatchId
from chromatrace.domain.recalling import RecallStep

_GAS, _GAS_PER_BYTE, _GAS_PER_INPUT = 160_000, 100, 6_000
"""A limit each, more than thrice what it takes: a descendant cannot be estimated before its parent is recalled."""


def recall_calls(steps: Sequence[RecallStep], parts: Mapping[BatchId, Parts], reason: str) -> list[Call]:
    """A call for each step, under a key that says what it does; `parts` as the batches were registered."""
    calls = []
    for step in steps:
        if step.parent is None:
            call, inputs = recall(step.batch, reason), 0
        else:
            own = parts[step.batch]
            call, inputs = recall_descendants(step.parent, [(step.batch, own)], reason), len(own.inputs)
        limit = _GAS + _GAS_PER_BYTE * len(reason.encode()) + _GAS_PER_INPUT * inputs
        digest = sha256(call.encode()).hexdigest()[:32]
        calls.append(call.with_gas(limit).with_key(f"recall:{step.batch.hex()}:{digest}"))
    return calls
