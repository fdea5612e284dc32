"""Deliver the outbox's calls: send, watch, raise fees, recover from crashes and reorganisations.

Any process may repeat any step at any time: the outbox's transitions are conditional, and the same bytes sent twice are
one transaction.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from chromatrace.chain import preflight
from chromatrace.chain.fees import FeeContext, Fees
from chromatrace.chain.inclusion import by_events
from chromatrace.chain.outbox import Outbox
from chromatrace.chain.outbox_entries import (
    Attempt,
    CallState,
    Draft,
    Inclusion,
    OpenAttempt,
    OutboxEntry,
    SignedTransaction,
)
from chromatrace.domain.hashing import keccak
from chromatrace.ethereum.codec import bytes_of
from chromatrace.ethereum.contract_errors import decode_revert, revert_data
from chromatrace.ethereum.errors import (
    ContractError,
    InclusionTimeoutError,
    RpcError,
    SignerMissingError,
)
from chromatrace.ethereum.rpc import RpcClient
from chromatrace.ethereum.signer import ANVIL_CHAIN, Signer
from chromatrace.ethereum.transaction import Transaction

_log = logging.getLogger(__name__)

_BATCH = 100
_NS = 1_000_000_000
_FILLER_GAS = 21_000
_SETTLE_EVERY_S = 1.0
_OVERLAP = 3
"""Blocks in which inclusions are searched again: a node may return a block before its logs."""
_DROPPED_EVERY_S = 2.0
_LAG_S = 2.0
"""A node may be behind for so long before its state counts as older than the outbox's."""
_FIRST_PAUSE_S, _MANY_PAUSE_S, _LONGEST_PAUSE_S = 0.002, 0.1, 0.25
_IN_FLIGHT_S = 3.0
"""SignedTransaction calls younger than this belong to the process that signed them, which is about to send them."""

_KNOWN = ("already known", "already imported", "known transaction", "already exists", "already in pool")
_NONCE_USED = ("nonce too low", "nonce is too low", "correct nonce", "nonce_too_low")
_UNDERPRICED = ("underpriced", "fee too low", "less than block base fee", "gas price too low", "below base fee")
_NO_FUNDS = ("insufficient funds", "insufficient balance", "upfront cost exceeds")
_REJECTED = ("intrinsic gas", "gas limit", "oversized", "not supported", "invalid sender", "chain id", "gas too high")


@dataclass(frozen=True, slots=True)
class DeliveryPolicy:
    """Deadlines and fees of delivery.

    confirmations      blocks after which an included call is final
    bump_after_blocks  blocks, and
    bump_after_s       seconds without inclusion after which the fee is raised
    fee_ceiling_wei    maximum fee per gas
    resend_after_s     seconds without inclusion after which a transaction is sent again
    receipt_lag_s      seconds for which a node may count a nonce as used before it returns the receipt
    timeout_s          seconds for which a caller waits for inclusion
    """

    confirmations: int = 12
    bump_after_blocks: int = 3
    bump_after_s: float = 30.0
    fee_ceiling_wei: int = 500 * 10**9
    resend_after_s: float = 30.0
    receipt_lag_s: float = 3.0
    timeout_s: float = 120.0


class TransactionSender:
    """Delivers one sender's calls. Its state is in the outbox, so any number of senders may work at once.

    `signer`: the sender's key, or its address. Without the key, signed calls are sent and watched; actions that
    need the key (a higher fee, a new nonce) wait.
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
        self._last_message = ""
        self._underpriced: set[int] = set()
        self._missing_since: dict[int, float] = {}
        self._settled_s = 0.0
        self._compared_block, self._compared_s = -1, 0.0
        self._collected_block = -1
        self._behind_since_s: float | None = None
        self._lost: set[int] = set()

    def fee_context(self) -> FeeContext:
        """Read the newest block and the sender's account. Calls that the chain lost are sent again first."""
        context = FeeContext.read(self._rpc, self._sender)
        if time.monotonic() - self._settled_s >= _SETTLE_EVERY_S:
            self.settle(context)
        for pause_s in (0.0, 0.1, 0.5):
            if not self._is_behind(context):
                return context
            # Another process may have seen a newer block meanwhile, or a node behind a load balancer lags.
            self.settle(context)
            time.sleep(pause_s)
            context = FeeContext.read(self._rpc, self._sender)
        if self._is_behind(context):
            self._roll_back(context)
        return context

    def needed_gas(
        self, calls: Sequence[Draft | OutboxEntry], context: FeeContext, timeout_s: float | None = None
    ) -> tuple[list[int | ContractError], FeeContext]:
        """Return the gas limit of each call, or the error that it meets in the newest block, and the context then.

        If a call meets an error while calls that the chain lost are sent again, wait for these and try it again: it
        may depend on them. Raises `InclusionTimeoutError`.
        """
        limits = preflight.needed_gas(self._rpc, self._sender, calls, context.block_gas_limit)
        if self._lost and any(isinstance(limit, ContractError) for limit in limits):
            self.wait(self._lost, timeout_s)
            self._lost.clear()
            context = FeeContext.read(self._rpc, self._sender)
            limits = preflight.needed_gas(self._rpc, self._sender, calls, context.block_gas_limit)
        return limits, context

    def _is_behind(self, context: FeeContext) -> bool:
        """Return whether the chain has fewer transactions of the sender than were included earlier."""
        expected = self._outbox.expected_nonce(self._sender)
        return expected is not None and context.nonce < expected

    def _roll_back_if_behind(self, context: FeeContext) -> None:
        """Roll back if the chain has been behind for some time; until then, the node may only lag."""
        if not self._is_behind(context):
            self._behind_since_s = None
        elif self._behind_since_s is None:
            self._behind_since_s = time.monotonic()
        elif time.monotonic() - self._behind_since_s >= _LAG_S:
            self._roll_back(context)

    def _roll_back(self, context: FeeContext) -> None:
        """Send every call again that the chain lost, including final ones: the node has an older state.

        Raises `WrongDeploymentError` if the node serves another chain.
        """
        self._require_chain()
        lost = self._outbox.mark_rolled_back(self._sender, context.nonce, self._newest_present())
        self._send_lost(lost, context)

    def _require_chain(self) -> None:
        """Raise `WrongDeploymentError` if the node serves another chain than the outbox's, even for a moment."""
        chain_id, genesis = self._rpc.batch([("eth_chainId", []), ("eth_getBlockByNumber", ["0x0", False])])
        if genesis is not None:
            self._outbox.bind(int(chain_id, 16), bytes_of(genesis["hash"]))

    def _send_lost(self, lost: set[int], context: FeeContext) -> None:
        if not lost:
            return
        _log.warning("the chain lost %d transactions of %s; sending them again", len(lost), self._sender)
        self._lost |= lost
        if self._signer is not None:
            self._fill_superseded(lost, context)
        self.broadcast(lost, context.block)

    def _fill_superseded(self, lost: set[int], context: FeeContext) -> None:
        """Replace lost calls that were repeated with another nonce by empty transfers: one of the two takes effect."""
        market = context.fees(self._policy.fee_ceiling_wei)
        own_address = bytes.fromhex(self._sender[2:])
        newest = {attempt.call: attempt for attempt in self._outbox.attempts(*lost)}
        for entry in self._outbox.get_many(sorted(lost)):
            attempt = newest[entry.id]
            fees = Fees(attempt.max_fee_wei, attempt.priority_fee_wei).bumped(market, self._policy.fee_ceiling_wei)
            if entry.recipient == own_address and fees is not None:
                self._outbox.replace(entry.id, self._signed(entry, attempt.nonce, entry.gas or 0, fees))

    def sign(self, items: Sequence[Draft | int], gas: Sequence[int], context: FeeContext) -> list[OutboxEntry]:
        """Assign nonces to drafts or queued calls (by id) and store the signed bytes, in one transaction."""
        fees = context.fees(self._policy.fee_ceiling_wei)
        value = sum(item.value_wei for item in items if isinstance(item, Draft))
        needed = sum(gas) * fees.max_fee_wei + value
        if needed > context.balance_wei:
            raise preflight.insufficient_funds(
                f"{self._sender} has {context.balance_wei / 10**18:g} ether; "
                f"{'the transfer and ' if value else ''}gas may cost {needed / 10**18:g} ether",
                self._sender,
                self._chain_id,
            )
        floor = context.nonce
        if self._outbox.expected_nonce(self._sender) is None:
            floor = int(self._rpc.call("eth_getTransactionCount", self._sender, "pending"), 16)
        return self._outbox.sign(
            self._sender, items, floor, gas, lambda entry, nonce, limit: self._signed(entry, nonce, limit, fees)
        )

    def _signed(self, entry: OutboxEntry, nonce: int, gas: int, fees: Fees) -> SignedTransaction:
        return self._raw(nonce, gas, entry.recipient, entry.data, fees, entry.value_wei)

    def _raw(
        self, nonce: int, gas: int, recipient: bytes, data: bytes, fees: Fees, value_wei: int = 0
    ) -> SignedTransaction:
        if self._signer is None:
            raise SignerMissingError(f"the key of {self._sender} is not available", field="signer")
        raw = self._signer.sign_transaction(
            Transaction(
                chain_id=self._chain_id,
                nonce=nonce,
                max_priority_fee_wei=fees.priority_fee_wei,
                max_fee_wei=fees.max_fee_wei,
                gas=gas,
                to=recipient,
                value_wei=value_wei,
                data=data,
            )
        )
        return SignedTransaction(keccak(raw), raw, fees.max_fee_wei, fees.priority_fee_wei)

    def broadcast(self, calls: Iterable[int], block: int) -> None:
        """Send the newest attempt of each call to the node.

        Raises `InsufficientFundsError` or `ChainUnavailableError`; the calls stay signed and are sent again later.
        """
        newest: dict[int, Attempt] = {}
        for attempt in self._outbox.attempts(*calls):
            newest[attempt.call] = attempt
        attempts = sorted(newest.values(), key=lambda attempt: attempt.nonce)
        accepted: list[bytes] = []
        try:
            for start in range(0, len(attempts), _BATCH):
                self._send(attempts[start : start + _BATCH], accepted)
        finally:
            if accepted:
                self._outbox.mark_sent(accepted, block)

    def _send(self, attempts: Sequence[Attempt], accepted: list[bytes]) -> None:
        answers = self._rpc.batch_outcomes(
            [("eth_sendRawTransaction", ["0x" + attempt.raw.hex()]) for attempt in attempts]
        )
        error = None
        for attempt, answer in zip(attempts, answers, strict=True):
            if not isinstance(answer, RpcError) or self._counts_as_sent(attempt, answer):
                accepted.append(attempt.tx_hash)
            elif any(part in answer.node_message.lower() for part in _NO_FUNDS):
                message = f"{self._sender}: {answer.node_message}; the call stays in the outbox"
                error = preflight.insufficient_funds(message, self._sender, self._chain_id)
        if error is not None:
            raise error

    def _counts_as_sent(self, attempt: Attempt, error: RpcError) -> bool:
        """Return whether the node has the transaction, or its nonce is used; the receipt shows by which transaction."""
        message = error.node_message.lower()
        self._last_message = error.node_message
        if any(part in message for part in (*_KNOWN, *_NONCE_USED)):
            return True
        if any(part in message for part in _UNDERPRICED):
            # The next poll raises the fee. An earlier attempt may still be in the pool.
            self._underpriced.add(attempt.call)
            return True
        if any(part in message for part in _REJECTED):
            self._require_chain()
            self._outbox.withdraw(attempt.call, f"the node rejected the transaction: {error.node_message}")
        return False

    def poll(self) -> set[int]:
        """Read the chain once and do what is due. Return the calls that are still open."""
        context = FeeContext.read(self._rpc, self._sender)
        open_attempts = self._outbox.open_attempts(self._sender)
        self._collect([attempt for attempt in open_attempts if attempt.nonce < context.nonce], context)
        waiting = [attempt for attempt in open_attempts if attempt.nonce >= context.nonce]
        now = time.time_ns()
        newest = {attempt.call: attempt for attempt in waiting}
        self.broadcast([call for call, attempt in newest.items() if self._to_send(attempt, now)], context.block)
        self._resend_dropped(list(newest.values()), context)
        if self._signer is not None:
            self._raise_fees(newest.values(), context, now)
            self._fill_gaps(context)
        if time.monotonic() - self._settled_s >= _SETTLE_EVERY_S:
            self.settle(context)
            self._roll_back_if_behind(context)
        queued = self._outbox.entries(self._sender, CallState.QUEUED)
        return {attempt.call for attempt in self._outbox.open_attempts(self._sender)} | {item.id for item in queued}

    def _resend_dropped(self, waiting: Sequence[OpenAttempt], context: FeeContext) -> None:
        """Send transactions again that the node accepted and then dropped; look for them once in each block.

        The node's pending count is the first nonce that it cannot execute yet: later transactions wait for it.
        """
        now = time.monotonic()
        sent = [attempt for attempt in waiting if attempt.sent_block is not None and attempt.sent_block < context.block]
        if not sent or (context.block == self._compared_block and now - self._compared_s < _DROPPED_EVERY_S):
            return
        self._compared_block, self._compared_s = context.block, now
        executable = int(self._rpc.call("eth_getTransactionCount", self._sender, "pending"), 16)
        unsure = [attempt for attempt in sent if attempt.nonce >= executable]
        dropped: list[int] = []
        for start in range(0, len(unsure), _BATCH):
            chunk = unsure[start : start + _BATCH]
            answers = self._rpc.batch([("eth_getTransactionByHash", ["0x" + item.tx_hash.hex()]) for item in chunk])
            missing = [item.call for item, answer in zip(chunk, answers, strict=True) if answer is None]
            dropped += missing
            if not missing:
                break
        if dropped:
            _log.info("the node dropped %d transactions of %s; sending them again", len(dropped), self._sender)
            self.broadcast(dropped, context.block)

    def _to_send(self, attempt: OpenAttempt, now: int) -> bool:
        if attempt.sent_ns is None or attempt.state is CallState.SIGNED:
            return (
                now - max(attempt.signed_ns, attempt.sent_ns or 0) > _IN_FLIGHT_S * _NS or attempt.sent_ns is not None
            )
        return now - attempt.sent_ns > self._policy.resend_after_s * _NS

    def _collect(self, attempts: Sequence[OpenAttempt], context: FeeContext) -> None:
        """Record the blocks of calls whose nonce the chain has passed."""
        inclusions = by_events(self._rpc, self._contracts, attempts, context.block, self._collected_block - _OVERLAP)
        self._collected_block = context.block
        seen = {inclusion.call for inclusion in inclusions}
        rest = [attempt for attempt in attempts if attempt.call not in seen]
        for start in range(0, len(rest), _BATCH):
            chunk = rest[start : start + _BATCH]
            receipts = self._rpc.batch([("eth_getTransactionReceipt", ["0x" + item.tx_hash.hex()]) for item in chunk])
            inclusions += [
                self._inclusion(item, receipt) for item, receipt in zip(chunk, receipts, strict=True) if receipt
            ]
        if inclusions:
            self._outbox.mark_included(inclusions)
        if not attempts:
            self._missing_since.clear()
        lost = {attempt.call for attempt in attempts} - {inclusion.call for inclusion in inclusions}
        if lost:
            self._replace_nonces(lost, {attempt.call: attempt.nonce for attempt in attempts}, context)

    def _inclusion(self, attempt: OpenAttempt, receipt: dict[str, str]) -> Inclusion:
        error, revert = None, None
        if int(receipt.get("status", "0x1"), 16) == 0:
            reason, revert = self._failure(attempt.call, receipt)
            error = str(reason)
        return Inclusion(
            attempt.call,
            attempt.tx_hash,
            int(receipt["blockNumber"], 16),
            bytes_of(receipt["blockHash"]),
            int(receipt["gasUsed"], 16),
            error,
            revert,
        )

    def _failure(self, call: int, receipt: dict[str, str]) -> tuple[ContractError, bytes | None]:
        entry = self._outbox.get(call)
        fields = {"from": entry.sender, "to": "0x" + entry.recipient.hex(), "data": "0x" + entry.data.hex()}
        try:
            self._rpc.call("eth_call", {**fields, "gas": hex(entry.gas or 0)}, receipt["blockNumber"])
        except RpcError as error:
            data = revert_data(error.data)
            return decode_revert(data), data
        return decode_revert(None), None

    def _replace_nonces(self, calls: set[int], nonces: dict[int, int], context: FeeContext) -> None:
        """Sign calls again whose nonces were used by transactions from outside this outbox.

        Waits until those transactions are deeper than a reorganisation reaches.
        """
        depth = 0 if self._chain_id == ANVIL_CHAIN else self._policy.confirmations
        settled = context.nonce
        if depth:
            at = hex(max(0, context.block - depth))
            settled = int(self._rpc.call("eth_getTransactionCount", self._sender, at), 16)
        # A node may return the receipt later than the count, so wait before concluding that it will not come. A call
        # that is on the chain and is signed again would be reported as failed.
        attempts = [attempt for attempt in self._outbox.open_attempts(self._sender) if attempt.call in calls]
        if not attempts:
            return
        receipts = self._rpc.batch([("eth_getTransactionReceipt", ["0x" + item.tx_hash.hex()]) for item in attempts])
        included = {item.call for item, receipt in zip(attempts, receipts, strict=True) if receipt}
        now = time.monotonic()
        still_open = {attempt.call for attempt in attempts}
        missing = {call: self._missing_since.get(call, now) for call in (calls - included) & still_open}
        self._missing_since = missing
        foreign = [
            call
            for call, since in missing.items()
            if nonces[call] < settled and now - since >= self._policy.receipt_lag_s
        ]
        if self._signer is None:
            return
        own_address = bytes.fromhex(self._sender[2:])
        needed = []
        for entry in self._outbox.get_many(foreign):
            filler = entry.recipient == own_address
            self._outbox.withdraw(entry.id, "another transaction used the nonce" if filler else None)
            needed += [] if filler else [entry.id]
        if needed:
            self.deliver(needed)

    def deliver(self, calls: Sequence[int]) -> None:
        """Try, sign and send queued calls. A call that a contract rejects becomes `failed`."""
        entries = [self._outbox.get(call) for call in calls]
        gas, context = self.needed_gas(entries, self.fee_context())
        ready: list[tuple[int, int]] = []
        for entry, outcome in zip(entries, gas, strict=True):
            if isinstance(outcome, ContractError):
                self._outbox.fail(entry.id, str(outcome))
            else:
                ready.append((entry.id, outcome))
        if ready:
            self.sign([call for call, _ in ready], [limit for _, limit in ready], context)
            self.broadcast([call for call, _ in ready], context.block)

    def _raise_fees(self, attempts: Iterable[OpenAttempt], context: FeeContext, now: int) -> None:
        market = context.fees(self._policy.fee_ceiling_wei)
        bumped = []
        for attempt in attempts:
            if attempt.sent_ns is None or attempt.sent_block is None:
                continue
            waited = context.block - attempt.sent_block >= self._policy.bump_after_blocks
            waited = waited and now - attempt.signed_ns >= self._policy.bump_after_s * _NS
            if not waited and attempt.call not in self._underpriced:
                continue
            self._underpriced.discard(attempt.call)
            fees = Fees(attempt.max_fee_wei, attempt.priority_fee_wei).bumped(market, self._policy.fee_ceiling_wei)
            if fees is None:
                self._last_message = f"the fee ceiling of {self._policy.fee_ceiling_wei} wei is reached"
                continue
            entry = self._outbox.get(attempt.call)
            self._outbox.replace(attempt.call, self._signed(entry, attempt.nonce, entry.gas or 0, fees))
            bumped.append(attempt.call)
        self.broadcast(bumped, context.block)

    def _fill_gaps(self, context: FeeContext) -> None:
        fees = context.fees(self._policy.fee_ceiling_wei)
        recipient = bytes.fromhex(self._sender[2:])
        gaps = self._outbox.gaps(self._sender, context.nonce)
        for nonce in gaps:
            self._outbox.fill(
                self._sender, nonce, _FILLER_GAS, lambda at: self._raw(at, _FILLER_GAS, recipient, b"", fees)
            )
        if gaps:
            fillers = [item.call for item in self._outbox.open_attempts(self._sender) if item.nonce in gaps]
            self.broadcast(fillers, context.block)

    def settle(self, context: FeeContext) -> None:
        """Compare the blocks of calls with the chain: deep ones are final; calls that the chain lost are sent again.

        Failed calls are compared too, because their nonce is free again if the chain lost their block.
        """
        self._settled_s = time.monotonic()
        final, vanished = [], []
        for block, hash_there in self._hashes_of(self._outbox.watched_blocks(self._sender)):
            if hash_there != block[1]:
                vanished.append(block)
            elif block[0] + self._policy.confirmations <= context.block:
                final.append(block)
        if final:
            self._outbox.mark_final(self._sender, final)
        if vanished:
            self._require_chain()
            self._send_lost(self._outbox.mark_vanished(self._sender, vanished), context)
        for block, hash_there in self._hashes_of(self._outbox.final_blocks()):
            if hash_there not in (block[1], None):
                self._roll_back(context)

    def _hashes_of(self, blocks: Sequence[tuple[int, bytes]]) -> Iterator[tuple[tuple[int, bytes], bytes | None]]:
        """Yield each block (number, hash) and the hash of the chain's block of this number, None if it has none."""
        for start in range(0, len(blocks), _BATCH):
            chunk = blocks[start : start + _BATCH]
            answers = self._rpc.batch([("eth_getBlockByNumber", [hex(number), False]) for number, _ in chunk])
            for block, answer in zip(chunk, answers, strict=True):
                yield block, None if answer is None else bytes_of(answer["hash"])

    def _newest_present(self) -> int:
        """Return the newest block with final calls that the chain still has; -1 if there is none."""
        below = 2**63 - 1
        while blocks := self._outbox.final_blocks(below, _BATCH):
            for block, hash_there in self._hashes_of(blocks):
                if hash_there == block[1]:
                    return block[0]
            below = blocks[-1][0]
        return -1

    def recover(self) -> set[int]:
        """Deliver queued calls, send signed ones and poll sent ones; call this after a start."""
        context = self.fee_context()
        self.settle(context)
        signed = self._outbox.entries(self._sender, CallState.SIGNED)
        self.broadcast([entry.id for entry in signed], context.block)
        open_calls = self.poll()
        self._lost &= open_calls
        queued = self._outbox.entries(self._sender, CallState.QUEUED)
        if queued and self._signer is not None and not self._lost:
            self.deliver([entry.id for entry in queued])
            open_calls = self.poll()
        return open_calls

    def wait(
        self, calls: Iterable[int], timeout_s: float | None, progress: Callable[[int], None] | None = None
    ) -> None:
        """Return when every call is included, final or failed. Raises `InclusionTimeoutError`."""
        awaited = set(calls)
        if awaited:
            self._until(lambda open_calls: len(awaited & open_calls), 0, timeout_s, len(awaited), progress)

    def wait_for_room(self, limit: int, timeout_s: float | None) -> None:
        """Return when at most `limit` of the sender's calls are open. Raises `InclusionTimeoutError`."""
        self._until(len, limit, timeout_s, limit, None)

    def _until(
        self,
        count: Callable[[set[int]], int],
        goal: int,
        timeout_s: float | None,
        total: int,
        progress: Callable[[int], None] | None,
    ) -> None:
        limit_s = self._policy.timeout_s if timeout_s is None else timeout_s
        deadline, pause_s, remaining = time.monotonic() + limit_s, _first_pause_s(total), total
        while (count_now := count(self.poll())) > goal:
            if count_now < remaining:
                remaining, pause_s = count_now, _first_pause_s(count_now)
                if progress is not None:
                    progress(total - remaining)
            if time.monotonic() > deadline:
                reason = f"; the node's last error: {self._last_message}" if self._last_message else ""
                raise InclusionTimeoutError(
                    f"{count_now} calls are not included after {limit_s:g} s{reason}",
                    field="outbox",
                    hint="they stay in the outbox and are sent again; check that the chain produces blocks",
                )
            time.sleep(pause_s)
            pause_s = min(pause_s * 1.5, _LONGEST_PAUSE_S)
        if progress is not None:
            progress(total)


def _first_pause_s(open_calls: int) -> float:
    """Return the pause before the next poll. A poll of many calls reads all of them, so it is made less often."""
    return min(_FIRST_PAUSE_S * max(1, open_calls), _MANY_PAUSE_S)
