"""Errors of the cryptography.

InvalidInput
├── PointError         bytes that are not a usable point: encoding, curve, subgroup or infinity
├── SecretKeyError     a number outside 1 to r - 1
└── StateFileError     a design or trace file that cannot be read
NotAuthorised
└── KeyPasswordError   a password that does not open the keystore
IntegrityError
├── PossessionError    a key without a valid proof of possession
└── RouteProofError    an invalid route signature, with the first step at which the chain breaks
"""

from __future__ import annotations

from enum import StrEnum

from chromatrace.domain.errors import IntegrityError, InvalidInput, NotAuthorised


class PointError(InvalidInput):
    """Bytes that are not a usable point: encoding, curve, subgroup or infinity."""


class SecretKeyError(InvalidInput):
    """A secret key outside 1 to r - 1."""


class StateFileError(InvalidInput):
    """A design or trace file that cannot be read; `field` is a JSON pointer."""


class KeyPasswordError(NotAuthorised):
    """The password does not open the keystore."""


class PossessionError(IntegrityError):
    """The key has no valid proof of possession."""


class Break(StrEnum):
    """Why a chain breaks."""

    ORIGIN = "origin"
    """It began for another route, subject, chain, verifier or set of components."""
    COUNT = "count"
    """It has fewer or more steps than the design."""
    RECORD = "record"
    """The step record does not match the signed message, or names another step."""
    STATION = "station"
    """The signer is not the station that the design names."""
    LINK = "link"
    """The link does not follow from the steps before it."""
    SIGNATURE = "signature"
    """The station's own signature on its link is invalid."""
    AGGREGATE = "aggregate"
    """The aggregate is not the one before plus the station's signature."""


class RouteProofError(IntegrityError):
    """An invalid route signature.

    step     number of the first step at which the chain breaks, from 1; None if only the whole could be checked
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
