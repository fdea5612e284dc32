"""The portal's errors and the HTTP status of every error.

ChromaTraceError
├── NotAuthorised
│   ├── LoginFailedError            wrong name, password or wallet signature; the message does not say which
│   ├── LoginRequiredError          the request has no valid session or credentials
│   ├── RightsRevokedError          the chain does not authorise this operator; the operator is logged out
│   └── InsufficientRightsError     the operator lacks the role or grant that the page needs
├── Unavailable
│   ├── RightsUnavailableError      the chain does not respond, so rights cannot be checked
│   ├── BusyError                   this worker is busy with other requests of this kind
│   ├── KeyUnusableError            the portal cannot open the keystore of an account
│   └── StorageUnavailableError     the portal's database does not respond or is damaged
│       └── StorageFullError        the portal's database can be read but not written
├── InvalidInput
│   └── InsecureConfigurationError  a setting that is not allowed in production
└── RateLimitError                  a rate limit is exceeded
"""

from __future__ import annotations

from chromatrace.domain.errors import (
    ChromaTraceError,
    Conflict,
    IntegrityError,
    InvalidInput,
    NotAuthorised,
    NotFound,
    Unavailable,
)
from chromatrace.epcis.errors import QueryTooComplexError, QueryTooLargeError
from chromatrace.orders.errors import TokenError
from chromatrace.records.errors import ReaderKeyFileError


class LoginFailedError(NotAuthorised):
    """The credentials are wrong. The message does not reveal which part is wrong."""


class LoginRequiredError(NotAuthorised):
    """The request has no valid session or credentials."""


class RightsRevokedError(NotAuthorised):
    """The chain does not authorise this operator."""


class InsufficientRightsError(NotAuthorised):
    """The operator lacks the role or grant that the request needs."""


class RightsUnavailableError(Unavailable):
    """The chain does not respond, so rights cannot be checked and are denied."""


class KeyUnusableError(Unavailable):
    """The portal cannot open the keystore of an account."""


class StorageUnavailableError(Unavailable):
    """The portal's database does not respond or is damaged. The message names its URL and is not shown to visitors."""


class StorageFullError(StorageUnavailableError):
    """The portal's database can be read but not written, because its disk is full or it is read-only."""


class BusyError(Unavailable):
    """This worker is busy with other requests of this kind. A retry in a few seconds may succeed."""


class InsecureConfigurationError(InvalidInput):
    """A setting that is not allowed in production."""


class RateLimitError(ChromaTraceError):
    """A rate limit is exceeded; the request had no effect. `retry_after_s` is the header Retry-After, in seconds."""

    def __init__(
        self, message: str, *, field: str | None = None, hint: str | None = None, retry_after_s: int | None = None
    ) -> None:
        super().__init__(message, field=field, hint=hint)
        self.retry_after_s = retry_after_s


_STATUS: tuple[tuple[type[ChromaTraceError], int], ...] = (
    (RateLimitError, 429),
    (QueryTooComplexError, 413),
    (QueryTooLargeError, 413),
    (LoginRequiredError, 401),
    (LoginFailedError, 401),
    (TokenError, 401),
    (NotAuthorised, 403),
    (NotFound, 404),
    (Conflict, 409),
    (ReaderKeyFileError, 503),
    (InvalidInput, 400),
    (IntegrityError, 500),
    (Unavailable, 503),
)


def http_status(error: ChromaTraceError) -> int:
    """Return the HTTP status of an error. Contract errors without a more specific class are conflicts (409)."""
    return next((status for kind, status in _STATUS if isinstance(error, kind)), 409)
