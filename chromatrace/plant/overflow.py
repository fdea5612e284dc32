"""Makes the server say so when a monitored item's queue overflows.

asyncua 2.1 drops the oldest value silently. OPC UA Part 4, 5.13.1.5 and 7.39 ask for the overflow bit on the value that
follows the loss, so that a client knows to fetch what it missed.
"""

from __future__ import annotations

import dataclasses
from typing import Any

from asyncua import ua
from asyncua.server.internal_subscription import InternalSubscription
from asyncua.server.subscription_service import SubscriptionService

OVERFLOW_BITS = 0x0480
"""InfoType DataValue with the overflow bit."""


class OverflowMarkingSubscriptions(SubscriptionService):  # type: ignore[misc]
    """Subscriptions that mark an overflow. Set as the server's `subscription_service` before it starts."""

    async def create_subscription(self, *args: Any, **kwargs: Any) -> ua.CreateSubscriptionResult:
        result = await super().create_subscription(*args, **kwargs)
        subscription = self.subscriptions[result.SubscriptionId]
        subscription._enqueue_event = _Marking(subscription)
        return result


class _Marking:
    """Stands before a subscription's `_enqueue_event`."""

    def __init__(self, subscription: InternalSubscription) -> None:
        self._enqueue = subscription._enqueue_event

    async def __call__(self, item_id: int, event: Any, size: int, queues: dict[int, list[Any]]) -> None:
        full = size > 0 and len(queues.get(item_id, ())) >= size
        await self._enqueue(item_id, event, size, queues)
        if full and isinstance(event, ua.MonitoredItemNotification):
            queue = queues[item_id]
            queue[0] = dataclasses.replace(queue[0], Value=_marked(queue[0].Value))


def _marked(value: ua.DataValue) -> ua.DataValue:
    """A copy with the overflow bit: the value itself belongs to the node and to other subscribers too."""
    status = 0 if value.StatusCode is None else value.StatusCode.value
    return dataclasses.replace(value, StatusCode=ua.StatusCode(status | OVERFLOW_BITS))
