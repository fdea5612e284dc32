"""Errors of the twin.

ChromaTraceError
├── Unavailable
│   ├── TwinBusyError            another process follows the logs for this database
│   └── MachineUnreachable       a machine does not respond
├── Conflict
│   ├── AlarmStateError          the alarm is not in a state that allows it
│   ├── ProposalStateError       the proposal was already confirmed, rejected or has expired
│   └── ForeignTwinError         the database holds the twin of another plant or of other logs
├── InvalidInput
│   └── RuleError                an invalid rule of the plant file
└── NotFound                     an alarm or proposal does not exist
"""

from __future__ import annotations

from chromatrace.domain.errors import Conflict, InvalidInput, Unavailable


class TwinBusyError(Unavailable):
    """Another process follows the logs for this database."""


class MachineUnreachable(Unavailable):
    """A machine does not respond."""


class AlarmStateError(Conflict):
    """The alarm is not in a state that allows it."""


class ProposalStateError(Conflict):
    """The proposal was already confirmed, rejected or has expired."""


class ForeignTwinError(Conflict):
    """The database holds the twin of another plant or of other logs."""


class RuleError(InvalidInput):
    """An invalid rule of the plant file; `field` is its path."""
