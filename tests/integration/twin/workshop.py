"""A plant with rules on a chain: people with roles, batches, and a department that records actions."""

from __future__ import annotations

import json
import sys
import warnings
from contextlib import closing, contextmanager

from click.testing import CliRunner
from twin_readings import reading

from chromatrace.chain.calls import Registration, register_batch
from chromatrace.chain.client import Chain
from chromatrace.chain.outbox import Outbox
from chromatrace.cli import main
from chromatrace.domain.identifiers import BatchKey, check_digit
from chromatrace.ethereum.manifest import Manifest
from chromatrace.ethereum.signer import DevKeyWarning, dev_signer
from chromatrace.ingest.spool import Spool
from chromatrace.plant import load_plant
from chromatrace.twin.follower import TwinFollower
from chromatrace.twin.plan import plan_of
from chromatrace.twin.store.database import TwinStore

GTIN = "09521234543213"
GLN, OTHER_GLN = (body + check_digit(body) for body in ("952123400000", "952123400001"))
REGISTRAR, ADMINISTRATOR, PRODUCER, GATEWAY, ALICE, BOB, COMPETITOR, OUTSIDER = range(8)

PLANT = f"""
schema = "chromatrace.plant/1"
name = "line"
title = "A line"
[[stations]]
id = "201"
name = "Sputtering"
[[products]]
gtin = "{GTIN}"
name = "Pane"
route = ["201"]
[[tags]]
name = "pressure"
station = "201"
low = 0
high = 10
limit_high = 3
[[tags]]
name = "power"
station = "201"
limit_high = 500
[[tags]]
name = "flow"
station = "201"
limit_high = 50
[[tags]]
name = "lot"
station = "201"
[[channels]]
name = "line-1"
[[sources]]
id = "opc"
protocol = "opcua"
channel = "line-1"
endpoint = "ENDPOINT"
[[machines]]
id = "sputter-1"
name = "Sputtering chamber"
station = "201"
tags = ["pressure", "power", "flow"]
batch_tag = "lot"
[twin]
gln = "{GLN}"
department = "Production"
[[proposals]]
id = "hold-high-pressure"
when = "alarm"
tag = "pressure"
action = "hold"
reason = "film may be porous"
[[proposals]]
id = "inspect-high-flow"
when = "alarm"
tag = "flow"
action = "inspect"
samples = 5
[[proposals]]
id = "lower-power"
when = "alarm"
tag = "power"
action = "set-point"
write = {{ source = "opc", node = "ns=2;s=speed", value = 400, low = 100, high = 450, confirm_s = 10 }}
"""
AUTOMATIC = "automatic = { count = 1, per_s = 3600 }"


def dev(account):
    """Return a development signer."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DevKeyWarning)
        return dev_signer(account, 31337)


class Workshop:
    """The data folder, plant file, spool and twin of one test, on a chain that tests share."""

    def __init__(self, node, manifest, folder, plant=PLANT, endpoint="opc.tcp://127.0.0.1:1"):
        self.node, self.manifest, self.folder = node, manifest, folder
        self.data = folder / "data"
        self.data.mkdir(mode=0o700, exist_ok=True)
        self.plant_file = folder / "plant.toml"
        self.plant_file.write_text(plant.replace("ENDPOINT", endpoint))
        self.plan = plan_of(load_plant(self.plant_file))

    def run(self, account, *arguments, status=0):
        """Run a command with a development account and return its JSON output."""
        options = ["--rpc-url", self.node.url, "--manifest", self.manifest, "--data", self.data]
        signer = [] if account is None else ["--dev-account", account]
        command = [*map(str, [*options, *signer, *arguments]), "--json"]
        before, sys.argv = sys.argv, ["chromatrace", *command]
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", DevKeyWarning)
                result = CliRunner().invoke(main, command)
        finally:
            sys.argv = before
        assert result.exit_code == status, result.output
        return json.loads(result.stdout)

    def appoint(self):
        """Register the plant's organisation and a competing one, their people, and the department."""
        roles = "admin,gateway,supervisor,producer"
        for gln, name in ((GLN, "Example Panes"), (OTHER_GLN, "Example Competitor")):
            self.run(REGISTRAR, "org", "register", gln, name, "--kind", "manufacturer", "--roles", roles)
        self.run(REGISTRAR, "org", "license", GLN, GTIN[1:13])
        people = {
            ADMINISTRATOR: "admin", PRODUCER: "producer", GATEWAY: "gateway", ALICE: "supervisor", BOB: "supervisor",
        }  # fmt: skip
        for account, role in people.items():
            self.run(REGISTRAR, "org", "appoint", dev(account).address, GLN, "--roles", role)
        self.run(REGISTRAR, "org", "appoint", dev(COMPETITOR).address, OTHER_GLN, "--roles", roles)
        self.run(ADMINISTRATOR, "--plant", self.plant_file, "record", "open")
        self.run(ADMINISTRATOR, "record", "member", "Production", dev(GATEWAY).address)

    def register(self, lot):
        """Register a batch and return its key."""
        key = BatchKey.parse(GTIN, lot)
        with self.chain(PRODUCER) as chain:
            chain.submit(register_batch(Registration(key, 10, b"\1" * 32)))
        return key

    @contextmanager
    def chain(self, account):
        """Open the chain with a signer and the outbox of the data folder."""
        with Outbox(self.data / "outbox.db") as outbox:
            yield Chain(self.node.rpc(), Manifest.load(self.manifest), outbox, dev(account))

    @contextmanager
    def store(self):
        """Open the twin's tables."""
        with closing(TwinStore(f"sqlite:///{self.data / 'twin.db'}")) as store:
            yield store

    def readings(self, *values):
        """Append readings (tag, second, value), and follow the log."""
        with Spool(self.data / "spool.db") as spool, self.store() as store:
            spool.append_fields("line-1", [reading(tag, second, value, source="opc") for tag, second, value in values])
            follower = TwinFollower(spool, store, self.plan)
            follower.start()
            while follower.poll():
                pass

    def proposals(self):
        """Return the proposals, the newest first."""
        return self.run(None, "twin", "proposals")["proposals"]
