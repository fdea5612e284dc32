"""The same made-up examples in every run, however busy the machine.

`CHROMATRACE_EXPLORE=1` lets hypothesis make up new ones, with which a run may fail that the next one would not.
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
