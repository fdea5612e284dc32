"""The state of the portal for load balancers (`/readyz`) and monitoring (`/healthz`)."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Flask, jsonify
from flask.typing import ResponseReturnValue
from flask_limiter import Limiter

from app.context import Portal, current_portal, current_snapshot, now_s
from app.errors import RightsUnavailableError, StorageUnavailableError
from chromatrace.domain.errors import Unavailable
from chromatrace.index.views import HeadView

FOLLOWER_SILENCE_S = 15
"""Seconds without a successful look at the chain after which the follower counts as stopped."""
NODE_LAG_BLOCKS = 2
"""Blocks that the node may lack at the moment: nodes behind a load balancer differ by a block or two."""


def register(blueprint: Blueprint) -> None:
    """Add the routes."""
    blueprint.add_url_rule("/healthz", "health", health)
    blueprint.add_url_rule("/readyz", "ready", ready)


def limit(app: Flask, limiter: Limiter, rate: str) -> None:
    """Limit the rate of health checks, which query the node. Without the database there are no counters."""
    limited = limiter.limit(rate)(health)

    def view() -> ResponseReturnValue:
        try:
            return limited()
        except StorageUnavailableError:
            return health()

    app.view_functions["consumer.health"] = view


def health() -> ResponseReturnValue:
    """Return the state of databases, chain and follower; `status` is the first fault found, or `ok`."""
    return _response(_state(current_portal()))


def ready() -> ResponseReturnValue:
    """Return whether this portal can serve pages: its database and its index respond."""
    database, head = _database_responds(current_portal()), _head()
    fault = "database-unavailable" if not database else "index-unavailable" if head is None else "ok"
    return _response({"status": fault, "database_responds": database, "index_responds": head is not None})


def _response(members: dict[str, Any]) -> ResponseReturnValue:
    return jsonify(members), 200 if members["status"] == "ok" else 503


def _state(portal: Portal) -> dict[str, Any]:
    database, head, now = _database_responds(portal), _head(), now_s()
    chain_id, block_time = portal.chain.chain_id, None
    indexed_block = -1 if head is None else head.indexed_block
    lag, lag_s = (None, None) if head is None else (head.lag_blocks, head.lag_s)
    chain_responds, same_chain = True, True
    try:
        number, block_time = portal.chain.latest()
        if head is not None and head.indexed_hash is not None:
            # Compare with the chain itself: the follower's last look is stale if the follower stopped.
            lag = max(0, number - indexed_block)
            lag_s = max(0, block_time - (head.indexed_time or 0))
            same_chain = _has_block(portal, head, number)
    except RightsUnavailableError:
        chain_responds = False
    follows = head is not None and head.checked_at is not None and now - head.checked_at <= FOLLOWER_SILENCE_S
    confirmations = None if head is None else head.confirmations
    fresh = lag is not None and lag - (confirmations or 0) <= portal.config.max_index_lag_blocks
    faults = {
        "database-unavailable": not database,
        "index-unavailable": head is None,
        "chain-unavailable": not chain_responds,
        "chain-mismatch": not same_chain,
        "lagging": not fresh,
        "follower-stopped": not follows,
    }
    return {
        "status": next((name for name, present in faults.items() if present), "ok"),
        "chain_id": chain_id,
        "chain_responds": chain_responds,
        "chain_matches_index": same_chain,
        "database_responds": database,
        "index_responds": head is not None,
        "follower_responds": follows,
        "indexed_block": indexed_block,
        "indexed_time": None if head is None else head.indexed_time,
        "lag_blocks": lag,
        "lag_s": lag_s,
        "confirmations": confirmations,
        "checked_at": None if head is None else head.checked_at,
    }


def _has_block(portal: Portal, head: HeadView, newest: int) -> bool:
    """Return whether the node has the last indexed block; a node that is slightly behind counts as having it."""
    if newest < head.indexed_block:
        return head.indexed_block - newest <= NODE_LAG_BLOCKS
    return portal.chain.block_hash(head.indexed_block) == head.indexed_hash


def _database_responds(portal: Portal) -> bool:
    try:
        portal.database.ping()
    except Unavailable:
        return False
    return True


def _head() -> HeadView | None:
    try:
        return current_snapshot().head()
    except Unavailable:
        return None
