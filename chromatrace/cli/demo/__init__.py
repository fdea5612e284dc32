"""`chromatrace demo`: the main job from end to end, on a local chain."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from chromatrace.cli.interrupts import told_to_end
from chromatrace.cli.output import emit, err, json_option, tell
from chromatrace.domain.errors import Conflict
from chromatrace.services.workspace import Workspace
from chromatrace.storage.lock import AlreadyLocked, ProcessLock

if TYPE_CHECKING:
    from chromatrace.cli.demo.checks import Result
    from chromatrace.cli.demo.story import Story

PASSWORD = "a demonstration only"  # noqa: S105 - printed on the screen, refused in production
ACCOUNT = "store-12@example-windows"
CONSOLE_ACCOUNT = "quality@example-electrochromics"


@dataclass(slots=True)
class _Clock:
    """Seconds by stage, and a line for each on standard error."""

    seconds: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def stage(self, name: str, said: str) -> Iterator[None]:
        began = time.perf_counter()
        yield
        self.seconds[name] = round(time.perf_counter() - began, 2)
        err.print(f"[green]✓[/] {said} [dim]{self.seconds[name]:.1f} s[/]", highlight=False)


@click.command()
@click.option("--once", is_flag=True, help="Do it, check it, print what was made, and end; nothing is served.")
@click.option("--host", default="127.0.0.1", show_default=True, help="Where the portal listens; 0.0.0.0 for a phone.")
@click.option("--port", default=8000, show_default=True, type=click.IntRange(0, 65535), help="Of the portal; 0: any.")
@click.option(
    "--tamper",
    type=click.Choice(["swap", "drop", "forge", "replay"]),
    help="Put this fault into lot B's route proof and show who catches it, as it is and once more with links and head "
    "recomputed as the contract expects them. Exit status 1 where anyone lets it pass.",
)
@json_option
@click.pass_obj
def demo(workspace: Workspace, once: bool, host: str, port: int, tamper: str | None, as_json: bool) -> None:
    """The main job, end to end, with nothing prepared.

    Starts Anvil, deploys the contracts, runs a simulated sputtering line behind a real OPC UA server, takes its
    readings and anchors them, takes four lots of electrochromic panes through inspection, assembly, release and
    shipment (one fails and is recycled, one is recalled; five inspectors, one of them poor, decide first inspection by
    consensus), mints their QR codes, writes proof bundles, checks all of it, and serves the portal where the codes can
    be scanned.

    Everything lies in the folder `demo` of the data folder, which is emptied at each start. Exit status 0 where every
    check held.
    """
    clock = _Clock()
    with ExitStack() as stack:
        local = _local(workspace, stack, clock, 0 if once else port, host)
        made = _make(local, stack, clock, tamper)
        emit(as_json, made | {"seconds": clock.seconds}, lambda: _tell(made))
        if not once:
            ended = told_to_end()
            err.print(f"\nportal {local.settings.base_url}   Ctrl-C ends it", highlight=False)
            ended.wait()
    if made["failed"]:
        raise SystemExit(1)


def _local(workspace: Workspace, stack: ExitStack, clock: _Clock, port: int, host: str) -> Workspace:
    """A fresh folder, chain and deployment."""
    from chromatrace.cli.portal import held_port, url_at
    from chromatrace.cli.up import local_chain

    folder = _fresh(workspace.data / "demo", stack)
    source = click.get_current_context().get_parameter_source("port")
    port = stack.enter_context(held_port(host, port, or_another=source is ParameterSource.DEFAULT))
    settings = replace(
        workspace.settings,
        data=folder,
        database_url=None,
        keystore=None,
        dev_account=None,
        base_url=url_at(host, port),
    )
    with clock.stage("deploy", "chain started, contracts deployed"):
        outer = stack.enter_context(Workspace(settings))
        return stack.enter_context(local_chain(outer, 0, None))


def _fresh(folder: Path, stack: ExitStack) -> Path:
    """`folder`, empty and ours alone; the file beside it says whose it is, and is locked while a demonstration runs."""
    marker = folder.with_suffix(".lock")
    if folder.exists() and not marker.exists():
        raise Conflict(f"{folder} exists and is not the demonstration's", field="data", hint="name another --data")
    try:
        stack.enter_context(ProcessLock(marker, 0))
    except AlreadyLocked as error:
        hint = "stop it, or name another folder with --data"
        raise Conflict(
            f"process {error.holder} is running a demonstration in {folder}", field="data", hint=hint
        ) from error
    if folder.exists():
        shutil.rmtree(folder)
    folder.mkdir(parents=True, mode=0o700)
    return folder


def _make(local: Workspace, stack: ExitStack, clock: _Clock, tamper: str | None) -> dict[str, Any]:
    from urllib.parse import urlsplit

    from app.accounts import create_account
    from chromatrace.cli.demo import checks, goods
    from chromatrace.cli.demo.cast import FRANCHISEE, MAKER, Cast
    from chromatrace.cli.demo.inspections import INSTRUMENTS
    from chromatrace.cli.demo.panel import Panel
    from chromatrace.cli.demo.route import design_route
    from chromatrace.cli.demo.story import Story, run_all
    from chromatrace.cli.portal import open_store, serving
    from chromatrace.domain.rights import Role, Stage

    with clock.stage("consortium", "organisations registered, operators appointed, route designed"):
        cast = Cast(local)
        enrolled = cast.enrol()
        route = design_route(cast)
        panel = Panel(local, cast, stack, INSTRUMENTS[Stage.FIRST])
        story = Story(cast, route, panel, tamper, transactions=enrolled + route.transactions)
        store = open_store(local)
        stack.callback(store.close)
        account = create_account(store, local.data / "keys", ACCOUNT, PASSWORD, demonstration=True)
        story.transactions.append(cast.appoint_account(account.address, FRANCHISEE, Role.FRANCHISEE))
        console = create_account(store, local.data / "keys", CONSOLE_ACCOUNT, PASSWORD, demonstration=True)
        story.transactions.append(cast.appoint_account(console.address, MAKER, Role.SUPERVISOR))
    with clock.stage("line", "four lots made, inspected, released; one recycled, one recalled"):
        run_all(local, story)
        story.transactions += panel.transactions
    with clock.stage("identify", "QR codes and label sheets minted, proof bundles written"):
        printed = goods.mint(local, story)
    with clock.stage("index", "index caught up with the chain"), local.index.snapshot() as snapshot:
        head = snapshot.head()
    with clock.stage("check", "everything checked against the chain"):
        address = urlsplit(local.settings.base_url)
        stack.enter_context(serving(local, str(address.hostname), int(address.port or 0)))
        results = checks.run(local, story, printed)
    for result in results:
        if not result.held:
            tell(f"{result.name}: {result.said}", mark="✗", style="bold red")
    return _facts(local, story, printed, results, head.indexed_block)


def _facts(local: Workspace, story: Story, printed: Any, results: Any, block: int) -> dict[str, Any]:
    with local.index.snapshot() as snapshot:
        views = {letter: snapshot.registered_batch(key) for letter, key in story.keys.items()}
    batches = {
        letter: {
            "gtin": key.gtin,
            "lot": key.lot,
            "batch_id": key.batch_id,
            "uri": printed.uris[letter],
            "state": views[letter].state,
            "recalled": views[letter].recalled,
            "readings": len(story.runs[letter].readings),
            "bundle": printed.bundles[letter],
        }
        for letter, key in story.keys.items()
    }
    return {
        "portal": local.settings.base_url,
        "rpc_url": local.settings.rpc_url,
        "chain_id": local.chain_id,
        "addresses": {name: entry.address for name, entry in local.manifest.contracts.items()},
        "batches": batches,
        "unit_uris": printed.unit_uris,
        "codes": printed.codes,
        "labels": printed.labels,
        "transactions": story.transactions,
        "counts": {
            "readings": sum(len(run.readings) for run in story.runs.values()),
            "transactions": len(story.transactions),
            "blocks": block,
            "batches": len(batches),
        },
        "account": {"name": ACCOUNT, "password": PASSWORD},
        "console_account": {"name": CONSOLE_ACCOUNT, "password": PASSWORD},
        **verdict(story, results),
    }


def verdict(story: Story, results: Sequence[Result]) -> dict[str, Any]:
    """What was checked, the fault that was put in and who caught it, and how many checks failed."""
    return {
        "checks": [{"check": result.name, "held": result.held, "said": result.said} for result in results],
        "tamper": {"fault": story.done, "caught": [{"by": g.by, "said": g.said} for g in story.caught]},
        "failed": sum(not result.held for result in results),
    }


def _tell(made: dict[str, Any]) -> None:
    counts = made["counts"]
    click.echo(
        f"\n{counts['readings']:,} readings, {counts['transactions']} transactions in {counts['blocks']} blocks; "
        f"{len(made['checks'])} checks, {made['failed']} failed\n"
    )
    if made["tamper"]["caught"]:
        click.echo(f"  fault: {made['tamper']['fault']}")
        width = max(len(guard["by"]) for guard in made["tamper"]["caught"])
        for guard in made["tamper"]["caught"]:
            click.echo(
                f"    {guard['by']:<{width}} {'caught it: ' + guard['said'] if guard['said'] else 'LET IT PASS'}"
            )
        click.echo("")
    for batch in made["batches"].values():
        state = "RECALLED" if batch["recalled"] else batch["state"].name.lower().replace("_", " ")
        click.echo(f"  {batch['lot']!s:<8} {state:<14} {batch['uri']}")
    click.echo(f"\n  scan or open {made['unit_uris'][0]}")
    click.echo(f"  its code     {made['codes'][0]}")
    click.echo(f"  label sheet  {made['labels']}")
    click.echo(f"  log in as    {made['account']['name']} / {made['account']['password']}   (demonstration only)")
    click.echo(f"  operations   {made['console_account']['name']}, the same password: who inspects how well")
