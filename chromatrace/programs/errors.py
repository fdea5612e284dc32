"""Errors of programs.

NotAuthorised
└── ProgramNotReleasedError   the program is not released for this machine, or a newer version is
IntegrityError
├── ProgramAlteredError       the machine has other bytes than the released program
└── ProgramNotLoadedError     the machine did not take the program
Unavailable
└── MachineUnavailableError   the machine does not respond
"""

from __future__ import annotations

from chromatrace.domain.errors import IntegrityError, NotAuthorised, Unavailable


class ProgramNotReleasedError(NotAuthorised):
    """The program is not released for this machine, or a newer version is."""


class ProgramAlteredError(IntegrityError):
    """The machine has other bytes than the released program."""


class ProgramNotLoadedError(IntegrityError):
    """The machine did not take the program."""


class MachineUnavailableError(Unavailable):
    """The machine does not respond."""
