"""What the stations of a batch's route signed, read out of the transaction that proved or recorded it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from eth_abi.abi import decode
from eth_hash.auto import keccak

from chromatrace.crypto.eip2537 import g1_from_evm
from chromatrace.crypto.route.state import RouteTrace
from chromatrace.exchange.bundle import AggregateSignature, CitedRecord, CitedRoute, CitedStep
from chromatrace.storage.strict_json import Digest

_PROOF = "(bytes32,bytes32,bytes32[4])"
_SHAPES = {
    "proveRoute": ("bytes32", _PROOF, "bytes32[]"),
    "recordUnverified": ("bytes32", _PROOF, "bytes32[]"),
    "proveAssembly": ("bytes32", _PROOF, "bytes32[]", "(bytes32,bytes32)[]"),
    "proveRoutes": ("bytes32", f"{_PROOF}[]", "bytes32[]"),
}
_CALLS = {keccak(f"{name}({','.join(shape)})".encode())[:4]: (name, shape) for name, shape in _SHAPES.items()}


def signed_route(
    transactions: Iterable[Mapping[str, Any]], verifier: bytes, route: bytes, subject: bytes, trace: RouteTrace | None
) -> CitedRoute | None:
    """The proof of `subject` under `route` among `transactions`, as `eth_getTransactionByHash` has them.

    A recorded signature where there is no proof; None where there is neither.
    """
    found = []
    for transaction in transactions:
        if transaction["to"] is None or bytes.fromhex(transaction["to"][2:]) != verifier:
            continue
        for name, about, signature, messages in _proofs(bytes.fromhex(transaction["input"][2:])):
            if about == (route, subject):
                cited = CitedRoute(AggregateSignature(g1_from_evm(signature)), tuple(_steps(messages, trace)))
                found.append((name != "recordUnverified", cited))
    return max(found, key=lambda one: one[0])[1] if found else None


def _proofs(data: bytes) -> Iterator[tuple[str, tuple[bytes, bytes], bytes, list[bytes]]]:
    """Function, route and subject, signature of EIP-2537 and messages of each proof in a call."""
    name, shape = _CALLS.get(data[:4], ("", ()))
    if not name:
        return
    route, proofs, messages, *_ = decode(shape, data[4:])
    proofs = proofs if name == "proveRoutes" else [proofs]
    steps = len(messages) // len(proofs)
    for place, (subject, _, signature) in enumerate(proofs):
        yield name, (route, subject), b"".join(signature), list(messages[place * steps : (place + 1) * steps])


def _steps(messages: list[bytes], trace: RouteTrace | None) -> Iterator[CitedStep]:
    """Each message with the record that `trace` has of it."""
    records = {step.message: step.record for step in trace.steps} if trace is not None else {}
    for message in messages:
        record = records.get(message)
        cited = None
        if record is not None:
            cited = CitedRecord(Digest(record.channel), record.log_size, Digest(record.digest), record.completed_at)
        yield CitedStep(Digest(message), cited)
