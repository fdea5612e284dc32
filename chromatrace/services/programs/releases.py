"""Release programs on the chain, encrypted to the key of their machine, and list the releases."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from chromatrace.domain.errors import InvalidInput, NotFound
from chromatrace.domain.ledger_entries import kind_hash
from chromatrace.plant.program_plans import (
    PROGRAMS,
    RELEASE_KIND,
    RELEASED,
    WITHDRAWN,
    ProgramMachine,
    ProgramPlan,
)
from chromatrace.programs.release import Release, newest, release_id
from chromatrace.records.department_records import DepartmentRecords
from chromatrace.records.errors import KeyMissingError, ProductNotFoundError
from chromatrace.records.reader_key import Reader
from chromatrace.services.records import open_records, plant_of
from chromatrace.services.workspace import Workspace

MAX_PROGRAM = 16 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class ReleasedEntry:
    """A release and its entry on the chain."""

    release: Release
    entry: Any


def program_plan(workspace: Workspace) -> ProgramPlan:
    """Return the section [programs] of the plant. Raises `NotFound` without it."""
    plan = plant_of(workspace.settings.plant).section(PROGRAMS)
    if plan.department is None:
        raise NotFound("the plant has no programs", field="plant", hint="add [programs] to the plant file")
    return plan


def program_machine(plan: ProgramPlan, machine: str) -> ProgramMachine:
    """Return a machine that takes programs. Raises `NotFound`."""
    found = plan.machine(machine)
    if found is None:
        known = ", ".join(item.machine for item in plan.machines) or "none"
        raise NotFound(f"machine {machine!r:.60} takes no programs", field="machine", hint=f"known: {known}")
    return found


def releases_of(records: DepartmentRecords, machine: ProgramMachine) -> list[ReleasedEntry]:
    """Return the releases for a machine in the order of the chain.

    Only entries of the releasing department of the own organisation count. Raises `KeyMissingError` for one that no
    key decrypts: it could be the newest.
    """
    kind = records.catalogue.newest(RELEASE_KIND)
    department = records.department_of(kind).id
    try:
        entries = records.trace(machine.subject)
    except ProductNotFoundError:
        return []
    found = []
    for entry in entries:
        if entry.repeat or entry.department != department or entry.kind != kind_hash(kind.schema):
            continue
        document = records.read(entry)
        if document is None:
            raise KeyMissingError(
                f"no key decrypts the release in transaction 0x{entry.appended.tx_hash.hex()}",
                field="machine",
                hint=f"the data folder needs the reader key of {machine.department!r} or of the releasing department",
            )
        release = _release(document.fields)
        if release.machine == machine.machine:
            found.append(ReleasedEntry(release, entry))
    return found


def release_program(
    workspace: Workspace,
    machine_id: str,
    program: str,
    version: int,
    design: str,
    order: str | None,
    format_: str,
    path: Path | None,
) -> tuple[Release, str]:
    """Release a version of a program for a machine, encrypted to its key. Return the release and its transaction.

    path  file of the program; None withdraws the program
    Raises `InvalidInput` unless the version is the next one, and as `DepartmentRecords.add`.
    """
    plan = program_plan(workspace)
    machine = program_machine(plan, machine_id)
    records = open_records(workspace)
    kind = records.catalogue.newest(RELEASE_KIND)
    records.require_writer(kind)
    known = newest([item.release for item in releases_of(records, machine)], program, machine_id)
    expected = 1 if known is None else known.version + 1
    if version != expected:
        raise InvalidInput(
            f"version is {version}; the next version of {program!r} for {machine_id} is {expected}", field="version"
        )
    content = b"" if path is None else path.read_bytes()
    if path is not None and not 1 <= len(content) <= MAX_PROGRAM:
        raise InvalidInput(f"the program has {len(content):,} bytes; expected 1 to {MAX_PROGRAM:,}", field="file")
    digest = known.digest if path is None and known is not None else hashlib.sha256(content).digest()
    about = [machine.subject, f"design/{design}", *([f"order/{order}"] if order else [])]
    members: dict[str, Any] = {
        "release_id": release_id(program, version, machine_id),
        "program_id": program,
        "version": version,
        "machine_id": machine_id,
        "design_id": design,
        "about": about,
        "state": WITHDRAWN if path is None else RELEASED,
        "format": format_,
        "digest": f"0x{digest.hex()}",
    }
    members |= {"order_id": order} if order else {}
    files = {} if path is None else {"program": path}
    prepared = records.prepare(records.document(kind, members, files))
    transaction = records.add([prepared], [_machine_reader(records, machine)], files)
    workspace.catch_up(workspace.index)
    return _release(prepared.document.fields), transaction


def _machine_reader(records: DepartmentRecords, machine: ProgramMachine) -> Reader:
    """Return the machine's key. Raises `InvalidInput` unless it belongs to the machine's department."""
    try:
        reader = Reader.parse(machine.reader_file.read_text(encoding="utf-8").strip())
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidInput(f"{machine.reader_file} cannot be read: {error}", field="reader_file") from error
    department = records.department_of(records.catalogue.newest(machine.load_kind))
    if reader.identity != (department.organisation, department.id):
        raise InvalidInput(
            f"{machine.reader_file} is the key of {reader.identity}, not of {machine.department!r}",
            field="reader_file",
            hint="create it at the machine's gateway with `chromatrace key reader`",
        )
    return reader


def _release(fields: Mapping[str, Any]) -> Release:
    return Release(
        release_id=fields["release_id"],
        program=fields["program_id"],
        version=fields["version"],
        machine=fields["machine_id"],
        digest=bytes.fromhex(fields["digest"][2:]),
        withdrawn=fields["state"] == WITHDRAWN,
        design=fields["design_id"],
        order=fields.get("order_id"),
        about=tuple(fields["about"]),
    )
