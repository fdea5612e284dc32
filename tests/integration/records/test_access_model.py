"""Compare who can read and share records, through the portal and the command line, with the rights on the chain.

A random sequence of grants, revocations, replays, shared files and renamed readers runs on three organisations with the
same department names, one portal and one vault. CHROMATRACE_MODEL_STEPS and CHROMATRACE_MODEL_RUNS select a longer
profile with random seeds.
"""

from __future__ import annotations

import os

import pytest
from access_model import AccessModel, final_comparison, search_for_leaks
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test

STEPS = int(os.environ.get("CHROMATRACE_MODEL_STEPS", "40"))
RUNS = int(os.environ.get("CHROMATRACE_MODEL_RUNS", "1"))


@pytest.mark.slow
def test_access_equals_the_rights_on_the_chain(world):
    profile = settings(
        max_examples=RUNS,
        stateful_step_count=STEPS,
        derandomize=RUNS == 1,
        deadline=None,
        database=None,
        phases=[Phase.generate],  # the chain keeps the effects of a failed run, so a smaller one cannot be found
        suppress_health_check=list(HealthCheck),
    )
    run_state_machine_as_test(lambda: AccessModel(world), settings=profile)
    final_comparison(world)
    search_for_leaks(world)
