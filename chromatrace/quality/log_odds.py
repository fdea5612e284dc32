"""Log-odds of a capability, read as the share of correct answers: ln(c / (1 - c)), as integers in 1/10,000.

A table in steps of 0.01, the step of learning; a capability is rounded down to it. An answer below 0.50 has no weight,
one above 0.99 the weight at 0.99. `contracts/libraries/LogOdds.sol` has the same table.
"""

from __future__ import annotations

import math

_UNIT = 10_000
_HUNDREDTH = _UNIT // 100
TABLE = (0,) * 50 + tuple(round(math.log(percent / (100 - percent)) * _UNIT) for percent in range(50, 100))
"""Log-odds by hundredths of capability, from 0 to 99."""
MAX_LOG_ODDS = TABLE[-1]


def log_odds(capability: int) -> int:
    """Return the weight of an answer (1/10,000) of this capability (1/10,000)."""
    return TABLE[min(capability // _HUNDREDTH, len(TABLE) - 1)]


def margin(error: float) -> int:
    """Return the lead (1/10,000) at which Wald's test stops for this rate of errors: ln((1 - error) / error)."""
    return round(math.log((1 - error) / error) * _UNIT)
