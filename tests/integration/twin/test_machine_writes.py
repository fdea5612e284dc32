"""Confirmed actions are written to real servers once, and read back."""

from __future__ import annotations

import dataclasses
import itertools
import multiprocessing
import sys
import threading
from contextlib import closing
from pathlib import Path

import pytest
from machines import ModbusPress, OpcUaPress, SparkplugPress

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "mqtt"))

from mosquitto import MOSQUITTO, Mosquitto

from chromatrace.ingest.modbus.register_map import load_map
from chromatrace.ingest.modbus.settings import ModbusSettings
from chromatrace.ingest.mqtt.settings import MqttSettings
from chromatrace.ingest.opcua.settings import OpcUaSettings
from chromatrace.plant.plant_sources import ModbusSource, MqttSource, OpcUaSource
from chromatrace.plant.proposal_rules import WriteTarget
from chromatrace.twin.actions.execute import Executor
from chromatrace.twin.store.database import TwinStore
from chromatrace.twin.store.proposals import (
    ProposalDraft,
    ProposalState,
    begin_execution,
    confirm,
    proposal,
    propose,
)

_numbers = itertools.count(1)
NOW = 1_800_000_000 * 10**9
MAP = """
[[devices]]
unit_id = 1
source = "press"
[[devices.tags]]
tag = "speed"
table = "holding"
address = 10
type = "int16"
scale = 0.1
[[devices.tags]]
tag = "torque"
table = "holding"
address = 20
type = "float32"
word_order = "little"
[[devices.tags]]
tag = "enable"
table = "coil"
address = 3
"""


@pytest.fixture
def store(tmp_path):
    """Return a store in SQLite."""
    with closing(TwinStore(f"sqlite:///{tmp_path / 'twin.db'}")) as store:
        yield store


def confirmed(store, action="set-point", **target):
    """Store a confirmed proposal and return its id."""
    write = dataclasses.asdict(WriteTarget(**{"confirm_s": 0.3, "source": "press", "protocol": "", **target}))
    draft = ProposalDraft(
        channel="line-1",
        log_size=next(_numbers),
        rule="rule",
        subject="press",
        cause="alarm",
        cause_id=1,
        action=action,
        parameters={"role": "SUPERVISOR", "write": write},
        reason="why",
        machine="press",
        batch=None,
        time_ns=NOW,
        expires_ns=NOW + 10**12,
    )
    with store.begin() as session:
        row = propose(session, draft)
    confirm(store, row.id, "0xAlice", NOW)
    return row.id


def run(store, source):
    """Carry out the actions of a store at one source, and return the last one."""
    (view,) = Executor(store, {"press": source}, lambda: NOW).run()
    return view


@pytest.fixture(scope="module")
def server():
    """Return an OPC UA server; it takes seconds to start."""
    with OpcUaPress().serving() as press:
        yield press


@pytest.fixture
def press(server):
    """Return the OPC UA server with the values of its start."""
    server.reset()
    return server


@pytest.fixture
def opcua(press):
    """Return the OPC UA server as a source."""
    return OpcUaSource("press", OpcUaSettings(press.url, "line-1"))


@pytest.mark.parametrize(
    ("node", "value", "written"),
    [("ns=2;s=speed", 2, 2.0), ("ns=2;s=count", 300.0, 300), ("ns=2;s=ready", False, False)],
    ids=["double", "int16", "boolean"],
)
def test_a_variable_is_written_in_its_own_type_and_read_back(store, press, opcua, node, value, written):
    confirmed(store, node=node, value=value)
    view = run(store, opcua)
    assert (view.state, view.result["read_back"]) == (ProposalState.DONE, written)
    assert press.writes == [(node.rpartition("=")[2], written)]
    assert Executor(store, {"press": opcua}, lambda: NOW).run() == []
    assert len(press.writes) == 1


def test_a_machine_that_does_not_confirm_is_not_written_to_again(store, press, opcua):
    press.deaf = True
    confirmed(store, node="ns=2;s=speed", value=2.0)
    view = run(store, opcua)
    assert (view.state, view.result["read_back"]) == (ProposalState.NOT_CONFIRMED, 1.0)
    assert "did not confirm the value within 0.3 s; it was not sent again" in view.result["message"]
    assert Executor(store, {"press": opcua}, lambda: NOW).run() == []
    assert press.writes == [("speed", 2.0)]


@pytest.mark.parametrize(
    ("target", "message"),
    [
        ({"node": "ns=2;s=serial", "value": "P-2"}, "BadNotWritable|BadUserAccessDenied"),
        ({"node": "ns=2;s=missing", "value": 1.0}, "BadNodeIdUnknown"),
        ({"node": "ns=2;s=count", "value": 1.5}, "1.5 does not fit the type Int16"),
        ({"node": "speed", "value": 1.5}, "'speed' is not a node id"),
    ],
)
def test_a_rejected_write_fails_and_states_that_nothing_was_written(store, opcua, target, message):
    confirmed(store, **target)
    view = run(store, opcua)
    assert view.state is ProposalState.FAILED
    assert view.result["message"].startswith("nothing was written")
    assert any(part in view.result["message"] for part in message.split("|")), view.result


def test_a_method_is_called_once_and_confirmed_by_a_variable(store, press, opcua):
    halt = {"object": "ns=2;s=press", "method": "ns=2;s=halt", "read_back": "ns=2;s=ready", "expect": False}
    confirmed(store, "stop", **halt)
    view = run(store, opcua)
    assert (view.state, view.result["read_back"]) == (ProposalState.DONE, False)
    confirmed(store, "stop", **halt | {"expect": True})
    assert run(store, opcua).state is ProposalState.NOT_CONFIRMED
    assert press.halted == 2


def test_a_method_without_a_variable_is_confirmed_by_its_result(store, press, opcua):
    confirmed(store, "stop", object="ns=2;s=press", method="ns=2;s=halt", value=None)
    assert run(store, opcua).state is ProposalState.DONE
    assert press.halted == 1


def test_an_unreachable_machine_fails_without_a_write(store):
    confirmed(store, node="ns=2;s=speed", value=2.0)
    view = run(store, OpcUaSource("press", OpcUaSettings("opc.tcp://127.0.0.1:1", "line-1", timeout_s=1.0)))
    assert view.state is ProposalState.FAILED
    assert "does not respond" in view.result["message"]


@pytest.fixture
def modbus(tmp_path):
    """Return a Modbus server and it as a source."""
    path = tmp_path / "map.toml"
    path.write_text(MAP)
    with ModbusPress().serving() as press:
        host, _, port = press.address.partition(":")
        yield press, ModbusSource("press", ModbusSettings(host, int(port), "line-1", load_map(path)))


@pytest.mark.parametrize(
    ("tag", "value", "found"),
    [("speed", -12.34, -12.3), ("torque", 1.1, pytest.approx(1.1)), ("enable", True, "true")],
)
def test_registers_and_coils_are_written_and_read_back(store, modbus, tag, value, found):
    press, source = modbus
    confirmed(store, device="press", tag=tag, value=value)
    view = run(store, source)
    assert (view.state, view.result["read_back"]) == (ProposalState.DONE, found)
    assert len(press.writes) == 1


def test_an_exception_of_a_device_means_that_nothing_was_written(store, modbus):
    press, source = modbus
    press.rejects = True
    confirmed(store, device="press", tag="speed", value=1.0)
    assert run(store, source).state is ProposalState.FAILED
    assert len(press.writes) == 1


@pytest.mark.parametrize(("value", "message"), [(5000.0, "does not fit int16"), ("fast", "expected a number")])
def test_a_value_that_does_not_fit_is_not_sent(store, modbus, value, message):
    press, source = modbus
    confirmed(store, device="press", tag="speed", value=value)
    view = run(store, source)
    assert view.state is ProposalState.FAILED
    assert message in view.result["message"]
    assert press.writes == []


@pytest.fixture
def sparkplug(tmp_path):
    """Return an edge node and its broker as a source."""
    if MOSQUITTO is None:
        pytest.skip("mosquitto is not installed (apt-get install mosquitto)")
    broker = Mosquitto(tmp_path, "allow_anonymous true")
    node = SparkplugPress(broker.port)
    yield node, MqttSource("press", MqttSettings(broker.url, "line-1", timeout_s=30.0))
    node.close()
    broker.stop()


def test_a_sparkplug_command_is_confirmed_by_the_data_of_the_device(store, sparkplug):
    node, source = sparkplug
    confirmed(store, node="hall/press/axis", metric="speed", value=2.5, confirm_s=30.0)
    view = run(store, source)
    assert (view.state, view.result["read_back"]) == (ProposalState.DONE, 2.5)
    assert node.commands == [("speed", 10, 2.5)]


def test_a_device_that_ignores_a_command_does_not_confirm_it(store, sparkplug):
    node, source = sparkplug
    node.deaf = True
    confirmed(store, node="hall/press/axis", metric="speed", value=2.5)
    assert run(store, source).state is ProposalState.NOT_CONFIRMED


_processes = multiprocessing.get_context("spawn")


def _act_and_hang(url, endpoint, written):
    """Write to the machine, report it, and hang before the outcome is stored."""
    from chromatrace.twin.actions import execute
    from chromatrace.twin.actions.opcua import OpcUaMachine

    class Hanging(OpcUaMachine):
        def confirms(self, value, wait_s):
            written.set()
            threading.Event().wait()

    execute.machine_of = lambda source, target: Hanging(source.connection(), target)
    source = OpcUaSource("press", OpcUaSettings(endpoint, "line-1"))
    with closing(TwinStore(url)) as store:
        Executor(store, {"press": source}, lambda: NOW).run()


def test_an_action_is_not_repeated_after_kill_9(store, press, opcua):
    number = confirmed(store, node="ns=2;s=speed", value=2.0)
    written = _processes.Event()
    url = str(store.engine.url)
    process = _processes.Process(target=_act_and_hang, args=(url, press.url, written), daemon=True)
    process.start()
    assert written.wait(120)
    process.kill()
    process.join()
    assert proposal(store, number, NOW).state is ProposalState.EXECUTING
    (view,) = Executor(store, {"press": opcua}, lambda: NOW).recover()
    assert (view.state, view.result["read_back"]) == (ProposalState.DONE, 2.0)
    assert "nothing was sent again" in view.result["message"]
    assert press.writes == [("speed", 2.0)]


def test_an_action_that_ended_before_it_was_sent_is_not_confirmed_after_a_restart(store, press, opcua):
    number = confirmed(store, node="ns=2;s=speed", value=2.0)
    assert begin_execution(store, number)
    executor = Executor(store, {"press": opcua}, lambda: NOW)
    (view,) = executor.recover()
    assert view.state is ProposalState.NOT_CONFIRMED
    assert executor.run() == executor.recover() == []
    assert press.writes == []
