"""`chromatrace route`: design a route, sign its steps, verify, explain and prove the signature."""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from chromatrace.cli.options import parse_batch
from chromatrace.cli.output import emit, json_option
from chromatrace.cli.station import key_id_of, open_station, parse_bytes32
from chromatrace.cli.workspace import Workspace
from chromatrace.domain.errors import Conflict, InvalidInput, NotFound
from chromatrace.domain.rights import RouteKind

if TYPE_CHECKING:
    from chromatrace.crypto.route import Component, Explanation, RouteDesign, RouteTrace

DESIGN = click.argument("design_path", metavar="DESIGN", type=click.Path(path_type=Path, dir_okay=False))
TRACE = click.argument("trace_path", metavar="TRACE", type=click.Path(path_type=Path, dir_okay=False))
ZERO = "0x" + "00" * 32


@click.group()
def route() -> None:
    """Prove that a product passed its stations in the designed order, by one signature of 48 bytes.

    \b
    chromatrace station keygen 201; chromatrace station register 201      (each station, once)
    chromatrace route design pane --step sputtering=201 --step inspection=202 --out pane.json
    chromatrace route sign pane.json lot7.json --station 201 --batch 09521234543213/LOT7 --digest 0x…
    chromatrace route sign pane.json lot7.json --station 202 --digest 0x…
    chromatrace route explain pane.json lot7.json; chromatrace route prove pane.json lot7.json
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
    receipt = workspace.chain.send("RouteVerifier", "designRoute", name, kind, requires_proof, keys, processes)
    made = designed_route(workspace.reader, receipt.event("RouteDesigned").args["route"])
    _write_design(out, made)
    emit(as_json, _design_facts(made) | {"tx": receipt.tx, "path": out})


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

    made = designed_route(workspace.reader, parse_bytes32(route_id, "route"))
    _write_design(out, made)
    emit(as_json, _design_facts(made) | {"path": out})


@route.command()
@DESIGN
@TRACE
@click.option("--station", required=True, help="The station that signs, by name; its key lies in the data folder.")
@click.option("--digest", required=True, help="What the step was done on: head or leaf of a log, or SHA-256, 0x….")
@click.option("--channel", default=ZERO, help="Id of the log's channel, 0x…. Default: the digest belongs to no log.")
@click.option("--log-size", default=0, type=click.IntRange(0), help="Entries under the head. Default: no head.")
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
    """
    from chromatrace.crypto.route import begin, sign_record
    from chromatrace.crypto.step import StepRecord

    made = _read_design(design_path)
    if trace_path.exists():
        if options["batch"] or options["subject"] or options["components"] or options["unit"] is not None:
            raise Conflict(f"{trace_path} has its subject already", field="trace", hint="leave out the subject")
        trace = _read_trace(trace_path)
    else:
        trace = begin(made, _subject(options), [_component(text) for text in options["components"]])
    step = len(trace.steps) + 1
    record = StepRecord(
        made.route,
        trace.subject,
        step,
        made.station(min(step, len(made))).process,
        parse_bytes32(options["channel"], "channel"),
        options["log_size"],
        parse_bytes32(options["digest"], "digest"),
        int(time.time()) if options["completed_at"] is None else options["completed_at"],
    )
    signed = sign_record(made, trace, record, open_station(workspace, options["station"]))
    _write_trace(trace_path, signed)
    last = signed.steps[-1]
    facts = {
        "step": step,
        "of": len(made),
        "process": record.process,
        "subject": trace.subject,
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
@json_option
def verify(design_path: Path, trace_path: Path, parts: tuple[tuple[Path, Path], ...], as_json: bool) -> None:
    """Check that TRACE proves DESIGN: every station signed, in order. Exit status 1 where it does not.

    Needs no chain. An assembly names its components; give them by --part to have them checked as well.
    """
    from chromatrace.crypto.route import verify_assembly, verify_trace

    made, trace = _read_design(design_path), _read_trace(trace_path)
    if parts:
        verify_assembly(
            made, trace, [(_read_design(its_design), _read_trace(its_trace)) for its_design, its_trace in parts]
        )
    else:
        verify_trace(made, trace)
    state = trace.state
    facts = {
        "proven": True,
        "route": made.route,
        "subject": trace.subject,
        "aggregate": state.aggregate.data if state else b"",
        "components": len(trace.components),
        "components_checked": len(parts),
    }
    emit(as_json, facts)


@route.command()
@DESIGN
@TRACE
@json_option
def explain(design_path: Path, trace_path: Path, as_json: bool) -> None:
    """Go through TRACE step by step and name the first one that breaks, and why. Exit status 1 where one does."""
    from chromatrace.crypto.route import explain as explained

    made, trace = _read_design(design_path), _read_trace(trace_path)
    found = explained(made, trace)
    emit(as_json, _explanation_facts(made, trace, found), lambda: _print_explanation(made, trace, found))
    if not found.proven:
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

    made = _read_design(design_path)
    traces = [_read_trace(path) for path in trace_paths]
    chain, sent = workspace.chain, []
    if record_unverified:
        for trace in traces:
            sent.append(chain.send("RouteVerifier", "recordUnverified", made.route, *proof_of(made, trace)))
    elif made.kind is RouteKind.ASSEMBLY:
        for trace in traces:
            arguments = (made.route, *proof_of(made, trace), components_of(trace))
            sent.append(chain.send("RouteVerifier", "proveAssembly", *arguments))
    elif len(traces) == 1:
        sent.append(chain.send("RouteVerifier", "proveRoute", made.route, *proof_of(made, traces[0])))
    else:
        for some in batches(made, traces):
            sent.append(chain.send("RouteVerifier", "proveRoutes", made.route, *proofs_of(made, some)))
    facts = {
        "proven": not record_unverified,
        "route": made.route,
        "subjects": [trace.subject for trace in traces],
        "txs": [receipt.tx for receipt in sent],
        "gas_used": sum(receipt.gas_used or 0 for receipt in sent),
    }
    emit(as_json, facts)


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
    return Component(parse_bytes32(route_id, "component"), parse_bytes32(subject, "component"))


def _read(path: Path, what: str) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError as error:
        raise NotFound(f"there is no {what} file {path}", field=what) from error


def _read_design(path: Path) -> RouteDesign:
    from chromatrace.crypto.route.files import read_design

    return read_design(_read(path, "design"))


def _read_trace(path: Path) -> RouteTrace:
    from chromatrace.crypto.route.files import read_trace

    return read_trace(_read(path, "trace"))


def _write_design(path: Path, made: RouteDesign) -> None:
    from chromatrace.crypto.route.files import design_to_cbor, design_to_json

    _write(path, (design_to_cbor if path.suffix == ".cbor" else design_to_json)(made))


def _write_trace(path: Path, trace: RouteTrace) -> None:
    from chromatrace.crypto.route.files import trace_to_cbor, trace_to_json

    _write(path, (trace_to_cbor if path.suffix == ".cbor" else trace_to_json)(trace))


def _write(path: Path, data: bytes) -> None:
    """Whole or not at all: a station that loses power keeps the state before."""
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, draft = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    Path(draft).replace(path)


def _design_facts(made: RouteDesign) -> dict[str, Any]:
    stations = [
        {"step": number, "process": one.process, "organisation": one.organisation, "key": one.key_id}
        for number, one in enumerate(made.stations, 1)
    ]
    return {
        "route": made.route,
        "name": made.name,
        "version": made.version,
        "kind": made.kind,
        "stations": stations,
    }


def _explanation_facts(made: RouteDesign, trace: RouteTrace, found: Explanation) -> dict[str, Any]:
    refusal = found.refusal
    return {
        "proven": found.proven,
        "route": made.route,
        "subject": trace.subject,
        "breaks_at": refusal.step if refusal else None,
        "reason": str(refusal.reason) if refusal else None,
        "message": refusal.message if refusal else None,
        "steps": [
            {
                "step": finding.step,
                "process": finding.process,
                "organisation": finding.organisation,
                "holds": finding.holds if finding.checked else None,
                "reason": str(finding.reason) if finding.reason else None,
            }
            for finding in found.findings
        ],
    }


def _print_explanation(made: RouteDesign, trace: RouteTrace, found: Explanation) -> None:
    click.echo(f"route {made.name} version {made.version}, subject 0x{trace.subject.hex()}")
    for part in trace.components:
        click.echo(f"      of 0x{part.subject.hex()}, proven under route 0x{part.route.hex()}")
    for line in _explanation_lines(made, trace, found):
        click.echo(line)
    if found.refusal is None:
        click.echo(f"proven in order: all {len(made)} stations signed")
    else:
        click.echo(f"NOT PROVEN: {found.refusal.message}")


def _explanation_lines(made: RouteDesign, trace: RouteTrace, found: Explanation) -> Iterable[str]:
    for finding in found.findings:
        step = trace.steps[finding.step - 1] if finding.step <= len(trace.steps) else None
        link = f"c = 0x{step.state.link.hex()[:16]}…" if step else ""
        if finding.holds:
            told = f"holds    {link}"
        else:
            told = f"BREAKS   {finding.text}" if finding.checked else "not looked at: the chain is broken before it"
        yield f"{finding.step:>4}  {finding.process:<28}  {told}"
