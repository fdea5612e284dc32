"""`plant init` with Sparkplug births, from a real broker."""

from __future__ import annotations

import threading
from itertools import count

import pytest
from click.testing import CliRunner
from mosquitto import MOSQUITTO
from mqtt_clients import client_of

from chromatrace.cli import main
from chromatrace.plant import load_plant
from chromatrace.plant.edge_node import EdgeNode
from chromatrace.plant.recording import Recording, expand_columns
from chromatrace.plant.sources import TagSample

pytestmark = pytest.mark.skipif(MOSQUITTO is None, reason="the program mosquitto is not installed")

START_NS = 1_714_521_600 * 10**9


def init(broker, folder, seconds, *arguments):
    command = ["--data", str(folder), "plant", "init", "--mqtt", broker.url, "-o", str(folder / "plant.toml")]
    return CliRunner().invoke(main, [*command, "--seconds", str(seconds), *arguments])


@pytest.fixture
def node(broker, tmp_path):
    """Run an edge node whose birth was published before anyone listens. It sends values until the end."""
    path = tmp_path / "press.dat"
    path.write_text("1 2\n")
    source = Recording(path, expand_columns("force[kN],speed"), step_s=1, start_ns=START_NS)
    node, ended = EdgeNode(source, broker.url), threading.Event()

    def send():
        for second in count():
            node.write(TagSample(START_NS + second * 10**9, (float(second), 2.0), (0, 0)))
            if ended.wait(0.05):
                return

    with node.connected():
        sender = threading.Thread(target=send)
        sender.start()
        yield node
        ended.set()
        sender.join()


def test_nodes_that_send_data_are_asked_for_their_birth(broker, node, tmp_path):
    # A longer time if the machine is slow.
    results = [init(broker, tmp_path, 2)]
    while results[-1].exit_code and len(results) < 4:
        results.append(init(broker, tmp_path, 2 * 3 ** len(results)))
    assert results[-1].exit_code == 0, results[-1].stderr
    plant = load_plant(tmp_path / "plant.toml", complete=True)
    (source,) = plant.sources
    assert source.settings.groups == ("plant",)
    assert {(tag.name, tag.unit, tag.source) for tag in plant.tags} == {
        ("force", "kN", "sparkplug"),
        ("speed", "", "sparkplug"),
    }
    assert plant.tags[0].is_of("sparkplug", "plant/press/recording", "force")


def test_without_a_birth_there_is_no_file(broker, tmp_path):
    with client_of(broker):
        result = init(broker, tmp_path, 0.3)
    assert result.exit_code == 1
    assert "no Sparkplug birth" in result.stderr
    assert not (tmp_path / "plant.toml").exists()
