"""Send each action of a round until it takes effect, never without a pause and a limit.

An action is a call for one purpose, such as the draw of a round. Its transactions have idempotency keys in the outbox,
which delivers them, also after a reorganisation. Another transaction for the same purpose is sent only after the
previous one has failed, or is in a block without the intended effect.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from chromatrace.chain.calls import Call
from chromatrace.chain.client import Chain
from chromatrace.chain.outbox_entries import CallState
from chromatrace.domain.errors import ChromaTraceError, Conflict
from chromatrace.ethereum.errors import ContractError

MAX_TRANSACTIONS = 5
"""Failed transactions for one purpose, after which no other is sent."""
_SETTLE_S = 3.0
"""Seconds for which an included transaction may be without effect: nodes behind a load balancer differ."""
_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 1.0, 30.0
_OPEN = (CallState.QUEUED, CallState.SIGNED, CallState.SENT)


@dataclass(slots=True)
class _Pause:
    """Failures of one purpose in a row, and the monotonic time before which it is not tried again."""

    failures: int = 0
    until: float = 0.0


class Attempts:
    """Repeats what fails, at growing intervals, and knows what is failing.

    faults  message of each purpose that failed at its last attempt
    """

    def __init__(self, chain: Chain, report: Callable[[str], None]) -> None:
        self.faults: dict[str, str] = {}
        self._chain, self._report = chain, report
        self._pauses: dict[str, _Pause] = {}
        self._finished: dict[str, float] = {}
        self._wanted: set[str] = set()

    def run(self, purpose: str, action: Callable[[], None]) -> None:
        """Run `action` unless it failed recently. An error is reported and kept in `faults`; it is not raised."""
        self._wanted.add(purpose)
        pause = self._pauses.setdefault(purpose, _Pause())
        if time.monotonic() < pause.until:
            return
        try:
            action()
        except (ChromaTraceError, OSError) as error:
            pause.failures += 1
            pause_s = min(_FIRST_PAUSE_S * 2 ** (pause.failures - 1), _LONGEST_PAUSE_S)
            pause.until = time.monotonic() + pause_s
            self.faults[purpose] = str(error)
            self._report(f"{purpose}: {error}; trying again in {pause_s:g} s")
        else:
            pause.failures, pause.until = 0, 0.0
            self.faults.pop(purpose, None)

    def forget_others(self) -> None:
        """Forget the purposes that were not run since the last call: they are done, or no longer possible."""
        for purpose in self._pauses.keys() - self._wanted:
            del self._pauses[purpose]
            self.faults.pop(purpose, None)
        for key in [key for key in self._finished if key.rpartition(" ")[0] not in self._wanted]:
            del self._finished[key]
        self._wanted.clear()

    def send(self, purpose: str, call: Call, *, check: bool = True) -> None:
        """Send `call`, unless a transaction for this purpose is on its way.

        check  try the call in the newest block first, and send nothing if it would fail

        Raises `ContractError` if it would fail, and `Conflict` after `MAX_TRANSACTIONS` failed transactions.
        """
        outbox, number, failed = self._chain.outbox, 0, 0
        assert outbox is not None
        while (entry := outbox.by_key(key := f"{purpose} {number}")) is not None:
            if entry.state in _OPEN:
                return
            pause_s = _SETTLE_S
            known = key in self._finished
            since = self._finished.setdefault(key, time.monotonic())
            if entry.state is CallState.FAILED:
                failed += 1
                pause_s = _FIRST_PAUSE_S * 2**failed
                if not known:
                    self._report(f"{purpose}: transaction {failed} failed on the chain: {entry.error}")
                if failed >= MAX_TRANSACTIONS:
                    raise Conflict(
                        f"failed {failed} times on the chain and is not sent again: {entry.error}",
                        field="outbox",
                        hint="find the reason; the round continues at its next deadline",
                    )
            if time.monotonic() < since + pause_s:
                return
            number += 1
        outcome = self._chain.send_many([call.with_key(key)], check=check, wait=False)[0]
        if isinstance(outcome, ContractError):
            raise outcome
