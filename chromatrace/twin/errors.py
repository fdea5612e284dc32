"""Errors of the twin.

ChromaTraceError
├── Unavailable
│   ├── TwinBusyError            another process follows the logs for this database
│   └── MachineUnreachable       a machine does not respond
├── Conflict
│   ├── MachineRejected          a machine rejected a command; nothing was written
│   ├── AlarmStateError          the alarm is not in a state that allows it
│   ├── ProposalStateError       the proposal was already confirmed, rejected or has expired
│   └── ForeignTwinError         the database holds the twin of another plant or of other logs
├── InvalidInput
│   ├── RuleError                an invalid rule of the plant file
│   └── TrainingDataError        a model cannot be trained on these data
├── IntegrityError
│   └── ModelAltered             a model file does not match its digest
└── NotFound                     an alarm or proposal does not exist
"""

from __future__ import annotations

from chromatrace.domain.errors import Conflict, IntegrityError, InvalidInput, Unavailable


class TwinBusyError(Unavailable):
    """Another process follows the logs for this database."""


class MachineUnreachable(Unavailable):
    """A machine does not respond."""


class MachineRejected(Conflict):
    """A machine rejected a command; nothing was written."""


class AlarmStateError(Conflict):
    """The alarm is not in a state that allows it."""


class ProposalStateError(Conflict):
    """The proposal was already confirmed, rejected or has expired."""


class ForeignTwinError(Conflict):
    """The database holds the twin of another plant or of other logs."""


class RuleError(InvalidInput):
    """An invalid rule of the plant file; `field` is its path."""


class TrainingDataError(InvalidInput):
    """A model cannot be trained on these data."""


class ModelAltered(IntegrityError):
    """A model file does not match its digest."""
