"""The main job, run as a user runs it, and its products looked at from outside."""

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
"""Code that answers every call with 1."""


def chromatrace(*arguments, data=None, **environment):
    """Runs the command; returns (exit status, standard output, standard error)."""
    command = [sys.executable, "-m", "chromatrace.cli", *(("--data", str(data)) if data else ()), *arguments]
    kept = {name: value for name, value in os.environ.items() if not name.startswith("CHROMATRACE_")}
    done = subprocess.run(
        command, cwd=ROOT, env=kept | environment, capture_output=True, text=True, timeout=900, check=False
    )
    return done.returncode, done.stdout, done.stderr


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """What `chromatrace demo --once --json` printed."""
    folder = tmp_path_factory.mktemp("demo")
    status, output, errors = chromatrace("demo", "--once", "--json", data=folder)
    assert status == 0, errors
    return json.loads(output)


def test_every_check_of_its_own_held(made):
    assert made["failed"] == 0
    assert [check["check"] for check in made["checks"] if not check["held"]] == []
    assert {check["check"] for check in made["checks"]} >= {
        *("readings", "states", "consensus", "routes", "times", "codes", "pages", "bundles")
    }


def test_it_says_what_it_made(made):
    assert set(made["addresses"]) >= {
        "Consortium",
        "BatchRegistry",
        "InspectionLedger",
        "CustodyLedger",
        "ProcessLedger",
    }
    assert made["counts"]["readings"] == sum(batch["readings"] for batch in made["batches"].values()) > 5_000
    assert made["counts"]["transactions"] == len(set(made["transactions"]))
    assert [batch["state"] for batch in made["batches"].values()] == ["released", "released", "recycled", "released"]
    assert [batch["recalled"] for batch in made["batches"].values()] == [False, False, False, True]
    assert all(Path(code).is_file() for code in made["codes"])
    assert Path(made["labels"]).read_bytes().startswith(b"%PDF")
    assert set(made["seconds"]) == {"deploy", "consortium", "line", "identify", "index", "check"}


def test_a_bundle_can_be_checked_with_the_chain_gone(made):
    bundle = made["batches"]["A"]["bundle"]
    status, output, _ = chromatrace("verify", bundle, "--json")
    assert status == 0
    found = json.loads(output)
    assert (found["status"], found["failed"]) == ("not checked", 0)


def test_a_bundle_does_not_hold_against_another_block_hash(made):
    bundle = made["batches"]["A"]["bundle"]
    status, output, _ = chromatrace("verify", bundle, "--block-hash", "0x" + "11" * 32, "--json")
    assert status == 1
    assert json.loads(output)["failed"] > 0


def test_a_recall_is_read_out_of_the_state(made):
    status, output, _ = chromatrace("verify", made["batches"]["D"]["bundle"], "--json")
    assert status == 0
    assert "RECALLED" in output


def test_a_changed_reading_no_longer_verifies(made, tmp_path):
    spool = Path(made["labels"]).parent.parent / "spool.db"
    copy = tmp_path / "spool.db"
    with sqlite3.connect(spool) as source, sqlite3.connect(copy) as target:
        source.backup(target)
        target.execute("DROP TRIGGER reading_unchanged")
        changed = target.execute("UPDATE reading SET value = value + 1 WHERE rowid IN (SELECT min(rowid) FROM reading)")
        assert changed.rowcount == 1
    from chromatrace.merkle.entry import encode_fields
    from chromatrace.merkle.proofs import leaf_hash, root

    with Spool(spool) as before, Spool(copy) as after:
        roots = [root(map(leaf_hash, encode_fields(one.fields("sputtering-line")))) for one in (before, after)]
    assert roots[0] != roots[1]


def test_the_folder_of_somebody_else_is_not_emptied(tmp_path):
    precious = tmp_path / "demo" / "precious"
    precious.parent.mkdir()
    precious.write_text("keep me")
    status, output, _ = chromatrace("demo", "--once", "--json", data=tmp_path)
    assert status == 1
    assert json.loads(output)["error"] == "Conflict"
    assert precious.read_text() == "keep me"


# ------------------------------------------------------------------ --tamper
# The lots are made of the readings that the whole demonstration took, on a chain of their own, up to where a fault is
# put in. Whoever refuses changes nothing, so that one stage serves all faults.


@pytest.fixture(scope="module")
def staged(made, tmp_path_factory):
    """The chain and the story, lot A proven and released, lot B signed by all its stations and graded."""
    folder = tmp_path_factory.mktemp("tamper")
    with ExitStack() as stack:
        outer = stack.enter_context(Workspace(Settings(data=folder)))
        local = stack.enter_context(local_chain(outer, 0, None))
        cast = Cast(local)
        cast.enrol()
        route = design_route(cast)
        panel = Panel(local, cast, stack, INSTRUMENTS[Stage.FIRST])
        story = Story(cast, route, panel, "swap")
        inputs = story.buy_materials(datetime.now(UTC) - timedelta(hours=10))
        anchorer = cast.acting(Actor.GATEWAY).anchorer()
        recorded = stack.enter_context(Spool(Path(made["labels"]).parent.parent / "spool.db"))
        for letter in "AB":
            first = local.spool.size(CHANNEL) if CHANNEL in local.spool.names() else 0
            count = made["batches"][letter]["readings"]
            local.spool.append(CHANNEL, list(recorded.entries(CHANNEL, first, first + count)))
            line_run = anchored_run(local, anchorer, MAKER.gln, first, count, 0)
            story.make(letter, line_run, inputs)
            assert story.take_through(letter, seed=1) == (letter == "A")
        yield local, story


@pytest.fixture
def demonstrate(staged, monkeypatch):
    """Runs `chromatrace demo --once --json --tamper KIND` from the stage on: its exit status and what it printed."""
    local, story = staged

    def from_stage_on(_local, _stack, _stages, _host, kind):
        story.put_fault(kind)
        return run.verdict(story, [checks.checked("routes", lambda: checks.routes(local, story))])

    monkeypatch.setattr(run, "prepare", lambda *_, **__: local)
    monkeypatch.setattr(run, "run", from_stage_on)

    def command(kind):
        done = CliRunner().invoke(demo, ["--once", "--json", "--tamper", kind], obj=local)
        return done.exit_code, json.loads(done.stdout)

    return command


UNSIGNED = "the station's signature on its link is invalid"


@pytest.mark.parametrize(
    ("kind", "fault", "offline", "contract", "stronger"),
    [
        (
            "swap",
            "steps 2 and 3 swapped",
            "step 2 (201 Sputtering): the step record is of step 3",
            "HeadMismatch",
            "step 2 (201 Sputtering)",
        ),
        (
            "drop",
            "step 3 left out",
            "step 3 (202 First inspection): the step record is of step 4",
            "WrongStepCount",
            "step 3 (202 First inspection)",
        ),
        (
            "forge",
            "the readings of step 2 replaced by others",
            "step 2 (201 Sputtering): the link does not follow from the steps before it",
            "HeadMismatch",
            "step 2 (201 Sputtering)",
        ),
        (
            "replay",
            "the proof of lot A used for lot B",
            "step 1 (101 Materials): the step record is of another route or subject",
            "HeadMismatch",
            "step 1 (101 Materials)",
        ),
    ],
)
def test_every_fault_is_caught_by_everyone(demonstrate, kind, fault, offline, contract, stronger):
    status, made = demonstrate(kind)
    assert (status, made["failed"], made["tamper"]["fault"]) == (0, 0, fault)
    guards = {guard["by"]: guard["said"] for guard in made["tamper"]["caught"]}
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
    assert guards[f"RouteVerifier{tamper.STRONGER}"].startswith("InvalidProof"), "the pairing, and nothing before it"
    assert guards["BatchRegistry"].startswith("RouteNotProven")


def test_a_fault_that_the_offline_check_lets_pass_is_told(demonstrate, monkeypatch):
    monkeypatch.setattr(tamper, "explain", lambda *_: Explanation(True, (), None))
    status, made = demonstrate("forge")
    assert (status, made["failed"]) == (1, 1)
    passed = [guard["by"] for guard in made["tamper"]["caught"] if guard["said"] is None]
    assert passed == ["offline check", f"offline check{tamper.STRONGER}"]
    assert made["checks"][0]["said"] == "offline check: the readings of step 2 replaced by others: it got through"


def test_a_fault_that_gets_through_on_the_chain_is_told(staged, demonstrate):
    """A verifier that accepts whatever it is given: the lot is even released, and the command says so."""
    local, story = staged
    verifier = local.manifest.address("RouteVerifier")
    honest = local.rpc.call("eth_getCode", verifier, "latest")
    local.rpc.call("anvil_setCode", verifier, ACCEPT_EVERYTHING)
    try:
        status, made = demonstrate("swap")
    finally:
        local.rpc.call("anvil_setCode", verifier, honest)
    assert (status, made["failed"]) == (1, 1)
    passed = [guard["by"] for guard in made["tamper"]["caught"] if guard["said"] is None]
    assert passed == ["RouteVerifier", f"RouteVerifier{tamper.STRONGER}", "BatchRegistry"]
    stored = local.reader.read(reads.batch(story.keys["B"].batch_id))
    assert stored.state is BatchState.RELEASED
