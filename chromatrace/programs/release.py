"""Released programs, and the rule that selects the one that may run.

A machine may run a program only in its newest version for this machine, and only if that version was not withdrawn.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from chromatrace.programs.errors import ProgramNotReleasedError


@dataclass(frozen=True, slots=True)
class Release:
    """One version of a program for one machine, in the order of the chain.

    digest     SHA-256 of the program
    withdrawn  the version withdraws the program: no version may run
    about      keys under which the release is found: machine, design, order
    """

    release_id: str
    program: str
    version: int
    machine: str
    digest: bytes
    withdrawn: bool
    design: str
    order: str | None
    about: tuple[str, ...]


def release_id(program: str, version: int, machine: str) -> str:
    """Return the key of a release."""
    return f"{program}/{version}@{machine}"


def newest(releases: Iterable[Release], program: str, machine: str) -> Release | None:
    """Return the newest version of a program for a machine. Of equal versions, the first on the chain counts."""
    found = [release for release in releases if (release.program, release.machine) == (program, machine)]
    return max(found, key=lambda release: release.version, default=None)


def runnable(releases: Sequence[Release], program: str, machine: str, version: int | None = None) -> Release:
    """Return the release that may run. Raises `ProgramNotReleasedError` with the reason.

    version  the version that a person asks for; None: the newest
    """
    found = newest(releases, program, machine)
    if found is None:
        others = sorted({release.machine for release in releases if release.program == program})
        hint = f"it is released for {', '.join(others)}" if others else "see `chromatrace twin program list`"
        raise ProgramNotReleasedError(f"program {program!r} is not released for {machine}", field="program", hint=hint)
    if found.withdrawn:
        raise ProgramNotReleasedError(f"program {program!r} was withdrawn by version {found.version}", field="program")
    if version is not None and version != found.version:
        known = any(release.version == version and release.program == program for release in releases)
        problem = "was replaced by" if known and version < found.version else "is not released; the newest is"
        raise ProgramNotReleasedError(
            f"version {version} of program {program!r} {problem} version {found.version}", field="version"
        )
    return found


def released_as(releases: Sequence[Release], machine: str, digest: bytes) -> Release | None:
    """Return the release that may run and has this digest; None if the machine must not run these bytes."""
    for program in dict.fromkeys(release.program for release in releases):
        found = newest(releases, program, machine)
        if found is not None and not found.withdrawn and found.digest == digest:
            return found
    return None
