"""The twin of a workspace: follow the logs, read the state, and let people act on alarms."""

from __future__ import annotations

import csv
import dataclasses
import io
import logging
import threading
import time
from collections.abc import Iterable
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from chromatrace.chain.client import Chain
from chromatrace.domain.errors import ChromaTraceError, NotAuthorised
from chromatrace.domain.rights import Role
from chromatrace.plant.proposal_rules import PROPOSALS
from chromatrace.services.proposals import ActionRecorder, settle_holds
from chromatrace.services.records import plant_of
from chromatrace.services.rights import rights_of
from chromatrace.services.workspace import Workspace
from chromatrace.twin.actions.execute import Executor
from chromatrace.twin.follower import TwinFollower, rebuilt
from chromatrace.twin.plan import TwinPlan, plan_of
from chromatrace.twin.store.alarms import AlarmView
from chromatrace.twin.store.database import TwinStore
from chromatrace.twin.store.proposals import ProposalView
from chromatrace.twin.views import TwinReader

if TYPE_CHECKING:
    from chromatrace.plant.records import Plant

_ACTIONS_S = 1.0
_logger = logging.getLogger(__name__)
ALARM_ROLES = Role.SUPERVISOR | Role.PRODUCER | Role.GATEWAY | Role.INSPECTOR
"""One of these roles may acknowledge and shelve alarms."""
ALARM_COLUMNS = tuple(field.name for field in dataclasses.fields(AlarmView))


@dataclass(frozen=True, slots=True)
class RebuildReport:
    """The state at the stored log sizes, rebuilt from the logs, compared with the state that was stored."""

    log_sizes: dict[str, int]
    digest: str
    stored_digest: str

    @property
    def identical(self) -> bool:
        return self.digest == self.stored_digest


def twin_plan(workspace: Workspace, plant: str | None = None) -> TwinPlan:
    """Return the twin's part of a plant file (default: the workspace's plant)."""
    return plan_of(load_twin_plant(workspace, plant))


def load_twin_plant(workspace: Workspace, plant: str | None = None) -> Plant:
    """Return a plant by its name or file (default: the workspace's plant)."""
    return plant_of(plant or workspace.settings.plant)


def open_store(workspace: Workspace, stack: ExitStack) -> TwinStore:
    """Return the twin's tables; `stack` closes them."""
    _ = workspace.data
    store = TwinStore(workspace.settings.twin_url)
    stack.callback(store.close)
    return store


def open_reader(workspace: Workspace, store: TwinStore, plan: TwinPlan, *, live: bool = True) -> TwinReader:
    """Return a reader of the state. `live`: apply the readings in the data folder's spool since the stored state."""
    return TwinReader(store, plan, workspace.spool if live else None)


def follow(workspace: Workspace, store: TwinStore, plant: Plant, stop: threading.Event, poll_s: float) -> None:
    """Follow the logs until `stop` is set, then store the state. Raises `TwinBusyError` if another process does.

    A thread carries out confirmed actions meanwhile.
    """
    with store.following():
        follower = TwinFollower(workspace.spool, store, plan_of(plant))
        follower.start()
        actions = threading.Thread(target=_act, args=(workspace, store, plant, stop), name="twin-actions")
        actions.start()
        try:
            follower.run(stop, poll_s)
            follower.snapshot()
        finally:
            stop.set()
            actions.join()


def _act(workspace: Workspace, store: TwinStore, plant: Plant, stop: threading.Event) -> None:
    """Carry out actions until `stop` is set. An error is logged, and the next round tries again."""
    if not plant.section(PROPOSALS):
        return
    logged = ""
    while not stop.is_set():
        try:
            carry_out(workspace, store, plant)
            logged = ""
        except ChromaTraceError as error:
            if str(error) != logged:
                _logger.warning("actions: %s", error)
            logged = str(error)
        stop.wait(_ACTIONS_S)


def carry_out(workspace: Workspace, store: TwinStore, plant: Plant) -> list[ProposalView]:
    """Carry out all confirmed actions at machines, settle holds, and record ended actions on the chain.

    Return the actions that ended. Raises `TwinBusyError` if another process carries out actions.
    """
    with store.executing():
        executor = Executor(store, {source.id: source for source in plant.sources}, now_ns)
        ended = executor.recover() + executor.run()
        ended += settle_holds(store, workspace.outbox, now_ns())
        ActionRecorder(workspace, store, plant).run(now_ns())
    return ended


def rebuild(workspace: Workspace, store: TwinStore, plan: TwinPlan) -> RebuildReport:
    """Compute the state from the beginning of the logs, and compare it with the stored state."""
    follower = TwinFollower(workspace.spool, store, plan)
    follower.start()
    sizes = dict(follower.mirror.sizes)
    return RebuildReport(
        sizes, rebuilt(workspace.spool, plan, sizes, follower.mirror.models).digest(), follower.mirror.digest()
    )


def require_alarm_role(chain: Chain, address: str) -> None:
    """Raise `NotAuthorised` unless the operator may acknowledge alarms. Raises as `rights_of`."""
    rights = rights_of(chain, address)
    if not rights.roles & ALARM_ROLES:
        names = ", ".join(role.name.lower() for role in ALARM_ROLES if role.name)
        raise NotAuthorised(f"{address} has none of the roles {names}", field="signer")


def alarms_csv(alarms: Iterable[AlarmView]) -> Iterable[str]:
    """Yield the lines of a CSV table of alarms. Times are RFC 3339, the data behind an alarm is JSON."""
    import orjson

    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(ALARM_COLUMNS)
    for alarm in alarms:
        writer.writerow([_cell(name, getattr(alarm, name), orjson.dumps) for name in ALARM_COLUMNS])
        yield _taken(text)
    yield _taken(text)


def _taken(text: io.StringIO) -> str:
    content = text.getvalue()
    text.seek(0)
    text.truncate()
    return content


def _cell(name: str, value: Any, dumps: Any) -> Any:
    if value is None:
        return ""
    if name.endswith("_ns"):
        return f"{datetime.fromtimestamp(value / 1e9, UTC):%Y-%m-%dT%H:%M:%S.%f}Z"
    if name == "data":
        return dumps(value).decode()
    text = str(value)
    # A cell that begins like a formula would be evaluated by a spreadsheet.
    return f"'{text}" if text[:1] in ("=", "+", "-", "@") and not isinstance(value, int | float) else text


def now_ns() -> int:
    """Return the time in Unix nanoseconds."""
    return time.time_ns()
