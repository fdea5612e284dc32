"""`chromatrace gateway`: all sources of a plant at once."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

import click

from chromatrace.cli.gateway_view import show_gateway
from chromatrace.cli.interrupts import stop_event
from chromatrace.cli.output import confirm, emit, json_option, print_line, print_note
from chromatrace.domain.errors import InvalidInput
from chromatrace.number_types import WholeRange
from chromatrace.services.workspace import Workspace

if TYPE_CHECKING:
    from chromatrace.gateway.dead_letters import StoredLetter
    from chromatrace.plant.records import Plant

plant_argument = click.argument("plant_name", metavar="PLANT")
origin_option = click.option("--source", "origin", help="Only letters of this source of the plant file.")


@click.group()
def gateway() -> None:
    """Run all sources of a plant file; show and replay dead letters.

    PLANT is a plant file or the name of a shipped plant.

    \b
    Example:
      chromatrace gateway run plant.toml
    """


@gateway.command()
@plant_argument
@json_option
@click.pass_obj
def run(workspace: Workspace, plant_name: str, as_json: bool) -> None:
    """Store the readings of all sources of PLANT until Ctrl-C.

    A source that fails is started again with increasing pauses and never stops the others. Each reading is stored once,
    also after a crash. /metrics, /healthz and pushed readings are at the address in [gateway]. At a terminal, a table
    shows the sources; --json prints one line with the state of all sources every second. Exit status 1 if the last
    readings could not be stored.
    """
    from chromatrace.services.gateway import plant_gateway

    plant = _plant(plant_name)
    # The gateway reports each reason once; these libraries would log each attempt.
    for name in ("asyncua", "pymodbus"):
        logging.getLogger(name).setLevel(logging.CRITICAL + 1)
    stop = stop_event()
    with plant_gateway(workspace, plant) as running:
        show_gateway(running, stop, as_json=as_json)
    if running.unwritable:
        raise SystemExit(1)


@gateway.group()
def dead_letters() -> None:
    """List, show, replay and purge input that was rejected or dropped."""


@dead_letters.command("list")
@origin_option
@click.option("--all", "everything", is_flag=True, help="Also letters that were replayed.")
@click.option("--after", type=WholeRange(0), default=0, show_default=True, help="Only letters with a larger id.")
@click.option("--limit", type=WholeRange(1), default=100, show_default=True, help="Maximum number of letters.")
@json_option
@click.pass_obj
def list_(workspace: Workspace, origin: str | None, everything: bool, after: int, limit: int, as_json: bool) -> None:
    """List dead letters, oldest first."""
    from chromatrace.gateway.dead_letters import COUNTED, OPEN, REPLAYED, DeadLetters
    from chromatrace.services.gateway import gateway_store

    with gateway_store(workspace) as store:
        letters = DeadLetters(store)
        states = (OPEN, COUNTED, REPLAYED) if everything else (OPEN, COUNTED)
        found = letters.letters(origin=origin, states=states, after=after, limit=limit)
        counts = letters.counts()

    def human() -> None:
        for letter in found:
            facts = letter.as_dict()
            times = f" ({letter.count:,} times)" if letter.count > 1 else ""
            where = "/".join(part for part in (letter.source, letter.tag) if part)
            print_line(f"{letter.id:>6}  {facts['last'][:19]}Z  {letter.origin}  {where}: {letter.reason}{times}")
        if not found:
            print_line("no dead letters")

    totals = [{"source": origin, "state": state, "count": count} for (origin, state), count in sorted(counts.items())]
    emit(as_json, {"letters": [letter.as_dict() for letter in found], "totals": totals}, human)


@dead_letters.command()
@click.argument("letter_id", metavar="ID", type=WholeRange(1))
@json_option
@click.pass_obj
def show(workspace: Workspace, letter_id: int, as_json: bool) -> None:
    """Show a dead letter with its payload."""
    from chromatrace.gateway.dead_letters import DeadLetters
    from chromatrace.services.gateway import gateway_store

    with gateway_store(workspace) as store:
        emit(as_json, DeadLetters(store).letter(letter_id).as_dict(payload=True))


@dead_letters.command()
@plant_argument
@click.argument("ids", metavar="[ID]…", nargs=-1, type=WholeRange(1))
@origin_option
@click.option("--accept-types", is_flag=True, help="Accept values whose type changed, now and later.")
@click.option(
    "--trust-aliases", is_flag=True, help="Sparkplug: resolve aliases by the last birth of the node, even if later."
)
@json_option
@click.pass_obj
def replay(
    workspace: Workspace,
    plant_name: str,
    ids: tuple[int, ...],
    origin: str | None,
    accept_types: bool,
    trust_aliases: bool,
    as_json: bool,
) -> None:
    """Read dead letters again, with PLANT as it is now, and store their readings once.

    Without ID, all open letters are replayed. A letter that is still rejected stays open; the exit status is then 1.
    """
    from chromatrace.gateway.dead_letters import OPEN, DeadLetters
    from chromatrace.gateway.replay import Replay
    from chromatrace.services.gateway import gateway_store

    plant = _plant(plant_name)
    with gateway_store(workspace) as store:
        letters = DeadLetters(store)
        chosen = [letters.letter(letter_id) for letter_id in ids] or letters.letters(origin=origin, states=(OPEN,))
        replaying = Replay(plant, workspace.spool, store, accept_types=accept_types, trust_aliases=trust_aliases)
        results = list(replaying.replay(chosen))
    failed = [result for result in results if result.error is not None]
    facts: dict[str, Any] = {
        "replayed": len(results) - len(failed),
        "stored": sum(result.stored for result in results),
        "duplicates": sum(result.duplicates for result in results),
        "failed": [{"id": result.id, "error": result.error} for result in failed],
    }

    def human() -> None:
        print_line(
            f"{facts['replayed']:,} letters replayed, {facts['stored']:,} readings stored, "
            f"{facts['duplicates']:,} duplicates"
        )
        for result in failed:
            print_note(str(result.error), mark=f"{result.id}:", style="yellow")

    emit(as_json, facts, human)
    if failed:
        raise SystemExit(1)


@dead_letters.command()
@click.argument("ids", metavar="[ID]…", nargs=-1, type=WholeRange(1))
@origin_option
@click.option("--open", "also_open", is_flag=True, help="Also letters that were not replayed; asks first.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@json_option
@click.pass_obj
def purge(
    workspace: Workspace, ids: tuple[int, ...], origin: str | None, also_open: bool, yes: bool, as_json: bool
) -> None:
    """Remove dead letters that were replayed, or those with these IDs.

    A letter that was not replayed leaves its count, source, tag and reason.
    """
    from chromatrace.gateway.dead_letters import OPEN, REPLAYED, DeadLetters
    from chromatrace.services.gateway import gateway_store

    with gateway_store(workspace) as store:
        letters = DeadLetters(store)
        states = (OPEN, REPLAYED) if also_open else (REPLAYED,)
        chosen: list[StoredLetter] = [letters.letter(letter_id) for letter_id in ids] or letters.letters(
            origin=origin, states=states
        )
        lost = sum(letter.state == OPEN for letter in chosen)
        if lost and not yes:
            confirm(f"Remove {lost:,} letters that were not replayed?")
        emit(as_json, {"purged": letters.purge([letter.id for letter in chosen])})


@gateway.group()
def token() -> None:
    """Create, list and revoke tokens of HTTP sources."""


@token.command()
@plant_argument
@click.argument("source_id", metavar="SOURCE")
@click.option("--name", default="", help="Name of the program or device that gets the token.")
@json_option
def create(plant_name: str, source_id: str, name: str, as_json: bool) -> None:
    """Create a token that may push readings of the HTTP source SOURCE, and print it once.

    The token file of the source has only its hash.
    """
    from chromatrace.services.gateway import http_source, token_file

    plant = _plant(plant_name)
    text, stored = token_file(http_source(plant, source_id)).create(name)
    emit(as_json, {"token": text, "id": stored.id, "source": source_id, "name": stored.name})


@token.command("list")
@plant_argument
@json_option
def list_tokens(plant_name: str, as_json: bool) -> None:
    """List the tokens of all HTTP sources, without the tokens themselves."""
    from chromatrace.services.gateway import token_files

    facts = [
        {"source": source_id, "id": stored.id, "name": stored.name, "created": stored.created}
        for source_id, file in token_files(_plant(plant_name)).items()
        for stored in file.tokens()
    ]

    def human() -> None:
        for fact in facts:
            print_line(f"{fact['id']}  {fact['created']}  {fact['source']}  {fact['name']}".rstrip())
        if not facts:
            print_line("no tokens")

    emit(as_json, {"tokens": facts}, human)


@token.command()
@plant_argument
@click.argument("token_id", metavar="ID")
@json_option
def revoke(plant_name: str, token_id: str, as_json: bool) -> None:
    """Revoke the token with this id. The running gateway rejects it from the next request on."""
    from chromatrace.services.gateway import token_files

    for source_id, file in token_files(_plant(plant_name)).items():
        if any(stored.id == token_id for stored in file.tokens()):
            revoked = file.revoke(token_id)
            emit(as_json, {"revoked": revoked.id, "source": source_id, "name": revoked.name})
            return
    raise InvalidInput(f"no token {token_id!r}", field="id", hint="see `chromatrace gateway token list`")


def _plant(name: str) -> Plant:
    from chromatrace.services.records import plant_of

    return plant_of(name)
