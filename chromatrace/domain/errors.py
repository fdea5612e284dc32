"""The root of the project's exceptions.

    ChromaTraceError            everything that the project refuses, with field and hint
    ├── InvalidInput            the caller's data is wrong; nothing was written
    ├── NotAuthorised           the caller may not do or see this
    ├── NotFound                no such thing
    ├── Conflict                the state does not allow it (a lot exists, an offer is pending)
    ├── Unavailable             a chain, database or machine does not answer; trying again may help
    └── IntegrityError          stored or received data does not match its commitment

Packages derive their own from these, in their `errors.py`.
"""

from __future__ import annotations


class ChromaTraceError(Exception):
    """A refusal that says what was wrong, where, and what to do.

    `field` names the offending input (a dotted or JSON-pointer path), `hint` the next step for the reader.
    """

    def __init__(self, message: str, *, field: str | None = None, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.field = field
        self.hint = hint

    def __str__(self) -> str:
        where = f"{self.field}: " if self.field else ""
        what_to_do = f" ({self.hint})" if self.hint else ""
        return f"{where}{self.message}{what_to_do}"

    def as_dict(self) -> dict[str, str]:
        """The one error shape of every JSON answer: `error`, `message` and, where known, `field` and `hint`."""
        parts = {"error": type(self).__name__, "message": self.message, "field": self.field, "hint": self.hint}
        return {key: value for key, value in parts.items() if value is not None}


class InvalidInput(ChromaTraceError):
    """The caller's data is wrong; nothing was written."""


class NotAuthorised(ChromaTraceError):
    """The caller may not do or see this."""


class NotFound(ChromaTraceError):
    """There is no such thing."""


class Conflict(ChromaTraceError):
    """The present state does not allow it."""


class Unavailable(ChromaTraceError):
    """Something outside does not answer; trying again may help."""


class IntegrityError(ChromaTraceError):
    """Data does not match its commitment."""
