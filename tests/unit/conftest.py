"""Settings of hypothesis: the same examples in every run, without time limits.

With `CHROMATRACE_EXPLORE=1`, hypothesis generates new examples in each run.
"""

import os

from hypothesis import HealthCheck, settings

settings.register_profile(
    "suite",
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
    database=None,
    derandomize="CHROMATRACE_EXPLORE" not in os.environ,
)
settings.load_profile("suite")
