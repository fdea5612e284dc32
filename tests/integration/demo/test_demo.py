"""The demonstration as a user runs it, and its results."""

import json
import os
import sqlite3
import subprocess
import sys
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner

from chromatrace.chain import reads
from chromatrace.cli.demo import demo
from chromatrace.crypto.route import Explanation
from chromatrace.demo import checks, run, tamper
from chromatrace.demo.cast import MAKER, Actor, Cast
from chromatrace.demo.inspections import INSTRUMENTS
from chromatrace.demo.line import CHANNEL, anchored_run
from chromatrace.demo.panel import Panel
from chromatrace.demo.route import design_route
from chromatrace.demo.story import Story
from chromatrace.domain.rights import BatchState, Stage
from chromatrace.ingest.spool import Spool
from chromatrace.services.local_chain import local_chain
from chromatrace.services.workspace import Workspace
from chromatrace.settings import Settings

ROOT = Path(__file__).resolve().parents[3]
ACCEPT_EVERYTHING = "0x600160005260206000f3"
"""Contract code that returns 1 for every call."""


def chromatrace(*arguments, data=None, **environment):
    """Run a command; return exit status, standard output and standard error."""
    command = [sys.executable, "-m", "chromatrace.cli", *(("--data", str(data)) if data else ()), *arguments]
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("CHROMATRACE_")}
    result = subprocess.run(
        command, cwd=ROOT, env=inherited | environment, capture_output=True, text=True, timeout=900, check=False
    )
    return result.returncode, result.stdout, result.stderr


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    """Return the output of `chromatrace demo --once --json`."""
    folder = tmp_path_factory.mktemp("demo")
    status, output, errors = chromatrace("demo", "--once", "--json", data=folder)
    assert status == 0, errors
    return json.loads(output)


def test_every_check_passes(report):
    assert report["failed"] == 0
    assert [check["check"] for check in report["checks"] if not check["held"]] == []
    assert {check["check"] for check in report["checks"]} >= {
        *("readings", "states", "consensus", "attack", "routes", "times", "codes", "pages", "bundles")
    }


def test_the_report_is_complete(report):
    assert set(report["addresses"]) >= {
        "Consortium",
        "BatchRegistry",
        "InspectionLedger",
        "CustodyLedger",
        "ProcessLedger",
    }
    assert report["counts"]["readings"] == sum(batch["readings"] for batch in report["batches"].values()) > 5_000
    assert report["counts"]["transactions"] == len(set(report["transactions"]))
    assert [batch["state"] for batch in report["batches"].values()] == ["released", "released", "recycled", "released"]
    assert [batch["recalled"] for batch in report["batches"].values()] == [False, False, False, True]
    assert all(Path(code).is_file() for code in report["codes"])
    assert Path(report["labels"]).read_bytes().startswith(b"%PDF")
    assert set(report["seconds"]) == {"deploy", "consortium", "line", "identify", "index", "check"}


def test_a_bundle_is_verified_without_the_chain(report):
    bundle = report["batches"]["A"]["bundle"]
    status, output, _ = chromatrace("verify", bundle, "--json")
    assert status == 3
    verification = json.loads(output)
    assert (verification["status"], verification["failed"]) == ("not checked", 0)


def test_a_bundle_is_invalid_for_another_block_hash(report):
    bundle = report["batches"]["A"]["bundle"]
    status, output, _ = chromatrace("verify", bundle, "--block-hash", "0x" + "11" * 32, "--json")
    assert status == 1
    assert json.loads(output)["failed"] > 0


def test_a_bundle_shows_the_recall(report):
    status, output, _ = chromatrace("verify", report["batches"]["D"]["bundle"], "--json")
    assert status == 3  # without a trusted block hash
    assert "RECALLED" in output


def test_a_changed_reading_changes_the_root(report, tmp_path):
    spool = Path(report["labels"]).parent.parent / "spool.db"
    copy = tmp_path / "spool.db"
    with sqlite3.connect(spool) as source, sqlite3.connect(copy) as target:
        source.backup(target)
        target.execute("DROP TRIGGER reading_unchanged")
        changed = target.execute("UPDATE reading SET value = value + 1 WHERE rowid IN (SELECT min(rowid) FROM reading)")
        assert changed.rowcount == 1
    from chromatrace.merkle.proofs import leaf_hash, root

    with Spool(spool) as before, Spool(copy) as after:
        roots = [root(map(leaf_hash, store.log_entries("sputtering-line"))) for store in (before, after)]
    assert roots[0] != roots[1]


def test_a_folder_with_foreign_files_is_not_emptied(tmp_path):
    foreign = tmp_path / "demo" / "foreign"
    foreign.parent.mkdir()
    foreign.write_text("content")
    status, output, _ = chromatrace("demo", "--once", "--json", data=tmp_path)
    assert status == 1
    assert json.loads(output)["error"] == "Conflict"
    assert foreign.read_text() == "content"


# -- --tamper
# The lots are made from the readings of the demonstration, on another chain, up to the point of the fault. A rejected
# fault changes nothing, so one chain serves all faults.


@pytest.fixture(scope="module")
def staged(report, tmp_path_factory):
    """Return a chain and its story: lot A is proven and released, lot B is graded and signed by all its stations."""
    folder = tmp_path_factory.mktemp("tamper")
    with ExitStack() as stack:
        workspace = stack.enter_context(Workspace(Settings(data=folder)))
        local = stack.enter_context(local_chain(workspace, 0, None))
        cast = Cast(local)
        cast.enrol()
        route = design_route(cast)
        panel = Panel(local, cast, stack, INSTRUMENTS[Stage.FIRST])
        story = Story(cast, route, panel, "swap")
        inputs = story.buy_materials(datetime.now(UTC) - timedelta(hours=10))
        anchorer = cast.acting(Actor.GATEWAY).anchorer()
        recorded = stack.enter_context(Spool(Path(report["labels"]).parent.parent / "spool.db"))
        for letter in "AB":
            first = local.spool.size(CHANNEL) if CHANNEL in local.spool.names() else 0
            count = report["batches"][letter]["readings"]
            local.spool.append(CHANNEL, list(recorded.entries(CHANNEL, first, first + count)))
            line_run = anchored_run(local, anchorer, MAKER.gln, first, count, 0)
            story.make(letter, line_run, inputs)
            assert story.process(letter, seed=1) == (letter == "A")
        yield local, story


@pytest.fixture
def demonstrate(staged, monkeypatch):
    """Return a function that runs `chromatrace demo --once --json --tamper KIND` from that point.

    It returns the exit status and the report.
    """
    local, story = staged

    def from_fault_on(_local, _stack, _stages, _host, kind):
        story.inject_fault(kind)
        return run.verdict(story, [checks.checked("routes", lambda: checks.routes(local, story))])

    monkeypatch.setattr(run, "prepare", lambda *_, **__: local)
    monkeypatch.setattr(run, "run", from_fault_on)

    def command(kind):
        result = CliRunner().invoke(demo, ["--once", "--json", "--tamper", kind], obj=local)
        return result.exit_code, json.loads(result.stdout)

    return command


UNSIGNED = "the station's signature on its link is invalid"


@pytest.mark.parametrize(
    ("kind", "fault", "offline", "contract", "stronger"),
    [
        (
            "swap",
            "steps 2 and 3 swapped",
            "step 2 (201 Sputtering): the step record names step 3",
            "HeadMismatch",
            "step 2 (201 Sputtering)",
        ),
        (
            "drop",
            "step 3 dropped",
            "step 3 (202 First inspection): the step record names step 4",
            "WrongStepCount",
            "step 3 (202 First inspection)",
        ),
        (
            "forge",
            "readings of step 2 replaced",
            "step 2 (201 Sputtering): the link does not follow from the steps before it",
            "HeadMismatch",
            "step 2 (201 Sputtering)",
        ),
        (
            "replay",
            "proof of lot A used for lot B",
            "step 1 (101 Materials): the step record names another route or subject",
            "HeadMismatch",
            "step 1 (101 Materials)",
        ),
    ],
)
def test_every_check_rejects_every_fault(demonstrate, kind, fault, offline, contract, stronger):
    status, report = demonstrate(kind)
    assert (status, report["failed"], report["tamper"]["fault"]) == (0, 0, fault)
    guards = {guard["by"]: guard["said"] for guard in report["tamper"]["caught"]}
    assert list(guards) == [
        "offline check",
        "RouteVerifier",
        f"offline check{tamper.STRONGER}",
        f"RouteVerifier{tamper.STRONGER}",
        "BatchRegistry",
    ]
    assert guards["offline check"].startswith(offline)
    assert guards["RouteVerifier"].startswith(contract)
    assert guards[f"offline check{tamper.STRONGER}"] == f"{stronger}: {UNSIGNED}"
    assert guards[f"RouteVerifier{tamper.STRONGER}"].startswith("InvalidProof"), "rejected by the pairing"
    assert guards["BatchRegistry"].startswith("RouteNotProven")


def test_a_fault_that_the_offline_check_accepts_is_reported(demonstrate, monkeypatch):
    monkeypatch.setattr(tamper, "explain", lambda *_: Explanation(True, (), None))
    status, report = demonstrate("forge")
    assert (status, report["failed"]) == (1, 1)
    accepted = [guard["by"] for guard in report["tamper"]["caught"] if guard["said"] is None]
    assert accepted == ["offline check", f"offline check{tamper.STRONGER}"]
    assert report["checks"][0]["said"] == "offline check: accepted the fault: readings of step 2 replaced"


def test_a_fault_that_the_contract_accepts_is_reported(staged, demonstrate):
    """With a verifier that accepts everything, the lot is released, and the command fails."""
    local, story = staged
    verifier = local.manifest.address("RouteVerifier")
    original_code = local.rpc.call("eth_getCode", verifier, "latest")
    local.rpc.call("anvil_setCode", verifier, ACCEPT_EVERYTHING)
    try:
        status, report = demonstrate("swap")
    finally:
        local.rpc.call("anvil_setCode", verifier, original_code)
    assert (status, report["failed"]) == (1, 1)
    accepted = [guard["by"] for guard in report["tamper"]["caught"] if guard["said"] is None]
    assert accepted == ["RouteVerifier", f"RouteVerifier{tamper.STRONGER}", "BatchRegistry"]
    stored = local.reader.read(reads.batch(story.keys["B"].batch_id))
    assert stored.state is BatchState.RELEASED
