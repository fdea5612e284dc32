"""Section `[programs]` of a plant file: which department releases machine programs, and how they reach the machines."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from chromatrace.domain.record_kinds import Field, FieldType, Preceding, RecordKind
from chromatrace.plant.names import Names, Section
from chromatrace.storage.toml import TomlTable

RELEASE_KIND = "programs.release"
FORMATS = ("gcode", "recipe", "other")
RELEASED, WITHDRAWN = "released", "withdrawn"
CONFIRMED, REJECTED = "confirmed", "rejected"
_MACHINE = re.compile(r"[a-z0-9][a-z0-9-]{0,33}")


@dataclass(frozen=True, slots=True)
class OpcUaPort:
    """A machine that takes programs over OPC UA. Each member is a node id.

    program, name  ByteString and String variables of the loaded program
    running        Boolean variable; `start` and `stop` are methods of `object`
    """

    program: str
    name: str
    running: str
    object: str
    start: str
    stop: str


@dataclass(frozen=True, slots=True)
class ProgramMachine:
    """A machine that takes programs.

    department  department on the chain that stands for the machine: programs are encrypted to its key, and its gateway
                reports loads and runs
    source      source of the plant file with the OPC UA connection
    reader_file public key of this department, as `chromatrace key reader` prints it
    folder      folder of its programs, for a machine that reads files
    """

    machine: str
    department: str
    station: str
    reader_file: Path
    folder: Path | None = None
    source: str | None = None
    opcua: OpcUaPort | None = None

    @property
    def subject(self) -> str:
        """Product under which records about the machine are found."""
        return f"machine/{self.machine}"

    @property
    def load_kind(self) -> str:
        return f"programs.load-{self.machine}"

    @property
    def run_kind(self) -> str:
        return f"programs.run-{self.machine}"


@dataclass(frozen=True, slots=True)
class ProgramPlan:
    """The section. `department` releases programs; None: the plant has no programs."""

    department: str | None = None
    station: str = ""
    machines: tuple[ProgramMachine, ...] = ()

    def machine(self, machine: str) -> ProgramMachine | None:
        """Return a machine by its id, or None."""
        return next((item for item in self.machines if item.machine == machine), None)

    def record_kinds(self) -> tuple[RecordKind, ...]:
        """Return the kinds of record of releases, and of loads and runs of each machine."""
        if self.department is None:
            return ()
        key, whole, hex_ = FieldType.KEY, FieldType.WHOLE, FieldType.HEX
        about = Field("about", FieldType.KEYS, "Machine, design and order")
        release = RecordKind(
            *(RELEASE_KIND, 1, "Program release", self.department, self.station),
            fields=(
                Field("release_id", key, "Release ID"),
                Field("program_id", key, "Program"),
                Field("version", whole, "Version"),
                Field("machine_id", key, "Machine"),
                Field("design_id", key, "Design"),
                Field("order_id", key, "Order", required=False),
                about,
                Field("state", FieldType.CHOICE, "State", choices=(RELEASED, WITHDRAWN)),
                Field("format", FieldType.CHOICE, "Format", choices=FORMATS),
                Field("digest", hex_, "SHA-256 of the program", longest=32),
                Field("program", FieldType.FILE, "Program", required=False),
            ),
            key=("release_id",),
            subject="about",
        )
        kinds = [release]
        for machine in self.machines:
            kinds.append(
                RecordKind(
                    *(machine.load_kind, 1, f"Program load of {machine.machine}", machine.department, machine.station),
                    fields=(
                        Field("load_id", key, "Load ID"),
                        Field("release_id", key, "Release ID"),
                        about,
                        Field("time", FieldType.TIME, "Time"),
                        Field("result", FieldType.CHOICE, "Result", choices=(CONFIRMED, REJECTED)),
                        Field("read_back", hex_, "SHA-256 of what the machine has", required=False, longest=32),
                        Field("reason", FieldType.TEXT, "Reason", required=False),
                    ),
                    key=("load_id",),
                    subject="about",
                    preceding=(Preceding("release_id", RELEASE_KIND),),
                )
            )
            kinds.append(
                RecordKind(
                    *(machine.run_kind, 1, f"Program run of {machine.machine}", machine.department, machine.station),
                    fields=(
                        Field("run_id", key, "Run ID"),
                        Field("load_id", key, "Load ID"),
                        about,
                        Field("started", FieldType.TIME, "Started"),
                        Field("ended", FieldType.TIME, "Ended"),
                        Field("runs", whole, "Runs"),
                        Field("units", whole, "Units", required=False),
                        Field("rejected_units", whole, "Rejected units", required=False),
                        Field("running_s", FieldType.NUMBER, "Seconds running"),
                        Field("downtime", FieldType.TEXTS, "Downtime by reason", required=False),
                        Field("channel", FieldType.TEXT, "Log channel"),
                        Field("log_size", whole, "Log size"),
                    ),
                    key=("run_id",),
                    subject="about",
                    preceding=(Preceding("load_id", machine.load_kind),),
                )
            )
        return tuple(kinds)


def read_programs(top: TomlTable, names: Names) -> ProgramPlan:
    """Read [programs]."""
    if "programs" not in top:
        return ProgramPlan()
    table = top.table("programs")
    stations = _machine_stations(top)
    return (
        table.build(
            ProgramPlan,
            department=table.text("department", maximum=64),
            station=table.reference("station", "station", names["stations"]),
            machines=table.parts(_machine(item, names, stations) for item in table.tables("machines")),
        )
        or ProgramPlan()
    )


def _machine(table: TomlTable, names: Names, stations: Mapping[str, str]) -> ProgramMachine | None:
    machine = table.reference("machine", "machine", names["machines"])
    if machine and not _MACHINE.fullmatch(machine):
        table.mistake("machine", f"{machine!r} must have up to 34 lower-case letters, digits and hyphens")
    folder = table.file("folder", names.folder / table.text("folder")) if "folder" in table else None
    opcua = _opcua(table.table("opcua")) if "opcua" in table else None
    if (folder is None) == (opcua is None):
        table.mistake("folder", "expected either folder or [programs.machines.opcua]")
    source = None
    if opcua is not None:
        source = table.reference("source", "source", names["sources"])
    return table.build(
        ProgramMachine,
        machine=machine,
        department=table.text("department", maximum=64),
        station=stations.get(machine, ""),
        reader_file=table.file("reader_file", names.folder / table.text("reader_file")),
        folder=folder,
        source=source,
        opcua=opcua,
    )


def _opcua(table: TomlTable) -> OpcUaPort | None:
    return table.build(
        OpcUaPort, **{name: table.text(name) for name in ("program", "name", "running", "object", "start", "stop")}
    )


def _machine_stations(top: TomlTable) -> Mapping[str, str]:
    machines = top.value("machines", [])
    known = [item for item in machines if isinstance(item, Mapping)] if isinstance(machines, list) else []
    return {str(item.get("id")): str(item.get("station", "")) for item in known}


PROGRAMS: Section[ProgramPlan] = Section("programs", read_programs)
