"""Set the overflow bit if the queue of a monitored item overflows.

asyncua 2.1 drops the oldest value silently. OPC UA Part 4 (5.13.1.5 and 7.39) requires the overflow bit on the value
after the loss. A client then reads the lost values from the history.
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
    """Subscriptions that mark an overflow. Assign to the server's `subscription_service` before the start."""

    async def create_subscription(self, *args: Any, **kwargs: Any) -> ua.CreateSubscriptionResult:
        result = await super().create_subscription(*args, **kwargs)
        subscription = self.subscriptions[result.SubscriptionId]
        subscription._enqueue_event = _Marking(subscription)
        return result


class _Marking:
    """Wraps the `_enqueue_event` of a subscription."""

    def __init__(self, subscription: InternalSubscription) -> None:
        self._enqueue = subscription._enqueue_event

    async def __call__(self, item_id: int, event: Any, size: int, queues: dict[int, list[Any]]) -> None:
        full = size > 0 and len(queues.get(item_id, ())) >= size
        await self._enqueue(item_id, event, size, queues)
        if full and isinstance(event, ua.MonitoredItemNotification):
            queue = queues[item_id]
            queue[0] = dataclasses.replace(queue[0], Value=_marked(queue[0].Value))


def _marked(value: ua.DataValue) -> ua.DataValue:
    """Return a copy with the overflow bit. The original is shared with the node and other subscribers."""
    status = 0 if value.StatusCode is None else value.StatusCode.value
    return dataclasses.replace(value, StatusCode=ua.StatusCode(status | OVERFLOW_BITS))
