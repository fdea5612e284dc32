"""The gateway of a machine: decrypt, load, confirm, start, guard and report programs."""

from __future__ import annotations

import secrets
import time
from contextlib import ExitStack
from datetime import UTC, datetime
from typing import Any

from chromatrace.domain.errors import InvalidInput, NotFound
from chromatrace.domain.ledger_entries import record_id
from chromatrace.plant.plant_sources import OpcUaSource
from chromatrace.plant.program_plans import CONFIRMED, REJECTED, ProgramMachine
from chromatrace.programs import guard
from chromatrace.programs.errors import ProgramAlteredError, ProgramNotLoadedError
from chromatrace.programs.folder_port import FolderPort
from chromatrace.programs.guard import Finding
from chromatrace.programs.opcua_port import OpcUaProgramPort
from chromatrace.programs.port import ProgramPort
from chromatrace.programs.release import Release, runnable
from chromatrace.services.programs.releases import ReleasedEntry, program_machine, program_plan, releases_of
from chromatrace.services.records import open_records, plant_of
from chromatrace.services.workspace import Workspace
from chromatrace.twin.equipment.series import MachineLog
from chromatrace.twin.equipment.usage import usage_of
from chromatrace.twin.plan import plan_of


class ProgramGateway:
    """Controls one machine. The workspace signs as a member of the machine's department and holds its reader key."""

    def __init__(self, workspace: Workspace, machine: ProgramMachine, port: ProgramPort) -> None:
        self._workspace, self._machine, self._port = workspace, machine, port
        self._records = open_records(workspace)

    def releases(self) -> list[ReleasedEntry]:
        """Return the releases for the machine, as the chain has them now."""
        self._workspace.catch_up(self._workspace.index)
        return releases_of(self._records, self._machine)

    def load(self, program: str, version: int | None = None) -> tuple[Release, str]:
        """Load a program with read-back, and record the result on the chain. Return the release and the load's id.

        Raises `ProgramNotReleasedError`, and `ProgramAlteredError` or `ProgramNotLoadedError` after recording them.
        """
        known = self.releases()
        release = runnable([item.release for item in known], program, self._machine.machine, version)
        entry = next(item.entry for item in known if item.release == release)
        try:
            content = b"".join(self._records.content(self._records.file(entry, "program")))
            read_back = guard.load(self._port, release, content)
        except (ProgramAlteredError, ProgramNotLoadedError) as error:
            self._record_load(release, REJECTED, None, error.message)
            raise
        return release, self._record_load(release, CONFIRMED, read_back, None)

    def start(self, program: str, version: int | None = None) -> Release:
        """Start the loaded program. Raises `ProgramNotReleasedError` and `ProgramAlteredError`; nothing starts then."""
        known = [item.release for item in self.releases()]
        return guard.start(self._port, known, self._machine.machine, program, version)

    def check(self) -> Finding:
        """Stop the machine if it has a program that it must not run, and record that on the chain."""
        known = [item.release for item in self.releases()]
        finding = guard.check(self._port, known, self._machine.machine)
        if finding.stopped and known:
            reason = f"the machine had {finding.name or 'an unnamed program'}, which is not released; it was stopped"
            self._record_load(known[-1], REJECTED, finding.read_back, reason)
        return finding

    def report(self, load_id: str, from_ns: int, to_ns: int) -> dict[str, Any]:
        """Record runs, counts and downtime of a period from the log of readings. Return the members of the record."""
        plan = plan_of(plant_of(self._workspace.settings.plant))
        log = MachineLog(self._workspace.spool, plan, plan.machine(self._machine.machine))
        usage = usage_of(log, from_ns, to_ns)
        if len(usage.log_sizes) != 1:
            raise NotFound(
                f"{self._machine.machine} has readings in {len(usage.log_sizes)} channels; expected 1",
                field="machine",
                hint="check the source of the machine in the plant file, and that its readings are stored",
            )
        ((channel, size),) = usage.log_sizes.items()
        members: dict[str, Any] = {
            "run_id": _new_id(self._machine.machine),
            "load_id": load_id,
            "about": self._about(self._machine.load_kind, load_id),
            "started": _utc(usage.from_ns),
            "ended": _utc(usage.to_ns),
            "runs": usage.runs,
            "running_s": round(usage.running_s, 3),
            "channel": channel,
            "log_size": size,
        }
        if usage.units is not None:
            members["units"] = usage.units
        if usage.rejected is not None:
            members["rejected_units"] = usage.rejected
        if usage.downtime:
            members["downtime"] = [f"{item.status} {item.reason}: {item.seconds:.0f} s" for item in usage.downtime]
        self._append(self._machine.run_kind, members)
        return members

    def _about(self, kind_id: str, key: str) -> list[str]:
        """Return the machine, design and order of a load."""
        kind = self._records.catalogue.newest(kind_id)
        document = self._records.read(self._records.find(record_id(kind.id, key), kind))
        if document is None:
            raise NotFound(f"no key decrypts {key!r}", field="load")
        return list(document.fields["about"])

    def _record_load(self, release: Release, result: str, read_back: bytes | None, reason: str | None) -> str:
        load_id = _new_id(self._machine.machine)
        members: dict[str, Any] = {
            "load_id": load_id,
            "release_id": release.release_id,
            "about": list(release.about),
            "time": _utc(time.time_ns()),
            "result": result,
        }
        members |= {} if read_back is None else {"read_back": f"0x{read_back.hex()}"}
        members |= {} if reason is None else {"reason": reason[:2000]}
        self._append(self._machine.load_kind, members)
        return load_id

    def _append(self, kind_id: str, members: dict[str, Any]) -> None:
        kind = self._records.catalogue.newest(kind_id)
        self._records.add([self._records.prepare(self._records.document(kind, members, {}))], [], {})
        self._workspace.catch_up(self._workspace.index)


def open_gateway(workspace: Workspace, machine_id: str, stack: ExitStack) -> ProgramGateway:
    """Return the gateway of a machine; `stack` closes its connection."""
    machine = program_machine(program_plan(workspace), machine_id)
    if machine.folder is not None:
        return ProgramGateway(workspace, machine, FolderPort(machine.folder))
    assert machine.opcua is not None
    sources = plant_of(workspace.settings.plant).sources
    source = next((item for item in sources if item.id == machine.source), None)
    if not isinstance(source, OpcUaSource):
        raise InvalidInput(f"source {machine.source!r} is not an OPC UA server", field="source")
    port = stack.enter_context(OpcUaProgramPort(source.connection(), machine.opcua))
    return ProgramGateway(workspace, machine, port)


def _new_id(machine: str) -> str:
    return f"{machine}-{time.time_ns() // 10**9}-{secrets.token_hex(4)}"


def _utc(time_ns: int) -> str:
    return f"{datetime.fromtimestamp(time_ns / 10**9, UTC):%Y-%m-%dT%H:%M:%SZ}"
