"""One run of the demonstration, stage by stage."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from chromatrace.demo import checks, goods
from chromatrace.demo.cast import FRANCHISEE, MAKER, Cast, Member
from chromatrace.demo.inspections import INSTRUMENTS
from chromatrace.demo.line import Progress
from chromatrace.demo.panel import Panel
from chromatrace.demo.route import design_route
from chromatrace.demo.story import Story, run_all
from chromatrace.domain.errors import Conflict
from chromatrace.domain.rights import Role, Stage
from chromatrace.services import processes
from chromatrace.services.local_chain import local_chain
from chromatrace.services.workspace import Workspace
from chromatrace.storage.lock import LockedError, ProcessLock
from chromatrace.storage.ports import held_port, url_at

PASSWORD = "a demonstration only"  # noqa: S105 - printed on the screen, rejected in production
ACCOUNT = "store-12@example-windows"
CONSOLE_ACCOUNT = "quality@example-electrochromics"
PLOT_TAGS = ("201.working_pressure", "201.target_power", "201.film_thickness")


@dataclass(slots=True)
class Stages:
    """Seconds of each stage.

    finished  takes the text and the seconds of a stage that is done
    progress  shows the progress of a task: takes its description, yields a callable for the amount done
    """

    finished: Callable[[str, float], None]
    progress: Progress
    seconds: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def stage(self, name: str, text: str) -> Iterator[None]:
        """Measure a block."""
        start = time.perf_counter()
        yield
        self.seconds[name] = round(time.perf_counter() - start, 2)
        self.finished(text, self.seconds[name])


def prepare(
    workspace: Workspace, stack: ExitStack, stages: Stages, host: str, port: int, *, or_another: bool
) -> Workspace:
    """Empty the demonstration's folder, start a chain and deploy the contracts; `stack` ends all of it.

    host, port  listen address of the portal; 0: any free port
    or_another  take any free port if `port` is in use
    """
    folder = _empty_folder(workspace.data / "demo", stack)
    port = stack.enter_context(held_port(host, port, or_another=or_another))
    outer = workspace.with_settings(
        data=folder,
        config=None,
        database_url=None,
        vault=None,
        keystore=None,
        dev_account=None,
        plant="electrochromic",
        base_url=url_at(host, port),
    )
    with stages.stage("deploy", "chain started, contracts deployed"):
        return stack.enter_context(local_chain(stack.enter_context(outer), 0, None))


def _empty_folder(folder: Path, stack: ExitStack) -> Path:
    """Return `folder`, empty; the lock file next to it marks it as the demonstration's."""
    marker = folder.with_suffix(".lock")
    if folder.exists() and not marker.exists():
        raise Conflict(
            f"{folder} exists and does not belong to the demonstration", field="data", hint="choose another --data"
        )
    try:
        stack.enter_context(ProcessLock(marker, 0))
    except LockedError as error:
        raise Conflict(
            f"process {error.holder} is running a demonstration in {folder}",
            field="data",
            hint="stop it, or choose another folder with --data",
        ) from error
    if folder.exists():
        shutil.rmtree(folder)
    folder.mkdir(parents=True, mode=0o700)
    return folder


def run(local: Workspace, stack: ExitStack, stages: Stages, host: str, tamper: str | None) -> dict[str, Any]:
    """Run the demonstration on a prepared workspace and return its report; the portal serves until `stack` ends."""
    with stages.stage("consortium", "organisations registered, operators appointed, route designed"):
        cast = Cast(local)
        enrolled = cast.enrol()
        route = design_route(cast)
        panel = Panel(local, cast, stack, INSTRUMENTS[Stage.FIRST])
        story = Story(cast, route, panel, tamper, transactions=enrolled + route.transactions)
        for name, member, roles in ((ACCOUNT, FRANCHISEE, Role.FRANCHISEE), (CONSOLE_ACCOUNT, MAKER, Role.SUPERVISOR)):
            story.transactions.append(_account(local, cast, name, member, roles))
    with stages.stage("line", "five lots made and inspected; three released, one recycled, one recalled, one held"):
        run_all(local, story, stages.progress)
        story.transactions += panel.transactions
    with stages.stage("identify", "QR codes and label sheets created, proof bundles written"):
        printed = goods.mint(local, story)
    with stages.stage("index", "index synchronised with the chain"), local.index.snapshot() as snapshot:
        block = snapshot.head().indexed_block
    with stages.stage("check", "everything checked against the chain"):
        port = urlsplit(local.settings.code_url).port
        stack.enter_context(
            processes.portal(local, host, port or 80, plot_tags=PLOT_TAGS, plant_organisation=story.panel.number)
        )
        results = checks.run(local, story, printed)
    return _report(local, story, printed, results, block)


def _account(local: Workspace, cast: Cast, name: str, member: Member, roles: Role) -> str:
    """Create a portal account and appoint its operator; return the transaction."""
    created = processes.run_command(
        local, "portal", "add-account", name, "--demonstration", CHROMATRACE_PORTAL_ACCOUNT_PASSWORD=PASSWORD
    )
    return cast.appoint_account(str(created["operator"]), member, roles)


def _report(
    local: Workspace, story: Story, printed: goods.Printed, results: Sequence[checks.Result], block: int
) -> dict[str, Any]:
    batches = {}
    with local.index.snapshot() as snapshot:
        views = {letter: snapshot.registered_batch(key) for letter, key in story.keys.items()}
    for letter, key in story.keys.items():
        view = views[letter]
        batches[letter] = {
            "gtin": key.gtin,
            "lot": key.lot,
            "batch_id": key.batch_id,
            "uri": printed.uris[letter],
            "state": view.state,
            "recalled": view.recalled,
            "readings": len(story.runs[letter].readings),
            "bundle": printed.bundles[letter],
        }
    return {
        "portal": local.settings.code_url,
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
        "drift": story.drift.facts() if story.drift else None,
        **verdict(story, results),
    }


def verdict(story: Story, results: Sequence[checks.Result]) -> dict[str, Any]:
    """Return the result of each check, the fault and the guards that caught it, and the number of failed checks."""
    return {
        "checks": [{"check": result.name, "held": result.held, "said": result.message} for result in results],
        "tamper": {
            "fault": story.fault,
            "caught": [{"by": guard.name, "said": guard.message} for guard in story.guards],
        },
        "failed": sum(not result.held for result in results),
    }
