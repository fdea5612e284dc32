"""One deployment on one chain: reads, simulations and durable writes.

    chain = Chain(RpcClient(url), Manifest.load(path), Outbox(folder / "outbox.db"), signer)
    state = chain.read(reads.batch(batch_id)).state
    receipt = chain.submit(calls.assemble(batch_id).with_key("assemble/L2410A"))

A call that a contract rejects raises the decoded `ContractError` and uses no nonce.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeVar

from chromatrace.chain import preflight
from chromatrace.chain.calls import Call
from chromatrace.chain.fees import FeeContext
from chromatrace.chain.outbox import Outbox
from chromatrace.chain.outbox_entries import CallState, Draft, OutboxEntry
from chromatrace.chain.reads import Read
from chromatrace.chain.transaction_sender import DeliveryPolicy, TransactionSender
from chromatrace.domain.errors import Unavailable
from chromatrace.ethereum.abi import Event, decode_log
from chromatrace.ethereum.codec import bytes_of
from chromatrace.ethereum.contract_errors import decode_revert
from chromatrace.ethereum.errors import (
    ContractConflict,
    ContractError,
    InclusionTimeoutError,
    RpcError,
    SignerMissingError,
    WrongDeploymentError,
)
from chromatrace.ethereum.manifest import Manifest
from chromatrace.ethereum.rpc import RpcClient
from chromatrace.ethereum.signer import Signer

T = TypeVar("T")

_FIRST_CHUNK, _CHUNK = 100, 300
_UNSENT_CHUNKS = 3
_WINDOW = 2_400
"""Calls of one sender that may wait for a block at once: Anvil's automine stalls on pools of thousands, others drop."""
_BATCH = 100


@dataclass(frozen=True, slots=True)
class Receipt:
    """The current state of a call.

    The block is None until the call is included; until then a fee bump changes `tx_hash`.

    gas_used  None if the call was found in its block by its events (`inclusion`)
    """

    call: int
    state: CallState
    tx_hash: bytes
    block_number: int | None
    block_hash: bytes | None
    gas_used: int | None
    events: tuple[Event, ...] = ()

    @property
    def tx(self) -> str:
        """The transaction hash as 0x-prefixed text."""
        return "0x" + self.tx_hash.hex()

    def event(self, name: str) -> Event:
        """Return the first event of this name. Raises `KeyError`."""
        for event in self.events:
            if event.name == name:
                return event
        raise KeyError(name)


@dataclass(frozen=True, slots=True)
class _CheckedChunk:
    """A chunk of calls, each with its gas limit or the error that it raises."""

    drafts: list[Draft]
    outcomes: list[int | ContractError]
    context: FeeContext


class Chain:
    """One deployment on one chain, and optionally a signer with the outbox that holds its writes.

    `policy`: see `DeliveryPolicy`. The manifest is checked against the chain before the first write; `verify` checks it
    at once. Thread-safe.
    """

    def __init__(
        self,
        rpc: RpcClient,
        manifest: Manifest,
        outbox: Outbox | None = None,
        signer: Signer | None = None,
        policy: DeliveryPolicy | None = None,
    ) -> None:
        self.rpc = rpc
        self.manifest = manifest
        self.outbox = outbox
        self.signer = signer
        self.policy = policy or DeliveryPolicy()
        self._names = manifest.names_by_address
        self._watchers: dict[str, TransactionSender] = {}

    def with_signer(self, signer: Signer) -> Chain:
        """Return the same chain and outbox for another signer."""
        return Chain(self.rpc, self.manifest, self.outbox, signer, self.policy)

    def verify(self) -> None:
        """Check that the chain is the manifest's and the outbox's. Raises `WrongDeploymentError`."""
        self.manifest.verify(self.rpc)
        if self.outbox is not None:
            genesis = self.rpc.call("eth_getBlockByNumber", "0x0", False)
            if genesis is None:
                raise WrongDeploymentError(
                    f"the node at {self.rpc.url} does not have block 0",
                    field="rpc_url",
                    hint="use a node that keeps all block headers",
                )
            self.outbox.bind(self.manifest.chain_id, bytes_of(genesis["hash"]))

    @cached_property
    def _transaction_sender(self) -> TransactionSender:
        if self.signer is None or self.outbox is None:
            raise SignerMissingError(
                "writing requires a signing key and an outbox", field="signer", hint="configure a keystore"
            )
        self.verify()
        return self._sender_of(self.outbox, self.signer)

    def _sender_of(self, outbox: Outbox, signer: Signer | str) -> TransactionSender:
        contracts = list(self.manifest.names_by_address)
        return TransactionSender(self.rpc, self.manifest.chain_id, contracts, outbox, signer, self.policy)

    @property
    def sender(self) -> str:
        """The signer's address."""
        if self.signer is None:
            raise SignerMissingError("no signing key is configured", field="signer", hint="configure a keystore")
        return self.signer.address

    def read(self, read: Read[T], block: int | str = "latest") -> T:
        """Return what a view returns at a block. Raises `ContractError`, `WrongDeploymentError`."""
        return self.read_many([read], block)[0]

    def read_many(self, reads: Sequence[Read[T]], block: int | str = "latest") -> list[T]:
        """Return the results of many views, read in batches of a hundred. Raises the first error."""
        tag = hex(block) if isinstance(block, int) else block
        results: list[T] = []
        for start in range(0, len(reads), _BATCH):
            chunk = reads[start : start + _BATCH]
            requests = [("eth_call", [self._fields(read.contract, read.encode(), None), tag]) for read in chunk]
            answers = self.rpc.batch_outcomes(requests)
            results += [self._result(read, answer) for read, answer in zip(chunk, answers, strict=True)]
        return results

    def _result(self, read: Read[T], answer: Any) -> T:
        if isinstance(answer, RpcError):
            raise preflight.contract_error(answer) from answer
        if answer == "0x":
            raise WrongDeploymentError(
                f"no contract {read.contract} exists at {self.manifest.address(read.contract)}",
                field=f"manifest.contracts.{read.contract}.address",
                hint="if the chain was restarted empty, deploy again or start it with its saved state",
            )
        return read.decode(bytes_of(answer))

    def simulate(self, call: Call, sender: str | None = None) -> None:
        """Try a call of the signer, or of `sender`, against the newest block. Raises the `ContractError` it meets."""
        fields = self._fields(call.contract, call.encode(), sender or self.sender)
        answer = self.rpc.batch_outcomes([("eth_call", [fields, "latest"])])[0]
        if isinstance(answer, RpcError):
            raise preflight.contract_error(answer) from answer

    def _fields(self, contract: str, data: bytes, sender: str | None) -> dict[str, str]:
        fields = {"to": self.manifest.address(contract), "data": "0x" + data.hex()}
        return fields if sender is None else {**fields, "from": sender}

    def submit(self, call: Call, *, wait: bool = True, timeout_s: float | None = None) -> Receipt:
        """Send a call and, with `wait`, return when a block includes it.

        A second call with the same key returns the receipt of the first. Raises `ContractError` (nothing was sent),
        `ChainUnavailableError` (nothing was stored), `InclusionTimeoutError` (signed and stored; it is sent again
        later), `WrongDeploymentError`, `InsufficientFundsError`, `OutboxFullError`, `IdempotencyKeyError`.
        """
        return self._submit(self._draft(call), wait=wait, timeout_s=timeout_s)

    def transfer(self, recipient: str, value_wei: int, *, timeout_s: float | None = None) -> Receipt:
        """Send currency and return when a block includes the transfer. Raises as `submit`."""
        draft = Draft(bytes.fromhex(recipient[2:]), b"", "transfer", value_wei=value_wei)
        return self._submit(draft, wait=True, timeout_s=timeout_s)

    def _submit(self, draft: Draft, *, wait: bool, timeout_s: float | None) -> Receipt:
        sender, outbox = self._transaction_sender, self._outbox
        context = sender.fee_context()
        known = outbox.by_key(draft.key) if draft.key is not None else None
        if known is None or known.state is CallState.FAILED:
            (limit,), context = sender.needed_gas([draft], context, timeout_s)
            if isinstance(limit, ContractError):
                raise limit
            entry = sender.sign([draft], [limit], context)[0]
        else:
            entry = outbox.enqueue(self.sender, [draft])[0]
            if entry.state is CallState.QUEUED:
                sender.deliver([entry.id])
                entry = outbox.get(entry.id)
        if entry.state is CallState.SIGNED:
            self._broadcast(sender, [entry.id], context.block)
        if wait:
            sender.wait([entry.id], timeout_s)
        return self._receipt(outbox.get(entry.id))

    def send_many(
        self,
        calls: Sequence[Call],
        *,
        wait: bool = True,
        check: bool = True,
        timeout_s: float | None = None,
        progress: Callable[[int], None] | None = None,
    ) -> list[Receipt | ContractError]:
        """Send calls that do not depend on each other; return their outcomes in order, without events.

        Each is first tried against the newest block; a call that a contract rejects uses no nonce, and its outcome is
        the error. `check=False`: calls with a gas limit are not tried. `progress` gets the number of included calls.
        """
        sender = self._transaction_sender
        outcomes: list[Receipt | ContractError | int] = []
        # Three things overlap: one chunk is encoded, tried and signed; the chunks before it are broadcast; receipts of
        # earlier ones are read, which makes room in the node's pool. One thread broadcasts, in the order of nonces:
        # geth keeps 64 transactions of an account after a missing nonce and drops the rest without an error.
        with (
            ThreadPoolExecutor(1, "chromatrace-send") as senders,
            ThreadPoolExecutor(1, "chromatrace-room") as watchers,
        ):
            broadcasts: deque[Future[None]] = deque()
            room: Future[None] | None = None
            # The first chunk is small: the node then has work while the second one is signed.
            for start in [0, *range(_FIRST_CHUNK, len(calls), _CHUNK)] if calls else []:
                end = start + _CHUNK if start else _FIRST_CHUNK
                chunk = self._check_chunk(sender, calls[start:end], check)
                if room is not None:
                    room.result()
                signed = self._sign_chunk(sender, chunk, outcomes)
                while len(broadcasts) >= _UNSENT_CHUNKS:
                    broadcasts.popleft().result()
                broadcasts.append(senders.submit(self._broadcast, sender, signed, chunk.context.block))
                if start + 2 * _CHUNK > _WINDOW:
                    room = watchers.submit(sender.wait_for_room, _WINDOW - _CHUNK, timeout_s)
            for broadcast in broadcasts:
                broadcast.result()
        sent = [outcome for outcome in outcomes if isinstance(outcome, int)]
        if wait:
            sender.wait(sent, timeout_s, progress)
        entries = {entry.id: entry for entry in self._outbox.get_many(sent)}
        return [_outcome(entries[outcome]) if isinstance(outcome, int) else outcome for outcome in outcomes]

    def _check_chunk(self, sender: TransactionSender, calls: Sequence[Call], check: bool) -> _CheckedChunk:
        drafts = [self._draft(call) for call in calls]
        context = sender.fee_context()
        if not check and all(draft.gas is not None for draft in drafts):
            return _CheckedChunk(drafts, [draft.gas or 0 for draft in drafts], context)
        limits, context = sender.needed_gas(drafts, context)
        return _CheckedChunk(drafts, limits, context)

    def _sign_chunk(
        self, sender: TransactionSender, chunk: _CheckedChunk, outcomes: list[Receipt | ContractError | int]
    ) -> list[int]:
        """Sign the calls that passed; append ids and errors to `outcomes`; return the ids to send."""
        ready: list[tuple[Draft, int]] = []
        indices: list[int] = []
        for draft, outcome in zip(chunk.drafts, chunk.outcomes, strict=True):
            if isinstance(outcome, ContractError) and not self._was_sent(draft):
                outcomes.append(outcome)
                continue
            ready.append((draft, 0 if isinstance(outcome, ContractError) else outcome))
            indices.append(len(outcomes))
            outcomes.append(0)
        entries = sender.sign([draft for draft, _ in ready], [gas for _, gas in ready], chunk.context)
        for index, entry in zip(indices, entries, strict=True):
            outcomes[index] = entry.id
        return [entry.id for entry in entries if entry.state is CallState.SIGNED]

    def _was_sent(self, draft: Draft) -> bool:
        """Whether a call with this key was sent before. Its trial then fails because it has already taken effect."""
        known = self._outbox.by_key(draft.key) if draft.key is not None else None
        return known is not None and known.state not in (CallState.QUEUED, CallState.FAILED)

    def _broadcast(self, sender: TransactionSender, calls: Sequence[int], block: int) -> None:
        try:
            sender.broadcast(calls, block)
        except Unavailable as error:
            raise InclusionTimeoutError(
                f"signed and stored, but not sent: {error.message}",
                field="rpc_url",
                hint="it will be sent when the node responds; repeat the call only with the same idempotency key",
            ) from error

    def queue(self, calls: Iterable[Call]) -> list[int]:
        """Store calls durably without contacting the chain, and return their ids. `resume` delivers them."""
        return [entry.id for entry in self._outbox.enqueue(self.sender, [self._draft(call) for call in calls])]

    def resume(self) -> int:
        """Deliver what earlier processes left; call it at start and periodically. Returns the number of open calls."""
        return len(self._transaction_sender.recover())

    def carry(self) -> int:
        """Send and watch the signed calls of every sender in the outbox, without a key. Returns how many are open.

        Call it periodically in a process that accepts writes and does not keep their keys.
        """
        senders = self._outbox.senders()
        if not senders:
            return 0
        if not self._watchers:
            self.verify()
        for sender in senders:
            if sender not in self._watchers:
                self._watchers[sender] = self._sender_of(self._outbox, sender)
        return sum(len(self._watchers[sender].poll()) for sender in senders)

    def receipt(self, call: int) -> Receipt:
        """Return the current state of a call by its id. Raises its `ContractError` if it failed."""
        return self._receipt(self._outbox.get(call))

    @property
    def _outbox(self) -> Outbox:
        if self.outbox is None:
            raise SignerMissingError("writing requires an outbox", field="outbox")
        return self.outbox

    def _draft(self, call: Call) -> Draft:
        recipient = bytes.fromhex(self.manifest.address(call.contract)[2:])
        return Draft(recipient, call.encode(), call.label, call.key, call.gas)

    def _receipt(self, entry: OutboxEntry) -> Receipt:
        if entry.state is CallState.FAILED:
            raise _failure(entry)
        if entry.block_number is None:
            return _receipt(entry)
        receipt = self.rpc.call("eth_getTransactionReceipt", _receipt(entry).tx)
        logs = receipt["logs"] if receipt else []
        return _receipt(entry, tuple(event for log in logs if (event := decode_log(self._names, log)) is not None))


def _outcome(entry: OutboxEntry) -> Receipt | ContractError:
    return _failure(entry) if entry.state is CallState.FAILED else _receipt(entry)


def _receipt(entry: OutboxEntry, events: tuple[Event, ...] = ()) -> Receipt:
    return Receipt(
        entry.id, entry.state, entry.tx_hash or b"", entry.block_number, entry.block_hash, entry.gas_used, events
    )


def _failure(entry: OutboxEntry) -> ContractError:
    if entry.revert:
        return decode_revert(entry.revert)
    if entry.gas_used is not None and entry.gas_used == entry.gas:
        return ContractConflict("OutOfGas", {"gas": entry.gas}, f"{entry.label} ran out of gas (limit {entry.gas:,})")
    return ContractConflict("Failed", {}, f"{entry.label}: {entry.error or 'failed on the chain'}")
