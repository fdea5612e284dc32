"""`chromatrace index`: the SQL copy of the chain's events."""

from __future__ import annotations

import click

from chromatrace.cli.interrupts import told_to_end
from chromatrace.cli.output import emit, err, json_option, moment, progress
from chromatrace.services.workspace import Workspace

confirmations_option = click.option(
    "--confirmations", default=0, show_default=True, type=click.IntRange(0, 1_000_000), help="Blocks to wait for."
)


@click.group()
def index() -> None:
    """Follow the chain's events into SQL. The index can be thrown away and rebuilt at any time."""


@index.command()
@confirmations_option
@click.option("--finalized", is_flag=True, help="Take only what the chain calls final.")
@click.option("--watch", is_flag=True, help="Keep following.")
@json_option
@click.pass_obj
def sync(workspace: Workspace, confirmations: int, finalized: bool, watch: bool, as_json: bool) -> None:
    """Bring the index up to the chain's head."""
    from chromatrace.index import Follower

    follower = Follower(
        workspace.open_index(), workspace.rpc, workspace.manifest, confirmations=confirmations, finalized=finalized
    )
    with err.status("following …"):
        done = follower.sync()
    emit(as_json, {"indexed_block": done.indexed_block, "chain_head": done.chain_head, "events": done.events})
    if watch:
        stop = told_to_end()
        err.print("following; Ctrl-C ends it")
        follower.run(stop)


@index.command()
@confirmations_option
@click.option("--finalized", is_flag=True, help="Take only what the chain calls final.")
@json_option
@click.pass_obj
def rebuild(workspace: Workspace, confirmations: int, finalized: bool, as_json: bool) -> None:
    """Empty the index and build it again from the chain: the same content, to the digest.

    `identical` compares the digests before and after where the chain stood still, and is null where it went on.
    """
    from chromatrace.index import Follower

    opened = workspace.open_index()
    with opened.snapshot() as snapshot:
        reached, before = snapshot.head().indexed_block, snapshot.digest()
    follower = Follower(opened, workspace.rpc, workspace.manifest, confirmations=confirmations, finalized=finalized)
    with progress("rebuilding", hidden=as_json) as show:
        done = follower.rebuild(lambda at: show(at.indexed_block))
    with opened.snapshot() as snapshot:
        after = snapshot.digest()
    identical = after == before if done.indexed_block == reached else None
    facts = {
        "events": done.events,
        "indexed_block": done.indexed_block,
        "digest": after,
        "digest_before": before,
        "identical": identical,
    }
    emit(as_json, facts)
    if identical is False:
        err.print("the content changed: the index before was not what the chain says now", style="red")
        raise SystemExit(1)


@index.command()
@click.option(
    "--max-lag", default=50, show_default=True, type=click.IntRange(0), help="Blocks behind that are healthy."
)
@json_option
@click.pass_obj
def status(workspace: Workspace, max_lag: int, as_json: bool) -> None:
    """Say how far the index is, in blocks and seconds, without moving it. Exit status 1 where it is too far behind.

    Confirmations that the follower waits for do not count as lag. The portal's /healthz says the same to a monitor.
    """
    with workspace.open_index().snapshot() as snapshot:
        head = snapshot.head()
    latest = workspace.rpc.call("eth_getBlockByNumber", "latest", False)
    number, seconds = int(latest["number"], 16), int(latest["timestamp"], 16)
    behind = number - head.indexed_block if head.indexed_block >= 0 else None
    healthy = behind is not None and behind - (head.confirmations or 0) <= max_lag
    facts = {
        "chain_id": head.chain_id,
        "indexed_block": head.indexed_block,
        "indexed_time": head.indexed_time,
        "chain_head": number,
        "lag_blocks": behind,
        "lag_seconds": None if head.indexed_time is None else max(0, seconds - head.indexed_time),
        "confirmations": head.confirmations,
        "checked_at": head.checked_at,
        "healthy": healthy,
    }
    seen = {"indexed_time": head.indexed_time, "checked_at": head.checked_at}
    times = {name: moment(seconds) for name, seconds in seen.items() if seconds is not None}
    emit(as_json, facts if as_json else facts | times)
    if not healthy:
        raise SystemExit(1)


@index.command()
@json_option
@click.pass_obj
def digest(workspace: Workspace, as_json: bool) -> None:
    """Print the content hash of the index: equal hashes, equal content, whichever database holds it."""
    with workspace.index.snapshot() as snapshot:
        emit(as_json, {"digest": snapshot.digest(), "indexed_block": snapshot.head().indexed_block})
