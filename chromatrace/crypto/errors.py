"""What the cryptography refuses.

ChromaTraceError
├── InvalidInput
│   ├── InvalidPoint        bytes that are no usable point: encoding, curve, subgroup, infinity
│   ├── InvalidSecretKey    no number from 1 to r - 1
│   └── InvalidStateFile    a design or trace file that cannot be read
├── NotAuthorised
│   └── WrongKeyPassword    a keystore that the password does not open
└── IntegrityError
    ├── InvalidProofOfPossession a key whose holder has not shown that it holds it
    └── RouteRefused        a route signature that does not hold, with the first step at which the chain breaks
"""

from __future__ import annotations

from enum import StrEnum

from chromatrace.domain.errors import IntegrityError, InvalidInput, NotAuthorised


class InvalidPoint(InvalidInput):
    """Bytes that are no usable point: encoding, curve, subgroup or infinity."""


class InvalidSecretKey(InvalidInput):
    """A secret key is a number from 1 to r - 1."""


class InvalidStateFile(InvalidInput):
    """A design or trace file that cannot be read."""


class WrongKeyPassword(NotAuthorised):
    """The keystore does not open with this password."""


class InvalidProofOfPossession(IntegrityError):
    """The key's proof of possession is missing or does not hold."""


class Break(StrEnum):
    """Why a chain breaks."""

    ORIGIN = "origin"
    """It was begun for another route, subject, chain, verifier or kit of components."""
    COUNT = "count"
    """Fewer or more steps than the design has."""
    RECORD = "record"
    """The step record is not what was signed, or names another step."""
    STATION = "station"
    """Another station signed than the design names."""
    LINK = "link"
    """The link does not follow from what was before it: something earlier was swapped, dropped or changed."""
    SIGNATURE = "signature"
    """The station's own signature on its link does not hold."""
    AGGREGATE = "aggregate"
    """The aggregate is not the one before plus the station's signature."""


class RouteRefused(IntegrityError):
    """A route signature that does not hold.

    step     number of the first step at which the chain breaks, from 1; None where only the whole could be checked
    station  process name of that step
    reason   why it breaks
    detail   the message without the step
    """

    def __init__(self, message: str, reason: Break, *, step: int | None = None, station: str | None = None) -> None:
        super().__init__(
            message if step is None else f"step {step} ({station}): {message}",
            field="aggregate" if step is None else f"/steps/{step - 1}",
        )
        self.reason = reason
        self.detail = message
        self.step = step
        self.station = station
