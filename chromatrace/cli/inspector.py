"""`chromatrace inspector`: panels of inspectors, and the process of each one."""

from __future__ import annotations

import time
from pathlib import Path

import click

from chromatrace.chain import calls, reads
from chromatrace.cli.interrupts import broken_off
from chromatrace.cli.options import FiniteRange, parse_batch, parse_bytes32
from chromatrace.cli.output import emit, json_option, tell
from chromatrace.domain.errors import InvalidInput
from chromatrace.domain.identifiers import OrganisationId
from chromatrace.quality.rules import UNIT, Rule, capability
from chromatrace.services.workspace import Workspace


@click.group()
def inspector() -> None:
    """Inspection by consensus: several inspectors, drawn by the contract, answer under seal.

    An administrator sets the panel's rule and enrols inspectors; a producer opens rounds; each inspector runs a process
    of its own with its own key. docs/consensus.md explains the rest.
    """


@inspector.command("rule")
@click.option("--state", "states", multiple=True, default=("pass", "fail"), show_default=True, help="Possible answers.")
@click.option("--minimum", default=3, show_default=True, help="Least answers; odd, more than states.")
@click.option("--maximum", default=5, show_default=True, help="At so many answers the best group wins; odd, up to 17.")
@click.option("--first-wave", type=int, help="Seats drawn at once, all under seal from each other. Default: maximum.")
@click.option("--weighing", default="confidence", show_default=True, help="majority, confidence, noisy-or or log-odds.")
@click.option(
    "--threshold",
    type=FiniteRange(0, min_open=True),
    help="Score that wins: members, or a sum of capabilities. Default: 0.9.",
)
@click.option(
    "--error",
    type=FiniteRange(0, 1, min_open=True, max_open=True),
    help="With log-odds, instead: chosen rate of errors, such as 0.05.",
)
@click.option(
    "--minimum-capability", default=0.0, type=FiniteRange(0, 1), show_default=True, help="Who has less is not drawn."
)
@click.option(
    "--stall-penalty",
    default=0.05,
    type=FiniteRange(0, 1),
    show_default=True,
    help="Lost by who does not answer in time.",
)
@click.option("--commit-seconds", default=3600, show_default=True, help="Time to answer.")
@click.option("--reveal-seconds", default=600, show_default=True, help="Time to reveal after that.")
@click.option("--feeds", type=click.Choice(["none", "first", "final", "both"]), default="none", show_default=True,
              help="Whose verdicts come from consensus alone.")  # fmt: skip
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
    reveal_seconds: int,
    feeds: str,
    as_json: bool,
) -> None:
    """Set the rule of your organisation's panel, for rounds opened from now on. The first state is the passing one."""
    if error is not None:
        if threshold is not None or weighing != "log-odds":
            raise InvalidInput("an error rate is for log-odds, instead of a threshold", field="error")
        threshold = Rule.log_odds(error).threshold / UNIT
    document = {
        "states": list(states),
        "minimum": minimum,
        "maximum": maximum,
        "weighing": weighing,
        "threshold": 0.9 if threshold is None else threshold,
        "minimum_capability": minimum_capability,
    }
    rule = Rule.from_json(document)
    call = calls.set_rule(
        rule,
        first_wave=maximum if first_wave is None else first_wave,
        stall_penalty=capability(stall_penalty, "/stall_penalty"),
        commit_s=commit_seconds,
        reveal_s=reveal_seconds,
        decides_first=feeds in ("first", "both"),
        decides_final=feeds in ("final", "both"),
    )
    receipt = workspace.chain.submit(call)
    emit(as_json, {"version": receipt.event("RuleSet").args["version"], "rule": rule.as_json(), "tx": receipt.tx})


@inspector.command()
@click.argument("address")
@click.option("--capability", "given", default=0.1, type=FiniteRange(0, 1), show_default=True, help="To start with.")
@click.option(
    "--instrument",
    default="0x" + "00" * 32,
    help="0x and 64 digits that identify what it measures with. Default: none.",
)
@json_option
@click.pass_obj
def enrol(workspace: Workspace, address: str, given: float, instrument: str, as_json: bool) -> None:
    """Put the inspector with ADDRESS on your organisation's panel, or take a retired one back."""
    digest = parse_bytes32(instrument, "instrument")
    receipt = workspace.chain.submit(calls.enrol_inspector(address, capability(given), digest))
    args = receipt.event("InspectorEnrolled").args
    emit(as_json, {"inspector": args["inspector"], "capability": args["capability"] / UNIT, "tx": receipt.tx})


@inspector.command()
@click.argument("number", type=click.IntRange(1, 255))
@json_option
@click.pass_obj
def retire(workspace: Workspace, number: int, as_json: bool) -> None:
    """Draw inspector NUMBER of your organisation's panel no more."""
    emit(as_json, {"retired": number, "tx": workspace.chain.submit(calls.retire_inspector(number)).tx})


@inspector.command("open")
@click.argument("subject")
@click.option("--step", default=0, show_default=True, type=click.IntRange(0, 65535), help="0: the stage as a whole.")
@click.option(
    "--stage",
    default="first",
    show_default=True,
    type=click.Choice(["first", "final"]),
    help="Inspection that it is of.",
)
@click.option("--first", default=0, show_default=True, type=click.IntRange(0, 255), help="Who sits first; 0: drawn.")
@click.option("--lane", default=0, show_default=True, type=click.IntRange(0, 65535), help="A free lane of the panel.")
@click.option("--sample-size", default=1, show_default=True, type=click.IntRange(0), help="Units measured.")
@json_option
@click.pass_obj
def open_round(
    workspace: Workspace, subject: str, step: int, stage: str, first: int, lane: int, sample_size: int, as_json: bool
) -> None:
    """Open a round about SUBJECT: GTIN/LOT of a batch, or 0x and 64 digits of a workpiece."""
    from chromatrace.domain.rights import Stage

    named = subject.startswith("0x")
    identity = parse_bytes32(subject, "subject") if named else bytes(parse_batch(subject).batch_id)
    request = calls.RoundRequest(lane, identity, step, Stage[stage.upper()], first, sample_size)
    receipt = workspace.chain.submit(calls.open_rounds([request]))
    emit(as_json, {"round": receipt.event("RoundOpened").args["round"], "lane": lane, "tx": receipt.tx})


@inspector.command()
@json_option
@click.pass_obj
def show(workspace: Workspace, as_json: bool) -> None:
    """Show panels, capabilities and the latest rounds with their dissent, out of the index."""
    with workspace.index.snapshot() as snapshot:
        panels = [(panel, snapshot.rounds(panel.panel)) for panel in snapshot.panels()]
    facts = [
        {
            "panel": panel.panel,
            "states": list(panel.states),
            "inspectors": [
                {
                    "number": one.number,
                    "account": one.account,
                    "active": one.active,
                    "capabilities": list(one.capabilities),
                }
                for one in panel.inspectors
            ],
            "rounds": [
                {
                    "round": round_.id,
                    "subject": round_.subject,
                    "phase": round_.phase,
                    "state": panel.states[round_.state] if round_.state is not None else None,
                    "seats": [
                        {"inspector": seat.inspector, "status": seat.status}
                        | ({"state": panel.states[seat.state]} if seat.state is not None else {})
                        for seat in round_.seats
                    ],
                }
                for round_ in rounds
            ],
        }
        for panel, rounds in panels
    ]
    emit(as_json, {"panels": facts})


@inspector.command()
@click.option("--panel", type=click.IntRange(1), help="Organisation whose panel it is. Default: the signer's own.")
@click.option("--program", help="Command that reads the question as JSON and writes the finding as JSON.")
@click.option("--folder", type=click.Path(path_type=Path, file_okay=False), help="Folder of questions and answers.")
@click.option(
    "--agent", type=FiniteRange(0, 1), metavar="ACCURACY", help="Simulate an inspector that is right so often (0 to 1)."
)
@click.option("--truth", type=click.Path(path_type=Path, dir_okay=False), help="What the agent is right about (JSON).")
@click.option("--ask", is_flag=True, help="Ask whoever sits at this terminal.")
@click.option(
    "--console",
    type=click.Path(path_type=Path, file_okay=False, exists=True),
    metavar="FOLDER",
    help="Ask people at the portal whose data folder this is: /console/readings.",
)
@click.option("--sheet", metavar="PLANT", help="With --console: the plant (shipped, or a file) whose sheets are read.")
@click.option(
    "--every", default=0.5, type=FiniteRange(0.01), show_default=True, help="Seconds between looks at the chain."
)
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
) -> None:
    """Be an inspector: wait to be drawn, ask the instrument, answer under seal, reveal. Ctrl-C ends it.

    Needs its own key and data folder, and exactly one source of answers: --program, --folder, --agent, --ask or
    --console. A question is {"round", "subject", "step", "stage", "sample_size", "states", "deadline"}, a finding
    {"state", "evidence", "defects"}, evidence being 0x and the SHA-256 of the document. Killed at any moment, it goes
    on when started again.

    With --console operators of the inspector's organisation with the role inspector answer at the portal, each once
    in a round; what they read is kept in the data folder's documents, as the evidence.
    """
    from chromatrace.domain.errors import Unavailable
    from chromatrace.inspector import adapters
    from chromatrace.inspector.answers import AnswerStore
    from chromatrace.inspector.process import InspectorProcess
    from chromatrace.quality.inspection_tasks import FILE_NAME, InspectionTasks
    from chromatrace.services.records import plant_of

    sources = [source for source in (program, folder, agent, ask or None, console) if source is not None]
    if len(sources) != 1:
        raise InvalidInput("exactly one source of answers is needed", field="program", hint="see --help")
    if sheet is not None and console is None:
        raise InvalidInput("a check sheet is filled in at the portal", field="sheet", hint="give --console too")
    own = workspace.reader.read(reads.operator(workspace.signer.address)).organisation
    if program is not None:
        adapter = adapters.program(program)
    elif folder is not None:
        adapter = adapters.folder(folder)
    elif agent is not None:
        seed = int(workspace.signer.address[2:14], 16)
        adapter = adapters.agent(agent, truth, seed)
    elif console is not None:
        desk, plant = InspectionTasks(console / FILE_NAME), None if sheet is None else plant_of(sheet)
        adapter = adapters.console(desk, workspace.signer.address, own, workspace.documents, plant)
    else:
        adapter = adapters.person()
    watched = own if panel is None else OrganisationId(panel)
    with AnswerStore(workspace.data / "answers.db") as answers, broken_off():
        process = InspectorProcess(workspace.chain, workspace.signer, watched, adapter, answers, _tell)
        workspace.chain.resume()
        _tell(f"inspector {process.number} of panel {watched}")
        while True:
            try:
                process.look()
            except Unavailable as error:
                _tell(f"{error}; trying again")
            time.sleep(every)


def _tell(text: str) -> None:
    tell(text)
