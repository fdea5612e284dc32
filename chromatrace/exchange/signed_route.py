"""The stations' signature of a batch's route, from the transaction that proved or recorded it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from chromatrace.crypto.eip2537 import g1_from_evm
from chromatrace.crypto.route.state import RouteTrace
from chromatrace.ethereum.abi import contract
from chromatrace.exchange.bundle import AggregateSignature, CitedRecord, CitedRoute, CitedStep
from chromatrace.storage.strict_json import Digest


def signed_route(
    transactions: Iterable[Mapping[str, Any]], verifier: bytes, route: bytes, subject: bytes, trace: RouteTrace | None
) -> CitedRoute | None:
    """Return the proof of `subject` under `route` in `transactions`, which are results of `eth_getTransactionByHash`.

    Return a recorded signature if there is no proof, and None if there is neither.
    """
    routes = []
    for transaction in transactions:
        if transaction["to"] is None or bytes.fromhex(transaction["to"][2:]) != verifier:
            continue
        for name, about, signature, messages in _proofs(bytes.fromhex(transaction["input"][2:])):
            if about == (route, subject):
                cited = CitedRoute(AggregateSignature(g1_from_evm(signature)), tuple(_steps(messages, trace)))
                routes.append((name != "recordUnverified", cited))
    return max(routes, key=lambda ranked: ranked[0])[1] if routes else None


def _proofs(data: bytes) -> Iterator[tuple[str, tuple[bytes, bytes], bytes, list[bytes]]]:
    """Yield function, route and subject, signature of EIP-2537 and messages of each proof in a call."""
    function, args = contract("RouteVerifier").decode_call(data)
    if function not in ("proveRoute", "proveRoutes", "proveAssembly", "recordUnverified"):
        return
    route, proofs, messages, *_ = args.values()
    proofs = proofs if function == "proveRoutes" else [proofs]
    steps = len(messages) // len(proofs)
    for index, proof in enumerate(proofs):
        signature = b"".join(proof["signature"])
        yield function, (route, proof["subject"]), signature, messages[index * steps : (index + 1) * steps]


def _steps(messages: list[bytes], trace: RouteTrace | None) -> Iterator[CitedStep]:
    """Yield each message, with its record if `trace` has it."""
    records = {step.message: step.record for step in trace.steps} if trace is not None else {}
    for message in messages:
        record = records.get(message)
        cited = None
        if record is not None:
            cited = CitedRecord(Digest(record.channel), record.log_size, Digest(record.digest), record.completed_at)
        yield CitedStep(Digest(message), cited)
