"""Brings what the outbox holds onto the chain: sends, watches, raises fees, repairs after crashes and reorganisations.

Every step may be repeated by any process at any time: the outbox's transitions are conditional, and sending the same
bytes twice is sending them once.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from chromatrace.chain import preflight
from chromatrace.chain.fees import FeeContext, Fees
from chromatrace.chain.inclusion import by_events
from chromatrace.chain.outbox import Outbox
from chromatrace.chain.records import Attempt, CallState, Draft, Entry, Inclusion, OpenAttempt, Signed
from chromatrace.domain.hashing import keccak
from chromatrace.ethereum.codec import bytes_of
from chromatrace.ethereum.contract_errors import decode_revert, revert_data
from chromatrace.ethereum.errors import (
    ChainRollbackError,
    ContractError,
    InclusionTimeoutError,
    RpcError,
    SignerMissingError,
)
from chromatrace.ethereum.rpc import RpcClient
from chromatrace.ethereum.signer import DEV_CHAINS, Signer
from chromatrace.ethereum.transaction import Transaction

_BATCH = 100
_NS = 1_000_000_000
_FILLER_GAS = 21_000
_SETTLE_EVERY_S = 1.0
_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 0.002, 0.25
_IN_FLIGHT_S = 3.0
"""Signed calls younger than this are being sent by the process that signed them."""

_KNOWN = ("already known", "already imported", "known transaction", "already exists", "already in pool")
_NONCE_USED = ("nonce too low", "nonce is too low", "correct nonce", "nonce_too_low")
_UNDERPRICED = ("underpriced", "fee too low", "less than block base fee", "gas price too low", "below base fee")
_NO_FUNDS = ("insufficient funds", "insufficient balance", "upfront cost exceeds")
_REJECTED = ("intrinsic gas", "gas limit", "oversized", "not supported", "invalid sender", "chain id", "gas too high")


@dataclass(frozen=True, slots=True)
class DeliveryPolicy:
    """How patiently and at what price calls are brought onto the chain.

    confirmations      blocks on top of a call's block before it is final
    bump_after_blocks  blocks without inclusion, and
    bump_after_s       seconds without inclusion, after which the fee is raised
    fee_ceiling_wei    fee per gas that is never exceeded
    resend_after_s     seconds after which a transaction that no block has is handed to the node again
    receipt_lag_s      seconds that a node may count a transaction's nonce as used before it shows the receipt
    timeout_s          how long a caller waits for inclusion
    """

    confirmations: int = 12
    bump_after_blocks: int = 3
    bump_after_s: float = 30.0
    fee_ceiling_wei: int = 500 * 10**9
    resend_after_s: float = 30.0
    receipt_lag_s: float = 3.0
    timeout_s: float = 120.0


class TransactionSender:
    """Delivers one sender's calls. Stateless beside the outbox: any number may work at once, in any processes.

    `signer`: the sender's key, or only its address: then what is signed already is sent and watched; what would need
    the key (a higher fee, a new nonce) waits for it.
    """

    def __init__(
        self,
        rpc: RpcClient,
        chain_id: int,
        contracts: Sequence[str],
        outbox: Outbox,
        signer: Signer | str,
        policy: DeliveryPolicy,
    ) -> None:
        self._rpc = rpc
        self._contracts = contracts
        self._chain_id = chain_id
        self._outbox = outbox
        self._signer = None if isinstance(signer, str) else signer
        self._sender = signer if isinstance(signer, str) else signer.address
        self._policy = policy
        self._last_words = ""
        self._underpriced: set[int] = set()
        self._missing_since: dict[int, float] = {}
        self._settled_s = 0.0

    def fee_context(self) -> FeeContext:
        """The chain now, held against what this outbox saw of it; raises `ChainRollbackError`."""
        around = FeeContext.ask(self._rpc, self._sender)
        if time.monotonic() - self._settled_s >= _SETTLE_EVERY_S:
            self.settle(around.block)
        for pause_s in (0.0, 0.1, 0.5):
            expected = self._outbox.expected_nonce(self._sender)
            if expected is None or around.nonce >= expected:
                return around
            self.settle(around.block)
            # Another process may have seen a newer block between the two questions, or a node behind a balancer lags.
            time.sleep(pause_s)
            around = FeeContext.ask(self._rpc, self._sender)
            if around.nonce >= expected:
                return around
        raise ChainRollbackError(
            f"the chain knows {around.nonce} transactions of {self._sender}, this outbox saw {expected} become final",
            field="outbox",
            hint="the chain was restarted from an older state: restore it, or move this outbox file away",
        )

    def sign(self, items: Sequence[Draft | int], gas: Sequence[int], around: FeeContext) -> list[Entry]:
        """Takes drafts, or queued calls by id, gives them nonces and stores the signed bytes, in one transaction."""
        fees = around.fees(self._policy.fee_ceiling_wei)
        needed = sum(gas) * fees.max_fee_wei
        if needed > around.balance_wei:
            raise preflight.no_funds(
                f"{self._sender} has {around.balance_wei / 10**18:g}, up to {needed / 10**18:g} is needed for gas",
                *(self._sender, self._chain_id),
            )
        floor = around.nonce
        if self._outbox.expected_nonce(self._sender) is None:
            floor = int(self._rpc.call("eth_getTransactionCount", self._sender, "pending"), 16)
        return self._outbox.sign(
            self._sender, items, floor, gas, lambda entry, nonce, limit: self._signed(entry, nonce, limit, fees)
        )

    def _signed(self, entry: Entry, nonce: int, gas: int, fees: Fees) -> Signed:
        return self._raw(nonce, gas, entry.recipient, entry.data, fees)

    def _raw(self, nonce: int, gas: int, recipient: bytes, data: bytes, fees: Fees) -> Signed:
        if self._signer is None:
            raise SignerMissingError(f"the key of {self._sender} is not at hand", field="signer")
        raw = self._signer.sign_transaction(
            Transaction(
                *(self._chain_id, nonce, fees.priority_fee_wei, fees.max_fee_wei, gas),
                *(recipient, 0, data),
            )
        )
        return Signed(keccak(raw), raw, fees.max_fee_wei, fees.priority_fee_wei)

    def broadcast(self, calls: Iterable[int], block: int) -> None:
        """Send the newest attempt of each call to the node.

        Raises `InsufficientFundsError` or `ChainUnavailableError`; the calls stay signed and are sent again later.
        """
        newest: dict[int, Attempt] = {}
        for attempt in self._outbox.attempts(*calls):
            newest[attempt.call] = attempt
        attempts = sorted(newest.values(), key=lambda attempt: attempt.nonce)
        taken: list[bytes] = []
        try:
            for start in range(0, len(attempts), _BATCH):
                self._send(attempts[start : start + _BATCH], taken)
        finally:
            if taken:
                self._outbox.mark_sent(taken, block)

    def _send(self, attempts: Sequence[Attempt], taken: list[bytes]) -> None:
        answers = self._rpc.batch_outcomes(
            [("eth_sendRawTransaction", ["0x" + attempt.raw.hex()]) for attempt in attempts]
        )
        problem = None
        for attempt, answer in zip(attempts, answers, strict=True):
            if not isinstance(answer, RpcError) or self._harmless(attempt, answer):
                taken.append(attempt.tx_hash)
            elif any(words in answer.node_message.lower() for words in _NO_FUNDS):
                why = f"{self._sender}: {answer.node_message}; the call is kept"
                problem = preflight.no_funds(why, self._sender, self._chain_id)
        if problem is not None:
            raise problem

    def _harmless(self, attempt: Attempt, error: RpcError) -> bool:
        """Whether the node has the transaction, or its nonce is used (the receipt will tell by whom)."""
        words = error.node_message.lower()
        self._last_words = error.node_message
        if any(part in words for part in (*_KNOWN, *_NONCE_USED)):
            return True
        if any(part in words for part in _UNDERPRICED):
            # Counts as sent, so that the next look raises the fee; an earlier attempt may still be in the pool.
            self._underpriced.add(attempt.call)
            return True
        if any(part in words for part in _REJECTED):
            self._outbox.withdraw(attempt.call, f"the node rejects the transaction: {error.node_message}")
        return False

    def poll(self) -> set[int]:
        """One look at the chain; does whatever is due. Returns the calls that are still open."""
        around = FeeContext.ask(self._rpc, self._sender)
        open_attempts = self._outbox.open_attempts(self._sender)
        self._collect([attempt for attempt in open_attempts if attempt.nonce < around.nonce], around)
        waiting = [attempt for attempt in open_attempts if attempt.nonce >= around.nonce]
        now = time.time_ns()
        newest = {attempt.call: attempt for attempt in waiting}
        self.broadcast([call for call, attempt in newest.items() if self._to_send(attempt, now)], around.block)
        if self._signer is not None:
            self._raise_fees(newest.values(), around, now)
            self._fill_gaps(around)
        if time.monotonic() - self._settled_s >= _SETTLE_EVERY_S:
            self.settle(around.block)
        queued = self._outbox.entries(self._sender, CallState.QUEUED)
        return {attempt.call for attempt in self._outbox.open_attempts(self._sender)} | {item.id for item in queued}

    def _to_send(self, attempt: OpenAttempt, now: int) -> bool:
        if attempt.sent_ns is None or attempt.state is CallState.SIGNED:
            return (
                now - max(attempt.signed_ns, attempt.sent_ns or 0) > _IN_FLIGHT_S * _NS or attempt.sent_ns is not None
            )
        return now - attempt.sent_ns > self._policy.resend_after_s * _NS

    def _collect(self, attempts: Sequence[OpenAttempt], around: FeeContext) -> None:
        """Finds the blocks of calls whose nonce the chain has passed."""
        inclusions = by_events(self._rpc, self._contracts, attempts, around.block)
        seen = {inclusion.call for inclusion in inclusions}
        rest = [attempt for attempt in attempts if attempt.call not in seen]
        for start in range(0, len(rest), _BATCH):
            some = rest[start : start + _BATCH]
            receipts = self._rpc.batch([("eth_getTransactionReceipt", ["0x" + item.tx_hash.hex()]) for item in some])
            inclusions += [
                self._inclusion(item, receipt) for item, receipt in zip(some, receipts, strict=True) if receipt
            ]
        if inclusions:
            self._outbox.mark_included(inclusions)
        if not attempts:
            self._missing_since.clear()
        lost = {attempt.call for attempt in attempts} - {inclusion.call for inclusion in inclusions}
        if lost:
            self._take_back(lost, {attempt.call: attempt.nonce for attempt in attempts}, around)

    def _inclusion(self, attempt: OpenAttempt, receipt: dict[str, str]) -> Inclusion:
        error, revert = None, None
        if int(receipt.get("status", "0x1"), 16) == 0:
            refusal, revert = self._why_failed(attempt.call, receipt)
            error = str(refusal)
        return Inclusion(
            attempt.call,
            attempt.tx_hash,
            int(receipt["blockNumber"], 16),
            bytes_of(receipt["blockHash"]),
            int(receipt["gasUsed"], 16),
            error,
            revert,
        )

    def _why_failed(self, call: int, receipt: dict[str, str]) -> tuple[ContractError, bytes | None]:
        entry = self._outbox.get(call)
        fields = {"from": entry.sender, "to": "0x" + entry.recipient.hex(), "data": "0x" + entry.data.hex()}
        try:
            self._rpc.call("eth_call", {**fields, "gas": hex(entry.gas or 0)}, receipt["blockNumber"])
        except RpcError as error:
            data = revert_data(error.data)
            return decode_revert(data), data
        return decode_revert(None), None

    def _take_back(self, calls: set[int], nonces: dict[int, int], around: FeeContext) -> None:
        """Their nonces are used, and not by us: somebody else sends with this key. They are signed anew, once the
        foreign transaction is as deep as a reorganisation may reach."""
        depth = 0 if self._chain_id in DEV_CHAINS else self._policy.confirmations
        settled = around.nonce
        if depth:
            at = hex(max(0, around.block - depth))
            settled = int(self._rpc.call("eth_getTransactionCount", self._sender, at), 16)
        # A receipt may be younger than the count: ask again for a while before believing that it will not come. Signing
        # anew what is on the chain already would report a success as a refusal.
        again = {attempt.call: attempt for attempt in self._outbox.open_attempts(self._sender) if attempt.call in calls}
        if not again:
            return
        hashes = [attempt for attempt in self._outbox.open_attempts(self._sender) if attempt.call in again]
        receipts = self._rpc.batch([("eth_getTransactionReceipt", ["0x" + item.tx_hash.hex()]) for item in hashes])
        found = {item.call for item, receipt in zip(hashes, receipts, strict=True) if receipt}
        now = time.monotonic()
        missing = {call: self._missing_since.get(call, now) for call in calls - found if call in again}
        self._missing_since = missing
        foreign = [
            call
            for call, since in missing.items()
            if nonces[call] < settled and now - since >= self._policy.receipt_lag_s
        ]
        for call in foreign if self._signer is not None else ():
            self._outbox.withdraw(call, None)
        if foreign and self._signer is not None:
            self.deliver(foreign)

    def deliver(self, calls: Sequence[int]) -> None:
        """Tries, signs and sends queued calls; one that the contract refuses becomes `failed`."""
        entries = [self._outbox.get(call) for call in calls]
        around = self.fee_context()
        gas = preflight.needed_gas(self._rpc, self._sender, entries, around.block_gas_limit)
        ready: list[tuple[int, int]] = []
        for entry, outcome in zip(entries, gas, strict=True):
            if isinstance(outcome, ContractError):
                self._outbox.fail(entry.id, str(outcome))
            else:
                ready.append((entry.id, outcome))
        if ready:
            self.sign([call for call, _ in ready], [limit for _, limit in ready], around)
            self.broadcast([call for call, _ in ready], around.block)

    def _raise_fees(self, attempts: Iterable[OpenAttempt], around: FeeContext, now: int) -> None:
        market = around.fees(self._policy.fee_ceiling_wei)
        bumped = []
        for attempt in attempts:
            if attempt.sent_ns is None or attempt.sent_block is None:
                continue
            waited = around.block - attempt.sent_block >= self._policy.bump_after_blocks
            waited = waited and now - attempt.signed_ns >= self._policy.bump_after_s * _NS
            if not waited and attempt.call not in self._underpriced:
                continue
            self._underpriced.discard(attempt.call)
            fees = Fees(attempt.max_fee_wei, attempt.priority_fee_wei).bumped(market, self._policy.fee_ceiling_wei)
            if fees is None:
                self._last_words = f"the fee ceiling of {self._policy.fee_ceiling_wei} wei is reached"
                continue
            entry = self._outbox.get(attempt.call)
            self._outbox.replace(attempt.call, self._signed(entry, attempt.nonce, entry.gas or 0, fees))
            bumped.append(attempt.call)
        self.broadcast(bumped, around.block)

    def _fill_gaps(self, around: FeeContext) -> None:
        fees = around.fees(self._policy.fee_ceiling_wei)
        recipient = bytes.fromhex(self._sender[2:])
        gaps = self._outbox.gaps(self._sender, around.nonce)
        for nonce in gaps:
            self._outbox.fill(
                self._sender, nonce, _FILLER_GAS, lambda at: self._raw(at, _FILLER_GAS, recipient, b"", fees)
            )
        if gaps:
            fillers = [item.call for item in self._outbox.open_attempts(self._sender) if item.nonce in gaps]
            self.broadcast(fillers, around.block)

    def settle(self, block: int) -> None:
        """Holds the blocks of included calls against the chain: deep ones are final, vanished ones are sent again."""
        self._settled_s = time.monotonic()
        blocks = list(self._outbox.included_blocks(self._sender))
        if not blocks:
            return
        answers = self._rpc.batch([("eth_getBlockByNumber", [hex(number), False]) for number, _ in blocks])
        final, vanished = [], []
        for (number, block_hash), answer in zip(blocks, answers, strict=True):
            if answer is None or bytes_of(answer["hash"]) != block_hash:
                vanished.append((number, block_hash))
            elif number + self._policy.confirmations <= block:
                final.append((number, block_hash))
        if final:
            self._outbox.mark_final(self._sender, final)
        if vanished:
            self._outbox.mark_vanished(self._sender, vanished)
            signed = self._outbox.entries(self._sender, CallState.SIGNED)
            self.broadcast([entry.id for entry in signed], block)

    def recover(self) -> set[int]:
        """After a start: delivers what is queued, sends what is signed, looks after what was sent."""
        around = self.fee_context()
        self.settle(around.block)
        signed = self._outbox.entries(self._sender, CallState.SIGNED)
        self.broadcast([entry.id for entry in signed], around.block)
        queued = self._outbox.entries(self._sender, CallState.QUEUED)
        if queued and self._signer is not None:
            self.deliver([entry.id for entry in queued])
        return self.poll()

    def wait(
        self, calls: Iterable[int], timeout_s: float | None, progress: Callable[[int], None] | None = None
    ) -> None:
        """Return when every call is included, final or failed. Raises `InclusionTimeoutError`."""
        wanted = set(calls)
        if wanted:
            self._until(lambda still: len(wanted & still), 0, timeout_s, len(wanted), progress)

    def wait_for_room(self, limit: int, timeout_s: float | None) -> None:
        """Returns when at most `limit` of the signer's calls wait for a block; raises `InclusionTimeoutError`."""
        self._until(len, limit, timeout_s, limit, None)

    def _until(
        self,
        count: Callable[[set[int]], int],
        goal: int,
        timeout_s: float | None,
        whole: int,
        progress: Callable[[int], None] | None,
    ) -> None:
        limit_s = self._policy.timeout_s if timeout_s is None else timeout_s
        deadline, pause_s, left = time.monotonic() + limit_s, _FIRST_PAUSE_S, whole
        while (now_left := count(self.poll())) > goal:
            if now_left < left:
                left, pause_s = now_left, _FIRST_PAUSE_S
                if progress is not None:
                    progress(whole - left)
            if time.monotonic() > deadline:
                why = f"; the node last said: {self._last_words}" if self._last_words else ""
                raise InclusionTimeoutError(
                    f"{now_left} calls are in no block after {limit_s:g} s{why}",
                    field="outbox",
                    hint="they are kept and will be sent again; is the chain making blocks?",
                )
            time.sleep(pause_s)
            pause_s = min(pause_s * 1.5, _LONGEST_PAUSE_S)
        if progress is not None:
            progress(whole)
