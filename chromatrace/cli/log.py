"""`chromatrace log`: the logs of readings, on the chain and against it."""

from __future__ import annotations

from pathlib import Path
from typing import TypeVar

import click
import orjson

from chromatrace.cli.interrupts import stop_event
from chromatrace.cli.options import read_json
from chromatrace.cli.output import emit, err, json_option, print_line, progress
from chromatrace.domain.errors import InvalidInput
from chromatrace.domain.identifiers import OrganisationId
from chromatrace.number_types import FiniteRange, WholeRange
from chromatrace.services.workspace import Workspace
from chromatrace.storage.files import deliver

T = TypeVar("T")


@click.group()
def log() -> None:
    """Anchor the logs of readings on the chain and verify readings.

    Each channel of the spool is an append-only Merkle log (RFC 9162). Anchoring records its size and root on the
    chain; every reading can then be proven against the root.

    \b
    Example: anchor a channel on a development chain, then check every reading of it
      chromatrace --dev-account 2 log anchor --channel tep
      chromatrace log verify --channel tep --all
    """


@log.command()
@click.option("--channel", "channels", multiple=True, help="Anchor this channel only; may be repeated. Default: all.")
@click.option("--watch", is_flag=True, help="Keep running; anchor by count and by time.")
@click.option(
    "--every-count",
    default=10_000,
    show_default=True,
    type=WholeRange(1),
    help="With --watch: anchor after this number of readings.",
)
@click.option(
    "--every-s",
    default=60.0,
    show_default=True,
    type=FiniteRange(0.1),
    help="With --watch: anchor after this number of seconds.",
)
@json_option
@click.pass_obj
def anchor(
    workspace: Workspace, channels: tuple[str, ...], watch: bool, every_count: int, every_s: float, as_json: bool
) -> None:
    """Anchor the spooled readings: record the Merkle root of each channel on the chain.

    The signer (--keystore or --dev-account) needs the role gateway. Roots that an earlier run computed but could not
    publish are published first.
    """
    from chromatrace.services.logs import anchor_channels

    anchorer = workspace.anchorer(every_count=every_count, every_s=every_s)
    if watch:
        stop = stop_event()
        err().print("anchoring; press Ctrl-C to stop")
        anchorer.run(stop)
        return
    emit(as_json, {"anchored": anchor_channels(workspace, anchorer, channels or workspace.spool.names())})


@log.command()
@click.argument("channel")
@click.argument("name")
@json_option
@click.pass_obj
def succeed(workspace: Workspace, channel: str, name: str, as_json: bool) -> None:
    """Close CHANNEL of your organisation on the chain and continue its log in a new channel NAME.

    Use this after a gateway anchored a wrong head. The next `log anchor` anchors the whole log in the new channel; the
    data folder is unchanged. Requires your administrator's key.
    """
    from chromatrace.services.logs import succeed_channel

    emit(as_json, succeed_channel(workspace, channel, name))


@log.command()
@json_option
@click.pass_obj
def status(workspace: Workspace, as_json: bool) -> None:
    """Show how many readings of each channel are spooled and anchored."""
    from chromatrace.services.logs import channel_sizes

    channels = channel_sizes(workspace)

    def human() -> None:
        for name, sizes in channels.items():
            print_line(f"{name:<32} {sizes['spooled']:>12,} spooled  {sizes['anchored']:>12,} anchored")
        if not channels:
            print_line("no readings; store some with `chromatrace ingest`")

    emit(as_json, {"channels": channels}, human)


@log.command()
@click.option("--channel", help="Channel of the reading in the spool.")
@click.option("--source", help="Source of the reading.")
@click.option("--tag", help="Tag of the reading.")
@click.option("--time-ns", type=WholeRange(0), help="Source time of the reading, in Unix nanoseconds.")
@click.option("--all", "everything", is_flag=True, help="Verify every reading of --channel.")
@click.option(
    "--proof", type=click.Path(path_type=Path, exists=True, dir_okay=False), help="Verify the reading in a proof file."
)
@click.option("--write", type=click.Path(path_type=Path, dir_okay=False), help="Write the proof to this file.")
@click.option(
    "--organisation",
    type=WholeRange(1, 2**32 - 1),
    help="Number of the owning organisation; required if several have a channel of this name.",
)
@json_option
@click.pass_obj
def verify(
    workspace: Workspace,
    channel: str | None,
    source: str | None,
    tag: str | None,
    time_ns: int | None,
    everything: bool,
    proof: Path | None,
    write: Path | None,
    organisation: int | None,
    as_json: bool,
) -> None:
    """Verify readings against the roots on the chain.

    The reading comes from the spool (--channel --source --tag --time-ns) or from a proof file (--proof). With --all,
    the roots are computed from every reading of the channel in the spool. The anchors come from the node at --rpc-url,
    not from the index: use a node that you trust. Exit status 1 if a check fails or a reading is not anchored yet.
    """
    from chromatrace.services.reading_proofs import check_channel, check_reading

    owner = None if organisation is None else OrganisationId(organisation)
    if everything:
        name = _required(channel, "channel")
        with progress(f"hashing {name}", total=workspace.spool.size(name), hidden=as_json) as show:
            facts = check_channel(workspace, name, owner, show)
        emit(as_json, facts)
        if not facts["verified"]:
            waiting = facts["readings"] - facts["under_a_root_on_the_chain"]
            click.echo(f"{waiting:,} readings are not anchored yet; run `chromatrace log anchor`", err=True)
            raise SystemExit(1)
        return
    if proof is not None:
        from chromatrace.anchor import ReadingProof

        reading_proof = ReadingProof.from_dict(read_json(proof, "proof"))
    else:
        reading_proof = workspace.proofs.prove(
            _required(channel, "channel"),
            _required(source, "source"),
            _required(tag, "tag"),
            _required(time_ns, "time_ns"),
        )
    facts = check_reading(workspace, reading_proof, owner)
    if write is not None:
        deliver(write, [orjson.dumps(reading_proof.as_dict(), option=orjson.OPT_INDENT_2), b"\n"])
    emit(as_json, facts)


def _required(value: T | None, name: str) -> T:
    if value is None:
        raise InvalidInput("this option is required", field=name, hint="see `chromatrace log verify --help`")
    return value
