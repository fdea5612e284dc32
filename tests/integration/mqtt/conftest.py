"""Fixtures of the MQTT tests: a broker and a spool."""

import pytest
from mosquitto import Mosquitto

from chromatrace.ingest.spool import Spool


@pytest.fixture
def spool(tmp_path):
    with Spool(tmp_path / "spool.db") as opened:
        yield opened


@pytest.fixture
def broker(tmp_path):
    started = Mosquitto(tmp_path, "allow_anonymous true")
    yield started
    started.stop()
