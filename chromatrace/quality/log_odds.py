"""Log-odds of a capability read as the share of right answers: ln(c / (1 - c)), as integers in 1/10,000.

A table in steps of 0.01, which is what learning moves by; a capability is rounded down to it. Below 0.50 an answer
counts nothing, above 0.99 no more than there. `contracts/libraries/LogOdds.sol` holds the same table.
"""

from __future__ import annotations

import math

_UNIT = 10_000
_HUNDREDTH = _UNIT // 100
TABLE = (0,) * 50 + tuple(round(math.log(each / (100 - each)) * _UNIT) for each in range(50, 100))
"""By hundredths of capability, from 0 to 99."""
MOST = TABLE[-1]


def log_odds(capability: int) -> int:
    """What an answer of this capability (1/10,000) weighs, in 1/10,000."""
    return TABLE[min(capability // _HUNDREDTH, len(TABLE) - 1)]


def margin(error: float) -> int:
    """The lead at which Wald's test stops at this chosen rate of errors of either kind: ln((1 - error) / error)."""
    return round(math.log((1 - error) / error) * _UNIT)
