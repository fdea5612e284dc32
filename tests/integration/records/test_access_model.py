"""Compare who can read and share records, through the portal and the command line, with the rights on the chain.

A random sequence of grants, revocations, replays, shared files and renamed readers runs on three organisations with the
same department names, one portal and one vault. CHROMATRACE_MODEL_RUNS and CHROMATRACE_MODEL_STEPS select a longer
profile with random seeds.
"""

from __future__ import annotations

import contextlib
import json
import os
import threading
from pathlib import Path

import httpx
from access_model import AccessModel, files_below, final_comparison, search_for_leaks
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test
from served_portal import PortalProcess
from three_organisations import BOTH, PLANT, READER_PASSWORD, SALES, contract_order, operator

RUNS = int(os.environ.get("CHROMATRACE_MODEL_RUNS", "0"))
STEPS = int(os.environ.get("CHROMATRACE_MODEL_STEPS", "30"))
DEFAULT_RUNS = 6
"""The first run of Hypothesis repeats the simplest rule."""


def test_access_equals_the_rights_on_the_chain(world):
    profile = settings(
        max_examples=RUNS or DEFAULT_RUNS,
        stateful_step_count=STEPS,
        derandomize=not RUNS,
        deadline=None,
        database=None,
        phases=[Phase.generate],  # the chain keeps the effects of a failed run, so a smaller one cannot be found
        suppress_health_check=list(HealthCheck),
    )
    run_state_machine_as_test(lambda: AccessModel(world), settings=profile)
    final_comparison(world)
    search_for_leaks(world)


def test_killed_portal_leaves_no_plain_text(world):
    """Kill a portal during an import, and search its folders, its log and the arguments of all processes."""
    rows = [{name: value for name, value in contract_order(world).items() if name != "schema"} for _ in range(600)]
    secrets = [row[name].encode() for row in rows for name in ("name", "customer")]
    body = b"\n".join(json.dumps(row).encode() for row in rows)
    who = world.rights.people[operator("a", SALES)]
    if who.name in world.rights.dismissed:
        world.set_active(who.name, active=True)
    world.set_member("a", SALES, who.name, BOTH)
    passwords = [READER_PASSWORD.encode(), who.password.encode()]
    before = contents(world)
    options = ("--plant", PLANT, "--vault", str(world.vault))
    environment = {"CHROMATRACE_READER_PASSWORD": READER_PASSWORD, "TMPDIR": str(world.temporary)}
    answers = []
    with PortalProcess(world, world.portal_data, options=options, **environment) as portal:

        def post():
            with contextlib.suppress(httpx.HTTPError):
                answer = httpx.post(
                    f"{portal.url}/api/v1/records/import",
                    params={"schema": "chromatrace.record/sales.contract-order/1"},
                    content=body,
                    headers={"Content-Type": "application/x-ndjson"},
                    auth=(who.name, who.password),
                    timeout=180,
                )
                answers.append(answer.text)

        sending = threading.Thread(target=post)
        sending.start()
        portal.wait(lambda: contents(world) > before or answers)
        assert contents(world) > before, answers
        arguments = b"\n".join(process_arguments())
    sending.join()
    found = dict(files_below(world.temporary, world.vault, world.portal_data))
    for path, content in found.items():
        if not path.is_relative_to(world.portal_data / "keys"):
            assert not [secret for secret in (*passwords, *secrets) if secret in content], path
    assert not [secret for secret in (*passwords, *secrets) if secret in arguments]


def process_arguments():
    """Yield the command line of each process of this machine."""
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):  # the process has ended
            yield path.read_bytes()


def contents(world):
    """Return the number of stored contents."""
    return sum(1 for path in (world.vault / "contents").rglob("*") if path.is_file())
