"""`chromatrace twin program`: programs of machines."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path

import click

from chromatrace.cli.interrupts import stop_event
from chromatrace.cli.output import emit, json_option, print_line, print_note, print_warning
from chromatrace.number_types import FiniteRange, WholeRange
from chromatrace.services.workspace import Workspace

version_option = click.option(
    "--version", type=WholeRange(1, 2**31), help="Version that must run. Default: the newest released one."
)


@click.group()
def program() -> None:
    """Release programs for machines (DNC), load and start them, and report their runs.

    The section [programs] of the plant file names the releasing department and the machines. A program is encrypted to
    the key of its machine; its digest and version are on the chain with the design and the order. Run `load`, `start`,
    `guard` and `report` at the machine's gateway, which holds its key.

    \b
    Example: release a program, load and start it
      chromatrace --plant plant.toml twin program release mill-1 bracket bracket.nc --version 1 --design D-7
      chromatrace --plant plant.toml twin program load mill-1 bracket
      chromatrace --plant plant.toml twin program start mill-1 bracket
    """


@program.command()
@click.argument("machine")
@click.argument("name")
@click.argument("path", required=False, type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option("--version", required=True, type=WholeRange(1, 2**31), help="Version; the next number after the newest.")
@click.option("--design", required=True, help="Design that the program makes.")
@click.option("--order", help="Order that the program is released for.")
@click.option(
    "--format",
    "format_",
    type=click.Choice(["gcode", "recipe", "other"]),
    default="gcode",
    show_default=True,
    help="Format of the program.",
)
@click.option("--withdraw", is_flag=True, help="Withdraw the program: no version of it may run. Takes no PATH.")
@json_option
@click.pass_obj
def release(
    workspace: Workspace,
    machine: str,
    name: str,
    path: Path | None,
    version: int,
    design: str,
    order: str | None,
    format_: str,
    withdraw: bool,
    as_json: bool,
) -> None:
    """Release the file PATH as the program NAME for MACHINE, encrypted to its key."""
    from chromatrace.domain.errors import InvalidInput
    from chromatrace.services.programs.releases import release_program

    if withdraw == (path is not None):
        raise InvalidInput("expected either a file or --withdraw", field="path")
    released, tx = release_program(workspace, machine, name, version, design, order, format_, path)
    facts = {"release": released.release_id, "digest": released.digest, "withdrawn": released.withdrawn, "tx": tx}
    emit(as_json, facts)


@program.command("list")
@click.argument("machine")
@json_option
@click.pass_obj
def list_(workspace: Workspace, machine: str, as_json: bool) -> None:
    """List the released programs of MACHINE. Needs its key, or the one of the releasing department."""
    from chromatrace.services.programs.releases import program_machine, program_plan, releases_of
    from chromatrace.services.records import open_records

    found = releases_of(open_records(workspace), program_machine(program_plan(workspace), machine))
    facts = [
        {
            "release": item.release.release_id,
            "program": item.release.program,
            "version": item.release.version,
            "design": item.release.design,
            "order": item.release.order,
            "digest": item.release.digest,
            "withdrawn": item.release.withdrawn,
            "block": item.entry.appended.block_number,
        }
        for item in found
    ]
    emit(as_json, {"releases": facts})


@program.command()
@click.argument("machine")
@click.argument("name")
@version_option
@json_option
@click.pass_obj
def load(workspace: Workspace, machine: str, name: str, version: int | None, as_json: bool) -> None:
    """Decrypt the program NAME, load it into MACHINE, read it back, and record the result on the chain."""
    from chromatrace.services.programs.gateway import open_gateway

    with ExitStack() as stack:
        released, load_id = open_gateway(workspace, machine, stack).load(name, version)
    emit(as_json, {"release": released.release_id, "digest": released.digest, "load": load_id})


@program.command()
@click.argument("machine")
@click.argument("name")
@version_option
@json_option
@click.pass_obj
def start(workspace: Workspace, machine: str, name: str, version: int | None, as_json: bool) -> None:
    """Start the program NAME on MACHINE, if the machine has exactly the released version."""
    from chromatrace.services.programs.gateway import open_gateway

    with ExitStack() as stack:
        released = open_gateway(workspace, machine, stack).start(name, version)
    emit(as_json, {"started": released.release_id})


@program.command()
@click.argument("machine")
@click.option("--once", is_flag=True, help="Check once. Exit status 1 if the machine was stopped.")
@click.option(
    "--every-s", default=5.0, show_default=True, type=FiniteRange(0.1, 3600), help="Seconds between two checks."
)
@json_option
@click.pass_obj
def guard(workspace: Workspace, machine: str, once: bool, every_s: float, as_json: bool) -> None:
    """Check the program in MACHINE until Ctrl-C. If it must not run, take it away and stop the machine."""
    from chromatrace.domain.errors import Unavailable
    from chromatrace.services.programs.gateway import open_gateway

    stop = stop_event()
    with ExitStack() as stack:
        gateway = open_gateway(workspace, machine, stack)
        if not once:
            print_note(f"guarding {machine}; press Ctrl-C to stop")
        while True:
            try:
                finding = gateway.check()
            except Unavailable as error:
                if once:
                    raise
                print_warning(f"{error}; trying again")
            else:
                allowed = finding.release.release_id if finding.release else None
                facts = {"program": finding.name, "release": allowed, "stopped": finding.stopped}
                if once:
                    emit(as_json, facts)
                    if finding.stopped:
                        raise SystemExit(1)
                elif finding.stopped:
                    print_line(f"{machine} had {finding.name!r}, which is not released: stopped")
            if once or stop.wait(every_s):
                return


@program.command()
@click.argument("machine")
@click.argument("load_id")
@click.option("--from", "from_", required=True, metavar="TIME", help="Start of the period, ISO 8601 with offset.")
@click.option("--to", required=True, metavar="TIME", help="End of the period, ISO 8601 with offset.")
@json_option
@click.pass_obj
def report(workspace: Workspace, machine: str, load_id: str, from_: str, to: str, as_json: bool) -> None:
    """Record runs, counts and downtime of MACHINE in a period from its readings; LOAD_ID is the program's load."""
    from chromatrace.ingest.times import parse_time
    from chromatrace.services.programs.gateway import open_gateway

    from_ns, to_ns = parse_time(from_, field="from"), parse_time(to, field="to")
    with ExitStack() as stack:
        emit(as_json, open_gateway(workspace, machine, stack).report(load_id, from_ns, to_ns))
