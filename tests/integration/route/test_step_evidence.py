"""Steps refer to their readings; `verify` and `explain` report what they did not check."""

import json

import pytest
from click.testing import CliRunner
from route_line import PLANT, digest

from chromatrace.cli.log import log
from chromatrace.cli.route import route
from chromatrace.cli.route_station import station
from chromatrace.domain.errors import InvalidInput, NotFound
from chromatrace.domain.reading import Reading
from chromatrace.exchange.proven import channel_id
from chromatrace.ingest.spool import Spool
from chromatrace.services.workspace import Workspace

DIGEST = "0x" + digest("a document").hex()
START = 1_767_225_600_000_000_000


@pytest.fixture
def spooled(workspace_settings):
    """Return a function that spools `count` readings of a channel, from number `first`."""

    def spool(channel, first, count):
        workspace_settings.data.mkdir(exist_ok=True)
        with Spool(workspace_settings.data / workspace_settings.spool_path.name) as store:
            store.append(
                channel,
                [
                    Reading("201", "power", START + n, START + n, 1.5 * n, "W", sequence=n)
                    for n in range(first, first + count)
                ],
            )

    return spool


@pytest.fixture
def designed(run):
    """Return a function that designs a route with this name over the stations a and b, and returns its id."""

    def design(name):
        for station_name in ("a", "b"):
            run(station, "create", station_name)
            run(station, "register", station_name)
        return run(route, "design", name, "--step", "one=a", "--step", "two=b", "--out", "design.json")["route"]

    return design


@pytest.fixture
def printed(workspace_settings):
    """Return a function that runs `route …` without --json and returns exit status and output lines."""

    def command(*arguments):
        with Workspace(workspace_settings) as workspace:
            result = CliRunner().invoke(route, arguments, obj=workspace)
        return result.exit_code, result.stdout.splitlines()

    return command


def test_a_step_is_bound_to_the_readings_of_its_time(run, printed, designed, spooled):
    designed("bound")
    sign = ("sign", "design.json", "lot.json", "--station")
    spooled("bound line", 0, 5)
    first = run(route, *sign, "a", "--subject", DIGEST, "--log", "bound line")
    spooled("bound line", 5, 3)
    second = run(route, *sign, "b", "--log", "bound line", "--log-of", str(PLANT))
    assert [(step["channel"], step["log_size"]) for step in (first, second)] == [
        ("0x" + channel_id(PLANT, "bound line").hex(), size) for size in (5, 8)
    ]

    offline = run(route, "explain", "design.json", "lot.json")
    assert [step["head"] for step in offline["steps"]] == ["not checked"] * 2
    assert any("log head of step 1, 2" in text for text in offline["not_checked"])
    before = run(route, "explain", "design.json", "lot.json", "--chain")
    assert [step["head"] for step in before["steps"]] == ["not anchored"] * 2

    anchored = run(log, "anchor")["anchored"]
    assert (anchored[-1]["id"], anchored[-1]["root"]) == (second["channel"], second["digest"])
    after = run(route, "explain", "design.json", "lot.json", "--chain")
    assert [(step["head"], step["anchored_by"]) for step in after["steps"]] == [("anchored", PLANT)] * 2
    assert all(step["anchored_in_block"] for step in after["steps"])
    assert (after["not_checked"], after["proven_on_chain"]) == ([], False)
    run(route, "prove", "design.json", "lot.json")
    assert run(route, "explain", "design.json", "lot.json", "--chain")["proven_on_chain"]
    status, lines = printed("explain", "design.json", "lot.json", "--chain")
    assert status == 0
    assert "first 5 readings of log" in lines[2]
    assert ": anchored in block" in lines[2]


def test_another_root_than_the_anchored_one_is_reported(run, printed, designed, spooled):
    designed("contradicted")
    spooled("contradicted line", 0, 4)
    run(log, "anchor")
    sign = ("sign", "design.json", "lot.json", "--digest", DIGEST, "--station")
    channel = "0x" + channel_id(PLANT, "contradicted line").hex()
    run(route, *sign, "a", "--subject", DIGEST, "--channel", channel, "--log-size", "4")
    run(route, *sign, "b", "--channel", channel)
    report = run(route, "explain", "design.json", "lot.json", "--chain", status=1)
    assert [step["head"] for step in report["steps"]] == ["another root is anchored", "no head"]
    status, lines = printed("explain", "design.json", "lot.json", "--chain")
    assert status == 1
    assert any(line.startswith("CONTRADICTED: the root of step 1 differs from the one in block") for line in lines)


def test_a_step_has_one_source_of_evidence(run, designed, spooled):
    designed("evidence")
    sign = ("sign", "design.json", "lot.json", "--station", "a", "--subject", DIGEST)
    spooled("evidence line", 0, 1)
    for arguments, kind, field in (
        ((), InvalidInput, "log"),
        (("--log", "evidence line", "--digest", DIGEST), InvalidInput, "log"),
        (("--log", "evidence line", "--log-size", "1"), InvalidInput, "log"),
        (("--log", "evidence line", "--channel", DIGEST), InvalidInput, "log"),
        (("--digest", DIGEST, "--log-of", "1"), InvalidInput, "log-of"),
        (("--digest", DIGEST, "--log-size", "1"), InvalidInput, "channel"),
        (("--log", "another line"), NotFound, "channel"),
    ):
        with pytest.raises(kind) as error:
            run(route, *sign, *arguments)
        assert error.value.field == field


def test_a_design_that_differs_from_the_chain_is_rejected(run, designed, tmp_path):
    """A route's id contains owner, name and version, not its keys; a file can contain other keys."""
    designed("exchanged")
    sign = ("sign", "design.json", "lot.json", "--digest", DIGEST, "--station")
    run(route, *sign, "a", "--subject", DIGEST)
    run(route, *sign, "b")
    document = json.loads((tmp_path / "design.json").read_text())
    document["stations"].reverse()
    (tmp_path / "design.json").write_text(json.dumps(document, indent=1) + "\n")
    assert not run(route, "explain", "design.json", "lot.json", status=1)["proven"]
    with pytest.raises(Exception, match="differs from the route with this id on the chain") as error:
        run(route, "explain", "design.json", "lot.json", "--chain")
    assert error.value.field == "design"


def test_a_missing_record_is_reported(run, printed, designed, tmp_path):
    designed("absent")
    sign = ("sign", "design.json", "lot.json", "--digest", DIGEST, "--station")
    run(route, *sign, "a", "--subject", DIGEST)
    run(route, *sign, "b")
    document = json.loads((tmp_path / "lot.json").read_text())
    document["steps"][1]["record"] = None
    (tmp_path / "lot.json").write_text(json.dumps(document, indent=1) + "\n")
    absent = "content of step 2: the record is absent, only its hash is signed"
    for command in ("verify", "explain"):
        report = run(route, command, "design.json", "lot.json")
        assert (report["proven"], report["records_absent"]) == (True, [2])
        assert absent in report["not_checked"]
        status, lines = printed(command, "design.json", "lot.json")
        assert status == 0
        assert f"NOT CHECKED: {absent}" in lines
    steps = run(route, "explain", "design.json", "lot.json", "--chain")["steps"]
    assert [(step["record"], step["head"]) for step in steps] == [("present", "no head"), ("absent", "unknown")]
    assert any("RECORD ABSENT" in line for line in printed("explain", "design.json", "lot.json")[1])


def test_an_edited_file_is_rejected_with_a_hint(run, designed, tmp_path):
    route_id = designed("edited")
    run(route, "sign", "design.json", "lot.json", "--digest", DIGEST, "--station", "a", "--subject", DIGEST)
    whole = {name: (tmp_path / name).read_bytes() for name in ("design.json", "lot.json")}
    for name, hint in (
        ("design.json", f"chromatrace route fetch {route_id}"),
        ("lot.json", "the station that wrote it"),
    ):
        (tmp_path / name).write_bytes(whole[name].replace(b"\n ", b"\n  ", 1))
        with pytest.raises(InvalidInput) as error:
            run(route, "explain", "design.json", "lot.json")
        assert error.value.message.startswith(f"{name}: the file was edited or reformatted from byte 3")
        assert hint in error.value.hint
        (tmp_path / name).write_bytes(whole[name])
