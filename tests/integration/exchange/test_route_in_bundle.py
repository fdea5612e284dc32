"""Test the designed route in a proof bundle: checked offline against the stations' keys, and verified by the chain."""

from __future__ import annotations

import dataclasses
import random
from dataclasses import dataclass

import pytest
from click.testing import CliRunner
from forging import MUTATIONS, failing, texts, without
from msgspec.structs import replace
from querying import query
from route_line import Line
from works import MAKER, Works

from chromatrace.chain import calls
from chromatrace.chain.dev_node import DevNode
from chromatrace.chain.routes import designed_route
from chromatrace.cli import main
from chromatrace.crypto.route import (
    Component,
    RouteKind,
    components_of,
    key_words,
    proof_of,
    proofs_of,
    signature_words,
)
from chromatrace.crypto.route.files import trace_to_cbor
from chromatrace.domain.errors import ChromaTraceError
from chromatrace.exchange.blocks import decode_header
from chromatrace.exchange.bundle import Bundle
from chromatrace.exchange.findings import FindingStatus
from chromatrace.exchange.proven import ProvenHistory
from chromatrace.exchange.route_check import check_route
from chromatrace.exchange.verifier import verify
from chromatrace.settings import Settings


def receipts_with(bundle, *names):
    """Return the cited receipts with events of these names."""
    proven = ProvenHistory(bundle)
    proven.read_headers()
    proven.read_events()
    transactions = {event.transaction for event in proven.events if event.name in names}
    return [cited for cited in bundle.receipts if (cited.block, cited.index) in transactions]


def route_findings(proof, **changes):
    """Return the finding about the route of a changed bundle, and the texts of all findings below it."""
    result = verify(replace(proof.bundle, **changes), *proof.terms)
    assert result.failures == []
    (finding,) = [part for part in result.parts if "station" in part.text]
    return finding, texts(finding.walk())


def test_station_signatures_are_verified_offline(prove):
    line, _ = route_findings(prove("released"))
    assert (line.outcome, line.text.split(":")[0]) == (FindingStatus.HOLDS, "passed 3 stations in the designed order")
    assert [part.text.split(":")[0] for part in line.parts[1:]] == [
        "step 1, materials",
        "step 2, sputtering",
        "step 3, inspection",
    ]


def with_steps(proof, *order, **changes):
    steps = proof.bundle.route.steps
    return replace(proof.bundle.route, steps=tuple(steps[index] for index in order), **changes)


@pytest.mark.parametrize(
    ("order", "problem"),
    [
        ((1, 0, 2), "the aggregate is not the product of all stations' signatures on this chain"),
        ((0, 1), "expected 3 steps, as in the design, got 2"),
        ((0, 1, 1, 2), "expected 3 steps, as in the design, got 4"),
        ((0, 1, 1), "the aggregate is not the product of all stations' signatures on this chain"),
    ],
)
def test_reordered_or_missing_steps_are_rejected(prove, order, problem):
    proof = prove("released")
    assert problem in failing(proof, route=with_steps(proof, *order))[0]


def test_other_signature_or_record_is_rejected(works, prove):
    proof = prove("released")
    route, first = proof.bundle.route, proof.bundle.route.steps[0]
    of_prefix = works.traces["released"].steps[1].state.aggregate.data
    for signature in (of_prefix, b"\xc0" + bytes(47), bytes(48)):
        assert len(failing(proof, route=replace(route, signature=signature))) == 1
    for change in ({"channel": b"\1" * 32}, {"digest": b"\1" * 32}, {"completed_at": 1}):
        steps = (replace(first, record=replace(first.record, **change)), *route.steps[1:])
        assert failing(proof, route=replace(route, steps=steps)) == [
            "route: the record of step 1 differs from what the station signed"
        ]


def test_changed_byte_of_the_route_is_rejected(prove):
    """Change bytes of the route only; the rest of the bundle is verified once."""
    proof = prove("released")
    proven = ProvenHistory(proof.bundle)
    proven.read_headers()
    proven.read_events()
    data, rng = proof.bundle.to_bytes(), random.Random(2537)
    begin, end = data.index(b'  "route": {'), data.index(b'  "unit": ')
    assert check_route(proven).outcome is FindingStatus.HOLDS
    for index in rng.sample(range(begin, end), min(end - begin, MUTATIONS // 3)):
        digits = b"0123456789abcdef"
        similar = digits if data[index] in digits else bytes([data[index] ^ 1, data[index] ^ 0x20])
        other = rng.choice([byte for byte in similar if byte != data[index]])
        try:
            proven.bundle = Bundle.from_bytes(data[:index] + bytes([other]) + data[index + 1 :])
            failures = check_route(proven).failures
        except ChromaTraceError:
            continue
        assert failures, (index, data[index], other)


@pytest.mark.parametrize("name", ["StationKeyRegistered", "RouteDesigned", "RouteProven"])
def test_withheld_route_events_are_detected(prove, name):
    proof = prove("released")
    for withheld in receipts_with(proof.bundle, name):
        failures = failing(proof, receipts=without(proof.bundle.receipts, withheld))
        assert len(failures) == 1
        assert "is not in the bundle" in failures[0] or "does not belong to an event of this batch" in failures[0]


def test_bundle_without_route_proof_is_reported(prove):
    proof = prove("released")
    line, _ = route_findings(
        proof, route=None, receipts=without(proof.bundle.receipts, *receipts_with(proof.bundle, "RouteProven"))
    )
    assert (line.status, line.text) == (
        FindingStatus.UNCHECKED,
        "no event in the bundle shows that the batch passed its stations in order",
    )
    line, lines = route_findings(proof, route=None)
    assert line.status is FindingStatus.HOLDS
    assert "the stations' signature is not in the bundle" in lines
    bare = replace(proof.bundle.route, steps=tuple(replace(step, record=None) for step in proof.bundle.route.steps))
    _, lines = route_findings(proof, route=bare)
    assert lines.count("the signed step record is not in the bundle") == 3


def test_signatures_of_an_undesigned_route_are_rejected(prove):
    stray = prove("released").bundle.route
    assert failing(prove("held"), route=stray) == [
        "route: the bundle has route signatures, but the batch has no designed route"
    ]


def test_batched_proofs_and_assembly_proof(works, prove):
    """Two panes proven by one call go into a window, whose own proof names them."""
    design = works.line.design
    for name in ("pane-1", "pane-2"):
        works.register(name, route=design.route)
        works.sign(name, prove=False)
    panes = [works.traces[name] for name in ("pane-1", "pane-2")]
    works.send(MAKER, calls.prove_routes(design.route, *proofs_of(design, panes)))
    assert "passed 3 stations" in route_findings(prove("pane-2"))[0].text
    assert prove("pane-1").bundle.route.signature == panes[0].state.aggregate.data
    other = replace(prove("pane-2").bundle.route, signature=panes[0].state.aggregate.data)
    assert "the aggregate is not" in failing(prove("pane-2"), route=other)[0]

    line = Line.of(works.line.names, verifier=design.verifier, name="window", kind=RouteKind.ASSEMBLY)
    keys, processes = (
        [station.key_id for station in line.design.stations],
        [station.process for station in line.design.stations],
    )
    works.send(MAKER, calls.design_route("window", RouteKind.ASSEMBLY, True, keys, processes))
    works.register("window", inputs=["pane-1", "pane-2"], route=line.design.route)
    works.sign("window", line=line, components=[Component(design.route, pane.subject) for pane in panes], prove=False)
    trace = works.traces["window"]
    arguments = (*proof_of(line.design, trace), components_of(trace))
    works.send(MAKER, calls.prove_assembly(line.design.route, *arguments))
    _, lines = route_findings(prove("window"))
    for pane in panes:
        assert f"it binds component 0x{pane.subject.hex()}, proven under route 0x{design.route.hex()}" in lines


def test_later_revoked_key_is_a_warning(works, prove):
    works.register("old-station", route=works.line.design.route)
    works.sign("old-station")
    key = works.line.design.stations[2].key_id
    works.send(MAKER, calls.revoke_station_key(key, 4_102_444_800))
    result = verify(prove("old-station").bundle, *prove("old-station").terms)
    assert result.failures == []
    assert texts(result.warnings) == ["its key is revoked as of 2100-01-01 00:00:00 UTC; earlier proofs remain valid"]


def test_command_reads_the_records_from_a_trace(works, tmp_path):
    trace, other, bundle = (tmp_path / name for name in ("released.cbor", "other.cbor", "bundle.json"))
    trace.write_bytes(trace_to_cbor(works.traces["released"]))
    other.write_bytes(trace_to_cbor(dataclasses.replace(works.traces["released"], subject=bytes(31) + b"\1")))
    settings = works.workspace.settings
    base = ("--rpc-url", settings.rpc_url, "--data", settings.data, "--manifest", works.manifest_path)
    arguments = ("batch", "prove", "09521234543213", "P-released", "-o", bundle, "--json", "--trace")
    completed = CliRunner().invoke(main, [str(argument) for argument in (*base, *arguments, trace)])
    assert completed.exit_code == 0, completed.output
    assert all(step.record for step in Bundle.from_bytes(bundle.read_bytes()).route.steps)
    completed = CliRunner().invoke(main, [str(argument) for argument in (*base, *arguments, other)])
    assert completed.exit_code == 1
    assert completed.output.startswith("error: trace: ")


class UnverifiedWorks(Works):
    """A consortium on a chain that only records the keys and signatures of stations, without verifying them."""

    def send(self, account, call):
        recorded = {"registerStationKey": "recordStationKey", "proveRoute": "recordUnverified"}
        return super().send(account, dataclasses.replace(call, function=recorded.get(call.function, call.function)))

    def make(self):
        self._enrol()
        self._store_readings()
        self._design()
        self.register("recorded", route=self.line.design.route)
        self.sign("recorded")
        return self


@dataclass(frozen=True)
class Bundled:
    """A bundle, and what its reader trusts."""

    bundle: Bundle
    terms: tuple

    @classmethod
    def of(cls, works):
        bundle = works.bundle("recorded")
        contracts = {name: bytes.fromhex(entry.address[2:]) for name, entry in works.manifest.contracts.items()}
        return cls(bundle, ([decode_header(bundle.headers[-1]).hash], contracts, 31337))


@pytest.fixture(scope="module")
def before_and_after(deploy, tmp_path_factory):
    """Return bundles from a chain with the Shanghai rules (no EIP-2537), and from it with the Prague rules."""
    folder = tmp_path_factory.mktemp("unchecked")
    node = DevNode(history=True, state_path=folder / "state.json", rules="cancun")
    with node:
        manifest = deploy(node, folder, redeploy=True)
        works = UnverifiedWorks(Settings(rpc_url=node.url, data=folder / "data", manifest=manifest))
        before = Bundled.of(works.make())
        works.close()
    with DevNode(history=True, state_path=folder / "state.json") as node:
        later = Works(Settings(rpc_url=node.url, data=folder / "later", manifest=works.manifest_path))
        later.keys, later.traces, line = works.keys, works.traces, works.line
        for station in line.design.stations:
            words = key_words(station.key), signature_words(station.possession)
            receipt = later.send(MAKER, calls.register_station_key(station.process, *words))
            assert [event.name for event in receipt.events] == ["StationKeyVerified"]
        proof, messages = proof_of(line.design, later.traces["recorded"])
        later.send(MAKER, calls.prove_route(line.design.route, proof, messages))
        after = Bundled.of(later)
        assert all(step.verified for step in query(later.workspace.index).route(line.design.route).steps)
        assert designed_route(later.workspace.reader, line.design.route) == line.design
        later.close()
    return before, after


def test_route_unverified_by_the_chain_is_verified_offline(before_and_after):
    before, _ = before_and_after
    bundle, terms = before.bundle, before.terms
    result = verify(bundle, *terms)
    assert result.failures == []
    text = "the order of the stations is NOT VERIFIED BY THE CHAIN; it records the signature only"
    assert [part.status for part in result.parts if part.text == text] == [FindingStatus.UNCHECKED]
    lines = texts(result.walk())
    assert "the aggregate signature is valid for all 3 keys in this order" in lines
    assert not any("verified by the contract" in text for text in lines)
    steps = bundle.route.steps
    for route in (
        replace(bundle.route, steps=(steps[1], steps[0], steps[2])),
        replace(bundle.route, signature=b"\xc0" + bytes(47)),
    ):
        assert verify(replace(bundle, route=route), *terms).failures


def test_route_is_proven_once_the_chain_verifies_it(before_and_after):
    _, after = before_and_after
    line, lines = route_findings(after)
    assert line.text.startswith("passed 3 stations in the designed order: verified by the contract, block")
    assert "the aggregate signature is valid for all 3 keys in this order" in lines
    assert not any("NOT VERIFIED" in text for text in lines)
