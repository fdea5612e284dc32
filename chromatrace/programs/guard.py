"""Load a program with read-back, start it, and stop a machine that has another one."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

from chromatrace.programs.errors import ProgramAlteredError, ProgramNotLoadedError
from chromatrace.programs.port import ProgramPort
from chromatrace.programs.release import Release, released_as, runnable


@dataclass(frozen=True, slots=True)
class Finding:
    """Result of a check of a machine.

    release    the release of the loaded program; None if it must not run
    name       name of the loaded program; None without one
    read_back  SHA-256 of the loaded bytes; None without a program
    stopped    whether the machine was stopped
    """

    release: Release | None
    name: str | None
    read_back: bytes | None
    stopped: bool = False

    @property
    def allowed(self) -> bool:
        """Whether the machine has nothing, or a program that it may run."""
        return self.read_back is None or self.release is not None


def load(port: ProgramPort, release: Release, content: bytes) -> bytes:
    """Give a released program to a machine and return the SHA-256 of what the machine then has.

    Raises `ProgramAlteredError` if the content is not that of the release, and `ProgramNotLoadedError` if the machine
    has other bytes afterwards; they are taken away from it.
    """
    if hashlib.sha256(content).digest() != release.digest:
        raise ProgramAlteredError(
            f"the content of {release.release_id} does not have its digest 0x{release.digest.hex()}", field="program"
        )
    if port.running():
        port.stop()
    port.load(release.release_id.replace("/", "-v"), content)
    loaded = port.loaded()
    read_back = None if loaded is None else hashlib.sha256(loaded.content).digest()
    if read_back != release.digest:
        port.unload()
        raise ProgramNotLoadedError(
            f"the machine has {'nothing' if read_back is None else f'0x{read_back.hex()}'}; expected "
            f"0x{release.digest.hex()}",
            field="program",
        )
    return read_back


def check(port: ProgramPort, releases: Sequence[Release], machine: str) -> Finding:
    """Compare the loaded program with the releases. A machine that must not run it is stopped and emptied."""
    loaded = port.loaded()
    if loaded is None:
        return Finding(None, None, None)
    digest = hashlib.sha256(loaded.content).digest()
    release = released_as(releases, machine, digest)
    if release is not None:
        return Finding(release, loaded.name, digest)
    port.stop()
    port.unload()
    return Finding(None, loaded.name, digest, stopped=True)


def start(port: ProgramPort, releases: Sequence[Release], machine: str, program: str, version: int | None) -> Release:
    """Start a program that is loaded and may run. Raises `ProgramNotReleasedError` and `ProgramAlteredError`."""
    release = runnable(releases, program, machine, version)
    finding = check(port, releases, machine)
    if finding.release != release:
        has = "nothing" if finding.name is None else f"{finding.name} (0x{(finding.read_back or b'').hex()})"
        raise ProgramAlteredError(
            f"the machine has {has}; expected {release.release_id}", field="program", hint="load the program again"
        )
    port.start()
    return release
