"""`chromatrace twin equipment`: use, maintenance and calibration."""

from __future__ import annotations

import time
from typing import Any

import click

from chromatrace.cli.output import emit, json_option, print_line
from chromatrace.number_types import WholeRange
from chromatrace.services.workspace import Workspace

_HOUR_NS = 3600 * 10**9

csv_option = click.option("--csv", "as_csv", is_flag=True, help="Print CSV.")


@click.group()
def equipment() -> None:
    """Show the use of machines, maintenance tasks and calibrations, from the logs.

    The setting plant selects the plant file, whose [[machines]], [[maintenance]] and [[instruments]] they are.

    \b
    Example: use of a shift, tasks that are due, a replaced target
      chromatrace --plant plant.toml twin equipment usage --hours 8
      chromatrace --plant plant.toml twin equipment maintenance
      chromatrace --plant plant.toml twin equipment done tungsten-target --by "A. Example"
    """


@equipment.command()
@click.argument("machines", nargs=-1)
@click.option("--from", "from_", metavar="TIME", help="Start of the period, ISO 8601 with offset.")
@click.option("--to", metavar="TIME", help="End of the period, ISO 8601 with offset. Default: now.")
@click.option(
    "--hours", default=24, show_default=True, type=WholeRange(1, 87_600), help="Length of the period without --from."
)
@click.option("--downtime", is_flag=True, help="With --csv: one row for each status and reason of a stop.")
@csv_option
@json_option
@click.pass_obj
def usage(
    workspace: Workspace,
    machines: tuple[str, ...],
    from_: str | None,
    to: str | None,
    hours: int,
    downtime: bool,
    as_csv: bool,
    as_json: bool,
) -> None:
    """Show utilisation, downtime by reason, runs and counts of MACHINES (default: all)."""
    from chromatrace.ingest.times import parse_time
    from chromatrace.services import equipment as service

    to_ns = time.time_ns() if to is None else parse_time(to, field="to")
    from_ns = to_ns - hours * _HOUR_NS if from_ is None else parse_time(from_, field="from")
    facts = [service.usage_facts(item) for item in service.usage(workspace, from_ns, to_ns, machines)]
    if as_csv:
        rows = facts
        if downtime:
            rows = [
                {"machine": item["machine"], "from": item["from"], "to": item["to"]} | stop
                for item in facts
                for stop in item["downtime"]
            ]
        columns = service.DOWNTIME_COLUMNS if downtime else service.USAGE_COLUMNS
        click.echo(service.to_csv(columns, rows), nl=False)
        return

    def human() -> None:
        for item in facts:
            share = "unknown" if item["utilisation"] is None else f"{item['utilisation']:.1%}"
            units = "" if item["units"] is None else f", {item['units']:,} units"
            print_line(f"{item['machine']}: utilisation {share}, {item['runs']} runs{units}")
            for stop in item["downtime"]:
                print_line(
                    f"  {stop['status']:<8} {stop['seconds'] / 60:>9,.1f} min  {stop['stops']:>4}×  {stop['reason']}"
                )

    emit(as_json, {"machines": facts}, human)


@equipment.command()
@csv_option
@json_option
@click.pass_obj
def maintenance(workspace: Workspace, as_csv: bool, as_json: bool) -> None:
    """Show every maintenance task: counter, limit, forecast. Exit status 1 if a task is due."""
    from chromatrace.services import equipment as service

    facts = [service.task_facts(status) for status in service.maintenance(workspace)]

    def human() -> None:
        for item in facts:
            counter = (
                "" if item["counter"] is None else f"{item['counter']:,.1f} of {item['limit']:,.1f} {item['unit']}"
            )
            due = f", due {item['due_at']}" if item["due_at"] else ""
            problem = f", {item['problem']}" if item["problem"] else ""
            print_line(f"{item['state']:<8} {item['name']}: {counter}{due}{problem}")

    if as_csv:
        click.echo(service.to_csv(service.TASK_COLUMNS, facts), nl=False)
    else:
        emit(as_json, {"tasks": facts}, human)
    if any(item["state"] == "due" for item in facts):
        raise SystemExit(1)


@equipment.command()
@click.argument("task")
@click.option("--by", required=True, help="Name of the person who did it.")
@click.option("--note", default="", help="Remark, such as the serial number of a new part.")
@click.option("--at", metavar="TIME", help="When it was done, ISO 8601 with offset. Default: now.")
@json_option
@click.pass_obj
def done(workspace: Workspace, task: str, by: str, note: str, at: str | None, as_json: bool) -> None:
    """Record that the maintenance TASK was done: its counter starts again."""
    from chromatrace.ingest.times import parse_time
    from chromatrace.services import equipment as service

    at_ns = None if at is None else parse_time(at, field="at")
    entry = service.mark_done(workspace, task, by, note, at_ns)
    emit(as_json, {"task": entry.task, "done_at": service.utc_text(entry.done_ns), "counter": entry.counter})


@equipment.command()
@json_option
@click.pass_obj
def history(workspace: Workspace, as_json: bool) -> None:
    """List the maintenance tasks that were done, with the counter that each ended."""
    from chromatrace.services import equipment as service

    facts: list[dict[str, Any]] = [
        {
            "task": item.task,
            "done_at": service.utc_text(item.done_ns),
            "done_by": item.done_by,
            "note": item.note,
            "counter": item.counter,
        }
        for item in service.done_tasks(workspace)
    ]
    emit(as_json, {"done": facts})


@equipment.command()
@csv_option
@json_option
@click.pass_obj
def calibration(workspace: Workspace, as_csv: bool, as_json: bool) -> None:
    """Show when each instrument must be calibrated. Exit status 1 if one has expired: it cannot give a verdict."""
    from chromatrace.services import equipment as service

    statuses = service.instrument_calibrations(workspace)
    facts = [
        {
            "id": status.id,
            "name": status.name,
            "due": None if status.due is None else status.due.isoformat(),
            "valid": status.valid,
            "days_left": status.days_left,
        }
        for status in statuses
    ]
    if as_csv:
        click.echo(service.to_csv(("id", "name", "due", "valid", "days_left"), facts), nl=False)
    else:
        emit(as_json, {"instruments": facts})
    if not all(status.valid for status in statuses):
        raise SystemExit(1)
