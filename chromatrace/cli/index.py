"""`chromatrace index`: the SQL copy of the chain's events."""

from __future__ import annotations

import signal
import threading

import click

from chromatrace.cli.output import emit, err, json_option
from chromatrace.cli.workspace import Workspace


@click.group()
def index() -> None:
    """Follow the chain's events into SQL. The index can be thrown away and rebuilt at any time."""


@index.command()
@click.option("--confirmations", default=0, show_default=True, type=click.IntRange(0), help="Blocks to wait for.")
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
        stop = threading.Event()
        for name in (signal.SIGINT, signal.SIGTERM):
            signal.signal(name, lambda *_: stop.set())
        err.print("following; Ctrl-C ends it")
        follower.run(stop)


@index.command()
@json_option
@click.pass_obj
def digest(workspace: Workspace, as_json: bool) -> None:
    """Print the content hash of the index: equal hashes, equal content, whichever database holds it."""
    emit(as_json, {"digest": workspace.index.digest(), "indexed_block": workspace.index.head().indexed_block})
