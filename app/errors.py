"""The portal's own refusals, and how any refusal is answered.

ChromaTraceError
├── NotAuthorised
│   ├── LoginRefused          wrong name or password, or a wallet signature that does not hold; never says which
│   ├── LoginNeeded           nobody is logged in
│   ├── RightsEnded           the chain no longer authorises this operator: logged out
│   └── RightMissing          logged in, but without the role or grant that this page needs
├── Unavailable
│   └── RightsUnknown         the chain does not answer, so nobody has any rights
└── InvalidInput
    ├── InsecureConfiguration production settings that we refuse to start with
    └── TooMany               a rate limit
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


class LoginFailedError(NotAuthorised):
    """The credentials do not hold. The message never says which part, nor whether the account exists."""


class LoginRequiredError(NotAuthorised):
    """Nobody is logged in."""


class RightsRevokedError(NotAuthorised):
    """The chain does not, or no longer, authorise this operator."""


class InsufficientRightsError(NotAuthorised):
    """Logged in, without the role or the grant that this needs."""


class RightsUnavailableError(Unavailable):
    """The chain does not answer: rights cannot be read, so there are none."""


class InsecureConfigurationError(InvalidInput):
    """A setting with which production must not start."""


class RateLimitError(InvalidInput):
    """A rate limit is reached; nothing was done."""


_STATUS: tuple[tuple[type[ChromaTraceError], int], ...] = (
    (RateLimitError, 429),
    (LoginRequiredError, 401),
    (LoginFailedError, 401),
    (RightsRevokedError, 401),
    (NotAuthorised, 403),
    (NotFound, 404),
    (Conflict, 409),
    (InvalidInput, 400),
    (IntegrityError, 500),
    (Unavailable, 503),
)


def status_of(error: ChromaTraceError) -> int:
    """The HTTP status that a refusal is answered with; 409 for one that only the chain's contracts know."""
    return next((status for kind, status in _STATUS if isinstance(error, kind)), 409)
