"""`chromatrace anchor`: heads of the readings' logs onto the chain."""

from __future__ import annotations

import click

from chromatrace.chain import reads
from chromatrace.cli.interrupts import told_to_end
from chromatrace.cli.options import FiniteRange
from chromatrace.cli.output import emit, err, json_option
from chromatrace.services.workspace import Workspace


@click.command()
@click.option("--channel", "channels", multiple=True, help="Only this channel; may be repeated. Default: all.")
@click.option("--watch", is_flag=True, help="Keep running and anchor by count and by time.")
@click.option(
    "--every-count", default=10_000, show_default=True, type=click.IntRange(1), help="With --watch: readings."
)
@click.option("--every-s", default=60.0, show_default=True, type=FiniteRange(0.1), help="With --watch: seconds.")
@json_option
@click.pass_obj
def anchor(
    workspace: Workspace, channels: tuple[str, ...], watch: bool, every_count: int, every_s: float, as_json: bool
) -> None:
    """Anchor what is spooled: put each channel's Merkle root on the chain.

    The acting operator (--keystore or --dev-account) needs the gateway role. Heads that were computed but not
    published before, for example because the chain was away, go first.
    """
    from chromatrace.exchange.proven import channel_id

    anchorer = workspace.anchorer(every_count=every_count, every_s=every_s)
    if watch:
        stop = told_to_end()
        err.print("anchoring; Ctrl-C ends it")
        anchorer.run(stop)
        return
    organisation = workspace.chain.read(reads.operator(workspace.chain.sender)).organisation
    heads = []
    for channel in channels or workspace.spool.names():
        anchorer.extend(channel)
        head = anchorer.anchor(channel)
        if head is not None:
            found = channel_id(organisation, head.channel)
            heads.append({"channel": head.channel, "id": found, "size": head.size, "root": head.root})
    emit(as_json, {"anchored": heads})
