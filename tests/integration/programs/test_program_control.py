"""From a released program to a run that is reported: a real chain, a machine with an OPC UA server, and a folder."""

from __future__ import annotations

import asyncio
import hashlib
import threading
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import pytest
from program_shop import ENGINEER, LATHE, MILL

from chromatrace.ingest.opcua.gateway import OpcUaGateway
from chromatrace.ingest.spool import Spool
from chromatrace.plant import load_plant

FIRST = b"G21\nG0 X0 Y0\nG1 X10 F100\nM30\n"
SECOND = b"G21\nG0 X0 Y0\nG1 X20 F100\nM30\nM30\n"


@pytest.fixture(scope="module")
def files(shop):
    paths = {}
    for name, content in (("first.nc", FIRST), ("second.nc", SECOND), ("turn.nc", b"G18\nM30\n")):
        paths[name] = shop.folder / name
        paths[name].write_bytes(content)
    return paths


@pytest.fixture(scope="module")
def released(shop, files):
    """Release the program of the bracket for the mill, in two versions, and a program for the lathe."""
    release = ("release", "mill", "bracket")
    about = ("--design", "D-7", "--order", "1000471")
    first = shop.program(ENGINEER, *release, files["first.nc"], "--version", 1, *about)
    second = shop.program(ENGINEER, *release, files["second.nc"], "--version", 2, *about)
    shop.program(ENGINEER, "release", "lathe", "bolt", files["turn.nc"], "--version", 1, "--design", "D-8")
    return first, second


@contextmanager
def ingesting(shop, count):
    """Store the machine's readings with the real gateway until there are `count`."""
    plant = load_plant(shop.folder / "plant.toml")
    with Spool(shop.folder / f"data-{MILL}" / "spool.db") as spool:

        async def run():
            stop = asyncio.Event()
            gateway = asyncio.create_task(OpcUaGateway(plant.sources[0].connection(), spool).run(stop))
            ready.set()
            while not done.is_set() or spool.size("line") < count:
                await asyncio.sleep(0.02)
            stop.set()
            await gateway

        ready, done = threading.Event(), threading.Event()
        thread = threading.Thread(target=lambda: asyncio.run(run()), daemon=True)
        thread.start()
        ready.wait(60)
        while spool.size("line") < 3:
            thread.join(0.02)
        yield spool
        done.set()
        thread.join(60)
        assert not thread.is_alive()


def test_a_released_program_is_loaded_confirmed_run_and_reported(shop, mill, released):
    started = datetime.now(UTC)
    with ingesting(shop, 10):
        loaded = shop.program(MILL, "load", "mill", "bracket")
        assert loaded["release"] == "bracket/2@mill"
        assert loaded["digest"] == f"0x{hashlib.sha256(SECOND).hexdigest()}"
        assert mill.get("Program") == SECOND
        assert shop.program(MILL, "start", "mill", "bracket")["started"] == "bracket/2@mill"
        assert mill.started_programs == [SECOND]
        mill.set("State", 3)
        mill.set("Reason", "tool change")
        mill.set("State", 1)
        mill.set("Reason", "")
    ended = datetime.now(UTC) + timedelta(seconds=1)
    period = ("--from", started.isoformat(), "--to", ended.isoformat())
    run = shop.program(MILL, "report", "mill", loaded["load"], *period)
    assert (run["runs"], run["units"], run["channel"]) == (2, 2, "line")
    assert [text.rpartition(":")[0] for text in run["downtime"]] == ["stopped unknown", "stopped tool change"]
    about = shop.run(MILL, "record", "list", "design/D-7")["records"]
    schemas = [record["schema"] for record in about]
    assert schemas == [
        *["chromatrace.record/programs.release/1"] * 2,
        "chromatrace.record/programs.load-mill/1",
        "chromatrace.record/programs.run-mill/1",
    ]
    assert len(shop.run(MILL, "record", "list", "order/1000471")["records"]) == 4
    confirmed = shop.run(MILL, "record", "show", "programs.load-mill", loaded["load"])["fields"]
    assert (confirmed["result"], confirmed["read_back"]) == ("confirmed", loaded["digest"])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("bracket", "--version", 1), "version 1 of program 'bracket' was replaced by version 2"),
        (("bracket", "--version", 3), "is not released; the newest is version 2"),
        (("bolt",), "program 'bolt' is not released for mill"),
        (("gear",), "program 'gear' is not released for mill"),
    ],
    ids=["older", "future", "other machine", "unknown"],
)
@pytest.mark.parametrize("action", ["load", "start"])
def test_another_program_is_rejected(shop, mill, released, action, arguments, message):
    before = mill.get("Program"), list(mill.started_programs)
    error = shop.program(MILL, action, "mill", *arguments, status=1)
    assert error["error"] == "ProgramNotReleasedError"
    assert message in error["message"]
    assert (mill.get("Program"), mill.started_programs) == before


def test_a_program_that_was_altered_at_the_machine_does_not_start_and_is_taken_away(shop, mill, released):
    shop.program(MILL, "load", "mill", "bracket")
    altered = SECOND.replace(b"X20", b"X21")
    mill.set("Program", altered)
    before = list(mill.started_programs)
    assert shop.program(MILL, "start", "mill", "bracket", status=1)["error"] == "ProgramAlteredError"
    assert (mill.get("Program"), mill.started_programs) == (b"", before)


def test_the_guard_stops_a_machine_that_runs_something_else_and_records_it(shop, mill, released):
    shop.program(MILL, "load", "mill", "bracket")
    shop.program(MILL, "start", "mill", "bracket")
    assert shop.program(MILL, "guard", "mill", "--once") == {
        "program": "bracket-v2@mill",
        "release": "bracket/2@mill",
        "stopped": False,
    }
    mill.set("Program", FIRST)
    assert shop.program(MILL, "guard", "mill", "--once", status=1)["stopped"] is True
    assert (mill.get("Running"), mill.get("Program")) == (False, b"")
    records = shop.run(MILL, "record", "list", "machine/mill")["records"]
    loads = [record["key"] for record in records if record["schema"].endswith("load-mill/1")]
    assert shop.run(MILL, "record", "show", "programs.load-mill", loads[-1])["fields"]["result"] == "rejected"


def test_only_the_machine_can_decrypt_its_program(shop, released):
    error = shop.program(LATHE, "list", "mill", status=1)
    assert (error["error"], error["field"]) == ("KeyMissingError", "machine")
    assert len(shop.program(ENGINEER, "list", "mill")["releases"]) == 2
    assert SECOND not in b"".join(path.read_bytes() for path in (shop.folder / "vault").rglob("*") if path.is_file())


def test_a_machine_cannot_release_programs(shop, files, released):
    error = shop.program(
        MILL, "release", "mill", "bracket", files["first.nc"], "--version", 3, "--design", "D-7", status=1
    )
    assert error["error"] == "NotMember"


@pytest.mark.parametrize("version", [1, 2, 4])
def test_a_version_must_follow_the_newest(shop, files, released, version):
    arguments = ("release", "mill", "bracket", files["first.nc"], "--version", version, "--design", "D-7")
    error = shop.program(ENGINEER, *arguments, status=1)
    assert (error["error"], error["field"]) == ("InvalidInput", "version")


def test_a_machine_that_reads_a_folder_has_only_the_released_program(shop, released):
    folder = shop.folder / "lathe"
    (folder / "old.nc").write_bytes(b"M30\n")
    loaded = shop.program(LATHE, "load", "lathe", "bolt")
    assert [path.name for path in folder.iterdir() if path.is_file()] == ["bolt-v1@lathe"]
    assert loaded["release"] == "bolt/1@lathe"
    (folder / "other.nc").write_bytes(b"M30\n")
    assert shop.program(LATHE, "guard", "lathe", "--once", status=1)["stopped"] is True
    assert [path for path in folder.iterdir() if path.is_file()] == []


def test_a_withdrawn_program_does_not_run(shop, mill, files, released):
    about = ("--design", "D-9")
    shop.program(ENGINEER, "release", "mill", "plate", files["first.nc"], "--version", 1, *about)
    shop.program(MILL, "load", "mill", "plate")
    shop.program(ENGINEER, "release", "mill", "plate", "--withdraw", "--version", 2, *about)
    assert "withdrawn by version 2" in shop.program(MILL, "load", "mill", "plate", status=1)["message"]
    assert shop.program(MILL, "guard", "mill", "--once", status=1)["stopped"] is True
