"""The portal as a process, and settings of a portal without a chain."""

from __future__ import annotations

import json
import os
import re
import signal
import time

import fork_server
import httpx

PASSWORD = "seven grey panes of glass"


def offline_settings(folder, chain_id=31337, **changes):
    """Return settings of a portal with an empty index whose node does not respond."""
    from app import PortalSettings
    from chromatrace.index import Index

    names = ("Consortium", "BatchRegistry", "InspectionLedger", "CustodyLedger", "ProcessLedger")
    contracts = {
        name: {"address": f"0x{number:040x}", "tx": f"0x{number:064x}", "block": 1, "code_hash": f"0x{number:064x}"}
        for number, name in enumerate(names, start=1)
    }
    manifest = folder / "manifest.json"
    manifest.write_text(json.dumps({"chain_id": chain_id, "block": 1, "contracts": contracts}))
    index = Index(f"sqlite:///{folder / 'index.db'}")
    index.migrate()
    index.close()
    return PortalSettings(data_folder=folder, rpc_url="http://127.0.0.1:9", manifest_path=manifest, **changes)


class PortalProcess:
    """`chromatrace portal serve` as a process, on a data folder."""

    def __init__(self, consortium, data, *arguments, options=(), **environment):
        self.log = data / f"portal-{time.monotonic_ns()}.log"
        if "--workers" not in arguments:
            arguments = ("--workers", "1", *arguments)
        base = ("--rpc-url", consortium.node.url, "--data", data, "--manifest", consortium.manifest_path, *options)
        with self.log.open("wb") as log:
            self.process = fork_server.command_line().start(
                *base, "portal", "serve", "--port", 0, *arguments, stdout=log, stderr=log, env=os.environ | environment
            )
        self.url = self.wait(lambda: re.search(r"portal at (http://[\d.:]+)", self.log.read_text())).group(1)

    def wait(self, condition, seconds=180):
        deadline = time.monotonic() + seconds
        while not (result := condition()):
            assert self.process.poll() is None, self.log.read_text()
            assert time.monotonic() < deadline, self.log.read_text()
            time.sleep(0.05)
        return result

    def client(self, account=None, password=PASSWORD):
        auth = None if account is None else (account, password)
        return httpx.Client(base_url=self.url, auth=auth, timeout=180)

    def kill(self):
        """Kill the process with SIGKILL."""
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.kill()
