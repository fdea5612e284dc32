"""The chain as the rest of the project sees it: read, simulate, send.

    chain = Chain(RpcClient(url), Manifest.load(path), Outbox(folder / "outbox.db"), signer)
    state = chain.read("BatchRegistry", "batch", batch_id)["state"]
    receipt = chain.send("BatchRegistry", "assemble", batch_id, key="assemble/L2410A")

Every refusal is a decoded `ContractError`; a refused call takes no nonce.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from chromatrace.chain import preflight
from chromatrace.chain.fees import FeeContext
from chromatrace.chain.outbox import Outbox
from chromatrace.chain.records import CallState, Draft, Entry
from chromatrace.chain.transaction_sender import DeliveryPolicy, TransactionSender
from chromatrace.domain.errors import Unavailable
from chromatrace.ethereum import abi
from chromatrace.ethereum.abi import DecodedEvent, decode_log, decode_revert
from chromatrace.ethereum.codec import bytes_of
from chromatrace.ethereum.errors import (
    AbiError,
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

_CHUNK = 300
_SENDERS = 3
_WINDOW = 2_400
"""Calls of one sender that may wait for a block at once: Anvil's automine stalls on pools of thousands, others drop."""
_BATCH = 100


@dataclass(frozen=True, slots=True)
class Call:
    """A call of one of our contracts. `key`: it takes effect at most once; `gas`: limit, None: it is estimated."""

    contract: str
    function: str
    args: tuple[Any, ...]
    key: str | None = None
    gas: int | None = None


@dataclass(frozen=True, slots=True)
class Receipt:
    """What became of a call so far. The block is None until one has it; a fee bump changes `tx_hash` until then.

    gas_used  None also where many calls were seen in their block by their events (`inclusion`)
    """

    call: int
    state: CallState
    tx_hash: bytes
    block_number: int | None
    block_hash: bytes | None
    gas_used: int | None
    events: tuple[DecodedEvent, ...] = ()

    @property
    def tx(self) -> str:
        """The transaction hash as 0x-prefixed text."""
        return "0x" + self.tx_hash.hex()

    def event(self, name: str) -> DecodedEvent:
        """The first event of that name; `KeyError` where there is none."""
        for event in self.events:
            if event.name == name:
                return event
        raise KeyError(name)


@dataclass(frozen=True, slots=True)
class _Tried:
    """A chunk of calls, each with its gas limit or its refusal."""

    drafts: list[Draft]
    trials: list[int | ContractError]
    around: FeeContext


class Chain:
    """One deployment on one chain, and optionally one signer with the outbox that holds its writes.

    `confirmations` and the rest of `policy`: see `DeliveryPolicy`. The manifest is held against the chain before the
    first write; call `verify` to do so at once. Thread-safe.
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
        self._couriers: dict[str, TransactionSender] = {}

    def with_signer(self, signer: Signer) -> Chain:
        """The same chain and outbox for another signer."""
        return Chain(self.rpc, self.manifest, self.outbox, signer, self.policy)

    def verify(self) -> None:
        """Raises `WrongDeploymentError` where the chain is not the manifest's, or not the outbox's."""
        self.manifest.verify(self.rpc)
        if self.outbox is not None:
            genesis = self.rpc.call("eth_getBlockByNumber", "0x0", False)
            if genesis is None:
                raise WrongDeploymentError(
                    f"the node at {self.rpc.url} does not have its chain's first block",
                    field="rpc_url",
                    hint="use a node that keeps block headers",
                )
            self.outbox.bind(self.manifest.chain_id, bytes_of(genesis["hash"]))

    @cached_property
    def _courier(self) -> TransactionSender:
        if self.signer is None or self.outbox is None:
            raise SignerMissingError(
                "writing needs a key and an outbox", field="signer", hint="name a keystore in the configuration"
            )
        self.verify()
        return self._courier_of(self.outbox, self.signer)

    def _courier_of(self, outbox: Outbox, signer: Signer | str) -> TransactionSender:
        contracts = list(self.manifest.names_by_address)
        return TransactionSender(self.rpc, self.manifest.chain_id, contracts, outbox, signer, self.policy)

    @property
    def sender(self) -> str:
        """The signer's address."""
        if self.signer is None:
            raise SignerMissingError("there is no signer", field="signer", hint="name a keystore in the configuration")
        return self.signer.address

    def read(self, contract: str, function: str, *args: Any, block: int | str = "latest") -> Any:
        """Calls a view function. Structs come as dicts; several results as a tuple. Raises `ContractError`."""
        return self._call(contract, function, args, None, block)

    def read_many(self, calls: Sequence[Call], block: int | str = "latest") -> list[Any]:
        """Many reads in batches of a hundred; the first refusal is raised."""
        at = hex(block) if isinstance(block, int) else block
        results: list[Any] = []
        for start in range(0, len(calls), _BATCH):
            some = calls[start : start + _BATCH]
            answers = self.rpc.batch_outcomes([("eth_call", [self._fields(call, None), at]) for call in some])
            results += [self._output(call, answer) for call, answer in zip(some, answers, strict=True)]
        return results

    def simulate(self, contract: str, function: str, *args: Any, sender: str | None = None) -> Any:
        """What the call would return if the signer, or `sender`, sent it now; raises the `ContractError` it meets."""
        return self._call(contract, function, args, sender or self.sender, "latest")

    def _call(self, contract: str, function: str, args: tuple[Any, ...], sender: str | None, block: int | str) -> Any:
        call = Call(contract, function, args)
        at = hex(block) if isinstance(block, int) else block
        answer = self.rpc.batch_outcomes([("eth_call", [self._fields(call, sender), at])])[0]
        return self._output(call, answer)

    def _fields(self, call: Call, sender: str | None) -> dict[str, str]:
        data = abi.contract(call.contract).encode(call.function, *call.args)
        fields = {"to": self.manifest.address(call.contract), "data": "0x" + data.hex()}
        return fields if sender is None else {**fields, "from": sender}

    def _output(self, call: Call, answer: Any) -> Any:
        if isinstance(answer, RpcError):
            raise preflight.refused(answer) from answer
        function = abi.contract(call.contract).function(call.function)
        if answer == "0x" and function.output_names:
            raise WrongDeploymentError(
                f"there is no contract {call.contract} at {self.manifest.address(call.contract)}",
                field=f"manifest.contracts.{call.contract}.address",
                hint="the chain was started afresh: deploy again, or start it with its saved state",
            )
        return abi.contract(call.contract).decode_output(call.function, answer)

    def send(
        self,
        contract: str,
        function: str,
        *args: Any,
        key: str | None = None,
        wait: bool = True,
        timeout_s: float | None = None,
    ) -> Receipt:
        """Sends a call and, with `wait`, returns when a block has it.

        `key`: idempotency key: the second call with the same key returns the first one's receipt. Raises
        `ContractError` (nothing was sent), `ChainUnavailableError` (nothing was taken), `InclusionTimeoutError`
        (taken, kept, sent again later), `WrongDeploymentError`, `InsufficientFundsError`, `OutboxFullError`,
        `IdempotencyKeyError`.
        """
        return self.submit(Call(contract, function, args, key), wait=wait, timeout_s=timeout_s)

    def submit(self, call: Call, *, wait: bool = True, timeout_s: float | None = None) -> Receipt:
        """As `send`, for a `Call`."""
        courier, outbox = self._courier, self._outbox
        draft = self._draft(call)
        known = outbox.by_key(call.key) if call.key is not None else None
        around = courier.fee_context()
        if known is None or known.state is CallState.FAILED:
            limit = preflight.needed_gas(self.rpc, self.sender, [draft], around.block_gas_limit)[0]
            if isinstance(limit, ContractError):
                raise limit
            entry = courier.sign([draft], [limit], around)[0]
        else:
            entry = outbox.enqueue(self.sender, [draft])[0]
            if entry.state is CallState.QUEUED:
                courier.deliver([entry.id])
                entry = outbox.get(entry.id)
        if entry.state is CallState.SIGNED:
            self._hand_over(courier, [entry.id], around.block)
        if wait:
            courier.wait([entry.id], timeout_s)
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
        """Sends many calls that do not depend on each other; outcomes in their order, events left out.

        Each is tried first against the newest block (with its `gas` where given, else by an estimate); one that would
        be refused takes no nonce and its refusal stands in its place. `check=False`: no trial where `gas` is given.
        `progress` is told how many are in blocks.
        """
        courier = self._courier
        outcomes: list[Receipt | ContractError | int] = []
        # Three things go on at once: a chunk is encoded, tried and signed; the one before it is handed to the node; the
        # receipts of those before that are read, which makes room in the node's pool.
        with ThreadPoolExecutor(1 + _SENDERS, "chromatrace-send") as beside:
            sending: deque[Future[None]] = deque()
            room: Future[None] | None = None
            for start in range(0, len(calls), _CHUNK):
                chunk = self._try_chunk(courier, calls[start : start + _CHUNK], check)
                if room is not None:
                    room.result()
                signed = self._sign_chunk(courier, chunk, outcomes)
                while len(sending) >= _SENDERS:
                    sending.popleft().result()
                sending.append(beside.submit(self._hand_over, courier, signed, chunk.around.block))
                if start + 2 * _CHUNK > _WINDOW:
                    room = beside.submit(courier.wait_for_room, _WINDOW - _CHUNK, timeout_s)
            for handed_over in sending:
                handed_over.result()
        sent = [item for item in outcomes if isinstance(item, int)]
        if wait:
            courier.wait(sent, timeout_s, progress)
        known = {entry.id: entry for entry in self._outbox.get_many(sent)}
        return [_outcome(known[item]) if isinstance(item, int) else item for item in outcomes]

    def _try_chunk(self, courier: TransactionSender, calls: Sequence[Call], check: bool) -> _Tried:
        drafts = [self._draft(call) for call in calls]
        around = courier.fee_context()
        if not check and all(draft.gas is not None for draft in drafts):
            return _Tried(drafts, [draft.gas or 0 for draft in drafts], around)
        return _Tried(drafts, preflight.needed_gas(self.rpc, self.sender, drafts, around.block_gas_limit), around)

    def _sign_chunk(
        self, courier: TransactionSender, tried: _Tried, outcomes: list[Receipt | ContractError | int]
    ) -> list[int]:
        """Signs what passed its trial; adds ids and refusals to `outcomes`; returns the ids to send."""
        ready: list[tuple[Draft, int]] = []
        places: list[int] = []
        for draft, trial in zip(tried.drafts, tried.trials, strict=True):
            if isinstance(trial, ContractError) and not self._under_way(draft):
                outcomes.append(trial)
                continue
            ready.append((draft, 0 if isinstance(trial, ContractError) else trial))
            places.append(len(outcomes))
            outcomes.append(0)
        entries = courier.sign([draft for draft, _ in ready], [gas for _, gas in ready], tried.around)
        for place, entry in zip(places, entries, strict=True):
            outcomes[place] = entry.id
        return [entry.id for entry in entries if entry.state is CallState.SIGNED]

    def _under_way(self, draft: Draft) -> bool:
        """Whether its key was sent before: then its trial rightly fails now, since its effect is there already."""
        known = self._outbox.by_key(draft.key) if draft.key is not None else None
        return known is not None and known.state not in (CallState.QUEUED, CallState.FAILED)

    def _hand_over(self, courier: TransactionSender, calls: Sequence[int], block: int) -> None:
        try:
            courier.broadcast(calls, block)
        except Unavailable as error:
            raise InclusionTimeoutError(
                f"signed and kept, but the node cannot be reached: {error.message}",
                field="rpc_url",
                hint="it is sent when the node is back; do not send it again without its key",
            ) from error

    def queue(self, calls: Iterable[Call]) -> list[int]:
        """Takes calls durably without a look at the chain; `resume` delivers them. Returns their ids."""
        return [entry.id for entry in self._outbox.enqueue(self.sender, [self._draft(call) for call in calls])]

    def resume(self) -> int:
        """Delivers whatever earlier processes left: call it at start and now and then. Returns how many are open."""
        return len(self._courier.recover())

    def carry(self) -> int:
        """Sends and watches what every sender of the outbox has signed, without a key; how many calls are open.

        For a process that takes writes and drops their keys: call it now and then.
        """
        senders = self._outbox.senders()
        if not senders:
            return 0
        if not self._couriers:
            self.verify()
        for sender in senders:
            if sender not in self._couriers:
                self._couriers[sender] = self._courier_of(self._outbox, sender)
        return sum(len(self._couriers[sender].poll()) for sender in senders)

    def receipt(self, call: int) -> Receipt:
        """How a call fares now, by its id; raises its refusal where it failed."""
        return self._receipt(self._outbox.get(call))

    @property
    def _outbox(self) -> Outbox:
        if self.outbox is None:
            raise SignerMissingError("writing needs an outbox", field="outbox")
        return self.outbox

    def _draft(self, call: Call) -> Draft:
        try:
            data = abi.contract(call.contract).encode(call.function, *call.args)
        except AbiError as error:
            where = f"{call.contract}.{call.function}"
            raise AbiError(error.message, field=f"{where}.{error.field}" if error.field else where) from error
        recipient = bytes.fromhex(self.manifest.address(call.contract)[2:])
        return Draft(recipient, data, f"{call.contract}.{call.function}", call.key, call.gas)

    def _receipt(self, entry: Entry) -> Receipt:
        if entry.state is CallState.FAILED:
            raise _failure(entry)
        receipt = _plain_receipt(entry)
        if entry.block_number is None:
            return receipt
        found = self.rpc.call("eth_getTransactionReceipt", receipt.tx)
        logs = found["logs"] if found else []
        events = tuple(event for event in (decode_log(self._names, log) for log in logs) if event is not None)
        return Receipt(
            *(receipt.call, receipt.state, receipt.tx_hash, receipt.block_number, receipt.block_hash),
            *(receipt.gas_used, events),
        )


def _outcome(entry: Entry) -> Receipt | ContractError:
    return _failure(entry) if entry.state is CallState.FAILED else _plain_receipt(entry)


def _plain_receipt(entry: Entry) -> Receipt:
    return Receipt(entry.id, entry.state, entry.tx_hash or b"", entry.block_number, entry.block_hash, entry.gas_used)


def _failure(entry: Entry) -> ContractError:
    if entry.revert:
        return decode_revert(entry.revert)
    if entry.gas_used is not None and entry.gas_used == entry.gas:
        return ContractConflict("OutOfGas", {"gas": entry.gas}, f"{entry.label} ran out of its {entry.gas:,} gas")
    return ContractConflict("Failed", {}, f"{entry.label}: {entry.error or 'failed on the chain'}")
