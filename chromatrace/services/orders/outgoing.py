"""Tell the targets of a plant what changed about its orders."""

from __future__ import annotations

import hashlib
import logging
import threading
import time
from collections.abc import Callable
from typing import Any

from sqlalchemy.exc import SQLAlchemyError

from chromatrace.domain.errors import ChromaTraceError
from chromatrace.orders.webhooks.sender import Round, SenderBusyError, WebhookSender
from chromatrace.plant.erp import ERP
from chromatrace.services.orders.desk import OrderDesk
from chromatrace.storage.strict_json import canonical

log = logging.getLogger(__name__)

INTERVAL_S = 2.0
_PAUSE = 4.0
"""Pause after computing all reports, as a multiple of the time that it took."""
_BUSY_S = 15.0
_COLLECT_S = 60.0
"""An order can become overdue without an event, so reports are computed at least this often."""


class Webhooks:
    """Queues messages about changed reports, and delivers them."""

    def __init__(self, desk: OrderDesk) -> None:
        self._desk = desk
        self._targets = desk.plant.section(ERP).webhooks
        self.sender = WebhookSender(desk.store, self._targets)
        self._state: object = None
        self._collected = self._not_before = 0.0

    def collect(self, *, at_once: bool = False) -> int:
        """Queue a message for each target and report that changed since its last message. Return their number.

        at_once  without the pause after the last call
        """
        state, started = self._desk.state(), time.monotonic()
        if not at_once and started < self._not_before:
            return 0
        if state == self._state and started - self._collected < _COLLECT_S:
            return 0
        queue, queued = self.sender.queue, 0
        for event in sorted({event for target in self._targets for event in target.events}):
            targets = [target.id for target in self._targets if event in target.events]
            known = {target: queue.digests(target, event) for target in targets}
            for document in self._desk.reports(event.removeprefix("order.")):
                digest = _digest(document)
                for target in targets:
                    if known[target].get(document["order"]) != digest:
                        queue.put(target, event, document["order"], document, digest)
                        queued += 1
        queue.prune()
        self._state, self._collected = state, time.monotonic()
        self._not_before = self._collected + _PAUSE * (self._collected - started)
        return queued

    def run(
        self,
        stop: threading.Event,
        refresh: Callable[[], object] = lambda: None,
        report: Callable[[int, Round], object] = lambda queued, done: None,
    ) -> None:
        """Collect and deliver until `stop` is set. Waits while another process does, and logs errors.

        refresh  brings the index up to date
        report   is called after each round that did something
        """
        while not stop.is_set():
            try:
                with self.sender.exclusive():
                    self._run(stop, refresh, report)
            except SenderBusyError:
                stop.wait(_BUSY_S)

    def _run(
        self, stop: threading.Event, refresh: Callable[[], object], report: Callable[[int, Round], object]
    ) -> None:
        logged = ""
        while not stop.is_set():
            queued, error = 0, ""
            try:
                refresh()
                queued = self.collect()
            except (ChromaTraceError, SQLAlchemyError) as problem:  # what is queued is delivered in any case
                error = str(problem)
            try:
                done = self.sender.deliver()
            except (ChromaTraceError, SQLAlchemyError) as problem:
                done, error = Round(0, 0), str(problem)
            if error and error != logged:
                log.warning("webhooks: %s; retrying", error)
            logged = error
            if queued or done.delivered or done.failed:
                report(queued, done)
            stop.wait(INTERVAL_S)

    def run_once(self) -> tuple[int, Round]:
        """Collect and deliver once."""
        with self.sender.exclusive():
            return self.collect(at_once=True), self.sender.deliver()


def _digest(document: dict[str, Any]) -> str:
    """Return the digest of a report without estimates, which change with time."""
    stable = dict(document)
    if "steps" in stable:
        stable["steps"] = [{name: step[name] for name in step if name != "expected"} for step in stable["steps"]]
    return hashlib.sha256(canonical(stable)).hexdigest()
