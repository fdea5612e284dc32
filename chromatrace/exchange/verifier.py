"""Verify a proof bundle against trusted block hashes, without any other input.

Each step follows from the one before:

    trusted block hash -> header -> receipts root -> receipt -> log of a contract -> event      (proven, blocks, trie)
    trusted block hash -> header -> state root -> the batch's slot: is it recalled *now*?       (blocks, trie, slot)
    all events of the batch, replayed -> the same slot: no event was withheld                   (slot)
    event BatchRegistered    -> SHA-256 of the batch's document, root of its serials -> the unit
    event InspectionRecorded -> SHA-256 of the evidence, the inspector's signature     (inspection_check)
    evidence                 -> SHA-256 and figures of the result files that the reader has  (result_check)
    event LogAnchored        -> Merkle root -> the readings that the evidence names    (reading_check)
    event RouteProven        -> the stations' keys, one signature: in the designed order  (route_check)

Verification needs no server, network, database or clock. `docs/proof-bundle.md` gives a reading order of these files.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from chromatrace.documents.content import BatchContent, digest
from chromatrace.domain.errors import ChromaTraceError, IntegrityError
from chromatrace.domain.rights import BatchState, holds_of
from chromatrace.domain.stored_batch import StoredBatch
from chromatrace.exchange.blocks import BlockHeader, verify_storage
from chromatrace.exchange.bundle import Bundle
from chromatrace.exchange.events import ProvenEvent
from chromatrace.exchange.findings import FindingStatus, VerificationFinding, fails, holds, unchecked, warning
from chromatrace.exchange.inspection_check import check_inspections
from chromatrace.exchange.proven import ProvenHistory
from chromatrace.exchange.reading_check import check_readings
from chromatrace.exchange.relation_check import check_licence
from chromatrace.exchange.result_check import check_given
from chromatrace.exchange.route_check import check_route
from chromatrace.exchange.slot import replay, storage_slot, unpack
from chromatrace.exchange.units import serial_root, verify_unit


def verify(
    bundle: Bundle,
    trusted: Sequence[bytes] = (),
    contracts: dict[str, bytes] | None = None,
    chain_id: int | None = None,
    node: NodeView | None = None,
    files: Mapping[str, bytes] | None = None,
) -> VerificationFinding:
    """Return all findings about `bundle` as a tree.

    The result FAILS if any part fails. It is UNCHECKED if a block or contract is not trusted, the state is missing, or
    the batch has changed on the trusted node since. Otherwise it HOLDS.

    trusted    block hashes (32 bytes each) that the reader trusts, from a node or another source
    contracts  addresses of the deployment that the reader trusts, by contract name
    chain_id   expected chain
    node       what a node that the reader trusts returned, if one was asked
    files      content of the result files that the reader has, by name
    """
    return _Verification(bundle, trusted, contracts, chain_id, node, files or {}).run()


@dataclass(frozen=True, slots=True)
class NodeView:
    """Data from a trusted node: 32-byte block hashes by block number, and the batch's slot in block `number`."""

    number: int
    hashes: Mapping[int, bytes]
    slot: int


class _Verification:
    def __init__(
        self,
        bundle: Bundle,
        trusted: Sequence[bytes],
        contracts: dict[str, bytes] | None,
        chain_id: int | None,
        node: NodeView | None,
        files: Mapping[str, bytes],
    ) -> None:
        self.bundle = bundle
        self.proven = ProvenHistory(bundle)
        self.trusted = set(trusted) | (set(node.hashes.values()) if node is not None else set())
        self.trusted_contracts = contracts
        self.expected_chain = chain_id
        self.node = node
        self.files = {digest(content): (name, content) for name, content in files.items()}

    def run(self) -> VerificationFinding:
        subject = f"{self.bundle.key}" + (f"(21){self.bundle.serial}" if self.bundle.serial else "")
        result = holds(f"proof bundle of {subject} on chain {self.bundle.chain_id}")
        foundations = (self._deployment, self._blocks, self._receipts, self._state)
        claims = (
            self._registration, self._unit, self._inspections,
            lambda: check_readings(self.proven), lambda: check_route(self.proven), self._life, self._unused_parts,
        )  # fmt: skip
        for section in (*foundations, *claims):
            try:
                result.parts.append(section())
            except ChromaTraceError as error:
                result.parts.append(fails(str(error)))
        if result.failures:
            result.status = FindingStatus.FAILS
        elif any(part.status is FindingStatus.UNCHECKED for part in result.parts[: len(foundations)]):
            result.status = FindingStatus.UNCHECKED
        return result

    def _deployment(self) -> VerificationFinding:
        if self.expected_chain is not None and self.expected_chain != self.bundle.chain_id:
            raise IntegrityError(f"the bundle is for chain {self.bundle.chain_id}, expected {self.expected_chain}")
        if self.trusted_contracts is None:
            return unchecked("the contract addresses were not checked; give a manifest of the deployment")
        finding = holds("the contracts are those of the trusted deployment")
        for name, address in self.bundle.contracts.items():
            if self.trusted_contracts.get(name) != address:
                finding.parts.append(fails(f"{name} is not at 0x{address.hex()} in the trusted deployment"))
        return finding

    def _blocks(self) -> VerificationFinding:
        self.proven.read_headers()
        headers, newest = self.proven.headers, self.proven.newest
        if not self.trusted:
            text = f"no trusted block hash: compare 0x{newest.hash.hex()} with the hash of block {newest.number}"
            return unchecked(f"{text} from a node that you trust")
        reached = set(self.trusted)
        untrusted = []
        for header in sorted(headers.values(), key=lambda header: -header.number):
            if header.hash in reached:
                reached.add(header.parent)
            else:
                untrusted.append(header)
        finding = holds(f"{len(headers) - len(untrusted)} blocks lead to a trusted block hash")
        unmatched = self.trusted - {header.hash for header in headers.values()}
        for run in _runs(untrusted):
            last = run[-1]
            text = f"blocks {run[0].number} to {last.number} do not lead to a trusted block hash"
            if last.number in self._node_hashes:
                finding.parts.append(fails(f"{text}: block {last.number} of the node has another hash"))
            elif last.number == newest.number and unmatched:
                finding.parts.append(fails(f"{text}; the hash of the newest is 0x{last.hash.hex()}"))
            else:
                finding.status = FindingStatus.UNCHECKED
                text = f"{text}: compare 0x{last.hash.hex()} with the hash of block {last.number} from a node"
                finding.parts.append(unchecked(f"{text} that you trust, and give it as a further block hash"))
        finding.parts += [
            unchecked(f"no block of the bundle has the hash 0x{block_hash.hex()}") for block_hash in unmatched
        ]
        return finding

    @property
    def _node_hashes(self) -> Mapping[int, bytes]:
        return self.node.hashes if self.node is not None else {}

    def _receipts(self) -> VerificationFinding:
        self.proven.read_events()
        transactions, events = len(self.bundle.receipts), len(self.proven.events)
        return holds(f"{transactions} transactions with {events} events are in these blocks")

    def _state(self) -> VerificationFinding:
        cited, proven = self.bundle.state, self.proven
        if cited is None:
            text = "no proof of the batch's state: it may be recalled or on hold NOW, and events may be missing"
            return unchecked(text)
        header = proven.header(cited.block)
        if header.number != proven.newest.number:
            raise IntegrityError(
                f"the state is as of block {cited.block}, but the newest block of the bundle is {proven.newest.number}",
                field="state",
                hint="events between the two blocks would go unnoticed",
            )
        slot = storage_slot(self.bundle.key)
        registry = self.bundle.contracts["BatchRegistry"]
        packed = verify_storage(header.state_root, registry, slot, cited.account, cited.storage)
        if not packed:
            raise IntegrityError("the batch is not registered", field="state")
        stored = unpack(packed)
        finding = holds(f"as of {proven.when(cited.block)} the batch is {stored.state.name.lower()}")
        finding.parts = [*_flags(stored), self._completeness(stored)]
        finding.parts.append(holds(f"held by {proven.organisation(stored.custodian)}"))
        if self.node is not None and self.node.number > cited.block:
            self._compare_with_node(stored, self.node, finding)
        return finding

    def _compare_with_node(self, stored: StoredBatch, node: NodeView, finding: VerificationFinding) -> None:
        """Compare the state in the bundle with the state in a newer block of the trusted node."""
        if not node.slot:
            finding.parts.append(fails(f"in block {node.number} of the node, the batch is not registered"))
            return
        current = unpack(node.slot)
        changes = stored.differences(current)
        if not changes:
            finding.parts.append(holds(f"unchanged in block {node.number} of the node"))
            return
        finding.status = FindingStatus.UNCHECKED
        known = set(_adverse(stored))
        finding.parts += [
            warning(f"in block {node.number} of the node, {text}") for text in _adverse(current) if text not in known
        ]
        names = ", ".join(name.replace("_", " ") for name in changes)
        text = f"the batch has changed since the bundle was written, as of block {node.number} of the node ({names})"
        finding.parts.append(unchecked(f"{text}; get a newer bundle"))

    def _completeness(self, stored: StoredBatch) -> VerificationFinding:
        differing = replay(self.proven.of_batch()).differences(stored)
        if differing:
            names = ", ".join(name.replace("_", " ") for name in differing)
            return fails(f"the events in the bundle do not lead to this state (different: {names})")
        return holds("the events in the bundle lead to exactly this state")

    def _registration(self) -> VerificationFinding:
        proven, registered = self.proven, self.proven.registered()
        args = registered.args
        if args["lot"] != self.bundle.key.lot.value or args["gtin"] != int(self.bundle.key.gtin):
            raise IntegrityError("the registration event names another GTIN or lot", field="subject")
        producer = proven.organisation(args["producer"])
        text = f"registered by {producer}: {args['quantity']} units, {proven.when(registered.block)}"
        finding = holds(text, [self._content(registered), check_licence(proven, registered)])
        for number, used in enumerate(args["inputs"], 1):
            batch, quantity = used["batch"], used["quantity"]
            source = next((event for event in proven.of("BatchRegistered") if event.args["batch"] == batch), None)
            if source is not None:
                text = f"made of {quantity} units of (01){source.args['gtin']:014d}(10){source.args['lot']}"
                finding.parts.append(holds(text))
            else:
                text = f"input {number}, {quantity} units of batch 0x{batch.hex()}"
                finding.parts.append(unchecked(f"{text}: its registration is not in the bundle"))
        return finding

    def _content(self, registered: ProvenEvent) -> VerificationFinding:
        args = registered.args
        document = self.proven.document(args["contentDigest"])
        if document is None:
            return unchecked(f"the batch's document (SHA-256 0x{args['contentDigest'].hex()}) is not in the bundle")
        content = BatchContent.from_bytes(document)
        if content.key != self.bundle.key or content.quantity != args["quantity"]:
            raise IntegrityError("the batch's document is about another batch or quantity", field="documents")
        if (bytes(32) if content.serials is None else serial_root(content.serials)) != args["serialRoot"]:
            raise IntegrityError("the document's serials do not match the registered serial root", field="documents")
        return holds(f"the batch's document is the registered one: {content.product.name}")

    def _unit(self) -> VerificationFinding:
        serial, proof = self.bundle.serial, self.bundle.unit
        if serial is None and proof is None:
            return holds("the bundle is about the whole batch, not a single unit")
        if serial is None or proof is None:
            raise IntegrityError("a bundle of a unit must contain both a serial and its proof", field="unit")
        args = self.proven.registered().args
        verify_unit(args["serialRoot"], proof, units=args["quantity"], serial=serial)
        return holds(f"unit {serial} is number {proof.index + 1} of the batch's {proof.size} serials")

    def _inspections(self) -> VerificationFinding:
        contents = {sha256: content for sha256, (_, content) in self.files.items()}
        finding = check_inspections(self.proven, contents)
        if self.files:
            finding.parts.append(check_given(self.proven, self.files))
        return finding

    def _life(self) -> VerificationFinding:
        events = self.proven.of_batch()
        return holds(
            f"{len(events)} events of the batch, in order",
            [_life_event(event, events, self.proven) for event in events],
        )

    def _unused_parts(self) -> VerificationFinding:
        """Reject documents and signatures that belong to no event, because a reader could take them as proven."""
        registered, inspections = self.proven.registered(), self.proven.inspections()
        digests = {registered.args["contentDigest"]} | {event.args["evidence"] for event in inspections}
        inputs = {used["batch"] for used in registered.args["inputs"]}
        for event in self.proven.of("BatchRegistered"):
            if event.args["batch"] in inputs:
                digests.add(event.args["contentDigest"])
        parts = [
            fails(f"document {number} belongs to no event of this batch")
            for number, document in enumerate(self.bundle.documents, 1)
            if digest(document.encode("utf-8")) not in digests
        ]
        recorded = {(event.args["stage"], event.args["revision"]) for event in inspections}
        parts += [
            fails(f"signature {number} belongs to no inspection of this batch")
            for number, cited in enumerate(self.bundle.inspections, 1)
            if (cited.stage, cited.revision) not in recorded
        ]
        return holds("every document and signature in the bundle belongs to an event", parts)


def _flags(stored: StoredBatch) -> list[VerificationFinding]:
    return [warning(text) for text in _adverse(stored)] or [holds("not recalled, not on hold")]


def _adverse(stored: StoredBatch) -> list[str]:
    """Return why the batch must not be used or sold, if so."""
    texts = []
    if stored.recalled:
        texts.append("this batch is RECALLED: do not use or sell it")
    for kind in sorted(holds_of(stored.holds)):
        texts.append(f"this batch is ON HOLD ({kind.name.lower().replace('_', ' ')})")
    if stored.state in (BatchState.STOPPED, BatchState.RECYCLED, BatchState.SCRAPPED):
        texts.append(f"this batch is {stored.state.name}: its units are not for sale")
    return texts


def _life_event(event: ProvenEvent, events: list[ProvenEvent], proven: ProvenHistory) -> VerificationFinding:
    reason = event.args.get("reason")
    text = f"{proven.when(event.block)}: {event.name}" + (f" ({reason})" if reason else "")
    released = any(
        (other.name, other.args.get("kind")) == ("BatchHoldReleased", event.args.get("kind"))
        and other.position > event.position
        for other in events
    )
    adverse = event.name == "BatchRecalled" or (event.name == "BatchHeld" and not released)
    return warning(text) if adverse else holds(text)


def _runs(headers: list[BlockHeader]) -> list[list[BlockHeader]]:
    """Group headers into runs of consecutive blocks, by ascending number."""
    ascending = sorted(headers, key=lambda header: header.number)
    runs = [ascending[:1]] if ascending else []
    for previous, header in pairwise(ascending):
        if header.number == previous.number + 1:
            runs[-1].append(header)
        else:
            runs.append([header])
    return runs
