"""`twin run` carries out confirmed actions; people with a role acknowledge and shelve alarms."""

from __future__ import annotations

import signal
import subprocess
import sys
import time

import pytest
from machines import OpcUaPress
from twin_readings import reading
from workshop import ALICE, AUTOMATIC, GATEWAY, OUTSIDER, PLANT, Workshop, dev

from chromatrace.chain.dev_node import DevNode
from chromatrace.ingest.spool import Spool


@pytest.fixture(scope="module")
def deployed(deploy, tmp_path_factory):
    """Return a chain with the plant's organisation, its people and its department."""
    folder = tmp_path_factory.mktemp("chain")
    with DevNode() as node:
        manifest = deploy(node, folder)
        Workshop(node, manifest, folder).appoint()
        yield node, manifest


def test_a_running_twin_acts_by_an_automatic_rule_and_records_it(deployed, tmp_path):
    with OpcUaPress().serving() as press:
        workshop = Workshop(*deployed, tmp_path, PLANT + AUTOMATIC, endpoint=press.url)
        workshop.run(GATEWAY, "key", "reader", "Production")
        options = ["--rpc-url", workshop.node.url, "--manifest", str(workshop.manifest), "--data", str(workshop.data)]
        words = [*options, "--dev-account", str(GATEWAY), "twin", "run", str(workshop.plant_file), "--poll-s", "0.05"]
        process = subprocess.Popen([sys.executable, "-m", "chromatrace.cli", *words], stderr=subprocess.PIPE, text=True)
        try:
            with Spool(workshop.data / "spool.db") as spool:
                spool.append_fields(
                    "line-1", [reading("lot", 0, "L-1", source="opc"), reading("power", 1, 600.0, source="opc")]
                )
            deadline = time.monotonic() + 120
            while not any(item["record"] for item in workshop.proposals()):
                assert process.poll() is None, process.stderr.read()
                assert time.monotonic() < deadline
                time.sleep(0.1)
            process.send_signal(signal.SIGTERM)
            assert process.wait(60) == 0, process.stderr.read()
        finally:
            process.kill()
            process.wait()
        assert press.writes == [("speed", 400.0)]
        (proposal,) = workshop.proposals()
        assert (proposal["state"], proposal["decided_by"]) == ("done", "rule lower-power")
        assert proposal["record"]["transaction"].startswith("0x")


def test_an_alarm_is_acknowledged_and_shelved_by_operators_only(deployed, tmp_path):
    workshop = Workshop(*deployed, tmp_path)
    workshop.readings(("pressure", 1, 3.5))
    (alarm,) = workshop.run(None, "twin", "alarms")["alarms"]
    number = alarm["id"]
    assert workshop.run(OUTSIDER, "twin", "acknowledge", number, status=1)["error"] != "AlarmStateError"
    acknowledged = workshop.run(ALICE, "twin", "acknowledge", number, "--note", "valve is open")
    assert acknowledged == {"alarm": number, "state": "acknowledged", "by": dev(ALICE).address}
    again = workshop.run(GATEWAY, "twin", "acknowledge", number, status=1)
    assert again["message"].endswith(f"was already acknowledged by {dev(ALICE).address}")
    shelved = workshop.run(GATEWAY, "twin", "shelve", number, "--minutes", 30, "--reason", "gauge is replaced")
    assert shelved["state"] == "shelved"
    assert workshop.run(ALICE, "twin", "unshelve", number)["state"] == "acknowledged"
    events = workshop.run(None, "twin", "alarm", number)["events"]
    assert [(event["event"], event["by"]) for event in events] == [
        ("raised", None),
        ("acknowledged", dev(ALICE).address),
        ("shelved", dev(GATEWAY).address),
        ("unshelved", dev(ALICE).address),
    ]
