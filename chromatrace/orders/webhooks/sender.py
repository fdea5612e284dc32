"""Deliver due messages. Each target has a thread of its own: one that does not respond does not delay the others."""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass

from chromatrace.domain.errors import NotFound, Unavailable
from chromatrace.orders.errors import WebhookTargetError
from chromatrace.orders.order import format_utc
from chromatrace.orders.store import OrderStore
from chromatrace.orders.webhooks.post import Answer, post
from chromatrace.orders.webhooks.queue import WebhookQueue
from chromatrace.orders.webhooks.signature import read_keys, signed_headers
from chromatrace.plant.erp import WebhookTarget
from chromatrace.storage.sql_lock import Writer

_GONE = 410
_TEST = "webhook.test"


class SenderBusyError(Unavailable):
    """Another process delivers the webhooks of this database."""


_SENDER = Writer("sender of webhooks", 0x63_74_68_6F_6F_6B, ".webhooks.lock", SenderBusyError)


@dataclass(frozen=True, slots=True)
class Round:
    """Number of messages that one round delivered and could not deliver."""

    delivered: int
    failed: int


class WebhookSender:
    """Sends the messages of a queue to the targets of a plant."""

    def __init__(self, store: OrderStore, targets: Sequence[WebhookTarget]) -> None:
        self._store, self._targets = store, targets
        self.queue = WebhookQueue(store)

    @contextmanager
    def exclusive(self, timeout_s: float = 0.0) -> Iterator[None]:
        """Be the only sender of the database. Raises `SenderBusyError`."""
        with _SENDER.lock(self._store.engine, timeout_s):
            yield

    def deliver(self) -> Round:
        """Send all due messages once."""
        if not self._targets:
            return Round(0, 0)
        with ThreadPoolExecutor(max_workers=min(8, len(self._targets))) as threads:
            rounds = list(threads.map(self._deliver, self._targets))
        return Round(sum(done.delivered for done in rounds), sum(done.failed for done in rounds))

    def _deliver(self, target: WebhookTarget) -> Round:
        delivered = 0
        while messages := self.queue.due(target.id):
            for message in messages:
                answer = self._send(target, message.id, message.body.encode())
                if answer.error is not None:
                    final = answer.status == _GONE
                    self.queue.failed(message.id, answer.error, answer.retry_after_s, final=final)
                    return Round(delivered, 1)
                self.queue.delivered(message.id)
                delivered += 1
        return Round(delivered, 0)

    def test(self, target_id: str) -> Answer:
        """Send a test message at once, without the queue. Raises `NotFound`."""
        target = next((target for target in self._targets if target.id == target_id), None)
        if target is None:
            known = ", ".join(target.id for target in self._targets) or "none"
            raise NotFound(f"the plant has no webhook {target_id!r:.60}", field="target", hint=f"known: {known}")
        body = f'{{"type":"{_TEST}","timestamp":"{format_utc(self._store.now())}","data":{{}}}}'
        return self._send(target, f"msg_{secrets.token_hex(16)}", body.encode())

    def _send(self, target: WebhookTarget, message_id: str, body: bytes) -> Answer:
        try:
            keys = read_keys(target.secret_file)
        except WebhookTargetError as error:
            return Answer(None, str(error))
        headers = signed_headers(keys, message_id, self._store.now(), body)
        return post(target.url, body, headers, allow_private=target.allow_private, ca=target.ca)
