"""`chromatrace twin`: the digital twin of a plant."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import Any

import click

from chromatrace.cli.equipment import equipment
from chromatrace.cli.interrupts import stop_event
from chromatrace.cli.output import emit, err, format_time, json_option, print_line
from chromatrace.cli.program import program
from chromatrace.cli.twin_models import approve, monitor, score, train
from chromatrace.number_types import FiniteRange, WholeRange
from chromatrace.services.workspace import Workspace

_STATES = ("unacknowledged", "acknowledged", "returned", "shelved", "suppressed", "normal")
_PROPOSAL_STATES = ("open", "confirmed", "executing", "done", "not-confirmed", "failed", "rejected", "expired")
_PRIORITIES = ("critical", "high", "medium", "low")
_KINDS = ("limit", "chart", "stale", "fault", "event", "flood", "silent")

plant_argument = click.argument("plant", required=False)


@click.group()
def twin() -> None:
    """Mirror the plant: state, alarms, forecasts, proposals.

    PLANT is a plant file or the name of a shipped plant; the default is the setting plant. The twin reads only the
    logs in the spool, and names the log size behind everything that it stores.

    \b
    Example: follow the logs, show the machines, acknowledge an alarm
      chromatrace twin run plant.toml
      chromatrace twin status plant.toml
      chromatrace --dev-account 2 twin acknowledge 17 --note "gauge replaced"

    \b
    Example: hold the batch that proposal 3 is about
      chromatrace twin proposals
      chromatrace --dev-account 2 twin confirm 3 plant.toml

    \b
    Example: train control charts on recorded files of normal operation, and evaluate them on a run
      chromatrace twin train normal.dat --columns "XMEAS(1..41),XMV(1..11)" --limits more.dat -o model.json
      chromatrace twin monitor run.dat --columns "XMEAS(1..41),XMV(1..11)" --model model.json
    """


twin.add_command(equipment)
twin.add_command(program)
twin.add_command(train)
twin.add_command(monitor)
twin.add_command(score)
twin.add_command(approve)


@twin.command()
@plant_argument
@click.option(
    "--poll-s",
    default=0.2,
    show_default=True,
    type=FiniteRange(0.01, 60),
    help="Seconds between two looks at the spool.",
)
@click.pass_obj
def run(workspace: Workspace, plant: str | None, poll_s: float) -> None:
    """Follow the logs of PLANT: keep its state, alarms and forecasts up to date, and carry out confirmed actions.

    One process follows the logs for a database. It can be killed at any time; the next one continues at the log size
    that it stored last. With a signer, it records every action on the chain.
    """
    from chromatrace.services import twin as service

    with ExitStack() as stack:
        mirrored = service.load_twin_plant(workspace, plant)
        store = service.open_store(workspace, stack)
        stop = stop_event()
        err().print(f"following the logs of {mirrored.name}; press Ctrl-C to stop")
        service.follow(workspace, store, mirrored, stop, poll_s)


@twin.command()
@plant_argument
@click.option("--machine", help="Show this machine only.")
@click.option(
    "--hours",
    default=8,
    show_default=True,
    type=WholeRange(1, 192),
    help="Hours of the overall equipment effectiveness, which begin at a full hour.",
)
@json_option
@click.pass_obj
def status(workspace: Workspace, plant: str | None, machine: str | None, hours: int, as_json: bool) -> None:
    """Show each machine of PLANT: state, batch, values with their age, alarms, effectiveness."""
    from chromatrace.services import twin as service

    with ExitStack() as stack:
        plan = service.twin_plan(workspace, plant)
        reader = service.open_reader(workspace, service.open_store(workspace, stack), plan)
        view = reader.plant(hours=hours)
    machines = [view.machine(machine)] if machine is not None else list(view.machines)

    def human() -> None:
        for shown in machines:
            _print_machine(shown)
        if not machines:
            print_line(f"{view.plant} has no [[machines]]")
        if view.unassigned and machine is None:
            print_line(f"{len(view.unassigned)} tags belong to no machine")

    facts: dict[str, Any] = {
        "plant": view.plant,
        "log_sizes": view.log_sizes,
        "flood": view.flood,
        "machines": [_machine_facts(shown) for shown in machines],
    }
    if machine is None:
        facts["unassigned"] = list(view.unassigned)
    emit(as_json, facts, human)


def _machine_facts(machine: Any) -> dict[str, Any]:
    facts = {name: getattr(machine, name) for name in machine.__dataclass_fields__}
    figures = facts["effectiveness"]
    facts["effectiveness"] = {name: getattr(figures, name) for name in (*figures.__dataclass_fields__, "oee")}
    return facts


def _print_machine(machine: Any) -> None:
    batch = f"  batch {machine.batch.batch}" if machine.batch else ""
    step = f"  step {machine.step}" if machine.step else ""
    size = f"  log {machine.channel} at {machine.log_size:,}" if machine.channel else "  no readings"
    print_line(f"{machine.name}  {machine.status}{batch}{step}{size}")
    figures = machine.effectiveness
    factors = {
        "availability": figures.availability,
        "performance": figures.performance,
        "quality": figures.quality,
        "OEE": figures.oee,
    }
    print_line("  " + "  ".join(f"{name} {_percent(value)}" for name, value in factors.items()))
    for alarm in machine.alarms:
        print_line(f"  {alarm.priority} alarm {alarm.id} ({alarm.state}): {alarm.message}")
    for value in machine.values:
        stale = "  stale" if value.stale else ""
        print_line(f"  {value.tag:<32} {value.value!s:>16} {value.unit:<8} {value.age_s:>10.1f} s old{stale}")


def _percent(value: float | None) -> str:
    return "-" if value is None else f"{100 * value:.1f} %"


@twin.command()
@plant_argument
@json_option
@click.pass_obj
def rebuild(workspace: Workspace, plant: str | None, as_json: bool) -> None:
    """Compute the state of PLANT from the beginning of the logs, and compare it with the stored state.

    Exit status 1 if the two differ. Nothing is stored.
    """
    from chromatrace.services import twin as service

    with ExitStack() as stack:
        plan = service.twin_plan(workspace, plant)
        report = service.rebuild(workspace, service.open_store(workspace, stack), plan)
    facts = {
        "log_sizes": report.log_sizes,
        "digest": report.digest,
        "stored_digest": report.stored_digest,
        "identical": report.identical,
    }
    emit(as_json, facts)
    if not report.identical:
        raise SystemExit(1)


@twin.command()
@click.option(
    "--state",
    "states",
    multiple=True,
    type=click.Choice(_STATES),
    help="Show alarms in this state; may be repeated. Default: all but normal.",
)
@click.option("--all", "everything", is_flag=True, help="Show alarms in every state.")
@click.option("--priority", type=click.Choice(_PRIORITIES), help="Lowest priority to show.")
@click.option("--kind", type=click.Choice(_KINDS), help="Show alarms of this kind only.")
@click.option("--machine", help="Show alarms of this machine only.")
@click.option("--tag", help="Show alarms of this tag only.")
@click.option("--batch", help="Show alarms raised while this batch was at the machine.")
@click.option("--from", "from_", metavar="TIME", help="Earliest time of the alarm (RFC 3339).")
@click.option("--to", metavar="TIME", help="Latest time of the alarm (RFC 3339).")
@click.option("--limit", default=200, show_default=True, type=WholeRange(1, 100_000), help="Maximum number of alarms.")
@click.option(
    "--csv",
    "table",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Write all alarms that match to this file, oldest first.",
)
@json_option
@click.pass_obj
def alarms(workspace: Workspace, /, *, limit: int, table: Path | None, as_json: bool, **wanted: Any) -> None:
    """List alarms: the highest priority first, then the newest."""
    from chromatrace.services import twin as service
    from chromatrace.storage.files import deliver
    from chromatrace.twin.store.alarms import alarms as list_alarms
    from chromatrace.twin.store.alarms import every_alarm

    selected = _filter(**wanted)
    with ExitStack() as stack:
        store = service.open_store(workspace, stack)
        if table is not None:
            lines = service.alarms_csv(every_alarm(store, service.now_ns(), selected))
            deliver(table, (line.encode() for line in lines))
        views = list_alarms(store, service.now_ns(), selected, limit)

    def human() -> None:
        for view in views:
            raised = format_time(view.raised_ns // 10**9)
            by = f" by {view.acknowledged_by}" if view.acknowledged_by else ""
            print_line(f"{view.id:>6}  {view.priority:<8} {view.state}{by}  {raised}  {view.message}")
        if not views:
            print_line("no alarms")

    emit(as_json, {"alarms": views} | ({"csv": table} if table is not None else {}), human)


def _filter(states: tuple[str, ...], everything: bool, from_: str | None, to: str | None, **wanted: Any) -> Any:
    from chromatrace.ingest.times import parse_time
    from chromatrace.plant.alarm_settings import Priority
    from chromatrace.twin.store.alarms import OPEN_STATES, AlarmFilter, AlarmState

    chosen = tuple(AlarmState(state) for state in (_STATES if everything else states)) or OPEN_STATES
    priority = wanted.pop("priority")
    return AlarmFilter(
        chosen,
        Priority(priority) if priority is not None else None,
        from_ns=parse_time(from_, field="from") if from_ is not None else None,
        to_ns=parse_time(to, field="to") if to is not None else None,
        **wanted,
    )


@twin.command()
@click.argument("alarm_id", metavar="ALARM", type=WholeRange(1))
@json_option
@click.pass_obj
def alarm(workspace: Workspace, alarm_id: int, as_json: bool) -> None:
    """Show ALARM, the data behind it, and what people did."""
    from chromatrace.services import twin as service
    from chromatrace.twin.store.alarms import alarm as read_alarm

    with ExitStack() as stack:
        view, events = read_alarm(service.open_store(workspace, stack), alarm_id, service.now_ns())
    emit(as_json, {"alarm": view, "events": events})


@twin.command()
@click.argument("alarm_id", metavar="ALARM", type=WholeRange(1))
@click.option("--note", default="", help="Note, stored with the acknowledgement.")
@json_option
@click.pass_obj
def acknowledge(workspace: Workspace, alarm_id: int, note: str, as_json: bool) -> None:
    """Acknowledge ALARM as the signer.

    The signer needs the role supervisor, producer, gateway or inspector.
    """
    from chromatrace.services import twin as service
    from chromatrace.twin.store.alarms import acknowledge as store_acknowledgement

    service.require_alarm_role(workspace.chain, workspace.chain.sender)
    with ExitStack() as stack:
        store = service.open_store(workspace, stack)
        view = store_acknowledgement(store, alarm_id, workspace.chain.sender, service.now_ns(), note)
    emit(as_json, {"alarm": view.id, "state": view.state.value, "by": view.acknowledged_by})


@twin.command()
@click.argument("alarm_id", metavar="ALARM", type=WholeRange(1))
@click.option("--minutes", required=True, type=FiniteRange(0.1, 1440), help="Time on the shelf, at most 24 hours.")
@click.option("--reason", required=True, help="Reason, stored with the alarm.")
@json_option
@click.pass_obj
def shelve(workspace: Workspace, alarm_id: int, minutes: float, reason: str, as_json: bool) -> None:
    """Shelve the condition of ALARM as the signer: its alarms are recorded and not announced.

    The signer needs the role supervisor, producer, gateway or inspector.
    """
    from chromatrace.services import twin as service
    from chromatrace.twin.store.alarms import shelve as store_shelf

    service.require_alarm_role(workspace.chain, workspace.chain.sender)
    now = service.now_ns()
    with ExitStack() as stack:
        store = service.open_store(workspace, stack)
        until = now + round(minutes * 60e9)
        view = store_shelf(store, alarm_id, workspace.chain.sender, now, until, reason)
    emit(as_json, {"alarm": view.id, "state": view.state.value, "until": format_time(until // 10**9)})


@twin.command()
@click.argument("alarm_id", metavar="ALARM", type=WholeRange(1))
@json_option
@click.pass_obj
def unshelve(workspace: Workspace, alarm_id: int, as_json: bool) -> None:
    """Take the condition of ALARM off the shelf as the signer."""
    from chromatrace.services import twin as service
    from chromatrace.twin.store.alarms import unshelve as remove_shelf

    service.require_alarm_role(workspace.chain, workspace.chain.sender)
    with ExitStack() as stack:
        store = service.open_store(workspace, stack)
        view = remove_shelf(store, alarm_id, workspace.chain.sender, service.now_ns())
    emit(as_json, {"alarm": view.id, "state": view.state.value})


@twin.command()
@click.argument("model_file", metavar="MODEL", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option("--name", required=True, help="Name of the model in alarms. The active model of this name is replaced.")
@click.option("--channel", required=True, help="Channel of the readings to monitor.")
@click.option("--sample-s", required=True, type=FiniteRange(0.001, 86_400), help="Seconds of one row of the model.")
@click.option(
    "--run-length",
    type=WholeRange(1, 1000),
    default=6,
    show_default=True,
    help="Consecutive rows above a limit that raise an alarm.",
)
@json_option
@click.pass_obj
def activate(
    workspace: Workspace,
    model_file: Path,
    name: str,
    channel: str,
    sample_s: float,
    run_length: int,
    as_json: bool,
) -> None:
    """Let the approved model in the file MODEL monitor the log, as the signer.

    `twin run` takes it up at the present log size. The signer needs the role supervisor, producer, gateway or
    inspector.
    """
    from chromatrace.services import twin as service
    from chromatrace.twin.charts import Model
    from chromatrace.twin.store.live_models import activate as store_model

    service.require_alarm_role(workspace.chain, workspace.chain.sender)
    model = Model.from_bytes(model_file.read_bytes())
    with ExitStack() as stack:
        store = service.open_store(workspace, stack)
        sender = workspace.chain.sender
        view = store_model(store, model, name, channel, sample_s, run_length, sender, service.now_ns())
    emit(as_json, {"model": view})


@twin.command()
@json_option
@click.pass_obj
def models(workspace: Workspace, as_json: bool) -> None:
    """List the models of several tags that were activated, the newest first."""
    from chromatrace.services import twin as service
    from chromatrace.twin.store.live_models import active_models

    with ExitStack() as stack:
        views = active_models(service.open_store(workspace, stack))

    def human() -> None:
        for view in views:
            start = "-" if view.log_size is None else f"{view.log_size:,}"
            end = "" if view.end_log_size is None else f" to {view.end_log_size:,}"
            print_line(f"{view.name}  {view.method}, {view.tags} tags  {view.channel} from log size {start}{end}")
        if not views:
            print_line("no models")

    emit(as_json, {"models": views}, human)


@twin.command()
@click.option("--tag", help="Show forecasts of this tag only.")
@click.option("--machine", help="Show forecasts of this machine only.")
@click.option("--step", type=WholeRange(1), help="Show forecasts of this number of readings ahead only.")
@click.option("--latest", is_flag=True, help="Show only the newest forecast of each tag and step.")
@click.option("--limit", default=200, show_default=True, type=WholeRange(1, 100_000), help="Maximum number.")
@json_option
@click.pass_obj
def forecasts(
    workspace: Workspace,
    tag: str | None,
    machine: str | None,
    step: int | None,
    latest: bool,
    limit: int,
    as_json: bool,
) -> None:
    """List stored forecasts, the newest first, with their outcome. `twin score --stored` scores them."""
    from chromatrace.services import twin as service
    from chromatrace.twin.store.forecasts import forecasts as list_forecasts

    with ExitStack() as stack:
        store = service.open_store(workspace, stack)
        views = list_forecasts(store, tag=tag, machine=machine, step=step, latest=latest, limit=limit)

    def human() -> None:
        for view in views:
            expected = "-" if view.expected_steps is None else f"{view.expected_steps:.0f}"
            shares = "  ".join(f"{100 * share:5.1f} %" for share in view.model)
            outcome = view.outcome or "not known"
            print_line(f"{view.tag:<32} {view.step:>4} ahead  {shares}  out of control in {expected}  then: {outcome}")
        if not views:
            print_line("no forecasts")

    emit(as_json, {"forecasts": views}, human)


@twin.command()
@click.option(
    "--state",
    "states",
    multiple=True,
    type=click.Choice(_PROPOSAL_STATES),
    help="Show proposals in this state; may be repeated. Default: all.",
)
@click.option("--limit", default=200, show_default=True, type=WholeRange(1, 100_000), help="Maximum number.")
@json_option
@click.pass_obj
def proposals(workspace: Workspace, states: tuple[str, ...], limit: int, as_json: bool) -> None:
    """List proposed actions, the newest first, with the alarm or forecast behind each."""
    from chromatrace.services import twin as service
    from chromatrace.twin.store.proposals import ProposalState
    from chromatrace.twin.store.proposals import proposals as list_proposals

    with ExitStack() as stack:
        store = service.open_store(workspace, stack)
        chosen = tuple(ProposalState(state) for state in states or _PROPOSAL_STATES)
        views = list_proposals(store, service.now_ns(), chosen, limit)

    def human() -> None:
        for view in views:
            about = view.batch if view.action in ("hold", "inspect") else view.machine
            by = f" by {view.decided_by}" if view.decided_by else ""
            print_line(f"{view.id:>6}  {view.state}{by}  {view.action} {about}  {view.reason}")
        if not views:
            print_line("no proposals")

    emit(as_json, {"proposals": views}, human)


@twin.command()
@click.argument("proposal_id", metavar="PROPOSAL", type=WholeRange(1))
@plant_argument
@click.option("--value", type=FiniteRange(), help="Set point to write instead, within the limits of the rule.")
@json_option
@click.pass_obj
def confirm(workspace: Workspace, proposal_id: int, plant: str | None, value: float | None, as_json: bool) -> None:
    """Confirm PROPOSAL as the signer, who needs the role that its rule states.

    A hold is sent to the chain at once. A machine is written to by `twin run` or `twin act`. If a hold was interrupted,
    run the command again: it is sent once.
    """
    from chromatrace.services import twin as service
    from chromatrace.services.proposals import confirm_proposal

    chain = workspace.chain
    plan = service.twin_plan(workspace, plant)
    with ExitStack() as stack:
        store = service.open_store(workspace, stack)
        view = confirm_proposal(
            store,
            chain,
            plan,
            chain.sender,
            proposal_id,
            service.now_ns(),
            lambda call: chain.submit(call).tx,
            value=value,
        )
    emit(as_json, {"proposal": view.id, "state": view.state.value, "by": view.decided_by, "result": view.result})


@twin.command("reject")
@click.argument("proposal_id", metavar="PROPOSAL", type=WholeRange(1))
@plant_argument
@click.option("--reason", required=True, help="Reason, stored with the proposal.")
@json_option
@click.pass_obj
def reject_(workspace: Workspace, proposal_id: int, plant: str | None, reason: str, as_json: bool) -> None:
    """Reject PROPOSAL as the signer, who needs the role that its rule states."""
    from chromatrace.services import twin as service
    from chromatrace.services.proposals import reject_proposal

    chain, plan = workspace.chain, service.twin_plan(workspace, plant)
    with ExitStack() as stack:
        store = service.open_store(workspace, stack)
        view = reject_proposal(store, chain, plan, chain.sender, proposal_id, service.now_ns(), reason)
    emit(as_json, {"proposal": view.id, "state": view.state.value, "by": view.decided_by})


@twin.command()
@plant_argument
@json_option
@click.pass_obj
def act(workspace: Workspace, plant: str | None, as_json: bool) -> None:
    """Carry out the confirmed actions of PLANT once, if `twin run` is not running.

    Exit status 1 if a machine did not confirm an action. The action is not repeated.
    """
    from chromatrace.services import twin as service

    with ExitStack() as stack:
        mirrored = service.load_twin_plant(workspace, plant)
        ended = service.carry_out(workspace, service.open_store(workspace, stack), mirrored)

    def human() -> None:
        for view in ended:
            message = (view.result or {}).get("message") or ""
            print_line(f"{view.id:>6}  {view.state}  {view.action} {view.machine or view.batch}  {message}")
        if not ended:
            print_line("nothing to do")

    emit(as_json, {"actions": ended}, human)
    if any(view.state != "done" for view in ended):
        raise SystemExit(1)
