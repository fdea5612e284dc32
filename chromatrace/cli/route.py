"""`chromatrace route`: design a route, sign its steps, verify, explain and prove the signature."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from chromatrace.chain import calls
from chromatrace.cli.options import parse_batch, parse_bytes32
from chromatrace.cli.output import emit, json_option
from chromatrace.cli.route_files import load_design, load_trace, save_design, save_trace
from chromatrace.cli.station import key_id_of, open_station
from chromatrace.domain.errors import Conflict, InvalidInput
from chromatrace.domain.identifiers import RouteId
from chromatrace.domain.rights import RouteKind
from chromatrace.services.workspace import Workspace

if TYPE_CHECKING:
    from chromatrace.crypto.route import Component, RouteStation

DESIGN = click.argument("design_path", metavar="DESIGN", type=click.Path(path_type=Path, dir_okay=False))
TRACE = click.argument("trace_path", metavar="TRACE", type=click.Path(path_type=Path, dir_okay=False))


@click.group()
def route() -> None:
    """Prove that a product passed its stations in the designed order, by one signature of 48 bytes.

    \b
    chromatrace station keygen 201; chromatrace station register 201      (each station, once)
    chromatrace route design pane --step sputtering=201 --step inspection=202 --out pane.json
    chromatrace route sign pane.json lot7.json --station 201 --batch 09521234543213/LOT7 --log sputtering-line
    chromatrace route sign pane.json lot7.json --station 202 --digest 0x…
    chromatrace route prove pane.json lot7.json; chromatrace route explain pane.json lot7.json --chain
    """


@route.command()
@click.argument("name")
@click.option(
    "--step",
    "steps",
    multiple=True,
    required=True,
    metavar="PROCESS=STATION",
    help="A step, in order: the name of its process, and the station by name or by its key id 0x….",
)
@click.option("--assembly", is_flag=True, help="A route that joins proven components into one product.")
@click.option("--requires-proof", is_flag=True, help="A batch made by this route is not released without its proof.")
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), required=True, help="The design file to write.")
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
    """Design the route NAME on the chain and write its design file. Needs the role producer or admin.

    A design is immutable; designing the same name again makes its next version.
    """
    from chromatrace.chain.routes import designed_route, registered_key
    from chromatrace.cli.route_told import design_facts

    if out.exists():
        raise Conflict(f"{out} exists", field="out", hint="designs are kept; choose another file")
    processes, keys = [], []
    for number, step in enumerate(steps, 1):
        process, separator, station = step.partition("=")
        if not separator or not process or not station:
            raise InvalidInput(f"PROCESS=STATION is needed, got {step!r}", field=f"step {number}")
        processes.append(process)
        keys.append(registered_key(workspace.reader, key_id_of(workspace, station)).key_id)
    kind = RouteKind.ASSEMBLY if assembly else RouteKind.PROCESSING
    receipt = workspace.chain.submit(calls.design_route(name, kind, requires_proof, keys, processes))
    made = designed_route(workspace.reader, receipt.event("RouteDesigned").args["route"])
    save_design(out, made)
    emit(as_json, design_facts(made) | {"tx": receipt.tx, "path": out})


@route.command()
@click.argument("route_id", metavar="ROUTE")
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), required=True, help="The design file to write.")
@json_option
@click.pass_obj
def fetch(workspace: Workspace, route_id: str, out: Path, as_json: bool) -> None:
    """Write the design file of a route that is on the chain, by its id 0x….

    What a proof is held against comes from the chain: fetch a design yourself rather than take it from a prover.
    """
    from chromatrace.chain.routes import designed_route
    from chromatrace.cli.route_told import design_facts

    made = designed_route(workspace.reader, RouteId(parse_bytes32(route_id, "route")))
    save_design(out, made)
    emit(as_json, design_facts(made) | {"path": out})


@route.command()
@DESIGN
@TRACE
@click.option("--station", required=True, help="The station that signs, by name; its key lies in the data folder.")
@click.option("--log", metavar="CHANNEL", help="Done on all readings that the spool has of this channel by now.")
@click.option(
    "--log-of", type=click.IntRange(1), help="Whose channel: number of an organisation. Default: the station's."
)
@click.option("--digest", help="Instead of --log: head or leaf of a log, or SHA-256 of a document, 0x….")
@click.option("--channel", help="With --digest: id of the log's channel, 0x…. Default: it belongs to no log.")
@click.option("--log-size", type=click.IntRange(0), help="With --digest: entries under the head. Default: no head.")
@click.option("--completed-at", type=click.IntRange(0), help="Unix second. Default: now.")
@click.option("--batch", help="First step: the subject as GTIN/LOT.")
@click.option("--unit", type=click.IntRange(0), help="First step: one unit or component of the batch, by number.")
@click.option("--subject", help="First step: the subject by its id, 0x….")
@click.option("--component", "components", multiple=True, metavar="ROUTE:SUBJECT", help="First step of an assembly.")
@json_option
@click.pass_obj
def sign(workspace: Workspace, /, design_path: Path, trace_path: Path, as_json: bool, **options: Any) -> None:
    """Sign the next step of TRACE as a station, after checking what the station before handed over.

    TRACE is written by the first step, which names the subject; it becomes CBOR where its name ends in .cbor, JSON
    otherwise. A step is refused where the last signature does not hold or another station's turn has come.

    --log binds the step to the readings taken while it ran: size and root of the channel's Merkle log, of everything
    spooled by now, are recorded as a head, which the next `chromatrace anchor` puts on the chain; `route explain
    --chain` says whether it stands there.
    """
    from chromatrace.crypto.route import begin, sign_record
    from chromatrace.crypto.step import NO_CHANNEL, StepRecord

    made = load_design(design_path)
    if trace_path.exists():
        if options["batch"] or options["subject"] or options["components"] or options["unit"] is not None:
            raise Conflict(f"{trace_path} has its subject already", field="trace", hint="leave out the subject")
        trace = load_trace(trace_path)
    else:
        trace = begin(made, _subject(options), [_component(text) for text in options["components"]])
    step = len(trace.steps) + 1
    at, secret = made.station(min(step, len(made))), open_station(workspace, options["station"])
    completed_at = int(time.time()) if options["completed_at"] is None else options["completed_at"]
    record = StepRecord(
        made.route, trace.subject, step, at.process, *_done_on(workspace, at, options), completed_at=completed_at
    )
    signed = sign_record(made, trace, record, secret)
    save_trace(trace_path, signed)
    last = signed.steps[-1]
    facts = {
        "step": step,
        "of": len(made),
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


@route.command()
@DESIGN
@TRACE
@click.option(
    "--part",
    "parts",
    multiple=True,
    type=(click.Path(path_type=Path, dir_okay=False), click.Path(path_type=Path, dir_okay=False)),
    metavar="DESIGN TRACE",
    help="A component of an assembly, in the order that it names them; repeated. Each is checked too.",
)
@click.option("--without-parts", is_flag=True, help="Check an assembly's own steps only, its components by nobody.")
@json_option
def verify(
    design_path: Path, trace_path: Path, parts: tuple[tuple[Path, Path], ...], without_parts: bool, as_json: bool
) -> None:
    """Check that TRACE proves DESIGN: every station signed, in order. Exit status 1 where it does not.

    Needs no chain, and says what is left unchecked. An assembly names its components: it is refused without them
    (--part for each), unless --without-parts asks for its own steps only.
    """
    from chromatrace.cli.route_told import absent, not_checked, print_verdict
    from chromatrace.crypto.route import verify_assembly, verify_trace

    made, trace = load_design(design_path), load_trace(trace_path)
    loaded = [(load_design(its_design), load_trace(its_trace)) for its_design, its_trace in parts]
    if loaded:
        if without_parts:
            raise InvalidInput("--part and --without-parts exclude each other", field="part")
        verify_assembly(made, trace, loaded)
    else:
        verify_trace(made, trace)
        if trace.components and not without_parts:
            raise InvalidInput(
                f"its own {len(made)} steps hold, its {len(trace.components)} components are not checked",
                field="part",
                hint="give --part DESIGN TRACE for each, in order, or --without-parts to leave them unchecked",
            )
    state = trace.state
    unlooked = not_checked(trace, [its_trace for _, its_trace in loaded])
    facts = {
        "proven": True,
        "route": made.route,
        "subject": trace.subject,
        "aggregate": state.aggregate.data if state else b"",
        "components": len(trace.components),
        "components_checked": len(loaded),
        "records_absent": absent(trace),
        "not_checked": unlooked,
    }
    emit(as_json, facts, lambda: print_verdict(made, unlooked, len(loaded)))


@route.command()
@DESIGN
@TRACE
@click.option("--chain/--no-chain", "on_chain", default=False, help="Also hold design, heads and proofs to the chain.")
@json_option
@click.pass_obj
def explain(workspace: Workspace, design_path: Path, trace_path: Path, on_chain: bool, as_json: bool) -> None:
    """Go through TRACE step by step and name the first one that breaks, and why. Exit status 1 where one does.

    Each step says what it was done on. With --chain, whether that head of a log is anchored, whether the design is the
    one on the chain, and whether this and its components are proven there; exit status 1 also where the chain has
    another root than a step names. Without, all of these are "not checked".
    """
    from chromatrace.cli.route_told import explanation_facts, look, print_explanation
    from chromatrace.crypto.route import explain as explained

    made, trace = load_design(design_path), load_trace(trace_path)
    found = explained(made, trace)
    seen = look(workspace.reader, made, trace) if on_chain else None
    emit(as_json, explanation_facts(made, trace, found, seen), lambda: print_explanation(made, trace, found, seen))
    if not found.proven or (seen is not None and seen.contradicts):
        raise SystemExit(1)


@route.command()
@DESIGN
@click.argument("trace_paths", metavar="TRACE…", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option(
    "--record-unverified",
    is_flag=True,
    help="On a chain without EIP-2537: record the signature, marked as verified by nobody. It never counts as a proof.",
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
    """Prove each TRACE on the chain; many are proven in one pairing product. Needs the role producer, gateway or admin.

    Each is verified here first, so that a refusal names the step.
    """
    from chromatrace.crypto.route import batches, components_of, proof_of, proofs_of

    made = load_design(design_path)
    traces = [load_trace(path) for path in trace_paths]
    chain, sent = workspace.chain, []
    if record_unverified:
        for trace in traces:
            sent.append(chain.submit(calls.record_unverified(made.route, *proof_of(made, trace))))
    elif made.kind is RouteKind.ASSEMBLY:
        for trace in traces:
            call = calls.prove_assembly(made.route, *proof_of(made, trace), components_of(trace))
            sent.append(chain.submit(call))
    elif len(traces) == 1:
        sent.append(chain.submit(calls.prove_route(made.route, *proof_of(made, traces[0]))))
    else:
        for some in batches(made, traces):
            sent.append(chain.submit(calls.prove_routes(made.route, *proofs_of(made, some))))
    facts = {
        "proven": not record_unverified,
        "route": made.route,
        "subjects": [trace.subject for trace in traces],
        "txs": [receipt.tx for receipt in sent],
        "gas_used": sum(receipt.gas_used or 0 for receipt in sent),
    }
    emit(as_json, facts)


def _done_on(workspace: Workspace, station: RouteStation, options: dict[str, Any]) -> tuple[bytes, int, bytes]:
    """Channel, log size and digest of a step: the head of a spooled log, or what the caller gives."""
    from chromatrace.crypto.step import NO_CHANNEL
    from chromatrace.exchange.proven import channel_id

    log, digest, channel, size = (options[name] for name in ("log", "digest", "channel", "log_size"))
    if (log is None) == (digest is None):
        raise InvalidInput("what was the step done on?", field="log", hint="--log CHANNEL or --digest 0x…")
    if log is None:
        if options["log_of"] is not None:
            raise InvalidInput("it says whose --log is meant", field="log-of", hint="with --digest give --channel 0x…")
        where = NO_CHANNEL if channel is None else parse_bytes32(channel, "channel")
        return where, size or 0, parse_bytes32(digest, "digest")
    if channel is not None or size is not None:
        raise InvalidInput("--log finds channel, size and digest itself", field="log", hint="leave out the others")
    head = workspace.proofs.head(log)
    return channel_id(options["log_of"] or station.organisation, log), head.size, head.root


def _subject(options: dict[str, Any]) -> bytes:
    from chromatrace.crypto.route import subject_of

    if (options["batch"] is None) == (options["subject"] is None):
        raise InvalidInput("the first step names the subject", field="batch", hint="--batch GTIN/LOT or --subject 0x…")
    if options["subject"] is not None:
        return parse_bytes32(options["subject"], "subject")
    batch = parse_batch(options["batch"]).batch_id
    return batch if options["unit"] is None else subject_of(batch, options["unit"])


def _component(text: str) -> Component:
    from chromatrace.crypto.route import Component

    route_id, separator, subject = text.partition(":")
    if not separator:
        raise InvalidInput(f"ROUTE:SUBJECT is needed, got {text!r}", field="component")
    return Component(RouteId(parse_bytes32(route_id, "component")), parse_bytes32(subject, "component"))
