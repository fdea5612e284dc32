"""The designed route in a proof bundle: checked offline against the stations' keys, and that the chain checked it."""

from __future__ import annotations

import random
from dataclasses import dataclass, replace

import pytest
from click.testing import CliRunner
from forging import MUTATIONS, failing, texts, without
from route_line import Line
from works import MAKER, Works

from chromatrace.chain.dev_node import DevNode
from chromatrace.chain.routes import designed_route
from chromatrace.cli import main
from chromatrace.config import Settings
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


def receipts_with(bundle, *names):
    """The cited receipts that have events of these names."""
    proven = ProvenHistory(bundle)
    proven.read_headers()
    proven.read_events()
    places = {event.transaction for event in proven.events if event.name in names}
    return [cited for cited in bundle.receipts if (cited.block, cited.index) in places]


def said(proof, **changes):
    """What the check of a bundle, changed so, says of the route: its line, and all below it."""
    result = verify(replace(proof.bundle, **changes), *proof.terms)
    assert result.failures == []
    found = [part for part in result.parts if "station" in part.text]
    assert len(found) == 1
    return found[0], texts(found[0].walk())


def test_what_the_stations_signed_is_checked_without_the_contract(prove):
    line, _ = said(prove("released"))
    assert (line.outcome, line.text.split(":")[0]) == (FindingStatus.HOLDS, "passed 3 stations in the designed order")
    assert [part.text.split(":")[0] for part in line.parts[1:]] == [
        "step 1, materials",
        "step 2, sputtering",
        "step 3, inspection",
    ]


def with_steps(proof, *order, **changes):
    steps = proof.bundle.route.steps
    return replace(proof.bundle.route, steps=tuple(steps[place] for place in order), **changes)


@pytest.mark.parametrize(
    ("order", "problem"),
    [
        ((1, 0, 2), "the aggregate is not the signatures of all stations on this chain"),
        ((0, 1), "2 steps are given, the design has 3"),
        ((0, 1, 1, 2), "4 steps are given, the design has 3"),
        ((0, 1, 1), "the aggregate is not the signatures of all stations on this chain"),
    ],
)
def test_steps_in_another_order_or_number_are_refused(prove, order, problem):
    proof = prove("released")
    assert problem in failing(proof, route=with_steps(proof, *order))[0]


def test_another_signature_or_record_is_refused(works, prove):
    proof = prove("released")
    route, first = proof.bundle.route, proof.bundle.route.steps[0]
    of_prefix = works.traces["released"].steps[1].state.aggregate.data
    for signature in (of_prefix, b"\xc0" + bytes(47), bytes(48)):
        assert len(failing(proof, route=replace(route, signature=signature))) == 1
    for change in ({"channel": b"\1" * 32}, {"digest": b"\1" * 32}, {"completed_at": 1}):
        steps = (replace(first, record=replace(first.record, **change)), *route.steps[1:])
        assert failing(proof, route=replace(route, steps=steps)) == [
            "route: the record of step 1 is not what the station signed"
        ]


def test_any_change_of_any_byte_of_the_route_is_caught(prove):
    """Places of the member in the file, each once; the rest of the bundle is read but once."""
    proof = prove("released")
    proven = ProvenHistory(proof.bundle)
    proven.read_headers()
    proven.read_events()
    data, dice = proof.bundle.to_bytes(), random.Random(2537)
    begin, end = data.index(b'  "route": {'), data.index(b'  "unit": ')
    assert check_route(proven).outcome is FindingStatus.HOLDS
    for place in dice.sample(range(begin, end), min(end - begin, MUTATIONS // 3)):
        digits = b"0123456789abcdef"
        alike = digits if data[place] in digits else bytes([data[place] ^ 1, data[place] ^ 0x20])
        other = dice.choice([one for one in alike if one != data[place]])
        try:
            proven.bundle = Bundle.from_bytes(data[:place] + bytes([other]) + data[place + 1 :])
            found = check_route(proven).failures
        except ChromaTraceError:
            continue
        assert found, (place, data[place], other)


@pytest.mark.parametrize("name", ["StationKeyRegistered", "RouteDesigned", "RouteProven"])
def test_events_that_are_kept_back_are_missed(prove, name):
    proof = prove("released")
    for kept_back in receipts_with(proof.bundle, name):
        found = failing(proof, receipts=without(proof.bundle.receipts, kept_back))
        assert len(found) == 1
        assert "is not in the bundle" in found[0] or "belongs to no event of this batch" in found[0]


def test_a_bundle_without_the_proof_says_so(prove):
    proof = prove("released")
    line, _ = said(
        proof, route=None, receipts=without(proof.bundle.receipts, *receipts_with(proof.bundle, "RouteProven"))
    )
    assert (line.status, line.text) == (
        FindingStatus.UNCHECKED,
        "whether it passed its stations in order: no event in the bundle says so",
    )
    line, lines = said(proof, route=None)
    assert line.status is FindingStatus.HOLDS
    assert "the stations' own signature is not in the bundle" in lines
    bare = replace(proof.bundle.route, steps=tuple(replace(step, record=None) for step in proof.bundle.route.steps))
    _, lines = said(proof, route=bare)
    assert lines.count("what it signed, beyond a hash, is not in the bundle") == 3


def test_signatures_of_a_route_that_the_batch_does_not_have_are_refused(prove):
    stray = prove("released").bundle.route
    assert failing(prove("held"), route=stray) == [
        "route: the batch has no designed route, the bundle has signatures of one"
    ]


def test_proofs_of_many_at_once_and_of_an_assembly(works, prove):
    """Two panes proven by one call go into a window, whose own proof names them."""
    design = works.line.design
    for name in ("pane-1", "pane-2"):
        works.register(name, route=design.route)
        works.sign(name, prove=False)
    panes = [works.traces[name] for name in ("pane-1", "pane-2")]
    works.send(MAKER, "RouteVerifier", "proveRoutes", design.route, *proofs_of(design, panes))
    assert "passed 3 stations" in said(prove("pane-2"))[0].text
    assert prove("pane-1").bundle.route.signature == panes[0].state.aggregate.data
    other = replace(prove("pane-2").bundle.route, signature=panes[0].state.aggregate.data)
    assert "the aggregate is not" in failing(prove("pane-2"), route=other)[0]

    line = Line.of(works.line.names, verifier=design.verifier, name="window", kind=RouteKind.ASSEMBLY)
    keys, processes = [one.key_id for one in line.design.stations], [one.process for one in line.design.stations]
    works.send(MAKER, "RouteVerifier", "designRoute", "window", RouteKind.ASSEMBLY, True, keys, processes)
    works.register("window", inputs=["pane-1", "pane-2"], route=line.design.route)
    works.sign("window", line=line, components=[Component(design.route, pane.subject) for pane in panes], prove=False)
    trace = works.traces["window"]
    arguments = (*proof_of(line.design, trace), components_of(trace))
    works.send(MAKER, "RouteVerifier", "proveAssembly", line.design.route, *arguments)
    _, lines = said(prove("window"))
    for pane in panes:
        assert f"it fixes the component 0x{pane.subject.hex()}, proven under route 0x{design.route.hex()}" in lines


def test_a_key_that_was_revoked_since_is_a_warning(works, prove):
    works.register("old-station", route=works.line.design.route)
    works.sign("old-station")
    key = works.line.design.stations[2].key_id
    works.send(MAKER, "RouteVerifier", "revokeStationKey", key, 4_102_444_800)
    result = verify(prove("old-station").bundle, *prove("old-station").terms)
    assert result.failures == []
    assert texts(result.warnings) == [
        "its key is revoked from 2100-01-01 00:00:00 UTC on; what was proven before stands"
    ]


def test_the_command_takes_the_records_from_a_trace(works, tmp_path):
    trace, other, bundle = (tmp_path / name for name in ("released.cbor", "other.cbor", "bundle.json"))
    trace.write_bytes(trace_to_cbor(works.traces["released"]))
    other.write_bytes(trace_to_cbor(replace(works.traces["released"], subject=bytes(31) + b"\1")))
    settings = works.outer.settings
    base = ("--rpc-url", settings.rpc_url, "--data", settings.data, "--manifest", works.manifest_path)
    arguments = ("batch", "prove", "09521234543213", "P-released", "-o", bundle, "--json", "--trace")
    done = CliRunner().invoke(main, [str(word) for word in (*base, *arguments, trace)])
    assert done.exit_code == 0, done.output
    assert all(step.record for step in Bundle.from_bytes(bundle.read_bytes()).route.steps)
    done = CliRunner().invoke(main, [str(word) for word in (*base, *arguments, other)])
    assert done.exit_code == 1
    assert done.output.startswith("refused trace: ")


class Unchecked(Works):
    """A chain that cannot check signatures of stations: keys and signatures are recorded there."""

    def send(self, account, contract, function, *args):
        recorded = {"registerStationKey": "recordStationKey", "proveRoute": "recordUnverified"}
        return super().send(account, contract, recorded.get(function, function), *args)

    def make(self):
        self._enrol()
        self._take_readings()
        self._design()
        self.register("recorded", route=self.line.design.route)
        self.sign("recorded")
        return self


@dataclass(frozen=True)
class Bundled:
    """A bundle of one chain, and what its reader trusts."""

    bundle: Bundle
    terms: tuple

    @classmethod
    def of(cls, works):
        bundle = works.bundle("recorded")
        contracts = {name: bytes.fromhex(entry.address[2:]) for name, entry in works.manifest.contracts.items()}
        return cls(bundle, ([decode_header(bundle.headers[-1]).hash], contracts, 31337))


@pytest.fixture(scope="module")
def before_and_after(deploy, tmp_path_factory):
    """Bundles from a chain of Shanghai's rules, which has no EIP-2537, and from the same one under Prague's."""
    folder = tmp_path_factory.mktemp("unchecked")
    node = DevNode("anvil", history=True, state_path=folder / "state.json", rules="shanghai")
    with node:
        manifest = deploy(node, folder, anew=True)
        works = Unchecked(Settings(rpc_url=node.url, data=folder / "data", manifest=manifest))
        before = Bundled.of(works.make())
        works.close()
    with DevNode("anvil", history=True, state_path=folder / "state.json") as node:
        later = Works(Settings(rpc_url=node.url, data=folder / "later", manifest=works.manifest_path))
        later.keys, later.traces, line = works.keys, works.traces, works.line
        for one in line.design.stations:
            words = key_words(one.key), signature_words(one.possession)
            receipt = later.send(MAKER, "RouteVerifier", "registerStationKey", one.process, *words)
            assert [event.name for event in receipt.events] == ["StationKeyVerified"]
        later.send(
            MAKER, "RouteVerifier", "proveRoute", line.design.route, *proof_of(line.design, later.traces["recorded"])
        )
        after = Bundled.of(later)
        assert all(step.verified for step in later.outer.index.route(line.design.route).steps)
        assert designed_route(later.outer.reader, line.design.route) == line.design
        later.close()
    return before, after


def test_what_the_chain_could_not_check_is_checked_here_and_said_to_be_unchecked_there(before_and_after):
    before, _ = before_and_after
    bundle, terms = before.bundle, before.terms
    result = verify(bundle, *terms)
    assert result.failures == []
    told = "the order of its stations is NOT CHECKED BY THE CHAIN: a signature stands there, unverified"
    assert [part.status for part in result.parts if part.text == told] == [FindingStatus.UNCHECKED]
    lines = texts(result.walk())
    assert "their one signature holds for all 3 keys, in this order: checked here" in lines
    assert not any("the contract checked it" in text for text in lines)
    steps = bundle.route.steps
    for route in (
        replace(bundle.route, steps=(steps[1], steps[0], steps[2])),
        replace(bundle.route, signature=b"\xc0" + bytes(47)),
    ):
        assert verify(replace(bundle, route=route), *terms).failures


def test_once_the_chain_can_check_keys_and_signature_they_are_proven(before_and_after):
    _, after = before_and_after
    line, lines = said(after)
    assert line.text.startswith("passed 3 stations in the designed order: the contract checked it, block")
    assert "their one signature holds for all 3 keys, in this order: checked here" in lines
    assert not any("NOT CHECKED" in text for text in lines)
