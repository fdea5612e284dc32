"""`chromatrace route` on a real chain, from the station keys to the proof."""

import json
import stat
from dataclasses import replace

import pytest
from click.testing import CliRunner
from route_line import PLANT, digest

from chromatrace.cli.route import route
from chromatrace.cli.route_station import station
from chromatrace.crypto.errors import Break, KeyPasswordError, RouteProofError, StateFileError
from chromatrace.domain.errors import ChromaTraceError, Conflict, InvalidInput, NotAuthorised, NotFound
from chromatrace.domain.identifiers import BatchKey
from chromatrace.ethereum.errors import ContractError
from chromatrace.services.workspace import Workspace

DIGEST = "0x" + digest("head").hex()
BATCH = "09521234543213/L7"


def signed(run, names, trace, *subject):
    for number, name in enumerate(names):
        arguments = ("sign", "design.json", trace, "--station", name, "--digest", DIGEST)
        facts = run(route, *arguments, *(subject if number == 0 else ()))
        assert (facts["step"], facts["of"]) == (number + 1, len(names))


def test_a_route_is_designed_signed_and_proven(run, tmp_path):
    names = ["s201", "s202", "s303"]
    keys = []
    for name in names:
        created = run(station, "create", name)
        assert stat.S_IMODE((tmp_path / "data" / "keys" / "stations" / f"{name}.json").stat().st_mode) == 0o600
        registered = run(station, "register", name)
        assert (registered["key"], registered["organisation"]) == (created["key"], PLANT)
        keys.append(created["key"])
    run(station, "create", "spare")
    listed = run(station, "list", "--chain")["stations"]
    assert (listed.pop()["organisation"], {entry["verified"] for entry in listed}) == (None, {True})
    assert [(entry["station"], entry["key"], entry["organisation"]) for entry in listed] == [
        (name, key, PLANT) for name, key in zip(names, keys, strict=True)
    ]

    steps = [f"sputtering={names[0]}", f"inspection={names[1]}", f"packing={keys[2]}"]
    arguments = [word for step in steps for word in ("--step", step)]
    designed = run(route, "design", "commands", *arguments, "--requires-proof", "--out", "design.json")
    assert [entry["key"] for entry in designed["stations"]] == keys
    fetched = run(route, "fetch", designed["route"], "--out", "fetched.json")
    assert (tmp_path / "fetched.json").read_bytes() == (tmp_path / "design.json").read_bytes()
    assert fetched["route"] == designed["route"]

    signed(run, names, "lot.cbor", "--batch", BATCH)
    batch = "0x" + BatchKey.parse(*BATCH.split("/")).batch_id.hex()
    assert run(route, "verify", "design.json", "lot.cbor")["subject"] == batch
    explained = run(route, "explain", "design.json", "lot.cbor")
    assert explained["proven"]
    assert [step["holds"] for step in explained["steps"]] == [True] * 3
    proven = run(route, "prove", "design.json", "lot.cbor")
    assert proven["subjects"] == [batch]
    assert len(proven["txs"]) == 1

    for unit in range(3):
        signed(run, names, f"unit{unit}.json", "--batch", BATCH, "--unit", str(unit))
    many = run(route, "prove", "design.json", *(f"unit{unit}.json" for unit in range(3)))
    assert (len(many["subjects"]), len(many["txs"])) == (3, 1)


def test_a_fault_is_detected_and_its_step_is_named(run, tmp_path):
    names = ["a", "b"]
    for name in names:
        run(station, "create", name)
        run(station, "register", name)
    run(route, "design", "faulty", "--step", "one=a", "--step", "two=b", "--out", "design.json")
    sign = ("sign", "design.json", "lot.json", "--digest", DIGEST)
    with pytest.raises(InvalidInput) as error:
        run(route, *sign, "--station", "b", "--subject", DIGEST)
    assert error.value.field == "secret key"
    assert not (tmp_path / "lot.json").exists()
    signed(run, names, "lot.json", "--subject", DIGEST)
    with pytest.raises(Conflict):
        run(route, *sign, "--station", "a", "--subject", DIGEST)

    document = json.loads((tmp_path / "lot.json").read_text())
    document["steps"][0]["record"]["digest"] = "0x" + digest("other").hex()
    (tmp_path / "lot.json").write_text(json.dumps(document, indent=1) + "\n")
    explanation = run(route, "explain", "design.json", "lot.json", status=1)
    assert (explanation["proven"], explanation["breaks_at"], explanation["reason"]) == (False, 1, "record")
    for command in ("verify", "prove"):
        with pytest.raises(ChromaTraceError) as error:
            run(route, command, "design.json", "lot.json")
        assert error.value.field == "/steps/0"


def test_an_assembly_is_verified_with_its_components(run, tmp_path):
    for name in ("film", "join"):
        run(station, "create", name)
        run(station, "register", name)
    film = run(route, "design", "film", "--step", "coating=film", "--out", "film.json")["route"]
    run(route, "design", "window", "--assembly", "--step", "joining=join", "--out", "window.json")
    parts, components = ["0x" + digest(f"pane {n}").hex() for n in range(2)], []
    for n, part in enumerate(parts):
        sign = ("sign", "film.json", f"pane{n}.cbor", "--station", "film", "--digest", DIGEST)
        run(route, *sign, "--subject", part)
        components += ["--component", f"{film}:{part}"]
    sign = ("sign", "window.json", "window.cbor", "--station", "join", "--digest", DIGEST)
    with pytest.raises(InvalidInput) as error:
        run(route, *sign, "--subject", DIGEST)
    assert error.value.field == "components"
    run(route, *sign, "--subject", DIGEST, *components)
    check = ("verify", "window.json", "window.cbor")
    in_order = [word for n in range(2) for word in ("--part", "film.json", f"pane{n}.cbor")]
    with pytest.raises(InvalidInput, match="the 2 components were not checked") as error:
        run(route, *check)
    assert error.value.field == "part"
    alone = run(route, *check, "--without-parts")
    assert (alone["proven"], alone["components"], alone["components_checked"]) == (True, 2, 0)
    assert "components: the 2 components were not checked" in alone["not_checked"]
    whole = run(route, *check, *in_order)
    assert whole["components_checked"] == 2
    assert not any("components" in text for text in whole["not_checked"])
    with pytest.raises(InvalidInput) as error:
        run(route, *check, *in_order, "--without-parts")
    assert error.value.field == "part"
    explained = run(route, "explain", "window.json", "window.cbor")
    assert [part["proven_on_chain"] for part in explained["components"]] == [None, None]
    assert "components: the 2 components were not checked" in explained["not_checked"]
    for wrong in (in_order[3:] + in_order[:3], in_order[:3]):
        with pytest.raises(RouteProofError) as error:
            run(route, *check, *wrong)
        assert error.value.reason is Break.ORIGIN
    prove = ("prove", "window.json", "window.cbor")
    with pytest.raises(ContractError) as error:
        run(route, *prove)
    assert error.value.name == "ComponentNotProven"
    explain = ("explain", "window.json", "window.cbor", "--chain")
    run(route, "prove", "film.json", "pane0.cbor")
    half = run(route, *explain, status=1)
    assert [part["proven_on_chain"] for part in half["components"]] == [True, False]
    assert half["faults_on_chain"] == ["NOT PROVEN: component 2 has no proof on the chain"]
    assert half["not_checked"] == ["components: 2 not proven on the chain"]
    run(route, "prove", "film.json", "pane1.cbor")
    assert run(route, *explain)["not_checked"] == []
    assert run(route, *prove)["subjects"] == [DIGEST]


def test_explain_prints_every_step(run, workspace_settings, tmp_path):
    for name in ("a", "b"):
        run(station, "create", name)
        run(station, "register", name)
    run(route, "design", "printed", "--step", "one=a", "--step", "two=b", "--out", "design.json")
    signed(run, ["a", "b"], "lot.json", "--subject", DIGEST)

    def printed(group, *arguments):
        with Workspace(workspace_settings) as workspace:
            return CliRunner().invoke(group, arguments, obj=workspace).stdout.splitlines()

    lines = printed(route, "explain", "design.json", "lot.json")
    assert [line.split()[:3] for line in lines[1:7:3]] == [["1", "one", "valid"], ["2", "two", "valid"]]
    assert all(line.strip() == f"digest {DIGEST[:18]}…, not of a log" for line in lines[2:7:3])
    assert all(line.strip().startswith("completed at 20") for line in lines[3:7:3])
    assert lines[7:] == [
        "proven in order: all 2 stations signed",
        "NOT CHECKED: design: use `route fetch` or `route explain --chain` to compare it with the chain",
    ]
    text = (tmp_path / "lot.json").read_text()
    document = json.loads(text)
    document["steps"][0]["link"] = DIGEST
    (tmp_path / "lot.json").write_text(json.dumps(document, indent=1) + "\n")
    lines = printed(route, "explain", "design.json", "lot.json")
    assert "INVALID  the link does not follow from the steps before it" in lines[1]
    assert lines[2].endswith("not checked: an earlier step is invalid")
    assert lines[3].startswith("NOT PROVEN: step 1 (one): ")
    listed = printed(station, "list", "--chain")
    assert [line.split()[0] for line in listed] == ["a", "b"]
    assert all(line.endswith(f"organisation {PLANT}") for line in listed)


def test_invalid_files_and_passwords_are_rejected(run, tmp_path, monkeypatch):
    run(station, "create", "a")
    run(station, "register", "a")
    run(route, "design", "strict", "--step", "one=a", "--out", "design.json")
    signed(run, ["a"], "lot.json", "--subject", DIGEST)
    good = (tmp_path / "lot.json").read_bytes()
    for junk in (
        b"",
        b"not a route file",
        b"[" * 100_000,
        b'{"schema": ' * 100_000,
        good[:-2],
        good.replace(b" ", b"  ", 1),
    ):
        (tmp_path / "junk.json").write_bytes(junk)
        for command in (("verify", "design.json", "junk.json"), ("explain", "junk.json", "lot.json")):
            with pytest.raises(StateFileError):
                run(route, *command)
    with pytest.raises(Conflict) as error:
        run(station, "create", "a")
    assert error.value.field == "keystore"
    keys = tmp_path / "data" / "keys" / "stations"
    (keys / "junk.json").touch(mode=0o600)
    (keys / "junk.json").write_bytes(b"[" * 100_000)
    (keys / "open.json").write_bytes((keys / "a.json").read_bytes())
    (keys / "open.json").chmod(0o640)
    listed = run(station, "list", status=1)["stations"]
    assert [(entry["station"], "error" in entry) for entry in listed] == [("a", False), ("junk", True), ("open", True)]
    assert "not an EIP-2335 keystore" in listed[1]["error"]
    assert "other users may read or change the key file" in listed[2]["error"]
    with pytest.raises(InvalidInput) as error:
        run(route, "sign", "design.json", "next.json", "--station", "open", "--digest", DIGEST, "--subject", DIGEST)
    assert error.value.field == "keystore"
    monkeypatch.setenv("CHROMATRACE_STATION_PASSWORD", "another password")
    sign = ("sign", "design.json", "next.json", "--station", "a", "--digest", DIGEST, "--subject", DIGEST)
    with pytest.raises(KeyPasswordError) as error:
        run(route, *sign)
    assert (error.value.field, (tmp_path / "next.json").exists()) == ("password", False)
    monkeypatch.setenv("CHROMATRACE_STATION_PASSWORD", "short")
    with pytest.raises(InvalidInput) as error:
        run(station, "create", "b")
    assert error.value.field == "password"


def test_a_station_requires_an_organisation(run, workspace_settings):
    run(station, "create", "a")
    with Workspace(replace(workspace_settings, dev_account=9)) as workspace:
        result = CliRunner().invoke(station, ["register", "a"], obj=workspace)
    assert isinstance(result.exception, NotAuthorised)
    assert result.exception.field == "operator"


def test_errors_name_the_field(run):
    for arguments, error, field in (
        (("design", "x", "--step", "nothing", "--out", "d.json"), InvalidInput, "step 1"),
        (("design", "x", "--step", f"p={DIGEST}", "--out", "d.json"), NotFound, "key"),
        (("design", "x", "--step", "p=absent", "--out", "d.json"), NotFound, "keystore"),
        (("fetch", DIGEST, "--out", "d.json"), NotFound, "route"),
        (("fetch", "0x00", "--out", "d.json"), InvalidInput, "route"),
        (("verify", "none.json", "none.json"), NotFound, "design"),
        (("explain", "none.json", "none.json"), NotFound, "design"),
        (("prove", "none.json", "none.json"), NotFound, "design"),
        (("sign", "none.json", "t.json", "--station", "a", "--digest", DIGEST), NotFound, "design"),
    ):
        with pytest.raises(error) as error:
            run(route, *arguments)
        assert error.value.field == field
    for command in ("create", "register", "revoke"):
        with pytest.raises(InvalidInput) as error:
            run(station, command, "../elsewhere")
        assert error.value.field == "station"
    for command in ("register", "revoke"):
        with pytest.raises(NotFound) as error:
            run(station, command, "absent")
        assert error.value.field == "keystore"
    with pytest.raises(ContractError) as error:
        run(station, "revoke", DIGEST)
    assert error.value.name == "UnknownStationKey"


@pytest.fixture
def two_steps(run):
    """Create a route with the steps one (station a), two (station a) and three (station b)."""
    for name in ("a", "b"):
        run(station, "create", name)
        run(station, "register", name)
    steps = ("--step", "one=a", "--step", "two=a", "--step", "three=b")
    run(route, "design", "repeated", *steps, "--out", "design.json")
    return ("sign", "design.json", "lot.json", "--digest", DIGEST, "--station")


def test_a_later_step_checks_the_subject(run, two_steps):
    run(route, *two_steps, "a", "--batch", BATCH)
    for wrong in (("--batch", "09521234543213/L8"), ("--batch", BATCH, "--unit", "1"), ("--subject", DIGEST)):
        with pytest.raises(Conflict) as error:
            run(route, *two_steps, "a", "--step", "2", *wrong)
        assert (error.value.field, "lot.json is about subject 0x" in error.value.message) == ("trace", True)
    with pytest.raises(Conflict) as error:
        run(route, *two_steps, "a", "--step", "2", "--batch", BATCH, "--component", f"{DIGEST}:{DIGEST}")
    assert "has other components" in error.value.message
    assert run(route, *two_steps, "a", "--step", "2", "--batch", BATCH)["step"] == 2


def test_a_repeated_command_does_not_sign_the_next_step(run, two_steps):
    run(route, *two_steps, "a", "--batch", BATCH)
    with pytest.raises(Conflict) as error:
        run(route, *two_steps, "a", "--batch", BATCH)
    assert (error.value.message, "use --step 2" in error.value.hint) == (
        "station a has already signed step 1 of 3",
        True,
    )
    for step in (1, 3):
        with pytest.raises(Conflict) as error:
            run(route, *two_steps, "a", "--step", str(step))
        assert error.value.field == "step"
    assert run(route, *two_steps, "a", "--step", "2")["step"] == 2
    assert run(route, *two_steps, "b")["step"] == 3


def test_concurrent_commands_sign_a_step_once(run, two_steps, workspace_settings, tmp_path):
    import fork_server

    run(route, *two_steps, "a", "--batch", BATCH)
    folder, manifest = workspace_settings.data, workspace_settings.manifest
    chain = ("--rpc-url", workspace_settings.rpc_url, "--data", folder, "--manifest", manifest, "--dev-account", "0")
    files = (tmp_path / "design.json", tmp_path / "lot.json")
    sign = ("route", "sign", *files, "--digest", DIGEST, "--station", "a", "--step", "2", "--json")
    processes = [fork_server.command_line().start(*chain, *sign) for _ in range(3)]
    assert sorted(process.wait(180) for process in processes) == [0, 1, 1]
    assert len(json.loads((tmp_path / "lot.json").read_text())["steps"]) == 2


def test_implausible_times_are_rejected_and_shown(run, two_steps):
    run(route, *two_steps, "a", "--batch", BATCH, "--completed-at", "1700000000")
    for at, reason in (("1699999999", "before step 1 (2023-11-14 22:13:20 UTC)"), (str(2**33), "is in the future")):
        with pytest.raises(InvalidInput) as error:
            run(route, *two_steps, "a", "--step", "2", "--completed-at", at)
        assert (error.value.field, reason in error.value.message) == ("completed_at", True)
    run(route, *two_steps, "a", "--step", "2", "--completed-at", "1699999999", "--ignore-times")
    run(route, *two_steps, "b")
    explained = run(route, "explain", "design.json", "lot.json")
    assert [step["completed_at"] for step in explained["steps"]][:2] == [1700000000, 1699999999]
    assert len(explained["implausible_times"]) == 1
    assert explained["implausible_times"][0].startswith("step 2 is completed at 2023-11-14 22:13:19 UTC, before step 1")


def test_a_revoked_key_is_shown_and_fails_until_the_route_is_proven(run, two_steps):
    run(route, *two_steps, "a", "--batch", BATCH)
    run(route, *two_steps, "a", "--step", "2")
    run(route, *two_steps, "b")
    explain = ("explain", "design.json", "lot.json", "--chain")
    assert run(route, *explain)["faults_on_chain"] == []
    begin = run(station, "revoke", "b", "--from", str(2**33))["revoked_from"]
    explained = run(route, *explain, status=1)
    assert [step["revoked_from"] for step in explained["steps"]] == [None, None, begin]
    assert explained["faults_on_chain"][0].startswith("REVOKED: the key of step 3 is revoked from")
    run(route, "prove", "design.json", "lot.json")
    assert run(route, *explain)["faults_on_chain"] == []


def test_a_revoked_station_is_listed_as_revoked(run):
    run(station, "create", "leaving")
    run(station, "register", "leaving")
    begin = run(station, "revoke", "leaving", "--from", str(2**33))["revoked_from"]
    assert [entry["revoked_from"] for entry in run(station, "list", "--chain")["stations"]] == [begin]
