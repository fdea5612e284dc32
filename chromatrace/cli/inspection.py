"""`chromatrace inspection`: results signed by one inspector, and rounds of consensus panels."""

from __future__ import annotations

import hashlib
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from chromatrace.chain import calls
from chromatrace.cli.inspection_report import report
from chromatrace.cli.inspection_sample import sample
from chromatrace.cli.interrupts import stopped_by_signal
from chromatrace.cli.options import ADDRESS, parse_batch, parse_bytes32, read_json, submit_call
from chromatrace.cli.output import dump, emit, format_time, json_option, print_note
from chromatrace.documents.content import InspectionEvidence
from chromatrace.domain.errors import InvalidInput
from chromatrace.domain.identifiers import BatchKey, Gln, Gtin, Lot, OrganisationId
from chromatrace.domain.rights import Stage, Verdict
from chromatrace.number_types import FiniteRange, WholeRange
from chromatrace.quality.rules import UNIT, Rule, capability
from chromatrace.services.workspace import Workspace
from chromatrace.storage import strict_json
from chromatrace.storage.files import deliver

if TYPE_CHECKING:
    from chromatrace.inspector.adapters import Adapter, Finding, Question
    from chromatrace.plant.records import CheckSheet, Plant

confirmations_option = click.option(
    "--confirmations",
    type=WholeRange(0, 1_000_000),
    help="Blocks on top of a commitment before it is final. Default: the chain's finalized block; 12 blocks if the "
    "chain has none; 0 on a development node that makes blocks for transactions only.",
)
STAGES = click.Choice([stage.name.lower() for stage in Stage])
MAX_POSITION = 65_535
MAX_PHASE_S = 30 * 86_400
"""Longest phase that the contract accepts, in seconds."""


@click.group()
def inspection() -> None:
    """Record inspections by one inspector or by consensus.

    The first inspection of a batch comes before assembly, the final inspection after it. One inspector signs a result
    (sign, submit), or several inspectors, drawn by the contract, commit and reveal their answers (set-rule, enrol,
    open, run). docs/consensus.md describes the consensus.

    \b
    Example: sign a result offline, submit it with another key
      chromatrace --keystore inspector.json inspection sign evidence.json --sample-size 1 --defects 0 -o signed.json
      chromatrace --keystore plant.json inspection submit signed.json
    """


@inspection.command()
@click.argument("evidence", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option("--sample-size", required=True, type=WholeRange(1), help="Number of units measured.")
@click.option("--defects", required=True, type=WholeRange(0), help="Number of units out of limits.")
@click.option("--verdict", type=click.Choice(["pass", "fail"]), help="Verdict. Default: from the measurements.")
@click.option(
    "--overrule",
    metavar="REASON",
    help="Sign a --verdict that does not follow from the measurements. The reason is part of the evidence.",
)
@click.option("--plant", metavar="PLANT", help="Plant with the check sheet. Default: the setting `plant`.")
@click.option(
    "--window",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="Output of `inspection window --json`, to be used as `readings`.",
)
@click.option(
    "--results",
    "reports",
    multiple=True,
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="Output of `instrument read --json`: attach its result files and measure the check sheet with them; may be "
    "repeated.",
)
@click.option(
    "--hours",
    default=24.0,
    type=FiniteRange(0.01, 87_660),
    show_default=True,
    help="Hours until the signature expires, at most ten years.",
)
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Write the signed result to this file instead of submitting it.",
)
@json_option
@click.pass_obj
def sign(
    workspace: Workspace,
    evidence: Path,
    sample_size: int,
    defects: int,
    verdict: str | None,
    overrule: str | None,
    plant: str | None,
    window: Path | None,
    reports: tuple[Path, ...],
    hours: float,
    output: Path | None,
    as_json: bool,
) -> None:
    """Sign the result in the document EVIDENCE (JSON, schema chromatrace.inspection/1) and submit it.

    \b
    {"schema": "chromatrace.inspection/1", "gtin": "09521234543213", "lot": "L2410A", "stage": "first",
     "inspected_at": "2026-01-01T10:00:00Z",
     "instrument": {"name": "Spectrophotometer", "serial": "SP-07", "calibrated_on": "2025-11-03"},
     "sample": ["000007"],
     "measurements": [{"quantity": "optical modulation", "value": 52.0, "unit": "%", "comparison": ">=",
                       "limit": 40.0, "passed": true, "criterion": "at 633 nm"}],
     "readings": null}

    Before signing, the evidence is checked against the chain (serials of the sample, window of readings) and, if the
    plant has one for the product and stage, against the check sheet and the instruments of the plant.
    docs/inspections.md lists the checks.

    The signer must be an inspector. A later result of the same stage replaces an earlier one, which stays readable.
    """
    from chromatrace.services import inspections
    from chromatrace.services.quality.sampling import required_plan
    from chromatrace.services.records import plant_of

    content = read_json(evidence, "file")
    if overrule is not None:
        if verdict is None:
            raise InvalidInput("give the verdict too", field="overrule", hint="--verdict pass or --verdict fail")
        content = content | {"overrule": overrule} if isinstance(content, dict) else content
    if window is not None:
        content = content | {"readings": read_json(window, "window")} if isinstance(content, dict) else content
    configuration = plant_of(plant or workspace.settings.plant)
    if reports and isinstance(content, dict):
        content = _with_results(workspace, configuration, content, reports)
    document = InspectionEvidence.from_bytes(strict_json.canonical(content))
    sheet = _check_sheet(workspace, configuration, document)
    if verdict is None:
        verdict = "pass" if document.passed else "fail"
    decision = Verdict[verdict.upper()]
    sampling = required_plan(workspace, configuration, document.key, document.stage.name.lower())
    if sampling is not None:
        sampling.check(sample_size, defects, decision, document.overrule)
    signed, signature = inspections.sign(
        workspace,
        document,
        decision,
        sample_size,
        defects,
        sheet=sheet,
        instruments=configuration.instruments if sheet else (),
        valid_s=int(hours * 3600),
    )
    checked: dict[str, Any] = {"check_sheet": sheet.id} if sheet else {}
    if sampling is not None:
        checked["sampling_plan"] = sampling.plan
    if document.overrule is not None:
        checked["overrule"] = document.overrule
    if document.results:
        files = [file for result in document.results for file in result.files]
        checked["files"] = {file.name: f"0x{file.sha256.hex()}" for file in files}
    if output is not None:
        deliver(output, [dump(inspections.signed_document(signed, signature, document.overrule)).encode(), b"\n"])
        emit(as_json, {"signed": output, "inspector": signed.inspector} | checked)
        return
    receipt = workspace.chain.submit(calls.record_inspection(signed, signature))
    emit(as_json, {"verdict": decision, "evidence": signed.evidence, "tx": receipt.tx} | checked)


def _with_results(
    workspace: Workspace, plant: Plant, content: dict[str, Any], reports: tuple[Path, ...]
) -> dict[str, Any]:
    """Return an evidence document with the result files of reports."""
    from chromatrace.services.designs import check_sheet_for
    from chromatrace.services.result_files import attach, with_results

    with strict_json.below("/gtin", whole=True):
        gtin = Gtin(strict_json.text(content.get("gtin"), ""))
    with strict_json.below("/lot", whole=True):
        lot = Lot(strict_json.text(content.get("lot"), ""))
    sheet = check_sheet_for(workspace, plant, BatchKey(gtin, lot), str(content.get("stage")))
    results = [attach(workspace.documents, read_json(report, "results")) for report in reports]
    return with_results(content, results, sheet)


def _check_sheet(workspace: Workspace, plant: Plant, evidence: InspectionEvidence) -> CheckSheet | None:
    """Return the check sheet of the evidence's batch and stage. Without one, print a note and return None."""
    from chromatrace.services.designs import check_sheet_for

    stage = evidence.stage.name.lower()
    sheet = check_sheet_for(workspace, plant, evidence.key, stage)
    if sheet is None:
        print_note(
            f"plant {plant.name!r} has no check sheet for the {stage} inspection of {evidence.gtin}: quantities and "
            "limits are not checked; select the plant with --plant",
            mark="note:",
        )
    return sheet


inspection.add_command(sample)
inspection.add_command(report)


@inspection.command()
@click.option("--channel", required=True, help="Channel of the readings.")
@click.option("--from", "first", required=True, metavar="TIME", help="First source time (RFC 3339), included.")
@click.option("--to", "last", required=True, metavar="TIME", help="Last source time (RFC 3339), included.")
@click.option(
    "--organisation", metavar="GLN", help="Owner of the channel; required if several have a channel of this name."
)
@json_option
@click.pass_obj
def window(workspace: Workspace, channel: str, first: str, last: str, organisation: str | None, as_json: bool) -> None:
    """Create the evidence window of the readings that were taken between two times.

    The window names the leaves in the channel's log and the smallest anchored head that covers them. It is computed
    from the spool and checked against the root on the chain. --json prints the member `readings` of the evidence.

    \b
    Example
      chromatrace inspection window --channel line-1 --from 2026-01-01T08:00:00Z --to 2026-01-01T08:30:00Z --json \\
        > window.json
      chromatrace inspection sign evidence.json --window window.json --sample-size 1 --defects 0
    """
    from chromatrace.ingest.times import parse_time
    from chromatrace.services.evidence import evidence_window

    times = parse_time(first, field="from"), parse_time(last, field="to")
    with strict_json.below("organisation", whole=True):
        owner = None if organisation is None else Gln(organisation)
    emit(as_json, evidence_window(workspace, channel, *times, owner).as_json())


@inspection.command()
@click.argument("signed", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@json_option
@click.pass_obj
def submit(workspace: Workspace, signed: Path, as_json: bool) -> None:
    """Submit a result that an inspector signed with `inspection sign -o`. Any account with gas may submit it."""
    from chromatrace.services.inspections import read_signed

    result, signature = read_signed(read_json(signed, "file"))
    receipt = workspace.chain.submit(calls.record_inspection(result, signature))
    emit(as_json, {"verdict": result.verdict, "tx": receipt.tx})


@inspection.command("set-policy")
@click.argument("stage", type=STAGES)
@click.option("--units-per-sample", required=True, type=WholeRange(1), help="Sample one out of this number of units.")
@click.option(
    "--independent/--own",
    required=True,
    help="Reject, or accept, results of the producer's own inspectors.",
)
@json_option
@click.pass_obj
def set_policy(workspace: Workspace, stage: str, units_per_sample: int, independent: bool, as_json: bool) -> None:
    """Set the sample size of a STAGE and who may inspect. Requires the registrar's key."""
    submit_call(workspace, as_json, calls.set_policy(Stage[stage.upper()], units_per_sample, independent))


@inspection.command("set-rule")
@click.option(
    "--state",
    "states",
    multiple=True,
    default=("pass", "fail"),
    show_default=True,
    help="Possible answer; may be repeated. The first means that the product passed.",
)
@click.option(
    "--minimum",
    default=3,
    show_default=True,
    type=WholeRange(1),
    help="Minimum number of answers: odd, more than the number of states.",
)
@click.option(
    "--maximum",
    default=5,
    show_default=True,
    type=WholeRange(1),
    help="Maximum number of answers, at which the strongest group decides: odd, at most 17.",
)
@click.option(
    "--first-wave", type=WholeRange(1), help="Number of inspectors drawn at the same time. Default: --maximum."
)
@click.option(
    "--weighing", default="confidence", show_default=True, help="One of majority, confidence, noisy-or, log-odds."
)
@click.option(
    "--threshold",
    type=FiniteRange(0, min_open=True),
    help="Score that decides: a number of inspectors, or a sum of capabilities. Default: 0.9.",
)
@click.option(
    "--error",
    type=FiniteRange(0, 1, min_open=True, max_open=True),
    help="With log-odds: error rate, such as 0.05, instead of --threshold.",
)
@click.option(
    "--minimum-capability",
    default=0.0,
    type=FiniteRange(0, 1),
    show_default=True,
    help="Inspectors below this capability are not selected.",
)
@click.option(
    "--stall-penalty",
    default=0.05,
    type=FiniteRange(0, 1),
    show_default=True,
    help="Capability deducted for missing the deadline.",
)
@click.option(
    "--commit-seconds", default=3600, show_default=True, type=WholeRange(1, MAX_PHASE_S), help="Seconds to commit."
)
@click.option(
    "--reveal-seconds",
    type=WholeRange(1, MAX_PHASE_S),
    help="Seconds to reveal the answers after the commit phase. Default: 600, or longer if the chain needs more time "
    "until a commitment is final.",
)
@confirmations_option
@click.option(
    "--decides",
    type=click.Choice(["none", "first", "final", "both"]),
    default="none",
    show_default=True,
    help="Stages whose verdict the panel decides alone.",
)
@json_option
@click.pass_obj
def set_rule(
    workspace: Workspace,
    states: tuple[str, ...],
    minimum: int,
    maximum: int,
    first_wave: int | None,
    weighing: str,
    threshold: float | None,
    error: float | None,
    minimum_capability: float,
    stall_penalty: float,
    commit_seconds: int,
    reveal_seconds: int | None,
    confirmations: int | None,
    decides: str,
    as_json: bool,
) -> None:
    """Set the consensus rule of your organisation's panel for new rounds. Requires your administrator's key.

    Inspectors reveal their answers when the last commitment is final. The phases must be long enough for that.
    """
    from chromatrace.chain.finality import read_finality
    from chromatrace.services.rounds import phase_lengths

    if error is not None:
        if threshold is not None or weighing != "log-odds":
            raise InvalidInput(
                "--error requires --weighing log-odds and cannot be combined with --threshold", field="error"
            )
        threshold = Rule.log_odds(error).threshold / UNIT
    rule = Rule.from_json(
        {
            "states": list(states),
            "minimum": minimum,
            "maximum": maximum,
            "weighing": weighing,
            "threshold": 0.9 if threshold is None else threshold,
            "minimum_capability": minimum_capability,
        }
    )
    finality = read_finality(workspace.rpc, workspace.chain_id, confirmations)
    commit_s, reveal_s = phase_lengths(finality, commit_seconds, reveal_seconds)
    call = calls.set_rule(
        rule,
        first_wave=maximum if first_wave is None else first_wave,
        stall_penalty=capability(stall_penalty, "/stall_penalty"),
        commit_s=commit_s,
        reveal_s=reveal_s,
        decides_first=decides in ("first", "both"),
        decides_final=decides in ("final", "both"),
    )
    receipt = workspace.chain.submit(call)
    facts = {"version": receipt.event("RuleSet").args["version"], "rule": rule.as_json(), "tx": receipt.tx}
    emit(as_json, facts | {"commit_seconds": commit_s, "reveal_seconds": reveal_s})


@inspection.command()
@click.argument("address", type=ADDRESS)
@click.option(
    "--capability", "initial", default=0.1, type=FiniteRange(0, 1), show_default=True, help="Initial capability."
)
@click.option(
    "--instrument",
    default="0x" + "00" * 32,
    help="Digest of the inspector's instrument: 0x and 64 hexadecimal digits. Default: none.",
)
@json_option
@click.pass_obj
def enrol(workspace: Workspace, address: str, initial: float, instrument: str, as_json: bool) -> None:
    """Enrol the inspector at ADDRESS on your organisation's panel, or reinstate a retired one."""
    digest = parse_bytes32(instrument, "instrument")
    receipt = workspace.chain.submit(calls.enrol_inspector(address, capability(initial), digest))
    args = receipt.event("InspectorEnrolled").args
    emit(as_json, {"inspector": args["inspector"], "capability": args["capability"] / UNIT, "tx": receipt.tx})


@inspection.command()
@click.argument("number", type=WholeRange(1, 255))
@json_option
@click.pass_obj
def retire(workspace: Workspace, number: int, as_json: bool) -> None:
    """Retire inspector NUMBER of your organisation's panel: it is no longer selected."""
    emit(as_json, {"retired": number, "tx": workspace.chain.submit(calls.retire_inspector(number)).tx})


@inspection.command("open")
@click.argument("subject")
@click.option(
    "--step", default=0, show_default=True, type=WholeRange(0, MAX_POSITION), help="Route step; 0: whole stage."
)
@click.option("--stage", default="first", show_default=True, type=STAGES, help="Stage of the inspection.")
@click.option(
    "--first",
    default=0,
    show_default=True,
    type=WholeRange(0, 255),
    help="Number of the inspector in the first seat; 0: drawn by the contract.",
)
@click.option("--lane", default=0, show_default=True, type=WholeRange(0, MAX_POSITION), help="Free lane of the panel.")
@click.option("--sample-size", default=1, show_default=True, type=WholeRange(0), help="Number of units to measure.")
@json_option
@click.pass_obj
def open_round(
    workspace: Workspace, subject: str, step: int, stage: str, first: int, lane: int, sample_size: int, as_json: bool
) -> None:
    """Open a round about SUBJECT: GTIN/LOT of a batch, or 0x and 64 hexadecimal digits of a workpiece.

    If too few inspectors can be drawn at present, a warning follows.
    """
    from chromatrace.services.rounds import inspectors_missing

    identity = parse_bytes32(subject, "subject") if subject.startswith("0x") else bytes(parse_batch(subject).batch_id)
    request = calls.RoundRequest(lane, identity, step, Stage[stage.upper()], first, sample_size)
    receipt = workspace.chain.submit(calls.open_rounds([request]))
    opened = receipt.event("RoundOpened").args
    facts = {"round": opened["round"], "lane": lane, "tx": receipt.tx}
    warning = inspectors_missing(workspace.reader, OrganisationId(opened["panel"]), lane)
    if warning is not None:
        print_note(f"warning: {warning}")
        facts["warning"] = warning
    emit(as_json, facts)


@inspection.command()
@json_option
@click.pass_obj
def status(workspace: Workspace, as_json: bool) -> None:
    """Show the inspectors of this data folder: whether their processes run, and what fails.

    Exits with status 1 if a process has stopped or has a fault.
    """
    from chromatrace.quality.inspector_states import FILE_NAME, InspectorStates

    with InspectorStates(workspace.data / FILE_NAME) as file:
        states = file.states()
    now = time.time()
    facts = [
        {
            "inspector": state.inspector,
            "panel": state.panel,
            "number": state.number,
            "running": state.running(now),
            "seen_at": format_time(state.seen_at),
            "faults": [{"subject": subject, "message": message} for subject, message in state.faults.items()],
        }
        for state in states
    ]
    emit(as_json, {"inspectors": facts})
    if any(state.faults or not state.running(now) for state in states):
        raise click.exceptions.Exit(1)


@inspection.command()
@json_option
@click.pass_obj
def rounds(workspace: Workspace, as_json: bool) -> None:
    """Show the panels, the capabilities of their inspectors, and the latest rounds with every answer."""
    with workspace.index.snapshot() as snapshot:
        panels = [(panel, snapshot.rounds(panel.panel)) for panel in snapshot.panels()]
    facts = [
        {
            "panel": panel.panel,
            "states": list(panel.states),
            "inspectors": [
                {
                    "number": member.number,
                    "account": member.account,
                    "active": member.active,
                    "capabilities": list(member.capabilities),
                }
                for member in panel.inspectors
            ],
            "rounds": [
                {
                    "round": view.id,
                    "subject": view.subject,
                    "phase": view.phase,
                    "state": panel.states[view.state] if view.state is not None else None,
                    "seats": [
                        {"inspector": seat.inspector, "status": seat.status}
                        | ({"state": panel.states[seat.state]} if seat.state is not None else {})
                        for seat in view.seats
                    ],
                }
                for view in views
            ],
        }
        for panel, views in panels
    ]
    emit(as_json, {"panels": facts})


@inspection.command()
@click.option("--panel", type=WholeRange(1), help="Number of the panel's organisation. Default: the signer's.")
@click.option("--program", help="Command that reads a question as JSON and writes an answer as JSON.")
@click.option("--folder", type=click.Path(path_type=Path, file_okay=False), help="Folder of questions and answers.")
@click.option(
    "--agent",
    type=FiniteRange(0, 1),
    metavar="ACCURACY",
    help="Simulate an inspector that is right with this probability.",
)
@click.option(
    "--truth",
    type=click.Path(path_type=Path, dir_okay=False),
    help="With --agent: JSON file of the right answer for each subject.",
)
@click.option("--ask", is_flag=True, help="Prompt for the answers at this terminal.")
@click.option(
    "--console",
    type=click.Path(path_type=Path, file_okay=False, exists=True),
    metavar="FOLDER",
    help="Show the questions on the inspection form of the portal that uses this data folder.",
)
@click.option(
    "--sheet", metavar="PLANT", help="With --console: plant, by name or file, whose check sheets are filled in."
)
@click.option(
    "--every",
    default=0.5,
    type=FiniteRange(0.01),
    show_default=True,
    help="Seconds between queries of the chain.",
)
@confirmations_option
@click.pass_obj
def run(
    workspace: Workspace,
    panel: int | None,
    program: str | None,
    folder: Path | None,
    agent: float | None,
    truth: Path | None,
    ask: bool,
    console: Path | None,
    sheet: str | None,
    every: float,
    confirmations: int | None,
) -> None:
    """Run an inspector: wait to be drawn, get an answer, commit and reveal it, until Ctrl-C.

    Each inspector needs its own key and data folder, and one source of answers: --program, --folder, --agent, --ask or
    --console. A question is {"round", "subject", "step", "stage", "sample_size", "states", "deadline"}. An answer is
    {"state", "evidence", "defects"}; the evidence is 0x and the SHA-256 of the document. The process can be
    restarted at any time.

    Each inspector also needs its own node: the process reveals its answer when the node shows every seat's commitment
    in a final block.

    With --console, operators of the inspector's organisation that have the role inspector answer on the portal, each
    once per round. Their answers are stored as evidence in the documents of the data folder.
    """
    from chromatrace.inspector.adapters import agent_adapter, console_adapter, folder_adapter, program_adapter
    from chromatrace.inspector.process import run_inspector
    from chromatrace.quality.inspection_tasks import FILE_NAME as TASKS
    from chromatrace.quality.inspection_tasks import InspectionTasks
    from chromatrace.quality.inspector_states import FILE_NAME as STATES
    from chromatrace.quality.inspector_states import InspectorStates
    from chromatrace.services.records import plant_of

    sources = [source for source in (program, folder, agent, ask or None, console) if source is not None]
    if len(sources) != 1:
        raise InvalidInput(
            f"expected one source of answers, got {len(sources)}",
            field="program",
            hint="give one of --program, --folder, --agent, --ask and --console",
        )
    if sheet is not None and console is None:
        raise InvalidInput("--sheet requires --console", field="sheet")
    plant = None if sheet is None else plant_of(sheet)

    def adapter_for(organisation: OrganisationId) -> Adapter:
        if program is not None:
            return program_adapter(program)
        if folder is not None:
            return folder_adapter(folder)
        if agent is not None:
            return agent_adapter(agent, truth, seed=int(workspace.signer.address[2:14], 16))
        if console is not None:
            tasks = InspectionTasks(console / TASKS)
            return console_adapter(tasks, workspace.signer.address, organisation, workspace.documents, plant)
        return _ask_at_terminal

    with stopped_by_signal():
        run_inspector(
            workspace,
            None if panel is None else OrganisationId(panel),
            adapter_for,
            every,
            print_note,
            confirmations=confirmations,
            states=None if console is None else InspectorStates(console / STATES),
        )


def _ask_at_terminal(question: Question) -> Finding:
    from chromatrace.inspector.adapters import Finding

    click.echo(f"\n{question.stage} inspection of 0x{question.subject.hex()}, step {question.step}", err=True)
    state = str(click.prompt("answer", type=click.Choice(question.states), err=True))
    evidence = click.prompt("evidence document", type=click.Path(exists=True, dir_okay=False), err=True)
    return Finding(state, 0, hashlib.sha256(Path(str(evidence)).read_bytes()).digest())
