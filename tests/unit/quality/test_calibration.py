"""An instrument whose calibration has expired cannot give a verdict."""

from __future__ import annotations

from datetime import date, datetime

import pytest

from chromatrace.quality.calibration import CalibrationExpiredError, require_calibrated

DUE = date(2026, 12, 1)


@pytest.mark.parametrize(
    "time", ["2026-11-30T09:00:00+00:00", "2026-12-01T23:59:00+00:00", "2026-12-02T00:30:00+01:00"]
)
def test_a_calibration_is_valid_on_its_due_date(time):
    require_calibrated("HM-3", DUE, datetime.fromisoformat(time))


def test_an_expired_calibration_is_an_error_that_names_both_dates():
    with pytest.raises(CalibrationExpiredError, match=r"HM-3 was due on 2026-12-01; the inspection is of 2026-12-02"):
        require_calibrated("HM-3", DUE, datetime.fromisoformat("2026-12-02T00:00:00+00:00"))


def test_an_instrument_may_need_no_calibration():
    require_calibrated("ruler", None, datetime.fromisoformat("2026-12-02T00:00:00+00:00"))
