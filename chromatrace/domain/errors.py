"""The project's base errors.

    ChromaTraceError            every expected error, with field and hint
    ├── InvalidInput            the input is wrong; nothing was written
    ├── NotAuthorised           the caller may not do or see this
    ├── NotFound                the object does not exist
    ├── Conflict                the current state does not allow it: a lot exists, an offer is pending
    ├── Unavailable             a chain, database or machine does not respond; a retry may help
    └── IntegrityError          stored or received data does not match its commitment

Packages derive their own errors from these, in their `errors.py`.
"""

from __future__ import annotations


class ChromaTraceError(Exception):
    """An expected error.

    field  input that caused it: a name, dotted path or JSON pointer
    hint   what the reader can do
    """

    def __init__(self, message: str, *, field: str | None = None, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.field = field
        self.hint = hint

    def __str__(self) -> str:
        field = f"{self.field}: " if self.field else ""
        hint = f" ({self.hint})" if self.hint else ""
        return f"{field}{self.message}{hint}"

    def as_dict(self) -> dict[str, str]:
        """Return the JSON shape of every error: `error`, `message` and, if known, `field` and `hint`."""
        parts = {"error": type(self).__name__, "message": self.message, "field": self.field, "hint": self.hint}
        return {key: value for key, value in parts.items() if value is not None}


class InvalidInput(ChromaTraceError):
    """The input is wrong; nothing was written."""


class NotAuthorised(ChromaTraceError):
    """The caller may not do or see this."""


class NotFound(ChromaTraceError):
    """The object does not exist."""


class Conflict(ChromaTraceError):
    """The current state does not allow it."""


class Unavailable(ChromaTraceError):
    """A chain, database or machine does not respond; a retry may help."""


class IntegrityError(ChromaTraceError):
    """Data does not match its commitment."""
