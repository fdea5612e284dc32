"""`chromatrace route`: designed routes, their stations, traces and proofs."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from chromatrace.cli.options import parse_batch, parse_bytes32, parse_pair
from chromatrace.cli.output import emit, json_option
from chromatrace.cli.route_station import key_id_of, station
from chromatrace.domain.errors import Conflict, InvalidInput, NotFound
from chromatrace.domain.identifiers import RouteId
from chromatrace.domain.rights import RouteKind
from chromatrace.number_types import WholeRange
from chromatrace.services.workspace import Workspace
from chromatrace.storage.files import deliver

if TYPE_CHECKING:
    from chromatrace.crypto.route import Component, RouteDesign, RouteStation, RouteTrace
    from chromatrace.services.routes import StepDigest

T = TypeVar("T")

DESIGN = click.argument("design_path", metavar="DESIGN", type=click.Path(path_type=Path, dir_okay=False))
TRACE = click.argument("trace_path", metavar="TRACE", type=click.Path(path_type=Path, dir_okay=False))
out_option = click.option(
    "--out", type=click.Path(path_type=Path, dir_okay=False), required=True, help="Design file to write."
)


@click.group()
def route() -> None:
    """Design routes; sign and prove that a product followed one.

    Each station signs its step. The signatures aggregate to one of 48 bytes, which the chain or anyone offline can
    verify: the product passed all stations in the designed order.

    \b
    Example: two stations, a route, a lot that follows it, and the proof
      chromatrace route station create 201
      chromatrace route station register 201
      chromatrace route station create 202
      chromatrace route station register 202
      chromatrace route design pane --step sputtering=201 --step inspection=202 --out pane.json
      chromatrace route sign pane.json lot7.json --station 201 --batch 09521234543213/LOT7 --log sputtering-line
      chromatrace route sign pane.json lot7.json --station 202 --digest 0x…
      chromatrace route prove pane.json lot7.json
      chromatrace route explain pane.json lot7.json --chain
    """


route.add_command(station)


@route.command()
@click.argument("name")
@click.option(
    "--step",
    "steps",
    multiple=True,
    required=True,
    metavar="PROCESS=STATION",
    help="A step, in order: the name of its process, and the station by name or key id 0x….",
)
@click.option("--assembly", is_flag=True, help="Design a route that joins proven components into one product.")
@click.option("--requires-proof", is_flag=True, help="A batch with this route cannot be released without its proof.")
@out_option
@json_option
@click.pass_obj
def design(
    workspace: Workspace,
    name: str,
    steps: tuple[str, ...],
    assembly: bool,
    requires_proof: bool,
    out: Path,
    as_json: bool,
) -> None:
    """Design the route NAME on the chain and write its design file. Requires the role producer or admin.

    A design is immutable. Designing the same name again creates its next version.
    """
    from chromatrace.cli.route_report import design_facts
    from chromatrace.services import routes

    if out.exists():
        raise Conflict(f"{out} already exists", field="out", hint="choose another file")
    parsed = []
    for number, step in enumerate(steps, 1):
        process, name_or_id = parse_pair(step, f"step {number}", "PROCESS=STATION")
        parsed.append((process, key_id_of(workspace, name_or_id)))
    kind = RouteKind.ASSEMBLY if assembly else RouteKind.PROCESSING
    designed, receipt = routes.design(workspace, name, parsed, kind, requires_proof=requires_proof)
    save_design(out, designed)
    emit(as_json, design_facts(designed) | {"tx": receipt.tx, "path": out})


@route.command()
@click.argument("route_id", metavar="ROUTE")
@out_option
@json_option
@click.pass_obj
def fetch(workspace: Workspace, route_id: str, out: Path, as_json: bool) -> None:
    """Write the design file of the route with the id ROUTE (0x…) on the chain.

    Fetch the design that you verify against from the chain, not from the party that proves the route.
    """
    from chromatrace.chain.routes import designed_route
    from chromatrace.cli.route_report import design_facts

    designed = designed_route(workspace.reader, RouteId(parse_bytes32(route_id, "route")))
    save_design(out, designed)
    emit(as_json, design_facts(designed) | {"path": out})


@route.command()
@DESIGN
@TRACE
@click.option("--station", "station_name", required=True, help="Name of the station that signs.")
@click.option(
    "--step", type=WholeRange(1), help="Number of the step to sign. Default: the next step, once for each station."
)
@click.option("--log", metavar="CHANNEL", help="Sign the head of all spooled readings of this channel.")
@click.option(
    "--log-of",
    type=WholeRange(1),
    help="With --log: number of the organisation that owns the channel. Default: the station's.",
)
@click.option("--digest", help="Sign this digest, 0x…: head or entry of a log, or SHA-256 of a document.")
@click.option("--channel", help="With --digest: id of the log's channel, 0x…. Default: no log.")
@click.option("--log-size", type=WholeRange(0), help="With --digest: number of entries under the head.")
@click.option("--completed-at", type=WholeRange(0), help="Completion time, Unix seconds. Default: now.")
@click.option("--ignore-times", is_flag=True, help="Sign even if a completion time is in the future or out of order.")
@click.option("--batch", help="Subject as GTIN/LOT; a later step checks it.")
@click.option("--unit", type=WholeRange(0), help="With --batch: number of a unit or component of the batch.")
@click.option("--subject", help="Id of the subject, 0x…; a later step checks it.")
@click.option(
    "--component",
    "components",
    multiple=True,
    metavar="ROUTE:SUBJECT",
    help="Component of an assembly; may be repeated. A later step checks them.",
)
@json_option
@click.pass_obj
def sign(
    workspace: Workspace, /, design_path: Path, trace_path: Path, station_name: str, as_json: bool, **options: Any
) -> None:
    """Sign the next step of TRACE as a station, after verifying the steps before it.

    The first step creates TRACE and names the subject. Later steps may name it again; another subject is rejected. The
    file is CBOR if its name ends in .cbor, JSON otherwise. A step is rejected if the previous signature is invalid, if
    it is another station's turn, if it is already signed, or if its time is in the future or before the previous step.

    A station signs once, also if the command is repeated. If the route has several steps of one station, --step N
    names each step after its first.

    --log binds the step to the readings taken until now: the size and root of the channel's Merkle log. The next
    `chromatrace log anchor` anchors this head, and `route explain --chain` checks it.
    """
    from chromatrace.crypto.route import begin
    from chromatrace.crypto.step import NO_CHANNEL
    from chromatrace.services.routes import check_turn, sign_step
    from chromatrace.storage.lock import ProcessLock

    designed = load_design(design_path)
    components = [_component(text) for text in options["components"]]
    with ProcessLock(trace_path.with_name(f".{trace_path.name}.lock")):
        if trace_path.exists():
            trace = load_trace(trace_path)
            _require_same_subject(trace, trace_path, options, components)
        else:
            trace = begin(designed, _subject(options), components)
        check_turn(workspace, designed, trace, station_name, options["step"])
        at = designed.station(min(len(trace.steps) + 1, len(designed)))
        completed_at = int(time.time()) if options["completed_at"] is None else options["completed_at"]
        digest = _step_digest(workspace, at, options)
        signed, record = sign_step(
            workspace, designed, trace, station_name, digest, completed_at, ignore_times=options["ignore_times"]
        )
        save_trace(trace_path, signed)
    last = signed.steps[-1]
    facts = {
        "step": record.step,
        "of": len(designed),
        "process": record.process,
        "subject": trace.subject,
        "channel": record.channel if record.channel != NO_CHANNEL else None,
        "log_size": record.log_size,
        "digest": record.digest,
        "message": last.message,
        "link": last.state.link,
        "aggregate": last.state.aggregate.data,
        "path": trace_path,
    }
    emit(as_json, facts)


def _require_same_subject(
    trace: RouteTrace, trace_path: Path, options: dict[str, Any], components: list[Component]
) -> None:
    """Raise `Conflict` if the options name another subject or other components than the trace."""
    if options["batch"] or options["subject"] or options["unit"] is not None:
        subject = _subject(options)
        if subject != trace.subject:
            raise Conflict(
                f"{trace_path} is about subject 0x{trace.subject.hex()}, not 0x{subject.hex()}",
                field="trace",
                hint="give the trace of this subject",
            )
    if components and tuple(components) != trace.components:
        raise Conflict(f"{trace_path} has other components", field="trace", hint="give the trace of this assembly")


def _step_digest(workspace: Workspace, at: RouteStation, options: dict[str, Any]) -> StepDigest:
    from chromatrace.crypto.step import NO_CHANNEL
    from chromatrace.services.routes import StepDigest, head_digest

    log, digest, channel, size = (options[name] for name in ("log", "digest", "channel", "log_size"))
    if (log is None) == (digest is None):
        raise InvalidInput("expected either --log or --digest", field="log", hint="give --log CHANNEL or --digest 0x…")
    if log is None:
        if options["log_of"] is not None:
            raise InvalidInput("--log-of requires --log", field="log-of", hint="with --digest, use --channel 0x…")
        channel_id = NO_CHANNEL if channel is None else parse_bytes32(channel, "channel")
        return StepDigest(channel_id, size or 0, parse_bytes32(digest, "digest"))
    if channel is not None or size is not None:
        raise InvalidInput("--log cannot be combined with --channel or --log-size", field="log")
    return head_digest(workspace, log, options["log_of"] or at.organisation)


def _subject(options: dict[str, Any]) -> bytes:
    from chromatrace.crypto.route import subject_of

    if (options["batch"] is None) == (options["subject"] is None):
        raise InvalidInput(
            "expected either --batch or --subject",
            field="batch",
            hint="give --batch GTIN/LOT or --subject 0x…",
        )
    if options["subject"] is not None:
        return parse_bytes32(options["subject"], "subject")
    batch = parse_batch(options["batch"]).batch_id
    return batch if options["unit"] is None else subject_of(batch, options["unit"])


def _component(text: str) -> Component:
    from chromatrace.crypto.route import Component

    route_id, separator, subject = text.partition(":")
    if not separator:
        raise InvalidInput(f"expected ROUTE:SUBJECT, got {text!r}", field="component")
    return Component(RouteId(parse_bytes32(route_id, "component")), parse_bytes32(subject, "component"))


@route.command()
@DESIGN
@TRACE
@click.option(
    "--part",
    "parts",
    multiple=True,
    type=(click.Path(path_type=Path, dir_okay=False), click.Path(path_type=Path, dir_okay=False)),
    metavar="DESIGN TRACE",
    help="Component of an assembly, in the assembly's order; may be repeated. Each is verified too.",
)
@click.option("--without-parts", is_flag=True, help="Verify an assembly's own steps only, not its components.")
@json_option
def verify(
    design_path: Path, trace_path: Path, parts: tuple[tuple[Path, Path], ...], without_parts: bool, as_json: bool
) -> None:
    """Verify offline that TRACE proves DESIGN: every station signed, in order. Exit status 1 if it does not.

    The report lists what is not checked. An assembly requires --part for each component, or --without-parts.
    """
    from chromatrace.cli.route_report import absent_records, not_checked, print_verdict
    from chromatrace.crypto.route import verify_assembly, verify_trace

    designed, trace = load_design(design_path), load_trace(trace_path)
    loaded = [(load_design(part_design), load_trace(part_trace)) for part_design, part_trace in parts]
    if loaded:
        if without_parts:
            raise InvalidInput("--part and --without-parts are mutually exclusive", field="part")
        verify_assembly(designed, trace, loaded)
    else:
        verify_trace(designed, trace)
        if trace.components and not without_parts:
            raise InvalidInput(
                f"the {len(designed)} steps are valid, but the {len(trace.components)} components were not checked",
                field="part",
                hint="give --part DESIGN TRACE for each component, in order, or --without-parts",
            )
    state = trace.state
    unchecked = not_checked(trace, [part_trace for _, part_trace in loaded])
    facts = {
        "proven": True,
        "route": designed.route,
        "subject": trace.subject,
        "aggregate": state.aggregate.data if state else b"",
        "components": len(trace.components),
        "components_checked": len(loaded),
        "records_absent": absent_records(trace),
        "not_checked": unchecked,
    }
    emit(as_json, facts, lambda: print_verdict(designed, unchecked, len(loaded)))


@route.command()
@DESIGN
@TRACE
@click.option(
    "--chain/--no-chain", "with_chain", default=False, help="Also compare design, heads and proofs with the chain."
)
@json_option
@click.pass_obj
def explain(workspace: Workspace, design_path: Path, trace_path: Path, with_chain: bool, as_json: bool) -> None:
    """Verify TRACE step by step and name the first invalid step. Exit status 1 if there is one.

    With --chain, also show whether the log heads are anchored, whether the design is the one on the chain, whether a
    station's key is revoked, and whether the route and its components are proven there. Exit status 1 also if a root on
    the chain differs, a component is not proven, or a key is revoked and the route is not proven.
    """
    from chromatrace.cli.route_report import explanation_facts, print_explanation
    from chromatrace.crypto.route import explain as explain_trace
    from chromatrace.services.routes import compare_with_chain

    designed, trace = load_design(design_path), load_trace(trace_path)
    explanation = explain_trace(designed, trace)
    on_chain = compare_with_chain(workspace.reader, designed, trace) if with_chain else None
    emit(
        as_json,
        explanation_facts(designed, trace, explanation, on_chain),
        lambda: print_explanation(designed, trace, explanation, on_chain),
    )
    if not explanation.proven or (on_chain is not None and on_chain.faults):
        raise SystemExit(1)


@route.command()
@DESIGN
@click.argument("trace_paths", metavar="TRACE…", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option(
    "--record-unverified",
    is_flag=True,
    help="On a chain without EIP-2537: record the signature unverified. It does not count as a proof.",
)
@json_option
@click.pass_obj
def prove(
    workspace: Workspace,
    design_path: Path,
    trace_paths: tuple[Path, ...],
    record_unverified: bool,
    as_json: bool,
) -> None:
    """Prove each TRACE on the chain, several per transaction. Requires the role producer, gateway or admin.

    Each trace is verified offline first, so an error names the invalid step.
    """
    from chromatrace.services.routes import prove_traces

    designed = load_design(design_path)
    traces = [load_trace(path) for path in trace_paths]
    receipts = prove_traces(workspace.chain, designed, traces, record_unverified=record_unverified)
    facts = {
        "proven": not record_unverified,
        "route": designed.route,
        "subjects": [trace.subject for trace in traces],
        "txs": [receipt.tx for receipt in receipts],
        "gas_used": sum(receipt.gas_used or 0 for receipt in receipts),
    }
    emit(as_json, facts)


def load_design(path: Path) -> RouteDesign:
    """Return the design in a file; errors name the file."""
    from chromatrace.crypto.route.files import read_design

    return _load(path, "design", read_design)


def load_trace(path: Path) -> RouteTrace:
    """Return the trace in a file; errors name the file."""
    from chromatrace.crypto.route.files import read_trace

    return _load(path, "trace", read_trace)


def save_design(path: Path, designed: RouteDesign) -> None:
    """Write a design, as CBOR if the name ends in .cbor, as JSON otherwise."""
    from chromatrace.crypto.route.files import design_to_cbor, design_to_json

    _save(path, (design_to_cbor if path.suffix == ".cbor" else design_to_json)(designed))


def save_trace(path: Path, trace: RouteTrace) -> None:
    """Write a trace, as CBOR if the name ends in .cbor, as JSON otherwise."""
    from chromatrace.crypto.route.files import trace_to_cbor, trace_to_json

    _save(path, (trace_to_cbor if path.suffix == ".cbor" else trace_to_json)(trace))


def _load(path: Path, kind: str, read: Callable[[bytes], T]) -> T:
    from chromatrace.crypto.errors import StateFileError

    try:
        return read(path.read_bytes())
    except FileNotFoundError as error:
        raise NotFound(f"{kind} file {path} does not exist", field=kind) from error
    except StateFileError as error:
        raise StateFileError(f"{path}: {error.message}", field=error.field, hint=error.hint) from error


def _save(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    deliver(path, [data])
