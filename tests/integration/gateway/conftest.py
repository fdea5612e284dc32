"""Servers of the other integration tests."""

import sys
from pathlib import Path

import pytest

_INTEGRATION = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(Path(__file__).parent), *(str(_INTEGRATION / name) for name in ("mqtt", "modbus", "opcua"))]


@pytest.fixture
def broker(tmp_path):
    """Return a running broker without authentication."""
    from mosquitto import MOSQUITTO, Mosquitto

    if MOSQUITTO is None:
        pytest.skip("the program mosquitto is not installed")
    folder = tmp_path / "broker"
    folder.mkdir()
    started = Mosquitto(folder, "allow_anonymous true")
    yield started
    started.stop()
