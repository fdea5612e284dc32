"""A small consortium on the real contracts, with batches in all states that a proof bundle must distinguish."""

from __future__ import annotations

import time
import warnings
from datetime import UTC, datetime

from relations import accredit, own_items
from route_line import Line, secret

from chromatrace.chain import calls, reads
from chromatrace.crypto.route import RouteKind, begin, key_words, proof_of, sign_record, signature_words
from chromatrace.crypto.step import Verifier
from chromatrace.documents.content import (
    BatchContent,
    InspectionEvidence,
    Instrument,
    Measurement,
    ProductDescription,
    ReadingWindow,
)
from chromatrace.domain.genealogy import Input
from chromatrace.domain.identifiers import BatchKey, Gln, Serial
from chromatrace.domain.reading import Reading
from chromatrace.domain.rights import OrganisationKind, Role, SalesChannel, Stage, Verdict
from chromatrace.domain.serials import SerialRange
from chromatrace.ethereum.signer import DevKeyWarning, dev_signer
from chromatrace.exchange.units import serial_root
from chromatrace.index import Follower
from chromatrace.services.bundle import build_bundle
from chromatrace.services.inspections import sign
from chromatrace.services.workspace import Workspace

NO_EXPIRY = 2**64 - 1
CHANNEL = "coater 1"
GTIN = "09521234543213"
ALL_ROLES = int(sum(Role))
REGISTRAR, MAKER, INSPECTOR, SHOP = 0, 6, 7, 8
MEMBERS = {
    MAKER: ("Example Glass", OrganisationKind.MANUFACTURER, Gln("9521234500001")),
    INSPECTOR: ("Example Laboratory", OrganisationKind.LABORATORY, Gln("9521234510000")),
    SHOP: ("Example Shop", OrganisationKind.FRANCHISEE, Gln("9521234520009")),
}
FORGED_LINE = "cracks\n\x1b[2K✓ not recalled, not on hold"


class Works:
    """The consortium. `make` creates its batches, `bundle(name)` proves one of them."""

    def __init__(self, settings):
        self.workspace = Workspace(settings)
        self.manifest_path = settings.manifest
        self.manifest = self.workspace.manifest
        self._acting = {}
        self.keys = {}
        self.numbers = {}
        self.traces = {}

    def close(self):
        self.workspace.__exit__()

    def acting(self, account):
        if account not in self._acting:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", DevKeyWarning)
                signer = dev_signer(account, self.workspace.chain_id)
            self._acting[account] = self.workspace.acting_as(signer)
        return self._acting[account]

    def send(self, account, call):
        return self.acting(account).chain.submit(call)

    def bundle(self, name, serial=None):
        Follower(self.workspace.index, self.workspace.rpc, self.manifest).sync()
        return build_bundle(self.workspace, self.keys[name], Serial(serial) if serial else None, self.traces.get(name))

    # -- setup

    def make(self):
        """Create the batches `released` (with a route), `recalled`, `superseded`, `held`, `failed` and `fresh`."""
        self._enrol()
        self._store_readings()
        self._design()
        self.register("released", inputs=["fresh"] if self.register("fresh") else [], route=self.line.design.route)
        self.sign("released")
        self._release("released")
        self._hand_over("released")
        self.register("recalled")
        self._release("recalled")
        self.send(MAKER, calls.recall(self.keys["recalled"].batch_id, FORGED_LINE))
        self.register("superseded")
        self.inspect("superseded", Stage.FIRST, Verdict.FAIL)
        self.inspect("superseded", Stage.FIRST, Verdict.PASS)
        self.register("held")
        self.send(MAKER, calls.hold(self.keys["held"].batch_id, "colour"))
        self.register("failed")
        self.inspect("failed", Stage.FIRST, Verdict.FAIL)
        return self

    def _enrol(self):
        for account, (name, kind, gln) in MEMBERS.items():
            receipt = self.send(REGISTRAR, calls.register_organisation(kind, gln, ALL_ROLES, name))
            self.numbers[account] = receipt.event("OrganisationRegistered").args["organisation"]
            address = self.acting(account).signer.address
            self.send(REGISTRAR, calls.appoint_operator(address, self.numbers[account], ALL_ROLES))
        own_items(self.acting(REGISTRAR).chain, self.numbers[MAKER], [GTIN])
        accredit(self.acting(MAKER).chain.submit, self.numbers[INSPECTOR])

    def _store_readings(self):
        start = 1_750_000_000_000_000_000
        readings = [
            Reading("coater", "target power", start + n * 10**9, start + n * 10**9, 300.0 + n / 8, "W", sequence=n)
            for n in range(40)
        ]
        self.workspace.spool.append(CHANNEL, readings)
        anchorer = self.acting(MAKER).anchorer()
        anchorer.extend(CHANNEL)
        head = anchorer.anchor(CHANNEL)
        self.window = ReadingWindow(
            CHANNEL,
            MEMBERS[MAKER][2],
            5,
            24,
            head.size,
            head.root,
            readings[5].source_time_ns,
            readings[24].source_time_ns,
        )

    def _design(self):
        verifier = Verifier(self.manifest.chain_id, self.manifest.address("RouteVerifier"))
        self.line = Line.of(("materials", "sputtering", "inspection"), verifier=verifier)
        stations = self.line.design.stations
        for station in stations:
            words = key_words(station.key), signature_words(station.possession)
            self.send(MAKER, calls.register_station_key(station.process, *words))
        keys, processes = [station.key_id for station in stations], [station.process for station in stations]
        self.send(MAKER, calls.design_route("pane", RouteKind.PROCESSING, True, keys, processes))

    def sign(self, name, *, line=None, components=(), prove=True):
        """Sign as each station; the second step refers to the anchored log of readings."""
        line, subject = line or self.line, bytes(self.keys[name].batch_id)
        owner = self.numbers[MAKER]
        channel = self.workspace.reader.read(reads.channel_id(owner, CHANNEL))
        trace = begin(line.design, subject, components)
        for step, station in enumerate(line.names, 1):
            with_log = {"channel": channel, "log_size": self.window.tree_size, "digest": self.window.root}
            without_log = {"channel": bytes(32), "log_size": 0}
            record = line.record(subject, step, **(with_log if station == "sputtering" else without_log))
            trace = sign_record(line.design, trace, record, secret(station))
        self.traces[name] = trace
        if prove:
            self.send(MAKER, calls.prove_route(line.design.route, *proof_of(line.design, trace)))

    def register(self, name, inputs=(), route=bytes(32)):
        key = self.keys[name] = BatchKey.parse(GTIN, f"P-{name}"[:20])
        serials = SerialRange(1, 20, 6)
        content = BatchContent(key.gtin, key.lot, ProductDescription("pane"), 20, "2026-03-31T10:00:00Z", serials)
        digest = self.workspace.documents.put(content.to_bytes())
        used = tuple(Input(self.keys[source].batch_id, 3) for source in inputs)
        return self.send(
            MAKER, calls.register_batch(calls.Registration(key, 20, digest, serial_root(serials), route, used))
        )

    def inspect(self, name, stage, verdict, measured=None):
        key = self.keys[name]
        passes = verdict is Verdict.PASS
        value = measured if measured is not None else 52.0 if passes else 31.0
        evidence = InspectionEvidence(
            key.gtin,
            key.lot,
            stage,
            datetime.fromtimestamp(int(time.time()) - 60, UTC).isoformat(),
            Instrument("Spectrophotometer", "SP-07", "2026-05-18"),
            (Serial("000007"),),
            (Measurement("optical modulation", value, "%", 40.0, ">=", value >= 40.0),),
            self.window,
        )
        signed, signature = sign(self.acting(INSPECTOR), evidence, verdict, 1, 0 if passes else 1)
        return self.send(SHOP, calls.record_inspection(signed, signature))

    def _release(self, name):
        batch = self.keys[name].batch_id
        self.inspect(name, Stage.FIRST, Verdict.PASS)
        self.send(MAKER, calls.assemble(batch))
        self.inspect(name, Stage.FINAL, Verdict.PASS)
        self.send(MAKER, calls.grade(batch, 19, 0, 1))
        self.send(MAKER, calls.release(batch, SalesChannel.STANDARD))

    def _hand_over(self, name):
        batch = self.keys[name].batch_id
        self.send(MAKER, calls.offer_custody(batch, self.numbers[SHOP], NO_EXPIRY))
        self.send(SHOP, calls.accept_custody(batch))
