"""The portal does not need the packages of optional extras."""

from __future__ import annotations

import subprocess
import sys

SCRIPT = """
import sys
from pathlib import Path

for name in ("matplotlib", "simpy"):
    sys.modules[name] = None  # importing it raises ImportError

from app import PortalSettings, create_app
import app.background, app.cli, app.server

data = Path(sys.argv[1])
client = create_app(PortalSettings(data, "http://127.0.0.1:9", data / "31337.json")).test_client()
pages = "/", "/scan", "/login", "/01/09521234543213/10/L1", "/api/v1/openapi.json"
print([client.get(path).status_code for path in pages])
print([client.get(path).status_code for path in ("/qr/09521234543213/L1.png", "/graph.css", "/epcis/v2/events")])
"""


def test_portal_runs_without_matplotlib_and_simpy(config):
    command = [sys.executable, "-c", SCRIPT, str(config.data_folder)]
    result = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert result.stdout.splitlines() == ["[200, 200, 200, 404, 200]", "[200, 200, 200]"], result.stderr
