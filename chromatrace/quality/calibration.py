"""Calibration of instruments: an instrument whose calibration has expired cannot give a verdict."""

from __future__ import annotations

from datetime import UTC, date, datetime

from chromatrace.domain.errors import InvalidInput


class CalibrationExpiredError(InvalidInput):
    """The calibration of the instrument expired before the inspection."""


def is_calibrated(due: date | None, at: datetime) -> bool:
    """Return whether a calibration that is due on `due` is valid at `at`. It is valid on its due date (UTC).

    due  None: the instrument needs no calibration
    """
    return due is None or at.astimezone(UTC).date() <= due


def require_calibrated(instrument: str, due: date | None, at: datetime) -> None:
    """Raise `CalibrationExpiredError` unless the instrument may give a verdict at `at`."""
    if not is_calibrated(due, at):
        raise CalibrationExpiredError(
            f"the calibration of {instrument} was due on {due}; the inspection is of {at.astimezone(UTC):%Y-%m-%d}",
            field="/instrument",
            hint="calibrate the instrument, set its new due date in the plant file and measure again",
        )
