"""`chromatrace index`: the SQL index of the chain's events."""

from __future__ import annotations

import click

from chromatrace.cli.interrupts import stop_event
from chromatrace.cli.output import emit, err, format_time, json_option, progress
from chromatrace.number_types import WholeRange
from chromatrace.services.workspace import Workspace

confirmations_option = click.option(
    "--confirmations",
    default=0,
    show_default=True,
    type=WholeRange(0, 1_000_000),
    help="Number of blocks on top of a block before it is indexed.",
)
finalized_option = click.option("--finalized", is_flag=True, help="Index finalized blocks only.")


@click.group()
def index() -> None:
    """Synchronise the SQL index with the chain.

    The index contains only events of the chain; it can be deleted and rebuilt at any time. Commands that need
    it synchronise it first.

    \b
    Example: follow the chain with two confirmations, and check the lag from a monitor
      chromatrace index sync --confirmations 2 --watch
      chromatrace index status --max-lag 10
    """


@index.command()
@confirmations_option
@finalized_option
@click.option("--watch", is_flag=True, help="Keep running and follow the chain.")
@json_option
@click.pass_obj
def sync(workspace: Workspace, confirmations: int, finalized: bool, watch: bool, as_json: bool) -> None:
    """Synchronise the index with the newest block."""
    from chromatrace.index import Follower

    follower = Follower(
        workspace.open_index(), workspace.rpc, workspace.manifest, confirmations=confirmations, finalized=finalized
    )
    with err().status("synchronising …"):
        result = follower.sync()
    emit(as_json, {"indexed_block": result.indexed_block, "chain_head": result.chain_head, "events": result.events})
    if watch:
        stop = stop_event()
        err().print("following the chain; press Ctrl-C to stop")
        follower.run(stop)


@index.command()
@confirmations_option
@finalized_option
@json_option
@click.pass_obj
def rebuild(workspace: Workspace, confirmations: int, finalized: bool, as_json: bool) -> None:
    """Delete the content of the index and rebuild it from the chain.

    `identical` is true if the digest is the same as before, and null if the chain has new blocks. Exit status 1
    if the content changed.
    """
    from chromatrace.index import Follower

    sql_index = workspace.open_index()
    with sql_index.snapshot() as snapshot:
        reached, before = snapshot.head().indexed_block, snapshot.digest()
    follower = Follower(sql_index, workspace.rpc, workspace.manifest, confirmations=confirmations, finalized=finalized)
    with progress("rebuilding", hidden=as_json) as show:
        result = follower.rebuild(lambda state: show(state.indexed_block))
    with sql_index.snapshot() as snapshot:
        after = snapshot.digest()
    identical = after == before if result.indexed_block == reached else None
    facts = {
        "events": result.events,
        "indexed_block": result.indexed_block,
        "digest": after,
        "digest_before": before,
        "identical": identical,
    }
    emit(as_json, facts)
    if identical is False:
        err().print("the content changed: the previous index differed from the chain", style="red")
        raise SystemExit(1)


@index.command()
@click.option("--max-lag", default=50, show_default=True, type=WholeRange(0), help="Maximum lag in blocks.")
@json_option
@click.pass_obj
def status(workspace: Workspace, max_lag: int, as_json: bool) -> None:
    """Show the lag of the index in blocks and seconds, without synchronising it. Exit status 1 if it is too large.

    Confirmations that the index waits for do not count as lag. The portal's /healthz reports the same.
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
    times_s = {"indexed_time": head.indexed_time, "checked_at": head.checked_at}
    times = {name: format_time(seconds) for name, seconds in times_s.items() if seconds is not None}
    emit(as_json, facts if as_json else facts | times)
    if not healthy:
        raise SystemExit(1)


@index.command()
@json_option
@click.pass_obj
def digest(workspace: Workspace, as_json: bool) -> None:
    """Print the digest of the index; equal digests mean equal content, in any database."""
    with workspace.index.snapshot() as snapshot:
        emit(as_json, {"digest": snapshot.digest(), "indexed_block": snapshot.head().indexed_block})
